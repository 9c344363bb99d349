//! How far a transaction reaches: tables, databases, sizes, and what other tools wrote.

use faraday_atom::{Error, Table};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, SHARED, StoreTest};
use crate::transactions::{drop_live, find};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "transactions::several_tables", on: SHARED, run: several_tables },
    StoreTest { name: "transactions::tables_apart", on: EVERYWHERE, run: tables_apart },
    StoreTest { name: "transactions::limits", on: EVERYWHERE, run: limits },
    StoreTest { name: "transactions::items_of_other_tools", on: SHARED, run: foreign },
];

fn several_tables(ground: &Ground) {
    let (jobs, done) = (ground.table(), ground.table());
    jobs.put_item("build", "the wall").unwrap();
    let file = || {
        jobs.transact(|tx| {
            let job: Option<String> = tx.get("build")?;
            let count: u32 = tx.get_in(&done, "count")?.unwrap_or_default();
            if let Some(job) = job {
                tx.remove("build")?;
                tx.set_in(&done, "build", job)?;
                tx.set_in(&done, "count", count + 1)?;
            }
            Ok(tx.get_in::<u32>(&done, "count")?)
        })
    };
    assert_eq!(file().unwrap(), Some(1));
    assert_eq!(file().unwrap(), Some(1));
    assert_eq!(find::<String>(&jobs, "build"), None);
    assert_eq!(find::<String>(&done, "build").as_deref(), Some("the wall"));
    // Two handles to one table are the same items.
    let again = ground.named(done.name());
    done.transact(|tx| {
        tx.set_in(&again, "k", 1)?;
        assert_eq!(tx.get::<u8>("k")?, Some(1));
        tx.remove_in(&again, "count")?;
        Ok(tx.set("k", 2)?)
    })
    .unwrap();
    assert_eq!((find(&again, "k"), find::<u32>(&again, "count")), (Some(2), None));
    // But not when they read them differently.
    let odd = ground.builder(done.name()).key_name("other").open().unwrap();
    let error = done.transact(|tx| Ok(tx.get_in::<u8>(&odd, "k")?)).unwrap_err();
    assert!(matches!(&error, Error::Config { .. }), "{error}");
    drop_live(ground, &jobs);
    drop_live(ground, &done);
}

fn tables_apart(ground: &Ground) {
    let table = ground.table();
    let elsewhere = Table::builder("elsewhere").embedded_in_memory().open().unwrap();
    elsewhere.ensure().unwrap();
    for error in [
        table.transact(|tx| Ok(tx.set_in(&elsewhere, "a", 1)?)).unwrap_err(),
        table.transact(|tx| Ok(tx.get_in::<u8>(&elsewhere, "a")?)).map(drop).unwrap_err(),
        table.transact(|tx| Ok(tx.remove_in(&elsewhere, "a")?)).unwrap_err(),
    ] {
        let Error::Config { table: of, message } = &error else { panic!("{error}") };
        assert!(of == "elsewhere" && message.contains(table.name()), "{error}");
    }
    // A clone is the same database.
    let clone = table.clone();
    table.transact(|tx| Ok(tx.set_in(&clone, "a", 1)?)).unwrap();
    assert_eq!(find(&table, "a"), Some(1));
    drop_live(ground, &table);
}

fn limits(ground: &Ground) {
    let table = ground.table();
    let set_all = |count: u32| {
        table.transact(|tx| {
            for n in 0..count {
                tx.set(n, n)?;
            }
            Ok(())
        })
    };
    set_all(100).unwrap();
    let before = table.requests();
    let error = set_all(101).unwrap_err();
    let Error::TooLarge { actual: 101, limit: 100, key: Some(key), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(key, "#100");
    assert_eq!(table.requests(), before, "nothing was sent");
    let sum: faraday_atom::Result<u32> =
        table.transact(|tx| (0..100).map(|n| Ok(tx.get::<u32>(n)?.unwrap_or(0))).sum());
    assert_eq!(sum.unwrap(), 4950);

    let blob = |kilobytes: usize| "x".repeat(kilobytes * 1024);
    let set_large = |count: u32, kilobytes: usize| {
        table.transact(|tx| {
            for n in 0..count {
                tx.set(format!("large {n}"), blob(kilobytes))?;
            }
            Ok(())
        })
    };
    let error = set_large(2, 401).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { limit: 409_600, .. }), "{error}");
    let error = set_large(11, 390).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { limit: 4_194_304, .. }), "{error}");
    assert_eq!(find::<String>(&table, "large 0"), None);
    // DynamoDB Local may be slow with them, but takes what the crate lets through.
    set_large(10, 390).unwrap();
    for n in 10..12 {
        table.put_item(format!("large {n}"), blob(390)).unwrap();
    }
    let read = |count: u32| -> faraday_atom::Result<usize> {
        table.transact(|tx| {
            (0..count).map(|n| Ok(tx.get::<String>(format!("large {n}"))?.unwrap().len())).sum()
        })
    };
    assert_eq!(read(10).unwrap(), 10 * 390 * 1024);
    let error = read(12).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { limit: 4_194_304, .. }), "{error}");
    drop_live(ground, &table);
}

fn foreign(ground: &Ground) {
    let table = ground.table();
    let mut wide = json!({ "atom/id": { "S": "wide" } });
    for n in 0..200 {
        wide[format!("field {n}")] = json!({ "N": n.to_string() });
    }
    ground.put_foreign(&table, wide);
    ground.put_foreign(&table, json!({ "atom/id": { "S": "thin" }, "n": { "N": "1" } }));
    type Fields = std::collections::BTreeMap<String, i64>;
    let mut runs = 0;
    table
        .transact(|tx| {
            runs += 1;
            let wide: Fields = tx.get("wide")?.unwrap();
            assert_eq!(wide.len(), 200);
            let mut thin: Fields = tx.get("thin")?.unwrap();
            if runs == 1 {
                ground
                    .put_foreign(&table, json!({ "atom/id": { "S": "thin" }, "n": { "N": "5" } }));
            }
            *thin.get_mut("n").unwrap() += wide["field 7"];
            Ok(tx.set("thin", thin)?)
        })
        .unwrap();
    assert_eq!(runs, 3, "once marked, once overtaken, once done");
    assert_eq!(find::<Fields>(&table, "thin").unwrap()["n"], 12);
    let wide = ground.stored(&table, "wide");
    assert_eq!(wide.as_object().unwrap().len(), 202, "its mark, and nothing else");
    // Bookkeeping that makes no sense is written over, and never a panic.
    ground.put_foreign(
        &table,
        json!({ "atom/id": { "S": "odd" }, "atom/writes": { "S": "?" }, "atom/value": { "N": "1" },
                "atom/version": { "S": "x" } }),
    );
    table
        .transact(|tx| {
            let n: i64 = tx.get("odd")?.unwrap();
            tx.set("odd", n + 1)?;
            Ok(tx.set("more", n)?)
        })
        .unwrap();
    assert_eq!(find::<i64>(&table, "odd"), Some(2));
    drop_live(ground, &table);
}
