//! What an expression can apply to values: the functions by name, and the operators, which are functions too.
//!
//! What each of them computes is in `rules`; how it becomes operations is in `lower`.

use crate::error::nearest;

/// An operator or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Negate,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Where,
    Clip,
    Minimum,
    Maximum,
    Mean,
    Sum,
    Deviation,
    ValidMinimum,
    ValidMaximum,
    ValidMean,
    Absolute,
    SquareRoot,
    Exponential,
    Logarithm,
    Logarithm10,
    Logarithm2,
    Sine,
    Cosine,
    Tangent,
    Arcsine,
    Arccosine,
    Arctangent,
    Arctangent2,
    Floor,
    Ceiling,
    Round,
    Sign,
    Hypotenuse,
    IsNodata,
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    Exactly(usize),
    /// One or more, `a[*]` among them.
    Any,
}

/// A function that is called by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub name: &'static str,
    pub function: Function,
    pub arity: Arity,
}

const fn named(name: &'static str, function: Function, arity: Arity) -> Named {
    Named { name, function, arity }
}

const NAMED: [Named; 31] = [
    named("where", Function::Where, Arity::Exactly(3)),
    named("clip", Function::Clip, Arity::Exactly(3)),
    named("min", Function::Minimum, Arity::Any),
    named("max", Function::Maximum, Arity::Any),
    named("mean", Function::Mean, Arity::Any),
    named("sum", Function::Sum, Arity::Any),
    named("std", Function::Deviation, Arity::Any),
    named("nanmin", Function::ValidMinimum, Arity::Any),
    named("nanmax", Function::ValidMaximum, Arity::Any),
    named("nanmean", Function::ValidMean, Arity::Any),
    named("abs", Function::Absolute, Arity::Exactly(1)),
    named("sqrt", Function::SquareRoot, Arity::Exactly(1)),
    named("exp", Function::Exponential, Arity::Exactly(1)),
    named("log", Function::Logarithm, Arity::Exactly(1)),
    named("ln", Function::Logarithm, Arity::Exactly(1)),
    named("log10", Function::Logarithm10, Arity::Exactly(1)),
    named("log2", Function::Logarithm2, Arity::Exactly(1)),
    named("pow", Function::Power, Arity::Exactly(2)),
    named("sin", Function::Sine, Arity::Exactly(1)),
    named("cos", Function::Cosine, Arity::Exactly(1)),
    named("tan", Function::Tangent, Arity::Exactly(1)),
    named("asin", Function::Arcsine, Arity::Exactly(1)),
    named("acos", Function::Arccosine, Arity::Exactly(1)),
    named("atan", Function::Arctangent, Arity::Exactly(1)),
    named("atan2", Function::Arctangent2, Arity::Exactly(2)),
    named("floor", Function::Floor, Arity::Exactly(1)),
    named("ceil", Function::Ceiling, Arity::Exactly(1)),
    named("round", Function::Round, Arity::Exactly(1)),
    named("sign", Function::Sign, Arity::Exactly(1)),
    named("hypot", Function::Hypotenuse, Arity::Exactly(2)),
    named("is_nodata", Function::IsNodata, Arity::Exactly(1)),
];

/// What other tools call some of them.
const ELSEWHERE: [(&str, &str); 13] = [
    ("if", "where"),
    ("iif", "where"),
    ("ifelse", "where"),
    ("clamp", "clip"),
    ("power", "pow"),
    ("avg", "mean"),
    ("average", "mean"),
    ("stddev", "std"),
    ("fabs", "abs"),
    ("isnan", "is_nodata"),
    ("isnull", "is_nodata"),
    ("arctan2", "atan2"),
    ("arctan", "atan"),
];

/// The function of a name.
pub(crate) fn by_name(name: &str) -> Option<Named> {
    NAMED.into_iter().find(|known| known.name == name)
}

/// The function that was most likely meant.
pub(crate) fn meant_by(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == lower).map(|(_, ours)| *ours);
    elsewhere.or_else(|| nearest(name, NAMED.iter().map(|known| known.name)))
}

/// The names of all functions, in the order in which a person would look for them.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|known| known.name)
}

/// The functions that take `a[*]`, for messages.
pub(crate) fn names_of_many() -> String {
    let many = NAMED.iter().filter(|known| known.arity == Arity::Any).map(|known| known.name);
    many.collect::<Vec<_>>().join(", ")
}
