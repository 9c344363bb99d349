//! [`to_edn`]: any `Serialize` type as [`Edn`], the way a Clojure program would
//! write the same data.
//!
//! | Rust | EDN |
//! |---|---|
//! | struct | map; its fields are keywords, or strings where no keyword can be so called |
//! | map | map with the keys as they are: strings are strings |
//! | unit variant | keyword |
//! | other variants | `{:Variant content}` |
//! | `None`, `()`, unit struct | `nil` |
//! | `Some(x)` | `x`; `#atom/some nil` where that would be `nil`, and again around it |
//! | sequences, tuples | vector |
//! | integers of up to 64 bits | integer, `N` beyond the range of `i64` |
//! | `i128`, `u128` | `N` |
//! | `f32` | the float with the shortest text that is this `f32` |
//! | `char` | character; a string beyond U+FFFF, which Java has no `char` for |
//! | bytes | byte array |
//! | [`Edn`] | itself |

use serde::ser::{self, Serialize, Serializer};

use super::collection::Map;
use super::handoff;
use super::name::{Name, is_readable};
use super::path::{at_field, at_index, at_key, error};
use super::read::MAX_DEPTH;
use super::value::Edn;
use crate::codec::CodecError;

/// The tag around what `Some` holds, where it would be taken for `None`.
pub(super) const SOME: &str = "atom/some";

/// Turns a value into EDN.
///
/// # Errors
/// If the value's own `Serialize` fails, two keys of a map are one key in EDN,
/// or the value is nested deeper than EDN is read.
pub(crate) fn to_edn<T: Serialize + ?Sized>(value: &T) -> Result<Edn, CodecError> {
    value.serialize(ToEdn { depth: 0 })
}

/// A name from a Rust program: a keyword if it can be one.
fn name(text: &str) -> Edn {
    let name = Name::new(text);
    if is_readable(&name, true) { Edn::Keyword(name) } else { Edn::from(text) }
}

fn variant_of(variant: &str, content: Edn) -> Edn {
    Edn::Map(Map::from_iter([(name(variant), content)]))
}

/// Serializes what lies inside `depth` containers.
#[derive(Clone, Copy)]
struct ToEdn {
    depth: usize,
}

impl ToEdn {
    fn deeper(self) -> Result<ToEdn, CodecError> {
        if self.depth < MAX_DEPTH {
            return Ok(ToEdn { depth: self.depth + 1 });
        }
        Err(error(format!("values are nested more than {MAX_DEPTH} deep")))
    }

    fn elements(self, variant: Option<&'static str>) -> Result<Elements, CodecError> {
        Ok(Elements { inside: self.deeper()?, done: Vec::new(), variant })
    }

    fn entries(self, variant: Option<&'static str>) -> Result<Entries, CodecError> {
        Ok(Entries { inside: self.deeper()?, map: Map::new(), key: None, variant })
    }
}

impl Serializer for ToEdn {
    type Ok = Edn;
    type Error = CodecError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Edn, CodecError> {
        Ok(Edn::Bool(value))
    }

