//! What a table is made of, for the rooms that read and write its items.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Env;
use crate::codec::envelope::{BOOKKEEPING, Content, Item, Layout, Sealed, Snapshot};
use crate::codec::limits::{self, Limit, LimitError};
use crate::codec::{CodecError, Value};
use crate::dynamo::{Address, Dynamo};
use crate::error::{Error, Result};
use crate::retry::{Effort, RetryPolicy, Subject, persist};
use crate::swap::lane::Lane;

/// One table: its connection, its name, and how to behave.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dynamo: Dynamo,
    pub(crate) env: Env,
    pub(crate) policy: RetryPolicy,
    pub(crate) table: String,
    pub(crate) layout: Layout,
    pub(crate) lanes: Lanes,
}

/// The lanes in use, by key.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<HashMap<Box<str>, Weak<Lane>>>);

impl Lanes {
    /// The lane of this key, which all handles to it share.
    pub(crate) fn of(&self, key: &str) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(key).and_then(Weak::upgrade) {
            return lane;
        }
        // Those whose last handle is gone leave now and then, whenever their number has doubled.
        if lanes.len() == lanes.capacity() {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(Lane::new(key));
        lanes.insert(key.into(), Arc::downgrade(&lane));
        lane
    }

    /// The lane of this key, if a handle to it is in use.
    pub(crate) fn in_use(&self, key: &str) -> Option<Arc<Lane>> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(key).and_then(Weak::upgrade)
    }

    /// How many there is a note of, in use or not.
    #[cfg(all(test, feature = "embedded"))]
    pub(crate) fn remembered(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Store {
    /// What errors about this key, or about the whole table, name.
    pub(crate) fn subject<'a>(&'a self, key: Option<&'a str>) -> Subject<'a> {
        Subject { table: &self.table, key, place: self.dynamo.place() }
    }

    pub(crate) fn address<'a>(&'a self, key: &'a str) -> Address<'a> {
        Address { table: &self.table, key_name: self.layout.key_attribute(), key }
    }

    /// An effort for a call without conflicts.
    pub(crate) fn effort(&self) -> Effort<'_> {
        Effort::plain(&self.env, &self.policy)
    }

    /// The item under this key; one request when all goes well.
    pub(crate) fn read_item(
        &self,
        key: &str,
        consistent: bool,
        effort: &mut Effort<'_>,
    ) -> Result<Option<Item>> {
        persist(self.subject(Some(key)), "GetItem", &self.policy, effort, |deadline| {
            self.dynamo.get_item(self.address(key), consistent, deadline)
        })
    }

    /// The state of the atom under this key; one request when all goes well.
    pub(crate) fn read(
        &self,
        key: &str,
        consistent: bool,
        effort: &mut Effort<'_>,
    ) -> Result<Snapshot> {
        self.read_item(key, consistent, effort).map(|item| self.open(item))
    }

    /// What an item shows now: a value that has expired is none.
    pub(crate) fn open(&self, item: Option<Item>) -> Snapshot {
        item.map_or_else(Snapshot::missing, |item| {
            self.layout.open(item).hiding_expired(self.env.epoch_seconds())
        })
    }

    /// The text under which a key is stored.
    pub(crate) fn key_text<K: Serialize + ?Sized>(&self, key: &K) -> Result<String> {
        let text =
            self.layout.key_text(key).map_err(|CodecError { path, message }| Error::Encode {
                table: self.table.clone(),
                key: None,
                path,
                message: format!("the key: {message}"),
            })?;
        limits::check_key(&text).map_err(|error| self.too_large(Some(&text), &error))?;
        Ok(text)
    }

    /// A value as it is stored under this key.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Value> {
        self.layout.encode(value).map_err(|CodecError { path, message }| Error::Encode {
            table: self.table.clone(),
            key: Some(key.to_owned()),
            path,
            message,
        })
    }

    /// A stored value as a Rust value.
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        key: &str,
        value: Option<&Value>,
    ) -> Result<Option<T>> {
        self.decoded(key, value.cloned())
    }

    /// As [`decode`](Self::decode), of a value that is not needed afterwards.
    pub(crate) fn decode_owned<T: DeserializeOwned>(
        &self,
        key: &str,
        value: Option<Arc<Value>>,
    ) -> Result<Option<T>> {
        self.decoded(key, value.map(Arc::unwrap_or_clone))
    }

    fn decoded<T: DeserializeOwned>(&self, key: &str, value: Option<Value>) -> Result<Option<T>> {
        let decode = |value| self.layout.decode(value);
        value.map(decode).transpose().map_err(|CodecError { path, message }| Error::Decode {
            table: self.table.clone(),
            key: Some(key.to_owned()),
            path,
            message,
        })
    }

    /// The error about an item with a value of a type that this crate does not know.
    pub(crate) fn newer(&self, key: &str) -> Error {
        Error::Decode {
            table: self.table.clone(),
            key: Some(key.to_owned()),
            path: String::new(),
            message: "an attribute of a type that is newer than this crate".to_owned(),
        }
    }

    /// Whether DynamoDB takes this content in the place of that base.
    pub(crate) fn check_content(
        &self,
        key: &str,
        base: &Snapshot,
        content: &Content,
    ) -> Result<()> {
        // The value is copied for an exact answer only if it is nearly too large or too deep.
        let beside = BOOKKEEPING + self.layout.key_attribute().len() + key.len();
        match content {
            Content::Value { value, .. } if limits::surely_fits(value, beside) => Ok(()),
            _ => self.check_size(key, &self.layout.seal(key, base, content, 0)),
        }
    }

    /// Whether DynamoDB takes an item of this size.
    pub(crate) fn check_size(&self, key: &str, sealed: &Sealed) -> Result<()> {
        let check = sealed.item.as_ref().map_or(Ok(()), limits::check);
        check.map_err(|error| self.too_large(Some(key), &error))
    }

    fn too_large(&self, key: Option<&str>, error: &LimitError) -> Error {
        let hint = match (&error.heaviest, error.path.as_str()) {
            (Some((field, bytes)), _) => format!("{field} weighs most: {bytes} bytes"),
            (None, "") if error.actual < error.limit => "a key has at least one byte".to_owned(),
            (None, "") => String::new(),
            (None, path) => format!("at {path}"),
        };
        let what = match error.what {
            Limit::ItemSize => "the item's size in bytes, names included,",
            Limit::KeySize => "the key's size in bytes",
            Limit::NameSize => "the size of a name in bytes",
            Limit::Nesting => "the number of lists and maps inside one another",
        };
        Error::TooLarge {
            table: self.table.clone(),
            key: key.map(abridged),
            what: what.to_owned(),
            actual: error.actual,
            limit: error.limit,
            hint,
        }
    }
}

/// A key for a message: one that is too long to be stored is too long to be read.
fn abridged(key: &str) -> String {
    match key.char_indices().nth(80) {
        Some((end, _)) if key.len() > limits::MAX_KEY => format!("{}…", &key[..end]),
        _ => key.to_owned(),
    }
}
