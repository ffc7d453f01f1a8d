//! From a request to the raster that it asks for: inputs are opened and steps are joined. No pixel is read.

use std::path::PathBuf;
use std::sync::Arc;

use swath_core::{Error, Result};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::ops::{self, CalcInput, Conversion};
use swath_raster::{BlockCache, Grid, Raster};

use super::steps;
use crate::input_file::InputFile;
use crate::request::{RasterInput, RasterRequest, RasterStep};

/// An input that is open.
pub struct Source {
    /// What expressions call it.
    pub name: Option<String>,
    /// The path as it was given.
    pub named: PathBuf,
    /// The file as it was when it was opened.
    pub file: InputFile,
    /// The file.
    pub tiff: Arc<GeoTiff>,
}

/// Opens all inputs.
///
/// # Errors
/// The first input that cannot be read.
pub fn open(inputs: &[RasterInput]) -> Result<Vec<Source>> {
    let open = |input: &RasterInput| {
        let file = InputFile::identify(&input.path)?;
        Ok(Source { name: input.name.clone(), named: input.path.clone(), file, tiff: GeoTiff::open(&input.path)? })
    };
    inputs.iter().map(open).collect()
}

/// Opens the rasters whose grids are wanted, and nothing else of them.
///
/// # Errors
/// The first that cannot be read.
pub fn open_likes(steps: &[RasterStep]) -> Result<Vec<Source>> {
    let inputs = steps.iter().filter_map(RasterStep::like);
    let inputs: Vec<RasterInput> = inputs.map(|path| RasterInput { name: None, path: path.into() }).collect();
    open(&inputs)
}

/// Joins the steps; what is decoded and may be wanted again goes through `cache`.
///
/// # Errors
/// [`Error::Usage`] for steps that do not go with the inputs.
pub fn join(
    sources: &[Source],
    likes: &[Source],
    request: &RasterRequest,
    cache: &Arc<BlockCache>,
) -> Result<Arc<dyn Raster>> {
    let open = |source: &Source| Ok(Arc::new(source.tiff.raster(0, cache)?) as Arc<dyn Raster>);
    let rasters: Vec<Arc<dyn Raster>> = sources.iter().map(open).collect::<Result<_>>()?;
    let mut steps = request.steps.iter();
    let mut raster = match (steps.clone().next(), &rasters[..]) {
        (Some(RasterStep::Synth(synthesis)), []) => {
            steps.next();
            Arc::new(ops::Synth::new(synthesis.clone())?)
        }
        (Some(RasterStep::Calc(text)), _) => {
            steps.next();
            let inputs = sources.iter().zip(&rasters).map(|(source, raster)| CalcInput {
                name: source.name.clone(),
                what: source.file.path.display().to_string(),
                raster: Arc::clone(raster),
            });
            calc(text, &inputs.collect::<Vec<_>>(), request)?
        }
        (Some(RasterStep::Mosaic(step)), _) => {
            steps.next();
            steps::mosaic(&rasters, step, request.nodata)?
        }
        (Some(RasterStep::Bands(bands)), [_, _, ..]) if request.takes_many() => {
            steps.next();
            let Some(RasterStep::Mosaic(step)) = steps.next() else {
                return Err(Error::unexpected("bands of several inputs that are not joined"));
            };
            let chosen = rasters.iter().map(|raster| bands_of(raster, bands)).collect::<Result<Vec<_>>>()?;
            steps::mosaic(&chosen, step, request.nodata)?
        }
        (_, [raster]) => Arc::clone(raster),
        _ => {
            return Err(Error::Usage {
                message: format!("{} takes one input, got {}", request.command, rasters.len()),
                hint: "swath raster calc and mosaic take several".into(),
            });
        }
    };
    for step in steps {
        raster = match step {
            RasterStep::Bands(bands) => bands_of(&raster, bands)?,
            RasterStep::AssumeCrs(system) => steps::assume(raster, system)?,
            RasterStep::Clip(part) => steps::clip(raster, part, likes)?,
            RasterStep::Focal(step) => steps::focal(raster, step)?,
            RasterStep::Terrain(options) => Arc::new(ops::Terrain::new(raster, *options)?),
            RasterStep::Warp(step) => steps::warp(raster, step, likes)?,
            RasterStep::Scale(scaling) => {
                // Between steps nothing is rounded: the type that was asked for comes at the end.
                let data_type = Some(swath_raster::DataType::Float64);
                ops::convert(raster, &Conversion { scaling: Some(*scaling), data_type, ..Conversion::default() })?
            }
            RasterStep::Calc(text) => {
                calc(text, &[CalcInput { name: None, what: "the step before".into(), raster }], request)?
            }
            RasterStep::Synth(_) | RasterStep::Mosaic(_) => {
                return Err(Error::unexpected("a step that begins a chain behind another one"));
            }
        };
    }
    let data_type = request.data_type.or_else(|| unscaled_type(request, &rasters));
    ops::convert(raster, &Conversion { data_type, nodata: request.nodata, ..Conversion::default() })
}

/// Some bands of a raster; all if none are named.
///
/// # Errors
/// [`Error::Usage`] for bands that there are none of.
pub fn bands_of(raster: &Arc<dyn Raster>, bands: &[usize]) -> Result<Arc<dyn Raster>> {
    ops::convert(Arc::clone(raster), &Conversion { bands: bands.into(), ..Conversion::default() })
}

/// Expressions, in 64 bits where the output is of a type that 32-bit floats do not hold exactly.
fn calc(text: &str, inputs: &[CalcInput], request: &RasterRequest) -> Result<Arc<dyn Raster>> {
    let precise = request.data_type.is_some_and(|data_type| !data_type.fits_float32());
    Ok(Arc::new(ops::Calc::new(text, inputs, precise)?))
}

/// The type of the input, where a chain scales and nobody asked for another one.
fn unscaled_type(request: &RasterRequest, rasters: &[Arc<dyn Raster>]) -> Option<swath_raster::DataType> {
    let scales = matches!(request.steps.last(), Some(RasterStep::Scale(_)));
    scales.then(|| rasters.first().map(|raster| raster.grid().data_type)).flatten()
}

/// Whether a source is stored in strips: pieces as wide as the grid.
pub fn is_in_strips(raster: &dyn Raster) -> bool {
    let grid: &Grid = raster.grid();
    raster.source_blocks().iter().any(|block| block.columns >= grid.shape.columns && block.rows < grid.shape.rows)
}
