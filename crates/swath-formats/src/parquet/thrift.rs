//! The compact protocol of Thrift, as far as footers and page headers of Parquet need it.
//!
//! It reads bytes at hand and allocates nothing; what a length or a count claims is held against what is there.

/// What is wrong, in words.
pub(super) type Told<T> = std::result::Result<T, String>;

/// How the message begins where bytes end before what they hold does.
pub(super) const CUT: &str = "it ends too early";

/// Structs inside of each other at most; Parquet's own need nine.
const DEPTH_MAX: u32 = 24;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Bytes and how far they are read.
#[derive(Debug, Clone)]
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    /// Bytes read.
    pub at: usize,
    depth: u32,
}

/// The type of a field, as its header has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldType(u8);

impl<'a> Thrift<'a> {
    pub fn new(bytes: &'a [u8]) -> Thrift<'a> {
        Thrift { bytes, at: 0, depth: 0 }
    }

    fn byte(&mut self) -> Told<u8> {
        let byte = *self.bytes.get(self.at).ok_or(CUT)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Told<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number has more than 64 bits".into())
    }

    fn signed(&mut self) -> Told<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads a struct: `with` is told of each field and answers whether it read it; others are passed over.
    pub fn fields(&mut self, mut with: impl FnMut(&mut Self, i16, FieldType) -> Told<bool>) -> Told<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("structs are inside of each other more than {DEPTH_MAX} deep"));
        }
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                self.depth -= 1;
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.signed()? as i16,
                step => id.wrapping_add(i16::from(step)),
            };
            let field_type = FieldType(head & 15);
            if !with(self, id, field_type)? {
                self.skip(field_type)?;
            }
        }
    }

    /// The value of a field that is a whole number.
    pub fn integer(&mut self, field_type: FieldType) -> Told<i64> {
        match field_type.0 {
            BYTE => Ok(i64::from(self.byte()? as i8)),
            4..=6 => self.signed(),
            other => Err(format!("wanted a whole number, got type {other}")),
        }
    }

    /// The same where it must fit into 32 bits.
    pub fn small(&mut self, field_type: FieldType) -> Told<i32> {
        let value = self.integer(field_type)?;
        i32::try_from(value).map_err(|_| format!("wanted a number of 32 bits, got {value}"))
    }

    /// The same where it must not be negative.
    pub fn size(&mut self, field_type: FieldType) -> Told<u64> {
        let value = self.integer(field_type)?;
        u64::try_from(value).map_err(|_| format!("wanted a size, got {value}"))
    }

    /// The value of a field that is true or false.
    pub fn flag(&mut self, field_type: FieldType) -> Told<bool> {
        match field_type.0 {
            TRUE => Ok(true),
            FALSE => Ok(false),
            other => Err(format!("wanted true or false, got type {other}")),
        }
    }

    /// The value of a field that is text or bytes.
    pub fn binary(&mut self, field_type: FieldType) -> Told<&'a [u8]> {
        if field_type.0 != BINARY {
            return Err(format!("wanted bytes, got type {}", field_type.0));
        }
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let rest = &self.bytes[self.at..];
        let bytes = rest.get(..length).ok_or_else(|| format!("{CUT}: wanted {length} bytes, got {}", rest.len()))?;
        self.at += length;
        Ok(bytes)
    }

    /// Begins a list of structs; answers how many there are. Each takes a byte at least.
    pub fn structs(&mut self, field_type: FieldType) -> Told<usize> {
        match (field_type.0, self.list()?) {
            (LIST, (count, STRUCT)) => Ok(count),
            (LIST, (0, _)) => Ok(0),
            (other, _) => Err(format!("wanted a list of structs, got type {other}")),
        }
    }

    /// Reads a list of whole numbers.
    pub fn integers(&mut self, field_type: FieldType, mut with: impl FnMut(i64)) -> Told<()> {
        let (count, of) = self.list()?;
        if field_type.0 != LIST {
            return Err(format!("wanted a list of numbers, got type {}", field_type.0));
        }
        for _ in 0..count {
            with(self.integer(FieldType(of))?);
        }
        Ok(())
    }

    fn list(&mut self) -> Told<(usize, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        let left = self.bytes.len() - self.at;
        match usize::try_from(count).ok().filter(|count| *count <= left) {
            Some(count) => Ok((count, head & 15)),
            None => Err(format!("{CUT}: wanted a list of {count}, got {left} bytes")),
        }
    }

    /// Passes over a value.
    fn skip(&mut self, field_type: FieldType) -> Told<()> {
        match field_type.0 {
            TRUE | FALSE => Ok(()),
            BYTE => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            DOUBLE => {
                self.at += 8;
                if self.at > self.bytes.len() { Err(CUT.into()) } else { Ok(()) }
            }
            BINARY => self.binary(field_type).map(drop),
            LIST | SET => {
                let (count, of) = self.list()?;
                self.elements(count, &[of])
            }
            MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let types = self.byte()?;
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.bytes.len() - self.at + 1);
                self.elements(count, &[types >> 4, types & 15])
            }
            STRUCT => self.fields(|_, _, _| Ok(false)),
            other => Err(format!("there is no type {other}")),
        }
    }

    fn elements(&mut self, count: usize, types: &[u8]) -> Told<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("lists are inside of each other more than {DEPTH_MAX} deep"));
        }
        for _ in 0..count {
            for &of in types {
                // In a list, unlike in a field, a flag is a byte.
                self.skip(FieldType(if of <= FALSE { BYTE } else { of }))?;
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_passed_over() {
        // 1: i32 = -3, 2: true, 4: "ab", 5: list of two structs, 20: map of byte to text, 21: i64 = 300
        let bytes = [
            0x15, 5, 0x11, 0x28, 2, b'a', b'b', 0x19, 0x2c, 0x15, 2, 0, 0, 0x0b, 40, 1, 0x38, 7, 1, b'x', 0x16, 0xd8,
            4, 0,
        ];
        let mut thrift = Thrift::new(&bytes);
        let (mut seen, mut ids) = (Vec::new(), Vec::new());
        thrift
            .fields(|thrift, id, of| {
                ids.push(id);
                match id {
                    1 | 21 => seen.push(thrift.integer(of)?),
                    2 => seen.push(i64::from(thrift.flag(of)?)),
                    4 => seen.push(thrift.binary(of)?.len() as i64),
                    _ => return Ok(false),
                }
                Ok(true)
            })
            .expect("a struct");
        assert_eq!((seen, ids), (vec![-3, 1, 2, 300], vec![1, 2, 4, 5, 20, 21]));
        assert_eq!(thrift.at, bytes.len());
        for cut in 0..bytes.len() {
            assert!(Thrift::new(&bytes[..cut]).fields(|_, _, _| Ok(false)).is_err(), "{cut}");
        }
    }

    #[test]
    fn lies_are_told() {
        for (bytes, wanted) in [
            (&[0x19, 0xfc, 0xff, 0xff, 0xff, 0x0f][..], "wanted a list of 33554431"),
            (&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], "wanted 4294967295 bytes, got 1"),
            (&[0x1d, 0], "there is no type 13"),
            (&[0x1c; 100], "more than 24 deep"),
            (&[0x19, 0x19, 0x19, 0x19, 0x19, 0x19, 0x19, 0x19, 0x19, 0x19], CUT),
            (&[0x16, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], "more than 64 bits"),
        ] {
            let error = Thrift::new(bytes).fields(|_, _, _| Ok(false)).expect_err(wanted);
            assert!(error.contains(wanted), "{error}");
        }
    }
}
