//! The result in the form in which it is told: what is known of each band of each raster.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use swath_raster::reduce::{Rank, percentile, value_of_key};
use swath_raster::{DataType, Grid, Scalar};

use super::found::Found;
use super::layers::Layer;
use crate::outcome::lossy;
use crate::request::StatsWishes;

/// A number: whole ones exactly, infinities and NaN as text, since JSON has no other way to say them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub Scalar);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Scalar::Int(whole) => match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(whole), _) => serializer.serialize_i64(whole),
                (_, Ok(whole)) => serializer.serialize_u64(whole),
                _ => serializer.serialize_f64(whole as f64),
            },
            Scalar::Float(value) if value.is_finite() => serializer.serialize_f64(value),
            Scalar::Float(value) if value.is_nan() => serializer.serialize_str("nan"),
            Scalar::Float(value) => serializer.serialize_str(if value > 0.0 { "inf" } else { "-inf" }),
        }
    }
}

/// A percentile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Percentile {
    /// Per cent of the values that are below, or as far on the way as they can be.
    pub percent: f64,
    /// The value there, between its neighbours.
    pub value: Option<Number>,
}

/// A histogram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Edges of the bins: one more than there are bins; none where no value says where they lie.
    pub edges: Vec<f64>,
    /// Values of each bin; the last one holds its upper edge, too.
    pub counts: Vec<u64>,
    /// Values below all bins.
    pub below: u64,
    /// Values above all bins.
    pub above: u64,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unique {
    /// The value.
    pub value: Number,
    /// How many pixels have it.
    pub count: u64,
}

/// Different values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UniqueValues {
    /// How many are told at most.
    pub limit: usize,
    /// Whether there are more than that; then none is told.
    pub exceeded: bool,
    /// The values in order.
    pub values: Values,
}

/// Values of one type in order with how often each occurs, held as they were counted: there can be very many.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    data_type: DataType,
    counts: Vec<(u64, u64)>,
}

impl Values {
    /// No values.
    pub fn none(data_type: DataType) -> Values {
        Values { data_type, counts: Vec::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.counts.len()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Unique> {
        let value = |key| Number(value_of_key(self.data_type, key));
        self.counts.iter().map(move |(key, count)| Unique { value: value(*key), count: *count })
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// What a band comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandStatistics {
    /// Its number among the bands that were looked at, from 1 on as in the file.
    pub band: usize,
    /// What it shows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All pixels.
    pub count: u64,
    /// Pixels with a value.
    pub valid: u64,
    /// Pixels without one.
    pub nodata: u64,
    /// The least value.
    pub min: Option<Number>,
    /// The greatest.
    pub max: Option<Number>,
    /// The mean.
    pub mean: Option<Number>,
    /// The standard deviation of the population.
    pub std: Option<Number>,
    /// The sum.
    pub sum: Number,
    /// Percentiles in the order in which they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percentiles: Vec<Percentile>,
    /// The histogram, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// Different values, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniques: Option<UniqueValues>,
}

/// What a raster comes to, band by band.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RasterStatistics {
    /// Which.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Columns and rows.
    pub size: [u32; 2],
    /// The type of its pixels.
    pub dtype: String,
    /// Its bands.
    pub bands: Vec<BandStatistics>,
}

/// What a raster has come to, of what was `found`; `numbers` are those of its bands in the file.
pub fn statistics(
    path: PathBuf,
    (layer, grid): (&Layer, &Grid),
    numbers: &[usize],
    found: Vec<Found>,
    wishes: &StatsWishes,
) -> RasterStatistics {
    let bands = found.into_iter().enumerate().map(|(position, mut found)| BandStatistics {
        band: numbers.get(position).map_or(position, |number| *number) + 1,
        description: grid.bands.get(position).and_then(|band| band.description.clone()),
        ..band(layer, &mut found, wishes)
    });
    RasterStatistics {
        path,
        size: [layer.shape.columns, layer.shape.rows],
        dtype: layer.data_type.to_string(),
        bands: bands.collect(),
    }
}

fn band(layer: &Layer, found: &mut Found, wishes: &StatsWishes) -> BandStatistics {
    let (moments, data_type) = (&found.moments, layer.data_type);
    let float = |value: Option<f64>| value.map(|value| Number(Scalar::Float(value)));
    let range = moments.range(data_type);
    let value = |rank: u64| found.search.key_of(rank).map(|key| value_of_key(data_type, key).as_f64());
    let between = |rank: &Rank| Some(percentile(*rank, value(rank.lower)?, value(rank.upper)?));
    BandStatistics {
        band: 1,
        description: None,
        count: layer.shape.pixels(),
        valid: moments.valid,
        nodata: layer.shape.pixels() - moments.valid,
        min: range.map(|(least, _)| Number(least)),
        max: range.map(|(_, greatest)| Number(greatest)),
        mean: float(moments.mean(data_type)),
        std: float(moments.deviation()),
        sum: Number(moments.total(data_type)),
        percentiles: (0..)
            .zip(&wishes.percentiles)
            .map(|(position, percent)| Percentile {
                percent: *percent,
                value: float(found.ranks.get(position as usize).and_then(between)),
            })
            .collect(),
        histogram: wishes.histogram.map(|_| histogram(found)),
        uniques: wishes.uniques.map(|limit| {
            let exceeded = found.uniques.is_none();
            let counts = found.uniques.take().unwrap_or_default();
            UniqueValues { limit, exceeded, values: Values { data_type, counts } }
        }),
    }
}

fn histogram(found: &Found) -> Histogram {
    match &found.histogram {
        None => Histogram { edges: Vec::new(), counts: Vec::new(), below: 0, above: 0 },
        Some((bins, counts)) => Histogram {
            edges: bins.edges().to_vec(),
            counts: counts[1..=bins.count()].to_vec(),
            below: counts[0],
            above: counts[bins.count() + 1],
        },
    }
}
