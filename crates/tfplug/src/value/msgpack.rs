//! Values as MessagePack, the form in which core and providers exchange them.
//!
//! Reading is strict about what a value is and lenient about how it is written: any width of number, text as `str` or
//! `bin`. Writing is what core would write. Bytes after the value are ignored, as core ignores them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rmp::Marker;
use rmp::encode::{self, ByteBuf};

use super::{
    CodecError, Dynamic, MAX_DEPTH, Number, ObjectType, Refinement, RefinementError, Type, Value, ValueSet,
    attribute_step, check_names, check_same_types, element_step, normalized, wanted, wrong_length,
};
use crate::path::PathStep;

/// The extension that carries what is known about an unknown value.
const REFINED: i8 = 0x0c;

/// Bytes of a refinement that core takes.
const MAX_REFINEMENT: usize = 1024;

/// Elements that room is made for before the first is read: a header may lie about the rest.
const MAX_RESERVED: usize = 4096;

const NULLNESS: i64 = 1;
const PREFIX: i64 = 2;
const NUMBER_MIN: i64 = 3;
const NUMBER_MAX: i64 = 4;
const LENGTH_MIN: i64 = 5;
const LENGTH_MAX: i64 = 6;

/// Reads a value of type `kind`.
///
/// # Errors
/// Where in the bytes something is not of that type, or no MessagePack at all.
pub fn from_msgpack(bytes: &[u8], kind: &Type) -> Result<Value, CodecError> {
    Reader { rest: bytes }.value(kind, 0)
}

