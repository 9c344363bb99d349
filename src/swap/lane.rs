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

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::flight::{FRESH, Flight, Landing};
use super::pace::Pace;
use crate::codec::Value;
use crate::codec::envelope::{Content, Snapshot};
use crate::dynamo::answer::Failure;
use crate::error::Result;
use crate::events::TARGET;
use crate::retry::{Backoff, Effort};
use crate::store::Store;
use crate::write_id::WriteId;

/// The swaps of one key in this process.
#[derive(Debug)]
pub(crate) struct Lane {
    key: Box<str>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts what happens, to tell what came before what.
    ticks: u64,
    /// The newest state that the table is known to have had.
    known: Option<Known>,
    /// Whether another process has written since a look last found everything as it was.
    others: bool,
    /// What the last request about this key took.
    trip: Duration,
    /// Grows whenever what was built on top of `known` is void.
    epoch: u64,
    /// Whether a closure has the turn, and who waits for one.
    turn_taken: bool,
    granted: Option<u64>,
    queue: VecDeque<(u64, Thread)>,
    open: Batch,
    flying: Option<Flying>,
    /// A flight whose leader had to leave it.
    parked: Option<Flight>,
    /// Whether somebody leads, and who, while it waits for others to join.
    led: bool,
    gathering: Option<Thread>,
    /// News for those who wait, by ticket.
    news: HashMap<u64, News>,
    pace: Pace,
}

#[derive(Debug)]
struct Known {
    state: Arc<Snapshot>,
    /// When the request was sent that told it.
    asked: u64,
    /// By the clock, when its answer came.
    at: Instant,
}

#[derive(Debug, Default)]
struct Batch {
    members: Vec<Member>,
    /// What the last writer among them made of it; `None` when nobody writes.
    content: Option<Content>,
}

#[derive(Debug)]
struct Flying {
    members: Vec<Member>,
    content: Option<Content>,
    /// `None` until it can be sent.
    write: Option<WriteId>,
    /// Somebody whose result is in the content left before it could be sent: it must not be.
    void: bool,
    /// A moment before its first send, whoever drives it later.
    asked: u64,
}

#[derive(Debug)]
struct Member {
    ticket: u64,
    thread: Thread,
    writes: bool,
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
    pub(crate) value: Option<Arc<Value>>,
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

    // --- turns: one closure at a time runs on the tip

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

    // --- waiting for the news

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

    // --- leading

    /// Sends what has come together, for everybody in it. Afterwards there is news for the leader
    /// as for the others. What only the leader can be told is returned.
    pub(crate) fn lead(
        &self,
        ticket: u64,
        store: &Store,
        backoff: &Backoff,
        effort: &mut Effort<'_>,
    ) -> Result<()> {
        let parked = self.lock().parked.take();
        let mut flight = match parked {
            Some(flight) => flight,
            None => match self.gather(ticket, store, effort) {
                Gathered::Nothing => return Ok(()),
                Gathered::Readers { base } => return self.confirm(store, &base, effort),
                Gathered::Write { base, content } => {
                    let Some(requests) = self.refresh(store, &base, effort)? else {
                        return Ok(());
                    };
                    match Flight::new(store, &self.key, base, &content) {
                        Ok(mut flight) => {
                            flight.requests = requests;
                            flight
                        }
                        Err(error) => {
                            self.lock().broken(ticket);
                            return Err(error);
                        }
                    }
                }
            },
        };
        if !self.lock().sends(&flight, &self.key) {
            return Ok(());
        }
        let (begun, before) = (store.env.now(), (flight.requests, flight.waited));
        let mut landing = flight.drive(store, &self.key, effort);
        let landed = store.env.now();
        let took = landed.saturating_duration_since(begun);

        let mut state = self.lock();
        state.trip = took.saturating_sub(flight.waited.saturating_sub(before.1))
            / (flight.requests - before.0).max(1);
        if matches!(landing, Landing::OutOfTime) {
            landing = flight.given_up();
            let writes = state.flies_for(ticket);
            let told = match &landing {
                Landing::Unknown { reason } if writes => {
                    News::Unknown { write: flight.write_id(&self.key), reason: reason.clone() }
                }
                Landing::Refused { failure, sent } => {
                    News::Refused { failure: failure.clone(), sent: *sent }
                }
                _ => News::OutOfTime,
            };
            if writes && !matches!(landing, Landing::Unknown { .. }) {
                // The leader is told that nothing was written, so what it wrote must never be
                // sent again: the others run again without it.
                let (requests, waited) = (flight.requests, flight.waited);
                state.void(&News::Again { conflict: false, requests, waited });
                state.tell(ticket, told);
                return Ok(());
            }
            if state.left_by(ticket, told) {
                state.parked = Some(flight);
                return Ok(());
            }
        }
        match landing {
            Landing::Applied { after, recovered } => {
                let took = (flight.requests == before.0 + 1).then_some(took);
                let riders = state.flying.as_ref().map_or(0, |flying| flying.members.len());
                let waiting = state.open.members.len();
                state.pace.applied(landed, took, riders, waiting);
                state.applied(&flight, after, recovered, landed, &self.key);
            }
            Landing::Conflict(fresh) => {
                state.others = true;
                state.conflict(&flight, fresh, backoff, store);
            }
            Landing::Unknown { reason } => {
                let write = flight.write_id(&self.key);
                state.failed(&News::Unknown { write, reason });
                state.known = None;
            }
            Landing::Refused { failure, sent } => state.failed(&News::Refused { failure, sent }),
            Landing::Blind(error) => {
                state.broken(ticket);
                return Err(error);
            }
            Landing::OutOfTime => state.broken(ticket),
        }
        Ok(())
    }

