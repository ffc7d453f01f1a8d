//! The types that a pixel can have, and exact rules for getting from one to another.
//!
//! Complex numbers, bits and 16-bit floats are no types of a grid: a format widens or refuses them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swath_core::Pod;

/// The type of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// 0 to 255.
    UInt8,
    /// -128 to 127.
    Int8,
    /// 0 to 65,535.
    UInt16,
    /// -32,768 to 32,767.
    Int16,
    /// 0 to 4,294,967,295.
    UInt32,
    /// -2,147,483,648 to 2,147,483,647.
    Int32,
    /// 0 to 2⁶⁴ − 1.
    UInt64,
    /// −2⁶³ to 2⁶³ − 1.
    Int64,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
}

impl DataType {
    /// All types, narrow ones first.
    pub const ALL: [DataType; 10] = [
        DataType::UInt8,
        DataType::Int8,
        DataType::UInt16,
        DataType::Int16,
        DataType::UInt32,
        DataType::Int32,
        DataType::UInt64,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
    ];

    /// Bytes of a pixel.
    pub fn size(self) -> usize {
        match self {
            DataType::UInt8 | DataType::Int8 => 1,
            DataType::UInt16 | DataType::Int16 => 2,
            DataType::UInt32 | DataType::Int32 | DataType::Float32 => 4,
            DataType::UInt64 | DataType::Int64 | DataType::Float64 => 8,
        }
    }

    /// The name that NumPy and rasterio use.
    pub fn name(self) -> &'static str {
        match self {
            DataType::UInt8 => "uint8",
            DataType::Int8 => "int8",
            DataType::UInt16 => "uint16",
            DataType::Int16 => "int16",
            DataType::UInt32 => "uint32",
            DataType::Int32 => "int32",
            DataType::UInt64 => "uint64",
            DataType::Int64 => "int64",
            DataType::Float32 => "float32",
            DataType::Float64 => "float64",
        }
    }

    /// Whether it has fractions, infinities and NaN.
    pub fn is_float(self) -> bool {
        matches!(self, DataType::Float32 | DataType::Float64)
    }

    /// Whether `Float32` holds every value of it exactly, so that 32-bit arithmetic loses nothing on the way in.
    pub fn fits_float32(self) -> bool {
        self.size() <= 2 || self == DataType::Float32
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DataType {
    type Err = String;

    /// Reads the names of NumPy, and `byte` for `uint8` as GDAL says; case does not matter.
    fn from_str(text: &str) -> Result<DataType, String> {
        let lower = text.to_ascii_lowercase();
        let named = DataType::ALL.into_iter().find(|data_type| data_type.name() == lower);
        named.or_else(|| (lower == "byte").then_some(DataType::UInt8)).ok_or_else(|| {
            let names: Vec<&str> = DataType::ALL.iter().map(|data_type| data_type.name()).collect();
            format!("{text:?} is not a type of pixels: wanted one of {}", names.join(", "))
        })
    }
}

/// A number of any type, exactly: nodata values, limits. One NaN is the same as any other.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Scalar {
    /// A whole number; wide enough for all integer types.
    Int(i128),
    /// Any other number, NaN and the infinities among them.
    Float(f64),
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        match (*self, *other) {
            (Scalar::Int(one), Scalar::Int(other)) => one == other,
            (Scalar::Float(one), Scalar::Float(other)) => one == other || (one.is_nan() && other.is_nan()),
            _ => false,
        }
    }
}

impl Scalar {
    /// Whether it is not a number.
    pub fn is_nan(self) -> bool {
        matches!(self, Scalar::Float(value) if value.is_nan())
    }

    /// The nearest 64-bit float.
    pub fn as_f64(self) -> f64 {
        match self {
            Scalar::Int(value) => value as f64,
            Scalar::Float(value) => value,
        }
    }

    /// The value as a pixel, if the type holds it exactly (a `Float32` may round it, as formats write such values).
    pub fn to_pixel<T: Pixel>(self) -> Option<T> {
        T::from_scalar(self)
    }

    /// Whether a pixel of the type can have this value.
    pub fn fits(self, data_type: DataType) -> bool {
        match data_type {
            DataType::UInt8 => self.to_pixel::<u8>().is_some(),
            DataType::Int8 => self.to_pixel::<i8>().is_some(),
            DataType::UInt16 => self.to_pixel::<u16>().is_some(),
            DataType::Int16 => self.to_pixel::<i16>().is_some(),
            DataType::UInt32 => self.to_pixel::<u32>().is_some(),
            DataType::Int32 => self.to_pixel::<i32>().is_some(),
            DataType::UInt64 => self.to_pixel::<u64>().is_some(),
            DataType::Int64 => self.to_pixel::<i64>().is_some(),
            DataType::Float32 => match self {
                Scalar::Float(value) => !value.is_finite() || (value as f32).is_finite(),
                Scalar::Int(_) => true,
            },
            DataType::Float64 => true,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Int(value) => write!(f, "{value}"),
            Scalar::Float(value) if value.is_nan() => f.write_str("nan"),
            Scalar::Float(value) => write!(f, "{value}"),
        }
    }
}

impl FromStr for Scalar {
    type Err = String;

