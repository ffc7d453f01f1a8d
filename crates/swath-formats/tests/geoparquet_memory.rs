//! Encoding of row groups stays within the memory it declares: measured by an allocator that counts, on data that does
//! not compress. zstd's own context is not Rust's to count; a unit test holds its size.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Schema};
use swath_formats::geoparquet::{
    LakeColumns, LakeCompression, LakeLayout, PointColumns, ROW_GROUP_ROWS_MAX, RowGroupEncoder, TextShape,
    encoder_bytes_max, mini_file_bytes_max,
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call goes on to the system's allocator unchanged; only sizes are noted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // As if moved, which is the worst that can happen: old and new are there at once.
        grown(size);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a table is made of.
#[derive(Debug, Clone, Copy)]
struct Case {
    rows: usize,
    /// Distinct values are below this.
    distinct: u64,
    nulls: bool,
    text_bytes: usize,
    compression: LakeCompression,
}

/// Values of each type, and points.
fn table(case: Case) -> (Vec<ArrayRef>, TextShape) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let bits: Vec<u64> =
        (0..case.rows).map(|_| if case.distinct == u64::MAX { draw() } else { draw() % case.distinct }).collect();
    let nulls = case.nulls.then(|| NullBuffer::from_iter(bits.iter().map(|bits| bits % 5 != 0)));
    let finite = |bits: &u64| (*bits >> 11) as f64 / 1e9;
    let texts: Vec<String> =
        bits.iter().map(|_| (0..case.text_bytes).map(|_| char::from(b' ' + (draw() % 90) as u8)).collect()).collect();
    let categories: Vec<String> = (0..case.rows).map(|row| format!("{row:x}")).collect();
    let text = TextShape {
        bytes: texts.iter().chain(&categories).map(String::len).sum(),
        longest_bytes: case.text_bytes.max(8),
        category_values: case.rows,
    };
    let keys = Int32Array::new((0..case.rows as i32).rev().collect(), nulls.clone());
    let plain = StringArray::from(texts);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::new(bits.iter().map(finite).collect(), nulls.clone())),
        Arc::new(Float64Array::new(bits.iter().map(|bits| finite(bits) / 3.0).collect(), nulls.clone())),
        Arc::new(Float32Array::new(bits.iter().map(|b| f32::from_bits(*b as u32)).collect(), nulls.clone())),
        Arc::new(BooleanArray::new(bits.iter().map(|b| b % 2 == 0).collect(), nulls.clone())),
        Arc::new(Int32Array::new(bits.iter().map(|b| *b as i32).collect(), nulls.clone())),
        Arc::new(Date32Array::new(bits.iter().map(|b| *b as i32).collect(), nulls.clone())),
        Arc::new(Int64Array::new(bits.iter().map(|b| *b as i64).collect(), nulls.clone())),
        Arc::new(
            TimestampMicrosecondArray::new(bits.iter().map(|b| *b as i64).collect(), nulls.clone())
                .with_timezone("UTC"),
        ),
        Arc::new(StringArray::new(plain.offsets().clone(), plain.values().clone(), nulls.clone())),
        Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(categories)))),
    ];
    (arrays, text)
}

fn check(case: Case) {
    let (arrays, text) = table(case);
    let fields: Vec<Field> = arrays
        .iter()
        .enumerate()
        .map(|(position, array)| Field::new(format!("column {position}"), array.data_type().clone(), true))
        .collect();
    let layout = Arc::new(
        LakeLayout::new(LakeColumns {
            attributes: Arc::new(Schema::new(fields)),
            geometry: Some(PointColumns { name: "geometry".into(), x: 0, y: 1, crs: None }),
            sorting: vec![],
            time: None,
            compression: case.compression,
            created_by: "swath 0.1.0".into(),
            metadata: vec![],
        })
        .unwrap(),
    );
    let before = LIVE.load(Ordering::Relaxed);
    let measure = |most: usize, work: &mut dyn FnMut()| {
        PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
        work();
        let got = PEAK.load(Ordering::Relaxed) - before;
        assert!(got <= most, "{case:?}: {got} of {most} bytes");
        got as f64 / most as f64
    };
    let mut encoder = RowGroupEncoder::new(layout.clone()).unwrap();
    for _ in 0..2 {
        let share = measure(encoder_bytes_max(&layout, case.rows, text).as_usize(), &mut || {
            let columns = |position: usize| Ok(arrays[position].clone());
            let encoded = encoder.encode_into(case.rows, columns, std::io::sink(), Path::new("sink")).unwrap();
            assert!(encoded.bytes <= mini_file_bytes_max(&layout, case.rows, text).0, "{case:?}: {}", encoded.bytes);
        });
        println!("{case:?}: {share:.2} of the bound");
    }
}

#[test]
fn declared_memory_is_an_upper_bound() {
    for compression in [LakeCompression::Zstd { level: 1 }, LakeCompression::Snappy, LakeCompression::None] {
        for (rows, text_bytes) in [(0, 3), (1, 100), (1, 2_000_000), (700, 40), (30_000, 60), (ROW_GROUP_ROWS_MAX, 9)] {
            for (distinct, nulls) in [(u64::MAX, false), (u64::MAX, true), (3, true), (12_000, false), (12_000, true)] {
                check(Case { rows, distinct, nulls, text_bytes, compression });
            }
        }
    }
}
