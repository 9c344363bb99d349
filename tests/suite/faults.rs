//! A server and a network on bad days: recovered where that is possible, and named where not.

mod lasting;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faraday_atom::{
    Atom, Backoff, Error, ItemAtom, Outcome, Receipt, RetryPolicy, SwapOptions, Table,
};

use crate::support::PlainTest;
use crate::support::server::{Backend, Fault, Seen, Server, THROTTLED, UNAVAILABLE};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "faults::a_lost_reply_is_recovered", run: lost_reply },
    PlainTest { name: "faults::a_lost_request_is_sent_again", run: lost_request },
    PlainTest { name: "faults::every_fault_in_reads", run: faults_in_reads },
    PlainTest { name: "faults::every_fault_in_writes", run: faults_in_writes },
    PlainTest { name: "faults::lost_reply_then_overtaken", run: overtaken },
    PlainTest { name: "faults::lost_reply_and_forgotten", run: forgotten },
    PlainTest { name: "faults::a_write_in_doubt_is_asked_for_later", run: asked_later },
    PlainTest { name: "faults::a_write_in_doubt_is_not_left_to_be_forgotten", run: hurried },
    PlainTest { name: "faults::a_state_seen_long_ago_is_looked_at_first", run: long_ago },
    PlainTest { name: "faults::a_state_seen_long_ago_inside_another_swap", run: long_ago_inside },
    PlainTest { name: "faults::a_throttled_write_is_overtaken", run: overtaken_while_throttled },
    PlainTest { name: "faults::a_leader_that_leaves_takes_its_share_along", run: leader_leaves },
    PlainTest { name: "faults::a_server_that_never_answers", run: lasting::never_answers },
    PlainTest { name: "faults::a_server_that_always_throttles", run: lasting::always_throttled },
    PlainTest { name: "faults::a_refusal_after_a_lost_reply", run: lasting::refused_after_doubt },
    PlainTest {
        name: "faults::idle_connections_closed_by_the_server",
        run: lasting::idle_connections,
    },
    PlainTest { name: "faults::a_server_that_does_not_tell_the_item", run: lasting::untold },
    PlainTest { name: "faults::increments_under_many_faults", run: lasting::many_faults },
    PlainTest {
        name: "faults::ensure_and_drop_with_lost_replies",
        run: lasting::lost_table_replies,
    },
];

pub(crate) fn quick() -> RetryPolicy {
    let millis = Duration::from_millis;
    RetryPolicy::new().backoff(Backoff::new(millis(2), 2.0, millis(20))).throttle(Backoff::new(
        millis(4),
        2.0,
        millis(40),
    ))
}

pub(crate) fn open(server: &Server) -> Table {
    server.table(|builder| builder.retry(quick()).request_timeout(Duration::from_millis(300)))
}

