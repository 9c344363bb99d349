//! What is known of one conditional write: answers in, verdicts out. No I/O, no clock.
//!
//! A write is *one* put, sent as often as it takes, always with the same id and the same
//! condition. Because the condition names a state that can never come back (its newest write id
//! is random and fresh), at most one of those sends can be applied, and once another write has
//! taken the place of that state, none of them ever can.

use crate::write_id::{Id, Outcome};

/// The state that a write is built on, as far as the protocol cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base {
    /// An item whose newest write has this id.
    Write(Id),
    /// No item, or one without ids: nothing by which it could be recognised later.
    Unmarked,
}

impl Base {
    /// The state whose last writes these are, newest first.
    pub(crate) fn of(writes: &[Id]) -> Self {
        writes.first().map_or(Self::Unmarked, |newest| Self::Write(*newest))
    }
}

/// What one send of the put came back with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Applied, and said so.
    Applied,
    /// The condition did not hold, and this is what was there: the ids of its last writes,
    /// newest first; none for a missing or a foreign item.
    Refused { ids: Vec<Id> },
    /// The condition did not hold, and the server does not say what was there.
    RefusedUntold,
    /// Certainly not applied, but it may be when sent again: throttled, busy, never sent.
    NotApplied,
    /// Certainly not applied, and it never will be.
    Hopeless,
    /// No telling: no answer, or none that could be read.
    Lost,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Applied, exactly once. `recovered` when it was not its own reply that said so.
    Applied { recovered: bool },
    /// Never applied, and it never can be: another write came first.
    Conflict,
    /// Send the same put again, after a pause.
    Again,
    /// Read the item consistently and report what is there as [`Answer::Refused`].
    Look,
    /// Certainly not applied: give up with the failure at hand.
    Failed,
    /// It cannot be known.
    Unknown,
}

/// One conditional put, from its first send to its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Write {
    id: Id,
    base: Base,
    /// Whether some send of this put may have been applied without our knowing.
    in_doubt: bool,
}

impl Write {
    pub(crate) fn new(id: Id, base: Base) -> Self {
        Self { id, base, in_doubt: false }
    }

    /// Takes in what came back.
    pub(crate) fn answered(&mut self, answer: &Answer) -> Verdict {
        match answer {
            // Even after a lost reply: the sends exclude one another, so this one's success
            // means that no other was applied.
            Answer::Applied => Verdict::Applied { recovered: false },
            Answer::Refused { ids } => self.refused(ids),
            Answer::RefusedUntold => Verdict::Look,
            Answer::NotApplied => Verdict::Again,
            Answer::Hopeless => self.given_up(),
            Answer::Lost => {
                self.in_doubt = true;
                Verdict::Again
            }
        }
    }

    fn refused(&self, ids: &[Id]) -> Verdict {
        if ids.contains(&self.id) {
            return Verdict::Applied { recovered: true };
        }
        if !self.in_doubt {
            return Verdict::Conflict;
        }
        match self.base {
            // What followed the base is listed, and it is not this write.
            Base::Write(base) if ids.contains(&base) => Verdict::Conflict,
            // The list may have been cut, or begun anew, after this write.
            _ => Verdict::Unknown,
        }
    }

    /// The caller gives up now: at its deadline, say.
    pub(crate) fn given_up(&self) -> Verdict {
        if self.in_doubt { Verdict::Unknown } else { Verdict::Failed }
    }

    /// The same with other names for the ids, for the model checker.
    #[cfg(test)]
    pub(super) fn renamed(&self, mut name: impl FnMut(Id) -> Id) -> Self {
        let Self { id, base, in_doubt } = *self;
        let base = match base {
            Base::Write(base) => Base::Write(name(base)),
            Base::Unmarked => Base::Unmarked,
        };
        Self { id: name(id), base, in_doubt }
    }
}

