//! Turns expressions into operations: each value once, constants computed.
//!
//! Equal operations on equal operands are one value, whichever expression they come from. Functions of many values are
//! in `many`. What is done when, and in which register, is decided in `schedule`.

mod many;

use std::collections::HashMap;
use std::marker::PhantomData;

use crate::OPERATIONS_MAX;
use crate::bindings::Bindings;
use crate::error::{ExpressionError, Problem};
use crate::expression::{BandChoice, Expression, Node};
use crate::function::Function;
use crate::kernel::{Binary, Unary};
use crate::working::Working;

/// Index of a value.
pub(crate) type Id = usize;

/// One value of a program. Operands come before what uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    /// The bits of a number of the working type.
    Constant(u64),
    /// What a slot of the inputs holds.
    Input(usize),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    /// A condition, the value where it holds, and the value where it does not.
    Select(Id, Id, Id),
}

impl Value {
    /// The values that it is computed from.
    pub fn operands(self) -> impl Iterator<Item = Id> {
        let [first, second, third] = match self {
            Value::Constant(_) | Value::Input(_) => [None; 3],
            Value::Unary(_, value) => [Some(value), None, None],
            Value::Binary(_, left, right) => [Some(left), Some(right), None],
            Value::Select(condition, yes, no) => [Some(condition), Some(yes), Some(no)],
        };
        first.into_iter().chain(second).chain(third)
    }
}

/// The values of some expressions, and which of them are the results.
pub(crate) struct Lowered {
    pub values: Vec<Value>,
    pub results: Vec<Id>,
}

/// Lowers expressions whose references are bound.
pub(crate) fn lower<T: Working>(expressions: &[Expression], bindings: &Bindings) -> Result<Lowered, ExpressionError> {
    let mut lowering = Lowering::<T> { values: Vec::new(), known: HashMap::new(), steps: 0, working: PhantomData };
    let results = expressions.iter().map(|expression| lowering.expression(expression, bindings));
    let results = results.collect::<Result<_, _>>()?;
    Ok(Lowered { values: lowering.values, results })
}

struct Lowering<T> {
    values: Vec<Value>,
    known: HashMap<Value, Id>,
    /// Operations that were asked for; also those that were there already cost time.
    steps: usize,
    working: PhantomData<T>,
}

impl<T: Working> Lowering<T> {
    fn expression(&mut self, expression: &Expression, bindings: &Bindings) -> Result<Id, ExpressionError> {
        let too_large = || ExpressionError::new(Problem::TooLarge, &expression.text, expression.start);
        let slots_of = |index: usize| {
            let reference = &expression.references[index];
            bindings.slots_of(reference).ok_or_else(|| {
                let wanted = "inputs that were bound for this expression".to_owned();
                let problem = Problem::UnknownInput { name: reference.to_string(), wanted };
                ExpressionError::new(problem, &expression.text, expression.positions[index])
            })
        };
        let mut ids: Vec<Id> = Vec::with_capacity(expression.nodes.len());
        let mut last = 0;
        for node in &expression.nodes {
            last = match *node {
                Node::Number(number) => self.number(number),
                Node::Nodata => self.constant(T::NAN),
                // All bands of an input are no value; who uses them looks at the node.
                Node::Input(index) => match slots_of(index)? {
                    [slot] => self.value(Value::Input(*slot)),
                    _ => 0,
                },
                Node::Call { function, first, count } => {
                    let mut arguments = Vec::with_capacity(count);
                    for &argument in &expression.arguments[first..first + count] {
                        match expression.nodes[argument] {
                            Node::Input(index) if expression.references[index].band == BandChoice::All => {
                                let slots = slots_of(index)?;
                                if self.steps + slots.len() > OPERATIONS_MAX {
                                    return Err(too_large());
                                }
                                arguments.extend(slots.iter().map(|slot| self.value(Value::Input(*slot))));
                            }
                            _ => arguments.push(ids[argument]),
                        }
                    }
                    self.call(function, &arguments)
                }
            };
            ids.push(last);
            if self.steps > OPERATIONS_MAX {
                return Err(too_large());
            }
        }
        Ok(last)
    }

    fn value(&mut self, value: Value) -> Id {
        self.steps += 1;
        let next = self.values.len();
        let id = *self.known.entry(value).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        id
    }

    /// A constant; all those that are invalid are one.
    fn constant(&mut self, value: T) -> Id {
        let value = if value.is_valid() { value } else { T::NAN };
        self.value(Value::Constant(value.to_low_bits()))
    }

    fn number(&mut self, number: f64) -> Id {
        self.constant(T::from_f64(number))
    }

