//! From a request to the raster that it asks for: inputs are opened and steps are joined. No pixel is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use swath_core::{Error, Result};
use swath_formats::geotiff::read::{GeoTiff, sidecars};
use swath_raster::ops::{self, CalcInput, Conversion, MosaicInput, Warp, WarpOptions};
use swath_raster::{BlockCache, DataType, Grid, Raster, Scalar};

use super::steps;
use super::tell::Told;
use crate::info::magic::{self, Sniffed};
use crate::input_file::InputFile;
use crate::request::{OverviewChoice, RasterInput, RasterRequest, RasterStep};

/// An input that is open.
pub struct Source {
    /// What expressions call it.
    pub name: Option<String>,
    /// The path as it was given.
    pub named: PathBuf,
    /// The file as it was when it was opened.
    pub file: InputFile,
    /// Files beside it that it is read with: overviews, a mask, a place.
    pub beside: Vec<InputFile>,
    /// The file.
    pub tiff: Arc<GeoTiff>,
}

/// Opens all inputs.
///
/// # Errors
/// The first input that cannot be read, by the name of its format where it is no TIFF.
pub fn open(inputs: &[RasterInput]) -> Result<Vec<Source>> {
    let open = |input: &RasterInput| {
        let file = InputFile::identify(&input.path)?;
        refuse_other_formats(&input.path)?;
        let beside = sidecars(&input.path).iter().filter_map(|path| InputFile::identify(path).ok()).collect();
        let tiff = GeoTiff::open(&input.path)?;
        Ok(Source { name: input.name.clone(), named: input.path.clone(), file, beside, tiff })
    };
    inputs.iter().map(open).collect()
}

fn refuse_other_formats(path: &Path) -> Result<()> {
    let (what, hint) = match magic::sniff(path)? {
        Sniffed::Tiff => return Ok(()),
        Sniffed::Other { what, hint } if !hint.is_empty() => (what, hint),
        Sniffed::Other { what, .. } => (what, TIFF),
        Sniffed::Parquet => ("Parquet", TIFF),
        Sniffed::Arrow => ("Arrow IPC", TIFF),
        Sniffed::Text => ("text", TIFF),
        Sniffed::Empty => ("an empty file", TIFF),
    };
    let reason = format!("it is {what}, not a TIFF");
    Err(Error::InputUnreadable { path: path.into(), reason, hint: hint.into() })
}

const TIFF: &str = "rasters are read from GeoTIFF: gdal_translate in out.tif makes one of many formats";

/// Opens the rasters whose grids are wanted, and nothing else of them.
///
/// # Errors
/// The first that cannot be read.
pub fn open_likes(steps: &[RasterStep]) -> Result<Vec<Source>> {
    let inputs = steps.iter().filter_map(RasterStep::like);
    let inputs: Vec<RasterInput> = inputs.map(|path| RasterInput { name: None, path: path.into() }).collect();
    open(&inputs)
}

/// A chain that is joined.
pub struct Joined {
    /// Its last raster.
    pub raster: Arc<dyn Raster>,
    /// What is not as exact as it might be, in words.
    pub warnings: Vec<String>,
    /// Its steps, in words.
    pub told: Told,
}

/// What the output says of its pixels, for the step that computes them.
#[derive(Clone, Copy, Default)]
pub struct Written {
    /// Their type, if one was asked for.
    pub data_type: Option<DataType>,
    /// What those without a value are written as, if that was asked for.
    pub nodata: Option<Scalar>,
}

impl Written {
    /// What a step is to know of it before which these ones come: nothing if one of them computes, so that values are
    /// rounded once, and at the end.
    fn before(steps: &[RasterStep], request: &RasterRequest) -> Written {
        match is_end(steps) {
            true => Written { data_type: request.data_type, nodata: request.nodata },
            false => Written::default(),
        }
    }

    /// Whether it is of a type that 32-bit floats do not hold exactly.
    fn is_precise(self) -> bool {
        self.data_type.is_some_and(|data_type| !data_type.fits_float32())
    }
}

