//! Makes GeoTIFF files of every kind from a formula, for the oracle script that reads them with GDAL.
//!
//! `geotiff_make FOLDER` writes the files and prints one JSON line for each, which says what is in it.
//! `geotiff_make rate RAW TYPE COLUMNS ROWS FOLDER` encodes raw pixels on one core, and says how fast.
//!
//! The formula, for band b, row r and column c of the full resolution, is `base = 7r + 13c + 101b + (r·c mod 251)`;
//! unsigned pixels are `base`, signed ones `base − 1000`, those of 64 bits `base · 1,000,003,000,007`, all modulo the
//! type, and floats `0.37 · base − 50`. Where validity is asked for, pixels with `(r/5 + c/7 + k·b) mod 11 = 0` have no
//! value; k is 1 where bands may differ and 0 where not. Overview l takes every 2ˡ-th row and column.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use swath_core::{Budget, Bytes, Lease, Result, Stop};
use swath_crs::Crs;
use swath_formats::geotiff::write::{
    BlockEncoder, Container, EncodedBlocks, FileDescription, Layout, Piece, WriteOptions, write_file,
};
use swath_formats::geotiff::{MetadataItem, Texts};
use swath_raster::{
    Affine, Band, BandColour, BlockOrder, DataType, Grid, Pixel, Scalar, Shape, Tile, Window, for_data_type,
};

/// One file.
struct Case {
    name: String,
    description: FileDescription,
    /// How pixels without a value are strewn: `None` for none, else k of the formula.
    invalid: Option<u64>,
    /// The upper left square of that size has no value at all.
    hole: u64,
    /// What the oracle is told besides.
    extra: Value,
}

fn case(name: &str, data_type: DataType, bands: usize, options: &[&str]) -> Case {
    let grid = Grid {
        shape: Shape::new(45, 37),
        affine: Some(Affine::north_up(500_000.0, 5_000_000.0, 10.0, 20.0)),
        crs: Some(Arc::new(Crs::from_epsg(32633).unwrap())),
        data_type,
        nodata: None,
        has_mask: false,
        block: Shape::new(16, 16),
        bands: vec![Band::default(); bands].into(),
    };
    let options = options.iter().copied().chain(["BLOCKSIZE=16"]);
    let description = FileDescription {
        grid,
        options: WriteOptions::from_pairs(options).unwrap(),
        container: Container::Plain,
        overviews: vec![],
        metadata: vec![],
        palette: None,
        texts: Texts::default(),
        pixel_is_point: false,
        geo_keys: None,
        min_is_white: false,
    };
    Case { name: name.into(), description, invalid: None, hole: 0, extra: json!({}) }
}

impl Case {
    fn nodata(mut self, nodata: Scalar) -> Case {
        self.description.grid.nodata = Some(nodata);
        self.invalid = Some(1);
        self
    }

    fn mask(mut self) -> Case {
        self.description.grid.has_mask = true;
        self.invalid = Some(0);
        self
    }

    fn hole(mut self, size: u64) -> Case {
        self.hole = size;
        self
    }

    fn shape(mut self, rows: u32, columns: u32) -> Case {
        self.description.grid.shape = Shape::new(rows, columns);
        self
    }

    fn cog(mut self) -> Case {
        self.description.container = Container::Cog;
        self.overviews()
    }

    fn overviews(mut self) -> Case {
        let (block, mut shape) = (self.description.options.block(), self.description.grid.shape);
        while shape.rows > block.rows || shape.columns > block.columns {
            shape = Shape::new(shape.rows.div_ceil(2), shape.columns.div_ceil(2));
            self.description.overviews.push(shape);
        }
        self
    }

    fn place(mut self, crs: Option<&str>, affine: Option<Affine>) -> Case {
        self.description.grid.crs = crs.map(|text| Arc::new(Crs::parse(text).unwrap()));
        self.description.grid.affine = affine;
        self.extra["crs"] = json!(crs);
        self
    }

    /// Bands by their colours: `r`, `g`, `b`, `a` for opacity, `m` for opacity that is multiplied in.
    fn colours(mut self, letters: &str) -> Case {
        for (band, letter) in Arc::make_mut(&mut self.description.grid.bands).iter_mut().zip(letters.chars()) {
            band.colour = match letter {
                'r' => BandColour::Red,
                'g' => BandColour::Green,
                'b' => BandColour::Blue,
                'a' => BandColour::Opacity,
                'm' => BandColour::OpacityMultiplied,
                _ => BandColour::None,
            };
        }
        self
    }

