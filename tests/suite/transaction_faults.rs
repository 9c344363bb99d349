//! Transactions through a server on bad days, over HTTP. What each answer leads to, one by one, is
//! tested beside the code, in `src/transact/tests.rs`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use faraday_atom::{Atom, Error, Outcome, Table};

use crate::faults::{open, quick, scripted};
use crate::support::PlainTest;
use crate::support::server::{Backend, Fault, Server, THROTTLED, UNAVAILABLE};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "transaction_faults::every_fault_in_a_commit", run: every_fault },
    PlainTest { name: "transaction_faults::every_fault_in_a_snapshot", run: every_fault_in_reads },
    PlainTest { name: "transaction_faults::lost_reply_then_overtaken", run: overtaken },
    PlainTest { name: "transaction_faults::one_item_recovers_as_a_swap", run: one_item },
    PlainTest { name: "transaction_faults::a_server_that_never_answers", run: never_answers },
    PlainTest { name: "transaction_faults::gets_through_beside_busy_swaps", run: beside_busy },
];

const FAULTS: [Fault; 11] = [
    Fault::LoseReply,
    Fault::LoseRequest,
    Fault::ResetReply,
    Fault::Hang,
    Fault::StallInBody,
    Fault::CutBody,
    Fault::Garbage,
    Fault::WrongChecksum,
    Fault::OddHeader,
    UNAVAILABLE,
    THROTTLED,
];

/// Adds one to both; gives what `a` was, and how often the closure ran.
fn add_both(table: &Table) -> (faraday_atom::Result<u32>, u32) {
    let mut runs = 0;
    let result = table.transact(|tx| {
        runs += 1;
        let (a, b): (u32, u32) = (tx.get("a")?.unwrap(), tx.get("b")?.unwrap());
        tx.set("a", a + 1)?;
        tx.set("b", b + 1)?;
        Ok(a)
    });
    (result, runs)
}

fn both(table: &Table) -> (Option<u32>, Option<u32>) {
    (table.find_item("a").unwrap(), table.find_item("b").unwrap())
}

fn every_fault() {
    for forgets in [0, 1] {
        for fault in FAULTS {
            let server = Server::new(scripted("TransactWriteItems", [fault, fault]));
            server.forget_tokens(forgets);
            let table = open(&server);
            table.put_item("a", 7).unwrap();
            table.put_item("b", 70).unwrap();
            let (result, runs) = add_both(&table);
            assert_eq!((result.unwrap(), runs), (7, 1), "{fault:?}, forgets: {forgets}");
            assert_eq!(both(&table), (Some(8), Some(71)), "{fault:?}, forgets: {forgets}");
        }
    }
}

fn every_fault_in_reads() {
    for fault in FAULTS {
        let server = Server::new(scripted("TransactGetItems", [fault, fault]));
        let table = open(&server);
        table.put_item("a", 7).unwrap();
        let sum = table.transact(|tx| {
            Ok(tx.get::<u32>("a")?.unwrap_or_default() + tx.get::<u32>("b")?.unwrap_or_default())
        });
        assert_eq!(sum.unwrap(), 7, "{fault:?}");
    }
}

/// The reply is lost, and another writer comes before the resend.
fn overtaken() {
    for forgets in [0, 1] {
        for fault in [Fault::LoseReply, Fault::LoseRequest] {
            let engine = dynoxide::Database::memory().unwrap();
            let idle = Duration::from_secs(60);
            let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
            let other = open(&straight);
            other.put_item("a", 10).unwrap();
            other.put_item("b", 10).unwrap();
            let interfering = other.atom::<u32>("b");
            let sent = AtomicUsize::new(0);
            let server = Server::start(Backend::Engine(engine), idle, move |seen| {
                if seen.operation != "TransactWriteItems" {
                    return Fault::None;
                }
                match sent.fetch_add(1, Ordering::SeqCst) {
                    0 => fault,
                    1 => {
                        interfering.swap(|b| b.unwrap() + 100).unwrap();
                        Fault::None
                    }
                    _ => Fault::None,
                }
            });
            server.forget_tokens(forgets);
            let (result, runs) = add_both(&open(&server));
            assert_eq!(result.unwrap(), 10);
            // Applied before the other came, or run again after it.
            let applied = fault == Fault::LoseReply;
            assert_eq!(runs, if applied { 1 } else { 2 }, "{fault:?}, forgets: {forgets}");
            assert_eq!(both(&other), (Some(11), Some(111)), "{fault:?}, forgets: {forgets}");
        }
    }
}

fn one_item() {
    for fault in FAULTS {
        let server = Server::new(scripted("PutItem", [Fault::None, fault, fault]));
        let table = open(&server);
        table.put_item("n", 7).unwrap();
        let mut runs = 0;
        table
            .transact(|tx| {
                runs += 1;
                let n: u32 = tx.get("n")?.unwrap();
                Ok(tx.set("n", n + 1)?)
            })
            .unwrap();
        assert_eq!((table.find_item::<u32>("n").unwrap(), runs), (Some(8), 1), "{fault:?}");
    }
}

fn never_answers() {
    let server = Server::new(|seen| match seen.operation {
        "TransactWriteItems" => Fault::Hang,
        _ => Fault::None,
    });
    let table =
        server.table(|builder| builder.retry(quick()).request_timeout(Duration::from_millis(100)));
    table.put_item("a", 1).unwrap();
    table.put_item("b", 1).unwrap();
    let options = faraday_atom::TransactOptions::new().timeout(Duration::from_millis(350));
    let runs = Mutex::new(0);
    let error = table
        .transact_with(&options, |tx| {
            *runs.lock().unwrap() += 1;
            let a: u32 = tx.get("a")?.unwrap();
            tx.set("a", a + 1)?;
            Ok(tx.set("b", a + 1)?)
        })
        .unwrap_err();
    let Error::Indeterminate { write_id, .. } = &error else { panic!("{error}") };
    assert_eq!(*runs.lock().unwrap(), 1);
    // Carried out at once; only the answers never came.
    assert_eq!(table.outcome(write_id).unwrap(), Outcome::Applied);
    assert_eq!(both(&table), (Some(2), Some(2)));
}

/// Four threads of what might be another process swap one of its keys all the time. Whoever waited
/// after a race that was lost would never win one.
fn beside_busy() {
    let server = Server::new(|seen| match seen.operation {
        "GetItem" | "PutItem" | "TransactWriteItems" => Fault::Late(Duration::from_millis(10)),
        _ => Fault::None,
    });
    let (others, table) = (open(&server), open(&server));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let counter = others.atom::<u32>("a");
                while !done.load(Ordering::SeqCst) {
                    counter.swap(|n| n.unwrap_or(0) + 1).unwrap();
                }
            });
        }
        let options = faraday_atom::TransactOptions::new().timeout(Duration::from_secs(10));
        let mut runs = 0;
        let results: Vec<_> = (0..10)
            .map(|_| {
                table.transact_with(&options, |tx| {
                    runs += 1;
                    let (a, b): (Option<u32>, Option<u32>) = (tx.get("a")?, tx.get("b")?);
                    tx.set("a", a.unwrap_or(0) + 1)?;
                    Ok(tx.set("b", b.unwrap_or(0) + 1)?)
                })
            })
            .collect();
        done.store(true, Ordering::SeqCst);
        results.into_iter().for_each(|result| result.unwrap());
        println!("10 transactions beside busy swaps, in {runs} runs");
    });
    assert_eq!(table.find_item::<u32>("b").unwrap(), Some(10));
}
