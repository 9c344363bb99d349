//! An attribute value to any `Deserialize`.

use super::access::{Elements, MemberAccess, Variant};
use super::escape::{self, Opened};
use super::{MAX_DEPTH, numeric};
use crate::codec::Value;
use crate::codec::error::CodecError;
use serde::de::value::SeqDeserializer;
use serde::de::{Expected, IntoDeserializer, Visitor};

/// The deserializer for one value.
pub(crate) struct Deserializer {
    value: Value,
    depth: usize,
}

impl Deserializer {
    /// For a whole value.
    pub(crate) fn top(value: Value) -> Self {
        Self { value, depth: 0 }
    }

    /// For a value inside another.
    #[inline]
    pub(super) fn at(value: Value, depth: usize) -> Self {
        Self { value, depth }
    }

    /// The depth of what is inside. What recurses must end before the stack does; scalars need
    /// not ask.
    #[inline]
    fn enter(&self) -> Result<usize, CodecError> {
        if self.depth < MAX_DEPTH { Ok(self.depth + 1) } else { Err(too_deep()) }
    }

    fn list<'de, V: Visitor<'de>>(
        self,
        len: Option<usize>,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        let value = match open_unless_plain(self.value)? {
            Opened::Plain(value) => value,
            other => return Err(unexpected_opened(&other, &visitor)),
        };
        match value {
            Value::L(items) => visit_all(items, |item| item, depth, len, visitor),
            Value::Ss(items) => visit_all(items, Value::S, depth, len, visitor),
            Value::Ns(items) => visit_all(items, Value::N, depth, len, visitor),
            Value::Bs(items) => visit_all(items, Value::B, depth, len, visitor),
            // Bytes that another tool wrote for what is a `Vec<u8>` here.
            Value::B(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            other => Err(unexpected(&other, &visitor)),
        }
    }
}

fn visit_all<'de, T, V: Visitor<'de>>(
    items: Vec<T>,
    to_value: fn(T) -> Value,
    depth: usize,
    len: Option<usize>,
    visitor: V,
) -> Result<V::Value, CodecError> {
    let found = items.len();
    let mut elements = Elements::new(items.into_iter().map(to_value), depth);
    let result = visitor.visit_seq(&mut elements)?;
    // A list that is longer than its tuple would come back cut.
    let left = elements.len();
    if left > 0 {
        let expected = len.unwrap_or(found - left);
        return Err(CodecError::new(format!(
            "found a list of {found}, expected {expected} elements"
        )));
    }
    Ok(result)
}

#[cold]
pub(super) fn too_deep() -> CodecError {
    CodecError::new(format!("the value nests deeper than {MAX_DEPTH} levels"))
}

/// Takes off an escape; all but maps of one member pass without a look.
#[inline]
fn open_unless_plain(value: Value) -> Result<Opened, CodecError> {
    match &value {
        Value::M(members) if members.len() == 1 => escape::open(value),
        _ => Ok(Opened::Plain(value)),
    }
}

/// The error of a value that is not what its reader wants.
#[cold]
pub(super) fn unexpected(found: &Value, expected: &dyn Expected) -> CodecError {
    CodecError::new(format!("found {}, expected {expected}", super::describe(found)))
}

#[cold]
fn unexpected_opened(found: &Opened, expected: &dyn Expected) -> CodecError {
    match found {
        Opened::Plain(value) => unexpected(value, expected),
        Opened::Some(_) => CodecError::new(format!("found an optional value, expected {expected}")),
        Opened::Float(text) => {
            CodecError::new(format!("found the float {text}, expected {expected}"))
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $ty:ty)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            if let Value::N(text) = &self.value
                && let Ok(number) = text.parse()
            {
                return visitor.$visit(number);
            }
            let opened = open_unless_plain(self.value)?;
            match &opened {
                Opened::Plain(Value::N(text)) => match numeric::integer::<$ty>(text) {
                    Some(number) => visitor.$visit(number),
                    None => Err(unexpected_opened(&opened, &visitor)),
                },
                other => Err(unexpected_opened(other, &visitor)),
            }
        }
    )*};
}

