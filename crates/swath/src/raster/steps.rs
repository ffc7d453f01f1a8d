//! The steps of a chain that know places: from words of a request to operators over rasters.

use std::path::Path;
use std::sync::Arc;

use swath_core::{Bytes, Error, LedgerLine, Result};
use swath_crs::{Bounds, Crs, CrsError};
use swath_raster::ops::{
    Assume, Clip, Focal, FocalOptions, Footprint, Mosaic, MosaicInput, MosaicOptions, WarpTarget, radius_in_pixels,
    window_of_bounds, window_of_grid,
};
use swath_raster::{Grid, Raster};

use super::chain::{Source, Written};
use super::systems::defines_system;
use crate::request::{FocalStep, MosaicStep, Outline, Radius, RasterPart, RasterRequest, RasterStep, WarpStep};
use crate::work::transformations_line;

/// The system that a text names.
///
/// # Errors
/// [`Error::Usage`] for a text that names none.
pub fn crs(text: &str) -> Result<Arc<Crs>> {
    let refuse = |error: CrsError| Error::Usage { message: error.to_string(), hint: error.hint().into() };
    Crs::parse(text).map(Arc::new).map_err(refuse)
}

/// Only a part of a raster.
///
/// # Errors
/// [`Error::Usage`] for a part that does not meet it.
pub fn clip(raster: Arc<dyn Raster>, part: &RasterPart, likes: &[Source]) -> Result<Arc<dyn Raster>> {
    let grid = raster.grid();
    let window = match part {
        RasterPart::Window(window) => *window,
        RasterPart::Like(path) => window_of_grid(grid, grid_of(path, likes)?)?,
        RasterPart::Bounds { bounds, crs: system } => {
            let (min_x, min_y, max_x, max_y) = *bounds;
            let system = system.as_deref().map(crs).transpose()?;
            window_of_bounds(grid, Bounds { min_x, min_y, max_x, max_y }, system.as_deref())?
        }
    };
    Ok(Arc::new(Clip::new(raster, window)?))
}

/// The grid of a raster that is looked at only.
fn grid_of<'s>(path: &Path, likes: &'s [Source]) -> Result<&'s Grid> {
    let source = likes.iter().find(|source| source.named == path);
    let grid = source.and_then(|source| source.tiff.grid(0));
    grid.ok_or_else(|| Error::unexpected(format!("{} was not opened", path.display())))
}

/// A raster whose coordinates are of the system that a text names.
///
/// # Errors
/// [`Error::Usage`] for a text that names none.
pub fn assume(raster: Arc<dyn Raster>, system: &str) -> Result<Arc<dyn Raster>> {
    Ok(Arc::new(Assume::crs(raster, crs(system)?)))
}

/// A statistic or filter.
///
/// # Errors
/// [`Error::Usage`] for a footprint that makes no sense.
pub fn focal(raster: Arc<dyn Raster>, step: &FocalStep) -> Result<Focal> {
    let on_ground = |ground: f64| radius_in_pixels(raster.grid(), ground);
    let footprint = match (&step.kernel, step.outline, step.radius) {
        (Some(kernel), _, _) => Footprint::Kernel(kernel.clone()),
        (None, Outline::Circle, Radius::Pixels(radius)) => Footprint::Circle(radius),
        (None, Outline::Circle, Radius::Ground(ground)) => {
            let (columns, rows) = on_ground(ground)?;
            Footprint::Ellipse { columns, rows }
        }
        // Whole pixels whose half sides are the nearest to what was asked for.
        (None, Outline::Square, Radius::Ground(ground)) => {
            let (columns, rows) = on_ground(ground)?;
            Footprint::Rectangle { columns: columns.round() as u32, rows: rows.round() as u32 }
        }
        (None, Outline::Square, Radius::Pixels(radius)) if radius.fract() == 0.0 => Footprint::Square(radius as u32),
        (None, Outline::Square, Radius::Pixels(radius)) => {
            return Err(Error::Usage {
                message: format!("a square has no radius of {radius} pixels"),
                hint: "a whole number of pixels, or --shape circle".into(),
            });
        }
    };
    let options = FocalOptions { statistic: step.statistic, footprint, edges: step.edges };
    Focal::new(raster, options)
}

