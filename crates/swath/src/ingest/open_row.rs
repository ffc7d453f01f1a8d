//! The row that is open while rows of one key are put together: which values it takes, and what is told of others.
//!
//! It knows packed rows, and neither where they come from nor where they go.

use swath_table::layout::{ColumnPlace, RowLayout};
use swath_table::schema::{ColumnType, Keep};

/// What a row brought to the one that is open.
#[derive(Default)]
pub struct News {
    /// Whether there was no value where it has one.
    pub is_new: bool,
    /// Columns where there was another one.
    pub columns: Vec<usize>,
    /// What was there in the first of them, and what came.
    pub example: Option<(Vec<u8>, Vec<u8>)>,
}

/// A packed row with its text.
pub struct RowOf<'a> {
    /// How it is packed.
    pub layout: &'a RowLayout,
    /// The row.
    pub row: &'a [u8],
    /// All of its text.
    pub text: &'a [u8],
}

impl<'a> RowOf<'a> {
    /// The value of a column that is found at an offset.
    pub fn bytes(&self, column: usize, at: usize) -> &'a [u8] {
        &self.row[self.layout.range(column, at)]
    }

    fn text(&self, ordinal: usize) -> &'a [u8] {
        let before: u32 = (0..ordinal).map(|earlier| self.layout.text_length(self.row, earlier)).sum();
        &self.text[before as usize..(before + self.layout.text_length(self.row, ordinal)) as usize]
    }

    /// The number of a category.
    pub fn number(&self, column: usize) -> u32 {
        match self.layout.place(column) {
            ColumnPlace::Fixed(at) => {
                self.bytes(column, at).first_chunk().copied().map_or(u32::MAX, u32::from_le_bytes)
            }
            _ => u32::MAX,
        }
    }
}

/// The row that is open.
pub struct Open<'a> {
    /// How it is packed.
    pub layout: &'a RowLayout,
    /// The row.
    pub row: &'a mut [u8],
    /// Its texts, by ordinal.
    pub texts: &'a mut [Vec<u8>],
    /// Which of several values stays.
    pub keep: Keep,
    /// What the last row brought.
    pub news: News,
}

impl Open<'_> {
    /// Takes the value of a column, where there is none or the last one stays.
    pub fn take(&mut self, from: &RowOf<'_>, column: usize, to: usize) {
        if !from.layout.is_valid(from.row, column) {
            return;
        }
        let is_there = self.layout.is_valid(self.row, to);
        self.layout.set_valid(self.row, to);
        match (from.layout.place(column), self.layout.place(to)) {
            (ColumnPlace::Fixed(at), ColumnPlace::Fixed(there)) => {
                let (value, range) = (from.bytes(column, at), self.layout.range(to, there));
                let is_same = same(self.layout.column_type(to), &self.row[range.clone()], value);
                if is_there && !is_same {
                    self.news.another(to, &self.row[range.clone()], value);
                }
                if !is_there || self.keep == Keep::Last {
                    self.row[range].copy_from_slice(value);
                }
            }
            (ColumnPlace::Text(ordinal), ColumnPlace::Text(there)) => {
                let (value, there) = (from.text(ordinal), &mut self.texts[there]);
                if is_there && there != value {
                    self.news.another(to, there, value);
                }
                if !is_there || self.keep == Keep::Last {
                    there.clear();
                    there.extend_from_slice(value);
                }
            }
            // The key holds it, and is the same.
            _ => return,
        }
        self.news.is_new |= !is_there;
    }

    /// Takes the coordinates, with the system that they are in, as one value: one that is whole goes before one that is
    /// not.
    pub fn take_place(&mut self, from: &RowOf<'_>, columns: &[(usize, usize)]) {
        let wholeness = |is_valid: &dyn Fn(usize, usize) -> bool| {
            columns.iter().filter(|&&(column, to)| is_valid(column, to)).count()
        };
        let got = wholeness(&|column, _| from.layout.is_valid(from.row, column));
        let there = wholeness(&|_, to| self.layout.is_valid(self.row, to));
        if got == 0 {
            return;
        }
        if got > there || (got == there && self.keep == Keep::Last) {
            if got == there {
                self.compare(from, columns);
            }
            for &(_, to) in columns {
                self.row[to / 8] &= !(1 << (to % 8));
            }
            let is_new = got > there;
            let news = std::mem::take(&mut self.news);
            for &(column, to) in columns {
                self.take(from, column, to);
            }
            self.news = News { is_new: news.is_new || is_new, ..news };
        } else if got == there {
            self.compare(from, columns);
        }
    }

    /// Notes where coordinates differ from those that are there.
    fn compare(&mut self, from: &RowOf<'_>, columns: &[(usize, usize)]) {
        for &(column, to) in columns {
            let is_valid = from.layout.is_valid(from.row, column) && self.layout.is_valid(self.row, to);
            if let (true, ColumnPlace::Fixed(at), ColumnPlace::Fixed(there)) =
                (is_valid, from.layout.place(column), self.layout.place(to))
            {
                let (value, there) = (from.bytes(column, at), &self.row[self.layout.range(to, there)]);
                if !same(self.layout.column_type(to), there, value) {
                    self.news.another(to, there, value);
                    // One column tells of the place.
                    return;
                }
            }
        }
    }
}

impl News {
    fn another(&mut self, column: usize, there: &[u8], got: &[u8]) {
        self.columns.push(column);
        self.example.get_or_insert_with(|| (there.to_vec(), got.to_vec()));
    }
}

/// Whether two values of a type are the same: so are the two zeros.
fn same(column_type: ColumnType, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    let zero = |value: &[u8]| match (column_type, value.split_last()) {
        (ColumnType::Float32 | ColumnType::Float64, Some((last, rest))) => {
            last & 0x7f == 0 && rest.iter().all(|byte| *byte == 0)
        }
        _ => false,
    };
    zero(one) && zero(other)
}
