//! A level of a file as a raster: windows in, tiles out.
//!
//! Blocks that lie in the window as a whole are decoded beside the tile and copied; those that it only touches come from
//! the cache, since the next window wants them too. Rows of blocks that are not packed are read as they are wanted.

use std::sync::Arc;

use swath_core::{Buffer, Bytes, Error, Lease, Result};
use swath_raster::{BlockCache, BlockKey, DataType, Grid, Pixel, Raster, Shape, Tile, Window, for_data_type};

use super::GeoTiff;
use super::decode::Decoder;
use super::image::{BlockAt, Image};
use super::index::{BlockPlace, LOOKUPS};
use super::input::Input;
use super::scatter::{BandAt, Source, Target};
use super::validity;
use crate::geotiff::{Compression, Interleave};

/// What reading takes on the heap, in small things.
const SMALL: Bytes = Bytes(8 << 10);

/// Masks are images of their own in the cache.
const MASK_LEVEL: u32 = 1 << 16;

/// One level of a file.
pub struct TiffRaster {
    tiff: Arc<GeoTiff>,
    level: usize,
    cache: Arc<BlockCache>,
}

impl TiffRaster {
    pub(super) fn new(tiff: Arc<GeoTiff>, level: usize, cache: Arc<BlockCache>) -> TiffRaster {
        TiffRaster { tiff, level, cache }
    }

    /// The file.
    pub fn tiff(&self) -> &Arc<GeoTiff> {
        &self.tiff
    }

    fn image(&self) -> &Image {
        &self.tiff.levels[self.level].image
    }

    /// Whether any pixel can be without a value.
    fn may_be_invalid(&self) -> bool {
        let grid = self.grid();
        grid.data_type.is_float() || grid.nodata.is_some() || grid.has_mask || grid.opacity().is_some()
    }
}

impl Raster for TiffRaster {
    fn grid(&self) -> &Grid {
        &self.tiff.grids[self.level]
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        // The band of opacity is read whether it is wanted or not.
        let bands = bands + usize::from(self.grid().opacity().is_some());
        let level = &self.tiff.levels[self.level];
        let tile = Tile::bytes_for(window, bands, level.image.data_type, false);
        let plane = |planes: usize| Tile::bytes_for(window, planes, DataType::UInt8, false);
        let validity = if self.may_be_invalid() { plane(bands) } else { Bytes::ZERO };
        let mask = level.mask.as_ref().map_or(Bytes::ZERO, |(_, mask)| {
            let planes = if mask.samples == 1 { 1 } else { bands };
            plane(planes) + working_bytes(mask)
        });
        // Buffers of blocks are gone when validity is looked at.
        tile + SMALL + working_bytes(&level.image).max(validity + mask)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let level = &self.tiff.levels[self.level];
        let (grid, image) = (self.grid(), &level.image);
        if window.is_empty() || !grid.shape.whole().contains(window) || bands.iter().any(|band| *band >= image.samples)
        {
            return Err(Error::unexpected(format!("{window:?} of bands {bands:?} is not in {:?}", grid.shape)));
        }
        let opacity = grid.opacity().map(|opacity| (opacity, bands.iter().position(|band| *band == opacity)));
        let with_opacity: Vec<usize>;
        let (wanted, bands) = match opacity {
            Some((opacity, None)) => {
                with_opacity = bands.iter().copied().chain([opacity]).collect();
                (bands.len(), &with_opacity[..])
            }
            _ => (bands.len(), bands),
        };
        let mut tile = Tile::unwritten(window, bands.len(), image.data_type, lease)?;
        // A mask of each band is none that can be written: what is under it has to say so by itself.
        tile.as_stored = level.mask.as_ref().is_none_or(|(_, mask)| mask.samples == 1);
        let read = |image, input, level, lease| Reading { image, input, level, lease, raster: self };
        for_data_type!(image.data_type, T => {
            let nodata = grid.nodata.and_then(|nodata| nodata.to_pixel::<T>());
            let reading = read(image, &*level.input, self.level as u32, lease);
            let fill = nodata.unwrap_or(T::from_f64(0.0));
            reading.fill(Target { pixels: tile.values_mut::<T>()?, window }, bands, fill)?;
            // A mask says all that is to be said, but that no NaN is a value.
            validity::mark(&mut tile, nodata.filter(|_| level.mask.is_none()), lease)?;
            if let Some((_, position)) = opacity {
                validity::opacity::<T>(&mut tile, position.unwrap_or(wanted), lease)?;
            }
        });
        if let Some((input, image)) = &level.mask {
            let planes = if image.samples == 1 { &[0][..] } else { bands };
            let mut mask = lease.buffer_unzeroed::<u8>(window.pixels() as usize * planes.len())?;
            let reading = read(image, &**input, self.level as u32 + MASK_LEVEL, lease);
            // Where a mask was never written nothing is valid.
            reading.fill(Target { pixels: &mut mask[..], window }, planes, 0)?;
            validity::mask(&mut tile, &mask, lease)?;
        }
        tile.keep_bands(wanted);
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        Bytes::ZERO
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        let image = self.image();
        match image.compression {
            Compression::None => window.pixels(),
            _ => window.align(image.block, image.shape).pixels(),
        }
    }

