//! Pixels in memory: the values of a window, and which of them are valid.
//!
//! There is one model of validity: a pixel of a band has a value or it has none. Nodata values, NaN, masks and alpha
//! are how files say so; sources translate them on the way in, sinks on the way out.

use swath_core::{Buffer, Bytes, Error, Lease, Result};

use crate::{DataType, Pixel, Window};

/// Pixels of one type, in the order band, row, column.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Values {
    UInt8(Buffer<u8>),
    Int8(Buffer<i8>),
    UInt16(Buffer<u16>),
    Int16(Buffer<i16>),
    UInt32(Buffer<u32>),
    Int32(Buffer<i32>),
    UInt64(Buffer<u64>),
    Int64(Buffer<i64>),
    Float32(Buffer<f32>),
    Float64(Buffer<f64>),
}

/// Runs an expression with the buffer of whatever type a [`Values`] holds.
#[macro_export]
macro_rules! for_values {
    ($values:expr, $buffer:ident => $body:expr) => {
        match $values {
            $crate::Values::UInt8($buffer) => $body,
            $crate::Values::Int8($buffer) => $body,
            $crate::Values::UInt16($buffer) => $body,
            $crate::Values::Int16($buffer) => $body,
            $crate::Values::UInt32($buffer) => $body,
            $crate::Values::Int32($buffer) => $body,
            $crate::Values::UInt64($buffer) => $body,
            $crate::Values::Int64($buffer) => $body,
            $crate::Values::Float32($buffer) => $body,
            $crate::Values::Float64($buffer) => $body,
        }
    };
}

/// Runs an expression with a type parameter bound to the Rust type of a [`DataType`].
#[macro_export]
macro_rules! for_data_type {
    ($data_type:expr, $pixel:ident => $body:expr) => {
        match $data_type {
            $crate::DataType::UInt8 => {
                type $pixel = u8;
                $body
            }
            $crate::DataType::Int8 => {
                type $pixel = i8;
                $body
            }
            $crate::DataType::UInt16 => {
                type $pixel = u16;
                $body
            }
            $crate::DataType::Int16 => {
                type $pixel = i16;
                $body
            }
            $crate::DataType::UInt32 => {
                type $pixel = u32;
                $body
            }
            $crate::DataType::Int32 => {
                type $pixel = i32;
                $body
            }
            $crate::DataType::UInt64 => {
                type $pixel = u64;
                $body
            }
            $crate::DataType::Int64 => {
                type $pixel = i64;
                $body
            }
            $crate::DataType::Float32 => {
                type $pixel = f32;
                $body
            }
            $crate::DataType::Float64 => {
                type $pixel = f64;
                $body
            }
        }
    };
}

