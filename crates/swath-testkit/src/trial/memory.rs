//! Each verb on data many times its ceiling, in a memory group of the ceiling and 15 %: nobody is killed, the resident set never
//! passes the ceiling, and the prediction is never passed.

use std::fmt;
use std::time::{Duration, Instant};

use super::whole;
use crate::{Folder, MemoryGroup, Outcome, Running, Tree};

const MB: u64 = 1_000_000;
/// A little more than the pixels of two bands of 16 bits take in a file.
const PIXEL_BYTES: f64 = 4.0;

/// What a verb reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// A file of readings.
    Readings,
    /// A lake of half of the readings, and the other half.
    LakeAndReadings,
    /// A lake of all of them, in small files.
    LooseLake,
    /// A raster, not packed.
    Raster,
    /// Two of half the size.
    TwoRasters,
    /// Sixteen of a sixteenth, and a batch of jobs.
    ManyRasters,
    /// Nothing: the verb makes data.
    Nothing,
}

/// A verb with its words; `{size}` and `{bytes}` stand for what depends on the amount of data.
struct Verb {
    name: &'static str,
    words: &'static str,
    output: &'static str,
    data: Data,
}

const fn verb(name: &'static str, words: &'static str, output: &'static str, data: Data) -> Verb {
    Verb { name, words, output, data }
}

/// Verbs that read the same stand together, since inputs are made once.
const VERBS: [Verb; 16] = [
    verb("ingest", "sensor ingest in.csv -o lake --schema schema.toml --partition day", "lake", Data::Readings),
    verb("append", "sensor ingest more.csv -o lake --append", "lake", Data::LakeAndReadings),
    verb("compact", "sensor compact lake", "lake", Data::LooseLake),
    verb("calc", "raster calc (b1-b2)/(b1+b2) a.tif -o out.tif", "out.tif", Data::Raster),
    verb("warp", "raster warp a.tif --dst-crs EPSG:4326 -r bilinear -o out.tif", "out.tif", Data::Raster),
    verb("convert", "raster convert a.tif --co COMPRESS=ZSTD -o out.tif", "out.tif", Data::Raster),
    verb("convert, COG", "raster convert a.tif -f cog -o out.tif", "out.tif", Data::Raster),
    verb("clip", "raster clip a.tif --window {window} -o out.tif", "out.tif", Data::Raster),
    verb("focal", "raster focal a.tif --stat mean --radius 2 -o out.tif", "out.tif", Data::Raster),
    verb("terrain", "raster terrain a.tif -b 1 --kind slope -o out.tif", "out.tif", Data::Raster),
    verb("stats", "raster stats a.tif --percentiles 2,50,98 -o out.json", "out.json", Data::Raster),
    verb(
        "pipeline",
        "raster pipeline read a.tif ! calc b1-b2 ! focal --stat max --radius 1 ! write out.tif",
        "out.tif",
        Data::Raster,
    ),
    verb("mosaic", "raster mosaic a.tif b.tif --dst-crs EPSG:3857 -r bilinear -o out.tif", "out.tif", Data::TwoRasters),
    verb("batch", "batch jobs.toml", "out", Data::ManyRasters),
    verb("synth raster", "synth raster --size {size} --bands 2 -o out.tif", "out.tif", Data::Nothing),
    verb("synth telemetry", "synth telemetry --size {bytes}B --sensors 5000 -o out.csv", "out.csv", Data::Nothing),
];

/// Verbs that run under larger ceilings, too: in MB, with how many times that the data has.
const LARGER: [(u64, u64); 3] = [(128, 40), (256, 10), (1000, 4)];
const OF_LARGER: [&str; 3] = ["ingest", "calc", "warp"];
const QUICK: [&str; 3] = ["ingest", "calc", "warp"];

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Some verbs on four times their ceiling.
    pub is_quick: bool,
    /// Only this verb.
    pub only: Option<String>,
    /// Only under this ceiling, in MB.
    pub ceiling: Option<u64>,
    /// How many times the ceiling the data has, where that is not the usual.
    pub times: Option<u64>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The verb.
    pub verb: String,
    /// Its ceiling in MB.
    pub ceiling: u64,
    /// Its threads.
    pub threads: u32,
    /// The data in MB.
    pub data: u64,
    /// What was predicted, what the program says it took, and what the kernel says it took at most; in bytes.
    pub figures: [u64; 3],
    /// Whether it ran in a group of its own.
    pub is_grouped: bool,
    /// How long it took.
    pub seconds: u64,
    /// What is wrong with it; empty where nothing is.
    pub wrong: String,
}

