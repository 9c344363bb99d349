//! Items as the Clojure library lays them out.
//!
//! The entries of a map are the attributes of the item; any other value lies
//! under `:atom/value`. A vector is an L, a nested map an M, `nil` a NULL, a
//! byte array a B in its frame, and everything else the S of its printed form.
//! Names of attributes are printed keys.
//!
//! Where the original fails, and what is done here instead, so that it still
//! reads what is written:
//!
//! - A map with `:atom/value`, `:atom/version` or `:atom/key` in it lies as a
//!   whole under `:atom/value`.
//! - What is nested deeper than `DynamoDB` allows is written as text, and so is
//!   a map with a key too long for the name of an attribute.
//!
//! What others may have put there is read so that nothing is lost:
//!
//! - An S, or a name, that is not exactly one EDN form is a string: `hello
//!   world` is read as `"hello world"`, not as the symbol `hello`.
//! - N is an integer, or a float if that is exact, or a big decimal; BOOL, SS,
//!   NS and BS are what they are called, with the strings of an SS as they are.
//! - Two names for one key, a damaged frame and text nested too deep are errors.

use std::collections::HashMap;

pub(crate) use super::key::{key_attribute, key_text, parse_key};

use super::collection::{Map, Set};
use super::literal;
use super::nippy;
use super::path::{at_field, at_index, at_key, error};
use super::print::readable_text;
use super::read::MAX_DEPTH;
use super::value::Edn;
use crate::codec::{CodecError, Value};

const VALUE: &str = ":atom/value";
const VERSION: &str = ":atom/version";
const KEY: &str = ":atom/key";

/// How many containers `DynamoDB` allows inside an attribute, its own included.
const CONTAINERS: usize = 31;

/// The longest name of an attribute.
const NAME: usize = 65_535;

/// The attributes that hold `value`, without the key and the version.
///
/// # Errors
/// If the value is nested deeper than the reader would follow.
pub(crate) fn write(key_name: &str, value: &Edn) -> Result<HashMap<String, Value>, CodecError> {
    if let Edn::Map(map) = value
        && let Some(item) = write_flat(&key_attribute(key_name), map)?
    {
        return Ok(item);
    }
    Ok(HashMap::from([(VALUE.to_owned(), write_attribute(value, 0)?)]))
}

/// A map as attributes; `None` if one of them would mean something else.
fn write_flat(
    key_attribute: &str,
    map: &Map,
) -> Result<Option<HashMap<String, Value>>, CodecError> {
    let mut item = HashMap::with_capacity(map.len());
    for (key, value) in map.iter() {
        let mut name = readable_text(key)?;
        if [VALUE, VERSION, KEY].contains(&name.as_str()) || name.len() > NAME {
            return Ok(None);
        }
        if name == key_attribute {
            KEY.clone_into(&mut name);
        }
        item.insert(name, write_attribute(value, 0).map_err(|error| at_key(error, key))?);
    }
    Ok(Some(item))
}

/// `depth` counts the containers around the value.
fn write_attribute(value: &Edn, depth: usize) -> Result<Value, CodecError> {
    Ok(match value {
        Edn::Nil => Value::Null(true),
        Edn::Bytes(bytes) => Value::B(nippy::frame(bytes).map_err(error)?),
        Edn::Vector(elements) if depth < CONTAINERS => {
            let write = |(at, element)| {
                write_attribute(element, depth + 1).map_err(|error| at_index(error, at))
            };
            Value::L(elements.iter().enumerate().map(write).collect::<Result<_, _>>()?)
        }
        Edn::Map(map) if depth < CONTAINERS => {
            let mut attributes = HashMap::with_capacity(map.len());
            for (key, value) in map.iter() {
                let name = readable_text(key)?;
                if name.len() > NAME {
                    return readable_text(&Edn::Map(map.clone())).map(Value::S);
                }
                attributes.insert(
                    name,
                    write_attribute(value, depth + 1).map_err(|error| at_key(error, key))?,
                );
            }
            Value::M(attributes)
        }
        _ => Value::S(readable_text(value)?),
    })
}

