//! Which input each reference of an expression means.
//!
//! Inputs are only names with a number of bands here; what they hold comes when a program runs.

use std::collections::HashMap;

use crate::OPERATIONS_MAX;
use crate::error::{ExpressionError, Problem, nearest};
use crate::expression::{BandChoice, Expression, Reference};

/// An input as expressions may name it. A column of a table is one with a single band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many bands it has.
    pub bands: u32,
}

/// What a program reads at one place of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Which of the sources.
    pub source: usize,
    /// Which of its bands, counted from 1.
    pub band: u32,
}

/// References of expressions, bound to slots: the inputs that a program wants, in its order.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    slots: Vec<Slot>,
    bound: HashMap<Reference, Vec<usize>>,
}

impl Bindings {
    /// Binds all references of some expressions. Only what is used gets a slot, in the order of first use.
    ///
    /// # Errors
    /// [`Problem::UnknownInput`] and [`Problem::WrongBand`], with the place; [`Problem::TooLarge`] where they come to
    /// more slots than a program may have operations.
    pub fn resolve(expressions: &[Expression], sources: &[Source<'_>]) -> Result<Bindings, ExpressionError> {
        let mut by_name = HashMap::new();
        for (index, source) in sources.iter().enumerate() {
            by_name.entry(source.name).or_insert(index);
        }
        let mut bindings = Bindings::default();
        let mut numbers = HashMap::new();
        for expression in expressions {
            for (reference, position) in expression.references.iter().zip(&expression.positions) {
                if bindings.bound.contains_key(reference) {
                    continue;
                }
                let Some(&source) = by_name.get(reference.name.as_str()) else {
                    return Err(unknown(expression, reference, *position, sources));
                };
                let is_lone = sources.len() == 1;
                let (first, last) = bands(expression, reference, *position, (sources[source].bands, is_lone))?;
                if bindings.slots.len() + (last - first) as usize >= OPERATIONS_MAX {
                    return Err(ExpressionError::new(Problem::TooLarge, &expression.text, *position));
                }
                let slots = (first..=last).map(|band| {
                    let slot = Slot { source, band };
                    *numbers.entry(slot).or_insert_with(|| {
                        bindings.slots.push(slot);
                        bindings.slots.len() - 1
                    })
                });
                let slots = slots.collect();
                bindings.bound.insert(reference.clone(), slots);
            }
        }
        Ok(bindings)
    }

    /// What the inputs of the program must be, in this order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slots of a reference: one, or for `a[*]` all of the input.
    pub(crate) fn slots_of(&self, reference: &Reference) -> Option<&[usize]> {
        self.bound.get(reference).map(Vec::as_slice)
    }
}

/// The first and the last band that are meant.
fn bands(
    expression: &Expression,
    reference: &Reference,
    position: usize,
    (bands, is_lone): (u32, bool),
) -> Result<(u32, u32), ExpressionError> {
    let error = || {
        let problem = Problem::WrongBand { reference: reference.to_string(), bands };
        ExpressionError::new(problem, &expression.text, position)
    };
    match reference.band {
        BandChoice::Only if bands == 1 => Ok((1, 1)),
        BandChoice::Only => match band_of(&reference.name).filter(|number| is_lone && (1..=bands).contains(number)) {
            // The only input has several bands, and is called by the number of one of them.
            Some(number) => Ok((number, number)),
            None if bands > 1 => {
                Err(error().hint(format!("one of them is written {0}[1] to {0}[{bands}]", reference.name)))
            }
            None => Err(error()),
        },
        BandChoice::Number(number) if (1..=bands).contains(&number) => Ok((number, number)),
        BandChoice::All if bands > 0 => Ok((1, bands)),
        _ => Err(error()),
    }
}

/// The number in a name like `b3`.
fn band_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix('b').filter(|number| !number.starts_with(['0', '+']))?;
    number.parse().ok()
}

fn unknown(expression: &Expression, reference: &Reference, position: usize, sources: &[Source<'_>]) -> ExpressionError {
    const SHOWN_MAX: usize = 12;
    let mut wanted: Vec<&str> = sources.iter().map(|source| source.name).take(SHOWN_MAX).collect();
    if sources.len() > SHOWN_MAX {
        wanted.push("…");
    }
    let wanted = if wanted.is_empty() { "none".to_owned() } else { wanted.join(", ") };
    let problem = Problem::UnknownInput { name: reference.name.clone(), wanted };
    let error = ExpressionError::new(problem, &expression.text, position);
    match nearest(&reference.name, sources.iter().map(|source| source.name)) {
        Some(meant) => error.hint(format!("{meant} may be meant")),
        None if matches!(reference.name.as_str(), "true" | "false") => error.hint("true is 1 and false is 0"),
        None => error,
    }
}
