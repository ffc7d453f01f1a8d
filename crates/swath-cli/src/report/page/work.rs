//! Tasks: where each of them lies in time and among the units of its stage, coloured by how long it took; for rasters also
//! where it lies in the picture.

use std::io::{Result, Write};

use swath::{BlockOrder, Window};

use super::chart::{self, Frame, is_seen};
use super::html::{Column, Table, Text};
use crate::report::{Chunk, Record};
use crate::show::grouped;

/// Height of a stage's lane, and of the room between two.
const LANE: f64 = 56.0;
const BETWEEN: f64 = 16.0;
/// More blocks than these are not drawn as a picture.
const BLOCKS_MAX: u64 = 1 << 20;
/// Windows that a picture has at most.
const WINDOWS_MAX: usize = 12_000;
/// The same in one that is drawn again every second.
const WINDOWS_MAX_LIVE: usize = 1_000;

/// Writes the section.
pub fn section(record: &Record, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "<section><h2>Tasks</h2>")?;
    let shades = Shades::of_seconds(record.chunks.iter().map(average).collect());
    if !record.chunks.is_empty() {
        lanes(record, &shades, out)?;
        grids(record, &shades, out)?;
    }
    stages(record, out)?;
    writeln!(out, "</section>")
}

/// What colours stand for: five steps between the shortest and the longest task.
pub struct Shades {
    steps: [f64; 4],
}

impl Shades {
    /// Of so many durations.
    pub fn of_seconds(mut seconds: Vec<f64>) -> Shades {
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| seconds.get((seconds.len() as f64 * share) as usize).copied().unwrap_or(0.0);
        // So that the few that took long stand out.
        Shades { steps: [at(0.25), at(0.5), at(0.8), at(0.96)] }
    }

    /// The class of a duration.
    pub fn class(&self, seconds: f64) -> &'static str {
        const CLASSES: [&str; 5] = ["d0", "d1", "d2", "d3", "d4"];
        CLASSES[self.steps.iter().filter(|step| seconds > **step).count()]
    }

    /// Tells what they stand for.
    pub fn legend(&self, out: &mut dyn Write, noun: &str) -> Result<()> {
        let [first, .., last] = self.steps;
        write!(out, "<i class=\"key d0\" style=\"background:var(--d0)\"></i>up to {}", short(first))?;
        for (number, step) in self.steps.iter().enumerate().skip(1) {
            write!(out, "<i class=\"key\" style=\"background:var(--d{number})\"></i>{}", short(*step))?;
        }
        write!(out, "<i class=\"key\" style=\"background:var(--d4)\"></i>longer than {} a {noun}", short(last))
    }
}

fn average(chunk: &Chunk) -> f64 {
    chunk.busy_s / chunk.count.max(1) as f64
}

/// Seconds in few digits.
pub fn short(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 0.0095 => format!("{:.1} ms", seconds * 1e3),
        seconds if seconds < 0.995 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 99.5 => format!("{seconds:.2} s"),
        seconds => crate::moment::spoken(seconds),
    }
}

/// What a chunk says when it is pointed at.
fn said(record: &Record, chunk: &Chunk) -> String {
    let name = record.stages.get(chunk.stage).map_or("", |stage| stage.name.as_str());
    let tasks = match chunk.count {
        1 => String::new(),
        count => format!("{} tasks of ", grouped(count)),
    };
    let work = swath_core::Bytes(chunk.work);
    format!(
        "{name} {}..{}: {tasks}{} from {:.2} s on, {work}",
        chunk.first,
        chunk.end,
        short(average(chunk)),
        chunk.begin_s
    )
}

