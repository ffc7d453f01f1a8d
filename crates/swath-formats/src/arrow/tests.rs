//! Files and streams of the crate's writer, read in every way that they can be cut, laid out, and broken.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Float16Array, Int32Array, Int64Array, LargeStringArray, ListArray,
    NullArray, RecordBatch, StringArray, StructArray, Time32SecondArray, UInt8Array, UnionArray,
};
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::{DataType, Field};
use swath_core::Error;

use super::{Outline, lay_out};
use crate::columnar::testing::{Made, ROWS, Seen, TELEMETRY, read, schema, telemetry, wanted};
use crate::columnar::{Format, GroupFilter, Head, Kind, RowReport, sample};
use crate::store::SourceFile;

#[derive(Debug, Clone, Copy)]
enum Layout {
    File,
    Stream,
}

fn options(is_packed: bool) -> IpcWriteOptions {
    let packing = is_packed.then_some(CompressionType::ZSTD);
    IpcWriteOptions::default().try_with_compression(packing).expect("a feature")
}

fn bytes(layout: Layout, batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = batches[0].schema();
    match layout {
        Layout::File => {
            let mut writer = FileWriter::try_new_with_options(&mut bytes, &schema, options).expect("a writer");
            batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
            writer.finish().expect("a footer");
        }
        Layout::Stream => {
            let mut writer = StreamWriter::try_new_with_options(&mut bytes, &schema, options).expect("a writer");
            batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
            writer.finish().expect("an end");
        }
    }
    bytes
}

fn made(name: &str, bytes: &[u8]) -> Made {
    let path = std::env::temp_dir().join(format!("swath-arrow-{}-{name}.arrow", std::process::id()));
    std::fs::write(&path, bytes).expect("a file");
    Made(path)
}

fn pieces(batch: &RecordBatch, rows: usize) -> Vec<RecordBatch> {
    (0..batch.num_rows()).step_by(rows).map(|at| batch.slice(at, rows.min(batch.num_rows() - at))).collect()
}

fn all(file: &Made, columns: &str) -> (Seen, RowReport) {
    read(file, &schema(columns), 1 << 20, &GroupFilter::default()).expect("rows")
}

