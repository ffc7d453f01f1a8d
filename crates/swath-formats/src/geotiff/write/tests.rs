//! Options in words, blocks that cannot be written, and the arithmetic of whole files. GDAL reads what is written here
//! in an oracle of its own.

use std::io::Write;
use std::path::Path;

use swath_core::{Budget, Bytes, Error, Lease, Result, Stop};
use swath_raster::{Band, BandColour, DataType, Grid, Scalar, Shape, Tile, Window};

use super::super::{Compression, Interleave, Predictor, Texts};
use super::*;

fn lease() -> Lease {
    Budget::new(Bytes(64 << 20)).lease(Bytes(32 << 20), &Stop::new()).expect("a lease")
}

fn grid(data_type: DataType, bands: usize, shape: Shape) -> Grid {
    Grid {
        shape,
        affine: None,
        crs: None,
        data_type,
        nodata: None,
        has_mask: false,
        block: Shape::new(16, 16),
        bands: vec![Band::default(); bands].into(),
    }
}

fn options(words: &[&str]) -> WriteOptions {
    WriteOptions::from_pairs(words.iter().copied().chain(["BLOCKSIZE=16"])).expect("options")
}

#[test]
fn options_are_read() {
    let read = WriteOptions::from_pairs(["compress=deflate", "ZLEVEL=9", "Predictor=no", "INTERLEAVE=band"]);
    let wanted = WriteOptions {
        compression: Compression::Deflate,
        level: Some(9),
        predictor: Some(Predictor::None),
        interleave: Some(Interleave::Band),
        ..WriteOptions::default()
    };
    assert_eq!(read.expect("options"), wanted);
    let default = WriteOptions::from_pairs([]).expect("options");
    assert_eq!(default, WriteOptions::default());
    assert_eq!((default.effective_level(), default.side()), (Some(3), 512));
    assert_eq!(default.effective_predictor(DataType::Int16), Predictor::Horizontal);
    assert_eq!(default.effective_predictor(DataType::Float64), Predictor::FloatingPoint);
    let side = |rows, options: WriteOptions| options.with_blocks_for(Shape::new(rows, 1024)).block_size;
    assert_eq!([1024, 1025].map(|rows| side(rows, WriteOptions::default())), [Some(256), Some(512)]);
    assert_eq!(side(1024, WriteOptions { block_size: Some(128), ..WriteOptions::default() }), Some(128));
    let text = serde_json::to_string(&wanted).expect("JSON");
    assert_eq!(serde_json::from_str::<WriteOptions>(&text).expect("options"), wanted);
}

#[test]
fn options_are_refused_with_what_is_wanted() {
    let check = |words: &[&str], message: &str| match WriteOptions::from_pairs(words.iter().copied()) {
        Err(Error::Usage { message: got, hint }) => {
            assert!(got.contains(message), "{words:?}: {got}");
            assert!(!hint.is_empty());
        }
        other => panic!("{words:?}: {other:?}"),
    };
    check(&["COMPRESS"], "no option");
    check(&["PHOTOMETRIC=RGB"], "PHOTOMETRIC is no option");
    check(&["COMPRESS=ZIP"], "COMPRESS=ZIP");
    check(&["COMPRESS=JPEG"], "JPEG is read, but not written");
    check(&["LEVEL=23"], "zstd has no level 23");
    check(&["COMPRESS=DEFLATE", "LEVEL=0"], "deflate has no level 0");
    check(&["COMPRESS=LZW", "LEVEL=3"], "lzw has no levels");
    check(&["COMPRESS=ZSTD", "ZLEVEL=3"], "ZLEVEL is given with COMPRESS=zstd");
    check(&["LEVEL=3", "ZSTD_LEVEL=3"], "both given");
    check(&["LEVEL=3", "level=3"], "twice");
    check(&["PREDICTOR=4"], "PREDICTOR=4");
    check(&["COMPRESS=NONE", "PREDICTOR=2"], "a predictor was asked for");
    check(&["BLOCKSIZE=100"], "100 × 100");
    check(&["BLOCKSIZE=0"], "0 × 0");
    check(&["MAX_Z_ERROR=1"], "zstd changes no values");
    check(&["COMPRESS=LERC", "MAX_Z_ERROR=nan"], "NaN");
    check(&["SPARSE_OK=MAYBE"], "SPARSE_OK=MAYBE");
}