    /// What rasterio should find its bands to be.
    fn shown(mut self, names: &[&str]) -> Case {
        self.extra["colours"] = json!(names);
        self
    }

    fn palette(mut self, palette: Vec<[u16; 3]>) -> Case {
        self.description.palette = Some(palette);
        self.shown(&["palette"])
    }

    fn points(mut self) -> Case {
        self.description.pixel_is_point = true;
        // Without a system there is no field that would say so.
        let word = self.description.grid.crs.is_some().then_some("Point");
        self.extra["tags"] = json!({"AREA_OR_POINT": word});
        self
    }

    /// What the oracle should find.
    fn facts(&self, file: &str) -> Value {
        let FileDescription { grid, options, container, overviews, metadata, .. } = &self.description;
        let affine = grid.affine.map(|a| [a.a, a.b, a.c, a.d, a.e, a.f]);
        let bands: Vec<Value> = grid
            .bands
            .iter()
            .map(|band| json!({"description": band.description, "scale": band.scale, "offset": band.offset, "units": band.units}))
            .collect();
        json!({
            "file": file, "dtype": grid.data_type.name(), "rows": grid.shape.rows, "columns": grid.shape.columns,
            "bands": bands, "block": options.side(), "compress": options.compression.name(),
            "predictor": options.effective_predictor(grid.data_type), "nodata": grid.nodata.map(|n| n.to_string()),
            "interleave": options.effective_interleave(grid.bands.len()), "mask": grid.has_mask, "affine": affine,
            "epsg": grid.crs.as_ref().and_then(|crs| crs.epsg()), "cog": *container == Container::Cog,
            "overviews": overviews.iter().map(|shape| [shape.rows, shape.columns]).collect::<Vec<_>>(),
            "max_z_error": options.max_z_error, "invalid": self.invalid, "hole": self.hole, "sparse": options.sparse,
            "bigtiff": options.bigtiff, "extra": self.extra,
            "metadata": metadata.iter().map(|item| json!([item.name, item.value, item.domain, item.band])).collect::<Vec<_>>(),
        })
    }
}

fn value<T: Pixel>(band: u64, row: u64, column: u64) -> T {
    let base = 7 * row + 13 * column + 101 * band + row * column % 251;
    let bits = 8 * size_of::<T>();
    if T::DATA_TYPE.is_float() {
        return T::from_f64(0.37 * base as f64 - 50.0);
    }
    let is_signed = T::from_f64(-1.0).to_f64() < 0.0;
    let whole = i128::from(base) - if is_signed { 1000 } else { 0 };
    let whole = if bits == 64 { whole * 1_000_003_000_007 } else { whole };
    let (modulus, half) = (1_i128 << bits, 1_i128 << (bits - 1));
    let wrapped = whole.rem_euclid(modulus);
    T::from_scalar(Scalar::Int(if is_signed && wrapped >= half { wrapped - modulus } else { wrapped })).unwrap()
}

fn is_valid(case: &Case, band: u64, row: u64, column: u64) -> bool {
    let strewn = case.invalid.is_some_and(|k| (row / 5 + column / 7 + k * band).is_multiple_of(11));
    !strewn && (row >= case.hole || column >= case.hole)
}

/// The pixels of a window of a level.
fn tile<T: Pixel>(case: &Case, level: usize, window: Window, lease: &Lease) -> Result<Tile> {
    let bands = case.description.grid.bands.len();
    let mut tile = Tile::unwritten(window, bands, T::DATA_TYPE, lease)?;
    let places = || {
        (0..bands as u64).flat_map(move |band| {
            (window.row..window.end_row()).flat_map(move |row| {
                (window.column..window.end_column())
                    .map(move |column| (band, u64::from(row) << level, u64::from(column) << level))
            })
        })
    };
    let values = tile.values_mut::<T>()?;
    values.iter_mut().zip(places()).for_each(|(out, (band, row, column))| *out = value(band, row, column));
    if case.invalid.is_some() || case.hole > 0 {
        let validity = tile.validity_mut(lease)?;
        let valid = places().map(|(band, row, column)| u8::from(is_valid(case, band, row, column)));
        validity.iter_mut().zip(valid).for_each(|(out, valid)| *out = valid);
    }
    Ok(tile)
}

