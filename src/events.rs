//! The `tracing` events that the crate emits: under which name, and never with a value in them.

use std::time::Duration;

use crate::swap::Receipt;
use crate::transact::Summary;

/// The target of every event, whatever module it comes from.
pub(crate) const TARGET: &str = "faraday_atom";

/// A closure is about to run on what was built on this version.
pub(crate) fn closure_runs(table: &str, key: &str, attempt: u32, version: u64) {
    tracing::trace!(target: TARGET, table, key, attempt, version, "closure runs");
}

/// A swap is done.
pub(crate) fn swapped(table: &str, key: &str, receipt: &Receipt, elapsed: Duration) {
    tracing::debug!(
        target: TARGET,
        table,
        key,
        write = receipt.write_id.as_ref().map(|write| tracing::field::display(write.id())),
        old_version = receipt.old_version,
        new_version = receipt.new_version,
        attempts = receipt.attempts,
        conflicts = receipt.conflicts,
        requests = receipt.requests,
        recovered = receipt.recovered,
        shared = receipt.shared,
        waited = ?receipt.waited,
        ?elapsed,
        "swapped"
    );
}

/// The closure of a transaction is about to run.
pub(crate) fn transaction_runs(table: &str, attempt: u32) {
    tracing::trace!(target: TARGET, table, attempt, "transaction runs");
}

/// A transaction is done.
pub(crate) fn transacted(done: &Summary<'_>) {
    let Summary { table, items, written, attempts, conflicts, requests, recovered, .. } = *done;
    tracing::debug!(
        target: TARGET,
        table,
        items,
        written,
        attempts,
        conflicts,
        requests,
        recovered,
        waited = ?done.waited,
        elapsed = ?done.elapsed,
        "transacted"
    );
}