/// The head of the table.
pub const HEAD: &str = "| verb | ceiling, MB | threads | data, MB | times | predicted, MB | taken, MB | high water, MB | group, MB | wall, s | held |\n\
    |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [predicted, taken, seen] = self.figures.map(|bytes| bytes as f64 / 1e6);
        let Row { verb, ceiling, threads, data, seconds, .. } = self;
        let group = if self.is_grouped { format!("{:.1}", *ceiling as f64 * 1.15) } else { "none".into() };
        let held = if self.wrong.is_empty() { "yes" } else { &self.wrong };
        let times = *data as f64 / *ceiling as f64;
        write!(
            f,
            "| {verb} | {ceiling} | {threads} | {data} | {times:.1} | {predicted:.1} | {taken:.1} | {seen:.1} | {group} | \
             {seconds} | {held} |"
        )
    }
}

/// Runs what is wished for; `tell` gets each row as it is done.
pub fn run(program: &str, wishes: &Wishes, tell: &mut dyn FnMut(&Row)) -> Vec<Row> {
    let folder = Folder::new(program);
    let mut made = None;
    let mut rows = Vec::new();
    for verb in VERBS.iter().filter(|verb| is_wished(verb, wishes)) {
        for (ceiling, times) in ceilings(verb, wishes) {
            let times = wishes.times.unwrap_or(times);
            let data = (verb.data, ceiling * times);
            if made != Some(data) {
                make(&folder, data);
                made = Some(data);
            }
            let mut first = None;
            for threads in [1, 2] {
                let row = measure(&folder, verb, ceiling, threads, data.1, &mut first);
                tell(&row);
                rows.push(row);
            }
        }
    }
    rows
}

fn is_wished(verb: &Verb, wishes: &Wishes) -> bool {
    match &wishes.only {
        Some(only) => verb.name == only,
        None => !wishes.is_quick || QUICK.contains(&verb.name),
    }
}

fn ceilings(verb: &Verb, wishes: &Wishes) -> Vec<(u64, u64)> {
    let usual = (64, if wishes.is_quick { 4 } else { 40 });
    let larger = LARGER.iter().copied().filter(|_| OF_LARGER.contains(&verb.name) && !wishes.is_quick);
    let all = std::iter::once(usual).chain(larger);
    all.filter(|(ceiling, _)| wishes.ceiling.is_none_or(|wish| wish == *ceiling)).collect()
}

/// The side of a square raster of so many MB.
fn side(megabytes: u64) -> u64 {
    ((megabytes * MB) as f64 / PIXEL_BYTES).sqrt().ceil() as u64
}

/// Makes the inputs, in place of those that were there.
fn make(folder: &Folder, (data, megabytes): (Data, u64)) {
    clear(folder);
    let readings = |name: &str, megabytes: u64, seed: u64| {
        let line = format!("synth telemetry -o {name} --size {megabytes}MB --sensors 5000 --shuffle --conflicts 0.01");
        run_long(folder, &format!("{line} --seed {seed} -q"));
    };
    let raster = |name: &str, megabytes: u64, seed: u64| {
        let side = side(megabytes);
        let line = format!("synth raster -o {name} --size {side}x{side} --bands 2 --seed {seed} --co COMPRESS=NONE");
        run_long(folder, &format!("{line} -m 1GB -q"));
    };
    let ingest = "sensor ingest in.csv --schema schema.toml --partition day -m 1GB -q -o";
    match data {
        Data::Readings => readings("in.csv", megabytes, 1),
        Data::LakeAndReadings => {
            readings("in.csv", megabytes / 2, 1);
            readings("more.csv", megabytes / 2, 2);
            run_long(folder, &format!("{ingest} lake.before"));
            folder.remove(&["in.csv"]);
        }
        Data::LooseLake => {
            readings("in.csv", megabytes, 1);
            run_long(folder, &format!("{ingest} lake.before --target-file-size 4MB"));
            folder.remove(&["in.csv"]);
        }
        Data::Raster => raster("a.tif", megabytes, 1),
        Data::TwoRasters => {
            raster("a.tif", megabytes / 2, 1);
            raster("b.tif", megabytes / 2, 2);
        }
        Data::ManyRasters => {
            let mut jobs = String::new();
            for number in 0..16 {
                raster(&format!("r{number}.tif"), megabytes / 16, number);
                jobs += &format!("[[job]]\nrun = \"raster calc b1*2 r{number}.tif -o out/r{number}.tif\"\n");
            }
            folder.write("jobs.toml", jobs.as_bytes());
        }
        Data::Nothing => {}
    }
}

