//! A table: the place of many atoms.

mod manage;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::builder::TableBuilder;
use crate::codec::CodecError;
use crate::codec::envelope::Content;
use crate::error::{Error, Result};
use crate::item_atom::ItemAtom;
use crate::retry::persist;
use crate::store::Store;
use crate::swap::SwapOptions;
use crate::swap::engine::{self, Decision};
use crate::swap::protocol;
use crate::write_id::{Outcome, WriteId};

/// A DynamoDB table that holds atoms. Clones are cheap and share the connection.
///
/// ```
/// use faraday_atom::{Atom, Table};
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// table.ensure()?;
/// let counter = table.atom::<u64>("counter");
/// assert_eq!(counter.swap(|n| n.unwrap_or(0) + 1)?, 1);
/// assert_eq!(table.find_item::<u64>("counter")?, Some(1));
/// # }
/// # Ok(())
/// # }
/// ```
///
/// Each table that is opened over the network has one thread and connections of its own, which
/// its clones and atoms share, and which end with the last of them.
#[derive(Clone)]
pub struct Table {
    pub(crate) store: Arc<Store>,
}

impl Table {
    /// Begins to describe a connection to the table of this name.
    pub fn builder(name: impl Into<String>) -> TableBuilder {
        TableBuilder::new(name.into())
    }

    pub(crate) fn from_store(store: Store) -> Self {
        Self { store: Arc::new(store) }
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.store.table
    }

