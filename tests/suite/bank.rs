//! Bank transfers of two processes of eight threads through a network and a server at their worst:
//! the total is the same at every snapshot and at the end, and every transfer is accounted for.
//!
//! Each account keeps the tokens of the transfers that it took part in, so that none can be lost,
//! doubled, or carried out by half, without being seen. Half of the requests come to the server
//! without their token, as if it had forgotten it: then only the items tell what became of a reply
//! that was lost.
//!
//! `FARADAY_TEST_TRANSFERS` says how many; `FARADAY_TEST_SEED` brings the faults of an earlier run
//! back, as far as the order in which requests arrive is the same.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faraday_atom::{Error, Outcome, Table, Transaction, WriteId};
use serde::{Deserialize, Serialize};

use crate::support::seed::{draw, seed};
use crate::support::server::{Backend, Fault, Seen, Server, THROTTLED, UNAVAILABLE};
use crate::support::{EVERYWHERE, Ground, Kind, StoreTest, on_threads};
use crate::workers;

pub(crate) const TESTS: &[StoreTest] =
    &[StoreTest { name: "bank::no_transfer_is_lost_or_doubled", on: EVERYWHERE, run: bank }];

const ACCOUNTS: u64 = 50;
const BALANCE: i64 = 100;
const PROCESSES: u64 = 2;
const THREADS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    balance: i64,
    /// Of all transfers that it took part in.
    tokens: Vec<u64>,
}

/// What one process is to do.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Task {
    first_token: u64,
    transfers: u64,
    seed: u64,
}

/// What became of one transfer.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    token: u64,
    from: u64,
    to: u64,
    end: End,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum End {
    Done,
    /// Not enough in the account.
    Aborted,
    Failed(String),
    Indeterminate(String, String),
}

fn transfer(tx: &mut Transaction<'_>, report: &Report, amount: i64) -> anyhow::Result<()> {
    let Report { token, from, to, .. } = *report;
    let mut read = |key| Ok::<_, Error>(tx.get::<Account>(key)?.unwrap_or_default());
    let (mut payer, mut payee) = (read(from)?, read(to)?);
    anyhow::ensure!(payer.balance >= amount, "not enough");
    payer.balance -= amount;
    payee.balance += amount;
    payer.tokens.push(token);
    payee.tokens.push(token);
    tx.set(from, payer)?;
    Ok(tx.set(to, payee)?)
}

/// A worker process: its transfers, and a line for each.
pub(crate) fn work(table: &Table, task: Task) {
    on_threads(THREADS, |thread| {
        let mine = (0..task.transfers).filter(|n| *n % THREADS as u64 == thread as u64);
        for token in mine.map(|n| task.first_token + n) {
            let bits = draw(task.seed, token);
            let from = bits % ACCOUNTS;
            let to = (from + 1 + (bits >> 8) % (ACCOUNTS - 1)) % ACCOUNTS;
            let amount = 1 + ((bits >> 16) % 30) as i64;
            let mut report = Report { token, from, to, end: End::Done };
            report.end = match table.transact(|tx| transfer(tx, &report, amount)) {
                Ok(()) => End::Done,
                Err(Error::Aborted { .. }) => End::Aborted,
                Err(Error::Indeterminate { write_id, reason, .. }) => {
                    End::Indeterminate(write_id.to_string(), reason)
                }
                Err(error) => End::Failed(error.to_string()),
            };
            println!("{}", serde_json::to_string(&report).unwrap());
        }
    });
}

/// What goes wrong with a request, in thousandths.
fn fault(seed: u64, number: u64) -> (&'static str, Fault) {
    let bits = draw(seed, number);
    let time = Duration::from_micros(500 + (bits >> 32) % 4500);
    match bits % 1000 {
        0..25 => ("reply lost, connection closed", Fault::LoseReply),
        25..50 => ("reply lost, connection reset", Fault::ResetReply),
        50..60 => ("request lost", Fault::LoseRequest),
        60..65 => ("connection closed, carried out later", Fault::Straggle(time)),
        65..75 => ("503, not carried out", UNAVAILABLE),
        75..90 => ("throttled", THROTTLED),
        90..100 => ("answered late", Fault::Late(time)),
        _ => ("none", Fault::None),
    }
}

fn everything(table: &Table) -> faraday_atom::Result<Vec<Account>> {
    table.transact(|tx| {
        let read = |key: u64| Ok(tx.get::<Account>(key)?.unwrap_or_default());
        (0..ACCOUNTS).map(read).collect::<anyhow::Result<Vec<_>>>()
    })
}

/// The total, and each transfer in both of its accounts or in none. How many there were.
fn check(accounts: &[Account]) -> BTreeMap<u64, Vec<u64>> {
    let total: i64 = accounts.iter().map(|account| account.balance).sum();
    assert_eq!(total, BALANCE * ACCOUNTS as i64, "money was made or lost");
    let mut parts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (n, account) in accounts.iter().enumerate() {
        for token in &account.tokens {
            parts.entry(*token).or_default().push(n as u64);
        }
    }
    for (token, parts) in &parts {
        assert_eq!(parts.len(), 2, "transfer {token} was carried out by half, or doubled");
    }
    parts
}

