//! One write on its way: sends the put, reads where it must, and ends with what is known.

use std::sync::Arc;
use std::time::Duration;

use super::protocol::{Answer, Base, Verdict, Write};
use crate::codec::envelope::{Content, Fence, Sealed, Snapshot};
use crate::dynamo::answer::Failure;
use crate::dynamo::{Condition, MOST_COMPARED};
use crate::error::{Error, Result};
use crate::retry::{Effort, Pause};
use crate::store::Store;
use crate::write_id::{Id, WriteId};

/// How a write ended, or why it did not.
#[derive(Debug)]
pub(crate) enum Landing {
    /// Applied; this is the state that it left.
    Applied { after: Snapshot, recovered: bool },
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
    last: Option<Failure>,
    /// Requests sent for it, reads included.
    pub(crate) requests: u32,
    /// Time spent waiting between them.
    pub(crate) waited: Duration,
}

impl Flight {
    /// A write of `content` in the place of `base`.
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
            let answer = match self.send(store, key, effort) {
                Ok(()) => Answer::Applied,
                Err(Failure::ConditionFailed(Some(item))) => {
                    return self.refused(store.open(Some(item)));
                }
                Err(failure) => {
                    let answer = answer_of(&failure);
                    self.last = Some(failure);
                    answer
                }
            };
            match self.write.answered(&answer) {
                Verdict::Applied { recovered } => return self.applied(recovered),
                Verdict::Conflict => return Landing::Conflict(Snapshot::missing()),
                Verdict::Unknown | Verdict::Failed => return self.given_up(),
                Verdict::Look => return self.look(store, key, effort),
                Verdict::Again => {}
            }
            if self.sent >= store.policy.max_attempts.max(1) {
                return self.given_up();
            }
            if !self.pause(&answer, effort) {
                return Landing::OutOfTime;
            }
        }
    }

    fn send(&self, store: &Store, key: &str, effort: &Effort<'_>) -> Result<(), Failure> {
        let condition = Condition::of_fence(&store.layout, &self.base.fence);
        let deadline = effort.deadline();
        match &self.sealed.item {
            Some(item) => store.dynamo.put_item(&store.table, item.clone(), condition, deadline),
            None => store.dynamo.delete_item(store.address(key), Some(condition), deadline),
        }
    }

    /// What is to be said when nobody drives it on.
    pub(crate) fn given_up(&mut self) -> Landing {
        match (self.write.given_up(), self.last.take()) {
            (Verdict::Unknown, last) => {
                let cause = last.map(|failure| failure.cause().to_string()).unwrap_or_default();
                Landing::Unknown { reason: format!("its reply was lost: {cause}") }
            }
            (_, Some(failure)) => Landing::Refused { failure, sent: self.sent },
            (_, None) => Landing::OutOfTime,
        }
    }

    fn pause(&mut self, answer: &Answer, effort: &mut Effort<'_>) -> bool {
        // After the first lost reply at once: the longer it takes to find out, the more other
        // writes can push this one out of the item's memory.
        if *answer == Answer::Lost && self.sent == 1 {
            return !effort.is_over();
        }
        let before = effort.waited;
        let pause = match self.last {
            Some(Failure::Throttled(_)) => Pause::Throttled,
            _ => Pause::Trouble,
        };
        let goes_on = effort.pause(pause);
        self.waited += effort.waited.saturating_sub(before);
        goes_on
    }

    fn applied(&self, recovered: bool) -> Landing {
        Landing::Applied { after: self.sealed.after.clone(), recovered }
    }

    /// The condition did not hold, and this is what was there.
    fn refused(&mut self, seen: Snapshot) -> Landing {
        match self.write.answered(&Answer::Refused { ids: seen.writes.clone() }) {
            Verdict::Applied { recovered } => {
                // What was applied is known from the base on, however much came after it.
                self.applied(recovered)
            }
            Verdict::Conflict => Landing::Conflict(seen),
            _ => Landing::Unknown {
                reason: "its reply was lost, and the item has forgotten the writes of that time"
                    .to_owned(),
            },
        }
    }

    /// The server does not say what was there.
    fn look(&mut self, store: &Store, key: &str, effort: &mut Effort<'_>) -> Landing {
        let before = effort.requests;
        let found = store.read(key, true, effort);
        self.requests += effort.requests - before;
        effort.requests = before;
        match (found, self.write.given_up()) {
            (Ok(seen), _) => self.refused(seen),
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
        | Failure::Final(_) => Answer::Hopeless,
    }
}
