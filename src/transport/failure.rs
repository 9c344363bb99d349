//! What a failed exchange means: the request never left, or nobody knows.

use std::error::Error;
use std::fmt::{self, Write as _};

use ::http::Uri;
use rusoto_core::request::HttpDispatchError;

/// Why there is no answer, and whether the server may have acted on the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WireFailure {
    /// Not one byte of the request was written: it is certain that nothing was done.
    NotSent(String),
    /// The same, and trying again would end the same way: the settings are wrong. (An address
    /// that is none, no TLS in this build, a proxy or a CA bundle that cannot be used.)
    Unusable(String),
    /// The request may have arrived and may have been carried out.
    InDoubt(String),
}

// rusoto's error is a string and nothing else, so the verdict travels as its first word.
// Every error of the transport is made from a `WireFailure`, so the mark is always there.
const NOT_SENT: &str = "[not sent] ";
const UNUSABLE: &str = "[unusable] ";
const IN_DOUBT: &str = "[in doubt] ";

/// Reads the verdict back out of rusoto's error. An error without a mark is not the transport's
/// (rusoto itself made it) and is in doubt: the careful reading.
pub(crate) fn failure_of(error: &HttpDispatchError) -> WireFailure {
    let text = error.to_string();
    if let Some(rest) = text.strip_prefix(NOT_SENT) {
        return WireFailure::NotSent(rest.to_owned());
    }
    if let Some(rest) = text.strip_prefix(UNUSABLE) {
        return WireFailure::Unusable(rest.to_owned());
    }
    WireFailure::InDoubt(text.strip_prefix(IN_DOUBT).unwrap_or(&text).to_owned())
}

impl WireFailure {
    /// The reason, without the verdict.
    pub(crate) fn message(&self) -> &str {
        match self {
            WireFailure::NotSent(message)
            | WireFailure::Unusable(message)
            | WireFailure::InDoubt(message) => message,
        }
    }
}

impl From<WireFailure> for HttpDispatchError {
    fn from(failure: WireFailure) -> Self {
        HttpDispatchError::new(failure.to_string())
    }
}

impl fmt::Display for WireFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self {
            WireFailure::NotSent(_) => NOT_SENT,
            WireFailure::Unusable(_) => UNUSABLE,
            WireFailure::InDoubt(_) => IN_DOUBT,
        };
        write!(f, "{mark}{}", self.message())
    }
}

impl Error for WireFailure {}

/// An error with all its causes in one line: "tcp connect error: Connection refused". hyper
/// keeps the part that helps in the causes. A cause that only repeats its parent is left out.
pub(super) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let detail = error.to_string();
        if !text.contains(&detail) {
            let _ = write!(text, ": {detail}");
        }
        cause = error.source();
    }
    text
}

/// Where it happened, then what. DynamoDB's path is always `/`.
pub(super) fn at(uri: &Uri, reason: &str) -> String {
    let server = uri.authority().map_or("", |authority| authority.as_str());
    format!("{server}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_survives_the_trip_through_rusotos_error() {
        for failure in [
            WireFailure::NotSent("dns error".to_owned()),
            WireFailure::InDoubt("connection reset".to_owned()),
            WireFailure::InDoubt("[not sent] quoted by a server".to_owned()),
            WireFailure::NotSent(String::new()),
            WireFailure::Unusable("no TLS".to_owned()),
        ] {
            let error = HttpDispatchError::from(failure.clone());
            assert_eq!(failure_of(&error), failure);
        }
    }

    #[test]
    fn an_error_that_rusoto_made_is_in_doubt() {
        let error = HttpDispatchError::new("Error obtaining body: cut".to_owned());
        assert_eq!(
            failure_of(&error),
            WireFailure::InDoubt("Error obtaining body: cut".to_owned())
        );
    }

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("refused");
        let outer = std::io::Error::other(inner);
        assert_eq!(explain(&outer), "refused");
    }
}
