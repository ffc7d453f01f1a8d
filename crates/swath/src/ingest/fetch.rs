//! The rows of a stretch of the output, fetched from all runs as the plan names them.

use swath_core::{Buffer, Bytes, Error, Result, Stop, TaskContext};
use swath_table::layout::RowKey;
use swath_table::run::RunSlice;

use super::arrays::Packed;
use super::encode::{RowGroup, RowGroups};
use super::running::Running;

/// How often text is in memory while it is encoded: as fetched, as an array, as a page, compressed, and to spare.
pub const TEXT_COPIES: usize = 5;
/// Plan entries that are read at once.
pub const ENTRIES: usize = 16 << 10;

/// The rows of a task, fetched from all runs; `index` puts them in order.
pub struct Fetched {
    /// Their keys.
    pub keys: Buffer<RowKey>,
    /// The rows.
    pub rows: Buffer<u8>,
    /// Their text.
    pub text: Vec<u8>,
    /// Where the text of each fetched row begins.
    pub text_starts: Vec<u32>,
    /// Bytes of the texts of the row that has most.
    pub longest: usize,
}

/// Room that is kept from task to task.
#[derive(Default)]
pub struct FetchRoom {
    /// Position of the fetched row, for each row of the output.
    pub index: Vec<u32>,
    stretches: Vec<Stretch>,
    entries: Vec<(u32, bool)>,
    bytes: Vec<u8>,
}

/// Rows of one run that follow each other without a gap.
pub struct Stretch {
    /// Position of the run.
    pub run: u32,
    /// Its first row.
    pub first: u32,
    /// How many rows.
    pub count: u32,
    /// Position of its first row among the fetched rows; while rows are given their positions, of the next one.
    pub at: u32,
}

impl FetchRoom {
    /// The run of a fetched row, and its position there.
    pub fn origin(&self, position: u32) -> (u32, u32) {
        let stretch = self.stretches.partition_point(|stretch| stretch.at <= position).saturating_sub(1);
        let stretch = &self.stretches[stretch];
        (stretch.run, stretch.first + (position - stretch.at))
    }

    /// What a row takes at most, the stretch that it begins included.
    pub const ROW_BYTES: usize = size_of::<u32>() + size_of::<Stretch>();
}

/// From so many bytes on, positions in a column of text are too long for readers.
const TEXT_MAX: usize = i32::MAX as usize;

impl Fetched {
    /// Fetches the rows of row groups that follow each other.
    ///
    /// # Errors
    /// [`Error::Pressure`] when they have more than `text_max` bytes of text, and when scratch cannot be read.
    pub fn new(
        running: &Running,
        all: &RowGroups,
        groups: &[RowGroup],
        text_max: usize,
        context: &mut TaskContext<'_>,
        room: &mut FetchRoom,
    ) -> Result<Fetched> {
        let rows = groups.iter().map(|group| group.rows).sum::<u32>();
        walk(running, all, &groups[0], rows, context.stop, room)?;
        let stretches = &room.stretches;
        let layout = &running.job.layout;
        let runs = running.runs(context.done)?;
        let mut fetched = Fetched {
            keys: context.lease.buffer_unzeroed(rows as usize)?,
            rows: context.lease.buffer_unzeroed(rows as usize * layout.stride())?,
            text: Vec::new(),
            text_starts: vec![0; if layout.has_text() { rows as usize } else { 0 }],
            longest: 0,
        };
        for stretch in stretches {
            let run = &runs[stretch.run as usize];
            let (from, to) = (stretch.at as usize, (stretch.at + stretch.count) as usize);
            run.read_keys(&running.store, stretch.first, &mut fetched.keys[from..to])?;
            let bytes = &mut fetched.rows[from * layout.stride()..to * layout.stride()];
            let offset = run.rows_at + u64::from(stretch.first) * layout.stride() as u64;
            running.store.read(&run.blob, offset, bytes)?;
        }
        if layout.has_text() {
            let of_row = |row| layout.text_of_row(row).1 as usize;
            let (mut text, mut longest) = (0, 0);
            for of_row in fetched.rows.chunks_exact(layout.stride()).map(of_row) {
                text += of_row;
                longest = of_row.max(longest);
            }
            fetched.longest = longest;
            Fetched::check_text((text, longest), groups, text_max, context)?;
            fetched.text.reserve_exact(text);
            for stretch in stretches {
                fetched.fetch_text(running, &runs[stretch.run as usize], stretch)?;
            }
        }
        Ok(fetched)
    }

