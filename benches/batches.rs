//! Many items: reads, writes, a transaction and a scan, with latency added on the way.
//!
//! `cargo bench --all-features --bench batches` times `find_items` and `put_items` beside the same
//! chunks one after the other, beside boto3's and the official SDK's usual loops where they can run
//! (boto3 in `python3`; the SDK's program is made by `make bench-sdk`), a transaction of two items
//! beside two swaps, and measures the memory that streams of 10,000 and 100,000 items need.

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
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Table};
use serde::{Deserialize, Serialize};

use support::report::{Grid, publish, short};
use support::worker::sdk_program;
use support::{Far, median, open};

const ADDED: [u64; 2] = [2, 10];
const ROUNDS: usize = 7;
const MEMORY: &str = "FARADAY_BENCH_MEMORY";

#[derive(Clone, Serialize, Deserialize)]
struct Job {
    state: String,
    tries: u32,
    note: String,
}

fn job(n: usize) -> Job {
    Job { state: "waiting".to_owned(), tries: n as u32, note: format!("number {n} of many") }
}

fn key(n: usize) -> String {
    format!("job/{n}")
}

fn main() {
    if let Ok(task) = std::env::var(MEMORY) {
        return stream(&task);
    }
    let mut report = String::new();
    for added in ADDED {
        let far = Far::engine(Duration::from_millis(added));
        let table = open(&far.url());
        let full = open(&far.url());
        full.put_items((0..10_000).map(|n| (key(n), job(n)))).unwrap();
        writeln!(report, "\n{added} ms added; medians of {ROUNDS} interleaved rounds\n").unwrap();
        finds(&mut report, &full, &far, added);
        puts(&mut report, &table);
        transactions(&mut report, &table);
    }
    memory(&mut report);
    publish("batches.txt", &report);
}

/// A way to do it, and how long it takes.
type Way<'a> = (String, Box<dyn FnMut() -> Option<Duration> + 'a>);

fn timed<'a>(mut action: impl FnMut() + 'a) -> Box<dyn FnMut() -> Option<Duration> + 'a> {
    Box::new(move || {
        let begun = Instant::now();
        action();
        Some(begun.elapsed())
    })
}

/// Runs all by turns.
fn interleaved(ways: &mut [Way<'_>]) -> Vec<Option<Duration>> {
    let mut times = vec![vec![]; ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter_mut().zip(&mut times) {
            times.extend(way());
        }
    }
    times.into_iter().map(|times| (!times.is_empty()).then(|| median(times))).collect()
}

fn cell(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), short)
}

fn finds(report: &mut String, table: &Table, far: &Far, added: u64) {
    let mut grid = Grid::new(&["find_items of", "100", "1000", "10000", "1000 / 100"]);
    let sizes = [100, 1000, 10_000];
    let mut columns = vec![];
    let mut names = vec![];
    for size in sizes {
        let find = |in_flight: usize| {
            move || {
                let batch = table.batch();
                let batch = if in_flight == 0 { batch } else { batch.in_flight(in_flight) };
                let found: Vec<Job> = batch.find_items((0..size).map(key)).unwrap();
                assert_eq!(found.len(), size);
            }
        };
        let mut ways: Vec<Way<'_>> = vec![
            ("by default".to_owned(), timed(find(0))),
            ("one chunk after the other".to_owned(), timed(find(1))),
        ];
        for in_flight in [2, 4, 8, 16, 32] {
            ways.push((format!("{in_flight} requests at once"), timed(find(in_flight))));
        }
        ways.push(("boto3, its usual loop".to_owned(), Box::new(|| boto3(&far.url(), size))));
        ways.push(("official SDK, its usual loop".to_owned(), Box::new(|| sdk(&far.url(), size))));
        columns.push(interleaved(&mut ways));
        names = ways.into_iter().map(|(name, _)| name).collect();
    }
    for (row, name) in names.iter().enumerate() {
        let times: Vec<_> = columns.iter().map(|column| column[row]).collect();
        let ratio = times[1].zip(times[0]).map(|(b, a)| b.as_secs_f64() / a.as_secs_f64());
        grid.row(vec![
            name.clone(),
            cell(times[0]),
            cell(times[1]),
            cell(times[2]),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        ]);
    }
    let ratio = columns[1][0].unwrap().as_secs_f64() / columns[0][0].unwrap().as_secs_f64();
    writeln!(report, "{grid}").unwrap();
    if added == 10 {
        let verdict = if ratio <= 3.0 { "met" } else { "MISSED" };
        writeln!(report, "goal: 1000 keys in at most 3 x the time of 100: {ratio:.2}: {verdict}\n")
            .unwrap();
    }
}

