//! What does not answer in time.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::super::testing::{Client, Server, answer, hang, raw, request};
use super::{AMPLE, in_doubt, not_sent};
use crate::runtime::RunError;

const SHORT: Duration = Duration::from_millis(150);

/// The limit was kept: not cut early, not overrun.
fn took_about(limit: Duration, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let took = start.elapsed();
    assert!(took >= limit, "{took:?} is before the limit");
    assert!(took < limit + Duration::from_secs(2), "{took:?} is too long");
}

#[test]
fn a_server_that_hangs_is_in_doubt_and_sees_the_connection_close() {
    let server = Server::start(|_, stream| hang(stream));
    let client = Client::new();
    took_about(SHORT, || {
        in_doubt(client.call(&server.url(), SHORT), "no answer within");
    });
    server.wait_open(0);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_stall_after_the_headers_is_in_doubt() {
    let server = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
        hang(stream)
    });
    let client = Client::new();
    took_about(SHORT, || {
        in_doubt(client.call(&server.url(), SHORT), "did not end within");
    });
    server.wait_open(0);
}

#[test]
fn a_stall_in_the_middle_of_the_body_is_in_doubt() {
    let server = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{");
        hang(stream)
    });
    let client = Client::new();
    took_about(SHORT, || {
        in_doubt(client.call(&server.url(), SHORT), "did not end within");
    });
    server.wait_open(0);
}

#[test]
fn a_body_that_drips_is_cut_by_the_limit_too() {
    let server = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        for _ in 0..40 {
            raw(stream, b" ");
            thread::sleep(Duration::from_millis(10));
        }
        hang(stream)
    });
    let client = Client::new();
    took_about(SHORT, || {
        in_doubt(client.call(&server.url(), SHORT), "did not end within");
    });
}

#[test]
fn without_a_limit_of_its_own_the_default_holds() {
    let server = Server::start(|_, stream| hang(stream));
    let client = Client::with(|options| options.request_timeout = SHORT);
    took_about(SHORT, || {
        let outcome = client.send(request(&server.url()), None);
        in_doubt(outcome, "no answer within");
    });
}

#[test]
fn a_connect_that_hangs_is_not_sent() {
    // TLS to a server that never says a word hangs in the handshake; so does a proxy's CONNECT.
    // What is tested here is TCP itself: a listener whose queue is full drops what comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, SHORT) {
        queued.push(stream);
        if queued.len() > 5000 {
            eprintln!("SKIPPED: this system's queue for connections does not fill");
            return;
        }
    }
    let url = format!("http://{address}");
    let client = Client::with(|options| options.connect_timeout = SHORT);
    took_about(SHORT, || {
        not_sent(client.call(&url, AMPLE), "no connection within");
    });
    let client = Client::new();
    took_about(SHORT, || {
        not_sent(client.call(&url, SHORT), "no connection within");
    });
}

#[test]
fn no_free_connection_within_the_limit_is_not_sent() {
    let server = Server::start(|_, stream| hang(stream));
    let client = Arc::new(Client::with(|options| options.max_connections = 1));
    let first = {
        let (client, url) = (Arc::clone(&client), server.url());
        thread::spawn(move || client.call(&url, Duration::from_millis(600)))
    };
    server.wait_open(1);
    took_about(SHORT, || {
        not_sent(client.call(&server.url(), SHORT), "busy");
    });
    in_doubt(first.join().unwrap(), "no answer within");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn giving_up_at_the_deadline_cancels_the_request() {
    let server = Server::start(|_, stream| hang(stream));
    let client = Client::new();
    let transport = client.transport.clone();
    let signed = request(&server.url());
    let start = Instant::now();
    let result = client.runtime.run(Some(start + SHORT), async move {
        transport.send(signed, Some(AMPLE)).await.map(drop)
    });
    assert_eq!(result.unwrap_err(), RunError::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(server.accepted(), 1);
    server.wait_open(0);
}

#[test]
fn a_cancelled_request_harms_no_other() {
    let slow = Arc::new(AtomicBool::new(true));
    let server = {
        let slow = Arc::clone(&slow);
        Server::start(move |_, stream| {
            if slow.load(Ordering::SeqCst) {
                return hang(stream);
            }
            answer(stream, "200 OK", b"{}")
        })
    };
    let client = Client::with(|options| options.max_connections = 2);
    for _ in 0..4 {
        in_doubt(client.call(&server.url(), Duration::from_millis(30)), "no answer");
    }
    slow.store(false, Ordering::SeqCst);
    for _ in 0..4 {
        client.call(&server.url(), AMPLE).unwrap();
    }
}

#[test]
fn dropping_everything_waits_for_no_request() {
    let server = Server::start(|_, stream| hang(stream));
    let client = Client::new();
    let (done, finished) = mpsc::channel();
    let (transport, signed) = (client.transport.clone(), request(&server.url()));
    // The future outlives the caller that gave up on it only until it is dropped.
    let runtime = client.runtime.clone();
    thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_millis(300);
        let result = runtime.run(Some(deadline), async move {
            transport.send(signed, Some(AMPLE)).await.map(drop)
        });
        done.send(result.is_err()).unwrap();
    });
    server.wait_open(1);
    let start = Instant::now();
    drop(client);
    assert!(start.elapsed() < Duration::from_millis(100));
    assert!(finished.recv_timeout(AMPLE).unwrap());
    server.wait_open(0);
}
