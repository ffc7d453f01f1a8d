//! Tests of the GeoParquet writer against the reader of the `parquet` crate; other readers are in `tests/oracles`.
#![allow(clippy::unwrap_used)]

mod assembled;
mod pieces;
mod round_trip;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

/// Numbers that look random and are the same each time (Marsaglia's xorshift64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(super) fn category() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

pub(super) fn points(x: usize, y: usize) -> Option<PointColumns> {
    Some(PointColumns { name: "geometry".into(), x, y, crs: None })
}

pub(super) fn columns(fields: Vec<Field>, geometry: Option<PointColumns>) -> LakeColumns {
    LakeColumns {
        attributes: Arc::new(Schema::new(fields)),
        geometry,
        sorting: vec![],
        time: None,
        compression: LakeCompression::Zstd { level: 1 },
        created_by: "swath 0.1.0".into(),
        metadata: vec![],
    }
}

pub(super) fn encode(encoder: &mut RowGroupEncoder, arrays: &[ArrayRef]) -> Bytes {
    let mut out = Vec::new();
    let rows = arrays.first().map_or(0, |array| array.len());
    let encoded =
        encoder.encode_into(rows, |position| Ok(arrays[position].clone()), &mut out, Path::new("mini")).unwrap();
    assert_eq!(encoded.bytes, out.len() as u64);
    out.into()
}

pub(super) fn part(layout: &LakeLayout, minis: &[Bytes]) -> (Bytes, PartSummary) {
    let mut out = Vec::new();
    let summary = assemble(layout, minis.iter().cloned().map(Ok), &mut out, Path::new("part")).unwrap();
    assert_eq!(summary.bytes, out.len() as u64);
    (out.into(), summary)
}

pub(super) fn read(file: &Bytes) -> Vec<RecordBatch> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().with_batch_size(1 << 20).build().unwrap();
    reader.map(Result::unwrap).collect()
}
