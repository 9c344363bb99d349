//! Histories of two real processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faraday_atom::Table;
use serde::{Deserialize, Serialize};

use super::fits::Event;
use super::play::{Sum, listed, play};
use super::weather::{Weather, item_atom, quick, seeds};
use super::{CALLS, TABLES, THREADS};
use crate::support::on_threads;
use crate::support::server::Server;
use crate::workers;

/// What the workers of one run share: where they write what they do, and the seeds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    log: std::path::PathBuf,
    first: u64,
    histories: u64,
    process: usize,
}

/// A line of the log. Lines are appended whole, and each is written before what it announces
/// begins, or after what it reports has ended: their order in the file is an order of time for
/// both processes.
#[derive(Serialize, Deserialize)]
struct Line {
    seed: u64,
    thread: usize,
    event: Event,
}

/// A worker process: plays the part of its four threads in every history.
pub(crate) fn work(table: &str, endpoint: &str, task: &Task) {
    let builder = Table::builder(table).endpoint_url(endpoint).region("local");
    let table = quick(builder.credentials("local", "local", None::<String>)).open().unwrap();
    let log = Mutex::new(OpenOptions::new().append(true).open(&task.log).unwrap());
    for seed in task.first..task.first + task.histories {
        meet(&table, seed, task.process);
        on_threads(THREADS, |number| {
            let thread = task.process * THREADS + number;
            let record = |event| {
                let mut line = serde_json::to_vec(&Line { seed, thread, event }).unwrap();
                line.push(b'\n');
                log.lock().unwrap().write_all(&line).unwrap();
            };
            play(seed, thread, |dice| item_atom(&table, &seed.to_string(), dice), record);
        });
    }
}

/// Waits until the other process has come as far.
fn meet(table: &Table, seed: u64, process: usize) {
    let place = |process: usize| ("ready", seed, process);
    while table.put_item(place(process), true).is_err() {}
    let deadline = Instant::now() + Duration::from_secs(30);
    while !matches!(table.find_item::<bool>(place(1 - process)), Ok(Some(true))) {
        assert!(Instant::now() < deadline, "the other process does not come");
    }
}

pub(super) fn of_two_processes() {
    const COUNT: u64 = 25;
    let begun = Instant::now();
    let weather = Arc::new(Weather::default());
    let server = {
        let weather = weather.clone();
        Server::new(move |seen| weather.fault(seen))
    };
    server.table(quick);
    // A seed with faults in one request of ten.
    let first = seeds(COUNT)[0];
    weather.begin(first / 6 * 6 + 1);
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("events.jsonl");
    File::create(&log).unwrap();
    let start = |process| {
        let task = Task { log: log.clone(), first, histories: COUNT, process };
        workers::start_history(&server.url(), "faulty", &task)
    };
    let children: Vec<_> = (0..TABLES).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success(), "seeds {first} to {}", first + COUNT - 1);
    }
    let (sum, mixed) = (Sum::default(), AtomicUsize::new(0));
    for (seed, events) in read(&log) {
        assert_eq!(events.len(), 2 * TABLES * THREADS * CALLS, "of seed {seed}");
        assert!(sum.check(&events), "not linearizable: seed {seed}\n{}", listed(&events));
        let changes = events.windows(2).filter(|two| two[0].0 / THREADS != two[1].0 / THREADS);
        mixed.fetch_add(changes.count(), Ordering::Relaxed);
    }
    println!(
        "{COUNT} histories of two processes are linearizable: {sum:?}, {mixed:?} changes from one \
         process to the other, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    // Else they ran one after the other.
    assert!(mixed.load(Ordering::Relaxed) as u64 > 4 * COUNT, "{mixed:?}");
}

fn read(log: &Path) -> BTreeMap<u64, Vec<(usize, Event)>> {
    let mut histories: BTreeMap<_, Vec<_>> = Default::default();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let Line { seed, thread, event } = serde_json::from_str(line).unwrap();
        histories.entry(seed).or_default().push((thread, event));
    }
    histories
}
