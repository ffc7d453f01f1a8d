//! Decoded values of a column, before they are those of a table.

/// Values decoded at once, at most.
pub(crate) const CHUNK_ROWS: usize = 2048;
/// No code yet for an entry of a dictionary.
pub(crate) const NO_CODE: u32 = u32::MAX;

/// Decoded values of one kind.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub bools: Vec<u8>,
    pub i32s: Vec<i32>,
    pub i64s: Vec<i64>,
    pub f32s: Vec<f32>,
    pub f64s: Vec<f64>,
    /// Where texts begin and end.
    pub views: Vec<(u32, u32)>,
}

impl Slots {
    pub fn clear(&mut self) {
        self.bools.clear();
        self.i32s.clear();
        self.i64s.clear();
        self.f32s.clear();
        self.f64s.clear();
        self.views.clear();
    }
}

/// What a file states of values that it does not show: the smallest of a group, or the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stated {
    /// Days since 1970-01-01.
    Day(i32),
    /// Microseconds since 1970-01-01.
    Moment {
        us: i64,
        utc: bool,
    },
    Number(f64),
}

/// A decimal as the nearest float.
pub(crate) fn decimal(unscaled: i128, scale: u32) -> f64 {
    // Both are exact, so the quotient is rounded once.
    if unscaled.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return unscaled as f64 / 10f64.powi(scale as i32);
    }
    let text = format!("{unscaled}e-{scale}");
    fast_float2::parse(text).unwrap_or(f64::NAN)
}