fn lanes(record: &Record, shades: &Shades, out: &mut dyn Write) -> Result<()> {
    let seen: Vec<usize> = (0..record.stages.len()).filter(|at| record.stages[*at].done > 0).collect();
    let height = seen.len() as f64 * (LANE + BETWEEN);
    let frame = Frame { top: 4.0, height, seconds: super::seconds(record), most: 1.0 };
    writeln!(out, "<figure>")?;
    frame.begin(out, "Tasks of each stage over time, coloured by how long they took")?;
    for (lane, stage) in seen.iter().enumerate() {
        let top = frame.top + lane as f64 * (LANE + BETWEEN) + BETWEEN - 2.0;
        let chunks = || record.chunks.iter().filter(|chunk| chunk.stage == *stage);
        let first = chunks().map(|chunk| chunk.first).min().unwrap_or(0);
        let end = chunks().map(|chunk| chunk.end).max().unwrap_or(first + 1);
        let all = (end.saturating_sub(first)).max(1) as f64;
        let down = |unit: u64| (unit.saturating_sub(first)) as f64 / all * LANE;
        let of = &record.stages[*stage];
        chart::rectangle(out, "lane", (Frame::LEFT, top), (Frame::RIGHT - Frame::LEFT, LANE), "")?;
        chart::text(out, (Frame::LEFT - 8.0, top + LANE / 2.0 + 4.0), "", "end", &of.name)?;
        let tasks = if of.done == 1 { "1 task".to_string() } else { format!("{} tasks", grouped(of.done)) };
        chart::text(out, (Frame::RIGHT + 7.0, top + LANE / 2.0 - 3.0), "soft", "start", &tasks)?;
        let longest = format!("longest {}", short(of.longest_s));
        chart::text(out, (Frame::RIGHT + 7.0, top + LANE / 2.0 + 12.0), "soft", "start", &longest)?;
        for chunk in chunks() {
            let (x, wide) = (frame.x(chunk.begin_s), (frame.x(chunk.end_s) - frame.x(chunk.begin_s)).max(1.0));
            let (y, high) = (top + down(chunk.first), (down(chunk.end) - down(chunk.first)).max(1.6));
            let class = shades.class(average(chunk));
            chart::rectangle(out, class, (x, y), (wide, high), &said(record, chunk))?;
        }
        for cut in record.cuts.iter().filter(|cut| cut.stage == *stage) {
            let what = if cut.pieces > 1 { format!("split into {}", cut.pieces) } else { "again".into() };
            let words = format!("{} {}: {what} at {:.2} s: {}", of.name, cut.first, cut.at_s, cut.reason);
            chart::mark(out, (frame.x(cut.at_s), top + down(cut.first).min(LANE)), cut.pieces, &words)?;
        }
    }
    frame.times(out)?;
    write!(out, "</svg><figcaption>")?;
    shades.legend(out, "task")?;
    if !record.cuts.is_empty() {
        write!(out, "{}", marks("split"))?;
    }
    writeln!(
        out,
        "<br>From the left to the right is time; from the top of a lane to its bottom are its pieces of work in order."
    )?;
    if record.chunks.iter().any(|chunk| chunk.count > 1) {
        write!(out, " There were so many tasks that neighbours are drawn as one.")?;
    }
    writeln!(out, "</figcaption></figure>")
}

/// What marks stand for, of which the first is of `first`.
pub fn marks(first: &str) -> String {
    format!(
        " <svg class=\"mark\" viewBox=\"0 0 12 10\" aria-hidden=\"true\"><path class=\"split\" d=\"M1 1h9l-4.5 8z\"/></svg> \
         {first} <svg class=\"mark\" viewBox=\"0 0 12 10\" aria-hidden=\"true\"><circle class=\"retry\" cx=\"5\" cy=\"5\" \
         r=\"4\"/></svg> tried again"
    )
}

fn grids(record: &Record, shades: &Shades, out: &mut dyn Write) -> Result<()> {
    let drawn = |name: &str, order: &BlockOrder| {
        let stage = record.stages.iter().position(|stage| stage.name == name && stage.done > 0)?;
        let (grid, block) = (order.grid(), order.block());
        let sane = |value: u32| (1..1 << 30).contains(&value);
        let is_sane = [grid.rows, grid.columns, block.rows, block.columns].into_iter().all(sane);
        (is_sane && order.blocks().pixels() <= BLOCKS_MAX).then_some((stage, *order))
    };
    let grids: Vec<(usize, BlockOrder)> =
        record.grids.iter().take(40).filter_map(|(name, order)| drawn(name, order)).collect();
    // An overview of a few blocks tells nothing.
    let grids: Vec<_> = grids.iter().filter(|(_, order)| order.blocks().pixels() > 1).take(3).collect();
    if grids.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h3>Windows of the grid</h3><p class=\"soft\">Each has the colour of the time that it took.</p><div class=\"maps\">"
    )?;
    for (stage, order) in grids {
        grid(record, *stage, *order, shades, out)?;
    }
    writeln!(out, "</div>")
}

