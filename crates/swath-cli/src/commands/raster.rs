//! The verbs of `swath raster`: words become a chain of steps.

use swath::request::{RasterInput, RasterRequest, RasterStep};
use swath::{DataType, Synthesis, raster};
use swath_core::Result;

use super::job::carry_out;
use crate::settings::Settings;
use crate::words::{CalcWords, ConvertWords, RasterOutputFlags, RasterVerb, RunFlags, SynthRasterWords};

/// Plans, and unless only the plan is wanted, runs.
///
/// # Errors
/// What the library reports.
pub fn run(verb: RasterVerb, settings: &Settings) -> Result<()> {
    match verb {
        RasterVerb::Calc(words) => {
            let CalcWords { expression, inputs, to, run, .. } = *words;
            carry(
                request("raster calc", inputs, vec![RasterStep::Calc(expression)], to, &run, settings),
                &run,
                settings,
            )
        }
        RasterVerb::Convert(words) => {
            let ConvertWords { input, bands, scale, to, run, .. } = *words;
            let bands = (!bands.is_empty()).then_some(RasterStep::Bands(bands));
            let steps = bands.into_iter().chain(scale.map(RasterStep::Scale)).collect();
            let inputs = vec![RasterInput { name: None, path: input }];
            carry(request("raster convert", inputs, steps, to, &run, settings), &run, settings)
        }
    }
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
    carry_out(Box::new(raster::prepare(&request)?), run.explain, settings)
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
