//! Keeps requests under way: as many as the server takes, again what failed, under one deadline.

use std::time::{Duration, Instant};

use crate::dynamo::answer::Failure;
use crate::dynamo::exchanges::{Answer, Exchanges, Request};
use crate::retry::{Effort, Pause};
use crate::store::Store;

/// An answer of so many bytes was cut by DynamoDB's limit of 16 MB, not by a lack of capacity:
/// what it left out is asked for at once.
const CUT: usize = 8 * 1024 * 1024;

/// What is done in chunks.
pub(super) trait Work {
    /// What one request carries.
    type Chunk;

    /// The operation that errors name.
    fn operation(&self) -> &'static str;

    /// The next request to send, of what is ready by now.
    fn next(&mut self, now: Instant) -> Option<(Self::Chunk, Request)>;

    /// When there is something to send: now, or when the first that waits is ready; `None` when
    /// there is nothing but what is under way.
    fn wakes(&self, now: Instant) -> Option<Instant>;

    /// Takes in an answer; the chunk comes back with a failure. What was not processed is kept,
    /// to be sent again after `pause` of so many attempts.
    fn answered(
        &mut self,
        chunk: Self::Chunk,
        answer: Answer,
        pause: &mut dyn FnMut(u32) -> Instant,
    ) -> Result<Share, (Self::Chunk, Failure)>;

    /// Takes back a chunk whose request failed: to be sent again, or left over at the end.
    fn failed(&mut self, chunk: Self::Chunk, in_doubt: bool);
}

/// How much of a chunk was left unprocessed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) left: usize,
    pub(super) of: usize,
}

/// Why it ended before all was done.
#[derive(Debug)]
pub(super) enum Stop {
    /// The time was up, or too many requests failed in a row; what the last failure was.
    Tired { last: String },
    /// It was refused for good, after so many attempts.
    Refused(Failure, u32),
}

/// Requests under way, and the server's temper.
pub(super) struct Pump<'a, C> {
    store: &'a Store,
    effort: Effort<'a>,
    /// Whether it is the time since something was last done that is counted, not the whole.
    patient: bool,
    exchanges: Exchanges<(C, Instant)>,
    /// The most requests under way, by the caller's wish and by what the server takes now.
    most: usize,
    room: usize,
    /// Failures in a row; requests that were under way together count once.
    streak: u32,
    failed_at: Option<Instant>,
    /// Nothing is sent before.
    paused: Option<Instant>,
    last: String,
}

impl<'a, C> Pump<'a, C> {
    /// Without a time for the whole, it ends when nothing was done for the policy's time.
    pub(super) fn new(store: &'a Store, most: usize, timeout: Option<Duration>) -> Self {
        let none = crate::retry::Backoff::none();
        let time = timeout.unwrap_or(store.policy.timeout);
        Self {
            store,
            effort: Effort::new(&store.env, &store.policy, time, &none),
            patient: timeout.is_none(),
            exchanges: Exchanges::new(&store.dynamo),
            most,
            room: most,
            streak: 0,
            failed_at: None,
            paused: None,
            last: "no answer in time".to_owned(),
        }
    }