#[test]
fn every_layout_gives_the_same_rows_however_they_are_cut() {
    let (batch, schema, wanted) = (telemetry(), schema(TELEMETRY), wanted());
    for layout in [Layout::File, Layout::Stream] {
        for (is_packed, rows) in [(false, ROWS), (false, 1_233), (true, ROWS), (true, 3_001)] {
            let name = format!("{layout:?}-{is_packed}-{rows}");
            let file = made(&name, &bytes(layout, &pieces(&batch, rows), options(is_packed)));
            for span in [ROWS as u64, 3_333, 100] {
                let (seen, report) = read(&file, &schema, span, &GroupFilter::default()).expect(&name);
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
}

#[test]
fn what_is_laid_out_has_the_same_rows() {
    let (batch, wanted) = (telemetry(), wanted());
    for layout in [Layout::File, Layout::Stream] {
        for is_packed in [true, false] {
            let packed = bytes(layout, &pieces(&batch, 4_000), options(is_packed));
            let size = packed.len() as u64;
            let outline = Outline::read(&packed, size, &|_| true).expect("an outline");
            let mut flat = Vec::new();
            let too_large = |_: u64| Error::unexpected("too large");
            lay_out(&packed, &outline, 64 << 20, &too_large, &mut |bytes| {
                flat.extend_from_slice(bytes);
                Ok(())
            })
            .expect("laid out");
            let size = flat.len() as u64;
            let laid = Outline::read(&flat, size, &|_| true).expect("an outline");
            assert!(laid.is_stream && laid.packings.iter().eq(&["none"]), "{:?}", laid.packings);
            assert_eq!(laid.rows, ROWS as u64);
            let file = made(&format!("flat-{layout:?}-{is_packed}"), &flat);
            let (seen, _) = all(&file, TELEMETRY);
            assert!(seen.rows == wanted, "{layout:?}");
        }
    }
}

#[test]
fn dictionaries_grow_and_are_replaced() {
    let keys = ["a", "b", "c", "d", "e", "f"];
    let coded = |from: usize, upto: usize| {
        let values = StringArray::from_iter_values(&keys[from..upto]);
        let codes = (0..1_000).map(|row| (row % 7 != 0).then_some((row % (upto - from)) as i8));
        let keys = DictionaryArray::<Int8Type>::new(codes.collect(), Arc::new(values));
        RecordBatch::try_from_iter([("key", Arc::new(keys) as ArrayRef)]).expect("a column")
    };
    let text = |from: usize, upto: usize| {
        (0..1_000).map(move |row| if row % 7 == 0 { "-" } else { keys[from + row % (upto - from)] })
    };
    let growing = [coded(0, 2), coded(0, 4), coded(0, 4), coded(0, 6)];
    let grown: Vec<&str> = [2, 4, 4, 6].into_iter().flat_map(|upto| text(0, upto)).collect();
    let deltas = || options(false).with_dictionary_handling(DictionaryHandling::Delta);
    for layout in [Layout::File, Layout::Stream] {
        let (seen, _) = all(
            &made(&format!("deltas-{layout:?}"), &bytes(layout, &growing, deltas())),
            "[columns.key]\ntype='category'\n",
        );
        assert!(seen.rows == grown, "{layout:?}");
    }
    let replaced = [coded(0, 2), coded(3, 6), coded(1, 3), coded(1, 3)];
    let wanted: Vec<&str> =
        [(0, 2), (3, 6), (1, 3), (1, 3)].into_iter().flat_map(|(from, upto)| text(from, upto)).collect();
    let file = made("replaced", &bytes(Layout::Stream, &replaced, options(true)));
    for span in [4_000, 999, 1] {
        let schema = schema("[columns.key]\ntype='category'\n");
        let (seen, _) = read(&file, &schema, span, &GroupFilter::default()).expect("rows");
        assert!(seen.rows == wanted, "spans of {span}");
    }
}

#[test]
fn types_that_only_arrow_has() {
    let gap = |row: usize| row % 5 != 2;
    let long = "a text that is longer than what its view has room for";
    let mut views = StringViewBuilder::new().with_fixed_block_size(4_096);
    (0..5_000).for_each(|row| {
        views.append_option(gap(row).then(|| format!("{}{row}", if row % 2 == 0 { "" } else { long })))
    });
    let halves = Float16Array::from_iter((0..5_000).map(|row| gap(row).then(|| half::f16::from_f32(row as f32 / 4.0))));
    let numbers = StringArray::from_iter_values(["1", "2", "x"]);
    let codes = arrow_array::UInt8Array::from_iter((0..5_000).map(|row| gap(row).then_some((row % 3) as u8)));
    let inner = Int32Array::from_iter((0..5_000).map(|row| (row % 3 != 1).then_some(row)));
    let field = Arc::new(Field::new("a", DataType::Int32, true));
    let within = StructArray::new(vec![field].into(), vec![Arc::new(inner)], Some((0..5_000).map(gap).collect()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("view", Arc::new(views.finish())),
        ("half", Arc::new(halves)),
        ("large", Arc::new(LargeStringArray::from_iter((0..5_000).map(|row| gap(row).then(|| format!("l{row}")))))),
        ("byte", Arc::new(UInt8Array::from_iter((0..5_000).map(|row| gap(row).then_some(row as u8))))),
        ("code", Arc::new(DictionaryArray::new(codes, Arc::new(numbers)))),
        ("s", Arc::new(within)),
        ("none", Arc::new(NullArray::new(5_000))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns");
    let or = |row: usize, text: String| if gap(row) { text } else { "-".into() };
    let wanted: Vec<String> = (0..5_000)
        .map(|row| {
            let member = if row % 3 == 1 { "-".into() } else { or(row, row.to_string()) };
            let view = or(row, format!("{}{row}", if row % 2 == 0 { "" } else { long }));
            let code = or(row, ["1", "2", "x"][row % 3].into());
            let (half, large) = (or(row, (row as f32 / 4.0).to_string()), or(row, format!("l{row}")));
            // Halves have 11 bits.
            let half =
                if row >= 2_048 { or(row, half::f16::from_f32(row as f32 / 4.0).to_f32().to_string()) } else { half };
            [view, half, large, or(row, (row as u8).to_string()), code, member, "-".into()].join("|")
        })
        .collect();
    let columns = "[columns.view]\ntype='string'\n[columns.half]\ntype='float32'\n[columns.large]\ntype='category'\n\
        [columns.byte]\ntype='int32'\n[columns.code]\ntype='string'\n[columns.a]\ntype='int64'\nsource='s.a'\n\
        [columns.none]\ntype='int32'\n";
    for (is_packed, rows) in [(false, 5_000), (true, 5_000), (true, 777)] {
        let file =
            made(&format!("types-{is_packed}-{rows}"), &bytes(Layout::File, &pieces(&batch, rows), options(is_packed)));
        for span in [5_000, 1_009] {
            let (seen, _) = read(&file, &schema(columns), span, &GroupFilter::default()).expect("rows");
            let differs = seen.rows.iter().zip(&wanted).position(|(got, wanted)| got != wanted);
            assert_eq!((differs.map(|row| (&seen.rows[row], &wanted[row])), seen.rows.len()), (None, 5_000));
        }
    }
}

#[test]
fn columns_that_are_not_read_are_named_and_passed_over() {
    let list = ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([Some(vec![Some(1)]), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("before", Arc::new(Int32Array::from(vec![1, 2]))),
        ("list", Arc::new(list)),
        ("time", Arc::new(Time32SecondArray::from(vec![1, 2]))),
        ("bytes", Arc::new(BinaryArray::from_iter_values([b"a", b"b"]))),
        ("after", Arc::new(Int64Array::from(vec![3, 4]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns");
    let file = made("refused", &bytes(Layout::Stream, &[batch], options(false)));
    let size = std::fs::metadata(&file.0).expect("a file").len();
    let head = Head::read(&SourceFile::open(&file.0).expect("a file"), size, &|_| true).expect("a schema");
    let refused = [("list", "it is a list"), ("time", "it holds times of day without a date")];
    assert!(head.refused().iter().map(|(name, why)| (name.as_str(), why.as_str())).eq(refused));
    assert_eq!(head.columns().map(|(_, kind)| kind).collect::<Vec<_>>(), [Kind::Int32, Kind::Bytes, Kind::Int64]);
    assert_eq!(all(&file, "[columns.after]\ntype='int32'\n[columns.before]\ntype='int64'\n").0.rows, ["3|1", "4|2"]);
}

#[test]
fn values_that_do_not_fit_are_rejected_with_their_rows() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        ("text", Arc::new(StringArray::from(vec!["a", "b", &"c".repeat(3 << 20)]))),
    ];
    let file =
        made("rejects", &bytes(Layout::File, &[RecordBatch::try_from_iter(columns).expect("columns")], options(false)));
    let (seen, report) = all(&file, "[columns.id]\ntype='int32'\nrequired=true\n[columns.text]\ntype='string'\n");
    assert_eq!(seen.rows, ["1|a"]);
    let told: Vec<String> = seen.rejects.iter().map(|(row, reason, _)| format!("{row} {reason}")).collect();
    assert_eq!((told, report.rejected), (vec!["1 missing_key".to_string(), "2 record_too_long".into()], 2));
}

#[test]
fn formats_are_told_by_their_first_bytes() {
    let file = bytes(Layout::File, &[telemetry()], options(false));
    let stream = bytes(Layout::Stream, &[telemetry()], options(false));
    let of = |bytes: &[u8]| Format::of(&bytes.to_vec(), bytes.len() as u64);
    for bytes in [&file, &stream] {
        assert_eq!(of(bytes).expect("a format"), Some(Format::Arrow));
    }
    for text in [&b"ARROW1,ARROW2\n1,2\n"[..], b"FEA1;PAR1\n1;2\n", b"", b"\xff\xff\xff\xff"] {
        assert_eq!(of(text).expect("no format"), None, "{text:?}");
    }
    let error = of(b"FEA1\0\0\0\0....FEA1").expect_err("the first version");
    assert!(error.to_string().contains("Feather of version 1") && error.exit_code() == 5, "{error}");
}

#[test]
fn files_that_are_cut_or_changed_are_told_and_never_more() {
    let schema = schema(TELEMETRY);
    let batches = pieces(&telemetry(), 3_000);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for (layout, is_packed) in [(Layout::File, false), (Layout::File, true), (Layout::Stream, true)] {
        let whole = bytes(layout, &batches, options(is_packed));
        let mut told = 0;
        for cut in 0..50 {
            let changed = made("cut", &whole[..whole.len() * cut / 50]);
            if let Err(error) = read(&changed, &schema, 5_000, &GroupFilter::default()) {
                told += 1;
                assert_eq!(error.exit_code(), 5, "{error}");
                assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
            }
        }
        // A stream may end behind any message.
        assert!(told >= 45, "{told}");
        told = 0;
        for round in 0..300 {
            let mut broken = whole.clone();
            for _ in 0..1 + round % 4 {
                // Many of them where the lies are worst.
                let (from, to) = match (round % 3, layout) {
                    (0, Layout::File) => (broken.len() - 6_000, broken.len()),
                    (1, _) => (0, 3_000),
                    _ => (0, broken.len()),
                };
                broken[from + random() % (to - from)] = random() as u8;
            }
            match read(&made("broken", &broken), &schema, 5_000, &GroupFilter::default()) {
                Ok((_, report)) => assert!(report.read <= ROWS as u64),
                Err(error) => {
                    told += 1;
                    assert!(matches!(error.exit_code(), 5 | 2), "{error}");
                }
            }
        }
        assert!(told > 50, "{told}");
    }
}

/// Puts the newest version into the footer of a file, as some writers do whatever that of its batches is.
fn with_footer_of_version_5(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 10;
    let word = |file: &[u8], at: usize| i32::from_le_bytes(*file[at..].first_chunk().expect("a word")) as usize;
    let start = end - word(&file, end);
    let table = start + word(&file, start);
    let fields = table.wrapping_sub(word(&file, table));
    let version = table + (word(&file, fields + 4) & 0xffff);
    assert_eq!(file[version], 3, "a footer of version 4");
    file[version] = 4;
    file
}

#[test]
fn unions_of_version_4_are_passed_over() {
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["a", "b"]))];
    let fields = [(0, "number", DataType::Int32), (1, "text", DataType::Utf8)];
    let fields = fields.into_iter().map(|(id, name, of)| (id, Arc::new(Field::new(name, of, true)))).collect();
    let union = UnionArray::try_new(fields, vec![0i8, 1].into(), None, children).expect("a union");
    let columns: Vec<(&str, ArrayRef)> =
        vec![("either", Arc::new(union)), ("after", Arc::new(Int64Array::from(vec![3, 4])))];
    let batch = RecordBatch::try_from_iter(columns).expect("columns");
    for layout in [Layout::File, Layout::Stream] {
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V4).expect("a version");
        let whole = bytes(layout, std::slice::from_ref(&batch), options);
        let also = matches!(layout, Layout::File).then(|| with_footer_of_version_5(whole.clone()));
        for (number, bytes) in std::iter::once(whole).chain(also).enumerate() {
            let file = made(&format!("union-{layout:?}-{number}"), &bytes);
            assert_eq!(all(&file, "[columns.after]\ntype='int32'\n").0.rows, ["3", "4"], "{layout:?} {number}");
        }
    }
}

#[test]
fn a_sample_of_a_dictionary_is_what_its_rows_name() {
    let keys = |from: usize, upto: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter((from..upto).map(|key| (key % 5 != 4).then(|| format!("k{key}")))))
    };
    let numbers = |upto: i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values((0..upto).map(|key| 3 * key))) };
    let batch = |upto: usize| {
        let codes = || Int32Array::from_iter((0..3_000).map(|row| (row % 7 != 0).then_some((row * 31 % upto) as i32)));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("key", Arc::new(DictionaryArray::new(codes(), keys(0, upto)))),
            ("number", Arc::new(DictionaryArray::new(codes(), numbers(upto as i32)))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns")
    };
    let batches = [batch(10), batch(9_000), batch(20_000)];
    let line = |row: usize| {
        let (upto, row) = ([10, 9_000, 20_000][row / 3_000], row % 3_000);
        let key = row * 31 % upto;
        match (row % 7, key % 5) {
            (0, _) => ",\n".into(),
            (_, 4) => format!(",{}\n", 3 * key),
            _ => format!("\"k{key}\",{}\n", 3 * key),
        }
    };
    for is_packed in [false, true] {
        let options = options(is_packed).with_dictionary_handling(DictionaryHandling::Delta);
        let file = made(&format!("sample-{is_packed}"), &bytes(Layout::Stream, &batches, options));
        let open = || SourceFile::open(&file.0).expect("a file");
        let head = Head::read(&open(), std::fs::metadata(&file.0).expect("a file").len(), &|_| true).expect("a schema");
        let spans = [0..700, 2_900..3_100, 7_000..7_300, 8_999..9_000];
        let pieces = sample(Box::new(open()), &head, &spans, usize::MAX).expect("rows");
        for (span, piece) in spans.into_iter().zip(pieces) {
            let wanted: String = span.clone().map(|row| line(row as usize)).collect();
            assert!(String::from_utf8_lossy(&piece.text) == wanted, "rows {span:?}");
        }
    }
}