fn clear(folder: &Folder) {
    let names = folder.names();
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "schema.toml").collect();
    folder.remove(&names);
}

fn run_long(folder: &Folder, line: &str) {
    folder.run(line).expect(&[0]);
}

/// One run and its figures. Its output is held against that of the first one.
fn measure(folder: &Folder, verb: &Verb, ceiling: u64, threads: u32, data: u64, first: &mut Option<Tree>) -> Row {
    if matches!(verb.data, Data::LakeAndReadings | Data::LooseLake) {
        let copied =
            std::process::Command::new("cp").arg("-a").args([folder.at("lake.before"), folder.at("lake")]).status();
        assert!(copied.is_ok_and(|status| status.success()), "the lake could not be copied");
    }
    let side = side(data);
    let window = format!("{},{},{},{}", side / 100, side / 90, side - side / 50, side - side / 45);
    let words = verb.words.replace("{size}", &format!("{side}x{side}")).replace("{window}", &window);
    let words = words.replace("{bytes}", &(data * MB).to_string());
    let line = super::with_flags(&words, &format!("-m {ceiling}MB -j {threads} --json"));
    let group = MemoryGroup::new(ceiling * MB * 115 / 100).ok();
    let begun = Instant::now();
    let running = match &group {
        Some(group) => folder.start_in(group, &line),
        None => folder.start(&line),
    };
    let (outcome, seen) = watch(running, verb.name == "batch");
    let seconds = begun.elapsed().as_secs();
    let kills = group.as_ref().map_or(0, MemoryGroup::kills);
    let mut row =
        Row { verb: verb.name.into(), ceiling, threads, data, seconds, is_grouped: group.is_some(), ..Row::default() };
    judge(&mut row, &outcome, seen, kills);
    let got = whole(&folder.at(verb.output));
    match first {
        Some(first) if row.wrong.is_empty() && got.as_ref() != Some(first) => row.wrong = "other bytes".into(),
        Some(_) => {}
        None => *first = got,
    }
    folder.remove(&[verb.output, &format!(".{}.partial", verb.output), "jobs.failed.jsonl", ".jobs.toml.batch"]);
    row
}

fn judge(row: &mut Row, outcome: &Outcome, seen: u64, kills: u64) {
    let ceiling = row.ceiling * MB;
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let figure = |path: &str| json.pointer(path).and_then(serde_json::Value::as_u64);
    let (predicted, taken) = match row.verb.as_str() {
        // What it may take is its ceiling, and what it took is what was granted.
        "batch" => {
            let both = [figure("/memory/granted_peak"), figure("/memory/supervisor_peak")];
            (Some(ceiling), both.into_iter().collect::<Option<Vec<u64>>>().map(|both| both.iter().sum()))
        }
        _ => (figure("/memory/predicted_peak"), figure("/memory/actual_peak")),
    };
    row.figures = [predicted.unwrap_or(0), taken.unwrap_or(0), seen];
    row.wrong = if kills > 0 {
        format!("{kills} kills in the group")
    } else if outcome.code != Some(0) {
        super::briefly(outcome)
    } else if seen > ceiling {
        "above the ceiling".into()
    } else if predicted.is_some_and(|predicted| predicted > ceiling) {
        "predicted above the ceiling".into()
    } else if predicted < taken {
        "above the prediction".into()
    } else {
        String::new()
    };
}

/// Waits for the end and answers the highest resident set; of a batch, the highest sum over its processes that was sampled.
fn watch(mut running: Running, is_tree: bool) -> (Outcome, u64) {
    if !is_tree {
        return running.wait_watching();
    }
    let mut highest = 0;
    while running.lives() {
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.id())).unwrap_or_default();
        let processes =
            std::iter::once(running.id()).chain(children.split_whitespace().filter_map(|id| id.parse().ok()));
        highest = highest.max(processes.map(proportional).sum());
        std::thread::sleep(Duration::from_millis(5));
    }
    (running.wait(), highest)
}

/// The proportional set of a process, in bytes.
fn proportional(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
