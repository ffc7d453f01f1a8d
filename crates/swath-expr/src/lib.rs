//! One expression language: parsed, type-checked, and evaluated block by block.
//!
//! An [`Expression`] is read from text, its references are bound to inputs by [`Bindings`], and a [`Program`] is made
//! of some of them: instructions for a machine whose registers are strips of [`STRIP`] values. This crate knows neither
//! pixels nor tables, reads no files, and starts no threads.
//!
//! # The language
//! Numbers (`1`, `.5`, `1e-3`), names (`nir`), bands (`a[2]`, counted from 1) and `nodata`. From loose to tight:
//! `cond ? a : b`; `||` `or`; `&&` `and`; `not`; one of `< <= > >= == !=`; `+ -`; `* / %`; the signs `-`, `+` and `!`;
//! `**` or `^`, from right to left. Functions are those of [`function_names`]; `min`, `max`, `mean`, `sum`, `std` and
//! their like take any number of arguments, among them `a[*]`, all bands of `a`. There is one type of values, numbers;
//! what is not 0 counts as true, and truth is written 1 and 0.
//!
//! `%` has the sign of its left side. `round` rounds halves away from zero. `std` is that of a whole population.
//! `where(c, a, b)` is `c ? a : b`; `clip(x, lo, hi)` is `min(max(x, lo), hi)`. Powers with an exponent of 2, 3, 0.5
//! and −1 are a product, a product, a root and a quotient.
//!
//! # Validity
//! A value is valid or it is not. What is computed from an invalid value is invalid, and so is a result that is not a
//! finite number (0 / 0, log(-1)); an input that is NaN or infinite is invalid too, whatever its validity says. That
//! holds for `false && nodata` and `min(1, nodata)` as for everything, with three exceptions: `where` takes the validity
//! of what it chose (and is invalid where its condition is), `is_nodata` is always valid, and `nanmin`, `nanmax` and
//! `nanmean` leave invalid arguments out, so that they are invalid only where all of them are.
//!
//! Inputs are converted to the working type before anything else, so nothing overflows as integers do; those beyond
//! 2²⁴ (`f32`) or 2⁵³ (`f64`) are rounded.
//!
//! # Determinism
//! Results are equal in every bit on every machine: no fused multiply-add, no functions of the platform (roots and
//! roundings are exact; all others are those of the `libm` crate, in 64 bits). The loops for AVX2 are the same code
//! as the portable ones. Sums are taken from left to right.
//!
//! # Example
//! ```
//! use swath_expr::{Bindings, Expression, InputStrip, OutputStrip, Program, Scratch, Source};
//!
//! let expressions = Expression::parse_list("(nir - red) / (nir + red)")?;
//! let sources = [Source { name: "red", bands: 1 }, Source { name: "nir", bands: 1 }];
//! let bindings = Bindings::resolve(&expressions, &sources)?;
//! let program = Program::<f32>::compile(&expressions, &bindings)?;
//!
//! let (red, nir) = ([1_u16, 0, 3], [3_u16, 0, 5]);
//! let inputs: Vec<InputStrip<'_>> = bindings
//!     .slots()
//!     .iter()
//!     .map(|slot| InputStrip::valid(if slot.source == 0 { &red[..] } else { &nir[..] }))
//!     .collect();
//! let (mut values, mut validity) = ([0.0; 3], [0; 3]);
//! let mut outputs = [OutputStrip::new(&mut values, &mut validity)];
//! let all_valid = program.run(&mut Scratch::new(&program), &inputs, &mut outputs)?;
//! assert_eq!((all_valid, values[0], values[2], validity), (false, 0.5, 0.25, [1, 0, 1]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bindings;
mod error;
mod expression;
mod function;
mod kernel;
mod lower;
mod parse;
mod program;
mod schedule;
mod strip;
mod token;
mod working;

pub use bindings::{Bindings, Slot, Source};
pub use error::{ExpressionError, Problem, StripsDiffer};
pub use expression::{BandChoice, Expression, Reference};
pub use function::function_names;
pub use kernel::Kernels;
pub use program::{Program, Scratch};
pub use strip::{InputStrip, InputValues, OutputStrip};
pub use working::Working;

/// Values that are worked on at once: few enough that some registers stay in the fastest cache.
pub const STRIP: usize = 2048;

/// The longest text that is read.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The deepest nesting of parentheses, calls, signs, choices and powers.
pub const DEPTH_MAX: usize = 200;

/// The most operations that a program may come to, each band of `a[*]` counted for itself.
pub const OPERATIONS_MAX: usize = 131_072;
