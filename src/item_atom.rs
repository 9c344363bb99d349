//! A durable atom: one DynamoDB item, seen as a value of one type.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atom::Atom;
use crate::codec::envelope::{Content, Held, Snapshot};
use crate::codec::{Value, same};
use crate::error::{Error, Result};
use crate::retry::{Backoff, Effort};
use crate::store::Store;
use crate::swap::engine::{self, Decision};
use crate::swap::lane::Lane;
use crate::swap::{Lifetime, Receipt, SwapOptions};
use crate::watch::{Watch, WatchOptions};

/// A durable atom: the item under one key, as a value of type `T`. From
/// [`Table::atom`](crate::Table::atom).
///
/// It is a handle: making one sends no request, clones and other handles to the same key are the
/// same atom, and threads may share it.
///
/// The closures of [`swap`](Atom::swap) and its kin may run several times: read
/// [the trait's documentation](Atom#the-closure-may-run-several-times) first.
///
/// An atom owns its whole item. An attribute that another tool adds to it is shown to `T` (a field
/// that `T` does not know is ignored, as serde has it) and is gone after the next write.
///
/// # What it costs
///
/// The handles to one key share what they last saw of the item, for as long as one of them lives.
///
/// | call | requests when nothing goes wrong |
/// |---|---|
/// | [`get`](Atom::get) | 1 consistent read |
/// | [`swap`](Atom::swap) and its kin, [`reset`](Atom::reset), [`remove`](Atom::remove) | 1 conditional write |
/// | the same when nothing has to be written, or the closure says no | 1 consistent read, to be sure |
/// | [`expires`](ItemAtom::expires) | 1 consistent read |
/// | [`watch`](ItemAtom::watch) | 1 consistent read, then 1 eventually consistent read each look |
/// | the first of any of these on a key, before any `get` | 1 consistent read more |
/// | any of these where other processes write the key too, if its state was last seen more than a few round trips ago | 1 consistent read more, until four in a row found nothing new |
///
/// Each race lost to another process costs one more conditional write and no read: the refusal
/// brings the newer item. Swaps of one key by several threads of one process share their writes.
///
/// # Watching it work
///
/// Every call tells [`tracing`](https://docs.rs/tracing) what it does, on the calling thread, under
/// the target `faraday_atom`; without a subscriber that costs next to nothing. Events name the
/// table, the key, versions, write ids, durations and error codes, and never a value, a credential
/// or the text of an answer, which may quote either.
///
/// | level | message | when |
/// |---|---|---|
/// | debug | `swapped` | a swap is done: versions, attempts, conflicts, requests, waits |
/// | debug | `conflict: …` | another writer came first; everything runs again |
/// | debug | `request failed` | no answer, or an error: its class, its code, the request's id |
/// | debug | `recovered: …` | a reply was lost, and the item told that the write was applied |
/// | debug | `unknown: …` | a reply was lost, and the item does not tell any more |
/// | debug | `waits` | before a request is sent again: why, and how long |
/// | debug | `the table is not there yet` | while a table is made or deleted |
/// | trace | `closure runs`, `gathered`, `put` | the steps of each attempt |
///
/// ```
/// use faraday_atom::{Atom, Table};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
/// struct Job { state: String, tries: u32 }
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// let job = table.atom::<Job>(&("job", 7));
/// let now = job.swap(|job| {
///     let job = job.unwrap_or_default();
///     Job { state: "running".into(), tries: job.tries + 1 }
/// })?;
/// assert_eq!(now.tries, 1);
/// # }
/// # Ok(())
/// # }
/// ```
pub struct ItemAtom<T> {
    store: Arc<Store>,
    /// The key as it is stored with its lane, or why it cannot be stored: reported by the first
    /// call, so that making a handle needs no `?`.
    key: Result<(Arc<str>, Arc<Lane>), Arc<KeyProblem>>,
    options: SwapOptions<T>,
    value: PhantomData<fn(T) -> T>,
}

/// A key that cannot be stored.
type KeyProblem = dyn Fn() -> Error + Send + Sync;

