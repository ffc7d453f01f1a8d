//! Measures how many pixels a second one core computes, for two indices of vegetation from `u16` to `f32`.
//!
//! Everything stays in the last cache, so this is the rate of the machine, not that of memory or files.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use swath_expr::{Bindings, Expression, InputStrip, Kernels, OutputStrip, Program, STRIP, Scratch, Source};

const PIXELS: usize = 64 * STRIP;
const REPEATS: usize = 100;
const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    for (name, text) in [
        ("NDVI", "(nir - red) / (nir + red)"),
        ("EVI", "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)"),
        ("choice", "red > 100 ? nir / red : nodata"),
        ("log", "log(nir + 1)"),
    ] {
        for (form, kernels) in [("best", Kernels::detect()), ("portable", Kernels::portable())] {
            for masked in [false, true] {
                let rate = measure(text, kernels, masked)?;
                let inputs = if masked { "some invalid" } else { "all valid" };
                println!("{name:8} {form:9} {inputs:13} {rate:7.0} Mpix/s");
            }
        }
    }
    Ok(())
}

/// The best of some rounds, in millions of pixels a second.
fn measure(text: &str, kernels: Kernels, masked: bool) -> Result<f64, Box<dyn Error>> {
    let expressions = [Expression::parse(text)?];
    let sources = ["nir", "red", "blue"].map(|name| Source { name, bands: 1 });
    let bindings = Bindings::resolve(&expressions, &sources)?;
    let program = Program::<f32>::compile(&expressions, &bindings)?;
    let mut scratch = Scratch::with_kernels(&program, kernels);
    let bands: Vec<Vec<u16>> =
        (1..=3).map(|band| (0..PIXELS).map(|pixel| (pixel * 7919 * band % 9973) as u16 + 1).collect()).collect();
    let mask: Vec<u8> = (0..PIXELS).map(|pixel| u8::from(pixel % 5 != 0)).collect();
    let inputs: Vec<InputStrip<'_>> = bindings
        .slots()
        .iter()
        .map(|slot| {
            let validity = masked.then_some(&mask[..]);
            InputStrip { values: bands[slot.source][..].into(), validity }
        })
        .collect();
    let (mut values, mut validity) = (vec![0.0; PIXELS], vec![0; PIXELS]);
    let mut rate: f64 = 0.0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..REPEATS {
            let mut outputs = [OutputStrip::new(&mut values, &mut validity)];
            black_box(program.run(&mut scratch, black_box(&inputs), &mut outputs)?);
        }
        rate = rate.max((PIXELS * REPEATS) as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    Ok(rate)
}
