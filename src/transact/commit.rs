//! One transaction on its way: sends the request, looks where it must, and ends with what is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::{Then, leaves_doubt, refused_for, then};
use super::doubt::Refusal;
use super::snapshot::check_bytes;
use super::transaction::Transaction;
use super::{Tally, same_content};
use crate::codec::envelope::{Sealed, Snapshot};
use crate::codec::limits;
use crate::dynamo::answer::{Failure, Hindrance, Reason};
use crate::dynamo::{Action, Condition, Part, TransactWrite};
use crate::error::Result;
use crate::events::TARGET;
use crate::retry::Pause;
use crate::swap::flight::{HURRIED, HURRY};
use crate::swap::lane::Lane;
use crate::write_id::Id;

const OPERATION: &str = "TransactWriteItems";

/// DynamoDB knows a token for ten minutes. After so long a request in doubt is not sent again: the
/// items are asked instead.
const TOKEN_IS_GOOD: Duration = Duration::from_secs(9 * 60);

/// How it ended.
#[derive(Debug)]
pub(super) enum Landing {
    Applied {
        recovered: bool,
    },
    /// Not applied: others came first, for these keys, whose new states are remembered or will be
    /// read again.
    Conflict {
        keys: String,
    },
}

/// A request to write several items, from its first send to its end.
pub(super) struct Commit {
    pub(super) written: Vec<Written>,
    request: TransactWrite,
    sent: u32,
    /// How many of the sends did not wait their time, for the request was in doubt.
    hurried: u32,
    /// How many sends met trouble or throttling.
    tries: u32,
    /// Whether some send may have been applied without our knowing.
    in_doubt: bool,
    first_sent: Option<Instant>,
    last: Option<Failure>,
}

/// One item that is written.
pub(super) struct Written {
    pub(super) at: usize,
    pub(super) id: Id,
    pub(super) base: Option<Id>,
    /// Whether it leaves an id behind: a deletion does not.
    pub(super) leaves_id: bool,
    after: Snapshot,
    /// The lane that is to learn of it, and a moment of its before the first send.
    lane: Option<(Arc<Lane>, u64)>,
}

impl Commit {
    /// The request for what the closure made; every item has been looked at.
    pub(super) fn new(tx: &Transaction<'_>) -> Result<Self> {
        let (mut written, mut parts) = (Vec::new(), Vec::new());
        let (env, mut sizes) = (&tx.home.env, Vec::new());
        for (at, entry) in tx.entries.iter().enumerate() {
            let Some(seen) = &entry.seen else { continue };
            let (store, base) = (&entry.store, &seen.state);
            let mut action = Action::Check;
            if let Some(change) = entry.change.as_ref().filter(|new| !same_content(base, new)) {
                let bits = env.random();
                let sealed = store.layout.seal(&entry.key, base, change, bits);
                store.check_size(&entry.key, &sealed)?;
                let Sealed { item, after } = sealed;
                let lane = store.lanes.in_use(&entry.key).map(|lane| {
                    let asked = lane.tick();
                    (lane, asked)
                });
                written.push(Written {
                    at,
                    id: after.writes.first().copied().unwrap_or(Id::from_bits(bits)),
                    base: base.writes.first().copied(),
                    leaves_id: item.is_some(),
                    after,
                    lane,
                });
                action = item.map_or(Action::Delete, Action::Put);
            }
            let key = entry.address();
            sizes.push(match &action {
                Action::Put(item) => (key.key, limits::item_size(item)),
                Action::Delete | Action::Check => (key.key, key.key_name.len() + key.key.len()),
            });
            let condition = Condition::of_fence(&store.layout, &base.fence);
            parts.push(Part { at: key, action, condition });
        }
        check_bytes(tx, "to send", sizes.into_iter())?;
        let token = format!("{:016x}{:016x}", env.random(), env.random());
        let request = TransactWrite::new(token, parts)
            .map_err(|failure| tx.home.subject(None).error(OPERATION, failure, 0, &tx.effort))?;
        Ok(Self {
            written,
            request,
            sent: 0,
            hurried: 0,
            tries: 0,
            in_doubt: false,
            first_sent: None,
            last: None,
        })
    }

    /// How many items it writes.
    pub(super) fn writes(&self) -> usize {
        self.written.len()
    }

    /// Sends it until its fate is known or the time is up.
    pub(super) fn drive(&mut self, tx: &mut Transaction<'_>, tally: &mut Tally) -> Result<Landing> {
        let home = tx.home;
        loop {
            if tx.effort.is_over() {
                return self.given_up(tx, tally);
            }
            let now = tx.effort.now();
            let first_sent = *self.first_sent.get_or_insert(now);
            if self.in_doubt && now.saturating_duration_since(first_sent) > TOKEN_IS_GOOD {
                return self.look(tx, None);
            }
            self.sent += 1;
            tx.effort.requests += 1;
            let (items, writes) = (tx.entries.len(), self.written.len());
            let (table, attempt) = (&home.table, self.sent);
            tracing::trace!(target: TARGET, table, items, writes, attempt, "transaction sent");
            let failure = match home.dynamo.transact_write(&self.request, tx.effort.deadline()) {
                Ok(()) => return Ok(self.applied(tx, false)),
                Err(failure) => failure,
            };
            home.subject(None).failed(OPERATION, self.sent, &failure);
            self.in_doubt |= leaves_doubt(&failure);
            let pause = match (then(&failure), &failure) {
                (Then::Again(pause), _) => pause,
                (Then::Refused, Failure::Canceled { reasons, .. }) => {
                    return self.refused(tx, reasons);
                }
                (Then::Refused, _) => return self.hopeless(tx, failure, None),
                (Then::Hopeless(at), _) => return self.hopeless(tx, failure, at),
            };
            if pause == Pause::Conflict {
                tally.lost(held(tx, &failure));
            } else {
                self.tries += 1;
            }
            self.last = Some(failure);
            let hurries = self.in_doubt && self.hurried < HURRIED;
            let tried = self.tries >= home.policy.max_attempts.max(1) && !hurries;
            if tried || tally.enough() || !self.pause(tx, pause, hurries) {
                return self.given_up(tx, tally);
            }
        }
    }

