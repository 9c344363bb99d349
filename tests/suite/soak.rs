//! Two processes of eight threads swap on four keys through a network and a server at their worst,
//! and every swap is accounted for.
//!
//! `make test` runs a short one; `make soak` a hundred thousand swaps, before the engine and before
//! DynamoDB Local. `FARADAY_TEST_SWAPS` says how many; `FARADAY_TEST_SEED` brings the faults of an
//! earlier run back, as far as the order in which requests arrive is the same.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::ledger::{self, Check, Manner, Report, Task};
use crate::support::seed::{draw, seed};
use crate::support::server::{Backend, Fault, Seen, Server, THROTTLED, UNAVAILABLE};
use crate::support::{Ground, Kind, StoreTest};
use crate::workers;

/// Before the engine, and before DynamoDB Local.
const BEHIND: &[Kind] = &[Kind::Memory, Kind::Live];

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "soak::every_swap_is_accounted_for", on: BEHIND, run: plain },
    StoreTest { name: "soak::impatient_callers_are_told_the_truth", on: BEHIND, run: impatient },
    StoreTest { name: "soak::a_careless_writer_is_caught", on: &[Kind::Memory], run: careless },
];

const KEYS: usize = 4;
const PROCESSES: u16 = 2;
const THREADS: u8 = 8;

/// Longer than any swap may take: its deadline is 30 s.
const SILENCE: Duration = Duration::from_secs(60);

/// Connections idle for longer are closed by the server, while clients keep theirs for 4 s.
const IDLE: Duration = Duration::from_millis(50);

const BROKEN: &str = r#"{"__type":"x#InternalServerError","message":"Internal server error"}"#;

/// What goes wrong with a request, in thousandths of all reads and writes of items.
fn fault(seed: u64, number: u64) -> (&'static str, Fault) {
    let bits = draw(seed, number);
    let time = Duration::from_micros(500 + (bits >> 32) % 4500);
    match bits % 1000 {
        0..25 => ("reply lost, connection closed", Fault::LoseReply),
        25..45 => ("reply lost, connection reset", Fault::ResetReply),
        45..50 => ("reply cut off", Fault::CutBody),
        50..60 => ("request lost, connection closed", Fault::LoseRequest),
        60..70 => ("request lost, connection reset", Fault::ResetRequest),
        70..75 => ("connection closed, carried out later", Fault::Straggle(time)),
        75..85 => ("500, not carried out", Fault::Answer(500, BROKEN)),
        85..90 => ("500, carried out", Fault::Mislead(500, BROKEN)),
        90..100 => ("503, not carried out", UNAVAILABLE),
        100..110 => ("throttled", THROTTLED),
        110..130 => ("answered late", Fault::Late(time)),
        130..140 => ("answered, then connection closed", Fault::HangUp),
        _ => ("none", Fault::None),
    }
}

