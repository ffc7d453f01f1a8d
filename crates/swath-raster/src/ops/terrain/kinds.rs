//! The formulas, for a row of pixels at a time: the kinds say what they are, and where they come from.
//!
//! Loops go through the columns in steps of [`LANES`] without asking for anything, so that several are computed at once.

use std::f64::consts::FRAC_1_SQRT_2;

use super::angle;
use super::options::{SlopeUnits, TerrainKind, TerrainMethod, TerrainOptions};
use crate::ops::ring::LANES;

const DEGREES: f64 = 180.0 / std::f64::consts::PI;

/// Heights of three rows, from the column before the first one on.
#[derive(Clone, Copy)]
pub(super) struct Heights<'a> {
    pub above: &'a [f64],
    pub middle: &'a [f64],
    pub below: &'a [f64],
}

/// From pixel to pixel: to the east per column, to the north per row upwards, in the unit of heights times z factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    pub east: f64,
    pub north: f64,
}

/// What follows from the options alone.
pub(super) struct Kinds {
    options: TerrainOptions,
    /// Sine of the light's altitude, and its cosine alone and times sine and cosine of the azimuth.
    height: f64,
    flat: f64,
    east: f64,
    north: f64,
}

impl Kinds {
    pub fn new(options: TerrainOptions) -> Kinds {
        let (azimuth, altitude) = (options.azimuth.to_radians(), options.altitude.to_radians());
        let flat = libm::cos(altitude);
        let (east, north) = (flat * libm::sin(azimuth), flat * libm::cos(azimuth));
        Kinds { options, height: libm::sin(altitude), flat, east, north }
    }

    /// Results of a row, into whole steps of `out`; `east` and `north` are for what comes between.
    pub fn row(&self, heights: Heights<'_>, steps: Steps, east: &mut [f64], north: &mut [f64], out: &mut [f64]) {
        let z = self.options.z_factor;
        if self.options.kind.needs_gradient() {
            self.gradient(heights, steps, east, north);
            self.of_gradient(east, north, out);
            return;
        }
        match self.options.kind {
            TerrainKind::Tri => each(heights, out, |nine| {
                let squares = nine.map(|height| (height - nine[4]) * (height - nine[4]));
                z.abs() * neighbours(squares).sqrt()
            }),
            TerrainKind::Tpi => each(heights, out, |nine| z * (nine[4] - neighbours(nine) * 0.125)),
            TerrainKind::Roughness => each(heights, out, |nine| {
                let (mut least, mut most) = (nine[0], nine[0]);
                for height in nine {
                    least = if height < least { height } else { least };
                    most = if height > most { height } else { most };
                }
                z.abs() * (most - least)
            }),
            _ => {
                let (across, down) = (1.0 / (steps.east * steps.east), 1.0 / (steps.north * steps.north));
                each(heights, out, |nine| {
                    let d = ((nine[3] + nine[5]) * 0.5 - nine[4]) * across;
                    let e = ((nine[1] + nine[7]) * 0.5 - nine[4]) * down;
                    -200.0 * z * (d + e)
                });
            }
        }
    }

    /// The slopes to the east and to the north.
    fn gradient(&self, heights: Heights<'_>, steps: Steps, east: &mut [f64], north: &mut [f64]) {
        let z = self.options.z_factor;
        match self.options.method {
            TerrainMethod::Horn => {
                let (per_east, per_north) = (z / (8.0 * steps.east), z / (8.0 * steps.north));
                each(heights, east, |n| ((n[2] + 2.0 * n[5] + n[8]) - (n[0] + 2.0 * n[3] + n[6])) * per_east);
                each(heights, north, |n| ((n[0] + 2.0 * n[1] + n[2]) - (n[6] + 2.0 * n[7] + n[8])) * per_north);
            }
            TerrainMethod::ZevenbergenThorne => {
                let (per_east, per_north) = (z / (2.0 * steps.east), z / (2.0 * steps.north));
                each(heights, east, |n| (n[5] - n[3]) * per_east);
                each(heights, north, |n| (n[1] - n[7]) * per_north);
            }
        }
    }

