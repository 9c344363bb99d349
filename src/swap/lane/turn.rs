//! Turns: one closure at a time runs on the tip, and what it made of it joins the open batch.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::state::{Known, Member};
use super::{Done, Joined, Lane, News, Tip};
use crate::codec::envelope::Content;
use crate::error::Result;
use crate::retry::Effort;
use crate::store::Store;

impl Lane {
    /// Waits for the turn, and says how long it did. `None` when the deadline comes first.
    pub(crate) fn turn(&self, effort: &Effort<'_>) -> Option<(Turn<'_>, Duration)> {
        let ticket = {
            let mut state = self.lock();
            if !state.turn_taken {
                state.turn_taken = true;
                return Some((Turn { lane: self }, Duration::ZERO));
            }
            let ticket = state.tick();
            state.queue.push_back((ticket, thread::current()));
            ticket
        };
        let queued = effort.now();
        loop {
            let left = effort.left();
            let mut state = self.lock();
            if state.granted == Some(ticket) {
                state.granted = None;
                let waited = effort.now().saturating_duration_since(queued);
                return Some((Turn { lane: self }, waited));
            }
            if left.is_zero() {
                state.queue.retain(|(waiting, _)| *waiting != ticket);
                return None;
            }
            drop(state);
            thread::park_timeout(left);
        }
    }
}

/// The right to run a closure on the tip; given back when dropped, so that a closure that panics
/// holds nobody up.
pub(crate) struct Turn<'a> {
    lane: &'a Lane,
}

impl Turn<'_> {
    /// What the closure is to run on. Reads the item when nothing is known of it.
    pub(crate) fn tip(&self, store: &Store, effort: &mut Effort<'_>) -> Result<Tip> {
        let asked = {
            let mut state = self.lane.lock();
            // A remembered value may have expired since.
            if let Some(tip) = state.tip(store.env.epoch_seconds()) {
                return Ok(tip);
            }
            state.tick()
        };
        let found = Arc::new(store.read(&self.lane.key, true, effort)?);
        let mut state = self.lane.lock();
        // Only the holder of the turn fills in what is not known.
        state.known = Some(Known { state: found.clone(), asked, at: effort.now() });
        let held = found.held(store.env.epoch_seconds());
        Ok(Tip { held, known: found, epoch: state.epoch })
    }

    /// Adds the closure's result: `content` to write, or nothing. Gives the turn back.
    ///
    /// `begun` is the moment at which the swap was called; `now` is the time.
    pub(crate) fn join(
        self,
        tip: &Tip,
        begun: u64,
        content: Option<Content>,
        now: Instant,
    ) -> Joined {
        let mut state = self.lane.lock();
        if state.epoch != tip.epoch {
            return Joined::Stale;
        }
        let alone = state.flying.is_none() && state.open.members.is_empty();
        if let Some(known) = &state.known
            && content.is_none()
            && alone
            && known.asked > begun
        {
            return Joined::Settled(Done {
                old_version: known.state.version,
                new_version: known.state.version,
                write: None,
                recovered: false,
                shared: 1,
                requests: 0,
                waited: Duration::ZERO,
            });
        }
        let ticket = state.tick();
        let writes = content.is_some();
        let thread = thread::current();
        state.open.members.push(Member {
            ticket,
            thread,
            writes,
            joined: now,
            held: Duration::ZERO,
        });
        if writes {
            state.open.content = content;
        }
        if state.led {
            if let Some(leader) = state.gathering.take() {
                leader.unpark();
            }
        } else {
            state.led = true;
            state.tell(ticket, News::Lead);
        }
        drop(state);
        Joined::Waits(ticket)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.lane.lock();
        match state.queue.pop_front() {
            Some((ticket, thread)) => {
                state.granted = Some(ticket);
                thread.unpark();
            }
            None => state.turn_taken = false,
        }
    }
}
