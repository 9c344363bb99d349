//! Which way to a server: straight, or through the proxy that the environment names.
//!
//! The variables, as curl and the AWS command line read them: `https_proxy`, `HTTPS_PROXY`,
//! `http_proxy`, `HTTP_PROXY`, `all_proxy`, `ALL_PROXY`, `no_proxy`, `NO_PROXY`. The lower-case
//! name goes first, an empty value means "no proxy", and under CGI (`REQUEST_METHOD` is set)
//! `HTTP_PROXY` is ignored, because there a stranger's `Proxy:` header sets it.
//!
//! An endpoint on this machine (`localhost`, `*.localhost`, 127.0.0.0/8, `::1`) never goes
//! through a proxy, as in Go and in browsers: that is DynamoDB Local, which a proxy elsewhere
//! could not reach. curl would ask the proxy; nobody has been seen to want that.
//!
//! A value that cannot be used (a SOCKS proxy, a typing error) is an error, not a direct
//! connection: who set it may rely on nothing going out any other way.

use std::net::IpAddr;

use ::http::Uri;
use ::http::uri::Scheme;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// What the environment says about proxies.
pub(crate) struct Proxies {
    http: Setting,
    https: Setting,
    /// Answers one question: does `NO_PROXY` *not* name this host?
    unless_exempt: Matcher,
}

enum Setting {
    Direct,
    Via(Intercept),
    /// The name of the variable whose value cannot be used. The value may hold a password.
    Unusable(&'static str),
}

/// The way to one server.
pub(super) enum Way {
    /// Straight to it.
    Direct,
    /// Ask the proxy for the whole address: what is done for `http`.
    Forward(Intercept),
    /// Have the proxy connect to it, and do TLS through that: what is done for `https`.
    Tunnel(Intercept),
}

impl Way {
    /// The proxy's address, without the password that came with it.
    pub(super) fn proxy(&self) -> Option<&Uri> {
        match self {
            Way::Direct => None,
            Way::Forward(proxy) | Way::Tunnel(proxy) => Some(proxy.uri()),
        }
    }
}

impl Proxies {
    /// Reads the environment of the process.
    pub(crate) fn from_env() -> Proxies {
        Proxies::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`. The process's own cannot be changed safely, so this
    /// is how they are tested.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Proxies {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| lookup(name).map(|value| (*name, value)))
        };
        let cgi = lookup("REQUEST_METHOD").is_some();
        let http: &[_] = if cgi {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        let https = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let exempt = first(&["no_proxy", "NO_PROXY"]).map_or(String::new(), |(_, value)| value);
        Proxies {
            http: Setting::of(first(http)),
            https: Setting::of(first(https)),
            unless_exempt: Matcher::builder().all(ANY_PROXY).no(exempt).build(),
        }
    }

    /// No proxy, whatever the environment says.
    #[cfg(test)]
    pub(crate) fn none() -> Proxies {
        Proxies::from_lookup(|_| None)
    }

    /// The way to `target`; an error names the variable that is wrong.
    pub(super) fn way_to(&self, target: &Uri) -> Result<Way, String> {
        let secure = target.scheme() == Some(&Scheme::HTTPS);
        let setting = if secure { &self.https } else { &self.http };
        if matches!(setting, Setting::Direct)
            || target.host().is_none_or(is_this_machine)
            || self.unless_exempt.intercept(target).is_none()
        {
            return Ok(Way::Direct);
        }
        match setting {
            Setting::Direct => Ok(Way::Direct),
            Setting::Via(proxy) if secure => Ok(Way::Tunnel(proxy.clone())),
            Setting::Via(proxy) => Ok(Way::Forward(proxy.clone())),
            Setting::Unusable(name) => {
                Err(format!("the environment variable {name} names no http:// or https:// proxy"))
            }
        }
    }
}

/// Stands for a proxy where only the exceptions are asked for; nothing ever connects to it.
const ANY_PROXY: &str = "http://proxy.invalid";

impl Setting {
    fn of(variable: Option<(&'static str, String)>) -> Setting {
        let Some((name, value)) = variable else {
            return Setting::Direct;
        };
        let value = value.trim();
        if value.is_empty() {
            return Setting::Direct;
        }
        let probe = Uri::from_static("http://host.invalid/");
        let parsed = Matcher::builder().http(value).build().intercept(&probe);
        match parsed {
            Some(proxy) if matches!(proxy.uri().scheme_str(), Some("http" | "https")) => {
                Setting::Via(proxy)
            }
            _ => Setting::Unusable(name),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => ip.to_canonical().is_loopback(),
        Ok(IpAddr::V4(ip)) => ip.is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