#[derive(Clone, Default)]
struct Made(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Made {
    fn hook(&self, seed: u64) -> impl Fn(&Seen<'_>) -> Fault + Send + Sync + 'static {
        let made = self.clone();
        move |seen| {
            if !matches!(seen.operation, "GetItem" | "PutItem") {
                return Fault::None;
            }
            let (name, fault) = fault(seed, seen.number as u64);
            *made.0.lock().unwrap().entry(name).or_default() += 1;
            fault
        }
    }

    fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

/// A running worker, whose reports come in over a channel. Ends with it.
pub(crate) struct Running {
    pub(crate) process: Child,
}

impl Running {
    /// `done` is told when the last report has been sent.
    pub(crate) fn start(
        place: (&str, &str),
        table: &str,
        task: Task,
        to: mpsc::Sender<Report>,
    ) -> Self {
        let mut process = workers::start_ledger(place, table, task);
        let output = process.stdout.take().unwrap();
        std::thread::spawn(move || read_reports(output, &to));
        Self { process }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, when all went well.
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

fn read_reports(output: ChildStdout, to: &mpsc::Sender<Report>) {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        // The last line of a process that was killed may be half a line.
        if line.ends_with('\n') {
            let report = serde_json::from_str(&line)
                .unwrap_or_else(|error| Report::Wrong(format!("no report: {line:?}: {error}")));
            if to.send(report).is_err() {
                return;
            }
        }
        line.clear();
    }
}

/// Runs the writers through the faults and returns what became of their swaps.
fn run(ground: &Ground, swaps: u32, manner: Manner) -> ledger::Verdict {
    let seed = seed();
    let backend = match ground.kind {
        Kind::Live => Backend::upstream(&ground.address()),
        _ => Backend::Engine(dynoxide::Database::memory().unwrap()),
    };
    let name = format!("soak-{}-{manner:?}", std::process::id()).to_lowercase();
    let straight = Server::start(backend.clone(), Duration::from_secs(60), |_| Fault::None);
    let table = straight.builder(&name).open().unwrap();
    table.ensure().unwrap();
    ledger::create(&table, KEYS);

    let made = Made::default();
    let server = Server::start(backend, IDLE, made.hook(seed));
    let each = swaps / u32::from(PROCESSES) / u32::from(THREADS);
    let started = Instant::now();
    let (to, reports) = mpsc::channel();
    let mut writers: Vec<Running> = (0..PROCESSES)
        .map(|writer| {
            let task = Task { writer, threads: THREADS, swaps: each, keys: KEYS, manner };
            Running::start(("Live", &server.url()), &name, task, to.clone())
        })
        .collect();
    drop(to);
    let mut check = Check::default();
    loop {
        match reports.recv_timeout(SILENCE) {
            Ok(report) => check.take(report),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("no swap ended in {SILENCE:?}: a writer hangs (seed {seed})")
            }
        }
    }
    let took = started.elapsed();
    let ended: Vec<_> = writers.iter_mut().map(|w| w.process.wait().unwrap()).collect();
    // What is carried out late is in place now.
    std::thread::sleep(Duration::from_millis(50));
    let verdict = check.finish(&ledger::ends(&table, KEYS));
    table.drop_table().unwrap();

    #[allow(clippy::cast_precision_loss)]
    let rate = f64::from(each * u32::from(PROCESSES) * u32::from(THREADS)) / took.as_secs_f64();
    println!(
        "{:?} {manner:?}: {} requests over {} connections in {took:.1?}, {rate:.0} swaps/s, \
         FARADAY_TEST_SEED={seed}\n{verdict}",
        ground.kind,
        server.requests(),
        server.connections(),
    );
    for (name, count) in made.0.lock().unwrap().iter() {
        println!("  requests with fault {name}: {count}");
    }
    assert!(ended.iter().all(|end| end.success()), "a writer panicked (seed {seed}): {ended:?}");
    let ended = verdict.done + verdict.failed() + verdict.indeterminate();
    assert_eq!(ended as u32, each * u32::from(PROCESSES) * u32::from(THREADS), "swaps ended");
    for name in ["reply lost, connection closed", "503, not carried out", "throttled"] {
        assert!(made.count(name) > 0, "the server made no such fault: {name}");
    }
    verdict
}

fn plain(ground: &Ground) {
    let swaps = match std::env::var("FARADAY_TEST_SWAPS") {
        Ok(text) => text.parse().expect("FARADAY_TEST_SWAPS is a number"),
        Err(_) => 4000,
    };
    let verdict = run(ground, swaps, Manner::Plain);
    verdict.assert_sound();
    assert_eq!(
        verdict.failed(),
        0,
        "with 30 s each, all should have been done: {:?}",
        verdict.failed
    );
    // Under 0.01 %, and in a short run no more than the riders of one write.
    let most = (swaps as usize / 10_000).max(usize::from(THREADS));
    assert!(verdict.indeterminate() <= most, "{} indeterminate", verdict.indeterminate());
}

fn impatient(ground: &Ground) {
    let verdict = run(ground, 3200, Manner::Impatient);
    verdict.assert_sound();
    let ends = [verdict.done, verdict.failed(), verdict.indeterminate()];
    assert!(ends.iter().all(|count| *count > 30), "one of the three ends was hardly met: {ends:?}");
}

fn careless(ground: &Ground) {
    let verdict = run(ground, 800, Manner::Careless);
    assert!(
        !verdict.wrong.is_empty(),
        "a writer that overwrites what it did not read was not seen"
    );
}