    fn source_blocks(&self) -> Vec<Shape> {
        vec![self.grid().block]
    }
}

/// Memory that reading an image takes besides the tile: one block, and what makes pixels of it.
fn working_bytes(image: &Image) -> Bytes {
    let rows = if image.compression == Compression::None { image.piece_rows() } else { image.block.rows };
    Decoder::bytes_for(image) + Bytes((image.row_bytes() * u64::from(rows)).next_multiple_of(8))
}

/// One image that is read into one tile.
struct Reading<'a> {
    raster: &'a TiffRaster,
    image: &'a Image,
    input: &'a Input,
    level: u32,
    lease: &'a Lease,
}

/// What is kept from block to block.
struct Working<'a> {
    decoder: Decoder<'a>,
    /// A decoded block, aligned for any pixel.
    block: Option<Buffer<u64>>,
}

impl Reading<'_> {
    /// Fills a tile; `empty` is the value of blocks that were never written.
    fn fill<T: Pixel>(&self, mut target: Target<'_, T>, bands: &[usize], empty: T) -> Result<()> {
        let mut working = Working { decoder: Decoder::new(self.input, self.image, self.lease), block: None };
        match self.image.interleave {
            Interleave::Pixel => {
                let bands = bands.iter().enumerate().map(|(position, sample)| BandAt { sample: *sample, position });
                let bands: Vec<BandAt> = bands.collect();
                self.fill_plane(0, &bands, &mut target, empty, &mut working)
            }
            Interleave::Band => bands.iter().enumerate().try_for_each(|(position, plane)| {
                let band = BandAt { sample: 0, position };
                self.fill_plane(*plane as u32, &[band], &mut target, empty, &mut working)
            }),
        }
    }

    fn fill_plane<T: Pixel>(
        &self,
        plane: u32,
        bands: &[BandAt],
        target: &mut Target<'_, T>,
        empty: T,
        working: &mut Working<'_>,
    ) -> Result<()> {
        let (window, block) = (target.window, self.image.block);
        let columns = window.column / block.columns..window.end_column().div_ceil(block.columns);
        let mut places = [BlockPlace::default(); LOOKUPS];
        for row in window.row / block.rows..window.end_row().div_ceil(block.rows) {
            for first in columns.clone().step_by(LOOKUPS) {
                let count = LOOKUPS.min((columns.end - first) as usize);
                let start = self.image.block_number(BlockAt { plane, row, column: first });
                self.image.lookup(self.input, start, &mut places[..count])?;
                for (column, place) in (first..).zip(&places[..count]) {
                    let at = BlockAt { plane, row, column };
                    let part = self.image.block_window(at).intersection(window);
                    if place.length == 0 {
                        target.fill(empty, part, bands);
                    } else if self.image.compression == Compression::None {
                        self.copy_rows(at, *place, part, bands, target, working)?;
                    } else {
                        self.copy_block(at, *place, part, bands, target, working)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies the part of a packed block that is in the window.
    fn copy_block<T: Pixel>(
        &self,
        at: BlockAt,
        place: BlockPlace,
        part: Window,
        bands: &[BandAt],
        target: &mut Target<'_, T>,
        working: &mut Working<'_>,
    ) -> Result<()> {
        let whole = self.image.block_window(at);
        let length = self.image.block_bytes() as usize;
        let corner = (part.row - whole.row, part.column - whole.column);
        let (raster, block) = (self.raster, self.image.block_number(at));
        let key = BlockKey { source: raster.tiff.number, level: self.level, plane: at.plane, block };
        let cached = if part == whole {
            raster.cache.peek(key)
        } else {
            // Where the cache has no room this takes the place of the block in hand.
            working.block = None;
            let decoder = &mut working.decoder;
            Some(raster.cache.fetch(key, length, self.lease, |bytes| decoder.decode(at, place, bytes))?)
        };
        if let Some(block) = cached {
            target.copy(self.source(bytemuck::cast_slice(block.bytes())), corner, part, bands);
            return Ok(());
        }
        if let Some(range) = self.straight(part, target, bands) {
            return working.decoder.decode(at, place, bytemuck::cast_slice_mut(&mut target.pixels[range]));
        }
        let mut block = match working.block.take() {
            Some(block) => block,
            None => self.lease.buffer_unzeroed(length.div_ceil(8))?,
        };
        let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut block)[..length];
        working.decoder.decode(at, place, bytes)?;
        target.copy(self.source(bytemuck::cast_slice(bytes)), corner, part, bands);
        working.block = Some(block);
        Ok(())
    }

    /// Copies rows of a block that is not packed, some at a time.
    fn copy_rows<T: Pixel>(
        &self,
        at: BlockAt,
        place: BlockPlace,
        part: Window,
        bands: &[BandAt],
        target: &mut Target<'_, T>,
        working: &mut Working<'_>,
    ) -> Result<()> {
        let whole = self.image.block_window(at);
        let rows = self.image.piece_rows();
        let length = self.image.row_bytes() as usize * rows as usize;
        for row in (part.row..part.end_row()).step_by(rows as usize) {
            let piece = Window { row, rows: rows.min(part.end_row() - row), ..part };
            let lines = row - whole.row..row - whole.row + piece.rows;
            let mut block = match working.block.take() {
                Some(block) => block,
                None => self.lease.buffer_unzeroed(length.div_ceil(8))?,
            };
            let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut block)[..length];
            working.decoder.read_rows(at, place, lines, bytes)?;
            target.copy(self.source(bytemuck::cast_slice(bytes)), (0, part.column - whole.column), piece, bands);
            working.block = Some(block);
        }
        Ok(())
    }

    fn source<'s, T>(&self, pixels: &'s [T]) -> Source<'s, T> {
        Source { pixels, columns: self.image.block.columns as usize, samples: self.image.block_samples }
    }

    /// The pixels of the tile that a whole block becomes without being moved, if they lie one after the other.
    fn straight<T: Pixel>(
        &self,
        part: Window,
        target: &Target<'_, T>,
        bands: &[BandAt],
    ) -> Option<std::ops::Range<usize>> {
        let fits = self.image.block_samples == 1
            && part.shape() == self.image.block
            && part.columns == target.window.columns
            && bands.len() == 1;
        let start = target.start(bands.first()?.position, part.row, part.column);
        fits.then(|| start..start + part.pixels() as usize)
    }
}
