//! `swath demo`.

mod sample;

use std::path::Path;

use swath::demo;
use swath_core::{Error, Result};

use super::job::{execute, explain_job};
use super::reporting::reported;
use crate::process::{complain, print, print_json, stop_on_signals};
use crate::settings::Settings;
use crate::show::outcome;
use crate::words::DemoWords;

/// Unpacks the sample, ingests it, and says what to try next.
///
/// # Errors
/// What the library reports; a folder that is not the demo's own.
pub fn run(words: &DemoWords, settings: &Settings) -> Result<()> {
    let folder = demo::unpack(&words.output, sample::FILES, &sample::LICENCE)?;
    let request = demo::request(&folder, settings.common(true, false));
    let job = Box::new(swath::ingest::prepare(&request)?);
    if words.explain {
        return explain_job(&*job, settings);
    }
    let talks = !settings.json && !settings.quiet;
    if talks {
        print(&introduction(&folder, settings))?;
    }
    let stop = stop_on_signals()?;
    let ran = reported(Some(&folder.lake), settings, |reporting| execute(job, &stop, settings, reporting));
    let mut result = ran.map_err(|error| match error {
        // The demo begins anew whatever an earlier one left.
        Error::Stopped { .. } => Error::Stopped { resumable: false },
        other => other,
    })?;
    if settings.json {
        result.command = "demo".into();
        return print_json(&result);
    }
    if talks {
        print(&format!("{}\n{}", outcome::text(&result), next(&folder)))?;
    } else if !settings.quiet {
        complain("done");
    }
    Ok(())
}

fn introduction(folder: &demo::Folder, settings: &Settings) -> String {
    let bytes: usize = sample::FILES.iter().map(|file| file.bytes.len()).sum();
    format!(
        "sample   {} files of real air quality readings, {}, in {}\n         sensor.community, ODbL 1.0; see {}\nrunning  swath sensor ingest {} -o {} --partition {} --memory {}\n\n",
        sample::FILES.len(),
        swath_core::Bytes(bytes as u64),
        folder.input.display(),
        folder.licence.display(),
        quoted(&folder.input),
        quoted(&folder.lake),
        demo::PARTITION,
        settings.memory.value.to_string().replace(' ', ""),
    )
}

fn next(folder: &demo::Folder) -> String {
    let (input, lake) = (quoted(&folder.input), quoted(&folder.lake));
    let small = quoted(&folder.lake.with_file_name("lake-40MB"));
    format!(
        "try next\n  duckdb -c \"select sensor_id, count(*), round(avg(P2), 1) as pm25 from\n    read_parquet({}) group by 1 order by 1\"\n  swath sensor ingest {input} -o {small} --explain     what it would cost\n  swath sensor ingest {input} -o {small} --partition month --memory 40MB && diff -r {lake} {small}\n    the same bytes inside a smaller ceiling\n",
        format_args!("'{}/**/*.parquet'", folder.lake.display()),
    )
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