/// Writes a value of type `kind`.
///
/// # Errors
/// Where the value is not of that type, or is one that core could not read.
pub fn to_msgpack(value: &Value, kind: &Type) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer { out: ByteBuf::new() };
    writer.value(value, kind, 0)?;
    Ok(writer.out.into_vec())
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn value(&mut self, kind: &Type, depth: usize) -> Result<Value, CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let marker = self.marker()?;
        if let Some(length) = self.ext_length(marker)? {
            return self.unknown(length, kind);
        }
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        match kind {
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                _ => Err(required(kind)),
            },
            Type::Number => self.number(marker).map(Value::Number),
            Type::String => {
                let text = self.text(marker)?.ok_or_else(|| required(kind))?;
                Ok(Value::String(normalized(text)))
            }
            Type::Dynamic => self.dynamic(marker, depth),
            Type::List(element) => {
                let length = self.array_length(marker)?.ok_or_else(|| required(kind))?;
                self.elements(length, element, depth).map(Value::List)
            }
            Type::Set(element) => {
                let length = self.array_length(marker)?.ok_or_else(|| required(kind))?;
                let elements = self.elements(length, element, depth).map_err(stop_at_set)?;
                Ok(Value::Set(ValueSet::from_iter(elements)))
            }
            Type::Map(element) => self.map(marker, element, depth),
            Type::Tuple(kinds) => self.tuple(marker, kinds, depth),
            Type::Object(object) => self.object(marker, object, depth),
        }
    }

    fn number(&mut self, marker: Marker) -> Result<Number, CodecError> {
        if let Some(number) = self.integer(marker)? {
            return Ok(number);
        }
        let float = |value| Number::from_f64_exact(value).map_err(|error| CodecError::new(error.to_string()));
        match marker {
            Marker::F32 => float(f64::from(f32::from_be_bytes(self.array()?))),
            Marker::F64 => float(f64::from_be_bytes(self.array()?)),
            _ => {
                let text = self.text(marker)?.ok_or_else(|| required(&Type::Number))?;
                text.parse().map_err(|error: super::NumberError| CodecError::new(error.to_string()))
            }
        }
    }

    fn integer(&mut self, marker: Marker) -> Result<Option<Number>, CodecError> {
        Ok(Some(match marker {
            Marker::FixPos(value) => Number::from(i64::from(value)),
            Marker::FixNeg(value) => Number::from(i64::from(value)),
            Marker::U8 => Number::from(u64::from(u8::from_be_bytes(self.array()?))),
            Marker::U16 => Number::from(u64::from(u16::from_be_bytes(self.array()?))),
            Marker::U32 => Number::from(u64::from(u32::from_be_bytes(self.array()?))),
            Marker::U64 => Number::from(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Number::from(i64::from(i8::from_be_bytes(self.array()?))),
            Marker::I16 => Number::from(i64::from(i16::from_be_bytes(self.array()?))),
            Marker::I32 => Number::from(i64::from(i32::from_be_bytes(self.array()?))),
            Marker::I64 => Number::from(i64::from_be_bytes(self.array()?)),
            _ => return Ok(None),
        }))
    }

    /// A type in JSON and a value of it.
    fn dynamic(&mut self, marker: Marker, depth: usize) -> Result<Value, CodecError> {
        if self.array_length(marker)? != Some(2) {
            return Err(CodecError::new("a value of open type is written as an array of its type and itself"));
        }
        let marker = self.marker()?;
        let kind = self.bytes(marker)?.ok_or_else(|| CodecError::new("the type of a value is written in JSON"))?;
        let kind = Type::from_json(kind)?;
        let value = self.value(&kind, depth + 1)?;
        Ok(Value::Dynamic(Box::new(Dynamic { kind, value })))
    }

    fn elements(&mut self, length: usize, element: &Type, depth: usize) -> Result<Vec<Value>, CodecError> {
        let mut elements = Vec::with_capacity(length.min(MAX_RESERVED));
        for index in 0..length {
            let value = self.value(element, depth + 1).map_err(|error| error.within(PathStep::Index(index)))?;
            elements.push(value);
        }
        Ok(elements)
    }

    fn map(&mut self, marker: Marker, element: &Type, depth: usize) -> Result<Value, CodecError> {
        let length = self.map_length(marker)?.ok_or_else(|| CodecError::new("a map is required"))?;
        let mut elements = Vec::with_capacity(length.min(MAX_RESERVED));
        for _ in 0..length {
            let key = normalized(self.key()?);
            match self.value(element, depth + 1) {
                Ok(value) => elements.push((key, value)),
                Err(error) => return Err(error.within(PathStep::Key(key))),
            }
        }
        Ok(Value::Map(BTreeMap::from_iter(elements)))
    }

    fn tuple(&mut self, marker: Marker, kinds: &[Type], depth: usize) -> Result<Value, CodecError> {
        let length = self.array_length(marker)?.ok_or_else(|| CodecError::new("a tuple is required"))?;
        if length != kinds.len() {
            return Err(wrong_length("a tuple", kinds.len(), length));
        }
        let element = |(index, kind)| {
            self.value(kind, depth + 1).map_err(|error: CodecError| error.within(PathStep::Index(index)))
        };
        kinds.iter().enumerate().map(element).collect::<Result<_, _>>().map(Value::Tuple)
    }

    fn object(&mut self, marker: Marker, object: &ObjectType, depth: usize) -> Result<Value, CodecError> {
        let length = self.map_length(marker)?.ok_or_else(|| CodecError::new("an object is required"))?;
        if length != object.attributes.len() {
            let wanted = object.attributes.len();
            return Err(CodecError::new(format!("an object of {wanted} attributes is required, not of {length}")));
        }
        let mut attributes = Vec::with_capacity(length.min(MAX_RESERVED));
        for _ in 0..length {
            let name = normalized(self.key()?);
            let Some(kind) = object.attributes.get(&name) else {
                return Err(CodecError::new(format!("there is no attribute {name:?}")));
            };
            match self.value(kind, depth + 1) {
                Ok(value) => attributes.push((name, value)),
                Err(error) => return Err(error.within(attribute_step(&name))),
            }
        }
        let attributes = BTreeMap::from_iter(attributes);
        // As many as declared and each declared, so the only failure left is a name given twice.
        check_names(&attributes, object)?;
        Ok(Value::Object(attributes))
    }

    fn unknown(&mut self, length: usize, kind: &Type) -> Result<Value, CodecError> {
        let [code] = self.array()?;
        let body = self.take(length)?;
        if code.cast_signed() != REFINED || length <= 1 {
            return Ok(Value::unknown());
        }
        if length > MAX_REFINEMENT {
            return Err(CodecError::new(format!("a refinement of an unknown value is over {MAX_REFINEMENT} bytes")));
        }
        if *kind == Type::Dynamic {
            return Ok(Value::unknown());
        }
        Reader { rest: body }.refinement(kind)
    }

    /// The map in the body of a refined unknown. Keys of later versions are passed over.
    fn refinement(&mut self, kind: &Type) -> Result<Value, CodecError> {
        let wrong = || CodecError::new("the refinement of an unknown value does not fit its type");
        let contradicts = |error: RefinementError| CodecError::new(error.to_string());
        let is_collection = matches!(kind, Type::List(_) | Type::Set(_) | Type::Map(_));
        let mut known = Refinement::none();
        let mut is_null = false;
        let marker = self.marker()?;
        let entries = self.map_length(marker)?.ok_or_else(wrong)?;
        for _ in 0..entries {
            let marker = self.marker()?;
            let key = self.integer(marker)?.and_then(|key| key.as_i64()).ok_or_else(wrong)?;
            match key {
                NULLNESS => match self.marker()? {
                    Marker::True => is_null = true,
                    Marker::False => known = known.with_not_null(),
                    _ => return Err(wrong()),
                },
                PREFIX if *kind == Type::String => {
                    let marker = self.marker()?;
                    known = known.with_prefix(self.text(marker)?.ok_or_else(wrong)?).map_err(contradicts)?;
                }
                NUMBER_MIN | NUMBER_MAX if *kind == Type::Number => {
                    let (number, inclusive) = self.bound()?.ok_or_else(wrong)?;
                    known = if key == NUMBER_MIN {
                        known.with_lower(number, inclusive)
                    } else {
                        known.with_upper(number, inclusive)
                    }
                    .map_err(contradicts)?;
                }
                LENGTH_MIN | LENGTH_MAX if is_collection => {
                    let marker = self.marker()?;
                    let length = self.integer(marker)?.and_then(|length| u64::try_from(&length).ok());
                    let length = length.ok_or_else(wrong)?;
                    known =
                        if key == LENGTH_MIN { known.with_min_length(length) } else { known.with_max_length(length) }
                            .map_err(contradicts)?;
                }
                PREFIX | NUMBER_MIN | NUMBER_MAX | LENGTH_MIN | LENGTH_MAX => return Err(wrong()),
                _ => self.skip()?,
            }
        }
        if is_null {
            return if known.is_not_null() { Err(wrong()) } else { Ok(Value::Null) };
        }
        Ok(collapsed(known, kind))
    }

    fn bound(&mut self) -> Result<Option<(Number, bool)>, CodecError> {
        let marker = self.marker()?;
        if self.array_length(marker)? != Some(2) {
            return Ok(None);
        }
        let marker = self.marker()?;
        let number = self.number(marker)?;
        Ok(match self.marker()? {
            Marker::True => Some((number, true)),
            Marker::False => Some((number, false)),
            _ => None,
        })
    }

    /// Passes over one value of any kind, without recursion.
    fn skip(&mut self) -> Result<(), CodecError> {
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            let marker = self.marker()?;
            if let Some(length) = self.array_length(marker)? {
                left += length;
            } else if let Some(length) = self.map_length(marker)? {
                left += 2 * length;
            } else if let Some(length) = self.ext_length(marker)? {
                self.take(length + 1)?;
            } else if self.bytes(marker)?.is_none() && self.integer(marker)?.is_none() {
                match marker {
                    Marker::F32 => self.take(4)?,
                    Marker::F64 => self.take(8)?,
                    _ => &[],
                };
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<&'b str, CodecError> {
        let marker = self.marker()?;
        self.text(marker)?.ok_or_else(|| CodecError::new("a key is no string"))
    }

    fn text(&mut self, marker: Marker) -> Result<Option<&'b str>, CodecError> {
        let Some(bytes) = self.bytes(marker)? else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|_| CodecError::new("a string is not UTF-8"))
    }

    fn bytes(&mut self, marker: Marker) -> Result<Option<&'b [u8]>, CodecError> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => usize::from(u8::from_be_bytes(self.array()?)),
            Marker::Str16 | Marker::Bin16 => usize::from(u16::from_be_bytes(self.array()?)),
            Marker::Str32 | Marker::Bin32 => self.length32()?,
            _ => return Ok(None),
        };
        self.take(length).map(Some)
    }

    fn array_length(&mut self, marker: Marker) -> Result<Option<usize>, CodecError> {
        let length = match marker {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => usize::from(u16::from_be_bytes(self.array()?)),
            Marker::Array32 => self.length32()?,
            _ => return Ok(None),
        };
        self.checked_length(length, 1).map(Some)
    }

    fn map_length(&mut self, marker: Marker) -> Result<Option<usize>, CodecError> {
        let length = match marker {
            Marker::FixMap(length) => usize::from(length),
            Marker::Map16 => usize::from(u16::from_be_bytes(self.array()?)),
            Marker::Map32 => self.length32()?,
            _ => return Ok(None),
        };
        self.checked_length(length, 2).map(Some)
    }

    /// The length of an extension's body; its code comes before it.
    fn ext_length(&mut self, marker: Marker) -> Result<Option<usize>, CodecError> {
        Ok(Some(match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => usize::from(u8::from_be_bytes(self.array()?)),
            Marker::Ext16 => usize::from(u16::from_be_bytes(self.array()?)),
            Marker::Ext32 => self.length32()?,
            _ => return Ok(None),
        }))
    }

    /// Every element takes at least a byte, so a header that promises more than is left lies.
    fn checked_length(&self, length: usize, bytes_each: usize) -> Result<usize, CodecError> {
        if length.saturating_mul(bytes_each) > self.rest.len() { Err(ends_early()) } else { Ok(length) }
    }

    fn length32(&mut self) -> Result<usize, CodecError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| ends_early())
    }

    fn marker(&mut self) -> Result<Marker, CodecError> {
        let [byte] = self.array()?;
        Ok(Marker::from_u8(byte))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Where only one value is left, core takes that value: so do we.
fn collapsed(known: Refinement, kind: &Type) -> Value {
    if let Some(number) = known.only_number() {
        return Value::Number(number.clone());
    }
    if known.is_not_null() && known.max_length() == Some(0) {
        match kind {
            Type::List(_) => return Value::List(Vec::new()),
            Type::Set(_) => return Value::Set(ValueSet::new()),
            Type::Map(_) => return Value::Map(BTreeMap::new()),
            Type::Bool | Type::Number | Type::String | Type::Dynamic | Type::Tuple(_) | Type::Object(_) => {}
        }
    }
    Value::Unknown(known)
}

/// The position of an element in a set says nothing: the path ends at the set.
fn stop_at_set(error: CodecError) -> CodecError {
    CodecError { path: crate::path::Path::root(), message: format!("in an element of the set: {}", error.message) }
}

fn required(kind: &Type) -> CodecError {
    CodecError::new(format!("{} is required", wanted(kind)))
}

fn ends_early() -> CodecError {
    CodecError::new("the bytes end before the value does")
}

fn too_deep() -> CodecError {
    CodecError::new(format!("a value is nested more than {MAX_DEPTH} levels deep"))
}

struct Writer {
    out: ByteBuf,
}

impl Writer {
    fn value(&mut self, value: &Value, kind: &Type, depth: usize) -> Result<(), CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match (value, kind) {
            (Value::Null, _) => sure(encode::write_nil(&mut self.out)),
            (Value::Unknown(refinement), kind) => self.unknown(refinement, kind),
            (Value::Bool(value), Type::Bool) => sure(encode::write_bool(&mut self.out, *value)),
            (Value::Number(number), Type::Number) => self.number(number)?,
            (Value::String(text), Type::String) => self.text(text)?,
            (Value::Dynamic(dynamic), Type::Dynamic) => {
                sure(encode::write_array_len(&mut self.out, 2));
                let kind = dynamic.kind.to_json();
                length(kind.len())?;
                sure(encode::write_bin(&mut self.out, kind.as_bytes()));
                self.value(&dynamic.value, &dynamic.kind, depth + 1)?;
            }
            (Value::List(elements), Type::List(element)) => {
                check_same_types(elements.iter(), element)?;
                self.array(elements.len())?;
                for (index, value) in elements.iter().enumerate() {
                    self.value(value, element, depth + 1).map_err(|error| error.within(PathStep::Index(index)))?;
                }
            }
            (Value::Set(elements), Type::Set(element)) => {
                check_same_types(elements.iter(), element)?;
                self.array(elements.len())?;
                for value in elements {
                    self.value(value, element, depth + 1).map_err(|error| error.within(element_step(value)))?;
                }
            }
            (Value::Map(elements), Type::Map(element)) => {
                check_same_types(elements.values(), element)?;
                self.map(elements.len())?;
                for (key, value) in elements {
                    self.text(key)?;
                    self.value(value, element, depth + 1).map_err(|error| error.within(PathStep::Key(key.clone())))?;
                }
            }
            (Value::Tuple(elements), Type::Tuple(kinds)) => {
                if elements.len() != kinds.len() {
                    return Err(wrong_length("a tuple", kinds.len(), elements.len()));
                }
                self.array(elements.len())?;
                for (index, (value, kind)) in elements.iter().zip(kinds).enumerate() {
                    self.value(value, kind, depth + 1).map_err(|error| error.within(PathStep::Index(index)))?;
                }
            }
            (Value::Object(attributes), Type::Object(object)) => {
                check_names(attributes, object)?;
                self.map(attributes.len())?;
                for ((name, value), kind) in attributes.iter().zip(object.attributes.values()) {
                    self.text(name)?;
                    self.value(value, kind, depth + 1).map_err(|error| error.within(attribute_step(name)))?;
                }
            }
            (
                Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::List(_)
                | Value::Set(_)
                | Value::Map(_)
                | Value::Object(_)
                | Value::Tuple(_)
                | Value::Dynamic(_),
                kind,
            ) => return Err(value.mismatch(kind)),
        }
        Ok(())
    }

    /// An integer where one fits, a float only where it is exact, else text: as core writes.
    fn number(&mut self, number: &Number) -> Result<(), CodecError> {
        if let Some(integer) = number.as_i64() {
            sure(encode::write_sint(&mut self.out, integer));
            return Ok(());
        }
        match number.as_exact_f64().filter(|_| !number.is_integer()) {
            Some(float) => {
                sure(encode::write_f64(&mut self.out, float));
                Ok(())
            }
            None => self.text(&number.to_string()),
        }
    }

    /// Only what applies to the type is written: core refuses the rest.
    fn unknown(&mut self, known: &Refinement, kind: &Type) {
        let mut body = Writer { out: ByteBuf::new() };
        let mut entries = 0;
        let mut key = |body: &mut Writer, key| {
            entries += 1;
            sure(encode::write_sint(&mut body.out, key));
        };
        if known.is_not_null() && *kind != Type::Dynamic {
            key(&mut body, NULLNESS);
            sure(encode::write_bool(&mut body.out, false));
        }
        match kind {
            Type::String if !known.prefix().is_empty() => {
                key(&mut body, PREFIX);
                sure(encode::write_str(&mut body.out, known.prefix()));
            }
            Type::Number => {
                for (code, bound) in [(NUMBER_MIN, known.lower()), (NUMBER_MAX, known.upper())] {
                    let Some(bound) = bound else { continue };
                    let mut written = Writer { out: ByteBuf::new() };
                    // A bound of more than half the room is left out, which promises less.
                    if written.number(&bound.number).is_err() || written.out.as_slice().len() > MAX_REFINEMENT / 3 {
                        continue;
                    }
                    key(&mut body, code);
                    sure(encode::write_array_len(&mut body.out, 2));
                    body.out.as_mut_vec().extend_from_slice(written.out.as_slice());
                    sure(encode::write_bool(&mut body.out, bound.inclusive));
                }
            }
            Type::List(_) | Type::Set(_) | Type::Map(_) => {
                if let Some(length) = i64::try_from(known.min_length()).ok().filter(|length| *length > 0) {
                    key(&mut body, LENGTH_MIN);
                    sure(encode::write_sint(&mut body.out, length));
                }
                if let Some(length) = known.max_length().and_then(|length| i64::try_from(length).ok()) {
                    key(&mut body, LENGTH_MAX);
                    sure(encode::write_sint(&mut body.out, length));
                }
            }
            Type::Bool | Type::String | Type::Dynamic | Type::Tuple(_) | Type::Object(_) => {}
        }
        if entries == 0 {
            self.out.as_mut_vec().extend_from_slice(&[0xd4, 0, 0]);
            return;
        }
        let mut head = ByteBuf::new();
        sure(encode::write_map_len(&mut head, entries));
        let length = head.as_slice().len() + body.out.as_slice().len();
        // At most a prefix of 256 bytes or two bounds of a third of 1024 each.
        sure(encode::write_ext_meta(&mut self.out, u32::try_from(length).unwrap_or(u32::MAX), REFINED));
        self.out.as_mut_vec().extend_from_slice(head.as_slice());
        self.out.as_mut_vec().extend_from_slice(body.out.as_slice());
    }

    fn text(&mut self, text: &str) -> Result<(), CodecError> {
        length(text.len())?;
        sure(encode::write_str(&mut self.out, text));
        Ok(())
    }

    fn array(&mut self, elements: usize) -> Result<(), CodecError> {
        sure(encode::write_array_len(&mut self.out, length(elements)?));
        Ok(())
    }

    fn map(&mut self, elements: usize) -> Result<(), CodecError> {
        sure(encode::write_map_len(&mut self.out, length(elements)?));
        Ok(())
    }
}

