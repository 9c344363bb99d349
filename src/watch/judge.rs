//! What a look at an item tells a watcher who knows an earlier state of it. No I/O, no clock.
//!
//! An eventually consistent read may be answered by a replica that lags, with a state from before
//! the last one known. Only one thing shows that a state is newer: its list of writes has the
//! last known write, and others before it. Whatever else differs is looked at again by a strongly
//! consistent read, which is never behind.

use crate::codec::envelope::{Fence, MEMORY, Snapshot};

/// What a look tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing new.
    Same,
    /// Another state than the last one, after so many writes that were not seen; `None`: nobody
    /// knows how many.
    News { skipped: Option<u64> },
}

/// What an eventually consistent read tells; `None` when it may show the past.
pub(super) fn at_a_glance(last: &Snapshot, seen: &Snapshot) -> Option<Told> {
    if is_same_write(last, seen) {
        // It may have been given more time meanwhile.
        return (!is_expiry(last, seen)).then_some(Told::Same);
    }
    Some(Told::News { skipped: Some(between(last, seen)?) })
}

/// What a strongly consistent read tells.
pub(super) fn for_certain(last: &Snapshot, seen: &Snapshot) -> Told {
    if is_same_write(last, seen) {
        if is_expiry(last, seen) {
            return Told::News { skipped: Some(0) };
        }
        return Told::Same;
    }
    Told::News { skipped: between(last, seen).or_else(|| counted(last, seen)) }
}

/// Whether nobody has written in between.
fn is_same_write(last: &Snapshot, seen: &Snapshot) -> bool {
    match (last.writes.first(), seen.writes.first()) {
        (Some(last), Some(seen)) => last == seen,
        // No item, or another tool's, which has no ids: then all of it is compared.
        (None, None) => last.fence == seen.fence,
        _ => false,
    }
}

/// Whether a value is gone though nobody has written.
fn is_expiry(last: &Snapshot, seen: &Snapshot) -> bool {
    last.value.is_some() && seen.value.is_none()
}

/// How many writes lie between the two, by the list of the later one.
fn between(last: &Snapshot, seen: &Snapshot) -> Option<u64> {
    let newest = last.writes.first()?;
    let since = seen.writes.iter().position(|id| id == newest)?;
    // The first of those since is the one that is seen.
    u64::try_from(since).ok()?.checked_sub(1)
}

/// How many writes lie between the two, by their versions, where the list of the later one looks
/// as it must if each of them has counted.
fn counted(last: &Snapshot, seen: &Snapshot) -> Option<u64> {
    let memory = MEMORY as u64;
    let listed = seen.writes.len() as u64;
    if !seen.counts_writes() {
        return None;
    }
    match &last.fence {
        // A new item: each of its writes is listed, or so many that the first are forgotten.
        Fence::Missing if listed >= seen.version.min(memory) => seen.version.checked_sub(1),
        // So many writes since that the last one known is forgotten. Had it been fewer, it would
        // be listed: then versions have begun again in between.
        Fence::Is(_) if last.counts_writes() && listed == memory => {
            seen.version.checked_sub(last.version).filter(|since| *since >= memory).map(|n| n - 1)
        }
        _ => None,
    }
}
