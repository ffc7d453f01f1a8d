//! All that stands before the blocks of a file, and where each block goes: known from the lengths of blocks alone.
//!
//! It holds no block. What is said of the pixels is made into fields in the file beside this one.

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};
use swath_raster::{Grid, Shape};

use super::super::{GeoKeys, Interleave, MetadataItem, Texts};
use super::assemble::EncodedBlocks;
use super::directory::{ARRAY_TAGS, Directory, Placement, Value, place};
use super::fields;
use super::options::{BigTiff, WriteOptions, refused};
use super::pieces::{Order, Piece};

/// The bytes around each block of a COG: its length before it, its last four bytes behind it.
const AROUND_BYTES: u64 = 8;
/// How many pieces lie between two whose places are kept.
const MARK_EVERY: u64 = 4096;

/// In which order a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// Directories, then blocks of the full resolution, then those of overviews.
    Plain,
    /// A cloud optimised GeoTIFF: directories, then blocks of the smallest overview first, each with its length.
    Cog,
}

/// What a file is to say, besides pixels.
#[derive(Debug, Clone)]
pub struct FileDescription {
    /// The full resolution.
    pub grid: Grid,
    /// How blocks were encoded.
    pub options: WriteOptions,
    /// The order of the file.
    pub container: Container,
    /// Shapes of the overviews, the largest first.
    pub overviews: Vec<Shape>,
    /// Items of metadata that are passed through.
    pub metadata: Vec<MetadataItem>,
    /// The colours that pixels of a single band of uint8 or uint16 are numbers of: red, green and blue of 16 bits for
    /// each value of the type. Without it the colours of the grid's bands say what is shown.
    pub palette: Option<Vec<[u16; 3]>>,
    /// What the file says of itself.
    pub texts: Texts,
    /// Whether pixels are points: coordinates in the file are those of their centres. A file without a reference system
    /// cannot say so.
    pub pixel_is_point: bool,
    /// Whether the least value is shown as white.
    pub min_is_white: bool,
    /// The keys of the reference system as they are to be, in place of those that the grid's system would have.
    pub geo_keys: Option<GeoKeys>,
}

/// The plan of a file.
///
/// # Memory
/// The directories: some hundred bytes for each image, six for each band and image, the metadata as text, and eight for
/// each 4096 pieces. Arrays of
/// offsets and lengths are asked for whenever they are needed, and never held.
#[derive(Debug, Clone)]
pub struct Layout {
    directories: Vec<Directory>,
    images: Vec<Image>,
    placement: Placement,
    ghost: String,
    order: Order,
    container: Container,
    /// Where the blocks of each level begin.
    level_starts: Vec<u64>,
    /// How far from there every so many-th piece of it lies.
    marks: Vec<Vec<u64>>,
    bytes: u64,
}

/// A directory stands for the pixels of a level, or for its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Image {
    level: usize,
    is_mask: bool,
}

