//! What a page says in words and tables: what it was, what came of it, what it ran on.

use std::io::{Result, Write};

use swath::outcome::Rows;
use swath_core::Bytes;

use super::html::{Column, Table, Text};
use super::work::short;
use crate::moment::spoken;
use crate::report::Record;
use crate::show::grouped;

/// Words that a shell would read as they were.
pub fn shell(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "/._-=,:+%@".contains(c));
        if plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What the run was.
pub fn title(record: &Record) -> String {
    let output = record.result.as_ref().and_then(|came| came.outputs.first());
    match output {
        Some(output) => format!("{} → {}", record.command, output.path.display()),
        None => record.command.clone(),
    }
}

/// The first look: what it was, whether it is complete, and the figures that matter.
pub fn head(record: &Record, out: &mut dyn Write) -> Result<()> {
    let (class, word) = match record.status.as_str() {
        "complete" => ("good", "complete".to_string()),
        "running" => ("busy", "running".to_string()),
        "set_aside" => ("warn", format!("some jobs set aside, exit {}", record.exit)),
        "stopped" => ("warn", format!("stopped, exit {}", record.exit)),
        other => ("bad", format!("{other}, exit {}", record.exit)),
    };
    writeln!(
        out,
        "<header><h1>{} <span class=\"chip {class}\">{}</span></h1>\n<p class=\"soft\">{}, swath {}</p>",
        Text(title(record)),
        Text(word),
        Text(match record.status.as_str() {
            "running" => format!("since {}", record.started),
            _ => format!("{} to {}", record.started, record.ended),
        }),
        Text(&record.swath)
    )?;
    if let Some(error) = &record.error {
        writeln!(out, "<div class=\"box\"><p><b class=\"bad\">error</b> {}</p>", Text(&error.message))?;
        if let Some(hint) = &error.hint {
            writeln!(out, "<p><b>hint</b> {}</p>", Text(hint))?;
        }
        writeln!(out, "</div>")?;
    }
    writeln!(out, "<div class=\"tiles\">")?;
    for (figure, name) in tiles(record) {
        writeln!(out, "<div class=\"tile\"><b>{}</b><span>{}</span></div>", Text(figure), Text(name))?;
    }
    writeln!(out, "</div>\n<pre>{}</pre></header>", Text(shell(&record.words)))
}

