//! A log in which every swap leaves a token of its own, and the check of what became of each.
//!
//! The values stay small: each key holds the newest sixteen tokens of its log, how many there were
//! in all, and a hash chained over all of them. Every acknowledged swap reports the value that it
//! left; out of these reports and what the keys hold in the end, [`Check`] puts the whole log
//! together again and holds it, token by token, against what the writers were told:
//!
//! - acknowledged: exactly once, where the swap's own result said;
//! - failed cleanly: never;
//! - indeterminate, or under way when its process was killed: at most once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Error, ItemAtom, Receipt, SwapOptions, Table};
use serde::{Deserialize, Serialize};

use crate::support::on_threads;
use crate::support::seed::mix;

/// The value under each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// How many tokens there were in all.
    count: u64,
    /// The hash over all of them.
    chain: u64,
    /// The hash over those that are not in `tail` any more.
    root: u64,
    /// The newest ones, oldest first.
    tail: Vec<u64>,
}

const TAIL: usize = 16;

/// The hash over a log and one token more.
fn link(chain: u64, token: u64) -> u64 {
    mix(chain.rotate_left(1) ^ mix(token))
}

impl Log {
    pub(crate) fn with(mut self, token: u64) -> Self {
        self.count += 1;
        self.chain = link(self.chain, token);
        self.tail.push(token);
        if self.tail.len() > TAIL {
            self.root = link(self.root, self.tail.remove(0));
        }
        self
    }

    /// Whether its parts belong together, as they do unless the item is torn.
    pub(crate) fn is_whole(&self) -> bool {
        let held = usize::try_from(self.count).unwrap_or(usize::MAX).min(TAIL);
        self.tail.len() == held
            && self.tail.iter().fold(self.root, |chain, token| link(chain, *token)) == self.chain
    }

    /// The tokens it shows, with their positions; the first position is 1.
    fn places(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.count + 1 - self.tail.len() as u64;
        (first..).zip(self.tail.iter().copied())
    }
}

pub(crate) fn key(n: usize) -> String {
    format!("ledger-{n}")
}

/// Makes the keys, so that no write has to be built on nothing.
pub(crate) fn create(table: &Table, keys: usize) {
    (0..keys).for_each(|n| table.put_item(key(n), Log::default()).unwrap());
}