    /// Makes sure that there is room for the text of row groups, of which the longest of a row is told.
    ///
    /// # Errors
    /// [`Error::Pressure`] where there is not; [`Error::Usage`] where no reader would take it.
    pub fn check_text(
        (text, longest): (usize, usize),
        groups: &[RowGroup],
        text_max: usize,
        context: &TaskContext<'_>,
    ) -> Result<()> {
        if text >= TEXT_MAX && groups.len() == 1 {
            return Err(Error::Usage {
                message: format!(
                    "a row group of {} rows would hold {} of text, the longest of {}; wanted less than {}",
                    groups[0].rows,
                    Bytes(text as u64),
                    Bytes(longest as u64),
                    Bytes(TEXT_MAX as u64)
                ),
                hint: "leave columns of long texts out of the schema file, or set a lower --max-record".into(),
            });
        }
        if text > text_max || text >= TEXT_MAX {
            let got = context.lease.bytes();
            let wanted = got + Bytes((text.saturating_sub(text_max) * TEXT_COPIES) as u64);
            return Err(Error::Pressure { what: "text of a row group".into(), wanted, got });
        }
        Ok(())
    }

    /// Some of the rows, in an order, as what arrays are made of.
    pub fn packed<'a>(&'a self, running: &'a Running, index: &'a [u32]) -> Packed<'a> {
        Packed {
            layout: &running.job.layout,
            keys: &self.keys,
            rows: &self.rows,
            index,
            text_starts: &self.text_starts,
            text: &self.text,
            texts: &running.texts,
        }
    }

    /// The text of rows that follow each other in a run follows each other, too.
    fn fetch_text(&mut self, running: &Running, run: &swath_table::run::SortedRun, stretch: &Stretch) -> Result<()> {
        let layout = &running.job.layout;
        let row = |at: u32| &self.rows[at as usize * layout.stride()..(at as usize + 1) * layout.stride()];
        let (start, _) = layout.text_of_row(row(stretch.at));
        let (last_start, last_length) = layout.text_of_row(row(stretch.at + stretch.count - 1));
        let length = (last_start + last_length - start) as usize;
        let before = self.text.len();
        let mut starts = Vec::with_capacity(stretch.count as usize);
        for at in stretch.at..stretch.at + stretch.count {
            starts.push(layout.text_of_row(row(at)).0 - start + before as u32);
        }
        self.text_starts[stretch.at as usize..(stretch.at + stretch.count) as usize].copy_from_slice(&starts);
        self.text.resize(before + length, 0);
        running.store.read(&run.blob, run.text_at + u64::from(start), &mut self.text[before..])
    }
}

/// Follows the plan over `rows` rows that stay: which stretches to fetch, and where each row will be among them.
fn walk(
    running: &Running,
    all: &RowGroups,
    first: &RowGroup,
    rows: u32,
    stop: &Stop,
    room: &mut FetchRoom,
) -> Result<()> {
    let FetchRoom { index, stretches, entries, bytes } = room;
    index.clear();
    index.reserve_exact(rows as usize);
    stretches.clear();
    // In the worst order each row begins one.
    stretches.reserve_exact(rows as usize);
    let mut skip = first.skip;
    for ranked in &all.ranked[first.slice as usize..] {
        if index.len() == rows as usize {
            break;
        }
        stop.check()?;
        let slices = ranked.read_slices(running)?;
        let mut heads: Vec<Head> = slices.iter().map(Head::new).collect();
        let mut at = 0;
        let total = ranked.entry_count();
        while at < total && index.len() < rows as usize {
            let count = (total - at).min(ENTRIES as u64) as usize;
            ranked.read_entries(running, at, count, bytes, entries)?;
            at += count as u64;
            for &(slice, dropped) in &*entries {
                let head = &mut heads[slice as usize];
                let row = head.next;
                head.next += 1;
                if dropped {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                index.push(head.stretch(row, stretches));
                if index.len() == rows as usize {
                    break;
                }
            }
        }
    }
    if index.len() < rows as usize {
        return Err(Error::unexpected(format!("the plan holds {} rows of {rows}", index.len())));
    }
    let mut at = 0;
    for stretch in &mut *stretches {
        stretch.at = at;
        at += stretch.count;
    }
    // Rows of a stretch come in its order.
    for place in index {
        let stretch = &mut stretches[*place as usize];
        *place = stretch.at;
        stretch.at += 1;
    }
    for stretch in stretches {
        stretch.at -= stretch.count;
    }
    Ok(())
}

/// The next row of a run's stretch, and the open stretch of fetched rows.
pub struct Head {
    /// Position of the run.
    pub run: u32,
    /// The next row.
    pub next: u32,
    /// Position of the stretch that may go on; the largest number where there is none.
    pub open: u32,
}

impl Head {
    /// Adds a row to the stretch that it goes on with, or to a new one; answers which.
    pub fn stretch(&mut self, row: u32, stretches: &mut Vec<Stretch>) -> u32 {
        match stretches.get_mut(self.open as usize) {
            Some(open) if open.first + open.count == row => open.count += 1,
            _ => {
                self.open = stretches.len() as u32;
                stretches.push(Stretch { run: self.run, first: row, count: 1, at: 0 });
            }
        }
        self.open
    }

    /// At the beginning of the rows of a run in a slice.
    pub fn new(slice: &RunSlice) -> Head {
        Head { run: slice.run, next: slice.first, open: u32::MAX }
    }
}
