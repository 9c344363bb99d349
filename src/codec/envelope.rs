//! What surrounds a value in its item: the key, the version, the fence, the tombstone.

#[cfg(feature = "edn")]
#[path = "clojure.rs"]
mod clojure;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CodecError, Value, key, native};
use crate::write_id::Id;

/// An item as DynamoDB holds it: attribute names and values.
pub(crate) type Item = HashMap<String, Value>;

pub(crate) const VALUE: &str = "atom/value";
pub(crate) const VERSION: &str = "atom/version";
pub(crate) const WRITES: &str = "atom/writes";
pub(crate) const REMOVED: &str = "atom/removed";
pub(crate) const EXPIRES: &str = "atom/expires";

/// How many write ids an item remembers.
pub(crate) const MEMORY: usize = 16;

/// All that an item has beside its key and its value weighs less than this, in any layout.
pub(crate) const BOOKKEEPING: usize = 512;

/// How long a tombstone stays before the table's time-to-live may take it.
pub(crate) const TOMBSTONE_SECONDS: u64 = 24 * 60 * 60;

/// How values and keys lie in a table's items; see the chapter
/// [`docs::encoding`](crate::docs::encoding).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// DynamoDB's own types, for everything that serde can express. The default.
    #[default]
    Native,
    /// The layout of the Clojure library faraday-atom, so that both share one table; see
    /// [`docs::edn`](crate::docs::edn).
    #[cfg(feature = "edn")]
    Edn,
}

/// What is to be written: an encoded value, or nothing. Times are seconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Value {
        value: Arc<Value>,
        /// From when on it is as if removed; `None`: never.
        expires: Option<u64>,
    },
    Removed {
        at: u64,
    },
}

impl Content {
    /// A value that does not expire.
    pub(crate) fn permanent(value: Value) -> Self {
        Self::Value { value: Arc::new(value), expires: None }
    }

    /// What an atom holds at this time that was given this content.
    pub(crate) fn held(&self, now: u64) -> Held {
        match self {
            Self::Value { value, expires } => Held::at(now, Some(value), *expires),
            Self::Removed { .. } => Held::default(),
        }
    }
}

/// What an atom holds at one moment: what a closure that runs then is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Held {
    pub(crate) value: Option<Arc<Value>>,
    /// When the value expires; `None`: never, or there is none.
    pub(crate) expires: Option<u64>,
}

impl Held {
    /// What is left at this time: of what has expired nothing.
    fn at(now: u64, value: Option<&Arc<Value>>, expires: Option<u64>) -> Self {
        if expires.is_some_and(|expires| expires <= now) {
            return Self::default();
        }
        Self { value: value.cloned(), expires }
    }
}

/// What a conditional write must find in place for its condition to hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fence {
    /// No item.
    Missing,
    /// An item of ours: the fence attribute has exactly this value.
    Is(Value),
    /// An item that another tool wrote: exactly these attributes, the key aside.
    Foreign(Item),
}

/// An item as it was seen at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// The encoded value; `None` when the atom held nothing at that moment.
    pub(crate) value: Option<Arc<Value>>,
    /// When the value expires; `None`: never, or there is none.
    pub(crate) expires: Option<u64>,
    pub(crate) fence: Fence,
    /// The item's version; 0 where there is none, or one that makes no sense.
    pub(crate) version: u64,
    /// The ids of the last writes that the item remembers, newest first.
    pub(crate) writes: Vec<Id>,
}

impl Snapshot {
    /// Nothing there.
    pub(crate) fn missing() -> Self {
        Self { value: None, expires: None, fence: Fence::Missing, version: 0, writes: Vec::new() }
    }

    /// Whether its version is the number of writes so far, as far as it can be.
    pub(crate) fn counts_writes(&self) -> bool {
        // In a Clojure table the fence is the version, and random.
        matches!(self.fence, Fence::Is(Value::B(_)))
    }

