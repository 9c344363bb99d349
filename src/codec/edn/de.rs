//! [`from_edn`]: [`Edn`] as any `Deserialize` type, leniently.
//!
//! - Where text is asked for (strings, names of fields and variants), a string,
//!   a keyword, a symbol or a character will do, and also what is written as
//!   text in other formats: uuids, instants, big decimals.
//! - Where a sequence is asked for, a vector, a list, a set or a byte array.
//! - Where a float is asked for, any number; where an integer is asked for, any
//!   integer that fits.
//! - A variant is its name, or a map of its name and its content.
//!
//! Nothing is dropped on the way: elements too many, two keys that become one,
//! tags that nobody asked for are errors.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::value::{StringDeserializer, UnitDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::handoff;
use super::path::{at_field, at_index, at_key, error, excerpt};
use super::ser::SOME;
use super::value::Edn;
use crate::codec::CodecError;

type Result<T, E = CodecError> = std::result::Result<T, E>;

/// Turns EDN into a value.
///
/// # Errors
/// If the EDN does not fit the type; the error tells where and what was found.
pub(crate) fn from_edn<T: DeserializeOwned>(value: Edn) -> Result<T> {
    T::deserialize(FromEdn { value, ambiguous: false })
}

struct FromEdn {
    value: Edn,
    /// Whether this is the key of a map in which another key has the same text.
    ambiguous: bool,
}

impl From<Edn> for FromEdn {
    fn from(value: Edn) -> FromEdn {
        FromEdn { value, ambiguous: false }
    }
}

/// What a value is as text, if it may stand where text is asked for.
fn text_of(value: &Edn) -> Option<Cow<'_, str>> {
    match value {
        Edn::Str(text) => Some(Cow::Borrowed(text)),
        Edn::Keyword(name) | Edn::Symbol(name) => Some(Cow::Owned(name.to_string())),
        Edn::Char(c) => Some(Cow::Owned(c.to_string())),
        Edn::Uuid(uuid) => Some(Cow::Owned(super::inst::uuid_text(*uuid))),
        Edn::Inst(inst) => Some(Cow::Owned(inst.rfc3339())),
        Edn::BigDec(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

impl FromEdn {
    /// The value is not what was asked for.
    fn misfit<'de, V: Visitor<'de>>(&self, visitor: &V) -> CodecError {
        let described;
        let found = match &self.value {
            Edn::Nil => Unexpected::Unit,
            Edn::Bool(value) => Unexpected::Bool(*value),
            Edn::Int(n) => Unexpected::Signed(*n),
            Edn::Float(value) => Unexpected::Float(*value),
            Edn::Str(text) => Unexpected::Str(text),
            other => {
                described = format!("{} `{}`", other.kind(), excerpt(other));
                Unexpected::Other(&described)
            }
        };
        CodecError::invalid_type(found, visitor)
    }

    fn check_unambiguous(&self) -> Result<()> {
        if self.ambiguous {
            let message =
                format!("another key of this map is read as the same text as `{}`", self.value);
            return Err(error(message));
        }
        Ok(())
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.check_unambiguous()?;
        match self.value {
            Edn::Str(text) => visitor.visit_string(text),
            Edn::Char(c) => visitor.visit_char(c),
            ref value => match text_of(value) {
                Some(text) => visitor.visit_string(text.into_owned()),
                None => Err(self.misfit(&visitor)),
            },
        }
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let elements = match self.value {
            Edn::List(elements) | Edn::Vector(elements) => elements,
            Edn::Set(set) => set.into_iter().collect(),
            Edn::Bytes(bytes) => bytes.into_iter().map(|byte| Edn::Int(byte.into())).collect(),
            _ => return Err(self.misfit(&visitor)),
        };
        let count = elements.len();
        let mut access = Elements { left: elements.into_iter(), index: 0 };
        let value = visitor.visit_seq(&mut access)?;
        match access.left.len() {
            0 => Ok(value),
            left => {
                Err(error(format!("a sequence of {count} elements, {left} more than expected")))
            }
        }
    }

    fn entries<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Edn::Map(map) = self.value else { return Err(self.misfit(&visitor)) };
        let entries: Vec<_> = map.into_iter().collect();
        let ambiguous = ambiguous_texts(&entries);
        let mut access = Entries { left: entries.into_iter(), value: None, ambiguous };
        let value = visitor.visit_map(&mut access)?;
        match access.left.next() {
            None => Ok(value),
            Some((key, _)) => Err(at_key(error("an entry more than expected"), &key)),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            Edn::Int(n) => visitor.visit_i64(*n),
            Edn::BigInt(n) => {
                if let Some(n) = n.to_i64() {
                    visitor.visit_i64(n)
                } else if let Some(n) = n.to_u128().and_then(|n| u64::try_from(n).ok()) {
                    visitor.visit_u64(n)
                } else if let Some(n) = n.to_i128() {
                    visitor.visit_i128(n)
                } else if let Some(n) = n.to_u128() {
                    visitor.visit_u128(n)
                } else {
                    Err(self.misfit(&visitor))
                }
            }
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            Edn::Float(value) => visitor.visit_f64(*value),
            Edn::Int(n) => visitor.visit_i64(*n),
            Edn::BigInt(n) => visitor.visit_f64(n.to_f64()),
            Edn::Ratio(ratio) => visitor.visit_f64(ratio.to_f64()),
            Edn::BigDec(number) => visitor.visit_f64(number.to_f64()),
            _ => Err(self.misfit(&visitor)),
        }
    }
}

/// Texts that several keys share: `:a` and `"a"`.
fn ambiguous_texts(entries: &[(Edn, Edn)]) -> HashSet<String> {
    let kind = |(key, _): &(Edn, Edn)| std::mem::discriminant(key);
    if entries.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1])) {
        return HashSet::new();
    }
    let mut seen = HashSet::new();
    let texts = entries.iter().filter_map(|(key, _)| text_of(key).map(Cow::into_owned));
    texts.filter(|text| !seen.insert(text.clone())).collect()
}

