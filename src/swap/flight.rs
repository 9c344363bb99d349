//! One write on its way: sends the put, reads where it must, and ends with what is known.

use std::sync::Arc;
use std::time::Duration;

use super::protocol::{Answer, Base, Verdict, Write};
use crate::codec::envelope::{Content, Fence, Sealed, Snapshot};
use crate::dynamo::answer::Failure;
use crate::dynamo::{Condition, MOST_COMPARED};
use crate::error::{Error, Result};
use crate::events::TARGET;
use crate::retry::{Backoff, Effort, Pause};
use crate::store::Store;
use crate::write_id::{Id, WriteId};

/// A write in doubt is sent again at once, and then after waits of up to this, so often. An item
/// remembers its last sixteen writes: another writer who is busy has filled that memory after as
/// many round trips, and from then on nobody can know. Only then the usual waits begin.
pub(crate) const HURRY: Backoff =
    Backoff::new(Duration::from_millis(1), 2.0, Duration::from_millis(8));
pub(crate) const HURRIED: u32 = 5;

/// For so many round trips, what was seen is fresh enough to write on. In each of them another
/// writer can write once, and an item remembers sixteen writes: a reply that is lost later than
/// that can hardly be made up for.
pub(super) const FRESH: u32 = 8;

/// How a write ended, or why it did not.
#[derive(Debug)]
pub(crate) enum Landing {
    /// Applied; this is the state that it left. `newer` when it was seen that others have written
    /// on top of it since.
    Applied { after: Snapshot, recovered: bool, newer: Option<Snapshot> },
    /// Not applied: another writer came first, and this is what is there now.
    Conflict(Snapshot),
    /// It cannot be known.
    Unknown { reason: String },
    /// Not applied, and not worth another try.
    Refused { failure: Failure, sent: u32 },
    /// Not applied: looking at what is there failed.
    Blind(Error),
    /// The time of the thread that drove it is up; another may drive it on.
    OutOfTime,
}

/// One write on its way. Whoever drives it may leave it to another at the end of its time.
#[derive(Debug)]
pub(crate) struct Flight {
    id: Id,
    base: Arc<Snapshot>,
    sealed: Sealed,
    write: Write,
    sent: u32,
    /// How many of the sends did not wait their time, for the write was in doubt.
    hurried: u32,
    last: Option<Failure>,
    /// Requests sent for it, reads included.
    pub(crate) requests: u32,
    /// Time spent waiting between them.
    pub(crate) waited: Duration,
}

