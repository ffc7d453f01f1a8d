//! Texts that stand for a missing value.

/// The markers of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Markers {
    /// Whether the empty text is one.
    pub empty: bool,
    /// Bit `n` is set where a marker has `n` bytes; bit 63 speaks of all longer ones.
    lengths: u64,
    texts: Vec<Vec<u8>>,
}

impl Markers {
    pub fn new(texts: &[String]) -> Markers {
        let texts: Vec<Vec<u8>> = texts.iter().map(|text| trim(text.as_bytes()).to_vec()).collect();
        let lengths = texts.iter().fold(0, |bits, text| bits | 1 << text.len().min(63));
        Markers { empty: texts.iter().any(Vec::is_empty), lengths, texts }
    }

    /// Whether a text of this length can be a marker.
    #[inline(always)]
    pub fn may_contain(&self, length: usize) -> bool {
        self.lengths >> length.min(63) & 1 != 0
    }

    /// Whether a text of one of these lengths, less than 63, can be a marker.
    pub fn may_contain_any(&self, lengths: std::ops::RangeInclusive<usize>) -> bool {
        lengths.into_iter().any(|length| self.may_contain(length))
    }

    /// Bit `n` is set where a text of `n` bytes can be a marker; bit 63 speaks of all longer ones.
    #[inline(always)]
    pub fn lengths(&self) -> u64 {
        self.lengths
    }

    /// Whether a text without surrounding spaces is a marker.
    #[inline(always)]
    pub fn contain(&self, text: &[u8]) -> bool {
        self.may_contain(text.len()) && self.search(text)
    }

    #[inline(never)]
    fn search(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|marker| marker == text)
    }
}

/// A text without spaces and tabs around it.
#[inline(always)]
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_compared_whole_and_trimmed() {
        let long = "x".repeat(70);
        let markers = Markers::new(&["NULL".into(), " -9999 ".into(), long.clone()]);
        for (text, missing) in [
            ("NULL", true),
            ("null", false),
            ("-9999", true),
            ("-99990", false),
            ("", false),
            (long.as_str(), true),
            (&long[1..], false),
        ] {
            assert_eq!(markers.contain(text.as_bytes()), missing, "{text:?}");
        }
        assert!(Markers::new(&[" \t".into()]).empty);
        assert_eq!(trim(b" \t a b \t"), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
