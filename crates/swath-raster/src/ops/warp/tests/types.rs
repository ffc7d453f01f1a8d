//! What type a warp computes into, and how it says that a pixel has no value.

use swath_core::Error;

use super::*;
use crate::{Band, BandColour};

fn row(data_type: DataType, values: [f64; 4]) -> Arc<dyn Raster> {
    let grid = Held::grid(Shape::new(1, 4), 1, data_type, Affine::north_up(0.0, 0.0, 1.0, 1.0), None);
    Held::with(grid, values.map(Scalar::Float).into())
}

fn in_type(input: &Arc<dyn Raster>, to: Affine, resampling: Resampling, options: &WarpOptions) -> Result<Warp> {
    let columns = (4.0 / to.a) as u32;
    Warp::new(Arc::clone(input), &target(to, 1, columns, None), resampling, options)
}

#[test]
fn values_are_rounded_once_and_in_the_wanted_type() {
    let halved = Affine::north_up(0.0, 0.0, 2.0, 1.0);
    let bytes = row(DataType::UInt8, [200.0, 100.0, 1.0, 2.0]);
    let check = |data_type: Option<DataType>, resampling, wanted: &[f64]| {
        let options = WarpOptions { data_type, ..WarpOptions::default() };
        let raster = in_type(&bytes, halved, resampling, &options).expect("a warp");
        assert_eq!(raster.grid().data_type, data_type.unwrap_or(DataType::UInt8));
        assert!(raster.grid().has_mask && raster.grid().nodata.is_none());
        assert_pixels(&raster, wanted);
        assert_bound(&raster, raster.grid().shape.whole(), 0);
    };
    check(None, Resampling::Sum, &[255.0, 3.0]);
    check(Some(DataType::UInt32), Resampling::Sum, &[300.0, 3.0]);
    check(Some(DataType::Float64), Resampling::Average, &[150.0, 1.5]);
    check(Some(DataType::Float32), Resampling::Average, &[150.0, 1.5]);
    check(Some(DataType::Int8), Resampling::Max, &[127.0, 2.0]);
    // Wide integers are computed with as such, whatever they become.
    let wide = row(DataType::Int32, [16_777_217.0, 16_777_217.0, 0.0, 1.0]);
    let options = WarpOptions { data_type: Some(DataType::Float64), ..WarpOptions::default() };
    assert_pixels(&in_type(&wide, halved, Resampling::Average, &options).expect("a warp"), &[16_777_217.0, 0.5]);
    // The nearest pixel is a copy.
    let near = in_type(&bytes, halved, Resampling::Near, &options).expect("a warp");
    assert_eq!(near.grid().data_type, DataType::UInt8);
}

#[test]
fn values_are_kept_off_what_stands_for_none() {
    let halved = Affine::north_up(0.0, 0.0, 2.0, 1.0);
    let bytes = row(DataType::UInt8, [0.0, 0.0, 4.0, 6.0]);
    let wished = |data_type, nodata| WarpOptions {
        data_type: Some(data_type),
        nodata: Some(Scalar::Int(nodata)),
        ..WarpOptions::default()
    };
    let raster = in_type(&bytes, halved, Resampling::Average, &wished(DataType::UInt8, 0)).expect("a warp");
    assert_eq!((raster.grid().nodata, raster.grid().has_mask), (Some(Scalar::Int(0)), false));
    assert_pixels(&raster, &[1.0, 5.0]);
    let raster = in_type(&bytes, halved, Resampling::Average, &wished(DataType::Int16, -9999)).expect("a warp");
    assert_pixels(&raster, &[0.0, 5.0]);
    let misfit = in_type(&bytes, halved, Resampling::Average, &wished(DataType::UInt8, -1));
    assert!(matches!(misfit, Err(Error::Usage { .. })));
    // Where a mask says which pixels have a value, any may be the nodata value, too.
    let both = Grid { has_mask: true, nodata: Some(Scalar::Int(0)), ..bytes.grid().clone() };
    let both = Held::with(both, [0.0, 0.0, 4.0, NAN].map(Scalar::Float).into());
    let raster = in_type(&both, halved, Resampling::Average, &WarpOptions::default()).expect("a warp");
    assert!(raster.grid().has_mask);
    assert_pixels(&raster, &[0.0, 4.0]);
}

/// A kernel that swings below 0 beside an edge hides no pixel.
#[test]
fn opacity_of_a_valid_pixel_never_becomes_0() {
    let bands = [Band::default(), Band { colour: BandColour::Opacity, ..Band::default() }].into();
    let place = Affine::north_up(0.0, 0.0, 1.0, 1.0);
    let grid = Grid { bands, ..Held::grid(Shape::new(8, 16), 2, DataType::UInt8, place, None) };
    let input = Held::by(grid, |column, _| if column < 8 { 255.0 } else { 2.0 });
    let fine = target(Affine::north_up(0.0, 0.0, 0.5, 0.5), 16, 32, None);
    let raster = warp(&input, &fine, Resampling::Cubic);
    assert_eq!(raster.grid().opacity(), Some(1));
    let both = pixels(&raster, raster.grid().shape.whole());
    let (values, opacity) = both.split_at(16 * 32);
    assert!(values.contains(&0.0) && opacity.contains(&1.0) && !opacity.contains(&0.0), "{both:?}");
    // Whichever bands are asked for.
    let tile = raster.read(raster.grid().shape.whole(), &[1], &lease()).expect("pixels");
    assert!(tile.values::<u8>().expect("bytes").iter().zip(opacity).all(|(one, other)| f64::from(*one) == *other));
}