fn puts(report: &mut String, table: &Table) {
    let mut grid = Grid::new(&["put_items of", "1000", "10000"]);
    let mut columns = vec![];
    let mut names = vec![];
    for size in [1000, 10_000] {
        let put = |in_flight: usize| {
            move || {
                let batch = table.batch();
                let batch = if in_flight == 0 { batch } else { batch.in_flight(in_flight) };
                assert_eq!(batch.put_items((0..size).map(|n| (key(n), job(n)))).unwrap(), size);
            }
        };
        let mut ways: Vec<Way<'_>> = vec![
            ("by default".to_owned(), timed(put(0))),
            ("one chunk after the other".to_owned(), timed(put(1))),
        ];
        for in_flight in [4, 16] {
            ways.push((format!("{in_flight} requests at once"), timed(put(in_flight))));
        }
        columns.push(interleaved(&mut ways));
        names = ways.into_iter().map(|(name, _)| name).collect();
    }
    for (row, name) in names.iter().enumerate() {
        grid.row(vec![name.clone(), cell(columns[0][row]), cell(columns[1][row])]);
    }
    writeln!(report, "{grid}").unwrap();
}

fn transactions(report: &mut String, table: &Table) {
    let atoms = [table.atom::<u64>("left"), table.atom::<u64>("right")];
    let up = |n: Option<u64>| n.unwrap_or(0) + 1;
    for atom in &atoms {
        atom.swap(up).unwrap();
    }
    let mut ways: Vec<Way<'_>> = vec![
        (
            "a transaction of two items".to_owned(),
            timed(|| {
                table
                    .transact(|tx| {
                        for key in ["left", "right"] {
                            let n = tx.get(key)?;
                            tx.set(key, up(n))?;
                        }
                        Ok(())
                    })
                    .unwrap();
            }),
        ),
        (
            "two warm swaps".to_owned(),
            timed(|| {
                for atom in &atoms {
                    atom.swap(up).unwrap();
                }
            }),
        ),
    ];
    let times = interleaved(&mut ways);
    let mut grid = Grid::new(&["two items", "time"]);
    for ((name, _), time) in ways.iter().zip(times) {
        grid.row(vec![name.clone(), cell(time)]);
    }
    writeln!(report, "{grid}").unwrap();
}

/// The loop of boto3's documentation: chunks of 100, and what is unprocessed again.
const BOTO3: &str = r#"
import sys, time, boto3
from botocore.config import Config
url, count = sys.argv[1], int(sys.argv[2])
db = boto3.resource("dynamodb", endpoint_url=url, region_name="local", aws_access_key_id="local",
                    aws_secret_access_key="local", config=Config(retries={"mode": "standard"}))
keys = [{"atom/id": f"job/{n}"} for n in range(count)]
def find():
    found = []
    for begin in range(0, count, 100):
        request = {"bench": {"Keys": keys[begin:begin + 100], "ConsistentRead": True}}
        while request:
            answer = db.batch_get_item(RequestItems=request)
            found += answer["Responses"]["bench"]
            request = answer.get("UnprocessedKeys")
    assert len(found) == count
find()
begun = time.perf_counter()
find()
print(int((time.perf_counter() - begun) * 1e6))
"#;

fn boto3(url: &str, count: usize) -> Option<Duration> {
    let mut python = Command::new("python3");
    micros(python.args(["-c", BOTO3, url, &count.to_string()]))
}

fn sdk(url: &str, count: usize) -> Option<Duration> {
    let program = sdk_program();
    program.exists().then_some(())?;
    micros(Command::new(program).env("FARADAY_BENCH_TASK", format!("find|{url}|{count}")))
}

/// What a program prints as its time; `None` where it cannot run.
fn micros(program: &mut Command) -> Option<Duration> {
    let output = program.stderr(Stdio::null()).output().ok().filter(|out| out.status.success())?;
    let micros = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(Duration::from_micros(micros))
}

fn memory(report: &mut String) {
    let mut grid = Grid::new(&["streamed through put_items and scan", "peak of the process"]);
    for count in [1_000, 10_000, 100_000] {
        let far = Far::engine(Duration::ZERO);
        let output = Command::new(std::env::current_exe().unwrap())
            .env(MEMORY, format!("{}|{count}", far.url()))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        let peak = String::from_utf8(output.stdout).unwrap();
        grid.row(vec![format!("{count} items"), peak.trim().to_owned()]);
    }
    writeln!(report, "\n{grid}").unwrap();
}

/// In a process of its own: puts so many items, and reads them all.
fn stream(task: &str) {
    let (url, count) = task.split_once('|').unwrap();
    let count: usize = count.parse().unwrap();
    let table = open(url);
    assert_eq!(table.put_items((0..count).map(|n| (key(n), job(n)))).unwrap(), count);
    let mut tries = 0;
    for item in table.scan::<Job>() {
        tries += u64::from(item.unwrap().1.tries);
    }
    assert_eq!(tries, (count as u64) * (count as u64 - 1) / 2);
    // The kernel's own count of the most memory that was ever resident.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("unknown").trim());
}
