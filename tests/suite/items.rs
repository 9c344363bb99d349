//! Items by key, without an atom.

use faraday_atom::{Atom, Error};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, Kind, SHARED, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "put_find_delete", on: EVERYWHERE, run: put_find_delete },
    StoreTest { name: "keys_of_many_types", on: EVERYWHERE, run: keys },
    StoreTest { name: "keys_that_cannot_be", on: EVERYWHERE, run: bad_keys },
    StoreTest { name: "a_value_of_another_type", on: SHARED, run: other_type },
    StoreTest { name: "a_value_too_large", on: EVERYWHERE, run: too_large },
    StoreTest { name: "limits_to_the_byte", on: SHARED, run: limits },
    StoreTest { name: "a_field_can_be_indexed", on: SHARED, run: indexed },
    StoreTest { name: "each_call_costs_what_it_says", on: EVERYWHERE, run: costs },
];

fn put_find_delete(ground: &Ground) {
    let table = ground.table();
    assert_eq!(table.find_item::<u8>("k").unwrap(), None);
    table.put_item("k", 1_u8).unwrap();
    table.put_item("k", &2_u8).unwrap();
    assert_eq!(table.find_item::<u8>("k").unwrap(), Some(2));
    assert_eq!(table.find_item_eventual::<u8>("k").unwrap(), Some(2));
    assert_eq!(
        table.atom::<u8>("k").swap_with_receipt(|n| n.unwrap() + 1).unwrap().1.old_version,
        2
    );
    table.delete_item("k").unwrap();
    table.delete_item("k").unwrap();
    assert_eq!(table.find_item::<u8>("k").unwrap(), None);
    // Deleted for good: the version starts again.
    assert_eq!(table.atom::<u8>("k").swap_with_receipt(|_| 1).unwrap().1.new_version, 1);
    table.put_item("text", "unsized").unwrap();
    assert_eq!(table.find_item::<String>("text").unwrap().as_deref(), Some("unsized"));
}

fn keys(ground: &Ground) {
    let table = ground.table();
    table.put_item("42", "a string").unwrap();
    table.put_item(42, "a number").unwrap();
    table.put_item("#42", "a string with a hash").unwrap();
    table.put_item(("user", 7), "a pair").unwrap();
    table.put_item(true, "a boolean").unwrap();
    let find = |key: &dyn Fn() -> Option<String>| key();
    assert_eq!(find(&|| table.find_item("42").unwrap()).as_deref(), Some("a string"));
    assert_eq!(find(&|| table.find_item(&42).unwrap()).as_deref(), Some("a number"));
    assert_eq!(find(&|| table.find_item("#42").unwrap()).as_deref(), Some("a string with a hash"));
    assert_eq!(find(&|| table.find_item(&("user", 7)).unwrap()).as_deref(), Some("a pair"));
    assert_eq!(find(&|| table.find_item(true).unwrap()).as_deref(), Some("a boolean"));
    assert_eq!(table.atom::<u8>(("user", 7)).key(), r#"#["user",7]"#);
}

fn bad_keys(ground: &Ground) {
    let table = ground.table();
    let before = table.requests();
    let long = "k".repeat(2049);
    for error in [
        table.put_item(&long, 1).unwrap_err(),
        table.find_item::<u8>(&long).unwrap_err(),
        table.delete_item(&long).unwrap_err(),
        table.atom::<u8>(&long).get().unwrap_err(),
        table.atom::<u8>(&long).reset(1).unwrap_err(),
    ] {
        let Error::TooLarge { actual, limit, .. } = &error else { panic!("{error}") };
        assert_eq!((*actual, *limit), (2049, 2048));
        assert!(error.to_string().len() < 400, "{error}");
    }
    assert!(table.find_item::<u8>("").is_err());
    assert_eq!(table.requests(), before, "nothing was sent");
    table.put_item("k".repeat(2048), 1).unwrap();
}

fn other_type(ground: &Ground) {
    let table = ground.table();
    table.put_item("k", "text").unwrap();
    let error = table.find_item::<Vec<u8>>("k").unwrap_err();
    assert!(matches!(&error, Error::Decode { key: Some(key), .. } if key == "k"), "{error}");
    let atom = table.atom::<u64>("k");
    assert!(matches!(atom.swap(|n| n.unwrap_or(0) + 1), Err(Error::Decode { .. })));
    assert_eq!(ground.stored(&table, "k")["atom/value"], json!({ "S": "text" }));
    // A reset does not look at what it replaces.
    atom.reset(3).unwrap();
    assert_eq!(atom.get().unwrap(), Some(3));
}

fn too_large(ground: &Ground) {
    let table = ground.table();
    let before = table.requests();
    let error = table.put_item("k", "x".repeat(410_000)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 409_600, .. }), "{error}");
    assert!(table.requests() <= before + 1, "at most a read was sent");
    table.put_item("k", "x".repeat(409_000)).unwrap();
    assert_eq!(table.find_item::<String>("k").unwrap().unwrap().len(), 409_000);
}

