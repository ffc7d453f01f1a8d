//! Rows of columns: room for new ones, and taking rejected ones out.

use swath_table::column::Values;

/// Makes room for values that are then overwritten; texts grow as they come.
pub(crate) fn resize(values: &mut Values, rows: usize) {
    match values {
        Values::Bool(values) => values.resize(rows, 0),
        Values::Int32(values) | Values::Date(values) => values.resize(rows, 0),
        Values::Int64(values) | Values::Timestamp(values) => values.resize(rows, 0),
        Values::Float32(values) => values.resize(rows, 0.0),
        Values::Float64(values) => values.resize(rows, 0.0),
        Values::Category(values) => values.resize(rows, 0),
        Values::Text { .. } => {}
    }
}

/// Of the values from `old` on, keeps those of some rows, which are counted from `old`.
pub(crate) fn retain<T: Copy>(values: &mut Vec<T>, old: usize, keep: impl Fn(usize) -> bool) {
    let mut write = old;
    for read in old..values.len() {
        values[write] = values[read];
        write += usize::from(keep(read - old));
    }
    values.truncate(write);
}

/// [`retain`] for the values of a column.
pub(crate) fn keep_rows(values: &mut Values, old: usize, keep: impl Fn(usize) -> bool + Copy) {
    match values {
        Values::Bool(values) => retain(values, old, keep),
        Values::Int32(values) | Values::Date(values) => retain(values, old, keep),
        Values::Int64(values) | Values::Timestamp(values) => retain(values, old, keep),
        Values::Float32(values) => retain(values, old, keep),
        Values::Float64(values) => retain(values, old, keep),
        Values::Category(values) => retain(values, old, keep),
        Values::Text { ends, bytes } => {
            let mut start = if old == 0 { 0 } else { ends[old - 1] as usize };
            let mut write = start;
            for (row, end) in ends[old..].iter_mut().enumerate() {
                let text = start..*end as usize;
                start = text.end;
                if keep(row) {
                    write += text.len();
                    bytes.copy_within(text.clone(), write - text.len());
                }
                *end = write as u32;
            }
            bytes.truncate(write);
            retain(ends, old, keep);
        }
    }
}