    /// What the atom holds at this time, if nobody has written since.
    pub(crate) fn held(&self, now: u64) -> Held {
        Held::at(now, self.value.as_ref(), self.expires)
    }

    /// The same without a value that has expired by this time.
    pub(crate) fn hiding_expired(mut self, now: u64) -> Self {
        Held { value: self.value, expires: self.expires } = self.held(now);
        self
    }
}

/// A write as it is sent, and the state that it leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// The whole item; `None` deletes it.
    pub(crate) item: Option<Item>,
    pub(crate) after: Snapshot,
}

/// How the items of one table are laid out.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    encoding: Encoding,
    key_attribute: String,
}

impl Layout {
    pub(crate) fn new(encoding: Encoding, key_name: &str) -> Self {
        let key_attribute = match encoding {
            Encoding::Native => key_name.to_owned(),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::key_attribute(key_name),
        };
        Self { encoding, key_attribute }
    }

    /// The name of the partition key, as it stands in the table.
    pub(crate) fn key_attribute(&self) -> &str {
        &self.key_attribute
    }

    /// The attribute that fences writes.
    pub(crate) fn fence_attribute(&self) -> &'static str {
        match self.encoding {
            Encoding::Native => WRITES,
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::VERSION,
        }
    }

    /// The attributes whose names a key cannot have.
    pub(crate) fn reserved(&self) -> &'static [&'static str] {
        match self.encoding {
            Encoding::Native => &[VALUE, VERSION, WRITES, REMOVED, EXPIRES],
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::RESERVED,
        }
    }

    /// The attribute for time-to-live, if the layout has one.
    pub(crate) fn expires(&self) -> Option<&'static str> {
        match self.encoding {
            Encoding::Native => Some(EXPIRES),
            #[cfg(feature = "edn")]
            Encoding::Edn => None,
        }
    }

    /// The attributes by which an item is hidden: a tombstone's, and an expired one's.
    pub(crate) fn hiding(&self) -> &'static [&'static str] {
        match self.encoding {
            Encoding::Native => &[REMOVED, EXPIRES],
            #[cfg(feature = "edn")]
            Encoding::Edn => &[],
        }
    }

    /// The text under which a key is stored.
    pub(crate) fn key_text<K: Serialize + ?Sized>(&self, key: &K) -> Result<String, CodecError> {
        match self.encoding {
            Encoding::Native => key::text(key),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::key_text(key),
        }
    }

    /// The key that a text stands for.
    pub(crate) fn parse_key<K: DeserializeOwned>(&self, text: &str) -> Result<K, CodecError> {
        match self.encoding {
            Encoding::Native => key::parse(text),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::parse_key(text),
        }
    }

    /// A value as the layout stores it.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Value, CodecError> {
        match self.encoding {
            Encoding::Native => native::encode(value),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::encode(&self.key_attribute, value),
        }
    }

    /// The value that was stored.
    pub(crate) fn decode<T: DeserializeOwned>(&self, value: Value) -> Result<T, CodecError> {
        match self.encoding {
            Encoding::Native => native::decode(value),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::decode(&self.key_attribute, value),
        }
    }

    /// Reads an item. Any item can be read: what makes no sense counts as written by another tool.
    ///
    /// Native:
    /// - `atom/writes` that is not a B of one or more whole ids, at most sixteen: the item counts
    ///   as foreign, and the first write's condition compares what was read.
    /// - `atom/version` that is not a whole number: 0; the next write is version 1. It is no fence.
    /// - `atom/removed` is a tombstone when it is BOOL true, and an unknown attribute otherwise.
    /// - `atom/expires` that is not a whole number of seconds: the value does not expire.
    pub(crate) fn open(&self, mut item: Item) -> Snapshot {
        item.remove(&self.key_attribute);
        match self.encoding {
            Encoding::Native => open(item),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::open(item),
        }
    }

    /// The write that puts `content` in the place of `base`, under an id made of these bits.
    pub(crate) fn seal(&self, key: &str, base: &Snapshot, content: &Content, bits: u64) -> Sealed {
        match self.encoding {
            Encoding::Native => seal(&self.key_attribute, key, base, content, bits),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::seal(&self.key_attribute, key, content, bits),
        }
    }

    /// The value of the fence attribute that marks a foreign item as ours, and nothing more.
    pub(crate) fn mark(&self, bits: u64) -> Value {
        match self.encoding {
            Encoding::Native => Value::B(bits.to_be_bytes().to_vec()),
            #[cfg(feature = "edn")]
            Encoding::Edn => clojure::version(bits).0,
        }
    }
}

