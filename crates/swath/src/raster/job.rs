//! The resolved job: what the output depends on, and how it is cut.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use swath_core::{Bytes, Fnv64, Result};
use swath_formats::geotiff::write::{FileDescription, WriteOptions};
use swath_raster::ops::OverviewResampling;
use swath_raster::{BlockOrder, Grid, Window};

use super::describe;
use crate::input_file::{InputFile, exact_path};
use crate::request::{RasterPart, RasterRequest, RasterStep};

/// What is written and how; none of it depends on the ceiling.
///
/// Each level is encoded by a stage of its number; behind the last one the file is put together.
pub struct Plan {
    /// The grid of the output, how it is written, and what else the file says.
    pub description: FileDescription,
    /// The full resolution and its overviews.
    pub levels: Vec<LevelPlan>,
    /// How each level is made of the one before it.
    pub resampling: OverviewResampling,
}

/// A level of the output.
pub struct LevelPlan {
    /// Its grid.
    pub grid: Grid,
    /// How its blocks are numbered.
    pub order: BlockOrder,
}

impl Plan {
    /// The plan of a file; `in_strips` tells how its sources are stored.
    ///
    /// # Errors
    /// For options that cannot be understood.
    pub fn new(description: FileDescription, in_strips: bool) -> Result<Plan> {
        let block = description.options.block();
        let resampling = describe::resampling(&description)?;
        let shapes = std::iter::once(&description.grid.shape).chain(&description.overviews);
        let levels = shapes.enumerate().map(|(level, shape)| LevelPlan {
            grid: Grid { shape: *shape, ..description.grid.clone() },
            order: match in_strips && level == 0 {
                true => BlockOrder::Rows { grid: *shape, block },
                false => BlockOrder::Squares { grid: *shape, block },
            },
        });
        Ok(Plan { levels: levels.collect(), resampling, description })
    }

    /// The stage that puts the file together.
    pub fn assemble_stage(&self) -> u16 {
        self.levels.len() as u16
    }

    /// The pixels of a level that a window of it is encoded from, and its overview made of; just the window at the
    /// smallest level.
    pub fn around(&self, level: usize, window: Window) -> Window {
        let shape = self.levels[level].grid.shape;
        if level + 1 < self.levels.len() { self.resampling.around(window, shape) } else { window }
    }

    /// The grid of the output.
    pub fn grid(&self) -> &Grid {
        &self.description.grid
    }

    /// How blocks are written.
    pub fn options(&self) -> &WriteOptions {
        &self.description.options
    }

    /// Bytes of all pixels of a level, before they are packed.
    pub fn pixel_bytes(&self, level: usize) -> Bytes {
        let grid = &self.levels[level].grid;
        Bytes(grid.shape.pixels() * grid.bands.len() as u64 * grid.pixel_bytes())
    }

    /// Bytes of all pixels of the overviews, before they are packed.
    pub fn overview_bytes(&self) -> Bytes {
        (1..self.levels.len()).map(|level| self.pixel_bytes(level)).sum()
    }
}

/// All that the output depends on, for the journal.
pub fn identity(plan: &Plan, request: &RasterRequest, files: &[InputFile], scratch: Option<&Path>) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": request.command,
        "options": options(plan, request, &request.steps),
        "tmp_dir": scratch.map(exact_path),
        "inputs": files.iter().map(InputFile::identity).collect::<Vec<_>>(),
    })
}

fn options(plan: &Plan, request: &RasterRequest, steps: &[RasterStep]) -> Value {
    json!({
        "names": request.inputs.iter().map(|input| input.name.clone()).collect::<Vec<_>>(),
        "steps": steps,
        "format": request.format,
        "overviews": plan.description.overviews,
        "overview_resampling": plan.resampling,
        "creation": plan.options(),
        "dtype": plan.grid().data_type,
        "nodata": plan.grid().nodata.map(|nodata| nodata.to_string()),
        "mask": plan.grid().has_mask,
        "wanted_dtype": request.data_type,
        "wanted_nodata": request.nodata.map(|nodata| nodata.to_string()),
    })
}

/// A digest of options and inputs, which is the same on any machine: by it a finished file is known again.
pub fn digest(plan: &Plan, request: &RasterRequest, files: &[InputFile]) -> String {
    let mut digest = Fnv64::default();
    let steps: Vec<RasterStep> = request.steps.iter().cloned().map(without_folders).collect();
    digest.update(options(plan, request, &steps).to_string().as_bytes());
    for file in files {
        digest.update(file.path.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update(&[0]);
        digest.update(&file.size.to_le_bytes());
        digest.update(&file.ends.to_le_bytes());
    }
    format!("{:016x}", digest.finish())
}

/// A step as it would be if the rasters that it names were in the current folder.
fn without_folders(mut step: RasterStep) -> RasterStep {
    let like = match &mut step {
        RasterStep::Clip(RasterPart::Like(like)) => Some(like),
        RasterStep::Warp(step) => step.like.as_mut(),
        RasterStep::Mosaic(step) => step.like.as_mut(),
        _ => None,
    };
    if let Some(like) = like {
        *like = like.file_name().map_or_else(PathBuf::new, PathBuf::from);
    }
    step
}