/// The value of an item. Its key and its version, if it has them, are dropped.
///
/// # Errors
/// If the item cannot be read without loss.
pub(crate) fn read(key_name: &str, item: HashMap<String, Value>) -> Result<Edn, CodecError> {
    let mut item = item;
    let key_attribute = key_attribute(key_name);
    item.remove(&key_attribute);
    item.remove(VERSION);
    // Beside other attributes it is the entry of a map that the original wrote.
    if item.len() == 1
        && let Some(value) = item.remove(VALUE)
    {
        return read_attribute(value, 0).map_err(|error| at_field(error, VALUE));
    }
    let name_of_key = item.remove(KEY).map(|value| (key_attribute, value));
    read_map(item.into_iter().chain(name_of_key), 0)
}

fn read_attribute(value: Value, depth: usize) -> Result<Edn, CodecError> {
    if depth > MAX_DEPTH {
        return Err(error(format!("attributes are nested more than {MAX_DEPTH} deep")));
    }
    match value {
        Value::S(text) => read_text(text),
        Value::N(text) => read_number(&text),
        Value::Bool(value) => Ok(Edn::Bool(value)),
        Value::Null(_) => Ok(Edn::Nil),
        Value::B(bytes) => nippy::unframe(bytes).map(Edn::Bytes).map_err(error),
        Value::L(values) => {
            read_all(values, |value| read_attribute(value, depth + 1)).map(Edn::Vector)
        }
        Value::M(attributes) => read_map(attributes, depth + 1),
        Value::Ss(texts) => read_all(texts, |text| Ok(Edn::Str(text))).and_then(read_set),
        Value::Ns(texts) => read_all(texts, |text| read_number(&text)).and_then(read_set),
        Value::Bs(all) => {
            read_all(all, |bytes| nippy::unframe(bytes).map(Edn::Bytes).map_err(error))
                .and_then(read_set)
        }
    }
}

fn read_all<T>(
    values: Vec<T>,
    read: impl Fn(T) -> Result<Edn, CodecError>,
) -> Result<Vec<Edn>, CodecError> {
    let read = |(at, value)| read(value).map_err(|error| at_index(error, at));
    values.into_iter().enumerate().map(read).collect()
}

fn read_set(elements: Vec<Edn>) -> Result<Edn, CodecError> {
    let mut set = Set::new();
    for element in elements {
        set.insert_new(element)
            .map_err(|element| error(format!("`{element}` occurs twice in a set")))?;
    }
    Ok(Edn::Set(set))
}

/// Entries in the order of their names, so that an item is always read alike.
fn read_map(
    attributes: impl IntoIterator<Item = (String, Value)>,
    depth: usize,
) -> Result<Edn, CodecError> {
    let mut attributes: Vec<_> = attributes.into_iter().collect();
    attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut map = Map::with_capacity(attributes.len());
    for (name, value) in attributes {
        let key = read_text(name)?;
        let value = read_attribute(value, depth).map_err(|error| at_key(error, &key))?;
        let twice = |key| at_key(error("two attributes are named by this key"), &key);
        map.insert_new(key, value).map_err(twice)?;
    }
    Ok(Edn::Map(map))
}

/// EDN if it is exactly one form, and otherwise the text itself.
fn read_text(text: String) -> Result<Edn, CodecError> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(reason) if reason.is_too_deep() => Err(error(reason.to_string())),
        Err(_) => Ok(Edn::Str(text)),
    }
}

/// A number of `DynamoDB`, which are decimal.
fn read_number(text: &str) -> Result<Edn, CodecError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        // Not by way of the reader, for which `010` is octal.
        return Ok(match text.parse() {
            Ok(n) => Edn::Int(n),
            Err(_) => Edn::BigInt(text.parse().map_err(|_| no_number(text))?),
        });
    }
    match (literal::number(text), format!("{text}M").parse()) {
        (Some(Edn::Float(float)), Ok(decimal)) => {
            let exact = float.is_finite() && float.to_string().parse().as_ref() == Ok(&decimal);
            Ok(if exact { Edn::Float(float) } else { Edn::BigDec(decimal) })
        }
        _ => Err(no_number(text)),
    }
}

fn no_number(text: &str) -> CodecError {
    error(format!("the N `{text}` is no number"))
}
