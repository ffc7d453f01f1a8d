//! Part files: positions, statistics, words of the footer, geometry, determinism, failures.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{Array, DictionaryArray, Float64Array, Int32Array, StringArray, TimestampMicrosecondArray};
use parquet::basic::Encoding;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use swath_core::Error;

fn layout() -> Arc<LakeLayout> {
    let units = [("units".to_string(), "degree".to_string())].into();
    let fields = vec![
        Field::new("id", category(), true),
        Field::new("time", timestamp(), false),
        Field::new("lon", DataType::Float64, true).with_metadata(units),
        Field::new("lat", DataType::Float64, true),
    ];
    let sorting = [0, 1].map(|column| SortColumn { column, descending: false, nulls_first: false });
    let geometry =
        Some(PointColumns { crs: Some(json!({"id": {"authority": "EPSG", "code": 4326}})), ..points(2, 3).unwrap() });
    let metadata = vec![("swath.note".to_string(), "kept".to_string())];
    let columns = LakeColumns { sorting: sorting.into(), time: Some(1), metadata, ..columns(fields, geometry) };
    Arc::new(LakeLayout::new(columns).unwrap())
}

/// A row group; every `gap`-th row has no x, and one row has an infinite y.
fn rows(start: i64, count: usize, gap: usize, moving: bool) -> Vec<ArrayRef> {
    let keys = Int32Array::from_iter_values((0..count).map(|row| (row / 100 % 3) as i32));
    let mut numbers = Numbers(start as u64 + 1);
    let mut place =
        |row: usize| if moving { (numbers.next() % 100_000_000) as f64 / 1e6 } else { (row / 100 % 3) as f64 };
    let x: Float64Array = (0..count).map(|row| (row % gap != 1).then(|| place(row) - 20.5)).collect();
    let y: Float64Array = (0..count).map(|row| Some(if row == 5 { f64::INFINITY } else { place(row) + 0.1 })).collect();
    vec![
        Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(vec!["a", "b", "c"])))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(start..start + count as i64).with_timezone("UTC")),
        Arc::new(x),
        Arc::new(y),
    ]
}

fn footer(file: &Bytes) -> ParquetMetaData {
    ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required).parse_and_finish(file).unwrap()
}

fn word(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    let words = metadata.file_metadata().key_value_metadata().unwrap();
    words.iter().find(|word| word.key == key).and_then(|word| word.value.clone())
}

