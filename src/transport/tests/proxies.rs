//! Requests through a proxy that the environment names.

use std::net::TcpListener;

use super::super::WireFailure;
use super::super::proxy::Proxies;
use super::super::testing::{Client, Server, answer, hang};
use super::{AMPLE, not_sent, unusable};

/// A name that is not this machine's, which only the proxy is asked for.
const HTTP: &str = "http://dynamo.invalid:8000";
const HTTPS: &str = "https://dynamo.invalid";

fn through(variable: &'static str, proxy: &str) -> Client {
    let proxy = proxy.to_owned();
    Client::with(|options| {
        options.proxies = Proxies::from_lookup(|name| (name == variable).then(|| proxy.clone()));
    })
}

#[test]
fn http_is_forwarded_with_the_whole_address() {
    let proxy = Server::start(|_, stream| answer(stream, "200 OK", b"{}"));
    let client = through("HTTP_PROXY", &format!("http://user:pa%20ss@{}", proxy.address()));
    for _ in 0..2 {
        client.call(HTTP, AMPLE).unwrap();
    }
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "POST http://dynamo.invalid:8000/ HTTP/1.1");
    assert_eq!(seen[0].header("host"), Some("dynamo.invalid:8000"));
    // base64 of "user:pa ss"
    let auth = seen[1].header("proxy-authorization");
    assert_eq!(auth, Some("Basic dXNlcjpwYSBzcw=="));
    assert_eq!(proxy.accepted(), 1);
}

#[test]
fn an_endpoint_on_this_machine_does_not_ask_the_proxy() {
    let proxy = Server::start(|_, stream| answer(stream, "200 OK", b"{}"));
    let server = Server::start(|_, stream| answer(stream, "200 OK", b"{}"));
    let client = through("ALL_PROXY", &proxy.url());
    client.call(&server.url(), AMPLE).unwrap();
    assert_eq!((proxy.accepted(), server.accepted()), (0, 1));
}

#[test]
fn a_proxy_that_is_not_there_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://u:secret@{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = through("HTTP_PROXY", &url).call(HTTP, AMPLE);
    assert!(matches!(&outcome, Err(WireFailure::NotSent(m)) if !m.contains("secret")));
    not_sent(outcome, "through the proxy http://127.0.0.1");
}

#[test]
fn a_proxy_that_asks_who_we_are_has_not_sent_it() {
    let proxy =
        Server::start(|_, stream| answer(stream, "407 Proxy Authentication Required", b"<html>"));
    let client = through("HTTP_PROXY", &proxy.url());
    not_sent(client.call(HTTP, AMPLE), "password");
    // A server that is not behind a proxy may say so as much as it likes.
    let response = client.call(&proxy.url(), AMPLE).unwrap();
    assert_eq!(response.status, 407);
}

#[test]
fn a_value_that_names_no_proxy_is_unusable() {
    let client = through("ALL_PROXY", "socks5://127.0.0.1:1");
    unusable(client.call(HTTP, AMPLE), "ALL_PROXY");
}

#[cfg(any(feature = "native-tls", feature = "rustls"))]
#[test]
fn a_tunnel_that_is_refused_is_not_sent() {
    for (status, says) in [
        ("407 Proxy Authentication Required", "authorization required"),
        ("403 Forbidden", "unsuccessful"),
    ] {
        let proxy = Server::start(move |_, stream| answer(stream, status, b""));
        let client = through("HTTPS_PROXY", &proxy.url());
        not_sent(client.call(HTTPS, AMPLE), says);
        assert_eq!(proxy.seen()[0].line, "CONNECT dynamo.invalid:443 HTTP/1.1");
    }
}

#[cfg(any(feature = "native-tls", feature = "rustls"))]
#[test]
fn a_tunnel_that_hangs_is_not_sent() {
    let proxy = Server::start(|_, stream| hang(stream));
    let client = through("HTTPS_PROXY", &proxy.url());
    let limit = std::time::Duration::from_millis(300);
    not_sent(client.call(HTTPS, limit), "no connection within");
    proxy.wait_open(0);
}

#[cfg(not(any(feature = "native-tls", feature = "rustls")))]
#[test]
fn without_tls_https_is_a_clear_error() {
    let proxy = Server::start(|_, stream| hang(stream));
    for client in [Client::new(), through("HTTPS_PROXY", &proxy.url())] {
        unusable(client.call(HTTPS, AMPLE), "enable its feature native-tls or rustls");
    }
    assert_eq!(proxy.accepted(), 0);
}
