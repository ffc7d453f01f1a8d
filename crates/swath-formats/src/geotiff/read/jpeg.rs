//! JPEG blocks to pixels (TIFF technical note 2).
//!
//! Colours that are stored as luminance and chrominance become red, green and blue; others stay what they are.

use swath_core::Bytes;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::image::Image;
use super::kinds::YCBCR;

/// The most memory that decoding a block takes besides the pixels.
///
/// # Memory
/// The stream joined with its tables, and for progressive streams two bytes for each coefficient of each component,
/// padded to units of 16 by 16.
pub(super) fn bytes_for(image: &Image) -> Bytes {
    let padded = u64::from(image.block.rows.next_multiple_of(16)) * u64::from(image.block.columns.next_multiple_of(16));
    Bytes(image.packed_bytes_max() + (1 << 16) + padded * image.block_samples as u64 * 4) + Bytes::MIB
}

/// Decodes a block of so many rows.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(image: &Image, rows: u32, packed: &[u8], out: &mut [u8]) -> Result<(), String> {
    // A stream with tables elsewhere: theirs without the end of image, its own without the start of image.
    let tables = image.jpeg_tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(&image.jpeg_tables);
    let own = if tables.is_empty() { packed } else { packed.strip_prefix(&[0xff, 0xd8]).unwrap_or(packed) };
    let stream = [tables, own].concat();
    let columns = image.block.columns as usize;
    let options = DecoderOptions::new_fast()
        .set_strict_mode(false)
        .set_max_width(columns)
        .set_max_height(image.block.rows as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&stream[..]), options);
    let damaged = |error: zune_jpeg::errors::DecodeErrors| format!("its JPEG data is damaged: {error}");
    decoder.decode_headers().map_err(damaged)?;
    let Some(info) = decoder.info() else {
        return Err("its JPEG data has no header".into());
    };
    let got = (usize::from(info.width), usize::from(info.height), usize::from(info.components));
    if got.0 != columns || got.1 < rows as usize || got.2 != image.block_samples {
        return Err(format!(
            "its JPEG data is of {} × {} pixels of {} samples: wanted {columns} × {rows} of {}",
            got.0, got.1, got.2, image.block_samples
        ));
    }
    // What comes out is what went in, whatever the stream calls it: colours are what the tags say.
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    let length = columns * got.1 * image.block_samples;
    let Some(out) = out.get_mut(..length).filter(|_| decoder.output_buffer_size() == Some(length)) else {
        return Err("its JPEG data is of more pixels than a block".into());
    };
    decoder.decode_into(out).map_err(damaged)?;
    if image.photometric == YCBCR && image.block_samples == 3 {
        out.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = color(*pixel));
    }
    Ok(())
}

/// Red, green and blue of luminance and chrominance (JFIF 1.02, page 3), rounded as libjpeg does it.
fn color([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let parts = [91_881 * red + HALF, -22_554 * blue - 46_802 * red + HALF, 116_130 * blue + HALF];
    parts.map(|part| (luma + (part >> 16)).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_those_of_the_standard() {
        let cases = [([0, 128, 128], [0, 0, 0]), ([255, 128, 128], [255, 255, 255]), ([76, 85, 255], [254, 0, 0])];
        for (stored, wanted) in cases {
            assert_eq!(color(stored), wanted);
        }
    }
}
