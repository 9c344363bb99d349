//! The competitors, and the processes in which they run.
//!
//! Every process is this program, started again with a task in its environment (the official
//! SDK's is a program of its own that understands the same task). It says `ready`, waits for a
//! line, swaps from all its threads until the time is up, and prints for each thread when each
//! swap was done and how long it took.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use faraday_atom::{Atom, ItemAtom};

use super::bare::{Bare, n, s};
use super::{Far, open};

const TASK: &str = "FARADAY_BENCH_TASK";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    /// This crate, with its defaults.
    Ours,
    /// The Clojure library's: consistent read, closure, put on the condition of the version it
    /// read; after a conflict a fixed sleep.
    Clojure { sleep_ms: u64 },
    /// The same with full jitter: 2 ms, doubling, at most 250 ms.
    Jitter,
    /// The same loop with the official SDK, trying again at once.
    Sdk,
}

impl Algorithm {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours => "faraday-atom".to_owned(),
            Self::Clojure { sleep_ms } => format!("Clojure's, sleep {sleep_ms} ms"),
            Self::Jitter => "Clojure's, full jitter".to_owned(),
            Self::Sdk => "official SDK's loop".to_owned(),
        }
    }

    fn code(self) -> String {
        match self {
            Self::Ours => "ours".to_owned(),
            Self::Clojure { sleep_ms } => format!("clojure-{sleep_ms}"),
            Self::Jitter => "jitter".to_owned(),
            Self::Sdk => "sdk".to_owned(),
        }
    }

    pub(crate) fn of_code(code: &str) -> Option<Self> {
        match code {
            "ours" => Some(Self::Ours),
            "jitter" => Some(Self::Jitter),
            "sdk" => Some(Self::Sdk),
            _ => Some(Self::Clojure { sleep_ms: code.strip_prefix("clojure-")?.parse().ok()? }),
        }
    }
}

/// Where `make bench-sdk` leaves the official SDK's program.
pub(crate) fn sdk_program() -> PathBuf {
    super::report::folder().with_file_name("official-sdk").join("release/official-sdk")
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) algorithm: Algorithm,
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    /// How many keys the swaps are spread over, at random.
    pub(crate) keys: usize,
    pub(crate) warm: Duration,
    pub(crate) time: Duration,
}

/// What was seen of a case.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) requests_per_swap: f64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) slowest: Duration,
    /// The swaps of the process that had the fewest, as a part of those that had the most.
    pub(crate) evenness: f64,
}

/// Runs a case and checks that no swap was lost or applied twice.
#[allow(clippy::cast_precision_loss)] // counts
pub(crate) fn run(case: &Case, far: &Far) -> Measured {
    let table = open(&far.url());
    let prefix = format!("{}-{:016x}", case.algorithm.code(), rand::random::<u64>());
    let program = match case.algorithm {
        Algorithm::Sdk => sdk_program(),
        _ => std::env::current_exe().unwrap(),
    };
    let total = case.warm + case.time;
    let task = format!(
        "{}|{}|{prefix}|{}|{}|{}",
        case.algorithm.code(),
        far.url(),
        case.keys,
        case.threads,
        total.as_millis()
    );
    let mut workers: Vec<Worker> =
        (0..case.processes).map(|_| Worker::start(&program, &task)).collect();
    let before = far.requests();
    for worker in &mut workers {
        worker.go();
    }
    let samples: Vec<Vec<(u64, u64)>> = workers.into_iter().map(Worker::samples).collect();
    let requests = far.requests() - before;

    let counted: u64 = (0..case.keys)
        .map(|key| table.find_item::<u64>(format!("{prefix}-{key}")).unwrap().unwrap_or(0))
        .sum();
    let done: usize = samples.iter().map(Vec::len).sum();
    assert_eq!(counted, done as u64, "lost or doubled swaps: {case:?}");

    let window = case.warm.as_micros() as u64..total.as_micros() as u64;
    let measured: Vec<Vec<u64>> = samples
        .iter()
        .map(|process| {
            process.iter().filter(|(at, _)| window.contains(at)).map(|(_, took)| *took).collect()
        })
        .collect();
    let in_window: usize = measured.iter().map(Vec::len).sum();
    let most = measured.iter().map(Vec::len).max().unwrap_or(0);
    let fewest = measured.iter().map(Vec::len).min().unwrap_or(0);
    // Those that began in the window and ended after it count as the slow ones they may be.
    let mut times: Vec<u64> = samples
        .iter()
        .flatten()
        .filter(|(at, took)| *at >= window.start && at.saturating_sub(*took) < window.end)
        .map(|(_, took)| *took)
        .collect();
    times.sort_unstable();
    let part = |part: usize| {
        Duration::from_micros(times.get(times.len() * part / 1000).copied().unwrap_or_default())
    };
    Measured {
        per_second: in_window as f64 / case.time.as_secs_f64(),
        requests_per_swap: requests as f64 / done as f64,
        median: part(500),
        p99: part(990),
        slowest: Duration::from_micros(times.last().copied().unwrap_or_default()),
        evenness: fewest as f64 / most.max(1) as f64,
    }
}

