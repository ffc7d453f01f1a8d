//! What trials run: each verb on a small input of its own, and the inputs.

use std::process::Command;

use super::whole;
use crate::{Folder, Tree};

/// A verb with its words.
pub(super) struct Case {
    pub name: &'static str,
    /// Words without limits; the output is the last thing that they name.
    pub words: String,
    /// What they make.
    pub output: &'static str,
    /// What stands there before, by the name of its copy, where the verb changes what is there.
    pub before: Option<&'static str>,
    /// Ceiling and threads.
    pub limits: Limits,
    /// Whether it is among those that are tried where there is little time.
    pub is_quick: bool,
}

/// Under which limits a case runs.
#[derive(Clone, Copy)]
pub(super) enum Limits {
    /// As said.
    Said(&'static str),
    /// Under the smallest ceiling, where tasks are small and much goes to scratch.
    Smallest,
}

/// The cases, of which some are of verbs of rasters.
pub(super) fn cases() -> Vec<Case> {
    let new = |name, words: &str, output, limits, is_quick| Case {
        name,
        words: words.into(),
        output,
        before: None,
        limits,
        is_quick,
    };
    let (plain, small) = (Limits::Said("-m 64MB -j 2"), Limits::Smallest);
    let raster =
        |name, words: &str, limits, is_quick| new(name, &format!("{words} -o out.tif"), "out.tif", limits, is_quick);
    let ingest = "--schema schema.toml --max-rejects 5% -o lake";
    vec![
        new("ingest", &format!("sensor ingest in.csv {ingest} --partition day"), "lake", plain, true),
        new("ingest, scratch", &format!("sensor ingest many.csv {ingest} --partition day,h3:3"), "lake", small, false),
        new("ingest, JSON", "sensor ingest doc.json --partition day -o lake", "lake", plain, false),
        new("ingest, Parquet", "sensor ingest lake.before/*/*.parquet --partition day -o lake", "lake", plain, false),
        Case {
            before: Some("lake.before"),
            ..new("append", "sensor ingest more.csv --append --max-rejects 5% -o lake", "lake", plain, true)
        },
        Case { before: Some("loose.before"), ..new("compact", "sensor compact lake", "lake", plain, false) },
        raster("convert", "raster convert a.tif --co COMPRESS=DEFLATE", plain, false),
        raster("convert, COG", "raster convert a.tif -f cog --co BLOCKSIZE=256", small, false),
        raster("calc", "raster calc (b1-b2)/(b1+b2) a.tif --co BLOCKSIZE=256", plain, false),
        raster("clip", "raster clip a.tif --window 100,80,700,600", plain, false),
        raster("warp", "raster warp a.tif --dst-crs EPSG:4326 -r bilinear --co BLOCKSIZE=256", small, true),
        raster("mosaic", "raster mosaic a.tif b.tif --method mean --dst-crs EPSG:3857 -r cubic", small, false),
        raster("focal", "raster focal b.tif -b 1 --stat median --radius 2", small, false),
        raster("terrain", "raster terrain b.tif -b 1 --kind slope", plain, false),
        new("stats", "raster stats a.tif f.tif --percentiles 2,50,98 -o out.json", "out.json", small, false),
        new(
            "pipeline",
            "raster pipeline read b.tif ! calc b1-b2 ! focal --stat max --radius 1 ! write out.tif",
            "out.tif",
            plain,
            false,
        ),
        raster("synth raster", "synth raster --size 900x700 --bands 2 --seed 5 --co COMPRESS=DEFLATE", plain, false),
        new("batch", "batch jobs.toml --retries 1", "out", Limits::Said("-m 200MB -j 2"), true),
    ]
}

impl Case {
    /// The whole line, with its limits.
    pub fn line(&self, folder: &Folder) -> String {
        let limits = match self.limits {
            Limits::Said(limits) => limits.to_string(),
            Limits::Smallest => {
                let explained = folder.run(&with_flags(&self.words, "-m 2GB -j 2 --explain --json")).expect(&[0]);
                format!("-m {}kB -j 2", explained.figure("/smallest_ceiling").div_ceil(1000))
            }
        };
        with_flags(&self.words, &format!("{limits} --json"))
    }

