//! Many callers, one key: this crate against the Clojure library's algorithm, the same with full
//! jitter, and the official SDK's usual loop, with latency added on the way.
//!
//! `cargo bench --all-features --bench contention` runs the whole matrix, draws the plot and checks
//! the goals. With `-- goals` behind it, the goals alone; with `-- ours 4x4@10 1x8@2/64`, these runs
//! alone: an algorithm (`ours`, `clojure-1`, `jitter`, `sdk`), then processes × threads @
//! milliseconds added / keys.

#![allow(clippy::pedantic)] // of benches only what is wrong matters

#[allow(dead_code, unused_imports)] // the crate's own: a bench uses a part of it
#[path = "../src/runtime.rs"]
mod runtime;
#[allow(dead_code)]
mod support;
#[allow(dead_code, unused_imports)]
#[path = "../src/transport/mod.rs"]
mod transport;

use std::fmt::Write as _;
use std::time::Duration;

use support::bare::{Bare, BareAtom};
use support::plot::{self, Line, Panel};
use support::report::{Grid, folder, publish, short};
use support::worker::{self, Algorithm, Case, Measured};
use support::{Far, median, open, swap_beside_put};

const ENGINE: &str = "embedded engine";
const CLOJURE: Algorithm = Algorithm::Clojure { sleep_ms: 1 };
const COMPETITORS: [Algorithm; 4] = [Algorithm::Ours, CLOJURE, Algorithm::Jitter, Algorithm::Sdk];
const THREADS: [usize; 6] = [1, 2, 4, 8, 16, 32];
const ADDED: [u64; 3] = [0, 2, 10];
const WARM: Duration = Duration::from_millis(300);
const TIME: Duration = Duration::from_millis(1500);
/// Between processes a single run depends more on luck.
const LONG: Duration = Duration::from_millis(3000);

/// A server at some distance, and what one bare put takes there.
struct Ground {
    name: &'static str,
    added: u64,
    far: Far,
    bare: Bare,
    /// Of a bare conditional put, when last looked at.
    round_trip: Duration,
}

impl Ground {
    fn new(name: &'static str, added: u64, far: Far) -> Self {
        let bare = Bare::over_ours(&far.url());
        let mut ground = Self { name, added, far, bare, round_trip: Duration::ZERO };
        // The first requests of a server are slow, DynamoDB Local's by a factor of ten.
        ground.look();
        ground.look();
        ground
    }

    /// Measures the round trip anew: what else the machine does changes it.
    fn look(&mut self) {
        let mut atom = BareAtom::new(&self.bare, "round-trip");
        let time = || {
            let begun = std::time::Instant::now();
            atom.put();
            begun.elapsed()
        };
        self.round_trip = median(std::iter::repeat_with(time).take(40).collect());
    }

    fn engine(added: u64) -> Self {
        Self::new(ENGINE, added, Far::engine(Duration::from_millis(added)))
    }

    fn live(endpoint: &str, added: u64) -> Self {
        let far = Far::behind(endpoint, Duration::from_millis(added));
        Self::new("DynamoDB Local", added, far)
    }

    /// Swaps a second if every thread commits once a round trip; on one key between processes,
    /// if one put a round trip carries all the threads of a process.
    #[allow(clippy::cast_precision_loss)] // counts
    fn limit(&self, case: &Case) -> f64 {
        let at_once = if case.keys == 1 { case.threads } else { case.threads * case.processes };
        at_once as f64 / self.round_trip.as_secs_f64()
    }
}

/// One run and what was seen of it.
struct Entry {
    server: &'static str,
    added: u64,
    case: Case,
    measured: Measured,
    share: f64,
}

#[derive(Default)]
struct Bench {
    entries: Vec<Entry>,
}

impl Bench {
    fn run(&mut self, ground: &mut Ground, case: Case) {
        ground.look();
        let measured = worker::run(&case, &ground.far);
        let share = measured.per_second / ground.limit(&case);
        let Case { algorithm, processes, threads, keys, .. } = case;
        eprintln!(
            "{} + {} ms, {processes} x {threads} threads, {keys} keys, {}: {:.0} swaps/s",
            ground.name,
            ground.added,
            algorithm.name(),
            measured.per_second,
        );
        let (server, added) = (ground.name, ground.added);
        self.entries.push(Entry { server, added, case, measured, share });
    }

