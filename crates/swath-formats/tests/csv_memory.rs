//! The memory that parsing takes is within what was declared, whatever the input; measured by counting allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use swath_core::{Bytes, Result};
use swath_formats::csv::{
    BatchLimits, Consumer, ParsePlan, RangeSpec, ReadOptions, Source, Start, Workspace, batch_bytes_max, header,
    read_range,
};
use swath_table::column::Batch;
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::{
    Checks, ColumnSchema, ColumnType, CrsSchema, CsvFormat, Layout as Between, TableSchema, Violation,
};

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

fn table(types: &[ColumnType]) -> TableSchema {
    let columns = types.iter().enumerate().map(|(place, column_type)| ColumnSchema {
        name: format!("c{place}"),
        column_type: *column_type,
        role: None,
        source: vec![format!("c{place}")],
        format: None,
        timezone: None,
        min: None,
        max: None,
        out_of_range: Violation::Reject,
        invalid: Violation::Null,
        missing: None,
        year: None,
        negate: false,
        units: None,
        required: false,
    });
    TableSchema {
        csv: CsvFormat::default(),
        json: None,
        columns: columns.collect(),
        pivot: None,
        crs: CrsSchema::default(),
        dedup: None,
        checks: Checks::NONE,
    }
}

/// Parses a table with these columns and this body; declared memory must be at least what was measured.
fn check(what: &str, types: &[ColumnType], body: Vec<u8>) {
    check_files(what, types, &[body]);
}

/// The same for several files that share a batch.
fn check_files(what: &str, types: &[ColumnType], bodies: &[Vec<u8>]) {
    check_table(what, &table(types), bodies);
}

/// The same for text that is cut in another way.
fn check_table(what: &str, schema: &TableSchema, bodies: &[Vec<u8>]) {
    let types: Vec<ColumnType> = schema.columns.iter().map(|column| column.column_type).collect();
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let head = match schema.csv.layout {
        Between::Delimited => names.join(",") + "\n",
        Between::Spaces => names.join(" ") + "\n",
        Between::Widths(_) => String::new(),
    };
    let files: Vec<Vec<u8>> = bodies.iter().map(|body| [head.as_bytes(), body].concat()).collect();
    let data = &files[0];
    let head_bytes = data.len().min(1 << 17);
    let header =
        header(Path::new("a.csv"), &data[..head_bytes], head_bytes == data.len(), &schema.csv).expect("a header");
    let plan = ParsePlan::new(Path::new("a.csv"), schema, &header.names).expect("a plan");
    let interner = Interner::new("categories", Bytes(1 << 28));
    interner.intern(b"v").expect("room");
    for limits in
        [BatchLimits { rows: 131_072, bytes: Bytes(2 << 20) }, BatchLimits { rows: 100, bytes: Bytes(64 << 10) }]
    {
        let options = ReadOptions::default();
        let range_bytes = bodies.iter().map(|body| body.len() as u64).sum();
        let declared = Workspace::bytes_for(&options, plan.ends_per_row(), types.len())
            + batch_bytes_max(schema, plan.row_bytes_min(), limits, &options, range_bytes, range_bytes);
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let mut workspace = Workspace::new(options);
        let mut batch = Batch::new(types.iter().copied());
        for data in &files {
            let file_len = data.len() as u64;
            let source = Source { input: data, plan: &plan, interner: &interner, limits };
            let range =
                RangeSpec { nominal: header.data_offset..file_len, file_len, start: Start::Exact(header.data_offset) };
            let report =
                read_range(&source, &range, &mut workspace, &mut batch, &mut Drop).expect("memory can be read");
            assert_eq!(report.end, file_len, "{what}");
        }
        let measured = PEAK.load(Ordering::Relaxed) - before;
        assert!(measured as u64 <= declared.0, "{what}: declared {declared}, measured {}", Bytes(measured as u64));
    }
}

/// One test, since the counters are those of the whole process.
#[test]
fn hostile_inputs_stay_within_the_declared_memory() {
    use ColumnType::{Category, Date, Float32, Float64, Int64, String as Text, Timestamp};
    check("rows of one byte", &[Text], b"x\n".repeat(2_000_000));
    check("rows of one byte, as category", &[Category], b"v\n".repeat(2_000_000));
    check("only newlines", &[Text], b"\n".repeat(3_000_000));
    check("only delimiters", &[Text, Text], b",".repeat(3_000_000));
    check("only quotes", &[Text, Text], b"\"".repeat(3_000_000));
    check("rows too short", &[Text, Float64], b"x\n".repeat(1_000_000));
    check("rows invalid", &[Float64, Timestamp], b"x,y\n".repeat(1_000_000));
    check("quoted rows", &[Text, Float32], b"\"a\"\"\nb\",\"2.5\"\n".repeat(200_000));
    let wide: Vec<ColumnType> = (0..10_000).map(|i| [Float32, Text, Category, Date, Int64][i % 5]).collect();
    check("10,000 columns", &wide, format!("1{}\n", ",v".repeat(9_999)).into_bytes().repeat(100));
    check("10,000 empty columns", &wide, format!("1{}\n", ",".repeat(9_999)).into_bytes().repeat(300));
    let mut long = Vec::new();
    for i in 0..12 {
        let text = vec![b'x'; 1_000_000];
        let fields = [i % 3 == 0, i % 3 == 1, i % 3 == 2].map(|here| if here { text.as_slice() } else { b"y" });
        long.extend(fields.join(&b','));
        long.push(b'\n');
    }
    check("fields of 1 MB in turn", &[Text, Text, Text], long);
    // The first leaves a batch that is nearly full.
    let numbers = b"1234567,1234567,1234\n".repeat(96_000);
    check_files("two files of 2 MB", &[Float64, Int64, Int64], &[numbers.clone(), numbers]);
    let undelimited = |types: &[ColumnType], layout: Between| {
        let mut schema = table(types);
        let header = !matches!(layout, Between::Widths(_));
        for (place, column) in schema.columns.iter_mut().enumerate().filter(|_| !header) {
            column.source = vec![format!("column_{}", place + 1)];
        }
        schema.csv = CsvFormat { layout, header, quote: None, ..CsvFormat::default() };
        schema
    };
    check_table("words of one byte", &undelimited(&[Text], Between::Spaces), &[b"x\n".repeat(2_000_000)]);
    check_table("a column of one byte", &undelimited(&[Text], Between::Widths(vec![1])), &[b"x\n".repeat(2_000_000)]);
    let body = format!("1{}\n", " v".repeat(9_999)).into_bytes().repeat(100);
    check_table("10,000 words", &undelimited(&wide, Between::Spaces), &[body]);
    let body = format!("1{}\n", "v".repeat(9_999)).into_bytes().repeat(300);
    check_table("10,000 columns of one byte", &undelimited(&wide, Between::Widths(vec![1; 10_000])), &[body]);
    check_table("a word of 20 MB", &undelimited(&[Text], Between::Spaces), &[vec![b'z'; 20_000_000]]);
    check("one line of 20 MB", &[Text], vec![b'z'; 20_000_000]);
}
