//! Writers killed at random moments: the others go on, and nothing is torn.
//!
//! Fifty processes, one after the other, each of four threads, swap on two keys of the ledger until
//! they are killed; every fifth at any moment of its start, the others while they write. Two
//! threads of this process write all the while, with short pauses, and must get through after each
//! of the kills. (Without pauses they would keep SQLite's lock, for which others have to poll, and
//! writers to an embedded file would hardly come to write before they are killed.)

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::ledger::{self, Check, Manner, Report, Task};
use crate::soak::Running;
use crate::support::seed::{draw, seed};
use crate::support::{Ground, Kind, SHARED, StoreTest};

pub(crate) const TESTS: &[StoreTest] =
    &[StoreTest { name: "kills::fifty_writers_are_killed", on: SHARED, run: fifty }];

const KILLS: u16 = 50;
const KEYS: usize = 2;
const THREADS: u8 = 4;

/// For the survivors to write again after a kill. A lock that is left behind in the file holds
/// them up for ever; a busy machine for a moment.
const PATIENCE: Duration = Duration::from_secs(10);

fn fifty(ground: &Ground) {
    let seed = seed();
    let table = ground.table();
    ledger::create(&table, KEYS);
    let kind = if ground.kind == Kind::Live { "Live" } else { "File" };
    let address = ground.address();
    let place = (kind, address.as_str());

    let check = Mutex::new(Check::default());
    let (written, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    let slowest = Mutex::new(Duration::ZERO);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let survivor =
            Task { writer: KILLS, threads: 2, swaps: u32::MAX, keys: KEYS, manner: Manner::Gentle };
        let (table, check, written, enough) = (&table, &check, &written, &enough);
        let survivors = scope.spawn(move || {
            ledger::work_while(
                table,
                survivor,
                || !enough.load(Ordering::SeqCst),
                |report| {
                    check.lock().unwrap().take(report.clone());
                    written.fetch_add(1, Ordering::SeqCst);
                },
            );
        });
        // Whatever fails below, the survivors come to an end.
        let _end = SetAtEnd(enough);
        for writer in 0..KILLS {
            let bits = draw(seed, writer.into());
            let delay = Duration::from_micros((bits >> 20) % 60_000);
            let (to, reports) = mpsc::channel();
            let task = Task { writer, threads: THREADS, manner: Manner::Plain, ..survivor };
            let mut running = Running::start(place, table.name(), task, to);
            let mut seen: Vec<Report> = Vec::new();
            if writer % 5 != 0 {
                seen.push(reports.recv_timeout(PATIENCE).expect("a writer that writes"));
            }
            std::thread::sleep(delay);
            running.process.kill().unwrap();
            let status = running.process.wait().unwrap();
            assert_eq!(status.code(), None, "it was killed and did not end: {status}");
            seen.extend(reports.iter());
            let mut check = check.lock().unwrap();
            seen.into_iter().for_each(|report| check.take(report));
            check.killed(task);
            drop(check);

            let killed = Instant::now();
            let before = written.load(Ordering::SeqCst);
            // Two more: the first may have been done when the kill came.
            while written.load(Ordering::SeqCst) < before + 2 {
                assert!(!survivors.is_finished(), "the survivors failed (seed {seed})");
                assert!(killed.elapsed() < PATIENCE, "nobody writes any more (seed {seed})");
                std::thread::sleep(Duration::from_millis(1));
            }
            let mut slowest = slowest.lock().unwrap();
            *slowest = slowest.max(killed.elapsed());
        }
    });
    let took = started.elapsed();

    // A process that comes later finds no lock either, and everything in order.
    let (to, reports) = mpsc::channel();
    let task = Task { writer: KILLS + 1, threads: 1, swaps: 10, keys: KEYS, manner: Manner::Plain };
    let mut running = Running::start(place, table.name(), task, to);
    let begun = Instant::now();
    let mut check = check.into_inner().unwrap();
    reports.iter().for_each(|report| check.take(report));
    assert!(running.process.wait().unwrap().success());
    assert!(begun.elapsed() < PATIENCE, "a new process was held up");
    for n in 0..KEYS {
        let item = ground.stored(&table, &ledger::key(n));
        let ids = item["atom/writes"]["B"].as_str().expect("write ids");
        // Sixteen ids of eight bytes in base 64.
        assert_eq!(ids.len(), 172, "{item}");
    }
    let verdict = check.finish(&ledger::ends(&table, KEYS));
    println!(
        "{:?}: {took:.1?}, the survivors wrote again {:.1?} after a kill at most, \
         FARADAY_TEST_SEED={seed}\n{verdict}",
        ground.kind,
        slowest.into_inner().unwrap(),
    );
    verdict.assert_sound();
    assert_eq!((verdict.failed(), verdict.indeterminate()), (0, 0));
    assert!(verdict.under_way > 0, "nothing was under way at any of the kills");
    if ground.kind == Kind::Live {
        table.drop_table().unwrap();
    }
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
