//! Changes over several atoms at once, all or none.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use faraday_atom::{Atom, Backoff, Error, Table, TransactOptions};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, Kind, SHARED, StoreTest, on_threads};
use crate::workers;

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "transactions::read_set_remove", on: EVERYWHERE, run: read_set_remove },
    StoreTest { name: "transactions::each_costs_what_it_says", on: EVERYWHERE, run: costs },
    StoreTest { name: "transactions::a_closure_says_no", on: EVERYWHERE, run: says_no },
    StoreTest { name: "transactions::write_skew_is_refused", on: EVERYWHERE, run: write_skew },
    StoreTest { name: "transactions::what_was_only_read_is_checked", on: EVERYWHERE, run: checked },
    StoreTest { name: "transactions::a_read_is_a_snapshot", on: EVERYWHERE, run: snapshot },
    StoreTest { name: "transactions::a_snapshot_of_others_work", on: SHARED, run: others_snapshot },
    StoreTest { name: "transactions::beside_swaps", on: EVERYWHERE, run: beside_swaps },
    StoreTest { name: "transactions::beside_swaps_of_others", on: SHARED, run: beside_others },
    StoreTest { name: "transactions::lanes_learn_of_it", on: EVERYWHERE, run: lanes },
    StoreTest { name: "transactions::inside_closures", on: EVERYWHERE, run: nested },
];

pub(crate) fn find<T: serde::de::DeserializeOwned>(table: &Table, key: &str) -> Option<T> {
    table.find_item(key).unwrap()
}

pub(crate) fn drop_live(ground: &Ground, table: &Table) {
    if ground.kind == Kind::Live {
        table.drop_table().unwrap();
    }
}

fn read_set_remove(ground: &Ground) {
    let table = ground.table();
    table.put_item("a", "was a").unwrap();
    table.put_item("c", 3).unwrap();
    let done = table.transact(|tx| {
        assert_eq!(tx.get::<String>("a")?.as_deref(), Some("was a"));
        assert_eq!(tx.get::<u8>(("pair", 1))?, None);
        tx.set("a", "is a")?;
        tx.set(("pair", 1), vec![1, 2])?;
        tx.remove("c")?;
        tx.remove("never was")?;
        // A read sees what was set before it, and every key but once.
        assert_eq!(tx.get::<String>("a")?.as_deref(), Some("is a"));
        assert_eq!(tx.get::<Vec<u8>>(("pair", 1))?, Some(vec![1, 2]));
        assert_eq!(tx.get::<u8>("c")?, None);
        tx.set("a", "is a now")?;
        Ok("done")
    });
    assert_eq!(done.unwrap(), "done");
    assert_eq!(find::<String>(&table, "a").as_deref(), Some("is a now"));
    assert_eq!(table.find_item::<Vec<u8>>(("pair", 1)).unwrap(), Some(vec![1, 2]));
    assert_eq!(find::<u8>(&table, "c"), None);
    // Versions go on, and a removal leaves its trace.
    let version = |key| table.atom::<serde_json::Value>(key).swap_with_receipt(|_| json!(0));
    assert_eq!(version("a").unwrap().1.old_version, 2);
    assert_eq!(version("c").unwrap().1.old_version, 2);
    let stored = table.stored_item("never was").unwrap();
    assert_eq!(stored, None, "what was not there needs no removal");
    drop_live(ground, &table);
}

