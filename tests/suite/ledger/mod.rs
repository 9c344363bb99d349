//! A log in which every swap leaves a token of its own, and the check of what became of each.
//!
//! The values stay small: each key holds the newest sixteen tokens of its log, how many there were
//! in all, a hash chained over all of them, and sums over them. Every acknowledged swap reports the
//! value that it left; out of these reports and what the keys hold in the end, [`Check`] puts the
//! whole log together again and holds it, token by token, against what the writers were told. Where
//! more writers in a row were told nothing certain than a value shows, the sums on both sides tell
//! which of them are in the log.
//!
//! - acknowledged: exactly once, where the swap's own result said;
//! - failed cleanly: never;
//! - indeterminate, or under way when its process was killed: at most once.

mod check;
mod gaps;
mod log;
pub(crate) mod tests;
mod verdict;

use std::io::Write as _;
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Error, ItemAtom, Receipt, SwapOptions, Table};
use serde::{Deserialize, Serialize};

pub(crate) use self::check::Check;
use self::log::key_of;
pub(crate) use self::log::{Log, create, ends, key};
pub(crate) use self::verdict::Verdict;
use crate::support::on_threads;
use crate::support::seed::mix;

/// What one swap was told; a line of a worker's output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Done {
        key: String,
        log: Log,
        cost: Cost,
    },
    Failed {
        token: u64,
        kind: String,
    },
    Unknown {
        key: String,
        token: u64,
        write: String,
        reason: String,
        outcome: String,
    },
    /// Something that must never be seen.
    Wrong(String),
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cost {
    conflicts: u32,
    shared: u32,
    recovered: bool,
    micros: u64,
}

/// What a writer is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Tells its tokens from those of other writers.
    pub(crate) writer: u16,
    pub(crate) threads: u8,
    /// On each thread.
    pub(crate) swaps: u32,
    pub(crate) keys: usize,
    pub(crate) manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// As programs do, with the defaults.
    Plain,
    /// With a deadline of a few milliseconds, which passes at any moment.
    Impatient,
    /// With a pause after each swap, so that others have their turn.
    Gentle,
    /// Wrongly: reads, and then overwrites.
    Careless,
}

fn token(writer: u16, thread: u8, n: u32) -> u64 {
    u64::from(writer) << 40 | u64::from(thread) << 32 | u64::from(n)
}

/// Does a task and tells `report` of each swap.
pub(crate) fn work(table: &Table, task: Task, report: impl Fn(&Report) + Sync) {
    work_while(table, task, || true, report);
}

/// As `work`, as long as `go_on` says so.
pub(crate) fn work_while(
    table: &Table,
    task: Task,
    go_on: impl Fn() -> bool + Sync,
    report: impl Fn(&Report) + Sync,
) {
    let keys: Vec<_> = (0..task.keys).map(|n| (key(n), table.atom::<Log>(key(n)))).collect();
    on_threads(task.threads.into(), |thread| {
        for n in (0..task.swaps).take_while(|_| go_on()) {
            let token = token(task.writer, thread as u8, n);
            let (key, atom) = &keys[key_of(token, keys.len())];
            report(&one(table, key, atom, token, task.manner));
            if task.manner == Manner::Gentle {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
}

fn one(table: &Table, key: &str, atom: &ItemAtom<Log>, token: u64, manner: Manner) -> Report {
    let started = Instant::now();
    let atom = match manner {
        Manner::Impatient => {
            let timeout = Duration::from_millis(5 + mix(!token) % 120);
            &atom.clone().with_options(SwapOptions::new().timeout(timeout))
        }
        _ => atom,
    };
    let mut wrong = None;
    let swapped = match manner {
        Manner::Careless => overwrite(atom, token).map(|log| (log, Cost::default())),
        _ => atom
            .swap_with_receipt(|log| {
                let log = log.unwrap_or_default();
                if !log.is_whole() {
                    wrong = Some(format!("{key} was torn: {log:?}"));
                }
                log.with(token)
            })
            .map(|(log, receipt)| (log, Cost::of(&receipt, started.elapsed()))),
    };
    if let Some(wrong) = wrong {
        return Report::Wrong(wrong);
    }
    match swapped {
        Ok((log, cost)) => Report::Done { key: key.to_owned(), log, cost },
        Err(Error::Indeterminate { write_id, reason, .. }) => {
            let outcome = match table.outcome(&write_id) {
                Ok(outcome) => format!("{outcome:?}"),
                Err(error) => kind(&error).to_owned(),
            };
            let (key, write) = (key.to_owned(), write_id.to_string());
            Report::Unknown { key, token, write, reason, outcome }
        }
        Err(error @ (Error::Decode { .. } | Error::Aborted { .. })) => {
            Report::Wrong(format!("{key}: {error}"))
        }
        Err(error) => Report::Failed { token, kind: kind(&error).to_owned() },
    }
}

/// What a program without swaps would do.
fn overwrite(atom: &ItemAtom<Log>, token: u64) -> faraday_atom::Result<Log> {
    let log = atom.get()?.unwrap_or_default().with(token);
    atom.reset(log.clone())?;
    Ok(log)
}

impl Cost {
    fn of(receipt: &Receipt, took: Duration) -> Self {
        Self {
            conflicts: receipt.conflicts,
            shared: receipt.shared,
            recovered: receipt.recovered,
            micros: took.as_micros() as u64,
        }
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Contention { .. } => "Contention",
        Error::Timeout { .. } => "Timeout",
        Error::Throttled { .. } => "Throttled",
        Error::Transport { .. } => "Transport",
        Error::Service { .. } => "Service",
        _ => "another error",
    }
}

/// One line of a worker's output: written at once, so that a killed worker leaves no mixed ones.
pub(crate) fn print(report: &Report) {
    let line = serde_json::to_string(report).unwrap() + "\n";
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
