//! What goes in comes out: all types, null patterns, sizes and codecs.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{
    Array, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;

const TEXTS: [&str; 6] = ["", "a", "Grüße", "日本語", "🌾 field", "quoted \"text\", with comma"];

/// Which rows are null.
#[derive(Debug, Clone, Copy)]
enum Nulls {
    Absent,
    None,
    All,
    Thirds,
    FirstHalf,
}

const PATTERNS: [Nulls; 5] = [Nulls::Absent, Nulls::None, Nulls::All, Nulls::Thirds, Nulls::FirstHalf];

impl Nulls {
    fn buffer(self, rows: usize) -> Option<NullBuffer> {
        Some((0..rows).map(|row| match self {
            Nulls::Absent | Nulls::None => true,
            Nulls::All => false,
            Nulls::Thirds => row % 3 != 0,
            Nulls::FirstHalf => row >= rows / 2,
        }))
        .filter(|_| !matches!(self, Nulls::Absent))
        .map(NullBuffer::from_iter)
    }
}

/// One column of each type, with values of a kind.
fn table(rows: usize, nulls: Nulls, kind: usize) -> Vec<(DataType, ArrayRef)> {
    let mut numbers = Numbers(0x5eed + kind as u64);
    let mut draw = || match kind {
        // Few values, in runs; any bits at all; the extremes.
        0 => (numbers.next() % 40) / 39,
        1 => numbers.next() % 300,
        2 => numbers.next(),
        _ => [0, 1 << 63, u64::MAX, i64::MAX as u64, 0x7ff0 << 48, 0x7f80_0000][numbers.next() as usize % 6],
    };
    let bits: Vec<u64> = (0..rows).map(|_| draw()).collect();
    let nulls = nulls.buffer(rows);
    let texts = || bits.iter().map(|bits| TEXTS[(*bits % 6) as usize]);
    let keys = Int32Array::new(bits.iter().map(|bits| (*bits % 6) as i32).collect(), nulls.clone());
    let text = StringArray::from_iter_values(texts());
    let text = StringArray::new(text.offsets().clone(), text.values().clone(), nulls.clone());
    let dictionary = Arc::new(StringArray::from_iter_values(TEXTS.iter().chain(&["never used"])));
    vec![
        (DataType::Boolean, Arc::new(BooleanArray::new(bits.iter().map(|b| b % 3 == 0).collect(), nulls.clone()))),
        (DataType::Int32, Arc::new(Int32Array::new(bits.iter().map(|b| *b as i32).collect(), nulls.clone()))),
        (DataType::Date32, Arc::new(Date32Array::new(bits.iter().map(|b| *b as i32).collect(), nulls.clone()))),
        (DataType::Int64, Arc::new(Int64Array::new(bits.iter().map(|b| *b as i64).collect(), nulls.clone()))),
        (
            timestamp(),
            Arc::new(
                TimestampMicrosecondArray::new(bits.iter().map(|b| *b as i64).collect(), nulls.clone())
                    .with_timezone("UTC"),
            ),
        ),
        (
            DataType::Float32,
            Arc::new(Float32Array::new(bits.iter().map(|b| f32::from_bits(*b as u32)).collect(), nulls.clone())),
        ),
        (
            DataType::Float64,
            Arc::new(Float64Array::new(bits.iter().map(|b| f64::from_bits(*b)).collect(), nulls.clone())),
        ),
        (DataType::Utf8, Arc::new(text)),
        (category(), Arc::new(DictionaryArray::<Int32Type>::new(keys, dictionary))),
    ]
}

