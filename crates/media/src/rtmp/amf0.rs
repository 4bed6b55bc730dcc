//! Action Message Format 0: the values in commands and metadata.
//!
//! Reading is bounded in depth and in number of values, and its memory by the length of the input.

use bytes::{Buf, BufMut, BytesMut};

/// How deep objects and arrays may nest.
const MAX_DEPTH: usize = 16;
/// How many values one message may hold, nested ones included.
const MAX_VALUES: usize = 4096;

mod marker {
    pub const NUMBER: u8 = 0;
    pub const BOOLEAN: u8 = 1;
    pub const STRING: u8 = 2;
    pub const OBJECT: u8 = 3;
    pub const NULL: u8 = 5;
    pub const UNDEFINED: u8 = 6;
    pub const ECMA_ARRAY: u8 = 8;
    pub const OBJECT_END: u8 = 9;
    pub const STRICT_ARRAY: u8 = 10;
    pub const DATE: u8 = 11;
    pub const LONG_STRING: u8 = 12;
    pub const XML_DOCUMENT: u8 = 15;
    pub const TYPED_OBJECT: u8 = 16;
}

/// Why AMF0 could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmfError {
    /// The input ends inside a value.
    #[error("it is cut short")]
    Truncated,
    /// A type that no encoder sends (reference, movie clip, record set, AMF3).
    #[error("AMF0 type {0} is not supported")]
    Unsupported(u8),
    /// Nested too deeply.
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Too many values.
    #[error("it holds more than {MAX_VALUES} values")]
    TooMany,
    /// An object's empty name is not followed by its end marker.
    #[error("an object has no end")]
    NoObjectEnd,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A string, long string or XML document; bytes that are not UTF-8 are replaced.
    String(String),
    /// Named values in the order in which they were sent; a typed object's class name is dropped.
    Object(Vec<(String, Value)>),
    /// Null.
    Null,
    /// Undefined.
    Undefined,
    /// An associative array.
    EcmaArray(Vec<(String, Value)>),
    /// An array.
    StrictArray(Vec<Value>),
    /// Milliseconds since 1970 UTC, and an offset that the format reserves.
    Date(f64, i16),
}

impl Value {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// The value of that name, if this is an object or associative array that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) | Self::EcmaArray(fields) => {
                fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// An object of these fields.
    pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Self {
        Self::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl From<&str> for Value {
    fn from(string: &str) -> Self {
        Self::String(string.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Reads all values of a message.
pub fn decode(input: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut decoder = Decoder { input, left: MAX_VALUES };
    let mut values = Vec::new();
    while !decoder.input.is_empty() {
        values.push(decoder.value(0)?);
    }
    Ok(values)
}

struct Decoder<'a> {
    input: &'a [u8],
    /// How many more values may come.
    left: usize,
}

impl Decoder<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, AmfError> {
        if depth > MAX_DEPTH {
            return Err(AmfError::TooDeep);
        }
        self.left = self.left.checked_sub(1).ok_or(AmfError::TooMany)?;
        Ok(match self.u8()? {
            marker::NUMBER => Value::Number(self.f64()?),
            marker::BOOLEAN => Value::Boolean(self.u8()? != 0),
            marker::STRING => Value::String(self.string()?),
            marker::OBJECT => Value::Object(self.fields(depth)?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::ECMA_ARRAY => {
                // Encoders send a wrong count often enough that only the end marker can be trusted.
                self.u32()?;
                Value::EcmaArray(self.fields(depth)?)
            }
            marker::STRICT_ARRAY => Value::StrictArray(self.elements(depth)?),
            marker::DATE => Value::Date(self.f64()?, self.u16()? as i16),
            marker::LONG_STRING | marker::XML_DOCUMENT => Value::String(self.long_string()?),
            marker::TYPED_OBJECT => {
                self.string()?;
                Value::Object(self.fields(depth)?)
            }
            other => return Err(AmfError::Unsupported(other)),
        })
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<(String, Value)>, AmfError> {
        let mut fields = Vec::new();
        loop {
            let name = self.string()?;
            if name.is_empty() && self.input.first() == Some(&marker::OBJECT_END) {
                self.u8()?;
                return Ok(fields);
            }
            if name.is_empty() && self.input.is_empty() {
                return Err(AmfError::NoObjectEnd);
            }
            fields.push((name, self.value(depth + 1)?));
        }
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Value>, AmfError> {
        let count = self.u32()? as usize;
        if count > self.left {
            return Err(AmfError::TooMany);
        }
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn string(&mut self) -> Result<String, AmfError> {
        let length = self.u16()?;
        self.text(usize::from(length))
    }

    fn long_string(&mut self) -> Result<String, AmfError> {
        let length = self.u32()?;
        self.text(length as usize)
    }

    fn text(&mut self, length: usize) -> Result<String, AmfError> {
        let (text, rest) = self.input.split_at_checked(length).ok_or(AmfError::Truncated)?;
        self.input = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn u8(&mut self) -> Result<u8, AmfError> {
        self.input.try_get_u8().map_err(|_| AmfError::Truncated)
    }

    fn u16(&mut self) -> Result<u16, AmfError> {
        self.input.try_get_u16().map_err(|_| AmfError::Truncated)
    }

    fn u32(&mut self) -> Result<u32, AmfError> {
        self.input.try_get_u32().map_err(|_| AmfError::Truncated)
    }

    fn f64(&mut self) -> Result<f64, AmfError> {
        self.input.try_get_f64().map_err(|_| AmfError::Truncated)
    }
}

/// Writes one value.
pub fn encode(value: &Value, output: &mut BytesMut) {
    match value {
        Value::Number(number) => {
            output.put_u8(marker::NUMBER);
            output.put_f64(*number);
        }
        Value::Boolean(boolean) => output.put_slice(&[marker::BOOLEAN, u8::from(*boolean)]),
        Value::String(string) => encode_string(string, output),
        Value::Object(fields) => {
            output.put_u8(marker::OBJECT);
            encode_fields(fields, output);
        }
        Value::Null => output.put_u8(marker::NULL),
        Value::Undefined => output.put_u8(marker::UNDEFINED),
        Value::EcmaArray(fields) => {
            output.put_u8(marker::ECMA_ARRAY);
            output.put_u32(u32::try_from(fields.len()).unwrap_or(u32::MAX));
            encode_fields(fields, output);
        }
        Value::StrictArray(values) => {
            output.put_u8(marker::STRICT_ARRAY);
            output.put_u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
            values.iter().for_each(|value| encode(value, output));
        }
        Value::Date(millis, zone) => {
            output.put_u8(marker::DATE);
            output.put_f64(*millis);
            output.put_i16(*zone);
        }
    }
}

fn encode_string(string: &str, output: &mut BytesMut) {
    if let Ok(length) = u16::try_from(string.len()) {
        output.put_u8(marker::STRING);
        output.put_u16(length);
    } else {
        output.put_u8(marker::LONG_STRING);
        output.put_u32(u32::try_from(string.len()).unwrap_or(u32::MAX));
    }
    output.put_slice(string.as_bytes());
}

/// Field names are ours, or were read from 16-bit lengths; a longer one is left out rather than written wrong.
fn encode_fields(fields: &[(String, Value)], output: &mut BytesMut) {
    for (name, value) in fields {
        let Ok(length) = u16::try_from(name.len()) else { continue };
        output.put_u16(length);
        output.put_slice(name.as_bytes());
        encode(value, output);
    }
    output.put_slice(&[0, 0, marker::OBJECT_END]);
}

#[cfg(test)]
mod tests;