    fn from_str(text: &str) -> Result<Scalar, String> {
        let text = text.trim();
        if let Ok(whole) = text.parse::<i128>() {
            return Ok(Scalar::Int(whole));
        }
        match text.parse::<f64>() {
            // Written as a float, whole all the same: -9999.0 is what -9999 is.
            Ok(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(Scalar::Int(value as i128)),
            Ok(value) => Ok(Scalar::Float(value)),
            Err(_) => Err(format!("{text:?} is no number")),
        }
    }
}

/// A type of pixels, as Rust sees it.
pub trait Pixel: Pod + Copy + PartialEq + PartialOrd + Send + Sync + 'static {
    /// Which one it is.
    const DATA_TYPE: DataType;

    /// The nearest 64-bit float: exact but for integers beyond 2⁵³.
    fn to_f64(self) -> f64;

    /// The value nearest to a float: integers round half away from zero and stay at the ends of their range, NaN
    /// becomes 0 (an integer has none; who must not lose it asks first).
    fn from_f64(value: f64) -> Self;

    /// The value itself, if the type has it.
    fn from_scalar(value: Scalar) -> Option<Self>;

    /// The value as a [`Scalar`].
    fn to_scalar(self) -> Scalar;

    /// Whether it is NaN.
    fn is_nan(self) -> bool;
}

/// The number before 1/2: added to a number, and what is behind the point then left out, it rounds half away from zero,
/// without a call. With 1/2 itself the number before 1/2 would become 1.
const BELOW_HALF: f64 = 0.5 - f64::EPSILON / 4.0;

macro_rules! integer_pixels {
    ($($type:ty => $data_type:ident),* $(,)?) => {$(
        impl Pixel for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            fn to_f64(self) -> f64 {
                self as f64
            }

            fn from_f64(value: f64) -> Self {
                // A cast from float to integer stays at the ends of the range, and makes 0 of NaN.
                (value + BELOW_HALF.copysign(value)) as $type
            }

            fn from_scalar(value: Scalar) -> Option<Self> {
                match value {
                    Scalar::Int(value) => value.try_into().ok(),
                    Scalar::Float(_) => None,
                }
            }

            fn to_scalar(self) -> Scalar {
                Scalar::Int(i128::from(self))
            }

            fn is_nan(self) -> bool {
                false
            }
        }
    )*};
}

integer_pixels! {
    u8 => UInt8, i8 => Int8, u16 => UInt16, i16 => Int16, u32 => UInt32, i32 => Int32, u64 => UInt64, i64 => Int64,
}

macro_rules! float_pixels {
    ($($type:ty => $data_type:ident),* $(,)?) => {$(
        impl Pixel for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn from_f64(value: f64) -> Self {
                value as $type
            }

            fn from_scalar(value: Scalar) -> Option<Self> {
                Some(value.as_f64() as $type)
            }

            fn to_scalar(self) -> Scalar {
                Scalar::Float(f64::from(self))
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    )*};
}

float_pixels! { f32 => Float32, f64 => Float64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_integers() {
        let check = |value: f64, wanted: (u8, i16, i64)| {
            assert_eq!((u8::from_f64(value), i16::from_f64(value), i64::from_f64(value)), wanted, "{value}");
        };
        check(2.5, (3, 3, 3));
        check(-2.5, (0, -3, -3));
        check(255.4, (255, 255, 255));
        check(1e30, (255, 32_767, i64::MAX));
        check(f64::NEG_INFINITY, (0, -32_768, i64::MIN));
        check(f64::NAN, (0, 0, 0));
        check(0.5f64.next_down(), (0, 0, 0));
        check(-0.5, (0, -1, -1));
        for value in [1.5, 2.5f64.next_down(), 1e15 + 0.5, 4_503_599_627_370_495.5, 9e15 + 1.0, -7e17] {
            assert_eq!(i64::from_f64(value), value.round() as i64, "{value}");
        }
    }

    #[test]
    fn scalars_are_exact() {
        assert_eq!("-9999.0".parse(), Ok(Scalar::Int(-9999)));
        assert_eq!("18446744073709551615".parse(), Ok(Scalar::Int(i128::from(u64::MAX))));
        assert_eq!("0.1".parse(), Ok(Scalar::Float(0.1)));
        assert!("nan".parse::<Scalar>().is_ok_and(|value| value.as_f64().is_nan()));
        assert!("x".parse::<Scalar>().is_err());
        assert!(!Scalar::Int(-9999).fits(DataType::UInt8) && Scalar::Int(-9999).fits(DataType::Int16));
        assert!(!Scalar::Float(f64::MIN).fits(DataType::Float32) && Scalar::Float(f64::MIN).fits(DataType::Float64));
        assert!(Scalar::Float(f64::INFINITY).fits(DataType::Float32) && Scalar::Int(i128::MIN).fits(DataType::Float32));
        assert!(!Scalar::Float(0.5).fits(DataType::Int32) && Scalar::Float(0.5).fits(DataType::Float32));
        assert_eq!(Scalar::Int(i128::from(u64::MAX)).to_pixel(), Some(u64::MAX));
    }

    #[test]
    fn names_are_read() {
        for data_type in DataType::ALL {
            assert_eq!(data_type.name().to_uppercase().parse(), Ok(data_type));
        }
        assert_eq!("Byte".parse(), Ok(DataType::UInt8));
        assert!("complex64".parse::<DataType>().is_err());
    }
}