/// What is to be told of a radius in metres where those of the coordinates are far from those on the ground.
pub fn stretched(grid: &Grid, step: &FocalStep) -> Option<String> {
    /// Mercator's projections of the whole world: EPSG codes.
    const MERCATOR: [u32; 2] = [3857, 3395];
    let code = grid.crs.as_deref().and_then(Crs::epsg).filter(|code| MERCATOR.contains(code))?;
    matches!(step.radius, Radius::Ground(_)).then(|| {
        format!(
            "the radius is in metres of the coordinates, and at latitude φ one of EPSG:{code} is cos φ metres on the \
             ground: warp to a UTM zone for distances"
        )
    })
}

/// The grid that another one is brought to.
///
/// # Errors
/// [`Error::Usage`] where no way leads there.
pub fn target(grid: &Grid, step: &WarpStep, likes: &[Source]) -> Result<WarpTarget> {
    match &step.like {
        Some(path) => WarpTarget::like(grid_of(path, likes)?),
        None => {
            let system = step.crs.as_deref().map(crs).transpose()?;
            let bounds_crs = step.bounds_crs.as_deref().map(crs).transpose()?;
            WarpTarget::suggest(grid, system.as_ref(), &step.wishes, bounds_crs.as_deref())
        }
    }
}

/// All inputs as one raster.
///
/// # Errors
/// [`Error::Usage`] for inputs that cannot be joined.
pub fn mosaic(inputs: Vec<MosaicInput>, step: &MosaicStep, likes: &[Source], written: Written) -> Result<Mosaic> {
    let options = MosaicOptions {
        method: step.method,
        crs: step.crs.clone(),
        resolution: step.resolution,
        bounds: step.bounds,
        bounds_crs: step.bounds_crs.clone(),
        is_aligned: step.is_aligned,
        resampling: step.resampling,
        data_type: written.data_type,
        nodata: written.nodata,
    };
    match &step.like {
        Some(path) => Mosaic::on(inputs, WarpTarget::like(grid_of(path, likes)?)?, &options),
        None => Mosaic::new(inputs, &options),
    }
}

/// What the steps hold throughout, beside what they read: transformations, and where pixels come from.
pub fn lines(request: &RasterRequest, sources: &[Source], likes: &[Source], raster: &dyn Raster) -> Vec<LedgerLine> {
    let mut systems = sources.iter().chain(likes).filter_map(|source| source.tiff.grid(0)?.crs.as_deref());
    let first = systems.next();
    let differ = first.is_some_and(|first| systems.any(|other| !first.is_same_as(other)));
    // Slopes on degrees ask for the ellipsoid, which comes from the same tables.
    let in_degrees = first.is_some_and(Crs::is_geographic);
    let defined = sources.iter().chain(likes).any(defines_system);
    let names_a_system = |step: &RasterStep| match step {
        RasterStep::Warp(step) => step.crs.is_some() || step.bounds_crs.is_some(),
        RasterStep::Mosaic(step) => step.crs.is_some() || step.bounds_crs.is_some(),
        RasterStep::Clip(RasterPart::Bounds { crs, .. }) => crs.is_some(),
        RasterStep::AssumeCrs(_) => true,
        RasterStep::Terrain(_) => in_degrees,
        _ => false,
    };
    let transforms = (differ || defined || request.steps.iter().any(names_a_system)).then(transformations_line);
    let held = raster.held_bytes();
    let places = (held > Bytes::ZERO).then(|| LedgerLine {
        name: "places".into(),
        bytes: held,
        reason: "where squares of the output come from".into(),
    });
    transforms.into_iter().chain(places).collect()
}
