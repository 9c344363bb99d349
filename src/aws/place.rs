//! The region and the endpoint: the wrong one is the wrong database, so nothing is guessed.

use std::fmt;
use std::net::IpAddr;

use super::Lookup;

/// Where DynamoDB is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) region: String,
    /// Scheme, host and port, without a trailing slash.
    pub(crate) endpoint: String,
    /// Whether the endpoint was named, rather than being AWS's own for the region.
    named: bool,
    /// Whether the endpoint is on this machine.
    pub(crate) on_loopback: bool,
}

impl Place {
    /// What was given, else the standard environment variables: `AWS_REGION`, then
    /// `AWS_DEFAULT_REGION`; `AWS_ENDPOINT_URL_DYNAMODB`, then `AWS_ENDPOINT_URL`.
    pub(crate) fn resolve(
        region: Option<String>,
        endpoint: Option<String>,
        lookup: Lookup<'_>,
    ) -> Result<Self, String> {
        let endpoint = endpoint
            .or_else(|| lookup("AWS_ENDPOINT_URL_DYNAMODB"))
            .or_else(|| lookup("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.map(|url| Endpoint::parse(&url)).transpose()?;
        let on_loopback = endpoint.as_ref().is_some_and(Endpoint::is_loopback);
        let region = region
            .or_else(|| lookup("AWS_REGION"))
            .or_else(|| lookup("AWS_DEFAULT_REGION"))
            .map(|region| region.trim().to_owned());
        let region = match region {
            Some(region) => region,
            None if on_loopback => "local".to_owned(),
            None => {
                return Err("there is no region: set AWS_REGION, or call TableBuilder::region \
                    (an endpoint on this machine needs none)"
                    .to_owned());
            }
        };
        // The region becomes part of a host name.
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || (endpoint.is_none() && !region.bytes().all(sound)) {
            return Err(format!("{region:?} is no AWS region: give one such as eu-west-1"));
        }
        if let Some(Endpoint { text, .. }) = endpoint {
            return Ok(Self { region, endpoint: text, named: true, on_loopback });
        }
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let endpoint = format!("https://dynamodb.{region}.amazonaws.com{suffix}");
        Ok(Self { region, endpoint, named: false, on_loopback: false })
    }
}

/// As a message names it: the region, or the endpoint where one was named.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.named { &self.endpoint } else { &self.region })
    }
}

/// An endpoint taken apart as far as it must be checked.
struct Endpoint {
    text: String,
    host: String,
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            // A URL may carry a password: it is not repeated then.
            let shown = if url.contains('@') { "the endpoint" } else { url };
            Err(format!("{shown:?} is no endpoint ({why}): give one such as http://localhost:8000"))
        };
        let text = url.trim().trim_end_matches('/');
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("it has no scheme");
        };
        if !matches!(scheme, "http" | "https") {
            return refuse("its scheme is neither http nor https");
        }
        if rest.contains(['/', '?', '#', '@', ' ']) {
            return refuse("it has more than a host and a port");
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return refuse("its address has no closing bracket"),
            },
            None => match rest.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() {
            return refuse("it has no host");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return refuse("its port is no number up to 65535");
        }
        Ok(Self { text: text.to_owned(), host: host.to_ascii_lowercase() })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(
        region: Option<&str>,
        endpoint: Option<&str>,
        vars: &[(&str, &str)],
    ) -> Result<Place, String> {
        let lookup = |name: &str| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Place::resolve(region.map(str::to_owned), endpoint.map(str::to_owned), &lookup)
    }

    #[test]
    fn the_order_of_settings() {
        let vars = [("AWS_DEFAULT_REGION", "us-west-2"), ("AWS_REGION", "eu-west-1")];
        assert_eq!(place(Some("eu-north-1"), None, &vars).unwrap().region, "eu-north-1");
        assert_eq!(place(None, None, &vars).unwrap().region, "eu-west-1");
        assert_eq!(place(None, None, &vars[..1]).unwrap().region, "us-west-2");
        let vars = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://a:1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://b:2/"),
        ];
        assert_eq!(place(None, Some("http://c:3"), &vars).unwrap().endpoint, "http://c:3");
        assert_eq!(place(None, None, &vars).unwrap().endpoint, "http://b:2");
        assert_eq!(place(None, None, &vars[..2]).unwrap().endpoint, "http://a:1");
    }

    #[test]
    fn endpoints_of_aws() {
        let endpoint = |region| place(Some(region), None, &[]).unwrap().endpoint;
        assert_eq!(endpoint("eu-west-1"), "https://dynamodb.eu-west-1.amazonaws.com");
        assert_eq!(endpoint("cn-north-1"), "https://dynamodb.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_missing_or_senseless_region_is_never_another_one() {
        for region in [None, Some(""), Some(" "), Some("us east 1"), Some("eu-west-1.evil.com/")] {
            assert!(place(region, None, &[]).unwrap_err().contains("region"), "{region:?}");
        }
        assert!(place(None, Some("https://example.com"), &[]).is_err());
    }

    #[test]
    fn loopback_needs_no_region() {
        for endpoint in [
            "http://localhost:8000",
            "http://LOCALHOST:8000/",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "http://dynamo.localhost",
        ] {
            let place = place(None, Some(endpoint), &[]).unwrap();
            assert!(place.on_loopback, "{endpoint}");
            assert_eq!(place.region, "local");
        }
    }

    #[test]
    fn endpoints_that_are_none() {
        for endpoint in [
            "localhost:8000",
            "ftp://localhost",
            "http://",
            "http://host/path",
            "http://host:port",
            "http://host:70000",
            "http://[::1",
        ] {
            assert!(place(Some("eu-west-1"), Some(endpoint), &[]).is_err(), "{endpoint}");
        }
        let refused = place(Some("x"), Some("http://me:s3cr3t@host"), &[]).unwrap_err();
        assert!(!refused.contains("s3cr3t"));
    }
}
