//! What the closure of a transaction is given: reads that are remembered, writes that wait.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TransactOptions;
use crate::codec::envelope::{Content, Item, Snapshot};
use crate::codec::limits;
use crate::dynamo::Address;
use crate::error::{Error, Result};
use crate::retry::{Effort, Subject};
use crate::store::Store;
use crate::swap::engine;
use crate::table::Table;

/// DynamoDB's limits for one transaction.
const MOST_ITEMS: usize = 100;
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Several atoms, to be read and changed together: what the closure of
/// [`Table::transact`](crate::Table::transact) is given.
///
/// The first read of a key sends one strongly consistent read; what it showed is remembered, and a
/// second read of that key in the same run gives the same. Writes are kept back until the closure
/// returns, and a read sees those that came before it.
pub struct Transaction<'a> {
    pub(super) home: &'a Arc<Store>,
    pub(super) entries: Vec<Entry>,
    pub(super) effort: Effort<'a>,
    moments: u64,
}

/// One item of the transaction.
pub(super) struct Entry {
    pub(super) store: Arc<Store>,
    pub(super) key: String,
    /// What it was when this call last looked at it.
    pub(super) seen: Option<Seen>,
    /// Whether the closure was shown it in this run.
    pub(super) read: bool,
    /// What the closure made of it in this run.
    pub(super) change: Option<Content>,
}

/// What an item was, and when.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) state: Arc<Snapshot>,
    /// Its bytes; 0 when they are not known.
    pub(super) size: usize,
    /// Those of one moment were all there at once.
    pub(super) moment: u64,
}

impl Entry {
    pub(super) fn address(&self) -> Address<'_> {
        self.store.address(&self.key)
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        self.store.subject(Some(&self.key))
    }

    fn make(&mut self, change: Content) -> Result<()> {
        if self.store.lanes.in_use(&self.key).is_some_and(|lane| engine::is_inside(&lane)) {
            return Err(Error::Aborted {
                table: self.store.table.clone(),
                key: self.key.clone(),
                source: anyhow::anyhow!(
                    "a transaction inside the closure of a swap of this atom would change it, and \
                     each would make the other run again for ever: return the new value instead"
                ),
            });
        }
        self.change = Some(change);
        Ok(())
    }

    fn is_used(&self) -> bool {
        self.read || self.change.is_some()
    }

    /// Takes in what is there now.
    pub(super) fn found(&mut self, item: Option<Item>, moment: u64) {
        let size = item.as_ref().map_or(0, limits::item_size);
        self.seen = Some(Seen { state: Arc::new(self.store.open(item)), size, moment });
    }
}

impl<'a> Transaction<'a> {
    pub(super) fn new(home: &'a Arc<Store>, options: &TransactOptions) -> Self {
        let effort = Effort::new(&home.env, &home.policy, options.timeout, &options.backoff);
        Self { home, entries: Vec::new(), effort, moments: 0 }
    }

    /// The value under `key`; `None` when there is none. The first read of a key is one request.
    ///
    /// # Errors
    /// As [`Table::find_item`](crate::Table::find_item); and [`TooLarge`](Error::TooLarge) for the
    /// 101st key.
    pub fn get<T: DeserializeOwned>(&mut self, key: impl Serialize) -> Result<Option<T>> {
        let home = self.home;
        self.read(home, &key)
    }

    /// As [`get`](Self::get), from another table of the same database.
    ///
    /// # Errors
    /// As [`get`](Self::get); and [`Config`](Error::Config) for a table of another database.
    pub fn get_in<T: DeserializeOwned>(
        &mut self,
        table: &Table,
        key: impl Serialize,
    ) -> Result<Option<T>> {
        self.read(&table.store, &key)
    }

    /// Stores `value` under `key`, when the transaction is carried out. Sends nothing.
    ///
    /// # Errors
    /// [`Encode`](Error::Encode) for a key or value that cannot be stored,
    /// [`TooLarge`](Error::TooLarge) for a key, or for the 101st, and [`Aborted`](Error::Aborted)
    /// inside the closure of a swap of the same atom.
    pub fn set(&mut self, key: impl Serialize, value: impl Serialize) -> Result<()> {
        let home = self.home;
        self.write(home, &key, &value)
    }

    /// As [`set`](Self::set), in another table of the same database.
    ///
    /// # Errors
    /// As [`set`](Self::set); and [`Config`](Error::Config) for a table of another database.
    pub fn set_in(
        &mut self,
        table: &Table,
        key: impl Serialize,
        value: impl Serialize,
    ) -> Result<()> {
        self.write(&table.store, &key, &value)
    }