fn grid(record: &Record, stage: usize, order: BlockOrder, shades: &Shades, out: &mut dyn Write) -> Result<()> {
    let shape = order.grid();
    let (rows, columns) = (f64::from(shape.rows), f64::from(shape.columns));
    let scale = (600.0 / columns).min(420.0 / rows);
    let (width, height) = ((columns * scale).max(8.0), (rows * scale).max(8.0));
    let name = &record.stages[stage].name;
    writeln!(out, "<figure style=\"max-width:{width:.0}px\">")?;
    chart::begin(out, width, height, &format!("Windows of {name} on a grid of {columns} columns and {rows} rows"))?;
    chart::rectangle(out, "lane", (0.0, 0.0), (width, height), "")?;
    let place = |window: &Window| {
        let at = (f64::from(window.column) * scale, f64::from(window.row) * scale);
        (at, (f64::from(window.columns) * scale, f64::from(window.rows) * scale))
    };
    let mut left = if record.now.is_some() { WINDOWS_MAX_LIVE } else { WINDOWS_MAX };
    for chunk in record.chunks.iter().filter(|chunk| chunk.stage == stage) {
        let mut windows = Vec::new();
        cut(order, chunk.first..chunk.end.min(order.units()), left, &mut windows);
        left = left.saturating_sub(windows.len());
        for window in &windows {
            let (at, size) = place(window);
            let where_it_is = format!(
                "rows {} to {}, columns {} to {}; {}",
                window.row,
                window.end_row(),
                window.column,
                window.end_column(),
                said(record, chunk)
            );
            chart::rectangle(out, &format!("cell {}", shades.class(average(chunk))), at, size, &where_it_is)?;
        }
    }
    for mark in record.cuts.iter().filter(|cut| cut.stage == stage) {
        if let Some(block) = (mark.first < order.units()).then(|| order.block_at(mark.first)).flatten() {
            let ((x, y), (wide, high)) = place(&order.window_of(block));
            let words = format!("{} {}: {}", name, mark.first, mark.reason);
            chart::mark(out, (x + wide / 2.0, y + high / 2.0 + 4.0), mark.pieces, &words)?;
        }
    }
    writeln!(
        out,
        "</svg><figcaption>{}: {} × {} pixels in blocks of {} × {}</figcaption></figure>",
        Text(name),
        grouped(shape.columns.into()),
        grouped(shape.rows.into()),
        order.block().columns,
        order.block().rows
    )
}

/// The rectangles that a range of blocks is, as few as its halves allow.
fn cut(order: BlockOrder, units: std::ops::Range<u64>, left: usize, windows: &mut Vec<Window>) {
    if units.start >= units.end || windows.len() >= left {
        return;
    }
    let Some(window) = order.window(units.clone()) else { return };
    let of_blocks =
        || units.clone().filter_map(|unit| order.block_at(unit)).map(|block| order.window_of(block).pixels());
    if window.pixels() == of_blocks().sum::<u64>() {
        windows.push(window);
        return;
    }
    for half in order.halves(&units).into_iter().flatten() {
        cut(order, half, left, windows);
    }
}

fn stages(record: &Record, out: &mut dyn Write) -> Result<()> {
    if !record.stages.iter().any(is_seen) {
        return writeln!(out, "<p>No task was begun.</p>");
    }
    const COLUMNS: [Column; 10] = {
        let mut columns = [Column::Figure; 10];
        columns[0] = Column::Name;
        columns
    };
    let names =
        ["stage", "tasks", "done before", "split", "again", "work", "time", "processor", "task on average", "longest"];
    let mut table = Table::begin(out, "", &COLUMNS, &names)?;
    let count = |count: u64| if count == 0 { "–".to_string() } else { grouped(count) };
    for stage in record.stages.iter().filter(|stage| is_seen(stage)) {
        let average = if stage.done == 0 { "–".into() } else { short(stage.busy_s / stage.done as f64) };
        table.row(&[
            &stage.name,
            &count(stage.done),
            &count(stage.skipped),
            &count(stage.split),
            &count(stage.retried),
            &stage.work,
            &short(stage.end_s - stage.begin_s),
            &short(stage.cpu_s),
            &average,
            &short(stage.longest_s),
        ])?;
    }
    table.end()
}
