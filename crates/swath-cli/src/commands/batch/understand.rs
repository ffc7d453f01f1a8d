//! What the words of a job read and write, by the grammar of the command line. Nothing is opened.

use std::path::{Path, PathBuf};

use clap::{CommandFactory, FromArgMatches};
use swath::batch::Files;
use swath::request::{RasterInput, RasterPart, RasterStep};
use swath_core::{Error, Result};

use crate::usage::{Misread, misread};
use crate::words::{OneInput, RasterVerb, RunFlags, SensorVerb, StepFlags, SynthWords, Verb, Words};

/// The grammar, made once for many jobs.
pub struct Grammar(clap::Command);

impl Default for Grammar {
    fn default() -> Grammar {
        Grammar(Words::command())
    }
}

impl Grammar {
    /// What words read and write.
    ///
    /// # Errors
    /// [`Error::Usage`] for words that mean nothing, or nothing that a batch does.
    pub fn files(&mut self, words: &[Box<str>]) -> Result<Files> {
        if words.iter().any(|word| word.starts_with("--dashboard")) {
            return Err(Error::Usage {
                message: "--dashboard is said in a job".into(),
                hint: "leave it out: that of the batch shows all jobs".into(),
            });
        }
        let arguments = std::iter::once("swath").chain(words.iter().map(|word| &**word));
        let parsed = self
            .0
            .try_get_matches_from_mut(arguments)
            .and_then(|mut matches| Words::from_arg_matches_mut(&mut matches))
            .map_err(|error| wrong(&error, words))?;
        of_job(parsed.verb)
    }
}

fn wrong(error: &clap::Error, words: &[Box<str>]) -> Error {
    match misread(error, words.first().map_or("", |word| word)) {
        Misread::Wrong(error) => error,
        Misread::Help { .. } => no_job("these words only show help"),
    }
}

fn no_job(message: &str) -> Error {
    Error::Usage {
        message: message.into(),
        hint: "jobs are sensor ingest, sensor compact, raster …, synth …, each with an output".into(),
    }
}

/// What a job reads and writes.
fn of_job(mut verb: Verb) -> Result<Files> {
    match &mut verb {
        Verb::Sensor(SensorVerb::Ingest(words)) => hold(&words.run)?,
        Verb::Sensor(SensorVerb::Compact(words)) => hold(&words.run)?,
        Verb::Raster(verb) => {
            verb.understand()?;
            hold(verb.flags().0)?;
        }
        Verb::Synth(SynthWords::Raster(words)) => hold(&words.run)?,
        Verb::Synth(SynthWords::Telemetry(words)) => {
            hold(&RunFlags { ceiling: words.ceiling.clone(), ..RunFlags::default() })?;
        }
        _ => {}
    }
    let only_prints = matches!(&verb, Verb::Raster(RasterVerb::Stats(words)) if words.output.is_none());
    if only_prints {
        return Err(no_job("raster stats without --output only prints"));
    }
    let files = files_of(verb)?;
    if files.inputs.iter().chain(&files.outputs).any(|path| path == Path::new("-")) {
        return Err(no_job("a job has no standard input or output"));
    }
    Ok(files)
}

/// What a verb reads and writes.
///
/// # Errors
/// [`Error::Usage`] for words that mean nothing, and for verbs that make nothing.
pub fn files_of(verb: Verb) -> Result<Files> {
    let files = match verb {
        Verb::Sensor(SensorVerb::Ingest(words)) => {
            let schema = words.schema;
            let inputs = words.sources.into_iter().map(PathBuf::from).chain(schema).collect();
            Files {
                inputs,
                outputs: vec![words.output],
                reports: words.talk.report.into_iter().collect(),
                resumes: true,
                adds: words.append,
                overwrites: words.run.overwrite,
                ..Files::default()
            }
        }
        Verb::Sensor(SensorVerb::Compact(words)) => Files {
            inputs: vec![words.lake.clone()],
            changes: vec![words.lake],
            reports: words.talk.report.into_iter().collect(),
            resumes: true,
            ..Files::default()
        },
        Verb::Raster(verb) => {
            let (run, talk) = verb.flags();
            let (overwrites, reports) = (run.overwrite, talk.report.iter().cloned().collect());
            let (inputs, output) = of_raster(verb)?;
            let outputs = output.into_iter().collect();
            Files { inputs, outputs, reports, resumes: true, overwrites, ..Files::default() }
        }
        Verb::Synth(SynthWords::Raster(words)) => {
            let reports = words.talk.report.into_iter().collect();
            let overwrites = words.run.overwrite;
            Files { outputs: vec![words.to.output], reports, resumes: true, overwrites, ..Files::default() }
        }
        Verb::Synth(SynthWords::Telemetry(words)) => {
            let outputs = std::iter::once(words.output).chain(words.truth).collect();
            Files { outputs, overwrites: words.overwrite, ..Files::default() }
        }
        _ => return Err(no_job("this command makes nothing that a batch could keep")),
    };
    // A list of files is a file that is read.
    let (mut inputs, mut lists) = (Vec::with_capacity(files.inputs.len()), Vec::new());
    for input in files.inputs {
        match input.to_str().and_then(|text| text.strip_prefix('@')) {
            Some(list) if input.symlink_metadata().is_err() => {
                inputs.push(list.into());
                lists.push(list.into());
            }
            _ => inputs.push(input),
        }
    }
    Ok(Files { inputs, lists, ..files })
}

