//! What is said of an image in the fields of its directory.

use swath_core::{Error, Result};
use swath_raster::{Affine, BandColour, DataType, Scalar, Shape};

use super::super::{Compression, Interleave, Predictor, Texts, tags};
use super::directory::{Directory, Value};
use super::layout::FileDescription;
use super::options::WriteOptions;
use super::{geokeys, lerc, metadata};

/// Bits of NewSubfileType.
const REDUCED: u32 = 1;
const MASK: u32 = 4;
/// Values of PhotometricInterpretation.
const MIN_IS_WHITE: u16 = 0;
const MIN_IS_BLACK: u16 = 1;
const RGB: u16 = 2;
const PALETTE: u16 = 3;
const TRANSPARENCY: u16 = 4;
/// Values of ExtraSamples.
const UNSPECIFIED: u16 = 0;
const OPACITY_MULTIPLIED: u16 = 1;
const OPACITY: u16 = 2;
/// The bands that are shown as colours.
const RED_GREEN_BLUE: [BandColour; 3] = [BandColour::Red, BandColour::Green, BandColour::Blue];

/// The directory of the pixels of a level, of so many blocks.
pub(super) fn of_pixels(description: &FileDescription, shape: Shape, level: usize, blocks: u64) -> Result<Directory> {
    let (grid, options) = (&description.grid, &description.options);
    let (bands, data_type) = (grid.bands.len(), grid.data_type);
    let mut directory = common(options, shape, if level == 0 { 0 } else { REDUCED }, blocks);
    let short = |value: u16| Value::Short(vec![value]);
    directory.put(tags::BITS_PER_SAMPLE, Value::Short(vec![8 * data_type.size() as u16; bands]));
    directory.put(tags::COMPRESSION, short(compression_number(options.compression)));
    directory.put(tags::SAMPLES_PER_PIXEL, short(bands as u16));
    let is_planar = options.effective_interleave(bands) == Interleave::Band;
    directory.put(tags::PLANAR_CONFIGURATION, short(if is_planar { 2 } else { 1 }));
    directory.put(tags::SAMPLE_FORMAT, Value::Short(vec![sample_format(data_type); bands]));
    match options.effective_predictor(data_type) {
        Predictor::None => {}
        Predictor::Horizontal => directory.put(tags::PREDICTOR, short(2)),
        Predictor::FloatingPoint => directory.put(tags::PREDICTOR, short(3)),
    }
    if options.compression == Compression::Lerc {
        directory.put(tags::LERC_PARAMETERS, Value::Long(vec![lerc::VERSION, 0]));
    }
    let shown = put_colour(&mut directory, description)?;
    if let Some(nodata) = grid.nodata {
        directory.put(tags::GDAL_NODATA, Value::Text(nodata_text(nodata)));
    }
    if level == 0 {
        if let Some(document) = metadata::document(&grid.bands, &shown, &description.metadata) {
            directory.put(tags::GDAL_METADATA, Value::Text(document));
        }
        put_texts(&mut directory, &description.texts);
        let is_point = description.pixel_is_point && grid.affine.is_some();
        if let Some(affine) = grid.affine {
            let has_system = grid.crs.is_some() || description.geo_keys.is_some();
            let shift = if is_point && has_system { 0.5 } else { 0.0 };
            put_affine(&mut directory, affine.shifted(shift, shift));
        }
        match (&description.geo_keys, &grid.crs) {
            (Some(keys), _) => geokeys::put_as_they_were(&mut directory, keys, is_point),
            (None, Some(crs)) => geokeys::put(&mut directory, crs, is_point)?,
            (None, None) => {}
        }
    }
    Ok(directory)
}

/// The directory of the mask of a level.
pub(super) fn of_mask(options: &WriteOptions, shape: Shape, level: usize, blocks: u64) -> Directory {
    let mut directory = common(options, shape, MASK | if level == 0 { 0 } else { REDUCED }, blocks);
    let numbers = [
        (tags::BITS_PER_SAMPLE, 1),
        (tags::COMPRESSION, compression_number(Compression::Deflate)),
        (tags::PHOTOMETRIC, TRANSPARENCY),
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::PLANAR_CONFIGURATION, 1),
        (tags::SAMPLE_FORMAT, 1),
    ];
    numbers.into_iter().for_each(|(tag, number)| directory.put(tag, Value::Short(vec![number])));
    directory
}

