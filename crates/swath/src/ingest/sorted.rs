//! A batch becomes a sorted run: partitions, keys, order, packed rows, text.
//!
//! It does not decide which rows stay.

use fast_hilbert::xy2h;
use swath_core::{Bytes, Result};
use swath_table::assign::{Assigner, Coordinates, Groups, Names};
use swath_table::column::{Batch, Column, Values};
use swath_table::layout::{KEY_BYTES, RowKey, RowLayout};
use swath_table::run::SortedRun;
use swath_table::sort::{LocalRanks, sort_order};
use xxhash_rust::xxh3::xxh3_128;

use super::job::Job;
use super::locate::Located;
use super::rejects::Origin;
use super::row_checks::{self, Flags};
use super::running::Running;
use crate::request::SortOrder;

/// Rows that are packed at once, so that they stay in the processor's cache.
const BLOCK_ROWS: usize = 512;
/// Text that is packed at once, but for a longer row.
const BLOCK_TEXT: usize = 256 << 10;
/// Stands for the sensor of a row without one: no text in UTF-8 has this byte, and all texts come before it.
const NO_SENSOR: &[u8] = b"\xff";
/// The time of a row without one, behind all others.
pub const NO_TIME: i64 = i64::MAX;
/// Bytes per row of the table of hashes: hash, position in the input, position in the run.
pub const HASH_BYTES: usize = 24;

/// Buffers that a worker reuses from batch to batch.
#[derive(Default)]
pub struct Sorting {
    partitions: Vec<u32>,
    sensors: Vec<u32>,
    keys: Vec<RowKey>,
    packed: Vec<u64>,
    spare: Vec<u64>,
    order: Vec<u32>,
    sorted: Vec<u32>,
    rows: Vec<u8>,
    text: Vec<u8>,
    hashes: Vec<(u128, u32, u32)>,
    /// Of rows of a lake: the group of neighbours that all of them are in.
    pub group: Option<u32>,
    /// Rows that checks found, by their position among those that stay.
    pub flags: Flags,
}

/// Memory that sorting and packing a run of so many rows of a layout takes.
pub fn bytes_for(job: &Job, layout: &RowLayout, rows: usize) -> Bytes {
    let coordinates = if job.needs_places() { 16 } else { 0 };
    let degrees = if job.geometry.as_ref().is_some_and(|geometry| geometry.to_degrees.is_some()) { 16 } else { 0 };
    let hashes = if job.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent) { 32 } else { 0 };
    let moved = if job.geometry.as_ref().is_some_and(|geometry| geometry.moved) { 18 + 8 } else { 0 };
    // Kept, partition, sensor, key, two words for sorting, order and sorted order, and which sensors there are, which may
    // be as many; that list grows by doubling, and so does that of rows without a place.
    let per_row =
        4 + 4 + 4 + KEY_BYTES as u64 + 16 + 4 + 4 + 8 + coordinates + degrees + hashes + moved + row_checks::ROW_BYTES;
    let blocks = (BLOCK_ROWS * (layout.stride() + KEY_BYTES)) as u64;
    Bytes(rows as u64 * per_row + blocks + Assigner::bytes_max(&job.levels))
        + swath_core::Store::WRITER_BYTES
        + Bytes(if layout.has_text() { BLOCK_TEXT as u64 + job.longest_record().0 } else { 0 })
}

/// Sorts the rows of a batch that stay and writes them to the store. `file_of` tells the file of a row of the input, which
/// is looked at; rows of a lake are not. There is no run where no row is left.
///
/// # Errors
/// When the store cannot be written or there are too many partitions.
pub fn write(
    running: &Running,
    batch: &mut Batch,
    located: &Located,
    file_of: Option<FileOf<'_>>,
    assigner: &mut Assigner,
    ranks: &mut (LocalRanks, LocalRanks),
    sorting: &mut Sorting,
) -> Result<Option<SortedRun>> {
    let job = &running.job;
    let layout = if file_of.is_some() { &job.input_layout } else { &job.layout };
    make_keys(running, batch, located, assigner, sorting)?;
    let Sorting { keys, packed, spare, order, sorted, flags, .. } = sorting;
    ranks.0.rank(keys.iter().map(|key| key.partition), |ids| running.partitions.sort(ids));
    match job.sort {
        SortOrder::Sensor if job.sensor.is_some() => {
            ranks.1.rank(keys.iter().map(|key| key.major), |ids| running.texts.sort(ids));
        }
        _ => ranks.1.rank_numbers(keys.iter().map(|key| key.major)),
    }
    sort_order(keys, &ranks.0, &ranks.1, (packed, spare), order);
    if let Some(file_of) = file_of {
        flags.look(job, batch, &located.kept, (keys, &ranks.1), file_of);
        if job.strict {
            order.retain(|&position| !flags.is_wrong(position as usize));
        }
    }
    if order.is_empty() {
        return Ok(None);
    }
    sorted.clear();
    sorted.extend(order.iter().map(|&position| located.kept[position as usize]));
    let extra = hidden_columns(job, located);
    let hidden = extra.len();
    batch.columns.extend(extra);
    let run = write_run(running, layout, batch, file_of.filter(|_| job.strict), sorting);
    batch.columns.truncate(batch.columns.len() - hidden);
    run.map(Some)
}