    pub(super) fn effort(&self) -> &Effort<'a> {
        &self.effort
    }

    /// Sends what there is until nothing is left. When it stops before, what was under way has
    /// been waited for, or was taken back as failed.
    pub(super) fn run<W: Work<Chunk = C>>(&mut self, work: &mut W) -> Result<(), Stop> {
        let stop = loop {
            self.send(work);
            let wakes = work
                .wakes(self.effort.now())
                .map(|wakes| self.paused.map_or(wakes, |paused| paused.max(wakes)));
            if self.exchanges.len() == 0 {
                let Some(wakes) = wakes else { return Ok(()) };
                let pause = wakes.saturating_duration_since(self.effort.now());
                if self.effort.wait(pause, Pause::Trouble, self.store.subject(None)) {
                    continue;
                }
                break self.tired();
            }
            let deadline = self.effort.deadline();
            let until = wakes
                .filter(|_| self.exchanges.len() < self.room)
                .map_or(deadline, |wakes| wakes.min(deadline));
            // An answer that is already there is preferred to a deadline that has passed.
            match self.exchanges.next(until) {
                Some(((chunk, sent), answer)) => {
                    if let Some(stop) = self.answered(work, chunk, sent, answer) {
                        break stop;
                    }
                }
                None if self.effort.is_over() => break self.tired(),
                None => {}
            }
        };
        self.finish(work, matches!(stop, Stop::Refused(..)));
        Err(stop)
    }

    fn send<W: Work<Chunk = C>>(&mut self, work: &mut W) {
        let now = self.effort.now();
        if self.paused.is_some_and(|until| now < until) {
            return;
        }
        self.paused = None;
        while self.exchanges.len() < self.room && !self.effort.is_over() {
            let begun = self.effort.now();
            let next = work.next(begun);
            let sent = self.effort.now();
            if self.patient {
                // What the caller's iterator took is not the server's fault.
                self.effort.extend(sent.saturating_duration_since(begun));
            }
            let Some((chunk, request)) = next else { return };
            self.exchanges.send((chunk, sent), request, self.effort.deadline());
        }
    }

    fn answered<W: Work<Chunk = C>>(
        &mut self,
        work: &mut W,
        chunk: C,
        sent: Instant,
        answer: Answer,
    ) -> Option<Stop> {
        let Self { store, effort, .. } = self;
        // A wait that no clock can count is one until the deadline.
        let (now, deadline) = (effort.now(), effort.deadline());
        let cut = answer.size() >= CUT;
        let mut pause = |attempts| {
            let wait =
                if cut { Duration::ZERO } else { store.policy.backoff.draw(attempts, &store.env) };
            now.checked_add(wait).unwrap_or(deadline)
        };
        let (chunk, failure) = match work.answered(chunk, answer, &mut pause) {
            Ok(Share { left, of }) => {
                self.streak = 0;
                if self.patient && left < of {
                    self.effort.renew(store.policy.timeout);
                }
                if left == 0 {
                    self.room = (self.room + 1).min(self.most);
                } else if left * 2 > of && !cut {
                    self.room = (self.room / 2).max(1);
                }
                if left > 0 {
                    "items came back unprocessed".clone_into(&mut self.last);
                }
                return None;
            }
            Err(failed) => failed,
        };
        // Those that were under way together met one and the same trouble.
        if self.failed_at.is_none_or(|at| sent >= at) {
            self.streak += 1;
            self.failed_at = Some(now);
        }
        store.subject(None).failed(work.operation(), self.streak, &failure);
        work.failed(chunk, matches!(failure, Failure::InDoubt(_)));
        let bounds = match &failure {
            Failure::NotSent(_) | Failure::Busy(_) | Failure::InDoubt(_) => &store.policy.backoff,
            Failure::Throttled(_) => &store.policy.throttle,
            _ => return Some(Stop::Refused(failure, self.streak)),
        };
        self.last = failure.cause().to_string();
        if self.streak >= store.policy.max_attempts.max(1) {
            return Some(self.tired());
        }
        self.room = (self.room / 2).max(1);
        let wait = bounds.draw(self.streak, &store.env);
        let pause = now.checked_add(wait).unwrap_or(deadline);
        self.paused = self.paused.max(Some(pause));
        None
    }

    fn tired(&mut self) -> Stop {
        Stop::Tired { last: std::mem::take(&mut self.last) }
    }

    /// Takes back what is under way: the answers, if there is time to wait for them.
    fn finish<W: Work<Chunk = C>>(&mut self, work: &mut W, wait: bool) {
        while wait && let Some(((chunk, _), answer)) = self.exchanges.next(self.effort.deadline()) {
            let now = self.effort.now();
            if let Err((chunk, failure)) = work.answered(chunk, answer, &mut |_| now) {
                work.failed(chunk, matches!(failure, Failure::InDoubt(_)));
            }
        }
        for (chunk, _) in self.exchanges.abandon() {
            work.failed(chunk, true);
        }
    }
}
