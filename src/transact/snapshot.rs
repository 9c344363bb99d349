//! Whether what was read one after the other was all there at one moment.

use super::Tally;
use super::answers::{Then, refused_for, then};
use super::transaction::{MOST_BYTES, Transaction};
use crate::codec::envelope::Item;
use crate::dynamo::Address;
use crate::error::{Error, Result};
use crate::retry::Pause;

impl Transaction<'_> {
    /// Whether these items, as they were seen, were all there at one moment of this call. If not,
    /// what is remembered of them is now what is there, at one moment.
    pub(super) fn holds(&mut self, items: &[usize], tally: &mut Tally) -> Result<bool> {
        let mut moments = items.iter().filter_map(|at| self.entries[*at].seen.as_ref());
        let first = moments.next().map(|seen| seen.moment);
        if moments.all(|seen| Some(seen.moment) == first) {
            return Ok(true);
        }
        self.check_bytes(items)?;
        let found = self.read_together(items, tally)?;
        let moment = self.moment();
        let mut held = true;
        for (at, item) in items.iter().zip(found) {
            let entry = &mut self.entries[*at];
            let before = entry.seen.take();
            entry.found(item, moment);
            let fence = |seen: &Option<super::transaction::Seen>| {
                seen.as_ref().map(|seen| seen.state.fence.clone())
            };
            held &= fence(&before) == fence(&entry.seen);
        }
        Ok(held)
    }

    /// `TransactGetItems`, until it is answered.
    fn read_together(&mut self, items: &[usize], tally: &mut Tally) -> Result<Vec<Option<Item>>> {
        const OPERATION: &str = "TransactGetItems";
        let (home, mut sent, mut tries) = (self.home, 0, 0);
        loop {
            sent += 1;
            self.effort.requests += 1;
            let addresses: Vec<Address<'_>> =
                items.iter().map(|at| self.entries[*at].address()).collect();
            let failure = match home.dynamo.transact_get(&addresses, self.effort.deadline()) {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let subject = home.subject(None);
            subject.failed(OPERATION, sent, &failure);
            let pause = match then(&failure) {
                Then::Again(pause) => pause,
                Then::Hopeless(Some(at)) if at < items.len() => {
                    let entry = &self.entries[items[at]];
                    return Err(refused_for(entry, at, OPERATION, failure, sent, &self.effort));
                }
                Then::Hopeless(_) | Then::Refused => {
                    return Err(subject.error(OPERATION, failure, sent, &self.effort));
                }
            };
            if pause == Pause::Conflict {
                tally.lost(self.names(items.iter().copied()));
                if tally.enough() || !self.effort.pause(pause, subject) {
                    return Err(tally.out_of_time(self));
                }
                continue;
            }
            tries += 1;
            if tries >= home.policy.max_attempts.max(1) || !self.effort.pause(pause, subject) {
                return Err(subject.error(OPERATION, failure, sent, &self.effort));
            }
        }
    }

    fn check_bytes(&self, items: &[usize]) -> Result<()> {
        let sizes = items.iter().filter_map(|at| {
            let entry = &self.entries[*at];
            entry.seen.as_ref().map(|seen| (entry, seen.size))
        });
        check_bytes(self, "read", sizes.map(|(entry, size)| (entry.key.as_str(), size)))
    }
}

/// Whether DynamoDB takes a transaction of items of these sizes.
pub(super) fn check_bytes<'a>(
    tx: &Transaction<'_>,
    done: &str,
    sizes: impl Iterator<Item = (&'a str, usize)>,
) -> Result<()> {
    let (mut total, mut heaviest) = (0, ("", 0));
    for (key, size) in sizes {
        total += size;
        if size > heaviest.1 {
            heaviest = (key, size);
        }
    }
    if total <= MOST_BYTES {
        return Ok(());
    }
    Err(Error::TooLarge {
        table: tx.home.table.clone(),
        key: None,
        what: format!("the size in bytes of all that the transaction has {done}, names included,"),
        actual: total,
        limit: MOST_BYTES,
        hint: format!("{} weighs most: {} bytes", heaviest.0, heaviest.1),
    })
}