impl Layout {
    /// Plans a file whose blocks have these lengths.
    ///
    /// # Errors
    /// What `blocks` answers; [`Error::Usage`] where options, grid and description do not go together, for a reference
    /// system that GeoTIFF cannot say, and for a file that is too large for `BIGTIFF=NO`.
    pub fn new(description: &FileDescription, blocks: &mut dyn EncodedBlocks) -> Result<Layout> {
        let (grid, options) = (&description.grid, &description.options);
        options.check_for(grid)?;
        let order = order(description);
        let images = images(&order);
        let ghost = ghost(description, &order);
        let mut directories = Vec::new();
        for image in &images {
            let (shape, level) = (shape_of(description, image.level), image.level);
            let blocks = order.levels[level].pixels() * if image.is_mask { 1 } else { order.planes as u64 };
            directories.push(if image.is_mask {
                fields::of_mask(options, shape, level, blocks)
            } else {
                fields::of_pixels(description, shape, level, blocks)?
            });
        }
        let mut level_bytes = vec![0; order.levels.len()];
        let mut marks = vec![Vec::new(); order.levels.len()];
        for (level, bytes) in level_bytes.iter_mut().enumerate() {
            for number in 0..order.pieces_of(level) {
                if number % MARK_EVERY == 0 {
                    marks[level].push(*bytes);
                }
                *bytes += piece_bytes(description.container, blocks.length(order.piece_of(level, number))?);
            }
        }
        let data: u64 = level_bytes.iter().sum();
        let ghost_bytes = ghost.len() as u64;
        let classic = place(&directories, ghost_bytes, false);
        let is_large = classic.data_start + data > u64::from(u32::MAX);
        let placement = match options.bigtiff {
            BigTiff::No if is_large => {
                return Err(refused(
                    format!("the file takes {} bytes, and classic TIFF ends at 4 GiB", classic.data_start + data),
                    "leave BIGTIFF out, or say BIGTIFF=AUTO",
                ));
            }
            BigTiff::No => classic,
            BigTiff::Auto if !is_large => classic,
            BigTiff::Auto | BigTiff::Yes => place(&directories, ghost_bytes, true),
        };
        let mut level_starts = vec![0; order.levels.len()];
        let mut end = placement.data_start;
        for &level in &order.sequence {
            level_starts[level] = end;
            end += level_bytes[level];
        }
        let container = description.container;
        Ok(Layout { directories, images, placement, ghost, order, container, level_starts, marks, bytes: end })
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the file is a BigTIFF.
    pub fn is_big(&self) -> bool {
        self.placement.is_big
    }

    /// Where the first block begins.
    pub fn data_start(&self) -> u64 {
        self.placement.data_start
    }

    /// How many pieces follow each other in the file, those of length 0 among them.
    pub fn pieces(&self) -> u64 {
        self.order.pieces()
    }

    /// A piece by its number in the order of the file.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for a number that is too high.
    pub fn piece(&self, number: u64) -> Result<Piece> {
        let (level, number) = self.order.locate(number).ok_or_else(|| {
            Error::unexpected(format!("piece {number} of a file of {} was asked for", self.order.pieces()))
        })?;
        Ok(self.order.piece_of(level, number))
    }

    /// Where a piece begins, by its number in the order of the file: what [`super::write_pieces`] writes first.
    ///
    /// # Errors
    /// What `blocks` answers; [`Error::Unexpected`] for a number that is too high.
    pub fn offset_of(&self, number: u64, blocks: &mut dyn EncodedBlocks) -> Result<u64> {
        if number == self.order.pieces() {
            return Ok(self.bytes);
        }
        let (level, number) = self
            .order
            .locate(number)
            .ok_or_else(|| Error::unexpected(format!("piece {number} of {} was asked for", self.order.pieces())))?;
        let mark = number / MARK_EVERY;
        let mut offset = self.level_starts[level] + self.marks[level].get(mark as usize).copied().unwrap_or(0);
        for number in mark * MARK_EVERY..number {
            offset += piece_bytes(self.container, blocks.length(self.order.piece_of(level, number))?);
        }
        Ok(offset)
    }

    pub(super) fn is_cog(&self) -> bool {
        self.container == Container::Cog
    }

    /// The bytes before the arrays.
    pub(super) fn head(&self, blocks: &mut dyn EncodedBlocks) -> Result<Vec<u8>> {
        self.placement.head(&self.directories, &self.ghost, |image| {
            let directory = &self.directories[image];
            let mut lists = (Vec::new(), Vec::new());
            if ARRAY_TAGS.iter().any(|tag| self.placement.is_inline(image, directory, *tag)) {
                self.for_each_block(image, blocks, &mut |offset, length| {
                    lists.0.push(offset);
                    lists.1.push(u64::from(length));
                    Ok(())
                })?;
            }
            Ok(lists)
        })
    }

    /// The arrays in the order of the file: of which image, where, and what.
    pub(super) fn arrays(&self) -> Vec<(usize, u64, Value)> {
        self.placement.arrays(&self.directories)
    }

    /// Calls with offset and length of each block of an image, in order; both are 0 for a block that is left out.
    pub(super) fn for_each_block(
        &self,
        image: usize,
        blocks: &mut dyn EncodedBlocks,
        call: &mut dyn FnMut(u64, u32) -> Result<()>,
    ) -> Result<()> {
        let Image { level, is_mask } = self.images[image];
        let mut offset = self.level_starts[level];
        let before = if self.is_cog() { AROUND_BYTES / 2 } else { 0 };
        for number in 0..self.order.pieces_of(level) {
            let piece = self.order.piece_of(level, number);
            let length = blocks.length(piece)?;
            if self.order.is_mask(piece) == is_mask {
                call(if length == 0 { 0 } else { offset + before }, length)?;
            }
            offset += piece_bytes(self.container, length);
        }
        Ok(())
    }
}

/// Bytes that a piece takes in the file.
fn piece_bytes(container: Container, length: u32) -> u64 {
    match container {
        _ if length == 0 => 0,
        Container::Plain => u64::from(length),
        Container::Cog => u64::from(length) + AROUND_BYTES,
    }
}

fn shape_of(description: &FileDescription, level: usize) -> Shape {
    if level == 0 { description.grid.shape } else { description.overviews[level - 1] }
}

fn order(description: &FileDescription) -> Order {
    let block = description.options.block();
    let levels: Vec<Shape> =
        (0..=description.overviews.len()).map(|level| shape_of(description, level).blocks(block)).collect();
    let bands = description.grid.bands.len();
    let planes = match description.options.effective_interleave(bands) {
        Interleave::Pixel => 1,
        Interleave::Band => bands,
    };
    let sequence = match description.container {
        Container::Plain => (0..levels.len()).collect(),
        Container::Cog => (0..levels.len()).rev().collect(),
    };
    Order { levels, planes, has_mask: description.grid.has_mask, sequence }
}

/// The directories in their order, which is GDAL's: the full resolution, its mask, overviews, masks of overviews.
fn images(order: &Order) -> Vec<Image> {
    let mut images = vec![Image { level: 0, is_mask: false }];
    let overviews = 1..order.levels.len();
    if order.has_mask {
        images.push(Image { level: 0, is_mask: true });
    }
    images.extend(overviews.clone().map(|level| Image { level, is_mask: false }));
    if order.has_mask {
        images.extend(overviews.map(|level| Image { level, is_mask: true }));
    }
    images
}

/// What GDAL's readers find behind the header, and may then rely on.
fn ghost(description: &FileDescription, order: &Order) -> String {
    if description.container == Container::Plain {
        return String::new();
    }
    let mut text = String::from(
        "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
         BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n",
    );
    if order.planes > 1 {
        text.push_str("INTERLEAVE=BAND\n");
    }
    // The blank leaves room for a YES, for programs that change the file in place.
    text.push_str("KNOWN_INCOMPATIBLE_EDITION=NO\n ");
    if order.has_mask && order.planes == 1 {
        text.push_str("MASK_INTERLEAVED_WITH_IMAGERY=YES\n");
    }
    format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{text}", text.len())
}