    fn serialize_i8(self, n: i8) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_i16(self, n: i16) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_i32(self, n: i32) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_i64(self, n: i64) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n))
    }

    fn serialize_i128(self, n: i128) -> Result<Edn, CodecError> {
        Ok(Edn::BigInt(n.into()))
    }

    fn serialize_u8(self, n: u8) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_u16(self, n: u16) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_u32(self, n: u32) -> Result<Edn, CodecError> {
        Ok(Edn::Int(n.into()))
    }

    fn serialize_u64(self, n: u64) -> Result<Edn, CodecError> {
        Ok(Edn::from(n))
    }

    fn serialize_u128(self, n: u128) -> Result<Edn, CodecError> {
        Ok(Edn::BigInt(n.into()))
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "that is the question here"
    )]
    fn serialize_f32(self, value: f32) -> Result<Edn, CodecError> {
        let short = value.to_string().parse().unwrap_or(f64::from(value));
        Ok(Edn::Float(if short as f32 == value { short } else { f64::from(value) }))
    }

    fn serialize_f64(self, value: f64) -> Result<Edn, CodecError> {
        Ok(Edn::Float(value))
    }

    fn serialize_char(self, c: char) -> Result<Edn, CodecError> {
        Ok(if u16::try_from(u32::from(c)).is_ok() { Edn::Char(c) } else { Edn::Str(c.into()) })
    }

    fn serialize_str(self, text: &str) -> Result<Edn, CodecError> {
        Ok(Edn::from(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Edn, CodecError> {
        Ok(Edn::bytes(bytes))
    }

    fn serialize_none(self) -> Result<Edn, CodecError> {
        Ok(Edn::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Edn, CodecError> {
        let value = value.serialize(self.deeper()?)?;
        Ok(match value {
            Edn::Nil => Edn::tagged(SOME, value),
            Edn::Tagged(ref tag, _) if tag.is(SOME) => Edn::tagged(SOME, value),
            _ => value,
        })
    }

    fn serialize_unit(self) -> Result<Edn, CodecError> {
        Ok(Edn::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Edn, CodecError> {
        Ok(Edn::Nil)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Edn, CodecError> {
        Ok(name(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Edn, CodecError> {
        if name != handoff::NAME {
            return value.serialize(self);
        }
        handoff::ask();
        let described = value.serialize(self);
        handoff::take().map_or(described, Ok)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Edn, CodecError> {
        let content = value.serialize(self.deeper()?).map_err(|error| at_field(error, variant))?;
        Ok(variant_of(variant, content))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, CodecError> {
        self.elements(None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, CodecError> {
        self.elements(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, CodecError> {
        self.elements(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements, CodecError> {
        self.deeper()?.elements(Some(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, CodecError> {
        self.entries(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, CodecError> {
        self.entries(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, CodecError> {
        self.deeper()?.entries(Some(variant))
    }
}

/// A vector in the making.
struct Elements {
    inside: ToEdn,
    done: Vec<Edn>,
    variant: Option<&'static str>,
}

impl Elements {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let element =
            value.serialize(self.inside).map_err(|error| at_index(error, self.done.len()));
        self.done.push(element.map_err(|error| in_variant(error, self.variant))?);
        Ok(())
    }

    fn finish(self) -> Edn {
        let vector = Edn::Vector(self.done);
        match self.variant {
            Some(variant) => variant_of(variant, vector),
            None => vector,
        }
    }
}

fn in_variant(error: CodecError, variant: Option<&'static str>) -> CodecError {
    match variant {
        Some(variant) => at_field(error, variant),
        None => error,
    }
}

macro_rules! elements {
    ($($interface:ident $push:ident),*) => {$(
        impl ser::$interface for Elements {
            type Ok = Edn;
            type Error = CodecError;

            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                self.push(value)
            }

            fn end(self) -> Result<Edn, CodecError> {
                Ok(self.finish())
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

/// A map in the making.
struct Entries {
    inside: ToEdn,
    map: Map,
    key: Option<Edn>,
    variant: Option<&'static str>,
}

impl Entries {
    fn put<T: Serialize + ?Sized>(&mut self, key: Edn, value: &T) -> Result<(), CodecError> {
        let variant = self.variant;
        let at = |error, key: &Edn| in_variant(at_key(error, key), variant);
        let value = value.serialize(self.inside).map_err(|error| at(error, &key))?;
        self.map
            .insert_new(key, value)
            .map_err(|key| at(error("the key occurs twice in a map"), &key))
    }

    fn finish(self) -> Edn {
        let map = Edn::Map(self.map);
        match self.variant {
            Some(variant) => variant_of(variant, map),
            None => map,
        }
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Edn;
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        self.key = Some(key.serialize(self.inside)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let key = self.key.take().ok_or_else(|| error("a value of a map came before its key"))?;
        self.put(key, value)
    }

    /// A struct with `#[serde(flatten)]` arrives here as a map. What gives its
    /// fields away is that their names come as bare `str`, where the keys of a
    /// map come as a type of a size, such as `String`.
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), CodecError> {
        let key = match key.serialize(self.inside)? {
            Edn::Str(text) if size_of::<&K>() > size_of::<usize>() => name(&text),
            key => key,
        };
        self.put(key, value)
    }

    fn end(self) -> Result<Edn, CodecError> {
        Ok(self.finish())
    }
}

macro_rules! fields {
    ($($interface:ident),*) => {$(
        impl ser::$interface for Entries {
            type Ok = Edn;
            type Error = CodecError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                field: &'static str,
                value: &T,
            ) -> Result<(), CodecError> {
                self.put(name(field), value)
            }

            fn end(self) -> Result<Edn, CodecError> {
                Ok(self.finish())
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
