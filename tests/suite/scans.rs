//! Walks through a whole table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faraday_atom::{Atom, Error, Result, ScanToken, SwapOptions, Table};

use crate::faults::quick;
use crate::support::seed::{draw, seed};
use crate::support::server::{Fault, Seen, Server, THROTTLED, UNAVAILABLE};
use crate::support::{EVERYWHERE, Ground, Kind, PlainTest, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "scans::stopped_and_resumed", on: EVERYWHERE, run: resumed },
    StoreTest { name: "scans::hides_what_is_not_there", on: EVERYWHERE, run: hidden },
    StoreTest { name: "scans::by_prefix", on: EVERYWHERE, run: prefix },
    StoreTest { name: "scans::goes_on_behind_an_odd_item", on: EVERYWHERE, run: odd_item },
    StoreTest { name: "scans::tokens_of_other_scans", on: EVERYWHERE, run: tokens },
    StoreTest { name: "scans::a_table_that_is_missing", on: EVERYWHERE, run: no_table },
    StoreTest { name: "scans::large_items", on: EVERYWHERE, run: large },
    StoreTest { name: "scans::clojure_tables", on: EVERYWHERE, run: clojure },
];

pub(crate) const FAULTS: &[PlainTest] = &[
    PlainTest { name: "scans::through_faults", run: faults },
    PlainTest { name: "scans::a_server_that_stays_down", run: down },
];

fn resumed(ground: &Ground) {
    let table = ground.table();
    let count = if ground.kind == Kind::File { 2_000 } else { 20_000_u32 };
    table.put_items((0..count).map(|n| (n, n))).unwrap();
    let mut seen = BTreeMap::<u32, u32>::new();
    let mut token: Option<ScanToken> = None;
    let mut rounds = 0;
    loop {
        let scan = table.scan::<u32>().segments(4).page_size(500);
        let mut scan = match &token {
            Some(token) => scan.resume(token.to_string().parse().unwrap()),
            None => scan,
        };
        // Stopped at an odd place, in the middle of a page.
        for item in scan.by_ref().take(count as usize / 5 + 7) {
            let (key, value) = item.unwrap();
            assert_eq!(key, format!("#{value}"));
            *seen.entry(value).or_default() += 1;
        }
        rounds += 1;
        token = Some(scan.token());
        if scan.token().is_done() {
            break;
        }
    }
    assert_eq!(seen.len(), count as usize);
    assert!(seen.values().all(|times| *times == 1), "each once");
    assert_eq!(rounds, 5);
    let mut nothing = table.scan::<u32>().resume(token.unwrap());
    assert!(nothing.next().is_none() && nothing.next().is_none());
    assert_eq!(
        table.keys().segments(3).map(Result::unwrap).collect::<BTreeSet<_>>().len(),
        count as usize
    );
}

fn hidden(ground: &Ground) {
    let table = ground.table();
    assert!(table.scan::<u32>().next().is_none(), "an empty table");
    assert!(table.keys().token().to_string().contains("start"));
    table.put_items((0..20).map(|n| (n, n))).unwrap();
    table.atom::<u32>(3).remove().unwrap();
    table.delete_item(4).unwrap();
    let brief = SwapOptions::new().lifetime(Duration::from_secs(1));
    table.atom::<u32>(5).with_options(brief).reset(55).unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    let mut found: Vec<u32> =
        table.scan().map(|item: Result<(String, u32)>| item.unwrap().1).collect();
    found.sort();
    let expected: Vec<u32> = (0..20).filter(|n| ![3, 4, 5].contains(n)).collect();
    assert_eq!(found, expected);
    let keys = table.keys().eventual().map(|key| table.parse_key::<u32>(&key.unwrap()).unwrap());
    let mut keys: Vec<u32> = keys.collect();
    keys.sort();
    assert_eq!(keys, expected);
    assert!(table.find_items::<u32>([5]).unwrap().is_empty());
}

