//! A table that is shared with the Clojure library.

use std::sync::atomic::{AtomicBool, Ordering};

use faraday_atom::{Atom, Edn, Encoding, Error, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::atoms::every_method;
use crate::support::{EVERYWHERE, Ground, SHARED, StoreTest, on_threads};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest {
        name: "clojure::every_method",
        on: EVERYWHERE,
        run: |ground| every_method(&open(ground).atom("n")),
    },
    StoreTest { name: "clojure::items_that_clojure_wrote", on: SHARED, run: wire_rows },
    StoreTest { name: "clojure::one_value_in_both_languages", on: SHARED, run: one_value },
    StoreTest { name: "clojure::twenty_threads_increment", on: EVERYWHERE, run: twenty_threads },
    StoreTest { name: "clojure::clojure_swaps_beside_ours", on: SHARED, run: mixed_swaps },
    StoreTest { name: "clojure::clojure_resets_beside_ours", on: SHARED, run: mixed_resets },
    StoreTest { name: "clojure::remove_deletes", on: SHARED, run: remove },
    StoreTest { name: "clojure::transactions", on: SHARED, run: transactions },
    StoreTest { name: "clojure::edn_values_in_a_native_table", on: EVERYWHERE, run: native },
];

fn open(ground: &Ground) -> Table {
    let name = ground.unmade().name().to_owned();
    let table = ground.builder(&name).encoding(Encoding::Edn).open().unwrap();
    table.ensure().unwrap();
    table
}

fn edn(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn wire_rows(ground: &Ground) {
    let rows = include_str!("../wire/clojure.jsonl");
    let table = open(ground);
    let mut read = 0;
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        if row["item"].is_null() || row["read_back_equal"] != json!(true) {
            continue;
        }
        // Long byte arrays are abbreviated in the file; the codec's own tests check them.
        let Ok(value) = text("edn_value").parse::<Edn>() else {
            assert!(text("edn_value").ends_with("chars)"), "{line}");
            continue;
        };
        let key = edn(&text("edn_key"));
        table.delete_item(&key).unwrap();
        ground.put_foreign(&table, row["item"].clone());
        let found = table.find_item::<Edn>(&key).unwrap();
        let Some(found) = found else {
            // A key that Clojure spelt in another order is another item.
            assert_ne!(row["item"][":atom/id"]["S"], table.atom::<Edn>(&key).key(), "{line}");
            continue;
        };
        assert_eq!(found, value, "{line}");
        // Ours replaces Clojure's, and is read as the same.
        let atom = table.atom::<Edn>(&key);
        atom.reset(value.clone()).unwrap();
        assert_eq!(atom.get().unwrap(), Some(value), "{line}");
        read += 1;
    }
    assert_eq!(read, 88, "rows");
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    count: u32,
}

fn one_value(ground: &Ground) {
    let table = open(ground);
    ground.put_foreign(&table, json!({ ":atom/id": { "S": "\"job\"" }, ":count": { "S": "3" } }));
    let job = table.atom::<Job>("job");
    assert_eq!(job.get().unwrap(), Some(Job { count: 3 }));
    job.swap(|job| Job { count: job.unwrap().count + 1 }).unwrap();
    assert_eq!(table.find_item::<Edn>("job").unwrap(), Some(edn("{:count 4}")));
    let stored: Value = serde_json::from_str(&table.stored_item("job").unwrap().unwrap()).unwrap();
    assert_eq!(stored[":count"], json!({ "S": "4" }));
    let version: u64 = stored[":atom/version"]["S"].as_str().unwrap().parse().unwrap();
    assert!(version < 1 << 62);
    assert_eq!(stored.as_object().unwrap().len(), 3, "{stored}");
    // Half of a text is never taken for the whole.
    ground.put_foreign(
        &table,
        json!({ ":atom/id": { "S": "\"note\"" }, ":atom/value": { "S": "hello world" } }),
    );
    assert_eq!(table.find_item::<String>("note").unwrap().as_deref(), Some("hello world"));
}

fn twenty_threads(ground: &Ground) {
    let counter = open(ground).atom::<u64>("counter");
    on_threads(20, |_| {
        for _ in 0..20 {
            counter.swap(|n| n.unwrap_or(0) + 1).unwrap();
        }
    });
    assert_eq!(counter.get().unwrap(), Some(400));
}

/// `swap!` as the Clojure library does it: read, add one to the version, put if the version is
/// still the one that was read.
fn clojure_swap(ground: &Ground, table: &Table, key: &str, f: impl Fn(&Value) -> Value) {
    loop {
        let request = json!({
            "TableName": table.name(), "Key": { ":atom/id": { "S": key } }, "ConsistentRead": true,
        });
        let old = ground.raw("GetItem", &request)["Item"].take();
        let mut new = f(&old);
        new[":atom/id"] = json!({ "S": key });
        let version = old[":atom/version"]["S"].as_str().map(|text| text.parse::<u64>().unwrap());
        let next = version.map_or(0, |version| version + 1);
        new[":atom/version"] = json!({ "S": next.to_string() });
        let mut put = json!({
            "TableName": table.name(), "Item": new,
            "ExpressionAttributeNames": { "#v": ":atom/version" },
        });
        match version {
            Some(version) => {
                put["ConditionExpression"] = json!("#v = :v");
                put["ExpressionAttributeValues"] = json!({ ":v": { "S": version.to_string() } });
            }
            None => put["ConditionExpression"] = json!("attribute_not_exists(#v)"),
        }
        if ground.try_raw("PutItem", &put).0 == 200 {
            return;
        }
    }
}