/// The bytes of a block, and how many each of its parts has.
type Parts = (Vec<u8>, Vec<u32>);

/// Encoded blocks in memory.
#[derive(Default)]
struct Blocks {
    blocks: HashMap<(usize, u32, u32), Parts>,
}

impl EncodedBlocks for Blocks {
    fn length(&mut self, piece: Piece) -> Result<u32> {
        Ok(self.blocks[&(piece.level, piece.row, piece.column)].1[piece.part])
    }

    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()> {
        let (bytes, lengths) = &self.blocks[&(piece.level, piece.row, piece.column)];
        let start: u32 = lengths[..piece.part].iter().sum();
        let bytes = &bytes[start as usize..][..lengths[piece.part] as usize];
        // In two pieces, as a copy through a small buffer would.
        let (first, second) = bytes.split_at(bytes.len() / 3);
        let written = out.write_all(first).and_then(|()| out.write_all(second));
        written.map_err(|error| swath_core::Error::unexpected(error.to_string()))
    }
}

fn make(case: &Case, folder: &Path, lease: &Lease) -> Result<Value> {
    let FileDescription { grid, options, overviews, .. } = &case.description;
    let mut encoder = BlockEncoder::new(grid, options)?;
    let mut blocks = Blocks::default();
    for level in 0..=overviews.len() {
        let shape = if level == 0 { grid.shape } else { overviews[level - 1] };
        let order = BlockOrder::Rows { grid: shape, block: options.block() };
        // Tiles hold two blocks by two, so that blocks lie inside of them.
        for unit in 0..order.units() {
            let (row, column) = order.block_at(unit).unwrap();
            let window = order.window_of((row, column));
            let around = window.align(Shape::new(2 * options.side(), 2 * options.side()), shape);
            let tile = for_data_type!(grid.data_type, T => tile::<T>(case, level, around, lease))?;
            let mut bytes = Vec::new();
            let encoded = encoder.encode(&tile, window, &mut |part| {
                bytes.extend_from_slice(part);
                Ok(())
            })?;
            blocks.blocks.insert((level, row, column), (bytes, encoded.lengths));
        }
    }
    let file = format!("{}.tif", case.name);
    let layout = Layout::new(&case.description, &mut blocks)?;
    write_file(&folder.join(&file), &layout, &mut blocks)?;
    Ok(case.facts(&file))
}

/// All types, codecs, predictors and orders of bands.
fn matrix() -> Vec<Case> {
    let mut cases = Vec::new();
    for data_type in DataType::ALL {
        for codec in ["NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD", "LERC"] {
            for predictor in ["AUTO", "1", "2", "3"] {
                for (interleave, bands) in [("PIXEL", 3), ("BAND", 2), ("PIXEL", 1)] {
                    let (compress, predict) = (format!("COMPRESS={codec}"), format!("PREDICTOR={predictor}"));
                    let interleave = if bands == 2 { "INTERLEAVE=BAND" } else { interleave };
                    let options = match interleave {
                        "PIXEL" => vec![&*compress, &*predict],
                        other => vec![&*compress, &*predict, other],
                    };
                    let has_none = matches!(codec, "NONE" | "PACKBITS" | "LERC") && predictor != "AUTO";
                    if has_none || (predictor == "3" && !data_type.is_float()) {
                        continue;
                    }
                    if codec == "LERC" && matches!(data_type, DataType::UInt64 | DataType::Int64) {
                        continue;
                    }
                    let name = format!("{data_type}_{codec}_{predictor}_{bands}").to_lowercase();
                    cases.push(case(&name, data_type, bands, &options));
                }
            }
        }
    }
    cases
}