fn costs(ground: &Ground) {
    let table = ground.table();
    table.put_item("a", 1).unwrap();
    table.put_item("b", 2).unwrap();
    let spent = |call: &dyn Fn()| {
        let before = table.requests();
        call();
        table.requests() - before
    };
    assert_eq!(spent(&|| table.transact(|_| Ok(())).unwrap()), 0, "nothing to do");
    let one = || table.transact(|tx| Ok(tx.get::<u8>("a")?)).unwrap();
    assert_eq!(spent(&|| assert_eq!(one(), Some(1))), 1);
    let add = |key| {
        table.transact(|tx| {
            let n: u8 = tx.get(key)?.unwrap_or_default();
            Ok(tx.set(key, n + 1)?)
        })
    };
    assert_eq!(spent(&|| add("a").unwrap()), 2, "one item: a read and a plain put");
    assert_eq!(spent(&|| table.transact(|tx| Ok(tx.set("a", 9)?)).unwrap()), 2);
    assert_eq!(spent(&|| table.transact(|tx| Ok(tx.set("a", 9)?)).unwrap()), 1, "there already");
    assert_eq!(spent(&|| table.transact(|tx| Ok(tx.remove("none")?)).unwrap()), 1);
    let both = |a: u8, b: u8| {
        table.transact(|tx| {
            tx.set("a", a)?;
            Ok(tx.set("b", b)?)
        })
    };
    assert_eq!(spent(&|| both(4, 5).unwrap()), 3, "two reads and one transaction");
    let before = table.stored_item("b").unwrap();
    assert_eq!(spent(&|| both(6, 5).unwrap()), 3);
    assert_eq!(table.stored_item("b").unwrap(), before, "set to what it was: only checked");
    assert_eq!(spent(&|| both(6, 5).unwrap()), 3, "two reads, proved together");
    let sum = || {
        table.transact(|tx| Ok(tx.get::<u8>("a")?.unwrap_or(0) + tx.get::<u8>("b")?.unwrap_or(0)))
    };
    assert_eq!(spent(&|| assert_eq!(sum().unwrap(), 11)), 3);
    let no =
        || table.transact(|tx| anyhow::bail!("{:?}", tx.get::<u8>("a")?) as anyhow::Result<()>);
    assert_eq!(spent(&|| drop(no().unwrap_err())), 1, "one read is the truth");
    drop_live(ground, &table);
}

fn says_no(ground: &Ground) {
    let table = ground.table();
    table.put_item("a", "text").unwrap();
    let error = table
        .transact(|tx| {
            tx.set("a", "other")?;
            tx.set("b", 1)?;
            anyhow::bail!("I say no") as anyhow::Result<()>
        })
        .unwrap_err();
    let Error::Aborted { key, source, .. } = &error else { panic!("{error}") };
    assert_eq!((key.as_str(), source.to_string().as_str()), ("a, b", "I say no"));
    assert!(error.to_string().contains("nothing was written"), "{error}");
    // This crate's own errors come back as they are.
    let error = table
        .transact(|tx| {
            let _: Option<String> = tx.get("b")?;
            let n: u64 = tx.get("a")?.unwrap_or_default();
            Ok(tx.set("b", n)?)
        })
        .unwrap_err();
    assert!(matches!(&error, Error::Decode { key: Some(key), .. } if key == "a"), "{error}");
    let error = table.transact(|tx| Ok(tx.set("k".repeat(2049), 1)?)).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { .. }), "{error}");
    // Somebody else's error that carries context is not taken for one.
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        table.transact(|tx| -> anyhow::Result<()> {
            tx.set("a", "other")?;
            tx.set("b", 1)?;
            std::panic::resume_unwind(Box::new("a closure that panics"))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(find::<String>(&table, "a").as_deref(), Some("text"));
    assert_eq!(find::<u8>(&table, "b"), None);
    assert!(table.transact(|tx| Ok(tx.set("b", 1)?)).is_ok());
    drop_live(ground, &table);
}

/// Two doctors are on call; each may leave if the other stays. Both try at once.
fn write_skew(ground: &Ground) {
    let table = ground.table();
    let leave = |name: &str, meanwhile: &dyn Fn()| {
        table.transact(|tx| {
            let on_call = ["ann", "bea"]
                .into_iter()
                .map(|name| Ok(tx.get::<bool>(name)?.unwrap_or_default()))
                .collect::<faraday_atom::Result<Vec<_>>>()?;
            meanwhile();
            anyhow::ensure!(on_call == [true, true], "somebody has to stay");
            Ok(tx.set(name, false)?)
        })
    };
    for name in ["ann", "bea"] {
        table.put_item(name, true).unwrap();
    }
    let once = AtomicUsize::new(0);
    let error = leave("ann", &|| {
        if once.fetch_add(1, Ordering::SeqCst) == 0 {
            leave("bea", &|| {}).unwrap();
        }
    })
    .unwrap_err();
    assert!(matches!(&error, Error::Aborted { .. }), "{error}");
    assert_eq!(once.load(Ordering::SeqCst), 2, "it ran on both states");
    for _ in 0..20 {
        for name in ["ann", "bea"] {
            table.put_item(name, true).unwrap();
        }
        let left = on_threads(2, |n| leave(["ann", "bea"][n], &|| {}).is_ok());
        assert_eq!(left.iter().filter(|left| **left).count(), 1, "{left:?}");
    }
    drop_live(ground, &table);
}

fn checked(ground: &Ground) {
    let table = ground.table();
    for (key, value) in [("limit", 10), ("a", 1), ("b", 1)] {
        table.put_item(key, value).unwrap();
    }
    let mut runs = 0;
    table
        .transact(|tx| {
            runs += 1;
            let limit: i32 = tx.get("limit")?.unwrap();
            if runs == 1 {
                table.put_item("limit", 20)?;
            }
            tx.set("a", limit)?;
            Ok(tx.set("b", limit)?)
        })
        .unwrap();
    assert_eq!(runs, 2);
    assert_eq!((find(&table, "a"), find(&table, "b")), (Some(20), Some(20)));
    // So is that nothing was there.
    let mut runs = 0;
    let created = table.transact(|tx| {
        runs += 1;
        let free = tx.get::<String>("name")?.is_none();
        if runs == 1 {
            table.put_item("name", "mine")?;
        }
        anyhow::ensure!(free, "taken");
        tx.set("name", "yours")?;
        Ok(tx.set("owner", "you")?)
    });
    assert!(matches!(&created, Err(Error::Aborted { .. })), "{created:?}");
    assert_eq!((runs, find::<String>(&table, "owner")), (2, None));
    drop_live(ground, &table);
}

/// A writer keeps two items equal; a reader never sees them differ, whatever it makes of them.
fn snapshot(ground: &Ground) {
    let table = ground.table();
    let done = AtomicBool::new(false);
    let both = |tx: &mut faraday_atom::Transaction<'_>| -> anyhow::Result<(u32, u32)> {
        Ok((tx.get("x")?.unwrap_or_default(), tx.get("y")?.unwrap_or_default()))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                table
                    .transact(|tx| {
                        let (x, y) = both(tx)?;
                        tx.set("y", y + 1)?;
                        Ok(tx.set("x", x + 1)?)
                    })
                    .unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let (mut seen, mut last) = (0, 0);
        while !done.load(Ordering::SeqCst) {
            let (x, y) = table.transact(both).unwrap();
            assert_eq!(x, y, "a snapshot shows both halves of a transaction or none");
            assert!(x >= last, "time goes on");
            // Nor does an error tell of what never was.
            let odd = table.transact(|tx| {
                let (x, y) = both(tx)?;
                anyhow::ensure!(x == y, "{x} and {y} were never there together");
                Ok(())
            });
            odd.unwrap();
            (seen, last) = (seen + 1, x);
        }
        assert!(seen > 2, "{seen} snapshots");
    });
    assert_eq!(table.transact(both).unwrap(), (200, 200));
    drop_live(ground, &table);
}

