//! Makes a part file of mini files: their pages are copied as they are, their footers become one.
//!
//! Nothing is decoded. The bytes depend on the mini files and their order only, also where there is just one.

use std::io::Write;
use std::path::Path;

use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataOptions,
    ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;
use parquet::file::writer::TrackedWrite;
use swath_core::{Error, Result};

use super::error::{corrupt, encoding, reading};
use super::geometry::Bounds;
use super::layout::{BOUNDS_KEY, LakeLayout};
use super::sink::Sink;

/// Bytes that are copied at a time from mini files that are not in memory.
const COPY_BYTES: u64 = 256 << 10;
/// Bytes at the end of a mini file that are read at once: enough for most footers and page indexes.
const TAIL_BYTES: usize = 24 << 10;

/// What a part file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct PartSummary {
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Row groups.
    pub row_groups: usize,
    /// The box of its points, if there are any.
    pub bounds: Option<Bounds>,
    /// First and last time, in microseconds since 1970-01-01 in UTC, if there are any.
    pub time_us: Option<(i64, i64)>,
}

/// Writes the row groups of `groups`, in order, as one file to `out`, which `path` names in errors.
///
/// # Memory
/// The footers of all groups (about 1 kB per leaf and group) and a copy buffer of 256 KiB.
///
/// # Errors
/// What `groups` answers, [`Error::OutputUnwritable`], [`Error::InputCorrupt`] for a mini file that is none of this
/// layout, and [`Error::Unexpected`] for more row groups than Parquet allows (32,767).
pub fn assemble<R: ChunkReader>(
    layout: &LakeLayout,
    groups: impl IntoIterator<Item = Result<R>>,
    out: impl Write,
    path: &Path,
) -> Result<PartSummary> {
    let mut sink = Sink::hashing(out);
    let result = put_part(layout, groups, &mut sink, path);
    let (mut summary, bytes, hash) = sink.settle(result, path)?;
    summary.bytes = bytes;
    if let Some(hash) = hash {
        summary.sha256 = crate::sum::digits(hash);
    }
    Ok(summary)
}

fn put_part<R: ChunkReader, W: Write>(
    layout: &LakeLayout,
    groups: impl IntoIterator<Item = Result<R>>,
    sink: &mut Sink<W>,
    path: &Path,
) -> Result<PartSummary> {
    let mut file = TrackedWrite::new(sink);
    let mut part = Part::default();
    file.write_all(b"PAR1").map_err(|error| Error::writing(path, &error))?;
    for group in groups {
        let group = group?;
        let metadata = read_footer(layout, &group, path)?;
        let shift = file.bytes_written() as i64 - 4;
        copy_pages(&group, &metadata, &mut file, path)?;
        part.take(layout, metadata, shift)?;
    }
    let summary = PartSummary {
        rows: part.rows as u64,
        bytes: 0,
        sha256: String::new(),
        row_groups: part.row_groups.len(),
        bounds: part.bounds,
        time_us: part.time_us,
    };
    let mut metadata = ParquetMetaDataBuilder::new(layout.part_footer(part.rows, part.bounds));
    if !part.row_groups.is_empty() {
        metadata = metadata
            .set_row_groups(part.row_groups)
            .set_column_index(Some(part.column_indexes))
            .set_offset_index(Some(part.offset_indexes));
    }
    Sink::finish(file, &metadata.build(), path)?;
    Ok(summary)
}

/// The row groups taken so far, with positions in the part file.
#[derive(Default)]
struct Part {
    rows: i64,
    row_groups: Vec<RowGroupMetaData>,
    column_indexes: Vec<Vec<ColumnIndexMetaData>>,
    offset_indexes: Vec<Vec<OffsetIndexMetaData>>,
    bounds: Option<Bounds>,
    time_us: Option<(i64, i64)>,
}

