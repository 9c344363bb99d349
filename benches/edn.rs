//! EDN: printing, reading, equality, and the items of the Clojure library.
//!
//! The crate's own layout is not public; its source is taken in.

#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "the layout is not public, so its source is taken in"
)]

// What the tests inside it use.
use faraday_atom::{Atom, Encoding, Error, Table, TableBuilder};

#[path = "../src/codec/mod.rs"]
mod codec;
#[path = "../src/write_id.rs"]
mod write_id;

use std::hint::black_box;

use codec::edn::Edn;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn flat() -> Edn {
    let names =
        ["id", "name", "state", "count", "price", "note", "tags", "owner", "created", "active"];
    let values = [
        "7",
        "\"a job\"",
        ":queued",
        "42",
        "12.50M",
        "nil",
        "#{:a :b}",
        "\"me\"",
        "#inst \"2015-09-26\"",
        "true",
    ];
    let value = |text: &str| text.parse::<Edn>().expect("EDN");
    Edn::map(names.into_iter().zip(values).map(|(name, text)| (Edn::keyword(name), value(text))))
}

fn document() -> Edn {
    let order = |n: i64| {
        Edn::map([
            (Edn::keyword("order"), Edn::Int(n)),
            (Edn::keyword("lines"), Edn::vector([flat(), flat()])),
        ])
    };
    Edn::map([(Edn::keyword("orders"), Edn::vector((0..33).map(order)))])
}

fn numbers() -> Edn {
    Edn::vector((0..15_000).map(|n| n * 7919 % 1_000_003))
}

fn edn(c: &mut Criterion) {
    for (name, value) in
        [("flat struct", flat()), ("10 KB document", document()), ("100 KB of numbers", numbers())]
    {
        let text = value.to_string();
        let mut group = c.benchmark_group(format!("edn, {name}"));
        group.throughput(Throughput::Bytes(text.len().try_into().expect("a length")));
        group.bench_function("print", |b| b.iter(|| black_box(&value).to_string()));
        group.bench_function("parse", |b| b.iter(|| black_box(&text).parse::<Edn>().expect("EDN")));
        group.bench_function("equal", |b| {
            let other = value.clone();
            b.iter(|| black_box(&value) == black_box(&other));
        });
        group.bench_function("write item", |b| b.iter(|| bench::write(black_box(&value))));
        group.bench_function("write and read item", |b| {
            b.iter(|| bench::read(bench::write(black_box(&value))));
        });
        group.bench_function("to_edn", |b| b.iter(|| bench::to_edn(black_box(&value))));
        group.bench_function("key text", |b| b.iter(|| bench::key_text(black_box(&value))));
        group.finish();
    }
}

criterion_group!(benches, edn);
criterion_main!(benches);

mod bench {
    use std::collections::HashMap;

    use crate::codec::Value;
    use crate::codec::edn::{Edn, from_edn, layout, to_edn as write_edn};

    pub(super) fn write(value: &Edn) -> HashMap<String, Value> {
        layout::write("atom/id", value).expect("writable")
    }

    pub(super) fn read(item: HashMap<String, Value>) -> Edn {
        layout::read("atom/id", item).expect("readable")
    }

    pub(super) fn to_edn(value: &Edn) -> Edn {
        from_edn(write_edn(value).expect("writable")).expect("readable")
    }

    pub(super) fn key_text(key: &Edn) -> String {
        layout::key_text(key)
    }

    pub(super) fn parse_key(text: &str) -> Option<Edn> {
        layout::parse_key(text).ok()
    }
}
