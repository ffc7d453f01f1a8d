//! The rows of row groups of a pivoted table: all rows of one key become one, column by column.
//!
//! Rows are fetched in the order of the plan, a block at a time, so that one key may have any number of them. Which value
//! stays, and what is counted, is the same for a lake that grew batch by batch.

use swath_core::{Bytes, Error, Result, TaskContext};
use swath_table::layout::{ColumnPlace, KEY_BYTES, RowKey, RowLayout};
use swath_table::run::SortedRun;
use swath_table::schema::{ColumnType, Keep};
use swath_table::schema_file::moment_text;

use super::encode::{RowGroup, RowGroups};
use super::fetch::{ENTRIES, Fetched, Head, Stretch, TEXT_COPIES};
use super::job::Job;
use super::open_row::{News, Open, RowOf};
use super::pivot::{Joined, Pivot, shortened};
use super::running::Running;

/// Bytes of the rows of a block, about.
const BLOCK_BYTES: usize = 1 << 20;
/// Text of a block that is fetched at once; where it has more, it is fetched row by row.
const TEXT_BYTES: usize = 1 << 20;

/// Rows of a block.
fn block_rows(job: &Job) -> usize {
    (BLOCK_BYTES / slot(job)).clamp(64, ENTRIES)
}

/// Bytes of a row of a block, of whatever layout.
fn slot(job: &Job) -> usize {
    job.layout.stride().max(job.input_layout.stride())
}

/// Memory of putting rows together, beside the rows that come of it.
pub fn bytes_for(job: &Job) -> Bytes {
    let per_row = slot(job)
        + KEY_BYTES
        + size_of::<Stretch>()
        + size_of::<Start>()
        + size_of::<Source>()
        + 2 * size_of::<(u32, bool)>();
    let texts = if job.layout.has_text() { TEXT_BYTES } else { 0 };
    Bytes((block_rows(job) * per_row + texts + job.layout.columns() * 128) as u64)
}

/// Room that is kept from task to task.
#[derive(Default)]
pub struct JoinRoom {
    stretches: Vec<Stretch>,
    sources: Vec<Source>,
    keys: Vec<RowKey>,
    rows: Vec<u8>,
    text: Vec<u8>,
    starts: Vec<Start>,
    entries: Vec<(u32, bool)>,
    bytes: Vec<u8>,
}

/// Where a stretch begins in the bytes of a block, and its text in the text of the block: there stands what is at 0 of the
/// text of its run, as if that had been fetched.
#[derive(Clone, Copy, Default)]
struct Start {
    row: u32,
    text: i64,
}

/// A row of a block.
#[derive(Clone, Copy)]
struct Source {
    /// Position of its stretch.
    stretch: u32,
    /// Position among the rows of the block.
    place: u32,
    /// Where it begins in the bytes of the block.
    at: u32,
    run: u32,
    /// Whether it is the first of its key.
    begins: bool,
}

/// Where the columns of a layout go.
struct Way<'a> {
    layout: &'a RowLayout,
    /// Columns by themselves: from, to.
    columns: Vec<(usize, usize)>,
    /// Columns of the place, which is one value.
    place: Vec<(usize, usize)>,
}

