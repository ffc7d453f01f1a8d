//! What is gathered in which pass: the rasters, how their pixels are numbered, and what each reading of them is for.
//!
//! All of it follows from the rasters and the request, never from memory or threads. The first pass gathers moments and
//! the first digit of all values; further passes find ranks digit by digit. Types of few bits need one pass only.

use std::ops::Range;
use std::sync::Arc;

use swath_core::Bytes;
use swath_raster::reduce::{Counts, Uniques, data_type_bits, piece_columns};
use swath_raster::{BlockOrder, DataType, Raster, Shape};

use crate::raster::chain;
use crate::request::StatsWishes;

/// Rows and columns of a block at least, where the blocks of the source are smaller.
const SIDE: u32 = 512;
/// Rows of a block over strips, which are as wide as the raster.
const STRIP_ROWS: u32 = 32;
/// The largest side of a source's block that is taken as it is.
const SIDE_MAX: u32 = 1024;
/// Counts of digits of all bands take about so much; where there are many, digits are shorter.
const TABLE_BYTES: u64 = 6 << 20;
/// Digits, in bits.
const DIGITS: [u32; 3] = [16, 12, 8];

/// What a pass gathers of each band of a raster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gather {
    /// Count, extremes, sums.
    pub moments: bool,
    /// Bits of the digit that is counted, if one is.
    pub digit: Option<u32>,
    /// Whether that digit is all of a value, so that each value is counted by itself.
    pub complete: bool,
    /// Whether bins are counted.
    pub histogram: bool,
    /// Whether different values are.
    pub uniques: bool,
}

impl Gather {
    /// Whether anything is gathered that is too large for a receipt.
    pub fn has_tables(&self) -> bool {
        self.digit.is_some() || self.histogram || self.uniques
    }

    fn is_empty(&self) -> bool {
        *self == Gather::default()
    }
}

/// A raster.
pub struct Layer {
    /// Rows and columns.
    pub shape: Shape,
    /// How many bands.
    pub bands: usize,
    /// The type of its pixels.
    pub data_type: DataType,
    /// How its blocks are numbered.
    pub order: BlockOrder,
    /// Columns that are summed in one go.
    pub piece: u32,
    /// The number of its first block among those of all rasters.
    pub first: u64,
    /// What each pass gathers.
    pub passes: Vec<Gather>,
}

impl Layer {
    fn new(raster: &dyn Raster, first: u64, passes: Vec<Gather>) -> Layer {
        let grid = raster.grid();
        let in_strips = chain::is_in_strips(raster);
        let source = raster.source_blocks().first().copied().unwrap_or(grid.block);
        let rows = side(source.rows, if in_strips { STRIP_ROWS } else { SIDE });
        let block = Shape::new(rows, side(source.columns, SIDE));
        let order = match in_strips {
            true => BlockOrder::Rows { grid: grid.shape, block },
            false => BlockOrder::Squares { grid: grid.shape, block },
        };
        Layer {
            shape: grid.shape,
            bands: grid.bands.len(),
            data_type: grid.data_type,
            order,
            piece: piece_columns(block),
            first,
            passes,
        }
    }

    /// The numbers of its blocks.
    pub fn units(&self) -> Range<u64> {
        self.first..self.first + self.order.units()
    }

    /// What a pass gathers.
    pub fn gather(&self, pass: usize) -> Gather {
        self.passes.get(pass).copied().unwrap_or_default()
    }

    /// Bytes of all pixels.
    pub fn pixel_bytes(&self) -> Bytes {
        Bytes(self.shape.pixels() * (self.bands * self.data_type.size()) as u64)
    }
}

/// The side of a canonical block over blocks of a source.
fn side(source: u32, wanted: u32) -> u32 {
    match source.max(1) {
        source if source <= wanted => wanted / source * source,
        source if source <= SIDE_MAX => source,
        _ => wanted,
    }
}

/// All rasters, and what is to be known of them.
pub struct Layers {
    /// The rasters.
    pub layers: Vec<Layer>,
    /// What is to be known.
    pub wishes: StatsWishes,
}

impl Layers {
    /// What is gathered of some rasters.
    pub fn new(rasters: &[Arc<dyn Raster>], wishes: &StatsWishes) -> Layers {
        let planes: u64 = rasters.iter().map(|raster| raster.grid().bands.len() as u64).sum();
        let mut layers: Vec<Layer> = Vec::new();
        for raster in rasters {
            let first = layers.last().map_or(0, |layer| layer.units().end);
            let passes = passes(raster.grid().data_type, planes, wishes);
            layers.push(Layer::new(&**raster, first, passes));
        }
        Layers { layers, wishes: wishes.clone() }
    }

    /// How many passes there are.
    pub fn passes(&self) -> usize {
        self.layers.iter().map(|layer| layer.passes.len()).max().unwrap_or(0)
    }

    /// The rasters that a pass reads, with their numbers.
    pub fn of_pass(&self, pass: usize) -> impl Iterator<Item = (usize, &Layer)> {
        self.layers.iter().enumerate().filter(move |(_, layer)| !layer.gather(pass).is_empty())
    }

    /// Whether any pass gathers what is too large for a receipt.
    pub fn has_tables(&self) -> bool {
        self.layers.iter().flat_map(|layer| &layer.passes).any(Gather::has_tables)
    }

    /// Bytes of all pixels.
    pub fn pixel_bytes(&self) -> Bytes {
        self.layers.iter().map(Layer::pixel_bytes).sum()
    }

    /// Different values of a band that are told at most.
    pub fn uniques_of(&self, layer: &Layer) -> u64 {
        let limit = self.wishes.uniques.unwrap_or(0) as u64;
        limit.min(1u64.checked_shl(data_type_bits(layer.data_type)).unwrap_or(u64::MAX))
    }