#[test]
fn a_part_holds_its_row_groups() {
    let layout = layout();
    let mut encoder = RowGroupEncoder::new(layout.clone()).unwrap();
    let groups = [rows(0, 30_000, 7, true), rows(30_000, 1, 7, false), rows(30_001, 41_000, 100_000, false)];
    let minis: Vec<Bytes> = groups.iter().map(|group| encode(&mut encoder, group)).collect();
    let (file, summary) = part(&layout, &minis);
    assert_eq!((summary.rows, summary.row_groups, summary.time_us), (71_001, 3, Some((0, 71_000))));
    let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(summary.sha256, hash);

    let metadata = footer(&file);
    assert_eq!(metadata.file_metadata().created_by(), Some("swath 0.1.0"));
    assert_eq!(word(&metadata, "swath.note").as_deref(), Some("kept"));
    assert!(word(&metadata, "swath.bbox").is_none());
    let geo: Value = serde_json::from_str(&word(&metadata, "geo").unwrap()).unwrap();
    let column = &geo["columns"]["geometry"];
    assert_eq!((&geo["version"], &geo["primary_column"]), (&json!("1.1.0"), &json!("geometry")));
    assert_eq!((&column["encoding"], &column["geometry_types"]), (&json!("WKB"), &json!(["Point"])));
    assert_eq!(column["covering"]["bbox"]["ymax"], json!(["bbox", "ymax"]));
    assert_eq!(column["crs"]["id"]["code"], json!(4326));
    let bounds = summary.bounds.unwrap();
    assert_eq!(column["bbox"], json!([bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax]));

    let mut next = 4;
    for (position, group) in metadata.row_groups().iter().enumerate() {
        assert_eq!((group.ordinal(), group.file_offset()), (Some(position as i16), Some(next as i64)));
        assert_eq!(group.sorting_columns().unwrap().len(), 2);
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let (start, length) = chunk.byte_range();
            assert_eq!(start, next, "gaps");
            next = start + length;
            let pages = &metadata.offset_index().unwrap()[position][leaf].page_locations;
            assert_eq!(pages.len(), (group.num_rows() as usize).div_ceil(PAGE_ROWS));
            assert_eq!(pages[0].offset, chunk.data_page_offset());
            let last = pages.last().unwrap();
            assert_eq!(last.offset as u64 + last.compressed_page_size as u64, next);
            let is_geometry = layout.leaf_name(leaf) == "geometry";
            assert_eq!(chunk.statistics().is_none() && chunk.column_index_offset().is_none(), is_geometry);
            assert!(chunk.page_encoding_stats_mask().is_some() || chunk.page_encoding_stats().is_some());
        }
    }
    let encoded =
        |group: usize, leaf: usize, encoding| metadata.row_group(group).column(leaf).encodings().any(|e| e == encoding);
    assert!(encoded(0, 4, Encoding::DELTA_LENGTH_BYTE_ARRAY) && encoded(0, 5, Encoding::BYTE_STREAM_SPLIT));
    assert!(encoded(2, 4, Encoding::RLE_DICTIONARY) && encoded(2, 5, Encoding::RLE_DICTIONARY), "places that stay");
    assert!(encoded(2, 1, Encoding::DELTA_BINARY_PACKED) && encoded(2, 0, Encoding::RLE_DICTIONARY));
}

#[test]
fn points_are_where_their_coordinates_are() {
    let layout = layout();
    let mut encoder = RowGroupEncoder::new(layout.clone()).unwrap();
    for (count, gap, moving) in [(25_000, 3, true), (25_000, 3, false), (1, 9, true), (30, 9, false)] {
        let arrays = rows(7, count, gap, moving);
        let (file, summary) = part(&layout, &[encode(&mut encoder, &arrays)]);
        let batch = read(&file).remove(0);
        let (x, y) = (arrays[2].as_primitive::<Float64Type>(), arrays[3].as_primitive::<Float64Type>());
        let (geometry, covering) = (batch.column(4).as_binary::<i32>(), batch.column(5).as_struct());
        let edge = |edge: usize, row: usize| f64::from(covering.column(edge).as_primitive::<Float32Type>().value(row));
        let mut bounds: Option<Bounds> = None;
        for row in 0..count {
            let there = x.is_valid(row) && y.value(row).is_finite();
            assert_eq!((geometry.is_valid(row), covering.is_valid(row)), (there, there), "row {row}");
            if !there {
                continue;
            }
            let (x, y): (f64, f64) = (x.value(row), y.value(row));
            let wkb = [&[1, 1, 0, 0, 0][..], &x.to_le_bytes(), &y.to_le_bytes()].concat();
            assert_eq!(geometry.value(row), wkb);
            assert!(edge(0, row) <= x && edge(1, row) <= y && edge(2, row) >= x && edge(3, row) >= y);
            let here = Bounds { xmin: x, ymin: y, xmax: x, ymax: y };
            bounds = Some(bounds.map_or(here, |all| all.union(here)));
        }
        assert_eq!(summary.bounds, bounds);
    }
}