/// The same with a writer in another process.
fn others_snapshot(ground: &Ground) {
    let table = ground.table();
    let mut writer = workers::start(ground, &table, "pair", 300);
    let mut differing = 0;
    let mut seen = 0;
    while writer.try_wait().unwrap().is_none() {
        let (x, y) = table
            .transact(|tx| {
                let (x, y): (Option<u32>, Option<u32>) = (tx.get("x")?, tx.get("y")?);
                differing += u32::from(x != y);
                Ok((x, y))
            })
            .unwrap();
        assert_eq!(x, y);
        seen += 1;
    }
    assert!(writer.wait().unwrap().success());
    println!("{:?}: {seen} snapshots, {differing} runs on what never was", ground.kind);
    assert_eq!((find(&table, "x"), find(&table, "y")), (Some(300), Some(300)));
    drop_live(ground, &table);
}

const TIMES: u32 = 60;

/// Moves one from `counter` to `moved`, in effect: both count.
fn count_both(table: &Table) {
    table
        .transact(|tx| {
            let (n, m): (Option<u32>, Option<u32>) = (tx.get("counter")?, tx.get("moved")?);
            tx.set("counter", n.unwrap_or(0) + 1)?;
            Ok(tx.set("moved", m.unwrap_or(0) + 1)?)
        })
        .unwrap();
}