    /// Prefixes of which a pass counts the next digit, at most.
    fn prefixes_max(&self, pass: usize) -> usize {
        if pass == 0 { 1 } else { self.wishes.percentiles.len() * 2 }
    }

    /// Memory of what a task gathers of a raster.
    pub fn local_bytes(&self, layer: &Layer, pass: usize) -> Bytes {
        let gather = layer.gather(pass);
        let counts = gather.digit.map_or(Bytes::ZERO, |digit| Counts::bytes_for(self.prefixes_max(pass), digit));
        let uniques = if gather.uniques { self.uniques_bytes() } else { Bytes::ZERO };
        let histogram = if gather.histogram { Bytes(self.places() * 4) } else { Bytes::ZERO };
        (counts + histogram + uniques + BAND_BYTES) * layer.bands as u64
    }

    /// Memory of what a pass has gathered of all rasters.
    pub fn total_bytes(&self, pass: usize) -> Bytes {
        let of_layer = |(_, layer): (usize, &Layer)| {
            let gather = layer.gather(pass);
            let counts =
                gather.digit.map_or(Bytes::ZERO, |digit| Counts::bytes_for(self.prefixes_max(pass), digit) * 2);
            let uniques = if gather.uniques { self.uniques_bytes() } else { Bytes::ZERO };
            let histogram = if gather.histogram { Bytes(self.places() * 8) } else { Bytes::ZERO };
            (counts + histogram + uniques) * layer.bands as u64
        };
        self.of_pass(pass).map(of_layer).sum()
    }

    /// Bytes of what a task leaves of a raster on scratch, at most.
    pub fn packed_bytes_max(&self, layer: &Layer, pass: usize) -> u64 {
        let gather = layer.gather(pass);
        // Seven bits of a number a byte: a count of 32 bits takes up to five, and a gap no more than it leaves out.
        let counts = gather.digit.map_or(0, |digit| (self.prefixes_max(pass) as u64 * 6) << digit);
        let histogram = if gather.histogram { self.places() * 6 } else { 0 };
        let uniques = if gather.uniques { self.wishes.uniques.unwrap_or(0) as u64 * 15 } else { 0 };
        (counts + histogram + uniques + 32) * layer.bands as u64
    }

    fn uniques_bytes(&self) -> Bytes {
        self.wishes.uniques.map_or(Bytes::ZERO, Uniques::bytes_for)
    }

    /// Places of a histogram: its bins, and those below and above.
    fn places(&self) -> u64 {
        self.wishes.histogram.map_or(0, |wish| wish.bins as u64 + 2)
    }
}

/// Heap that is taken for a band beside tables: two sums, prefixes.
const BAND_BYTES: Bytes = Bytes(6000);

/// The longest digit whose counts of so many prefixes fit.
fn digit_for(prefixes: u64) -> u32 {
    let fits = |digit: &&u32| (prefixes * 8) << **digit <= TABLE_BYTES;
    DIGITS.iter().find(fits).or(DIGITS.last()).copied().unwrap_or(8)
}

/// What each pass gathers of the bands of a raster.
fn passes(data_type: DataType, planes: u64, wishes: &StatsWishes) -> Vec<Gather> {
    let bits = data_type_bits(data_type);
    let first = digit_for(planes).min(bits);
    let seeks = !wishes.percentiles.is_empty();
    let has_wishes = seeks || wishes.histogram.is_some() || wishes.uniques.is_some();
    let complete = has_wishes && first == bits;
    let range_is_given = wishes.histogram.is_some_and(|wish| wish.range.is_some());
    let mut passes = vec![Gather {
        moments: true,
        digit: (seeks || complete).then_some(first),
        complete,
        histogram: range_is_given && !complete,
        uniques: wishes.uniques.is_some() && !complete,
    }];
    let next = digit_for(planes * wishes.percentiles.len() as u64 * 2);
    let mut left = if seeks { bits - first } else { 0 };
    while left > 0 {
        passes.push(Gather { digit: Some(next.min(left)), ..Gather::default() });
        left -= next.min(left);
    }
    if wishes.histogram.is_some() && !range_is_given && !complete {
        // The range is known once all values were seen.
        match passes.get_mut(1) {
            Some(pass) => pass.histogram = true,
            None => passes.push(Gather { histogram: true, ..Gather::default() }),
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::HistogramWish;

    #[test]
    fn narrow_types_are_read_once() {
        let percentiles = StatsWishes { percentiles: vec![2.0, 50.0, 98.0], ..StatsWishes::default() };
        let histogram =
            |range| StatsWishes { histogram: Some(HistogramWish { bins: 9, range }), ..StatsWishes::default() };
        let check = |data_type, planes, wishes: &StatsWishes, wanted: &[Option<u32>]| {
            let digits: Vec<Option<u32>> = passes(data_type, planes, wishes).iter().map(|pass| pass.digit).collect();
            assert_eq!(digits, wanted, "{data_type}, {planes} planes");
        };
        check(DataType::Float32, 1, &StatsWishes::default(), &[None]);
        check(DataType::UInt8, 9, &percentiles, &[Some(8)]);
        check(DataType::Int16, 9, &percentiles, &[Some(16)]);
        check(DataType::Int16, 99, &percentiles, &[Some(12), Some(4)]);
        check(DataType::Float32, 2, &percentiles, &[Some(16), Some(16)]);
        check(DataType::Float64, 4, &percentiles, &[Some(16), Some(12), Some(12), Some(12), Some(12)]);
        check(DataType::UInt16, 1, &histogram(None), &[Some(16)]);
        check(DataType::Float32, 1, &histogram(None), &[None, None]);
        check(DataType::Float32, 1, &histogram(Some((0.0, 1.0))), &[None]);
    }
}
