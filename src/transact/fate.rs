//! What became of a transaction whose reply was lost: what its items show in, a verdict out. No
//! I/O, no clock.
//!
//! A transaction is applied as a whole or not at all, so a single item that tells decides for all
//! of them. Only items that it writes can tell: one that it merely checked keeps no trace of it.

use crate::swap::protocol;
use crate::write_id::{Id, Outcome};

/// What is known of one item that the transaction writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    /// The id that the transaction leaves in it.
    pub(super) id: Id,
    /// The id of the write that this one is built on; `None` for no item, or one without ids.
    pub(super) base: Option<Id>,
    /// The ids of the item's last writes, newest first; `None` when it was not looked at.
    pub(super) ids: Option<Vec<Id>>,
}

/// What became of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Applied,
    /// Not applied, and it never can be.
    NotApplied,
    Unknown,
}

/// What the items tell of a transaction of which some send may have been applied unseen.
///
/// `refused` is whether a condition of it was found broken before the items were looked at. From
/// then on no send can be applied, however late it arrives; so an item that is still as it was
/// tells that none had been.
pub(super) fn fate(sights: &[Sight], refused: bool) -> Fate {
    let outcomes = sights.iter().filter_map(|Sight { id, base, ids }| {
        let ids = ids.as_ref()?;
        match protocol::outcome(*id, *base, ids) {
            Outcome::Unknown if refused && base.is_some() && ids.first() == base.as_ref() => {
                Some(Outcome::NotApplied)
            }
            outcome => Some(outcome),
        }
    });
    let mut fate = Fate::Unknown;
    for outcome in outcomes {
        match outcome {
            Outcome::Applied => return Fate::Applied,
            Outcome::NotApplied => fate = Fate::NotApplied,
            Outcome::Unknown => {}
        }
    }
    fate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        Id::from_bytes([n; 8])
    }

    /// The transaction's write on an item is 9; what it was built on, 1, or nothing.
    fn on(base: u8, ids: Option<&[u8]>) -> Sight {
        let ids = ids.map(|ids| ids.iter().copied().map(id).collect());
        Sight { id: id(9), base: (base > 0).then(|| id(base)), ids }
    }

    #[test]
    fn one_item_that_tells_decides_for_all() {
        use Fate::{Applied, NotApplied, Unknown};
        let ours = || on(1, Some(&[9, 1]));
        let ours_and_more = || on(1, Some(&[4, 3, 9, 1]));
        let ours_created = || on(0, Some(&[9]));
        let anothers = || on(1, Some(&[2, 1]));
        let untouched = || on(1, Some(&[1, 0]));
        let forgotten = || on(1, Some(&[4, 3]));
        let created_by_another = || on(0, Some(&[2]));
        let missing = || on(1, Some(&[]));
        let still_missing = || on(0, Some(&[]));
        let unseen = || on(1, None);
        for (sights, unrefused, refused) in [
            (vec![], Unknown, Unknown),
            (vec![unseen()], Unknown, Unknown),
            (vec![ours()], Applied, Applied),
            (vec![ours_and_more()], Applied, Applied),
            (vec![ours_created()], Applied, Applied),
            (vec![anothers()], NotApplied, NotApplied),
            // Not so far; and once refused, never.
            (vec![untouched()], Unknown, NotApplied),
            (vec![forgotten()], Unknown, Unknown),
            (vec![created_by_another()], Unknown, Unknown),
            (vec![missing()], Unknown, Unknown),
            // It may have been created by this transaction and deleted for good since.
            (vec![still_missing()], Unknown, Unknown),
            // The first that tells, wherever it stands.
            (vec![forgotten(), unseen(), ours()], Applied, Applied),
            (vec![ours(), missing()], Applied, Applied),
            (vec![created_by_another(), anothers()], NotApplied, NotApplied),
            (vec![missing(), still_missing(), untouched()], Unknown, NotApplied),
            (vec![forgotten(), unseen(), missing()], Unknown, Unknown),
            // Where both seem to tell, our own id is what cannot have come from anywhere else.
            (vec![anothers(), ours()], Applied, Applied),
        ] {
            assert_eq!(fate(&sights, false), unrefused, "{sights:?}");
            assert_eq!(fate(&sights, true), refused, "refused, {sights:?}");
        }
    }
}