    /// How many requests this table and its clones have sent so far, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.store.dynamo.requests()
    }

    /// A handle to the atom under `key`. Sends no request.
    ///
    /// A key is anything that serde can serialize. A string is stored as it is, any other key as
    /// `#` and its JSON. A key that cannot be stored (over 2048 bytes, or empty) is reported by
    /// the handle's first call.
    #[must_use]
    pub fn atom<T>(&self, key: impl Serialize) -> ItemAtom<T> {
        ItemAtom::new(self.store.clone(), &key)
    }

    /// The value under `key`, by a strongly consistent read; `None` when there is none.
    /// One request.
    ///
    /// # Errors
    /// [`Decode`](Error::Decode) when the item does not fit `T`, [`TooLarge`](Error::TooLarge) or
    /// [`Encode`](Error::Encode) for a key that cannot be stored,
    /// [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn find_item<T: DeserializeOwned>(&self, key: impl Serialize) -> Result<Option<T>> {
        self.find(&key, true)
    }

    /// As [`find_item`](Table::find_item) by an eventually consistent read, which costs half as
    /// much and may show a value that is some moments old.
    ///
    /// # Errors
    /// As [`find_item`](Table::find_item).
    pub fn find_item_eventual<T: DeserializeOwned>(
        &self,
        key: impl Serialize,
    ) -> Result<Option<T>> {
        self.find(&key, false)
    }

    fn find<T: DeserializeOwned>(
        &self,
        key: &impl Serialize,
        consistent: bool,
    ) -> Result<Option<T>> {
        let key = self.store.key_text(key)?;
        let state = self.store.read(&key, consistent, &mut self.store.effort())?;
        self.store.decode(&key, state.value.as_deref())
    }

    /// The item under `key` as it is stored, bookkeeping and all, as DynamoDB JSON with sorted
    /// names; tombstones and what has expired too. For people to look at. One request.
    ///
    /// # Errors
    /// As [`find_item`](Table::find_item), but for `Decode`.
    pub fn stored_item(&self, key: impl Serialize) -> Result<Option<String>> {
        let key = self.store.key_text(&key)?;
        let item = self.store.read_item(&key, true, &mut self.store.effort())?;
        // A map without order, and a map with: `serde_json::Value` sorts its members.
        let text = |item| serde_json::to_value(item).map(|json| format!("{json:#}"));
        item.map(text).transpose().map_err(|error| Error::Decode {
            table: self.store.table.clone(),
            key: Some(key),
            path: String::new(),
            message: error.to_string(),
        })
    }

    /// Stores `value` under `key`, for ever, whatever was there and whatever
    /// [lifetime](crate::docs::encoding#lifetimes) it had: as [`reset`](crate::Atom::reset) of its atom, with
    /// the same fence, so that no concurrent swap is overwritten unseen or overwrites it.
    /// A consistent read and a conditional write; the write alone where a handle to the atom is in
    /// use that knows the item.
    ///
    /// # Errors
    /// As [`reset`](crate::Atom::reset).
    pub fn put_item(&self, key: impl Serialize, value: impl Serialize) -> Result<()> {
        let key = self.store.key_text(&key)?;
        let value = self.store.encode(&key, &value)?;
        let content = Content::permanent(value);
        let options = SwapOptions::<()>::new().timeout(self.store.policy.timeout);
        let lane = self.store.lanes.of(&key);
        engine::swap(&self.store, &lane, &key, &options, |_| {
            Ok((Decision::Write(content.clone()), ()))
        })
        .map(drop)
    }

    /// Deletes the item under `key` for good, if there is one. One request.
    ///
    /// What is forgotten with it: the version, which starts again at 1, and the ids of the last
    /// writes. A swap that is under way meanwhile and loses a reply can then no longer find out
    /// whether it was applied, and says so
    /// ([`Indeterminate`](Error::Indeterminate)); one that was about to create the item may be
    /// applied a second time when its first reply was lost. [`Atom::remove`](crate::Atom::remove) forgets nothing and
    /// is what programs want; this is for cleaning up.
    ///
    /// It is unconditional: when its own reply is lost it is sent again, and deletes what may
    /// have been written in between.
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound), [`TooLarge`](Error::TooLarge) or
    /// [`Encode`](Error::Encode) for a key that cannot be stored, and what any request can meet.
    pub fn delete_item(&self, key: impl Serialize) -> Result<()> {
        let key = self.store.key_text(&key)?;
        let subject = self.store.subject(Some(&key));
        if let Some(lane) = self.store.lanes.in_use(&key) {
            lane.forget();
        }
        persist(subject, "DeleteItem", &self.store.policy, &mut self.store.effort(), |deadline| {
            self.store.dynamo.delete_item(self.store.address(&key), None, deadline)
        })
    }

    /// What became of a write: asks the item, by one strongly consistent read.
    ///
    /// The id comes with [`Indeterminate`](Error::Indeterminate), when the call that wrote could
    /// not find out, and with every [`Receipt`](crate::Receipt); it can be printed, kept, and
    /// parsed by another process.
    ///
    /// | what the item shows | answer |
    /// |---|---|
    /// | the write's id among its last 16 | [`Applied`](Outcome::Applied) |
    /// | what it was built on, followed by another write | [`NotApplied`](Outcome::NotApplied), for good |
    /// | what it was built on, and nothing after it | [`Unknown`](Outcome::Unknown): it has not landed, but a message that is late still might |
    /// | neither, or no item | [`Unknown`](Outcome::Unknown) |
    ///
    /// To turn the third row into a certainty, write: any [`swap`](crate::Atom::swap) that changes
    /// the atom takes the place that the late message would need, and then the answer is final.
    /// Ask soon: sixteen writes later the item has forgotten.
    ///
    /// ```
    /// use faraday_atom::{Atom, Error, Outcome, Table};
    ///
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// # table.ensure()?;
    /// let counter = table.atom::<u64>("counter");
    /// match counter.swap(|n| n.unwrap_or(0) + 1) {
    ///     Err(Error::Indeterminate { write_id, .. }) => match table.outcome(&write_id)? {
    ///         Outcome::Applied => println!("it was applied after all"),
    ///         Outcome::NotApplied => println!("it was not: try again"),
    ///         _ => println!("ask a person; the write was {write_id}"),
    ///     },
    ///     other => println!("now {}", other?),
    /// }
    /// # let (_, receipt) = counter.swap_with_receipt(|n| n.unwrap_or(0) + 1)?;
    /// # assert_eq!(table.outcome(&receipt.write_id.unwrap())?, Outcome::Applied);
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn outcome(&self, write: &WriteId) -> Result<Outcome> {
        let item = self.store.read(write.key(), true, &mut self.store.effort())?;
        Ok(protocol::outcome(write.id(), write.base(), &item.writes))
    }

    /// The key that a stored key text stands for: the way back from
    /// [`ItemAtom::key`](crate::ItemAtom::key), or from a text seen in the console. Sends nothing.
    ///
    /// ```
    /// # use faraday_atom::Table;
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// let atom = table.atom::<u64>(("user", 7));
    /// assert_eq!(atom.key(), r#"#["user",7]"#);
    /// let (kind, number): (String, u32) = table.parse_key(atom.key())?;
    /// assert_eq!((kind.as_str(), number), ("user", 7));
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Decode`](Error::Decode) for a text that is no key's, or of a key that is no `K`.
    pub fn parse_key<K: DeserializeOwned>(&self, text: &str) -> Result<K> {
        self.store.layout.parse_key(text).map_err(|CodecError { path, message }| Error::Decode {
            table: self.store.table.clone(),
            key: Some(text.to_owned()),
            path,
            message: format!("the key: {message}"),
        })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.store.table)
            .field("key", &self.store.layout.key_attribute())
            .field("place", &self.store.dynamo.place())
            .finish_non_exhaustive()
    }
}