macro_rules! floats {
    ($($method:ident $visit:ident $ty:ty)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            if let Value::N(text) = &self.value
                && let Some(number) = numeric::float(text)
            {
                return visitor.$visit(number);
            }
            let opened = open_unless_plain(self.value)?;
            let number = match &opened {
                Opened::Plain(Value::N(text)) => numeric::float::<$ty>(text),
                Opened::Float(text) => numeric::escaped_float::<$ty>(text),
                _ => None,
            };
            match number {
                Some(number) => visitor.$visit(number),
                None => Err(unexpected_opened(&opened, &visitor)),
            }
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for Deserializer {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let depth = self.depth;
        match open_unless_plain(self.value)? {
            Opened::Plain(value) => match value {
                Value::S(text) => visitor.visit_string(text),
                Value::N(text) => numeric::visit_any(text, visitor),
                Value::Bool(value) => visitor.visit_bool(value),
                Value::Null(_) => visitor.visit_unit(),
                Value::B(bytes) => visitor.visit_byte_buf(bytes),
                Value::M(members) => {
                    let depth = Self::at(Value::Null(true), depth).enter()?;
                    visitor.visit_map(MemberAccess::of_map(members, depth))
                }
                list => Self::at(list, depth).list(None, visitor),
            },
            Opened::Some(inner) => {
                let inside = Self::at(inner, depth);
                let depth = inside.enter()?;
                visitor.visit_some(Self::at(inside.value, depth))
            }
            Opened::Float(text) => match numeric::escaped_float::<f64>(&text) {
                Some(number) => visitor.visit_f64(number),
                None => Err(unexpected_opened(&Opened::Float(text), &visitor)),
            },
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
    }

    floats! {
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::Bool(value)) => visitor.visit_bool(value),
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::S(text)) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(value), None) => visitor.visit_char(value),
                    _ => Err(unexpected(&Value::S(text), &visitor)),
                }
            }
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.value {
            Value::S(text) => visitor.visit_string(text),
            other => match open_unless_plain(other)? {
                Opened::Plain(Value::S(text)) => visitor.visit_string(text),
                other => Err(unexpected_opened(&other, &visitor)),
            },
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let depth = self.depth;
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::B(bytes)) => visitor.visit_byte_buf(bytes),
            // A list of numbers, from a time when the field was a `Vec<u8>`.
            Opened::Plain(value @ Value::L(_)) => Self { value, depth }.list(None, visitor),
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        let mut value = self.value;
        // A `Some(None)` may hide in what was too deep.
        while let Value::M(members) = &value
            && escape::name_of(members) == Some(escape::DEEP)
        {
            value = escape::unfold(value)?;
        }
        match value {
            Value::Null(_) => visitor.visit_none(),
            Value::M(mut members) if escape::name_of(&members) == Some(escape::SOME) => {
                let inner = members.remove(escape::SOME).unwrap_or(Value::Null(true));
                visitor.visit_some(Self::at(inner, depth))
            }
            other => visitor.visit_some(Self::at(other, depth)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::Null(_)) => visitor.visit_unit(),
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        visitor.visit_newtype_struct(Self::at(self.value, depth))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.list(None, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.list(Some(len), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.list(Some(len), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::M(members)) => {
                visitor.visit_map(MemberAccess::of_map(members, depth))
            }
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::M(members)) => {
                visitor.visit_map(MemberAccess::of_struct(members, fields, depth))
            }
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let depth = self.enter()?;
        match open_unless_plain(self.value)? {
            Opened::Plain(Value::S(variant)) => visitor.visit_enum(variant.into_deserializer()),
            Opened::Plain(Value::M(members)) if members.len() == 1 => {
                visitor.visit_enum(Variant::new(members, depth))
            }
            other => Err(unexpected_opened(&other, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        // Nobody looks, so nothing is read; what is malformed inside does no harm.
        visitor.visit_unit()
    }
}
