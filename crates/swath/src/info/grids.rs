//! What a raster is: read from its directories, without a pixel.

use std::path::{Path, PathBuf};

use serde::Serialize;
use swath_core::{Bytes, Result};
use swath_formats::geotiff::read::{GeoTiff, TiffInfo};
use swath_raster::{Grid, Shape};

use super::CHUNK_SHARE;

/// A band.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandDescription {
    /// What it shows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it stands for as a colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Physical value = scale × pixel + offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// See `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The unit of the physical value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
}

/// What the pixels take in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RasterFootprint {
    /// All of them.
    pub memory: Bytes,
    /// Memory for each byte on disk.
    pub inflation: f64,
    /// Columns and rows that make a good chunk: whole blocks that take 0.3 × ceiling.
    pub chunk: [u32; 2],
    /// The ceiling that this is for.
    pub ceiling: Bytes,
}

/// What a raster is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RasterDescription {
    /// The path as it was given.
    #[serde(serialize_with = "crate::outcome::lossy")]
    pub path: PathBuf,
    /// `gtiff`.
    pub format: String,
    /// Files; one.
    pub files: u64,
    /// Bytes on disk.
    pub bytes: Bytes,
    /// Columns and rows.
    pub size: [u32; 2],
    /// Type of the pixels.
    pub dtype: String,
    /// What pixels without a value are written as.
    pub nodata: Option<String>,
    /// The bands.
    pub bands: Vec<BandDescription>,
    /// The coordinate system: its code, else its name.
    pub crs: Option<String>,
    /// The affine as a, b, c, d, e, f: x = a × column + b × row + c, y = d × column + e × row + f.
    pub transform: Option<[f64; 6]>,
    /// West, south, east, north of all pixels, in the coordinates of the file.
    pub extent: Option<[f64; 4]>,
    /// Columns and rows of a block as it is stored.
    pub block: [u32; 2],
    /// How blocks are packed.
    pub compression: String,
    /// Columns and rows of each overview.
    pub overviews: Vec<[u32; 2]>,
    /// Whether validity stands in a mask.
    pub mask: bool,
    /// Memory.
    pub footprint: RasterFootprint,
    /// Everything else, as (name, value).
    pub details: Vec<(String, String)>,
    /// What is not as it should be, as sentences.
    pub warnings: Vec<String>,
}

/// Describes a GeoTIFF.
///
/// # Errors
/// What opening it says.
pub fn describe(path: &Path, ceiling: Bytes) -> Result<RasterDescription> {
    let tiff = GeoTiff::open(path)?;
    let (info, grid) = (tiff.info(), tiff.grid(0));
    let grid = grid.ok_or_else(|| swath_core::Error::unexpected("a TIFF without an image was opened"))?;
    let pair = |shape: Shape| [shape.columns, shape.rows];
    let band = |(position, band): (usize, &swath_raster::Band)| BandDescription {
        description: band.description.clone(),
        color: info.colors.get(position).filter(|color| *color != "undefined").cloned(),
        scale: band.scale,
        offset: band.offset,
        units: band.units.clone(),
    };
    Ok(RasterDescription {
        path: path.into(),
        format: "gtiff".into(),
        files: 1,
        bytes: info.file_bytes,
        size: pair(grid.shape),
        dtype: grid.data_type.to_string(),
        nodata: grid.nodata.map(|nodata| nodata.to_string()),
        bands: grid.bands.iter().enumerate().map(band).collect(),
        crs: grid.crs.as_ref().map(|crs| crs.epsg().map_or_else(|| crs.name().into(), |code| format!("EPSG:{code}"))),
        transform: grid.affine.map(|affine| [affine.a, affine.b, affine.c, affine.d, affine.e, affine.f]),
        extent: extent(grid),
        block: pair(info.block),
        compression: info.compression.to_string(),
        overviews: info.levels.iter().skip(1).map(|level| pair(level.shape)).collect(),
        mask: info.mask.is_some(),
        footprint: footprint(grid, info, ceiling),
        details: details(info),
        warnings: info.warnings.clone(),
    })
}

/// The box around all four corners.
fn extent(grid: &Grid) -> Option<[f64; 4]> {
    let affine = grid.affine?;
    let (columns, rows) = (f64::from(grid.shape.columns), f64::from(grid.shape.rows));
    let corners = [(0.0, 0.0), (columns, 0.0), (0.0, rows), (columns, rows)].map(|(x, y)| affine.apply(x, y));
    let bounds = |pick: fn(&(f64, f64)) -> f64| {
        let values = corners.iter().map(pick);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((west, east), (south, north)) = (bounds(|corner| corner.0), bounds(|corner| corner.1));
    Some([west, south, east, north])
}

fn footprint(grid: &Grid, info: &TiffInfo, ceiling: Bytes) -> RasterFootprint {
    let pixel = grid.bands.len() as u64 * grid.pixel_bytes();
    let memory = Bytes(grid.shape.pixels() * pixel);
    let room = (ceiling.0 as f64 * CHUNK_SHARE / pixel as f64) as u64;
    let (block, shape) = (info.block, grid.shape);
    // Squares of blocks; of strips as many as fit, since they are as wide as the raster.
    let along = |side: u32, room: f64| ((room / f64::from(side)).floor().max(1.0) as u32).saturating_mul(side);
    let columns = along(block.columns, (room as f64).sqrt()).min(shape.columns);
    let rows = along(block.rows, room as f64 / f64::from(columns.max(1))).min(shape.rows);
    let inflation = if info.file_bytes > Bytes::ZERO { memory.0 as f64 / info.file_bytes.0 as f64 } else { 0.0 };
    RasterFootprint { memory, inflation, chunk: [columns, rows], ceiling }
}

fn details(info: &TiffInfo) -> Vec<(String, String)> {
    let mut details: Vec<(String, String)> = Vec::new();
    let mut tell = |name: &str, value: Option<String>| details.extend(value.map(|value| (name.into(), value)));
    tell(
        "predictor",
        (info.predictor != swath_formats::geotiff::Predictor::None)
            .then(|| format!("{:?}", info.predictor).to_lowercase()),
    );
    tell(
        "bands lie",
        (info.colors.len() > 1).then(|| format!("by {}", format!("{:?}", info.interleave).to_lowercase())),
    );
    tell("BigTIFF", info.big.then(|| "yes".into()));
    let sparse: u64 = info.levels.iter().map(|level| level.sparse_blocks).sum();
    let blocks: u64 = info.levels.iter().map(|level| level.blocks).sum();
    tell("left out", (sparse > 0).then(|| format!("{sparse} of {blocks} blocks have no data")));
    tell("coordinates", info.pixel_is_point.then(|| "those of pixels' centres in the file".into()));
    let texts = &info.texts;
    tell("written by", texts.software.clone());
    tell("written at", texts.date_time.clone());
    tell("made by", texts.artist.clone());
    tell("copyright", texts.copyright.clone());
    tell("shows", texts.description.clone().filter(|text| text.len() < 200));
    details
}
