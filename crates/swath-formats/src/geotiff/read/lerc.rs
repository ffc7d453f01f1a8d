//! LERC blobs to pixels.
//!
//! A blob has a mask of its own. What it leaves out becomes NaN, as in libtiff; integers have none, and such a block is
//! refused rather than guessed.

use lerc::DataType as Kind;
use swath_core::Bytes;
use swath_raster::{DataType, for_data_type};

use super::image::Image;

/// The most memory that decoding a block takes besides the pixels.
///
/// # Memory
/// A mask of a bit per pixel and a copy of it, tables of Huffman codes of 65,536 entries, and for floats without loss
/// the bytes of all samples plane by plane and once more in order.
pub(super) fn bytes_for(image: &Image) -> Bytes {
    Bytes(image.block_bytes() * 3) + Bytes::MIB
}

/// Decodes a block of so many rows.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(image: &Image, rows: u32, blob: &[u8], out: &mut [u8]) -> Result<(), String> {
    let damaged = |error: lerc::LercError| format!("its LERC data is damaged: {error}");
    let info = lerc::decode_info(blob).map_err(damaged)?;
    let samples = image.block_samples as u64;
    let (columns, wanted) = (image.block.columns, kind(image.data_type)?);
    if info.width != columns || info.height != rows || u64::from(info.depth) * u64::from(info.bands) != samples {
        let (width, height, depth, bands) = (info.width, info.height, info.depth, info.bands);
        return Err(format!(
            "its LERC data is of {width} × {height} pixels of {depth} × {bands} samples: wanted {columns} × {rows} of {samples}"
        ));
    }
    if info.bands != 1 || info.data_type != wanted {
        return Err(format!(
            "its LERC data has {} bands of {:?}: wanted one of {wanted:?}",
            info.bands, info.data_type
        ));
    }
    let length = (image.row_bytes() * u64::from(rows)) as usize;
    let out = &mut out[..length];
    let decoded = match image.data_type {
        DataType::UInt64 | DataType::Int64 => return Err("LERC has no integers of 64 bits".into()),
        DataType::UInt8 => lerc::decode_into::<u8>(blob, out),
        DataType::Int8 => lerc::decode_into::<i8>(blob, bytemuck::cast_slice_mut(out)),
        DataType::UInt16 => lerc::decode_into::<u16>(blob, typed(out)?),
        DataType::Int16 => lerc::decode_into::<i16>(blob, typed(out)?),
        DataType::UInt32 => lerc::decode_into::<u32>(blob, typed(out)?),
        DataType::Int32 => lerc::decode_into::<i32>(blob, typed(out)?),
        DataType::Float32 => lerc::decode_into::<f32>(blob, typed(out)?),
        DataType::Float64 => lerc::decode_into::<f64>(blob, typed(out)?),
    };
    let decoded = decoded.map_err(damaged)?;
    let Some(mask) = decoded.valid_masks.first().filter(|mask| !mask.is_all_valid()) else {
        return Ok(());
    };
    if !image.data_type.is_float() {
        return Err("its LERC data leaves out pixels, and integers cannot show that".into());
    }
    for_data_type!(image.data_type, T => {
        let pixels = typed::<T>(out)?.chunks_exact_mut(image.block_samples);
        for (_, pixel) in pixels.enumerate().filter(|(place, _)| !mask.is_valid(*place)) {
            pixel.fill(<T as swath_raster::Pixel>::from_f64(f64::NAN));
        }
    });
    Ok(())
}

fn typed<T: swath_core::Pod>(bytes: &mut [u8]) -> Result<&mut [T], String> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|error| format!("a buffer is not aligned: {error}"))
}

fn kind(data_type: DataType) -> Result<Kind, String> {
    Ok(match data_type {
        DataType::UInt8 => Kind::Byte,
        DataType::Int8 => Kind::Char,
        DataType::UInt16 => Kind::UShort,
        DataType::Int16 => Kind::Short,
        DataType::UInt32 => Kind::UInt,
        DataType::Int32 => Kind::Int,
        DataType::Float32 => Kind::Float,
        DataType::Float64 => Kind::Double,
        other => return Err(format!("LERC has no pixels of type {other}")),
    })
}