fn tiles(record: &Record) -> Vec<(String, String)> {
    let mut tiles = vec![(
        if record.time.wall_s < 9.95 { short(record.time.wall_s) } else { spoken(record.time.wall_s) },
        match record.batch {
            Some(_) => "by the clock".into(),
            None => format!("by the clock, {} of processor", spoken(record.time.cpu_s)),
        },
    )];
    if let Some(now) = record.now.as_ref().and_then(|now| now.batch.as_ref()) {
        let counts = now.counts;
        for (count, name) in [
            (counts.done + counts.skipped, format!("of {} jobs done", grouped(counts.planned as u64))),
            (now.running, format!("running, {} at once at most", now.workers)),
            (now.waiting_count(), "waiting".into()),
            (counts.set_aside, "set aside".into()),
            (counts.retried, "attempts beyond the first".into()),
        ] {
            tiles.push((grouped(count as u64), name));
        }
        tiles.push((now.granted.to_string(), format!("granted, of a ceiling of {}", now.ceiling)));
        return tiles;
    }
    if let Some(batch) = &record.batch {
        if let Some(counts) = batch.counts {
            tiles.push((
                format!("{} of {}", grouped(counts.done as u64), grouped(counts.planned as u64)),
                "jobs done".into(),
            ));
            if counts.skipped > 0 {
                tiles.push((grouped(counts.skipped as u64), "done by an earlier run".into()));
            }
            tiles.push((grouped(counts.set_aside as u64), "set aside".into()));
            tiles.push((grouped(counts.retried as u64), "attempts beyond the first".into()));
        }
        if let Some(memory) = batch.memory {
            tiles.push((
                memory.granted_peak.to_string(),
                format!("granted at most, of a ceiling of {}", memory.ceiling),
            ));
            tiles.push((memory.supervisor_peak.to_string(), "taken by the supervisor".into()));
        }
        return tiles;
    }
    let memory = &record.memory;
    let share = |of: Bytes| memory.actual_peak.0 as f64 * 100.0 / of.0 as f64;
    tiles.push((
        memory.actual_peak.to_string(),
        match memory.ceiling {
            Bytes::ZERO => "of memory at most".into(),
            ceiling => format!("of memory at most, {:.0} % of the ceiling of {ceiling}", share(ceiling)),
        },
    ));
    if memory.predicted_peak > Bytes::ZERO {
        tiles.push((
            memory.predicted_peak.to_string(),
            format!("predicted; {:.0} % of it was used", share(memory.predicted_peak)),
        ));
    }
    if let Some(now) = &record.now {
        tiles.push((grouped(now.totals.done), "tasks done, of all stages".into()));
        let rows = swath_core::progress::rows();
        if rows > 0 {
            tiles.push((grouped(rows), "rows read".into()));
        }
        tiles.push((Bytes(now.sample.read).to_string(), format!("read, {} written", Bytes(now.sample.written))));
    }
    let work = record.stages.iter().map(|stage| stage.work.0).max().unwrap_or(0);
    let input = record.plan.as_ref().map_or(0, |plan| plan.input.bytes.0);
    if let Some(came) = &record.result {
        if let Some(rows) = &came.rows {
            tiles.push((grouped(rows.read), format!("rows read, {} written", grouped(rows.written))));
        }
        let (written, files) = came.outputs.iter().fold((0, 0), |all, one| (all.0 + one.bytes.0, all.1 + one.files));
        if files > 0 {
            let name = if files == 1 { "file" } else { "files" };
            tiles.push((Bytes(written).to_string(), format!("written in {} {name}", grouped(files))));
        }
        let most = input.max(work);
        if most > 0 && record.time.wall_s > 0.0 {
            let what = if input >= work { "of input, on average" } else { "worked through, on average" };
            tiles.push((format!("{}/s", Bytes((most as f64 / record.time.wall_s) as u64)), what.into()));
        }
    }
    let scratch = record.samples.iter().map(|sample| sample.scratch).max().unwrap_or(0);
    let scratch = record.result.as_ref().map_or(scratch, |came| came.scratch.actual.0.max(scratch));
    if scratch > 0 {
        tiles.push((Bytes(scratch).to_string(), "of scratch at most".into()));
    }
    tiles
}

/// What was predicted against what came.
pub fn predicted(record: &Record, out: &mut dyn Write) -> Result<()> {
    let Some(plan) = &record.plan else { return Ok(()) };
    writeln!(out, "<section><h2>Predicted and actual</h2>")?;
    writeln!(
        out,
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\"></th><th scope=\"col\" class=\"n\">predicted</th>\
         <th scope=\"col\" class=\"n\">actual</th><th scope=\"col\" class=\"n\">share</th><th scope=\"col\">actual of \
         predicted</th></tr></thead><tbody>"
    )?;
    let mut row = |name: &str, predicted: Bytes, actual: Bytes| -> Result<()> {
        if predicted == Bytes::ZERO && actual == Bytes::ZERO {
            return Ok(());
        }
        let share = actual.0 as f64 / (predicted.0 as f64).max(1.0);
        let said = if predicted == Bytes::ZERO { "–".into() } else { format!("{:.0} %", share * 100.0) };
        let width = (share * 160.0).clamp(0.0, 216.0);
        writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{predicted}</td><td class=\"n\">{actual}</td>\
             <td class=\"n\">{said}</td><td class=\"meter\"><svg viewBox=\"0 0 220 12\" aria-hidden=\"true\">\
             <rect class=\"lane\" width=\"160\" height=\"12\"/><rect class=\"d2\" width=\"{width:.1}\" height=\"12\"/>\
             <path class=\"predicted\" style=\"stroke-dasharray:none\" d=\"M160 0v12\"/></svg></td></tr>"
        )
    };
    row("memory", record.memory.predicted_peak, record.memory.actual_peak)?;
    if let Some(came) = &record.result {
        row("scratch", came.scratch.predicted, came.scratch.actual)?;
        row("output, about", plan.output, came.outputs.iter().map(|output| output.bytes).sum())?;
    }
    writeln!(out, "</tbody></table></div>")?;
    writeln!(
        out,
        "<p class=\"soft\">Memory and scratch are promises that hold; the size of the output is a guess from a sample.{}</p></section>",
        if record.spills > 0 {
            format!(" Something went to scratch {} times.", grouped(record.spills))
        } else {
            String::new()
        }
    )
}

