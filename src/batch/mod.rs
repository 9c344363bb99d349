//! Many items in one call: chunks of DynamoDB's 100 and 25, several requests at once, and what
//! comes back unprocessed sent again.

mod calls;
mod found;
mod job;
mod progress;
mod pump;
mod read;
mod write;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use found::Found;
pub use progress::Progress;

use crate::error::{Error, Result};
use crate::store::Store;
use job::Job;
use progress::Told;
use read::Reads;
use write::Writes;

/// How many requests are under way at once by default. Measured with 10 ms of added latency: of
/// 1000 items, twice as many gain a tenth at most, half as many take a third longer and more.
const IN_FLIGHT: usize = 8;

/// Reads and writes of many items, with options. From [`Table::batch`](crate::Table::batch);
/// [`Table::find_items`](crate::Table::find_items) and its kin are the same with the defaults.
///
/// Requests carry up to 100 reads or 25 writes, and at most 16 MB; several are under way at once.
/// What DynamoDB leaves unprocessed is sent again, merged into the next requests, after a backoff
/// with full jitter; while it leaves much unprocessed, or throttles, fewer requests are under way.
///
/// The keys or pairs come from any iterator, on the calling thread. Writes are pulled from it a
/// window ahead of what is sent (200 and more), so that a stream of any length takes little memory.
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::Table;
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// let mut last = 0;
/// let written = table
///     .batch()
///     .in_flight(4)
///     .timeout(Duration::from_secs(600))
///     .progress(|progress| last = progress.done)
///     .put_items((0..1000).map(|n| (("square", n), n * n)))?;
/// assert_eq!((written, last), (1000, 1000));
///
/// let squares: Vec<u32> = table.batch().find_items((7..9).map(|n| ("square", n)))?;
/// assert_eq!(squares, [49, 64]);
/// # }
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing until items are asked for or given"]
pub struct Batch<'a> {
    store: &'a Store,
    in_flight: usize,
    timeout: Option<Duration>,
    told: Told<'a>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store, in_flight: IN_FLIGHT, timeout: None, told: Told::nobody() }
    }

    /// How many requests are under way at once at most: 8 by default, at least one. The embedded
    /// engine answers one after the other.
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = requests.max(1);
        self
    }

    /// The time for the whole call, the iterator's and waits included.
    ///
    /// Without it a call may take as long as it has to, and ends when nothing was done for the
    /// time of the [`RetryPolicy`](crate::RetryPolicy::timeout), 30 seconds by default; what the
    /// iterator takes is not counted.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Is told after every answer how far the call has come. It runs on the calling thread.
    pub fn progress(mut self, told: impl FnMut(&Progress) + 'a) -> Self {
        self.told = Told::by(told);
        self
    }

    /// As [`Table::find_items`](crate::Table::find_items).
    ///
    /// # Errors
    /// As [`Table::find_items`](crate::Table::find_items).
    pub fn find_items<T: DeserializeOwned>(
        self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.find(keys, true)
    }

    /// As [`find_items`](Self::find_items), by eventually consistent reads.
    ///
    /// # Errors
    /// As [`Table::find_items`](crate::Table::find_items).
    pub fn find_items_eventual<T: DeserializeOwned>(
        self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.find(keys, false)
    }

    /// As [`Table::find_item_mapping`](crate::Table::find_item_mapping).
    ///
    /// # Errors
    /// As [`Table::find_items`](crate::Table::find_items).
    pub fn find_item_mapping<T: DeserializeOwned, K: Serialize>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.map(keys, true)
    }

    /// As [`find_item_mapping`](Self::find_item_mapping), by eventually consistent reads.
    ///
    /// # Errors
    /// As [`Table::find_items`](crate::Table::find_items).
    pub fn find_item_mapping_eventual<T: DeserializeOwned, K: Serialize>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.map(keys, false)
    }

    /// As [`Table::put_items`](crate::Table::put_items).
    ///
    /// # Errors
    /// As [`Table::put_items`](crate::Table::put_items).
    pub fn put_items(
        self,
        items: impl IntoIterator<Item = (impl Serialize, impl Serialize)>,
    ) -> Result<usize> {
        let Self { store, in_flight, timeout, told } = self;
        let key = |(key, _): &(_, _)| store.key_text(key);
        let put = |key: &str, (_, value): (_, _)| Job::put(store, key, &value);
        Writes::new(store, "put_items", items.into_iter(), key, put, told).run(in_flight, timeout)
    }

    /// As [`Table::delete_items`](crate::Table::delete_items).
    ///
    /// # Errors
    /// As [`Table::delete_items`](crate::Table::delete_items).
    pub fn delete_items(self, keys: impl IntoIterator<Item = impl Serialize>) -> Result<usize> {
        let Self { store, in_flight, timeout, told } = self;
        let key = |key: &_| store.key_text(key);
        let delete = |key: &str, _| Job::delete(store, key);
        Writes::new(store, "delete_items", keys.into_iter(), key, delete, told)
            .run(in_flight, timeout)
    }

    fn find<T: DeserializeOwned>(
        self,
        keys: impl IntoIterator<Item = impl Serialize>,
        consistent: bool,
    ) -> Result<Vec<T>> {
        let mut asked = Reads::new(self.store, consistent, self.told);
        for (position, key) in keys.into_iter().enumerate() {
            asked.ask(self.store.key_text(&key).map_err(|error| error.at(position, 0))?);
        }
        let found: Vec<Option<T>> = asked.run(self.in_flight, self.timeout)?;
        Ok(found.into_iter().flatten().collect())
    }

    fn map<T: DeserializeOwned, K: Serialize>(
        self,
        keys: impl IntoIterator<Item = K>,
        consistent: bool,
    ) -> Result<Vec<(K, Option<T>)>> {
        let mut asked = Reads::new(self.store, consistent, self.told);
        let keys = keys.into_iter().enumerate().map(|(position, key)| {
            asked.ask(self.store.key_text(&key).map_err(|error| error.at(position, 0))?);
            Ok(key)
        });
        let keys: Vec<K> = keys.collect::<Result<_>>()?;
        let found = asked.run(self.in_flight, self.timeout)?;
        Ok(keys.into_iter().zip(found).collect())
    }
}

impl Error {
    /// The error of the item at this position of a batch of which so many were written.
    fn at(self, position: usize, written: usize) -> Self {
        Self::BatchItem {
            table: self.table().to_owned(),
            key: self.key().map(str::to_owned),
            position,
            written,
            source: Box::new(self),
        }
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("table", &self.store.table)
            .field("in_flight", &self.in_flight)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
