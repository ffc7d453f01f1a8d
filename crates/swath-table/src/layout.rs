//! Rows as bytes: how a row of typed columns is packed for sorting and spilling, and unpacked again.
//!
//! A sorted run holds, per row, a key (16 bytes) and a row of fixed width, and text behind them. Columns that the
//! key determines are not stored twice. The format lives in scratch only and is read by the process version that
//! wrote it.

use crate::column::{Batch, Values};
use crate::schema::ColumnType;

/// The part of a row that orders it, with identifiers as given by the run's interner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct RowKey {
    /// Identifier of the partition.
    pub partition: u32,
    /// Identifier of the sensor, or place on the Hilbert curve.
    pub major: u32,
    /// Microseconds, or the largest where there is no time.
    pub minor: i64,
}

/// Bytes of a key.
pub const KEY_BYTES: usize = size_of::<RowKey>();

/// Where a column is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnPlace {
    /// It is the key's `major`.
    Major,
    /// It is the key's `minor`.
    Minor,
    /// At this offset of the row.
    Fixed(usize),
    /// The text with this ordinal.
    Text(usize),
}

/// A column of floats in packed rows.
#[derive(Debug, Clone, Copy)]
pub struct FloatsAt {
    at: usize,
    wide: bool,
    byte: usize,
    bit: u8,
}

impl FloatsAt {
    /// The value in a row; NaN where there is none.
    #[inline]
    pub fn of(&self, row: &[u8]) -> f64 {
        let bytes = &row[self.at..];
        match (row[self.byte] & self.bit != 0, self.wide) {
            (false, _) => f64::NAN,
            (true, true) => bytes.first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes)),
            (true, false) => bytes.first_chunk().map_or(f64::NAN, |bytes| f64::from(f32::from_le_bytes(*bytes))),
        }
    }
}

/// How rows are packed.
#[derive(Debug, Clone)]
pub struct RowLayout {
    types: Vec<ColumnType>,
    places: Vec<ColumnPlace>,
    /// Where the offset into the run's text stands, if there is text; lengths follow it.
    text_at: usize,
    texts: usize,
    stride: usize,
}

/// Bytes that a value of a type takes in a row.
fn width(column_type: ColumnType) -> usize {
    match column_type {
        ColumnType::Bool => 1,
        ColumnType::Int32 | ColumnType::Float32 | ColumnType::Date | ColumnType::Category => 4,
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 8,
        ColumnType::String => 0,
    }
}

impl RowLayout {
    /// The layout of columns of these types, where `major` and `minor` name the columns that the key holds.
    pub fn new(types: &[ColumnType], major: Option<usize>, minor: Option<usize>) -> RowLayout {
        let mut offset = types.len().div_ceil(8);
        let mut texts = 0;
        let mut places = Vec::with_capacity(types.len());
        for (index, &column_type) in types.iter().enumerate() {
            places.push(if Some(index) == major {
                ColumnPlace::Major
            } else if Some(index) == minor {
                ColumnPlace::Minor
            } else if column_type == ColumnType::String {
                texts += 1;
                ColumnPlace::Text(texts - 1)
            } else {
                offset += width(column_type);
                ColumnPlace::Fixed(offset - width(column_type))
            });
        }
        let stride = offset + if texts > 0 { 4 + 4 * texts } else { 0 };
        RowLayout { types: types.to_vec(), places, text_at: offset, texts, stride }
    }

    /// Bytes of a packed row, without key and text.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Whether rows have text.
    pub fn has_text(&self) -> bool {
        self.texts > 0
    }

    /// Text bytes of all rows of a batch.
    pub fn text_bytes(&self, batch: &Batch) -> usize {
        batch
            .columns
            .iter()
            .map(|column| if let Values::Text { bytes, .. } = &column.values { bytes.len() } else { 0 })
            .sum()
    }

