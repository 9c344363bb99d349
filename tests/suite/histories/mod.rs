//! Histories: what concurrent callers did and were told under faults must fit one order of
//! events (linearizability).
//!
//! Each history is one atom, used by four threads in each of two tables: two connections with
//! lanes of their own, which to one another are as two processes; or in two real processes. Every
//! write adds a token of its own, so that a value tells which writes made it. A call whose outcome
//! is unknown may take effect at any time after it began, or never; one that failed must have no
//! effect at all, which is checked by leaving it out.
//!
//! The faults, the calls and their order in each thread come from a seed; how the threads
//! interleave does not. `FARADAY_TEST_SEED=n` runs the history of that seed a hundred times.

mod broken;
mod fits;
mod play;
mod processes;
mod weather;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use faraday_atom::MemoryAtom;

use self::broken::{lies_of_success, of_a_careless_atom, without_conditions};
use self::play::{Sum, history, listed};
use self::processes::of_two_processes;
pub(crate) use self::processes::{Task, work};
use self::weather::{Weather, item_atom, seeds, tables};
use crate::support::server::Server;
use crate::support::{PlainTest, on_threads};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "histories::under_faults", run: under_faults },
    PlainTest { name: "histories::of_two_processes", run: of_two_processes },
    PlainTest { name: "histories::of_a_memory_atom", run: of_a_memory_atom },
    PlainTest { name: "histories::without_conditions_are_caught", run: without_conditions },
    PlainTest { name: "histories::with_lies_of_success_are_caught", run: lies_of_success },
    PlainTest { name: "histories::of_a_careless_atom_are_caught", run: of_a_careless_atom },
];

const HISTORIES: u64 = 500;
const TABLES: usize = 2;
const THREADS: usize = 4;
const CALLS: usize = 3;

fn under_faults() {
    let begun = Instant::now();
    let seeds = seeds(HISTORIES);
    println!("histories: seeds {} to {}", seeds[0], seeds[seeds.len() - 1]);
    let next = AtomicUsize::new(0);
    let (sum, faults, requests) = (Sum::default(), AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(4, |_| {
        let weather = Arc::new(Weather::default());
        let server = {
            let weather = weather.clone();
            Server::new(move |seen| weather.fault(seen))
        };
        weather.begin(0);
        let tables = tables(&server);
        while let Some((number, seed)) = {
            let number = next.fetch_add(1, Ordering::SeqCst);
            seeds.get(number).map(|seed| (number, *seed))
        } {
            weather.begin(seed);
            let key = format!("{seed}-{number}");
            let events = history(seed, |table, dice| item_atom(&tables[table], &key, dice));
            assert!(
                sum.check(&events),
                "not linearizable: FARADAY_TEST_SEED={seed}\n{}",
                listed(&events)
            );
        }
        faults.fetch_add(weather.faults.load(Ordering::SeqCst), Ordering::SeqCst);
        requests.fetch_add(server.requests(), Ordering::SeqCst);
    });
    println!(
        "{} histories are linearizable: {sum:?}, {faults:?} faults in {requests:?} requests, {:.1} s",
        seeds.len(),
        begun.elapsed().as_secs_f64()
    );
    if seeds.len() as u64 == HISTORIES {
        // Had the faults no consequences, the test would show little.
        for (number, least) in [(&sum.unknown, 20), (&sum.failed, 20), (&faults, 500)] {
            assert!(number.load(Ordering::SeqCst) >= least, "{sum:?} {faults:?}");
        }
    }
}

/// The reference: it shows that the checker raises no false alarm.
fn of_a_memory_atom() {
    let sum = Sum::default();
    for seed in seeds(200) {
        let atom = MemoryAtom::empty();
        let events = history(seed, |_, _| atom.clone());
        assert!(sum.check(&events), "FARADAY_TEST_SEED={seed}\n{}", listed(&events));
    }
}
