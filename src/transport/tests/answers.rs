//! What the server answers, well formed and not.

use std::io::Read as _;
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::super::testing::{Client, Seen, Server, Then, answer, raw, request};
use super::{AMPLE, in_doubt, not_sent, unusable};
use crate::transport::HttpTransport;

fn ok(_: &Seen, stream: &mut TcpStream) -> Then {
    answer(stream, "200 OK", b"{}")
}

#[test]
fn the_request_is_on_the_wire_as_rusoto_signed_it() {
    let server = Server::start(ok);
    let signed = request(&server.url());
    let expected = signed.headers().clone();
    let response = Client::new().send(signed, Some(AMPLE)).unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.body_as_str(), "{}");

    let [seen] = &server.seen()[..] else {
        panic!("more than one request");
    };
    assert_eq!(seen.line, "POST / HTTP/1.1");
    assert_eq!(seen.body, b"{\"secret\":\"body\"}");
    assert_eq!(seen.header("host"), Some(server.address().to_string().as_str()));
    for (name, values) in expected {
        let value = String::from_utf8(values[0].clone()).unwrap();
        assert_eq!(seen.header(&name), Some(value.as_str()), "{name}");
    }
    assert!(seen.header("user-agent").unwrap().starts_with("faraday-atom/"));
    assert_eq!(seen.header("accept-encoding"), None);
}

#[test]
fn path_and_query_of_the_endpoint_are_kept() {
    let server = Server::start(ok);
    let mut signed = request(&format!("{}/prefix", server.url()));
    signed.add_param("a b", "c&d");
    signed.complement();
    Client::new().send(signed, Some(AMPLE)).unwrap();
    assert_eq!(server.seen()[0].line, "POST /prefix/?a%20b=c%26d HTTP/1.1");
}

#[test]
fn an_ipv6_literal_is_a_host() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("SKIPPED: this machine has no IPv6 loopback");
        return;
    };
    let server = Server::on(listener, AMPLE, ok);
    Client::new().call(&server.url(), AMPLE).unwrap();
    let host = format!("[::1]:{}", server.address().port());
    assert_eq!(server.seen()[0].header("host"), Some(host.as_str()));
}

#[test]
fn a_host_name_is_looked_up() {
    let server = Server::start(ok);
    let url = format!("http://localhost:{}", server.address().port());
    Client::new().call(&url, AMPLE).unwrap();
}

#[test]
fn a_name_that_does_not_exist_is_not_sent() {
    not_sent(Client::new().call("http://dynamodb.invalid:8000", AMPLE), "dns error");
}

#[test]
fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    not_sent(Client::new().call(&url, AMPLE), "refused");
}

#[test]
fn an_address_that_is_none_is_unusable() {
    for url in ["http://", "http://a b", "http://[::1", "http://host:99999", "http://u:p@host"] {
        unusable(Client::new().call(url, AMPLE), "");
    }
}

#[test]
fn a_reset_is_in_doubt() {
    // Closing a socket with unread input resets the connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
    });
    in_doubt(Client::new().call(&url, AMPLE), "reset");
    server.join().unwrap();
}

#[test]
fn an_end_instead_of_an_answer_is_in_doubt_and_nothing_is_sent_again() {
    let server = Server::start(|_, _| Then::Close);
    let client = Client::new();
    for sent in 1..=5 {
        in_doubt(client.call(&server.url(), AMPLE), "");
        assert_eq!(server.seen().len(), sent);
    }
}

#[test]
fn an_end_on_a_connection_used_before_is_in_doubt_and_nothing_is_sent_again() {
    let server = Server::start(|seen, stream| match seen.connection {
        // The first request of each connection is answered, the second is read and dropped.
        _ if seen.header("x-first").is_some() => answer(stream, "200 OK", b"{}"),
        _ => Then::Close,
    });
    let client = Client::new();
    for round in 1..=5 {
        let mut first = request(&server.url());
        first.add_header("x-first", "yes");
        client.send(first, Some(AMPLE)).unwrap();
        in_doubt(client.call(&server.url(), AMPLE), "");
        assert_eq!(server.seen().len(), 2 * round);
        assert_eq!(server.accepted(), round);
    }
}

#[test]
fn a_body_cut_short_is_in_doubt() {
    let server = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a\"");
        Then::Close
    });
    in_doubt(Client::new().call(&server.url(), AMPLE), "cut off");
}

#[test]
fn a_chunked_body_cut_short_is_in_doubt() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n";
    let server = Server::start(move |_, stream| {
        raw(stream, head);
        Then::Close
    });
    in_doubt(Client::new().call(&server.url(), AMPLE), "cut off");
}