    /// Bytes of text of some rows of a batch.
    pub fn text_bytes_of(&self, batch: &Batch, rows: &[u32]) -> usize {
        let of_row = |ends: &[u32], row: usize| ends[row] - if row == 0 { 0 } else { ends[row - 1] };
        let mut total = 0;
        for column in &batch.columns {
            if let Values::Text { ends, .. } = &column.values {
                total += rows.iter().map(|&row| of_row(ends, row as usize) as usize).sum::<usize>();
            }
        }
        total
    }

    /// Packs the rows `order` of `batch` into `out` (`order.len() × stride` bytes) and appends their text to `text`,
    /// whose first byte is at `text_start` of the run.
    pub fn pack(&self, batch: &Batch, order: &[u32], text_start: u32, out: &mut [u8], text: &mut Vec<u8>) {
        let stride = self.stride;
        out.fill(0);
        for (index, (column, place)) in batch.columns.iter().zip(&self.places).enumerate() {
            let (byte, bit) = (index / 8, index % 8);
            for (row, &from) in out.chunks_exact_mut(stride).zip(order) {
                row[byte] |= column.valid[from as usize] << bit;
            }
            if let ColumnPlace::Fixed(at) = *place {
                pack_fixed(&column.values, order, out, stride, at);
            }
        }
        if self.texts > 0 {
            self.pack_text(batch, order, text_start, out, text);
        }
    }

    fn pack_text(&self, batch: &Batch, order: &[u32], text_start: u32, out: &mut [u8], text: &mut Vec<u8>) {
        let first = text.len();
        for (row, &from) in out.chunks_exact_mut(self.stride).zip(order) {
            let offset = text_start + (text.len() - first) as u32;
            row[self.text_at..self.text_at + 4].copy_from_slice(&offset.to_le_bytes());
            for (column, place) in batch.columns.iter().zip(&self.places) {
                if let (ColumnPlace::Text(ordinal), Values::Text { ends, bytes }) = (place, &column.values) {
                    let from = from as usize;
                    let start = if from == 0 { 0 } else { ends[from - 1] };
                    let at = self.text_at + 4 + 4 * ordinal;
                    row[at..at + 4].copy_from_slice(&(ends[from] - start).to_le_bytes());
                    text.extend_from_slice(&bytes[start as usize..ends[from] as usize]);
                }
            }
        }
    }

    /// Where a column is found.
    pub fn place(&self, column: usize) -> ColumnPlace {
        self.places[column]
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.types.len()
    }

    /// How many columns are text.
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// Whether a row has a value in a column.
    pub fn is_valid(&self, row: &[u8], column: usize) -> bool {
        (row[column / 8] >> (column % 8)) & 1 != 0
    }

    /// Notes that a row has a value in a column.
    pub fn set_valid(&self, row: &mut [u8], column: usize) {
        row[column / 8] |= 1 << (column % 8);
    }

    /// Where in a row the value of a column stands that is found at this offset.
    pub fn range(&self, column: usize, offset: usize) -> std::ops::Range<usize> {
        offset..offset + width(self.types[column])
    }

    /// Length of the text of a row in the column with this ordinal.
    pub fn text_length(&self, row: &[u8], ordinal: usize) -> u32 {
        read_u32(row, self.text_at + 4 + 4 * ordinal)
    }