/// A hook that makes these faults, in this order, with the requests of one operation.
pub(crate) fn scripted(
    operation: &'static str,
    faults: impl Into<Vec<Fault>>,
) -> impl Fn(&Seen<'_>) -> Fault + Send + Sync + 'static {
    let faults = Mutex::new(faults.into().into_iter());
    move |seen| {
        if seen.operation != operation {
            return Fault::None;
        }
        faults.lock().unwrap().next().unwrap_or(Fault::None)
    }
}

fn counter(server: &Server) -> ItemAtom<u32> {
    open(server).atom("n")
}

fn lost_reply() {
    let server = Server::new(scripted("PutItem", [Fault::None, Fault::LoseReply]));
    let atom = counter(&server);
    atom.reset(10).unwrap();
    let mut runs = 0;
    let (n, receipt) = atom
        .swap_with_receipt(|n| {
            runs += 1;
            n.unwrap() + 1
        })
        .unwrap();
    assert_eq!((n, runs), (11, 1));
    assert!(receipt.recovered && receipt.conflicts == 0, "{receipt:?}");
    assert_eq!((receipt.old_version, receipt.new_version), (1, 2));
    assert_eq!(atom.get().unwrap(), Some(11), "applied once");
}

fn lost_request() {
    let server = Server::new(scripted("PutItem", [Fault::LoseRequest, Fault::LoseRequest]));
    let atom = counter(&server);
    let (n, receipt) = atom.swap_with_receipt(|n| n.unwrap_or(0) + 1).unwrap();
    assert_eq!(n, 1);
    assert!(!receipt.recovered);
    assert_eq!(atom.get().unwrap(), Some(1));
}

/// Everything that passes, with what it is called when it does not.
const FAULTS: [Fault; 11] = [
    Fault::LoseReply,
    Fault::LoseRequest,
    Fault::Hang,
    Fault::StallInBody,
    Fault::CutBody,
    Fault::Garbage,
    Fault::WrongChecksum,
    Fault::OddHeader,
    UNAVAILABLE,
    THROTTLED,
    Fault::Answer(500, r#"{"__type":"InternalServerError","message":"x"}"#),
];

fn faults_in_reads() {
    for fault in FAULTS {
        let server = Server::new(scripted("GetItem", [Fault::None, fault, fault]));
        let atom = counter(&server);
        atom.reset(7).unwrap();
        assert_eq!(atom.get().unwrap(), Some(7), "{fault:?}");
    }
}

fn faults_in_writes() {
    for fault in FAULTS {
        let server = Server::new(scripted("PutItem", [Fault::None, fault, fault]));
        let atom = counter(&server);
        atom.reset(7).unwrap();
        let mut runs = 0;
        let n = atom
            .swap(|n| {
                runs += 1;
                n.unwrap() + 1
            })
            .unwrap();
        assert_eq!((n, runs), (8, 1), "{fault:?}");
        assert_eq!(atom.get().unwrap(), Some(8), "{fault:?}");
    }
}

/// The reply is lost, and another writer comes before the resend.
fn overtaken() {
    for (fault, expected) in [(Fault::LoseReply, vec![1, 2]), (Fault::LoseRequest, vec![2, 1])] {
        let engine = dynoxide::Database::memory().unwrap();
        let idle = Duration::from_secs(60);
        let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
        let other: ItemAtom<Vec<u8>> = open(&straight).atom("list");
        other.reset(vec![]).unwrap();
        let interfering = other.clone();
        let puts = Mutex::new(0);
        let server = Server::start(Backend::Engine(engine), idle, move |seen| {
            if seen.operation != "PutItem" {
                return Fault::None;
            }
            let mut puts = puts.lock().unwrap();
            *puts += 1;
            match *puts {
                1 => fault,
                2 => {
                    interfering.swap(|list| [list.unwrap(), vec![2]].concat()).unwrap();
                    Fault::None
                }
                _ => Fault::None,
            }
        });
        let atom: ItemAtom<Vec<u8>> = open(&server).atom("list");
        let (_, receipt) =
            atom.swap_with_receipt(|list| [list.unwrap(), vec![1]].concat()).unwrap();
        assert_eq!(receipt.recovered, fault == Fault::LoseReply);
        assert_eq!(other.get().unwrap(), Some(expected), "{fault:?}");
    }
}

/// The reply is lost, and the item forgets before the resend: nobody can know.
fn forgotten() {
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let table = open(&straight);
    table.put_item("n", 1).unwrap();
    let behind = table.clone();
    let puts = Mutex::new(0);
    let server = Server::start(Backend::Engine(engine), idle, move |seen| {
        let mut puts = puts.lock().unwrap();
        *puts += usize::from(seen.operation == "PutItem");
        match (*puts, seen.operation) {
            (1, "PutItem") => Fault::LoseReply,
            (2, "PutItem") => {
                behind.delete_item("n").unwrap();
                behind.put_item("n", 50).unwrap();
                Fault::None
            }
            _ => Fault::None,
        }
    });
    let atom: ItemAtom<u32> = open(&server).atom("n");
    let error = atom.swap(|n| n.unwrap() + 1).unwrap_err();
    assert!(matches!(&error, Error::Indeterminate { key, .. } if key == "n"), "{error}");
    assert_eq!(table.find_item::<u32>("n").unwrap(), Some(50));
    assert_eq!(outcome(&table, error), Outcome::Unknown, "deleting forgets it for good");
}

fn outcome(table: &Table, error: Error) -> Outcome {
    let Error::Indeterminate { write_id, .. } = error else { panic!("{error}") };
    table.outcome(&write_id).unwrap()
}

/// The caller gives up in doubt, and asks later.
fn asked_later() {
    const DENIED: Fault =
        Fault::Answer(400, r#"{"__type":"x#AccessDeniedException","message":"no longer"}"#);
    let straggle = Fault::Straggle(Duration::from_millis(300));
    for (fault, at_once, later) in [
        (Fault::LoseReply, Outcome::Applied, Outcome::Applied),
        (Fault::LoseRequest, Outcome::Unknown, Outcome::NotApplied),
        (straggle, Outcome::Unknown, Outcome::Applied),
    ] {
        let server = Server::new(scripted("PutItem", [Fault::None, fault, DENIED]));
        let table = open(&server);
        let atom = table.atom::<u32>("n");
        atom.reset(10).unwrap();
        let error = atom.swap(|n| n.unwrap() + 1).unwrap_err();
        let Error::Indeterminate { write_id, .. } = error else { panic!("{fault:?}: {error}") };
        assert_eq!(table.outcome(&write_id).unwrap(), at_once, "{fault:?}");
        if fault == straggle {
            std::thread::sleep(Duration::from_millis(600));
        } else {
            // Takes the place of what it was built on: now it is final.
            atom.swap(|n| n.unwrap() + 100).unwrap();
        }
        assert_eq!(table.outcome(&write_id).unwrap(), later, "{fault:?}");
        let applied = atom.get().unwrap().unwrap() % 100 == 11;
        assert_eq!(applied, later == Outcome::Applied, "{fault:?}");
    }
}

/// The reply is lost, then more goes wrong, and from the first put on another writer fills the
/// item's memory: long before the usual waits are over, nobody could know any more.
fn hurried() {
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let table = open(&straight);
    table.put_item("list", Vec::<u32>::new()).unwrap();
    let faults = [Fault::LoseReply, THROTTLED, UNAVAILABLE, Fault::LoseRequest, THROTTLED];
    let (hook, (landed, begin)) = (scripted("PutItem", faults), std::sync::mpsc::channel());
    let server = Server::start(Backend::Engine(engine), idle, move |seen| {
        let fault = hook(seen);
        if fault == THROTTLED {
            // The lost one is in place by now.
            let _heard_before = landed.send(());
        }
        fault
    });
    // Half a second in the middle, and more.
    let slow = Backoff::new(Duration::from_secs(1), 2.0, Duration::from_secs(2));
    let patient = RetryPolicy::new().backoff(slow).throttle(slow);
    let atom = server.builder("faulty").retry(patient).open().unwrap().atom::<Vec<u32>>("list");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (table, done) = (&table, &done);
        scope.spawn(move || {
            begin.recv().unwrap();
            let other = table.atom::<Vec<u32>>("list");
            while !done.load(Ordering::SeqCst) {
                other.swap(|list| [list.unwrap(), vec![2]].concat()).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let swapped = atom.swap_with_receipt(|list| [list.unwrap(), vec![1]].concat());
        done.store(true, Ordering::SeqCst);
        let (_, receipt) = swapped.unwrap();
        assert!(receipt.recovered && receipt.waited < slow.initial, "{receipt:?}");
    });
    let list = table.find_item::<Vec<u32>>("list").unwrap().unwrap();
    assert_eq!(list.iter().filter(|token| **token == 1).count(), 1);
}

/// An atom and another handle, around the faults, to the same item of a new engine.
fn two_ways(
    retry: RetryPolicy,
    hook: impl Fn(&Seen<'_>) -> Fault + Send + Sync + 'static,
) -> (ItemAtom<u32>, ItemAtom<u32>, [Server; 2]) {
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let server = Server::start(Backend::Engine(engine), idle, hook);
    let other = open(&straight).atom("n");
    let atom = server.table(|builder| builder.retry(retry)).atom("n");
    (atom, other, [straight, server])
}

fn add(atom: &ItemAtom<u32>) -> Receipt {
    atom.swap_with_receipt(|n| n.unwrap_or(0) + 1).unwrap().1
}

/// Another process writes so much between two swaps of this one that the item has forgotten what
/// the second would have been built on; and then its reply is lost.
fn long_ago() {
    // The first write, a refused one and its successor; then the lost one.
    let faults = [Fault::None, Fault::None, Fault::None, Fault::LoseReply];
    let (atom, other, _servers) = two_ways(quick(), scripted("PutItem", faults));
    add(&atom);
    add(&other);
    assert_eq!(add(&atom).conflicts, 1, "now it is known that others write");
    (0..20).for_each(|_| drop(add(&other)));
    // More than a few round trips, on a slow machine too.
    let pause = || std::thread::sleep(Duration::from_millis(500));
    pause();
    let receipt = add(&atom);
    assert!(receipt.recovered && receipt.conflicts == 1, "the look found others: {receipt:?}");
    assert_eq!(other.get().unwrap(), Some(24));
    let looks = |times, requests| {
        for n in 1..=times {
            pause();
            assert_eq!(add(&atom).requests, requests, "after pause {n} of {times}");
        }
    };
    // One that writes now and then is not taken for gone by the first look that misses it.
    looks(3, 2);
    add(&other);
    // Found by a look, and then no refusal.
    looks(1, 2);
    // The fourth look in a row that finds everything as it was is the last.
    looks(4, 2);
    looks(1, 1);
}

/// The same for a swap from inside the closure of another atom: once it was refused, its slow
/// closure runs on a state that is forgotten before it ends, and then a reply is lost.
fn long_ago_inside() {
    let faults = [Fault::None, Fault::LoseReply];
    let (atom, other, _servers) = two_ways(quick(), scripted("PutItem", faults));
    add(&other);
    let outer = Table::builder("outer-atoms").embedded_in_memory().open().unwrap();
    outer.ensure().unwrap();
    let mut runs = 0;
    let mut receipt = None;
    outer
        .atom::<u32>("outer")
        .swap(|_| {
            let swapped = atom.swap_with_receipt(|n| {
                runs += 1;
                match runs {
                    1 => drop(add(&other)),
                    2 => {
                        (0..20).for_each(|_| drop(add(&other)));
                        std::thread::sleep(Duration::from_millis(500));
                    }
                    _ => {}
                }
                n.unwrap() + 1
            });
            receipt = Some(swapped.unwrap().1);
            0
        })
        .unwrap();
    let receipt = receipt.unwrap();
    assert_eq!((receipt.conflicts, receipt.attempts), (2, 3), "{receipt:?}");
    // The first read, the put that was refused, the look, the put that was applied, and again.
    assert!(receipt.recovered && receipt.requests >= 5, "{receipt:?}");
    assert_eq!(other.get().unwrap(), Some(23));
}

/// Another process writes so much while a put waits out its throttling that the item has forgotten
/// what the put was built on; and then its reply is lost.
fn overtaken_while_throttled() {
    let slow = Backoff::new(Duration::from_secs(3), 1.0, Duration::from_secs(3));
    let faults = [Fault::None, THROTTLED, Fault::LoseReply];
    let (hook, (throttled, begin)) = (scripted("PutItem", faults), std::sync::mpsc::channel());
    let (atom, other, _servers) = two_ways(quick().throttle(slow), move |seen| {
        let fault = hook(seen);
        if fault == THROTTLED {
            throttled.send(()).unwrap();
        }
        fault
    });
    add(&atom);
    let interfering = other.clone();
    let writes = std::thread::spawn(move || {
        begin.recv().unwrap();
        (0..20).for_each(|_| drop(add(&interfering)));
    });
    add(&atom);
    writes.join().unwrap();
    assert_eq!(other.get().unwrap(), Some(22));
}

/// Two swaps ride in one put, which is throttled until the time of the one that leads is up. It
/// leaves with a clean failure, so what it wanted must not be applied with the other's.
fn leader_leaves() {
    // The one that makes the item; the one behind which both come together; theirs.
    let late = Fault::Late(Duration::from_millis(200));
    let server = Server::new(scripted("PutItem", [Fault::None, late, THROTTLED]));
    // Any wait is longer than the leader's time.
    let hours = Backoff::new(Duration::from_secs(10_000), 1.0, Duration::from_secs(10_000));
    let atom = server.table(|builder| builder.retry(quick().throttle(hours))).atom("list");
    atom.reset(vec![]).unwrap();
    let push = |atom: &ItemAtom<Vec<u32>>, token| {
        atom.swap_with_receipt(|list| [list.unwrap(), vec![token]].concat())
    };
    let pause = || std::thread::sleep(Duration::from_millis(50));
    std::thread::scope(|scope| {
        scope.spawn(|| push(&atom, 1).unwrap());
        pause();
        let leader = scope.spawn(|| {
            let options = SwapOptions::new().timeout(Duration::from_millis(600));
            push(&atom.clone().with_options(options), 2).unwrap_err()
        });
        pause();
        let (list, _) = push(&atom, 3).unwrap();
        let failed = leader.join().unwrap();
        assert!(matches!(failed, Error::Throttled { .. }), "nothing written: {failed}");
        assert_eq!(list, [1, 3]);
    });
    assert_eq!(atom.get().unwrap(), Some(vec![1, 3]));
}