    /// Waits for a moment, so that those who were just served and those who are about to come
    /// ride in this write too; and after a conflict, so that other processes get their turn.
    fn gather(&self, ticket: u64, store: &Store, effort: &Effort<'_>) -> Gathered {
        let begun = effort.now();
        loop {
            let mut state = self.lock();
            if !state.open.has(ticket) {
                // Everybody was sent to run again.
                state.hand_over();
                return Gathered::Nothing;
            }
            // Who has no time left to wait for the answer sends nothing.
            if effort.is_over() {
                let told = state.leave(ticket);
                state.tell(ticket, told);
                state.hand_over();
                return Gathered::Nothing;
            }
            let now = effort.now();
            let riders = state.open.members.len();
            let until = state.pace.gather_until(begun, riders, effort.deadline());
            if now >= until {
                let waited = now.saturating_duration_since(begun);
                let (table, key) = (&store.table, &*self.key);
                tracing::trace!(target: TARGET, table, key, riders, ?waited, "gathered");
                return state.take_off();
            }
            state.gathering = Some(thread::current());
            drop(state);
            thread::park_timeout((until - now).min(effort.left()));
        }
    }

    /// Where others write too, what is built on a state that was seen a while ago would be refused,
    /// and perhaps after so many writes that the item has forgotten that state; then a lost reply
    /// could not be made up for. Looks first in that case, and says how many requests it took;
    /// `None` when everybody was sent to run again.
    fn refresh(
        &self,
        store: &Store,
        base: &Snapshot,
        effort: &mut Effort<'_>,
    ) -> Result<Option<u32>> {
        let asked = {
            let mut state = self.lock();
            let (now, while_fresh) = (effort.now(), state.trip * FRESH);
            let old = |known: &Known| now.saturating_duration_since(known.at) > while_fresh;
            if !(state.others && state.known.as_ref().is_some_and(old)) {
                return Ok(Some(0));
            }
            state.tick()
        };
        let before = effort.requests;
        let found = store.read(&self.key, true, effort);
        let requests = effort.requests - before;
        effort.requests = before;
        let mut state = self.lock();
        if found.as_ref().is_ok_and(|found| found.fence == base.fence) {
            state.others = false;
            return Ok(Some(requests));
        }
        state.void(&News::Again { conflict: false, requests, waited: Duration::ZERO });
        state.known = Some(Known { state: Arc::new(found?), asked, at: effort.now() });
        Ok(None)
    }

    /// A batch in which nobody writes: what it was built on must still be there.
    fn confirm(&self, store: &Store, base: &Snapshot, effort: &mut Effort<'_>) -> Result<()> {
        let asked = self.tick();
        let before = effort.requests;
        let found = store.read(&self.key, true, effort);
        let requests = effort.requests - before;
        effort.requests = before;
        let mut state = self.lock();
        match found {
            Ok(found) if found.fence == base.fence => {
                state.known = Some(Known { state: Arc::new(found), asked, at: effort.now() });
                let done = Done {
                    old_version: base.version,
                    new_version: base.version,
                    write: None,
                    recovered: false,
                    shared: 1,
                    requests,
                    waited: Duration::ZERO,
                };
                for member in state.landed() {
                    state.tell_member(&member, News::Done(done.clone()));
                }
                state.hand_over();
                Ok(())
            }
            Ok(fresh) => {
                state.others = true;
                state.known = Some(Known { state: Arc::new(fresh), asked, at: effort.now() });
                state.void(&News::Again { conflict: false, requests, waited: Duration::ZERO });
                Ok(())
            }
            Err(error) => {
                let again = News::Again { conflict: false, requests, waited: Duration::ZERO };
                state.void(&again);
                Err(error)
            }
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
            if let Some(tip) = state.tip() {
                return Ok(tip);
            }
            state.tick()
        };
        let found = Arc::new(store.read(&self.lane.key, true, effort)?);
        let mut state = self.lane.lock();
        // Only the holder of the turn fills in what is not known.
        state.known = Some(Known { state: found.clone(), asked, at: effort.now() });
        let value = found.value.clone();
        Ok(Tip { value, known: found, epoch: state.epoch })
    }