fn open(mut item: Item) -> Snapshot {
    let ids = match item.get(WRITES) {
        Some(Value::B(bytes)) => ids_of(bytes).map(|ids| (bytes.clone(), ids)),
        _ => None,
    };
    let (fence, writes) = match ids {
        Some((bytes, ids)) => (Fence::Is(Value::B(bytes)), ids),
        None => (Fence::Foreign(item.clone()), Vec::new()),
    };
    let version = match item.get(VERSION) {
        Some(Value::N(text)) => text.parse().unwrap_or(0),
        _ => 0,
    };
    let removed = matches!(item.get(REMOVED), Some(Value::Bool(true)));
    let expires = match item.get(EXPIRES) {
        // DynamoDB gives numbers back in one form, and this is how it writes whole ones.
        Some(Value::N(text)) if !removed => text.parse().ok(),
        _ => None,
    };
    let value = (!removed).then(|| {
        item.remove(VALUE).unwrap_or_else(|| {
            item.retain(|name, _| !name.starts_with("atom/"));
            Value::M(item)
        })
    });
    Snapshot { value: value.map(Arc::new), expires, fence, version, writes }
}

fn seal(key_attribute: &str, key: &str, base: &Snapshot, content: &Content, bits: u64) -> Sealed {
    let mut item = match content {
        Content::Value { value, .. } => match native::flat(Value::clone(value), key_attribute) {
            Ok(fields) => fields,
            Err(value) => HashMap::from([(VALUE.to_owned(), value)]),
        },
        Content::Removed { .. } => HashMap::from([(REMOVED.to_owned(), Value::Bool(true))]),
    };
    let (value, expires, time_to_live) = match content {
        Content::Value { value, expires } => (Some(value.clone()), *expires, *expires),
        Content::Removed { at } => (None, None, Some(at.saturating_add(TOMBSTONE_SECONDS))),
    };
    if let Some(seconds) = time_to_live {
        item.insert(EXPIRES.to_owned(), Value::N(seconds.to_string()));
    }
    let writes = remember(Id::from_bits(bits), &base.writes, MEMORY);
    let version = base.version.saturating_add(1);
    let fence = Value::B(writes.iter().flat_map(|id| id.to_bytes()).collect());
    item.insert(key_attribute.to_owned(), Value::S(key.to_owned()));
    item.insert(VERSION.to_owned(), Value::N(version.to_string()));
    item.insert(WRITES.to_owned(), fence.clone());
    let after = Snapshot { value, expires, fence: Fence::Is(fence), version, writes };
    Sealed { item: Some(item), after }
}

/// The ids that an item remembers after one more write: the newest first, the oldest forgotten.
pub(crate) fn remember(id: Id, before: &[Id], memory: usize) -> Vec<Id> {
    std::iter::once(id).chain(before.iter().copied()).take(memory).collect()
}

fn ids_of(bytes: &[u8]) -> Option<Vec<Id>> {
    let (ids, rest) = bytes.as_chunks::<{ Id::LEN }>();
    let sound = rest.is_empty() && !ids.is_empty() && ids.len() <= MEMORY;
    sound.then(|| ids.iter().copied().map(Id::from_bytes).collect())
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
