//! What a table is made of, for the rooms that read and write its items.

use crate::clock::Env;
use crate::codec::envelope::{self, Item, Snapshot};
use crate::codec::{CodecError, key, limits};
use crate::dynamo::{Address, Dynamo};
use crate::error::{Error, Result};
use crate::retry::{Effort, RetryPolicy, Subject, persist};

/// One table: its connection, its name, and how to behave.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dynamo: Dynamo,
    pub(crate) env: Env,
    pub(crate) policy: RetryPolicy,
    pub(crate) table: String,
    pub(crate) key_name: String,
}

impl Store {
    /// What errors about this key, or about the whole table, name.
    pub(crate) fn subject<'a>(&'a self, key: Option<&'a str>) -> Subject<'a> {
        Subject { table: &self.table, key, place: self.dynamo.place() }
    }

    pub(crate) fn address<'a>(&'a self, key: &'a str) -> Address<'a> {
        Address { table: &self.table, key_name: &self.key_name, key }
    }

    /// An effort for a call without conflicts.
    pub(crate) fn effort(&self) -> Effort<'_> {
        Effort::plain(&self.env, &self.policy)
    }

    /// The item under this key; one request when all goes well.
    pub(crate) fn read(
        &self,
        key: &str,
        consistent: bool,
        effort: &mut Effort<'_>,
    ) -> Result<Snapshot> {
        let item = persist(self.subject(Some(key)), "GetItem", &self.policy, effort, |deadline| {
            self.dynamo.get_item(self.address(key), consistent, deadline)
        })?;
        Ok(self.open(item))
    }

    pub(crate) fn open(&self, item: Option<Item>) -> Snapshot {
        item.map_or_else(Snapshot::missing, |item| envelope::open(&self.key_name, item))
    }

    /// The text under which a key is stored.
    pub(crate) fn key_text<K: serde::Serialize + ?Sized>(&self, key: &K) -> Result<String> {
        let text = key::text(key).map_err(|CodecError { path, message }| Error::Encode {
            table: self.table.clone(),
            key: None,
            path,
            message: format!("the key: {message}"),
        })?;
        limits::check_key(&text).map_err(|error| self.too_large(Some(&text), error))?;
        Ok(text)
    }

    pub(crate) fn encode_error(&self, key: &str, error: CodecError) -> Error {
        let CodecError { path, message } = error;
        Error::Encode { table: self.table.clone(), key: Some(key.to_owned()), path, message }
    }

    pub(crate) fn decode_error(&self, key: &str, error: CodecError) -> Error {
        let CodecError { path, message } = error;
        Error::Decode { table: self.table.clone(), key: Some(key.to_owned()), path, message }
    }

    pub(crate) fn too_large(&self, key: Option<&str>, error: limits::LimitError) -> Error {
        let hint = match (&error.heaviest, error.path.as_str()) {
            (Some((field, bytes)), _) => format!("{field} weighs most: {bytes} bytes"),
            (None, "") => String::new(),
            (None, path) => format!("at {path}"),
        };
        Error::TooLarge {
            table: self.table.clone(),
            key: key.map(abridged),
            what: error.what.to_string(),
            actual: error.actual,
            limit: error.limit,
            hint,
        }
    }
}

/// A key for a message: one that is too long to be stored is too long to be read.
fn abridged(key: &str) -> String {
    match key.char_indices().nth(80) {
        Some((end, _)) if key.len() > limits::MAX_KEY_BYTES => format!("{}…", &key[..end]),
        _ => key.to_owned(),
    }
}
