//! What the tests of all formats share: a table of many types, and reading a file in every way that it can be cut.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt32Array,
};
use swath_core::{Bytes, Result};
use swath_table::column::{Batch, Column, Values};
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::TableSchema;
use swath_table::schema_file;

use super::{GroupFilter, Head, OpenTable, RowReport, RowSource, read_rows};
use crate::csv::{BatchLimits, Consumer, ParsePlan};
use crate::store::SourceFile;

pub(crate) const ROWS: usize = 10_000;

/// A file that goes with the test.
pub(crate) struct Made(pub PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

pub(crate) fn schema(text: &str) -> TableSchema {
    let path = PathBuf::from("schema.toml");
    schema_file::parse(text, &path).expect("a schema file").resolve(None).expect("a schema")
}

/// Rows in order, texts resolved.
#[derive(Default)]
pub(crate) struct Seen {
    pub rows: Vec<String>,
    pub places: Vec<u64>,
    pub rejects: Vec<(u64, String, String)>,
    pub batches: Vec<usize>,
    interner: Option<Arc<Interner>>,
}

fn shown(column: &Column, row: usize, interner: &Interner) -> String {
    if column.valid[row] == 0 {
        return "-".into();
    }
    match &column.values {
        Values::Bool(values) => values[row].to_string(),
        Values::Int32(values) | Values::Date(values) => values[row].to_string(),
        Values::Int64(values) | Values::Timestamp(values) => values[row].to_string(),
        Values::Float32(values) => values[row].to_string(),
        Values::Float64(values) => values[row].to_string(),
        Values::Category(values) => interner.with_text(values[row], |text| String::from_utf8_lossy(text).into_owned()),
        Values::Text { ends, bytes } => {
            let start = if row == 0 { 0 } else { ends[row - 1] as usize };
            String::from_utf8_lossy(&bytes[start..ends[row] as usize]).into_owned()
        }
    }
}

impl Consumer for Seen {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        let interner = Arc::clone(self.interner.as_ref().expect("an interner"));
        for row in 0..batch.rows() {
            let values: Vec<String> = batch.columns.iter().map(|column| shown(column, row, &interner)).collect();
            self.rows.push(values.join("|"));
            self.places.push(batch.offsets[row]);
        }
        self.batches.push(batch.rows());
        batch.clear();
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<()> {
        self.rejects.push((reject.offset, reject.reason.to_string(), reject.detail));
        Ok(())
    }

    fn reject_shown(&mut self, reject: Reject, shown: &[u8]) -> Result<()> {
        let told = format!("{} {}", reject.detail, String::from_utf8_lossy(shown));
        self.rejects.push((reject.offset, reject.reason.to_string(), told));
        Ok(())
    }
}

/// Reads a file in spans of so many rows.
pub(crate) fn read(file: &Made, schema: &TableSchema, span: u64, filter: &GroupFilter) -> Result<(Seen, RowReport)> {
    let size = std::fs::metadata(&file.0).expect("a file").len();
    let head = Head::read(&SourceFile::open(&file.0)?, size, &|_| true)?;
    let names: Vec<Vec<u8>> = head.columns().map(|(name, _)| name.as_bytes().to_vec()).collect();
    let plan = ParsePlan::new(&file.0, schema, &names)?;
    let mut table = OpenTable::open(Box::new(SourceFile::open(&file.0)?), size, &plan, schema, 1 << 20)?;
    let bound = table.bytes_max()?;
    assert!(bound > Bytes::ZERO);
    let interner = Arc::new(Interner::new("texts", Bytes(64 << 20)));
    let mut batch = Batch::new(schema.columns.iter().map(|column| column.column_type));
    let mut seen = Seen { interner: Some(Arc::clone(&interner)), ..Seen::default() };
    let limits = BatchLimits { rows: 3_000, bytes: Bytes(1 << 20) };
    let source = RowSource { plan: &plan, interner: &interner, limits, max_record: 1 << 20 };
    let mut all = RowReport::default();
    for start in (0..head.rows()).step_by(span as usize) {
        let rows = start..(start + span).min(head.rows());
        let report = read_rows(&source, &mut table, rows, filter, &mut batch, &mut seen)?;
        all.read += report.read;
        all.filtered += report.filtered;
        all.rejected += report.rejected;
        all.nulled += report.nulled;
    }
    if batch.rows() > 0 {
        seen.batch(&mut batch)?;
    }
    Ok((seen, all))
}

pub(crate) fn telemetry() -> RecordBatch {
    let number = |row: usize| (row as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let gap = |row: usize| (row % 7 != 3).then_some(row);
    let rows = || 0..ROWS;
    let keys = DictionaryArray::<Int32Type>::from_iter(rows().map(|row| gap(row).map(|row| ["a", "bb", ""][row % 3])));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("sensor", Arc::new(StringArray::from_iter_values(rows().map(|row| format!("s-{}", row % 40))))),
        ("key", Arc::new(keys)),
        (
            "note",
            Arc::new(StringArray::from_iter(
                rows().map(|row| gap(row).map(|row| format!("{row}:{}", "x".repeat(row % 90)))),
            )),
        ),
        ("flag", Arc::new(BooleanArray::from_iter(rows().map(|row| gap(row).map(|row| row % 5 == 0))))),
        ("short", Arc::new(Int16Array::from_iter(rows().map(|row| gap(row).map(|row| row as i16 - 300))))),
        ("i32", Arc::new(Int32Array::from_iter_values(rows().map(|row| number(row) as i32)))),
        ("i64", Arc::new(Int64Array::from_iter(rows().map(|row| gap(row).map(number))))),
        ("u32", Arc::new(UInt32Array::from_iter_values(rows().map(|row| number(row) as u32)))),
        ("f32", Arc::new(Float32Array::from_iter(rows().map(|row| gap(row).map(|row| number(row) as f32 / 1e9))))),
        ("f64", Arc::new(Float64Array::from_iter_values(rows().map(|row| number(row) as f64 / 1e9)))),
        ("day", Arc::new(Date32Array::from_iter_values(rows().map(|row| 20_000 + row as i32 / 100)))),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from_iter_values(
                rows().map(|row| 1_700_000_000_000_000_999 + row as i64 * 1_000),
            )),
        ),
        ("s", Arc::new(TimestampSecondArray::from_iter_values(rows().map(|row| 1_700_000_000 + row as i64)))),
        (
            "ms",
            Arc::new(PrimitiveArray::<TimestampMillisecondType>::from_iter(
                rows().map(|row| gap(row).map(|row| 1_700_000_000_000 + row as i64)),
            )),
        ),
        (
            "money",
            Arc::new(
                Decimal128Array::from_iter_values(rows().map(|row| row as i128 * 7 - 40_000))
                    .with_precision_and_scale(30, 2)
                    .expect("a type"),
            ),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("columns")
}

pub(crate) const TELEMETRY: &str = "[columns.sensor]\ntype='category'\n[columns.key]\ntype='category'\n[columns.note]\ntype='string'\n\
    [columns.flag]\ntype='bool'\n[columns.short]\ntype='int32'\n[columns.i32]\ntype='int32'\n[columns.i64]\ntype='int64'\n\
    [columns.u32]\ntype='int64'\n[columns.f32]\ntype='float32'\n[columns.f64]\ntype='float64'\n[columns.day]\ntype='date'\n\
    [columns.ns]\ntype='timestamp'\n[columns.s]\ntype='timestamp'\nformat='epoch_s'\n[columns.ms]\ntype='timestamp'\n[columns.money]\ntype='float64'\n";

pub(crate) fn wanted() -> Vec<String> {
    let number = |row: usize| (row as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let or = |row: usize, text: String| if row % 7 == 3 { "-".into() } else { text };
    let key = |row: usize| match ["a", "bb", ""][row % 3] {
        "" => "-".to_string(),
        text => or(row, text.into()),
    };
    (0..ROWS)
        .map(|row| {
            [
                format!("s-{}", row % 40),
                key(row),
                or(row, format!("{row}:{}", "x".repeat(row % 90))),
                or(row, u8::from(row % 5 == 0).to_string()),
                or(row, (row as i16 - 300).to_string()),
                (number(row) as i32).to_string(),
                or(row, number(row).to_string()),
                (number(row) as u32).to_string(),
                or(row, (number(row) as f32 / 1e9).to_string()),
                (number(row) as f64 / 1e9).to_string(),
                (20_000 + row / 100).to_string(),
                (1_700_000_000_000_000 + row).to_string(),
                ((1_700_000_000 + row) * 1_000_000).to_string(),
                or(row, ((1_700_000_000_000 + row) * 1_000).to_string()),
                ((row as i64 * 7 - 40_000) as f64 / 100.0).to_string(),
            ]
            .join("|")
        })
        .collect()
}
