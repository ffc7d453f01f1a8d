//! One image of a file: what its directory says of pixels, and whether they can be read.
//!
//! It decides; it reads no pixel.

use swath_core::Result;
use swath_raster::{DataType, Shape, Window};

use super::colors;
use super::directory::{Directory, Kind};
use super::index::{BlockPlace, Index};
use super::input::Input;
use super::kinds;
use crate::geotiff::{Compression, Interleave, Predictor, tags};

/// More bands than any file has.
pub(super) const SAMPLES: u64 = 65_535;

/// As many bands as may share one statement of their bits.
const UNNAMED_SAMPLES: u64 = 64;

/// What is known of an image before its pixels are read.
#[derive(Debug)]
pub(super) struct Image {
    /// Which image of its file it is.
    pub number: u32,
    /// What kind of subfile it is (tag 254).
    pub subfile: u64,
    pub shape: Shape,
    /// Rows and columns of a block. Of strips the last may have fewer rows.
    pub block: Shape,
    pub tiled: bool,
    /// All bands.
    pub samples: usize,
    /// Bands of a block.
    pub block_samples: usize,
    pub interleave: Interleave,
    /// Bits of a sample as it is stored.
    pub bits: u32,
    /// What becomes of it.
    pub data_type: DataType,
    /// Whether it is a float of 16 bits.
    pub half: bool,
    pub compression: Compression,
    /// What LERC blobs were packed with on top.
    pub lerc_packing: Compression,
    pub predictor: Predictor,
    /// Whether the bits of each byte run backwards.
    pub reversed_bits: bool,
    pub photometric: u16,
    /// Whether the last band says how opaque pixels are, and the others are not multiplied by it.
    pub ends_in_opacity: bool,
    pub jpeg_tables: Vec<u8>,
    pub index: Index,
}

/// What is read at once of blocks that are not packed, unless a row is more.
const PIECE: u64 = 1 << 20;

/// A block of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockAt {
    pub plane: u32,
    pub row: u32,
    pub column: u32,
}

impl Image {
    /// Reads what a directory says. Nothing is known of its blocks until [`Image::survey`].
    pub fn read(input: &Input, directory: &Directory, number: u32) -> Result<Image> {
        let tag = |tag| directory.number(input, tag);
        let shape = Shape {
            rows: side(input, directory, tags::IMAGE_LENGTH, "number of rows")?,
            columns: side(input, directory, tags::IMAGE_WIDTH, "number of columns")?,
        };
        let samples = samples(input, directory)?;
        let (bits, data_type, half) = kinds::sample_type(input, directory)?;
        let interleave = match tag(tags::PLANAR_CONFIGURATION)?.unwrap_or(1) {
            2 if samples > 1 => Interleave::Band,
            1 | 2 => Interleave::Pixel,
            other => return Err(input.corrupt(directory.offset, format!("planar configuration {other}"))),
        };
        let (tiled, block) = block(input, directory, shape)?;
        let block_samples = if interleave == Interleave::Pixel { samples } else { 1 };
        let (compression, lerc_packing) = kinds::packing(input, directory)?;
        let photometric = match tag(tags::PHOTOMETRIC)?.unwrap_or(1) as u16 {
            // Some files say that they are grey, and have colours all the same.
            0 | 1 if samples == 1 && bits <= 16 && has_colours(input, directory, bits) => colors::PALETTE,
            other => other,
        };
        kinds::refuse_unread(input, directory, compression, (bits, data_type), block_samples, photometric)?;
        let predictor = kinds::predictor(input, directory, compression, bits, data_type)?;
        let planes = (samples / block_samples) as u64;
        let blocks = shape.blocks(block).pixels().saturating_mul(planes);
        let decoded = u128::from(row_bytes(block.columns, block_samples, bits)) * u128::from(block.rows);
        if decoded.saturating_mul(8) > u128::from(u64::MAX >> 8) {
            return Err(input.corrupt(directory.offset, format!("a block of it has {decoded} bytes")));
        }
        Ok(Image {
            number,
            subfile: tag(tags::NEW_SUBFILE_TYPE)?.unwrap_or(0),
            shape,
            block,
            tiled,
            samples,
            block_samples,
            interleave,
            bits,
            data_type,
            half,
            compression,
            lerc_packing,
            predictor,
            reversed_bits: tag(tags::FILL_ORDER)? == Some(2),
            photometric,
            ends_in_opacity: kinds::extra_samples(input, directory)?.last() == Some(&kinds::OPACITY),
            jpeg_tables: directory.bytes(input, tags::JPEG_TABLES, 1 << 16)?,
            index: Index::read(input, directory, tiled, blocks)?,
        })
    }

    /// Looks at the places of all blocks, which takes time with their number.
    pub fn survey(&mut self, input: &Input) -> Result<()> {
        let (blocks, decoded) = (self.blocks(), self.stored_block_bytes());
        self.index.survey(input, blocks, decoded)
    }

    /// Bytes of the file that belong to this image alone, besides its blocks.
    pub fn claimed_bytes(&self) -> u64 {
        self.index.bytes_of(self.blocks()).saturating_add(self.jpeg_tables.len() as u64)
    }

    /// Rows that a block has in the file: fewer only in the last strip.
    pub fn block_rows(&self, row: u32) -> u32 {
        if self.tiled { self.block.rows } else { self.block.rows.min(self.shape.rows - row * self.block.rows) }
    }