    fn constant_of(&self, id: Id) -> Option<T> {
        match self.values[id] {
            Value::Constant(bits) => Some(T::from_low_bits(bits)),
            _ => None,
        }
    }

    fn unary(&mut self, operation: Unary, value: Id) -> Id {
        match self.constant_of(value) {
            Some(constant) => self.constant(operation.apply(constant)),
            None => self.value(Value::Unary(operation, value)),
        }
    }

    fn binary(&mut self, operation: Binary, left: Id, right: Id) -> Id {
        use Binary::{Add, And, Equal, Multiply, NotEqual, Or};
        let commutes = matches!(operation, Add | Multiply | Equal | NotEqual | And | Or);
        let swapped = commutes && right < left;
        let (left, right) = if swapped { (right, left) } else { (left, right) };
        match (self.constant_of(left), self.constant_of(right)) {
            (Some(left), Some(right)) => self.constant(operation.apply(left, right)),
            _ => self.value(Value::Binary(operation, left, right)),
        }
    }

    fn select(&mut self, condition: Id, yes: Id, no: Id) -> Id {
        match self.constant_of(condition) {
            Some(condition) if !condition.is_valid() => self.constant(T::NAN),
            Some(condition) if condition != T::ZERO => yes,
            Some(_) => no,
            None => self.value(Value::Select(condition, yes, no)),
        }
    }

    fn power(&mut self, base: Id, exponent: Id) -> Id {
        let operation = match self.constant_of(exponent).map(T::to_f64) {
            Some(1.0) => return base,
            Some(2.0) => Unary::Square,
            Some(3.0) => Unary::Cube,
            Some(0.5) => Unary::SquareRoot,
            Some(-1.0) => Unary::Reciprocal,
            _ => return self.binary(Binary::Power, base, exponent),
        };
        self.unary(operation, base)
    }

    fn call(&mut self, function: Function, arguments: &[Id]) -> Id {
        match *arguments {
            [value] if let Some(operation) = unary_of(function) => self.unary(operation, value),
            [left, right] if let Some((operation, swapped)) = binary_of(function) => match swapped {
                false => self.binary(operation, left, right),
                true => self.binary(operation, right, left),
            },
            [base, exponent] if function == Function::Power => self.power(base, exponent),
            [condition, yes, no] if function == Function::Where => self.select(condition, yes, no),
            [value, low, high] if function == Function::Clip => {
                let above = self.binary(Binary::Maximum, value, low);
                self.binary(Binary::Minimum, above, high)
            }
            _ => self.call_of_many(function, arguments),
        }
    }
}

fn unary_of(function: Function) -> Option<Unary> {
    Some(match function {
        Function::Negate => Unary::Negate,
        Function::Not => Unary::Not,
        Function::Absolute => Unary::Absolute,
        Function::SquareRoot => Unary::SquareRoot,
        Function::Exponential => Unary::Exponential,
        Function::Logarithm => Unary::Logarithm,
        Function::Logarithm10 => Unary::Logarithm10,
        Function::Logarithm2 => Unary::Logarithm2,
        Function::Sine => Unary::Sine,
        Function::Cosine => Unary::Cosine,
        Function::Tangent => Unary::Tangent,
        Function::Arcsine => Unary::Arcsine,
        Function::Arccosine => Unary::Arccosine,
        Function::Arctangent => Unary::Arctangent,
        Function::Floor => Unary::Floor,
        Function::Ceiling => Unary::Ceiling,
        Function::Round => Unary::Round,
        Function::Sign => Unary::Sign,
        Function::IsNodata => Unary::IsNodata,
        _ => return None,
    })
}

/// The operation of a function of two values, and whether it takes them the other way round.
fn binary_of(function: Function) -> Option<(Binary, bool)> {
    Some(match function {
        Function::Add => (Binary::Add, false),
        Function::Subtract => (Binary::Subtract, false),
        Function::Multiply => (Binary::Multiply, false),
        Function::Divide => (Binary::Divide, false),
        Function::Remainder => (Binary::Remainder, false),
        Function::Less => (Binary::Less, false),
        Function::LessEqual => (Binary::LessEqual, false),
        Function::Greater => (Binary::Less, true),
        Function::GreaterEqual => (Binary::LessEqual, true),
        Function::Equal => (Binary::Equal, false),
        Function::NotEqual => (Binary::NotEqual, false),
        Function::And => (Binary::And, false),
        Function::Or => (Binary::Or, false),
        Function::Arctangent2 => (Binary::Arctangent2, false),
        Function::Hypotenuse => (Binary::Hypotenuse, false),
        _ => return None,
    })
}
