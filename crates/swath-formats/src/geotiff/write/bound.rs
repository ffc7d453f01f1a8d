//! How much memory encoding takes at most, known before it starts.
//!
//! The bounds hold for pixels of any kind; a test holds them against a counting allocator and the C library's count.

use swath_core::Bytes;
use swath_raster::{DataType, Grid};

use super::super::{Compression, Interleave};
use super::codec::{deflate_bytes_max, has_small_tables, lzw_bytes_max};
use super::options::WriteOptions;
use super::packbits;

/// Heap that a [`BlockEncoder`](super::BlockEncoder) holds at most, while it encodes and after.
pub fn encoder_bytes_max(grid: &Grid, options: &WriteOptions) -> Bytes {
    let (raw, side) = (part_bytes(grid, options), options.side() as usize);
    let row = raw / side;
    let packed = packed_bytes_max(options, raw, side).max(mask_bytes_max(grid, options));
    // Block, a row twice, the packed block; bits of the mask and a compressor of their own.
    let mut total = raw + 2 * row + packed + context_bytes_max(options, grid.data_type, raw) + (64 << 10);
    if grid.has_mask {
        total += side * side / 8 + DEFLATE_CONTEXT_BYTES;
    }
    Bytes::from(total)
}

/// Bytes of the parts of one block of the grid at most, mask included.
pub fn block_bytes_max(grid: &Grid, options: &WriteOptions) -> Bytes {
    let raw = part_bytes(grid, options);
    let parts = match options.effective_interleave(grid.bands.len()) {
        Interleave::Pixel => 1,
        Interleave::Band => grid.bands.len() as u64,
    };
    Bytes::from(packed_bytes_max(options, raw, options.side() as usize)) * parts
        + Bytes::from(mask_bytes_max(grid, options))
}

/// Bytes of a part before it is packed.
fn part_bytes(grid: &Grid, options: &WriteOptions) -> usize {
    let bands = match options.effective_interleave(grid.bands.len()) {
        Interleave::Pixel => grid.bands.len(),
        Interleave::Band => 1,
    };
    options.block().pixels() as usize * bands * grid.data_type.size()
}

fn mask_bytes_max(grid: &Grid, options: &WriteOptions) -> usize {
    if grid.has_mask { deflate_bytes_max(options.block().pixels() as usize / 8) } else { 0 }
}

/// Most bytes that a part of `raw` bytes can be packed to.
fn packed_bytes_max(options: &WriteOptions, raw: usize, side: usize) -> usize {
    match options.compression {
        Compression::None => raw,
        Compression::PackBits => packbits::packed_bytes_max(side, raw / side),
        Compression::Lzw => lzw_bytes_max(raw),
        Compression::Deflate => deflate_bytes_max(raw),
        Compression::Zstd => zstd::zstd_safe::compress_bound(raw),
        // A micro block of pixels that do not pack is kept as it is behind one byte; the mask is packed by runs.
        Compression::Lerc | Compression::Jpeg => raw + raw / 16 + side * side / 7 + 1024,
    }
}

/// A compressor of libdeflate up to level 9, measured and rounded up.
const DEFLATE_CONTEXT_BYTES: usize = 1 << 20;

/// Most heap that a context holds, in bytes (measured, and held by tests).
fn context_bytes_max(options: &WriteOptions, data_type: DataType, raw: usize) -> usize {
    match (options.compression, options.effective_level().unwrap_or(0)) {
        (Compression::Deflate, ..=9) => DEFLATE_CONTEXT_BYTES,
        (Compression::Deflate, _) => 10 << 20,
        (Compression::Zstd, _) if has_small_tables(options, data_type) => ZSTD_SMALL_BYTES,
        (Compression::Zstd, level) => zstd_context_bytes_max(level, raw),
        (Compression::Lzw, _) => 256 << 10,
        (Compression::Lerc, _) => 4 * raw,
        _ => 0,
    }
}

/// A compressor of Zstandard for the bytes of floats, whose tables are small whatever a block is; measured and rounded up.
const ZSTD_SMALL_BYTES: usize = 1 << 20;

/// Tables of zstd: their sizes follow the level and, for small inputs, the input.
fn zstd_context_bytes_max(level: u8, raw: usize) -> usize {
    // Entries of the hash and chain tables together, as powers of two, at the levels' own sizes.
    let entries: usize = match level {
        ..=2 => 2 << 16,
        3 => 3 << 16,
        4 => 2 << 18,
        5..=8 => 2 << 20,
        9..=12 => 2 << 23,
        13..=16 => 2 << 23,
        17..=19 => 2 << 24,
        20 => 2 << 25,
        21 => 2 << 26,
        _ => 2 << 27,
    };
    let window = raw.max(1 << 14).next_power_of_two();
    // What a block of 128 KiB is cut into, and codes.
    let fixed = match level {
        ..=4 => 600 << 10,
        5..=12 => 2 << 20,
        _ => 5 << 20,
    };
    fixed + 5 * entries.min(4 * window)
}
