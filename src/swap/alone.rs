//! A swap that rides with nobody: from inside another atom's closure.

use std::sync::Arc;

use super::engine::{Decision, Tally, out_of_time};
use super::flight::{FRESH, Flight, Landing};
use super::lane::Done;
use super::{Receipt, SwapOptions};
use crate::codec::envelope::Held;
use crate::error::{Error, Result};
use crate::events;
use crate::retry::{Effort, Pause};
use crate::store::Store;

/// Reads, decides, writes under a fence, and on a conflict decides again.
pub(super) fn swap<T, R>(
    store: &Store,
    key: &str,
    options: &SwapOptions<T>,
    effort: &mut Effort<'_>,
    mut decide: impl FnMut(&Held) -> Result<(Decision, R)>,
) -> Result<(R, Receipt)> {
    let mut tally = Tally::default();
    let mut asked = effort.now();
    let mut state = Arc::new(store.read(key, true, effort)?);
    let mut seen = effort.now();
    let mut trip = seen.saturating_duration_since(asked);
    tally.requests = std::mem::take(&mut effort.requests);
    loop {
        tally.attempts += 1;
        events::closure_runs(&store.table, key, tally.attempts, state.version);
        let (decision, result) = decide(&state.held(store.env.epoch_seconds()))?;
        let mut done = Done {
            old_version: state.version,
            new_version: state.version,
            write: None,
            recovered: false,
            shared: 1,
            requests: 0,
            waited: effort.waited,
        };
        let Decision::Write(content) = decision else { return Ok((result, tally.receipt(done))) };
        if effort.is_over() {
            return Err(out_of_time(store, key, &tally, effort));
        }
        // As a lane does: where others write too, what is built on a state that was seen a while
        // ago would be refused, perhaps after the item has forgotten that state.
        if tally.conflicts > 0
            && effort.now().saturating_duration_since(seen) > trip.saturating_mul(FRESH)
        {
            asked = effort.now();
            let found = store.read(key, true, effort)?;
            seen = effort.now();
            trip = seen.saturating_duration_since(asked);
            tally.requests += std::mem::take(&mut effort.requests);
            if found.fence != state.fence {
                state = Arc::new(found);
                continue;
            }
        }
        asked = effort.now();
        let mut flight = Flight::new(store, key, state.clone(), &content)?;
        let mut landing = flight.drive(store, key, effort);
        if matches!(landing, Landing::OutOfTime) {
            landing = flight.given_up();
        }
        tally.requests += flight.requests;
        seen = effort.now();
        trip = seen.saturating_duration_since(asked).saturating_sub(flight.waited)
            / flight.requests.max(1);
        match landing {
            Landing::Applied { after, recovered, .. } => {
                done.new_version = after.version;
                done.write = Some(flight.write_id(key));
                done.recovered = recovered;
                done.waited = effort.waited;
                let receipt = tally.receipt(done);
                events::swapped(&store.table, key, &receipt, effort.elapsed());
                return Ok((result, receipt));
            }
            Landing::Conflict(fresh) => {
                state = Arc::new(fresh);
                tally.conflicts += 1;
                let enough =
                    options.max_attempts.is_some_and(|most| tally.conflicts >= most.max(1));
                if enough || !effort.pause(Pause::Conflict, store.subject(Some(key))) {
                    return Err(out_of_time(store, key, &tally, effort));
                }
            }
            Landing::Unknown { reason } => {
                return Err(Error::Indeterminate {
                    table: store.table.clone(),
                    key: key.to_owned(),
                    write_id: flight.write_id(key),
                    reason,
                });
            }
            Landing::Refused { failure, sent } => {
                return Err(store.subject(Some(key)).error("PutItem", failure, sent, effort));
            }
            Landing::Blind(error) => return Err(error),
            Landing::OutOfTime => return Err(out_of_time(store, key, &tally, effort)),
        }
    }
}
