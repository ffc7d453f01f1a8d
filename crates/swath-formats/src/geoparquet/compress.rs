//! Compression of one page at a time, with a context that is kept from page to page.
//!
//! It knows nothing of what a page holds.

use parquet::basic::{Compression, ZstdLevel};
use swath_core::{Error, Result};

use super::LakeCompression;
use super::pages::make_room;

/// A compressor for pages.
pub(super) enum Compressor {
    /// Zstandard.
    Zstd(zstd::bulk::Compressor<'static>),
    /// Snappy; its table is large beside the other kinds.
    Snappy(Box<snap::raw::Encoder>),
    /// Pages are kept as they are.
    None,
}

impl Compressor {
    /// A compressor of the kind that a layout names.
    pub(super) fn new(kind: LakeCompression) -> Result<Compressor> {
        Ok(match kind {
            LakeCompression::Zstd { level } => {
                let compressor = zstd::bulk::Compressor::new(level)
                    .map_err(|error| Error::unexpected(format!("zstd level {level}: {error}")))?;
                Compressor::Zstd(compressor)
            }
            LakeCompression::Snappy => Compressor::Snappy(Box::new(snap::raw::Encoder::new())),
            LakeCompression::None => Compressor::None,
        })
    }

    /// Compresses `page` into `packed` (what it held is gone), and answers what to write: `packed`, or `page` itself.
    pub(super) fn compress<'a>(&mut self, page: &'a [u8], packed: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        match self {
            Compressor::Zstd(compressor) => {
                make_room(packed, zstd::zstd_safe::compress_bound(page.len()));
                compressor
                    .compress_to_buffer(page, packed)
                    .map_err(|error| Error::unexpected(format!("zstd of {} bytes: {error}", page.len())))?;
                Ok(packed)
            }
            Compressor::Snappy(encoder) => {
                make_room(packed, snap::raw::max_compress_len(page.len()));
                packed.resize(snap::raw::max_compress_len(page.len()), 0);
                let length = encoder
                    .compress(page, packed)
                    .map_err(|error| Error::unexpected(format!("snappy of {} bytes: {error}", page.len())))?;
                packed.truncate(length);
                Ok(packed)
            }
            Compressor::None => Ok(page),
        }
    }

    /// Heap that the context holds outside of Rust's allocator.
    #[cfg(test)]
    pub(super) fn context_bytes(&mut self) -> usize {
        match self {
            Compressor::Zstd(compressor) => compressor.context_mut().sizeof(),
            Compressor::Snappy(_) | Compressor::None => 0,
        }
    }
}

/// Most bytes that compression of a page of `page_bytes` can give.
pub(super) fn packed_bytes_max(kind: LakeCompression, page_bytes: usize) -> usize {
    match kind {
        LakeCompression::Zstd { .. } => zstd::zstd_safe::compress_bound(page_bytes),
        LakeCompression::Snappy => snap::raw::max_compress_len(page_bytes),
        LakeCompression::None => page_bytes,
    }
}

/// Most heap that a context holds for pages of at most a few MB, in bytes (measured, and held by a test).
pub(super) fn context_bytes_max(kind: LakeCompression) -> usize {
    match kind {
        LakeCompression::Zstd { level: ..=2 } => 1 << 20,
        LakeCompression::Zstd { level: 3..=4 } => 3 << 20,
        LakeCompression::Zstd { level: 5..=12 } => 24 << 20,
        LakeCompression::Zstd { level: 13.. } => 96 << 20,
        // The encoder keeps one table of 2^14 u16 on the heap.
        LakeCompression::Snappy => 64 << 10,
        LakeCompression::None => 0,
    }
}

/// The codec as the footer names it.
///
/// # Errors
/// [`Error::Usage`] for a level that zstd does not have.
pub(super) fn footer_codec(kind: LakeCompression) -> Result<Compression> {
    Ok(match kind {
        LakeCompression::Zstd { level } => Compression::ZSTD(ZstdLevel::try_new(level).map_err(|_| Error::Usage {
            message: format!("zstd has no level {level}"),
            hint: "wanted a level from 1 (fast) to 22 (small)".into(),
        })?),
        LakeCompression::Snappy => Compression::SNAPPY,
        LakeCompression::None => Compression::UNCOMPRESSED,
    })
}
