//! Files to grids: classic TIFF and BigTIFF in both byte orders, read by position, block by block.
//!
//! Opening reads directories only. It deliberately leaves out complex numbers, fax compressions and pages beyond the
//! first, and keeps no block: that is the affair of the [`BlockCache`] that a reader is given.

mod colors;
mod decode;
mod directory;
mod image;
mod index;
mod info;
mod input;
mod jpeg;
mod keys;
mod kinds;
mod lanes;
mod lerc;
mod levels;
mod metadata;
mod place;
mod predict;
mod projection;
mod raster;
mod scatter;
mod sidecar;
mod system;
mod unpack;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Result};
use swath_raster::{BlockCache, Grid};

pub use info::{ColorMap, LevelInfo, MaskInfo, TiffInfo};
pub use levels::with_ending;
use levels::{Level, Opened};
pub use raster::TiffRaster;

/// Numbers of open files, for keys of caches.
static OPENED: AtomicU64 = AtomicU64::new(1);

/// An open file with those beside it and its reference system.
const OPEN_BYTES: u64 = 16 << 10;

/// How a file orders the bytes of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    /// The least significant first (`II`).
    Little,
    /// The most significant first (`MM`).
    Big,
}

/// The files beside an image that it is read with, as far as they are there: overviews, a mask, a world file.
pub fn sidecars(path: &Path) -> Vec<PathBuf> {
    let called_after = ["ovr", "msk"].map(|ending| with_ending(path, ending));
    called_after.into_iter().filter(|path| path.is_file()).chain(place::world_file_of(path)).collect()
}

/// An open GeoTIFF: its grids at full resolution and below, and what else it says.
#[derive(Debug)]
pub struct GeoTiff {
    number: u64,
    levels: Vec<Level>,
    grids: Vec<Grid>,
    info: TiffInfo,
}

impl GeoTiff {
    /// Opens a file, with overviews and a mask in `.ovr` and `.msk` files beside it.
    ///
    /// # Memory
    /// Some kilobytes per level, whatever the number of blocks: see [`GeoTiff::index_bytes`]. What levels say alike, as the
    /// texts of bands, is there once.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`] for what is missing or of a kind that is not read, [`Error::InputCorrupt`] for what is
    /// no TIFF or lies about itself.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<GeoTiff>> {
        let path: PathBuf = path.as_ref().into();
        let Opened { levels, directory, mut warnings } = levels::open(path)?;
        let Some(full) = levels.first() else {
            return Err(Error::unexpected("an open TIFF has no image"));
        };
        let described = info::describe(full, &directory, &mut warnings)?;
        let grids = levels.iter().map(|level| described.grid(level)).collect();
        let info = described.info(&levels, warnings);
        Ok(Arc::new(GeoTiff { number: OPENED.fetch_add(1, Ordering::Relaxed), levels, grids, info }))
    }

    /// What the file says besides its grid.
    pub fn info(&self) -> &TiffInfo {
        &self.info
    }

    /// What could not be understood and was left out, in words.
    pub fn warnings(&self) -> &[String] {
        &self.info.warnings
    }

    /// Levels of resolution: the full one and its overviews.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The grid of a level; 0 is full resolution.
    pub fn grid(&self, level: usize) -> Option<&Grid> {
        self.grids.get(level)
    }

    /// Memory that the open file holds. Places of blocks stay on disk, so it is the same however many there are.
    pub fn index_bytes(&self) -> Bytes {
        let tables = |level: &Level| {
            level.image.jpeg_tables.capacity() + level.mask.as_ref().map_or(0, |(_, mask)| mask.jpeg_tables.capacity())
        };
        let levels: usize = self.levels.iter().map(tables).sum();
        let levels = levels + size_of::<Level>() * self.levels.capacity() + size_of::<Grid>() * self.grids.capacity();
        let paths = 8 * self.info.path.as_os_str().len();
        let bands = self.grids.first().map_or(0, |grid| info::bands_bytes(&grid.bands));
        Bytes((levels + paths) as u64 + bands + self.info.text_bytes() + OPEN_BYTES)
    }

    /// A level as a raster. Blocks that windows only touch go through the cache, which several files may share.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such level.
    pub fn raster(self: &Arc<Self>, level: usize, cache: &Arc<BlockCache>) -> Result<TiffRaster> {
        if level >= self.levels.len() {
            let overviews = self.levels.len() - 1;
            return Err(Error::Usage {
                message: format!("{} has no level {level}", self.info.path.display()),
                hint: format!("0 is full resolution, and there are {overviews} overviews"),
            });
        }
        Ok(TiffRaster::new(Arc::clone(self), level, Arc::clone(cache)))
    }
}
