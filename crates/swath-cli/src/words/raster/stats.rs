//! The flags of `swath raster stats`.

use std::path::PathBuf;

use clap::Args;
use swath::request::{HistogramWish, StatsWishes};

use super::super::{RunFlags, TalkFlags};
use super::values::band;

const STATS_EXAMPLES: &str = "\
Examples:
  swath raster stats scene.tif
  swath raster stats a.tif b.tif --percentiles 2,50,98 -o stats.json -m 256MB
  swath raster stats classes.tif -b 1 --uniques --histogram 16,0,256 --json

Pixels without a value, and NaN, are left out. Infinities are values: they show
in min and max, make the mean infinite and the deviation nan, and are outside of
a histogram. The deviation is that of the population. Whatever the ceiling and
the number of threads, the results are the same to the last bit.";

/// `swath raster stats`.
#[derive(Debug, Args)]
#[command(after_help = STATS_EXAMPLES)]
pub struct StatsWords {
    /// The rasters: files, quoted globs, and @LIST for a file with one path a line
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// A band to look at, counted from 1; several as 1,2 or one by one (default: all)
    #[arg(short, long = "band", value_name = "N", value_parser = band, value_delimiter = ',')]
    pub bands: Vec<usize>,
    /// The file to write, in JSON (default: the result is printed)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What is to be known.
    #[command(flatten)]
    pub wishes: StatsFlags,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}

/// What is to be known of each band.
#[derive(Debug, Clone, Args)]
pub struct StatsFlags {
    /// Percentiles, like 2,50,98: exact, linear between neighbouring values
    #[arg(long, value_name = "P,P…", value_parser = percent, value_delimiter = ',', help_heading = "Statistics")]
    pub percentiles: Vec<f64>,
    /// Bins of equal width, from the least to the greatest value or from MIN to MAX
    #[arg(long, value_name = "BINS[,MIN,MAX]", value_parser = histogram, allow_hyphen_values = true)]
    #[arg(help_heading = "Statistics")]
    pub histogram: Option<HistogramWish>,
    /// All values with their counts, if there are no more than N (default: 1000)
    #[arg(long, value_name = "N", value_parser = uniques, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1000", help_heading = "Statistics")]
    pub uniques: Option<usize>,
}

impl StatsFlags {
    /// What is to be known.
    ///
    /// # Errors
    /// [`swath_core::Error::Usage`] where too much is asked for.
    pub fn wishes(self) -> swath_core::Result<StatsWishes> {
        let (got, most) = (self.percentiles.len(), StatsWishes::PERCENTILES_MAX);
        if got > most {
            return Err(swath_core::Error::Usage {
                message: format!("{got} percentiles are asked for, and there may be {most}"),
                hint: "ask for some now and for others in another run".into(),
            });
        }
        Ok(StatsWishes { percentiles: self.percentiles, histogram: self.histogram, uniques: self.uniques })
    }
}

/// A number of per cent.
fn percent(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err(format!("{text:?} is no percentile: wanted 0 to 100, like 2,50,98")),
    }
}

/// A number of bins, and perhaps their range.
fn histogram(text: &str) -> Result<HistogramWish, String> {
    let most = StatsWishes::BINS_MAX;
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let bins = words[0].parse().ok().filter(|bins| (1..=most).contains(bins));
    let edge = |word: &str| word.parse::<f64>().ok().filter(|edge| edge.is_finite());
    let range = match words[1..] {
        [] => Some(None),
        [least, greatest] => match (edge(least), edge(greatest)) {
            (Some(least), Some(greatest)) if least < greatest => Some(Some((least, greatest))),
            _ => None,
        },
        _ => None,
    };
    match (bins, range) {
        (Some(bins), Some(range)) => Ok(HistogramWish { bins, range }),
        _ => Err(format!("{text:?} is no histogram: wanted 1 to {most} bins, like 256, or with a range, like 256,0,1")),
    }
}

/// A number of different values.
fn uniques(text: &str) -> Result<usize, String> {
    let most = StatsWishes::UNIQUES_MAX;
    match text.trim().parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(format!("{text:?} is no number of values: wanted 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_bins_and_perhaps_a_range() {
        let wish = |bins, range| Ok(HistogramWish { bins, range });
        assert_eq!(histogram("256"), wish(256, None));
        assert_eq!(histogram("4, -1,1.5"), wish(4, Some((-1.0, 1.5))));
        for text in ["", "0", "2,3", "2,3,3", "2,0,nan", "70000", "2,0,1,2"] {
            assert!(histogram(text).is_err(), "{text}");
        }
        assert!(percent("100").is_ok() && percent("101").is_err() && percent("nan").is_err());
        assert!(uniques("100000").is_ok() && uniques("0").is_err() && uniques("100001").is_err());
    }
}
