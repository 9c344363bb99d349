//! The methods of an atom, the same on every store and in memory.

use std::collections::BTreeMap;

use faraday_atom::{Atom, Error, ItemAtom, MemoryAtom, Table};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, Kind, SHARED, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest {
        name: "every_method",
        on: EVERYWHERE,
        run: |ground| {
            every_method(&ground.table().atom("n"));
        },
    },
    StoreTest {
        name: "every_method_of_memory_atom",
        on: &[Kind::Memory],
        run: |_| {
            every_method(&MemoryAtom::empty());
        },
    },
    StoreTest { name: "receipts", on: EVERYWHERE, run: receipts },
    StoreTest { name: "a_conflict_brings_the_newer_item", on: SHARED, run: conflict },
    StoreTest { name: "no_op_writes_nothing", on: EVERYWHERE, run: no_op },
    StoreTest { name: "values_of_many_shapes", on: EVERYWHERE, run: shapes },
    StoreTest { name: "versions_go_on_after_a_remove", on: EVERYWHERE, run: versions },
    StoreTest { name: "layout_of_the_item", on: SHARED, run: layout },
    StoreTest { name: "a_foreign_item_is_adopted", on: SHARED, run: foreign },
    StoreTest { name: "a_wide_foreign_item_is_adopted", on: SHARED, run: wide_foreign },
    StoreTest { name: "a_foreign_write_between_is_seen", on: SHARED, run: foreign_between },
    StoreTest { name: "hand_edited_bookkeeping", on: SHARED, run: hand_edited },
];

pub(crate) fn every_method(atom: &impl Atom<Value = i64>) {
    assert_eq!(atom.get().unwrap(), None);
    assert_eq!(atom.swap(|n| n.unwrap_or(0) + 1).unwrap(), 1);
    assert_eq!(atom.get().unwrap(), Some(1));
    assert_eq!(atom.swap_vals(|n| n.unwrap_or(0) + 10).unwrap(), (Some(1), 11));
    atom.reset(5).unwrap();
    assert_eq!(atom.get().unwrap(), Some(5));

    assert!(!atom.compare_and_set(Some(&4), 6).unwrap());
    assert!(!atom.compare_and_set(None, 6).unwrap());
    assert_eq!(atom.get().unwrap(), Some(5));
    assert!(atom.compare_and_set(Some(&5), 6).unwrap());
    assert_eq!(atom.get().unwrap(), Some(6));

    assert_eq!(atom.try_swap(|n| Ok(n.map(|n| n * 2))).unwrap(), Some(12));
    let aborted = atom.try_swap(|_| anyhow::bail!("not today")).unwrap_err();
    assert!(matches!(&aborted, Error::Aborted { source, .. } if source.to_string() == "not today"));
    assert_eq!(atom.get().unwrap(), Some(12));
    assert_eq!(atom.try_swap(|n| Ok(n.filter(|_| false))).unwrap(), None);
    assert_eq!(atom.get().unwrap(), None);

    assert_eq!(atom.swap_vals(|n| n.map_or(1, |n| n + 1)).unwrap(), (None, 1));
    atom.remove().unwrap();
    atom.remove().unwrap();
    assert_eq!(atom.get().unwrap(), None);
    assert!(!atom.compare_and_set(Some(&1), 2).unwrap());
    assert!(atom.compare_and_set(None, 3).unwrap());
    assert_eq!(atom.get().unwrap(), Some(3));
}

fn receipts(ground: &Ground) {
    let atom = ground.table().atom::<u32>("n");
    let (value, receipt) = atom.swap_with_receipt(|_| 7).unwrap();
    assert_eq!(value, 7);
    assert_eq!((receipt.old_version, receipt.new_version), (0, 1));
    assert_eq!((receipt.attempts, receipt.conflicts, receipt.shared), (1, 0, 1));
    assert!(receipt.written() && !receipt.recovered && receipt.waited.is_zero());
    let (_, receipt) = atom.swap_with_receipt(|n| n.unwrap() + 1).unwrap();
    assert_eq!((receipt.old_version, receipt.new_version), (1, 2));
    let (_, receipt) = atom.swap_with_receipt(|n| n.unwrap()).unwrap();
    assert_eq!((receipt.old_version, receipt.new_version), (2, 2));
    assert!(!receipt.written());
}

fn conflict(ground: &Ground) {
    let table = ground.table();
    // On a busy machine what the refusal brought may be old before it is built on, and then a look
    // comes first; not every time.
    let requests = (0..5).map(|round| refused_once(ground, &table, &format!("n{round}")));
    assert!(requests.into_iter().any(|requests| requests == 2), "one for each attempt, no more");
}

