//! LERC blobs to pixels.
//!
//! A blob has a mask of its own, which libtiff uses in three ways. Of floats what is left out becomes NaN; where bands
//! differ in that, each is a blob with a mask of its own. Of bytes that end in opacity a mask may be that band. Other
//! integers have no value for what is left out, and such a block is refused rather than guessed.

use lerc::DataType as Kind;
use swath_core::Bytes;
use swath_raster::{DataType, Pixel};

use super::image::Image;

/// The most memory that decoding a block takes besides the pixels.
///
/// # Memory
/// A mask of a bit per pixel and a copy of it, tables of Huffman codes of 65,536 entries, and for floats without loss
/// the bytes of all samples plane by plane and once more in order. Bands that are blobs of their own are decoded one after
/// the other, so that what two of them take is no more, beside all of them before they are interleaved.
pub(super) fn bytes_for(image: &Image) -> Bytes {
    Bytes(image.block_bytes() * 3) + Bytes::MIB
}

/// Why a block is not decoded, in words.
pub(super) enum Refusal {
    /// It is damaged.
    Damaged(String),
    /// It is sound, and nothing here can hold what it says.
    Unsupported(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal::Damaged(reason)
    }
}

/// How the samples of a block lie in its LERC data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All of a pixel side by side.
    Whole,
    /// Likewise, and the mask stands for the last one.
    Opacity,
    /// Each band in a blob of its own.
    Bands,
}

/// Decodes a block of so many rows.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(image: &Image, rows: u32, blob: &[u8], out: &mut [u8]) -> Result<(), Refusal> {
    let form = form(image, rows, blob)?;
    let length = (image.row_bytes() * u64::from(rows)) as usize;
    let out = &mut out[..length];
    match image.data_type {
        DataType::UInt8 => pixels::<u8>(image, form, blob, out),
        DataType::Int8 => pixels::<i8>(image, form, blob, bytemuck::cast_slice_mut(out)),
        DataType::UInt16 => pixels::<u16>(image, form, blob, typed(out)?),
        DataType::Int16 => pixels::<i16>(image, form, blob, typed(out)?),
        DataType::UInt32 => pixels::<u32>(image, form, blob, typed(out)?),
        DataType::Int32 => pixels::<i32>(image, form, blob, typed(out)?),
        DataType::Float32 => pixels::<f32>(image, form, blob, typed(out)?),
        DataType::Float64 => pixels::<f64>(image, form, blob, typed(out)?),
        DataType::UInt64 | DataType::Int64 => Err(Refusal::Damaged("LERC has no integers of 64 bits".into())),
    }
}

/// Holds what the blob says against the block.
fn form(image: &Image, rows: u32, blob: &[u8]) -> Result<Form, String> {
    let info = lerc::decode_info(blob).map_err(damaged)?;
    let samples = image.block_samples as u64;
    let (columns, wanted) = (image.block.columns, kind(image.data_type)?);
    let (width, height, depth, bands) = (info.width, info.height, u64::from(info.depth), u64::from(info.bands));
    if width != columns || height != rows || info.data_type != wanted {
        return Err(format!(
            "its LERC data is of {width} × {height} pixels of {:?}: wanted {columns} × {rows} of {wanted:?}",
            info.data_type
        ));
    }
    let may_hide_opacity = image.data_type == DataType::UInt8 && image.ends_in_opacity;
    match (depth, bands) {
        (depth, 1) if depth == samples => Ok(Form::Whole),
        (depth, 1) if may_hide_opacity && depth + 1 == samples => Ok(Form::Opacity),
        (1, bands) if image.data_type.is_float() && bands == samples => Ok(Form::Bands),
        _ => Err(format!("its LERC data has {bands} bands of {depth} samples: wanted {samples} samples")),
    }
}

fn pixels<T: lerc::Sample + Pixel>(image: &Image, form: Form, blob: &[u8], out: &mut [T]) -> Result<(), Refusal> {
    let samples = image.block_samples;
    let none = <T as Pixel>::from_f64(f64::NAN);
    match form {
        Form::Whole => {
            let decoded = lerc::decode_into(blob, out).map_err(damaged)?;
            let Some(mask) = decoded.valid_masks.first().filter(|mask| !mask.is_all_valid()) else {
                return Ok(());
            };
            if !image.data_type.is_float() {
                let reason =
                    format!("its LERC data leaves out pixels of {}, for which there is no value", image.data_type);
                return Err(Refusal::Unsupported(reason));
            }
            let pixels = out.chunks_exact_mut(samples).enumerate();
            pixels.filter(|(place, _)| !mask.is_valid(*place)).for_each(|(_, pixel)| pixel.fill(none));
        }
        Form::Opacity => {
            let (count, colours) = (out.len() / samples, samples - 1);
            let decoded = lerc::decode_into(blob, &mut out[..count * colours]).map_err(damaged)?;
            let mask = decoded.valid_masks.first();
            // From the end, so that no pixel is written over before it was moved.
            for place in (0..count).rev() {
                out.copy_within(place * colours..(place + 1) * colours, place * samples);
                let opaque = mask.is_none_or(|mask| mask.is_valid(place));
                out[place * samples + colours] = <T as Pixel>::from_f64(if opaque { 255.0 } else { 0.0 });
            }
        }
        Form::Bands => {
            let count = out.len() / samples;
            // Bound: a part of what `bytes_for` says.
            let mut bands = vec![none; out.len()];
            let decoded = lerc::decode_into(blob, &mut bands).map_err(damaged)?;
            for (band, values) in bands.chunks_exact(count).enumerate() {
                let mask = decoded.valid_masks.get(band).filter(|mask| !mask.is_all_valid());
                for (place, value) in values.iter().enumerate() {
                    let valid = mask.is_none_or(|mask| mask.is_valid(place));
                    out[place * samples + band] = if valid { *value } else { none };
                }
            }
        }
    }
    Ok(())
}

fn damaged(error: lerc::LercError) -> String {
    format!("its LERC data is damaged: {error}")
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