    pub fn is_batch(&self) -> bool {
        self.words.starts_with("batch")
    }

    /// Makes the place of the output what it was before any run.
    pub fn restore(&self, folder: &Folder) {
        folder.remove(&[self.output, &format!(".{}.partial", self.output)]);
        if self.is_batch() {
            folder.remove(&[".jobs.toml.batch", "jobs.failed.jsonl", ".jobs.failed.jsonl.new"]);
        }
        if let Some(before) = self.before {
            copy(folder, before, self.output);
        }
    }

    /// What stands there before any run.
    pub fn standing(&self, folder: &Folder) -> Option<Tree> {
        self.before.and_then(|before| whole(&folder.at(before)))
    }
}

/// Flags go before the steps of a pipeline.
pub(crate) fn with_flags(words: &str, flags: &str) -> String {
    match words.strip_prefix("raster pipeline ") {
        Some(steps) => format!("raster pipeline {flags} {steps}"),
        None => format!("{words} {flags}"),
    }
}

/// A copy with the times of its files, which lakes are known by.
fn copy(folder: &Folder, from: &str, to: &str) {
    let done = Command::new("cp").arg("-a").args([folder.at(from), folder.at(to)]).status();
    assert!(done.is_ok_and(|status| status.success()), "{from} could not be copied to {to}");
}

/// Makes the inputs of all cases, the same in every folder.
pub(super) fn inputs(folder: &Folder) {
    folder.telemetry("in.csv", "--size 1MB --sensors 20 --period 1min --conflicts 0.01 --malformed 0.002");
    folder.telemetry("many.csv", "--size 12MB --sensors 300 --shuffle --conflicts 0.02");
    let text = String::from_utf8(folder.read("in.csv")).expect("text");
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let (first, second) = rows.split_at(rows.len() / 2);
    folder.write("first.csv", format!("{header}\n{}\n", first.join("\n")).as_bytes());
    folder.write("more.csv", format!("{header}\n{}\n", second.join("\n")).as_bytes());
    folder.write("doc.json", document(4000).as_bytes());
    let ingest = "sensor ingest first.csv --schema schema.toml --max-rejects 5% --partition day";
    folder.run(&format!("{ingest} -o lake.before -q")).expect(&[0]);
    folder.run(&format!("{ingest} -o loose.before --target-file-size 10kB -q")).expect(&[0]);
    for (name, words) in [
        ("a.tif", "--seed 1 --missing 0.2"),
        ("b.tif", "--seed 2 --co COMPRESS=LZW --co BLOCKSIZE=256"),
        ("f.tif", "--seed 3 --missing 0.1 --dtype float32 --co COMPRESS=NONE"),
    ] {
        folder.run(&format!("synth raster -o {name} --size 900x700 --bands 2 -q {words}")).expect(&[0]);
    }
    let jobs = [
        "raster calc b1*2 a.tif -o out/calc.tif --dtype float32",
        "raster convert out/calc.tif -o out/second.tif",
        "sensor ingest in.csv -o out/lake --schema schema.toml --max-rejects 5% --partition day",
        "raster stats b.tif -o out/stats.json",
    ];
    let jobs: String = jobs.iter().map(|line| format!("[[job]]\nrun = \"{line}\"\n")).collect();
    folder.write("jobs.toml", jobs.as_bytes());
}

/// Readings as a document of JSON.
fn document(rows: u32) -> String {
    let row = |row: u32| {
        let (minute, hour) = (row % 60, row / 60 % 24);
        format!(
            "{{\"sensor_id\":\"s{}\",\"timestamp\":\"2025-03-0{}T{hour:02}:{minute:02}:00Z\",\"value\":{}.5}}",
            row % 13,
            1 + row / 1440,
            row % 40
        )
    };
    format!("[{}]", (0..rows).map(row).collect::<Vec<_>>().join(",\n"))
}