    /// Notes the length of a text.
    pub fn set_text_length(&self, row: &mut [u8], ordinal: usize, length: u32) {
        let at = self.text_at + 4 + 4 * ordinal;
        row[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Offset in the run's text, and length, of all text of a row.
    pub fn text_of_row(&self, row: &[u8]) -> (u32, u32) {
        let lengths = (0..self.texts).map(|ordinal| read_u32(row, self.text_at + 4 + 4 * ordinal));
        (read_u32(row, self.text_at), lengths.sum())
    }

    /// The type of a column.
    pub fn column_type(&self, column: usize) -> ColumnType {
        self.types[column]
    }

    /// Where a column of floats is in packed rows; none for other columns.
    pub fn floats(&self, column: usize) -> Option<FloatsAt> {
        let ColumnPlace::Fixed(at) = self.places[column] else { return None };
        let wide = match self.types[column] {
            ColumnType::Float64 => true,
            ColumnType::Float32 => false,
            _ => return None,
        };
        Some(FloatsAt { at, wide, byte: column / 8, bit: 1 << (column % 8) })
    }

    /// Whether each row has a value: row `i` of the result is row `index[i]` of `rows`. Answers how many have.
    pub fn unpack_valid(&self, column: usize, rows: &[u8], index: &[u32], valid: &mut Vec<u8>) -> usize {
        let (byte, bit) = (column / 8, column % 8);
        valid.clear();
        valid.extend(index.iter().map(|&row| (rows[row as usize * self.stride + byte] >> bit) & 1));
        valid.iter().map(|&valid| usize::from(valid)).sum()
    }

    /// Takes a column of values of `N` bytes out of packed rows, into `out`, which is as long as `index`.
    ///
    /// # Panics
    /// If the column is text or of another width.
    pub fn unpack_fixed<const N: usize>(
        &self,
        column: usize,
        keys: &[RowKey],
        rows: &[u8],
        index: &[u32],
        out: &mut [[u8; N]],
    ) {
        let stride = self.stride;
        match self.places[column] {
            ColumnPlace::Major => {
                for (value, &row) in out.iter_mut().zip(index) {
                    value.copy_from_slice(&keys[row as usize].major.to_le_bytes());
                }
            }
            ColumnPlace::Minor => {
                for (value, &row) in out.iter_mut().zip(index) {
                    value.copy_from_slice(&keys[row as usize].minor.to_le_bytes());
                }
            }
            ColumnPlace::Fixed(at) => {
                for (value, &row) in out.iter_mut().zip(index) {
                    let start = row as usize * stride + at;
                    value.copy_from_slice(&rows[start..start + N]);
                }
            }
            ColumnPlace::Text(_) => panic!("column {column} is text"),
        }
    }

    /// Takes a column of text out of packed rows: `texts` gives, for each row of `rows`, where its text begins in
    /// `text`.
    ///
    /// # Panics
    /// If the column is not text.
    pub fn unpack_texts(
        &self,
        column: usize,
        rows: &[u8],
        index: &[u32],
        texts: &[u32],
        text: &[u8],
    ) -> (Vec<u32>, Vec<u8>) {
        let ColumnPlace::Text(ordinal) = self.places[column] else { panic!("column {column} is no text") };
        self.unpack_text(ordinal, rows, index, texts, text)
    }

    fn unpack_text(
        &self,
        ordinal: usize,
        rows: &[u8],
        index: &[u32],
        text_starts: &[u32],
        text: &[u8],
    ) -> (Vec<u32>, Vec<u8>) {
        // Lengths up to that of the column, as one slice, since there may be hundreds to add up.
        let lengths_of = |row: u32| {
            let lengths = row as usize * self.stride + self.text_at + 4;
            rows[lengths..lengths + 4 * (ordinal + 1)].as_chunks::<4>().0
        };
        let length_of = |row: u32| u32::from_le_bytes(lengths_of(row)[ordinal]) as usize;
        let total: usize = index.iter().map(|&row| length_of(row)).sum();
        let mut bytes = Vec::with_capacity(total);
        let mut ends = Vec::with_capacity(index.len());
        for &row in index {
            let before: u32 = lengths_of(row)[..ordinal].iter().map(|length| u32::from_le_bytes(*length)).sum();
            let start = (text_starts[row as usize] + before) as usize;
            bytes.extend_from_slice(&text[start..start + length_of(row)]);
            ends.push(bytes.len() as u32);
        }
        (ends, bytes)
    }
}

fn read_u32(row: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]])
}

