//! Tables whose fields have any number of blanks between them: whether a text is one, and the mark before its names.
//!
//! Columns of fixed width are not found: where one ends that no sampled row fills is not to be seen in a sample.

use std::borrow::Cow;

use super::dialect::{typed_columns, usual};
use super::records::{Dialect, Record, Records};
use crate::schema::Layout;

/// Records that must have the usual number of fields, in a hundred.
const ALIKE: usize = 90;

/// Whether nearly all lines from the first row on have as many words, and some column holds numbers or times.
pub(super) fn separate(text: &[u8], dialect: &Dialect) -> bool {
    let dialect = Dialect { layout: Layout::Spaces, ..dialect.clone() };
    let records: Vec<Record<'_>> = Records::new(text, &dialect).collect();
    let counts: Vec<usize> = records.iter().map(|record| record.fields.len()).collect();
    let Some(count) = usual(&counts).filter(|&count| count > 1) else { return false };
    let Some(first) = counts.iter().position(|&other| other == count) else { return false };
    let below = &counts[first..];
    let alike = below.iter().filter(|&&other| other == count).count();
    alike > 1
        && alike * 100 >= below.len() * ALIKE
        && typed_columns(&records[first + 1..], count, b".,").contains(&true)
}

/// Takes away the mark that stands alone before the names: `# time value` over `12:00 7`.
pub(super) fn drop_mark(records: &mut [Record<'_>], index: usize) {
    let below = records.get(index + 1).map(|record| record.fields.len());
    let names = &mut records[index].fields;
    if names.first() == Some(&Cow::Borrowed(b"#")) && below == Some(names.len() - 1) {
        names.remove(0);
    }
}
