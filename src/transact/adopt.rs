//! Items that other tools wrote and that are too wide for a condition.

use super::transaction::Transaction;
use crate::codec::envelope::Fence;
use crate::dynamo::MOST_COMPARED;
use crate::dynamo::answer::Failure;
use crate::error::Result;

/// Marks the items that other tools wrote and that are too wide for a condition. True when there
/// was one: what is remembered of it is what the mark was put on.
pub(super) fn adopt(tx: &mut Transaction<'_>) -> Result<bool> {
    let mut adopted = false;
    for at in 0..tx.entries.len() {
        let state = tx.state(at)?;
        let Fence::Foreign(found) = &state.fence else { continue };
        if found.len() <= MOST_COMPARED {
            continue;
        }
        adopted = true;
        let moment = tx.moment();
        let deadline = tx.effort.deadline();
        let entry = &mut tx.entries[at];
        let store = entry.store.clone();
        let mark = store.layout.mark(store.env.random());
        tx.effort.requests += 1;
        match store.dynamo.adopt(entry.address(), &store.layout, found, mark, deadline) {
            Ok(item) => entry.found(item, moment),
            // Somebody else came first, or it is unclear whether the mark is there: look.
            Err(
                Failure::ConditionFailed(_)
                | Failure::NotSent(_)
                | Failure::Throttled(_)
                | Failure::Busy(_)
                | Failure::InDoubt(_),
            ) => {
                tx.look(at)?;
            }
            Err(failure) => {
                return Err(entry.subject().error("UpdateItem", failure, 1, &tx.effort));
            }
        }
    }
    Ok(adopted)
}
