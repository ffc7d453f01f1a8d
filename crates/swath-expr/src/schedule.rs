//! Puts values in an order, and each in a register for as long as it is wanted.
//!
//! What is not needed for a result is left out. Results do not depend on the order; how many registers there are does.

use crate::kernel::{Binary, Unary};
use crate::lower::{Id, Lowered, Value};
use crate::working::Working;

/// What an instruction reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument<T> {
    Register(usize),
    Constant(T),
}

/// One step of a program. It never writes to a register that it reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instruction<T> {
    Load { slot: usize, to: usize },
    Unary { operation: Unary, from: usize, to: usize },
    Binary { operation: Binary, left: Argument<T>, right: Argument<T>, to: usize },
    Select { condition: usize, yes: Argument<T>, no: Argument<T>, to: usize },
    Store { from: Argument<T>, output: usize },
}

/// Registers that stay in a second-level cache. A program with more of them may be better off reading inputs twice.
const REGISTERS_KEPT: usize = 16;

/// The instructions for some values, and how many registers they use.
pub(crate) fn schedule<T: Working>(lowered: &Lowered) -> (Vec<Instruction<T>>, usize) {
    let kept = schedule_with(lowered, true);
    if kept.1 <= REGISTERS_KEPT {
        return kept;
    }
    let loaded_again = schedule_with(lowered, false);
    if loaded_again.1 < kept.1 { loaded_again } else { kept }
}

fn schedule_with<T: Working>(lowered: &Lowered, keep_inputs: bool) -> (Vec<Instruction<T>>, usize) {
    let values = &lowered.values;
    let mut scheduler = Scheduler {
        values,
        keep_inputs,
        uses: uses(lowered),
        places: vec![None; values.len()],
        free: Vec::new(),
        passing: Vec::new(),
        registers: 0,
        instructions: Vec::new(),
    };
    let needs = needs(values);
    for (output, result) in lowered.results.iter().enumerate() {
        scheduler.compute(*result, &needs);
        let from = scheduler.argument(*result);
        scheduler.instructions.push(Instruction::Store { from, output });
        scheduler.release(*result);
        scheduler.free.append(&mut scheduler.passing);
    }
    (scheduler.instructions, scheduler.registers)
}

/// How often each value is read by what is needed for the results.
fn uses(lowered: &Lowered) -> Vec<usize> {
    let mut uses = vec![0; lowered.values.len()];
    for result in &lowered.results {
        uses[*result] += 1;
    }
    // Backwards, so that a value is known to be needed before its operands are looked at.
    for (id, value) in lowered.values.iter().enumerate().rev() {
        if uses[id] > 0 {
            value.operands().for_each(|operand| uses[operand] += 1);
        }
    }
    uses
}

/// How many registers each value takes if nothing is shared (Sethi and Ullman 1970).
fn needs(values: &[Value]) -> Vec<usize> {
    let mut needs: Vec<usize> = Vec::with_capacity(values.len());
    for value in values {
        let mut operands: Vec<usize> =
            value.operands().map(|operand| needs[operand]).filter(|need| *need > 0).collect();
        operands.sort_unstable_by(|left, right| right.cmp(left));
        let inside = operands.iter().enumerate().map(|(held, need)| held + need).max().unwrap_or(0);
        let is_constant = matches!(value, Value::Constant(_));
        needs.push(if is_constant { 0 } else { inside.max(operands.len() + 1) });
    }
    needs
}

struct Scheduler<'a, T> {
    values: &'a [Value],
    /// Whether an input stays in its register until its last use, or is loaded for each.
    keep_inputs: bool,
    /// Readings of each value that are yet to come.
    uses: Vec<usize>,
    /// The register of each value that is computed and still wanted.
    places: Vec<Option<usize>>,
    /// The register that became free last is used first, while the cache still holds it.
    free: Vec<usize>,
    /// Registers of inputs that are loaded for the next instruction only.
    passing: Vec<usize>,
    registers: usize,
    instructions: Vec<Instruction<T>>,
}

impl<T: Working> Scheduler<'_, T> {
    /// Computes a value and whatever it wants that is not there yet: hungry operands first.
    fn compute(&mut self, id: Id, needs: &[usize]) {
        let mut open = vec![(id, false)];
        while let Some((id, operands_done)) = open.pop() {
            let value = self.values[id];
            let at_hand = match value {
                Value::Constant(_) => true,
                Value::Input(_) => !self.keep_inputs,
                _ => false,
            };
            if at_hand || self.places[id].is_some() {
                continue;
            }
            if operands_done {
                self.emit(id);
                continue;
            }
            open.push((id, true));
            let mut operands: Vec<Id> = value.operands().collect();
            operands.sort_by(|left, right| needs[*right].cmp(&needs[*left]));
            open.extend(operands.into_iter().rev().map(|operand| (operand, false)));
        }
    }

    fn emit(&mut self, id: Id) {
        let to = self.take();
        let value = self.values[id];
        let instruction = match value {
            Value::Input(slot) => Instruction::Load { slot, to },
            Value::Unary(operation, from) => Instruction::Unary { operation, from: self.register(from), to },
            Value::Binary(operation, left, right) => {
                Instruction::Binary { operation, left: self.argument(left), right: self.argument(right), to }
            }
            Value::Select(condition, yes, no) => Instruction::Select {
                condition: self.register(condition),
                yes: self.argument(yes),
                no: self.argument(no),
                to,
            },
            Value::Constant(_) => unreachable!("constants have no instructions"),
        };
        self.instructions.push(instruction);
        self.places[id] = Some(to);
        value.operands().for_each(|operand| self.release(operand));
        self.free.append(&mut self.passing);
    }

    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        })
    }

    fn argument(&mut self, id: Id) -> Argument<T> {
        match self.values[id] {
            Value::Constant(bits) => Argument::Constant(T::from_low_bits(bits)),
            _ => Argument::Register(self.register(id)),
        }
    }

    /// The register of a value that is computed, or of an input, which may have to be loaded first.
    fn register(&mut self, id: Id) -> usize {
        match (self.places[id], self.values[id]) {
            (Some(register), _) => register,
            (None, Value::Input(slot)) => {
                let to = self.take();
                self.instructions.push(Instruction::Load { slot, to });
                self.passing.push(to);
                to
            }
            _ => unreachable!("value {id} is read before it is computed"),
        }
    }

    /// One reading less is to come.
    fn release(&mut self, id: Id) {
        self.uses[id] -= 1;
        if self.uses[id] == 0 {
            self.free.extend(self.places[id].take());
        }
    }
}