/// Values that compare equal where bits do, categories by their text.
fn shown(array: &ArrayRef) -> Vec<Option<Vec<u8>>> {
    let valid = |row: usize| array.is_valid(row);
    let value = |row: usize| match array.data_type() {
        DataType::Boolean => vec![u8::from(array.as_boolean().value(row))],
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits().to_le_bytes().to_vec(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_le_bytes().to_vec(),
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes().to_vec(),
        DataType::Binary => array.as_binary::<i32>().value(row).to_vec(),
        DataType::Dictionary(..) => {
            let array = array.as_dictionary::<Int32Type>();
            array.values().as_string::<i32>().value(array.keys().value(row) as usize).as_bytes().to_vec()
        }
        _ => {
            let data = array.to_data();
            let width = array.data_type().primitive_width().unwrap();
            data.buffers()[0][(data.offset() + row) * width..][..width].to_vec()
        }
    };
    (0..array.len()).map(|row| valid(row).then(|| value(row))).collect()
}

fn check(compression: LakeCompression, typed: &[(DataType, ArrayRef)], context: &str) {
    let fields =
        typed.iter().enumerate().map(|(i, (data_type, _))| Field::new(format!("c{i}"), data_type.clone(), true));
    let layout = Arc::new(LakeLayout::new(LakeColumns { compression, ..columns(fields.collect(), None) }).unwrap());
    let arrays: Vec<ArrayRef> = typed.iter().map(|(_, array)| array.clone()).collect();
    let mini = encode(&mut RowGroupEncoder::new(layout.clone()).unwrap(), &arrays);
    let (file, summary) = part(&layout, &[mini]);
    assert_eq!(summary.rows, arrays[0].len() as u64, "{context}");
    let batches = read(&file);
    assert_eq!(batches.len(), usize::from(!arrays[0].is_empty()), "{context}");
    for batch in &batches {
        assert_eq!(batch.schema().fields(), layout.schema().fields(), "{context}");
        for (position, array) in arrays.iter().enumerate() {
            assert!(shown(batch.column(position)) == shown(array), "{context}, column {}", array.data_type());
        }
    }
}

#[test]
fn every_type_with_every_pattern_of_nulls() {
    for rows in [0, 1, 7, 8, 9, 127, 129, 1000, PAGE_ROWS, PAGE_ROWS + 1] {
        for (kind, nulls) in (0..4).flat_map(|kind| PATTERNS.map(|nulls| (kind, nulls))) {
            check(LakeCompression::None, &table(rows, nulls, kind), &format!("{rows} rows, {nulls:?}, kind {kind}"));
        }
    }
}

#[test]
fn every_codec() {
    for compression in [LakeCompression::Snappy, LakeCompression::Zstd { level: 1 }, LakeCompression::Zstd { level: 9 }]
    {
        for kind in 0..4 {
            check(compression, &table(50_000, Nulls::Thirds, kind), &format!("{compression:?}, kind {kind}"));
        }
    }
}

#[test]
fn odd_text() {
    let long = "é".repeat(700_000);
    let texts = StringArray::from(vec![Some("short"), None, Some(&long), Some(""), Some(&long), None]);
    let many: Vec<String> =
        (0..ROW_GROUP_ROWS_MAX).map(|row| format!("sensor {}", row * 7 % ROW_GROUP_ROWS_MAX)).collect();
    let keys = Int32Array::from_iter_values((0..many.len() as i32).rev());
    let many = DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(many)));
    let nothing =
        DictionaryArray::<Int32Type>::new(Int32Array::from(vec![None; 5]), Arc::new(StringArray::from(vec![""; 0])));
    let cases: [(&str, DataType, ArrayRef); 3] = [
        ("long text", DataType::Utf8, Arc::new(texts)),
        ("a category for each row", category(), Arc::new(many)),
        ("an empty dictionary", category(), Arc::new(nothing)),
    ];
    for (context, data_type, array) in cases {
        check(LakeCompression::Zstd { level: 1 }, &[(data_type, array)], context);
    }
}

#[test]
fn slices_of_arrays() {
    let whole = table(3_000, Nulls::Thirds, 1);
    let cut: Vec<_> = whole.into_iter().map(|(data_type, array)| (data_type, array.slice(1_003, 997))).collect();
    check(LakeCompression::Zstd { level: 1 }, &cut, "a slice");
}