fn common(options: &WriteOptions, shape: Shape, subfile_type: u32, blocks: u64) -> Directory {
    let mut directory = Directory::default();
    let block = options.block();
    let numbers = [
        (tags::NEW_SUBFILE_TYPE, subfile_type),
        (tags::IMAGE_WIDTH, shape.columns),
        (tags::IMAGE_LENGTH, shape.rows),
        (tags::TILE_WIDTH, block.columns),
        (tags::TILE_LENGTH, block.rows),
    ];
    numbers.into_iter().for_each(|(tag, number)| directory.put(tag, Value::Long(vec![number])));
    directory.put(tags::TILE_OFFSETS, Value::Offsets(blocks));
    directory.put(tags::TILE_BYTE_COUNTS, Value::Counts(blocks));
    directory
}

fn compression_number(compression: Compression) -> u16 {
    match compression {
        Compression::None => 1,
        Compression::Lzw => 5,
        Compression::Jpeg => 7,
        Compression::Deflate => 8,
        Compression::PackBits => 32_773,
        Compression::Lerc => 34_887,
        Compression::Zstd => 50_000,
    }
}

fn sample_format(data_type: DataType) -> u16 {
    match data_type {
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => 1,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => 2,
        DataType::Float32 | DataType::Float64 => 3,
    }
}

/// Says what the bands are where the file is shown, as far as fields can: a type that no colour has, and bands in another
/// order, are brightness. Answers what that makes of each band.
fn put_colour(directory: &mut Directory, description: &FileDescription) -> Result<Vec<BandColour>> {
    let (bands, data_type) = (&description.grid.bands, description.grid.data_type);
    let is_shown = matches!(data_type, DataType::UInt8 | DataType::UInt16);
    let is_rgb = bands.iter().map(|band| band.colour).take(3).eq(RED_GREEN_BLUE);
    let (photometric, colours) = match &description.palette {
        Some(palette) if is_shown && bands.len() == 1 && palette.len() == 1 << (8 * data_type.size()) => {
            let channel = |channel: usize| palette.iter().map(move |colour| colour[channel]);
            directory.put(tags::COLOR_MAP, Value::Short((0..3).flat_map(channel).collect()));
            (PALETTE, 1)
        }
        Some(palette) => {
            let (colours, count) = (palette.len(), bands.len());
            return Err(Error::unexpected(format!("a palette of {colours} colours for {count} bands of {data_type}")));
        }
        None if is_shown && is_rgb => (RGB, 3),
        None if description.min_is_white => (MIN_IS_WHITE, 1),
        None => (MIN_IS_BLACK, 1),
    };
    directory.put(tags::PHOTOMETRIC, Value::Short(vec![photometric]));
    let mut shown: Vec<BandColour> = if photometric == RGB { RED_GREEN_BLUE.into() } else { vec![BandColour::None] };
    let mut extra = Vec::new();
    for band in bands.iter().skip(colours) {
        let (number, colour) = match band.colour {
            BandColour::OpacityMultiplied => (OPACITY_MULTIPLIED, band.colour),
            BandColour::Opacity => (OPACITY, band.colour),
            _ => (UNSPECIFIED, BandColour::None),
        };
        extra.push(number);
        shown.push(colour);
    }
    if !extra.is_empty() {
        directory.put(tags::EXTRA_SAMPLES, Value::Short(extra));
    }
    Ok(shown)
}

fn put_texts(directory: &mut Directory, texts: &Texts) {
    let Texts { description, software, date_time, artist, copyright } = texts;
    let fields = [
        (tags::IMAGE_DESCRIPTION, description),
        (tags::SOFTWARE, software),
        (tags::DATE_TIME, date_time),
        (tags::ARTIST, artist),
        (tags::COPYRIGHT, copyright),
    ];
    for (tag, text) in fields {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            directory.put(tag, Value::Text(text.clone()));
        }
    }
}

/// A nodata value as GDAL reads it.
fn nodata_text(nodata: Scalar) -> String {
    match nodata {
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) if value.is_nan() => "nan".into(),
        Scalar::Float(value) => format!("{value:?}"),
    }
}

/// Scale and tie point for grids that point east and south, all six numbers for others.
fn put_affine(directory: &mut Directory, affine: Affine) {
    if affine.is_rectilinear() && affine.a > 0.0 && affine.e < 0.0 {
        directory.put(tags::MODEL_PIXEL_SCALE, Value::Double(vec![affine.a, -affine.e, 0.0]));
        directory.put(tags::MODEL_TIEPOINT, Value::Double(vec![0.0, 0.0, 0.0, affine.c, affine.f, 0.0]));
        return;
    }
    let Affine { a, b, c, d, e, f } = affine;
    let matrix = vec![a, b, 0.0, c, d, e, 0.0, f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    directory.put(tags::MODEL_TRANSFORMATION, Value::Double(matrix));
}
