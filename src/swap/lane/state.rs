//! What a lane knows, who is in it, and how that changes. Nothing here sends or waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{Done, News, Tip};
use crate::codec::envelope::{Content, Snapshot};
use crate::retry::Backoff;
use crate::store::Store;
use crate::swap::flight::Flight;
use crate::swap::pace::Pace;
use crate::write_id::WriteId;

#[derive(Debug, Default)]
pub(super) struct State {
    /// Counts what happens, to tell what came before what.
    pub(super) ticks: u64,
    /// The newest state that the table is known to have had.
    pub(super) known: Option<Known>,
    /// How many looks in a row must still find everything as it was before other processes are
    /// believed to have stopped writing; 0 as long as none were met.
    pub(super) wary: u32,
    /// What the last request about this key took.
    pub(super) trip: Duration,
    /// Grows whenever what was built on top of `known` is void.
    pub(super) epoch: u64,
    /// Whether a closure has the turn, and who waits for one.
    pub(super) turn_taken: bool,
    pub(super) granted: Option<u64>,
    pub(super) queue: VecDeque<(u64, Thread)>,
    pub(super) open: Batch,
    pub(super) flying: Option<Flying>,
    /// A flight whose leader had to leave it.
    pub(super) parked: Option<Flight>,
    /// Whether somebody leads, and who, while it waits for others to join.
    pub(super) led: bool,
    pub(super) gathering: Option<Thread>,
    /// News for those who wait, by ticket.
    pub(super) news: HashMap<u64, News>,
    pub(super) pace: Pace,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) state: Arc<Snapshot>,
    /// When the request was sent that told it.
    pub(super) asked: u64,
    /// By the clock, when its answer came.
    pub(super) at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) members: Vec<Member>,
    /// What the last writer among them made of it; `None` when nobody writes.
    pub(super) content: Option<Content>,
}

#[derive(Debug)]
pub(super) struct Flying {
    pub(super) members: Vec<Member>,
    pub(super) content: Option<Content>,
    /// `None` until it can be sent.
    pub(super) write: Option<WriteId>,
    /// Somebody whose result is in the content left before it could be sent: it must not be.
    pub(super) void: bool,
    /// A moment before its first send, whoever drives it later.
    pub(super) asked: u64,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) ticket: u64,
    pub(super) thread: Thread,
    pub(super) writes: bool,
    /// When it joined, by the clock.
    pub(super) joined: Instant,
    /// For how long its write was held back then, for others to join or to have their turn.
    pub(super) held: Duration,
}

/// So many looks in a row that find everything as it was mean that other processes have stopped
/// writing. One alone says little: a process that writes now and then leaves most of them alone.
pub(super) const WARY: u32 = 4;

/// What took off.
pub(super) enum Gathered {
    Write { base: Arc<Snapshot>, content: Content },
    Readers { base: Arc<Snapshot> },
    Nothing,
}

impl Batch {
    pub(super) fn has(&self, ticket: u64) -> bool {
        self.members.iter().any(|member| member.ticket == ticket)
    }
}

impl State {
    pub(super) fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    pub(super) fn tip(&self, now: u64) -> Option<Tip> {
        let known = &self.known.as_ref()?.state;
        let flying = self.flying.as_ref().and_then(|flying| flying.content.as_ref());
        let held = match self.open.content.as_ref().or(flying) {
            Some(content) => content.held(now),
            None => known.held(now),
        };
        Some(Tip { held, known: known.clone(), epoch: self.epoch })
    }

    /// What is built on the old state is refused when it is sent, and learns of the new one so.
    pub(super) fn replaced(&mut self, by: Known) {
        let newer = self.known.as_ref().is_some_and(|known| known.asked > by.asked);
        if self.flying.is_none() && self.open.members.is_empty() && !newer {
            self.known = Some(by);
            // A closure may be running on the old state.
            self.epoch += 1;
        }
    }

