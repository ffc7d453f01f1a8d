//! A program and the machine that runs it: instructions over registers of [`STRIP`] values.
//!
//! It runs on one thread and takes no memory beyond its [`Scratch`].

use crate::STRIP;
use crate::bindings::Bindings;
use crate::error::{ExpressionError, StripsDiffer};
use crate::expression::Expression;
use crate::kernel::{Kernels, Operand, fill, select, store};
use crate::lower::lower;
use crate::schedule::{Argument, Instruction, schedule};
use crate::strip::{InputStrip, OutputStrip};
use crate::working::Working;

/// Expressions, compiled for values of one working type.
#[derive(Debug, Clone)]
pub struct Program<T: Working> {
    instructions: Vec<Instruction<T>>,
    registers: usize,
    inputs: usize,
    outputs: usize,
}

impl<T: Working> Program<T> {
    /// Compiles expressions, each of which becomes one output.
    ///
    /// # Errors
    /// [`crate::Problem::TooLarge`]; [`crate::Problem::UnknownInput`] where the bindings are those of other expressions.
    pub fn compile(expressions: &[Expression], bindings: &Bindings) -> Result<Program<T>, ExpressionError> {
        let (instructions, registers) = schedule(&lower::<T>(expressions, bindings)?);
        Ok(Program { instructions, registers, inputs: bindings.slots().len(), outputs: expressions.len() })
    }

    /// How many registers it works in.
    pub fn registers(&self) -> usize {
        self.registers
    }

    /// How many inputs it wants: one for each slot of the bindings.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many outputs it writes: one for each expression.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many instructions it has.
    pub fn instructions(&self) -> usize {
        self.instructions.len()
    }

    /// Computes all outputs from inputs of the same length, and says whether all values of all outputs are valid.
    ///
    /// # Errors
    /// [`StripsDiffer`] where inputs, outputs or scratch are not what the program wants; nothing is written then.
    pub fn run(
        &self,
        scratch: &mut Scratch<T>,
        inputs: &[InputStrip<'_>],
        outputs: &mut [OutputStrip<'_, T>],
    ) -> Result<bool, StripsDiffer> {
        let length = self.check(scratch, inputs, outputs)?;
        outputs.iter_mut().for_each(|output| output.all_valid = true);
        for start in (0..length).step_by(STRIP) {
            let count = STRIP.min(length - start);
            for instruction in &self.instructions {
                scratch.step(instruction, start, count, inputs, outputs);
            }
        }
        Ok(outputs.iter().all(|output| output.all_valid))
    }

    /// Whether everything suits, and how many values there are.
    fn check(
        &self,
        scratch: &Scratch<T>,
        inputs: &[InputStrip<'_>],
        outputs: &[OutputStrip<'_, T>],
    ) -> Result<usize, StripsDiffer> {
        let equal = |what: &'static str, wanted: usize, got: usize| match wanted == got {
            true => Ok(()),
            false => Err(StripsDiffer { what, wanted, got }),
        };
        equal("inputs of the program", self.inputs, inputs.len())?;
        equal("outputs of the program", self.outputs, outputs.len())?;
        if scratch.registers.len() < self.registers {
            equal("registers of the scratch", self.registers, scratch.registers.len())?;
        }
        let length = outputs.first().map_or(0, |output| output.values.len());
        for output in outputs {
            equal("values of an output", length, output.values.len())?;
            equal("validity of an output", length, output.validity.len())?;
        }
        for input in inputs {
            equal("values of an input", length, input.values.len())?;
            equal("validity of an input", length, input.validity.map_or(length, <[u8]>::len))?;
        }
        Ok(length)
    }
}

/// The values of a register, on a border that suits the widest loads.
#[derive(Debug)]
#[repr(C, align(64))]
struct Register<T>([T; STRIP]);

/// The registers that a program works in, kept from run to run by the thread that runs it.
#[derive(Debug)]
pub struct Scratch<T: Working> {
    kernels: Kernels,
    /// `None` only while an instruction writes to it.
    registers: Vec<Option<Box<Register<T>>>>,
}

impl<T: Working> Scratch<T> {
    /// As many registers as a program uses, and the fastest loops of this processor.
    pub fn new(program: &Program<T>) -> Scratch<T> {
        Scratch::with_kernels(program, Kernels::detect())
    }

    /// As many registers as a program uses, and loops that the caller chose.
    pub fn with_kernels(program: &Program<T>, kernels: Kernels) -> Scratch<T> {
        let register = || Some(Box::new(Register([T::ZERO; STRIP])));
        Scratch { kernels, registers: std::iter::repeat_with(register).take(program.registers).collect() }
    }

    /// The memory that the scratch of a program takes, in bytes.
    pub fn bytes_for(program: &Program<T>) -> u64 {
        // An allocator that aligns to 64 bytes may put as many before each register.
        const ALIGNMENT: usize = 64;
        let register = size_of::<Register<T>>() + ALIGNMENT + size_of::<Option<Box<Register<T>>>>();
        (program.registers * register + size_of::<Scratch<T>>()) as u64
    }

    fn step(
        &mut self,
        instruction: &Instruction<T>,
        start: usize,
        count: usize,
        inputs: &[InputStrip<'_>],
        outputs: &mut [OutputStrip<'_, T>],
    ) {
        let kernels = self.kernels;
        match *instruction {
            Instruction::Load { slot, to } => {
                self.write(to, count, |_, to| T::load(kernels, &inputs[slot], start, to));
            }
            Instruction::Unary { operation, from, to } => {
                self.write(to, count, |scratch, to| operation.run(kernels, scratch.values(from, count), to));
            }
            Instruction::Binary { operation, left, right, to } => self.write(to, count, |scratch, to| {
                operation.run(kernels, scratch.operand(left, count), scratch.operand(right, count), to);
            }),
            Instruction::Select { condition, yes, no, to } => self.write(to, count, |scratch, to| {
                let condition = scratch.values(condition, count);
                select(kernels, condition, scratch.operand(yes, count), scratch.operand(no, count), to);
            }),
            Instruction::Store { from, output } => {
                let output = &mut outputs[output];
                let values = &mut output.values[start..start + count];
                let validity = &mut output.validity[start..start + count];
                output.all_valid &= match self.operand(from, count) {
                    Operand::Strip(from) => store(kernels, from, values, validity),
                    Operand::Constant(value) => fill(value, values, validity),
                };
            }
        }
    }

    /// Lets a register be written while the others can be read: it is taken out for so long.
    fn write(&mut self, to: usize, count: usize, write: impl FnOnce(&Scratch<T>, &mut [T])) {
        if let Some(mut register) = self.registers[to].take() {
            write(self, &mut register.0[..count]);
            self.registers[to] = Some(register);
        }
    }

    fn values(&self, register: usize, count: usize) -> &[T] {
        self.registers[register].as_ref().map_or(&[], |register| &register.0[..count])
    }

    fn operand(&self, argument: Argument<T>, count: usize) -> Operand<'_, T> {
        match argument {
            Argument::Register(register) => Operand::Strip(self.values(register, count)),
            Argument::Constant(value) => Operand::Constant(value),
        }
    }
}