#[test]
fn bytes_depend_on_rows_only() {
    let layout = layout();
    let groups = [rows(0, 30_000, 7, true), rows(9, 500, 3, false), rows(5, 122_880, 11, true)];
    let mut used = RowGroupEncoder::new(layout.clone()).unwrap();
    for group in groups.iter().chain(&groups) {
        let fresh = encode(&mut RowGroupEncoder::new(layout.clone()).unwrap(), group);
        assert_eq!(fresh, encode(&mut used, group));
    }
    // What a run met before must not show: another order of the whole dictionary gives the same bytes.
    let mut other = groups[1].clone();
    let keys = Int32Array::from_iter_values(
        groups[1][0].as_dictionary::<Int32Type>().keys().values().iter().map(|key| 8 - key),
    );
    let texts = StringArray::from(vec!["x", "y", "z", "p", "q", "r", "c", "b", "a"]);
    other[0] = Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(texts)));
    assert_eq!(encode(&mut used, &groups[1]), encode(&mut used, &other));
}

#[test]
fn a_part_of_nothing() {
    let layout = layout();
    let empty = encode(&mut RowGroupEncoder::new(layout.clone()).unwrap(), &rows(0, 0, 7, true));
    for minis in [vec![], vec![empty.clone()], vec![empty.clone(), empty]] {
        let (file, summary) = part(&layout, &minis);
        assert_eq!((summary.rows, summary.row_groups, summary.bounds, summary.time_us), (0, 0, None, None));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.schema().fields(), layout.schema().fields());
    }
}

#[test]
fn footers_summarise() {
    let layout = layout();
    let mini = encode(&mut RowGroupEncoder::new(layout.clone()).unwrap(), &rows(40, 30_000, 7, true));
    let (file, part) = part(&layout, &[mini.clone(), mini]);
    let path = std::env::temp_dir().join(format!("swath-summary-{}.parquet", std::process::id()));
    std::fs::write(&path, &file).unwrap();
    let summary = summarise(&path);
    std::fs::remove_file(&path).unwrap();
    let summary = summary.unwrap();
    assert_eq!((summary.rows, summary.row_groups, summary.columns.len()), (60_000, 2, 6));
    assert_eq!(summary.columns[2].units.as_deref(), Some("degree"));
    assert_eq!((summary.bounds, summary.time_us), (part.bounds, Some(("time".to_string(), 40, 30_039))));
    assert_eq!(summary.compression, ["ZSTD"]);
    assert_eq!(summary.crs.unwrap()["id"]["authority"], "EPSG");
    assert!(matches!(summarise(std::path::Path::new("no/such/file")), Err(Error::InputUnreadable { .. })));
}

/// Fails once so many bytes are written.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn failures_are_told() {
    let layout = layout();
    let mut encoder = RowGroupEncoder::new(layout.clone()).unwrap();
    let group = rows(0, 3_000, 7, true);
    let mini = encode(&mut encoder, &group);
    let (file, _) = part(&layout, std::slice::from_ref(&mini));
    let path = Path::new("lake/part");
    for room in (0..mini.len()).step_by(997).chain([mini.len() - 1]) {
        let result = encoder.encode_into(3_000, |column| Ok(group[column].clone()), Full(room), path);
        assert!(matches!(result, Err(Error::OutputUnwritable { path: at, .. }) if at == path), "{room}");
    }
    for room in (0..file.len()).step_by(997).chain([file.len() - 1]) {
        let result = assemble(&layout, [Ok(mini.clone())], Full(room), path);
        assert!(matches!(result, Err(Error::OutputUnwritable { .. })), "{room}");
    }
    for end in (0..mini.len()).step_by(997) {
        let result = assemble(&layout, [Ok(mini.slice(..end))], io::sink(), path);
        assert!(matches!(result, Err(Error::InputCorrupt { .. })), "{end}: {result:?}");
    }
    let other = LakeLayout::new(columns(vec![Field::new("c", DataType::Int32, true)], None)).unwrap();
    assert!(matches!(assemble(&other, [Ok(mini)], io::sink(), path), Err(Error::InputCorrupt { .. })));
    let wrong = encoder.encode_into(2_999, |column| Ok(group[column].clone()), io::sink(), path);
    assert!(matches!(wrong, Err(Error::Unexpected { message }) if message.contains("wanted 2999 rows")));
}
