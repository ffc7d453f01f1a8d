//! The weights of kernels. They know neither pixels nor places beyond a share of one.

use std::sync::LazyLock;

/// Shares for which weights are kept; between them they are interpolated, which is off by 10⁻⁶ at most.
pub(super) const PHASES: usize = 1024;

/// The weights of Lanczos by number of phase, once for all warps.
pub(super) fn phases() -> &'static [[f64; 6]] {
    static TABLE: LazyLock<Vec<[f64; 6]>> = LazyLock::new(|| (0..=PHASES).map(phase).collect());
    &TABLE
}

/// The six weights of Lanczos for a place at a share of the way from the third to the fourth pixel.
fn phase(number: usize) -> [f64; 6] {
    let mut weights = [0.0; 6];
    match number {
        // A place on a pixel gives exactly that pixel.
        0 => weights[2] = 1.0,
        PHASES => weights[3] = 1.0,
        _ => lanczos(-2.0 - number as f64 / PHASES as f64, 1.0, &mut weights),
    }
    weights
}

/// The four weights of the cubic B-spline for a place at a share of the way from the second to the third pixel.
#[inline]
pub(super) fn spline_weights(share: f64) -> [f64; 4] {
    let (squared, cubed) = (share * share, share * share * share);
    let rest = 1.0 - share;
    [
        rest * rest * rest / 6.0,
        0.5 * cubed - squared + 2.0 / 3.0,
        -0.5 * cubed + 0.5 * squared + 0.5 * share + 1.0 / 6.0,
        cubed / 6.0,
    ]
}

/// Weights by a curve, from an argument on.
#[inline]
pub(super) fn fill(weights: &mut [f64], argument: f64, scale: f64, curve: impl Fn(f64) -> f64) {
    weights.iter_mut().enumerate().for_each(|(step, weight)| *weight = curve((argument + step as f64) * scale));
}

/// Weights of four pixels for a place at a share of the way from the second to the third (Keys 1981, eq. 4, a = -1/2).
#[inline]
pub(super) fn keys_weights(share: f64) -> [f64; 4] {
    let (squared, cubed) = (share * share, share * share * share);
    [
        -0.5 * cubed + squared - 0.5 * share,
        1.5 * cubed - 2.5 * squared + 1.0,
        -1.5 * cubed + 2.0 * squared + 0.5 * share,
        0.5 * cubed - 0.5 * squared,
    ]
}

/// The kernel of linear interpolation.
pub(super) fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys 1981, eq. 15 with a = -1/2.
pub(super) fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// The cubic B-spline (de Boor 1978).
pub(super) fn spline(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (3.0 * x - 6.0) * x * x / 6.0 + 2.0 / 3.0
    } else if x < 2.0 {
        (2.0 - x) * (2.0 - x) * (2.0 - x) / 6.0
    } else {
        0.0
    }
}

/// Weights of the sinc windowed by another (Duchon 1979; Turkowski 1990) with three lobes, from `first` on in steps.
///
/// `sin πx · sin(πx/3) · 3 / (πx)²`; the sines of later steps follow from those of the first by the angle sum, which
/// costs four sines and cosines for all.
pub(super) fn lanczos(first: f64, step: f64, weights: &mut [f64]) {
    use std::f64::consts::PI;
    let third = PI / 3.0;
    let (mut sine, mut cosine) = (libm::sin(first * third), libm::cos(first * third));
    let (step_sine, step_cosine) = (libm::sin(step * third), libm::cos(step * third));
    let mut x = first;
    for weight in weights {
        *weight = if x.abs() < 1e-9 {
            1.0
        } else if x.abs() >= 3.0 {
            0.0
        } else {
            // sin 3a = 3 sin a - 4 sin³ a
            (3.0 - 4.0 * sine * sine) * sine * sine * 3.0 / (PI * PI * x * x)
        };
        (sine, cosine) = (sine * step_cosine + cosine * step_sine, cosine * step_cosine - sine * step_sine);
        x += step;
    }
}
