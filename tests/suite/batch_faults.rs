//! Many items over a server and a network on bad days: nothing dropped, nothing counted as missing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faraday_atom::{Atom, Backoff, Error, RetryPolicy, Table};

use crate::faults::{quick, scripted};
use crate::support::PlainTest;
use crate::support::partly::LEFT;
use crate::support::seed::{draw, seed};
use crate::support::server::{Fault, Seen, Server, THROTTLED, UNAVAILABLE};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "batch_faults::ten_thousand_through_everything", run: everything },
    PlainTest { name: "batch_faults::a_deadline_leaves_exactly_the_rest", run: deadline },
    PlainTest { name: "batch_faults::a_deadline_in_a_read", run: read_deadline },
    PlainTest { name: "batch_faults::a_lost_reply_is_looked_at", run: lost_reply },
    PlainTest { name: "batch_faults::a_lost_reply_does_not_undo_a_swap", run: lost_and_swapped },
    PlainTest { name: "batch_faults::a_refusal_in_the_middle", run: refused },
    PlainTest { name: "batch_faults::a_server_that_never_answers", run: silent },
    PlainTest { name: "batch_faults::waits_beyond_the_clock", run: endless_waits },
    PlainTest { name: "batch_faults::keys_left_that_nobody_asked_for", run: odd_leftovers },
];

fn open(server: &Server) -> Table {
    server.table(|builder| {
        builder
            .retry(quick().timeout(Duration::from_secs(60)))
            .request_timeout(Duration::from_millis(2000))
    })
}

fn is_batch(seen: &Seen<'_>) -> bool {
    seen.operation.starts_with("Batch")
}

fn everything() {
    let seed = seed();
    println!("FARADAY_TEST_SEED={seed}");
    let faults = Arc::new(AtomicU64::new(0));
    let counted = faults.clone();
    let server = Server::new(move |seen: &Seen<'_>| {
        if !is_batch(seen) {
            return Fault::None;
        }
        let bits = draw(seed, seen.number as u64);
        let fault = match bits % 100 {
            0..5 => THROTTLED,
            5..10 => Fault::LoseReply,
            10..13 => Fault::ResetReply,
            13..16 => Fault::LoseRequest,
            16..19 => UNAVAILABLE,
            19..21 => Fault::CutBody,
            _ => Fault::Partly(bits, LEFT),
        };
        if !matches!(fault, Fault::Partly(..)) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        fault
    });
    let table = open(&server);
    let count = 10_000_u32;
    let mut last = faraday_atom::Progress::default();
    let put = table.batch().progress(|told| last = *told).put_items((0..count).map(|n| (n, n * 3)));
    assert_eq!(put.unwrap(), count as usize);
    assert_eq!((last.done, last.left), (count as usize, 0));
    println!("put: {last:?}");
    assert!(last.retried > 2_000, "{last:?}");

    let mut last = faraday_atom::Progress::default();
    let found: Vec<u32> =
        table.batch().progress(|told| last = *told).find_items(0..count + 10).unwrap();
    assert!(found == (0..count).map(|n| n * 3).collect::<Vec<_>>(), "{} found", found.len());
    assert_eq!((last.done, last.left), (count as usize + 10, 0));
    println!("found: {last:?}");

    assert_eq!(table.delete_items((0..count).filter(|n| n % 10 != 0)).unwrap(), 9_000);
    let left = table.find_items::<u32>(0..count).unwrap();
    assert!(left == (0..count).step_by(10).map(|n| n * 3).collect::<Vec<_>>());
    println!("{} faults in {} requests", faults.load(Ordering::Relaxed), server.requests());
}

/// What is in the table, by itself.
fn present(table: &Table, count: u32) -> HashSet<String> {
    let found = table.find_item_mapping::<u32, _>(0..count).unwrap();
    found.into_iter().filter(|(_, value)| value.is_some()).map(|(n, _)| format!("#{n}")).collect()
}

