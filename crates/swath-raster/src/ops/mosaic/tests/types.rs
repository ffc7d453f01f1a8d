//! The type that is wanted of a mosaic, and values that are rounded once.

use super::*;

#[test]
fn the_wanted_type_counts_for_nodata_and_for_values() {
    let bytes = |column, values: &[f64]| held(column, DataType::UInt8, None, values);
    let wished = |method, data_type, nodata| MosaicOptions {
        method,
        data_type: Some(data_type),
        nodata: Some(Scalar::Int(nodata)),
        ..MosaicOptions::default()
    };
    let check = |options: &MosaicOptions, wanted: &[f64]| {
        let inputs = vec![bytes(0.0, &[0.0, 255.0]), bytes(3.0, &[7.0])];
        let raster = mosaic(inputs, options).expect("a mosaic");
        assert_eq!((Some(raster.grid().data_type), raster.grid().nodata), (options.data_type, options.nodata));
        assert_pixels(&raster, wanted);
    };
    for method in [MosaicMethod::First, MosaicMethod::Last, MosaicMethod::Min, MosaicMethod::Max, MosaicMethod::Mean] {
        check(&wished(method, DataType::Int16, -9999), &[0.0, 255.0, NAN, 7.0]);
        check(&wished(method, DataType::Int8, 0), &[1.0, 127.0, NAN, 7.0]);
    }
    check(&wished(MosaicMethod::Count, DataType::UInt8, 1), &[2.0, 2.0, NAN, 2.0]);
    // A nodata value of the inputs that the type does not have wants another one.
    let options = MosaicOptions { data_type: Some(DataType::UInt8), ..MosaicOptions::default() };
    let input = || vec![held(0.0, DataType::Int16, Some(Scalar::Int(-1)), &[300.0, NAN])];
    assert!(matches!(mosaic(input(), &options), Err(Error::Usage { .. })));
    let options = MosaicOptions { nodata: Some(Scalar::Int(255)), ..options };
    assert_pixels(&mosaic(input(), &options).expect("a mosaic"), &[254.0, NAN]);
}

#[test]
fn resampled_values_are_not_rounded_before_they_are_joined() {
    let options = |method, data_type| MosaicOptions {
        method,
        data_type,
        resampling: Resampling::Bilinear,
        bounds: Some((1.0, -1.0, 3.0, 0.0)),
        ..MosaicOptions::default()
    };
    // The second input lies half a pixel off the grid of the first.
    let inputs = || {
        let nodata = Some(Scalar::Int(0));
        vec![
            held(0.0, DataType::UInt8, nodata, &[1.0, 2.0, 3.0, 4.0]),
            held(0.5, DataType::UInt8, nodata, &[10.0, 11.0, 12.0]),
        ]
    };
    let check = |method, data_type, wanted: &[f64]| {
        let raster = mosaic(inputs(), &options(method, data_type)).expect("a mosaic");
        assert_pixels(&raster, wanted);
        assert_bound(&raster, raster.grid().shape.whole(), 0);
    };
    check(MosaicMethod::Mean, None, &[6.25, 7.25]);
    check(MosaicMethod::Mean, Some(DataType::UInt8), &[6.0, 7.0]);
    check(MosaicMethod::Last, Some(DataType::Float64), &[10.5, 11.5]);
    check(MosaicMethod::Max, Some(DataType::Float32), &[10.5, 11.5]);
    check(MosaicMethod::Last, None, &[11.0, 12.0]);
}
