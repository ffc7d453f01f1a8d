//! Points from coordinates: WKB, boxes of rows for the covering, and the box of everything.
//!
//! Coordinates are (x, y) in the lake's coordinate system. Rows without a finite x and y have no geometry.

use std::io::Write;

use arrow_array::{Array, Float64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use parquet::basic::Encoding;
use swath_core::Result;

use super::chunk::ChunkWriter;
use super::delta::put_deltas;
use super::distinct::Distinct;
use super::float::extremes;
use super::hybrid::{index_width, put_indices};
use super::pages::{ValueRoom, make_room, put_pages, values_of};

/// Bytes of a point in WKB: byte order, type, x, y.
pub(super) const POINT_BYTES: usize = 21;

/// A box of coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least x.
    pub xmin: f64,
    /// Least y.
    pub ymin: f64,
    /// Largest x.
    pub xmax: f64,
    /// Largest y.
    pub ymax: f64,
}

impl Bounds {
    /// The smallest box that holds both.
    pub fn union(self, other: Bounds) -> Bounds {
        Bounds {
            xmin: self.xmin.min(other.xmin),
            ymin: self.ymin.min(other.ymin),
            xmax: self.xmax.max(other.xmax),
            ymax: self.ymax.max(other.ymax),
        }
    }

    /// The box as GeoParquet writes it: `[xmin,ymin,xmax,ymax]`, so that reading gives the same numbers.
    pub(super) fn to_json(self) -> String {
        // Debug is the shortest text that parses to the same number, always with a point or an exponent.
        format!("[{:?},{:?},{:?},{:?}]", self.xmin, self.ymin, self.xmax, self.ymax)
    }

    /// The box that [`Bounds::to_json`] wrote.
    pub(super) fn from_json(text: &str) -> Option<Bounds> {
        let [xmin, ymin, xmax, ymax] = serde_json::from_str(text).ok()?;
        Some(Bounds { xmin, ymin, xmax, ymax })
    }
}

/// The points of a row group.
pub(super) struct Points<'a> {
    /// Rows of the row group.
    pub(super) rows: usize,
    /// Which rows have no point, if any.
    pub(super) nulls: Option<NullBuffer>,
    /// Their x coordinates.
    pub(super) x: &'a [f64],
    /// Their y coordinates.
    pub(super) y: &'a [f64],
}

impl<'a> Points<'a> {
    /// The rows of `x` and `y` where both are finite; the rooms are used only if some are not.
    pub(super) fn new(
        x: &'a Float64Array,
        y: &'a Float64Array,
        x_room: &'a mut ValueRoom,
        y_room: &'a mut ValueRoom,
    ) -> Self {
        let nulls = missing(x, y);
        let rows = x.len();
        let Some(nulls) = nulls else { return Points { rows, nulls: None, x: x.values(), y: y.values() } };
        let (x, y) = (values_of(x, Some(&nulls), x_room), values_of(y, Some(&nulls), y_room));
        Points { rows, nulls: Some(nulls), x, y }
    }

    /// The box of all points.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let ((xmin, xmax), (ymin, ymax)) = (extremes(self.x)?, extremes(self.y)?);
        Some(Bounds { xmin, ymin, xmax, ymax })
    }

    /// Writes the geometry column; `distinct` is given where points may repeat often enough for a dictionary.
    pub(super) fn put<W: Write>(
        &self,
        chunk: &mut ChunkWriter<'_, W>,
        page: &mut Vec<u8>,
        lengths: &mut Vec<i32>,
        distinct: Option<&mut Distinct<(u64, u64)>>,
    ) -> Result<()> {
        let keys = self.x.iter().zip(self.y).map(|(x, y)| (x.to_bits(), y.to_bits()));
        // A quarter: below that many rows per point, the dictionary costs what it saves.
        if let Some(distinct) = distinct
            && distinct.collect(keys, self.x.len() / 4)
        {
            page.clear();
            for (x, y) in &distinct.keys {
                page.extend_from_slice(&(POINT_BYTES as u32).to_le_bytes());
                page.extend_from_slice(&point(f64::from_bits(*x), f64::from_bits(*y)));
            }
            chunk.put_dictionary(page, distinct.keys.len())?;
            let width = index_width(distinct.keys.len());
            return put_pages(chunk, page, self.rows, self.nulls.as_ref(), Encoding::RLE_DICTIONARY, |span, page| {
                page.push(width as u8);
                put_indices(&distinct.indices[span], width, page);
                None
            });
        }
        put_pages(chunk, page, self.rows, self.nulls.as_ref(), Encoding::DELTA_LENGTH_BYTE_ARRAY, |span, page| {
            make_room(lengths, span.len());
            lengths.resize(span.len(), POINT_BYTES as i32);
            put_deltas(lengths, page);
            for (x, y) in self.x[span.clone()].iter().zip(&self.y[span]) {
                page.extend_from_slice(&point(*x, *y));
            }
            None
        })
    }
}

/// Rows where x or y is null or not finite.
fn missing(x: &Float64Array, y: &Float64Array) -> Option<NullBuffer> {
    let either = NullBuffer::union(x.nulls(), y.nulls());
    // All bits of the exponent are set in NaN and the infinities only; no branch, so that it runs at memory speed.
    let odd = |values: &[f64]| values.iter().fold(false, |odd, value| odd | !value.is_finite());
    if !odd(x.values()) && !odd(y.values()) {
        return either.filter(|nulls| nulls.null_count() > 0);
    }
    let finite = BooleanBuffer::collect_bool(x.len(), |row| {
        x.value(row).is_finite() && y.value(row).is_finite() && either.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    });
    Some(NullBuffer::new(finite)).filter(|nulls| nulls.null_count() > 0)
}

/// A point in little-endian WKB.
fn point(x: f64, y: f64) -> [u8; POINT_BYTES] {
    let mut wkb = [0; POINT_BYTES];
    wkb[0] = 1;
    wkb[1] = 1;
    wkb[5..13].copy_from_slice(&x.to_le_bytes());
    wkb[13..].copy_from_slice(&y.to_le_bytes());
    wkb
}

/// The largest 32-bit float that is not above `value`.
#[inline]
pub(super) fn float_below(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value { near.next_down() } else { near }
}

/// The smallest 32-bit float that is not below `value`.
#[inline]
pub(super) fn float_above(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value { near.next_up() } else { near }
}
