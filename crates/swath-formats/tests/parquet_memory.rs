//! The memory that reading Parquet takes is within what was declared, whatever the file; measured by counting
//! allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use swath_core::{Bytes, Result};
use swath_formats::columnar::{GroupFilter, Head, OpenTable, RowSource, read_rows, rows_batch_bytes_max, sample};
use swath_formats::csv::{BatchLimits, Consumer, ParsePlan};
use swath_formats::store::SourceFile;
use swath_table::column::Batch;
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema_file;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it is; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    // The default `realloc` allocates, copies and frees, so both blocks are counted while both live.
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Drop;

impl Consumer for Drop {
    fn batch(&mut self, _batch: &mut Batch) -> Result<()> {
        Ok(())
    }

    fn reject(&mut self, _reject: Reject) -> Result<()> {
        Ok(())
    }
}

fn made(name: &str, batch: &RecordBatch, properties: WriterPropertiesBuilder) -> PathBuf {
    let path = std::env::temp_dir().join(format!("swath-parquet-memory-{}-{name}.parquet", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).expect("a writer");
    writer.write(batch).expect("rows");
    writer.close().expect("a footer");
    path
}

/// Reads all rows; declared memory must be at least what was measured, and not so much that it says nothing.
fn check(name: &str, path: &Path, columns: &str, max_record: usize) {
    let schema =
        schema_file::parse(columns, Path::new("s.toml")).and_then(|file| file.resolve(None)).expect("a schema");
    let size = std::fs::metadata(path).expect("a file").len();
    let file = || Box::new(SourceFile::open(path).expect("a file"));
    let head = Head::read(&*file(), size, &|_| true).expect("a footer");
    let names: Vec<Vec<u8>> = head.columns().map(|(name, _)| name.as_bytes().to_vec()).collect();
    let rows = head.rows();
    let plan = ParsePlan::new(path, &schema, &names).expect("a plan");
    let interner = Interner::new("texts", Bytes(64 << 20));
    (0..3_000).for_each(|text| assert!(interner.intern(format!("s{text}").as_bytes()).is_ok()));
    let limits = BatchLimits { rows: 65_536, bytes: Bytes(2 << 20) };
    let table = OpenTable::open(file(), size, &plan, &schema, max_record).expect("a table").bytes_max().expect("pages");
    let declared = table + rows_batch_bytes_max(&schema, &plan, limits, rows, max_record as u64);
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut table = OpenTable::open(file(), size, &plan, &schema, max_record).expect("a table");
    let mut batch = Batch::new(schema.columns.iter().map(|column| column.column_type));
    let source = RowSource { plan: &plan, interner: &interner, limits, max_record };
    let report = read_rows(&source, &mut table, 0..rows, &GroupFilter::default(), &mut batch, &mut Drop);
    assert_eq!(report.expect("rows").read, rows, "{name}");
    let measured = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(measured <= declared.0, "{name}: declared {declared}, measured {}", Bytes(measured));
    println!("{name}: declared {declared}, measured {}", Bytes(measured));
    drop((table, batch));
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    sample(file(), &head, &[0..200, rows - 10..rows], 16 << 10).expect("a sample");
    let measured = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(measured <= declared.0, "{name}: declared {declared}, measured {} for a sample", Bytes(measured));
    std::fs::remove_file(path).expect("the file of this test");
}

/// One test, since tests of one program share the allocator.
#[test]
fn measured_memory_is_within_the_declared() {
    let rows = 300_000;
    let number = |row: usize| (row as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let gap = |row: usize| row % 5 != 1;
    let text = |row: usize, most: usize| format!("{row}:{}", "x".repeat(number(row).unsigned_abs() as usize % most));
    let table = |most: usize, rows: usize| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("s{}", row % 3_000))))),
            ("text", Arc::new(StringArray::from_iter((0..rows).map(|row| gap(row).then(|| text(row, most)))))),
            ("number", Arc::new(Float64Array::from_iter((0..rows).map(|row| gap(row).then(|| number(row) as f64))))),
            ("time", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| 1_700_000_000_000 + row as i64)))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns")
    };
    let columns = "[columns.id]\ntype='category'\n[columns.text]\ntype='string'\n[columns.number]\ntype='float64'\n\
                   [columns.time]\ntype='timestamp'\nformat='epoch_ms'\n[columns.again]\ntype='category'\nsource='time'\n";
    let numbers = "[columns.number]\ntype='float32'\n";
    let base = || WriterProperties::builder().set_max_row_group_row_count(Some(rows));
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let short = table(60, rows);
    let without_again = columns.replace("[columns.again]\ntype='category'\nsource='time'\n", "");
    for (name, batch, properties, columns) in [
        ("dictionaries", &short, base().set_dictionary_page_size_limit(64 << 20), without_again.as_str()),
        ("plain", &short, base().set_dictionary_enabled(false).set_compression(zstd), &without_again),
        ("numbers", &short, base().set_compression(zstd), numbers),
        (
            "one page",
            &short,
            base().set_data_page_size_limit(1 << 30).set_data_page_row_count_limit(rows).set_dictionary_enabled(false),
            &without_again,
        ),
        (
            "prefixes",
            &short,
            base().set_dictionary_enabled(false).set_column_encoding("text".into(), Encoding::DELTA_BYTE_ARRAY),
            &without_again,
        ),
        ("second", &short, base().set_writer_version(WriterVersion::PARQUET_2_0).set_compression(zstd), &without_again),
        ("long", &table(100_000, 700), base().set_dictionary_enabled(false), columns),
        ("small", &table(100, 3_000), base().set_max_row_group_row_count(Some(100)), columns),
    ] {
        check(name, &made(name, batch, properties), columns, 1 << 20);
        check(name, &made(name, batch, base().set_compression(zstd)), columns, 50);
    }
}