fn costs(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    let spent = |call: &dyn Fn()| {
        let before = table.requests();
        call();
        table.requests() - before
    };
    assert_eq!(spent(&|| _ = table.atom::<u32>("n")), 0);
    assert_eq!(spent(&|| _ = atom.get().unwrap()), 1);
    // The get told what is there.
    assert_eq!(spent(&|| _ = atom.swap(|n| n.unwrap_or(0) + 1).unwrap()), 1);
    assert_eq!(spent(&|| _ = atom.swap(|n| n.unwrap_or(0) + 1).unwrap()), 1);
    assert_eq!(spent(&|| _ = atom.swap(|n| n.unwrap()).unwrap()), 1, "a no-op is confirmed");
    assert_eq!(spent(&|| atom.reset(8).unwrap()), 1);
    assert_eq!(spent(&|| table.put_item("n", 9).unwrap()), 1);
    assert_eq!(spent(&|| assert!(!atom.compare_and_set(None, 1).unwrap())), 1);
    assert_eq!(spent(&|| assert!(atom.compare_and_set(Some(&9), 1).unwrap())), 1);
    assert_eq!(spent(&|| atom.remove().unwrap()), 1);
    assert_eq!(spent(&|| atom.remove().unwrap()), 1, "nothing to remove is confirmed");
    // A handle of its own remembers nothing.
    assert_eq!(spent(&|| _ = table.atom::<u32>("cold").swap(|_| 1).unwrap()), 2);
    assert_eq!(spent(&|| table.put_item("cold", 2).unwrap()), 2);
    assert_eq!(spent(&|| _ = table.find_item::<u32>("n").unwrap()), 1);
    assert_eq!(spent(&|| table.delete_item("n").unwrap()), 1);
    assert_eq!(spent(&|| table.ensure().unwrap()), 2);
}

/// What the crate accepts the server accepts, and what it refuses the server refuses.
fn limits(ground: &Ground) {
    let table = ground.table();
    // Key name and key, value's name, version's name and 1, writes' name and one id.
    let rest = "atom/id".len()
        + 1
        + "atom/value".len()
        + "atom/version".len()
        + 2
        + "atom/writes".len()
        + 8;
    let most = 409_600 - rest;
    table.put_item("s", "x".repeat(most)).unwrap();
    table.delete_item("s").unwrap();
    let error = table.put_item("s", "x".repeat(most + 1)).unwrap_err();
    let Error::TooLarge { actual: 409_601, limit: 409_600, hint, .. } = &error else {
        panic!("{error}")
    };
    assert!(hint.contains("atom/value"), "{hint}");
    // A swap, too, is checked to the byte; the second write of an item brings an id more.
    let atom = table.atom::<String>("s");
    for spare in [0, 8] {
        let error = atom.swap(|_| "x".repeat(most - spare + 1)).unwrap_err();
        assert!(matches!(error, Error::TooLarge { actual: 409_601, .. }), "{error}");
        atom.swap(|_| "x".repeat(most - spare)).unwrap();
    }
    table.delete_item("s").unwrap();

    let raw =
        |item| ground.try_raw("PutItem", &json!({ "TableName": table.name(), "Item": item })).0;
    let sized = |bytes: usize| {
        json!({
            "atom/id": { "S": "s" }, "atom/value": { "S": "x".repeat(bytes) },
            "atom/version": { "N": "1" }, "atom/writes": { "B": "AAAAAAAAAAA=" },
        })
    };
    assert_eq!((raw(sized(most)), raw(sized(most + 1))), (200, 400));

    let nested = |depth: usize| {
        let mut value = json!({ "L": [] });
        for _ in 1..depth {
            value = json!({ "L": [value] });
        }
        json!({ "atom/id": { "S": "d" }, "deep": value })
    };
    assert_eq!(raw(nested(31)), 200);
    if ground.kind == Kind::Live {
        // The embedded engine is less strict than DynamoDB here.
        assert_eq!(raw(nested(32)), 400);
    }
    for depth in [31, 32, 40] {
        let mut value = json!([]);
        for _ in 1..depth {
            value = json!([value]);
        }
        table.put_item("deep", &value).unwrap();
        assert_eq!(table.find_item::<serde_json::Value>("deep").unwrap(), Some(value), "{depth}");
    }

    let digits = |count: usize| json!({ "atom/id": { "S": "n" }, "n": { "N": "7".repeat(count) } });
    assert_eq!((raw(digits(38)), raw(digits(39))), (200, 400));
    for number in [i128::MIN, i128::MAX, 10_i128.pow(37), 99] {
        table.put_item("wide", number).unwrap();
        assert_eq!(table.find_item::<i128>("wide").unwrap(), Some(number));
    }

    let keyed = |bytes: usize| json!({ "atom/id": { "S": "k".repeat(bytes) } });
    assert_eq!((raw(keyed(2048)), raw(keyed(2049)), raw(keyed(0))), (200, 400, 400));
}

fn indexed(ground: &Ground) {
    #[derive(serde::Serialize)]
    struct Job {
        state: &'static str,
        priority: f64,
    }
    let table = ground.unmade();
    let attribute =
        |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    ground.raw(
        "CreateTable",
        &json!({
            "TableName": table.name(), "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("atom/id", "HASH")],
            "AttributeDefinitions": [
                attribute("atom/id", "S"), attribute("state", "S"), attribute("priority", "N"),
            ],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-state",
                "KeySchema": [key("state", "HASH"), key("priority", "RANGE")],
                "Projection": { "ProjectionType": "ALL" },
            }],
        }),
    );
    table.ensure().unwrap();
    for n in 0..10_u32 {
        let state = if n % 2 == 0 { "ready" } else { "done" };
        // Whole and broken numbers alike.
        table.put_item(n, Job { state, priority: f64::from(n) / 4.0 }).unwrap();
    }
    let query = json!({
        "TableName": table.name(), "IndexName": "by-state",
        "KeyConditionExpression": "#s = :s AND priority > :p",
        "ExpressionAttributeNames": { "#s": "state" },
        "ExpressionAttributeValues": { ":s": { "S": "ready" }, ":p": { "N": "0.5" } },
    });
    let found = ground.raw("Query", &query);
    let keys: Vec<&str> = found["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["atom/id"]["S"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["#4", "#6", "#8"]);
}
