//! A table: the place of many atoms.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::builder::TableBuilder;
use crate::codec::CodecError;
use crate::codec::envelope::Content;
use crate::dynamo::answer::Failure;
use crate::dynamo::{TableInfo, TableOptions};
use crate::error::{Error, Result};
use crate::events::TARGET;
use crate::item_atom::ItemAtom;
use crate::retry::{Backoff, Effort, Pause, persist};
use crate::scan::{Keys, Scan};
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

/// Between two looks at a table that is being made: DynamoDB takes seconds, an emulator none.
const POLL: Backoff = Backoff::new(Duration::from_millis(50), 1.5, Duration::from_secs(2));

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

    /// Reads and writes of many items, with options: see [`Batch`].
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(&self.store)
    }

    /// The values under many keys, by strongly consistent reads, in the order asked; those under
    /// which there is nothing are left out. A key that is named twice is read once and answered
    /// twice.
    ///
    /// One request for 100 keys, or for 16 MB of items if that is less; eight at once, and other
    /// [options](Batch). The values are not from one moment: items may change while others are read.
    ///
    /// # Errors
    /// [`Unprocessed`](Error::Unprocessed) when the time is up or too many requests fail, with the
    /// keys that are left and what was found; [`BatchItem`](Error::BatchItem) for a key that
    /// cannot be stored; [`Decode`](Error::Decode) for the first item, in the order asked, that
    /// does not fit `T`; [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn find_items<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.batch().find_items(keys)
    }

    /// As [`find_items`](Table::find_items) by eventually consistent reads, which cost half as
    /// much and may show values that are some moments old.
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_items_eventual<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.batch().find_items_eventual(keys)
    }

    /// As [`find_items`](Table::find_items), with each key beside its value, or beside `None`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// # use faraday_atom::Table;
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// # table.ensure()?;
    /// table.put_items([("a", 1), ("b", 2)])?;
    /// let found: HashMap<_, Option<u32>> =
    ///     table.find_item_mapping(["a", "b", "c"])?.into_iter().collect();
    /// assert_eq!((found["b"], found["c"]), (Some(2), None));
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_item_mapping<T: DeserializeOwned, K: Serialize>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.batch().find_item_mapping(keys)
    }

    /// As [`find_item_mapping`](Table::find_item_mapping) by eventually consistent reads.
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_item_mapping_eventual<T: DeserializeOwned, K: Serialize>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.batch().find_item_mapping_eventual(keys)
    }

    /// Stores many values, each under its key, whatever was there, and says how many were given.
    /// Of two pairs with one key the later wins.
    ///
    /// One request for 25 items, or for 16 MB if that is less; eight at once, and other
    /// [options](Batch). Each put has a fresh fence, so that a concurrent swap sees it and is not
    /// lost under it unseen, and the version begins again at 1.
    ///
    /// The puts are unconditional: they replace what is there when they arrive. A request whose reply
    /// is lost is not sent again blindly: its items are looked at, and those that arrived are
    /// done. One that arrives only after that look puts its values in place once more, over what
    /// was written in between; where that would hurt, use [`put_item`](Table::put_item) or a swap.
    ///
    /// # Errors
    /// [`Unprocessed`](Error::Unprocessed) when the time is up or too many requests fail, with the
    /// keys that are left, those not yet taken from the iterator too;
    /// [`BatchItem`](Error::BatchItem) for a pair that cannot be stored: nothing is sent when it
    /// is among the first 200, and all before it are written otherwise;
    /// [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn put_items(
        &self,
        items: impl IntoIterator<Item = (impl Serialize, impl Serialize)>,
    ) -> Result<usize> {
        self.batch().put_items(items)
    }

    /// Deletes the items under many keys for good, as [`delete_item`](Table::delete_item) does,
    /// and says how many keys were given. Requests are as those of [`put_items`](Table::put_items).
    ///
    /// # Errors
    /// As [`put_items`](Table::put_items).
    pub fn delete_items(&self, keys: impl IntoIterator<Item = impl Serialize>) -> Result<usize> {
        self.batch().delete_items(keys)
    }

    /// Every item of the table, as an iterator that reads page by page: see [`Scan`].
    ///
    /// # Errors
    /// The iterator gives [`Decode`](Error::Decode) for an item that does not fit `T`, and goes on;
    /// [`TableNotFound`](Error::TableNotFound), [`Config`](Error::Config) for a token of another
    /// scan, and what any request can meet, and ends.
    pub fn scan<T: DeserializeOwned>(&self) -> Scan<T> {
        Scan::new(self.store.clone())
    }

    /// Every key of the table, as it is stored: see [`Keys`].
    ///
    /// # Errors
    /// As [`scan`](Table::scan), but for `Decode`.
    pub fn keys(&self) -> Keys {
        Keys::new(self.store.clone())
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

    /// Creates the table, on demand, and waits until it is usable. It must not exist.
    ///
    /// # Errors
    /// [`Service`](Error::Service) with the code `ResourceInUseException` when it exists; those of
    /// [`ensure`](Table::ensure).
    pub fn create(&self) -> Result<()> {
        self.create_with(&TableOptions::default())
    }

    /// As [`create`](Table::create), with other [options](TableOptions).
    ///
    /// # Errors
    /// As [`create`](Table::create).
    pub fn create_with(&self, options: &TableOptions) -> Result<()> {
        let mut effort = self.long_effort(options.wait);
        self.send_create(options, &mut effort)?;
        self.wait_until_active(&mut effort)?;
        self.switch_on_time_to_live(&mut effort);
        Ok(())
    }

    /// Makes sure that the table exists and is usable: creates it, on demand, if it is missing,
    /// waits until it is active, and switches on time-to-live, for the tombstones of removed atoms
    /// and for what has [expired](crate::docs::encoding#lifetimes), where that is allowed and no other attribute has it. Cheap to call at every start: two
    /// requests when all is well.
    ///
    /// # Errors
    /// [`Config`](Error::Config) when a table of that name exists whose key does not fit,
    /// [`Timeout`](Error::Timeout) when it is not usable within
    /// [`wait`](TableOptions::wait), [`Service`](Error::Service) when it may not be created.
    pub fn ensure(&self) -> Result<()> {
        self.ensure_with(&TableOptions::default())
    }

    /// As [`ensure`](Table::ensure), with other [options](TableOptions) for a table that has to be
    /// created. A table that exists is left as it is.
    ///
    /// # Errors
    /// As [`ensure`](Table::ensure).
    pub fn ensure_with(&self, options: &TableOptions) -> Result<()> {
        let mut effort = self.long_effort(options.wait);
        let info = match self.describe_within(&mut effort) {
            Ok(info) if info.is_active() => info,
            Ok(_) => self.wait_until_active(&mut effort)?,
            Err(Error::TableNotFound { .. }) => {
                match self.send_create(options, &mut effort) {
                    // Somebody else was as quick.
                    Err(Error::Service { code, .. }) if code == "ResourceInUseException" => {}
                    other => other?,
                }
                self.wait_until_active(&mut effort)?
            }
            Err(error) => return Err(error),
        };
        self.check_key(&info)?;
        self.switch_on_time_to_live(&mut effort);
        Ok(())
    }

    /// What DynamoDB says of the table. One request.
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn describe(&self) -> Result<TableInfo> {
        self.describe_within(&mut self.store.effort())
    }

    /// Deletes the table with everything in it, and waits until it is gone.
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound) when there is none, [`Service`](Error::Service)
    /// when it is protected from deletion, [`Timeout`](Error::Timeout) when it is not gone within
    /// five minutes.
    pub fn drop_table(&self) -> Result<()> {
        let mut effort = self.long_effort(TableOptions::default().wait);
        let mut sent = 0;
        let dropped = self.persist("DeleteTable", &mut effort, |deadline| {
            sent += 1;
            self.store.dynamo.delete_table(&self.store.table, deadline)
        });
        match dropped {
            // An earlier send of ours did it, and its reply was lost.
            Err(Error::TableNotFound { .. }) if sent > 1 => return Ok(()),
            other => other?,
        }
        loop {
            match self.describe_within(&mut effort) {
                Err(Error::TableNotFound { .. }) => return Ok(()),
                Ok(info) => self.pause("DeleteTable", &info.status, &mut effort)?,
                Err(error) => return Err(error),
            }
        }
    }

    fn long_effort(&self, wait: Duration) -> Effort<'_> {
        let policy = &self.store.policy;
        Effort::new(&self.store.env, policy, wait, &POLL)
    }

    fn persist<R>(
        &self,
        operation: &'static str,
        effort: &mut Effort<'_>,
        send: impl FnMut(std::time::Instant) -> Result<R, Failure>,
    ) -> Result<R> {
        persist(self.store.subject(None), operation, &self.store.policy, effort, send)
    }

    fn describe_within(&self, effort: &mut Effort<'_>) -> Result<TableInfo> {
        self.persist("DescribeTable", effort, |deadline| {
            self.store.dynamo.describe_table(&self.store.table, deadline)
        })
    }

    fn send_create(&self, options: &TableOptions, effort: &mut Effort<'_>) -> Result<()> {
        let Store { dynamo, table, layout, .. } = &*self.store;
        let mut sent = 0;
        self.persist("CreateTable", effort, |deadline| {
            sent += 1;
            match dynamo.create_table(table, layout.key_attribute(), options, deadline) {
                // An earlier send of ours did it, and its reply was lost.
                Err(Failure::TableInUse(_)) if sent > 1 => Ok(()),
                other => other,
            }
        })
    }

    fn wait_until_active(&self, effort: &mut Effort<'_>) -> Result<TableInfo> {
        loop {
            match self.describe_within(effort) {
                Ok(info) if info.is_active() => return Ok(info),
                Ok(info) => self.pause("CreateTable", &info.status, effort)?,
                // Descriptions are eventually consistent: the new table may not show at once.
                Err(Error::TableNotFound { .. }) => self.pause("CreateTable", "absent", effort)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits between two looks at a table that changes.
    fn pause(&self, operation: &'static str, status: &str, effort: &mut Effort<'_>) -> Result<()> {
        let table = &self.store.table;
        tracing::debug!(target: TARGET, table, operation, status, "the table is not there yet");
        if effort.pause(Pause::Conflict, self.store.subject(None)) {
            return Ok(());
        }
        Err(Error::Timeout {
            table: self.store.table.clone(),
            key: None,
            operation,
            attempts: effort.requests,
            elapsed: effort.elapsed(),
            last: format!("the table is still {status}"),
        })
    }

    fn check_key(&self, info: &TableInfo) -> Result<()> {
        let (name, kind) = (&*info.key.0, &*info.key.1);
        let sort_key = info.sort_key.as_deref();
        if name == self.store.layout.key_attribute() && kind == "S" && sort_key.is_none() {
            return Ok(());
        }
        let found = match sort_key {
            Some(sort_key) => format!("{name:?} of type {kind} and a sort key {sort_key:?}"),
            None => format!("{name:?} of type {kind}"),
        };
        Err(Error::Config {
            table: self.store.table.clone(),
            message: format!(
                "the table exists with the key {found}, where atoms need {:?} of type S and no \
                 sort key: use another table, or set TableBuilder::key_name",
                self.store.layout.key_attribute()
            ),
        })
    }

    /// Switches on time-to-live for tombstones. Without it they stay, hidden and harmless; so
    /// whoever may not do this, or uses another attribute, is left in peace.
    fn switch_on_time_to_live(&self, effort: &mut Effort<'_>) {
        let Store { dynamo, table, layout, .. } = &*self.store;
        let Some(expires) = layout.expires() else { return };
        let on = self.persist("DescribeTimeToLive", effort, |deadline| {
            dynamo.has_time_to_live(table, deadline)
        });
        if matches!(on, Ok(false)) {
            let _left_off = self.persist("UpdateTimeToLive", effort, |deadline| {
                dynamo.enable_time_to_live(table, expires, deadline)
            });
        }
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
