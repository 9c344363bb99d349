//! The swap loop: read, decide, write under a fence, and on a conflict decide again.

use super::flight::{Landing, put};
use super::{Receipt, SwapOptions};
use crate::codec::envelope::{Content, Snapshot};
use crate::error::{Error, Result};
use crate::retry::{Effort, Pause};
use crate::store::Store;

/// What a swap wants to do with the state it was shown.
#[derive(Debug)]
pub(crate) enum Decision {
    Write(Content),
    /// Leave it as it is.
    Keep,
}

/// Runs `decide` on the newest state until what it decides is done, and returns what it returned
/// beside that decision.
///
/// An error from `decide` ends the swap with nothing written.
pub(crate) fn swap<T, R>(
    store: &Store,
    key: &str,
    options: &SwapOptions<T>,
    mut decide: impl FnMut(&Snapshot) -> Result<(Decision, R)>,
) -> Result<(R, Receipt)> {
    let mut effort = Effort::new(&store.env, &store.policy, options.timeout, &options.backoff);
    let mut state = store.read(key, true, &mut effort)?;
    let mut attempts = 0;
    let mut conflicts = 0;
    loop {
        attempts += 1;
        let (decision, result) = decide(&state)?;
        let content = match decision {
            Decision::Write(content) => content,
            Decision::Keep => {
                let receipt = Receipt {
                    old_version: state.version,
                    new_version: state.version,
                    write_id: None,
                    attempts,
                    conflicts,
                    requests: effort.requests,
                    waited: effort.waited,
                    recovered: false,
                    shared: 1,
                };
                return Ok((result, receipt));
            }
        };
        if effort.is_over() {
            return Err(out_of_time(store, key, conflicts, &effort));
        }
        match put(store, key, &state, &content, &mut effort)? {
            Landing::Applied { id, after, recovered } => {
                let receipt = Receipt {
                    old_version: state.version,
                    new_version: after.version,
                    write_id: Some(id),
                    attempts,
                    conflicts,
                    requests: effort.requests,
                    waited: effort.waited,
                    recovered,
                    shared: 1,
                };
                return Ok((result, receipt));
            }
            Landing::Conflict(fresh) => {
                state = fresh;
                conflicts += 1;
                let tried_enough = options.max_attempts.is_some_and(|most| conflicts >= most.max(1));
                if tried_enough || !effort.pause(Pause::Conflict) {
                    return Err(out_of_time(store, key, conflicts, &effort));
                }
            }
        }
    }
}

/// The time is up and nothing was written.
fn out_of_time(store: &Store, key: &str, conflicts: u32, effort: &Effort<'_>) -> Error {
    let (table, elapsed) = (store.table.clone(), effort.elapsed());
    if conflicts > 0 {
        Error::Contention { table, key: key.to_owned(), attempts: conflicts, elapsed }
    } else {
        Error::Timeout {
            table,
            key: Some(key.to_owned()),
            operation: "swap",
            attempts: effort.requests,
            elapsed,
            last: "the closure used up the time".to_owned(),
        }
    }
}
