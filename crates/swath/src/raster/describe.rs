//! What the output says besides its pixels: what is passed on from the input, as far as it still holds.

use swath_core::Result;
use swath_formats::geotiff::write::{Colour, Container, FileDescription, MetadataItem, WriteOptions};
use swath_raster::{DataType, Grid};

use super::chain::Source;
use crate::request::{RasterRequest, RasterStep};

/// Describes the file.
///
/// Items of metadata and colours are passed on where all bands of one input are, unchanged and in their order.
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
    let mut description = FileDescription {
        grid: grid.clone(),
        options,
        container: Container::Plain,
        overviews: Vec::new(),
        metadata: Vec::new(),
        colour: Colour::Grey,
    };
    if let ([source], []) = (sources, &request.steps[..]) {
        let info = source.tiff.info();
        let item = |item: &swath_formats::geotiff::read::MetadataItem| MetadataItem {
            name: item.name.clone(),
            value: item.value.clone(),
            band: item.band,
            domain: item.domain.clone(),
        };
        description.metadata = info.metadata.iter().map(item).collect();
        description.colour = colour(source, grid);
    }
    let keeps_colours = matches!(request.steps[..], [RasterStep::Bands(_)]);
    if keeps_colours && grid.bands.len() >= 3 && is_colour_type(grid.data_type) {
        description.colour = if sources.iter().all(shows_colours) { Colour::Rgb } else { Colour::Grey };
    }
    Ok(description)
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
