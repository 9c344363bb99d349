//! Reads and writes of many items, on every store.

use std::collections::HashMap;

use faraday_atom::{Atom, Error, Table};
use serde::Serialize;

use crate::support::{EVERYWHERE, Ground, Kind, StoreTest};

/// Where thousands of writes take no minutes.
const QUICK: &[Kind] = &[Kind::Memory, Kind::Live];

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "batches::in_the_order_asked", on: EVERYWHERE, run: in_order },
    StoreTest { name: "batches::any_number_with_duplicates", on: EVERYWHERE, run: any_number },
    StoreTest { name: "batches::nothing_costs_nothing", on: EVERYWHERE, run: nothing },
    StoreTest { name: "batches::the_last_of_one_key_wins", on: EVERYWHERE, run: last_wins },
    StoreTest { name: "batches::sixty_large_items", on: EVERYWHERE, run: sixty_large },
    StoreTest { name: "batches::wide_items_fill_a_request", on: EVERYWHERE, run: wide },
    StoreTest { name: "batches::too_large_in_the_first_window", on: EVERYWHERE, run: early },
    StoreTest { name: "batches::too_large_much_later", on: QUICK, run: late },
    StoreTest { name: "batches::a_key_that_cannot_be", on: EVERYWHERE, run: bad_key },
    StoreTest { name: "batches::an_item_that_does_not_fit", on: EVERYWHERE, run: no_fit },
    StoreTest { name: "batches::puts_fence_concurrent_swaps", on: EVERYWHERE, run: fenced },
    StoreTest { name: "batches::what_is_removed_is_hidden", on: EVERYWHERE, run: removed },
    StoreTest { name: "batches::a_table_that_is_missing", on: EVERYWHERE, run: no_table },
    StoreTest { name: "batches::progress_is_told", on: EVERYWHERE, run: progress },
    StoreTest { name: "batches::clojure_tables", on: EVERYWHERE, run: clojure },
];

fn in_order(ground: &Ground) {
    let table = ground.table();
    assert_eq!(table.put_items([("a", 1), ("b", 2), ("c", 3)]).unwrap(), 3);
    let before = table.requests();
    let found: Vec<u32> = table.find_items(["c", "x", "a", "c"]).unwrap();
    assert_eq!(found, [3, 1, 3]);
    assert_eq!(table.requests() - before, 1, "one request");
    let found: Vec<u32> = table.find_items_eventual(vec!["b".to_owned(), "x".to_owned()]).unwrap();
    assert_eq!(found, [2]);
    let mapping = table.find_item_mapping::<u32, _>(["c", "x", "a", "c"]).unwrap();
    assert_eq!(mapping, [("c", Some(3)), ("x", None), ("a", Some(1)), ("c", Some(3))]);
    let mapping = table.find_item_mapping_eventual::<u32, _>([&("no", 7)]).unwrap();
    assert_eq!(mapping, [(&("no", 7), None)]);

    assert_eq!(table.delete_items(["a", "a", "x"]).unwrap(), 3);
    assert_eq!(table.find_items::<u32>(["a", "b"]).unwrap(), [2]);
    assert_eq!(table.stored_item("a").unwrap(), None, "for good");
}

fn any_number(ground: &Ground) {
    let table = ground.table();
    let most = if ground.kind == Kind::File { 1_000 } else { 10_000 };
    let counts = [1, 24, 25, 26, 99, 100, 101, 250, 1_000, 10_000_u32];
    for count in counts.into_iter().filter(|count| *count <= most) {
        let key = |n: u32| ("n", n);
        // Every tenth pair is there twice, the wrong one first.
        let pairs = (0..count).flat_map(|n| {
            let twice = (n % 10 == 0).then_some((key(n), u32::MAX));
            twice.into_iter().chain([(key(n), n + count)])
        });
        let twice = (count as usize).div_ceil(10);
        assert_eq!(table.put_items(pairs).unwrap(), count as usize + twice);

        // Read backwards, every third twice, and as many that are not there.
        let keys = (0..2 * count)
            .rev()
            .flat_map(|n| std::iter::repeat_n(key(n), if n % 3 == 0 { 2 } else { 1 }));
        let expected: Vec<_> = (0..count)
            .rev()
            .flat_map(|n| std::iter::repeat_n(n + count, if n % 3 == 0 { 2 } else { 1 }))
            .collect();
        assert_eq!(table.find_items::<u32>(keys).unwrap(), expected, "{count}");

        let half: Vec<_> = (0..count).filter(|n| n % 2 == 0).map(key).collect();
        table.delete_items(&half).unwrap();
        let left = table.find_item_mapping::<u32, _>((0..count).map(key)).unwrap();
        for (n, ((_, asked), value)) in left.into_iter().enumerate() {
            assert_eq!(asked as usize, n);
            assert_eq!(value, (n % 2 == 1).then_some(n as u32 + count));
        }
        table.delete_items((0..count).map(key)).unwrap();
    }
}

