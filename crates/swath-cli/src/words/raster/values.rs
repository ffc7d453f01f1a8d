//! Words for parts of rasters: inputs, bands, ranges, boxes, sizes.

use swath::request::{OverviewChoice, Radius, RasterInput};
use swath::{Kernel, Scaling, Shape, TerrainMethod, Window};

/// `NAME=FILE` or `FILE`; a name is what expressions can say.
pub fn raster_input(text: &str) -> Result<RasterInput, String> {
    if text.is_empty() {
        return Err("an input is empty: is a variable that the command uses not set?".into());
    }
    let is_name = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    Ok(match text.split_once('=') {
        Some((name, path)) if is_name(name) && !path.is_empty() => {
            RasterInput { name: Some(name.into()), path: path.into() }
        }
        _ => RasterInput { name: None, path: text.into() },
    })
}

/// The number of a band, turned into its position.
pub fn band(text: &str) -> Result<usize, String> {
    match text.trim().parse::<usize>() {
        Ok(number) if number >= 1 => Ok(number - 1),
        _ => Err(format!("{text:?} is not the number of a band: they count from 1")),
    }
}

/// Four numbers with commas between them.
pub fn scaling(text: &str) -> Result<Scaling, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[a, b, c, d]) if [a, b, c, d].iter().all(|number| number.is_finite()) => {
            Ok(Scaling { from: (a, b), to: (c, d) })
        }
        _ => Err(format!("{text:?} is no range for a range: wanted four numbers like 0,10000,0,255")),
    }
}

/// Numbers with commas between them.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers: [f64; N] = numbers.ok()?.try_into().ok()?;
    numbers.iter().all(|number| number.is_finite()).then_some(numbers)
}

/// A box: least x, least y, greatest x, greatest y.
///
/// # Errors
/// Text that says what is wanted.
pub fn bounds(text: &str) -> Result<(f64, f64, f64, f64), String> {
    match numbers(text) {
        Some([min_x, min_y, max_x, max_y]) => Ok((min_x, min_y, max_x, max_y)),
        None => Err(format!("{text:?} is no box: wanted least x, least y, greatest x, greatest y, like 10,45,11,46")),
    }
}

/// A part of a raster in pixels: column, row, columns, rows.
///
/// # Errors
/// Text that says what is wanted.
pub fn window(text: &str) -> Result<Window, String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[column, row, columns, rows])
            if column.checked_add(columns).is_some() && row.checked_add(rows).is_some() =>
        {
            Ok(Window::new(row, column, rows, columns))
        }
        _ => Err(format!("{text:?} is no window: wanted column, row, columns, rows, like 0,0,512,512")),
    }
}

/// Width and height of a pixel; one number is both.
///
/// # Errors
/// Text that says what is wanted.
pub fn resolution(text: &str) -> Result<(f64, f64), String> {
    let (width, height) = match (numbers(text), numbers(text)) {
        (Some([side]), _) => (side, side),
        (_, Some([width, height])) => (width, height),
        _ => (0.0, 0.0),
    };
    if width > 0.0 && height > 0.0 {
        return Ok((width, height));
    }
    Err(format!("{text:?} is no size of a pixel: wanted a number above 0, like 10, or width and height, like 10,20"))
}

/// Columns and rows; one of them may be 0.
///
/// # Errors
/// Text that says what is wanted.
pub fn size(text: &str) -> Result<Shape, String> {
    let sides: Vec<Result<u32, _>> = text.split([',', 'x']).map(|side| side.trim().parse()).collect();
    match sides[..] {
        [Ok(columns), Ok(rows)] if columns > 0 || rows > 0 => Ok(Shape::new(rows, columns)),
        _ => {
            Err(format!("{text:?} is no size: wanted columns and rows, like 1024x768, or 1024x0 for rows that follow"))
        }
    }
}

/// Which overviews are read.
///
/// # Errors
/// Text that says what is wanted.
pub fn overviews(text: &str) -> Result<OverviewChoice, String> {
    match (text.trim().to_ascii_lowercase().as_str(), text.trim().parse::<usize>()) {
        ("auto", _) => Ok(OverviewChoice::Auto),
        ("none", _) => Ok(OverviewChoice::FullResolution),
        (_, Ok(number)) if number >= 1 => Ok(OverviewChoice::Level(number)),
        _ => Err(format!("{text:?} names no overview: wanted auto, none, or a number that counts from 1")),
    }
}

/// A radius: in pixels, or with `m` behind it in units of the coordinates.
///
/// # Errors
/// Text that says what is wanted.
pub fn radius(text: &str) -> Result<Radius, String> {
    let text = text.trim();
    let (number, make): (&str, fn(f64) -> Radius) = match (text.strip_suffix("px"), text.strip_suffix('m')) {
        (Some(pixels), _) => (pixels, Radius::Pixels),
        (None, Some(metres)) => (metres, Radius::Ground),
        (None, None) => (text, Radius::Pixels),
    };
    match number.trim().parse::<f64>() {
        Ok(radius) if radius >= 0.0 && radius.is_finite() => Ok(make(radius)),
        _ => Err(format!("{text:?} is no radius: wanted pixels, like 2, or a length on the ground, like 30m")),
    }
}

/// The weights in a file.
///
/// # Errors
/// Text that says what is wrong with it.
pub fn kernel(path: &str) -> Result<Kernel, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let mut text = String::new();
    let most = std::io::Read::take(file, KERNEL_BYTES_MAX);
    std::io::Read::read_to_string(&mut { most }, &mut text).map_err(|error| format!("{path}: {error}"))?;
    if text.len() as u64 == KERNEL_BYTES_MAX {
        return Err(format!("{path}: a kernel has at most {KERNEL_BYTES_MAX} bytes"));
    }
    Kernel::parse(&text).map_err(|error| format!("{path}: {error}"))
}

/// More than any kernel that is of use.
const KERNEL_BYTES_MAX: u64 = 1 << 20;

/// A word of a list in any case, or an error that names them all.
///
/// # Errors
/// Text that says what is wanted.
pub fn word<T: Copy>(what: &str, words: &[(&'static str, T)], text: &str) -> Result<T, String> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is no {what}: wanted {}", all.join(", "))
    })
}

/// How slopes are found, by its word or by the names of those who found it.
///
/// # Errors
/// Text that says what is wanted.
pub fn terrain_method(text: &str) -> Result<TerrainMethod, String> {
    match text.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "zevenbergen" | "zevenbergenthorne" => Ok(TerrainMethod::ZevenbergenThorne),
        _ => word("method", &TerrainMethod::WORDS, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_names_or_not() {
        for (text, name, path) in [
            ("a=b.tif", Some("a"), "b.tif"),
            ("nir_8=x/y=z.tif", Some("nir_8"), "x/y=z.tif"),
            ("b.tif", None, "b.tif"),
            ("./a=b.tif", None, "./a=b.tif"),
            ("8=b.tif", None, "8=b.tif"),
        ] {
            let input = raster_input(text).expect("an input");
            assert_eq!((input.name.as_deref(), input.path.to_str()), (name, Some(path)), "{text}");
        }
        assert!(raster_input("").is_err());
    }

    #[test]
    fn bands_and_ranges() {
        assert_eq!(band("3"), Ok(2));
        assert!(band("0").is_err() && band("x").is_err());
        assert_eq!(scaling("0, 1, -5,255").map(|scaling| scaling.to), Ok((-5.0, 255.0)));
        assert!(scaling("0,1,2").is_err() && scaling("0,1,2,nan").is_err());
    }
}
