//! Values with an end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use faraday_atom::{Atom, SwapOptions};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, SHARED, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "a_value_with_an_end", on: EVERYWHERE, run: end },
    StoreTest { name: "the_end_lies_in_the_item", on: SHARED, run: layout },
    StoreTest { name: "the_end_of_each_of_many", on: EVERYWHERE, run: many },
    StoreTest { name: "expired_items_of_any_origin_are_hidden", on: SHARED, run: hidden },
];

const HOUR: Duration = Duration::from_secs(3600);

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn end(ground: &Ground) {
    let atom = ground.table().atom::<u32>("n");
    let brief = atom.clone().with_options(SwapOptions::new().lifetime(Duration::from_millis(100)));
    brief.reset(1).unwrap();
    let expires = brief.expires().unwrap();
    // At most a second and 100 ms later, and never sooner than 100 ms.
    while atom.get().unwrap().is_some() {
        std::thread::sleep(Duration::from_millis(20));
    }
    if let Some(expires) = expires {
        assert!(SystemTime::now() >= expires);
    }
    assert_eq!(atom.swap(|n| n.map_or(10, |n| n + 1)).unwrap(), 10);
    assert_eq!(atom.get().unwrap(), Some(10));
    assert_eq!(atom.expires().unwrap(), None);
}

fn layout(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    let end = |expected: Option<Duration>| {
        let item = ground.stored(&table, "n");
        let end = item.get("atom/expires").map(|end| end["N"].as_str().unwrap().to_owned());
        assert_eq!(end.is_some(), expected.is_some(), "{item}");
        if let (Some(end), Some(expected)) = (end, expected) {
            let left = end.parse::<u64>().unwrap() - seconds_now();
            assert!((expected.as_secs() - 30..=expected.as_secs() + 1).contains(&left), "{left}");
        }
    };
    let renew = atom.clone().with_options(SwapOptions::new().lifetime(HOUR));
    renew.reset(1).unwrap();
    end(Some(HOUR));
    atom.swap(|n| n.unwrap() + 1).unwrap();
    end(Some(HOUR));
    renew.clone().with_options(SwapOptions::new().lifetime(2 * HOUR)).reset(2).unwrap();
    end(Some(2 * HOUR));
    atom.clone().with_options(SwapOptions::new().permanent()).reset(2).unwrap();
    end(None);
    renew.reset(2).unwrap();
    table.put_item("n", 3).unwrap();
    end(None);
}

fn hidden(ground: &Ground) {
    let table = ground.table();
    let put = |key: &str, end: serde_json::Value| {
        ground.put_foreign(
            &table,
            json!({ "atom/id": { "S": key }, "atom/value": { "N": "5" }, "atom/expires": end }),
        );
    };
    let past = json!({ "N": (seconds_now() - 60).to_string() });
    for (end, there) in [
        (past.clone(), false),
        (json!({ "N": "0" }), false),
        (json!({ "N": (seconds_now() + 600).to_string() }), true),
        (json!({ "N": "1.5" }), true),
        (json!({ "N": "-7" }), true),
        (json!({ "N": "99999999999999999999999999999999999999" }), true),
        (json!({ "S": "1" }), true),
        (json!({ "NULL": true }), true),
    ] {
        put("k", end.clone());
        let found = there.then_some(5);
        assert_eq!(table.find_item::<u8>("k").unwrap(), found, "{end}");
        assert_eq!(table.find_item_eventual::<u8>("k").unwrap(), found, "{end}");
        assert!(table.stored_item("k").unwrap().unwrap().contains("atom/expires"));
        let atom = table.atom::<u8>("k");
        assert_eq!(atom.get().unwrap(), found, "{end}");
        assert_eq!(atom.compare_and_set(None, 9).unwrap(), !there, "{end}");
        assert_eq!(atom.swap_vals(|_| 1).unwrap().0, Some(if there { 5 } else { 9 }), "{end}");
        table.delete_item("k").unwrap();
    }

    // DynamoDB deletes it in the middle of the swap.
    put("k", past);
    let mut seen = Vec::new();
    let atom = table.atom::<u8>("k");
    atom.swap(|n| {
        if seen.is_empty() {
            let key = json!({ "atom/id": { "S": "k" } });
            ground.raw("DeleteItem", &json!({ "TableName": table.name(), "Key": key }));
        }
        seen.push(n);
        7
    })
    .unwrap();
    assert_eq!(seen, [None, None]);
    assert_eq!(atom.get().unwrap(), Some(7));
}

/// Batches, scans and transactions see and keep ends as single atoms do.
fn many(ground: &Ground) {
    let table = ground.table();
    let hour = table.atom::<u32>("hour").with_options(SwapOptions::new().lifetime(HOUR));
    hour.reset(1).unwrap();
    table.put_items([("a", 1), ("b", 2)]).unwrap();
    let gone = table.atom::<u32>("gone").with_options(SwapOptions::new().lifetime(Duration::ZERO));
    gone.reset(1).unwrap();
    while gone.get().unwrap().is_some() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = table.find_item_mapping::<u32, _>(["gone", "hour", "a"]).unwrap();
    assert_eq!(found, [("gone", None), ("hour", Some(1)), ("a", Some(1))]);
    let mut keys: Vec<String> = table.keys().map(Result::unwrap).collect();
    keys.sort();
    assert_eq!(keys, ["a", "b", "hour"]);
    assert_eq!(table.scan::<u32>().count(), 3);

    let end = hour.expires().unwrap();
    table
        .transact(|tx| {
            assert_eq!(tx.get::<u32>("gone")?, None);
            let n: u32 = tx.get("hour")?.unwrap();
            tx.set("hour", n + 1)?;
            tx.set("gone", 5)?;
            Ok(())
        })
        .unwrap();
    assert_eq!((hour.get().unwrap(), hour.expires().unwrap()), (Some(2), end));
    assert_eq!((gone.get().unwrap(), gone.expires().unwrap()), (Some(5), None));
    table.put_items([("hour", 3)]).unwrap();
    assert_eq!((hour.get().unwrap(), hour.expires().unwrap()), (Some(3), None));
}
