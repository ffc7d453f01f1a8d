//! What a file says of itself: its grid, and facts for `swath info`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Result};
use swath_crs::Crs;
use swath_raster::{Affine, Band, BandColour, DataType, Grid, Scalar, Shape};

use super::directory::Directory;
use super::image::Image;
use super::levels::Level;
use super::metadata;
use super::{ByteOrder, colors, kinds, place, sidecar, system};
use crate::geotiff::{Compression, GeoKeys, Interleave, MetadataItem, Predictor, Texts, tags};

/// The longest text that is read.
const TEXT: u64 = 4 << 20;

/// What a file says besides its grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TiffInfo {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub file_bytes: Bytes,
    /// Whether places in it have 64 bits.
    pub big: bool,
    /// How it orders bytes.
    pub byte_order: ByteOrder,
    /// How blocks are packed.
    pub compression: Compression,
    /// What is done to pixels before.
    pub predictor: Predictor,
    /// How bands lie.
    pub interleave: Interleave,
    /// Whether blocks are tiles rather than strips.
    pub tiled: bool,
    /// Rows and columns of a block as it is stored.
    pub block: Shape,
    /// Bits of a sample as it is stored.
    pub bits: u32,
    /// Full resolution first, then overviews.
    pub levels: Vec<LevelInfo>,
    /// The mask of the image, if it has one of its own.
    pub mask: Option<MaskInfo>,
    /// What the numbers stand for (tag 262), in GDAL's words.
    pub photometric: String,
    /// What each band stands for, in GDAL's words; alpha bands are bands here, not validity.
    pub colors: Vec<String>,
    /// Colours of a palette, as red, green and blue of 16 bits.
    pub color_map: Option<ColorMap>,
    /// Where the first row and column are shown (tag 274); 1 is above and left. Pixels come as they are stored.
    pub orientation: u16,
    /// Whether coordinates in the file are those of pixels' centres.
    pub pixel_is_point: bool,
    /// The keys of its reference system, where that has no code.
    pub geo_keys: Option<GeoKeys>,
    /// Whether it says something of a reference system that is not known, so that nothing can be computed in it.
    pub unknown_system: bool,
    /// Whether it defines its reference system itself, so that tables of systems were asked for, whatever they knew.
    pub defines_system: bool,
    /// The nodata value as the file writes it.
    pub nodata_text: Option<String>,
    /// Metadata of GDAL without a meaning here.
    pub metadata: Vec<MetadataItem>,
    /// What the file says of itself in words.
    pub texts: Texts,
    /// What was not understood.
    pub warnings: Vec<String>,
}

/// Colours by value.
pub type ColorMap = Vec<[u16; 3]>;

/// What is said of one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelInfo {
    /// Rows and columns.
    pub shape: Shape,
    /// Rows and columns of a block.
    pub block: Shape,
    /// How blocks are packed.
    pub compression: Compression,
    /// Whether it is in a file of its own.
    pub external: bool,
    /// Bytes of all packed blocks.
    pub stored: Bytes,
    /// How many blocks.
    pub blocks: u64,
    /// How many of them were never written.
    pub sparse_blocks: u64,
    /// Whether it has a mask.
    pub has_mask: bool,
}

/// What is said of a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskInfo {
    /// Whether it is in a file of its own.
    pub external: bool,
    /// Planes: one for all bands, or one for each.
    pub planes: usize,
    /// How blocks are packed.
    pub compression: Compression,
}

/// What was found in the tags of the first image.
pub(super) struct Described {
    full: Shape,
    affine: Option<Affine>,
    crs: Option<Arc<Crs>>,
    nodata: Option<Scalar>,
    bands: Arc<[Band]>,
    rest: TiffInfo,
}

/// Reads the tags of the image at full resolution that are not about its blocks.
pub(super) fn describe(level: &Level, directory: &Directory, warnings: &mut Vec<String>) -> Result<Described> {
    let (input, image) = (&*level.input, &level.image);
    let mut text = |tag: u16| match directory.text(input, tag, TEXT) {
        Ok(text) => text,
        Err(error) => {
            warnings.push(format!("left out: {error}"));
            None
        }
    };
    let nodata_text = text(tags::GDAL_NODATA);
    let xml = text(tags::GDAL_METADATA);
    let texts = Texts {
        description: text(tags::IMAGE_DESCRIPTION),
        software: text(tags::SOFTWARE),
        date_time: text(tags::DATE_TIME),
        artist: text(tags::ARTIST),
        copyright: text(tags::COPYRIGHT),
    };
    let extra = kinds::extra_samples(input, directory)?;
    let band = |colour: BandColour| Band { colour, ..Band::default() };
    let mut bands: Vec<Band> = colors::of_bands(image, &extra).into_iter().map(band).collect();
    let metadata = xml.map_or_else(Vec::new, |xml| metadata::items(&xml, &mut bands));
    let system = system::read(input, directory, warnings);
    let affine = place::affine(input, directory, system.pixel_is_point, warnings).unwrap_or_else(|error| {
        warnings.push(format!("its place is left out: {error}"));
        None
    });
    let orientation = directory.number(input, tags::ORIENTATION)?.unwrap_or(1) as u16;
    if orientation != 1 {
        warnings.push(format!(
            "its pixels are stored in orientation {orientation} (tag 274) and come as they are stored, not as they are shown"
        ));
    }
    let nodata = nodata_text.as_deref().and_then(|text| nodata(text, image, warnings));
    let rest = TiffInfo {
        path: input.path().into(),
        file_bytes: Bytes(input.length),
        big: input.big,
        byte_order: input.order,
        compression: image.compression,
        predictor: image.predictor,
        interleave: image.interleave,
        tiled: image.tiled,
        block: image.block,
        bits: image.bits,
        levels: Vec::new(),
        mask: level.mask.as_ref().map(|(file, mask)| MaskInfo {
            external: file.path() != input.path(),
            planes: mask.samples,
            compression: mask.compression,
        }),
        photometric: colors::photometric(image).into(),
        colors: colors::colors(image, &extra),
        color_map: colors::color_map((input, directory), image, warnings),
        orientation,
        pixel_is_point: system.pixel_is_point,
        geo_keys: system.keys,
        unknown_system: system.is_unknown,
        defines_system: system.is_defined,
        nodata_text,
        metadata,
        texts,
        warnings: Vec::new(),
    };
    let affine = match affine {
        Some(affine) => Some(affine),
        None => place::world_file(input.path())?,
    };
    let said = sidecar::Said {
        affine: affine.as_ref(),
        bands: &bands,
        has_palette: rest.color_map.is_some(),
        is_nodata: &|text| self::nodata(text, image, &mut Vec::new()).is_some_and(|value| Some(value) == nodata),
    };
    warnings.extend(sidecar::left_out(input.path(), &said));
    // Tags that could not be read are missing above.
    input.check_read()?;
    Ok(Described { full: image.shape, affine, crs: system.crs.map(Arc::new), nodata, bands: bands.into(), rest })
}

