//! The rules, without a network.

use super::*;

fn way(variables: &[(&str, &str)], target: &'static str) -> String {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    match Proxies::from_lookup(lookup).way_to(&Uri::from_static(target)) {
        Ok(Way::Direct) => "direct".to_owned(),
        Ok(Way::Forward(proxy)) => format!("forward {}", proxy.uri()),
        Ok(Way::Tunnel(proxy)) => format!("tunnel {}", proxy.uri()),
        Err(message) => message,
    }
}

const AWS: &str = "https://dynamodb.eu-west-1.amazonaws.com/";
const PLAIN: &str = "http://dynamo.example:8000/";

#[test]
fn nothing_set_is_direct() {
    assert_eq!(way(&[], AWS), "direct");
    assert_eq!(way(&[], PLAIN), "direct");
}

#[test]
fn each_scheme_has_its_own() {
    let both = [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
    assert_eq!(way(&both, PLAIN), "forward http://a:1/");
    assert_eq!(way(&both, AWS), "tunnel http://b:2/");
    assert_eq!(way(&both[..1], AWS), "direct");
    assert_eq!(way(&both[1..], PLAIN), "direct");
}

#[test]
fn all_proxy_fills_the_gaps() {
    let variables = [("ALL_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
    assert_eq!(way(&variables, PLAIN), "forward http://a:1/");
    assert_eq!(way(&variables, AWS), "tunnel http://b:2/");
    assert_eq!(way(&[("all_proxy", "c:3")], AWS), "tunnel http://c:3/");
}

#[test]
fn lower_case_goes_first_and_empty_means_none() {
    let variables = [("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
    assert_eq!(way(&variables, AWS), "tunnel http://a:1/");
    let variables = [("https_proxy", ""), ("ALL_PROXY", "http://b:2")];
    assert_eq!(way(&variables, AWS), "direct");
}

#[test]
fn a_strangers_header_sets_no_proxy_under_cgi() {
    let cgi = ("REQUEST_METHOD", "GET");
    assert_eq!(way(&[cgi, ("HTTP_PROXY", "http://evil:1")], PLAIN), "direct");
    let lower = [cgi, ("http_proxy", "http://a:1")];
    assert_eq!(way(&lower, PLAIN), "forward http://a:1/");
    let https = [cgi, ("HTTPS_PROXY", "http://a:1")];
    assert_eq!(way(&https, AWS), "tunnel http://a:1/");
}

#[test]
fn no_proxy_exempts_hosts_domains_and_networks() {
    let with = |exempt: &'static str, target| {
        way(&[("ALL_PROXY", "http://a:1"), ("NO_PROXY", exempt)], target)
    };
    assert_eq!(with("amazonaws.com", AWS), "direct");
    assert_eq!(with("x.org, .amazonaws.com", AWS), "direct");
    assert_eq!(with("*", AWS), "direct");
    assert_eq!(with("zonaws.com", AWS), "tunnel http://a:1/");
    assert_eq!(with("10.0.0.0/8", "http://10.1.2.3:8000/"), "direct");
    assert_eq!(with("10.0.0.0/8", "http://11.1.2.3:8000/"), "forward http://a:1/");
}

#[test]
fn this_machine_is_never_behind_a_proxy() {
    for target in [
        "http://localhost:8000/",
        "http://LOCALHOST:8000/",
        "http://dynamo.localhost/",
        "http://127.0.0.1:8000/",
        "http://127.9.9.9/",
        "http://[::1]:8000/",
        "http://[::ffff:127.0.0.1]/",
        "https://localhost/",
    ] {
        assert_eq!(way(&[("ALL_PROXY", "http://a:1")], target), "direct", "{target}");
    }
    let other = "http://notlocalhost:8000/";
    assert_eq!(way(&[("ALL_PROXY", "http://a:1")], other), "forward http://a:1/");
}

#[test]
fn a_value_that_cannot_be_used_is_an_error_without_its_secret() {
    for value in ["socks5://u:pass@a:1", "ftp://a", "http://", "not a proxy"] {
        let told = way(&[("HTTPS_PROXY", value)], AWS);
        assert!(told.contains("HTTPS_PROXY"), "{value}: {told}");
        assert!(!told.contains("pass"), "{told}");
    }
    // It concerns only what would have gone through it.
    let socks = [("HTTPS_PROXY", "socks5://a:1"), ("NO_PROXY", "amazonaws.com")];
    assert_eq!(way(&socks, AWS), "direct");
    assert_eq!(way(&socks, PLAIN), "direct");
}
