//! Leading: gathers those who ride together, sends their write, and tells them what became of it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::state::{Gathered, Known, WARY};
use super::{Done, Lane, News};
use crate::codec::envelope::Snapshot;
use crate::error::Result;
use crate::events::TARGET;
use crate::retry::{Backoff, Effort};
use crate::store::Store;
use crate::swap::flight::{FRESH, Flight, Landing};

impl Lane {
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
            Landing::Applied { after, recovered, newer } => {
                let took = (flight.requests == before.0 + 1).then_some(took);
                let mut riders = state.flying.as_ref().map_or(0, |flying| flying.members.len());
                let mut waiting = state.open.members.len();
                if newer.is_some() {
                    // They run again too.
                    riders += std::mem::take(&mut waiting);
                }
                state.pace.applied(landed, took, riders, waiting);
                state.applied(&flight, after, recovered, landed, &self.key);
                if let Some(newer) = newer {
                    state.overtaken(newer, landed);
                }
                state.hand_over();
            }
            Landing::Conflict(fresh) => {
                state.wary = WARY;
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
        let mut held_since = None;
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
                return state.take_off(held_since.unwrap_or(now), now);
            }
            state.gathering = Some(thread::current());
            drop(state);
            held_since.get_or_insert(begun);
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
            if !(state.wary > 0 && state.known.as_ref().is_some_and(old)) {
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
            state.wary = state.wary.saturating_sub(1);
            return Ok(Some(requests));
        }
        // Found before the put instead of by its refusal, and a conflict all the same.
        let conflict = found.is_ok();
        state.void(&News::Again { conflict, requests, waited: Duration::ZERO });
        let fresh = found?;
        state.wary = WARY;
        state.known = Some(Known { state: Arc::new(fresh), asked, at: effort.now() });
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
                state.wary = WARY;
                state.known = Some(Known { state: Arc::new(fresh), asked, at: effort.now() });
                state.void(&News::Again { conflict: true, requests, waited: Duration::ZERO });
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
