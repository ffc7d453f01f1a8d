//! The memory that reading Arrow IPC takes is within what was declared, whatever the file; measured by counting
//! allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
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

fn made(name: &str, batch: &RecordBatch, rows: usize, is_packed: bool) -> PathBuf {
    let path = std::env::temp_dir().join(format!("swath-arrow-memory-{}-{name}.arrow", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    let packing = is_packed.then_some(CompressionType::ZSTD);
    let options = IpcWriteOptions::default().try_with_compression(packing).expect("a feature");
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).expect("a writer");
    for at in (0..batch.num_rows()).step_by(rows) {
        writer.write(&batch.slice(at, rows.min(batch.num_rows() - at))).expect("rows");
    }
    writer.finish().expect("a footer");
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
    let number = |row: usize| (row as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let gap = |row: usize| row % 5 != 1;
    let text = |row: usize, most: usize| format!("{row}:{}", "x".repeat(number(row).unsigned_abs() as usize % most));
    let table = |most: usize, rows: usize| {
        let texts = || (0..rows).map(|row| gap(row).then(|| text(row, most)));
        let keys = DictionaryArray::<Int32Type>::from_iter(
            (0..rows).map(|row| format!("s{}", row % 3_000)).collect::<Vec<_>>().iter().map(|text| Some(text.as_str())),
        );
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(keys)),
            ("text", Arc::new(StringArray::from_iter(texts()))),
            ("view", Arc::new(StringViewArray::from_iter(texts()))),
            ("number", Arc::new(Float64Array::from_iter((0..rows).map(|row| gap(row).then(|| number(row) as f64))))),
            ("time", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| 1_700_000_000_000 + row as i64)))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns")
    };
    let all = "[columns.id]\ntype='category'\n[columns.text]\ntype='string'\n[columns.view]\ntype='string'\n\
               [columns.number]\ntype='float64'\n[columns.time]\ntype='timestamp'\nformat='epoch_ms'\n\
               [columns.again]\ntype='category'\nsource='time'\n";
    let numbers = "[columns.number]\ntype='float32'\n";
    let without_again = all.replace("[columns.again]\ntype='category'\nsource='time'\n", "");
    let short = table(60, 300_000);
    for (name, batch, rows, columns) in [
        ("one batch", &short, 150_000, without_again.as_str()),
        ("batches", &short, 60_000, &without_again),
        ("numbers", &short, 60_000, numbers),
        ("long", &table(100_000, 700), 70, all),
        ("small", &table(100, 3_000), 100, all),
    ] {
        for is_packed in [false, true] {
            check(name, &made(name, batch, rows, is_packed), columns, 1 << 20);
            check(name, &made(name, batch, rows, is_packed), columns, 50);
        }
    }
}