fn prefix(ground: &Ground) {
    let table = ground.table();
    table.put_items((0..50).map(|n| (format!("a/{n}"), n))).unwrap();
    table.put_items((0..50).map(|n| (("b", n), n))).unwrap();
    let count = |prefix: &str| {
        table.scan::<u32>().prefix(prefix).page_size(7).segments(2).map(Result::unwrap).count()
    };
    assert_eq!((count("a/"), count("a/1"), count(""), count("zz")), (50, 11, 100, 0));
    assert_eq!(count(r#"#["b","#), 50);
    assert_eq!(table.keys().prefix("a/4").map(Result::unwrap).count(), 11);
}

fn odd_item(ground: &Ground) {
    let table = ground.table();
    table.put_items((0..30).map(|n| (n, n))).unwrap();
    table.put_item("odd", "text").unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = table.scan::<u32>().page_size(4).partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (30, 1));
    let Err(Error::Decode { key: Some(key), .. }) = &bad[0] else { panic!("{:?}", bad[0]) };
    assert_eq!(key, "odd");
}

fn tokens(ground: &Ground) {
    let table = ground.table();
    let other = ground.table();
    table.put_items([("a", 1)]).unwrap();
    let token = table.scan::<u32>().prefix("a").token();
    for mut scan in [
        other.scan::<u32>().prefix("a").resume(token.clone()),
        table.scan::<u32>().resume(token.clone()),
        table.scan::<u32>().prefix("b").resume(token.clone()),
    ] {
        let error = scan.next().unwrap().unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
        assert!(scan.next().is_none());
    }
    assert_eq!(table.scan::<u32>().prefix("a").resume(token).map(Result::unwrap).count(), 1);
}

fn no_table(ground: &Ground) {
    let table = ground.unmade();
    let mut scan = table.scan::<u32>();
    assert!(matches!(scan.next(), Some(Err(Error::TableNotFound { .. }))));
    assert!(scan.next().is_none());
}

/// Pages end at 1 MB, whatever their number of items.
fn large(ground: &Ground) {
    let table = ground.table();
    let text = "x".repeat(300_000);
    table.put_items((0..12).map(|n| (n, format!("{n}{text}")))).unwrap();
    let before = table.requests();
    let mut found: Vec<usize> =
        table.scan::<String>().map(|item| item.unwrap().1.len() - 300_000).collect();
    found.sort();
    assert_eq!(found, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
    assert!(table.requests() - before >= 3, "{} pages", table.requests() - before);
}

fn clojure(ground: &Ground) {
    let name = ground.table().name().to_owned() + "-edn";
    let table: Table = ground.builder(&name).encoding(faraday_atom::Encoding::Edn).open().unwrap();
    table.ensure().unwrap();
    table.put_items((0..30).map(|n| (("k", n), BTreeMap::from([("n", n)])))).unwrap();
    let found = table.scan::<BTreeMap<String, u32>>().segments(2).page_size(5);
    let mut found: Vec<u32> = found.map(|item| item.unwrap().1["n"]).collect();
    found.sort();
    assert_eq!(found, (0..30).collect::<Vec<_>>());
    let keys = table.keys().map(|key| table.parse_key::<(String, u32)>(&key.unwrap()).unwrap().1);
    let mut keys: Vec<u32> = keys.collect();
    keys.sort();
    assert_eq!(keys, found);
}

fn faults() {
    let seed = seed();
    println!("FARADAY_TEST_SEED={seed}");
    let server = Server::new(move |seen: &Seen<'_>| {
        if seen.operation != "Scan" {
            return Fault::None;
        }
        let bits = draw(seed, seen.number as u64);
        match bits % 100 {
            0..8 => THROTTLED,
            8..16 => Fault::LoseReply,
            16..20 => UNAVAILABLE,
            20..24 => Fault::CutBody,
            24..28 => Fault::WrongChecksum,
            28..60 => Fault::Late(Duration::from_millis(bits % 7)),
            _ => Fault::None,
        }
    });
    let table =
        server.table(|builder| builder.retry(quick()).request_timeout(Duration::from_secs(2)));
    table.put_items((0..3_000_u32).map(|n| (n, n))).unwrap();
    let mut found: Vec<u32> = table
        .scan()
        .segments(4)
        .page_size(40)
        .map(|item: Result<(String, u32)>| item.unwrap().1)
        .collect();
    found.sort();
    assert_eq!(found, (0..3_000).collect::<Vec<_>>());
}

fn down() {
    let server = Server::new(|seen: &Seen<'_>| match (seen.operation, seen.number % 2) {
        ("Scan", _) => UNAVAILABLE,
        _ => Fault::None,
    });
    let table = server
        .table(|builder| builder.retry(quick().timeout(Duration::from_secs(3)).max_attempts(3)));
    table.put_items([("a", 1)]).unwrap();
    let before = server.requests();
    let mut scan = table.scan::<u32>();
    let error = scan.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout { attempts: 3, operation: "Scan", .. }), "{error}");
    assert!(scan.next().is_none());
    assert_eq!(server.requests() - before, 3);
}