    /// Every competitor in each of these shapes: processes, threads, keys.
    fn matrix(&mut self, ground: &mut Ground, shapes: &[(usize, usize, usize)]) {
        let sdk = worker::sdk_program().exists();
        for &(processes, threads, keys) in shapes {
            for algorithm in COMPETITORS {
                if algorithm == Algorithm::Sdk && !sdk {
                    continue;
                }
                let time = if processes > 1 { LONG } else { TIME };
                self.run(ground, Case { algorithm, processes, threads, keys, warm: WARM, time });
            }
        }
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new(&[
            "server, latency added",
            "keys",
            "proc.",
            "threads",
            "algorithm",
            "swaps/s",
            "of limit",
            "req./swap",
            "p50",
            "p99",
            "slowest",
            "even",
        ]);
        let mut last = None;
        for Entry { server, added, case, measured, share } in &self.entries {
            let shape = (server, added, case.processes, case.threads, case.keys);
            if last.is_some_and(|last| last != shape) {
                grid.row(Vec::new());
            }
            last = Some(shape);
            let even = format!("{:.2}", measured.evenness);
            grid.row(vec![
                format!("{server} + {added} ms"),
                case.keys.to_string(),
                case.processes.to_string(),
                case.threads.to_string(),
                case.algorithm.name(),
                format!("{:.0}", measured.per_second),
                format!("{share:.2}"),
                format!("{:.2}", measured.requests_per_swap),
                short(measured.median),
                short(measured.p99),
                short(measured.slowest),
                if case.processes > 1 { even } else { String::new() },
            ]);
        }
        grid
    }

    /// The run of this shape on the embedded engine and one key.
    fn find(
        &self,
        algorithm: Algorithm,
        added: u64,
        processes: usize,
        threads: usize,
    ) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry.server == ENGINE
                && entry.added == added
                && entry.case.keys == 1
                && (entry.case.algorithm, entry.case.processes, entry.case.threads)
                    == (algorithm, processes, threads)
        })
    }

    fn panel(&self, ground: &Ground, cost: bool) -> Panel {
        let colors = [plot::BLUE, plot::RED, plot::PURPLE, plot::GREEN];
        let mut lines = Vec::new();
        for (algorithm, color) in COMPETITORS.into_iter().zip(colors) {
            let points: Vec<_> = THREADS
                .into_iter()
                .filter_map(|threads| {
                    let found = &self.find(algorithm, ground.added, 1, threads)?.measured;
                    let value = if cost { found.requests_per_swap } else { found.per_second };
                    Some((count(threads), value))
                })
                .collect();
            if !points.is_empty() {
                lines.push(Line { name: algorithm.name(), color, dashed: false, points });
            }
        }
        let limit = |threads: usize| {
            let per_round_trip = count(threads);
            if cost {
                1.0 / per_round_trip
            } else {
                per_round_trip / ground.round_trip.as_secs_f64()
            }
        };
        lines.push(Line {
            name: "limit: one put a round trip carries every thread".to_owned(),
            color: plot::GREY,
            dashed: true,
            points: THREADS.into_iter().map(|threads| (count(threads), limit(threads))).collect(),
        });
        let (title, unit) = if cost {
            ("requests a swap", "requests a swap")
        } else {
            ("swaps a second", "swaps a second")
        };
        let title = format!("{title}, {} ms of latency added", ground.added);
        Panel { title, unit: unit.to_owned(), lines }
    }
}

#[allow(clippy::cast_precision_loss)] // counts
fn count(number: usize) -> f64 {
    number as f64
}

/// The goals of the design's sixth chapter that are about swaps, each measured by turns with what
/// it is compared with, several times over; medians of the ratios.
fn goals(ours: &[Ground], far: &mut Ground) -> Grid {
    let mut grid = Grid::new(&["goal", "at", "wanted", "measured", ""]);
    let mut judge = |goal: &str, at: &str, wanted: &str, measured: String, met: bool| {
        let met = if met { "met" } else { "MISSED" };
        grid.row(vec![goal.into(), at.into(), wanted.into(), measured, met.into()]);
    };
    for ground in ours.iter().chain([&*far]) {
        let url = ground.far.url();
        let rounds = if ground.added == 0 { 3000 } else { 200 };
        let found = swap_beside_put(&open(&url), &ground.bare, rounds);
        let at = format!("{} + {} ms", ground.name, ground.added);
        let (requests, ratio) = (found.requests, found.ratio());
        let exact = (0.995..=1.005).contains(&requests);
        judge("uncontended: requests", &at, "1.00", format!("{requests:.2}"), exact);
        let measured = format!("{ratio:.3} ({} : {})", short(found.ours), short(found.bare));
        judge("uncontended: time, of a bare put's", &at, "<= 1.1", measured, ratio <= 1.1);
    }

    let mut bench = Bench::default();
    let case = |algorithm, processes, threads| {
        let time = Duration::from_millis(2000);
        Case { algorithm, processes, threads, keys: 1, warm: WARM, time }
    };
    let [mut threads, mut processes, mut faster, mut cheaper] = [const { Vec::new() }; 4];
    for _ in 0..5 {
        bench.run(far, case(Algorithm::Ours, 1, 8));
        bench.run(far, case(CLOJURE, 1, 8));
        bench.run(far, case(Algorithm::Ours, 4, 4));
        if let [.., eight, clojure, four] = &bench.entries[..] {
            threads.push(eight.share);
            processes.push(four.share);
            faster.push(eight.measured.per_second / clojure.measured.per_second);
            let (ours, theirs) = (&eight.measured, &clojure.measured);
            cheaper.push(theirs.requests_per_swap / ours.requests_per_swap);
        }
    }
    let at = format!("{} + {} ms", far.name, far.added);
    let mut all = |goal: &str, wanted: &str, mut found: Vec<f64>, least: f64| {
        found.sort_by(f64::total_cmp);
        let middle = found[found.len() / 2];
        let range = format!("{middle:.2} ({:.2} to {:.2})", found[0], found[found.len() - 1]);
        judge(goal, &at, wanted, range, middle >= least);
    };
    all("8 threads: of the limit", ">= 0.9", threads, 0.9);
    all("4 processes x 4 threads: of the limit", ">= 0.5", processes, 0.5);
    all("8 threads: throughput, of Clojure's", ">= 8", faster, 8.0);
    all("8 threads: Clojure's requests, of ours", ">= 20", cheaper, 20.0);
    grid
}