fn length(length: usize) -> Result<u32, CodecError> {
    u32::try_from(length).map_err(|_| CodecError::new("a value is larger than 4 GiB"))
}

/// Writing to memory cannot fail: the error has no values.
fn sure<T, E: NeverFails>(_: Result<T, E>) {}

trait NeverFails {}
impl NeverFails for Infallible {}
impl NeverFails for encode::ValueWriteError<Infallible> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(bytes: &[u8], kind: &Type, expect: &Value) {
        assert_eq!(from_msgpack(bytes, kind).as_ref(), Ok(expect), "{bytes:x?}");
    }

    fn both_ways(bytes: &[u8], kind: &Type, value: &Value) {
        reads(bytes, kind, value);
        assert_eq!(to_msgpack(value, kind).as_deref(), Ok(bytes), "{value:?}");
    }

    #[test]
    fn numbers_as_core_writes_them() {
        let number = |text: &str| Value::Number(text.parse().unwrap());
        both_ways(&[0x01], &Type::Number, &number("1"));
        both_ways(&[0xff], &Type::Number, &number("-1"));
        both_ways(&[0xa3, b'0', b'.', b'1'], &Type::Number, &number("0.1"));
        both_ways(&[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], &Type::Number, &number("0.5"));
        let large = b"\xb39223372036854775808";
        both_ways(large, &Type::Number, &number("9223372036854775808"));
        reads(&[0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], &Type::Number, &number("9223372036854775808"));
        reads(&[0xca, 0x3f, 0, 0, 0], &Type::Number, &number("0.5"));
    }

    #[test]
    fn unknowns_with_and_without_refinement() {
        both_ways(&[0xd4, 0, 0], &Type::String, &Value::unknown());
        both_ways(&[0xc7, 3, 12, 0x81, 1, 0xc2], &Type::String, &Value::unknown_not_null());
        reads(&[0xc7, 0, 0], &Type::String, &Value::unknown());
        reads(&[0xd8, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &Type::String, &Value::unknown());
        let prefix = Refinement::not_null().with_prefix("i-").unwrap();
        both_ways(&[0xc7, 7, 12, 0x82, 1, 0xc2, 2, 0xa2, b'i', b'-'], &Type::String, &Value::Unknown(prefix));
        // A later version's key 9, with a map in it.
        reads(&[0xc7, 7, 12, 0x82, 9, 0x81, 1, 0xc2, 1, 0xc2], &Type::String, &Value::unknown_not_null());
        // Refinements of a dynamic value mean nothing, either way.
        reads(&[0xc7, 3, 12, 0x81, 1, 0xc2], &Type::Dynamic, &Value::unknown());
        assert_eq!(to_msgpack(&Value::unknown_not_null(), &Type::Dynamic).unwrap(), [0xd4, 0, 0]);
    }

    #[test]
    fn contradictory_refinements_are_refused() {
        // number >= 2 and <= 1
        let bytes = [0xc7, 9, 12, 0x82, 3, 0x92, 2, 0xc3, 4, 0x92, 1, 0xc3];
        assert!(from_msgpack(&bytes, &Type::Number).is_err());
        // a prefix of a number
        assert!(from_msgpack(&[0xc7, 4, 12, 0x81, 2, 0xa1, b'a'], &Type::Number).is_err());
    }

    #[test]
    fn objects_have_exactly_their_attributes() {
        let kind = Type::object([("a", Type::Bool), ("b", Type::Bool)]);
        reads(
            &[0x82, 0xa1, b'b', 0xc3, 0xa1, b'a', 0xc0],
            &kind,
            &Value::object([("a", Value::Null), ("b", Value::from(true))]),
        );
        for bytes in [
            &[0x81, 0xa1, b'b', 0xc3][..],
            &[0x82, 0xa1, b'b', 0xc3, 0xa1, b'b', 0xc3],
            &[0x82, 0xa1, b'b', 0xc3, 0xa1, b'c', 0xc3],
            &[0x80],
        ] {
            assert!(from_msgpack(bytes, &kind).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let kind = Type::object([("a", Type::map(Type::list(Type::Number)))]);
        let bytes = [0x81, 0xa1, b'a', 0x81, 0xa1, b'k', 0x92, 0x01, 0xc3];
        let error = from_msgpack(&bytes, &kind).unwrap_err();
        assert_eq!(error.path.to_string(), r#"a["k"][1]"#);
        assert_eq!(error.message, "a number is required");
    }

    #[test]
    fn dynamic_values_carry_their_type() {
        let bytes = b"\x92\xc4\x08\"string\"\xa1x";
        both_ways(bytes, &Type::Dynamic, &Value::dynamic(Type::String, Value::from("x")));
        both_ways(&[0xc0], &Type::Dynamic, &Value::Null);
        let mixed = Value::list([
            Value::dynamic(Type::String, Value::from("x")),
            Value::dynamic(Type::Bool, Value::from(true)),
        ]);
        assert!(to_msgpack(&mixed, &Type::list(Type::Dynamic)).is_err());
    }

    #[test]
    fn lengths_are_checked_before_room_is_made() {
        for kind in [Type::list(Type::Bool), Type::map(Type::Bool), Type::String] {
            for head in [0xdd, 0xdf, 0xdb, 0xc6] {
                assert!(from_msgpack(&[head, 0xff, 0xff, 0xff, 0xff], &kind).is_err());
            }
        }
    }

    #[test]
    fn depth_is_limited() {
        // A dynamic value in a dynamic value, and so on.
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend_from_slice(b"\x92\xc4\x09\"dynamic\"");
        }
        assert_eq!(from_msgpack(&bytes, &Type::Dynamic).unwrap_err().message, too_deep().message);
    }
}