fn deadline() {
    let slow = Arc::new(AtomicBool::new(true));
    let hook = slow.clone();
    let server = Server::new(move |seen: &Seen<'_>| {
        match is_batch(seen) && hook.load(Ordering::SeqCst) {
            // Late, so that the time is up somewhere in the middle, but never so late that the
            // request itself is in doubt for longer than the test waits.
            true if seen.number.is_multiple_of(2) => {
                Fault::Partly(draw(1, seen.number as u64), LEFT)
            }
            true => Fault::Late(Duration::from_millis(10)),
            false => Fault::None,
        }
    });
    let table = open(&server);
    let count = 10_000;
    let pulled = AtomicU64::new(0);
    let pairs = (0..count).map(|n| {
        pulled.fetch_add(1, Ordering::Relaxed);
        (n, n)
    });
    let error = table.batch().in_flight(2).timeout(Duration::from_millis(300)).put_items(pairs);
    let Err(Error::Unprocessed { keys, done, operation: "put_items", .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(pulled.load(Ordering::Relaxed), u64::from(count), "those not yet taken count too");
    // What was under way at the end may arrive a moment later.
    std::thread::sleep(Duration::from_millis(100));
    slow.store(false, Ordering::SeqCst);
    let there = present(&table, count);
    let left: HashSet<String> = keys.iter().cloned().collect();
    assert_eq!(left.len(), keys.len(), "each once");
    assert!(*done > 0 && !left.is_empty(), "{done} done");
    assert_eq!(done + left.len(), count as usize, "nothing dropped, nothing counted twice");
    for n in 0..count {
        let key = format!("#{n}");
        assert!(there.contains(&key) || left.contains(&key), "{key} is neither there nor left");
    }
    // Of those left, only what was under way can be there: two requests.
    assert!(there.intersection(&left).count() <= 50);
    println!("{done} done, {} left: {}", left.len(), error.as_ref().unwrap_err());

    // And on from there.
    let keys: Vec<u32> = keys.iter().map(|key| table.parse_key(key).unwrap()).collect();
    table.put_items(keys.into_iter().map(|n| (n, n))).unwrap();
    assert_eq!(present(&table, count).len(), count as usize);
}

fn read_deadline() {
    let hard = Arc::new(AtomicBool::new(false));
    let hook = hard.clone();
    let server = Server::new(move |seen: &Seen<'_>| {
        if !(is_batch(seen) && hook.load(Ordering::SeqCst)) {
            return Fault::None;
        }
        // The first three get something; then nothing more is processed.
        if seen.number % 1000 < 3 { Fault::Partly(7, 50) } else { Fault::Partly(7, 100) }
    });
    let table = open(&server);
    table.put_items((0..500_u32).map(|n| (n, n))).unwrap();
    hard.store(true, Ordering::SeqCst);
    let keys = (0..600_u32).flat_map(|n| [n, n]);
    let error = table.batch().timeout(Duration::from_millis(400)).find_items::<u32>(keys);
    let Err(Error::Unprocessed { keys, done, found, operation: "find_items", .. }) = error else {
        panic!("{error:?}")
    };
    let values = found.values::<u32>().unwrap();
    assert!(values.iter().all(|(key, value)| *key == format!("#{value}") && *value < 500));
    let mut all: Vec<String> = values.into_iter().map(|(key, _)| key).collect();
    assert!(found.missing().iter().all(|key| table.parse_key::<u32>(key).unwrap() >= 500));
    all.extend(found.missing().iter().cloned());
    assert_eq!(done, 2 * all.len());
    all.extend(keys);
    all.sort();
    let mut expected: Vec<String> = (0..600).map(|n| format!("#{n}")).collect();
    expected.sort();
    assert_eq!(all, expected, "found, missing or left, each once");
}

fn lost_reply() {
    for fault in [Fault::LoseReply, Fault::ResetReply, Fault::CutBody, Fault::Garbage, Fault::Hang]
    {
        let server = Server::new(scripted("BatchWriteItem", [fault]));
        let table = open(&server);
        let before = server.requests();
        assert_eq!(table.put_items((0..10).map(|n| (n, n))).unwrap(), 10);
        assert_eq!(server.requests() - before, 2, "{fault:?}: one write, and one look at it");
        assert_eq!(table.find_items::<u32>(0..10).unwrap(), (0..10).collect::<Vec<u32>>());
    }
    let server = Server::new(scripted("BatchWriteItem", [Fault::LoseRequest, Fault::LoseRequest]));
    let table = open(&server);
    assert_eq!(table.put_items((0..10).map(|n| (n, n))).unwrap(), 10);
    assert_eq!(table.find_items::<u32>(0..10).unwrap(), (0..10).collect::<Vec<u32>>());
}

