//! What an answer means: one classification of every status, code and message.

use serde::Deserialize;

use crate::codec::envelope::Item;

/// DynamoDB's own words about a refused request, or ours about one that got no answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cause {
    /// The error code without its namespace, such as `ValidationException`; empty for a failure
    /// of the transport.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
}

impl Cause {
    pub(crate) fn of_transport(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code.as_str() {
            "" => f.write_str(&self.message),
            code => write!(f, "{code}: {}", self.message),
        }
    }
}

/// Why a request did not succeed, by what may be done about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// It never left this machine: the same request again.
    NotSent(Cause),
    /// Too many requests: the same again after a longer wait. Not applied.
    Throttled(Cause),
    /// Somebody's transaction holds the item: the same again. Not applied.
    Busy(Cause),
    /// No readable answer: it may have been applied, now or later.
    InDoubt(Cause),
    /// The condition did not hold. The item that was there, if the server says.
    ConditionFailed(Option<Item>),
    /// The credentials are missing, expired or not accepted. Not applied.
    Credentials(Cause),
    /// This machine's clock is off, so the signature is not accepted. Not applied.
    ClockSkew(Cause),
    /// The table does not exist. Not applied.
    NoTable(Cause),
    /// The table exists already, or is being changed. Not applied.
    TableInUse(Cause),
    /// It cannot be sent at all: an endpoint, proxy or TLS setting that makes no sense.
    Unusable(Cause),
    /// A transaction was refused, for these reasons, one for each of its items. Not applied.
    Canceled { cause: Cause, reasons: Vec<Reason> },
    /// Refused for good. Not applied.
    Final(Cause),
}

/// What one item of a cancelled transaction has to do with that.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reason {
    /// Such as `ConditionalCheckFailed`; `None` for an item that was in nobody's way.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The item whose condition did not hold, if the server says.
    pub(crate) item: Option<Item>,
}

/// What may be done about a [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hindrance {
    None,
    /// Somebody's transaction holds the item: the same again.
    Busy,
    /// Too many requests for this item: the same again after a longer wait.
    Throttled,
    /// Its condition did not hold.
    Condition,
    /// Refused for good.
    Refused,
}

impl Reason {
    pub(crate) fn hindrance(&self) -> Hindrance {
        match self.code.as_str() {
            "None" | "" => Hindrance::None,
            "ConditionalCheckFailed" => Hindrance::Condition,
            "TransactionConflict" => Hindrance::Busy,
            "ThrottlingError" | "ProvisionedThroughputExceeded" => Hindrance::Throttled,
            // ValidationError, ItemCollectionSizeLimitExceeded, AccessDenied, and what is newer
            // than this crate.
            _ => Hindrance::Refused,
        }
    }

    /// The gravest of them, which decides what is done, and whose it is.
    pub(crate) fn gravest(reasons: &[Self]) -> Option<(usize, Hindrance)> {
        let hindrances = reasons.iter().map(Self::hindrance).enumerate();
        hindrances.rev().max_by_key(|(_, hindrance)| *hindrance)
    }
}

impl Failure {
    /// Its class, in a word or two.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "not sent",
            Self::Throttled(_) => "throttled",
            Self::Busy(_) => "busy",
            Self::InDoubt(_) => "in doubt",
            Self::ConditionFailed(_) => "condition",
            Self::Credentials(_) => "credentials",
            Self::ClockSkew(_) => "skew",
            Self::NoTable(_) => "no table",
            Self::TableInUse(_) => "in use",
            Self::Unusable(_) => "unusable",
            Self::Canceled { .. } => "canceled",
            Self::Final(_) => "final",
        }
    }

    /// The words of the answer; empty for a failed condition.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::NotSent(cause)
            | Self::Throttled(cause)
            | Self::Busy(cause)
            | Self::InDoubt(cause)
            | Self::Credentials(cause)
            | Self::ClockSkew(cause)
            | Self::NoTable(cause)
            | Self::TableInUse(cause)
            | Self::Unusable(cause)
            | Self::Canceled { cause, .. }
            | Self::Final(cause) => cause.clone(),
            Self::ConditionFailed(_) => Cause {
                code: "ConditionalCheckFailedException".to_owned(),
                message: "the condition did not hold".to_owned(),
                request_id: None,
            },
        }
    }
}

/// The body of an error answer.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(rename = "__type", default)]
    kind: Option<String>,
    #[serde(rename = "message", alias = "Message", default)]
    message: Option<String>,
    #[serde(rename = "Item", default)]
    item: Option<Item>,
    #[serde(rename = "CancellationReasons", default)]
    reasons: Option<Vec<WireReason>>,
}

#[derive(Deserialize)]
struct WireReason {
    #[serde(rename = "Code", default)]
    code: Option<String>,
    #[serde(rename = "Message", alias = "message", default)]
    message: Option<String>,
    /// Taken apart later: an item that cannot be read must not hide the other reasons.
    #[serde(rename = "Item", default)]
    item: Option<serde_json::Value>,
}

