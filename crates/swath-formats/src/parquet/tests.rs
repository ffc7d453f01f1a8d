//! Files that another writer made, read in every way that they can be cut.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt32Array, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use swath_core::{Bytes, Result};
use swath_table::column::{Batch, Column, Values};
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::TableSchema;
use swath_table::schema_file;

use super::Footer;
use crate::columnar::{GroupFilter, Head, OpenTable, RowReport, RowSource, read_rows, sample, sample_header};
use crate::csv::{BatchLimits, Consumer, ParsePlan};
use crate::store::SourceFile;

const ROWS: usize = 10_000;

/// A file that goes with the test.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn made(name: &str, batch: &RecordBatch, properties: WriterPropertiesBuilder) -> Made {
    let path = std::env::temp_dir().join(format!("swath-parquet-{}-{name}.parquet", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).expect("a writer");
    writer.write(batch).expect("rows");
    writer.close().expect("a footer");
    Made(path)
}

fn schema(text: &str) -> TableSchema {
    let path = PathBuf::from("schema.toml");
    schema_file::parse(text, &path).expect("a schema file").resolve(None).expect("a schema")
}

/// Rows in order, texts resolved.
#[derive(Default)]
struct Seen {
    rows: Vec<String>,
    places: Vec<u64>,
    rejects: Vec<(u64, String, String)>,
    batches: Vec<usize>,
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
fn read(file: &Made, schema: &TableSchema, span: u64, filter: &GroupFilter) -> Result<(Seen, RowReport)> {
    let size = std::fs::metadata(&file.0).expect("a file").len();
    let footer = Footer::read(&SourceFile::open(&file.0)?, size, &|_| true)?;
    let names: Vec<Vec<u8>> = footer.columns.iter().map(|column| column.name.clone().into_bytes()).collect();
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
    for start in (0..footer.rows).step_by(span as usize) {
        let rows = start..(start + span).min(footer.rows);
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

fn telemetry() -> RecordBatch {
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

const TELEMETRY: &str = "[columns.sensor]\ntype='category'\n[columns.key]\ntype='category'\n[columns.note]\ntype='string'\n\
    [columns.flag]\ntype='bool'\n[columns.short]\ntype='int32'\n[columns.i32]\ntype='int32'\n[columns.i64]\ntype='int64'\n\
    [columns.u32]\ntype='int64'\n[columns.f32]\ntype='float32'\n[columns.f64]\ntype='float64'\n[columns.day]\ntype='date'\n\
    [columns.ns]\ntype='timestamp'\n[columns.s]\ntype='timestamp'\nformat='epoch_s'\n[columns.ms]\ntype='timestamp'\n[columns.money]\ntype='float64'\n";

fn wanted() -> Vec<String> {
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

#[test]
fn every_encoding_gives_the_same_rows_however_they_are_cut() {
    let (batch, schema, wanted) = (telemetry(), schema(TELEMETRY), wanted());
    let base = || WriterProperties::builder().set_data_page_row_count_limit(700).set_write_batch_size(100);
    let plain = || base().set_dictionary_enabled(false);
    let of = |names: &[&str], encoding: Encoding, builder: WriterPropertiesBuilder| {
        names.iter().fold(builder, |builder, name| builder.set_column_encoding((*name).into(), encoding))
    };
    let whole = ["short", "i32", "i64", "u32", "day", "ns", "s", "ms"];
    let texts = ["sensor", "key", "note"];
    let v2 = WriterVersion::PARQUET_2_0;
    let zstd = Compression::ZSTD(ZstdLevel::default());
    for (name, properties) in [
        ("plain", plain()),
        ("dictionary", base().set_compression(Compression::SNAPPY)),
        ("second", base().set_writer_version(v2).set_compression(zstd)),
        ("groups", base().set_max_row_group_row_count(Some(1_234)).set_compression(zstd)),
        ("small", base().set_dictionary_page_size_limit(2_000).set_data_page_size_limit(1_000)),
        ("deltas", of(&whole, Encoding::DELTA_BINARY_PACKED, plain().set_writer_version(v2))),
        ("lengths", of(&texts, Encoding::DELTA_LENGTH_BYTE_ARRAY, plain().set_compression(zstd))),
        ("prefixes", of(&texts, Encoding::DELTA_BYTE_ARRAY, plain())),
        ("split", of(&["f32", "f64", "i32", "i64", "money"], Encoding::BYTE_STREAM_SPLIT, plain())),
        ("runs", of(&["flag"], Encoding::RLE, plain().set_writer_version(v2))),
    ] {
        let file = made(name, &batch, properties);
        for span in [ROWS as u64, 3_333, 100] {
            let (seen, report) = read(&file, &schema, span, &GroupFilter::default()).expect(name);
            assert!(seen.rejects.is_empty(), "{name}: {:?}", &seen.rejects[..1]);
            let differs = seen.rows.iter().zip(&wanted).position(|(got, wanted)| got != wanted);
            if let Some(row) = differs {
                assert_eq!(seen.rows[row], wanted[row], "{name}, row {row} in spans of {span}");
            }
            assert_eq!((seen.rows.len(), report.read), (ROWS, ROWS as u64), "{name}");
            assert!(seen.places.iter().copied().eq(0..ROWS as u64), "{name}");
        }
    }
}

#[test]
fn values_that_do_not_fit_are_rejected_with_their_rows() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(1 << 40), Some(5), Some(6), Some(7), Some(8)])),
        ),
        ("big", Arc::new(UInt64Array::from(vec![1, u64::MAX, 3, 4, 5, 6, 7, 8]))),
        ("f", Arc::new(Float64Array::from(vec![1.5, 2.0, 3.0, 4.0, f64::NAN, f64::INFINITY, -999.0, 200.0]))),
        ("when", Arc::new(StringArray::from(vec!["2025-03-01T10:00:00Z"; 8]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns");
    let file = made("rejects", &batch, WriterProperties::builder());
    let schema = schema(
        "[csv]\nmissing=['','-999']\n[columns.id]\ntype='int32'\nrequired=true\n[columns.big]\ntype='int64'\n\
         [columns.f]\ntype='float32'\nmax=100.0\n[columns.when]\ntype='timestamp'\n[columns.name]\ntype='category'\nsource='id'\n",
    );
    let (seen, report) = read(&file, &schema, 8, &GroupFilter::default()).expect("rows");
    let moment = 1_740_823_200_000_000i64;
    assert_eq!(seen.rows, [format!("1|1|1.5|{moment}|1"), format!("5|5|-|{moment}|5"), format!("7|7|-|{moment}|7")]);
    let told: Vec<String> = seen.rejects.iter().map(|(row, reason, told)| format!("{row} {reason}: {told}")).collect();
    let row = |id: &str, big: &str, f: &str| {
        format!("{{\"id\":{id},\"name\":{id},\"big\":{big},\"f\":{f},\"when\":\"2025-03-01T10:00:00Z\"}}")
            .replace("\"name\"", "\"id\"")
    };
    assert_eq!(
        told,
        [
            format!(
                "1 invalid_value: wanted an int64, got \"18446744073709551615\" {}",
                row("2", "18446744073709551615", "2")
            ),
            format!("2 missing_key: wanted an int32, got nothing {}", row("null", "3", "3")),
            format!("3 invalid_value: wanted an int32, got \"1099511627776\" {}", row("1099511627776", "4", "4")),
            format!("5 invalid_value: wanted a float32, got \"inf\" {}", row("6", "6", "inf")),
            format!("7 out_of_range: wanted at most 100, got \"200\" {}", row("8", "8", "200")),
        ]
    );
    assert_eq!((report.read, report.rejected), (8, 5));
}

#[test]
fn row_groups_outside_of_the_wanted_are_not_read() {
    let file = made("filter", &telemetry(), WriterProperties::builder().set_max_row_group_row_count(Some(1_000)));
    let schema =
        schema("[columns.ns]\ntype='timestamp'\n[columns.money]\ntype='float64'\n[columns.f64]\ntype='float64'\n");
    let second = |row: i64| 1_700_000_000_000_000 + row;
    let filter = GroupFilter { time: Some((0, second(1_500), second(3_000))), between: vec![] };
    let (seen, report) = read(&file, &schema, 2_500, &filter).expect("rows");
    assert_eq!((report.read, report.filtered), (10_000, 8_000));
    assert!(seen.places.iter().copied().eq(1_000..3_000));
    let filter = GroupFilter { time: None, between: vec![(2, 1e12, 2e12)] };
    assert_eq!(read(&file, &schema, 2_500, &filter).expect("rows").1.filtered, 10_000);
}

#[test]
fn columns_that_are_nested_are_named() {
    let inner = arrow_array::StructArray::from(vec![(
        Arc::new(arrow_schema::Field::new("a", arrow_schema::DataType::Int32, false)),
        Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef,
    )]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("before", Arc::new(Int32Array::from(vec![1, 2]))),
        ("nested", Arc::new(inner)),
        ("after", Arc::new(Int32Array::from(vec![3, 4]))),
    ];
    let file = made("nested", &RecordBatch::try_from_iter(columns).expect("columns"), WriterProperties::builder());
    let size = std::fs::metadata(&file.0).expect("a file").len();
    let source = || SourceFile::open(&file.0).expect("a file");
    let head = Head::read(&source(), size, &|_| true).expect("a footer");
    assert_eq!(footer.refused, [("nested".to_string(), "it is nested".to_string())]);
    let schema = schema("[columns.after]\ntype='int32'\n[columns.before]\ntype='int64'\n");
    assert_eq!(read(&file, &schema, 1, &GroupFilter::default()).expect("rows").0.rows, ["3|1", "4|2"]);
    let pieces = sample(Box::new(source()), &head, &[0..1, 1..2], 100).expect("a sample");
    assert_eq!((pieces[0].text.as_slice(), pieces[1].text.as_slice()), (&b"1,3\n"[..], &b"2,4\n"[..]));
    assert_eq!(sample_header(&footer), b"\"before\",\"after\"\n");
}

#[test]
fn files_that_are_cut_or_changed_are_told_and_never_more() {
    let schema = schema(TELEMETRY);
    let file = made("whole", &telemetry(), WriterProperties::builder().set_data_page_row_count_limit(700));
    let bytes = std::fs::read(&file.0).expect("bytes");
    let changed = Made(file.0.with_extension("changed"));
    let mut told = 0;
    for cut in 0..50 {
        std::fs::write(&changed.0, &bytes[..bytes.len() * cut / 50]).expect("a file");
        let error = read(&changed, &schema, 5_000, &GroupFilter::default()).err().expect("a cut file");
        assert_eq!(error.exit_code(), 5, "{error}");
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for round in 0..400 {
        let mut broken = bytes.clone();
        for _ in 0..1 + round % 4 {
            // Half of them in the footer, where lies are worst.
            let from = if round % 2 == 0 { broken.len().saturating_sub(6_000) } else { 0 };
            let at = from + random() % (broken.len() - from);
            broken[at] = random() as u8;
        }
        std::fs::write(&changed.0, &broken).expect("a file");
        match read(&changed, &schema, 5_000, &GroupFilter::default()) {
            Ok((_, report)) => assert_eq!(report.read, ROWS as u64),
            Err(error) => {
                told += 1;
                assert!(matches!(error.exit_code(), 5 | 2), "{error}");
            }
        }
    }
    assert!(told > 50, "{told}");
}