impl Described {
    /// The grid of a level.
    pub fn grid(&self, level: &Level) -> Grid {
        let (image, full) = (&level.image, self.full);
        let rows = f64::from(full.rows) / f64::from(image.shape.rows);
        let columns = f64::from(full.columns) / f64::from(image.shape.columns);
        // Rows of blocks that are not packed can be had one by one.
        let block = match image.compression {
            Compression::None if !image.tiled => Shape::new(image.piece_rows(), image.block.columns),
            _ => image.block,
        };
        Grid {
            shape: image.shape,
            affine: self.affine.map(|affine| affine.scaled(columns, rows)),
            crs: self.crs.clone(),
            data_type: image.data_type,
            nodata: self.nodata,
            has_mask: level.mask.is_some(),
            block,
            bands: self.bands.clone(),
        }
    }

    /// The facts, with those of all levels.
    pub fn info(self, levels: &[Level], warnings: Vec<String>) -> TiffInfo {
        let info = |level: &Level| LevelInfo {
            shape: level.image.shape,
            block: level.image.block,
            compression: level.image.compression,
            external: level.external,
            stored: Bytes(level.image.index.stored),
            blocks: level.image.blocks(),
            sparse_blocks: level.image.index.sparse,
            has_mask: level.mask.is_some(),
        };
        TiffInfo { levels: levels.iter().map(info).collect(), warnings, ..self.rest }
    }
}

impl TiffInfo {
    /// Memory of the texts and tables.
    pub(super) fn text_bytes(&self) -> u64 {
        let Texts { description, software, date_time, artist, copyright } = &self.texts;
        let texts = [&self.nodata_text, description, software, date_time, artist, copyright];
        let texts: usize = texts.into_iter().map(text_bytes).sum();
        let items = self
            .metadata
            .iter()
            .map(|item| item.name.capacity() + item.value.capacity() + 2 * TEXT_BYTES + text_bytes(&item.domain));
        let items = items.sum::<usize>() + size_of::<MetadataItem>() * self.metadata.capacity();
        let map = self.color_map.as_ref().map_or(0, |map| size_of::<[u16; 3]>() * map.capacity());
        let words = |words: &Vec<String>| {
            let texts: usize = words.iter().map(|word| word.capacity() + TEXT_BYTES).sum();
            texts + size_of::<String>() * words.capacity()
        };
        let levels = size_of::<LevelInfo>() * self.levels.capacity();
        let of_keys = |keys: &GeoKeys| 8 * (keys.entries.capacity() + keys.numbers.capacity()) + keys.text.capacity();
        let keys = self.geo_keys.as_ref().map_or(0, of_keys);
        (keys + texts + items + map + words(&self.warnings) + words(&self.colors) + levels) as u64
    }

    /// Bands that say how opaque pixels are (positions from 0).
    pub fn alpha_bands(&self) -> Vec<usize> {
        self.colors.iter().enumerate().filter(|(_, color)| *color == "alpha").map(|(band, _)| band).collect()
    }
}

/// What the allocator keeps for a text, besides its bytes.
const TEXT_BYTES: usize = 16;

fn text_bytes(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, |text| text.capacity() + TEXT_BYTES)
}

/// Memory of what is said of bands.
pub(super) fn bands_bytes(bands: &[Band]) -> u64 {
    let texts: usize = bands.iter().map(|band| text_bytes(&band.description) + text_bytes(&band.units)).sum();
    (size_of_val(bands) + texts) as u64
}

/// The nodata value, if pixels can have it.
fn nodata(text: &str, image: &Image, warnings: &mut Vec<String>) -> Option<Scalar> {
    let text = text.trim();
    let value = match text.parse::<Scalar>() {
        Ok(value) => value,
        Err(error) => {
            warnings.push(format!("its nodata value is left out: {error}"));
            return None;
        }
    };
    if !value.fits(image.data_type) {
        warnings.push(format!("its nodata value {text} is left out: no pixel of type {} can have it", image.data_type));
        return None;
    }
    if image.data_type != DataType::Float32 {
        return Some(value);
    }
    // As the pixels that have it: formats write such values with more digits, or fewer.
    let rounded = value.as_f64() as f32;
    Some(if f64::from(rounded) == value.as_f64() { value } else { Scalar::Float(f64::from(rounded)) })
}
