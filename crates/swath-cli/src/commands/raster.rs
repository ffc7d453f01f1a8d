//! The verbs of `swath raster`: words become a chain of steps.

use std::path::PathBuf;

use swath::request::{RasterInput, RasterRequest, RasterStep, StatsRequest};
use swath::{DataType, Synthesis, raster};
use swath_core::Result;

use super::job::carry_out;
use crate::settings::Settings;
use crate::words::{
    ConvertWords, MosaicWords, OneInput, RasterOutputFlags, RasterVerb, RunFlags, StatsWords, StepFlags,
    SynthRasterWords,
};

/// Plans, and unless only the plan is wanted, runs.
///
/// # Errors
/// What the library reports.
pub fn run(verb: RasterVerb, settings: &Settings) -> Result<()> {
    let command = format!("raster {}", verb.word());
    let run = verb.flags().0.clone();
    let (inputs, steps, to) = match verb {
        RasterVerb::Calc(words) => (words.inputs, vec![RasterStep::Calc(words.expression)], words.to),
        RasterVerb::Convert(words) => {
            let ConvertWords { input, bands, scale, to, .. } = *words;
            let steps = chosen(bands).into_iter().chain(scale.map(RasterStep::Scale)).collect();
            (vec![unnamed(input)], steps, to)
        }
        RasterVerb::Clip(words) => one(*words)?,
        RasterVerb::Warp(words) => one(*words)?,
        RasterVerb::Focal(words) => one(*words)?,
        RasterVerb::Terrain(words) => one(*words)?,
        RasterVerb::Mosaic(words) => {
            let MosaicWords { inputs, bands, how, to, .. } = *words;
            let steps = chosen(bands).into_iter().chain(how.steps()?).collect();
            (named(inputs)?, steps, to)
        }
        RasterVerb::Stats(words) => return stats(*words, settings),
        RasterVerb::Pipeline(words) => {
            let chain = words.chain()?;
            (found(chain.inputs)?, chain.steps, chain.to)
        }
    };
    carry(request(&command, inputs, steps, to, &run, settings), &run, settings)
}

type Parts = (Vec<RasterInput>, Vec<RasterStep>, RasterOutputFlags);

/// A verb that makes one raster of one.
fn one<F: StepFlags>(words: OneInput<F>) -> Result<Parts> {
    let OneInput { input, bands, how, to, .. } = words;
    let steps = chosen(bands).into_iter().chain(how.steps()?).collect();
    Ok((vec![unnamed(input)], steps, to))
}

fn unnamed(path: PathBuf) -> RasterInput {
    RasterInput { name: None, path }
}

/// The files that words name: files, globs and lists.
fn named(words: Vec<PathBuf>) -> Result<Vec<RasterInput>> {
    found(words.into_iter().map(unnamed).collect())
}

/// The same where some have a name, and so are one file each.
fn found(words: Vec<RasterInput>) -> Result<Vec<RasterInput>> {
    let files = |word: RasterInput| match word.name {
        Some(_) => Ok(vec![word]),
        None => Ok(raster::named_files(&word.path)?.into_iter().map(unnamed).collect()),
    };
    let files: Vec<Vec<RasterInput>> = words.into_iter().map(files).collect::<Result<_>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// The step that takes some bands, where some are named.
fn chosen(bands: Vec<usize>) -> Option<RasterStep> {
    (!bands.is_empty()).then_some(RasterStep::Bands(bands))
}

/// `swath raster stats`: no raster comes out of it.
fn stats(words: StatsWords, settings: &Settings) -> Result<()> {
    let StatsWords { inputs, bands, output, wishes, run, .. } = words;
    let request = StatsRequest {
        inputs: named(inputs)?,
        bands,
        wishes: wishes.wishes()?,
        output,
        common: settings.common(run.overwrite, run.resume),
    };
    carry_out(|_| raster::stats::prepare(&request), (run.explain, request.output.as_deref()), settings)
}

/// `swath synth raster`: a chain without an input.
///
/// # Errors
/// What the library reports.
pub fn synth(words: SynthRasterWords, settings: &Settings) -> Result<()> {
    let SynthRasterWords { size, bands, seed, missing, res, to, run, .. } = words;
    let data_type = to.data_type.unwrap_or(DataType::UInt16);
    let synthesis = Synthesis { shape: size, bands, data_type, seed, missing, resolution_m: res };
    let steps = vec![RasterStep::Synth(synthesis)];
    carry(request("synth raster", Vec::new(), steps, to, &run, settings), &run, settings)
}

fn carry(request: RasterRequest, run: &RunFlags, settings: &Settings) -> Result<()> {
    carry_out(|_| raster::prepare(&request), (run.explain, Some(&request.output)), settings)
}

fn request(
    command: &str,
    inputs: Vec<RasterInput>,
    steps: Vec<RasterStep>,
    to: RasterOutputFlags,
    run: &RunFlags,
    settings: &Settings,
) -> RasterRequest {
    RasterRequest {
        command: command.into(),
        inputs,
        steps,
        output: to.output,
        format: to.format,
        creation_options: to.creation_options,
        data_type: to.data_type,
        nodata: to.nodata,
        common: settings.common(run.overwrite, run.resume),
    }
}
