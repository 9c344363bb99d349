//! Keys of atoms as text: canonical, injective, and back.
//!
//! A string is its own text. Any other key is `#` and its compact JSON: `#42`, `#["user",7]`,
//! `#{"x":true}`; a string that begins with `#` is `#` and its JSON too, so that it cannot be
//! taken for one of those. A console shows what it is, and a person can type it.
//!
//! **Equal keys have one text.** Equal is meant as serde's data model has it, and as `==` has it:
//! - the members of maps and structs are sorted by name, the elements of a `HashSet` by their
//!   text; a struct and a map of the same members are the same key, as are a tuple and a list;
//! - an integer is the same key in every width; `1_u8` is `1_i64`;
//! - `-0.0` is `0.0`, and every NaN is the same key, for else no key with a NaN would ever be
//!   found again; an `f32` is the `f64` of the same value;
//! - what serde does not tell apart is the same: `Some(x)` and `x`, `None` and `()`, a newtype and
//!   what it holds, a unit variant and its name, a `char` and a string of it.
//!
//! **Different keys have different texts**: `1`, `1.0` and `"1"`; bytes and the list of their
//! numbers; `Some(None)` and `None`; a map and one with another number in it. The forms that
//! JSON lacks are the escapes of [`super::native`]: `#{"atom/bytes":"AQID"}`,
//! `#{"atom/float":"NaN"}`, `#{"atom/some":null}`, and `#{"atom/map":…}` around a map that would
//! look like one of them.

use super::error::CodecError;
use super::native::{Deserializer, name};
use super::{Value, json, number};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(test)]
mod tests;

/// The text of a key.
pub(crate) fn text<K: Serialize + ?Sized>(key: &K) -> Result<String, CodecError> {
    name::of_key(key)
}

/// The key that a text stands for.
///
/// A text that [`text`] would not have written is an error: whoever looked for the key that was
/// read would not find the item that has it.
pub(crate) fn parse<K: DeserializeOwned>(text: &str) -> Result<K, CodecError> {
    let value = match text.strip_prefix(name::MARK) {
        None => Value::S(text.to_owned()),
        Some(json) => {
            let value = json::from_text(json)?;
            if json::to_text(&value) != json || !is_canonical(&value) {
                return Err(CodecError::new(format!(
                    "found {text:?}, which is not how the key that it stands for is written"
                )));
            }
            value
        }
    };
    K::deserialize(Deserializer::top(value))
}

fn is_canonical(value: &Value) -> bool {
    match value {
        Value::S(text) => text.starts_with(name::MARK),
        other => has_canonical_numbers(other),
    }
}

fn has_canonical_numbers(value: &Value) -> bool {
    match value {
        Value::N(text) if number::looks_integral(text) => {
            number::as_integer(text).is_some_and(|integer| integer == *text)
        }
        Value::N(text) => {
            let float = text.parse::<f64>();
            text != "-0.0" && float.is_ok_and(|float| format!("{float:?}") == *text)
        }
        Value::L(items) => items.iter().all(has_canonical_numbers),
        Value::M(members) => members.values().all(has_canonical_numbers),
        _ => true,
    }
}