impl Flight {
    /// A write of `content` in the place of `base`, with this fresh id.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(crate) fn new(
        store: &Store,
        key: &str,
        base: Arc<Snapshot>,
        content: &Content,
    ) -> Result<Self> {
        let bits = store.env.random();
        let sealed = store.layout.seal(key, &base, content, bits);
        store.check_size(key, &sealed)?;
        // A write that leaves no id behind, a deletion, cannot be recognised later.
        let id = sealed.after.writes.first().copied().unwrap_or(Id::from_bits(bits));
        let on = Base::of(&base.writes);
        Ok(Self {
            id,
            base,
            sealed,
            write: Write::new(id, on),
            sent: 0,
            hurried: 0,
            last: None,
            requests: 0,
            waited: Duration::ZERO,
        })
    }

    /// What the write is called from now on.
    pub(crate) fn write_id(&self, key: &str) -> WriteId {
        WriteId::new(key, self.id, self.base.writes.first().copied())
    }

    /// Sends the put until its fate is known or the effort's time is up.
    pub(crate) fn drive(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> Landing {
        if let Fence::Foreign(attributes) = &self.base.fence
            && attributes.len() > MOST_COMPARED
        {
            return self.adopt(store, key, effort);
        }
        // A thread that took it over with no time left could not wait for the answer.
        if effort.is_over() {
            return Landing::OutOfTime;
        }
        loop {
            self.sent += 1;
            self.requests += 1;
            tracing::trace!(
                target: TARGET,
                table = store.table,
                key,
                write = %self.id,
                base_version = self.base.version,
                attempt = self.sent,
                "put"
            );
            let begun = effort.now();
            let answer = match self.send(store, key, effort) {
                Ok(()) => Answer::Applied,
                Err(Failure::ConditionFailed(Some(item))) => {
                    return self.refused(store, key, store.open(Some(item)));
                }
                Err(failure) => {
                    store.subject(Some(key)).failed("PutItem", self.sent, &failure);
                    let answer = answer_of(&failure);
                    self.last = Some(failure);
                    answer
                }
            };
            match self.write.answered(&answer) {
                Verdict::Applied { recovered } => return self.applied(recovered, None),
                Verdict::Conflict => return Landing::Conflict(Snapshot::missing()),
                Verdict::Unknown | Verdict::Failed => return self.given_up(),
                Verdict::Look => return self.look(store, key, effort),
                Verdict::Again => {}
            }
            if self.sent - self.hurried >= store.policy.max_attempts.max(1) {
                return self.given_up();
            }
            let answered = effort.now();
            if !self.pause(store, key, effort) {
                return Landing::OutOfTime;
            }
            let trip = answered.saturating_duration_since(begun);
            if effort.now().saturating_duration_since(answered) > trip * FRESH
                && let Some(landing) = self.overtaken(store, key, effort)
            {
                return landing;
            }
        }
    }

    fn send(&self, store: &Store, key: &str, effort: &Effort<'_>) -> Result<(), Failure> {
        let condition = Condition::of_fence(&store.layout, &self.base.fence);
        let deadline = effort.deadline();
        match &self.sealed.item {
            Some(item) => store.dynamo.put_item(&store.table, item, condition, deadline),
            None => store.dynamo.delete_item(store.address(key), Some(condition), deadline),
        }
    }

    /// What is to be said when nobody drives it on.
    pub(crate) fn given_up(&mut self) -> Landing {
        match (self.write.given_up(), self.last.clone()) {
            (Verdict::Unknown, last) => {
                let cause = last.map(|failure| failure.cause().to_string()).unwrap_or_default();
                Landing::Unknown { reason: format!("its reply was lost: {cause}") }
            }
            (_, Some(failure)) => Landing::Refused { failure, sent: self.sent },
            (_, None) => Landing::OutOfTime,
        }
    }

    fn pause(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> bool {
        let subject = store.subject(Some(key));
        let before = effort.waited;
        let pause = match self.last {
            Some(Failure::Throttled(_)) => Pause::Throttled,
            _ => Pause::Trouble,
        };
        let goes_on = if self.write.given_up() == Verdict::Unknown && self.hurried < HURRIED {
            self.hurried += 1;
            match self.hurried {
                1 => !effort.is_over(),
                n => effort.wait(HURRY.draw(n - 1, &store.env), pause, subject),
            }
        } else {
            effort.pause(pause, subject)
        };
        self.waited += effort.waited.saturating_sub(before);
        goes_on
    }

    fn applied(&self, recovered: bool, newer: Option<Snapshot>) -> Landing {
        Landing::Applied { after: self.sealed.after.clone(), recovered, newer }
    }

    /// The condition did not hold, and this is what was there.
    fn refused(&mut self, store: &Store, key: &str, seen: Snapshot) -> Landing {
        let verdict = self.write.answered(&Answer::Refused { ids: seen.writes.clone() });
        tracing::debug!(
            target: TARGET,
            table = store.table,
            key,
            write = %self.id,
            base_version = self.base.version,
            found_version = seen.version,
            attempt = self.sent,
            "{}",
            match verdict {
                Verdict::Applied { .. } => "recovered: an earlier send was applied",
                Verdict::Conflict => "conflict: another writer came first",
                _ => "unknown: the item has forgotten",
            }
        );
        match verdict {
            Verdict::Applied { recovered } => {
                // What was applied is known from the base on, however much came after it.
                let newest = seen.writes.first() == Some(&self.id);
                self.applied(recovered, (!newest).then_some(seen))
            }
            Verdict::Conflict => Landing::Conflict(seen),
            _ => Landing::Unknown {
                reason: "its reply was lost, and the item has forgotten the writes of that time"
                    .to_owned(),
            },
        }
    }

    /// The server refused to look at the put, and there was a long wait. Whether others have used
    /// it: then another send would be refused at best, and in doubt for good at worst.
    fn overtaken(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> Option<Landing> {
        let refused = matches!(self.last, Some(Failure::Throttled(_) | Failure::Busy(_)));
        if !refused || self.write.given_up() == Verdict::Unknown {
            return None;
        }
        let before = effort.requests;
        let found = store.read(key, true, effort);
        self.requests += effort.requests - before;
        effort.requests = before;
        // A read that fails says nothing.
        let seen = found.ok().filter(|seen| seen.fence != self.base.fence)?;
        Some(self.refused(store, key, seen))
    }

    /// The server does not say what was there.
    fn look(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> Landing {
        let before = effort.requests;
        let found = store.read(key, true, effort);
        self.requests += effort.requests - before;
        effort.requests = before;
        match (found, self.write.given_up()) {
            (Ok(seen), _) => self.refused(store, key, seen),
            (Err(error), Verdict::Unknown) => {
                Landing::Unknown { reason: format!("its reply was lost, and then: {error}") }
            }
            (Err(error), _) => Landing::Blind(error),
        }
    }

    /// Marks a foreign item that is too wide for a condition, and reports what is there as a
    /// conflict, so that the closure runs on exactly what the mark was put on.
    fn adopt(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> Landing {
        let Fence::Foreign(found) = &self.base.fence else { return Landing::OutOfTime };
        self.requests += 1;
        let mark = store.layout.mark(store.env.random());
        match store.dynamo.adopt(store.address(key), &store.layout, found, mark, effort.deadline())
        {
            Ok(item) => Landing::Conflict(store.open(item)),
            // Somebody else came first, or it is unclear whether the mark is there: look.
            Err(
                Failure::ConditionFailed(_)
                | Failure::NotSent(_)
                | Failure::Throttled(_)
                | Failure::Busy(_)
                | Failure::InDoubt(_),
            ) => match store.read(key, true, effort) {
                Ok(seen) => Landing::Conflict(seen),
                Err(error) => Landing::Blind(error),
            },
            Err(failure) => Landing::Refused { failure, sent: 1 },
        }
    }
}

fn answer_of(failure: &Failure) -> Answer {
    match failure {
        Failure::ConditionFailed(_) => Answer::RefusedUntold,
        Failure::NotSent(_) | Failure::Throttled(_) | Failure::Busy(_) => Answer::NotApplied,
        Failure::InDoubt(_) => Answer::Lost,
        Failure::Credentials(_)
        | Failure::ClockSkew(_)
        | Failure::NoTable(_)
        | Failure::TableInUse(_)
        | Failure::Unusable(_)
        | Failure::Canceled { .. }
        | Failure::Final(_) => Answer::Hopeless,
    }
}
