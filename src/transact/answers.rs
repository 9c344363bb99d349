//! What a failed request of a transaction asks for next.

use crate::dynamo::answer::{Failure, Hindrance, Reason};
use crate::error::Error;
use crate::retry::{Effort, Pause};

use super::transaction::Entry;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The same request again, after this pause: for a conflict when somebody else's transaction
    /// is in the way.
    Again(Pause),
    /// A condition did not hold: the closure runs again.
    Refused,
    /// Nothing helps; it is this item's fault, where it is one's.
    Hopeless(Option<usize>),
}

pub(super) fn then(failure: &Failure) -> Then {
    match failure {
        Failure::Canceled { reasons, .. } => match Reason::gravest(reasons) {
            Some((_, Hindrance::Busy)) => Then::Again(Pause::Conflict),
            Some((_, Hindrance::Throttled)) => Then::Again(Pause::Throttled),
            Some((_, Hindrance::Condition)) => Then::Refused,
            Some((at, Hindrance::Refused)) => Then::Hopeless(Some(at)),
            // The server does not say why.
            Some((_, Hindrance::None)) | None => Then::Hopeless(None),
        },
        Failure::Busy(_) => Then::Again(Pause::Conflict),
        Failure::Throttled(_) => Then::Again(Pause::Throttled),
        Failure::NotSent(_) | Failure::InDoubt(_) => Then::Again(Pause::Trouble),
        Failure::ConditionFailed(_)
        | Failure::Credentials(_)
        | Failure::ClockSkew(_)
        | Failure::NoTable(_)
        | Failure::TableInUse(_)
        | Failure::Unusable(_)
        | Failure::Final(_) => Then::Hopeless(None),
    }
}

/// Whether a write that was answered so may have been applied, or may yet be.
pub(super) fn leaves_doubt(failure: &Failure) -> bool {
    match failure {
        Failure::InDoubt(_) => true,
        // An earlier send of the same request is at work.
        Failure::Busy(cause) => cause.code == "TransactionInProgressException",
        _ => false,
    }
}

/// The error for a refusal that is this item's fault.
pub(super) fn refused_for(
    entry: &Entry,
    at: usize,
    operation: &'static str,
    failure: Failure,
    attempts: u32,
    effort: &Effort<'_>,
) -> Error {
    match failure {
        Failure::Canceled { cause, mut reasons } if at < reasons.len() => {
            let Reason { code, message, .. } = reasons.swap_remove(at);
            Error::Service {
                table: entry.store.table.clone(),
                key: Some(entry.key.clone()),
                operation,
                code,
                message,
                request_id: cause.request_id,
            }
        }
        failure => entry.subject().error(operation, failure, attempts, effort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamo::answer::classify;

    #[test]
    fn every_answer_and_what_follows() {
        use Pause::{Conflict, Throttled, Trouble};
        let canceled = |codes: &[&str]| {
            let reasons: Vec<_> =
                codes.iter().map(|code| serde_json::json!({ "Code": code })).collect();
            let body = serde_json::json!({
                "__type": "x#TransactionCanceledException", "CancellationReasons": reasons,
            });
            classify(400, None, body.to_string().as_bytes())
        };
        let plain = |status, code: &str| {
            classify(status, None, format!(r#"{{"__type":"x#{code}"}}"#).as_bytes())
        };
        for (failure, expected, doubt) in [
            (canceled(&["None", "ConditionalCheckFailed"]), Then::Refused, false),
            (canceled(&["TransactionConflict", "None"]), Then::Again(Conflict), false),
            (canceled(&["TransactionConflict", "ConditionalCheckFailed"]), Then::Refused, false),
            (canceled(&["ThrottlingError", "None"]), Then::Again(Throttled), false),
            (canceled(&["ProvisionedThroughputExceeded"]), Then::Again(Throttled), false),
            (canceled(&["None", "ValidationError"]), Then::Hopeless(Some(1)), false),
            (canceled(&["ItemCollectionSizeLimitExceeded"]), Then::Hopeless(Some(0)), false),
            (canceled(&["None", "AccessDenied"]), Then::Hopeless(Some(1)), false),
            (canceled(&["None", "None"]), Then::Hopeless(None), false),
            (canceled(&[]), Then::Hopeless(None), false),
            (plain(400, "TransactionInProgressException"), Then::Again(Conflict), true),
            (plain(400, "TransactionConflictException"), Then::Again(Conflict), false),
            (plain(400, "ThrottlingException"), Then::Again(Throttled), false),
            (plain(500, "InternalServerError"), Then::Again(Trouble), true),
            (plain(400, "IdempotentParameterMismatchException"), Then::Hopeless(None), false),
            (plain(400, "ValidationException"), Then::Hopeless(None), false),
            (plain(400, "ResourceNotFoundException"), Then::Hopeless(None), false),
        ] {
            assert_eq!(then(&failure), expected, "{failure:?}");
            assert_eq!(leaves_doubt(&failure), doubt, "{failure:?}");
        }
    }
}
