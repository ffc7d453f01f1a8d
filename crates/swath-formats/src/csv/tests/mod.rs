//! Cases and properties of parsing whole ranges.

mod cases;
mod lines;
mod mutations;
mod numbers;
mod ranges;

use std::path::Path;

use swath_core::{Bytes, Result};
use swath_table::column::{Batch, Column, Values};
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::{Checks, ColumnSchema, ColumnType, CrsSchema, CsvFormat, TableSchema, Violation};

use super::kernel::Level;
use super::*;

/// A small deterministic generator (SplitMix64).
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A column of a type with nothing special about it.
pub(super) fn column(name: &str, column_type: ColumnType) -> ColumnSchema {
    ColumnSchema {
        name: name.into(),
        column_type,
        role: None,
        source: vec![name.into()],
        format: None,
        timezone: None,
        min: None,
        max: None,
        out_of_range: Violation::Reject,
        invalid: Violation::Reject,
        missing: None,
        year: None,
        negate: false,
        units: None,
        required: false,
    }
}

pub(super) fn table(columns: Vec<ColumnSchema>) -> TableSchema {
    TableSchema {
        csv: CsvFormat::default(),
        json: None,
        columns,
        pivot: None,
        crs: CrsSchema::default(),
        dedup: None,
        checks: Checks::NONE,
    }
}

/// Everything that came out of a range, as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Output {
    /// `offset:line:value|value…`; a null is `-`.
    pub rows: Vec<String>,
    pub rejects: Vec<Reject>,
    /// Rows per batch.
    pub batches: Vec<usize>,
    /// A `b` for a batch, an `r` for a reject, in order.
    pub order: String,
}

struct Collector<'a> {
    output: Output,
    interner: &'a Interner,
}

fn value(column: &Column, row: usize, interner: &Interner) -> String {
    if column.valid[row] == 0 {
        return "-".into();
    }
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &column.values {
        Values::Bool(values) => values[row].to_string(),
        Values::Int32(values) | Values::Date(values) => values[row].to_string(),
        Values::Int64(values) | Values::Timestamp(values) => values[row].to_string(),
        Values::Float32(values) => values[row].to_string(),
        Values::Float64(values) => values[row].to_string(),
        Values::Category(values) => interner.with_text(values[row], lossy),
        Values::Text { ends, bytes } => {
            let start = if row == 0 { 0 } else { ends[row - 1] as usize };
            lossy(&bytes[start..ends[row] as usize])
        }
    }
}

impl Consumer for Collector<'_> {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        for column in &batch.columns {
            assert_eq!(column.valid.len(), batch.rows());
        }
        self.output.order.push('b');
        self.output.batches.push(batch.rows());
        for row in 0..batch.rows() {
            let values: Vec<String> = batch.columns.iter().map(|column| value(column, row, self.interner)).collect();
            self.output.rows.push(format!("{}:{}:{}", batch.offsets[row], batch.lines[row], values.join("|")));
        }
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<()> {
        self.output.order.push('r');
        self.output.rejects.push(reject);
        Ok(())
    }
}

pub(super) const LIMITS: BatchLimits = BatchLimits { rows: 1000, bytes: Bytes(1 << 20) };

/// A table, a text and ways to read it.
pub(super) struct Reading<'a> {
    pub schema: &'a TableSchema,
    pub data: &'a Vec<u8>,
    pub plan: ParsePlan,
    pub data_offset: u64,
    pub interner: Interner,
    pub limits: BatchLimits,
}

impl<'a> Reading<'a> {
    pub fn new(schema: &'a TableSchema, data: &'a Vec<u8>) -> Reading<'a> {
        let header = header(Path::new("a.csv"), data, true, &schema.csv).expect("a header");
        let plan = ParsePlan::new(Path::new("a.csv"), schema, &header.names).expect("a plan");
        let interner = Interner::new("categories", Bytes(1 << 28));
        Reading { schema, data, plan, data_offset: header.data_offset, interner, limits: LIMITS }
    }

    pub fn read(
        &self,
        workspace: &mut Workspace,
        nominal: std::ops::Range<u64>,
        start: Start,
    ) -> (RangeReport, Output) {
        let source = Source { input: self.data, plan: &self.plan, interner: &self.interner, limits: self.limits };
        let range = RangeSpec { nominal, file_len: self.data.len() as u64, start };
        let mut batch = Batch::new(self.schema.columns.iter().map(|column| column.column_type));
        let mut collector = Collector { output: Output::default(), interner: &self.interner };
        let report = read_range(&source, &range, workspace, &mut batch, &mut collector).expect("memory can be read");
        collector.batch(&mut batch).expect("taken");
        let output = collector.output;
        assert_eq!(report.records, (output.rows.len() + output.rejects.len()) as u64);
        assert_eq!(report.rejected, output.rejects.len() as u64);
        (report, output)
    }

    /// Everything after the header at once.
    pub fn whole(&self, workspace: &mut Workspace) -> (RangeReport, Output) {
        self.read(workspace, self.data_offset..self.data.len() as u64, Start::Exact(self.data_offset))
    }
}

/// Small and odd ways to read, with both kernels.
pub(super) fn odd_options(random: &mut Random, max_record: usize) -> (ReadOptions, Level) {
    let options = ReadOptions {
        block_bytes: *random.pick(&[1, 7, 64, 100, 4096, 262_144]),
        max_record,
        window_bytes: *random.pick(&[64, 65, 200, 32_768]),
    };
    (options, if random.below(2) == 0 { Level::Portable } else { Level::detect() })
}
