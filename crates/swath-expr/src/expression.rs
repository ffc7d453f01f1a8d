//! An expression that has been read: a list of nodes, and the inputs that it speaks of.
//!
//! Nodes lie in one list, operands before what uses them, so nothing that walks them needs recursion. What the inputs
//! are is not known here; see `bindings`.

use std::fmt;
use std::sync::Arc;

use crate::error::ExpressionError;
use crate::function::Function;
use crate::parse;

/// Which bands of an input are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BandChoice {
    /// The only one: `a`.
    Only,
    /// One by its number, counted from 1: `a[2]`.
    Number(u32),
    /// All of them, as arguments of a function: `a[*]`.
    All,
}

/// A name of an input, and which bands of it, as an expression wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The name of the input.
    pub name: String,
    /// Which bands.
    pub band: BandChoice,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.band {
            BandChoice::Only => write!(f, "{}", self.name),
            BandChoice::Number(number) => write!(f, "{}[{number}]", self.name),
            BandChoice::All => write!(f, "{}[*]", self.name),
        }
    }
}

/// One step of an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Node {
    Number(f64),
    Nodata,
    /// Index of a reference.
    Input(usize),
    /// A function, and where its arguments lie in the list of arguments.
    Call {
        function: Function,
        first: usize,
        count: usize,
    },
}

/// An expression that has been read and whose functions are known to have the arguments that they need.
#[derive(Debug, Clone)]
pub struct Expression {
    /// The whole text that was read, of which this expression may be a part.
    pub(crate) text: Arc<str>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Operands first; the last one is the value of the expression.
    pub(crate) nodes: Vec<Node>,
    /// Indices of nodes.
    pub(crate) arguments: Vec<usize>,
    pub(crate) references: Vec<Reference>,
    /// Where each reference is first used.
    pub(crate) positions: Vec<usize>,
}

impl Expression {
    /// Reads one expression.
    ///
    /// # Errors
    /// An [`ExpressionError`] with the place, where the text is no expression, a function is unknown or has the wrong
    /// number of arguments, or the text is too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        parse::one(text)
    }

    /// Reads expressions that are separated by `;` or, outside of parentheses, by `,`.
    ///
    /// # Errors
    /// As [`Expression::parse`]; none of them may be empty.
    pub fn parse_list(text: &str) -> Result<Vec<Expression>, ExpressionError> {
        parse::list(text)
    }

    /// The text of this expression.
    pub fn text(&self) -> &str {
        &self.text[self.start..self.end]
    }

    /// The inputs that it speaks of, each once, in the order of their first use.
    pub fn inputs(&self) -> &[Reference] {
        &self.references
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Expression, ExpressionError> {
        Expression::parse(text)
    }
}
