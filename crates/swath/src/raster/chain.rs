//! From a request to the raster that it asks for: inputs are opened and steps are joined. No pixel is read.

use std::sync::Arc;

use swath_core::{Error, Result};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::ops::{self, CalcInput, Conversion};
use swath_raster::{BlockCache, Grid, Raster};

use crate::input_file::InputFile;
use crate::request::{RasterInput, RasterRequest, RasterStep};

/// An input that is open.
pub struct Source {
    /// What expressions call it.
    pub name: Option<String>,
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
        Ok(Source { name: input.name.clone(), file, tiff: GeoTiff::open(&input.path)? })
    };
    inputs.iter().map(open).collect()
}

/// Joins the steps; what is decoded and may be wanted again goes through `cache`.
///
/// # Errors
/// [`Error::Usage`] for steps that do not go with the inputs.
pub fn join(sources: &[Source], request: &RasterRequest, cache: &Arc<BlockCache>) -> Result<Arc<dyn Raster>> {
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
        (_, [raster]) => Arc::clone(raster),
        _ => {
            return Err(Error::Usage {
                message: format!("{} takes one input, got {}", request.command, rasters.len()),
                hint: "swath raster calc takes several".into(),
            });
        }
    };
    for step in steps {
        raster = match step {
            RasterStep::Bands(bands) => {
                ops::convert(raster, &Conversion { bands: bands.clone(), ..Conversion::default() })?
            }
            RasterStep::Scale(scaling) => {
                // Between steps nothing is rounded: the type that was asked for comes at the end.
                let data_type = Some(swath_raster::DataType::Float64);
                ops::convert(raster, &Conversion { scaling: Some(*scaling), data_type, ..Conversion::default() })?
            }
            RasterStep::Calc(text) => {
                calc(text, &[CalcInput { name: None, what: "the step before".into(), raster }], request)?
            }
            RasterStep::Synth(_) => return Err(Error::unexpected("a raster from nothing behind another step")),
        };
    }
    let data_type = request.data_type.or_else(|| unscaled_type(request, &rasters));
    ops::convert(raster, &Conversion { data_type, nodata: request.nodata, ..Conversion::default() })
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
