//! The native encoding: any serde value as attributes that look as anyone would write them.
//!
//! Plain data stays plain: numbers are N, strings S, bytes B, booleans BOOL, `None` and `()` NULL,
//! lists and tuples L, structs and maps M, enums as serde tags them, and the wrappers of
//! `serde_dynamo` make SS, NS and BS. What DynamoDB cannot hold so is an *escape*: a map of one
//! member whose name begins with `atom/`, readable for a person.
//!
//! | escape | stands for |
//! |---|---|
//! | `{"atom/float": "NaN"}` | NaN, the infinities, `-0`, what is not within 1E-130 and 9.99E+125; and a whole float in an untyped place, see below |
//! | `{"atom/integer": "34028…"}` | an integer of more than 38 significant digits |
//! | `{"atom/some": NULL}` | `Some` of what would read as `None`: `Some(None)`, `Some(())` |
//! | `{"atom/deep": "[[1]]"}` | JSON of what nests deeper than DynamoDB's 31 containers |
//! | `{"atom/map": {…}}` | the user's own map, which would look like an escape |
//!
//! A set that DynamoDB would refuse (empty, a member twice, a number that is escaped) is a list,
//! which reads back the same. Member names are strings as they are and other keys as `#` and their
//! JSON: see [`name`].
//!
//! # Whole floats
//!
//! DynamoDB stores `5.0` as `5`; nothing that a number could carry survives. Where the reader asks
//! for a float that is no loss. Where it takes what it finds (`serde_json::Value`, an untagged
//! enum), `5.0` would come back as the integer. `Serialize` does not say which it is, and both
//! simple rules are wrong: to escape every whole float makes `price: 5.0` a map, and an index on
//! it refuses the item; to escape none turns `F(5.0)` into `I(5)`.
//!
//! So the rule looks at the Rust type in each place ([`place`]): it is a plain number where the
//! type is a float, or a collection, `Option`, newtype or field of floats, and escaped where the
//! type does not say so. When in doubt it escapes, which costs looks and never the value: an
//! escaped float is read as a float everywhere. What no type tells is an untagged enum of two
//! structs that differ in nothing but `i64` or `f64` for one field: a whole float in it reads as
//! the first that fits.
//!
//! The mark is a map and not a trick with the 38th digit (`5.000…01` survives DynamoDB and reads
//! as `5.0`): that one has no form for zero, and `= 5` in a query would silently miss it.
//!
//! # How far exactness goes
//!
//! Everything that serde can carry to the reader comes back. Its own buffers, through which
//! internally tagged and untagged enums and `flatten` read, carry no 128-bit integers beyond 64
//! bits, and `flatten` no keys but scalars; with any format.
//!
//! Nesting is bounded by [`MAX_DEPTH`] on both ways, so that no value ends the stack.

mod access;
mod collect;
mod de;
pub(crate) mod escape;
mod fold;
pub(crate) mod name;
mod numeric;
mod place;
mod ser;
mod set;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod roundtrip;
#[cfg(all(test, feature = "embedded"))]
mod served;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tests;

use super::Value;
use super::error::CodecError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

pub(crate) use de::Deserializer;

/// How deep a value may nest, each list, map, `Some` and newtype counted.
///
/// What is deeper is refused on both ways, long before the stack of a thread ends.
pub(crate) const MAX_DEPTH: usize = 128;

/// How many containers DynamoDB lets an attribute nest.
pub(crate) const MAX_CONTAINERS: usize = 31;

/// The attribute value for a value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Value, CodecError> {
    let node = value.serialize(ser::Serializer::top(value, ser::Mode::Attribute))?;
    let mut value = node.value;
    // A map at the top will most likely lie flat, and is then no container of its own.
    let lies_flat = matches!(value, Value::M(_)) && !escape::is_escape(&value);
    let room = MAX_CONTAINERS + usize::from(lies_flat);
    if node.height > room {
        fold::fold(&mut value, room);
    }
    Ok(value)
}

/// The value that an attribute value stands for.
pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    T::deserialize(Deserializer::top(value))
}

/// Lets an encoded value lie flat, its members as the item's own attributes, if it may.
///
/// It may if it is a struct or a map with strings for keys, without a name that the item needs
/// itself: the key's, and all that begin with `atom/`. What may not comes back as `Err`, to lie under `atom/value`.
pub(crate) fn flat(value: Value, key_name: &str) -> Result<HashMap<String, Value>, Value> {
    match value {
        Value::M(members) => {
            let reserved = |name: &String| {
                name == key_name || name.starts_with(escape::PREFIX) || !name::is_text(name)
            };
            if members.keys().any(reserved) {
                let mut value = Value::M(members);
                // As one attribute it is a container more than `encode` reckoned with.
                fold::fold(&mut value, MAX_CONTAINERS);
                Err(value)
            } else {
                Ok(members)
            }
        }
        other => Err(other),
    }
}

/// A value in a few words, for messages.
#[cold]
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::N(number) => format!("the number {}", cut(number)),
        Value::S(text) => format!("the string {:?}", cut(text)),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::B(bytes) => format!("{} bytes", bytes.len()),
        Value::Null(_) => "null".to_owned(),
        Value::L(items) => format!("a list of {}", items.len()),
        Value::M(members) => match escape::name_of(members) {
            Some(name) => format!("a map with the single member {:?}", cut(name)),
            None => format!("a map of {}", members.len()),
        },
        Value::Ss(items) => format!("a set of {} strings", items.len()),
        Value::Ns(items) => format!("a set of {} numbers", items.len()),
        Value::Bs(items) => format!("a set of {} binaries", items.len()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
