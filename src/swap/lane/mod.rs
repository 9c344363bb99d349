//! A lane: the swaps of one key in this process, composed into as few writes as can be.
//!
//! While a put is under way, the next callers run their closures one on top of the other's
//! result, each on its own thread; the next put carries them all. One of them, the *leader*,
//! sends it for everybody and names the next leader when it has landed.
//!
//! ```text
//! known ──► flying (a put under way) ──► open (closures that have run on top of it)
//!                                        ▲ the tip: what the next closure sees
//! ```
//!
//! Nothing above `known` is believed before its write has landed: on a conflict every closure
//! runs again. A swap that writes nothing (a no-op, an abort, a comparison that failed) waits for
//! the write it was built on too, or has the remembered state confirmed by a consistent read.

mod lead;
mod state;
#[cfg(all(test, feature = "embedded"))]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod tests;
mod turn;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::state::{Known, State};
use crate::codec::envelope::{Held, Snapshot};
use crate::dynamo::answer::Failure;
use crate::retry::Effort;
use crate::write_id::WriteId;

/// The swaps of one key in this process.
#[derive(Debug)]
pub(crate) struct Lane {
    key: Box<str>,
    state: Mutex<State>,
}

/// What a waiting swap is told.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Go ahead and lead.
    Lead,
    /// It is done.
    Done(Done),
    /// Run again: what it was built on is void. `conflict` when another writer was the cause.
    Again { conflict: bool, requests: u32, waited: Duration },
    /// Not applied, and not worth another try.
    Refused { failure: Failure, sent: u32 },
    /// It cannot be known whether it was applied.
    Unknown { write: WriteId, reason: String },
    /// The time is up; nothing was written for it.
    OutOfTime,
}

/// How a swap was done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) old_version: u64,
    pub(crate) new_version: u64,
    /// `None` when nothing was written.
    pub(crate) write: Option<WriteId>,
    pub(crate) recovered: bool,
    pub(crate) shared: u32,
    pub(crate) requests: u32,
    pub(crate) waited: Duration,
}

impl Done {
    /// For a swap that wrote nothing and rode with others that did: it saw what they left.
    pub(crate) fn unwritten(self) -> Self {
        Self { old_version: self.new_version, write: None, recovered: false, shared: 1, ..self }
    }
}

/// What a closure runs on.
pub(crate) struct Tip {
    pub(crate) held: Held,
    /// The newest state known, for sizes.
    pub(crate) known: Arc<Snapshot>,
    epoch: u64,
}

/// What became of a closure's result.
pub(crate) enum Joined {
    /// It is the truth already: nothing to write, and nothing to wait for.
    Settled(Done),
    /// What it ran on is void.
    Stale,
    /// It waits, under this ticket.
    Waits(u64),
}

impl Lane {
    pub(crate) fn new(key: &str) -> Self {
        Self { key: key.into(), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next moment.
    pub(crate) fn tick(&self) -> u64 {
        self.lock().tick()
    }

    /// Takes in what a read told, where nothing is known yet. `asked` is when it was sent.
    pub(crate) fn learn(&self, found: Snapshot, asked: u64, at: Instant) {
        let mut state = self.lock();
        if state.known.is_none() {
            state.known = Some(Known { state: Arc::new(found), asked, at });
        }
    }

    /// Takes in what a write that was none of the lane's own left in place. `asked` is a moment
    /// before that write was sent.
    pub(crate) fn replaced(&self, found: Snapshot, asked: u64, at: Instant) {
        self.lock().replaced(Known { state: Arc::new(found), asked, at });
    }

    /// Forgets what the item was: the next swap reads it.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        if state.flying.is_none() && state.open.members.is_empty() {
            state.known = None;
            // A closure may be running on what is forgotten here: its result must not be put in
            // the place of what is learned meanwhile.
            state.epoch += 1;
        }
    }

    /// Waits for the next news of this ticket, until the deadline.
    pub(crate) fn news(&self, ticket: u64, effort: &Effort<'_>) -> News {
        loop {
            let left = effort.left();
            let mut state = self.lock();
            if let Some(news) = state.news.remove(&ticket) {
                return news;
            }
            if left.is_zero() {
                return state.leave(ticket);
            }
            drop(state);
            thread::park_timeout(left);
        }
    }

    /// Nobody asks for the news of this ticket any more.
    pub(crate) fn no_news(&self, ticket: u64) {
        self.lock().news.remove(&ticket);
    }
}

/// A moment `pause` after `begun`.
pub(super) fn after(begun: Instant, pause: Duration) -> Instant {
    begun.checked_add(pause).unwrap_or(begun)
}
