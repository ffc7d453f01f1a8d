//! Encodes one block of the output grid after the other, with rooms that are kept from one to the next.
//!
//! What it makes depends on the pixels of the block alone, so that any worker may make any block, of the full
//! resolution and of overviews alike.

use swath_core::{Error, Result};
use swath_raster::{Grid, Pixel, Scalar, Tile, Window, for_data_type};

use super::super::{Interleave, Predictor};
use super::codec::{self, Codec};
use super::gather::{Plane, Rooms, Treatment, put_block};
use super::mask;
use super::options::WriteOptions;

/// How hard masks are packed.
const MASK_LEVEL: i32 = 6;

/// What was made of one block of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBlock {
    /// Bytes of its parts in the order in which they were given: the block, or with `INTERLEAVE=BAND` one for each band,
    /// then the mask if there is one. A part of 0 bytes is left out of the file.
    pub lengths: Vec<u32>,
}

impl EncodedBlock {
    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }
}

/// Encodes blocks; one per worker.
pub struct BlockEncoder {
    bands: usize,
    bands_per_part: usize,
    data_type: swath_raster::DataType,
    nodata: Option<Scalar>,
    has_mask: bool,
    opacity: Option<usize>,
    /// Whether pixels come back as they were: then what is not seen cannot spoil what is.
    is_exact: bool,
    sparse: bool,
    predictor: Predictor,
    block_size: u32,
    codec: Codec,
    mask_compressor: Option<libdeflater::Compressor>,
    rooms: Rooms,
    bits: Vec<u8>,
    packed: Vec<u8>,
}

impl BlockEncoder {
    /// An encoder for the blocks of a grid and of its overviews.
    ///
    /// # Errors
    /// [`Error::Usage`] for a grid that cannot be written with these options.
    pub fn new(grid: &Grid, options: &WriteOptions) -> Result<BlockEncoder> {
        options.check_for(grid)?;
        let bands = grid.bands.len();
        let bands_per_part = if options.effective_interleave(bands) == Interleave::Pixel { bands } else { 1 };
        let row_bytes = options.side() as usize * bands_per_part * grid.data_type.size();
        Ok(BlockEncoder {
            bands,
            bands_per_part,
            data_type: grid.data_type,
            nodata: grid.nodata,
            has_mask: grid.has_mask,
            opacity: grid.opacity(),
            is_exact: options.max_z_error == 0.0,
            sparse: options.sparse,
            predictor: options.effective_predictor(grid.data_type),
            block_size: options.side(),
            codec: Codec::new(options, grid.data_type, row_bytes)?,
            mask_compressor: if grid.has_mask { Some(codec::deflater(MASK_LEVEL)?) } else { None },
            rooms: Rooms::default(),
            bits: Vec::new(),
            packed: Vec::new(),
        })
    }

    /// Encodes a block: `window` is the part of it inside of the grid, and `tile` holds at least that, with all bands.
    /// The bytes of its parts are given to `out` in order.
    ///
    /// # Nodata
    /// Pixels without a value are written as they are where the tile is as stored and the codec exact, else as the nodata value, NaN or, under
    /// a mask or an opacity of 0, as 0.
    ///
    /// # Memory
    /// At most [`encoder_bytes_max`](super::encoder_bytes_max), kept from block to block, besides what `out` holds.
    ///
    /// # Errors
    /// What `out` answers; [`Error::Usage`] where bands differ in validity and only a mask or an
    /// opacity could say it, and for a pixel without a value where the grid has no way to say so; [`Error::Unexpected`] for a tile that does not
    /// hold the block.
    pub fn encode(
        &mut self,
        tile: &Tile,
        window: Window,
        out: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<EncodedBlock> {
        self.check(tile, window)?;
        let window = window.relative_to(tile.window);
        if let Some(opacity) = self.opacity.filter(|_| !self.data_type.is_float()) {
            mask::check_opacity(tile, window, opacity)?;
        }
        let mut lengths = Vec::with_capacity(self.bands / self.bands_per_part + usize::from(self.has_mask));
        for first in (0..self.bands).step_by(self.bands_per_part) {
            let plane = Plane { tile, window, bands: first..first + self.bands_per_part };
            let length = for_data_type!(self.data_type, T => self.put_part::<T>(&plane, out))?;
            lengths.push(length);
        }
        if self.has_mask {
            lengths.push(self.put_mask(tile, window, out)?);
        }
        Ok(EncodedBlock { lengths })
    }

    fn check(&self, tile: &Tile, window: Window) -> Result<()> {
        let is_whole = !window.is_empty() && window.rows <= self.block_size && window.columns <= self.block_size;
        if is_whole && tile.window.contains(window) && tile.bands == self.bands {
            return Ok(());
        }
        let (rows, columns, bands) = (window.rows, window.columns, self.bands);
        Err(Error::unexpected(format!(
            "a block of {rows} × {columns} pixels and {bands} bands at row {} and column {} was wanted from a tile of {} \
             bands over {:?}",
            window.row, window.column, tile.bands, tile.window
        )))
    }

    fn put_part<T: Pixel>(&mut self, plane: &Plane, out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<u32> {
        let nodata = self.nodata.and_then(T::from_scalar);
        let zero = T::from_f64(0.0);
        let fill = match nodata {
            Some(nodata) => Some(nodata),
            None if self.data_type.is_float() => Some(T::from_f64(f64::NAN)),
            None => (self.has_mask || self.opacity.is_some()).then_some(zero),
        };
        let treatment = Treatment {
            fill,
            keeps_stored: self.is_exact,
            blank: self.sparse.then(|| nodata.unwrap_or(zero)),
            predictor: self.predictor,
            block_size: self.block_size as usize,
        };
        if put_block(plane, treatment, &mut self.rooms)? {
            return Ok(0);
        }
        let side = self.block_size as usize;
        let raw = self.rooms.block(side * side * plane.bands.len() * size_of::<T>());
        let packed = self.codec.pack(raw, &mut self.packed)?;
        out(packed)?;
        length_of(packed)
    }

    fn put_mask(&mut self, tile: &Tile, window: Window, out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<u32> {
        // Readers pass over the nodata value of a file with a mask; NaN stays no value.
        let is_written = (tile.as_stored && self.is_exact) || self.nodata.is_none_or(|nodata| nodata.is_nan());
        let nan_stands = self.data_type.is_float() && is_written;
        let bands_agree = !nan_stands;
        let is_empty = mask::put_bits(tile, window, self.block_size as usize, bands_agree, &mut self.bits)?;
        let Some(compressor) = self.mask_compressor.as_mut().filter(|_| !(is_empty && self.sparse)) else {
            return Ok(0);
        };
        codec::deflate(compressor, &self.bits, &mut self.packed)?;
        out(&self.packed)?;
        length_of(&self.packed)
    }
}

fn length_of(packed: &[u8]) -> Result<u32> {
    u32::try_from(packed.len()).map_err(|_| Error::unexpected(format!("a block of {} bytes", packed.len())))
}
