//! Lifetimes, on a clock that the test moves: two processes on one engine in memory.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::clock::testing::Fake;
use crate::codec::Value;
use crate::codec::envelope::{EXPIRES, Encoding, Fence, Item, Layout, VALUE};
use crate::dynamo::{Condition, Database, Dynamo};
use crate::retry::RetryPolicy;
use crate::store::Lanes;
use crate::swap::SwapOptions;
use crate::table::Table;
use crate::transport::Embedded;

const SECOND: Duration = Duration::from_secs(1);
/// When the fake clock begins.
const START: u64 = 1_800_000_000;

fn store(engine: &Embedded, clock: &Arc<Fake>, encoding: Encoding) -> Store {
    Store {
        dynamo: Dynamo::in_place(engine.clone(), "memory".to_owned(), Database::Engine(0)),
        env: clock.env(),
        policy: RetryPolicy::new(),
        table: "lifetimes".to_owned(),
        layout: Layout::new(encoding, "atom/id"),
        lanes: Lanes::default(),
    }
}

/// Two processes with one table and one clock.
fn processes() -> (Table, Table, Arc<Fake>) {
    let (engine, clock) = (Embedded::in_memory().unwrap(), Fake::seeded(1));
    let process = || Table::from_store(store(&engine, &clock, Encoding::Native));
    let (own, other) = (process(), process());
    own.ensure().unwrap();
    (own, other, clock)
}

fn atom(table: &Table) -> ItemAtom<u32> {
    table.atom("n")
}

fn lasting(table: &Table, lifetime: Duration) -> ItemAtom<u32> {
    atom(table).with_options(SwapOptions::new().lifetime(lifetime))
}

/// When the stored item expires, from the start of the clock.
fn stored_end(table: &Table) -> Option<u64> {
    let item: serde_json::Value =
        serde_json::from_str(&table.stored_item("n").unwrap().unwrap()).unwrap();
    let expires = item.get(EXPIRES)?;
    Some(expires["N"].as_str().unwrap().parse::<u64>().unwrap() - START)
}

fn requests<R>(table: &Table, call: impl FnOnce() -> R) -> (R, u64) {
    let before = table.requests();
    let result = call();
    (result, table.requests() - before)
}

#[test]
fn what_has_expired_is_as_if_removed() {
    let (own, other, clock) = processes();
    lasting(&own, 10 * SECOND).reset(1).unwrap();
    clock.pass(9 * SECOND);
    for table in [&own, &other] {
        assert_eq!(atom(table).get().unwrap(), Some(1));
        assert_eq!(
            atom(table).expires().unwrap(),
            UNIX_EPOCH.checked_add(Duration::from_secs(START + 10))
        );
    }
    clock.pass(SECOND);
    for table in [&own, &other] {
        assert_eq!(atom(table).get().unwrap(), None);
        assert_eq!(atom(table).expires().unwrap(), None);
        assert_eq!(table.find_item::<u32>("n").unwrap(), None);
        assert_eq!(table.find_item_eventual::<u32>("n").unwrap(), None);
        assert!(!atom(table).compare_and_set(Some(&1), 2).unwrap());
        atom(table).remove().unwrap();
        assert_eq!(stored_end(table), Some(10), "there was nothing to remove");
    }
    assert!(atom(&own).compare_and_set(None, 2).unwrap());
    assert_eq!(stored_end(&own), None, "a new value has a lifetime of its own, or none");
    let (_, receipt) = atom(&other).swap_with_receipt(|n| n.unwrap() + 1).unwrap();
    assert_eq!(receipt.new_version, 3, "the fence and the version go on");
}

#[test]
fn a_remembered_value_expires_too() {
    let (own, _, clock) = processes();
    let atom = lasting(&own, 10 * SECOND);
    atom.reset(1).unwrap();
    let plain = self::atom(&own);
    let (n, sent) = requests(&own, || plain.swap(|n| n.unwrap() + 1).unwrap());
    assert_eq!((n, sent, stored_end(&own)), (2, 1, Some(10)));
    clock.pass(10 * SECOND);
    let (n, sent) = requests(&own, || plain.swap(|n| n.map_or(100, |n| n + 1)).unwrap());
    assert_eq!((n, sent, stored_end(&own)), (100, 1, None));
}

#[test]
fn who_writes_decides_how_long_it_lives() {
    let (own, other, clock) = processes();
    let (keep, renew) = (atom(&own), lasting(&own, 10 * SECOND));
    let forever = atom(&own).with_options(SwapOptions::new().permanent());
    keep.reset(1).unwrap();
    assert_eq!(stored_end(&own), None);
    // The same value with another end is another item.
    assert!(renew.swap_with_receipt(|n| n.unwrap()).unwrap().1.written());
    assert_eq!(stored_end(&own), Some(10));
    assert!(!renew.swap_with_receipt(|n| n.unwrap()).unwrap().1.written(), "the same end");
    clock.pass(SECOND / 4);
    assert!(renew.swap_with_receipt(|n| n.unwrap()).unwrap().1.written());
    assert_eq!(stored_end(&own), Some(11));
    clock.pass(5 * SECOND);
    assert!(!keep.swap_with_receipt(|n| n.unwrap()).unwrap().1.written());
    keep.reset(2).unwrap();
    assert!(keep.compare_and_set(Some(&2), 3).unwrap());
    assert_eq!(keep.swap(|n| n.unwrap() + 1).unwrap(), 4);
    assert_eq!(stored_end(&own), Some(11));
    assert!(renew.compare_and_set(Some(&4), 4).unwrap());
    assert_eq!(stored_end(&own), Some(16));
    // From inside another atom's closure, where swaps go alone.
    own.atom::<u8>("outer").swap(|_| keep.swap(|n| n.unwrap() + 1).unwrap() as u8).unwrap();
    assert_eq!((keep.get().unwrap(), stored_end(&own)), (Some(5), Some(16)));
    forever.reset(5).unwrap();
    assert_eq!(stored_end(&own), None);
    renew.reset(5).unwrap();
    other.put_item("n", 5).unwrap();
    assert_eq!(stored_end(&own), None);
    renew.reset(6).unwrap();
    renew.remove().unwrap();
    assert_eq!(stored_end(&own), Some(24 * 3600 + 5), "a tombstone's own");
    keep.reset(7).unwrap();
    assert_eq!(stored_end(&own), None, "nothing of the tombstone's is kept");
}

