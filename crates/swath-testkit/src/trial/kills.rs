//! `kill -9` at random moments, and on from there: the same bytes, little done twice, nothing left beside the output.
//!
//! The moments are those of a seed, as far as a clock allows.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{briefly, strays, whole};
use crate::{Dice, Folder, Outcome, Running, Tree};

/// How long one run may take.
const RUN_MAX: Duration = Duration::from_secs(120);
/// What may be done again: as much work as lies between two flushes of the journal, once more while one is under way, and
/// a little that is kept in memory.
const REDONE_MAX: u64 = 2 * 512_000_000 + 64_000_000;
/// The journal is flushed after each task, so that also a short job can go on; the point itself is never reached.
const KEPT: &str = "kill-kept:4294967295";
/// Names of what is wrong that a row keeps.
const WRONG_KEPT: usize = 6;

/// What is to be killed, and how often.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Kills over all verbs together.
    pub kills: u32,
    /// What the moments depend on.
    pub seed: u64,
    /// Only verbs whose name holds this.
    pub only: Option<String>,
}

/// What became of the kills of one verb.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The verb.
    pub verb: String,
    /// How long it takes undisturbed.
    pub wall: Duration,
    /// Kills that hit a run.
    pub kills: u32,
    /// Kills that came when it was over.
    pub late: u32,
    /// Ways on that came to the same bytes.
    pub same: u32,
    /// Kills after some work was done and kept.
    pub kept: u32,
    /// Ways on that did not do all of it again.
    pub skipped: u32,
    /// The most that was done again, in bytes of input and in tasks.
    pub redone: (u64, usize),
    /// How many ended otherwise than they should.
    pub wrong: u32,
    /// The first of these, in words.
    pub examples: Vec<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { verb, wall, kills, late, same, kept, skipped, redone: (bytes, tasks), wrong, .. } = self;
        let (wall, bytes) = (wall.as_secs_f64(), *bytes as f64 / 1e6);
        write!(
            f,
            "{verb:<8} {wall:>6.2} {kills:>6} {late:>5} {same:>5} {kept:>5} {skipped:>8} {bytes:>10.1} {tasks:>6} {wrong:>6}"
        )?;
        self.examples.iter().try_for_each(|example| write!(f, "\n    WRONG {example}"))
    }
}

/// The head of the table.
pub const HEAD: &str = "verb      wall s  kills  late  same  kept  skipped  redone MB  tasks  wrong";

/// A verb that takes a moment, with its output. It is killed under a ceiling at which what is done goes to disk.
const VERBS: [(&str, &str, &str); 4] = [
    ("ingest", "sensor ingest in.csv -o lake --schema schema.toml --partition day,h3:3", "lake"),
    ("calc", "raster calc (b1-b2)/(b1+b2) a.tif -o out.tif --co INTERLEAVE=BAND", "out.tif"),
    ("warp", "raster warp a.tif --dst-crs EPSG:4326 -r cubic -o out.tif", "out.tif"),
    ("mosaic", "raster mosaic a.tif b.tif --method mean --dst-crs EPSG:3857 -r bilinear -o out.tif", "out.tif"),
];

/// Kills all that is wished for; `tell` gets each row as it is done.
pub fn run(program: &str, wishes: &Wishes, tell: &mut dyn FnMut(&Row)) -> Vec<Row> {
    let folder = Folder::new(program);
    let is_wished = |name: &str| wishes.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let names: Vec<&str> = VERBS.iter().map(|verb| verb.0).chain(["batch"]).filter(|name| is_wished(name)).collect();
    inputs(&folder);
    let each = wishes.kills.div_ceil(names.len().max(1) as u32);
    let mut rows = Vec::new();
    for (position, name) in names.into_iter().enumerate() {
        let mut dice = Dice::new(wishes.seed + position as u64);
        let row = match VERBS.iter().find(|verb| verb.0 == name) {
            Some(&(name, words, output)) => of_verb(&folder, (name, words, output), each, &mut dice),
            None => of_batch(&folder, each, &mut dice),
        };
        tell(&row);
        rows.push(row);
    }
    rows
}