fn mixed_swaps(ground: &Ground) {
    let table = open(ground);
    let counter = table.atom::<u64>("counter");
    counter.reset(0).unwrap();
    on_threads(4, |thread| {
        for _ in 0..25 {
            if thread < 2 {
                counter.swap(|n| n.unwrap() + 1).unwrap();
            } else {
                clojure_swap(ground, &table, "\"counter\"", |old| {
                    let n: u64 = old[":atom/value"]["S"].as_str().unwrap().parse().unwrap();
                    json!({ ":atom/value": { "S": (n + 1).to_string() } })
                });
            }
        }
    });
    assert_eq!(counter.get().unwrap(), Some(100));
}

/// Clojure's `reset!` is a plain put without a version: each of ours sees it, or comes before it.
fn mixed_resets(ground: &Ground) {
    let table = open(ground);
    let list = table.atom::<Vec<u64>>("list");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..100_u64 {
                ground.put_foreign(
                    &table,
                    json!({
                        ":atom/id": { "S": "\"list\"" },
                        ":atom/value": { "L": [ { "S": (1_000_000 + n).to_string() } ] },
                    }),
                );
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut token = 0;
        while !done.load(Ordering::SeqCst) {
            token += 1;
            let now = list
                .swap(|list| {
                    let mut list = list.unwrap_or_default();
                    list.push(token);
                    list
                })
                .unwrap();
            // What one swap left is there for the next, or a reset came between.
            let resets = now.iter().filter(|n| **n >= 1_000_000).count();
            assert!(resets <= 1, "{now:?}");
            let tokens: Vec<u64> = now.iter().copied().filter(|n| *n < 1_000_000).collect();
            let first = tokens[0];
            assert_eq!(tokens, (first..=token).collect::<Vec<_>>(), "none in between is lost");
        }
    });
    let end = list.get().unwrap().unwrap();
    assert!(end.contains(&1_000_099), "the last reset is not lost: {end:?}");
}

fn remove(ground: &Ground) {
    let table = open(ground);
    let atom = table.atom::<u8>("n");
    atom.reset(1).unwrap();
    atom.remove().unwrap();
    assert_eq!(table.stored_item("n").unwrap(), None, "Clojure knows no tombstones");
    assert_eq!(atom.get().unwrap(), None);
    assert_eq!(atom.swap(|n| n.unwrap_or(7)).unwrap(), 7);
    let wrong = table.atom::<Vec<u8>>("n").get().unwrap_err();
    assert!(matches!(wrong, Error::Decode { .. }), "{wrong}");
}

/// Transactions beside Clojure's swaps and resets, and a table of ours beside that of both.
fn transactions(ground: &Ground) {
    let (table, ours) = (open(ground), ground.table());
    table.put_item("counter", 0).unwrap();
    table.put_item("gone", 1).unwrap();
    ground.put_foreign(
        &table,
        json!({ ":atom/id": { "S": "\"reset\"" }, ":atom/value": { "S": "5" } }),
    );
    on_threads(4, |thread| {
        for _ in 0..20 {
            if thread < 2 {
                table
                    .transact(|tx| {
                        let n: u64 = tx.get("counter")?.unwrap_or_default();
                        let moved: u64 = tx.get_in(&ours, "moved")?.unwrap_or_default();
                        assert_eq!(tx.get::<u64>("reset")?, Some(5));
                        tx.set("counter", n + 1)?;
                        tx.set_in(&ours, "moved", moved + 1)?;
                        Ok(tx.remove("gone")?)
                    })
                    .unwrap();
            } else {
                clojure_swap(ground, &table, "\"counter\"", |old| {
                    let n: u64 = old[":atom/value"]["S"].as_str().unwrap().parse().unwrap();
                    json!({ ":atom/value": { "S": (n + 1).to_string() } })
                });
            }
        }
    });
    assert_eq!(table.find_item::<u64>("counter").unwrap(), Some(80));
    assert_eq!(ours.find_item::<u64>("moved").unwrap(), Some(40));
    assert_eq!(table.stored_item("gone").unwrap(), None, "Clojure knows no tombstones");
    // What Clojure put without a version is checked by all that it holds.
    let mut runs = 0;
    let seen = table.transact(|tx| {
        runs += 1;
        let n: u64 = tx.get("reset")?.unwrap();
        if runs == 1 {
            ground.put_foreign(
                &table,
                json!({ ":atom/id": { "S": "\"reset\"" }, ":atom/value": { "S": "6" } }),
            );
        }
        tx.set("reset", n + 1)?;
        tx.remove("counter")?;
        Ok(n)
    });
    assert_eq!((seen.unwrap(), runs), (6, 2));
    assert_eq!(table.find_item::<u64>("reset").unwrap(), Some(7));
    assert_eq!(table.find_item::<u64>("counter").unwrap(), None);
}

fn native(ground: &Ground) {
    let table = ground.table();
    for text in [
        "{:state :queued, :count 3, :price 1.50M, \"s\" #{1 2.5}}",
        "[1 (2 3) #inst \"2026-11-23T00:00:00.000-00:00\" \\a nil 22/7 5N]",
        "##NaN",
        "#bytes [1 2 3]",
        "{}",
    ] {
        let value = edn(text);
        table.put_item(&value, &value).unwrap();
        let found = table.find_item::<Edn>(&value).unwrap();
        assert_eq!(found, Some(value), "{text}");
    }
}
