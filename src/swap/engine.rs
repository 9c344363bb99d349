//! One swap from its caller's side: its turn, its closure, its ride, its receipt.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::lane::{Done, Joined, Lane, News};
use super::{Receipt, SwapOptions, alone};
use crate::codec::envelope::{Content, Held};
use crate::error::{Error, Result};
use crate::events;
use crate::retry::Effort;
use crate::store::Store;

/// What a swap wants to do with the value it was shown.
#[derive(Debug)]
pub(crate) enum Decision {
    Write(Content),
    /// Leave it as it is.
    Keep,
}

/// What one swap has cost so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) attempts: u32,
    pub(super) conflicts: u32,
    pub(super) requests: u32,
    pub(super) waited: Duration,
}

impl Tally {
    pub(super) fn receipt(&self, done: Done) -> Receipt {
        Receipt {
            old_version: done.old_version,
            new_version: done.new_version,
            write_id: done.write,
            attempts: self.attempts,
            conflicts: self.conflicts,
            requests: self.requests + done.requests,
            waited: self.waited + done.waited,
            recovered: done.recovered,
            shared: done.shared,
        }
    }
}

/// Runs `decide` on the newest value until what it decides is done, and returns what it returned
/// beside that decision.
///
/// An error from `decide` ends the swap with nothing written, once the value that it saw has
/// turned out to be the truth.
pub(crate) fn swap<T, R>(
    store: &Store,
    lane: &Arc<Lane>,
    key: &str,
    options: &SwapOptions<T>,
    mut decide: impl FnMut(&Held) -> Result<(Decision, R)>,
) -> Result<(R, Receipt)> {
    let mut effort = Effort::new(&store.env, &store.policy, options.timeout, &options.backoff);
    match Nesting::of(lane) {
        Nesting::None => {}
        // No turn is waited for while another is held: two atoms whose closures swap each other
        // would wait for ever.
        Nesting::Other => return alone::swap(store, key, options, &mut effort, decide),
        Nesting::Own => {
            return Err(Error::Aborted {
                table: store.table.clone(),
                key: key.to_owned(),
                source: anyhow::anyhow!(
                    "a swap of this atom was called from inside the closure of another swap of \
                     it, which could never end: return the new value instead"
                ),
            });
        }
    }
    let begun = lane.tick();
    let mut tally = Tally::default();
    loop {
        let Some((turn, waited)) = lane.turn(&effort) else {
            return Err(out_of_time(store, key, &tally, &effort));
        };
        tally.waited += waited;
        let tip = turn.tip(store, &mut effort)?;
        tally.requests += std::mem::take(&mut effort.requests);
        tally.attempts += 1;
        events::closure_runs(&store.table, key, tally.attempts, tip.known.version);
        let decided = Nesting::inside(lane, || decide(&tip.held));
        let content = match &decided {
            Ok((Decision::Write(content), _)) => {
                // Whatever others add, this swap's own result must fit.
                store.check_content(key, &tip.known, content)?;
                Some(content.clone())
            }
            _ => None,
        };
        if effort.is_over() {
            return Err(out_of_time(store, key, &tally, &effort));
        }
        let writes = content.is_some();
        let news = match turn.join(&tip, begun, content, effort.now()) {
            Joined::Settled(done) => News::Done(done),
            Joined::Stale => News::Again { conflict: true, requests: 0, waited: Duration::ZERO },
            Joined::Waits(ticket) => ride(store, lane, ticket, options, &mut effort)?,
        };
        match news {
            News::Done(done) => {
                let (_, result) = decided?;
                let done = if writes { done } else { done.unwritten() };
                let receipt = tally.receipt(done);
                events::swapped(&store.table, key, &receipt, effort.elapsed());
                return Ok((result, receipt));
            }
            News::Again { conflict, requests, waited } => {
                tally.conflicts += u32::from(conflict);
                tally.requests += requests;
                tally.waited += waited;
                let enough =
                    options.max_attempts.is_some_and(|most| tally.conflicts >= most.max(1));
                if enough || effort.is_over() {
                    return Err(out_of_time(store, key, &tally, &effort));
                }
            }
            News::Refused { failure, sent } => {
                return Err(store.subject(Some(key)).error("PutItem", failure, sent, &effort));
            }
            News::Unknown { write, reason } => {
                return Err(Error::Indeterminate {
                    table: store.table.clone(),
                    key: key.to_owned(),
                    write_id: write,
                    reason,
                });
            }
            News::OutOfTime | News::Lead => {
                return Err(out_of_time(store, key, &tally, &effort));
            }
        }
    }
}

/// Waits for the write that carries this swap, or sends it.
fn ride<T>(
    store: &Store,
    lane: &Lane,
    ticket: u64,
    options: &SwapOptions<T>,
    effort: &mut Effort<'_>,
) -> Result<News> {
    loop {
        match lane.news(ticket, effort) {
            News::Lead => {
                lane.lead(ticket, store, &options.backoff, effort)
                    .inspect_err(|_| lane.no_news(ticket))?;
            }
            news => return Ok(news),
        }
    }
}

/// The time is up, or enough was tried, and nothing was written.
pub(super) fn out_of_time(store: &Store, key: &str, tally: &Tally, effort: &Effort<'_>) -> Error {
    let (table, elapsed) = (store.table.clone(), effort.elapsed());
    if tally.conflicts > 0 {
        return Error::Contention {
            table,
            key: key.to_owned(),
            attempts: tally.conflicts,
            elapsed,
        };
    }
    Error::Timeout {
        table,
        key: Some(key.to_owned()),
        operation: "swap",
        attempts: tally.requests,
        elapsed,
        last: "the closure, or those of other swaps of this atom, used up the time".to_owned(),
    }
}

/// Whether this thread is inside a closure already.
enum Nesting {
    None,
    Other,
    Own,
}

/// Whether this thread is inside the closure of a swap of this lane.
pub(crate) fn is_inside(lane: &Arc<Lane>) -> bool {
    matches!(Nesting::of(lane), Nesting::Own)
}

thread_local! {
    /// The lanes whose closures are running on this thread, innermost last.
    static INSIDE: RefCell<Vec<*const Lane>> = const { RefCell::new(Vec::new()) };
}

impl Nesting {
    fn of(lane: &Arc<Lane>) -> Self {
        INSIDE.with_borrow(|lanes| match lanes.as_slice() {
            [] => Self::None,
            lanes if lanes.contains(&Arc::as_ptr(lane)) => Self::Own,
            _ => Self::Other,
        })
    }

    fn inside<R>(lane: &Arc<Lane>, closure: impl FnOnce() -> R) -> R {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                INSIDE.with_borrow_mut(Vec::pop);
            }
        }
        INSIDE.with_borrow_mut(|lanes| lanes.push(Arc::as_ptr(lane)));
        let _leave = Leave;
        closure()
    }
}
