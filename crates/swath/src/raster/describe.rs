//! What the output says besides its pixels: what is passed on from the input, as far as it still holds.

use swath_core::{Error, Result};
use swath_formats::geotiff::read;
use swath_formats::geotiff::write::{Colour, Container, FileDescription, MetadataItem, WriteOptions};
use swath_raster::ops::{MosaicMethod, OverviewResampling, Resampling, overview_shapes};
use swath_raster::{DataType, Grid, Shape};

use super::chain::Source;
use crate::request::{RasterRequest, RasterStep};

/// Describes the file.
///
/// Items of metadata and colours are passed on where all bands of one input are in their order and no value is computed;
/// colours also where several inputs agree on them.
///
/// # Errors
/// [`swath_core::Error::Usage`] where the options do not go with the grid.
pub fn description(
    request: &RasterRequest,
    sources: &[Source],
    grid: &Grid,
    options: WriteOptions,
) -> Result<FileDescription> {
    options.check_for(grid)?;
    let container = container(&request.format)?;
    let overviews = overviews(&options, container, grid.shape)?;
    let mut description = FileDescription {
        grid: grid.clone(),
        options,
        container,
        overviews,
        metadata: Vec::new(),
        colour: Colour::Grey,
    };
    let is_unchanged = request.steps.iter().all(keeps_values);
    if let ([source], true) = (sources, is_unchanged) {
        let info = source.tiff.info();
        // Statistics are of all pixels, and some may be gone.
        let holds = |item: &&read::MetadataItem| request.steps.is_empty() || !item.name.starts_with("STATISTICS_");
        let item = |item: &read::MetadataItem| MetadataItem {
            name: item.name.clone(),
            value: item.value.clone(),
            band: item.band,
            domain: item.domain.clone(),
        };
        description.metadata = info.metadata.iter().filter(holds).map(item).collect();
    }
    if let ([first, others @ ..], true) = (sources, is_unchanged) {
        let of_first = colour(first, grid);
        if others.iter().all(|other| colour(other, grid) == of_first) {
            description.colour = of_first;
        }
    }
    let keeps_colours = request.steps.iter().all(|step| keeps_values(step) || matches!(step, RasterStep::Bands(_)));
    if keeps_colours && !is_unchanged && grid.bands.len() >= 3 && is_colour_type(grid.data_type) {
        description.colour = if sources.iter().all(shows_colours) { Colour::Rgb } else { Colour::Grey };
    }
    Ok(description)
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

fn container(format: &str) -> Result<Container> {
    match format {
        "gtiff" => Ok(Container::Plain),
        "cog" => Ok(Container::Cog),
        _ => Err(Error::Usage {
            message: format!("{format:?} is no format that can be written: wanted gtiff or cog"),
            hint: "leave -f out to write GeoTIFF".into(),
        }),
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
    match (&description.options.overview_resampling, &description.colour) {
        (Some(word), _) => word.parse().map_err(|message| Error::Usage {
            message,
            hint: "OVERVIEW_RESAMPLING=AVERAGE suits measured values, MODE or NEAREST classes".into(),
        }),
        // Between the numbers of two colours there is no colour.
        (None, Colour::Palette(_)) => Ok(OverviewResampling::Nearest),
        (None, _) => Ok(OverviewResampling::default()),
    }
}

fn is_colour_type(data_type: DataType) -> bool {
    matches!(data_type, DataType::UInt8 | DataType::UInt16)
}

fn shows_colours(source: &Source) -> bool {
    source.tiff.info().colors.iter().map(String::as_str).take(3).eq(["red", "green", "blue"])
}

fn colour(source: &Source, grid: &Grid) -> Colour {
    let info = source.tiff.info();
    if let (Some(map), true) = (&info.color_map, grid.bands.len() == 1 && is_colour_type(grid.data_type)) {
        let wanted = 1usize << (8 * grid.data_type.size());
        let channel = |channel: usize| {
            let known = map.iter().map(move |colour| colour[channel]);
            known.chain(std::iter::repeat(0)).take(wanted)
        };
        return Colour::Palette(channel(0).chain(channel(1)).chain(channel(2)).collect());
    }
    match (shows_colours(source), is_colour_type(grid.data_type), info.colors.get(3).map(String::as_str)) {
        (true, true, Some("alpha")) if grid.bands.len() == 4 => Colour::RgbAlpha,
        (true, true, _) if grid.bands.len() >= 3 => Colour::Rgb,
        _ => Colour::Grey,
    }
}
