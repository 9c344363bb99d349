//! Watching an atom that others change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Change, Edn, Encoding, Error, SwapOptions, Table, WatchOptions};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, Kind, SHARED, StoreTest, on_threads};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "a_watcher_under_eight_writers", on: EVERYWHERE, run: eight_writers },
    StoreTest { name: "a_watcher_that_is_slow", on: EVERYWHERE, run: slow },
    StoreTest { name: "each_kind_of_change", on: EVERYWHERE, run: kinds },
    StoreTest { name: "a_watch_begins_with_its_call", on: EVERYWHERE, run: beginning },
    StoreTest { name: "a_watch_ends", on: EVERYWHERE, run: ends },
    StoreTest {
        name: "a_state_of_another_type_is_told_and_passed",
        on: EVERYWHERE,
        run: unreadable,
    },
    StoreTest { name: "watching_what_other_tools_write", on: SHARED, run: foreign },
    StoreTest { name: "watching_a_clojure_table", on: EVERYWHERE, run: clojure },
];

const MINUTE: Duration = Duration::from_secs(60);

fn quick() -> WatchOptions {
    WatchOptions::new()
        .min_pause(Duration::from_millis(1))
        .max_pause(Duration::from_millis(20))
        .timeout(MINUTE)
}

/// Another connection to the same table, where there can be one.
fn elsewhere(ground: &Ground, table: &Table) -> Table {
    if ground.kind == Kind::Memory { table.clone() } else { ground.named(table.name()) }
}

fn eight_writers(ground: &Ground) {
    let table = ground.table();
    // Two writers each, where several connections are possible.
    let writers: Vec<_> = (0..4).map(|_| elsewhere(ground, &table).atom::<u64>("n")).collect();
    let rounds = if ground.kind == Kind::File { 20 } else { 100 };
    let watch = elsewhere(ground, &table).atom::<u64>("n").watch(quick().initial(false));
    let (told, written) = std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            let mut told = Vec::new();
            let (mut seen, mut before) = (0, None);
            for change in watch {
                let change = change.unwrap();
                assert_eq!(change.old, before, "each begins where the last one ended");
                before = change.new;
                // Nothing is ever deleted here, so it is always known how many went by.
                seen += 1 + change.skipped.unwrap();
                assert_eq!(seen, change.version, "{change:?}");
                told.push((change.version, change.new.unwrap()));
                if change.new == Some(8 * rounds) {
                    break;
                }
            }
            told
        });
        let written = on_threads(8, |thread| {
            let swap = |_| {
                let atom = &writers[thread % 4];
                let (n, receipt) = atom.swap_with_receipt(|n| n.unwrap_or(0) + 1).unwrap();
                (receipt.new_version, n)
            };
            (0..rounds).map(swap).collect::<Vec<_>>()
        });
        (watcher.join().unwrap(), written.concat())
    });
    // Swaps that share a write leave what the last of them made of it.
    let mut left = BTreeMap::<u64, u64>::new();
    for (version, n) in written {
        let value = left.entry(version).or_default();
        *value = n.max(*value);
    }
    assert_eq!(told.last().unwrap(), &(left.len() as u64, 8 * rounds));
    assert!(told.len() > 1);
    for (version, n) in told {
        assert_eq!(left[&version], n, "what was told is what was written");
    }
}

fn slow(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u64>("n");
    let mut watch = elsewhere(ground, &table).atom::<u64>("n").watch(quick().initial(false));
    let mut total = 0;
    for count in [2, 1, 3, 15, 16, 17, 40] {
        for _ in 0..count {
            atom.swap(|n| n.unwrap_or(0) + 1).unwrap();
        }
        let change = watch.next().unwrap().unwrap();
        assert_eq!(change.old, (total > 0).then_some(total));
        total += count;
        assert_eq!((change.new, change.version), (Some(total), total));
        assert_eq!(change.skipped, Some(count - 1));
    }
}

fn kinds(ground: &Ground) {
    let table = ground.table();
    let other = elsewhere(ground, &table);
    let atom = table.atom::<u32>("n");
    atom.reset(1).unwrap();
    let mut watch = other.atom::<u32>("n").watch(quick());
    let mut next = || {
        let Change { old, new, version, skipped, .. } = watch.next().unwrap().unwrap();
        (old, new, version, skipped)
    };
    assert_eq!(next(), (None, Some(1), 1, None));
    atom.reset(2).unwrap();
    assert_eq!(next(), (Some(1), Some(2), 2, Some(0)));
    let eager = atom.clone().with_options(SwapOptions::new().discard_no_op(false));
    eager.reset(2).unwrap();
    assert_eq!(next(), (Some(2), Some(2), 3, Some(0)));
    atom.remove().unwrap();
    assert_eq!(next(), (Some(2), None, 4, Some(0)));
    for n in 10..15 {
        atom.reset(n).unwrap();
    }
    assert_eq!(next(), (None, Some(14), 9, Some(4)));
    table.put_item("n", 20).unwrap();
    assert_eq!(next(), (Some(14), Some(20), 10, Some(0)));
    table.delete_item("n").unwrap();
    assert_eq!(next(), (Some(20), None, 0, None));
    atom.reset(30).unwrap();
    assert_eq!(next(), (None, Some(30), 1, Some(0)));
    table.delete_item("n").unwrap();
    atom.reset(31).unwrap();
    assert_eq!(next(), (Some(30), Some(31), 1, None));
    atom.reset(32).unwrap();
    assert_eq!(next(), (Some(31), Some(32), 2, Some(0)));
    table.put_items([("n", 33)]).unwrap();
    assert_eq!(next(), (Some(32), Some(33), 1, None));
    table
        .transact(|tx| {
            tx.set("n", 31)?;
            Ok(tx.set("m", 1)?)
        })
        .unwrap();
    assert_eq!(next(), (Some(33), Some(31), 2, Some(0)));
    let brief = atom.with_options(SwapOptions::new().lifetime(Duration::from_millis(1)));
    brief.reset(40).unwrap();
    let (old, new, version, skipped) = next();
    assert_eq!((old, version, skipped), (Some(31), 3, Some(0)));
    if let Some(40) = new {
        assert_eq!(next(), (Some(40), None, 3, Some(0)), "it has expired");
    }
}

