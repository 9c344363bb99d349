//! Names of map members: any key as an attribute name, and back.
//!
//! A string is its own name. What is no string is `#` and its compact JSON, as in the text of an
//! item's key; so is a string that begins with `#`, and the empty one, which DynamoDB refuses.

use super::ser::{Mode, Serializer};
use crate::codec::error::CodecError;
use crate::codec::{Value, json};
use serde::Serialize;

/// What the name of a key that is no plain string begins with.
pub(crate) const MARK: char = '#';

/// Is this the name of a string?
pub(super) fn is_text(name: &str) -> bool {
    match name.strip_prefix(MARK) {
        Some(json) => json.starts_with('"'),
        None => true,
    }
}

/// The name for a field or variant.
#[inline]
pub(super) fn of_str(text: &str) -> String {
    if matches!(text.as_bytes().first(), None | Some(b'#')) {
        quoted(text)
    } else {
        text.to_owned()
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from(MARK);
    json::write_string(text, &mut out);
    out
}

/// The name for any key of the map that `holder` encodes.
pub(super) fn of<K: Serialize + ?Sized>(key: &K, holder: Serializer) -> Result<String, CodecError> {
    let mut to = holder.inner(key, true);
    to.mode = holder.mode.for_names();
    let value = key.serialize(to)?.value;
    Ok(match value {
        Value::S(text) if text.is_empty() => quoted(&text),
        value => of_value(value),
    })
}

/// The text for the key of an item.
pub(crate) fn of_key<K: Serialize + ?Sized>(key: &K) -> Result<String, CodecError> {
    let node = key.serialize(Serializer::top(key, Mode::Key))?;
    Ok(of_value(node.value))
}

fn of_value(value: Value) -> String {
    match value {
        Value::S(text) if text.starts_with(MARK) => quoted(&text),
        Value::S(text) => text,
        other => {
            let mut text = json::to_text(&other);
            text.insert(0, MARK);
            text
        }
    }
}

/// The value that a name stands for, if it is the escaped name of one.
///
/// Names that begin with `#` and are no JSON were written by others: they are plain strings.
pub(super) fn unescape(name: &str) -> Option<Value> {
    let text = name.strip_prefix(MARK)?;
    json::from_text(text).ok()
}
