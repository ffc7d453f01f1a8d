//! Encodes one row group after the other, each as a mini file, with rooms that are kept from one to the next.
//!
//! Columns are asked for one at a time, so that only one is there; x and y are asked for once more, together, for the
//! geometry and its covering.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::Field;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData};
use parquet::file::writer::TrackedWrite;
use swath_core::{Error, Result};

use super::ROW_GROUP_ROWS_MAX;
use super::attribute::{Rooms, put_attribute};
use super::bound::number_page_bytes_max;
use super::chunk::{Chunk, ChunkContext, ChunkWriter};
use super::compress::Compressor;
use super::error::encoding;
use super::float::put_floats;
use super::geometry::{Bounds, Points, float_above, float_below};
use super::layout::{LakeLayout, Leaf};
use super::pages::make_room;
use super::sink::Sink;

/// What was spent on one leaf of a row group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeafCost {
    /// Time from having the column to having its pages written.
    pub time: Duration,
    /// Bytes of its pages.
    pub bytes: u64,
}

/// What was written for one row group.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Bytes of the mini file.
    pub bytes: u64,
    /// The box of its points, if there are any.
    pub bounds: Option<Bounds>,
    /// What each leaf took, in the order of the file.
    pub costs: Vec<LeafCost>,
}

/// Encodes row groups; one per worker. The bytes of a row group do not depend on what was encoded before.
pub struct RowGroupEncoder {
    layout: Arc<LakeLayout>,
    compressor: Compressor,
    rooms: Rooms,
}

impl RowGroupEncoder {
    /// An encoder for the files of a lake.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if the codec cannot be set up.
    pub fn new(layout: Arc<LakeLayout>) -> Result<RowGroupEncoder> {
        let compressor = Compressor::new(layout.columns.compression)?;
        Ok(RowGroupEncoder { layout, compressor, rooms: Rooms::default() })
    }

    /// Encodes `rows` rows as a mini file to `out`, which `path` names in errors; `column` gives the attribute at a
    /// position.
    ///
    /// # Memory
    /// At most [`encoder_bytes_max`](super::encoder_bytes_max), besides the arrays that `column` gives (two at a time
    /// for x and y, else one) and what `out` holds.
    ///
    /// # Errors
    /// What `column` answers, [`Error::OutputUnwritable`], and [`Error::Unexpected`] for arrays that are not of the
    /// layout or more rows than a row group has.
    pub fn encode_into(
        &mut self,
        rows: usize,
        mut column: impl FnMut(usize) -> Result<ArrayRef>,
        out: impl Write,
        path: &Path,
    ) -> Result<Encoded> {
        if rows > ROW_GROUP_ROWS_MAX {
            return Err(Error::unexpected(format!("a row group of {rows} rows: at most {ROW_GROUP_ROWS_MAX}")));
        }
        let mut sink = Sink::counting(out);
        let result = self.put_file(rows, &mut column, &mut sink, path);
        let (mut encoded, bytes, _) = sink.settle(result, path)?;
        encoded.bytes = bytes;
        Ok(encoded)
    }

    fn put_file<W: Write>(
        &mut self,
        rows: usize,
        column: &mut impl FnMut(usize) -> Result<ArrayRef>,
        sink: &mut Sink<W>,
        path: &Path,
    ) -> Result<Encoded> {
        let mut file = TrackedWrite::new(sink);
        file.write_all(b"PAR1").map_err(|error| Error::writing(path, &error))?;
        let mut group = Group::default();
        if rows > 0 {
            make_room(&mut self.rooms.page, number_page_bytes_max(&self.layout, rows));
            self.put_leaves(rows, column, &mut file, &mut group)?;
        }
        let metadata = footer_of(&self.layout, rows, group.bounds, group.chunks)?;
        Sink::finish(file, &metadata, path)?;
        Ok(Encoded { bytes: 0, bounds: group.bounds, costs: group.costs })
    }

    fn put_leaves<W: Write>(
        &mut self,
        rows: usize,
        column: &mut impl FnMut(usize) -> Result<ArrayRef>,
        out: &mut TrackedWrite<W>,
        group: &mut Group,
    ) -> Result<()> {
        let layout = self.layout.clone();
        let mut has_dictionary = vec![false; layout.columns.attributes.fields().len()];
        for (position, field) in layout.columns.attributes.fields().iter().enumerate() {
            let array = column(position)?;
            check(field, &array, rows)?;
            has_dictionary[position] =
                self.put_leaf(position, out, group, |chunk, rooms| put_attribute(chunk, rooms, &array))?;
        }
        let Some(points) = &layout.columns.geometry else { return Ok(()) };
        let (x, y) = (column(points.x)?, column(points.y)?);
        let (mut x_room, mut y_room) = (std::mem::take(&mut self.rooms.values), std::mem::take(&mut self.rooms.y));
        let (x, y) = (x.as_primitive::<Float64Type>(), y.as_primitive::<Float64Type>());
        let points = {
            let repeats = |column: usize| has_dictionary.get(column).copied().unwrap_or(false);
            let dictionaries = (repeats(points.x), repeats(points.y));
            let points = Points::new(x, y, &mut x_room, &mut y_room);
            group.bounds = points.bounds();
            self.put_points(&points, dictionaries, out, group)
        };
        (self.rooms.values, self.rooms.y) = (x_room, y_room);
        points
    }