/// Joins the steps; what is decoded and may be wanted again goes through `cache`.
///
/// # Errors
/// [`Error::Usage`] for steps that do not go with the inputs.
pub fn join(sources: &[Source], likes: &[Source], request: &RasterRequest, cache: &Arc<BlockCache>) -> Result<Joined> {
    let open = |source: &Source, level| Ok(Arc::new(source.tiff.raster(level, cache)?) as Arc<dyn Raster>);
    let mut rasters: Vec<Arc<dyn Raster>> = sources.iter().map(|source| open(source, 0)).collect::<Result<_>>()?;
    let mut steps = &request.steps[..];
    let mut told = Told::of(request);
    if request.takes_many() {
        // What stands before a mosaic is done to each of its parts.
        while let Some((step, others)) = steps.split_first().filter(|(step, _)| is_picking(step)) {
            told_of_picking(&mut told, step);
            rasters = rasters.into_iter().map(|raster| picked(raster, step)).collect::<Result<_>>()?;
            steps = others;
        }
    }
    let mut warnings = Vec::new();
    let what = |source: &Source| source.file.path.display().to_string();
    let (mut raster, steps) = match (steps, &rasters[..]) {
        ([RasterStep::Synth(synthesis), steps @ ..], []) => {
            (Arc::new(ops::Synth::new(synthesis.clone())?) as Arc<dyn Raster>, steps)
        }
        ([RasterStep::Calc(text), steps @ ..], _) => {
            let inputs = sources.iter().zip(rasters);
            let input =
                |(source, raster): (&Source, _)| CalcInput { name: source.name.clone(), what: what(source), raster };
            told.step("calc");
            (calc(text, &inputs.map(input).collect::<Vec<_>>(), request)?, steps)
        }
        ([RasterStep::Mosaic(step), steps @ ..], _) => {
            let inputs = sources.iter().zip(rasters);
            let inputs = inputs.map(|(source, raster)| MosaicInput { what: what(source), raster });
            let mosaic = steps::mosaic(inputs.collect(), step, likes, Written::before(steps, request))?;
            told.mosaic(step.method, step.resampling);
            warnings.extend_from_slice(mosaic.warnings());
            (Arc::new(mosaic) as Arc<dyn Raster>, steps)
        }
        (steps, [raster]) => (Arc::clone(raster), steps),
        _ => {
            return Err(Error::Usage {
                message: format!("{} takes one input, got {}", request.command, rasters.len()),
                hint: "swath raster calc and mosaic take several".into(),
            });
        }
    };
    for (position, step) in steps.iter().enumerate() {
        let written = Written::before(&steps[position + 1..], request);
        raster = match step {
            RasterStep::Bands(_) | RasterStep::AssumeCrs(_) => {
                told_of_picking(&mut told, step);
                picked(raster, step)?
            }
            RasterStep::Clip(part) => {
                told.step("clip");
                steps::clip(raster, part, likes)?
            }
            RasterStep::Focal(step) => {
                warnings.extend(steps::stretched(raster.grid(), step));
                let focal = steps::focal(raster, step)?;
                told.focal(step, &focal);
                Arc::new(if written.is_precise() { focal.precise() } else { focal })
            }
            RasterStep::Terrain(options) => {
                told.terrain(options.kind);
                match (ops::Terrain::new(raster, *options)?, written.is_precise()) {
                    (terrain, true) => Arc::new(terrain.precise()),
                    (terrain, false) => Arc::new(terrain),
                }
            }
            RasterStep::Warp(step) => {
                let target = steps::target(raster.grid(), step, likes)?;
                let Written { data_type, nodata } = written;
                let options = WarpOptions { data_type, nodata, ..WarpOptions::default() };
                let warp = |raster| Warp::new(raster, &target, step.resampling, &options);
                let mut warped = warp(raster)?;
                let before = &steps[..position];
                let mut level = 0;
                match sources {
                    [source] if steps.len() == request.steps.len() && before.iter().all(is_picking) => {
                        level = overview_of(&source.tiff, warped.ratio(), step.overviews);
                        if level > 0 {
                            warped = warp(before.iter().try_fold(open(source, level)?, picked)?)?;
                        }
                    }
                    _ if matches!(step.overviews, OverviewChoice::Level(_)) => return Err(no_overviews()),
                    _ => {}
                }
                told.warp(step.resampling, level, warped.halo());
                warnings.extend(warped.warning());
                Arc::new(warped)
            }
            RasterStep::Scale(scaling) => {
                // Between steps nothing is rounded; at the end the type is kept unless another one was asked for.
                told.step("scale");
                let Written { data_type, nodata } = written;
                let data_type = if is_end(&steps[position + 1..]) { data_type } else { Some(DataType::Float64) };
                let scaling = Some(*scaling);
                ops::convert(raster, &Conversion { scaling, data_type, nodata, ..Conversion::default() })?
            }
            RasterStep::Calc(text) => {
                told.step("calc");
                calc(text, &[CalcInput { name: None, what: "the step before".into(), raster }], request)?
            }
            RasterStep::Synth(_) | RasterStep::Mosaic(_) => {
                return Err(Error::unexpected("a step that begins a chain behind another one"));
            }
        };
    }
    let (data_type, nodata) = (request.data_type, request.nodata);
    let raster = ops::convert(raster, &Conversion { data_type, nodata, ..Conversion::default() })?;
    Ok(Joined { raster: with_opacity_seen(raster, sources, request), warnings, told })
}

