//! Bands of opacity: when they say of a mosaic which pixels have a value.

use super::*;

/// Two bytes and their opacity.
fn seen(column: f64, opacity: [f64; 2], value: f64) -> Arc<dyn Raster> {
    let mut grid = held(column, DataType::UInt8, None, &[0.0, 0.0]).grid().clone();
    grid.bands = [Band::default(), Band { colour: BandColour::Opacity, ..Band::default() }].into();
    let seen = |value: f64, opacity: f64| if opacity == 0.0 { NAN } else { value };
    let [one, two] = opacity;
    let values = [seen(value, one), seen(value, two), seen(one, one), seen(two, two)];
    Held::with(grid, values.into_iter().map(Scalar::Float).collect())
}

/// What is transparent covers nothing.
#[test]
fn opacity_lets_what_lies_below_be_seen() {
    let inputs = || vec![seen(0.0, [255.0, 255.0], 7.0), seen(1.0, [0.0, 128.0], 9.0)];
    let raster = mosaic(inputs(), &options(MosaicMethod::Last)).expect("a mosaic");
    assert_eq!((raster.grid().has_mask, raster.grid().opacity()), (false, Some(1)));
    assert_pixels(&raster, &[7.0, 7.0, 9.0, 255.0, 255.0, 128.0]);
    let raster = mosaic(inputs(), &options(MosaicMethod::Count)).expect("a mosaic");
    assert_pixels(&raster, &[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    // Where inputs do not agree on what says it, a mask does.
    let mut inputs = inputs();
    let mut grid = inputs[1].grid().clone();
    Arc::make_mut(&mut grid.bands)[1].colour = BandColour::OpacityMultiplied;
    inputs[1] = Held::with(grid, [NAN, 9.0, NAN, 128.0].map(Scalar::Float).into());
    let raster = mosaic(inputs, &options(MosaicMethod::Last)).expect("a mosaic");
    assert_eq!((raster.grid().has_mask, raster.grid().opacity()), (true, None));
    assert_pixels(&raster, &[7.0, 7.0, 9.0, 255.0, 255.0, 128.0]);
}

/// A mask goes before opacity, so where one input has one its opacity may be 0 in valid pixels.
#[test]
fn opacity_beside_a_mask_says_nothing() {
    let masked = Grid { has_mask: true, ..seen(0.0, [1.0, 1.0], 7.0).grid().clone() };
    let masked = Held::with(masked, [7.0, 7.0, 0.0, 255.0].map(Scalar::Float).into());
    for inputs in [vec![Arc::clone(&masked), seen(0.0, [0.0, 9.0], 9.0)], vec![seen(0.0, [0.0, 9.0], 9.0), masked]] {
        let raster = mosaic(inputs, &options(MosaicMethod::Max)).expect("a mosaic");
        assert_eq!((raster.grid().has_mask, raster.grid().opacity()), (true, None));
        assert!(raster.grid().bands.iter().all(|band| band.colour == BandColour::None));
        assert_pixels(&raster, &[7.0, 9.0, 0.0, 255.0]);
    }
}

#[test]
fn opacity_beside_a_wished_nodata_value_is_a_band_like_the_others() {
    let nodata = Some(Scalar::Int(255));
    let wished = MosaicOptions { nodata, ..options(MosaicMethod::Last) };
    let raster = mosaic(vec![seen(0.0, [255.0, 1.0], 7.0)], &wished).expect("a mosaic");
    assert_eq!((raster.grid().nodata, raster.grid().has_mask), (nodata, false));
    assert!(raster.grid().bands.iter().all(|band| band.colour == BandColour::None));
    assert_pixels(&raster, &[7.0, 7.0, 254.0, 1.0]);
}

#[test]
fn opacity_of_a_valid_pixel_never_becomes_0() {
    let inputs = || {
        let grid = Grid { data_type: DataType::Float32, ..seen(0.0, [1.0, 1.0], 7.0).grid().clone() };
        vec![Held::with(grid, [0.2, NAN, 0.3, NAN].map(Scalar::Float).into())]
    };
    for method in [MosaicMethod::Mean, MosaicMethod::Last] {
        let bytes = MosaicOptions { data_type: Some(DataType::UInt8), ..options(method) };
        let raster = mosaic(inputs(), &bytes).expect("a mosaic");
        assert_eq!(raster.grid().opacity(), Some(1));
        assert_pixels(&raster, &[0.0, NAN, 1.0, NAN]);
        let tile = raster.read(raster.grid().shape.whole(), &[1], &crate::ops::tests::held::lease()).expect("pixels");
        assert_eq!(tile.values::<u8>().expect("bytes")[0], 1);
    }
}
