//! The flags of the verbs of `swath raster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use swath::request::RasterInput;
use swath::{DataType, Scalar, Scaling};

use super::{RunFlags, TalkFlags};

/// A verb of `swath raster`.
#[derive(Debug, Subcommand)]
pub enum RasterVerb {
    /// Compute each pixel from the pixels of one or more rasters
    Calc(Box<CalcWords>),
    /// Write a raster in another format, compression, tiling or type
    Convert(Box<ConvertWords>),
}

/// What every verb that writes a raster takes.
#[derive(Debug, Clone, Args)]
pub struct RasterOutputFlags {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Format of the output: gtiff (default) or cog
    #[arg(short, long, value_name = "FORMAT", default_value = "gtiff", help_heading = "Output")]
    pub format: String,
    /// Option of the format: COMPRESS, LEVEL, PREDICTOR, BLOCKSIZE, INTERLEAVE, BIGTIFF, SPARSE_OK…
    #[arg(long = "co", value_name = "KEY=VALUE", help_heading = "Output")]
    pub creation_options: Vec<String>,
    /// Type of the pixels: uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64
    #[arg(long = "dtype", visible_alias = "ot", value_name = "TYPE", help_heading = "Output")]
    pub data_type: Option<DataType>,
    /// What pixels without a value are written as
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Output")]
    pub nodata: Option<Scalar>,
}

const CALC_EXAMPLES: &str = "\
Examples:
  swath raster calc '(nir - red) / (nir + red)' nir=b8.tif red=b4.tif -o ndvi.tif
  swath raster calc 'clip(b1 / 10000, 0, 1)' scene.tif -o out.tif --memory 256MB
  swath raster calc 'a[1] > 100; max(a[*])' a=scene.tif -o out.tif --dtype uint8 --nodata 255

A name stands for the first band of its raster, a[2] for the second, a[*] for all of
them inside of min, max, mean, sum and std. Bands of a raster without a name are b1,
b2 and so on. Expressions separated by ; make bands of the output.";

/// `swath raster calc`.
#[derive(Debug, Args)]
#[command(after_help = CALC_EXAMPLES)]
pub struct CalcWords {
    /// What each pixel becomes
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub expression: String,
    /// The rasters: NAME=FILE, or one FILE
    #[arg(required = true, value_name = "INPUT", value_parser = raster_input)]
    pub inputs: Vec<RasterInput>,
    /// What is written.
    #[command(flatten)]
    pub to: RasterOutputFlags,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  swath raster convert in.tif -o out.tif --co COMPRESS=ZSTD --co LEVEL=9
  swath raster convert in.tif -o rgb.tif -b 3 -b 2 -b 1 --dtype uint8 --scale 0,3000,0,255
  swath raster convert strips.tif -o tiled.tif --co BLOCKSIZE=256 --memory 64MB";

/// `swath raster convert`.
#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub struct ConvertWords {
    /// The raster
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// A band to take, counted from 1; may be given several times (default: all)
    #[arg(short, long = "band", value_name = "N", value_parser = band)]
    pub bands: Vec<usize>,
    /// Map values linearly: from the first two numbers to the last two
    #[arg(long, value_name = "A,B,C,D", value_parser = scaling, allow_hyphen_values = true)]
    pub scale: Option<Scaling>,
    /// What is written.
    #[command(flatten)]
    pub to: RasterOutputFlags,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}

/// `NAME=FILE` or `FILE`; a name is what expressions can say.
fn raster_input(text: &str) -> Result<RasterInput, String> {
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
fn band(text: &str) -> Result<usize, String> {
    match text.trim().parse::<usize>() {
        Ok(number) if number >= 1 => Ok(number - 1),
        _ => Err(format!("{text:?} is not the number of a band: they count from 1")),
    }
}

/// Four numbers with commas between them.
fn scaling(text: &str) -> Result<Scaling, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[a, b, c, d]) if [a, b, c, d].iter().all(|number| number.is_finite()) => {
            Ok(Scaling { from: (a, b), to: (c, d) })
        }
        _ => Err(format!("{text:?} is no range for a range: wanted four numbers like 0,10000,0,255")),
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
