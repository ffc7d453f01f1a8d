//! Smallest and largest values: of a page, of a column chunk, and as Parquet writes them down.
//!
//! Distinct counts and level histograms are not kept.

use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bytes of a text that statistics keep.
pub(super) const TEXT_BYTES_KEPT: usize = 64;

/// A value at an edge of a range. Floats are never NaN.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Edge {
    /// A boolean.
    Boolean(bool),
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// A text of at most [`TEXT_BYTES_KEPT`] bytes, and whether it is a value or only beyond one.
    Text(Vec<u8>, bool),
    /// Beyond every text, where no short text is.
    Unbounded,
}

/// The smallest and the largest value of something; edges of one column always have one variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    /// The smallest.
    pub(super) min: Edge,
    /// The largest.
    pub(super) max: Edge,
}

impl Range {
    /// Widens this range to hold `other`.
    pub(super) fn include(&mut self, other: &Range) {
        if other.min < self.min {
            self.min = other.min.clone();
        }
        if other.max > self.max {
            self.max = other.max.clone();
        }
    }

    /// The range from one text to another; long ones are shortened, the upper edge upwards.
    pub(super) fn of_text(min: &str, max: &str) -> Range {
        let (min, exact) = shorten_down(min.as_bytes());
        let max = shorten_up(max.as_bytes()).map_or(Edge::Unbounded, |(max, exact)| Edge::Text(max, exact));
        Range { min: Edge::Text(min, exact), max }
    }

    /// The edges as the column index keeps them, if it can.
    pub(super) fn page_bytes(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((plain(&self.min)?, plain(&self.max)?))
    }
}

/// The statistics of a column chunk.
pub(super) fn of_chunk(physical: Type, range: Option<&Range>, nulls: u64) -> Statistics {
    match (range.map(|range| (&range.min, &range.max)), physical) {
        (Some((Edge::Boolean(min), Edge::Boolean(max))), _) => fixed(Some((*min, *max)), nulls),
        (Some((Edge::Int32(min), Edge::Int32(max))), _) => fixed(Some((*min, *max)), nulls),
        (Some((Edge::Int64(min), Edge::Int64(max))), _) => fixed(Some((*min, *max)), nulls),
        (Some((Edge::Float(min), Edge::Float(max))), _) => fixed(Some((*min, *max)), nulls),
        (Some((Edge::Double(min), Edge::Double(max))), _) => fixed(Some((*min, *max)), nulls),
        (Some((Edge::Text(min, exact), max)), _) => text((min, *exact), max, nulls),
        (_, Type::BOOLEAN) => fixed::<bool>(None, nulls),
        (_, Type::INT32) => fixed::<i32>(None, nulls),
        (_, Type::INT64) => fixed::<i64>(None, nulls),
        (_, Type::FLOAT) => fixed::<f32>(None, nulls),
        (_, Type::DOUBLE) => fixed::<f64>(None, nulls),
        _ => Statistics::ByteArray(ValueStatistics::new(None, None, None, Some(nulls), false)),
    }
}

fn fixed<T>(range: Option<(T, T)>, nulls: u64) -> Statistics
where
    Statistics: From<ValueStatistics<T>>,
    ValueStatistics<T>: NewStatistics<T>,
{
    let (min, max) = range.unzip();
    Statistics::from(<ValueStatistics<T> as NewStatistics<T>>::make(min, max, nulls))
}

/// `ValueStatistics::new`, whose bound the `parquet` crate keeps private.
trait NewStatistics<T> {
    fn make(min: Option<T>, max: Option<T>, nulls: u64) -> Self;
}

macro_rules! new_statistics {
    ($($value:ty),*) => {$(
        impl NewStatistics<$value> for ValueStatistics<$value> {
            fn make(min: Option<$value>, max: Option<$value>, nulls: u64) -> Self {
                ValueStatistics::new(min, max, None, Some(nulls), false)
            }
        }
    )*};
}
new_statistics!(bool, i32, i64, f32, f64);

fn text((min, min_exact): (&[u8], bool), max: &Edge, nulls: u64) -> Statistics {
    let (max, max_exact) = match max {
        Edge::Text(max, exact) => (Some(ByteArray::from(max.clone())), *exact),
        _ => (None, false),
    };
    let statistics = ValueStatistics::new(Some(ByteArray::from(min.to_vec())), max, None, Some(nulls), false);
    Statistics::ByteArray(statistics.with_min_is_exact(min_exact).with_max_is_exact(max_exact))
}

fn plain(edge: &Edge) -> Option<Vec<u8>> {
    Some(match edge {
        Edge::Boolean(value) => vec![u8::from(*value)],
        Edge::Int32(value) => value.to_le_bytes().to_vec(),
        Edge::Int64(value) => value.to_le_bytes().to_vec(),
        Edge::Float(value) => value.to_le_bytes().to_vec(),
        Edge::Double(value) => value.to_le_bytes().to_vec(),
        Edge::Text(value, _) => value.clone(),
        Edge::Unbounded => return None,
    })
}

/// A prefix of at most [`TEXT_BYTES_KEPT`] bytes that ends between characters, and whether it is the whole.
fn shorten_down(text: &[u8]) -> (Vec<u8>, bool) {
    (text[..kept(text)].to_vec(), text.len() <= TEXT_BYTES_KEPT)
}

/// A short text that is no smaller, and whether it is the whole; none if there is no such text.
fn shorten_up(text: &[u8]) -> Option<(Vec<u8>, bool)> {
    if text.len() <= TEXT_BYTES_KEPT {
        return Some((text.to_vec(), true));
    }
    let prefix = std::str::from_utf8(&text[..kept(text)]).ok()?;
    for (at, last) in prefix.char_indices().rev() {
        // Surrogates are no characters: the one after U+D7FF is U+E000.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            let mut larger = prefix[..at].to_string();
            larger.push(next);
            return Some((larger.into_bytes(), false));
        }
    }
    None
}

fn kept(text: &[u8]) -> usize {
    let mut end = text.len().min(TEXT_BYTES_KEPT);
    while end > 0 && end < text.len() && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    end
}
