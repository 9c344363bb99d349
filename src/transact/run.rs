//! Runs the closure until what it made is in place, or what it saw is proved.

use std::sync::Arc;

use super::adopt::adopt;
use super::commit::{Commit, Landing};
use super::transaction::{Entry, Seen, Transaction};
use super::{Tally, TransactOptions, same_content};
use crate::codec::envelope::Content;
use crate::error::{Error, Result};
use crate::events;
use crate::retry::Pause;
use crate::store::Store;
use crate::swap::flight::{self, Flight};

/// What one run of the closure led to.
enum Next {
    Done {
        written: usize,
        recovered: bool,
    },
    /// Others came first.
    Again,
    /// What is remembered now is of one moment: on that, at once.
    OnSnapshot,
}

const PROVED: Next = Next::Done { written: 0, recovered: false };

pub(super) fn transact<R>(
    store: &Arc<Store>,
    options: &TransactOptions,
    mut f: impl FnMut(&mut Transaction<'_>) -> anyhow::Result<R>,
) -> Result<R> {
    let mut tx = Transaction::new(store, options);
    let mut tally = Tally::new(options.max_attempts);
    loop {
        tx.begin();
        tally.attempts += 1;
        events::transaction_runs(&store.table, tally.attempts);
        let returned = f(&mut tx);
        tx.end();
        let waits = match returned {
            Ok(result) => match finish(&mut tx, &mut tally)? {
                Next::Done { written, recovered } => {
                    events::transacted(&tally.summary(&tx, written, recovered));
                    return Ok(result);
                }
                Next::Again => tally.waits(),
                Next::OnSnapshot => false,
            },
            Err(error) => {
                if is_final(&error) || believed(&mut tx, &mut tally)? {
                    return Err(aborted(&tx, error));
                }
                false
            }
        };
        let goes_on = !tally.enough()
            && !tx.effort.is_over()
            && (!waits || tx.effort.pause(Pause::Conflict, store.subject(None)));
        if !goes_on {
            return Err(tally.out_of_time(&tx));
        }
    }
}

/// Carries out what the closure made of it.
fn finish(tx: &mut Transaction<'_>, tally: &mut Tally) -> Result<Next> {
    if tx.effort.is_over() {
        return Err(tally.out_of_time(tx));
    }
    // A written key that was never read: its version and its ids come from what is there.
    for at in 0..tx.entries.len() {
        tx.state(at)?;
    }
    // As a swap does: what is set lives as long as what the closure saw in its place, though that
    // may have expired while it ran.
    for Entry { change, seen, .. } in &mut tx.entries {
        if let (Some(Content::Value { expires, .. }), Some(seen)) = (change, seen) {
            *expires = seen.state.expires;
        }
    }
    if !writes(tx) {
        let all: Vec<usize> = (0..tx.entries.len()).collect();
        if tx.holds(&all, tally)? {
            return Ok(PROVED);
        }
        tally.lost(tx.names(all));
        return Ok(Next::OnSnapshot);
    }
    if tx.entries.len() == 1 {
        return single(tx, tally);
    }
    if adopt(tx)? {
        return Ok(Next::Again);
    }
    let mut commit = Commit::new(tx)?;
    match commit.drive(tx, tally)? {
        Landing::Applied { recovered } => Ok(Next::Done { written: commit.writes(), recovered }),
        Landing::Conflict { keys } => {
            tally.lost(keys);
            Ok(Next::Again)
        }
    }
}

/// Whether anything is to be written that is not there already.
fn writes(tx: &Transaction<'_>) -> bool {
    tx.entries.iter().any(|entry| match (&entry.change, &entry.seen) {
        (Some(change), Some(seen)) => !same_content(&seen.state, change),
        _ => false,
    })
}

/// One item alone: a plain conditional put, as a swap sends it.
fn single(tx: &mut Transaction<'_>, tally: &mut Tally) -> Result<Next> {
    let moment = tx.moment();
    let Transaction { entries, effort, .. } = tx;
    let [entry] = entries.as_mut_slice() else { return Ok(PROVED) };
    let (Some(change), Some(seen)) = (&entry.change, &entry.seen) else { return Ok(PROVED) };
    let (store, key) = (&entry.store, &*entry.key);
    let lane = store.lanes.in_use(key).map(|lane| {
        let asked = lane.tick();
        (lane, asked)
    });
    let mut flight = Flight::new(store, key, seen.state.clone(), change)?;
    let mut landing = flight.drive(store, key, effort);
    if matches!(landing, flight::Landing::OutOfTime) {
        landing = flight.given_up();
    }
    effort.requests += flight.requests;
    match landing {
        flight::Landing::Applied { after, recovered, newer } => {
            if let Some((lane, asked)) = lane {
                lane.replaced(newer.unwrap_or(after), asked, effort.now());
            }
            Ok(Next::Done { written: 1, recovered })
        }
        flight::Landing::Conflict(fresh) => {
            let keys = key.to_owned();
            entry.seen = Some(Seen { state: Arc::new(fresh), size: 0, moment });
            tally.lost(keys);
            Ok(Next::Again)
        }
        flight::Landing::Unknown { reason } => Err(Error::Indeterminate {
            table: store.table.clone(),
            key: key.to_owned(),
            write_id: flight.write_id(key),
            reason,
        }),
        flight::Landing::Refused { failure, sent } => {
            Err(entry.subject().error("PutItem", failure, sent, effort))
        }
        flight::Landing::Blind(error) => Err(error),
        flight::Landing::OutOfTime => Err(tally.out_of_time(tx)),
    }
}

/// Whether an error has nothing to do with what was read: a request failed.
fn is_final(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<Error>(),
        Some(
            Error::Contention { .. }
                | Error::Timeout { .. }
                | Error::Indeterminate { .. }
                | Error::TableNotFound { .. }
                | Error::Throttled { .. }
                | Error::Credentials { .. }
                | Error::Transport { .. }
                | Error::Service { .. }
        )
    )
}

/// Whether the closure said no to what was really there, all at one moment.
fn believed(tx: &mut Transaction<'_>, tally: &mut Tally) -> Result<bool> {
    let read: Vec<usize> = (0..tx.entries.len()).filter(|at| tx.entries[*at].read).collect();
    let held = tx.holds(&read, tally)?;
    if !held {
        tally.lost(tx.names(read));
    }
    Ok(held)
}

/// The closure's error: this crate's own as it is.
fn aborted(tx: &Transaction<'_>, error: anyhow::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|source| Error::Aborted {
        table: tx.home.table.clone(),
        key: tx.names(0..tx.entries.len()),
        source,
    })
}
