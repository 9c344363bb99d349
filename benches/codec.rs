//! The native encoding beside `serde_dynamo` and `serde_json`, on plain data.
//!
//! `cargo bench --bench codec` measures with criterion; `cargo bench --bench codec -- --ratio`
//! prints only how often as long as `serde_dynamo` we take, the two measured in turns in one run.

#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "the codec is not public, so its source is taken in"
)]

// What the tests inside it use.
use faraday_atom::{Atom, Encoding, Error, Table, TableBuilder};

#[path = "../src/codec/mod.rs"]
mod codec;
#[path = "../src/write_id.rs"]
mod write_id;

use codec::native::{decode, encode};
use criterion::{BenchmarkId, Criterion};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_dynamo::{AttributeValue, from_attribute_value, to_attribute_value};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

#[derive(Clone, Serialize, Deserialize)]
struct Job {
    id: u64,
    name: String,
    queue: String,
    priority: i32,
    progress: f64,
    price: f64,
    done: bool,
    owner: Option<String>,
    created: String,
    attempts: u8,
}

fn job(index: u64) -> Job {
    Job {
        id: index * 7919,
        name: format!("job number {index}"),
        queue: "default".to_owned(),
        priority: -3,
        progress: 0.25 + index as f64,
        // A whole float, as prices often are.
        price: 5.0,
        done: index.is_multiple_of(2),
        owner: (!index.is_multiple_of(3)).then(|| "somebody@example.org".to_owned()),
        created: "2026-11-23T00:39:16Z".to_owned(),
        attempts: 2,
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    title: String,
    jobs: Vec<Job>,
    tags: Vec<String>,
    by_name: BTreeMap<String, Vec<i64>>,
    note: Option<String>,
}

fn document() -> Document {
    Document {
        title: "a document of about ten kilobytes".to_owned(),
        jobs: (0..40).map(job).collect(),
        tags: (0..60).map(|index| format!("tag-{index}")).collect(),
        by_name: (0..60)
            .map(|index| (format!("name {index}"), (0..10).map(|n| n * index).collect()))
            .collect(),
        note: Some("nothing ".repeat(100)),
    }
}

fn numbers() -> Vec<i64> {
    (0..14_000_i64).map(|index| index * 104_729 % 10_000_000).collect()
}

fn floats() -> Vec<f64> {
    (0..10_000).map(|index| f64::from(index) * 0.37).collect()
}

fn ours<T: Serialize + DeserializeOwned>(value: &T) -> T {
    decode(encode(value).unwrap()).unwrap()
}

fn theirs<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let encoded: AttributeValue = to_attribute_value(value).unwrap();
    from_attribute_value(encoded).unwrap()
}

fn json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

fn measure<T: Serialize + DeserializeOwned>(criterion: &mut Criterion, name: &str, value: &T) {
    let mut group = criterion.benchmark_group("encode+decode");
    group.measurement_time(Duration::from_secs(3));
    for (who, round) in [
        ("native", ours::<T> as fn(&T) -> T),
        ("serde_dynamo", theirs::<T>),
        ("serde_json", json::<T>),
    ] {
        group.bench_with_input(BenchmarkId::new(who, name), value, |bencher, value| {
            bencher.iter(|| round(black_box(value)));
        });
    }
    group.finish();
}

/// The median over many short turns, so that what disturbs the machine disturbs both alike.
fn ratio<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let turn = |round: fn(&T) -> T, times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(round(black_box(value)));
        }
        start.elapsed().as_secs_f64()
    };
    let once = turn(theirs, 20) / 20.0;
    let times = (0.004 / once).clamp(1.0, 10_000.0) as u32;
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let turns: Vec<(f64, f64, f64)> =
        (0..301).map(|_| (turn(ours, times), turn(theirs, times), turn(json, times))).collect();
    let us = |time: f64| time / f64::from(times) * 1e6;
    println!(
        "{name:<24} native {:9.2} µs  serde_dynamo {:9.2} µs  serde_json {:9.2} µs  native/serde_dynamo {:.2}",
        us(median(turns.iter().map(|turn| turn.0).collect())),
        us(median(turns.iter().map(|turn| turn.1).collect())),
        us(median(turns.iter().map(|turn| turn.2).collect())),
        median(turns.iter().map(|turn| turn.0 / turn.1).collect()),
    );
}

fn main() {
    let (flat, document, numbers, floats) = (job(5), document(), numbers(), floats());
    let map: std::collections::HashMap<String, u64> =
        (0..200).map(|index| (format!("member {index}"), index)).collect();
    if std::env::args().any(|argument| argument == "--ratio") {
        let size = |value: usize| value / 1000;
        println!(
            "the document has {} KB of JSON, the list of numbers {} KB",
            size(serde_json::to_vec(&document).unwrap().len()),
            size(serde_json::to_vec(&numbers).unwrap().len())
        );
        ratio("flat struct, 10 fields", &flat);
        ratio("document, 10 KB", &document);
        ratio("list of numbers, 100 KB", &numbers);
        ratio("list of floats", &floats);
        ratio("map of 200 numbers", &map);
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "flat struct", &flat);
    measure(&mut criterion, "document of 10 KB", &document);
    measure(&mut criterion, "numbers of 100 KB", &numbers);
    criterion.final_summary();
}
