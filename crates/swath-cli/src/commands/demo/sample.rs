//! The bundled sample, so that an installed program needs nothing beside it.

use swath::demo::SampleFile;

macro_rules! sample {
    ($name:literal) => {
        SampleFile { name: $name, bytes: include_bytes!(concat!("../../../data/demo/", $name)) }
    };
}

/// Where the data comes from and under which licence.
pub const LICENCE: SampleFile = sample!("LICENCE.txt");

/// Real readings of air quality, with the faults that they came with.
pub const FILES: &[SampleFile] = &[
    sample!("2017-10-08_sds011_sensor_5331.csv"),
    sample!("2018-04-01_sds011_sensor_5331.csv"),
    sample!("2018-04-01_sds011_sensor_7789.csv"),
    sample!("2018-04-01_sds011_sensor_8554.csv"),
    sample!("2018-04-02_sds011_sensor_5331.csv"),
    sample!("2018-04-02_sds011_sensor_7789.csv"),
    sample!("2018-04-02_sds011_sensor_8554.csv"),
    sample!("2018-04-02_sds011_sensor_8733.csv"),
    sample!("2018-04-03_sds011_sensor_5331.csv"),
    sample!("2018-04-03_sds011_sensor_7789.csv"),
    sample!("2018-04-03_sds011_sensor_8554.csv"),
    sample!("2018-04-04_sds011_sensor_5331.csv"),
    sample!("2018-04-04_sds011_sensor_7789.csv"),
    sample!("2018-04-04_sds011_sensor_8554.csv"),
    sample!("2019-01-03_sds011_sensor_8554.csv"),
    sample!("2019-01-17_sds011_sensor_5331.csv"),
    sample!("2019-05-13_sds011_sensor_22068.csv"),
];
