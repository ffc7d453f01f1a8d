//! What the output says besides its pixels: what is passed on from the input, as far as it still holds.

use swath_core::{Error, Result};
use swath_formats::geotiff::write::{Container, FileDescription, WriteOptions};
use swath_formats::geotiff::{MIN_IS_WHITE, MetadataItem, Texts};
use swath_raster::ops::{MosaicMethod, OverviewResampling, Resampling, overview_shapes};
use swath_raster::{DataType, Grid, Shape};

use super::{chain::Source, systems};
use crate::request::{RasterFormat, RasterRequest, RasterStep};

/// Describes the file.
///
/// Where no value is computed, the texts of a lone input are passed on, and a palette that all inputs agree on; items of
/// metadata if all bands are there and in their order, too. What bands are in a colour goes with the bands of grids.
///
/// # Errors
/// [`swath_core::Error::Usage`] where the options do not go with the grid.
pub fn description(
    request: &RasterRequest,
    (sources, likes): (&[Source], &[Source]),
    grid: &Grid,
    options: WriteOptions,
) -> Result<FileDescription> {
    let options = options.with_blocks_for(grid.shape);
    options.check_for(grid)?;
    let container = container(request.format);
    let overviews = overviews(&options, container, grid.shape)?;
    let mut description = FileDescription {
        grid: grid.clone(),
        options,
        container,
        overviews,
        metadata: Vec::new(),
        palette: None,
        texts: Texts::default(),
        min_is_white: false,
        geo_keys: systems::kept_keys(&request.steps, sources, likes),
        pixel_is_point: !sources.is_empty() && sources.iter().all(|source| source.tiff.info().pixel_is_point),
    };
    let is_unchanged = request.steps.iter().all(keeps_values);
    if let ([source], true) = (sources, is_unchanged) {
        let info = source.tiff.info();
        // Statistics are of all pixels, and some may be gone.
        let as_they_were = request.steps.is_empty()
            && source.tiff.grid(0).is_some_and(|was| was.data_type == grid.data_type && was.nodata == grid.nodata)
            && description.options.max_z_error == 0.0;
        // Overviews are made anew, and not as those of the input were.
        let of_overviews = |item: &MetadataItem| item.name == "OVR_RESAMPLING_ALG";
        let holds =
            |item: &&MetadataItem| (as_they_were || !item.name.starts_with("STATISTICS_")) && !of_overviews(item);
        description.metadata = info.metadata.iter().filter(holds).cloned().collect();
    }
    let is_picked = request.steps.iter().all(|step| keeps_values(step) || matches!(step, RasterStep::Bands(_)));
    // Colours of numbers are those of the first band; the others have none.
    let is_first = first_of(&request.steps) == Some(0);
    if let ([source], true) = (sources, is_picked) {
        description.texts = source.tiff.info().texts.clone();
        description.min_is_white = is_first && source.tiff.info().photometric == MIN_IS_WHITE;
    }
    if let ([first, others @ ..], true) = (sources, is_picked && is_first) {
        let of_first = palette(first, grid);
        if others.iter().all(|other| palette(other, grid) == of_first) {
            description.palette = of_first;
        }
    }
    Ok(description)
}

/// The band of the input that is the first one behind steps that pick bands.
fn first_of(steps: &[RasterStep]) -> Option<usize> {
    steps.iter().rev().try_fold(0, |band, step| match step {
        RasterStep::Bands(bands) if !bands.is_empty() => bands.get(band).copied(),
        _ => Some(band),
    })
}

/// Whether every pixel that a step gives is one that it was given.
fn keeps_values(step: &RasterStep) -> bool {
    match step {
        RasterStep::Clip(_) | RasterStep::AssumeCrs(_) => true,
        RasterStep::Warp(step) => matches!(step.resampling, Resampling::Near | Resampling::Mode),
        RasterStep::Mosaic(step) => {
            matches!(step.method, MosaicMethod::First | MosaicMethod::Last)
                && matches!(step.resampling, Resampling::Near | Resampling::Mode)
        }
        _ => false,
    }
}

fn container(format: RasterFormat) -> Container {
    match format {
        RasterFormat::Gtiff => Container::Plain,
        RasterFormat::Cog => Container::Cog,
    }
}

/// The shapes of the overviews: as the options say, else all that a COG should have, and none in other files.
fn overviews(options: &WriteOptions, container: Container, shape: Shape) -> Result<Vec<Shape>> {
    let all = || overview_shapes(shape, options.block());
    let words = options.overviews.as_deref().map(str::to_ascii_uppercase);
    match (words.as_deref(), container) {
        (Some("NONE"), _) | (None, Container::Plain) => Ok(Vec::new()),
        (Some("AUTO" | "IGNORE_EXISTING"), _) | (None, Container::Cog) => Ok(all()),
        (Some(other), _) => Err(Error::Usage {
            message: format!("OVERVIEWS={other} cannot be understood"),
            hint: "wanted AUTO or NONE".into(),
        }),
    }
}

/// How overviews are made: as the options say, else by a kernel that suits the colours.
///
/// # Errors
/// [`swath_core::Error::Usage`] for a word that is none.
pub fn resampling(description: &FileDescription) -> Result<OverviewResampling> {
    match (&description.options.overview_resampling, &description.palette) {
        (Some(word), _) => word.parse().map_err(|message| Error::Usage {
            message,
            hint: "OVERVIEW_RESAMPLING=AVERAGE suits measured values, MODE or NEAREST classes".into(),
        }),
        // Between the numbers of two colours there is no colour.
        (None, Some(_)) => Ok(OverviewResampling::Nearest),
        (None, None) => Ok(OverviewResampling::default()),
    }
}

/// The colours of an input as the output can have them: one for each value of its type.
fn palette(source: &Source, grid: &Grid) -> Option<Vec<[u16; 3]>> {
    let has_colours = grid.bands.len() == 1 && matches!(grid.data_type, DataType::UInt8 | DataType::UInt16);
    let map = source.tiff.info().color_map.as_ref().filter(|_| has_colours)?;
    let wanted = 1usize << (8 * grid.data_type.size());
    Some(map.iter().copied().chain(std::iter::repeat([0; 3])).take(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_band_is_found_behind_steps() {
        let bands = |bands: &[usize]| RasterStep::Bands(bands.into());
        let cases = [
            (vec![], Some(0)),
            (vec![bands(&[1])], Some(1)),
            (vec![bands(&[2, 0]), bands(&[1])], Some(0)),
            (vec![bands(&[]), bands(&[0, 1])], Some(0)),
            (vec![bands(&[0]), bands(&[1])], None),
        ];
        for (steps, wanted) in cases {
            assert_eq!(first_of(&steps), wanted, "{steps:?}");
        }
    }
}