/// The put arrives, its reply is lost, a swap comes in between: sent again blindly, the put would
/// undo the swap.
fn lost_and_swapped() {
    let swapping: Arc<Mutex<Option<faraday_atom::ItemAtom<u32>>>> = Arc::default();
    let inside = swapping.clone();
    let server = Server::new(move |seen: &Seen<'_>| {
        let atom = match seen.operation {
            "BatchWriteItem" => return Fault::LoseReply,
            "BatchGetItem" => inside.lock().unwrap().take(),
            _ => None,
        };
        if let Some(atom) = atom {
            assert_eq!(atom.swap(|n| n.unwrap() + 1).unwrap(), 8);
        }
        Fault::None
    });
    let table = open(&server);
    *swapping.lock().unwrap() = Some(open(&server).atom("n"));
    assert_eq!(table.put_items([("n", 7)]).unwrap(), 1);
    assert!(swapping.lock().unwrap().is_none(), "the swap came in between");
    assert_eq!(table.find_item::<u32>("n").unwrap(), Some(8));
}

fn refused() {
    let refusal = Fault::Answer(
        400,
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"not this one"}"#,
    );
    let server =
        Server::new(scripted("BatchWriteItem", [Fault::None, Fault::None, Fault::None, refusal]));
    let table = open(&server);
    let error = table.batch().in_flight(1).put_items((0..200_u32).map(|n| (n, n)));
    let Err(Error::Unprocessed { keys, done: 75, reason, .. }) = &error else {
        panic!("{error:?}")
    };
    assert!(reason.contains("ValidationException"), "{reason}");
    assert_eq!(keys.len(), 125);
    let there = present(&table, 200);
    assert_eq!(there.len(), 75);
    assert!(keys.iter().all(|key| !there.contains(key)));

    let server = Server::new(scripted("BatchWriteItem", [refusal]));
    let error = open(&server).put_items([("a", 1)]).unwrap_err();
    assert!(
        matches!(&error, Error::Service { code, .. } if code == "ValidationException"),
        "{error}"
    );
}

fn silent() {
    let server =
        Server::new(|seen: &Seen<'_>| if is_batch(seen) { Fault::Hang } else { Fault::None });
    let table = server.table(|builder| {
        builder
            .retry(quick().timeout(Duration::from_millis(500)))
            .request_timeout(Duration::from_millis(100))
    });
    let begun = std::time::Instant::now();
    let error = table.put_items((0..1000).map(|n| (n, n))).unwrap_err();
    assert!(
        matches!(&error, Error::Unprocessed { keys, done: 0, .. } if keys.len() == 1000),
        "{error}"
    );
    let error = table.find_items::<u32>(0..1000).unwrap_err();
    assert!(
        matches!(&error, Error::Unprocessed { keys, done: 0, .. } if keys.len() == 1000),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// Waits that no clock can count are waits until the deadline, and no panic.
fn endless_waits() {
    for fault in [THROTTLED, UNAVAILABLE, Fault::Partly(1, 100)] {
        let server = Server::new(move |seen: &Seen<'_>| match seen.operation {
            "Scan" if !matches!(fault, Fault::Partly(..)) => fault,
            _ if is_batch(seen) => fault,
            _ => Fault::None,
        });
        let endless = Backoff::new(Duration::MAX, 2.0, Duration::MAX);
        let policy = RetryPolicy::new().timeout(Duration::from_millis(200));
        let table =
            server.table(|builder| builder.retry(policy.backoff(endless).throttle(endless)));
        let error = table.put_items([("a", 1)]).unwrap_err();
        assert!(matches!(error, Error::Unprocessed { .. }), "{fault:?}: {error}");
        let error = table.find_items::<u32>(["a"]).unwrap_err();
        assert!(matches!(error, Error::Unprocessed { .. }), "{fault:?}: {error}");
        if !matches!(fault, Fault::Partly(..)) {
            assert!(table.scan::<u32>().next().unwrap().is_err(), "{fault:?}");
        }
    }
}

/// A key that comes back twice is asked for once: DynamoDB refuses a request that names one twice.
fn odd_leftovers() {
    let odd = r#"{"Responses":{},"UnprocessedKeys":{"faulty":{"Keys":[
        {"atom/id":{"S":"a"}},{"atom/id":{"S":"a"}},{"atom/id":{"S":"nobody's"}}]}}}"#;
    let server = Server::new(scripted("BatchGetItem", [Fault::Answer(200, odd)]));
    let table = open(&server);
    table.put_items([("a", 1)]).unwrap();
    let mut last = faraday_atom::Progress::default();
    let found: Vec<u32> = table.batch().progress(|told| last = *told).find_items(["a"]).unwrap();
    assert_eq!(found, [1]);
    assert_eq!((last.done, last.left, last.requests, last.retried), (1, 0, 2, 1));
}