    fn of_gradient(&self, east: &[f64], north: &[f64], out: &mut [f64]) {
        match (self.options.kind, self.options.units) {
            (TerrainKind::Slope, SlopeUnits::Degrees) => {
                both(east, north, out, |p, q| angle::quadrant((p * p + q * q).sqrt(), 1.0) * DEGREES);
            }
            (TerrainKind::Slope, SlopeUnits::Percent) => {
                both(east, north, out, |p, q| (p * p + q * q).sqrt() * 100.0);
            }
            (TerrainKind::Aspect, _) => both(east, north, out, |p, q| {
                let degrees = angle::azimuth(-p, -q) * DEGREES;
                // What a 32-bit float would round to a full turn is none.
                if degrees > 359.999_984 { 0.0 } else { degrees }
            }),
            (TerrainKind::Multidirectional, _) => both(east, north, out, |p, q| self.four_lights(p, q)),
            _ => both(east, north, out, |p, q| {
                let shade = 254.0 * (self.height - (p * self.east + q * self.north)) / (1.0 + (p * p + q * q)).sqrt();
                1.0 + if shade > 0.0 { shade } else { shade * 0.0 }
            }),
        }
    }

    /// Light from 225°, 270°, 315° and 360°. The weights add up to 2.
    #[inline(always)]
    fn four_lights(&self, p: f64, q: f64) -> f64 {
        let lit = |light: f64| if light > 0.0 { light } else { light * 0.0 };
        let (straight, oblique) = (self.flat, self.flat * FRAC_1_SQRT_2);
        let squares = p * p + q * q;
        let southwest = 0.5 * squares + p * q;
        let sum = southwest * lit(self.height + (p + q) * oblique)
            + p * p * lit(self.height + p * straight)
            + (squares - southwest) * lit(self.height + (p - q) * oblique)
            + q * q * lit(self.height - q * straight);
        let shade = 127.0 * sum / squares / (1.0 + squares).sqrt();
        1.0 + if squares == 0.0 { 254.0 * self.height } else { shade }
    }
}

/// The sum over the eight neighbours.
#[inline(always)]
fn neighbours(nine: [f64; 9]) -> f64 {
    nine[0] + nine[1] + nine[2] + nine[3] + nine[5] + nine[6] + nine[7] + nine[8]
}

/// A result for each column, from the nine heights around it.
fn each(heights: Heights<'_>, out: &mut [f64], result: impl Fn([f64; 9]) -> f64) {
    let Heights { above, middle, below } = heights;
    for (step, out) in out.chunks_exact_mut(LANES).enumerate() {
        let at = |row: &'_ [f64], column: usize| -> Option<[f64; LANES]> {
            row.get(step * LANES + column..).and_then(|row| row.first_chunk()).copied()
        };
        let nine = (|| {
            Some([
                at(above, 0)?,
                at(above, 1)?,
                at(above, 2)?,
                at(middle, 0)?,
                at(middle, 1)?,
                at(middle, 2)?,
                at(below, 0)?,
                at(below, 1)?,
                at(below, 2)?,
            ])
        })();
        let Some(nine) = nine else { continue };
        for (lane, out) in out.iter_mut().enumerate() {
            *out = result([
                nine[0][lane],
                nine[1][lane],
                nine[2][lane],
                nine[3][lane],
                nine[4][lane],
                nine[5][lane],
                nine[6][lane],
                nine[7][lane],
                nine[8][lane],
            ]);
        }
    }
}

/// A result for each column, from two numbers.
fn both(one: &[f64], other: &[f64], out: &mut [f64], result: impl Fn(f64, f64) -> f64) {
    for ((out, one), other) in out.iter_mut().zip(one).zip(other) {
        *out = result(*one, *other);
    }
}
