//! A transaction whose reply was lost: asks its items what became of it.

use super::commit::{Commit, Landing, Written};
use super::fate::{Fate, Sight, fate};
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::write_id::{Id, WriteId};

/// Why a request in doubt is looked into.
pub(super) enum Refusal {
    /// A condition of it was broken, for these keys.
    Condition { keys: String },
    /// It is not sent any more, with this error when none of it is there.
    None { error: Option<Error> },
}

impl Commit {
    /// It cannot be applied, or is not to be sent again: finds out what became of earlier sends.
    pub(super) fn look(&self, tx: &mut Transaction<'_>, error: Option<Error>) -> Result<Landing> {
        self.settle(tx, self.sights(), Refusal::None { error })
    }

    pub(super) fn sights(&self) -> Vec<Sight> {
        let unseen = |w: &Written| Sight { id: w.id, base: w.base, ids: None };
        self.written.iter().map(unseen).collect()
    }

    /// Reads the items that were not looked at, until one tells.
    pub(super) fn settle(
        &self,
        tx: &mut Transaction<'_>,
        mut sights: Vec<Sight>,
        refusal: Refusal,
    ) -> Result<Landing> {
        let refused = matches!(refusal, Refusal::Condition { .. });
        let mut told = fate(&sights, refused);
        let mut trouble = None;
        for (n, written) in self.written.iter().enumerate() {
            if told != Fate::Unknown {
                break;
            }
            if sights[n].ids.is_some() {
                continue;
            }
            match tx.look(written.at) {
                Ok(state) => sights[n].ids = Some(state.writes.clone()),
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
            told = fate(&sights, refused);
        }
        match (told, refusal) {
            (Fate::Applied, _) => {
                let keys = self.keys(tx);
                self.tell(tx, &keys, "recovered: an earlier send was applied");
                Ok(self.applied(tx, true))
            }
            (Fate::NotApplied, Refusal::Condition { keys }) => {
                self.tell(tx, &keys, "conflict: another writer came first");
                Ok(Landing::Conflict { keys })
            }
            (Fate::NotApplied, Refusal::None { error: None }) => {
                let keys = self.keys(tx);
                self.tell(tx, &keys, "conflict: another writer came first");
                Ok(Landing::Conflict { keys })
            }
            (Fate::NotApplied, Refusal::None { error: Some(error) }) => Err(error),
            (Fate::Unknown, _) => {
                let why = match trouble {
                    Some(error) => format!("and then: {error}"),
                    None => "and its items do not tell".to_owned(),
                };
                Err(self.indeterminate(tx, &why))
            }
        }
    }

    pub(super) fn indeterminate(&self, tx: &Transaction<'_>, why: &str) -> Error {
        let keys = self.keys(tx);
        self.tell(tx, &keys, "unknown: its reply was lost");
        // One that leaves an id behind can be asked for later.
        let first = self.written.iter().find(|written| written.leaves_id);
        let first = first.or(self.written.first());
        let entry = first.and_then(|written| Some((written, tx.entries.get(written.at)?)));
        let (table, key, id, base) = match entry {
            Some((written, entry)) => {
                (entry.store.table.clone(), entry.key.clone(), written.id, written.base)
            }
            // Not reached: what is sent writes something.
            None => (tx.home.table.clone(), String::new(), Id::from_bits(0), None),
        };
        Error::Indeterminate {
            table,
            write_id: WriteId::new(&key, id, base),
            key,
            reason: format!(
                "the reply to a transaction was lost, {why}; it writes all of these or none: {keys}"
            ),
        }
    }
}