/// A swap that is refused once; how many requests it sends.
fn refused_once(ground: &Ground, table: &Table, key: &str) -> u32 {
    let elsewhere = ground.named(table.name());
    let atom = table.atom::<u32>(key);
    atom.reset(1).unwrap();
    let mut seen = Vec::new();
    let (value, receipt) = atom
        .swap_with_receipt(|n| {
            if seen.is_empty() {
                // Another connection's write, in the middle of this swap.
                elsewhere.put_item(key, 50).unwrap();
            }
            seen.push(n);
            n.unwrap() + 1
        })
        .unwrap();
    assert_eq!(value, 51);
    assert_eq!(seen, [Some(1), Some(50)]);
    assert_eq!((receipt.attempts, receipt.conflicts), (2, 1));
    assert!((2..=3).contains(&receipt.requests), "{receipt:?}");
    assert_eq!((receipt.old_version, receipt.new_version), (2, 3));
    assert_eq!(elsewhere.find_item::<u32>(key).unwrap(), Some(51));
    receipt.requests
}

fn no_op(ground: &Ground) {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Price {
        amount: f64,
        tags: BTreeMap<String, u8>,
    }
    let table = ground.table();
    let atom = table.atom::<Price>("price");
    let price = Price { amount: 1.5, tags: BTreeMap::from([("a".into(), 1)]) };
    atom.reset(price.clone()).unwrap();
    let (_, receipt) = atom.swap_with_receipt(|price| price.unwrap()).unwrap();
    assert!(!receipt.written());
    // What counts is what is stored: NaN would never equal itself, 1e22 is stored in full.
    atom.reset(Price { amount: 1e22, ..price.clone() }).unwrap();
    let (_, receipt) = atom.swap_with_receipt(|price| price.unwrap()).unwrap();
    assert!(!receipt.written());

    let eager = atom.with_options(faraday_atom::SwapOptions::new().discard_no_op(false));
    let (_, receipt) = eager.swap_with_receipt(|price| price.unwrap()).unwrap();
    assert!(receipt.written());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line((i32, i32), (i32, i32)),
    Named { name: String, inside: Option<Box<Shape>> },
}

fn shapes(ground: &Ground) {
    let table = ground.table();
    fn check<T>(table: &faraday_atom::Table, key: &str, value: T)
    where
        T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug + Clone,
    {
        let atom: ItemAtom<T> = table.atom(key);
        atom.reset(value.clone()).unwrap();
        assert_eq!(atom.get().unwrap(), Some(value.clone()), "{key}");
        assert_eq!(table.find_item::<T>(key).unwrap(), Some(value), "{key}");
    }
    check(&table, "bool", true);
    check(&table, "u64", u64::MAX);
    check(&table, "i64", i64::MIN);
    check(&table, "f64", 0.1 + 0.2);
    check(&table, "empty string", String::new());
    check(&table, "string", "snow ☃ man".to_owned());
    check(&table, "char", '☃');
    check(&table, "unit", ());
    check(&table, "none", None::<u8>);
    check(&table, "some", Some(1_u8));
    check(&table, "list", vec![vec![1, 2], vec![], vec![3]]);
    check(&table, "tuple", (1, "two".to_owned(), false));
    check(&table, "bytes", serde_bytes::ByteBuf::from(vec![0, 1, 255]));
    check(&table, "empty map", BTreeMap::<String, u8>::new());
    check(&table, "map", BTreeMap::from([("a b".to_owned(), vec![1]), ("ü".to_owned(), vec![])]));
    check(
        &table,
        "reserved",
        BTreeMap::from([("atom/value".to_owned(), 1), ("atom/id".into(), 2)]),
    );
    check(&table, "shape 1", Shape::Point);
    check(&table, "shape 2", Shape::Circle(-2.5));
    check(&table, "shape 3", Shape::Line((0, 0), (-1, 1)));
    let inside = Some(Box::new(Shape::Point));
    check(&table, "shape 4", Shape::Named { name: "n".into(), inside });
}

fn versions(ground: &Ground) {
    let atom = ground.table().atom::<u8>("n");
    atom.reset(1).unwrap();
    atom.remove().unwrap();
    let (_, receipt) = atom.swap_with_receipt(|n| n.unwrap_or(9)).unwrap();
    assert_eq!((receipt.old_version, receipt.new_version), (2, 3));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    state: String,
    tries: u32,
}