fn beginning(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    let mut from_nothing = atom.watch(quick());
    let mut changes_only = atom.watch(quick().initial(false));
    let before = table.requests();
    let _unused = atom.watch(quick());
    assert_eq!(table.requests() - before, 1);
    atom.reset(1).unwrap();
    let first = from_nothing.next().unwrap().unwrap();
    assert_eq!((first.old, first.new, first.version, first.skipped), (None, None, 0, None));
    let second = from_nothing.next().unwrap().unwrap();
    assert_eq!((second.old, second.new, second.skipped), (None, Some(1), Some(0)));
    // What happened since the call is not lost, though nobody has asked until now.
    assert_eq!(changes_only.next().unwrap().unwrap(), second);
}

fn ends(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    let started = Instant::now();
    let options = quick().initial(false).timeout(Duration::from_millis(300));
    let mut watch = atom.watch(options);
    assert!(watch.next().is_none() && watch.next().is_none());
    let took = started.elapsed();
    assert!((300..30_000).contains(&took.as_millis()), "{took:?}");

    let before = table.requests();
    drop(atom.watch(quick()));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(table.requests() - before, 1, "nothing goes on in the background");

    let unmade = ground.unmade();
    let mut watch = unmade.atom::<u32>("n").watch(quick());
    assert!(matches!(watch.next(), Some(Err(Error::TableNotFound { .. }))));
    assert!(watch.next().is_none());
    let before = table.requests();
    let mut watch = table.atom::<u32>("k".repeat(3000)).watch(quick());
    assert!(matches!(watch.next(), Some(Err(Error::TooLarge { .. }))));
    assert!(watch.next().is_none());
    assert_eq!(table.requests(), before);
}

fn unreadable(ground: &Ground) {
    let table = ground.table();
    table.put_item("n", "no number").unwrap();
    let mut watch = table.atom::<u32>("n").watch(quick());
    assert!(matches!(watch.next(), Some(Err(Error::Decode { .. }))));
    let atom = table.atom::<u32>("n");
    atom.reset(1).unwrap();
    let change = watch.next().unwrap().unwrap();
    assert_eq!((change.old, change.new, change.skipped), (None, Some(1), None));
    for n in 0..2 {
        atom.reset(10 + n).unwrap();
        table.atom::<String>("n").reset("text".to_owned()).unwrap();
        assert!(matches!(watch.next(), Some(Err(Error::Decode { .. }))));
    }
    atom.reset(2).unwrap();
    // Two numbers and two texts went by.
    let change = watch.next().unwrap().unwrap();
    assert_eq!((change.old, change.new, change.skipped), (Some(1), Some(2), Some(4)));
}

fn foreign(ground: &Ground) {
    let table = ground.table();
    let put = |n: u32| {
        let item = json!({ "atom/id": { "S": "n" }, "atom/value": { "N": n.to_string() } });
        ground.put_foreign(&table, item);
    };
    put(1);
    let atom = table.atom::<u32>("n");
    let mut watch = atom.watch(quick());
    let mut next = || {
        let change = watch.next().unwrap().unwrap();
        (change.old, change.new, change.skipped)
    };
    assert_eq!(next(), (None, Some(1), None));
    put(2);
    assert_eq!(next(), (Some(1), Some(2), None));
    atom.swap(|n| n.unwrap() + 1).unwrap();
    assert_eq!(next(), (Some(2), Some(3), None));
    atom.swap(|n| n.unwrap() + 1).unwrap();
    assert_eq!(next(), (Some(3), Some(4), Some(0)));
    put(9);
    assert_eq!(next(), (Some(4), Some(9), None));
}

fn clojure(ground: &Ground) {
    let name = format!("watch-edn-{}-{:?}", std::process::id(), ground.kind).to_lowercase();
    let table = ground.builder(&name).encoding(Encoding::Edn).open().unwrap();
    table.ensure().unwrap();
    let edn = |text: &str| text.parse::<Edn>().unwrap();
    let atom = table.atom::<Edn>("k");
    atom.reset(edn("{:n 1}")).unwrap();
    let mut watch = atom.watch(quick());
    let mut next = || {
        let change = watch.next().unwrap().unwrap();
        (change.old, change.new, change.skipped)
    };
    assert_eq!(next(), (None, Some(edn("{:n 1}")), None));
    atom.reset(edn("{:n 2}")).unwrap();
    assert_eq!(next(), (Some(edn("{:n 1}")), Some(edn("{:n 2}")), None));
    atom.remove().unwrap();
    assert_eq!(next(), (Some(edn("{:n 2}")), None, None));
    atom.reset(edn("[3]")).unwrap();
    assert_eq!(next(), (None, Some(edn("[3]")), None));
}
