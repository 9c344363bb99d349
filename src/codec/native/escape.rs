//! The escapes: maps of one member whose name begins with `atom/`.
//!
//! They stand where DynamoDB has no form of its own for a value. A map of the
//! user's that would look like one is itself escaped, under [`MAP`].

use crate::codec::error::CodecError;
use crate::codec::number::Decimal;
use crate::codec::{Value, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::HashMap;

/// What the names of all escapes begin with, and of our own attributes too.
pub(crate) const PREFIX: &str = "atom/";
/// `{"atom/map": {…}}`: the user's own map, which happens to look like an escape.
pub(crate) const MAP: &str = "atom/map";
/// `{"atom/some": NULL}`: `Some` of what reads as nothing.
pub(crate) const SOME: &str = "atom/some";
/// `{"atom/float": "NaN"}`: a float that a number cannot hold, or not as a float.
pub(crate) const FLOAT: &str = "atom/float";
/// `{"atom/integer": "340282…"}`: an integer of more than 38 significant digits.
pub(crate) const INTEGER: &str = "atom/integer";
/// `{"atom/deep": "[[1]]"}`: JSON of what nests deeper than DynamoDB allows.
pub(crate) const DEEP: &str = "atom/deep";
/// `{"atom/bytes": "AQID"}`: bytes, in JSON text.
pub(crate) const BYTES: &str = "atom/bytes";
/// `{"atom/strings": ["a"]}`: a string set, in JSON text.
pub(crate) const STRINGS: &str = "atom/strings";
/// `{"atom/numbers": [1]}`: a number set, in JSON text.
pub(crate) const NUMBERS: &str = "atom/numbers";
/// `{"atom/binaries": ["AQID"]}`: a binary set, in JSON text.
pub(crate) const BINARIES: &str = "atom/binaries";

/// An escape around `value`.
pub(crate) fn wrap(name: &str, value: Value) -> Value {
    Value::M(HashMap::from([(name.to_owned(), value)]))
}

/// The name of the escape that these members are, if they are one.
#[inline]
pub(crate) fn name_of(members: &HashMap<String, Value>) -> Option<&str> {
    if members.len() != 1 {
        return None;
    }
    let name = members.keys().next()?;
    name.starts_with(PREFIX).then_some(name.as_str())
}

/// Is the value an escape?
pub(crate) fn is_escape(value: &Value) -> bool {
    matches!(value, Value::M(members) if name_of(members).is_some())
}

/// What a value turns out to be once an escape around it is taken off.
pub(crate) enum Opened {
    /// Itself; a map in here is the user's own, whatever it looks like.
    Plain(Value),
    /// `Some` of the value inside.
    Some(Value),
    /// The text of a float.
    Float(String),
}

/// Takes off the escape, if there is one.
pub(crate) fn open(mut value: Value) -> Result<Opened, CodecError> {
    loop {
        match value {
            Value::M(members) if name_of(&members).is_some() => match open_one(members)? {
                // What was deep is a value like any other, with escapes of its own.
                Step::Again(inner) => value = inner,
                Step::Done(opened) => return Ok(opened),
            },
            plain => return Ok(Opened::Plain(plain)),
        }
    }
}

enum Step {
    Done(Opened),
    Again(Value),
}

fn open_one(members: HashMap<String, Value>) -> Result<Step, CodecError> {
    let Some((name, inner)) = members.into_iter().next() else {
        return Ok(Step::Done(Opened::Plain(Value::M(HashMap::new()))));
    };
    let plain = |value| Ok(Step::Done(Opened::Plain(value)));
    match (name.as_str(), inner) {
        (SOME, inner) => Ok(Step::Done(Opened::Some(inner))),
        (MAP, Value::M(members)) => plain(Value::M(members)),
        (FLOAT, Value::S(text)) if is_float(&text) => Ok(Step::Done(Opened::Float(text))),
        (INTEGER, Value::S(text)) if is_integer(&text) => plain(Value::N(text)),
        (DEEP, Value::S(text)) => match json::from_text(&text) {
            Ok(value) => Ok(Step::Again(value)),
            Err(error) => Err(malformed(&name, &error.message)),
        },
        (BYTES, Value::S(text)) => match BASE64.decode(&text) {
            Ok(bytes) => plain(Value::B(bytes)),
            Err(error) => Err(malformed(&name, &error.to_string())),
        },
        (STRINGS, Value::L(items)) => match items.into_iter().map(string).collect() {
            Some(items) => plain(Value::Ss(items)),
            None => Err(malformed(&name, "a member is no string")),
        },
        (NUMBERS, Value::L(items)) => match items.into_iter().map(number).collect() {
            Some(items) => plain(Value::Ns(items)),
            None => Err(malformed(&name, "a member is no number")),
        },
        (BINARIES, Value::L(items)) => match items.into_iter().map(bytes).collect() {
            Some(items) => plain(Value::Bs(items)),
            None => Err(malformed(&name, "a member is no base64 text")),
        },
        (MAP | FLOAT | INTEGER | DEEP | BYTES | STRINGS | NUMBERS | BINARIES, inner) => {
            let found = format!("found {}", super::describe(&inner));
            Err(malformed(&name, &found))
        }
        _ => Err(CodecError::new(format!(
            "found a map with the single member `{name}`, which is reserved and not known to this version"
        ))),
    }
}

/// What [`DEEP`] holds, as the value that was folded.
pub(crate) fn unfold(value: Value) -> Result<Value, CodecError> {
    match value {
        Value::M(members) => match open_one(members)? {
            Step::Again(inner) => Ok(inner),
            Step::Done(_) => Err(malformed(DEEP, "it holds no text")),
        },
        other => Ok(other),
    }
}

#[cold]
fn malformed(name: &str, why: &str) -> CodecError {
    CodecError::new(format!("malformed escape `{name}`: {why}"))
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::S(text) => Some(text),
        _ => None,
    }
}

fn number(value: Value) -> Option<String> {
    match value {
        Value::N(text) => Some(text),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    string(value).and_then(|text| BASE64.decode(text).ok())
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_float(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity") || Decimal::parse(text).is_some()
}