#[test]
fn an_expired_item_that_is_deleted_or_replaced_meanwhile_is_a_conflict() {
    let (own, other, clock) = processes();
    let renew = lasting(&own, 10 * SECOND);
    for replaced in [false, true] {
        renew.reset(1).unwrap();
        clock.pass(10 * SECOND);
        let mut seen = Vec::new();
        let (n, receipt) = renew
            .swap_with_receipt(|n| {
                if seen.is_empty() {
                    if replaced {
                        atom(&other).swap(|n| n.map_or(50, |n| n + 1)).unwrap();
                    } else {
                        other.delete_item("n").unwrap();
                    }
                }
                seen.push(n);
                n.unwrap_or(0) + 1
            })
            .unwrap();
        assert_eq!(receipt.attempts, 2);
        assert_eq!(seen, [None, replaced.then_some(50)]);
        assert_eq!(n, if replaced { 51 } else { 1 });
        // What the other left has no end; this handle gives it one.
        assert_eq!(renew.get().unwrap(), Some(n));
        assert!(renew.expires().unwrap().is_some());
    }
}

/// From inside another atom's closure, where swaps go alone.
#[test]
fn what_expires_while_a_swap_waits_is_nothing_when_it_runs_again() {
    let (own, other, _) = processes();
    let hours = Backoff::new(3600 * SECOND, 1.0, 3600 * SECOND);
    let patient = SwapOptions::new().timeout(24 * 3600 * SECOND).backoff(hours);
    let inner = atom(&own).with_options(patient);
    let mut seen = Vec::new();
    let outer = own.atom::<u32>("outer").with_options(SwapOptions::new().timeout(Duration::MAX));
    outer
        .swap(|_| {
            inner
                .swap(|n| {
                    if seen.is_empty() {
                        lasting(&other, SECOND).reset(7).unwrap();
                    }
                    seen.push(n);
                    n.unwrap_or(0) + 1
                })
                .unwrap()
        })
        .unwrap();
    assert_eq!(seen, [None, None]);
    assert_eq!((inner.get().unwrap(), stored_end(&own)), (Some(1), None));
}

#[test]
fn other_tools_items_expire_and_odd_ends_do_not() {
    let (own, _, _) = processes();
    let ends =
        [("0", true), ("1800000000", true), ("1800000001", false), ("1.5", false), ("-1", false)];
    for (n, (end, expired)) in ends.into_iter().enumerate() {
        let item = Item::from([
            ("atom/id".to_owned(), Value::S(n.to_string())),
            (VALUE.to_owned(), Value::N("7".into())),
            (EXPIRES.to_owned(), Value::N(end.into())),
        ]);
        let atom = own.atom::<u32>(n.to_string());
        let missing = Condition::of_fence(&atom.store.layout, &Fence::Missing);
        let deadline = atom.store.env.now() + SECOND;
        atom.store.dynamo.put_item(own.name(), &item, missing, deadline).unwrap();
        assert_eq!(atom.get().unwrap(), (!expired).then_some(7), "{end}");
        assert_eq!(atom.swap(|n| n.unwrap_or(0) + 1).unwrap(), if expired { 1 } else { 8 });
        let kept = (end == "1800000001").then_some(START + 1);
        let kept = kept.map(|end| UNIX_EPOCH + Duration::from_secs(end));
        assert_eq!(atom.expires().unwrap(), kept, "{end}");
    }
}

#[test]
fn far_ends_are_no_trouble() {
    let (own, _, clock) = processes();
    for lifetime in [Duration::MAX, Duration::from_secs(u64::MAX - START)] {
        lasting(&own, lifetime).reset(1).unwrap();
        clock.pass(SECOND);
        assert_eq!(lasting(&own, lifetime).swap(|n| n.unwrap() + 1).unwrap(), 2);
        assert_eq!(atom(&own).expires().unwrap(), None);
    }
}

#[cfg(feature = "edn")]
#[test]
fn a_clojure_table_has_no_lifetimes() {
    let (engine, clock) = (Embedded::in_memory().unwrap(), Fake::seeded(1));
    let table = Table::from_store(store(&engine, &clock, Encoding::Edn));
    table.ensure().unwrap();
    let lasting = lasting(&table, SECOND);
    let ((), sent) = requests(&table, || {
        for refused in [
            lasting.reset(1),
            lasting.swap(|_| 1).map(drop),
            lasting.compare_and_set(None, 1).map(drop),
            lasting.remove(),
        ] {
            assert!(matches!(&refused, Err(Error::Config { .. })), "{refused:?}");
        }
    });
    assert_eq!(sent, 0);
    atom(&table).with_options(SwapOptions::new().permanent()).reset(1).unwrap();
    assert_eq!((lasting.get().unwrap(), lasting.expires().unwrap()), (Some(1), None));
}