#[test]
fn a_chunked_body_is_read_and_its_connection_kept() {
    let server = Server::start(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        raw(stream, &[&head[..], b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"].concat())
    });
    let client = Client::new();
    for _ in 0..3 {
        let response = client.call(&server.url(), AMPLE).unwrap();
        assert_eq!(response.body_as_str(), "{}");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_header_that_is_not_ascii_is_no_reason_to_panic() {
    let server = Server::start(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nx-utf: caf\xc3\xa9\r\nx-latin: caf\xe9\r\ncontent-length: 2\r\n\r\n{}";
        raw(stream, head)
    });
    let client = Client::new();
    let response = client.call(&server.url(), AMPLE).unwrap();
    assert_eq!(response.headers["x-utf"], "café");
    assert_eq!(response.headers["x-latin"], "caf\u{fffd}");
    assert_eq!(response.body_as_str(), "{}");
    client.call(&server.url(), AMPLE).unwrap();
    assert_eq!(server.accepted(), 1);
}

#[test]
fn the_checksum_is_checked() {
    let server = Server::start(|seen, stream| {
        // crc32 of "{}" is 2745614147.
        let sum = seen.header("x-sum").unwrap();
        answer(stream, &format!("200 OK\r\nx-amz-crc32: {sum}"), b"{}")
    });
    let client = Client::new();
    let call = |sum: &str| {
        let mut signed = request(&server.url());
        signed.add_header("x-sum", sum);
        client.send(signed, Some(AMPLE))
    };
    assert_eq!(call("2745614147").unwrap().body_as_str(), "{}");
    in_doubt(call("2745614148"), "checksum");
    in_doubt(call("nonsense"), "checksum");
    in_doubt(call("99999999999"), "checksum");
    assert_eq!(call("2745614147").unwrap().status, 200);
    assert_eq!(server.accepted(), 1, "a wrong checksum spoils no connection");
}

#[test]
fn an_html_503_arrives_as_it_is() {
    let page = b"<html><h1>Service Unavailable</h1></html>";
    let server = Server::start(|_, stream| {
        answer(stream, "503 Service Unavailable\r\ncontent-type: text/html", page)
    });
    let response = Client::new().call(&server.url(), AMPLE).unwrap();
    assert_eq!(response.status, 503);
    assert_eq!(&response.body[..], page);
}

#[test]
fn garbage_in_the_body_of_a_200_arrives_as_it_is() {
    let server = Server::start(|_, stream| answer(stream, "200 OK", b"\xff\x00not json"));
    let response = Client::new().call(&server.url(), AMPLE).unwrap();
    assert_eq!(&response.body[..], b"\xff\x00not json");
}

#[test]
fn garbage_instead_of_http_is_in_doubt() {
    for garbage in [
        &b"\x16\x03\x01garbage\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ] {
        let server = Server::start(move |_, stream| {
            raw(stream, garbage);
            Then::Close
        });
        in_doubt(Client::new().call(&server.url(), AMPLE), "");
    }
}

#[test]
fn bytes_after_the_answer_do_not_reach_the_next_request() {
    let server = Server::start(|seen, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        if seen.connection == 0 {
            raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad");
        }
        Then::KeepOpen
    });
    let client = Client::new();
    for _ in 0..5 {
        let response = client.call(&server.url(), AMPLE).unwrap();
        assert_eq!(response.body_as_str(), "{}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Server::start(ok);
    let location = format!("307 Temporary Redirect\r\nlocation: {}", other.url());
    let server = Server::start(move |_, stream| answer(stream, &location, b""));
    let response = Client::new().call(&server.url(), AMPLE).unwrap();
    assert_eq!(response.status, 307);
    assert_eq!(other.accepted(), 0);
}

#[test]
fn an_answer_without_end_is_in_doubt() {
    let announced = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{");
        Then::KeepOpen
    });
    in_doubt(Client::new().call(&announced.url(), AMPLE), "longer than");

    let endless = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\n\r\n");
        let block = vec![b' '; 1 << 20];
        for _ in 0..70 {
            raw(stream, &block);
        }
        Then::Close
    });
    in_doubt(Client::new().call(&endless.url(), AMPLE), "longer than");
}

#[test]
fn secrets_are_in_no_debug_output() {
    let debug = format!("{:?}", HttpTransport::new(crate::transport::HttpOptions::from_env()));
    assert_eq!(debug, "HttpTransport { .. }");
    let built = super::super::request::from_signed(request("http://localhost:1")).unwrap();
    let debug = format!("{:?}", built.headers());
    assert!(!debug.contains("secret-token"), "{debug}");
    assert!(!debug.contains("Signature"), "{debug}");
}

#[test]
fn a_header_that_http_does_not_allow_is_unusable_and_not_repeated() {
    let mut signed = request("http://localhost:1");
    signed.add_header("x-token", "secret\nvalue");
    let outcome = Client::new().send(signed, Some(AMPLE));
    let message = outcome.as_ref().unwrap_err().message().to_owned();
    assert!(!message.contains("secret"), "{message}");
    unusable(outcome, "x-token");
}

#[test]
fn rusotos_own_client_sends_through_it() {
    let server = Server::start(ok);
    let client = Client::new();
    let rusoto = rusoto_core::Client::new_with(
        rusoto_core::credential::StaticProvider::new_minimal("AKID".into(), "key".into()),
        client.transport.clone(),
    );
    let unsigned = request(&server.url());
    let work = async move { rusoto.sign_and_dispatch(unsigned).await };
    let response = client.runtime.run(None, work).unwrap().unwrap();
    assert_eq!(response.status, 200);
}
