//! The envelope of the Clojure library: a version that it increments, and that we make random.
//!
//! A plain integer under `:atom/version` is the fence of both libraries. Clojure adds one to it;
//! we put a random integer below 2^62 in its place, which makes it unique, and which is the id of
//! our write as well: an item remembers one write. What has no version (Clojure's `reset!` and
//! puts erase it) is fenced by all of its attributes.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Content, Fence, Item, Sealed, Snapshot};
use crate::codec::edn::{from_edn, layout, to_edn};
use crate::codec::{CodecError, Value};
use crate::write_id::Id;

pub(super) const VERSION: &str = ":atom/version";
pub(super) const RESERVED: &[&str] = &[VERSION, ":atom/value", ":atom/key"];

/// Random versions stay below this, so that Clojure can add to them for ever.
const VERSION_BITS: u32 = 62;

pub(super) fn key_attribute(key_name: &str) -> String {
    layout::key_attribute(key_name)
}

pub(super) fn key_text<K: Serialize + ?Sized>(key: &K) -> Result<String, CodecError> {
    to_edn(key).map(|key| layout::key_text(&key))
}

pub(super) fn parse_key<K: DeserializeOwned>(text: &str) -> Result<K, CodecError> {
    layout::parse_key(text).and_then(from_edn)
}

/// The attributes of the value, in a map that only carries them.
pub(super) fn encode<T: Serialize + ?Sized>(
    key_attribute: &str,
    value: &T,
) -> Result<Value, CodecError> {
    layout::write(key_name(key_attribute), &to_edn(value)?).map(Value::M)
}

pub(super) fn decode<T: DeserializeOwned>(
    key_attribute: &str,
    value: Value,
) -> Result<T, CodecError> {
    match value {
        Value::M(attributes) => from_edn(layout::read(key_name(key_attribute), attributes)?),
        // Not reached: what `encode` and `open` give is a map.
        other => Err(CodecError::new(format!("no attributes: {other:?}"))),
    }
}

/// `:atom/id` is the keyword of the key name `atom/id`.
fn key_name(key_attribute: &str) -> &str {
    key_attribute.strip_prefix(':').unwrap_or(key_attribute)
}

pub(super) fn open(mut item: Item) -> Snapshot {
    let (fence, version, writes) = match item.get(VERSION) {
        Some(Value::S(text)) => match text.parse::<u64>() {
            Ok(version) => {
                (Fence::Is(Value::S(text.clone())), version, vec![Id::from_bits(version)])
            }
            Err(_) => (Fence::Foreign(item.clone()), 0, Vec::new()),
        },
        _ => (Fence::Foreign(item.clone()), 0, Vec::new()),
    };
    item.remove(VERSION);
    // Clojure knows no lifetimes: whatever an attribute is called, it is the value's.
    Snapshot { value: Some(Arc::new(Value::M(item))), expires: None, fence, version, writes }
}

/// `remove` deletes the item: Clojure knows no tombstones.
pub(super) fn seal(key_attribute: &str, key: &str, content: &Content, bits: u64) -> Sealed {
    let Content::Value { value, .. } = content else {
        return Sealed { item: None, after: Snapshot::missing() };
    };
    let Value::M(mut item) = Value::clone(value) else {
        return Sealed { item: None, after: Snapshot::missing() };
    };
    let (text, version) = version(bits);
    item.insert(key_attribute.to_owned(), Value::S(key.to_owned()));
    item.insert(VERSION.to_owned(), text.clone());
    let after = Snapshot {
        value: Some(value.clone()),
        expires: None,
        fence: Fence::Is(text),
        version,
        writes: vec![Id::from_bits(version)],
    };
    Sealed { item: Some(item), after }
}

pub(super) fn version(bits: u64) -> (Value, u64) {
    let version = bits >> (u64::BITS - VERSION_BITS);
    (Value::S(version.to_string()), version)
}