/// The raster as it is written: with a mask in place of opacity that other readers would pass over, unless all pixels are
/// those of inputs of the same type and number of bands.
fn with_opacity_seen(raster: Arc<dyn Raster>, sources: &[Source], request: &RasterRequest) -> Arc<dyn Raster> {
    let of = |grid: &Grid| (grid.data_type, grid.bands.len());
    let stays = |step: &RasterStep| !matches!(step, RasterStep::Warp(_) | RasterStep::Mosaic(_));
    let is_as_it_was = request.steps.iter().all(stays)
        && sources.iter().filter_map(|source| source.tiff.grid(0)).all(|grid| of(grid) == of(raster.grid()));
    if raster.grid().has_opacity_unseen() && !is_as_it_was { Arc::new(ops::Assume::masked(raster)) } else { raster }
}

fn told_of_picking(told: &mut Told, step: &RasterStep) {
    match step {
        RasterStep::Bands(bands) => told.bands(bands),
        RasterStep::AssumeCrs(system) => told.step(format!("assume {system}")),
        _ => {}
    }
}

/// Whether none of these steps computes a value.
fn is_end(steps: &[RasterStep]) -> bool {
    steps.iter().all(|step| is_picking(step) || matches!(step, RasterStep::Clip(_)))
}

/// Whether a step leaves all pixels where they are and as they are.
fn is_picking(step: &RasterStep) -> bool {
    matches!(step, RasterStep::Bands(_) | RasterStep::AssumeCrs(_))
}

/// The level of a file to read where so many of its pixels, along columns and rows, become one. One that says less of
/// which pixels have a value is not taken unasked.
fn overview_of(tiff: &GeoTiff, ratio: (f64, f64), choice: OverviewChoice) -> usize {
    /// An overview is taken that is coarser than what is wanted by this many pixels of the full resolution, as in GDAL.
    const COARSER: f64 = 0.1;
    match (choice, tiff.grid(0)) {
        (OverviewChoice::Level(level), _) => level,
        (OverviewChoice::Auto, Some(full)) => {
            let fits = |level: &usize| {
                let grid = tiff.grid(*level).filter(|grid| grid.shape.pixels() < full.shape.pixels());
                grid.is_some_and(|grid| {
                    let factor = |full: u32, size: u32| f64::from(full) / f64::from(size.max(1));
                    factor(full.shape.columns, grid.shape.columns) <= ratio.0 + COARSER
                        && factor(full.shape.rows, grid.shape.rows) <= ratio.1 + COARSER
                        && (grid.has_mask, grid.data_type) == (full.has_mask, full.data_type)
                })
            };
            let pixels = |level: &usize| tiff.grid(*level).map_or(u64::MAX, |grid| grid.shape.pixels());
            (1..tiff.levels()).filter(fits).min_by_key(pixels).unwrap_or(0)
        }
        _ => 0,
    }
}

fn no_overviews() -> Error {
    Error::Usage {
        message: "an overview is asked for of pixels that are computed".into(),
        hint: "--ovr goes with a warp that reads a file; leave it out".into(),
    }
}

/// A raster of which a step takes some bands, or whose system it says.
fn picked(raster: Arc<dyn Raster>, step: &RasterStep) -> Result<Arc<dyn Raster>> {
    match step {
        RasterStep::Bands(bands) => bands_of(&raster, bands),
        RasterStep::AssumeCrs(system) => steps::assume(raster, system),
        _ => Err(Error::unexpected("a step that computes where bands are picked")),
    }
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

/// Whether a source is stored in strips: pieces as wide as the grid.
pub fn is_in_strips(raster: &dyn Raster) -> bool {
    let grid: &Grid = raster.grid();
    raster.source_blocks().iter().any(|block| block.columns >= grid.shape.columns && block.rows < grid.shape.rows)
}