fn values_and_validity() -> Vec<Case> {
    let rgb = ["red", "green", "blue"];
    use DataType::*;
    let lerc = |z: &'static str| vec!["COMPRESS=LERC", z];
    vec![
        case("nodata_u8", UInt8, 2, &[]).nodata(Scalar::Int(255)),
        case("nodata_i16", Int16, 1, &["COMPRESS=DEFLATE"]).nodata(Scalar::Int(-9999)),
        case("nodata_i64", Int64, 1, &[]).nodata(Scalar::Int(i64::MIN.into())),
        case("nodata_u64", UInt64, 1, &[]).nodata(Scalar::Int(1 << 53)),
        case("nodata_f32", Float32, 1, &[]).nodata(Scalar::Float(f64::from(f32::MIN))),
        case("nodata_f64", Float64, 2, &["INTERLEAVE=BAND"]).nodata(Scalar::Float(-0.1)),
        case("nodata_nan", Float32, 3, &[]).nodata(Scalar::Float(f64::NAN)),
        case("nodata_inf", Float64, 1, &[]).nodata(Scalar::Float(f64::NEG_INFINITY)),
        case("mask_u8", UInt8, 1, &[]).mask(),
        case("mask_u16_3", UInt16, 3, &["COMPRESS=NONE"]).mask(),
        case("mask_band", UInt16, 3, &["INTERLEAVE=BAND"]).mask(),
        case("mask_f32", Float32, 2, &["COMPRESS=LZW"]).mask(),
        case("mask_overviews", UInt8, 2, &[]).mask().overviews(),
        case("lerc_nan", Float32, 1, &lerc("MAX_Z_ERROR=0")).nodata(Scalar::Float(f64::NAN)),
        case("lerc_nan_3", Float64, 3, &lerc("MAX_Z_ERROR=0.5")).nodata(Scalar::Float(f64::NAN)),
        case("lerc_lossy_f32", Float32, 1, &lerc("MAX_Z_ERROR=0.1")).shape(300, 200),
        case("lerc_lossy_i16", Int16, 2, &lerc("MAX_Z_ERROR=4.7")),
        case("lerc_lossy_u8", UInt8, 1, &lerc("MAX_Z_ERROR=2")).mask(),
        case("sparse_nodata", Int16, 2, &["SPARSE_OK=YES"]).nodata(Scalar::Int(-1)).hole(33),
        case("sparse_band", Float32, 2, &["SPARSE_OK=YES", "INTERLEAVE=BAND"]).nodata(Scalar::Float(f64::NAN)).hole(33),
        case("sparse_mask", UInt8, 1, &["SPARSE_OK=YES"]).mask().hole(33),
        case("sparse_cog", UInt16, 1, &["SPARSE_OK=YES"]).nodata(Scalar::Int(0)).hole(40).shape(90, 70).cog(),
        case("deflate_1", UInt16, 1, &["COMPRESS=DEFLATE", "ZLEVEL=1"]),
        case("deflate_12", UInt16, 1, &["COMPRESS=DEFLATE", "LEVEL=12"]),
        case("zstd_1", UInt16, 1, &["ZSTD_LEVEL=1"]),
        case("zstd_22", UInt16, 1, &["COMPRESS=ZSTD", "LEVEL=22"]),
        case("big", Float32, 2, &["BIGTIFF=YES"]),
        case("big_small", UInt8, 1, &["BIGTIFF=YES"]).shape(16, 16),
        case("one_pixel", Float64, 1, &[]).shape(1, 1),
        case("two_blocks", UInt8, 1, &["BIGTIFF=YES"]).shape(3, 17),
        case("many_bands", UInt8, 300, &[]),
        case("cog_u8", UInt8, 1, &[]).shape(100, 140).cog(),
        case("cog_f32", Float32, 1, &["COMPRESS=DEFLATE"]).nodata(Scalar::Int(-9999)).shape(100, 140).cog(),
        case("cog_mask", UInt8, 3, &[]).mask().shape(100, 140).cog().colours("rgb").shown(&rgb),
        case("cog_band", UInt16, 3, &["INTERLEAVE=BAND"]).shape(100, 140).cog(),
        case("cog_band_mask", UInt16, 3, &["INTERLEAVE=BAND"]).mask().shape(100, 140).cog(),
        case("cog_big", Int32, 2, &["BIGTIFF=YES"]).shape(100, 140).cog(),
        case("cog_none", UInt8, 1, &["COMPRESS=NONE"]).mask().shape(100, 140).cog(),
        case("rgb", UInt8, 3, &[]).colours("rgb").shown(&rgb),
        case("rgb_alpha", UInt16, 4, &[]).colours("rgba").shown(&["red", "green", "blue", "alpha"]),
        case("rgb_multiplied", UInt8, 4, &[]).colours("rgbm").shown(&["red", "green", "blue", "alpha"]),
        case("rgb_other_alpha", UInt8, 5, &[]).colours("rgb-a").shown(&["red", "green", "blue", "undefined", "alpha"]),
        case("grey_alpha", UInt8, 2, &[]).colours("-a").shown(&["gray", "alpha"]),
        case("heights_alpha", Float32, 2, &[]).colours("-a").shown(&["gray", "alpha"]),
        case("float_rgb", Float32, 3, &[]).colours("rgb").shown(&rgb),
        case("swapped", UInt8, 3, &[]).colours("bgr").shown(&["blue", "green", "red"]),
        case("palette", UInt8, 1, &[]).palette((0..256).map(|n| [n * 85, n * 251 % 60_000, 65_535 - n]).collect()),
    ]
}

