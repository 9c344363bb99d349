//! Transactions: changes over several atoms at once, all or none.

mod adopt;
mod answers;
mod commit;
mod doubt;
mod fate;
mod options;
mod run;
mod snapshot;
#[cfg(all(test, feature = "embedded"))]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod tests;
mod transaction;

pub use options::TransactOptions;
pub use transaction::Transaction;

use std::time::Duration;

use crate::codec::envelope::{Content, Snapshot};
use crate::codec::same;
use crate::error::{Error, Result};
use crate::table::Table;

impl Table {
    /// Reads and changes several atoms as one: all of what the closure sets and removes is put in
    /// place at one moment, at which everything that it read was still so; or nothing is, and the
    /// closure runs again.
    ///
    /// ```
    /// use faraday_atom::Table;
    ///
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// # table.ensure()?;
    /// # table.put_item("alice", 50)?;
    /// let left = table.transact(|tx| {
    ///     let alice: i64 = tx.get("alice")?.unwrap_or_default();
    ///     let bob: i64 = tx.get("bob")?.unwrap_or_default();
    ///     anyhow::ensure!(alice >= 20, "alice has only {alice}");
    ///     tx.set("alice", alice - 20)?;
    ///     tx.set("bob", bob + 20)?;
    ///     Ok(alice - 20)
    /// })?;
    /// # assert_eq!(left, 30);
    /// # assert_eq!(table.find_item::<i64>("bob")?, Some(20));
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # The closure may run several times
    ///
    /// As a [swap's](crate::Atom#the-closure-may-run-several-times), the closure runs again when
    /// another writer came first, and so must do nothing but read, compute, and set. This is
    /// **wrong**, because the mail may go out twice, and for a transfer that was never made:
    ///
    /// ```no_run
    /// # use faraday_atom::Table;
    /// # fn send_mail(_: i64) {}
    /// # fn wrong(table: &Table) -> faraday_atom::Result<()> {
    /// table.transact(|tx| {
    ///     let alice: i64 = tx.get("alice")?.unwrap_or_default();
    ///     tx.set("alice", alice - 20)?;
    ///     send_mail(alice - 20); // wrong: runs again at every conflict
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// This is right: return what the mail needs, and send it when `transact` has returned.
    ///
    /// ```no_run
    /// # use faraday_atom::Table;
    /// # fn send_mail(_: i64) {}
    /// # fn right(table: &Table) -> faraday_atom::Result<()> {
    /// let left = table.transact(|tx| {
    ///     let alice: i64 = tx.get("alice")?.unwrap_or_default();
    ///     tx.set("alice", alice - 20)?;
    ///     Ok(alice - 20)
    /// })?;
    /// send_mail(left); // once, after all of it is in place
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It runs on the thread that called, and needs neither `Send` nor `'static`. A panic in it
    /// goes through and leaves nothing behind. Swaps and transactions inside it are their own: they
    /// are in place whatever becomes of this one, and again at each run. Inside the closure of a
    /// swap, a transaction cannot change the same atom: each would make the other run again for
    /// ever.
    ///
    /// # What the closure may see
    ///
    /// Each key is read when the closure first asks for it, by a strongly consistent read, and
    /// remembered: a second read gives the same, and a read after a set gives what was set. Reads
    /// of *different* keys may be of different moments, so while others write, a closure may see a
    /// combination that never was: a transfer's one half without the other. What it makes of that
    /// is never put in place and never returned; it runs again. But it has to come to an end first:
    /// **a closure must neither loop nor panic on a combination that should be impossible.** Return
    /// an error instead. An error, too, is only believed when all that was read was there at one
    /// moment.
    ///
    /// A transaction that only reads is a snapshot: what it returns was computed from values that
    /// were all there at one moment during the call. So is one that sets only what is there
    /// already.
    ///
    /// # Several tables
    ///
    /// [`get_in`](Transaction::get_in), [`set_in`](Transaction::set_in) and
    /// [`remove_in`](Transaction::remove_in) take another [`Table`]. It must lie in the same
    /// database: opened with the same endpoint or region and the same access key, or in the same
    /// embedded file. Two tables in memory never do, unless one is a clone of the other.
    ///
    /// ```
    /// # use faraday_atom::Table;
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # std::env::set_current_dir(&dir).unwrap();
    /// let jobs = Table::builder("jobs").embedded("atoms.db").open()?;
    /// let done = Table::builder("done").embedded("atoms.db").open()?;
    /// # jobs.ensure()?;
    /// # done.ensure()?;
    /// # jobs.put_item("build", "the wall")?;
    /// jobs.transact(|tx| {
    ///     if let Some(job) = tx.get::<String>("build")? {
    ///         tx.remove("build")?;
    ///         tx.set_in(&done, "build", job)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// # assert_eq!(done.find_item::<String>("build")?.as_deref(), Some("the wall"));
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What it costs
    ///
    /// | transaction | requests when nothing goes wrong |
    /// |---|---|
    /// | of several keys, something to write | 1 consistent read for each key, and 1 `TransactWriteItems` |
    /// | of several keys, nothing to write, or the closure says no | 1 consistent read for each key, and 1 `TransactGetItems` |
    /// | of one key | 1 consistent read, and 1 conditional write if there is something to write |
    ///
    /// A key that is only set is read, too: its version and the ids of its last writes come from
    /// what is there. `TransactWriteItems` takes **twice the write units** of plain writes, and
    /// takes them for keys that were only read as well (as if they had been written);
    /// `TransactGetItems` twice the read units. So where one atom will do, one atom is better: give
    /// what changes together one key.
    ///
    /// Each race lost costs the request that was refused, and no read: the refusal brings the
    /// items that had changed. Only the closure runs again, on these and on what it remembers of the
    /// others.
    ///
    /// An item that another tool wrote and that has over 140 attributes is given its
    /// `atom/writes` before the transaction, if that writes anything; nothing else of it changes.
    ///
    /// # Exactly once
    ///
    /// When a reply is lost, the same request is sent again under the same token, which DynamoDB
    /// knows for ten minutes. Beyond the token, each item that was written carries an id of the
    /// write, and any one of them tells what became of all. Where none tells any more, the result
    /// is [`Indeterminate`](Error::Indeterminate), never a guess; ask
    /// [`outcome`](Table::outcome) about the write that it names, of the table that it names.
    ///
    /// Atoms in use that were changed know it: their next swap needs no read.
    ///
    /// # Watching it work
    ///
    /// As [atoms](crate::ItemAtom#watching-it-work) do, under the same target and without values:
    ///
    /// | level | message | when |
    /// |---|---|---|
    /// | debug | `transacted` | a transaction is done: items, writes, runs, conflicts, requests, waits |
    /// | debug | `conflict: …` | another writer came first, and for which keys |
    /// | debug | `request failed` | no answer, or an error: its class, its code, the request's id |
    /// | debug | `recovered: …` | a reply was lost, and an item told that all was written |
    /// | debug | `unknown: …` | a reply was lost, and no item tells any more |
    /// | debug | `waits` | before a request is sent again: why, and how long |
    /// | trace | `transaction runs`, `transaction sent` | the steps of each attempt |
    ///
    /// # Errors
    ///
    /// [`Aborted`](Error::Aborted) with the closure's error, or that error itself when it is this
    /// crate's [`Error`] (so that `?` on [`get`](Transaction::get) does what it should);
    /// [`TooLarge`](Error::TooLarge) for more than 100 keys, 4 MB in total, or an item over 400 KB;
    /// [`Config`](Error::Config) for tables that do not go together;
    /// [`Contention`](Error::Contention) or [`Timeout`](Error::Timeout) when the time is up and
    /// nothing was written; [`Indeterminate`](Error::Indeterminate) when it cannot be known whether
    /// all of it was written or nothing; [`Service`](Error::Service), naming table and key, when
    /// DynamoDB refuses one of the items for good; and what any request can meet.
    pub fn transact<R>(
        &self,
        f: impl FnMut(&mut Transaction<'_>) -> anyhow::Result<R>,
    ) -> Result<R> {
        self.transact_with(&TransactOptions::new(), f)
    }

    /// As [`transact`](Table::transact), with other [options](TransactOptions).
    ///
    /// # Errors
    /// As [`transact`](Table::transact).
    pub fn transact_with<R>(
        &self,
        options: &TransactOptions,
        f: impl FnMut(&mut Transaction<'_>) -> anyhow::Result<R>,
    ) -> Result<R> {
        run::transact(&self.store, options, f)
    }
}

/// Whether `new` is what is there already.
fn same_content(there: &Snapshot, new: &Content) -> bool {
    match (&there.value, new) {
        (Some(old), Content::Value { value: new, .. }) => same(old, new),
        (None, Content::Removed { .. }) => true,
        _ => false,
    }
}

/// So many lost races are each followed by another run at once, on what the refusal brought: a wait
/// would only make that old. Beside four threads that swapped one of its two keys all the time, at
/// 10 ms, a transaction that tried again at once took 0.09 s, and one that waited for up to 5 ms,
/// doubling, up to 250 ms, took 2.6 s where it did not give up; eight of them on the same keys took
/// 3.4 s at once, and 4.5 s with waits.
const PATIENCE: u32 = 64;

/// What a transaction has met so far.
#[derive(Debug, Default)]
struct Tally {
    most: Option<u32>,
    /// How often the closure ran.
    attempts: u32,
    /// How often others came first, or were in the way.
    conflicts: u32,
    /// The keys for which they did, the last time.
    keys: String,
}

impl Tally {
    fn new(most: Option<u32>) -> Self {
        Self { most, ..Self::default() }
    }

    fn lost(&mut self, keys: String) {
        self.conflicts = self.conflicts.saturating_add(1);
        self.keys = keys;
    }

    /// Whether to wait before the closure runs again; every other time, for after a wait what is
    /// known is old.
    fn waits(&self) -> bool {
        self.conflicts > PATIENCE && self.conflicts % 2 == 1
    }

    /// Whether others have come first often enough to give up.
    fn enough(&self) -> bool {
        self.most.is_some_and(|most| self.conflicts >= most.max(1))
    }

    /// The time is up, or enough was tried, and nothing was written.
    fn out_of_time(&self, tx: &Transaction<'_>) -> Error {
        let (table, elapsed) = (tx.home.table.clone(), tx.effort.elapsed());
        if self.conflicts > 0 {
            let (key, attempts) = (self.keys.clone(), self.conflicts);
            return Error::Contention { table, key, attempts, elapsed };
        }
        Error::Timeout {
            table,
            key: None,
            operation: "transact",
            attempts: tx.effort.requests,
            elapsed,
            last: "the closure used up the time".to_owned(),
        }
    }

    fn summary<'a>(&self, tx: &'a Transaction<'_>, written: usize, recovered: bool) -> Summary<'a> {
        Summary {
            table: &tx.home.table,
            items: tx.entries.len(),
            written,
            recovered,
            attempts: self.attempts,
            conflicts: self.conflicts,
            requests: tx.effort.requests,
            waited: tx.effort.waited,
            elapsed: tx.effort.elapsed(),
        }
    }
}

/// What happened on the way, for whoever listens.
pub(crate) struct Summary<'a> {
    pub(crate) table: &'a str,
    pub(crate) items: usize,
    pub(crate) written: usize,
    pub(crate) recovered: bool,
    pub(crate) attempts: u32,
    pub(crate) conflicts: u32,
    pub(crate) requests: u32,
    pub(crate) waited: Duration,
    pub(crate) elapsed: Duration,
}
