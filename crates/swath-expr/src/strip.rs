//! What a program reads and writes: values of one band side by side, and which of them are valid.

use crate::working::Working;

/// Values of an input, in the type that they are stored in.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum InputValues<'a> {
    UInt8(&'a [u8]),
    Int8(&'a [i8]),
    UInt16(&'a [u16]),
    Int16(&'a [i16]),
    UInt32(&'a [u32]),
    Int32(&'a [i32]),
    UInt64(&'a [u64]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
}

/// Runs an expression with the slice of whatever type an [`InputValues`] holds.
macro_rules! for_input_values {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            $crate::InputValues::UInt8($slice) => $body,
            $crate::InputValues::Int8($slice) => $body,
            $crate::InputValues::UInt16($slice) => $body,
            $crate::InputValues::Int16($slice) => $body,
            $crate::InputValues::UInt32($slice) => $body,
            $crate::InputValues::Int32($slice) => $body,
            $crate::InputValues::UInt64($slice) => $body,
            $crate::InputValues::Int64($slice) => $body,
            $crate::InputValues::Float32($slice) => $body,
            $crate::InputValues::Float64($slice) => $body,
        }
    };
}
pub(crate) use for_input_values;

impl InputValues<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        for_input_values!(self, slice => slice.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

macro_rules! from_slices {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl<'a> From<&'a [$type]> for InputValues<'a> {
            fn from(slice: &'a [$type]) -> InputValues<'a> {
                InputValues::$variant(slice)
            }
        }
    )*};
}

from_slices! {
    u8 => UInt8, i8 => Int8, u16 => UInt16, i16 => Int16, u32 => UInt32, i32 => Int32, u64 => UInt64, i64 => Int64,
    f32 => Float32, f64 => Float64,
}

/// Values of an input, and which of them are valid.
#[derive(Debug, Clone, Copy)]
pub struct InputStrip<'a> {
    /// The values. Those that are NaN or infinite count as invalid in any case.
    pub values: InputValues<'a>,
    /// For each value 0 if it is not valid; `None` if all are.
    pub validity: Option<&'a [u8]>,
}

impl<'a> InputStrip<'a> {
    /// Values that are all valid.
    pub fn valid(values: impl Into<InputValues<'a>>) -> InputStrip<'a> {
        InputStrip { values: values.into(), validity: None }
    }

    /// Values of which those are valid whose byte is not 0.
    pub fn masked(values: impl Into<InputValues<'a>>, validity: &'a [u8]) -> InputStrip<'a> {
        InputStrip { values: values.into(), validity: Some(validity) }
    }
}

/// Where the values of an output go.
#[derive(Debug)]
pub struct OutputStrip<'a, T: Working> {
    /// The values; NaN where they are not valid.
    pub values: &'a mut [T],
    /// 1 for each value that is valid, else 0.
    pub validity: &'a mut [u8],
    /// Whether all of them are valid; written by each run.
    pub all_valid: bool,
}

impl<'a, T: Working> OutputStrip<'a, T> {
    /// An output that is yet to be written.
    pub fn new(values: &'a mut [T], validity: &'a mut [u8]) -> OutputStrip<'a, T> {
        OutputStrip { values, validity, all_valid: false }
    }
}