impl Part {
    /// Takes in the footer of a mini file whose pages moved by `shift` bytes.
    fn take(&mut self, layout: &LakeLayout, metadata: ParquetMetaData, shift: i64) -> Result<()> {
        let words = metadata.file_metadata().key_value_metadata().map_or(&[][..], |words| words);
        let bounds = words.iter().find(|word| word.key == BOUNDS_KEY).and_then(|word| word.value.as_deref());
        if let Some(bounds) = bounds.and_then(Bounds::from_json) {
            self.bounds = Some(self.bounds.map_or(bounds, |all| all.union(bounds)));
        }
        let mut metadata = metadata.into_builder();
        self.column_indexes.append(&mut metadata.take_column_index().unwrap_or_default());
        for mut row_group in metadata.take_offset_index().unwrap_or_default() {
            for location in row_group.iter_mut().flat_map(|index| &mut index.page_locations) {
                location.offset += shift;
            }
            self.offset_indexes.push(row_group);
        }
        for row_group in metadata.take_row_groups() {
            let ordinal = i16::try_from(self.row_groups.len())
                .map_err(|_| Error::unexpected("a part of more than 32,767 row groups"))?;
            self.rows += row_group.num_rows();
            if let Some(range) = layout.columns.time.and_then(|time| time_range(row_group.column(time))) {
                self.time_us = Some(self.time_us.map_or(range, |all| (all.0.min(range.0), all.1.max(range.1))));
            }
            let offset = row_group.file_offset().unwrap_or(4) + shift;
            let mut builder = row_group.into_builder();
            let columns = builder.take_columns().into_iter().map(|column| moved(column, shift));
            builder = builder
                .set_column_metadata(columns.collect::<Result<_>>()?)
                .set_ordinal(ordinal)
                .set_file_offset(offset);
            self.row_groups.push(encoding(builder.build())?);
        }
        Ok(())
    }
}

fn moved(column: ColumnChunkMetaData, shift: i64) -> Result<ColumnChunkMetaData> {
    if shift == 0 {
        return Ok(column);
    }
    let (data, dictionary) = (column.data_page_offset() + shift, column.dictionary_page_offset());
    let builder = column.into_builder().set_data_page_offset(data);
    encoding(builder.set_dictionary_page_offset(dictionary.map(|offset| offset + shift)).build())
}

fn time_range(column: &ColumnChunkMetaData) -> Option<(i64, i64)> {
    match column.statistics()? {
        Statistics::Int64(range) => Some((*range.min_opt()?, *range.max_opt()?)),
        _ => None,
    }
}

fn read_footer<R: ChunkReader>(layout: &LakeLayout, group: &R, path: &Path) -> Result<ParquetMetaData> {
    let mut options = ParquetMetaDataOptions::new();
    options.set_encoding_stats_as_mask(false);
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_metadata_options(Some(options))
        .with_prefetch_hint(Some(TAIL_BYTES))
        .parse_and_finish(group)
        .map_err(|error| reading(path, error))?;
    if metadata.file_metadata().schema() != layout.descriptor.root_schema() {
        return Err(corrupt(path, "a row group on scratch has another schema than the lake"));
    }
    Ok(metadata)
}

/// Copies all pages of a mini file: they lie between the magic and the page index without gaps.
fn copy_pages<R: ChunkReader, W: Write>(
    group: &R,
    metadata: &ParquetMetaData,
    file: &mut TrackedWrite<&mut Sink<W>>,
    path: &Path,
) -> Result<()> {
    let columns = metadata.row_groups().iter().flat_map(|row_group| row_group.columns());
    let end = columns.map(|column| column.byte_range()).map(|(start, length)| start + length).max().unwrap_or(4);
    let mut at = 4;
    while at < end {
        let length = COPY_BYTES.min(end - at);
        let bytes = group.get_bytes(at, length as usize).map_err(|error| reading(path, error))?;
        file.write_all(&bytes).map_err(|error| Error::writing(path, &error))?;
        at += length;
    }
    Ok(())
}
