//! One write on its way: sends the put, reads where it must, and ends with what is known.

use super::protocol::{Answer, Base, Verdict, Write};
use crate::codec::envelope::{self, Content, Fence, Snapshot};
use crate::codec::limits;
use crate::dynamo::answer::{Cause, Failure};
use crate::dynamo::{Condition, MOST_COMPARED};
use crate::error::{Error, Result};
use crate::retry::{Effort, Pause};
use crate::store::Store;
use crate::write_id::WriteId;

/// How a write ended.
#[derive(Debug)]
pub(crate) enum Landing {
    /// Applied; this is the state that it left.
    Applied { id: WriteId, after: Snapshot, recovered: bool },
    /// Not applied: another writer came first, and this is what is there now.
    Conflict(Snapshot),
}

/// Puts `content` in the place of `base`, or finds out that it cannot be done.
pub(crate) fn put(
    store: &Store,
    key: &str,
    base: &Snapshot,
    content: &Content,
    effort: &mut Effort<'_>,
) -> Result<Landing> {
    if let Fence::Foreign(attributes) = &base.fence
        && attributes.len() > MOST_COMPARED
    {
        return adopt(store, key, base, effort);
    }
    let id = new_id(store);
    let item = envelope::seal(&store.key_name, key, base, content, id);
    limits::check(&item).map_err(|error| store.too_large(Some(key), error))?;

    let mut write = Write::new(id, base.writes.first().map_or(Base::Unmarked, |id| Base::Write(*id)));
    let mut sent = 0;
    loop {
        sent += 1;
        effort.requests += 1;
        let condition = Condition::of_fence(&store.key_name, &base.fence);
        let reply = store.dynamo.put_item(&store.table, item.clone(), condition, effort.deadline());
        let (answer, seen, failure) = match reply {
            Ok(()) => (Answer::Applied, None, Failure::Final(Cause::default())),
            Err(Failure::ConditionFailed(Some(item))) => {
                let seen = store.open(Some(item));
                (refused(&seen), Some(seen), Failure::ConditionFailed(None))
            }
            Err(failure) => (answer_of(&failure), None, failure),
        };
        let mut verdict = write.answered(&answer);
        let mut seen = seen;
        if verdict == Verdict::Look {
            let found = store.read(key, true, effort).map_err(|error| match write.given_up() {
                Verdict::Unknown => indeterminate(store, key, id, &error.to_string()),
                _ => error,
            })?;
            verdict = write.answered(&refused(&found));
            seen = Some(found);
        }
        if verdict == Verdict::Again {
            let pause = match failure {
                Failure::Throttled(_) => Pause::Throttled,
                _ => Pause::Trouble,
            };
            if sent < store.policy.max_attempts && effort.pause(pause) {
                continue;
            }
            verdict = write.given_up();
        }
        return match verdict {
            Verdict::Applied { recovered } => {
                Ok(Landing::Applied { id, after: base.after(content, id), recovered })
            }
            Verdict::Conflict => Ok(Landing::Conflict(seen.unwrap_or_else(Snapshot::missing))),
            Verdict::Unknown => {
                Err(indeterminate(store, key, id, &format!("a reply was lost: {}", failure.cause())))
            }
            Verdict::Failed | Verdict::Again | Verdict::Look => {
                Err(store.subject(Some(key)).error("PutItem", failure, sent, effort))
            }
        };
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
        | Failure::Final(_) => Answer::Hopeless,
    }
}

fn refused(seen: &Snapshot) -> Answer {
    Answer::Refused { ids: seen.writes.clone() }
}

fn indeterminate(store: &Store, key: &str, write_id: WriteId, reason: &str) -> Error {
    Error::Indeterminate {
        table: store.table.clone(),
        key: key.to_owned(),
        write_id,
        reason: reason.to_owned(),
    }
}

fn new_id(store: &Store) -> WriteId {
    WriteId::from_bytes(store.env.random().to_be_bytes())
}

/// Marks a foreign item that is too wide for a condition, and reports what is there as a
/// conflict, so that the closure runs on exactly what the mark was put on.
fn adopt(store: &Store, key: &str, base: &Snapshot, effort: &mut Effort<'_>) -> Result<Landing> {
    let Fence::Foreign(found) = &base.fence else { return Ok(Landing::Conflict(base.clone())) };
    let id = new_id(store);
    effort.requests += 1;
    match store.dynamo.adopt(store.address(key), found, id, effort.deadline()) {
        Ok(item) => Ok(Landing::Conflict(store.open(item))),
        // Somebody else came first, or it is unclear whether the mark is there: look.
        Err(
            Failure::ConditionFailed(_)
            | Failure::NotSent(_)
            | Failure::Throttled(_)
            | Failure::Busy(_)
            | Failure::InDoubt(_),
        ) => store.read(key, true, effort).map(Landing::Conflict),
        Err(failure) => Err(store.subject(Some(key)).error("UpdateItem", failure, 1, effort)),
    }
}
