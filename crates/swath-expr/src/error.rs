//! What is wrong with an expression: where, what was wanted, what was got, and what may have been meant.
//!
//! Exit codes and colours are the caller's; this only knows the text.

use std::fmt;
use std::sync::Arc;

/// What is wrong, sorted by what the writer of the expression can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Something else must stand at this place.
    Unexpected {
        /// What could stand here.
        wanted: String,
        /// What stands here.
        got: String,
    },
    /// No function has this name.
    UnknownFunction {
        /// The name as written.
        name: String,
    },
    /// A function was given too few or too many arguments.
    WrongArguments {
        /// The function.
        function: &'static str,
        /// How many it takes.
        wanted: String,
        /// How many were given.
        got: usize,
    },
    /// No input has this name.
    UnknownInput {
        /// The name as written.
        name: String,
        /// The names that there are.
        wanted: String,
    },
    /// The input has no such band, or has several where one is meant.
    WrongBand {
        /// The input and band as written.
        reference: String,
        /// How many bands the input has.
        bands: u32,
    },
    /// The text is longer than [`crate::TEXT_BYTES_MAX`].
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// Parentheses, calls and signs are nested deeper than [`crate::DEPTH_MAX`].
    TooDeep,
    /// The program would have more operations than [`crate::OPERATIONS_MAX`].
    TooLarge,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unexpected { wanted, got } => write!(f, "wanted {wanted}, got {got}"),
            Problem::UnknownFunction { name } => write!(f, "there is no function {name:?}"),
            Problem::WrongArguments { function, wanted, got } => {
                write!(f, "{function} takes {wanted}, got {got}")
            }
            Problem::UnknownInput { name, wanted } => write!(f, "there is no input {name:?}: wanted {wanted}"),
            Problem::WrongBand { reference, bands: 1 } => write!(f, "{reference:?} names no band: there is 1 band"),
            Problem::WrongBand { reference, bands } if reference.ends_with(']') => {
                write!(f, "{reference:?} names no band: there are {bands} bands")
            }
            Problem::WrongBand { reference, bands } => {
                write!(f, "{reference:?} names no single band: there are {bands} bands")
            }
            Problem::TooLong { bytes } => {
                write!(f, "the expression has {bytes} bytes: wanted at most {}", crate::TEXT_BYTES_MAX)
            }
            Problem::TooDeep => write!(f, "the expression is nested deeper than {} levels", crate::DEPTH_MAX),
            Problem::TooLarge => {
                write!(f, "the expression comes to more than {} operations", crate::OPERATIONS_MAX)
            }
        }
    }
}

/// An expression that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub problem: Problem,
    /// The byte of the text where it shows, counted from 0.
    pub position: usize,
    /// What to write instead, where that can be guessed.
    pub hint: Option<String>,
    text: Arc<str>,
}

impl ExpressionError {
    pub(crate) fn new(problem: Problem, text: &Arc<str>, position: usize) -> ExpressionError {
        ExpressionError { problem, position, hint: None, text: text.clone() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> ExpressionError {
        self.hint = Some(hint.into());
        self
    }

    /// The text around the place, and below it a caret that points there.
    pub fn excerpt(&self) -> String {
        const BEFORE: usize = 60;
        const AFTER: usize = 40;
        let position = (0..=self.position.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let (before, after) = self.text.split_at(position.unwrap_or(0));
        let before = before.rsplit('\n').next().unwrap_or("");
        let after = after.split('\n').next().unwrap_or("");
        // A tab or another control character would put the caret in the wrong column.
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let skipped = before.chars().count().saturating_sub(BEFORE);
        let shown: String = before.chars().skip(skipped).map(plain).collect();
        let rest: String = after.chars().take(AFTER).map(plain).collect();
        let start = if skipped > 0 { "…" } else { "" };
        let end = if after.chars().nth(AFTER).is_some() { "…" } else { "" };
        let column = start.chars().count() + shown.chars().count();
        format!("  {start}{shown}{rest}{end}\n  {}^", " ".repeat(column))
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}\n{}", self.problem, self.position, self.excerpt())?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExpressionError {}

/// The strips that a program was given do not suit it or each other: a mistake of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripsDiffer {
    /// What does not suit.
    pub what: &'static str,
    /// How many there should be.
    pub wanted: usize,
    /// How many there are.
    pub got: usize,
}

impl fmt::Display for StripsDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.what, self.wanted, self.got)
    }
}

impl std::error::Error for StripsDiffer {}

/// The name among some that was most likely meant: equal but for case, or at most two letters away.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody meant a longer name, and the work grows with the square of its length.
    const LETTERS_MAX: usize = 64;
    if name.len() > LETTERS_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let near = names.into_iter().filter(|known| known.len() <= LETTERS_MAX).filter_map(|known| {
        let distance = distance(&lower, &known.to_lowercase());
        (distance <= 2 && distance * 2 < name.len().max(2)).then_some((distance, known))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Letters to insert, remove, replace or swap with their neighbour to make one word of the other (Damerau 1964, each
/// place touched once).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = [vec![0; right.len() + 1], vec![0; right.len() + 1], (0..=right.len()).collect()];
    for i in 0..left.len() {
        rows.rotate_left(1);
        let [before, last, row] = &mut rows;
        row[0] = i + 1;
        for j in 0..right.len() {
            let replaced = last[j] + usize::from(left[i] != right[j]);
            row[j + 1] = replaced.min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
    }
    rows[2][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses() {
        let check = |name: &str, expect: Option<&str>| {
            assert_eq!(nearest(name, ["sqrt", "sin", "mean", "is_nodata"]), expect, "{name}");
        };
        check("sqr", Some("sqrt"));
        check("SQRT", Some("sqrt"));
        check("maen", Some("mean"));
        check("meen", Some("mean"));
        check("isnodata", Some("is_nodata"));
        check("kurtosis", None);
        check("x", None);
        check(&"s".repeat(1000), None);
    }

    #[test]
    fn long_texts_are_cut_around_the_caret() {
        let text: Arc<str> = format!("{}é$é{}", "a".repeat(100), "b".repeat(100)).into();
        let error = ExpressionError::new(Problem::TooDeep, &text, 102);
        let excerpt = error.excerpt();
        let mut lines = excerpt.lines();
        let column = lines.next().and_then(|line| line.chars().position(|letter| letter == '$'));
        assert_eq!(column, lines.next().and_then(|line| line.chars().position(|letter| letter == '^')));
        assert!(excerpt.starts_with("  …aaa"), "{excerpt}");
    }
}