/// What became of the rows.
pub fn rows(record: &Record, out: &mut dyn Write) -> Result<()> {
    let came = record.result.as_ref();
    let rows = came.and_then(|came| came.rows.as_ref());
    let checks = came.map(|came| &came.checks[..]).unwrap_or_default();
    let lake = came.and_then(|came| came.lake.as_ref());
    if rows.is_some() || lake.is_some() || !record.rejects.is_empty() {
        writeln!(out, "<section><h2>Rows</h2>")?;
        if let Some(rows) = rows {
            conservation(rows, out)?;
        }
        if let Some(lake) = lake {
            const COLUMNS: [Column; 5] = [Column::Name, Column::Figure, Column::Figure, Column::Figure, Column::Figure];
            let mut table =
                Table::begin(out, "The lake", &COLUMNS, &["", "before", "after", "written again", "gone or replaced"])?;
            table.row(&[
                &"rows",
                &grouped(lake.rows_before),
                &grouped(lake.rows_after),
                &grouped(lake.rows_met),
                &grouped(lake.rows_replaced),
            ])?;
            table.row(&[
                &"files",
                &grouped(lake.files_before),
                &grouped(lake.files_after),
                &grouped(lake.files_written),
                &grouped(lake.files_removed),
            ])?;
            table.end()?;
        }
        if !record.rejects.is_empty() {
            const COLUMNS: [Column; 3] = [Column::Name, Column::Figure, Column::Words];
            let mut table = Table::begin(out, "Rejected rows", &COLUMNS, &["reason", "rows", "one of them"])?;
            for reject in &record.rejects {
                table.row(&[&reject.reason, &grouped(reject.rows), &reject.example.as_deref().unwrap_or("–")])?;
            }
            table.end()?;
        }
        if !checks.is_empty() {
            const COLUMNS: [Column; 3] = [Column::Name, Column::Figure, Column::Words];
            let mut table = Table::begin(
                out,
                "What checks found in rows that were written",
                &COLUMNS,
                &["check", "found", "one of them"],
            )?;
            for finding in checks {
                table.row(&[&finding.check, &grouped(finding.count), &finding.example])?;
            }
            table.end()?;
        }
        writeln!(out, "</section>")?;
    }
    let outputs = came.map(|came| &came.outputs[..]).unwrap_or_default();
    if outputs.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>Output</h2>")?;
    let mut table =
        Table::begin(out, "", &[Column::Words, Column::Figure, Column::Figure], &["path", "files", "bytes"])?;
    for output in outputs {
        table.row(&[&output.path.display(), &grouped(output.files), &output.bytes])?;
    }
    table.end()?;
    writeln!(out, "</section>")
}

/// The conservation ledger: every row that was read is in one of its lines.
fn conservation(rows: &Rows, out: &mut dyn Write) -> Result<()> {
    const COLUMNS: [Column; 3] = [Column::Name, Column::Figure, Column::Figure];
    let mut table = Table::begin(out, "Every row that was read is in one line.", &COLUMNS, &["", "rows", "share"])?;
    let share = |count: u64| format!("{:.2} %", count as f64 * 100.0 / rows.read.max(1) as f64);
    let lines = [
        ("written", Some(rows.written)),
        ("merged into others", rows.merged),
        ("duplicate", Some(rows.duplicate)),
        ("filtered", Some(rows.filtered)),
        ("late", Some(rows.late).filter(|late| *late > 0)),
        ("rejected", Some(rows.rejected)),
    ];
    for (name, count) in lines {
        if let Some(count) = count {
            table.row(&[&name, &grouped(count), &share(count)])?;
        }
    }
    let balance = if rows.balanced() { "read" } else { "read (the lines above do not add up to it)" };
    table.sum(&[&balance, &grouped(rows.read), &share(rows.read)])?;
    table.end()
}

/// What was warned of.
pub fn warnings(record: &Record, out: &mut dyn Write) -> Result<()> {
    if record.warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>Warnings</h2><ul>")?;
    for warning in &record.warnings {
        writeln!(out, "<li>{}</li>", Text(warning))?;
    }
    if record.more_warnings > 0 {
        writeln!(out, "<li>and {} more</li>", grouped(record.more_warnings))?;
    }
    writeln!(out, "</ul></section>")
}

