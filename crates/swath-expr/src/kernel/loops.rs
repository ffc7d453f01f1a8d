//! Loops of one, two and three operands, each of which is a strip or a constant.

use super::in_both_forms;
use super::rules::{BinaryRule, UnaryRule};
use crate::working::Working;

/// What an operation reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand<'a, T> {
    /// As many values as are written.
    Strip(&'a [T]),
    /// The same for all.
    Constant(T),
}

/// An operand whose form is known when the loop is compiled.
pub(crate) trait Lane<T>: Copy {
    /// The same, with exactly so many values.
    fn cut(self, count: usize) -> Self;
    /// The value at an index.
    fn at(self, index: usize) -> T;
}

impl<T: Copy> Lane<T> for &[T] {
    #[inline(always)]
    fn cut(self, count: usize) -> Self {
        &self[..count]
    }

    #[inline(always)]
    fn at(self, index: usize) -> T {
        self[index]
    }
}

/// A constant as an operand.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<T>(T);

impl<T: Copy> Lane<T> for Fixed<T> {
    #[inline(always)]
    fn cut(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn at(self, _: usize) -> T {
        self.0
    }
}

#[inline(always)]
fn unary_loop<T: Working, R: UnaryRule>(from: &[T], to: &mut [T]) {
    let from = &from[..to.len()];
    for (to, from) in to.iter_mut().zip(from) {
        *to = R::apply(*from);
    }
}

in_both_forms! {
    /// Applies a rule to each value.
    pub(super) fn unary<T: Working, R: UnaryRule>(from: &[T], to: &mut [T]) = unary_loop;
}

#[inline(always)]
fn binary_loop<T: Working, R: BinaryRule, A: Lane<T>, B: Lane<T>>(left: A, right: B, to: &mut [T]) {
    let (left, right) = (left.cut(to.len()), right.cut(to.len()));
    for (index, to) in to.iter_mut().enumerate() {
        *to = R::apply(left.at(index), right.at(index));
    }
}

in_both_forms! {
    fn binary_lanes<T: Working, R: BinaryRule, A: Lane<T>, B: Lane<T>>(left: A, right: B, to: &mut [T]) = binary_loop;
}

/// Applies a rule to each pair of values.
pub(super) fn binary<T: Working, R: BinaryRule>(
    kernels: super::Kernels,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    to: &mut [T],
) {
    match (left, right) {
        (Operand::Strip(left), Operand::Strip(right)) => binary_lanes::<T, R, _, _>(kernels, left, right, to),
        (Operand::Strip(left), Operand::Constant(right)) => {
            binary_lanes::<T, R, _, _>(kernels, left, Fixed(right), to);
        }
        (Operand::Constant(left), Operand::Strip(right)) => {
            binary_lanes::<T, R, _, _>(kernels, Fixed(left), right, to);
        }
        (Operand::Constant(left), Operand::Constant(right)) => to.fill(R::apply(left, right)),
    }
}

#[inline(always)]
fn select_loop<T: Working, A: Lane<T>, B: Lane<T>>(condition: &[T], yes: A, no: B, to: &mut [T]) {
    let condition = &condition[..to.len()];
    let (yes, no) = (yes.cut(to.len()), no.cut(to.len()));
    for (index, to) in to.iter_mut().enumerate() {
        let (condition, yes, no) = (condition[index], yes.at(index), no.at(index));
        let chosen = if condition != T::ZERO { yes } else { no };
        *to = if condition.is_valid() { chosen } else { T::NAN };
    }
}

in_both_forms! {
    fn select_lanes<T: Working, A: Lane<T>, B: Lane<T>>(condition: &[T], yes: A, no: B, to: &mut [T]) = select_loop;
}

/// Takes one of two values, as a condition says.
pub(crate) fn select<T: Working>(
    kernels: super::Kernels,
    condition: &[T],
    yes: Operand<'_, T>,
    no: Operand<'_, T>,
    to: &mut [T],
) {
    match (yes, no) {
        (Operand::Strip(yes), Operand::Strip(no)) => select_lanes(kernels, condition, yes, no, to),
        (Operand::Strip(yes), Operand::Constant(no)) => select_lanes(kernels, condition, yes, Fixed(no), to),
        (Operand::Constant(yes), Operand::Strip(no)) => select_lanes(kernels, condition, Fixed(yes), no, to),
        (Operand::Constant(yes), Operand::Constant(no)) => {
            select_lanes(kernels, condition, Fixed(yes), Fixed(no), to);
        }
    }
}
