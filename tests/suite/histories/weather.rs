//! The faults of a history, and the tables and atoms that meet them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use faraday_atom::{Backoff, ItemAtom, RetryPolicy, SwapOptions, Table};

use super::TABLES;
use super::play::Dice;
use crate::support::server::{Fault, Seen, Server, THROTTLED, UNAVAILABLE};

/// The longest that a put can be under way after its connection was closed.
pub(super) const STRAGGLING: Duration = Duration::from_millis(25);

/// Which faults a server makes: they follow from the seed and the number of the request.
#[derive(Debug, Default)]
pub(super) struct Weather {
    seed: AtomicU64,
    number: AtomicU64,
    pub(super) faults: AtomicUsize,
}

impl Weather {
    pub(super) fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::SeqCst);
        self.number.store(0, Ordering::SeqCst);
    }

    pub(super) fn fault(&self, seen: &Seen<'_>) -> Fault {
        if !matches!(seen.operation, "GetItem" | "PutItem") {
            return Fault::None;
        }
        let seed = self.seed.load(Ordering::SeqCst);
        let mut dice = Dice::of(seed, 1000 + self.number.fetch_add(1, Ordering::SeqCst));
        // In two weathers of six there is no other fault than throttling: nothing is ever in doubt,
        // and whoever has little time fails cleanly.
        let (rate, throttles) = match seed % 6 {
            0 => (0, false),
            1 => (10, false),
            2 => (20, false),
            3 => (30, false),
            _ => (50, true),
        };
        if dice.below(100) >= rate {
            return Fault::None;
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        if throttles {
            return THROTTLED;
        }
        let millis = |n| Duration::from_millis(n);
        match dice.below(20) {
            0..=4 => Fault::LoseReply,
            5..=6 => Fault::LoseRequest,
            7..=10 => Fault::Straggle(millis(1 + dice.below(20))),
            11..=12 => Fault::Late(millis(1 + dice.below(10))),
            13 => UNAVAILABLE,
            14 => Fault::Answer(500, r#"{"__type":"x#InternalServerError","message":"x"}"#),
            15..=16 => THROTTLED,
            17 => Fault::Garbage,
            18 => Fault::CutBody,
            _ => Fault::WrongChecksum,
        }
    }
}

pub(super) fn quick(builder: faraday_atom::TableBuilder) -> faraday_atom::TableBuilder {
    let millis = Duration::from_millis;
    let policy = RetryPolicy::new()
        .timeout(millis(2000))
        .backoff(Backoff::new(millis(1), 2.0, millis(8)))
        .throttle(Backoff::new(millis(2), 2.0, millis(8)));
    builder.retry(policy).request_timeout(millis(500))
}

pub(super) fn tables(server: &Server) -> Vec<Table> {
    (0..TABLES).map(|_| server.table(quick)).collect()
}

/// The atom of one call: one in three has little time.
pub(super) fn item_atom(table: &Table, key: &str, dice: &mut Dice) -> ItemAtom<Vec<u32>> {
    let timeout = match dice.below(3) {
        0 => Duration::from_millis(1 + dice.below(15)),
        _ => Duration::from_secs(3),
    };
    table.atom(key).with_options(SwapOptions::new().timeout(timeout))
}

/// The seed of the environment, with the number of runs; or fresh seeds.
pub(super) fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("FARADAY_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("FARADAY_TEST_SEED is a number"); 100],
        Err(_) => {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
            let first = u64::try_from(now).unwrap() % 1_000_000_000;
            (first..first + count).collect()
        }
    }
}