/// What the keys hold.
pub(crate) fn ends(table: &Table, keys: usize) -> Vec<(String, Log)> {
    (0..keys).map(|n| (key(n), table.find_item(key(n)).unwrap().unwrap())).collect()
}

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
    /// Every other one with a deadline of a few milliseconds, which passes at any moment.
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
            let (key, atom) = &keys[mix(token) as usize % keys.len()];
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
        // Every other one is patient: what a value shows of the log must overlap with what the
        // next acknowledged one shows, on a machine as busy as it may be.
        Manner::Impatient if token % 2 == 1 => {
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
            Report::Unknown { token, write: write_id.to_string(), reason, outcome }
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

/// Takes in reports, and judges.
#[derive(Default)]
pub(crate) struct Check {
    /// What stands where in the log of each key, as far as anybody saw it.
    places: HashMap<String, BTreeMap<u64, u64>>,
    /// The hashes that were reported, by key and position.
    chains: Vec<(String, u64, u64)>,
    /// What each token's writer was told.
    told: HashMap<u64, Told>,
    wrong: Vec<String>,
    reasons: BTreeMap<String, usize>,
    costs: Vec<Cost>,
    killed: usize,
}

enum Told {
    Done {
        key: String,
        position: u64,
    },
    Failed(String),
    Unknown {
        write: String,
        outcome: String,
    },
    /// Nothing, for its process was killed.
    Killed,
}

impl Check {
    pub(crate) fn take(&mut self, report: Report) {
        let (token, told) = match report {
            Report::Wrong(text) => return self.wrong.push(text),
            Report::Failed { token, kind } => (token, Told::Failed(kind)),
            Report::Unknown { token, write, reason, outcome } => {
                // Which server it was, and how long it took, is not of interest.
                let reason = reason.split([':', '(']).next().unwrap_or_default().to_owned();
                *self.reasons.entry(reason).or_default() += 1;
                (token, Told::Unknown { write, outcome })
            }
            Report::Done { key, log, cost } => {
                self.see(&key, &log);
                self.costs.push(cost);
                let Some(token) = log.tail.last() else {
                    return self.wrong.push(format!("{key}: an empty log was acknowledged"));
                };
                (*token, Told::Done { key, position: log.count })
            }
        };
        if self.told.insert(token, told).is_some() {
            self.wrong.push(format!("token {token:x} was reported twice"));
        }
    }

    /// A writer was killed: of each thread, the swap after the last one it reported was under way.
    pub(crate) fn killed(&mut self, task: Task) {
        self.killed += 1;
        for thread in 0..task.threads {
            let under_way = (0..task.swaps)
                .map(|n| token(task.writer, thread, n))
                .find(|token| !self.told.contains_key(token));
            self.told.extend(under_way.map(|token| (token, Told::Killed)));
        }
    }

    fn see(&mut self, key: &str, log: &Log) {
        if !log.is_whole() {
            self.wrong.push(format!("{key} was torn: {log:?}"));
        }
        self.chains.push((key.to_owned(), log.count, log.chain));
        let places = self.places.entry(key.to_owned()).or_default();
        for (position, token) in log.places() {
            let other = *places.entry(position).or_insert(token);
            if other != token {
                let text = format!(
                    "{key}: {token:x} and {other:x} both stand at {position}: a write was lost"
                );
                self.wrong.push(text);
            }
        }
    }

    /// The verdict, when the keys hold this in the end.
    pub(crate) fn finish(mut self, ends: &[(String, Log)]) -> Verdict {
        for (key, end) in ends {
            self.see(key, end);
        }
        let mut wrong = std::mem::take(&mut self.wrong);
        let mut applied: HashMap<u64, u32> = HashMap::new();
        let mut hashes: HashMap<&str, Vec<u64>> = HashMap::new();
        for (key, end) in ends {
            let places = &self.places[key];
            if let Some((position, token)) = places.range(end.count + 1..).next() {
                wrong.push(format!("{key}: {token:x} at {position} was lost, and all after it"));
            }
            let mut all = vec![0];
            for position in 1..=end.count {
                let Some(token) = places.get(&position) else {
                    wrong.push(format!("{key}: nobody knows what stands at {position}"));
                    break;
                };
                *applied.entry(*token).or_default() += 1;
                all.push(link(all[all.len() - 1], *token));
            }
            hashes.insert(key, all);
        }
        for (key, position, chain) in &self.chains {
            let hash = hashes.get(key.as_str()).and_then(|all| all.get(*position as usize));
            if hash != Some(chain) {
                wrong.push(format!("{key}: the chain is broken at {position}"));
            }
        }
        for (token, times) in &applied {
            if *times > 1 {
                wrong.push(format!("{token:x} was applied {times} times"));
            }
            match self.told.get(token) {
                None => wrong.push(format!("{token:x} was applied, and nobody swapped it")),
                Some(Told::Failed(kind)) => {
                    wrong.push(format!("{token:x} ended in {kind}, and was applied"));
                }
                Some(Told::Unknown { write, outcome }) if outcome == "NotApplied" => {
                    wrong.push(format!("{token:x} of {write}: {outcome}, and it was applied"));
                }
                Some(_) => {}
            }
        }
        let mut verdict = Verdict { killed: self.killed, ..Verdict::default() };
        for (token, told) in &self.told {
            match told {
                Told::Done { key, position } => {
                    verdict.done += 1;
                    // Elsewhere it would have been said above.
                    if self.places[key].get(position) != Some(token) {
                        wrong.push(format!("{key}: {token:x} is not at {position}: lost"));
                    }
                }
                Told::Failed(kind) => *verdict.failed.entry(kind.clone()).or_default() += 1,
                Told::Unknown { write, outcome } => {
                    let there = applied.contains_key(token);
                    if outcome == "Applied" && !there {
                        wrong.push(format!("{token:x} of {write}: {outcome}, and it is not there"));
                    }
                    let there = if there { "applied" } else { "not applied" };
                    *verdict.unknown.entry((outcome.clone(), there)).or_default() += 1;
                }
                Told::Killed => {
                    verdict.under_way += 1;
                    verdict.under_way_applied += usize::from(applied.contains_key(token));
                }
            }
        }
        (verdict.costs, verdict.reasons) = (self.costs, self.reasons);
        verdict.wrong = wrong;
        verdict
    }
}

/// What became of all the swaps.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Everything that must not be. Empty when all is well.
    pub(crate) wrong: Vec<String>,
    pub(crate) done: usize,
    pub(crate) failed: BTreeMap<String, usize>,
    /// By what [`Table::outcome`] said, and whether it is there.
    pub(crate) unknown: BTreeMap<(String, &'static str), usize>,
    reasons: BTreeMap<String, usize>,
    pub(crate) under_way: usize,
    under_way_applied: usize,
    killed: usize,
    costs: Vec<Cost>,
}

impl Verdict {
    pub(crate) fn indeterminate(&self) -> usize {
        self.unknown.values().sum()
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed.values().sum()
    }

    /// Panics unless every token is where its writer was told.
    pub(crate) fn assert_sound(&self) {
        let first: Vec<_> = self.wrong.iter().take(20).collect();
        assert!(first.is_empty(), "{} things wrong, such as {first:#?}", self.wrong.len());
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let swaps = self.done + self.failed() + self.indeterminate();
        #[allow(clippy::cast_precision_loss)]
        let share = 100.0 * self.indeterminate() as f64 / swaps.max(1) as f64;
        writeln!(
            f,
            "  {swaps} swaps ended: {} acknowledged, {} wrong",
            self.done,
            self.wrong.len()
        )?;
        writeln!(f, "  indeterminate: {} ({share:.4} %)", self.indeterminate())?;
        for ((outcome, there), count) in &self.unknown {
            writeln!(f, "    asked later: {outcome}; in the log: {there}: {count}")?;
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "    {reason}: {count}")?;
        }
        for (kind, count) in &self.failed {
            writeln!(f, "  failed cleanly, {kind}: {count}")?;
        }
        if self.killed > 0 {
            let (ways, there) = (self.under_way, self.under_way_applied);
            writeln!(
                f,
                "  {} processes killed, {ways} swaps under way, {there} of them applied",
                self.killed
            )?;
        }
        let sum =
            |of: fn(&Cost) -> u32| self.costs.iter().map(|cost| u64::from(of(cost))).sum::<u64>();
        let recovered = self.costs.iter().filter(|cost| cost.recovered).count();
        let shared = sum(|cost| cost.shared) / self.costs.len().max(1) as u64;
        writeln!(
            f,
            "  {recovered} recovered after a lost reply, {} conflicts met, about {shared} swaps a write",
            sum(|cost| cost.conflicts),
        )?;
        let mut micros: Vec<u64> = self.costs.iter().map(|cost| cost.micros).collect();
        micros.sort_unstable();
        let at = |part: usize| {
            micros.get((micros.len() * part / 1000).min(micros.len().saturating_sub(1)))
        };
        let ms = |micros: Option<&u64>| micros.map_or(0, |micros| micros / 1000);
        write!(
            f,
            "  a swap took {} ms in the middle, {} ms at 99 %, {} ms at most",
            ms(at(500)),
            ms(at(990)),
            ms(micros.last()),
        )
    }
}