fn inputs(folder: &Folder) {
    folder.telemetry("in.csv", "--size 30MB --sensors 500 --shuffle --conflicts 0.01");
    folder.telemetry("small.csv", "--rows 150000 --sensors 100 --shuffle");
    for (name, seed) in [("a.tif", 1), ("b.tif", 2)] {
        let line = format!("synth raster -o {name} --size 3000x2600 --bands 2 --seed {seed} --missing 0.1 -q");
        folder.run(&line).expect(&[0]);
    }
    let mut jobs = vec!["sensor ingest small.csv -o out/lake --schema schema.toml --partition day".to_string()];
    for number in 0..5 {
        folder.run(&format!("synth raster -o r{number}.tif --size 900x900 --seed {number} -q")).expect(&[0]);
        jobs.push(format!("raster focal r{number}.tif -o out/f{number}.tif --stat median --radius 5"));
    }
    jobs.push("raster calc b1+1 out/f0.tif -o out/c.tif".into());
    let jobs: String = jobs.iter().map(|line| format!("[[job]]\nrun = \"{line}\"\n")).collect();
    folder.write("jobs.toml", jobs.as_bytes());
}

fn of_verb(folder: &Folder, (name, words, output): (&str, &str, &str), kills: u32, dice: &mut Dice) -> Row {
    let explained = folder.run(&format!("{words} -m 2GB -j 2 --explain --json")).expect(&[0]);
    let smallest = explained.figure("/smallest_ceiling").div_ceil(1000);
    // Under the smallest ceiling, and under others in turn when it goes on.
    let line = format!("{words} -m {smallest}kB -j 2 --json");
    let begun = Instant::now();
    folder.start_with_fault(&line, KEPT).wait().expect(&[0]);
    let mut row = Row { verb: name.into(), wall: begun.elapsed(), ..Row::default() };
    let wanted = whole(&folder.at(output)).expect("an output");
    folder.remove(&[output]);
    while row.kills < kills && row.late <= kills {
        let mut running = folder.start_logging_with_fault(&line, "killed.log", KEPT);
        sleep(&mut running, row.wall, dice);
        if !running.kill() {
            row.late += 1;
            folder.remove(&[output]);
            continue;
        }
        row.kills += 1;
        let limits = ["-m 64MB -j 1".to_string(), format!("-m {smallest}kB -j 2"), "-m 1GB -j 2".into()];
        let line = format!("{words} {} --json --resume", limits[dice.below(limits.len())]);
        if let Err(why) = resume(folder, &line, output, &wanted, &mut row, dice) {
            let number = row.kills;
            note(&mut row.wrong, &mut row.examples, format!("kill {number}: {why}"));
            folder.remove(&[output, &format!(".{output}.partial")]);
        }
    }
    row
}

