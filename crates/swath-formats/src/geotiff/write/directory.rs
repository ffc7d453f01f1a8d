//! Image file directories as bytes: fields sorted by tag, their values beside or behind them, classic or big.
//!
//! The arrays of offsets and byte counts have their place here, but are written by whoever knows them.

use super::super::tags;

/// Values of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// 16-bit numbers.
    Short(Vec<u16>),
    /// 32-bit numbers.
    Long(Vec<u32>),
    /// Floats.
    Double(Vec<f64>),
    /// Text; the zero at its end is added.
    Text(String),
    /// Where so many blocks begin.
    Offsets(u64),
    /// How long so many blocks are.
    Counts(u64),
}

impl Value {
    fn count(&self) -> u64 {
        match self {
            Value::Short(values) => values.len() as u64,
            Value::Long(values) => values.len() as u64,
            Value::Double(values) => values.len() as u64,
            Value::Text(text) => text.len() as u64 + 1,
            Value::Offsets(count) | Value::Counts(count) => *count,
        }
    }

    /// Number of the type, and bytes of a value.
    fn kind(&self, is_big: bool) -> (u16, u64) {
        match self {
            Value::Text(_) => (2, 1),
            Value::Short(_) => (3, 2),
            Value::Long(_) | Value::Counts(_) => (4, 4),
            Value::Double(_) => (12, 8),
            Value::Offsets(_) if is_big => (16, 8),
            Value::Offsets(_) => (4, 4),
        }
    }

    pub(super) fn bytes(&self, is_big: bool) -> u64 {
        self.count() * self.kind(is_big).1
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Value::Offsets(_) | Value::Counts(_))
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Value::Short(values) => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
            Value::Long(values) => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
            Value::Double(values) => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
            Value::Text(text) => {
                out.extend(text.bytes().map(|byte| if byte == 0 { b' ' } else { byte }));
                out.push(0);
            }
            Value::Offsets(_) | Value::Counts(_) => {}
        }
    }
}

/// The fields of one image.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Directory {
    fields: Vec<(u16, Value)>,
}

impl Directory {
    /// Adds a field; tags may come in any order.
    pub(super) fn put(&mut self, tag: u16, value: Value) {
        let at = self.fields.partition_point(|(other, _)| *other < tag);
        self.fields.insert(at, (tag, value));
    }

    fn bytes(&self, is_big: bool) -> u64 {
        let count = self.fields.len() as u64;
        if is_big { 16 + 20 * count } else { 6 + 12 * count }
    }
}

/// Where the directories of a file and the values behind them lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placement {
    pub is_big: bool,
    /// Where each directory begins.
    starts: Vec<u64>,
    /// Where the values of each field of each directory begin; `None` if they fit into the field.
    values: Vec<Vec<Option<u64>>>,
    /// Where the first array begins.
    pub arrays_start: u64,
    /// Where the first block begins.
    pub data_start: u64,
}

/// Bytes of the header of a file.
pub(super) fn header_bytes(is_big: bool) -> u64 {
    if is_big { 16 } else { 8 }
}

/// Finds a place for everything that comes before the blocks: directories with their values, then all arrays.
pub(super) fn place(directories: &[Directory], ghost_bytes: u64, is_big: bool) -> Placement {
    let field_bytes = if is_big { 8 } else { 4 };
    let mut end = header_bytes(is_big) + ghost_bytes;
    let mut reserve = |bytes: u64| {
        let start = end.next_multiple_of(8);
        end = start + bytes;
        start
    };
    let (mut starts, mut values) = (Vec::new(), Vec::new());
    for directory in directories {
        starts.push(reserve(directory.bytes(is_big)));
        let mut places = Vec::new();
        for (_, value) in &directory.fields {
            let is_behind = value.bytes(is_big) > field_bytes && !value.is_array();
            places.push(is_behind.then(|| reserve(value.bytes(is_big))));
        }
        values.push(places);
    }
    let arrays_start = reserve(0);
    for (directory, places) in directories.iter().zip(&mut values) {
        for ((_, value), place) in directory.fields.iter().zip(places) {
            if value.is_array() && value.bytes(is_big) > field_bytes {
                *place = Some(reserve(value.bytes(is_big)));
            }
        }
    }
    let data_start = reserve(0);
    Placement { is_big, starts, values, arrays_start, data_start }
}