pub(crate) mod tests {
    //! The check sees what it is there for.

    use super::*;
    use crate::support::PlainTest;

    pub(crate) const TESTS: &[PlainTest] = &[
        PlainTest { name: "ledger::a_sound_history_passes", run: sound },
        PlainTest { name: "ledger::every_wrong_is_seen", run: wrongs },
    ];

    fn done(log: &Log) -> Report {
        Report::Done { key: key(0), log: log.clone(), cost: Cost::default() }
    }

    fn failed(token: u64) -> Report {
        Report::Failed { token, kind: "Timeout".into() }
    }

    fn unknown(token: u64, outcome: &str) -> Report {
        Report::Unknown { token, write: "w".into(), reason: String::new(), outcome: outcome.into() }
    }

    /// A log of the tokens 1 to n.
    fn upto(n: u64) -> Log {
        (1..=n).fold(Log::default(), Log::with)
    }

    fn check(reports: impl IntoIterator<Item = Report>, end: Log) -> Verdict {
        let mut check = Check::default();
        reports.into_iter().for_each(|report| check.take(report));
        check.finish(&[(key(0), end)])
    }

    fn sound() {
        let verdict = check((1..=100).map(|n| done(&upto(n))), upto(100));
        verdict.assert_sound();
        assert_eq!((verdict.done, verdict.failed()), (100, 0));
        // Sixteen in a row of which nobody was told, seen in the report after them.
        let reports = (1..=5).map(|n| done(&upto(n))).chain([done(&upto(21)), failed(300)]);
        let reports = reports.chain((6..=20).map(|n| unknown(n, "Unknown")));
        let verdict = check(reports.chain([unknown(99, "NotApplied")]), upto(21));
        verdict.assert_sound();
        assert_eq!(verdict.indeterminate(), 16);
        // Under way when their process was killed: applied, and not.
        let mut killed = Check::default();
        let task = Task { writer: 0, threads: 2, swaps: 10, keys: 1, manner: Manner::Plain };
        let other = token(0, 1, 0);
        let log = Log::default().with(0);
        killed.take(done(&log));
        killed.killed(task);
        let verdict = killed.finish(&[(key(0), log.clone().with(other))]);
        verdict.assert_sound();
        assert_eq!((verdict.under_way, verdict.under_way_applied), (2, 1));
    }

