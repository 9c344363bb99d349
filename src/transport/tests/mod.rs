//! The transport against servers that behave, misbehave, and do not answer at all.

mod answers;
mod connections;
mod deadlines;
mod proxies;
#[cfg(any(feature = "native-tls", feature = "rustls"))]
mod tls;

use std::time::Duration;

use super::WireFailure;
use super::testing::Outcome;

/// Long enough for anything on this machine that is not meant to hang.
const AMPLE: Duration = Duration::from_secs(10);

#[track_caller]
fn in_doubt(outcome: Outcome, says: &str) {
    match outcome {
        Err(WireFailure::InDoubt(message)) => assert!(message.contains(says), "{message}"),
        other => panic!("not in doubt: {other:?}"),
    }
}

#[track_caller]
fn not_sent(outcome: Outcome, says: &str) {
    match outcome {
        Err(WireFailure::NotSent(message)) => assert!(message.contains(says), "{message}"),
        other => panic!("not `not sent`: {other:?}"),
    }
}

#[track_caller]
fn unusable(outcome: Outcome, says: &str) {
    match outcome {
        Err(WireFailure::Unusable(message)) => assert!(message.contains(says), "{message}"),
        other => panic!("not unusable: {other:?}"),
    }
}
