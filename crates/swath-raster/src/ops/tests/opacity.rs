//! Opacity, and NaN, where types and bands change: what says which pixels have a value.

use super::held::{Held, assert_pixels};
use super::*;
use crate::{Band, BandColour};

const NAN: f64 = f64::NAN;

/// Rows of bands, of which some are opacity.
fn seen(data_type: DataType, bands: &[(BandColour, &[f64])]) -> Arc<dyn Raster> {
    let shape = Shape::new(1, bands[0].1.len() as u32);
    let mut grid = Held::grid(shape, bands.len(), data_type, Affine::PIXELS, None);
    grid.bands = bands.iter().map(|(colour, _)| Band { colour: *colour, ..Band::default() }).collect();
    Held::with(grid, bands.iter().flat_map(|(_, values)| *values).copied().map(Scalar::Float).collect())
}

fn in_type(raster: &Arc<dyn Raster>, data_type: DataType) -> Arc<dyn Raster> {
    let conversion = Conversion { data_type: Some(data_type), ..Conversion::default() };
    convert(Arc::clone(raster), &conversion).expect("a conversion")
}

#[test]
fn opacity_that_is_left_out_becomes_a_mask() {
    let input = seen(DataType::UInt8, &[(BandColour::None, &[0.0, 1.0]), (BandColour::Opacity, &[0.0, 1.0])]);
    let grid = input.grid().clone();
    assert_eq!(grid.opacity(), Some(1));
    assert_eq!(Grid { nodata: Some(Scalar::Int(0)), ..grid.clone() }.opacity(), None);
    assert_eq!(Grid { has_mask: true, ..grid }.opacity(), None);
    let of = |bands: &[usize]| {
        let conversion = Conversion { bands: bands.into(), ..Conversion::default() };
        convert(Arc::clone(&input), &conversion).expect("a conversion").grid().clone()
    };
    assert_eq!((of(&[0]).has_mask, of(&[0]).opacity()), (true, None));
    assert_eq!((of(&[1]).has_mask, of(&[1]).opacity()), (true, None));
    assert_eq!((of(&[0, 0, 1]).has_mask, of(&[0, 0, 1]).opacity()), (false, Some(2)));
    // Readers do not expect it to be twice.
    assert_eq!((of(&[0, 1, 0, 1]).has_mask, of(&[0, 1, 0, 1]).opacity()), (true, None));
    // Opacity is not scaled, and no opacity beside a nodata value.
    let scaling = Some(Scaling { from: (0.0, 1.0), to: (100.0, 110.0) });
    let scaled = convert(Arc::clone(&input), &Conversion { scaling, ..Conversion::default() }).expect("a conversion");
    assert_pixels(&*scaled, &[100.0, 110.0, 1.0, 1.0]);
    let named = Conversion { nodata: Some(Scalar::Int(255)), ..Conversion::default() };
    let named = convert(input, &named).expect("a conversion");
    assert!(named.grid().bands.iter().all(|band| band.colour == BandColour::None));
}

/// GDAL looks for opacity in the last of two or four bands of unsigned integers of 8 and 16 bits.
#[test]
fn opacity_is_not_looked_for_everywhere() {
    let colour = (BandColour::None, &[9.0, NAN][..]);
    let opacity = (BandColour::Opacity, &[1.0, NAN][..]);
    let unseen = |data_type, bands: &[_]| seen(data_type, bands).grid().has_opacity_unseen();
    for (data_type, is_unseen) in [(DataType::UInt8, false), (DataType::UInt16, false), (DataType::Int16, true)] {
        assert_eq!(unseen(data_type, &[colour, opacity]), is_unseen, "{data_type}");
    }
    assert!(!unseen(DataType::UInt8, &[colour, colour, colour, opacity]));
    assert!(unseen(DataType::UInt8, &[colour, colour, opacity]));
    assert!(unseen(DataType::UInt8, &[colour, opacity, colour, colour]));
    assert!(!unseen(DataType::Float32, &[colour, colour]));
    let masked = Assume::masked(seen(DataType::Int16, &[colour, opacity]));
    assert_eq!((masked.grid().has_mask, masked.grid().opacity()), (true, None));
    assert_pixels(&masked, &[9.0, NAN, 1.0, NAN]);
}

/// Readers look for opacity in the last band, and no field of a file says that the first one is it.
#[test]
fn opacity_in_another_place_becomes_a_mask() {
    for opacity in [BandColour::Opacity, BandColour::OpacityMultiplied] {
        let two = (opacity, &[5.0, 6.0][..]);
        let input = seen(DataType::UInt8, &[(BandColour::None, &[3.0, 4.0]), two, (opacity, &[7.0, NAN])]);
        for bands in [&[2, 0][..], &[0, 2, 0], &[0, 1], &[2, 1]] {
            let conversion = Conversion { bands: bands.into(), ..Conversion::default() };
            let picked = convert(Arc::clone(&input), &conversion).expect("a conversion");
            assert!(picked.grid().has_mask, "{bands:?}");
            assert!(picked.grid().bands.iter().all(|band| band.colour == BandColour::None), "{bands:?}");
        }
    }
}

#[test]
fn opacity_of_a_valid_pixel_never_becomes_0() {
    let bands = [(BandColour::None, &[5.0, 0.0, NAN][..]), (BandColour::Opacity, &[0.4, 1e-60, NAN])];
    let input = seen(DataType::Float64, &bands);
    assert_pixels(&*in_type(&input, DataType::UInt8), &[5.0, 0.0, NAN, 1.0, 1.0, NAN]);
    let least = f64::from(0.0f32.next_up());
    assert_pixels(&*in_type(&input, DataType::Float32), &[5.0, 0.0, NAN, f64::from(0.4f32), least, NAN]);
}

/// Integers have no NaN, so a mask says what it said.
#[test]
fn nan_as_nodata_becomes_a_mask_of_integers() {
    let with = |nodata| {
        let input = seen(DataType::Float32, &[(BandColour::None, &[7.0, NAN])]);
        Held::with(Grid { nodata, ..input.grid().clone() }, [7.0, NAN].map(Scalar::Float).into())
    };
    let input = with(Some(Scalar::Float(NAN)));
    let whole = in_type(&input, DataType::Int16);
    assert_eq!((whole.grid().nodata, whole.grid().has_mask), (None, true));
    assert_pixels(&*whole, &[7.0, NAN]);
    let wider = in_type(&input, DataType::Float64);
    assert_eq!((wider.grid().nodata, wider.grid().has_mask), (Some(Scalar::Float(NAN)), false));
    // Any other value that the type does not have was meant as one.
    let conversion = Conversion { data_type: Some(DataType::UInt8), ..Conversion::default() };
    assert!(matches!(convert(with(Some(Scalar::Int(-1))), &conversion), Err(Error::Usage { .. })));
    let place = WarpTarget::like(input.grid()).expect("a place");
    let options = WarpOptions { data_type: Some(DataType::UInt8), ..WarpOptions::default() };
    let warped = Warp::new(input, &place, Resampling::Bilinear, &options).expect("a warp");
    assert_eq!((warped.grid().nodata, warped.grid().has_mask), (None, true));
    assert_pixels(&warped, &[7.0, NAN]);
}
