//! One caller, one atom: `get`, `swap` and `reset` beside the bare rusoto operation over the same
//! kind of connection.
//!
//! Criterion draws the distributions; the ratios come from a run of their own in which both take
//! turns, call by call, so that the machine's moods cancel.

#![allow(clippy::pedantic)] // of benches only what is wrong matters

#[allow(dead_code, unused_imports)] // the crate's own: a bench uses a part of it
#[path = "../src/runtime.rs"]
mod runtime;
#[allow(dead_code)]
mod support;
#[allow(dead_code, unused_imports)]
#[path = "../src/transport/mod.rs"]
mod transport;

use std::time::Duration;

use criterion::Criterion;
use faraday_atom::{Atom, ItemAtom, Table};

use support::bare::{Bare, BareAtom};
use support::report::{Grid, publish, short};
use support::{Far, TABLE, beside, swap_beside_put};
use transport::Embedded;

/// A place to keep atoms, and bare connections of the same kind.
struct Place {
    name: &'static str,
    table: Table,
    bare: Bare,
    /// rusoto over its own HTTP client, where there is HTTP.
    rusoto: Option<Bare>,
    rounds: usize,
}

fn places(far: &Far, dir: &std::path::Path) -> Vec<Place> {
    let memory = Table::builder(TABLE).embedded_in_memory().open().unwrap();
    let file = Table::builder(TABLE).embedded(dir.join("ours.db")).open().unwrap();
    let mut places = vec![
        Place {
            name: "embedded memory",
            table: memory,
            bare: Bare::embedded(Embedded::in_memory().unwrap()),
            rusoto: None,
            rounds: 20_000,
        },
        Place {
            name: "embedded file",
            table: file,
            bare: Bare::embedded(Embedded::file(&dir.join("bare.db")).unwrap()),
            rusoto: None,
            rounds: 2_000,
        },
        http("embedded over HTTP", &far.url()),
    ];
    match support::live_endpoint() {
        Some(url) => places.push(http("DynamoDB Local", &url)),
        None => eprintln!("{}", support::NOT_LIVE),
    }
    for place in &places {
        place.table.ensure().unwrap();
    }
    places
}

fn http(name: &'static str, url: &str) -> Place {
    Place {
        name,
        table: support::open(url),
        bare: Bare::over_ours(url),
        rusoto: Some(Bare::over_rusotos(url)),
        rounds: 4_000,
    }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let far = Far::engine(Duration::ZERO);
    let places = places(&far, dir.path());
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .sample_size(40)
        .configure_from_args();
    for place in &places {
        distributions(&mut criterion, place);
    }
    criterion.final_summary();

    let mut grid =
        Grid::new(&["operation", "ours", "bare", "ratio", "requests", "rusoto's HTTP", "ratio"]);
    for place in &places {
        ratios(&mut grid, place);
    }
    let mut text = format!(
        "Uncontended, one caller. Medians; ours and the bare operation take turns call by call.\n\
         bare: the same GetItem or conditional PutItem (same item, same condition) by rusoto's\n\
         client over the crate's own transport. rusoto's HTTP: the same over rusoto's HttpClient.\n\
         \n{grid}"
    );
    if support::live_endpoint().is_none() {
        text.push_str(support::NOT_LIVE);
        text.push('\n');
    }
    publish("uncontended.txt", &text);
}

fn distributions(criterion: &mut Criterion, place: &Place) {
    let atom: ItemAtom<u64> = place.table.atom("criterion");
    let mut other = BareAtom::new(&place.bare, "criterion-bare");
    atom.reset(0).unwrap();
    other.put();
    let mut group = criterion.benchmark_group(format!("get, {}", place.name));
    group.bench_function("ours", |bencher| bencher.iter(|| atom.get().unwrap()));
    group.bench_function("bare GetItem", |bencher| bencher.iter(|| other.get()));
    group.finish();
    let mut group = criterion.benchmark_group(format!("swap and reset, {}", place.name));
    group.bench_function("swap", |bencher| {
        bencher.iter(|| atom.swap(|n| n.unwrap_or(0) + 1).unwrap());
    });
    let mut next = 1_000_000;
    group.bench_function("reset", |bencher| {
        bencher.iter(|| {
            next += 1;
            atom.reset(next).unwrap();
        });
    });
    group.bench_function("bare PutItem", |bencher| bencher.iter(|| other.put()));
    group.finish();
}

fn ratios(grid: &mut Grid, place: &Place) {
    let atom: ItemAtom<u64> = place.table.atom("ratios");
    atom.reset(0).unwrap();
    let run = |operation: &str, bare: &Bare| {
        let mut other = BareAtom::new(bare, "ratios-bare");
        other.put();
        let mut next = 1_000_000;
        match operation {
            "get" => beside(
                &place.table,
                place.rounds,
                || assert!(atom.get().unwrap().is_some()),
                || other.get(),
            ),
            "swap" => swap_beside_put(&place.table, bare, place.rounds),
            _ => beside(
                &place.table,
                place.rounds,
                || {
                    next += 1;
                    atom.reset(next).unwrap();
                },
                || other.put(),
            ),
        }
    };
    for operation in ["get", "swap", "reset"] {
        let measured = run(operation, &place.bare);
        let mut row = vec![
            format!("{operation}, {}", place.name),
            short(measured.ours),
            short(measured.bare),
            format!("{:.2}", measured.ratio()),
            format!("{:.2}", measured.requests),
        ];
        if let Some(rusoto) = &place.rusoto {
            let measured = run(operation, rusoto);
            row.extend([short(measured.bare), format!("{:.2}", measured.ratio())]);
        }
        grid.row(row);
    }
}