fn nothing(ground: &Ground) {
    let table = ground.table();
    let before = table.requests();
    let none: [&str; 0] = [];
    assert!(table.find_items::<u32>(none).unwrap().is_empty());
    assert!(table.find_item_mapping::<u32, _>(none).unwrap().is_empty());
    assert_eq!(table.put_items(none.map(|key| (key, 1))).unwrap(), 0);
    assert_eq!(table.delete_items(none).unwrap(), 0);
    assert_eq!(table.requests(), before);
}

fn last_wins(ground: &Ground) {
    let table = ground.table();
    // Of seven keys in turn, thousands of times: most are under way when the next one comes.
    let pairs = (0..5_000_u32).map(|n| (n % 7, n));
    assert_eq!(table.batch().in_flight(16).put_items(pairs).unwrap(), 5_000);
    let found: Vec<u32> = table.find_items(0..7).unwrap();
    let expected: Vec<u32> =
        (0..7).map(|key| (0..5_000).rfind(|n| n % 7 == key).unwrap()).collect();
    assert_eq!(found, expected);
    // Spread so far apart that the first is long written.
    let pairs = (0..1_000_u32).chain([3, 4]).enumerate().map(|(n, key)| (("far", key), n));
    table.put_items(pairs).unwrap();
    assert_eq!(table.find_items::<usize>([("far", 3), ("far", 4)]).unwrap(), [1000, 1001]);
}

fn text(size: usize) -> String {
    "x".repeat(size)
}

fn sixty_large(ground: &Ground) {
    let table = ground.table();
    let values: Vec<String> = (0..60).map(|n| format!("{n}-{}", text(390_000))).collect();
    table.put_items(values.iter().enumerate()).unwrap();
    let found: Vec<String> = table.find_items(0..60).unwrap();
    assert!(found == values, "{} of 60 came back", found.len());
}

/// Control characters weigh six times as much on the wire as in the table: ten such items are over
/// 16 MB.
fn wide(ground: &Ground) {
    let table = ground.table();
    let wide = "\u{1}".repeat(380_000);
    let before = table.requests();
    table.put_items((0..12).map(|n| (n, &wide))).unwrap();
    assert_eq!(table.requests() - before, 2, "seven fit into one request");
    let found: Vec<String> = table.find_items(0..12).unwrap();
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|found| *found == wide));
}