    /// Adds the closure's result: `content` to write, or nothing. Gives the turn back.
    ///
    /// `begun` is the moment at which the swap was called.
    pub(crate) fn join(self, tip: &Tip, begun: u64, content: Option<Content>) -> Joined {
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
        state.open.members.push(Member { ticket, thread: thread::current(), writes });
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

enum Gathered {
    Write { base: Arc<Snapshot>, content: Content },
    Readers { base: Arc<Snapshot> },
    Nothing,
}

impl Batch {
    fn has(&self, ticket: u64) -> bool {
        self.members.iter().any(|member| member.ticket == ticket)
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn tip(&self) -> Option<Tip> {
        let known = &self.known.as_ref()?.state;
        let flying = self.flying.as_ref().and_then(|flying| flying.content.as_ref());
        let value = match self.open.content.as_ref().or(flying) {
            Some(content) => content.value(),
            None => known.value.clone(),
        };
        Some(Tip { value, known: known.clone(), epoch: self.epoch })
    }

    /// What is built on the old state is refused when it is sent, and learns of the new one so.
    fn replaced(&mut self, by: Known) {
        let newer = self.known.as_ref().is_some_and(|known| known.asked > by.asked);
        if self.flying.is_none() && self.open.members.is_empty() && !newer {
            self.known = Some(by);
            // A closure may be running on the old state.
            self.epoch += 1;
        }
    }

    fn tell(&mut self, ticket: u64, news: News) {
        self.news.insert(ticket, news);
    }

    fn tell_member(&mut self, member: &Member, news: News) {
        self.tell(member.ticket, news);
        member.thread.unpark();
    }

    /// Closes the open batch and lets it fly.
    fn take_off(&mut self) -> Gathered {
        self.gathering = None;
        let Batch { members, content } = std::mem::take(&mut self.open);
        self.pace.took_off(members.len());
        let asked = self.tick();
        let flying = Flying { members, content: content.clone(), write: None, void: false, asked };
        self.flying = Some(flying);
        match (&self.known, content) {
            (Some(known), Some(content)) => Gathered::Write { base: known.state.clone(), content },
            (Some(known), None) => Gathered::Readers { base: known.state.clone() },
            // Nothing is built on nothing: whoever forgets voids as well.
            (None, _) => {
                let waited = Duration::ZERO;
                self.void(&News::Again { conflict: false, requests: 0, waited });
                Gathered::Nothing
            }
        }
    }

    /// Whether this flight is to be sent. From then on, who leaves it is told that it may be
    /// written.
    fn sends(&mut self, flight: &Flight, key: &str) -> bool {
        if let Some(Flying { void: false, write, .. }) = &mut self.flying {
            *write = Some(flight.write_id(key));
            return true;
        }
        self.void(&News::Again { conflict: false, requests: 0, waited: Duration::ZERO });
        false
    }

    /// A moment before the first send of what flies.
    fn asked(&self) -> u64 {
        self.flying.as_ref().map_or(0, |flying| flying.asked)
    }

    /// Whether what flies writes for this ticket.
    fn flies_for(&self, ticket: u64) -> bool {
        let mut members = self.flying.iter().flat_map(|flying| &flying.members);
        members.any(|member| member.ticket == ticket && member.writes)
    }

    /// Those who flew.
    fn landed(&mut self) -> Vec<Member> {
        self.flying.take().map(|flying| flying.members).unwrap_or_default()
    }

    /// Names the next leader, if anybody waits for one.
    fn hand_over(&mut self) {
        match self.open.members.first() {
            Some(Member { ticket, thread, .. }) => {
                self.led = true;
                thread.unpark();
                let ticket = *ticket;
                self.tell(ticket, News::Lead);
            }
            None => self.led = false,
        }
    }

    fn applied(
        &mut self,
        flight: &Flight,
        after: Snapshot,
        recovered: bool,
        at: Instant,
        key: &str,
    ) {
        let asked = self.asked();
        let members = self.landed();
        let old_version = self.known.as_ref().map_or(0, |known| known.state.version);
        let done = Done {
            old_version,
            new_version: after.version,
            write: Some(flight.write_id(key)),
            recovered,
            shared: u32::try_from(members.iter().filter(|member| member.writes).count())
                .unwrap_or(u32::MAX),
            requests: flight.requests,
            waited: flight.waited,
        };
        self.known = Some(Known { state: Arc::new(after), asked, at });
        for member in members {
            self.tell_member(&member, News::Done(done.clone()));
        }
        self.hand_over();
    }

    fn conflict(&mut self, flight: &Flight, fresh: Snapshot, backoff: &Backoff, store: &Store) {
        let asked = self.asked();
        self.known = Some(Known { state: Arc::new(fresh), asked, at: store.env.now() });
        let riders =
            self.open.members.len() + self.flying.as_ref().map_or(0, |flying| flying.members.len());
        let wait = self.pace.lost(riders, backoff, &store.env);
        self.void(&News::Again {
            conflict: true,
            requests: flight.requests,
            waited: flight.waited + wait,
        });
    }

    /// Everything above `known` is void: everybody runs again, and nobody leads.
    fn void(&mut self, again: &News) {
        self.epoch += 1;
        self.led = false;
        let riders = std::mem::take(&mut self.open).members;
        for member in self.landed().into_iter().chain(riders) {
            self.tell_member(&member, again.clone());
        }
    }

    /// The write failed: its writers are told, everybody else runs again.
    fn failed(&mut self, told: &News) {
        let (writers, readers): (Vec<_>, Vec<_>) =
            self.landed().into_iter().partition(|member| member.writes);
        for member in writers {
            self.tell_member(&member, told.clone());
        }
        let again = News::Again { conflict: false, requests: 0, waited: Duration::ZERO };
        for member in readers {
            self.tell_member(&member, again.clone());
        }
        self.void(&again);
    }

    /// Something failed of which only the leader can be told: everybody else runs again.
    fn broken(&mut self, leader: u64) {
        self.known = None;
        self.void(&News::Again { conflict: false, requests: 0, waited: Duration::ZERO });
        self.tell(leader, News::OutOfTime);
    }

    /// The leader of a flight leaves it. Whether somebody is left to drive it on.
    fn left_by(&mut self, leader: u64, told: News) -> bool {
        let Some(flying) = &mut self.flying else { return false };
        if flying.members.len() < 2 {
            return false;
        }
        flying.members.retain(|member| member.ticket != leader);
        self.tell(leader, told);
        if let Some(flying) = &self.flying
            && let Some(Member { ticket, thread, .. }) = flying.members.first()
        {
            thread.unpark();
            let ticket = *ticket;
            self.tell(ticket, News::Lead);
        }
        true
    }

    /// A caller's time is up. What it is to be told.
    fn leave(&mut self, ticket: u64) -> News {
        if let Some(position) = self.open.members.iter().position(|m| m.ticket == ticket) {
            let member = self.open.members.remove(position);
            if member.writes {
                // What others built on its result is void, and what it was built on stays.
                self.epoch += 1;
                let again = News::Again { conflict: false, requests: 0, waited: Duration::ZERO };
                for other in std::mem::take(&mut self.open).members {
                    // Whoever was named leader and has not begun leads no more.
                    if matches!(self.news.get(&other.ticket), Some(News::Lead)) {
                        self.led = false;
                    }
                    self.tell_member(&other, again.clone());
                }
                if let Some(leader) = self.gathering.take() {
                    leader.unpark();
                }
            }
            return News::OutOfTime;
        }
        let Some(flying) = &mut self.flying else { return News::OutOfTime };
        let member = flying
            .members
            .iter()
            .position(|member| member.ticket == ticket)
            .map(|position| flying.members.remove(position));
        match (member, &flying.write) {
            (Some(Member { writes: true, .. }), Some(write)) => News::Unknown {
                write: write.clone(),
                reason: "the time was up while it was under way".to_owned(),
            },
            (Some(Member { writes: true, .. }), None) => {
                flying.void = true;
                News::OutOfTime
            }
            _ => News::OutOfTime,
        }
    }
}

/// A moment `pause` after `begun`.
pub(super) fn after(begun: Instant, pause: Duration) -> Instant {
    begun.checked_add(pause).unwrap_or(begun)
}

#[cfg(all(test, feature = "embedded"))]
#[path = "lane_tests.rs"]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod tests;
