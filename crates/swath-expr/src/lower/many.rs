//! Functions of any number of values, as operations on two.
//!
//! Values are joined from left to right, so that sums round in one way.

use super::{Id, Lowering};
use crate::function::Function;
use crate::kernel::{Binary, Unary};
use crate::working::Working;

impl<T: Working> Lowering<T> {
    pub(super) fn call_of_many(&mut self, function: Function, arguments: &[Id]) -> Id {
        match function {
            Function::Minimum => self.fold(Binary::Minimum, arguments),
            Function::Maximum => self.fold(Binary::Maximum, arguments),
            Function::ValidMinimum => self.fold(Binary::ValidMinimum, arguments),
            Function::ValidMaximum => self.fold(Binary::ValidMaximum, arguments),
            Function::Sum => self.fold(Binary::Add, arguments),
            Function::Mean => self.mean(arguments),
            Function::Deviation => self.deviation(arguments),
            Function::ValidMean => self.valid_mean(arguments),
            _ => unreachable!("the parser lets {function:?} have no {} arguments", arguments.len()),
        }
    }
    /// Joins values from left to right.
    fn fold(&mut self, operation: Binary, values: &[Id]) -> Id {
        let joined = values.iter().copied().reduce(|left, right| self.binary(operation, left, right));
        joined.unwrap_or_else(|| self.constant(T::NAN))
    }

    fn mean(&mut self, values: &[Id]) -> Id {
        let sum = self.fold(Binary::Add, values);
        let count = self.number(values.len() as f64);
        self.binary(Binary::Divide, sum, count)
    }

    /// The root of the mean square distance from the mean, in two passes, which keeps digits that one pass would lose.
    fn deviation(&mut self, values: &[Id]) -> Id {
        let mean = self.mean(values);
        let mut squares = Vec::with_capacity(values.len());
        for value in values {
            let distance = self.binary(Binary::Subtract, *value, mean);
            squares.push(self.unary(Unary::Square, distance));
        }
        let variance = self.mean(&squares);
        self.unary(Unary::SquareRoot, variance)
    }

    fn valid_mean(&mut self, values: &[Id]) -> Id {
        let known: Vec<Id> = values.iter().map(|value| self.unary(Unary::ZeroIfInvalid, *value)).collect();
        let sum = self.fold(Binary::Add, &known);
        let counted: Vec<Id> = values.iter().map(|value| self.unary(Unary::IsValid, *value)).collect();
        let count = self.fold(Binary::Add, &counted);
        self.binary(Binary::Divide, sum, count)
    }
}
