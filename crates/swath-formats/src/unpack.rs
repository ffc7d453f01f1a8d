//! What stands between a file and its text: compression and encodings, recognised by content and taken off one by one.
//!
//! Streams only: bytes come in once and in order. Where the text goes, and how much of it there may be, is the
//! caller's.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// Bytes of a text that are looked at.
pub const HEAD_BYTES: usize = 64 << 10;
/// Layers on top of each other at most.
const LAYERS_MAX: usize = 4;
/// Bytes that are decoded at once.
const BLOCK_BYTES: usize = 64 << 10;

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// gzip (RFC 1952), of one or more members.
    Gzip,
    /// Zstandard (RFC 8878), of one or more frames.
    Zstd,
    /// UTF-16, the low byte of a unit first.
    Utf16Little,
    /// UTF-16, the high byte of a unit first.
    Utf16Big,
    /// ISO 8859-1.
    Latin1,
    /// Windows-1252, which has printable characters where ISO 8859-1 has controls.
    Windows1252,
}

impl Layer {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Gzip => "gzip",
            Layer::Zstd => "zstd",
            Layer::Utf16Little | Layer::Utf16Big => "UTF-16",
            Layer::Latin1 => "Latin-1",
            Layer::Windows1252 => "Windows-1252",
        }
    }

    /// The layer that bytes begin with, if they tell.
    pub fn of(head: &[u8]) -> Option<Layer> {
        match head {
            // Deflate is the only method that there is.
            [0x1f, 0x8b, 8, ..] => Some(Layer::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Layer::Zstd),
            [0xff, 0xfe, ..] => Some(Layer::Utf16Little),
            [0xfe, 0xff, ..] => Some(Layer::Utf16Big),
            _ => None,
        }
    }

    /// The encoding with a name; none for UTF-8, which needs nothing.
    ///
    /// # Errors
    /// For a name that is not known: those that are.
    pub fn of_encoding(name: &str) -> Result<Option<Layer>, &'static str> {
        Ok(match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => None,
            // With a mark at the start it says the order itself.
            "utf-16" | "utf-16le" => Some(Layer::Utf16Little),
            "utf-16be" => Some(Layer::Utf16Big),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Some(Layer::Latin1),
            "windows-1252" | "cp1252" => Some(Layer::Windows1252),
            _ => return Err("utf-8, utf-16, utf-16le, utf-16be, latin-1, windows-1252"),
        })
    }
}

/// A text without its layers.
pub struct Text<'r> {
    /// What was taken off, the outermost first.
    pub layers: Vec<Layer>,
    /// Its first bytes, up to [`HEAD_BYTES`].
    pub head: Vec<u8>,
    /// Whether the head is all of it.
    pub is_whole: bool,
    /// All of it, the head once more.
    pub text: Box<dyn Read + 'r>,
}

/// Takes the layers off. `encoding` is the one that somebody named; a byte-order mark counts more. A window of
/// Zstandard takes no more than `window_max` bytes.
///
/// # Errors
/// What reading answers. Damaged data answer [`io::ErrorKind::InvalidData`], those that are cut off
/// [`io::ErrorKind::UnexpectedEof`].
///
/// # Memory
/// 1 MiB, and the window of Zstandard.
pub fn peel<'r>(source: Box<dyn Read + 'r>, encoding: Option<Layer>, window_max: u64) -> io::Result<Text<'r>> {
    let mut layers = Vec::new();
    let mut text = source;
    loop {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        text.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let is_whole = head.len() < HEAD_BYTES;
        let is_text = matches!(layers.last(), Some(layer) if !matches!(layer, Layer::Gzip | Layer::Zstd));
        // Files with columns say themselves how their texts are written.
        let has_columns = crate::arrow::is_arrow(&head) || head.starts_with(b"PAR1") && head.contains(&0);
        let named = encoding.filter(|_| !is_text && !head.is_empty() && !has_columns);
        let layer = Layer::of(&head).filter(|_| !is_text).or(named);
        let Some(layer) = layer.filter(|_| layers.len() < LAYERS_MAX) else {
            let text = Box::new(Cursor::new(head.clone()).chain(text));
            return Ok(Text { layers, head, is_whole, text });
        };
        let rest: Box<dyn Read + 'r> = Box::new(Cursor::new(head).chain(text));
        let inner: Box<dyn Read + 'r> = match layer {
            Layer::Gzip => Box::new(MultiGzDecoder::new(rest)),
            Layer::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(rest)?;
                // The smallest that the format has is 1 KiB.
                decoder.window_log_max(window_max.max(1 << 10).ilog2().min(31))?;
                Box::new(decoder)
            }
            _ => Box::new(Recoded { layer, rest, raw: Vec::new(), out: Vec::new(), taken: 0 }),
        };
        layers.push(layer);
        text = Box::new(Named { layer, inner });
    }
}

