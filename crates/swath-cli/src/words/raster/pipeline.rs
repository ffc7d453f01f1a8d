//! `swath raster pipeline`: steps with ! between them, each with the flags that its verb has.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use swath::Scaling;
use swath::batch::split_words;
use swath::request::{RasterFormat, RasterInput, RasterStep};
use swath_core::{Error, Result};

use crate::usage::message_and_tips;

use super::neighbours::{FocalFlags, TerrainFlags};
use super::places::{ClipFlags, MosaicFlags, WarpFlags};
use super::values::{band, raster_input, scaling};
use super::{RasterOutputFlags, RunFlags, StepFlags, TalkFlags};

const PIPELINE_EXAMPLES: &str = "\
Examples:
  swath raster pipeline read a.tif ! calc 'b1 / 10000' ! write out.tif -f cog
  swath raster pipeline -m 256MB read a.tif ! focal --radius 2 ! write b.tif
  swath raster pipeline 'read a.tif ! warp --res 50 ! write b.tif' --json

Steps: read, then any of calc, clip, warp, focal, terrain and (first) mosaic
with the flags of these verbs but -b; bands 3,2,1 takes bands, and
scale 0,3000,0,255 brings values from one range to another; then write with
the flags of an output. Nothing is written between steps. Flags of the run stand before read
or behind write.";

/// `swath raster pipeline`.
#[derive(Debug, Args)]
#[command(after_help = PIPELINE_EXAMPLES)]
pub struct PipelineWords {
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
    /// The steps with ! between them, or all in one word
    #[arg(required = true, value_name = "STEPS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub steps: Vec<OsString>,
    /// What the steps stand for, once they are understood.
    #[arg(skip)]
    chain: Option<Chain>,
}

/// A chain as it was written.
#[derive(Debug, Clone)]
pub struct Chain {
    /// What is read.
    pub inputs: Vec<RasterInput>,
    /// What is done.
    pub steps: Vec<RasterStep>,
    /// What is written.
    pub to: RasterOutputFlags,
}

/// A step between two exclamation marks.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_subcommand = true, disable_help_flag = true)]
struct Segment {
    #[command(subcommand)]
    step: SegmentVerb,
}

#[derive(Debug, Subcommand)]
enum SegmentVerb {
    Read {
        #[arg(required = true, value_name = "INPUT", value_parser = raster_input)]
        inputs: Vec<RasterInput>,
    },
    Bands {
        #[arg(required = true, value_name = "N", value_parser = band, value_delimiter = ',')]
        bands: Vec<usize>,
    },
    Scale {
        #[arg(value_name = "A,B,C,D", value_parser = scaling, allow_hyphen_values = true)]
        scale: Scaling,
    },
    Calc {
        #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
        expression: String,
    },
    Clip(ClipFlags),
    Warp(WarpFlags),
    Mosaic(MosaicFlags),
    Focal(FocalFlags),
    Terrain(TerrainFlags),
    Write(WriteSegment),
}

#[derive(Debug, Args)]
struct WriteSegment {
    #[arg(value_name = "FILE")]
    output: PathBuf,
    #[arg(short, long, value_name = "FORMAT", default_value = "gtiff")]
    format: RasterFormat,
    #[arg(long = "co", value_name = "KEY=VALUE")]
    creation_options: Vec<String>,
    #[arg(long = "dtype", visible_alias = "ot", value_name = "TYPE")]
    data_type: Option<swath::DataType>,
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    nodata: Option<swath::Scalar>,
    #[command(flatten)]
    run: RunFlags,
    #[command(flatten)]
    talk: TalkFlags,
}

impl PipelineWords {
    /// Understands the steps, and takes the flags of the run that stand behind `write` for those before `read`.
    ///
    /// # Errors
    /// [`Error::Usage`] with the step that cannot be understood, or the flag that is said in both places.
    pub fn understand(&mut self) -> Result<()> {
        let (chain, run, talk) = parse_chain(&self.words()?)?;
        self.run = std::mem::take(&mut self.run).with(run)?;
        self.talk = std::mem::take(&mut self.talk).with(talk)?;
        self.chain = Some(chain);
        Ok(())
    }