    pub(super) fn tell(&mut self, ticket: u64, news: News) {
        self.news.insert(ticket, news);
    }

    pub(super) fn tell_member(&mut self, member: &Member, mut news: News) {
        if let News::Done(Done { waited, .. }) | News::Again { waited, .. } = &mut news {
            *waited += member.held;
        }
        self.tell(member.ticket, news);
        member.thread.unpark();
    }

    /// Closes the open batch and lets it fly, after it was held back since a moment.
    pub(super) fn take_off(&mut self, held_since: Instant, now: Instant) -> Gathered {
        self.gathering = None;
        let Batch { mut members, content } = std::mem::take(&mut self.open);
        for member in &mut members {
            member.held = now.saturating_duration_since(held_since.max(member.joined));
        }
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
    pub(super) fn sends(&mut self, flight: &Flight, key: &str) -> bool {
        if let Some(Flying { void: false, write, .. }) = &mut self.flying {
            *write = Some(flight.write_id(key));
            return true;
        }
        self.void(&News::Again { conflict: false, requests: 0, waited: Duration::ZERO });
        false
    }

    /// A moment before the first send of what flies.
    pub(super) fn asked(&self) -> u64 {
        self.flying.as_ref().map_or(0, |flying| flying.asked)
    }

    /// Whether what flies writes for this ticket.
    pub(super) fn flies_for(&self, ticket: u64) -> bool {
        let mut members = self.flying.iter().flat_map(|flying| &flying.members);
        members.any(|member| member.ticket == ticket && member.writes)
    }

    /// Those who flew.
    pub(super) fn landed(&mut self) -> Vec<Member> {
        self.flying.take().map(|flying| flying.members).unwrap_or_default()
    }

    /// Names the next leader, if anybody waits for one.
    pub(super) fn hand_over(&mut self) {
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

    pub(super) fn applied(
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
    }

    /// What was just applied is known to be history: what was built on it would be refused for
    /// sure, and runs on the newer state instead.
    pub(super) fn overtaken(&mut self, newer: Snapshot, at: Instant) {
        self.wary = WARY;
        // Not later than it was: the last send of the flight may have been by another leader.
        let asked = self.known.as_ref().map_or(0, |known| known.asked);
        self.known = Some(Known { state: Arc::new(newer), asked, at });
        self.void(&News::Again { conflict: false, requests: 0, waited: Duration::ZERO });
    }

    pub(super) fn conflict(
        &mut self,
        flight: &Flight,
        fresh: Snapshot,
        backoff: &Backoff,
        store: &Store,
    ) {
        let asked = self.asked();
        self.known = Some(Known { state: Arc::new(fresh), asked, at: store.env.now() });
        let riders =
            self.open.members.len() + self.flying.as_ref().map_or(0, |flying| flying.members.len());
        // The wait counts for those who wait it out, when they have.
        self.pace.lost(riders, backoff, &store.env);
        self.void(&News::Again {
            conflict: true,
            requests: flight.requests,
            waited: flight.waited,
        });
    }

    /// Everything above `known` is void: everybody runs again, and nobody leads.
    pub(super) fn void(&mut self, again: &News) {
        self.epoch += 1;
        self.led = false;
        let riders = std::mem::take(&mut self.open).members;
        for member in self.landed().into_iter().chain(riders) {
            self.tell_member(&member, again.clone());
        }
    }

    /// The write failed: its writers are told, everybody else runs again.
    pub(super) fn failed(&mut self, told: &News) {
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
    pub(super) fn broken(&mut self, leader: u64) {
        self.known = None;
        self.void(&News::Again { conflict: false, requests: 0, waited: Duration::ZERO });
        self.tell(leader, News::OutOfTime);
    }

    /// The leader of a flight leaves it. Whether somebody is left to drive it on.
    pub(super) fn left_by(&mut self, leader: u64, told: News) -> bool {
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
    pub(super) fn leave(&mut self, ticket: u64) -> News {
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