    fn wrongs() {
        let two = || upto(2);
        let cases: Vec<(&str, Vec<Report>, Log)> = vec![
            ("lost", vec![done(&upto(1)), done(&two()), done(&upto(3))], two()),
            ("a write was lost", vec![done(&upto(1)), done(&upto(0).with(2))], upto(1)),
            ("applied 2 times", vec![done(&upto(1)), done(&two())], two().with(1)),
            ("ended in Timeout, and was applied", vec![done(&upto(1)), failed(2)], two()),
            ("and nobody swapped it", vec![done(&upto(1))], two()),
            (
                "NotApplied, and it was applied",
                vec![done(&upto(1)), unknown(2, "NotApplied")],
                two(),
            ),
            ("Applied, and it is not there", vec![done(&upto(1)), unknown(2, "Applied")], upto(1)),
            ("nobody knows what stands at 1", vec![], upto(20)),
            ("was torn", vec![done(&upto(1))], Log { chain: 7, ..upto(1) }),
            ("was torn", vec![done(&upto(1))], Log { count: 3, ..upto(1) }),
            (
                "the chain is broken",
                vec![done(&Log { root: 7, chain: link(7, 1), ..upto(1) })],
                upto(1),
            ),
            ("reported twice", vec![done(&upto(1)), failed(1)], upto(1)),
            ("it was me", vec![done(&upto(1)), Report::Wrong("it was me".into())], upto(1)),
        ];
        for (expected, reports, end) in cases {
            let verdict = check(reports, end);
            let wrong = &verdict.wrong;
            assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {wrong:?}");
        }
    }
}
