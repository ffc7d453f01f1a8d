//! Files that another writer made, read in every way that they can be cut.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

use crate::columnar::testing::{Made, ROWS, TELEMETRY, read, schema, telemetry, wanted};
use crate::columnar::{GroupFilter, Head, sample, sample_header};
use crate::store::SourceFile;

fn made(name: &str, batch: &RecordBatch, properties: WriterPropertiesBuilder) -> Made {
    let path = std::env::temp_dir().join(format!("swath-parquet-{}-{name}.parquet", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).expect("a writer");
    writer.write(batch).expect("rows");
    writer.close().expect("a footer");
    Made(path)
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
    assert_eq!(head.refused(), [("nested".to_string(), "it is nested".to_string())]);
    let schema = schema("[columns.after]\ntype='int32'\n[columns.before]\ntype='int64'\n");
    assert_eq!(read(&file, &schema, 1, &GroupFilter::default()).expect("rows").0.rows, ["3|1", "4|2"]);
    let pieces = sample(Box::new(source()), &head, &[0..1, 1..2], 100).expect("a sample");
    assert_eq!((pieces[0].text.as_slice(), pieces[1].text.as_slice()), (&b"1,3\n"[..], &b"2,4\n"[..]));
    assert_eq!(sample_header(&head), b"\"before\",\"after\"\n");
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
