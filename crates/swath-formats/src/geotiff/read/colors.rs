//! What the numbers of pixels stand for, in GDAL's words. Nothing here changes a pixel.

use swath_raster::BandColour;

use super::directory::Directory;
use super::image::Image;
use super::info::ColorMap;
use super::input::Input;
use super::kinds::{OPACITY, OPACITY_MULTIPLIED};
use crate::geotiff::{Compression, MIN_IS_WHITE, tags};

/// Photometric interpretation: numbers of colours.
pub(super) const PALETTE: u16 = 3;

/// What all of them stand for.
pub(super) fn photometric(image: &Image) -> &'static str {
    match image.photometric {
        0 => MIN_IS_WHITE,
        1 => "min-is-black",
        2 => "rgb",
        3 => "palette",
        4 => "mask",
        5 => "cmyk",
        6 => "ycbcr",
        8 | 9 => "cielab",
        _ => "other",
    }
}

/// What each band stands for; `extra` is what those beyond a colour are.
pub(super) fn colors(image: &Image, extra: &[u64]) -> Vec<String> {
    let base: &[&str] = match image.photometric {
        0 | 1 => &["gray"],
        2 => &["red", "green", "blue"],
        3 => &["palette"],
        5 => &["cyan", "magenta", "yellow", "black"],
        // JPEG's luminance and chrominance are read as colours.
        6 if image.compression == Compression::Jpeg => &["red", "green", "blue"],
        6 => &["Y", "Cb", "Cr"],
        _ => &[],
    };
    let base = &base[..base.len().min(image.samples)];
    let extra_from = image.samples - extra.len().min(image.samples);
    let color = |band: usize| {
        let kind = band.checked_sub(extra_from).and_then(|place| extra.get(place));
        match (kind, base.get(band)) {
            // Opacity, multiplied into the colours or not.
            (Some(&(OPACITY | OPACITY_MULTIPLIED)), _) => "alpha",
            (_, Some(color)) => color,
            _ => "undefined",
        }
    };
    (0..image.samples).map(|band| color(band).to_string()).collect()
}

/// What each band is in a colour.
pub(super) fn of_bands(image: &Image, extra: &[u64]) -> Vec<BandColour> {
    let extra_from = image.samples - extra.len().min(image.samples);
    let of = |(band, name): (usize, String)| match name.as_str() {
        "red" => BandColour::Red,
        "green" => BandColour::Green,
        "blue" => BandColour::Blue,
        "alpha" if extra.get(band - extra_from) == Some(&OPACITY_MULTIPLIED) => BandColour::OpacityMultiplied,
        "alpha" => BandColour::Opacity,
        _ => BandColour::None,
    };
    colors(image, extra).into_iter().enumerate().map(of).collect()
}

/// The palette, if pixels are numbers of its colours; a table of colours that nothing refers to is none.
pub(super) fn color_map(
    (input, directory): (&Input, &Directory),
    image: &Image,
    warnings: &mut Vec<String>,
) -> Option<ColorMap> {
    if image.photometric != PALETTE {
        return None;
    }
    match directory.numbers(input, tags::COLOR_MAP, 3 * 65_536) {
        Ok(values) if values.is_empty() => None,
        Ok(values) => {
            let count = values.len() / 3;
            let color = |value: usize| [0, 1, 2].map(|part| values[part * count + value] as u16);
            Some((0..count).map(color).collect())
        }
        Err(error) => {
            warnings.push(format!("its colours are left out: {error}"));
            None
        }
    }
}
