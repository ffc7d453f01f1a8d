//! Reference systems that files name and in which nothing is computed here: where they go on as they are, and where they
//! are refused.

use swath_core::{Error, Result};
use swath_formats::geotiff::GeoKeys;

use super::chain::Source;
use crate::request::{FocalStep, MosaicStep, Radius, RasterPart, RasterRequest, RasterStep, WarpStep};

/// The ways on from a system that is not known.
const WAYS_ON: &str = "gdalwarp brings it to a system that is known here; gdal_edit.py -a_srs, or --src-crs of clip, warp \
                       and mosaic, says which one it is";

/// Whether a file defines its reference system itself, so that reading it asks for the tables of systems.
pub fn defines_system(source: &Source) -> bool {
    source.tiff.info().defines_system
}

/// The keys of a system without a code, where they hold for all inputs and stay those of the output.
pub fn kept_keys(steps: &[RasterStep], sources: &[Source], likes: &[Source]) -> Option<GeoKeys> {
    let keeps_system = |step: &RasterStep| match step {
        RasterStep::Warp(step) => step.crs.is_none(),
        RasterStep::Mosaic(step) => step.crs.is_none(),
        RasterStep::AssumeCrs(_) => false,
        _ => true,
    };
    if !steps.iter().all(keeps_system) {
        return None;
    }
    // A part that lies under a raster has the system of what it is a part of.
    let grids = steps.iter().filter(|step| !matches!(step, RasterStep::Clip(_))).filter_map(|step| like(step, likes));
    let all: Vec<&Source> = sources.iter().chain(grids).collect();
    let says_where = |source: &&&Source| has_system(source) || unknown(source).is_some();
    let keys = |source: &Source| source.tiff.info().geo_keys.clone();
    let kept = all.iter().find(says_where).or_else(|| all.iter().find(|source| keys(source).is_some()))?;
    let kept = keys(kept)?;
    let agrees = |source: &&Source| match &source.tiff.info().geo_keys {
        Some(other) => unknown(source).is_none() && !has_system(source) || other.mean_the_same(&kept),
        None => !has_system(source),
    };
    let heights = |source: &&Source| keys(source).and_then(|keys| keys.heights()) == kept.heights();
    match (all.iter().all(agrees), all.iter().all(heights)) {
        (true, true) => Some(kept),
        (true, false) => Some(kept.without_heights()),
        (false, _) => None,
    }
}

/// What of the inputs' systems the output does not say, in words.
pub fn lost(sources: &[Source], kept: Option<&GeoKeys>) -> Vec<String> {
    let told = |source: &Source| {
        let heights = source.tiff.info().geo_keys.as_ref()?.heights()?;
        Some(format!("{}: its system of heights ({heights}) is left out of the output", source.named.display()))
    };
    match kept.and_then(GeoKeys::heights) {
        Some(_) => Vec::new(),
        None => sources.iter().filter_map(told).collect(),
    }
}

/// Refuses rasters whose systems are not known well enough to be brought together, or to be measured in.
///
/// # Errors
/// [`Error::Usage`] for several systems of which one cannot be computed in, and for lengths where such a one may have
/// another unit.
pub fn refuse_unknown(request: &RasterRequest, sources: &[Source], likes: &[Source]) -> Result<()> {
    let mut is_assumed = false;
    for step in &request.steps {
        match step {
            RasterStep::AssumeCrs(_) => is_assumed = true,
            _ if is_assumed => {}
            RasterStep::Warp(WarpStep { crs: Some(_), .. })
            | RasterStep::Mosaic(MosaicStep { crs: Some(_), .. })
            | RasterStep::Clip(RasterPart::Bounds { crs: Some(_), .. }) => refuse_way_from(sources)?,
            RasterStep::Mosaic(_) => refuse_differing(sources.iter(), false)?,
            RasterStep::Calc(_) => refuse_differing(sources.iter(), true)?,
            RasterStep::Terrain(options) if !options.kind.is_of_heights_alone() => {
                refuse_unit_of(sources, GeoKeys::may_be_angles, "")?;
            }
            RasterStep::Focal(FocalStep { radius: Radius::Ground(_), .. }) => {
                refuse_unit_of(sources, |keys| !keys.are_in_metres(), "; a radius in pixels needs none")?;
            }
            _ => {}
        }
        let Some(like) = like(step, likes) else { continue };
        if !is_assumed {
            refuse_differing(sources.iter().chain([like]), matches!(step, RasterStep::Clip(RasterPart::Like(_))))?;
        } else if unknown(like).is_some() {
            return refuse_way_from(std::slice::from_ref(like));
        }
    }
    Ok(())
}

/// Refuses rasters from whose systems no way leads to another one.
fn refuse_way_from(sources: &[Source]) -> Result<()> {
    match sources.iter().find(|source| unknown(source).is_some()) {
        None => Ok(()),
        Some(source) => Err(Error::Usage {
            message: format!("nothing can be computed in the reference system of {}", source.named.display()),
            hint: WAYS_ON.into(),
        }),
    }
}

/// The raster that a step takes a grid of.
fn like<'s>(step: &RasterStep, likes: &'s [Source]) -> Option<&'s Source> {
    let path = step.like()?;
    likes.iter().find(|like| like.named == path)
}

/// Refuses rasters that may be in different systems, one of them unknown; `any_goes` if those that name none go with any.
fn refuse_differing<'s>(rasters: impl Iterator<Item = &'s Source> + Clone, any_goes: bool) -> Result<()> {
    let Some((first, keys)) = rasters.clone().find_map(|source| Some((source, unknown(source)?))) else {
        return Ok(());
    };
    let mut rasters = rasters;
    let differs = |source: &&Source| match unknown(source) {
        Some(other) => !other.mean_the_same(keys),
        None => has_system(source) || !any_goes,
    };
    match rasters.find(differs) {
        None => Ok(()),
        Some(other) => Err(Error::Usage {
            message: format!(
                "the reference systems of {} and {} may differ, and nothing can be computed in that of {}",
                first.named.display(),
                other.named.display(),
                first.named.display()
            ),
            hint: WAYS_ON.into(),
        }),
    }
}

fn refuse_unit_of(sources: &[Source], has_another: impl Fn(&GeoKeys) -> bool, more: &str) -> Result<()> {
    match sources.iter().find(|source| unknown(source).is_some_and(&has_another)) {
        None => Ok(()),
        Some(source) => Err(Error::Usage {
            message: format!("coordinates of {} are not known to be lengths in metres", source.named.display()),
            hint: format!("{WAYS_ON}{more}"),
        }),
    }
}

/// The keys of a file that say something of a plane, in which nothing is computed.
fn unknown(source: &Source) -> Option<&GeoKeys> {
    let info = source.tiff.info();
    info.geo_keys.as_ref().filter(|_| info.unknown_system)
}

fn has_system(source: &Source) -> bool {
    source.tiff.grid(0).is_some_and(|grid| grid.crs.is_some())
}