impl<'a> Way<'a> {
    /// The way of rows of the lake, or of the inputs.
    fn new(job: &'a Job, pivot: &Pivot, is_input: bool) -> Way<'a> {
        let layout = if is_input { &job.input_layout } else { &job.layout };
        let (shared, all) = (pivot.shared(), job.layout.columns());
        let hidden = shared + pivot.count()..all;
        let from = |to: usize| if is_input && to >= hidden.start { to - pivot.count() + 2 } else { to };
        let is_own = |to: &usize| !(is_input && (shared..hidden.start).contains(to));
        let of_place = |to: &usize| {
            let columns = job.geometry.as_ref();
            columns.is_some_and(|places| [Some(places.x), Some(places.y), places.crs_column].contains(&Some(*to)))
                || hidden.contains(to)
        };
        let ways = |wanted: bool| {
            let tos = (0..all).filter(is_own).filter(|to| of_place(to) == wanted);
            tos.map(|to| (from(to), to)).collect()
        };
        Way { layout, columns: ways(false), place: ways(true) }
    }
}

/// Rows as they come together.
struct Joiner<'a> {
    running: &'a Running,
    pivot: Pivot,
    keep: Keep,
    input: Way<'a>,
    lake: Way<'a>,
    /// Runs before this one are of the lake.
    recalled: u32,
    out: Fetched,
    /// The rows that are begun.
    begun: usize,
    /// Texts of the row that is open, by ordinal.
    texts: Vec<Vec<u8>>,
    /// Most text that there is room for, and how much there is.
    text_max: usize,
    text: usize,
    lease: Bytes,
    joined: Joined,
}

/// Fetches the rows of row groups that follow each other, each put together of all rows of its key.
///
/// # Errors
/// [`Error::Pressure`] when they have more than `text_max` bytes of text, and when scratch cannot be read.
pub fn fetch(
    running: &Running,
    pivot: Pivot,
    all: &RowGroups,
    groups: &[RowGroup],
    text_max: usize,
    context: &mut TaskContext<'_>,
    room: &mut JoinRoom,
) -> Result<(Fetched, Joined)> {
    let job = &running.job;
    let rows = groups.iter().map(|group| group.rows).sum::<u32>();
    let runs = running.runs(context.done)?;
    let layout = &job.layout;
    let mut joiner = Joiner {
        running,
        pivot,
        keep: job.dedup.as_ref().map_or(Keep::First, |dedup| dedup.keep),
        input: Way::new(job, &pivot, true),
        lake: Way::new(job, &pivot, false),
        recalled: running.recalled(context.done)?.len() as u32,
        out: Fetched {
            keys: context.lease.buffer_unzeroed(rows as usize)?,
            rows: context.lease.buffer_unzeroed(rows as usize * layout.stride())?,
            text: Vec::new(),
            text_starts: vec![0; if layout.has_text() { rows as usize } else { 0 }],
            longest: 0,
        },
        begun: 0,
        texts: vec![Vec::new(); layout.texts()],
        text_max,
        text: 0,
        lease: context.lease.bytes(),
        joined: Joined::default(),
    };
    follow(running, all, (&groups[0], rows), runs, context, room, &mut joiner)?;
    joiner.end_row();
    if joiner.begun < rows as usize {
        return Err(Error::unexpected(format!("the plan holds {} rows of {rows}", joiner.begun)));
    }
    let text = joiner.text;
    Fetched::check_text((text, joiner.out.longest), groups, text_max, context)?;
    joiner.out.text.shrink_to_fit();
    Ok((joiner.out, joiner.joined))
}

/// Follows the plan over all rows of so many keys, and hands them on in blocks.
fn follow(
    running: &Running,
    all: &RowGroups,
    (first, rows): (&RowGroup, u32),
    runs: &[SortedRun],
    context: &TaskContext<'_>,
    room: &mut JoinRoom,
    joiner: &mut Joiner<'_>,
) -> Result<()> {
    let most = block_rows(&running.job);
    let (mut skip, mut begun) = (first.skip, 0);
    let (mut entries, mut bytes) = (std::mem::take(&mut room.entries), std::mem::take(&mut room.bytes));
    'all: for ranked in &all.ranked[first.slice as usize..] {
        context.stop.check()?;
        let slices = ranked.read_slices(running)?;
        let mut heads: Vec<Head> = slices.iter().map(Head::new).collect();
        let (mut at, total) = (0, ranked.entry_count());
        while at < total {
            let count = (total - at).min(most as u64) as usize;
            ranked.read_entries(running, at, count, &mut bytes, &mut entries)?;
            at += count as u64;
            for &(slice, goes_on) in &entries {
                let head = &mut heads[slice as usize];
                let row = head.next;
                head.next += 1;
                match goes_on {
                    // It is of a key before.
                    true if begun == 0 => continue,
                    true => {}
                    false if skip > 0 => {
                        skip -= 1;
                        continue;
                    }
                    false if begun == rows => break 'all,
                    false => begun += 1,
                }
                let stretch = head.stretch(row, &mut room.stretches);
                room.sources.push(Source { stretch, place: 0, at: 0, run: head.run, begins: !goes_on });
            }
            // A block ends where the entries that were read do, so no stretch goes on.
            joiner.block(runs, room)?;
            heads.iter_mut().for_each(|head| head.open = u32::MAX);
            context.stop.check()?;
        }
    }
    joiner.block(runs, room)?;
    (room.entries, room.bytes) = (entries, bytes);
    Ok(())
}