impl<T> ItemAtom<T> {
    pub(crate) fn new<K: Serialize + ?Sized>(store: Arc<Store>, key: &K) -> Self {
        let key = match store.key_text(key) {
            Ok(key) => {
                let lane = store.lanes.of(&key);
                Ok((Arc::from(key), lane))
            }
            Err(error) => Err(Arc::new(move || again(&error)) as Arc<KeyProblem>),
        };
        Self { store, key, options: SwapOptions::new(), value: PhantomData }
    }

    /// The key as it is stored in the table: a string as it is, any other key as `#` and its
    /// JSON; empty when the key cannot be stored at all (every call says why).
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_ref().map_or("", |(key, _)| key)
    }

    /// The same atom with other options. Other handles keep theirs.
    #[must_use]
    pub fn with_options(mut self, options: SwapOptions<T>) -> Self {
        self.options = options;
        self
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> &SwapOptions<T> {
        &self.options
    }

    fn place(&self) -> Result<(&str, &Arc<Lane>)> {
        match &self.key {
            Ok((key, lane)) => Ok((key, lane)),
            Err(problem) => Err(problem()),
        }
    }
}

/// The same error once more, for a key whose problem is told at every call.
fn again(error: &Error) -> Error {
    match error {
        Error::TooLarge { table, key, what, actual, limit, hint } => Error::TooLarge {
            table: table.clone(),
            key: key.clone(),
            what: what.clone(),
            actual: *actual,
            limit: *limit,
            hint: hint.clone(),
        },
        Error::Encode { table, key, path, message } => Error::Encode {
            table: table.clone(),
            key: key.clone(),
            path: path.clone(),
            message: message.clone(),
        },
        other => Error::Config { table: other.table().to_owned(), message: other.to_string() },
    }
}

impl<T> ItemAtom<T> {
    /// When the value expires, if it does; `None` as well when the atom holds nothing. One
    /// consistent read; the value itself is not looked at.
    ///
    /// A time that is further away than [`SystemTime`] can tell counts as never.
    ///
    /// # Errors
    /// As [`get`](Atom::get), but for [`Decode`](Error::Decode).
    pub fn expires(&self) -> Result<Option<SystemTime>> {
        let (key, lane) = self.place()?;
        let asked = lane.tick();
        let state = self.store.read(key, true, &mut self.store.effort())?;
        let seconds = state.expires.map(Duration::from_secs);
        lane.learn(state, asked, self.store.env.now());
        Ok(seconds.and_then(|seconds| UNIX_EPOCH.checked_add(seconds)))
    }

    /// Watches the atom: an iterator of its changes, which begins now, with a consistent read.
    ///
    /// What it sees, what it costs and how it can fail is told at [`Watch`].
    pub fn watch(&self, options: WatchOptions) -> Watch<T> {
        Watch::begin(self.clone(), self.store.env.clone(), &options)
    }

    /// The item's state, for a watch that ends at this moment.
    pub(crate) fn look(&self, consistent: bool, until: Option<Instant>) -> Result<Snapshot> {
        let (key, _) = self.place()?;
        let Store { env, policy, .. } = &*self.store;
        let left = until.map_or(policy.timeout, |until| until.saturating_duration_since(env.now()));
        let timeout = left.min(policy.timeout);
        let mut effort = Effort::new(env, policy, timeout, &Backoff::none());
        self.store.read(key, consistent, &mut effort)
    }
}

impl<T: DeserializeOwned> ItemAtom<T> {
    /// A stored value as a `T`.
    pub(crate) fn decode(&self, value: Option<&Value>) -> Result<Option<T>> {
        self.store.decode(self.key(), value)
    }
}

impl<T: Serialize + DeserializeOwned> ItemAtom<T> {
    /// As [`swap`](Atom::swap), and tells what happened on the way.
    ///
    /// # Errors
    /// As [`swap`](Atom::swap).
    pub fn swap_with_receipt<F>(&self, mut f: F) -> Result<(T, Receipt)>
    where
        F: FnMut(Option<T>) -> T,
    {
        self.change(|held| {
            let new = f(self.value_of(held)?);
            let decision = self.write(held, &new)?;
            Ok((decision, new))
        })
    }

    fn change<R>(
        &self,
        decide: impl FnMut(&Held) -> Result<(Decision, R)>,
    ) -> Result<(R, Receipt)> {
        let (key, lane) = self.place()?;
        self.check_lifetime()?;
        engine::swap(&self.store, lane, key, &self.options, decide)
    }