fn places_and_words() -> Vec<Case> {
    let u8_case = |name: &str| case(name, DataType::UInt8, 2, &[]);
    let north_up = Affine::north_up(500_000.0, 5_000_000.0, 10.0, 20.0);
    let degrees = Some(Affine::north_up(-180.0, 90.0, 1.0 / 3.0, 0.1));
    let rotated = Affine { a: 0.5, b: 0.1, c: 10.0, d: -0.2, e: -0.4, f: 50.0 };
    let mut cases = vec![
        u8_case("nowhere").place(None, None),
        u8_case("no_crs").place(None, Some(north_up)),
        u8_case("points").points(),
        u8_case("points_no_crs").place(None, Some(north_up)).points(),
        u8_case("points_rotated").place(Some("EPSG:3035"), Some(rotated)).points(),
        u8_case("rotated").place(Some("EPSG:3035"), Some(rotated)),
        u8_case("south_up").place(Some("EPSG:3857"), Some(Affine { e: 20.0, ..north_up })),
        u8_case("crs84").place(Some("OGC:CRS84"), degrees),
        u8_case("crs83").place(Some("OGC:CRS83"), degrees),
    ];
    for code in [4326, 4258, 4269, 4807] {
        cases.push(u8_case(&format!("epsg_{code}")).place(Some(&format!("EPSG:{code}")), degrees));
    }
    for code in [3857, 3035, 2154, 27700, 3413, 5070, 2263, 6933, 31467, 32733, 28992] {
        cases.push(u8_case(&format!("epsg_{code}")).place(Some(&format!("EPSG:{code}")), Some(north_up)));
    }
    let systems = [
        "+proj=tmerc +lat_0=1 +lon_0=15.5 +k=0.9998 +x_0=400000 +y_0=-5000 +ellps=GRS80 +units=m",
        "+proj=lcc +lat_1=44 +lat_2=49 +lat_0=46.5 +lon_0=3 +x_0=700000 +y_0=6600000 +ellps=GRS80 +units=m",
        "+proj=lcc +lat_1=46.8 +lat_2=46.8 +lat_0=46.8 +lon_0=2 +k_0=0.99987742 +x_0=600000 +y_0=2200000 +datum=WGS84 +units=m",
        "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96 +x_0=10 +y_0=20 +datum=NAD83 +units=m",
        "+proj=laea +lat_0=52 +lon_0=10.25 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m",
        "+proj=stere +lat_0=90 +lat_ts=71 +lon_0=-39 +x_0=1 +y_0=2 +datum=WGS84 +units=m",
        "+proj=stere +lat_0=-90 +k=0.994 +lon_0=7 +x_0=2000000 +y_0=2000000 +datum=WGS84 +units=m",
        "+proj=merc +lon_0=110.5 +k=0.997 +x_0=3900000 +y_0=900000 +ellps=bessel +units=m",
        "+proj=merc +lat_ts=41 +lon_0=100 +x_0=5 +y_0=6 +datum=WGS84 +units=m",
        "+proj=tmerc +lat_0=0 +lon_0=9.5 +k=1 +x_0=500000 +y_0=0 +datum=WGS84 +units=us-ft",
        "+proj=longlat +ellps=bessel",
    ];
    for (number, system) in systems.iter().enumerate() {
        let affine = if system.contains("longlat") { degrees } else { Some(north_up) };
        cases.push(u8_case(&format!("system_{number}")).place(Some(system), affine));
    }
    let mut words = case("words", DataType::Int16, 3, &[]);
    words.description.grid.bands = Arc::new([
        Band {
            description: Some("near <infra> \"red\" & more".into()),
            scale: Some(1e-4),
            offset: Some(-0.1),
            units: Some("W/m²".into()),
            ..Band::default()
        },
        Band::default(),
        Band {
            description: Some("&amp; literal".into()),
            scale: Some(1e300),
            units: Some("K".into()),
            ..Band::default()
        },
    ]);
    let item = |name: &str, value: &str, band, domain: Option<&str>| MetadataItem {
        name: name.into(),
        value: value.into(),
        band,
        domain: domain.map(Into::into),
    };
    words.description.metadata = vec![
        item("TITLE", "a <b> & 'c' \"d\"", None, None),
        item("wavelength", "0.842", Some(0), None),
        item("CLOUD", "7 %", None, Some("IMAGERY")),
    ];
    words.description.texts = Texts {
        description: Some("fields in June".into()),
        software: Some("a sensor".into()),
        date_time: Some("2024:06:01 10:00:00".into()),
        artist: Some("an agency".into()),
        copyright: Some("free to use".into()),
    };
    words.extra["tags"] = json!({
        "TIFFTAG_IMAGEDESCRIPTION": "fields in June", "TIFFTAG_SOFTWARE": "a sensor", "TIFFTAG_ARTIST": "an agency",
        "TIFFTAG_DATETIME": "2024:06:01 10:00:00", "TIFFTAG_COPYRIGHT": "free to use",
    });
    cases.push(words);
    cases
}