/// Tasks that were cut or tried again, and why: the first of them.
pub fn cuts(record: &Record, out: &mut dyn Write) -> Result<()> {
    const SHOWN: usize = 20;
    if record.cuts.is_empty() {
        return Ok(());
    }
    const COLUMNS: [Column; 4] = [Column::Name, Column::Figure, Column::Name, Column::Words];
    writeln!(out, "<section><h2>Splits and retries</h2>")?;
    let mut table = Table::begin(out, "", &COLUMNS, &["task", "when", "what", "why"])?;
    for cut in record.cuts.iter().take(SHOWN) {
        let stage = record.stages.get(cut.stage).map_or("", |stage| stage.name.as_str());
        let what = if cut.pieces > 1 { format!("split into {}", cut.pieces) } else { "tried again".into() };
        table.row(&[&format!("{stage} {}", cut.first), &short(cut.at_s), &what, &cut.reason])?;
    }
    table.end()?;
    let all: u64 = record.stages.iter().map(|stage| stage.split + stage.retried).sum();
    if all > SHOWN as u64 {
        writeln!(out, "<p class=\"soft\">The first {SHOWN} of {}.</p>", grouped(all))?;
    }
    writeln!(out, "</section>")
}

/// What was chosen and why.
pub fn plan(record: &Record, out: &mut dyn Write) -> Result<()> {
    let Some(plan) = &record.plan else { return Ok(()) };
    writeln!(out, "<section><h2>Choices of the plan</h2>")?;
    let mut table = Table::begin(out, "", &[Column::Name, Column::Words], &["", "chosen"])?;
    let files = if plan.input.files == 1 { "file" } else { "files" };
    table.row(&[&"input", &format!("{} {files}, {}", grouped(plan.input.files), plan.input.bytes)])?;
    for (name, value) in &plan.choices {
        table.row(&[name, value])?;
    }
    table.end()?;
    writeln!(out, "</section>")
}

/// The machine, its limits, and the settings.
pub fn environment(record: &Record, out: &mut dyn Write) -> Result<()> {
    let found = &record.environment;
    writeln!(out, "<section><h2>Environment</h2>")?;
    let mut table = Table::begin(out, "", &[Column::Name, Column::Words], &["", ""])?;
    let ceiling = &found.ceiling;
    table.row(&[
        &"ceiling",
        &format!("{} = --memory {} ({}); {}", ceiling.bytes, ceiling.request, ceiling.set_by, ceiling.reason),
    ])?;
    table.row(&[&"kernel", &found.kernel])?;
    let quota = found.limits.cpu_quota.as_ref().map(|quota| format!(", quota of {:.1}", quota.processors()));
    table.row(&[&"processors", &format!("{}{}", found.limits.cores, quota.unwrap_or_else(|| ", no quota".into()))])?;
    table.row(&[&"workers at most", &format!("{} ({})", found.threads, found.threads_set_by)])?;
    let spill = match (&found.scratch.path, found.scratch.free) {
        (Some(path), Some(free)) => format!("{path}; {free} free"),
        (Some(path), None) => path.clone(),
        (None, _) => "beside the output".into(),
    };
    table.row(&[&"spill", &spill])?;
    table.row(&[&"allocator", &found.allocator])?;
    table.row(&[&"folder", &record.folder])?;
    table.row(&[&"command", &shell(&record.words)])?;
    table.end()?;
    const COLUMNS: [Column; 4] = [Column::Name, Column::Figure, Column::Figure, Column::Words];
    let mut table =
        Table::begin(out, "Limits of memory that were found", &COLUMNS, &["", "limit", "left for swath", "file"])?;
    for (position, limit) in found.limits.memory_found.iter().enumerate() {
        let mark = if position == found.tightest { " (the tightest)" } else { "" };
        let path = limit.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        table.row(&[&format!("{}{mark}", limit.source), &limit.total, &limit.available, &path])?;
    }
    table.end()?;
    for unknown in &found.limits.unknown {
        writeln!(out, "<p class=\"soft\">Not found out: {}.</p>", Text(unknown))?;
    }
    writeln!(out, "</section>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_given_to_a_shell_again() {
        let words = ["swath", "raster", "calc", "b1 / 2", "it's", "", "a=b.tif"].map(String::from);
        assert_eq!(shell(&words), r"swath raster calc 'b1 / 2' 'it'\''s' '' a=b.tif");
    }
}