/// Waits for a moment of a job that takes `wall`.
fn sleep(running: &mut Running, wall: Duration, dice: &mut Dice) {
    let until = Instant::now() + wall * dice.below(1000) as u32 / 1000;
    while Instant::now() < until && running.lives() {
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn note(wrong: &mut u32, examples: &mut Vec<String>, why: String) {
    *wrong += 1;
    if examples.len() < WRONG_KEPT {
        examples.push(why);
    }
}

/// Goes on, at times killed once more, to the end.
fn resume(
    folder: &Folder,
    line: &str,
    output: &str,
    wanted: &Tree,
    row: &mut Row,
    dice: &mut Dice,
) -> Result<(), String> {
    let before = chunks(&folder.read("killed.log"));
    let is_shown = folder.at(output).exists();
    let mut is_killed_again = false;
    while dice.below(4) == 0 && !is_killed_again {
        let mut running = folder.start_logging_with_fault(line, "again.log", KEPT);
        sleep(&mut running, row.wall, dice);
        is_killed_again = running.kill();
    }
    // Where the output was shown and the folder cleared away, there is nothing to go on with.
    if folder.at(output).exists() && strays(folder, output).is_empty() {
        let got = whole(&folder.at(output));
        folder.remove(&[output]);
        row.same += u32::from(got.as_ref() == Some(wanted));
        return if got.as_ref() == Some(wanted) { Ok(()) } else { Err("other bytes were shown".into()) };
    }
    let outcome = folder.start_logging(line, "resumed.log").wait_within(RUN_MAX).ok_or("it hangs")?;
    let got = whole(&folder.at(output));
    if outcome.code != Some(0) {
        return Err(briefly(&outcome));
    }
    if got.as_ref() != Some(wanted) {
        return Err(format!("other bytes: {:?}", got.map(|got| got.differing(wanted))));
    }
    let left = strays(folder, output);
    if !left.is_empty() {
        return Err(format!("left {left:?}"));
    }
    row.same += 1;
    if !is_killed_again && !is_shown && !before.is_empty() {
        look_at_work(folder, row, &before, &outcome)?;
    }
    folder.remove(&[output]);
    Ok(())
}

/// How much of the work that was done was done again.
fn look_at_work(folder: &Folder, row: &mut Row, before: &Chunks, outcome: &Outcome) -> Result<(), String> {
    row.kept += 1;
    row.skipped += u32::from(outcome.figure("/chunks/skipped_by_resume") > 0);
    let again = chunks(&folder.read("resumed.log"));
    let redone: Vec<u64> = before.iter().filter(|(key, _)| again.contains_key(*key)).map(|(_, work)| *work).collect();
    let bytes = redone.iter().sum();
    row.redone = (row.redone.0.max(bytes), row.redone.1.max(redone.len()));
    if bytes > REDONE_MAX { Err(format!("{bytes} bytes of input were done again")) } else { Ok(()) }
}

/// Tasks by stage and first unit, with the input that each stands for.
type Chunks = HashMap<(String, u64), u64>;

fn chunks(log: &[u8]) -> Chunks {
    let chunk =
        |event: &Value| Some(((event["stage"].as_str()?.into(), event["first"].as_u64()?), event["work"].as_u64()?));
    events(log).iter().filter(|event| event["event"] == "chunk").filter_map(chunk).collect()
}

/// The events of a log; the last line of a killed run may be torn.
fn events(log: &[u8]) -> Vec<Value> {
    log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Batches of which the supervisor or a worker is killed, gone on with until all is done.
fn of_batch(folder: &Folder, kills: u32, dice: &mut Dice) -> Row {
    let line = "batch jobs.toml -m 300MB -j 2 --json";
    let begun = Instant::now();
    folder.run(line).expect(&[0]);
    let mut row = Row { verb: "batch".into(), wall: begun.elapsed(), ..Row::default() };
    let wanted = whole(&folder.at("out")).expect("outputs");
    folder.remove(&["out"]);
    while row.kills < kills && row.late <= kills {
        let mut running = folder.start_logging(line, "killed.log");
        sleep(&mut running, row.wall, dice);
        let tree = tree(running.id());
        let chosen = tree[dice.below(tree.len())];
        if !running.lives() {
            row.late += 1;
            folder.remove(&["out"]);
            continue;
        }
        row.kills += 1;
        // A worker may have ended by itself meanwhile.
        kill(chosen);
        if let Err(why) = finish_batch(folder, running, line, &wanted, &mut row) {
            let (number, what) = (row.kills, if chosen == tree[0] { "supervisor" } else { "worker" });
            note(&mut row.wrong, &mut row.examples, format!("kill {number}, of a {what}: {why}"));
            folder.remove(&[".jobs.toml.batch", "jobs.failed.jsonl"]);
        }
        folder.remove(&["out"]);
    }
    row
}

fn finish_batch(folder: &Folder, running: Running, line: &str, wanted: &Tree, row: &mut Row) -> Result<(), String> {
    let outcome = running.wait_within(RUN_MAX).ok_or("it hangs")?;
    let of = |log: &str, name: &str| -> HashSet<String> {
        let events = events(&folder.read(log));
        events
            .iter()
            .filter(|event| event["event"] == name)
            .filter_map(|event| event["job"].as_str().map(String::from))
            .collect()
    };
    if outcome.code != Some(0) {
        let done = of("killed.log", "done");
        let resumed = folder.start_logging(&format!("{line} --resume"), "resumed.log").wait_within(RUN_MAX);
        let outcome = resumed.ok_or("it hangs when it goes on")?;
        if outcome.code != Some(0) {
            return Err(briefly(&outcome));
        }
        let again: Vec<String> = of("resumed.log", "job").intersection(&done).cloned().collect();
        row.kept += u32::from(!done.is_empty());
        row.skipped += u32::from(!done.is_empty() && again.len() < done.len());
        row.redone.1 = row.redone.1.max(again.len());
        if !again.is_empty() {
            return Err(format!("{again:?} were done again"));
        }
    }
    let got = whole(&folder.at("out"));
    if got.as_ref() != Some(wanted) {
        return Err(format!("other bytes: {:?}", got.map(|got| got.differing(wanted))));
    }
    let left: Vec<String> =
        folder.names().into_iter().filter(|name| name.contains("jobs") && name != "jobs.toml").collect();
    let hidden = std::fs::read_dir(folder.at("out")).expect("outputs").flatten();
    let hidden: Vec<_> =
        hidden.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with('.')).collect();
    if !left.is_empty() || !hidden.is_empty() {
        return Err(format!("left {left:?} and {hidden:?}"));
    }
    row.same += 1;
    Ok(())
}

/// The processes of a batch: the supervisor, then its workers.
fn tree(supervisor: u32) -> Vec<u32> {
    let path = format!("/proc/{supervisor}/task/{supervisor}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    std::iter::once(supervisor).chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
}

fn kill(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let _ = i32::try_from(process).ok().and_then(Pid::from_raw).map(|id| kill_process(id, Signal::KILL));
}