/// What became of the write with this id, built on `base`, of which nothing is known but what a
/// consistent read shows now: the ids of the item's last writes, newest first.
pub(crate) fn outcome(id: Id, base: Option<Id>, ids: &[Id]) -> Outcome {
    if ids.contains(&id) {
        return Outcome::Applied;
    }
    #[allow(clippy::match_same_arms)] // two reasons for one answer
    match base.and_then(|base| ids.iter().position(|id| *id == base)) {
        // The base is still the newest: a send that is late may yet find it in place.
        Some(0) => Outcome::Unknown,
        // What followed the base is listed, and it is not this write.
        Some(_) => Outcome::NotApplied,
        // Cut from the list, or the list was begun anew, or there never was a base.
        None => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        Id::from_bytes([n; 8])
    }

    fn verdicts(base: Base, answers: &[Answer]) -> Verdict {
        let mut write = Write::new(id(9), base);
        let (last, before) = answers.split_last().unwrap();
        for answer in before {
            assert!(
                matches!(write.answered(answer), Verdict::Again | Verdict::Look),
                "{answer:?} ends it"
            );
        }
        write.answered(last)
    }

    fn there(ids: &[u8]) -> Answer {
        Answer::Refused { ids: ids.iter().copied().map(id).collect() }
    }

    #[test]
    fn every_row_of_the_table() {
        use Answer::{Applied, Hopeless, Lost, NotApplied, RefusedUntold};
        let on = Base::Write(id(1));
        for (base, answers, expected) in [
            (on, vec![Applied], Verdict::Applied { recovered: false }),
            (on, vec![Lost, Applied], Verdict::Applied { recovered: false }),
            (on, vec![Lost, there(&[9, 1])], Verdict::Applied { recovered: true }),
            (on, vec![Lost, there(&[3, 9, 1])], Verdict::Applied { recovered: true }),
            (on, vec![there(&[2, 1])], Verdict::Conflict),
            (on, vec![Lost, there(&[2, 1])], Verdict::Conflict),
            (on, vec![there(&[3, 2])], Verdict::Conflict),
            (on, vec![Lost, there(&[3, 2])], Verdict::Unknown),
            (on, vec![there(&[])], Verdict::Conflict),
            (on, vec![Lost, there(&[])], Verdict::Unknown),
            (Base::Unmarked, vec![there(&[2])], Verdict::Conflict),
            (Base::Unmarked, vec![Lost, there(&[2])], Verdict::Unknown),
            (Base::Unmarked, vec![Lost, there(&[2, 9])], Verdict::Applied { recovered: true }),
            (on, vec![NotApplied, there(&[2, 1])], Verdict::Conflict),
            (on, vec![NotApplied, Applied], Verdict::Applied { recovered: false }),
            (on, vec![Lost, NotApplied, there(&[3])], Verdict::Unknown),
            (on, vec![RefusedUntold], Verdict::Look),
            (on, vec![Lost, RefusedUntold, there(&[9])], Verdict::Applied { recovered: true }),
            (on, vec![Hopeless], Verdict::Failed),
            (on, vec![Lost, Hopeless], Verdict::Unknown),
        ] {
            assert_eq!(verdicts(base, &answers), expected, "{base:?} {answers:?}");
        }
    }

    #[test]
    fn giving_up_is_clean_until_a_reply_is_lost() {
        let mut write = Write::new(id(9), Base::Unmarked);
        assert_eq!(write.given_up(), Verdict::Failed);
        write.answered(&Answer::NotApplied);
        assert_eq!(write.given_up(), Verdict::Failed);
        write.answered(&Answer::Lost);
        assert_eq!(write.given_up(), Verdict::Unknown);
    }

    #[test]
    fn asked_later() {
        use Outcome::{Applied, NotApplied, Unknown};
        let ids = |ids: &[u8]| ids.iter().copied().map(id).collect::<Vec<_>>();
        let on = Some(id(1));
        for (base, there, expected) in [
            (on, ids(&[9, 1]), Applied),
            (on, ids(&[3, 2, 9]), Applied),
            (None, ids(&[9]), Applied),
            (None, ids(&[2, 9]), Applied),
            (on, ids(&[2, 1]), NotApplied),
            (on, ids(&[3, 2, 1, 0]), NotApplied),
            (on, ids(&[1]), Unknown),
            (on, ids(&[1, 0]), Unknown),
            (on, ids(&[3, 2]), Unknown),
            (on, ids(&[]), Unknown),
            (None, ids(&[2]), Unknown),
            (None, ids(&[]), Unknown),
        ] {
            assert_eq!(outcome(id(9), base, &there), expected, "{base:?} {there:?}");
        }
    }
}