fn pack_fixed(values: &Values, order: &[u32], out: &mut [u8], stride: usize, at: usize) {
    macro_rules! pack {
        ($values:expr) => {{
            for (row, &from) in out.chunks_exact_mut(stride).zip(order) {
                let bytes = $values[from as usize].to_le_bytes();
                row[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }};
    }
    match values {
        Values::Bool(values) => pack!(values),
        Values::Int32(values) | Values::Date(values) => pack!(values),
        Values::Int64(values) | Values::Timestamp(values) => pack!(values),
        Values::Float32(values) => pack!(values),
        Values::Float64(values) => pack!(values),
        Values::Category(values) => pack!(values),
        Values::Text { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Column;

    #[test]
    fn rows_of_every_type_come_back_in_any_order() {
        use ColumnType::*;
        let types = [Category, Timestamp, Float64, String, Bool, Float32, String, Int32, Int64, Date, Category];
        let layout = RowLayout::new(&types, Some(0), Some(1));
        let mut batch = Batch::new(types);
        let columns = [
            Values::Category(vec![7, 8, 9]),
            Values::Timestamp(vec![1, 2, 3]),
            Values::Float64(vec![0.5, f64::NAN, -1e300]),
            Values::Text { ends: vec![2, 2, 5], bytes: b"abcde".to_vec() },
            Values::Bool(vec![1, 0, 1]),
            Values::Float32(vec![1.5, 2.5, 3.5]),
            Values::Text { ends: vec![0, 3, 4], bytes: b"xyzw".to_vec() },
            Values::Int32(vec![-1, 0, i32::MAX]),
            Values::Int64(vec![i64::MIN, 0, 1]),
            Values::Date(vec![-719_162, 0, 20_000]),
            Values::Category(vec![3, 2, 1]),
        ];
        for (column, values) in batch.columns.iter_mut().zip(columns) {
            *column = Column { values, valid: vec![1, 1, 1] };
        }
        batch.columns[5].valid[1] = 0;
        batch.columns[9].valid[2] = 0;
        batch.offsets = vec![0, 10, 20];
        let order = [2, 0, 1];
        let mut rows = vec![0; 3 * layout.stride()];
        let mut text = Vec::new();
        layout.pack(&batch, &order, 0, &mut rows, &mut text);
        let keys: Vec<RowKey> =
            [(9, 3), (7, 1), (8, 2)].map(|(major, minor)| RowKey { partition: 0, major, minor }).to_vec();
        let starts: Vec<u32> = rows.chunks_exact(layout.stride()).map(|row| layout.text_of_row(row).0).collect();
        let back = [1, 2, 0];
        for (index, column) in batch.columns.iter().enumerate() {
            let mut valid = Vec::new();
            layout.unpack_valid(index, &rows, &back, &mut valid);
            assert_eq!(valid, column.valid, "column {index}");
            fn fixed<const N: usize, T>(of: impl Fn(&mut [[u8; N]]), from: fn([u8; N]) -> T) -> Vec<T> {
                let mut out = [[0; N]; 3];
                of(&mut out);
                out.map(from).into_iter().collect()
            }
            macro_rules! unpack {
                ($type:ty) => {
                    fixed(|out| layout.unpack_fixed(index, &keys, &rows, &back, out), <$type>::from_le_bytes)
                };
            }
            let values = match types[index] {
                Bool => Values::Bool(unpack!(u8)),
                Int32 => Values::Int32(unpack!(i32)),
                Date => Values::Date(unpack!(i32)),
                Int64 => Values::Int64(unpack!(i64)),
                Timestamp => Values::Timestamp(unpack!(i64)),
                Float32 => Values::Float32(unpack!(f32)),
                Float64 => Values::Float64(unpack!(f64)),
                Category => Values::Category(unpack!(u32)),
                String => {
                    let (ends, bytes) = layout.unpack_texts(index, &rows, &back, &starts, &text);
                    Values::Text { ends, bytes }
                }
            };
            assert_eq!(format!("{values:?}"), format!("{:?}", column.values), "column {index}");
        }
    }
}
