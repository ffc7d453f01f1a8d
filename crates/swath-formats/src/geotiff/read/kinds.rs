//! Which kinds of samples and of packings are read, and what is said of the others.

use swath_core::{Error, Result};
use swath_raster::DataType;

use super::directory::Directory;
use super::image::SAMPLES;
use super::input::Input;
use crate::geotiff::{Compression, Predictor, tags};

/// Bits of a sample, the type that it becomes, and whether it is a float of 16 bits.
pub(super) fn sample_type(input: &Input, directory: &Directory) -> Result<(u32, DataType, bool)> {
    let same = |tag: u16, default: u64, what: &str| -> Result<u64> {
        let values = directory.numbers(input, tag, SAMPLES)?;
        let first = values.first().copied().unwrap_or(default);
        match values.iter().find(|value| **value != first) {
            Some(other) => {
                let reason = format!("its bands differ in their {what}: {first} and {other}");
                Err(input.unsupported(reason, "split it into files of one type, for example with gdal_translate -b"))
            }
            None => Ok(first),
        }
    };
    let bits = same(tags::BITS_PER_SAMPLE, 1, "bits")?;
    let format = same(tags::SAMPLE_FORMAT, 1, "sample format")?;
    let refused =
        |what: String| Err(input.unsupported(what, "convert it first, for example with gdal_translate -ot Float32"));
    let data_type = match (format, bits) {
        (5 | 6, _) => return refused("its pixels are complex numbers, which are not read".into()),
        (2, 8) => DataType::Int8,
        (2, 16) => DataType::Int16,
        (2, 32) => DataType::Int32,
        (2, 64) => DataType::Int64,
        (3, 16 | 32) => DataType::Float32,
        (3, 64) => DataType::Float64,
        (0 | 1 | 4, 1..=8) => DataType::UInt8,
        (0 | 1 | 4, 9..=16) => DataType::UInt16,
        (0 | 1 | 4, 32) => DataType::UInt32,
        (0 | 1 | 4, 64) => DataType::UInt64,
        (format, bits) => {
            let kind = match format {
                2 => "integers with a sign",
                3 => "floats",
                _ => "integers",
            };
            return refused(format!("its pixels are {kind} of {bits} bits, which are not read"));
        }
    };
    Ok((bits as u32, data_type, format == 3 && bits == 16))
}

/// The compression, and what LERC is wrapped in.
pub(super) fn packing(input: &Input, directory: &Directory) -> Result<(Compression, Compression)> {
    let number = directory.number(input, tags::COMPRESSION)?.unwrap_or(1);
    let compression = match number {
        1 => Compression::None,
        5 => Compression::Lzw,
        7 => Compression::Jpeg,
        8 | 32_946 => Compression::Deflate,
        32_773 => Compression::PackBits,
        34_887 => Compression::Lerc,
        50_000 => Compression::Zstd,
        other => return Err(unknown_packing(input, other)),
    };
    let lerc = if compression == Compression::Lerc {
        directory.numbers(input, tags::LERC_PARAMETERS, 16)?.get(1).copied().unwrap_or(0)
    } else {
        0
    };
    let wrapped = match lerc {
        0 => Compression::None,
        1 => Compression::Deflate,
        2 => Compression::Zstd,
        other => return Err(input.unsupported(format!("its LERC blobs are packed by method {other}"), CONVERT)),
    };
    Ok((compression, wrapped))
}

/// What extra samples are (tag 338): opacity that the other bands are multiplied by, and opacity alone.
pub(super) const OPACITY_MULTIPLIED: u64 = 1;
pub(super) const OPACITY: u64 = 2;

/// What the bands beyond those of a colour are; empty if nothing is said.
pub(super) fn extra_samples(input: &Input, directory: &Directory) -> Result<Vec<u64>> {
    directory.numbers(input, tags::EXTRA_SAMPLES, SAMPLES)
}

/// Refuses what is only known from several tags together not to be read.
pub(super) fn refuse_unread(
    input: &Input,
    directory: &Directory,
    compression: Compression,
    (bits, data_type): (u32, DataType),
    block_samples: usize,
    photometric: u16,
) -> Result<()> {
    let refused = |what: String| Err(input.unsupported(format!("{what}, which is not read"), CONVERT));
    match compression {
        Compression::Jpeg if bits != 8 || data_type != DataType::UInt8 => {
            refused(format!("its JPEG blocks are of {data_type} in {bits} bits"))
        }
        Compression::Jpeg if ![1, 3, 4].contains(&block_samples) => {
            refused(format!("its JPEG blocks are of {block_samples} bands"))
        }
        Compression::Lerc if bits != 8 * data_type.size() as u32 || matches!(bits, 64 if !data_type.is_float()) => {
            refused(format!("its LERC blobs are of {data_type} in {bits} bits"))
        }
        Compression::Jpeg => Ok(()),
        _ if photometric == YCBCR => {
            let steps = directory.numbers(input, tags::YCBCR_SUBSAMPLING, 2)?;
            match (steps.first().copied().unwrap_or(2), steps.get(1).copied().unwrap_or(2)) {
                (1, 1) => Ok(()),
                (across, down) => refused(format!("its chrominance is stored for {across} × {down} pixels at once")),
            }
        }
        _ => Ok(()),
    }
}

/// Photometric interpretation: luminance and chrominance.
pub(super) const YCBCR: u16 = 6;

/// What to do about what is not read.
pub(super) const CONVERT: &str = "convert it first, for example with gdal_translate -co COMPRESS=DEFLATE";

fn unknown_packing(input: &Input, number: u64) -> Error {
    let name = match number {
        2 => "CCITT modified Huffman",
        3 => "CCITT fax 3",
        4 => "CCITT fax 4",
        6 => "old-style JPEG",
        9 | 10 => "JBIG",
        34_712 | 33_003 | 33_004 | 33_005 => "JPEG 2000",
        34_925 => "LZMA",
        50_001 => "WebP",
        50_002 | 52_546 => "JPEG XL",
        _ => "",
    };
    let name = if name.is_empty() { format!("number {number}") } else { format!("{name} ({number})") };
    input.unsupported(format!("its compression is {name}, which is not read"), CONVERT)
}

/// The predictor, where the compression has one.
pub(super) fn predictor(
    input: &Input,
    directory: &Directory,
    compression: Compression,
    bits: u32,
    data_type: DataType,
) -> Result<Predictor> {
    if !matches!(compression, Compression::Deflate | Compression::Lzw | Compression::Zstd) {
        return Ok(Predictor::None);
    }
    let predictor = match directory.number(input, tags::PREDICTOR)?.unwrap_or(1) {
        1 => Predictor::None,
        2 if matches!(bits, 8 | 16 | 32 | 64) => Predictor::Horizontal,
        3 if data_type.is_float() => Predictor::FloatingPoint,
        other => {
            let message = format!("predictor {other} does not go with pixels of {bits} bits");
            return Err(input.corrupt(directory.offset, message));
        }
    };
    Ok(predictor)
}