fn early(ground: &Ground) {
    let table = ground.table();
    let before = table.requests();
    let pairs = (0..100).map(|n| (n, if n == 30 { text(500_000) } else { text(10) }));
    let error = table.put_items(pairs).unwrap_err();
    let Error::BatchItem { position: 30, written: 0, key, source, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(key.as_deref(), Some("#30"));
    assert!(matches!(**source, Error::TooLarge { .. }), "{source}");
    assert!(error.to_string().contains("number 30") && error.to_string().contains("#30"));
    assert_eq!(table.requests(), before, "nothing was sent");
}

fn late(ground: &Ground) {
    let table = ground.table();
    let pairs = (0..6_000).map(|n| (n, if n == 5_000 { text(500_000) } else { text(10) }));
    let error = table.put_items(pairs).unwrap_err();
    let Error::BatchItem { position: 5_000, written, .. } = &error else { panic!("{error}") };
    let there = table.find_item_mapping::<String, _>(0..6_000).unwrap();
    let there: Vec<usize> =
        there.into_iter().filter(|(_, value)| value.is_some()).map(|(n, _)| n).collect();
    assert_eq!(there, (0..*written).collect::<Vec<_>>(), "exactly what the error says");
    assert_eq!(*written, 5_000);
}

#[derive(Serialize)]
#[serde(untagged)]
enum Key {
    Good(u32),
    Bad(String),
}

fn bad_key(ground: &Ground) {
    let table = ground.table();
    let keys = || (0..300).map(|n| if n == 250 { Key::Bad(text(3000)) } else { Key::Good(n) });
    let before = table.requests();
    let error = table.find_items::<u32>(keys()).unwrap_err();
    assert!(matches!(error, Error::BatchItem { position: 250, written: 0, .. }), "{error}");
    assert_eq!(table.requests(), before, "nothing was asked");
    let error = table.put_items(keys().map(|key| (key, 1))).unwrap_err();
    assert!(matches!(error, Error::BatchItem { position: 250, written: 250, .. }), "{error}");
    assert_eq!(table.find_items::<u32>(0..300_u32).unwrap().len(), 250);
    let error = table.delete_items(keys()).unwrap_err();
    assert!(matches!(error, Error::BatchItem { position: 250, written: 250, .. }), "{error}");
    assert_eq!(table.find_items::<u32>(0..300_u32).unwrap().len(), 0);
}

fn no_fit(ground: &Ground) {
    let table = ground.table();
    table.put_items([("a", 1), ("b", 2)]).unwrap();
    table.put_item("c", "text").unwrap();
    let error = table.find_items::<u32>(["b", "c", "a"]).unwrap_err();
    assert!(matches!(&error, Error::Decode { key: Some(key), .. } if key == "c"), "{error}");
}

fn fenced(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    atom.reset(1).unwrap();
    // The item is replaced while the closure runs: the swap must see it and run again.
    let mut seen = vec![];
    let (new, receipt) = atom
        .swap_with_receipt(|n| {
            if seen.is_empty() {
                table.put_items([("n", 100), ("m", 7)]).unwrap();
            }
            seen.push(n);
            n.unwrap() + 1
        })
        .unwrap();
    assert_eq!((new, seen), (101, vec![Some(1), Some(100)]));
    assert_eq!(receipt.conflicts, 1, "{receipt:?}");

    // From another connection, unknown to the atom's.
    if ground.kind != Kind::Memory {
        let other = ground.named(table.name());
        other.put_items([("n", 500)]).unwrap();
        assert_eq!(atom.swap(|n| n.unwrap() + 1).unwrap(), 501);
        other.delete_items(["n"]).unwrap();
        assert_eq!(atom.swap(|n| n.unwrap_or(0) + 1).unwrap(), 1);
    }
}

fn removed(ground: &Ground) {
    let table = ground.table();
    table.put_items((0..10).map(|n| (n, n))).unwrap();
    table.atom::<u32>(3).remove().unwrap();
    assert_eq!(table.find_items::<u32>(2..5).unwrap(), [2, 4]);
    let mapping = table.find_item_mapping::<u32, _>(2..5).unwrap();
    assert_eq!(mapping, [(2, Some(2)), (3, None), (4, Some(4))]);
    table.put_items([(3, 33)]).unwrap();
    assert_eq!(table.find_item::<u32>(3).unwrap(), Some(33));
}

fn no_table(ground: &Ground) {
    let table = ground.unmade();
    let missing = |error| assert!(matches!(error, Error::TableNotFound { .. }), "{error}");
    missing(table.find_items::<u32>(["a"]).unwrap_err());
    missing(table.put_items([("a", 1)]).unwrap_err());
    missing(table.delete_items(["a"]).unwrap_err());
}

fn progress(ground: &Ground) {
    let table = ground.table();
    let mut told = vec![];
    table
        .batch()
        .progress(|progress| told.push(*progress))
        .put_items((0..60).map(|n| (n, n)))
        .unwrap();
    assert_eq!(told.len(), 3, "after every answer");
    assert!(told.iter().all(|told| told.total == Some(60) && told.done + told.left == 60));
    assert!(told.is_sorted_by_key(|told| (told.done, told.requests, told.bytes)));
    let last = told[2];
    assert_eq!((last.done, last.left, last.requests, last.retried), (60, 0, 3, 0));

    let mut last = faraday_atom::Progress::default();
    let keys = (0..150).filter(|n| n % 2 == 0);
    let found: Vec<u32> = table.batch().progress(|told| last = *told).find_items(keys).unwrap();
    assert_eq!((found.len(), last.done, last.total), (30, 75, Some(75)));
}

fn clojure(ground: &Ground) {
    let name = ground.table().name().to_owned() + "-edn";
    let builder = ground.builder(&name).encoding(faraday_atom::Encoding::Edn);
    let table: Table = builder.open().unwrap();
    table.ensure().unwrap();
    let values: HashMap<String, u32> = HashMap::from([("count".to_owned(), 3)]);
    table.put_items((0..60).map(|n| (("k", n), &values))).unwrap();
    let atom = table.atom::<HashMap<String, u32>>(("k", 7));
    atom.swap(|map| {
        let mut map = map.unwrap();
        *map.get_mut("count").unwrap() += 1;
        map
    })
    .unwrap();
    let found: Vec<HashMap<String, u32>> = table.find_items((0..61).map(|n| ("k", n))).unwrap();
    assert_eq!(found.len(), 60);
    assert_eq!((found[6]["count"], found[7]["count"]), (3, 4));
    table.delete_items((0..60).map(|n| ("k", n))).unwrap();
    assert!(table.find_items::<HashMap<String, u32>>([("k", 7)]).unwrap().is_empty());
}