/// The processes, which end with the test.
struct Workers(Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            // Gone already, when all went well.
            let _gone = worker.kill();
            let _gone = worker.wait();
        }
    }
}

fn bank(ground: &Ground) {
    let seed = seed();
    let fewer = if ground.kind == Kind::Memory { 400 } else { 2000 };
    let transfers = match std::env::var("FARADAY_TEST_TRANSFERS") {
        Ok(text) => text.parse().expect("FARADAY_TEST_TRANSFERS is a number"),
        Err(_) => fewer,
    };
    let backend = match ground.kind {
        Kind::Live => Backend::upstream(&ground.address()),
        Kind::File => Backend::Engine(dynoxide::Database::new(&ground.address()).unwrap()),
        Kind::Memory => Backend::Engine(dynoxide::Database::memory().unwrap()),
    };
    let name = format!("bank-{}", std::process::id());
    let straight = Server::start(backend.clone(), Duration::from_secs(60), |_| Fault::None);
    let table = straight.builder(&name).open().unwrap();
    table.ensure().unwrap();
    for key in 0..ACCOUNTS {
        table.put_item(key, Account { balance: BALANCE, tokens: Vec::new() }).unwrap();
    }

    let made: Arc<Mutex<BTreeMap<&str, usize>>> = Arc::default();
    let counts = made.clone();
    let hook = move |seen: &Seen<'_>| {
        let (name, fault) = fault(seed, seen.number as u64);
        *counts.lock().unwrap().entry(name).or_default() += 1;
        fault
    };
    let server = Server::start(backend, Duration::from_millis(50), hook);
    server.forget_tokens(2);
    let started = Instant::now();
    let workers: Vec<_> = (0..PROCESSES)
        .map(|n| {
            let each = transfers / PROCESSES;
            let task = Task { first_token: n * each, transfers: each, seed };
            workers::start_bank(&server.url(), &name, &task)
        })
        .collect();
    let mut workers = Workers(workers);
    let outputs: Vec<_> = workers
        .0
        .iter_mut()
        .map(|worker| {
            let mut output = worker.stdout.take().unwrap();
            std::thread::spawn(move || {
                let mut text = String::new();
                output.read_to_string(&mut text).unwrap();
                text
            })
        })
        .collect();
    // Through the same faults, and around them.
    let troubled = server.builder(&name).open().unwrap();
    let (mut snapshots, mut last) = (0, 0);
    while outputs.iter().any(|output| !output.is_finished()) {
        for reader in [&troubled, &table, &table] {
            let seen = check(&everything(reader).unwrap()).len();
            assert!(seen >= last, "time goes on");
            (snapshots, last) = (snapshots + 1, seen);
        }
    }
    let took = started.elapsed();
    assert!(workers.0.iter_mut().all(|worker| worker.wait().unwrap().success()), "seed {seed}");
    // What is carried out late is in place now.
    std::thread::sleep(Duration::from_millis(100));

    let parts = check(&everything(&table).unwrap());
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reports = 0;
    for output in outputs {
        for line in output.join().unwrap().lines() {
            let report: Report = serde_json::from_str(line).unwrap();
            reports += 1;
            let in_place = parts.get(&report.token);
            let (end, right) = match &report.end {
                End::Done => ("done", in_place.is_some()),
                End::Aborted => ("aborted", in_place.is_none()),
                End::Failed(error) => {
                    println!("{error}");
                    ("failed", in_place.is_none())
                }
                End::Indeterminate(write, reason) => {
                    println!("indeterminate: {reason}");
                    let outcome = table.outcome(&write.parse::<WriteId>().unwrap()).unwrap();
                    let agrees = match outcome {
                        Outcome::Applied => in_place.is_some(),
                        Outcome::NotApplied => in_place.is_none(),
                        _ => true,
                    };
                    ("indeterminate", agrees)
                }
            };
            assert!(right, "{report:?}, and {in_place:?} (seed {seed})");
            if let Some(accounts) = in_place {
                let mut expected = [report.from, report.to];
                expected.sort_unstable();
                assert_eq!(accounts[..], expected, "{report:?}");
            }
            *ends.entry(end).or_default() += 1;
        }
    }
    println!(
        "{:?}: {transfers} transfers in {took:.1?}, {} requests, {snapshots} snapshots, {ends:?}, \
         FARADAY_TEST_SEED={seed}",
        ground.kind,
        server.requests(),
    );
    let made = made.lock().unwrap();
    made.iter().for_each(|(name, count)| println!("  requests with fault {name}: {count}"));
    assert_eq!(reports, transfers, "reports (seed {seed})");
    assert!(made["reply lost, connection closed"] > 0 && made["throttled"] > 0);
    assert!(snapshots > 0, "no snapshot was taken meanwhile");
    let of = |end| ends.get(end).copied().unwrap_or(0);
    assert_eq!(of("failed"), 0, "with 30 s each, all should have been done (seed {seed})");
    assert!(of("indeterminate") <= 2, "seed {seed}");
    table.drop_table().unwrap();
}