fn layout(ground: &Ground) {
    let table = ground.table();
    table.atom::<Job>("job").reset(Job { state: "new".into(), tries: 2 }).unwrap();
    let item = ground.stored(&table, "job");
    assert_eq!(item["state"], json!({ "S": "new" }));
    assert_eq!(item["tries"], json!({ "N": "2" }));
    assert_eq!(item["atom/version"], json!({ "N": "1" }));
    assert_eq!(item["atom/writes"]["B"].as_str().unwrap().len(), 12, "one id in base64");
    assert_eq!(item.as_object().unwrap().len(), 5, "{item}");

    table.atom::<u8>(("user", 7)).reset(1).unwrap();
    let item = ground.stored(&table, r#"#["user",7]"#);
    assert_eq!(item["atom/value"], json!({ "N": "1" }));

    let atom = table.atom::<u8>(42);
    for n in 0..20 {
        atom.reset(n).unwrap();
    }
    let item = ground.stored(&table, "#42");
    assert_eq!(item["atom/version"], json!({ "N": "20" }));
    assert_eq!(item["atom/writes"]["B"].as_str().unwrap().len(), 172, "sixteen ids in base64");

    atom.remove().unwrap();
    let item = ground.stored(&table, "#42");
    assert_eq!(item["atom/removed"], json!({ "BOOL": true }));
    assert_eq!(item["atom/version"], json!({ "N": "21" }));
    let expires: u64 = item["atom/expires"]["N"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((23 * 3600..=25 * 3600).contains(&(expires - now)));
    assert!(item.get("atom/value").is_none());
    assert_eq!(table.find_item::<u8>(42).unwrap(), None);
}

fn foreign(ground: &Ground) {
    let table = ground.table();
    ground.put_foreign(
        &table,
        json!({ "atom/id": { "S": "job" }, "state": { "S": "hello world" }, "tries": { "N": "1.0" } }),
    );
    let atom = table.atom::<Job>("job");
    assert_eq!(atom.get().unwrap(), Some(Job { state: "hello world".into(), tries: 1 }));
    let (job, receipt) = atom
        .swap_with_receipt(|job| {
            let job = job.unwrap();
            Job { tries: job.tries + 1, ..job }
        })
        .unwrap();
    assert_eq!((job.tries, receipt.old_version, receipt.new_version), (2, 0, 1));
    assert_eq!(ground.stored(&table, "job")["state"], json!({ "S": "hello world" }));
}

fn wide_foreign(ground: &Ground) {
    let table = ground.table();
    let mut item = json!({ "atom/id": { "S": "wide" } });
    for n in 0..400 {
        item[format!("field {n}")] = json!({ "N": n.to_string() });
    }
    ground.put_foreign(&table, item);
    let atom = table.atom::<BTreeMap<String, u32>>("wide");
    let (map, receipt) = atom
        .swap_with_receipt(|map| {
            let mut map = map.unwrap();
            *map.get_mut("field 7").unwrap() += 1000;
            map
        })
        .unwrap();
    assert_eq!((map.len(), map["field 7"], map["field 399"]), (400, 1007, 399));
    assert!(receipt.written());
    assert_eq!(atom.get().unwrap(), Some(map));
}

fn foreign_between(ground: &Ground) {
    let table = ground.table();
    let put = |state: &str| {
        ground.put_foreign(
            &table,
            json!({ "atom/id": { "S": "job" }, "state": { "S": state }, "tries": { "N": "1" } }),
        );
    };
    put("one");
    for (n, mine_before) in [(0, false), (1, true)] {
        let atom = table.atom::<Job>("job");
        if mine_before {
            atom.swap(|job| Job { tries: 8, ..job.unwrap() }).unwrap();
        }
        let mut seen = Vec::new();
        atom.swap(|job| {
            let job = job.unwrap();
            if seen.is_empty() {
                put(&format!("between {n}"));
            }
            seen.push(job.state.clone());
            Job { tries: job.tries + 1, ..job }
        })
        .unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], format!("between {n}"));
        assert_eq!(atom.get().unwrap().unwrap(), Job { state: seen[1].clone(), tries: 2 });
    }
}

fn hand_edited(ground: &Ground) {
    let table = ground.table();
    for (n, (version, writes)) in [
        (json!({ "S": "garbage" }), json!({ "B": "AAAAAAAAAAA=" })),
        (json!({ "N": "-3" }), json!({ "S": "AAAA" })),
        (json!({ "N": "1.5" }), json!({ "B": "AAAA" })),
        (json!({ "NULL": true }), json!({ "L": [] })),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("key {n}");
        ground.put_foreign(
            &table,
            json!({
                "atom/id": { "S": key }, "atom/value": { "N": "5" },
                "atom/version": version, "atom/writes": writes,
            }),
        );
        let atom = table.atom::<u8>(&key);
        assert_eq!(atom.get().unwrap(), Some(5));
        assert_eq!(atom.swap(|n| n.unwrap() + 1).unwrap(), 6);
        assert_eq!(ground.stored(&table, &key)["atom/version"], json!({ "N": "1" }));
    }
}
