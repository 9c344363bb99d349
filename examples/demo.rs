//! The main job, start to finish, on the embedded engine: `make demo`.
//!
//! Makes a table in a file, raises a counter from 8 threads and from 4 processes, changes a struct
//! and a map, and shows what lies in the table and what each step cost. Fails loudly when a total
//! is wrong. Run it twice: it goes on from what the first run left.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use faraday_atom::{Atom, Table};
use serde::{Deserialize, Serialize};

const THREADS: u64 = 8;
const PROCESSES: u64 = 4;
const TIMES: u64 = 100;

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Job {
    state: String,
    runs: u32,
    minutes: f64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "atoms.db".to_owned());
    let table = Table::builder("demo").embedded(&file).open()?;
    if arguments.next().as_deref() == Some("worker") {
        return raise(&table);
    }

    println!("A table in the file {file}");
    step(&table, "ensure the table", || Ok(table.ensure()?))?;

    let counter = table.atom::<u64>("counter");
    let start = counter.get()?.unwrap_or(0);
    println!("\nA counter that stands at {start}");
    step(&table, &format!("{THREADS} threads raise it {TIMES} times each"), || {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| raise(&table))).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(_) => anyhow::bail!("a thread panicked"),
            })
        })
    })?;
    expect(counter.get()?, start + THREADS * TIMES)?;

    step(&table, &format!("{PROCESSES} processes raise it {TIMES} times each"), || {
        let program = std::env::current_exe()?;
        let start = || Command::new(&program).args([&file, "worker"]).spawn();
        let workers = (0..PROCESSES).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
        for mut worker in workers {
            ensure!(worker.wait()?.success(), "a worker process failed");
        }
        Ok(())
    })?;
    expect(counter.get()?, start + (THREADS + PROCESSES) * TIMES)?;

    println!("\nA struct under the key (\"job\", 7): each field is an attribute of its own");
    let job = table.atom::<Job>(("job", 7));
    let runs = job.get()?.unwrap_or_default().runs;
    step(&table, "run the job once more", || {
        job.swap(|job| {
            let job = job.unwrap_or_default();
            Job { state: "done".into(), runs: job.runs + 1, minutes: job.minutes + 1.5 }
        })?;
        Ok(())
    })?;
    expect(job.get()?.map(|job| u64::from(job.runs)), u64::from(runs) + 1)?;
    show(&table, ("job", 7))?;

    println!("\nA map from words to counts");
    let words = table.atom::<BTreeMap<String, u32>>("words");
    let before: u32 = words.get()?.unwrap_or_default().values().sum();
    step(&table, "count some words", || {
        for word in "the quick brown fox jumps over the lazy dog".split(' ') {
            words.swap(|words| {
                let mut words = words.unwrap_or_default();
                *words.entry(word.to_owned()).or_default() += 1;
                words
            })?;
        }
        Ok(())
    })?;
    let after: u32 = words.get()?.unwrap_or_default().values().sum();
    expect(Some(u64::from(after)), u64::from(before) + 9)?;
    show(&table, "words")?;

    println!("\nThe counter as stored");
    show(&table, "counter")?;
    println!("\nAll totals are right. Run it again: it goes on from here.");
    Ok(())
}

/// What each thread and each worker process does.
fn raise(table: &Table) -> anyhow::Result<()> {
    let counter = table.atom::<u64>("counter");
    for _ in 0..TIMES {
        counter.swap(|n| n.unwrap_or(0) + 1)?;
    }
    Ok(())
}

/// Does one step and says what it cost.
fn step(
    table: &Table,
    what: &str,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (requests, started) = (table.requests(), Instant::now());
    work().with_context(|| what.to_owned())?;
    let requests = table.requests() - requests;
    let millis = started.elapsed().as_secs_f64() * 1e3;
    println!("  {what}: {requests} requests by this process, {millis:.1} ms");
    Ok(())
}

fn expect(found: Option<u64>, expected: u64) -> anyhow::Result<()> {
    ensure!(found == Some(expected), "WRONG TOTAL: {found:?} where {expected} is right");
    println!("  and now it is {expected}, as it should be");
    Ok(())
}

fn show(table: &Table, key: impl Serialize) -> anyhow::Result<()> {
    let item = table.stored_item(key)?.context("the item is missing")?;
    println!("  {}", item.replace('\n', "\n  "));
    Ok(())
}