impl Values {
    /// So many pixels of a type; what is in them is not said, so all must be written.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn unwritten(data_type: DataType, count: usize, lease: &Lease) -> Result<Values> {
        Ok(match data_type {
            DataType::UInt8 => Values::UInt8(lease.buffer_unzeroed(count)?),
            DataType::Int8 => Values::Int8(lease.buffer_unzeroed(count)?),
            DataType::UInt16 => Values::UInt16(lease.buffer_unzeroed(count)?),
            DataType::Int16 => Values::Int16(lease.buffer_unzeroed(count)?),
            DataType::UInt32 => Values::UInt32(lease.buffer_unzeroed(count)?),
            DataType::Int32 => Values::Int32(lease.buffer_unzeroed(count)?),
            DataType::UInt64 => Values::UInt64(lease.buffer_unzeroed(count)?),
            DataType::Int64 => Values::Int64(lease.buffer_unzeroed(count)?),
            DataType::Float32 => Values::Float32(lease.buffer_unzeroed(count)?),
            DataType::Float64 => Values::Float64(lease.buffer_unzeroed(count)?),
        })
    }

    /// Their type.
    pub fn data_type(&self) -> DataType {
        match self {
            Values::UInt8(_) => DataType::UInt8,
            Values::Int8(_) => DataType::Int8,
            Values::UInt16(_) => DataType::UInt16,
            Values::Int16(_) => DataType::Int16,
            Values::UInt32(_) => DataType::UInt32,
            Values::Int32(_) => DataType::Int32,
            Values::UInt64(_) => DataType::UInt64,
            Values::Int64(_) => DataType::Int64,
            Values::Float32(_) => DataType::Float32,
            Values::Float64(_) => DataType::Float64,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        for_values!(self, buffer => buffer.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels, if they are of this type.
    pub fn get<T: Pixel>(&self) -> Option<&[T]> {
        for_values!(self, buffer => (buffer as &dyn std::any::Any).downcast_ref::<Buffer<T>>().map(|buffer| &**buffer))
    }

    /// The pixels to be written, if they are of this type.
    pub fn get_mut<T: Pixel>(&mut self) -> Option<&mut [T]> {
        for_values!(self, buffer => {
            (buffer as &mut dyn std::any::Any).downcast_mut::<Buffer<T>>().map(|buffer| &mut **buffer)
        })
    }

    /// Their bytes, as this machine orders them.
    pub fn bytes(&self) -> &[u8] {
        for_values!(self, buffer => bytemuck::cast_slice(&buffer[..]))
    }

    /// Their bytes to be written, as this machine orders them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        for_values!(self, buffer => bytemuck::cast_slice_mut(&mut buffer[..]))
    }
}

/// The values of a window, and which of them are valid.
#[derive(Debug)]
pub struct Tile {
    /// Where in its grid it lies.
    pub window: Window,
    /// How many bands.
    pub bands: usize,
    /// The values, in the order band, row, column. Those of pixels that are not valid may be anything, unless the
    /// tile is `as_stored`.
    pub values: Values,
    /// In the same order 1 for each pixel that is valid and 0 for others; `None` if all are.
    pub validity: Option<Buffer<u8>>,
    /// Whether pixels that are not valid have the values of a file, which says in the way of the grid that they are not:
    /// then they can be written as they are.
    pub as_stored: bool,
}

impl Tile {
    /// A tile whose values must all be written, and whose pixels are all valid.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn unwritten(window: Window, bands: usize, data_type: DataType, lease: &Lease) -> Result<Tile> {
        let values = Values::unwritten(data_type, window.pixels() as usize * bands, lease)?;
        Ok(Tile { window, bands, values, validity: None, as_stored: false })
    }

    /// Memory of such a tile, with or without a plane of validity.
    pub fn bytes_for(window: Window, bands: usize, data_type: DataType, validity: bool) -> Bytes {
        let pixel = data_type.size() as u64 + u64::from(validity);
        Bytes(window.pixels() * bands as u64 * pixel)
    }

    /// Forgets all bands but the first so many.
    pub fn keep_bands(&mut self, bands: usize) {
        let kept = self.plane() * bands;
        for_values!(&mut self.values, buffer => buffer.truncate(kept));
        if let Some(validity) = &mut self.validity {
            validity.truncate(kept);
        }
        self.bands = self.bands.min(bands);
    }

    /// Pixels of one band.
    pub fn plane(&self) -> usize {
        self.window.pixels() as usize
    }

    /// The values of all bands.
    ///
    /// # Errors
    /// [`Error::Unexpected`] when they are of another type, which is a mistake of the caller.
    pub fn values<T: Pixel>(&self) -> Result<&[T]> {
        self.values.get().ok_or_else(|| other_type(T::DATA_TYPE, self.values.data_type()))
    }

    /// The values of all bands, to be written.
    ///
    /// # Errors
    /// As [`Tile::values`].
    pub fn values_mut<T: Pixel>(&mut self) -> Result<&mut [T]> {
        let is = self.values.data_type();
        self.values.get_mut().ok_or_else(|| other_type(T::DATA_TYPE, is))
    }

    /// Validity to be written: where there was none yet, all pixels are valid.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn validity_mut(&mut self, lease: &Lease) -> Result<&mut [u8]> {
        if self.validity.is_none() {
            let mut validity = lease.buffer_unzeroed::<u8>(self.values.len())?;
            validity.fill(1);
            self.validity = Some(validity);
        }
        self.validity.as_deref_mut().ok_or_else(|| Error::unexpected("validity that was just made is gone"))
    }
}

/// Whether no pixel of a plane of validity is without a value.
pub fn all_valid(validity: &[u8]) -> bool {
    // Whole pieces at once, which is many times faster than to stop at the first of them.
    validity.chunks(PIECE).all(|piece| piece.iter().fold(1, |all, valid| all & valid) == 1)
}

/// Whether no pixel of a plane of validity has a value.
pub fn none_valid(validity: &[u8]) -> bool {
    validity.chunks(PIECE).all(|piece| piece.iter().fold(0, |any, valid| any | valid) == 0)
}

/// Pixels whose validity is looked at at once.
const PIECE: usize = 4096;

fn other_type(wanted: DataType, got: DataType) -> Error {
    Error::unexpected(format!("a tile of {wanted} was wanted and is of {got}"))
}