/// A reader whose errors say what it reads.
struct Named<'r> {
    layer: Layer,
    inner: Box<dyn Read + 'r>,
}

impl Read for Named<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            _ if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), format!("its {} data are cut off", self.layer.name()))
            }
            _ if error.to_string().starts_with("its ") => error,
            _ => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its {} data cannot be read: {error}", self.layer.name()),
            ),
        })
    }
}

/// Text in another encoding, as UTF-8.
struct Recoded<'r> {
    layer: Layer,
    rest: Box<dyn Read + 'r>,
    /// Bytes that are not a whole character yet.
    raw: Vec<u8>,
    out: Vec<u8>,
    taken: usize,
}

impl Read for Recoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.out.len() {
            (self.taken, self.out) = (0, std::mem::take(&mut self.out));
            self.out.clear();
            let kept = self.raw.len();
            self.raw.resize(kept + BLOCK_BYTES, 0);
            let read = self.rest.read(&mut self.raw[kept..]);
            self.raw.truncate(kept + *read.as_ref().unwrap_or(&0));
            let is_last = read? == 0;
            let used = recode(self.layer, &self.raw, is_last, &mut self.out)?;
            self.raw.drain(..used);
            if is_last && self.out.is_empty() {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.out.len() - self.taken);
        buffer[..length].copy_from_slice(&self.out[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

/// Appends bytes as UTF-8; answers how many of them were whole characters.
fn recode(layer: Layer, raw: &[u8], is_last: bool, out: &mut Vec<u8>) -> io::Result<usize> {
    let mut put = |character: char| out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    let is_big = match layer {
        Layer::Utf16Big => true,
        Layer::Utf16Little => false,
        _ => {
            let of_byte = |byte: u8| match byte {
                0x80..=0x9f if layer == Layer::Windows1252 => WINDOWS_1252[usize::from(byte) - 0x80],
                byte => char::from(byte),
            };
            raw.iter().for_each(|byte| put(of_byte(*byte)));
            return Ok(raw.len());
        }
    };
    let unit = |pair: &[u8]| {
        if is_big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) }
    };
    // A pair of units may be cut between the two.
    let ends_in_pair = raw.len() >= 2 && (0xd800..0xdc00).contains(&unit(&raw[raw.len() / 2 * 2 - 2..]));
    let used = raw.len() / 2 * 2 - if ends_in_pair && !is_last { 2 } else { 0 };
    if is_last && raw.len() % 2 == 1 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "half a character"));
    }
    for character in char::decode_utf16(raw[..used].chunks_exact(2).map(unit)) {
        put(character
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "half of a pair of units stands alone"))?);
    }
    Ok(used)
}