    /// The pixels of a block that are in the image.
    pub fn block_window(&self, at: BlockAt) -> Window {
        let (row, column) = (at.row * self.block.rows, at.column * self.block.columns);
        Window {
            row,
            column,
            rows: self.block.rows.min(self.shape.rows - row),
            columns: self.block.columns.min(self.shape.columns - column),
        }
    }

    /// Blocks of all planes.
    pub fn blocks(&self) -> u64 {
        self.shape.blocks(self.block).pixels() * (self.samples / self.block_samples) as u64
    }

    /// Rows of a block that is not packed that are read at once.
    pub fn piece_rows(&self) -> u32 {
        (PIECE / self.row_bytes().max(1)).clamp(1, u64::from(self.block.rows)) as u32
    }

    /// Puts the bits of read bytes in their order.
    pub fn order_bits(&self, bytes: &mut [u8]) {
        // JPEG streams never run backwards.
        if self.reversed_bits && self.compression != Compression::Jpeg {
            bytes.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
    }

    /// The number of a block in the index.
    pub fn block_number(&self, at: BlockAt) -> u64 {
        let blocks = self.shape.blocks(self.block);
        u64::from(at.plane) * blocks.pixels() + u64::from(at.row) * u64::from(blocks.columns) + u64::from(at.column)
    }

    /// Bytes of a row of a block as it is stored, unpacked.
    pub fn stored_row_bytes(&self) -> u64 {
        row_bytes(self.block.columns, self.block_samples, self.bits)
    }

    /// Bytes of a block as it is stored, unpacked.
    pub fn stored_block_bytes(&self) -> u64 {
        self.stored_row_bytes() * u64::from(self.block.rows)
    }

    /// Whether samples are stored as they are in memory, up to the order of bytes.
    pub fn is_plain(&self) -> bool {
        self.bits == 8 * self.data_type.size() as u32 && !self.half
    }

    /// Bytes of a row of a block in memory.
    pub fn row_bytes(&self) -> u64 {
        u64::from(self.block.columns) * self.block_samples as u64 * self.data_type.size() as u64
    }

    /// Bytes of a block in memory.
    pub fn block_bytes(&self) -> u64 {
        self.row_bytes() * u64::from(self.block.rows)
    }

    /// The most that is read of a packed block: no packing makes data twice as long.
    pub fn packed_bytes(&self, place: BlockPlace) -> u64 {
        let limit = if self.compression == Compression::None { 0 } else { self.stored_block_bytes() + 65_536 };
        place.length.min(self.stored_block_bytes().saturating_add(limit))
    }

    /// The most memory that a packed block takes.
    pub fn packed_bytes_max(&self) -> u64 {
        self.packed_bytes(BlockPlace { offset: 0, length: self.index.longest })
    }

    /// Finds the places of blocks from `first` on.
    pub fn lookup(&self, input: &Input, first: u64, places: &mut [BlockPlace]) -> Result<()> {
        self.index.lookup(input, first, self.stored_block_bytes(), places)
    }
}

/// Bytes of a row of samples; rows begin at whole bytes.
fn row_bytes(columns: u32, samples: usize, bits: u32) -> u64 {
    (u64::from(columns) * samples as u64 * u64::from(bits)).div_ceil(8)
}

/// A number of rows or columns.
fn side(input: &Input, directory: &Directory, tag: u16, name: &str) -> Result<u32> {
    match directory.number(input, tag)? {
        Some(size) if size > 0 && size <= i32::MAX as u64 => Ok(size as u32),
        Some(size) => Err(input.corrupt(directory.offset, format!("its {name} is {size}"))),
        None => Err(input.corrupt(directory.offset, format!("it does not say its {name}"))),
    }
}

/// Whether there is a colour for each value of a pixel. A table that is damaged is none.
fn has_colours(input: &Input, directory: &Directory, bits: u32) -> bool {
    let colours = directory.entry(input, tags::COLOR_MAP).ok().flatten();
    colours.is_some_and(|colours| colours.kind == Kind::Unsigned(2) && colours.count == 3 << bits)
}

/// How many bands there are.
fn samples(input: &Input, directory: &Directory) -> Result<usize> {
    let samples = directory.number(input, tags::SAMPLES_PER_PIXEL)?.unwrap_or(1);
    if samples == 0 || samples > SAMPLES {
        return Err(input.corrupt(directory.offset, format!("it has {samples} bands: wanted 1 to {SAMPLES}")));
    }
    // A file that has many bands says so once for each of them: a number alone is no reason to take memory.
    let named = directory.entry(input, tags::BITS_PER_SAMPLE)?.map_or(0, |entry| entry.count);
    if samples > UNNAMED_SAMPLES && named < samples {
        return Err(input.corrupt(directory.offset, format!("it has {samples} bands and the bits of {named}")));
    }
    Ok(samples as usize)
}

/// Whether blocks are tiles, and their rows and columns.
fn block(input: &Input, directory: &Directory, shape: Shape) -> Result<(bool, Shape)> {
    if directory.entry(input, tags::TILE_WIDTH)?.is_some() {
        let rows = side(input, directory, tags::TILE_LENGTH, "number of rows of a tile")?;
        return Ok((true, Shape::new(rows, side(input, directory, tags::TILE_WIDTH, "number of columns of a tile")?)));
    }
    let rows = directory.number(input, tags::ROWS_PER_STRIP)?.unwrap_or(u64::from(shape.rows));
    if rows == 0 {
        return Err(input.corrupt(directory.offset, "its strips have 0 rows"));
    }
    Ok((false, Shape::new(rows.min(u64::from(shape.rows)) as u32, shape.columns)))
}