    fn put_points<W: Write>(
        &mut self,
        points: &Points,
        (x_repeats, y_repeats): (bool, bool),
        out: &mut TrackedWrite<W>,
        group: &mut Group,
    ) -> Result<()> {
        let layout = self.layout.clone();
        for (position, leaf) in layout.leaves.iter().enumerate() {
            match *leaf {
                Leaf::Attribute(_) => {}
                Leaf::Point => {
                    self.put_leaf(position, out, group, |chunk, rooms| {
                        let pairs = (x_repeats && y_repeats).then_some(&mut rooms.pairs);
                        points.put(chunk, &mut rooms.page, &mut rooms.lengths, pairs).map(|()| false)
                    })?;
                }
                Leaf::Covering { of_x, upper } => {
                    let (values, repeats) = if of_x { (points.x, x_repeats) } else { (points.y, y_repeats) };
                    self.put_leaf(position, out, group, |chunk, rooms| {
                        make_room(&mut rooms.floats, values.len());
                        match upper {
                            true => rooms.floats.extend(values.iter().map(|value| float_above(*value))),
                            false => rooms.floats.extend(values.iter().map(|value| float_below(*value))),
                        }
                        let distinct = repeats.then_some(&mut rooms.distinct);
                        let column = (points.rows, points.nulls.as_ref(), &rooms.floats[..]);
                        put_floats(chunk, &mut rooms.page, distinct, column)
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Writes one leaf by `put` and notes its cost.
    fn put_leaf<W: Write>(
        &mut self,
        leaf: usize,
        out: &mut TrackedWrite<W>,
        group: &mut Group,
        put: impl FnOnce(&mut ChunkWriter<'_, W>, &mut Rooms) -> Result<bool>,
    ) -> Result<bool> {
        let (started, before) = (Instant::now(), out.bytes_written());
        let mut packed = std::mem::take(&mut self.rooms.packed);
        let context =
            ChunkContext { out, compressor: &mut self.compressor, packed: &mut packed, codec: self.layout.codec };
        // The box of a point says all that its bytes could, and WKB has no order worth keeping.
        let keeps_statistics = self.layout.leaves[leaf] != Leaf::Point;
        let mut chunk = ChunkWriter::new(context, self.layout.descriptor.column(leaf), keeps_statistics);
        let has_dictionary = put(&mut chunk, &mut self.rooms)?;
        group.chunks.push(chunk.close()?);
        self.rooms.packed = packed;
        group.costs.push(LeafCost { time: started.elapsed(), bytes: (out.bytes_written() - before) as u64 });
        Ok(has_dictionary)
    }
}

fn check(field: &Field, array: &ArrayRef, rows: usize) -> Result<()> {
    let name = field.name();
    if array.len() != rows || array.data_type() != field.data_type() {
        let (wanted, got, got_rows) = (field.data_type(), array.data_type(), array.len());
        return Err(Error::unexpected(format!(
            "column {name:?}: wanted {rows} rows of {wanted}, got {got_rows} of {got}"
        )));
    }
    if !field.is_nullable() && array.null_count() > 0 {
        return Err(Error::unexpected(format!("column {name:?} holds nulls that its schema excludes")));
    }
    Ok(())
}

/// What is known of a row group while it is written.
#[derive(Default)]
struct Group {
    chunks: Vec<Chunk>,
    costs: Vec<LeafCost>,
    bounds: Option<Bounds>,
}

/// The footer of a mini file with one row group of `chunks`, or with none where there are no rows.
fn footer_of(layout: &LakeLayout, rows: usize, bounds: Option<Bounds>, chunks: Vec<Chunk>) -> Result<ParquetMetaData> {
    let metadata = ParquetMetaDataBuilder::new(layout.mini_footer(rows as i64, bounds));
    if rows == 0 {
        return Ok(metadata.build());
    }
    let (mut columns, mut column_indexes, mut offset_indexes) = (vec![], vec![], vec![]);
    for chunk in chunks {
        columns.push(chunk.metadata);
        column_indexes.push(chunk.column_index);
        offset_indexes.push(chunk.offset_index);
    }
    let size = columns.iter().map(|column| column.uncompressed_size()).sum();
    let group = RowGroupMetaData::builder(layout.descriptor.clone())
        .set_column_metadata(columns)
        .set_total_byte_size(size)
        .set_num_rows(rows as i64)
        .set_sorting_columns(layout.sorting.clone())
        .set_ordinal(0)
        .set_file_offset(4);
    Ok(metadata
        .add_row_group(encoding(group.build())?)
        .set_column_index(Some(vec![column_indexes]))
        .set_offset_index(Some(vec![offset_indexes]))
        .build())
}
