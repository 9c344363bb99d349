//! What happened on the way to a swap's result.

use std::time::Duration;

use crate::write_id::WriteId;

/// What happened on the way to a swap's result; see
/// [`swap_with_receipt`](crate::ItemAtom::swap_with_receipt).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Receipt {
    /// `atom/version` of the state that the closure last saw; 0 where there was none.
    pub old_version: u64,
    /// `atom/version` now. The same as before when nothing had to be written.
    pub new_version: u64,
    /// The id of the write; `None` when nothing had to be written.
    pub write_id: Option<WriteId>,
    /// How often the closure ran.
    pub attempts: u32,
    /// How often another writer came first: a write was refused, or a look before it showed it.
    pub conflicts: u32,
    /// How many requests were sent for it, reads included: where other processes write the atom
    /// too, that may be a look at the item before the write.
    pub requests: u32,
    /// Time spent waiting: for the closures of other threads, for others to share the write, for
    /// other processes to have their turn, and between requests that failed.
    pub waited: Duration,
    /// Whether a reply was lost and the item itself told that the write had been applied.
    pub recovered: bool,
    /// How many swaps, this one included, went into the write.
    pub shared: u32,
}

impl Receipt {
    /// Whether anything was written: false for a swap that changed nothing.
    #[must_use]
    pub fn written(&self) -> bool {
        self.write_id.is_some()
    }
}
