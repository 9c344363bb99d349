//! Access keys, given or from the standard environment variables.

use std::fmt;

use super::Lookup;

/// An access key with its secret. `Debug` shows neither the secret nor the session token.
#[derive(Clone, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
}

impl Credentials {
    /// From `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    ///
    /// With neither key set and an endpoint on this machine, made-up ones: DynamoDB Local wants
    /// to see some and checks none.
    pub(crate) fn from_environment(lookup: Lookup<'_>, on_loopback: bool) -> Result<Self, String> {
        let session_token = lookup("AWS_SESSION_TOKEN");
        match (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key), Some(secret_key)) => {
                Ok(Self { access_key, secret_key, session_token })
            }
            (None, None) if on_loopback => Ok(Self {
                access_key: "local".to_owned(),
                secret_key: "local".to_owned(),
                session_token: None,
            }),
            (None, None) => Err("there are no credentials: set AWS_ACCESS_KEY_ID and \
                AWS_SECRET_ACCESS_KEY, or call TableBuilder::credentials"
                .to_owned()),
            (Some(_), None) => Err("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: \
                set both"
                .to_owned()),
            (None, Some(_)) => Err("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: \
                set both"
                .to_owned()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("secret_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)], on_loopback: bool) -> Result<Credentials, String> {
        let lookup = |name: &str| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Credentials::from_environment(&lookup, on_loopback)
    }

    #[test]
    fn the_standard_variables() {
        let vars = [
            ("AWS_ACCESS_KEY_ID", "AK"),
            ("AWS_SECRET_ACCESS_KEY", "s3cr3t"),
            ("AWS_SESSION_TOKEN", "t0ken=="),
        ];
        let found = from(&vars, false).unwrap();
        assert_eq!(found.session_token.as_deref(), Some("t0ken=="));
        let shown = format!("{found:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("t0ken"), "{shown}");
        assert_eq!(from(&vars[..2], true).unwrap().secret_key, "s3cr3t");
    }

    #[test]
    fn half_a_pair_is_an_error_even_on_loopback() {
        for half in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(from(&[(half, "x")], true).unwrap_err().contains(half));
        }
    }

    #[test]
    fn none_at_all_is_an_error_but_on_loopback() {
        assert!(from(&[], false).is_err());
        assert_eq!(from(&[], true).unwrap().access_key, "local");
    }
}