/// Encodes a raw file of one band with several options; says MB/s of one core, and bytes.
fn rate(words: &[String], lease: &Lease) -> Result<()> {
    let [raw, data_type, columns, rows, folder] = words else { panic!("RAW TYPE COLUMNS ROWS FOLDER") };
    let (raw, data_type) = (std::fs::read(raw).unwrap(), data_type.parse::<DataType>().unwrap());
    let mut case = case("rate", data_type, 1, &[]).shape(rows.parse().unwrap(), columns.parse().unwrap());
    let whole = case.description.grid.shape.whole();
    let mut tile = Tile::unwritten(whole, 1, data_type, lease)?;
    tile.values.bytes_mut().copy_from_slice(&raw);
    for options in [
        vec!["COMPRESS=NONE"],
        vec!["COMPRESS=PACKBITS"],
        vec!["COMPRESS=LZW"],
        vec!["COMPRESS=DEFLATE", "LEVEL=6"],
        vec!["COMPRESS=DEFLATE", "LEVEL=6", "PREDICTOR=1"],
        vec!["COMPRESS=DEFLATE", "LEVEL=7"],
        vec!["COMPRESS=ZSTD", "LEVEL=3"],
        vec!["COMPRESS=ZSTD", "LEVEL=3", "PREDICTOR=1"],
        vec!["COMPRESS=ZSTD", "LEVEL=9"],
        vec!["COMPRESS=LERC"],
    ] {
        case.description.options = WriteOptions::from_pairs(options.iter().copied())?;
        let (options_read, grid) = (&case.description.options, &case.description.grid);
        let mut encoder = BlockEncoder::new(grid, options_read)?;
        let order = BlockOrder::Rows { grid: grid.shape, block: options_read.block() };
        let mut best = f64::INFINITY;
        let mut blocks = Blocks::default();
        for _ in 0..3 {
            let started = Instant::now();
            for unit in 0..order.units() {
                let (row, column) = order.block_at(unit).unwrap();
                let mut bytes = Vec::new();
                let encoded = encoder.encode(&tile, order.window_of((row, column)), &mut |part| {
                    bytes.extend_from_slice(part);
                    Ok(())
                })?;
                blocks.blocks.insert((0, row, column), (bytes, encoded.lengths));
            }
            best = best.min(started.elapsed().as_secs_f64());
        }
        let layout = Layout::new(&case.description, &mut blocks)?;
        let name = options.join("_").replace('=', "-");
        let bytes = write_file(&Path::new(folder).join(format!("{data_type}_{name}.tif")), &layout, &mut blocks)?;
        let mb_s = raw.len() as f64 / 1e6 / best;
        println!("{}", json!({"options": options, "dtype": data_type.name(), "mb_s": mb_s, "bytes": bytes}));
    }
    Ok(())
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let lease = Budget::new(Bytes(1 << 30)).lease(Bytes(1 << 29), &Stop::new())?;
    if words.first().is_some_and(|word| word == "rate") {
        return rate(&words[1..], &lease);
    }
    let folder = Path::new(words.first().expect("a folder"));
    for case in matrix().into_iter().chain(values_and_validity()).chain(places_and_words()) {
        let facts = make(&case, folder, &lease);
        println!("{}", facts.unwrap_or_else(|error| panic!("{}: {error} ({:?})", case.name, error.hint())));
    }
    Ok(())
}
