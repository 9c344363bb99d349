//! Where a scan has come to, to go on from another day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a [scan](crate::Scan) has come to, to go on from there later, in another process too.
/// From [`Scan::token`](crate::Scan::token).
///
/// It is short, can be printed and parsed, and serde stores it, in an atom for example. It names
/// the table, the prefix, and for each segment the last key that was given out: everything before
/// it is not given again, and everything behind it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanToken {
    pub(super) table: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prefix: Option<String>,
    pub(super) segments: Vec<Position>,
}

/// What of a segment has been given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Position {
    Start,
    /// Everything up to this key.
    After(String),
    Done,
}

impl ScanToken {
    /// Whether nothing is left to go on with.
    pub fn is_done(&self) -> bool {
        self.segments.iter().all(|position| *position == Position::Done)
    }
}

impl fmt::Display for ScanToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// A text that is no [`ScanToken`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the token of a scan: {message}")]
pub struct ParseScanTokenError {
    message: String,
}

impl FromStr for ScanToken {
    type Err = ParseScanTokenError;

    fn from_str(text: &str) -> Result<Self, ParseScanTokenError> {
        let token: Self = serde_json::from_str(text)
            .map_err(|error| ParseScanTokenError { message: error.to_string() })?;
        if token.segments.is_empty() {
            return Err(ParseScanTokenError { message: "it has no segments".to_owned() });
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_printed_and_parsed() {
        let token = ScanToken {
            table: "t".to_owned(),
            prefix: Some("user/".to_owned()),
            segments: vec![
                Position::Start,
                Position::After("user/\"7\"".to_owned()),
                Position::Done,
            ],
        };
        let text = token.to_string();
        assert_eq!(
            text,
            r#"{"table":"t","prefix":"user/","segments":["start",{"after":"user/\"7\""},"done"]}"#
        );
        assert_eq!(text.parse(), Ok(token.clone()));
        assert!(!token.is_done());
        for wrong in ["", "{}", "7", r#"{"table":"t","segments":[]}"#] {
            assert!(wrong.parse::<ScanToken>().is_err(), "{wrong}");
        }
    }
}
