//! `serde_dynamo`'s set wrappers: lists that ask to lie as DynamoDB's sets.

use super::ser::{Mode, Node};
use crate::codec::error::CodecError;
use crate::codec::{Value, json, number};
use std::collections::HashSet;
use std::hash::Hash;

/// Which of the three sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Strings,
    Numbers,
    Binaries,
}

impl Kind {
    /// The kind that a newtype of this name asks for.
    ///
    /// The wrappers mark themselves by the name that they give to serde; U+037E is a Greek
    /// question mark, which no Rust name contains.
    pub(super) fn of_newtype(name: &str) -> Option<Self> {
        match name.strip_prefix('\u{37E}')? {
            "STRINGSET\u{37E}" => Some(Self::Strings),
            "NUMBERSET\u{37E}" => Some(Self::Numbers),
            "BYTESSET\u{37E}" => Some(Self::Binaries),
            _ => None,
        }
    }
}

/// The set that holds what the list holds.
///
/// What DynamoDB would refuse stays a list, which reads back just the same: an empty set, one
/// with a member twice, numbers that had to be escaped.
pub(super) fn from_list(kind: Kind, node: Node, mode: Mode) -> Result<Node, CodecError> {
    let Node { value, height } = node;
    let Value::L(mut items) = value else {
        return Err(CodecError::new(format!(
            "found {} in a set wrapper of serde_dynamo, expected a list of members",
            super::describe(&value)
        )));
    };
    if let Some((index, stranger)) = items.iter().enumerate().find(|(_, item)| !fits(kind, item)) {
        return Err(CodecError::new(format!(
            "found {} in a set of serde_dynamo that cannot hold it",
            super::describe(stranger)
        ))
        .in_element(index));
    }
    if mode != Mode::Attribute {
        // In a text there are no sets; the members in one order are the same key.
        items.sort_by_cached_key(json::to_text);
        return Ok(Node { value: Value::L(items), height });
    }
    let storable = !items.is_empty() && height == 1 && are_distinct(kind, &items);
    if !storable {
        return Ok(Node { value: Value::L(items), height });
    }
    let items = items.into_iter();
    Ok(Node::leaf(match kind {
        Kind::Strings => Value::Ss(items.filter_map(string).collect()),
        Kind::Numbers => Value::Ns(items.filter_map(digits).collect()),
        Kind::Binaries => Value::Bs(items.filter_map(bytes).collect()),
    }))
}

fn fits(kind: Kind, item: &Value) -> bool {
    match kind {
        Kind::Strings => matches!(item, Value::S(_)),
        // An escape is the only map that a number becomes.
        Kind::Numbers => matches!(item, Value::N(_)) || super::escape::is_escape(item),
        Kind::Binaries => matches!(item, Value::B(_)),
    }
}

fn are_distinct(kind: Kind, items: &[Value]) -> bool {
    match kind {
        Kind::Strings | Kind::Binaries => distinct(items.iter().map(|item| match item {
            Value::S(text) => text.as_bytes(),
            Value::B(bytes) => bytes,
            _ => &[],
        })),
        Kind::Numbers => distinct(items.iter().map(|item| match item {
            Value::N(text) => number::canonical(text),
            _ => None,
        })),
    }
}

fn distinct<T: Eq + Hash>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    items.into_iter().all(|item| seen.insert(item))
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::S(text) => Some(text),
        _ => None,
    }
}

fn digits(value: Value) -> Option<String> {
    match value {
        Value::N(text) => Some(text),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::B(bytes) => Some(bytes),
        _ => None,
    }
}