/// What the bytes from 80 to 9F are in Windows-1252 (WHATWG, Encoding).
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).expect("memory");
        out.finish().expect("memory")
    }

    fn all(bytes: &[u8], encoding: Option<Layer>) -> io::Result<(Vec<Layer>, Vec<u8>)> {
        let mut text = peel(Box::new(bytes), encoding, 8 << 20)?;
        let mut out = Vec::new();
        text.text.read_to_end(&mut out)?;
        assert!(out.starts_with(&text.head) && text.is_whole == (out.len() < HEAD_BYTES));
        Ok((text.layers, out))
    }

    #[test]
    fn layers_come_off_in_order() {
        let text: Vec<u8> = (0..40_000).flat_map(|row| format!("{row};ä\n").into_bytes()).collect();
        let utf16 = |big: bool| -> Vec<u8> {
            let units = "\u{feff}a,ö\n1,😀\n".encode_utf16();
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let recoded = "\u{feff}a,ö\n1,😀\n".as_bytes();
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).expect("memory");
        let half = text.len() / 2;
        for (bytes, encoding, layers, wanted) in [
            (text.clone(), None, vec![], &text[..]),
            (gzip(&text), None, vec![Layer::Gzip], &text),
            ([gzip(&text[..half]), gzip(&text[half..])].concat(), None, vec![Layer::Gzip], &text),
            ([zstd(&text[..half]), zstd(&text[half..])].concat(), None, vec![Layer::Zstd], &text),
            (zstd(&gzip(&text)), None, vec![Layer::Zstd, Layer::Gzip], &text),
            (utf16(false), None, vec![Layer::Utf16Little], recoded),
            (gzip(&utf16(true)), None, vec![Layer::Gzip, Layer::Utf16Big], recoded),
            (utf16(true), Some(Layer::Utf16Little), vec![Layer::Utf16Big], recoded),
            (b"M\xfcller \x80".to_vec(), Some(Layer::Windows1252), vec![Layer::Windows1252], "Müller €".as_bytes()),
            (b"M\xfcller".to_vec(), Some(Layer::Latin1), vec![Layer::Latin1], "Müller".as_bytes()),
            (vec![], Some(Layer::Latin1), vec![], b""),
        ] {
            let (got_layers, got) = all(&bytes, encoding).expect("a text");
            assert!(
                (got_layers, &got[..]) == (layers, wanted),
                "{}",
                String::from_utf8_lossy(&got[..got.len().min(90)])
            );
        }
    }

    #[test]
    fn a_pair_of_units_may_be_cut_anywhere() {
        let wanted = "😀".repeat(3 * BLOCK_BYTES / 4 + 1);
        for odd in ["", "x"] {
            let text = format!("{odd}{wanted}");
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(all(&bytes, Some(Layer::Utf16Little)).expect("a text").1, text.as_bytes());
        }
    }

    #[test]
    fn damage_is_told() {
        let text: Vec<u8> =
            (0..9_000u32).flat_map(|row| format!("{}\n", row.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        let (gz, zst) = (gzip(&text), zstd::encode_all(&text[..], 3).expect("memory"));
        for bytes in [&gz, &zst] {
            let error = all(&bytes[..bytes.len() - 9], None).expect_err("cut off");
            assert!(error.to_string().contains("data are cut off"), "{error}");
        }
        let mut damaged = gz.clone();
        damaged[gz.len() / 2] ^= 0x55;
        let error = all(&damaged, None).expect_err("damaged").to_string();
        assert!(error.starts_with("its gzip data"), "{error}");
        for bytes in [&b"\xff\xfea\0\0\xdcb\0"[..], b"\xff\xfea\0b"] {
            assert!(all(bytes, None).expect_err("no UTF-16").to_string().starts_with("its UTF-16 data"));
        }
        let mut wide = zstd::stream::Encoder::new(Vec::new(), 1).expect("memory");
        wide.window_log(27).expect("a window");
        wide.write_all(&text).expect("memory");
        let error = all(&wide.finish().expect("memory"), None).expect_err("a window of 128 MiB").to_string();
        assert!(error.contains("memory"), "{error}");
    }
}
