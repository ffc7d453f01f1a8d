//! One axis of a level and of the next smaller one: which pixels a smaller one is made of, and how they are weighed.
//!
//! Both levels cover the same ground, as readers take it: of a level of `size` pixels and a next one of
//! `small = ⌈size / 2⌉`, each pixel of the latter covers `size / small` of the former. That is a pair where `size` is
//! even. Where it is odd it is a little less than one, and pixel `i` begins `i / small` of a pixel before the pair `2 i`.

use std::ops::Range;

use super::OverviewResampling;

/// Pixels along an axis that a pixel is made of at most: by cubic convolution where a size is odd.
pub(super) const TAPS_MAX: usize = 9;

/// An axis of a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    size: u32,
    small: u32,
}

/// Pixels in a row, each with a weight; the weights of all that a kernel covers have a sum of about 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    /// The first of them, counted from the beginning of the level.
    pub first: u32,
    count: usize,
    weights: [f64; TAPS_MAX],
}

impl Taps {
    /// The weights, from the first pixel to the last.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights[..self.count]
    }

    /// The pixel behind the last one.
    pub(super) fn end(&self) -> u32 {
        self.first + self.count as u32
    }

    fn push(&mut self, pixel: u32, weight: f64) {
        if self.count == 0 {
            self.first = pixel;
        }
        self.weights[self.count] = weight;
        self.count += 1;
    }
}

impl Axis {
    /// The axis of a level of `size` pixels.
    pub(super) fn of(size: u32) -> Axis {
        Axis { size, small: size.div_ceil(2) }
    }

    fn is_odd(self) -> bool {
        self.size % 2 == 1
    }

    /// The pixel that begins nearest to where a smaller one does, the later of two.
    pub(super) fn nearest(self, pixel: u32) -> u32 {
        2 * pixel - u32::from(self.is_odd() && 2 * u64::from(pixel) > u64::from(self.small))
    }

    /// All pixels that a smaller one covers, be it in part.
    pub(super) fn under(self, pixel: u32) -> Range<u32> {
        2 * pixel - u32::from(self.is_odd() && pixel > 0)..self.size.min((2 * pixel).saturating_add(2))
    }

    /// The pixels that a smaller one is the weighed mean of.
    pub(super) fn taps(self, pixel: u32, resampling: OverviewResampling) -> Taps {
        let mut taps = Taps { first: 0, count: 0, weights: [0.0; TAPS_MAX] };
        let Some((radius, kernel)) = resampling.kernel() else {
            let (size, small) = (f64::from(self.size), f64::from(self.small));
            for at in self.under(pixel) {
                // Shares of what the smaller pixel covers.
                let covered = match (self.is_odd(), i64::from(at) - 2 * i64::from(pixel)) {
                    (false, _) => small,
                    (true, -1) => f64::from(pixel),
                    (true, 0) => small,
                    (true, _) => f64::from(self.small - 1 - pixel),
                };
                taps.push(at, covered / size);
            }
            return taps;
        };
        let ratio = f64::from(self.size) / f64::from(self.small);
        // How far the middle of the smaller pixel lies before that of the pair.
        let drift = if self.is_odd() { (f64::from(pixel) + 0.5) / f64::from(self.small) } else { 0.0 };
        let reach = 2 * radius;
        for offset in -reach..=reach {
            let at = 2 * i64::from(pixel) + i64::from(offset);
            let distance = (f64::from(offset) - 0.5 + drift).abs() / ratio;
            if distance < f64::from(radius) && (0..i64::from(self.size)).contains(&at) {
                taps.push(at as u32, kernel(distance) / ratio);
            }
        }
        taps
    }

    /// The pixels that smaller ones are made of, or one more at an end.
    pub(super) fn around(self, small: Range<u32>, resampling: OverviewResampling) -> Range<u32> {
        let last = small.end - 1;
        match (resampling, resampling.kernel()) {
            (OverviewResampling::Nearest, _) => self.nearest(small.start)..self.nearest(last) + 1,
            (_, None) => self.under(small.start).start..self.under(last).end,
            (_, Some((radius, _))) => {
                let reach = 2 * radius.unsigned_abs();
                let before = reach - u32::from(!self.is_odd());
                let end = (2 * last).saturating_add(reach + 1);
                (2 * small.start).saturating_sub(before)..end.min(self.size)
            }
        }
    }
}