fn main() {
    if worker::work_if_asked() {
        return;
    }
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if chosen.is_empty() {
        everything();
    } else if chosen == ["goals"] {
        publish("goals.txt", &goals(&[], &mut Ground::engine(10)).to_string());
    } else {
        some(&chosen);
    }
}

/// Only the runs that were asked for.
fn some(chosen: &[String]) {
    let mut bench = Bench::default();
    let mut algorithm = Algorithm::Ours;
    for word in chosen {
        if let Some(code) = Algorithm::of_code(word) {
            algorithm = code;
            continue;
        }
        let (shape, keys) = word.split_once('/').unwrap_or((word, "1"));
        let numbers: Vec<usize> = shape.split(['x', '@']).flat_map(str::parse).collect();
        let [processes, threads, added] = numbers[..] else { panic!("no such run: {word}") };
        let mut ground = Ground::engine(added as u64);
        let keys = keys.parse().unwrap();
        let case = Case { algorithm, processes, threads, keys, warm: WARM, time: LONG };
        bench.run(&mut ground, case);
    }
    println!("{}", bench.grid());
}

fn everything() {
    let mut bench = Bench::default();
    let mut grounds = ADDED.map(Ground::engine);
    for ground in &mut grounds {
        let alone = THREADS.map(|threads| (1, threads, 1));
        bench.matrix(ground, &alone);
        bench.matrix(ground, &[(2, 4, 1), (4, 4, 1), (1, 8, 64), (4, 4, 64)]);
    }
    // The default of the Clojure library is too slow for the whole matrix.
    let slow = Algorithm::Clojure { sleep_ms: 500 };
    let (processes, threads, keys) = (1, 8, 1);
    let time = Duration::from_secs(6);
    let case = Case { algorithm: slow, processes, threads, keys, warm: Duration::ZERO, time };
    bench.run(&mut grounds[0], case);
    let live = support::live_endpoint();
    let mut live: Vec<Ground> = live
        .iter()
        .flat_map(|endpoint| [0, 10].map(|added| Ground::live(endpoint, added)))
        .collect();
    for ground in &mut live {
        bench.matrix(ground, &[(1, 1, 1), (1, 8, 1), (4, 4, 1)]);
    }

    let mut text = format!(
        "Contention. of limit: of every thread committing once a round trip (a bare put's median);\n\
         between processes on one key, of one put a round trip carrying a process's threads.\n\
         even: swaps of the process that had fewest, of those of the one that had most.\n\n{}",
        bench.grid()
    );
    let mut round_trips = Grid::new(&["a bare put's round trip", "median"]);
    for ground in grounds.iter().chain(&live) {
        let name = format!("{} + {} ms", ground.name, ground.added);
        round_trips.row(vec![name, short(ground.round_trip)]);
    }
    write!(text, "\n{round_trips}").unwrap();
    if live.is_empty() {
        writeln!(text, "\n{}", support::NOT_LIVE).unwrap();
    }
    if !worker::sdk_program().exists() {
        text.push_str(
            "\n*** The official SDK's loop did NOT run: `make bench-sdk` builds it first. ***\n",
        );
    }
    publish("contention.txt", &text);

    let plot = folder().join("contention.svg");
    let rows = [false, true].map(|cost| grounds.iter().map(|g| bench.panel(g, cost)).collect());
    plot::draw(
        &plot,
        "Many threads, one atom",
        "Threads of one process raise one counter, on the embedded engine behind an HTTP server; \
         both scales are logarithmic.",
        &rows,
    )
    .unwrap();
    println!("\nthe plot: {}", plot.display());

    let [near, middle, mut far] = grounds;
    let mut others = vec![near, middle];
    others.extend(live);
    publish("goals.txt", &format!("Goals\n\n{}", goals(&others, &mut far)));
}
