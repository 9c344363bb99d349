//! The insides of lists, maps and enums, for serde's visitors.

use super::de::{self, Deserializer};
use super::{name, numeric};
use crate::codec::Value;
use crate::codec::error::CodecError;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use std::collections::{HashMap, hash_map};

/// The elements of a list or set.
pub(super) struct Elements<I> {
    items: I,
    index: usize,
    depth: usize,
}

impl<I: ExactSizeIterator<Item = Value>> Elements<I> {
    #[inline]
    pub(super) fn new(items: I, depth: usize) -> Self {
        Self { items, index: 0, depth }
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

impl<'de, I: ExactSizeIterator<Item = Value>> SeqAccess<'de> for &mut Elements<I> {
    type Error = CodecError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CodecError> {
        let Some(value) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        match seed.deserialize(Deserializer::at(value, self.depth)) {
            Ok(element) => Ok(Some(element)),
            Err(error) => Err(error.in_element(index)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The name of the member that is being read: itself, or, where it had to be handed to a visitor,
/// a copy of its beginning. The copy needs no allocation, and serves only the path of an error.
struct Current {
    name: String,
    copy: [u8; Self::COPIED],
    copied: u8,
    cut: bool,
}

impl Current {
    const COPIED: usize = 40;
    const NONE: Self = Self { name: String::new(), copy: [0; Self::COPIED], copied: 0, cut: false };

    fn hand_out(&mut self) -> String {
        let mut length = self.name.len().min(Self::COPIED);
        while !self.name.is_char_boundary(length) {
            length -= 1;
        }
        self.copy[..length].copy_from_slice(&self.name.as_bytes()[..length]);
        self.copied = u8::try_from(length).unwrap_or(0);
        self.cut = length < self.name.len();
        std::mem::take(&mut self.name)
    }

    #[cold]
    fn place(&self, error: CodecError) -> CodecError {
        if !self.name.is_empty() {
            return error.in_member(&self.name);
        }
        let copy = String::from_utf8_lossy(&self.copy[..usize::from(self.copied)]);
        if self.cut { error.in_member(&format!("{copy}…")) } else { error.in_member(&copy) }
    }
}

/// The members of a map, or the fields of a struct.
pub(super) struct MemberAccess {
    first: Option<(String, Value)>,
    members: hash_map::IntoIter<String, Value>,
    value: Option<Value>,
    current: Current,
    /// Names are fields of a struct, never keys of other types.
    fields_only: bool,
    depth: usize,
}

impl MemberAccess {
    pub(super) fn of_map(members: HashMap<String, Value>, depth: usize) -> Self {
        Self::new(None, members, false, depth)
    }

    pub(super) fn of_struct(
        mut members: HashMap<String, Value>,
        fields: &[&str],
        depth: usize,
    ) -> Self {
        // An adjacently tagged enum looks like a struct of two fields, the tag first. If it comes
        // first, serde need not buffer the content, and its buffer knows no 128-bit integers.
        let first = match fields {
            [tag, _] => members.remove_entry(*tag),
            _ => None,
        };
        Self::new(first, members, true, depth)
    }

    fn new(
        first: Option<(String, Value)>,
        members: HashMap<String, Value>,
        fields_only: bool,
        depth: usize,
    ) -> Self {
        Self {
            first,
            members: members.into_iter(),
            value: None,
            current: Current::NONE,
            fields_only,
            depth,
        }
    }
}

impl<'de> MapAccess<'de> for MemberAccess {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, CodecError> {
        let Some((name, value)) = self.first.take().or_else(|| self.members.next()) else {
            return Ok(None);
        };
        self.current.name = name;
        self.value = Some(value);
        let name =
            Name { current: &mut self.current, fields_only: self.fields_only, depth: self.depth };
        match seed.deserialize(name) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(self.current.place(error)),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, CodecError> {
        let Some(value) = self.value.take() else {
            return Err(CodecError::new("a visitor asked for a value before its key"));
        };
        match seed.deserialize(Deserializer::at(value, self.depth)) {
            Ok(member) => Ok(member),
            Err(error) => Err(self.current.place(error)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len() + usize::from(self.first.is_some()))
    }
}

/// A member's name, read as whatever type the map's key has.
pub(super) struct Name<'a> {
    current: &'a mut Current,
    fields_only: bool,
    depth: usize,
}

impl Name<'_> {
    fn unescaped(&self) -> Option<Value> {
        // The first byte decides for nearly all names.
        if self.current.name.as_bytes().first() == Some(&b'#') {
            name::unescape(&self.current.name)
        } else {
            None
        }
    }

    /// The value that the name stands for: a string, if it is no escaped one.
    fn into_value(self) -> Deserializer {
        let value = self.unescaped();
        let value = value.unwrap_or_else(|| Value::S(self.current.hand_out()));
        Deserializer::at(value, self.depth)
    }
}

/// For an escaped name its value decides; a plain one may still be what others wrote for a number.
macro_rules! plain_texts {
    ($($method:ident $visit:ident $parse:expr)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            if let Some(value) = self.unescaped() {
                return Deserializer::at(value, self.depth).$method(visitor);
            }
            match $parse(&self.current.name) {
                Some(value) => visitor.$visit(value),
                None => Err(de::unexpected(&Value::S(self.current.hand_out()), &visitor)),
            }
        }
    )*};
}

/// For what a plain name can be only as a string value.
macro_rules! as_value {
    ($($method:ident($($arg:ident: $ty:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, CodecError> {
            self.into_value().$method($($arg,)* visitor)
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for Name<'_> {
    type Error = CodecError;

    plain_texts! {
        deserialize_i8 visit_i8 numeric::integer
        deserialize_i16 visit_i16 numeric::integer
        deserialize_i32 visit_i32 numeric::integer
        deserialize_i64 visit_i64 numeric::integer
        deserialize_i128 visit_i128 numeric::integer
        deserialize_u8 visit_u8 numeric::integer
        deserialize_u16 visit_u16 numeric::integer
        deserialize_u32 visit_u32 numeric::integer
        deserialize_u64 visit_u64 numeric::integer
        deserialize_u128 visit_u128 numeric::integer
        deserialize_f32 visit_f32 numeric::float
        deserialize_f64 visit_f64 numeric::float
        deserialize_bool visit_bool |text: &str| text.parse().ok()
    }

    as_value! {
        deserialize_any()
        deserialize_char()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.unescaped() {
            Some(Value::S(text)) => visitor.visit_string(text),
            // Whoever asks for a string gets what stands there: `#ffffff` of another tool.
            _ => visitor.visit_string(self.current.hand_out()),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.unescaped() {
            Some(Value::S(text)) => visitor.visit_string(text),
            // `flatten` keeps what is no field of its own as the key of another map; a plain
            // struct would take a number for the index of a field.
            Some(value @ (Value::N(_) | Value::Bool(_) | Value::Null(_))) if !self.fields_only => {
                Deserializer::at(value, self.depth).deserialize_any(visitor)
            }
            _ => visitor.visit_str(&self.current.name),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.unescaped() {
            Some(value) => Deserializer::at(value, self.depth).deserialize_option(visitor),
            None => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.depth += 1;
        if self.depth > super::MAX_DEPTH {
            return Err(de::too_deep());
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }
}

/// The one member of a map, as a variant and its content.
pub(super) struct Variant {
    members: HashMap<String, Value>,
    depth: usize,
}

impl Variant {
    pub(super) fn new(members: HashMap<String, Value>, depth: usize) -> Self {
        Self { members, depth }
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = CodecError;
    type Variant = Content;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Content), CodecError> {
        let Some((mut name, value)) = self.members.into_iter().next() else {
            return Err(CodecError::new("found an empty map, expected a variant"));
        };
        if let Some(Value::S(text)) = name::unescape(&name) {
            name = text;
        }
        let variant = seed.deserialize(name.as_str().into_deserializer())?;
        let content = Content { name, value, depth: self.depth };
        Ok((variant, content))
    }
}

/// What a variant holds.
pub(super) struct Content {
    name: String,
    value: Value,
    depth: usize,
}

impl Content {
    fn read<T>(
        self,
        read: impl FnOnce(Deserializer) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        read(Deserializer::at(self.value, self.depth)).map_err(|error| error.in_member(&self.name))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = CodecError;

    fn unit_variant(self) -> Result<(), CodecError> {
        self.read(serde::Deserialize::deserialize)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, CodecError> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.read(|content| serde::Deserializer::deserialize_tuple(content, len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.read(|content| serde::Deserializer::deserialize_struct(content, "", fields, visitor))
    }
}