fn beside_swaps(ground: &Ground) {
    let table = ground.table();
    on_threads(6, |n| {
        let counter = table.atom::<u32>("counter");
        for _ in 0..TIMES {
            match n % 2 {
                0 => count_both(&table),
                _ => drop(counter.swap(|n| n.unwrap_or(0) + 1).unwrap()),
            }
        }
    });
    assert_eq!(
        (find(&table, "counter"), find(&table, "moved")),
        (Some(6 * TIMES), Some(3 * TIMES))
    );
    drop_live(ground, &table);
}

fn beside_others(ground: &Ground) {
    let table = ground.table();
    let mut others = [
        workers::start(ground, &table, "increment", TIMES),
        workers::start(ground, &table, "increment", TIMES),
    ];
    on_threads(2, |_| (0..TIMES).for_each(|_| count_both(&table)));
    assert!(others.iter_mut().all(|other| other.wait().unwrap().success()));
    assert_eq!(
        (find(&table, "counter"), find(&table, "moved")),
        (Some(4 * TIMES), Some(2 * TIMES))
    );
    drop_live(ground, &table);
}

/// The next swap of an atom that a transaction changed needs neither a read nor a second put.
fn lanes(ground: &Ground) {
    let table = ground.table();
    let (a, b) = (table.atom::<u32>("a"), table.atom::<u32>("b"));
    a.reset(1).unwrap();
    b.reset(1).unwrap();
    let next = |expected| {
        let (n, receipt) = a.swap_with_receipt(|n| n.unwrap_or(0) + 1).unwrap();
        assert_eq!((n, receipt.conflicts, receipt.requests), (expected, 0, 1));
    };
    table
        .transact(|tx| {
            tx.set("a", 10)?;
            Ok(tx.set("b", 10)?)
        })
        .unwrap();
    next(11);
    table.transact(|tx| Ok(tx.set("a", 20)?)).unwrap();
    next(21);
    table
        .transact(|tx| {
            tx.remove("a")?;
            Ok(tx.set("b", 11)?)
        })
        .unwrap();
    next(1);
    assert_eq!(b.swap(|n| n.unwrap() + 1).unwrap(), 12);
    drop_live(ground, &table);
}

/// None of them waits for another.
fn nested(ground: &Ground) {
    let table = ground.table();
    let inner = |key: &'static str| {
        table.transact(|tx| {
            let n: u32 = tx.get(key)?.unwrap_or_default();
            tx.set(key, n + 1)?;
            Ok(tx.set("other", n)?)
        })
    };
    // A swap and a transaction in a transaction.
    table
        .transact(|tx| {
            let n: u32 = tx.get("outer")?.unwrap_or_default();
            table.atom::<u32>("swapped").swap(|n| n.unwrap_or(0) + 1)?;
            inner("inner")?;
            tx.set("outer", n + 1)?;
            Ok(tx.set("beside", n)?)
        })
        .unwrap();
    assert_eq!((find(&table, "outer"), find(&table, "inner")), (Some(1), Some(1)));
    assert_eq!(find(&table, "swapped"), Some(1));
    // A transaction in a swap.
    let atom = table.atom::<u32>("atom");
    atom.try_swap(|n| {
        inner("inner")?;
        Ok(Some(n.unwrap_or(0) + 1))
    })
    .unwrap();
    assert_eq!((atom.get().unwrap(), find(&table, "inner")), (Some(1), Some(2)));
    // It cannot change what the swap is about to change.
    let error = atom
        .try_swap(|n| {
            table.transact(|tx| Ok(tx.set("atom", 7)?))?;
            Ok(n)
        })
        .unwrap_err();
    assert!(matches!(&error, Error::Aborted { key, .. } if key == "atom"), "{error}");
    assert_eq!(atom.get().unwrap(), Some(1));
    // Each makes the other run again: that ends, with an error.
    let mut runs = 0;
    let options = TransactOptions::new()
        .timeout(Duration::from_secs(20))
        .backoff(Backoff::none())
        .max_attempts(3);
    let error = table
        .transact_with(&options, |tx| {
            runs += 1;
            let n: u32 = tx.get("inner")?.unwrap_or_default();
            inner("inner")?;
            tx.set("inner", n + 1)?;
            Ok(tx.set("beside", n)?)
        })
        .unwrap_err();
    let Error::Contention { key, attempts: 3, .. } = &error else { panic!("{error}") };
    assert_eq!((key.as_str(), runs), ("inner", 3));
    drop_live(ground, &table);
}