    /// The chain that the steps stand for.
    ///
    /// # Errors
    /// Those of [`PipelineWords::understand`], which comes first.
    pub fn chain(mut self) -> Result<Chain> {
        if self.chain.is_none() {
            self.understand()?;
        }
        self.chain.ok_or_else(|| Error::unexpected("a pipeline that was not understood"))
    }

    /// The steps word by word. A first word with blanks in it is a chain, or the start of one; what follows goes on.
    fn words(&self) -> Result<Vec<OsString>> {
        match &self.steps[..] {
            [first, others @ ..] if others.is_empty() || has_blanks(first) => {
                let mut words: Vec<OsString> =
                    split_words(&first.to_string_lossy())?.into_iter().map(OsString::from).collect();
                words.extend_from_slice(others);
                Ok(words)
            }
            many => Ok(many.to_vec()),
        }
    }
}

/// A chain of words, and the flags of the run in its last step.
fn parse_chain(words: &[OsString]) -> Result<(Chain, RunFlags, TalkFlags)> {
    let segments: Vec<&[OsString]> = words.split(|word| word == "!").collect();
    let mut parsed = segments.iter().enumerate().map(|(position, segment)| parse(position, segment));
    let mut chain = match parsed.next().transpose()? {
        Some(SegmentVerb::Read { inputs }) => Chain { inputs, steps: Vec::new(), to: RasterOutputFlags::default() },
        _ => {
            return Err(usage("a pipeline begins with read", "swath raster pipeline read in.tif ! … ! write out.tif"));
        }
    };
    let mut output = None;
    for verb in parsed {
        if output.is_some() {
            return Err(usage("there is a step behind write", "write ends a pipeline"));
        }
        chain.steps.extend(match verb? {
            SegmentVerb::Read { .. } => {
                return Err(usage(
                    "there is a second read",
                    "one read names all inputs: read a.tif b.tif ! mosaic ! …",
                ));
            }
            SegmentVerb::Bands { bands } => vec![RasterStep::Bands(bands)],
            SegmentVerb::Scale { scale } => vec![RasterStep::Scale(scale)],
            SegmentVerb::Calc { expression } => vec![RasterStep::Calc(expression)],
            SegmentVerb::Clip(flags) => flags.steps()?,
            SegmentVerb::Warp(flags) => flags.steps()?,
            SegmentVerb::Focal(flags) => flags.steps()?,
            SegmentVerb::Terrain(flags) => flags.steps()?,
            SegmentVerb::Mosaic(flags) if chain.steps.iter().all(picks_bands) => flags.steps()?,
            SegmentVerb::Mosaic(_) => {
                return Err(usage("mosaic is not the first step behind read", "only bands stands before it"));
            }
            SegmentVerb::Write(write) => {
                output = Some(write);
                Vec::new()
            }
        });
    }
    let write = output.ok_or_else(|| {
        let is_joined = |word: &OsString| {
            let text = word.to_string_lossy();
            let bare = text.trim_matches('!');
            bare.len() < text.len()
                && !bare.is_empty()
                && (text.ends_with('!') || STEPS.split([' ', ',']).any(|step| step == bare))
        };
        match words.iter().find(|word| is_joined(word) || *word == "|") {
            Some(word) => usage(
                &format!("a pipeline ends with write, and {:?} ends no step", word.to_string_lossy()),
                "between steps stands a ! with a space on each side of it",
            ),
            None => usage("a pipeline ends with write", "… ! write out.tif"),
        }
    })?;
    let WriteSegment { output, format, creation_options, data_type, nodata, run, talk } = write;
    chain.to = RasterOutputFlags { output, format, creation_options, data_type, nodata };
    Ok((chain, run, talk))
}

fn has_blanks(word: &OsStr) -> bool {
    word.to_string_lossy().contains(char::is_whitespace)
}

fn picks_bands(step: &RasterStep) -> bool {
    matches!(step, RasterStep::Bands(_))
}

fn usage(message: &str, hint: &str) -> Error {
    Error::Usage { message: message.into(), hint: hint.into() }
}