    /// Waits before the next send. One in doubt does not wait its time at first: an item remembers
    /// its last sixteen writes, and others may be busy filling that memory.
    fn pause(&mut self, tx: &mut Transaction<'_>, pause: Pause, hurries: bool) -> bool {
        let subject = tx.home.subject(None);
        if !hurries {
            return tx.effort.pause(pause, subject);
        }
        self.hurried += 1;
        self.tries = self.tries.saturating_sub(1);
        match self.hurried {
            1 => !tx.effort.is_over(),
            n => tx.effort.wait(HURRY.draw(n - 1, &tx.home.env), pause, subject),
        }
    }

    /// All of it is in place: tells the lanes.
    pub(super) fn applied(&self, tx: &Transaction<'_>, recovered: bool) -> Landing {
        for Written { after, lane, .. } in &self.written {
            if let Some((lane, asked)) = lane {
                lane.replaced(after.clone(), *asked, tx.effort.now());
            }
        }
        Landing::Applied { recovered }
    }

    /// Some conditions did not hold. Takes in what was there instead, and finds out what became of
    /// sends whose reply was lost.
    fn refused(&mut self, tx: &mut Transaction<'_>, reasons: &[Reason]) -> Result<Landing> {
        let failed = |reason: &&Reason| reason.hindrance() == Hindrance::Condition;
        let mut broken = Vec::new();
        for (at, reason) in reasons.iter().enumerate().take(tx.entries.len()) {
            if !failed(&reason) {
                continue;
            }
            broken.push(at);
            let moment = tx.moment();
            match &reason.item {
                Some(item) => tx.entries[at].found(Some(item.clone()), moment),
                // Gone, or the server does not tell: to be read again when it is needed.
                None => tx.entries[at].seen = None,
            }
        }
        let keys = tx.names(broken.iter().copied());
        if !self.in_doubt {
            self.tell(tx, &keys, "conflict: another writer came first");
            return Ok(Landing::Conflict { keys });
        }
        let mut sights = self.sights();
        for (written, sight) in self.written.iter().zip(&mut sights) {
            let seen = tx.entries[written.at].seen.as_ref();
            if let Some(seen) = seen.filter(|_| broken.contains(&written.at)) {
                sight.ids = Some(seen.state.writes.clone());
            }
        }
        self.settle(tx, sights, Refusal::Condition { keys })
    }

    /// Nothing helps. `at` is the item whose fault it is.
    fn hopeless(
        &self,
        tx: &mut Transaction<'_>,
        failure: Failure,
        at: Option<usize>,
    ) -> Result<Landing> {
        let entry = at.and_then(|at| Some((at, tx.entries.get(at)?)));
        let error = match entry {
            Some((at, entry)) => refused_for(entry, at, OPERATION, failure, self.sent, &tx.effort),
            None => tx.home.subject(None).error(OPERATION, failure, self.sent, &tx.effort),
        };
        if self.in_doubt { self.look(tx, Some(error)) } else { Err(error) }
    }

    /// The time is up, or enough was tried.
    fn given_up(&mut self, tx: &mut Transaction<'_>, tally: &Tally) -> Result<Landing> {
        if !self.in_doubt {
            return Err(match self.last.take() {
                Some(failure) if then(&failure) != Then::Again(Pause::Conflict) => {
                    tx.home.subject(None).error(OPERATION, failure, self.sent, &tx.effort)
                }
                _ => tally.out_of_time(tx),
            });
        }
        if !tx.effort.is_over() {
            return self.look(tx, None);
        }
        let cause = self.last.as_ref().map(|failure| failure.cause().to_string());
        Err(self.indeterminate(tx, &cause.unwrap_or_default()))
    }

    pub(super) fn keys(&self, tx: &Transaction<'_>) -> String {
        tx.names(self.written.iter().map(|written| written.at))
    }

    pub(super) fn tell(&self, tx: &Transaction<'_>, keys: &str, what: &str) {
        let (table, attempt) = (&tx.home.table, self.sent);
        tracing::debug!(target: TARGET, table, keys, attempt, "{what}");
    }
}

/// The keys that somebody else's transaction holds.
fn held(tx: &Transaction<'_>, failure: &Failure) -> String {
    let Failure::Canceled { reasons, .. } = failure else {
        return tx.names(0..tx.entries.len());
    };
    let busy = |(_, reason): &(usize, &Reason)| reason.hindrance() == Hindrance::Busy;
    tx.names(reasons.iter().enumerate().filter(busy).map(|(at, _)| at))
}
