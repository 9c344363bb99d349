//! How connections are kept, counted and closed.

use std::net::TcpStream;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::super::testing::{Client, Seen, Server, Then, answer, raw};
use super::AMPLE;

fn ok(_: &Seen, stream: &mut TcpStream) -> Then {
    answer(stream, "200 OK", b"{}")
}

#[test]
fn one_connection_carries_all_calls() {
    let server = Server::start(ok);
    let client = Client::new();
    for _ in 0..200 {
        client.call(&server.url(), AMPLE).unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_server_that_closes_idle_connections_is_never_noticed() {
    let server = Server::with_idle_limit(Duration::from_millis(200), ok);
    let client = Client::new();
    for round in 0..50 {
        if round > 0 {
            thread::sleep(Duration::from_millis(300));
        }
        let outcome = client.call(&server.url(), AMPLE);
        assert!(outcome.is_ok(), "call {round}: {outcome:?}");
    }
    assert_eq!(server.seen().len(), 50, "each request arrived exactly once");
    assert_eq!(server.accepted(), 50, "each on a new connection");
}

#[test]
fn a_server_that_closes_after_each_answer_without_saying_so_is_never_noticed() {
    // The end is on the wire together with the answer, or a moment later: the hard case.
    let server = Server::start(|_, stream| {
        answer(stream, "200 OK", b"{}");
        Then::Close
    });
    let client = Client::new();
    for round in 0..200 {
        let outcome = client.call(&server.url(), AMPLE);
        assert!(outcome.is_ok(), "call {round}: {outcome:?}");
        // An end that is still on its way may hit the next request: nobody can help that.
        server.wait_open(0);
    }
    assert_eq!(server.seen().len(), 200);
}

#[test]
fn a_server_that_says_it_will_close_is_believed() {
    let server = Server::start(|_, stream| {
        raw(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
    });
    let client = Client::new();
    for _ in 0..5 {
        client.call(&server.url(), AMPLE).unwrap();
    }
    assert_eq!(server.accepted(), 5);
    server.wait_open(0);
}

#[test]
fn a_free_connection_is_closed_by_us_without_another_call() {
    let server = Server::start(ok);
    let client = Client::with(|options| options.idle_timeout = Duration::from_millis(100));
    client.call(&server.url(), AMPLE).unwrap();
    assert_eq!(server.open(), 1);
    let start = Instant::now();
    server.wait_open(0);
    assert!(start.elapsed() < Duration::from_secs(1));
    // And again: the watching starts anew.
    client.call(&server.url(), AMPLE).unwrap();
    assert_eq!(server.accepted(), 2);
    server.wait_open(0);
}

#[test]
fn a_connection_in_use_is_not_closed_as_idle() {
    let server = Server::start(|_, stream| {
        thread::sleep(Duration::from_millis(300));
        answer(stream, "200 OK", b"{}")
    });
    let client = Client::with(|options| options.idle_timeout = Duration::from_millis(100));
    for _ in 0..3 {
        client.call(&server.url(), AMPLE).unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn never_more_connections_than_allowed() {
    let server = Server::start(|_, stream| {
        thread::sleep(Duration::from_millis(2));
        answer(stream, "200 OK", b"{}")
    });
    let client = Arc::new(Client::with(|options| options.max_connections = 3));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (client, url) = (Arc::clone(&client), server.url());
            thread::spawn(move || {
                for _ in 0..20 {
                    client.call(&url, AMPLE).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(server.seen().len(), 320);
    assert_eq!(server.most_open(), 3);
    assert_eq!(server.accepted(), 3);
}

#[test]
fn the_bound_holds_over_several_servers() {
    let servers: Vec<_> = (0..4).map(|_| Server::start(ok)).collect();
    let client = Client::with(|options| options.max_connections = 2);
    for _ in 0..3 {
        for server in &servers {
            client.call(&server.url(), AMPLE).unwrap();
        }
    }
    super::super::testing::wait_until("two open connections", || {
        servers.iter().map(Server::open).sum::<usize>() == 2
    });
}

#[test]
fn a_thousand_quick_calls_from_eight_threads() {
    let server = Server::start(ok);
    let client = Arc::new(Client::new());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (Arc::clone(&client), server.url());
            thread::spawn(move || {
                for _ in 0..125 {
                    client.call(&url, AMPLE).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(server.seen().len(), 1000);
    assert!(server.accepted() <= 8, "{} connections", server.accepted());
}

#[test]
fn dropping_the_transport_closes_its_connections() {
    let server = Server::start(ok);
    let Client { runtime, transport } = {
        let client = Client::new();
        client.call(&server.url(), AMPLE).unwrap();
        client
    };
    assert_eq!(server.open(), 1);
    drop(transport);
    server.wait_open(0);
    drop(runtime);
}

#[test]
fn dropping_the_runtime_closes_the_connections_and_calls_end_in_an_error() {
    let server = Server::start(ok);
    let Client { runtime, transport } = {
        let client = Client::new();
        client.call(&server.url(), AMPLE).unwrap();
        client
    };
    drop(runtime);
    server.wait_open(0);
    // The transport goes on with another runtime.
    let client = Client { runtime: crate::runtime::Runtime::start().unwrap(), transport };
    client.call(&server.url(), AMPLE).unwrap();
    assert_eq!(server.accepted(), 2);
}

#[test]
fn an_end_that_came_while_the_runtime_was_busy_is_never_noticed() {
    let (close, closed) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let server = {
        let (close, closed) = (Arc::clone(&close), Arc::clone(&closed));
        Server::start(move |seen, stream| {
            answer(stream, "200 OK", b"{}");
            if seen.connection % 2 == 1 {
                return Then::KeepOpen;
            }
            close.wait();
            let _ = stream.shutdown(std::net::Shutdown::Both);
            closed.wait();
            Then::Close
        })
    };
    for round in 0..20 {
        let client = Arc::new(Client::new());
        // On a connection that the server will close.
        client.call(&server.url(), AMPLE).unwrap();
        // The runtime is stuck from before the end arrives till after the next call came in.
        let (release, stuck) = mpsc::channel::<()>();
        let busy = {
            let client = Arc::clone(&client);
            thread::spawn(move || client.runtime.run(None, async move { stuck.recv().is_err() }))
        };
        thread::sleep(Duration::from_millis(2));
        close.wait();
        closed.wait();
        let next = {
            let (client, url) = (Arc::clone(&client), server.url());
            thread::spawn(move || client.call(&url, AMPLE))
        };
        thread::sleep(Duration::from_millis(2));
        drop(release);
        assert_eq!(busy.join().unwrap(), Ok(true));
        let outcome = next.join().unwrap();
        assert!(outcome.is_ok(), "round {round}: {outcome:?}");
    }
    assert_eq!(server.seen().len(), 40);
}

#[test]
fn calls_from_inside_an_async_program_of_either_flavour() {
    use crate::runtime::tests::{current_thread, multi_thread};
    let server = Server::start(ok);
    for theirs in [current_thread(), multi_thread()] {
        let url = server.url();
        theirs.block_on(async {
            let client = Client::new();
            client.call(&url, AMPLE).unwrap();
            let (url, client) = (url.clone(), Arc::new(client));
            let task = {
                let (url, client) = (url.clone(), Arc::clone(&client));
                theirs.spawn(async move { client.call(&url, AMPLE).map(drop) })
            };
            task.await.unwrap().unwrap();
            let task = theirs.spawn_blocking(move || client.call(&url, AMPLE).map(drop));
            task.await.unwrap().unwrap();
        });
    }
    assert_eq!(server.seen().len(), 6);
    assert_eq!(server.accepted(), 2);
    server.wait_open(0);
}