fn parse(position: usize, segment: &[OsString]) -> Result<SegmentVerb> {
    Segment::try_parse_from(segment).map(|segment| segment.step).map_err(|error| {
        let (what, tips) = message_and_tips(&error.render().to_string());
        let words: Vec<_> = segment.iter().map(|word| word.to_string_lossy()).collect();
        Error::Usage {
            message: format!("step {} of the pipeline, {:?}: {what}", position + 1, words.join(" ")),
            hint: tips.into_iter().chain([STEPS.into()]).collect::<Vec<String>>().join("; "),
        }
    })
}

const STEPS: &str =
    "steps are read, bands, scale, calc, clip, warp, mosaic, focal, terrain and write, with ! between them";

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(words: &[&str]) -> Result<Chain> {
        let steps = words.iter().map(OsString::from).collect();
        PipelineWords { run: RunFlags::default(), talk: TalkFlags::default(), steps, chain: None }.chain()
    }

    #[test]
    fn steps_in_many_words_or_in_one() {
        let one = "read nir=b 8.tif";
        let many =
            chain(&["read", "nir=b 8.tif", "!", "calc", "-nir / 2", "!", "write", "out.tif", "--dtype", "int16"]);
        let many = many.expect("a chain");
        assert_eq!(many.inputs, [RasterInput { name: Some("nir".into()), path: "b 8.tif".into() }]);
        assert_eq!(many.steps, [RasterStep::Calc("-nir / 2".into())]);
        let single =
            chain(&[&format!("{} ! calc '-nir / 2' ! write out.tif --dtype int16", one.replace("b 8", "'b 8'"))]);
        let single = single.expect("a chain");
        assert_eq!((&single.inputs, &single.steps), (&many.inputs, &many.steps));
        assert_eq!((single.to.output, single.to.data_type), (many.to.output, many.to.data_type));
    }

    #[test]
    fn flags_of_the_run_stand_before_read_or_behind_write() {
        let parse = |steps: &[&str]| {
            let mut words = PipelineWords {
                run: RunFlags { threads: Some(2), overwrite: true, ..RunFlags::default() },
                talk: TalkFlags::default(),
                steps: steps.iter().map(OsString::from).collect(),
                chain: None,
            };
            words.understand().map(|()| words)
        };
        for steps in [
            &["read a.tif ! write out.tif -f COG --tmp-limit 1GB --json"][..],
            &["read a.tif ! write out.tif", "-f", "cog", "--tmp-limit", "1GB", "--json"],
            &["read", "a.tif", "!", "write", "out.tif", "-f", "cog", "--tmp-limit", "1GB", "--json"],
        ] {
            let words = parse(steps).expect("a chain");
            let run = (words.run.threads, words.run.overwrite, words.run.tmp_limit);
            assert_eq!(run, (Some(2), true, Some(swath_core::Bytes(1_000_000_000))));
            assert!(words.talk.json);
            assert_eq!(words.chain().expect("a chain").to.format, RasterFormat::Cog);
        }
        for (flags, wanted) in [
            ("-j 3", "--threads is said twice: before read and behind write"),
            ("--overwrite", "--overwrite is said twice"),
            ("--resume", "--overwrite cannot be used with --resume"),
            ("-o other.tif", "step 2 of the pipeline"),
        ] {
            let error = parse(&[&format!("read a.tif ! write out.tif {flags}")]).expect_err(flags).to_string();
            assert!(error.contains(wanted), "{flags}: {error}");
        }
    }

    #[test]
    fn what_is_no_chain_says_so() {
        for (text, wanted) in [
            ("calc b1 ! write out.tif", "begins with read"),
            ("read a.tif ! calc b1", "ends with write"),
            ("read a.tif ! write out.tif ! calc b1", "behind write"),
            ("read a.tif ! read b.tif ! write out.tif", "second read"),
            ("read a.tif ! blur ! write out.tif", "step 2 of the pipeline, \"blur\""),
            ("read a.tif ! calc 'b1 ! write out.tif", "never closed"),
            ("read a.tif ! calc b1 ! mosaic ! write out.tif", "mosaic is not the first"),
            ("read a.tif ! ! write out.tif", "step 2 of the pipeline"),
            ("read a.tif ! terrain ! write out.tif", "were not provided: --kind <WORD>"),
            ("read a.tif ! write out.tif -j 1 -j 2", "cannot be used multiple times"),
            ("read a.tif ! write out.tif --overwrite --resume", "cannot be used with"),
        ] {
            let error = chain(&[text, ""][..1]).expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
