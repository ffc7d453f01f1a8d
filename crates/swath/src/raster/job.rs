//! The resolved job: what the output depends on, and how it is cut.

use serde_json::{Value, json};
use std::path::Path;
use swath_core::Bytes;
use swath_formats::geotiff::write::{FileDescription, WriteOptions};
use swath_raster::{BlockOrder, Grid};

use crate::input_file::{InputFile, exact_path};
use crate::request::RasterRequest;

/// Positions of the stages in the plan.
pub mod stage {
    /// Computes and encodes blocks.
    pub const ENCODE: u16 = 0;
    /// Puts them into a file.
    pub const ASSEMBLE: u16 = 1;
}

/// What is written and how; none of it depends on the ceiling.
pub struct Plan {
    /// The grid of the output, how it is written, and what else the file says.
    pub description: FileDescription,
    /// How its blocks are numbered.
    pub order: BlockOrder,
}

impl Plan {
    /// The grid of the output.
    pub fn grid(&self) -> &Grid {
        &self.description.grid
    }

    /// How blocks are written.
    pub fn options(&self) -> &WriteOptions {
        &self.description.options
    }

    /// Bytes of all pixels of the output, before they are packed.
    pub fn pixel_bytes(&self) -> Bytes {
        let grid = self.grid();
        Bytes(grid.shape.pixels() * grid.bands.len() as u64 * grid.pixel_bytes())
    }
}

/// All that the output depends on, for the journal.
pub fn identity(plan: &Plan, request: &RasterRequest, files: &[InputFile], scratch: Option<&Path>) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": request.command,
        "options": {
            "names": request.inputs.iter().map(|input| input.name.clone()).collect::<Vec<_>>(),
            "steps": request.steps,
            "format": request.format,
            "overviews": plan.description.overviews,
            "creation": plan.options(),
            "dtype": plan.grid().data_type,
            "nodata": plan.grid().nodata.map(|nodata| nodata.to_string()),
            "tmp_dir": scratch.map(exact_path),
        },
        "inputs": files.iter().map(InputFile::identity).collect::<Vec<_>>(),
    })
}
