//! What surrounds a value in its item: the key, the version, the write ids and the tombstone.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Value, native};
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

/// How long a tombstone stays before the table's time-to-live may take it.
pub(crate) const TOMBSTONE_SECONDS: u64 = 24 * 60 * 60;

/// What an atom holds: an encoded value, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Value(Arc<Value>),
    /// Removed: a tombstone, which time-to-live may take after this many seconds since the epoch.
    Removed {
        expires: u64,
    },
}

impl Content {
    /// What a closure that runs on it sees.
    pub(crate) fn value(&self) -> Option<Arc<Value>> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Removed { .. } => None,
        }
    }
}

/// What a conditional write must find in place for its condition to hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fence {
    /// No item.
    Missing,
    /// An item of ours: exactly these write ids.
    Writes(Vec<u8>),
    /// An item that another tool wrote: exactly these attributes, the key aside.
    Foreign(Item),
}

/// An item as it was seen at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// The encoded value; `None` when the atom holds nothing.
    pub(crate) value: Option<Arc<Value>>,
    pub(crate) fence: Fence,
    /// `atom/version`; 0 where there is none, or one that makes no sense.
    pub(crate) version: u64,
    /// The ids in `atom/writes`, newest first.
    pub(crate) writes: Vec<Id>,
}

impl Snapshot {
    /// Nothing there.
    pub(crate) fn missing() -> Self {
        Self { value: None, fence: Fence::Missing, version: 0, writes: Vec::new() }
    }

    /// The state that `write` leaves behind when it is built on `self`.
    pub(crate) fn after(&self, content: &Content, id: Id) -> Self {
        let writes = self.next_writes(id);
        Self {
            value: content.value(),
            fence: Fence::Writes(bytes_of(&writes)),
            version: self.next_version(),
            writes,
        }
    }

    fn next_version(&self) -> u64 {
        self.version.saturating_add(1)
    }

    fn next_writes(&self, id: Id) -> Vec<Id> {
        std::iter::once(id).chain(self.writes.iter().copied()).take(MEMORY).collect()
    }
}

/// Reads an item. Any item can be read: what makes no sense counts as written by another tool.
///
/// - `atom/writes` that is not a B of one or more whole ids, at most sixteen: the item counts as
///   foreign, and the first write's condition compares what was read.
/// - `atom/version` that is not a whole number: 0; the next write is version 1. It is no fence.
/// - `atom/removed` is a tombstone when it is BOOL true, and an unknown attribute otherwise.
pub(crate) fn open(key_name: &str, mut item: Item) -> Snapshot {
    item.remove(key_name);
    let ids = match item.get(WRITES) {
        Some(Value::B(bytes)) => ids_of(bytes).map(|ids| (bytes.clone(), ids)),
        _ => None,
    };
    let (fence, writes) = match ids {
        Some((bytes, ids)) => (Fence::Writes(bytes), ids),
        None => (Fence::Foreign(item.clone()), Vec::new()),
    };
    let version = match item.get(VERSION) {
        Some(Value::N(text)) => text.parse().unwrap_or(0),
        _ => 0,
    };
    let removed = matches!(item.get(REMOVED), Some(Value::Bool(true)));
    let value = (!removed).then(|| {
        item.remove(VALUE).unwrap_or_else(|| {
            item.retain(|name, _| !name.starts_with("atom/"));
            Value::M(item)
        })
    });
    Snapshot { value: value.map(Arc::new), fence, version, writes }
}

/// The item that a write of `content` with this id puts in the place of `base`.
pub(crate) fn seal(key_name: &str, key: &str, base: &Snapshot, content: &Content, id: Id) -> Item {
    let mut item = match content {
        Content::Value(value) => match native::flat(Value::clone(value), key_name) {
            Ok(fields) => fields,
            Err(value) => HashMap::from([(VALUE.to_owned(), value)]),
        },
        Content::Removed { expires } => HashMap::from([
            (REMOVED.to_owned(), Value::Bool(true)),
            (EXPIRES.to_owned(), Value::N(expires.to_string())),
        ]),
    };
    item.insert(key_name.to_owned(), Value::S(key.to_owned()));
    item.insert(VERSION.to_owned(), Value::N(base.next_version().to_string()));
    item.insert(WRITES.to_owned(), Value::B(bytes_of(&base.next_writes(id))));
    item
}

fn bytes_of(ids: &[Id]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_bytes()).collect()
}

fn ids_of(bytes: &[u8]) -> Option<Vec<Id>> {
    let (ids, rest) = bytes.as_chunks::<{ Id::LEN }>();
    let sound = rest.is_empty() && !ids.is_empty() && ids.len() <= MEMORY;
    sound.then(|| ids.iter().copied().map(Id::from_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        Id::from_bytes([n; 8])
    }

    fn value(text: &str) -> Content {
        Content::Value(Arc::new(Value::S(text.to_owned())))
    }

    #[test]
    fn what_is_sealed_opens_as_the_state_after_it() {
        let mut state = Snapshot::missing();
        for n in 0..20_u8 {
            let content =
                if n % 5 == 4 { Content::Removed { expires: 9 } } else { value(&n.to_string()) };
            let item = seal("atom/id", "k", &state, &content, id(n));
            let opened = open("atom/id", item);
            assert_eq!(opened, state.after(&content, id(n)));
            assert_eq!(opened.version, u64::from(n) + 1);
            assert_eq!(opened.writes.len(), (usize::from(n) + 1).min(MEMORY));
            assert_eq!(opened.writes[0], id(n));
            state = opened;
        }
    }

    #[test]
    fn a_map_lies_flat_and_a_collision_does_not() {
        let map = |name: &str| {
            let map = HashMap::from([(name.to_owned(), Value::Bool(true))]);
            Content::Value(Arc::new(Value::M(map)))
        };
        let base = Snapshot::missing();
        assert!(seal("id", "k", &base, &map("done"), id(1)).contains_key("done"));
        for name in ["id", "atom/version", "atom/anything"] {
            let item = seal("id", "k", &base, &map(name), id(1));
            assert!(matches!(item.get(VALUE), Some(Value::M(_))), "{name}");
            assert_eq!(open("id", item), base.after(&map(name), id(1)), "{name}");
        }
    }

    #[test]
    fn unsound_bookkeeping_makes_an_item_foreign_and_never_panics() {
        for writes in [
            Value::B(vec![]),
            Value::B(vec![1; 7]),
            Value::B(vec![1; 9]),
            Value::B(vec![1; 17 * 8]),
            Value::S("no".into()),
        ] {
            for version in [Value::S("1".into()), Value::N("-1".into()), Value::N("1e9".into())] {
                let item = Item::from([
                    ("id".to_owned(), Value::S("k".into())),
                    ("n".to_owned(), Value::N("1".into())),
                    (WRITES.to_owned(), writes.clone()),
                    (VERSION.to_owned(), version),
                ]);
                let opened = open("id", item.clone());
                let mut rest = item;
                rest.remove("id");
                assert_eq!(opened.fence, Fence::Foreign(rest));
                assert_eq!(opened.version, 0);
                let fields = HashMap::from([("n".to_owned(), Value::N("1".into()))]);
                assert_eq!(opened.value, Some(Arc::new(Value::M(fields))));
            }
        }
    }
}