    /// Makes the atom under `key` hold nothing, when the transaction is carried out. Sends
    /// nothing.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn remove(&mut self, key: impl Serialize) -> Result<()> {
        let home = self.home;
        self.clear(home, &key)
    }

    /// As [`remove`](Self::remove), in another table of the same database.
    ///
    /// # Errors
    /// As [`set_in`](Self::set_in).
    pub fn remove_in(&mut self, table: &Table, key: impl Serialize) -> Result<()> {
        self.clear(&table.store, &key)
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        store: &Arc<Store>,
        key: &impl Serialize,
    ) -> Result<Option<T>> {
        let at = self.entry(store, key)?;
        if let Some(change) = &self.entries[at].change {
            let value = match change {
                Content::Value { value, .. } => Some(&**value),
                Content::Removed { .. } => None,
            };
            let Entry { store, key, .. } = &self.entries[at];
            return store.decode(key, value);
        }
        let state = self.state(at)?;
        let entry = &mut self.entries[at];
        entry.read = true;
        entry.store.decode(&entry.key, state.value.as_deref())
    }

    fn write(
        &mut self,
        store: &Arc<Store>,
        key: &impl Serialize,
        value: &impl Serialize,
    ) -> Result<()> {
        let at = self.entry(store, key)?;
        let entry = &mut self.entries[at];
        let value = entry.store.encode(&entry.key, value)?;
        entry.make(Content::permanent(value))
    }

    fn clear(&mut self, store: &Arc<Store>, key: &impl Serialize) -> Result<()> {
        let at = self.entry(store, key)?;
        self.entries[at].make(Content::Removed { at: store.env.epoch_seconds() })
    }

    /// The place of this item. Two handles to one table lead to the same.
    fn entry(&mut self, store: &Arc<Store>, key: &impl Serialize) -> Result<usize> {
        if !Arc::ptr_eq(store, self.home) {
            self.check_table(store)?;
        }
        let key = store.key_text(key)?;
        let same = |entry: &Entry| entry.store.table == store.table && entry.key == key;
        let found = self.entries.iter().position(same);
        let used = |at: usize| self.entries[at].is_used();
        if !found.is_some_and(used)
            && self.entries.iter().filter(|entry| entry.is_used()).count() == MOST_ITEMS
        {
            return Err(Error::TooLarge {
                table: store.table.clone(),
                key: Some(key),
                what: "the number of the transaction's items".to_owned(),
                actual: MOST_ITEMS + 1,
                limit: MOST_ITEMS,
                hint: String::new(),
            });
        }
        Ok(found.unwrap_or_else(|| {
            let store = store.clone();
            self.entries.push(Entry { store, key, seen: None, read: false, change: None });
            self.entries.len() - 1
        }))
    }

    /// A transaction cannot reach into two databases, nor see one table in two ways.
    fn check_table(&self, store: &Arc<Store>) -> Result<()> {
        let refuse = |message: String| Err(Error::Config { table: store.table.clone(), message });
        if !self.home.dynamo.same_database(&store.dynamo) {
            return refuse(format!(
                "it lies in {}, and the transaction's table {} in {}: one transaction reaches \
                 only tables of one database, opened with the same place and credentials",
                store.dynamo.place(),
                self.home.table,
                self.home.dynamo.place(),
            ));
        }
        let others = self.entries.iter().map(|entry| &entry.store).chain([self.home]);
        for other in others.filter(|other| other.table == store.table) {
            let (ours, theirs) = (&store.layout, &other.layout);
            if ours.key_attribute() != theirs.key_attribute()
                || ours.fence_attribute() != theirs.fence_attribute()
            {
                return refuse(
                    "the transaction has it by two handles of different encodings or key names"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    /// What the item is, as far as this call remembers; a request when it does not.
    pub(super) fn state(&mut self, at: usize) -> Result<Arc<Snapshot>> {
        if let Some(seen) = &self.entries[at].seen {
            return Ok(seen.state.clone());
        }
        self.look(at)
    }

    /// Reads the item.
    pub(super) fn look(&mut self, at: usize) -> Result<Arc<Snapshot>> {
        let moment = self.moment();
        let entry = &mut self.entries[at];
        let item = entry.store.read_item(&entry.key, true, &mut self.effort)?;
        let size = item.as_ref().map_or(0, limits::item_size);
        let state = Arc::new(entry.store.open(item));
        entry.seen = Some(Seen { state: state.clone(), size, moment });
        Ok(state)
    }

    /// A new moment.
    pub(super) fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    /// The closure is about to run.
    pub(super) fn begin(&mut self) {
        for Entry { store, seen, read, change, .. } in &mut self.entries {
            (*read, *change) = (false, None);
            // What is remembered from an earlier run may have expired since.
            if let Some(seen) = seen {
                let now = store.env.epoch_seconds();
                seen.state = Arc::new(Snapshot::clone(&seen.state).hiding_expired(now));
            }
        }
    }

    /// The closure has run: what it did not touch is no part of the transaction.
    pub(super) fn end(&mut self) {
        self.entries.retain(Entry::is_used);
    }

    /// These keys, for a message: with their table where it is not the transaction's own.
    pub(super) fn names(&self, at: impl IntoIterator<Item = usize>) -> String {
        const MOST: usize = 10;
        let (mut names, mut more) = (Vec::new(), 0);
        for Entry { store, key, .. } in at.into_iter().filter_map(|at| self.entries.get(at)) {
            if names.len() == MOST {
                more += 1;
            } else if store.table == self.home.table {
                names.push(key.clone());
            } else {
                names.push(format!("{key} (in {})", store.table));
            }
        }
        let names = names.join(", ");
        if more == 0 { names } else { format!("{names} and {more} more") }
    }
}

/// Shows no values.
impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("table", &self.home.table)
            .field("keys", &self.names(0..self.entries.len()))
            .finish_non_exhaustive()
    }
}
