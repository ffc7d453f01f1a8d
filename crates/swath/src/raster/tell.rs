//! A chain in words, for plans: its steps in order, and how far beyond a window each of them looks.

use swath_raster::ops::{Focal, MosaicMethod, Resampling, TerrainKind};

use crate::request::{FocalStep, RasterRequest};

/// What is told of a chain while it is joined.
#[derive(Debug, Clone, Default)]
pub struct Told {
    steps: Vec<String>,
    halos: Vec<(String, (u32, u32))>,
}

impl Told {
    /// A chain of which nothing is done yet.
    pub fn of(request: &RasterRequest) -> Told {
        let read = match request.inputs.len() {
            0 => "synth".into(),
            1 => "read".into(),
            several => format!("read {several} files"),
        };
        Told { steps: vec![read], halos: Vec::new() }
    }

    /// A step that looks at nothing around a pixel.
    pub fn step(&mut self, words: impl Into<String>) {
        self.steps.push(words.into());
    }

    /// A step that looks so many columns and rows beyond each side.
    fn reaching(&mut self, word: &str, words: String, halo: (u32, u32)) {
        self.steps.push(words);
        if halo != (0, 0) {
            self.halos.push((word.into(), halo));
        }
    }

    /// Bands that are taken, from 0 on.
    pub fn bands(&mut self, bands: &[usize]) {
        let numbers: Vec<String> = bands.iter().map(|band| (band + 1).to_string()).collect();
        self.step(format!("bands {}", numbers.join(",")));
    }

    /// A statistic or filter.
    pub fn focal(&mut self, step: &FocalStep, focal: &Focal) {
        let (columns, rows) = focal.halo();
        let words = format!("focal {} {} × {}", step.statistic.word(), 2 * columns + 1, 2 * rows + 1);
        self.reaching("focal", words, (columns, rows));
    }

    /// Slope, light and the like.
    pub fn terrain(&mut self, kind: TerrainKind) {
        self.reaching("terrain", format!("terrain {} 3 × 3", kind.word()), (1, 1));
    }

    /// Another grid, from an overview if its number is not 0.
    pub fn warp(&mut self, resampling: Resampling, overview: usize, halo: (u32, u32)) {
        let from = if overview > 0 { format!(" of overview {overview}") } else { String::new() };
        self.reaching("warp", format!("warp {resampling}{from}"), halo);
    }

    /// All inputs as one.
    pub fn mosaic(&mut self, method: MosaicMethod, resampling: Resampling) {
        self.step(format!("mosaic {} {resampling}", method.name()));
    }

    /// All steps.
    pub fn chain(&self) -> String {
        let ends = ["write".to_string()];
        self.steps.iter().chain(&ends).map(String::as_str).collect::<Vec<_>>().join(" → ")
    }

    /// How far the steps look, if any does: in pixels of what each of them reads.
    pub fn halo(&self) -> Option<String> {
        let of = |(word, (columns, rows)): &(String, (u32, u32))| format!("{word} {columns} columns × {rows} rows");
        let all: Vec<String> = self.halos.iter().map(of).collect();
        (!all.is_empty()).then(|| format!("on each side, in pixels that the step reads: {}", all.join(", ")))
    }
}
