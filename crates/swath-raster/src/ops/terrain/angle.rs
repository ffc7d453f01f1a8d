//! The arc tangent, from additions, multiplications and one division that loops do for several pixels at once: the same
//! bits on every machine, whatever the width of its registers.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// tan (3 π / 8).
const STEEP: f64 = 2.414_213_562_373_095;
/// What π / 2 is larger than the float that stands for it.
const MORE: f64 = 6.123_233_995_736_766e-17;

/// The angle whose tangent is `y / x`, both from 0 on, in radians; NaN where both are 0.
///
/// The rational function is that of `atan` in Cephes (Moshier 1989), whose error is 2e-16 of the result.
#[inline(always)]
pub(super) fn quadrant(y: f64, x: f64) -> f64 {
    let (steep, middle) = (y > STEEP * x, y > 0.66 * x);
    let base = if steep {
        FRAC_PI_2
    } else if middle {
        FRAC_PI_4
    } else {
        0.0
    };
    let more = if steep {
        MORE
    } else if middle {
        0.5 * MORE
    } else {
        0.0
    };
    let numerator = if steep {
        -x
    } else if middle {
        y - x
    } else {
        y
    };
    let denominator = if steep {
        y
    } else if middle {
        y + x
    } else {
        x
    };
    let t = numerator / denominator;
    let z = t * t;
    let p = -8.750_608_600_031_904e-1;
    let p = p * z - 1.615_753_718_733_365_2e1;
    let p = p * z - 7.500_855_792_314_705e1;
    let p = p * z - 1.228_866_684_490_136_1e2;
    let p = p * z - 6.485_021_904_942_025e1;
    let q = z + 2.485_846_490_142_306_2e1;
    let q = q * z + 1.650_270_098_316_988_5e2;
    let q = q * z + 4.328_810_604_912_902_7e2;
    let q = q * z + 4.853_903_996_359_137e2;
    let q = q * z + 1.945_506_571_482_614e2;
    base + ((t * (z * p / q) + t) + more)
}

/// The direction of a vector, in radians clockwise from north, 0 to 2 π; NaN where it has no length.
#[inline(always)]
pub(super) fn azimuth(east: f64, north: f64) -> f64 {
    let angle = quadrant(east.abs(), north.abs());
    let angle = if north < 0.0 { PI - angle } else { angle };
    if east < 0.0 { 2.0 * PI - angle } else { angle }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles() {
        for step in 0..100_000 {
            let tangent = f64::from(step).powi(3) * 1e-12 + f64::from(step) * 1e-4;
            let (got, wanted) = (quadrant(tangent, 1.0), tangent.atan());
            assert!((got - wanted).abs() <= 4e-16 * wanted, "{tangent}: {got} and {wanted}");
        }
        assert_eq!(quadrant(1.0, 0.0), FRAC_PI_2);
        assert!(quadrant(0.0, 0.0).is_nan());
        for degrees in 0..360 {
            let wanted = f64::from(degrees).to_radians();
            let got = azimuth(wanted.sin(), wanted.cos());
            let apart = (got - wanted).abs();
            assert!(apart.min(2.0 * PI - apart) < 1e-15 * 8.0, "{degrees}: {got} and {wanted}");
        }
    }
}