    fn value_of(&self, held: &Held) -> Result<Option<T>> {
        self.decode(held.value.as_deref())
    }

    /// Whether the table's items can have the lifetime that is asked for.
    fn check_lifetime(&self) -> Result<()> {
        match self.options.lifetime {
            Lifetime::Renew(_) if self.store.layout.expires().is_none() => Err(Error::Config {
                table: self.store.table.clone(),
                message: "SwapOptions::lifetime is set, and the items of a table that is shared \
                          with the Clojure library have no lifetimes: use Encoding::Native, or \
                          leave it out"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The decision to store `value`, unless it is refused, or stored already.
    fn write(&self, held: &Held, value: &T) -> Result<Decision> {
        self.options.validate(value).map_err(|source| Error::Rejected {
            table: self.store.table.clone(),
            key: self.key().to_owned(),
            source,
        })?;
        let value = self.store.encode(self.key(), value)?;
        let expires = self.options.lifetime.expires(held.expires, self.store.env.epoch());
        let unchanged =
            held.value.as_ref().is_some_and(|old| same(old, &value)) && held.expires == expires;
        if unchanged && self.options.discard_no_op {
            return Ok(Decision::Keep);
        }
        Ok(Decision::Write(Content::Value { value: Arc::new(value), expires }))
    }

    /// The decision to hold nothing, unless nothing is held already.
    fn removal(&self, held: &Held) -> Decision {
        if held.value.is_none() {
            return Decision::Keep;
        }
        Decision::Write(Content::Removed { at: self.store.env.epoch_seconds() })
    }
}

impl<T: Serialize + DeserializeOwned> Atom for ItemAtom<T> {
    type Value = T;

    fn get(&self) -> Result<Option<T>> {
        let (key, lane) = self.place()?;
        let asked = lane.tick();
        let state = self.store.read(key, true, &mut self.store.effort())?;
        let value = self.decode(state.value.as_deref());
        lane.learn(state, asked, self.store.env.now());
        value
    }

    fn swap<F>(&self, f: F) -> Result<T>
    where
        F: FnMut(Option<T>) -> T,
    {
        self.swap_with_receipt(f).map(|(new, _)| new)
    }

    fn swap_vals<F>(&self, mut f: F) -> Result<(Option<T>, T)>
    where
        F: FnMut(Option<T>) -> T,
    {
        let (values, _) = self.change(|held| {
            // Decoded twice, for `T` need not be `Clone`.
            let new = f(self.value_of(held)?);
            let decision = self.write(held, &new)?;
            Ok((decision, (self.value_of(held)?, new)))
        })?;
        Ok(values)
    }

    fn try_swap<F>(&self, mut f: F) -> Result<Option<T>>
    where
        F: FnMut(Option<T>) -> anyhow::Result<Option<T>>,
    {
        let (value, _) = self.change(|held| {
            let new = f(self.value_of(held)?).map_err(|source| Error::Aborted {
                table: self.store.table.clone(),
                key: self.key().to_owned(),
                source,
            })?;
            let decision = match &new {
                Some(new) => self.write(held, new)?,
                None => self.removal(held),
            };
            Ok((decision, new))
        })?;
        Ok(value)
    }

    fn reset(&self, value: T) -> Result<()> {
        self.change(|held| Ok((self.write(held, &value)?, ()))).map(drop)
    }

    fn compare_and_set(&self, expected: Option<&T>, new: T) -> Result<bool>
    where
        T: PartialEq,
    {
        let (done, _) = self.change(|held| {
            if self.value_of(held)?.as_ref() == expected {
                Ok((self.write(held, &new)?, true))
            } else {
                Ok((Decision::Keep, false))
            }
        })?;
        Ok(done)
    }

    fn remove(&self) -> Result<()> {
        self.change(|held| Ok((self.removal(held), ()))).map(drop)
    }
}

// Not derived: that would ask for `T: Clone`.
impl<T> Clone for ItemAtom<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            key: self.key.clone(),
            options: self.options.clone(),
            value: PhantomData,
        }
    }
}

impl<T> fmt::Debug for ItemAtom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemAtom")
            .field("table", &self.store.table)
            .field("key", &self.key())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "embedded"))]
#[path = "item_atom_tests.rs"]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod tests;