/// Tells the file of a row of a batch.
pub type FileOf<'a> = &'a dyn Fn(usize) -> usize;

/// The target coordinates, where they are not those of the source.
fn hidden_columns(job: &Job, located: &Located) -> Vec<Column> {
    match &job.geometry {
        Some(geometry) if geometry.moved => [&located.x, &located.y]
            .into_iter()
            .map(|values| Column {
                values: Values::Float64(values.clone()),
                valid: values.iter().map(|value| u8::from(!value.is_nan())).collect(),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn make_keys(
    running: &Running,
    batch: &Batch,
    located: &Located,
    assigner: &mut Assigner,
    sorting: &mut Sorting,
) -> Result<()> {
    let job = &running.job;
    let degrees = !located.longitude.is_empty();
    let coordinates = Coordinates {
        x: &located.x,
        y: &located.y,
        longitude: if degrees { &located.longitude } else { &located.x },
        latitude: if degrees { &located.latitude } else { &located.y },
    };
    sorting.partitions.clear();
    let groups = match sorting.group {
        Some(group) => Groups::One(group),
        None => Groups::Of(running.groups.get().map_or(&[][..], Vec::as_slice)),
    };
    let names = Names { texts: &running.texts, groups, partitions: &running.partitions };
    let kept = located.kept.iter().map(|&row| row as usize);
    assigner.assign(&job.levels, batch, kept, &coordinates, names, &mut sorting.partitions)?;
    sorting.sensors.clear();
    if job.sort == SortOrder::Sensor {
        sensor_ids(running, batch, &located.kept, &mut sorting.sensors)?;
    }
    let sensors = &sorting.sensors;
    let times = job.time.map(|time| &batch.columns[time]);
    let along_curve = job.geometry.as_ref().filter(|_| job.sort == SortOrder::Hilbert);
    let bounds = along_curve.map(|geometry| geometry.target.coordinate_bounds());
    sorting.keys.clear();
    sorting.keys.extend(located.kept.iter().enumerate().map(|(position, &row)| {
        let row = row as usize;
        let major = match (job.sort, &bounds) {
            (SortOrder::Hilbert, Some(bounds)) => {
                let cell = |value: f64, low: f64, high: f64| {
                    (((value - low) / (high - low)).clamp(0.0, 1.0) * f64::from(u16::MAX)) as u16
                };
                let (x, y) = (located.x[row], located.y[row]);
                if x.is_nan() {
                    u32::MAX
                } else {
                    xy2h(cell(x, bounds.min_x, bounds.max_x), cell(y, bounds.min_y, bounds.max_y), 16)
                }
            }
            _ => sensors.get(position).copied().unwrap_or(0),
        };
        RowKey {
            partition: sorting.partitions[position],
            major,
            minor: times.and_then(|times| times.time_us(row)).unwrap_or(NO_TIME),
        }
    }));
    Ok(())
}

/// The identifier of the sensor of some rows, by its text; numbers are named as they are written.
fn sensor_ids(running: &Running, batch: &Batch, rows: &[u32], ids: &mut Vec<u32>) -> Result<()> {
    use std::io::Write;
    let Some(sensor) = running.job.sensor else { return Ok(()) };
    let column = &batch.columns[sensor];
    let mut nobody = None;
    let mut text = Vec::new();
    let mut named = |number: &dyn std::fmt::Display| {
        text.clear();
        // Writing to a vector cannot fail.
        drop(write!(text, "{number}"));
        running.texts.intern(&text)
    };
    for row in rows.iter().map(|&row| row as usize) {
        if column.valid[row] == 0 {
            let id = match nobody {
                Some(id) => id,
                None => *nobody.insert(running.texts.intern(NO_SENSOR)?),
            };
            ids.push(id);
            continue;
        }
        ids.push(match &column.values {
            Values::Category(values) => values[row],
            Values::Int32(values) => named(&values[row])?,
            Values::Int64(values) => named(&values[row])?,
            Values::Text { ends, bytes } => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                running.texts.intern(&bytes[start..ends[row] as usize])?
            }
            // No sensor is of another type; they would all be one.
            _ => 0,
        });
    }
    Ok(())
}

fn write_run(
    running: &Running,
    layout: &RowLayout,
    batch: &Batch,
    file_of: Option<FileOf<'_>>,
    sorting: &mut Sorting,
) -> Result<SortedRun> {
    let job = &running.job;
    let count = sorting.sorted.len();
    let hashed = job.dedup.as_ref().filter(|dedup| !dedup.adjacent);
    let keys_bytes = (count * KEY_BYTES) as u64;
    let rows_bytes = (count * layout.stride()) as u64;
    let hash_bytes = if hashed.is_some() { (count * HASH_BYTES) as u64 } else { 0 };
    let origin_bytes = if file_of.is_some() { (count * Origin::BYTES) as u64 } else { 0 };
    let text_max = if layout.has_text() { layout.text_bytes(batch) as u64 } else { 0 };
    let mut writer = running.store.write(keys_bytes + rows_bytes + hash_bytes + origin_bytes + text_max)?;
    let Sorting { keys, order, sorted, rows, text, hashes, .. } = sorting;
    let mut block_keys = [RowKey::default(); BLOCK_ROWS];
    for block in order.chunks(BLOCK_ROWS) {
        for (key, &position) in block_keys.iter_mut().zip(block) {
            *key = keys[position as usize];
        }
        writer.append(bytemuck::cast_slice(&block_keys[..block.len()]))?;
    }
    // Text follows the rows, and rows say where their text is: a first pass writes rows, a second one text.
    let mut text_start = 0;
    rows.resize(BLOCK_ROWS * layout.stride(), 0);
    for block in blocks(layout, batch, sorted) {
        let packed = &mut rows[..block.len() * layout.stride()];
        text.clear();
        text.reserve_exact(layout.text_bytes_of(batch, block));
        layout.pack(batch, block, text_start, packed, text);
        text_start += text.len() as u32;
        writer.append(packed)?;
    }
    let hashes_at = writer.length();
    if let Some(dedup) = hashed {
        hash_rows(batch, &dedup.key, sorted, hashes);
        for (hash, input, row) in hashes.iter() {
            writer.append(&hash.to_be_bytes())?;
            writer.append(&input.to_le_bytes())?;
            writer.append(&row.to_le_bytes())?;
        }
    }
    let origins_at = writer.length();
    if let Some(file_of) = file_of {
        for row in sorted.iter().map(|&row| row as usize) {
            let origin = Origin { file: file_of(row) as u32, line: batch.lines[row], offset: batch.offsets[row] };
            writer.append(&origin.to_bytes())?;
        }
    }
    let text_at = writer.length();
    if layout.has_text() {
        for block in blocks(layout, batch, sorted) {
            let packed = &mut rows[..block.len() * layout.stride()];
            text.clear();
            text.reserve_exact(layout.text_bytes_of(batch, block));
            layout.pack(batch, block, 0, packed, text);
            writer.append(text)?;
        }
    }
    Ok(SortedRun {
        blob: writer.finish()?,
        rows: count as u32,
        rows_at: keys_bytes,
        text_at,
        hashes_at: hashed.map(|_| hashes_at),
        origins_at: file_of.map(|_| origins_at),
    })
}

/// Cuts rows into blocks of no more than [`BLOCK_ROWS`] rows and [`BLOCK_TEXT`] bytes of text; a longer row is alone.
fn blocks<'a>(layout: &'a RowLayout, batch: &'a Batch, sorted: &'a [u32]) -> impl Iterator<Item = &'a [u32]> {
    let mut rest = sorted;
    std::iter::from_fn(move || {
        let most = rest.len().min(BLOCK_ROWS);
        let mut count = most;
        if layout.has_text() {
            let mut text = 0;
            count = rest[..most]
                .iter()
                .take_while(|row| {
                    text += layout.text_bytes_of(batch, std::slice::from_ref(*row));
                    text <= BLOCK_TEXT
                })
                .count()
                .max(1)
                .min(most);
        }
        let (block, left) = rest.split_at(count);
        rest = left;
        (!block.is_empty()).then_some(block)
    })
}

/// Hashes of the key columns of the sorted rows, ordered by hash, then input.
///
/// 128 bits of XXH3 stand for the key: among 10^10 rows two different keys meet with a probability below 10^-18.
fn hash_rows(batch: &Batch, key: &[usize], sorted: &[u32], hashes: &mut Vec<(u128, u32, u32)>) {
    let mut bytes = Vec::new();
    hashes.clear();
    hashes.extend(sorted.iter().enumerate().map(|(position, &row)| {
        bytes.clear();
        for &column in key {
            push_value(&batch.columns[column], row as usize, &mut bytes);
        }
        (xxh3_128(&bytes), row, position as u32)
    }));
    hashes.sort_unstable();
}

fn push_value(column: &Column, row: usize, bytes: &mut Vec<u8>) {
    bytes.push(column.valid[row]);
    if column.valid[row] == 0 {
        return;
    }
    match &column.values {
        Values::Bool(values) => bytes.push(values[row]),
        Values::Int32(values) | Values::Date(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int64(values) | Values::Timestamp(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
        // Adding zero makes one of the two zeros.
        Values::Float32(values) => bytes.extend_from_slice(&(values[row] + 0.0).to_le_bytes()),
        Values::Float64(values) => bytes.extend_from_slice(&(values[row] + 0.0).to_le_bytes()),
        Values::Category(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
        Values::Text { ends, bytes: text } => {
            let start = if row == 0 { 0 } else { ends[row - 1] };
            bytes.extend_from_slice(&(ends[row] - start).to_le_bytes());
            bytes.extend_from_slice(&text[start as usize..ends[row] as usize]);
        }
    }
}