macro_rules! as_number {
    ($how:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.$how(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for FromEdn {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Edn::Nil => visitor.visit_unit(),
            Edn::Bool(value) => visitor.visit_bool(value),
            Edn::Int(_) | Edn::BigInt(_) => self.integer(visitor),
            Edn::Float(_) | Edn::Ratio(_) => self.float(visitor),
            // As a float only if that is the same number.
            Edn::BigDec(ref number) => {
                let float = number.to_f64();
                let exact = float.is_finite() && float.to_string().parse().as_ref() == Ok(number);
                if exact { visitor.visit_f64(float) } else { self.text(visitor) }
            }
            Edn::Char(_)
            | Edn::Str(_)
            | Edn::Keyword(_)
            | Edn::Symbol(_)
            | Edn::Inst(_)
            | Edn::Uuid(_) => self.text(visitor),
            Edn::List(_) | Edn::Vector(_) | Edn::Set(_) => self.sequence(visitor),
            Edn::Map(_) => self.entries(visitor),
            Edn::Tagged(tag, value) if tag.is(SOME) => visitor.visit_some(FromEdn::from(*value)),
            Edn::Tagged(..) => Err(self.misfit(&visitor)),
            Edn::Bytes(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Edn::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.misfit(&visitor)),
        }
    }

    as_number!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    as_number!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    as_number!(float: deserialize_f32 deserialize_f64);
    as_number!(text: deserialize_char deserialize_str deserialize_string);
    as_number!(entries: deserialize_map);

    /// Names of fields and variants. Other keys are names that nobody has.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match text_of(&self.value) {
            Some(_) => self.text(visitor),
            None => visitor.visit_string(self.value.to_string()),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Edn::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Edn::Str(text) => visitor.visit_string(text),
            _ => self.sequence(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Edn::Nil => visitor.visit_none(),
            Edn::Tagged(tag, value) if tag.is(SOME) => visitor.visit_some(FromEdn::from(*value)),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Edn::Nil => visitor.visit_unit(),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name != handoff::NAME {
            return visitor.visit_newtype_struct(self);
        }
        handoff::give(self.value);
        let value = visitor.visit_newtype_struct(UnitDeserializer::new());
        handoff::take();
        value
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.sequence(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.value {
            Edn::List(_) | Edn::Vector(_) => self.sequence(visitor),
            _ => self.entries(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.check_unambiguous()?;
        let (variant, content) = match &self.value {
            Edn::Map(map) if map.len() == 1 => match map.iter().next() {
                Some((variant, content)) => (text_of(variant), Some(content.clone())),
                None => (None, None),
            },
            value => (text_of(value), None),
        };
        match variant {
            Some(variant) => visitor.visit_enum(Variant { name: variant.into_owned(), content }),
            None => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }
}

struct Elements {
    left: std::vec::IntoIter<Edn>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements {
    type Error = CodecError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(element) = self.left.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(FromEdn::from(element)).map(Some).map_err(|error| at_index(error, index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Entries {
    left: std::vec::IntoIter<(Edn, Edn)>,
    value: Option<(Edn, Edn)>,
    ambiguous: HashSet<String>,
}

impl<'de> MapAccess<'de> for &mut Entries {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, value)) = self.left.next() else { return Ok(None) };
        let ambiguous = !self.ambiguous.is_empty()
            && text_of(&key).is_some_and(|text| self.ambiguous.contains(text.as_ref()));
        let (key, _) = self.value.insert((key, value));
        let read = seed.deserialize(FromEdn { value: key.clone(), ambiguous });
        read.map(Some).map_err(|error| at_key(error, key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        let Some((key, value)) = self.value.take() else {
            return Err(error("a value of a map was asked for before its key"));
        };
        seed.deserialize(FromEdn::from(value)).map_err(|error| at_key(error, &key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Variant {
    name: String,
    content: Option<Edn>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = CodecError;
    type Variant = Content;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content)> {
        let name: StringDeserializer<CodecError> = self.name.clone().into_deserializer();
        Ok((seed.deserialize(name)?, Content { variant: self.name, content: self.content }))
    }
}

struct Content {
    variant: String,
    content: Option<Edn>,
}

impl Content {
    fn read<T>(self, read: impl FnOnce(FromEdn) -> Result<T>) -> Result<T> {
        match self.content {
            Some(content) => read(FromEdn::from(content)),
            None => Err(error("a variant without its content")),
        }
        .map_err(|error| at_field(error, &self.variant))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            None | Some(Edn::Nil) => Ok(()),
            Some(found) => {
                let found = format!("content `{}` for a variant that has none", excerpt(&found));
                Err(at_field(error(found), &self.variant))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.read(|content| content.sequence(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        name: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.read(|content| de::Deserializer::deserialize_struct(content, "", name, visitor))
    }
}
