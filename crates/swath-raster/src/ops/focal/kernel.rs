//! Weights of a neighbourhood, and the text in which a user gives them.

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};

use super::usage;

/// Most rows or columns of a kernel.
pub(super) const MOST_ROWS: u32 = 401;

/// Weights for a pixel and its neighbours, by row; an odd number of rows and of columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// How many rows.
    pub rows: u32,
    /// How many columns.
    pub columns: u32,
    /// The weights, the upper left one first.
    pub weights: Vec<f64>,
}

impl Kernel {
    /// Reads rows of numbers, separated by blanks or commas. What follows a `#` is a comment; empty lines do not count.
    ///
    /// # Errors
    /// [`Error::Usage`], with line and column, for a word that is no finite number, a row that is longer or shorter than
    /// the first one, an even number of rows or columns, and more than 401 of them.
    pub fn parse(text: &str) -> Result<Kernel> {
        let (mut rows, mut columns, mut weights) = (0u32, None, Vec::new());
        for (line_number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line)) {
            let line = line.split('#').next().unwrap_or_default();
            let before = weights.len();
            for (column, word) in words(line) {
                weights.push(weight(word).ok_or_else(|| {
                    misread(format!("line {line_number}, column {column}: {word:?} is no finite number"))
                })?);
            }
            let got = weights.len() - before;
            if got == 0 {
                continue;
            }
            let wanted = *columns.get_or_insert(got);
            if got != wanted {
                return Err(misread(format!("line {line_number} has {got} numbers, and the rows above have {wanted}")));
            }
            rows += 1;
            if rows > MOST_ROWS || got > MOST_ROWS as usize {
                return Err(misread(format!("line {line_number}: more than {MOST_ROWS} rows or columns")));
            }
        }
        let kernel = Kernel { rows, columns: columns.unwrap_or(0) as u32, weights };
        kernel.check(false)?;
        Ok(kernel)
    }

    /// Whether it is one.
    ///
    /// # Errors
    /// [`Error::Usage`] for a kernel without a centre, and for one that shall be normalised and whose weights add up to 0.
    pub(super) fn check(&self, normalised: bool) -> Result<()> {
        let (rows, columns) = (self.rows, self.columns);
        if rows.is_multiple_of(2) || columns.is_multiple_of(2) || rows.max(columns) > MOST_ROWS {
            return Err(misread(format!(
                "{rows} rows × {columns} columns: wanted an odd number of each, {MOST_ROWS} at most"
            )));
        }
        if self.weights.len() as u64 != u64::from(rows) * u64::from(columns) {
            return Err(misread(format!("{} weights for {rows} rows × {columns} columns", self.weights.len())));
        }
        if let Some(weight) = self.weights.iter().find(|weight| !weight.is_finite()) {
            return Err(misread(format!("a weight of {weight}")));
        }
        let (sum, size) =
            self.weights.iter().fold((0.0, 0.0), |(sum, size), weight| (sum + weight, size + f64::abs(*weight)));
        if normalised && f64::abs(sum) <= size * 1e-12 {
            return Err(usage(
                "weights that add up to 0 cannot be normalised".into(),
                "leave them as they are: that is what kernels of differences want",
            ));
        }
        Ok(())
    }

    /// Weights of the same number of rows and columns.
    fn square<const N: usize>(weights: [f64; N], side: u32) -> Kernel {
        Kernel { rows: side, columns: side, weights: weights.into() }
    }

    /// The change along rows, and the change along columns (Sobel and Feldman 1968, as SciPy has them).
    pub(super) fn sobel() -> (Kernel, Kernel) {
        let along = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
        let down = [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];
        (Kernel::square(along, 3), Kernel::square(down, 3))
    }

    /// Second differences along rows and columns.
    pub(super) fn laplace() -> Kernel {
        Kernel::square([0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0], 3)
    }
}

/// Words of a line, each with the column in which it begins, from 1 on.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let mut column = 1;
    line.split(is_between)
        .map(move |word| {
            let place = column;
            column += word.chars().count() + 1;
            (place, word)
        })
        .filter(|(_, word)| !word.is_empty())
}

fn weight(word: &str) -> Option<f64> {
    word.parse::<f64>().ok().filter(|weight| weight.is_finite())
}

fn misread(message: String) -> Error {
    usage(format!("the kernel: {message}"), "a kernel is text: as many rows of numbers as columns, such as 0 1 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_read() {
        let kernel = Kernel::parse("# a ramp\n-1, 0, 1\n\n-2 0 2 # twice\n -1\t0\t1\n").expect("a kernel");
        assert_eq!(kernel, Kernel::sobel().0);
        assert_eq!(Kernel::parse("1").expect("a kernel").weights, [1.0]);
        let wide = Kernel::parse("1,2,1").expect("a kernel");
        assert_eq!((wide.rows, wide.columns), (1, 3));
    }

    #[test]
    fn kernels_that_are_none() {
        let check = |text: &str, wanted: &str| match Kernel::parse(text) {
            Err(Error::Usage { message, .. }) => assert!(message.contains(wanted), "{message}"),
            other => panic!("{other:?}"),
        };
        check("0 1 0\n1 x 1\n0 1 0", "line 2, column 3: \"x\" is no finite number");
        check("0 1 0\n1 inf 1", "column 3: \"inf\"");
        check("0 1 0\n1 1\n0 1 0", "line 2 has 2 numbers, and the rows above have 3");
        check("0 1\n1 1", "2 rows × 2 columns");
        check("# nothing", "0 rows × 0 columns");
        check(&"1 ".repeat(403), "more than 401");
        assert!(Kernel::sobel().0.check(true).is_err());
    }
}