#[test]
fn grids_are_refused_with_what_is_wanted() {
    let check = |grid: &Grid, words: &[&str], message: &str| match BlockEncoder::new(grid, &options(words)) {
        Err(Error::Usage { message: got, .. }) => assert!(got.contains(message), "{got}"),
        other => panic!("{words:?}: {:?}", other.err()),
    };
    let shape = Shape::new(20, 20);
    check(&grid(DataType::Int16, 1, shape), &["PREDICTOR=3"], "predictor 3");
    check(&grid(DataType::UInt64, 1, shape), &["COMPRESS=LERC"], "no pixels of uint64");
    check(&grid(DataType::UInt8, 2, shape), &["COMPRESS=LERC", "INTERLEAVE=PIXEL"], "each band");
    check(&Grid { nodata: Some(Scalar::Int(-1)), ..grid(DataType::UInt8, 1, shape) }, &[], "nodata -1");
    check(&grid(DataType::UInt8, 70_000, shape), &[], "70000 bands");
}

fn encode(grid: &Grid, words: &[&str], tile: &Tile, window: Window) -> Result<(Vec<u8>, Vec<u32>)> {
    let mut bytes = Vec::new();
    let encoded = BlockEncoder::new(grid, &options(words))?.encode(tile, window, &mut |part| {
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    Ok((bytes, encoded.lengths))
}

/// A tile of one block whose pixels are all `value`, but for one without a value in the second row of the first band.
fn flat(grid: &Grid, value: u8, has_hole: bool, lease: &Lease) -> Tile {
    let window = Window::new(0, 0, 16, 16);
    let mut tile = Tile::unwritten(window, grid.bands.len(), grid.data_type, lease).expect("a tile");
    tile.values.bytes_mut().fill(value);
    if has_hole {
        tile.validity_mut(lease).expect("validity")[20] = 0;
    }
    tile
}

#[test]
fn pixels_without_a_value_need_a_way_to_say_so() {
    let lease = lease();
    let shape = Shape::new(16, 16);
    let plain = grid(DataType::UInt8, 2, shape);
    let whole = shape.whole();
    assert!(encode(&plain, &[], &flat(&plain, 1, false, &lease), whole).is_ok());
    let error = encode(&plain, &[], &flat(&plain, 1, true, &lease), whole);
    assert!(matches!(error, Err(Error::Usage { .. })), "{error:?}");
    let masked = Grid { has_mask: true, ..plain.clone() };
    match encode(&masked, &[], &flat(&masked, 1, true, &lease), whole) {
        Err(Error::Usage { message, .. }) => assert!(message.contains("row 1 and column 4"), "{message}"),
        other => panic!("{other:?}"),
    }
    // Beside a mask nobody looks at the nodata value, so it cannot say it for one band; in a grid of one it is the fill.
    let both = Grid { has_mask: true, nodata: Some(Scalar::Int(9)), ..plain.clone() };
    let error = encode(&both, &[], &flat(&both, 1, true, &lease), whole);
    assert!(matches!(error, Err(Error::Usage { .. })), "{error:?}");
    let both = Grid { nodata: both.nodata, has_mask: true, ..grid(DataType::UInt8, 1, shape) };
    let (bytes, lengths) = encode(&both, &["COMPRESS=NONE"], &flat(&both, 1, true, &lease), whole).expect("a block");
    assert_eq!((bytes[20], bytes[21], lengths.len()), (9, 1, 2));
    let error = encode(&plain, &[], &flat(&plain, 1, false, &lease), Window::new(8, 0, 16, 16));
    assert!(matches!(error, Err(Error::Unexpected { .. })), "{error:?}");
}

/// The grid with opacity as its last band.
fn with_opacity(mut grid: Grid) -> Grid {
    if let Some(last) = std::sync::Arc::make_mut(&mut grid.bands).last_mut() {
        last.colour = BandColour::Opacity;
    }
    grid
}

/// Opacity says that no band has a value, and not that one has none; NaN does.
#[test]
fn opacity_speaks_for_all_bands() {
    let lease = lease();
    let shape = Shape::new(16, 16);
    for interleave in ["INTERLEAVE=PIXEL", "INTERLEAVE=BAND"] {
        for as_stored in [false, true] {
            let bytes = with_opacity(grid(DataType::UInt8, 2, shape));
            let mut tile = flat(&bytes, 1, true, &lease);
            tile.as_stored = as_stored;
            match encode(&bytes, &[interleave], &tile, shape.whole()) {
                Err(Error::Usage { message, hint }) => {
                    assert!(message.contains("row 1 and column 4") && hint.contains("--nodata"), "{message} {hint}");
                }
                other => panic!("{other:?}"),
            }
            // Outside of the block nobody asks.
            assert!(encode(&bytes, &[interleave], &tile, Window::new(2, 0, 14, 16)).is_ok());
            tile.validity_mut(&lease).expect("validity")[256 + 20] = 0;
            assert!(encode(&bytes, &[interleave], &tile, shape.whole()).is_ok());
        }
        let floats = with_opacity(grid(DataType::Float32, 2, shape));
        assert!(encode(&floats, &[interleave], &flat(&floats, 1, true, &lease), shape.whole()).is_ok());
    }
}

#[test]
fn blocks_without_any_value_are_left_out_when_asked_for() {
    let lease = lease();
    let shape = Shape::new(16, 16);
    let check = |grid: &Grid, words: &[&str], value: u8, wanted: &[bool]| {
        let (_, lengths) = encode(grid, words, &flat(grid, value, false, &lease), shape.whole()).expect("a block");
        let present: Vec<bool> = lengths.iter().map(|length| *length > 0).collect();
        assert_eq!(present, wanted, "{words:?} {value}");
    };
    let bytes = grid(DataType::UInt8, 1, shape);
    check(&bytes, &[], 0, &[true]);
    check(&bytes, &["SPARSE_OK=YES"], 0, &[false]);
    check(&bytes, &["SPARSE_OK=YES"], 7, &[true]);
    let sevens = Grid { nodata: Some(Scalar::Int(7)), ..bytes.clone() };
    check(&sevens, &["SPARSE_OK=YES"], 7, &[false]);
    check(&sevens, &["SPARSE_OK=YES"], 0, &[true]);
    check(&Grid { has_mask: true, ..bytes }, &["SPARSE_OK=YES"], 0, &[false, true]);
    // All bits set is NaN; all bytes 0x80 is a small negative number, and -0 is not 0.
    let floats = grid(DataType::Float32, 2, shape);
    check(&floats, &["SPARSE_OK=YES", "INTERLEAVE=BAND"], 0xff, &[true, true]);
    let nans = Grid { nodata: Some(Scalar::Float(f64::NAN)), ..floats.clone() };
    check(&nans, &["SPARSE_OK=YES", "INTERLEAVE=BAND"], 0xff, &[false, false]);
    let mut tile = flat(&floats, 0, false, &lease);
    tile.values_mut::<f32>().expect("floats").fill(-0.0);
    let (_, lengths) = encode(&floats, &["SPARSE_OK=YES"], &tile, shape.whole()).expect("a block");
    assert!(lengths[0] > 0);
}

#[test]
fn blocks_do_not_depend_on_what_was_encoded_before() {
    let lease = lease();
    let shape = Shape::new(16, 16);
    let grid = Grid { has_mask: true, ..grid(DataType::Float32, 2, shape) };
    for codec in ["NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD", "LERC"] {
        let options = options(&[&format!("COMPRESS={codec}")]);
        let mut encoder = BlockEncoder::new(&grid, &options).expect("an encoder");
        let mut encode = |value: u8, rows: u32| {
            let mut bytes = Vec::new();
            let window = Window::new(0, 0, rows, 11);
            let mut put = |part: &[u8]| {
                bytes.extend_from_slice(part);
                Ok(())
            };
            encoder.encode(&flat(&grid, value, value > 3, &lease), window, &mut put).expect("a block");
            bytes
        };
        let first = encode(3, 16);
        encode(200, 5);
        assert_eq!(encode(3, 16), first, "{codec}");
    }
}

/// Blocks of so many bytes each, and one of another length.
struct Fake {
    length: u32,
    last: Piece,
    last_length: u32,
}

impl EncodedBlocks for Fake {
    fn length(&mut self, piece: Piece) -> Result<u32> {
        Ok(if piece == self.last { self.last_length } else { self.length })
    }

    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()> {
        let bytes = vec![piece.column as u8; self.length(piece)? as usize];
        out.write_all(&bytes).map_err(|error| Error::unexpected(error.to_string()))
    }
}

fn description(grid: Grid, container: Container, words: &[&str], overviews: &[Shape]) -> FileDescription {
    FileDescription {
        grid,
        options: options(words),
        container,
        overviews: overviews.to_vec(),
        metadata: vec![],
        palette: None,
        texts: Texts::default(),
        pixel_is_point: false,
        geo_keys: None,
        min_is_white: false,
    }
}

#[test]
fn a_file_of_4_gib_and_a_byte_is_a_big_tiff() {
    let shape = Shape::new(64, 64);
    let last = Piece { level: 0, part: 0, row: 3, column: 3 };
    let plan = |last_length: u32, words: &[&str]| {
        let description = description(grid(DataType::UInt8, 1, shape), Container::Plain, words, &[]);
        Layout::new(&description, &mut Fake { length: 256 << 20, last, last_length })
    };
    let short = plan(0, &[]).expect("a layout");
    let room = u64::from(u32::MAX) - short.bytes();
    let fits = plan(room as u32, &[]).expect("a layout");
    assert_eq!((fits.bytes(), fits.is_big()), (u64::from(u32::MAX), false));
    let larger = plan(room as u32 + 1, &[]).expect("a layout");
    assert!(larger.is_big() && larger.bytes() > u64::from(u32::MAX) + 1);
    let error = plan(room as u32 + 1, &["BIGTIFF=NO"]);
    assert!(matches!(error, Err(Error::Usage { .. })), "{error:?}");
    assert!(plan(0, &["BIGTIFF=YES"]).expect("a layout").is_big());
}

#[test]
fn ranges_make_the_same_file() {
    let last = Piece { level: 1, part: 0, row: 1, column: 1 };
    for (container, words, shape) in [
        (Container::Plain, vec![], Shape::new(50, 80)),
        (Container::Cog, vec![], Shape::new(50, 80)),
        (Container::Cog, vec!["INTERLEAVE=BAND", "BIGTIFF=YES"], Shape::new(50, 80)),
        (Container::Cog, vec!["INTERLEAVE=BAND"], Shape::new(900, 900)),
    ] {
        let grid = Grid { has_mask: true, ..grid(DataType::UInt8, 3, shape) };
        let overviews = [2, 4].map(|by| Shape::new(shape.rows.div_ceil(by), shape.columns.div_ceil(by)));
        let description = description(grid, container, &words, &overviews);
        let mut blocks = Fake { length: 37, last, last_length: 0 };
        let layout = Layout::new(&description, &mut blocks).expect("a layout");
        let path = Path::new("file");
        let mut whole = Vec::new();
        write_head(&mut whole, path, &layout, &mut blocks).expect("a head");
        assert_eq!(whole.len() as u64, layout.data_start());
        write_pieces(&mut whole, path, &layout, 0..layout.pieces(), &mut blocks).expect("pieces");
        assert_eq!(whole.len() as u64, layout.bytes());
        for middle in [0, 1, 7, 4_096, 9_000, layout.pieces()].map(|piece| piece.min(layout.pieces())) {
            let start = layout.offset_of(middle, &mut blocks).expect("an offset");
            let mut end = Vec::new();
            write_pieces(&mut end, path, &layout, middle..layout.pieces(), &mut blocks).expect("pieces");
            assert_eq!(whole[start as usize..], end, "{middle}");
        }
    }
}

/// Pixels of the nodata value would move with all others, and others onto it.
#[test]
fn lossy_lerc_has_no_nodata_value_but_nan() {
    let shape = Shape::new(16, 16);
    for (nodata, words, fits) in [
        (Some(Scalar::Int(0)), &["COMPRESS=LERC", "MAX_Z_ERROR=0.5"][..], false),
        (Some(Scalar::Int(0)), &["COMPRESS=LERC"], true),
        (Some(Scalar::Float(f64::NAN)), &["COMPRESS=LERC", "MAX_Z_ERROR=0.5"], true),
        (None, &["COMPRESS=LERC", "MAX_Z_ERROR=0.5"], true),
    ] {
        let grid = Grid { nodata, ..grid(DataType::Float32, 1, shape) };
        assert_eq!(BlockEncoder::new(&grid, &options(words)).is_ok(), fits, "{nodata:?} {words:?}");
    }
    // Nor opacity, of which 0 stands for no value; beside a mask it is a band like the others.
    for (has_mask, words, fits) in [
        (false, &["COMPRESS=LERC", "MAX_Z_ERROR=3"][..], false),
        (true, &["COMPRESS=LERC", "MAX_Z_ERROR=3"], true),
        (false, &["COMPRESS=LERC"], true),
    ] {
        let grid = Grid { has_mask, ..with_opacity(grid(DataType::UInt8, 2, shape)) };
        assert_eq!(BlockEncoder::new(&grid, &options(words)).is_ok(), fits, "{has_mask} {words:?}");
    }
}

#[test]
fn lerc_blobs_of_version_4_come_back() {
    let lease = lease();
    let shape = Shape::new(16, 16);
    let grid = Grid { nodata: Some(Scalar::Float(f64::NAN)), ..grid(DataType::Float32, 1, shape) };
    for words in [&["COMPRESS=LERC"][..], &["COMPRESS=LERC", "MAX_Z_ERROR=0.25"]] {
        let mut tile = flat(&grid, 0, true, &lease);
        for (at, value) in tile.values_mut::<f32>().expect("floats").iter_mut().enumerate() {
            *value = at as f32 * 0.7;
        }
        let (blob, _) = encode(&grid, words, &tile, shape.whole()).expect("a block");
        assert_eq!(blob[6..10], [4, 0, 0, 0]);
        let back = ::lerc::decode_slice::<f32>(&blob).expect("a blob");
        assert!(!back.mask.is_valid(20) && back.mask.count_valid() == 255);
        let error = |at: usize| (back.pixels[at] - at as f32 * 0.7).abs();
        let most = if words.len() == 1 { 0.0 } else { 0.25 };
        assert!((0..256).filter(|at| *at != 20).all(|at| error(at) <= most + 1e-5));
    }
}

#[test]
fn the_least_value_may_be_white() {
    let path = std::env::temp_dir().join(format!("swath-white-{}.tif", std::process::id()));
    for (min_is_white, wanted) in [(true, crate::geotiff::MIN_IS_WHITE), (false, "min-is-black")] {
        let grid = grid(DataType::UInt8, 1, Shape::new(50, 80));
        let description = FileDescription { min_is_white, ..description(grid, Container::Plain, &[], &[]) };
        let mut blocks = Fake { length: 0, last: Piece { level: 0, part: 0, row: 0, column: 0 }, last_length: 0 };
        let layout = Layout::new(&description, &mut blocks).expect("a layout");
        let mut file = Vec::new();
        write_head(&mut file, &path, &layout, &mut blocks).expect("a head");
        std::fs::write(&path, file).expect("written");
        let back = crate::geotiff::read::GeoTiff::open(&path).expect("a TIFF");
        assert_eq!(back.info().photometric, wanted);
    }
    std::fs::remove_file(&path).expect("removed");
}