/// Refuses flags that are the batch's to give.
fn hold(run: &RunFlags) -> Result<()> {
    let said = [
        ("--memory", run.ceiling.memory.is_some()),
        ("--threads", run.threads.is_some()),
        ("--resume", run.resume),
        ("--explain", run.explain),
    ];
    match said.into_iter().find(|(_, is_said)| *is_said) {
        None => Ok(()),
        Some((flag, _)) => Err(Error::Usage {
            message: format!("{flag} is said in a job"),
            hint: "leave it out: the batch hands out memory and threads, and knows what to resume".into(),
        }),
    }
}

fn of_raster(verb: RasterVerb) -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
    Ok(match verb {
        RasterVerb::Calc(words) => (paths(words.inputs), Some(words.to.output)),
        RasterVerb::Convert(words) => (vec![words.input], Some(words.to.output)),
        RasterVerb::Clip(words) => of_one(*words)?,
        RasterVerb::Warp(words) => of_one(*words)?,
        RasterVerb::Focal(words) => of_one(*words)?,
        RasterVerb::Terrain(words) => of_one(*words)?,
        RasterVerb::Mosaic(words) => {
            let likes = likes(&words.how.steps()?);
            (words.inputs.into_iter().chain(likes).collect(), Some(words.to.output))
        }
        RasterVerb::Stats(words) => (words.inputs, words.output),
        RasterVerb::Pipeline(words) => {
            let chain = words.chain()?;
            let likes = likes(&chain.steps);
            (paths(chain.inputs).into_iter().chain(likes).collect(), Some(chain.to.output))
        }
    })
}

fn of_one<F: StepFlags>(words: OneInput<F>) -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
    let likes = likes(&words.how.steps()?);
    Ok((std::iter::once(words.input).chain(likes).collect(), Some(words.to.output)))
}

fn paths(inputs: Vec<RasterInput>) -> Vec<PathBuf> {
    inputs.into_iter().map(|input| input.path).collect()
}

/// Rasters whose grids steps take.
fn likes(steps: &[RasterStep]) -> Vec<PathBuf> {
    let like = |step: &RasterStep| match step {
        RasterStep::Clip(RasterPart::Like(like)) => Some(like.clone()),
        RasterStep::Warp(warp) => warp.like.clone(),
        RasterStep::Mosaic(mosaic) => mosaic.like.clone(),
        _ => None,
    };
    steps.iter().filter_map(like).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_by_what_they_read_and_write() {
        let mut grammar = Grammar::default();
        for (line, inputs, outputs) in [
            ("raster convert a.tif -o b.tif", &["a.tif"][..], &["b.tif"][..]),
            ("raster calc nir-red nir=a.tif red=b.tif -o c.tif --overwrite", &["a.tif", "b.tif"], &["c.tif"]),
            ("raster clip a.tif --like l.tif -o b.tif", &["a.tif", "l.tif"], &["b.tif"]),
            ("raster pipeline read a.tif ! warp --like l.tif ! write b.tif", &["a.tif", "l.tif"], &["b.tif"]),
            ("raster mosaic t/*.tif @list.txt -o m.tif", &["t/*.tif", "list.txt"], &["m.tif"]),
            ("raster stats a.tif -o s.json", &["a.tif"], &["s.json"]),
            ("sensor ingest a b.csv -o lake --schema s.toml", &["a", "b.csv", "s.toml"], &["lake"]),
            ("sensor compact lake", &["lake"], &[]),
            ("synth telemetry --rows 5 -o t.csv --truth t.json", &[], &["t.csv", "t.json"]),
        ] {
            let words: Vec<Box<str>> = line.split(' ').map(Into::into).collect();
            let files = grammar.files(&words).expect(line);
            let of = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
            assert_eq!((files.inputs, files.outputs), (of(inputs), of(outputs)), "{line}");
        }
        for (line, wanted) in [
            ("raster convert a.tif -o b.tif -m 1GB", "--memory is said in a job"),
            ("raster pipeline read a.tif ! write b.tif -j 2", "--threads is said in a job"),
            ("raster stats a.tif", "without --output only prints"),
            ("info a.tif", "makes nothing"),
            ("batch jobs.toml", "makes nothing"),
            ("worker", "makes nothing"),
            ("raster blur a.tif", "unrecognized subcommand 'blur'"),
            ("raster convert --help", "only show help"),
            ("sensor ingest - -o lake", "no standard input"),
            ("synth telemetry --rows 5 -o -", "no standard input or output"),
        ] {
            let words: Vec<Box<str>> = line.split(' ').map(Into::into).collect();
            let error = grammar.files(&words).expect_err(line);
            assert!(error.to_string().contains(wanted), "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