impl Joiner<'_> {
    fn way(&self, run: u32) -> &Way<'_> {
        if run < self.recalled { &self.lake } else { &self.input }
    }

    /// Fetches the rows of a block and puts them together.
    fn block(&mut self, runs: &[SortedRun], room: &mut JoinRoom) -> Result<()> {
        if room.sources.is_empty() {
            return Ok(());
        }
        self.fetch_rows(runs, room)?;
        let at_once = self.fetch_texts(runs, room)?;
        let JoinRoom { stretches, sources, keys, rows, text, starts, .. } = room;
        for source in &*sources {
            let layout = self.way(source.run).layout;
            let row = &rows[source.at as usize..source.at as usize + layout.stride()];
            let of_row = if !layout.has_text() {
                &[][..]
            } else if at_once {
                let (start, length) = layout.text_of_row(row);
                let start = (i64::from(start) + starts[source.stretch as usize].text) as usize;
                &text[start..start + length as usize]
            } else {
                self.fetch_text(&runs[source.run as usize], layout.text_of_row(row), text)?;
                &*text
            };
            if source.begins {
                self.end_row();
                self.begin_row(&keys[source.place as usize]);
            }
            self.join(source, row, of_row)?;
        }
        sources.clear();
        stretches.clear();
        Ok(())
    }

    /// Fetches keys and rows, stretch by stretch, and tells each row where it is.
    fn fetch_rows(&self, runs: &[SortedRun], room: &mut JoinRoom) -> Result<()> {
        let JoinRoom { stretches, sources, keys, rows, starts, .. } = room;
        let stride = |stretch: &Stretch| self.way(stretch.run).layout.stride();
        starts.clear();
        let (mut place, mut bytes) = (0, 0);
        for stretch in &mut *stretches {
            stretch.at = place;
            starts.push(Start { row: bytes as u32, text: 0 });
            place += stretch.count;
            bytes += stretch.count as usize * stride(stretch);
        }
        keys.resize(place as usize, RowKey::default());
        rows.resize(bytes, 0);
        let store = &self.running.store;
        for (stretch, start) in stretches.iter_mut().zip(&*starts) {
            let run = &runs[stretch.run as usize];
            let (from, stride) = (stretch.at as usize, stride(stretch));
            run.read_keys(store, stretch.first, &mut keys[from..from + stretch.count as usize])?;
            let bytes = &mut rows[start.row as usize..start.row as usize + stretch.count as usize * stride];
            store.read(&run.blob, run.rows_at + u64::from(stretch.first) * stride as u64, bytes)?;
            // Rows of a stretch come in its order; from here on this counts those that have come.
            stretch.count = 0;
        }
        for source in sources {
            let stretch = &mut stretches[source.stretch as usize];
            source.place = stretch.at + stretch.count;
            source.at = starts[source.stretch as usize].row + stretch.count * stride(stretch) as u32;
            stretch.count += 1;
        }
        Ok(())
    }

    /// Fetches the text of a block, unless it is too much at once; answers whether it did. The text of rows that follow
    /// each other in a run follows each other, too.
    fn fetch_texts(&self, runs: &[SortedRun], room: &mut JoinRoom) -> Result<bool> {
        let JoinRoom { stretches, rows, text, starts, .. } = room;
        if !self.running.job.input_layout.has_text() && !self.running.job.layout.has_text() {
            return Ok(true);
        }
        let mut total = 0u64;
        let spans = |stretch: &Stretch, start: &Start| {
            let layout = self.way(stretch.run).layout;
            let row = |number: u32| {
                let at = start.row as usize + number as usize * layout.stride();
                layout.text_of_row(&rows[at..at + layout.stride()])
            };
            let ((first, _), (last, length)) = (row(0), row(stretch.count - 1));
            if layout.has_text() { (first, last + length - first) } else { (0, 0) }
        };
        for (stretch, start) in stretches.iter().zip(&*starts) {
            total += u64::from(spans(stretch, start).1);
        }
        if total > TEXT_BYTES as u64 {
            return Ok(false);
        }
        text.resize(total as usize, 0);
        let mut at = 0;
        for (stretch, start) in stretches.iter().zip(&mut *starts) {
            let (first, length) = spans(stretch, start);
            start.text = at as i64 - i64::from(first);
            let run = &runs[stretch.run as usize];
            let into = &mut text[at..at + length as usize];
            self.running.store.read(&run.blob, run.text_at + u64::from(first), into)?;
            at += length as usize;
        }
        Ok(true)
    }

    /// Fetches the text of a row.
    fn fetch_text(&self, run: &SortedRun, (start, length): (u32, u32), text: &mut Vec<u8>) -> Result<()> {
        self.hold_text(length as usize)?;
        text.clear();
        text.resize(length as usize, 0);
        self.running.store.read(&run.blob, run.text_at + u64::from(start), text)
    }

    /// Makes sure that a row has no more text than there is room for.
    fn hold_text(&self, length: usize) -> Result<()> {
        if length <= self.text_max {
            return Ok(());
        }
        let wanted = self.lease + Bytes(((length - self.text_max) * TEXT_COPIES) as u64);
        Err(Error::Pressure { what: "text of a row".into(), wanted, got: self.lease })
    }

    fn begin_row(&mut self, key: &RowKey) {
        let stride = self.running.job.layout.stride();
        self.out.keys[self.begun] = *key;
        self.out.rows[self.begun * stride..(self.begun + 1) * stride].fill(0);
        self.texts.iter_mut().for_each(Vec::clear);
        self.begun += 1;
    }

    /// Puts the texts of the row that is open behind those of the rows before.
    fn end_row(&mut self) {
        let layout = &self.running.job.layout;
        if self.begun == 0 || !layout.has_text() {
            return;
        }
        let row = self.begun - 1;
        let bytes = &mut self.out.rows[row * layout.stride()..(row + 1) * layout.stride()];
        let length: usize = self.texts.iter().map(Vec::len).sum();
        self.text += length;
        self.out.longest = self.out.longest.max(length);
        if self.text > self.text_max {
            // It is only counted, so that the task may be done again with as much room as it takes.
            self.out.text = Vec::new();
            return;
        }
        self.out.text_starts[row] = self.out.text.len() as u32;
        for (ordinal, text) in self.texts.iter().enumerate() {
            layout.set_text_length(bytes, ordinal, text.len() as u32);
            self.out.text.extend_from_slice(text);
        }
    }

    /// Puts the values of a row into the row that is open.
    fn join(&mut self, source: &Source, row: &[u8], text: &[u8]) -> Result<()> {
        let is_input = source.run >= self.recalled;
        let way = if is_input { &self.input } else { &self.lake };
        let layout = &self.running.job.layout;
        let range = (self.begun - 1) * layout.stride()..self.begun * layout.stride();
        let (row, texts) = (RowOf { layout: way.layout, row, text }, &mut self.texts);
        let mut open = Open { layout, row: &mut self.out.rows[range], texts, keep: self.keep, news: News::default() };
        for &(from, to) in &way.columns {
            open.take(&row, from, to);
        }
        if is_input {
            let name = row.number(self.pivot.name());
            let to = self.running.parameters()?.get(&name);
            let to = to.ok_or_else(|| Error::unexpected("a row has a name that is no column"))?;
            open.take(&row, self.pivot.value(), self.pivot.shared() + *to as usize);
        }
        open.take_place(&row, &way.place);
        let news = open.news;
        self.hold_text(self.texts.iter().map(Vec::len).sum())?;
        // Rows of the lake were counted when they came.
        if source.begins || !is_input {
            return Ok(());
        }
        match news.is_new {
            true => self.joined.merged += 1,
            false => self.joined.duplicate += 1,
        }
        let Some((there, got)) = news.example else { return Ok(()) };
        self.joined.conflicting += 1;
        if self.joined.example.is_none() {
            self.joined.example = Some(self.example(news.columns[0], (&there, &got)));
        }
        for column in news.columns {
            *self.joined.columns.entry(column as u32).or_default() += 1;
        }
        Ok(())
    }

    /// Words for a value that was there and another one that came.
    fn example(&self, column: usize, (there, got): (&[u8], &[u8])) -> String {
        let job = &self.running.job;
        let stride = job.layout.stride();
        let packed = &self.out.rows[(self.begun - 1) * stride..self.begun * stride];
        let row = RowOf { layout: &job.layout, row: packed, text: &[] };
        let key = &self.out.keys[self.begun - 1];
        let of_key = |column: usize| match job.layout.place(column) {
            ColumnPlace::Major => self.shown(column, &key.major.to_le_bytes()),
            ColumnPlace::Minor => self.shown(column, &key.minor.to_le_bytes()),
            ColumnPlace::Text(ordinal) => self.shown(column, &self.texts[ordinal]),
            ColumnPlace::Fixed(at) => self.shown(column, row.bytes(column, at)),
        };
        let keys = job.sensor.into_iter().chain(job.time);
        let keys: Vec<String> =
            keys.map(|column| format!("{} {}", job.schema.columns[column].name, of_key(column))).collect();
        let name = job.schema.columns.get(column).map_or("place", |column| column.name.as_str());
        let (first, second) = (self.shown(column, there), self.shown(column, got));
        format!("of {}, {name:?} is {first}, then {second}", keys.join(", "))
    }

    fn shown(&self, column: usize, value: &[u8]) -> String {
        let four = || value.first_chunk::<4>().copied().unwrap_or_default();
        let eight = || value.first_chunk::<8>().copied().unwrap_or_default();
        match self.running.job.layout.column_type(column) {
            ColumnType::Bool => (value.first() == Some(&1)).to_string(),
            ColumnType::Int32 => i32::from_le_bytes(four()).to_string(),
            ColumnType::Int64 => i64::from_le_bytes(eight()).to_string(),
            ColumnType::Float32 => f32::from_le_bytes(four()).to_string(),
            ColumnType::Float64 => f64::from_le_bytes(eight()).to_string(),
            ColumnType::Date => {
                let days = i32::from_le_bytes(four());
                moment_text(f64::from(days), ColumnType::Date).unwrap_or_else(|| days.to_string())
            }
            ColumnType::Timestamp => {
                let micros = i64::from_le_bytes(eight());
                moment_text(micros as f64, ColumnType::Timestamp).unwrap_or_else(|| micros.to_string())
            }
            ColumnType::Category => {
                format!("{:?}", self.running.texts.with_text(u32::from_le_bytes(four()), shortened))
            }
            ColumnType::String => format!("{:?}", shortened(value)),
        }
    }
}