struct Worker {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Worker {
    fn start(program: &Path, task: &str) -> Self {
        let mut child = Command::new(program)
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "{task}");
        Self { child, output }
    }

    fn go(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }

    fn samples(mut self) -> Vec<(u64, u64)> {
        let mut samples = Vec::new();
        for line in self.output.lines() {
            samples.extend(line.unwrap().split_whitespace().map(|pair| {
                let (at, took) = pair.split_once(':').unwrap();
                (at.parse::<u64>().unwrap(), took.parse::<u64>().unwrap())
            }));
        }
        assert!(self.child.wait().unwrap().success());
        samples
    }
}

// --- inside a worker

trait Swapper: Sync {
    /// Adds one to the counter under this key.
    fn swap(&self, key: usize);
}

/// When this process was started as a worker, does the work.
pub(crate) fn work_if_asked() -> bool {
    let Ok(task) = std::env::var(TASK) else { return false };
    let words: Vec<&str> = task.split('|').collect();
    let [code, url, prefix, keys, threads, millis] = words[..] else { panic!("no task: {task}") };
    let keys: Vec<String> = (0..keys.parse().unwrap()).map(|i| format!("{prefix}-{i}")).collect();
    let threads = threads.parse().unwrap();
    let time = Duration::from_millis(millis.parse().unwrap());
    match Algorithm::of_code(code).unwrap() {
        Algorithm::Ours => {
            let table = open(url);
            let atoms: Vec<_> = keys.iter().map(|key| table.atom::<u64>(key)).collect();
            work(&Ours(atoms), keys.len(), threads, time);
        }
        Algorithm::Clojure { sleep_ms } => {
            let wait = Wait::Fixed(Duration::from_millis(sleep_ms));
            let swapper = ReadPut { bare: Bare::over_ours(url), keys, wait };
            work(&swapper, swapper.keys.len(), threads, time);
        }
        Algorithm::Jitter => {
            let swapper = ReadPut { bare: Bare::over_ours(url), keys, wait: Wait::Jitter };
            work(&swapper, swapper.keys.len(), threads, time);
        }
        Algorithm::Sdk => panic!("that is another program's task"),
    }
    true
}

fn work(swapper: &dyn Swapper, keys: usize, threads: usize, time: Duration) {
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let barrier = Barrier::new(threads);
    let begun = Instant::now();
    let all: Vec<Vec<(Duration, Duration)>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut samples = Vec::new();
                    barrier.wait();
                    while begun.elapsed() < time {
                        let started = Instant::now();
                        let key = if keys == 1 { 0 } else { rand::random_range(0..keys) };
                        swapper.swap(key);
                        samples.push((begun.elapsed(), started.elapsed()));
                    }
                    samples
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut text = String::new();
    for samples in all {
        for (at, took) in samples {
            write!(text, "{}:{} ", at.as_micros(), took.as_micros()).unwrap();
        }
        text.push('\n');
    }
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}

struct Ours(Vec<ItemAtom<u64>>);

impl Swapper for Ours {
    fn swap(&self, key: usize) {
        self.0[key].swap(|n| n.unwrap_or(0) + 1).unwrap();
    }
}

struct ReadPut {
    bare: Bare,
    keys: Vec<String>,
    wait: Wait,
}

#[derive(Clone, Copy)]
enum Wait {
    Fixed(Duration),
    Jitter,
}

impl Swapper for ReadPut {
    fn swap(&self, key: usize) {
        let key = &self.keys[key];
        let mut jitter = jitter();
        loop {
            let found = self.bare.get(key);
            let number = |name: &str| {
                let text = found.as_ref().and_then(|item| item.get(name)?.n.as_deref());
                text.map(|text| text.parse::<u64>().unwrap())
            };
            let version = number("atom/version");
            let item = HashMap::from([
                ("atom/id".to_owned(), s(key)),
                ("atom/value".to_owned(), n(number("atom/value").unwrap_or(0) + 1)),
                ("atom/version".to_owned(), n(version.unwrap_or(0) + 1)),
            ]);
            if self.bare.put(item, "atom/version", version.map(n)) {
                return;
            }
            thread::sleep(match self.wait {
                Wait::Fixed(time) => time,
                Wait::Jitter => jitter.next_backoff().unwrap(),
            });
        }
    }
}

/// `backoff`'s full jitter draws from nothing to twice the interval.
fn jitter() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(1))
        .with_multiplier(2.0)
        .with_max_interval(Duration::from_millis(125))
        .with_randomization_factor(1.0)
        .with_max_elapsed_time(None)
        .build()
}
