//! Small GeoTIFFs made by hand, whose every pixel a test knows.
#![allow(clippy::expect_used, missing_docs, dead_code)]

/// A GeoTIFF of one strip, with pixels of one unit.
pub struct Small<'a> {
    pub columns: u16,
    /// 1 for whole numbers, 2 for signed ones, 3 for floats.
    pub kind: u16,
    pub bits: u16,
    pub corner: (f64, f64),
    pub pixel: f64,
    /// The reference system; 0 for none.
    pub epsg: u16,
    pub bytes: &'a [u8],
}

impl Small<'_> {
    pub fn file(&self) -> Vec<u8> {
        let rows = self.bytes.len() as u32 / (u32::from(self.columns) * u32::from(self.bits) / 8);
        let is_geographic = (4000..5000).contains(&self.epsg);
        let (model, key) = if is_geographic { (2u16, 2048u16) } else { (1, 3072) };
        let keys: Vec<u16> = vec![1, 1, 0, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, self.epsg];
        let doubles = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (scale, tie) =
            (doubles(&[self.pixel, self.pixel, 0.0]), doubles(&[0.0, 0.0, 0.0, self.corner.0, self.corner.1, 0.0]));
        let keys: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let entries: u32 = if self.epsg == 0 { 12 } else { 13 };
        let at = 8 + 2 + entries * 12 + 4;
        let (tie_at, keys_at) = (at + scale.len() as u32, at + (scale.len() + tie.len()) as u32);
        let pixels_at = keys_at + keys.len() as u32;
        let all: [(u16, u16, u32, u32); 13] = [
            (256, 3, 1, u32::from(self.columns)),
            (257, 4, 1, rows),
            (258, 3, 1, u32::from(self.bits)),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, pixels_at),
            (277, 3, 1, 1),
            (278, 4, 1, rows),
            (279, 4, 1, self.bytes.len() as u32),
            (339, 3, 1, u32::from(self.kind)),
            (33_550, 12, 3, at),
            (33_922, 12, 6, tie_at),
            (34_735, 3, keys.len() as u32 / 2, keys_at),
        ];
        let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
        file.extend((entries as u16).to_le_bytes());
        for (tag, kind, count, value) in all.into_iter().take(entries as usize) {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        for part in [&scale, &tie, &keys, self.bytes] {
            file.extend(part);
        }
        file
    }
}