impl Placement {
    /// The arrays that lie behind the directories, in order: the directory, the place, and the kind.
    pub(super) fn arrays(&self, directories: &[Directory]) -> Vec<(usize, u64, Value)> {
        let mut arrays = Vec::new();
        for (number, (directory, places)) in directories.iter().zip(&self.values).enumerate() {
            for ((_, value), place) in directory.fields.iter().zip(places) {
                if let Some(place) = place.filter(|_| value.is_array()) {
                    arrays.push((number, place, value.clone()));
                }
            }
        }
        arrays
    }

    /// The bytes before the arrays. `inline` answers, for a directory, the offsets and byte counts of its blocks where
    /// they are few enough to stand in the field.
    pub(super) fn head<E>(
        &self,
        directories: &[Directory],
        ghost: &str,
        mut inline: impl FnMut(usize) -> Result<(Vec<u64>, Vec<u64>), E>,
    ) -> Result<Vec<u8>, E> {
        let mut out = Vec::with_capacity(self.arrays_start as usize);
        out.extend_from_slice(if self.is_big { b"II\x2b\0\x08\0\0\0" } else { b"II\x2a\0" });
        self.put_word(self.starts.first().copied().unwrap_or(0), &mut out);
        out.extend_from_slice(ghost.as_bytes());
        for (number, directory) in directories.iter().enumerate() {
            let next = self.starts.get(number + 1).copied().unwrap_or(0);
            let lists = inline(number)?;
            self.put_directory(number, directory, next, &lists, &mut out);
        }
        out.resize(self.arrays_start as usize, 0);
        Ok(out)
    }

    fn put_directory(
        &self,
        number: usize,
        directory: &Directory,
        next: u64,
        (offsets, counts): &(Vec<u64>, Vec<u64>),
        out: &mut Vec<u8>,
    ) {
        out.resize(self.starts[number] as usize, 0);
        let count = directory.fields.len();
        if self.is_big {
            out.extend_from_slice(&(count as u64).to_le_bytes());
        } else {
            out.extend_from_slice(&(count as u16).to_le_bytes());
        }
        for ((tag, value), place) in directory.fields.iter().zip(&self.values[number]) {
            let (kind, value_bytes) = value.kind(self.is_big);
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&kind.to_le_bytes());
            self.put_word(value.count(), out);
            let end = out.len() + if self.is_big { 8 } else { 4 };
            match (place, value) {
                (Some(place), _) => self.put_word(*place, out),
                (None, Value::Offsets(_)) => {
                    offsets
                        .iter()
                        .for_each(|offset| out.extend_from_slice(&offset.to_le_bytes()[..value_bytes as usize]));
                }
                (None, Value::Counts(_)) => {
                    counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()[..value_bytes as usize]));
                }
                (None, value) => value.put(out),
            }
            out.resize(end, 0);
        }
        self.put_word(next, out);
        for ((_, value), place) in directory.fields.iter().zip(&self.values[number]) {
            if let Some(place) = place.filter(|_| !value.is_array()) {
                out.resize(place as usize, 0);
                value.put(out);
            }
        }
    }

    /// An offset or a count, as wide as the form of the file has it.
    fn put_word(&self, word: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&word.to_le_bytes()[..if self.is_big { 8 } else { 4 }]);
    }

    /// Whether the array stands in its field.
    pub(super) fn is_inline(&self, number: usize, directory: &Directory, tag: u16) -> bool {
        let at = directory.fields.iter().position(|(other, _)| *other == tag);
        at.is_some_and(|at| self.values[number][at].is_none())
    }
}

/// The two tags whose values are arrays.
pub(super) const ARRAY_TAGS: [u16; 2] = [tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS];