impl From<WireReason> for Reason {
    fn from(wire: WireReason) -> Self {
        let WireReason { code, message, item } = wire;
        let item = item.and_then(|item| serde_json::from_value(item).ok());
        Self { code: code.unwrap_or_default(), message: message.unwrap_or_default(), item }
    }
}

/// Classifies an answer that is not a success.
pub(crate) fn classify(status: u16, request_id: Option<String>, body: &[u8]) -> Failure {
    let parsed: Option<Body> = serde_json::from_slice(body).ok();
    let readable = parsed.as_ref().is_some_and(|body| body.kind.is_some());
    let Body { kind, message, item, reasons } = parsed.unwrap_or_default();
    let code = kind.as_deref().map(short).unwrap_or_default().to_owned();
    let message = message.unwrap_or_else(|| {
        if readable {
            String::new()
        } else {
            format!("HTTP status {status} without a readable message")
        }
    });
    let cause = Cause { code, message, request_id };
    match cause.code.as_str() {
        "ConditionalCheckFailedException" => Failure::ConditionFailed(item),
        "ThrottlingException"
        | "Throttling"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded" => Failure::Throttled(cause),
        "TransactionConflictException"
        | "ReplicatedWriteConflictException"
        | "TransactionInProgressException" => Failure::Busy(cause),
        "TransactionCanceledException" => {
            let reasons = reasons.unwrap_or_default().into_iter().map(Reason::from).collect();
            Failure::Canceled { cause, reasons }
        }
        "ResourceNotFoundException" | "TableNotFoundException" => Failure::NoTable(cause),
        "ResourceInUseException" | "TableAlreadyExistsException" => Failure::TableInUse(cause),
        "InvalidSignatureException" | "RequestExpired" if is_skew(&cause.message) => {
            Failure::ClockSkew(cause)
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignatureException"
        | "IncompleteSignature" => Failure::Credentials(cause),
        // Any server error may have come after the write was applied.
        _ if status >= 500 => Failure::InDoubt(cause),
        // A 4xx is a refusal even when its body cannot be read (a proxy's page, say); anything
        // else that is neither success nor a readable error tells nothing.
        _ if readable || (400..500).contains(&status) => match status {
            407 | 408 | 429 => Failure::InDoubt(cause),
            _ => Failure::Final(cause),
        },
        _ => Failure::InDoubt(cause),
    }
}

/// `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException` → `ResourceNotFoundException`.
fn short(kind: &str) -> &str {
    let name = kind.rsplit('#').next().unwrap_or(kind);
    name.split(':').next().unwrap_or(name)
}

fn is_skew(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("expired") || message.contains("not yet current")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> Failure {
        let body = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{message}"}}"#
        );
        classify(status, Some("REQ".to_owned()), body.as_bytes())
    }

    #[test]
    fn every_row_of_the_table_of_answers() {
        for (status, code, message, expected) in [
            (400, "ThrottlingException", "Rate exceeded", "throttled"),
            (400, "ProvisionedThroughputExceededException", "", "throttled"),
            (400, "RequestLimitExceeded", "", "throttled"),
            (400, "TransactionConflictException", "", "busy"),
            (400, "ReplicatedWriteConflictException", "", "busy"),
            (400, "TransactionInProgressException", "", "busy"),
            (500, "InternalServerError", "", "in doubt"),
            (500, "InternalFailure", "", "in doubt"),
            (503, "ServiceUnavailable", "", "in doubt"),
            (503, "ThrottlingException", "", "throttled"),
            (400, "ExpiredTokenException", "", "credentials"),
            (400, "ExpiredToken", "", "credentials"),
            (400, "UnrecognizedClientException", "", "credentials"),
            (
                400,
                "InvalidSignatureException",
                "Signature expired: 1 is now earlier than 2",
                "skew",
            ),
            (400, "InvalidSignatureException", "Signature not yet current: 1", "skew"),
            (400, "InvalidSignatureException", "The signature does not match", "credentials"),
            (400, "RequestExpired", "Request has expired", "skew"),
            (400, "ValidationException", "One or more parameter values", "final"),
            (400, "AccessDeniedException", "not authorized", "final"),
            (400, "ResourceNotFoundException", "Cannot do operations", "no table"),
            (400, "ResourceInUseException", "Table already exists", "in use"),
            (400, "ConditionalCheckFailedException", "The conditional", "condition"),
            (400, "SomethingNew", "", "final"),
        ] {
            assert_eq!(
                answer(status, code, message).class(),
                expected,
                "{status} {code} {message}"
            );
        }
    }

    #[test]
    fn answers_that_cannot_be_read() {
        for (status, body, expected) in [
            (503, "<html><h1>503 Service Unavailable</h1></html>", "in doubt"),
            (500, "", "in doubt"),
            (502, "{\"no type\":1}", "in doubt"),
            (400, "not json", "final"),
            (403, "<html>Forbidden</html>", "final"),
            (408, "", "in doubt"),
            (302, "", "in doubt"),
            (200, "garbage", "in doubt"),
        ] {
            let failure = classify(status, None, body.as_bytes());
            assert_eq!(failure.class(), expected, "{status} {body}");
        }
    }

    #[test]
    fn code_message_and_request_id_are_kept() {
        let Failure::Final(cause) = answer(400, "ValidationException", "too long") else {
            panic!()
        };
        assert_eq!(cause.code, "ValidationException");
        assert_eq!(cause.message, "too long");
        assert_eq!(cause.request_id.as_deref(), Some("REQ"));
        let amazon = classify(400, None, br#"{"__type":"SerializationException","Message":"bad"}"#);
        let Failure::Final(cause) = amazon else { panic!() };
        assert_eq!(
            (cause.code.as_str(), cause.message.as_str()),
            ("SerializationException", "bad")
        );
    }

    #[test]
    fn every_reason_of_a_cancelled_transaction() {
        use Hindrance::{Busy, Condition, None, Refused, Throttled};
        for (code, expected) in [
            ("None", None),
            ("", None),
            ("ConditionalCheckFailed", Condition),
            ("TransactionConflict", Busy),
            ("ThrottlingError", Throttled),
            ("ProvisionedThroughputExceeded", Throttled),
            ("ValidationError", Refused),
            ("ItemCollectionSizeLimitExceeded", Refused),
            ("AccessDenied", Refused),
            ("SomethingNew", Refused),
        ] {
            let body = format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "Message":"cancelled [{code}, None]","CancellationReasons":[
                    {{"Code":"{code}","Message":"why","Item":{{"a":{{"N":"1"}}}}}},
                    {{"Code":"None"}}]}}"#
            );
            let failure = classify(400, Option::Some("REQ".to_owned()), body.as_bytes());
            assert_eq!(failure.class(), "canceled");
            let Failure::Canceled { cause, reasons } = failure else { panic!() };
            assert_eq!(cause.code, "TransactionCanceledException");
            assert_eq!(cause.request_id.as_deref(), Some("REQ"));
            assert_eq!(reasons[0].hindrance(), expected, "{code}");
            assert_eq!((reasons[0].code.as_str(), reasons[0].message.as_str()), (code, "why"));
            let item = reasons[0].item.as_ref().unwrap();
            assert_eq!(item["a"], crate::codec::Value::N("1".into()));
            assert_eq!(reasons[1], Reason { code: "None".to_owned(), ..Reason::default() });
            assert_eq!(Reason::gravest(&reasons), Some((0, expected)));
        }
    }

    #[test]
    fn the_gravest_reason_decides_and_the_first_of_its_kind() {
        let reasons = |codes: &[&str]| {
            let reason = |code: &&str| Reason { code: (*code).to_owned(), ..Reason::default() };
            codes.iter().map(reason).collect::<Vec<_>>()
        };
        for (codes, expected) in [
            (&[][..], None),
            (&["None", "TransactionConflict"], Some((1, Hindrance::Busy))),
            (&["TransactionConflict", "ThrottlingError"], Some((1, Hindrance::Throttled))),
            (&["ThrottlingError", "ConditionalCheckFailed"], Some((1, Hindrance::Condition))),
            (&["ConditionalCheckFailed", "ValidationError"], Some((1, Hindrance::Refused))),
            (&["None", "AccessDenied", "ValidationError"], Some((1, Hindrance::Refused))),
        ] {
            assert_eq!(Reason::gravest(&reasons(codes)), expected, "{codes:?}");
        }
    }

    #[test]
    fn odd_reasons_are_no_panic() {
        for (reasons, expected) in [
            ("null", vec![]),
            ("[]", vec![]),
            ("[{}]", vec![Reason::default()]),
            (r#"[{"Code":null,"Message":null,"Item":null}]"#, vec![Reason::default()]),
            (r#"[{"Item":{"a":{"X":"1"}}}]"#, vec![Reason::default()]),
        ] {
            let body = format!(
                r#"{{"__type":"x#TransactionCanceledException","CancellationReasons":{reasons}}}"#
            );
            let Failure::Canceled { reasons, .. } = classify(400, None, body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!(reasons, expected, "{body}");
        }
    }

    #[test]
    fn a_failed_condition_brings_the_item() {
        let body = br#"{"__type":"x#ConditionalCheckFailedException","message":"m","Item":{"a":{"N":"1"}}}"#;
        let Failure::ConditionFailed(Some(item)) = classify(400, None, body) else { panic!() };
        assert_eq!(item["a"], crate::codec::Value::N("1".into()));
        let body = br#"{"__type":"x#ConditionalCheckFailedException","Message":"m"}"#;
        assert_eq!(classify(400, None, body), Failure::ConditionFailed(None));
    }
}
