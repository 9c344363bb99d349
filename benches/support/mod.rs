//! What the benches share: servers with added latency, the bare operations to compare with, and
//! ways to put numbers into words.

pub(crate) mod bare;
#[path = "../../tests/suite/support/http.rs"]
pub(crate) mod http;
#[path = "../../tests/suite/support/partly.rs"]
pub(crate) mod partly;
pub(crate) mod plot;
pub(crate) mod proxy;
pub(crate) mod report;
#[path = "../../tests/suite/support/seed.rs"]
pub(crate) mod seed;
#[path = "../../tests/suite/support/server.rs"]
pub(crate) mod server;
pub(crate) mod worker;

use std::net::ToSocketAddrs as _;
use std::time::{Duration, Instant};

use dynoxide::Database;
use faraday_atom::{Atom, ItemAtom, Table};

use bare::{Bare, BareAtom};
use proxy::Proxy;
use server::{Backend, Fault, Server};

pub(crate) const TABLE: &str = "bench";

/// Where DynamoDB Local listens, if there is one: `.ci/live` sets it.
pub(crate) fn live_endpoint() -> Option<String> {
    std::env::var("FARADAY_TEST_ENDPOINT").ok().filter(|url| !url.is_empty())
}

pub(crate) const NOT_LIVE: &str = "*** DynamoDB Local was NOT benchmarked: FARADAY_TEST_ENDPOINT \
     is not set. `.ci/live cargo bench --all-features` fetches and starts one. ***";

/// A server with latency added on the way, half of it there and half of it back.
pub(crate) enum Far {
    /// The embedded engine, in memory, behind a plain HTTP server.
    Engine(Server),
    /// Another server behind a proxy.
    Behind(Proxy),
}

impl Far {
    pub(crate) fn engine(added: Duration) -> Self {
        let engine = Database::memory().unwrap();
        let half = added / 2;
        let server = Server::start(Backend::Engine(engine), Duration::from_secs(60), move |_| {
            if half.is_zero() {
                return Fault::None;
            }
            std::thread::sleep(half);
            Fault::Late(half)
        });
        Self::Engine(server).with_table()
    }

    pub(crate) fn behind(endpoint: &str, added: Duration) -> Self {
        let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
        let address = address.to_socket_addrs().unwrap().next().unwrap();
        Self::Behind(Proxy::start(address, added)).with_table()
    }

    fn with_table(self) -> Self {
        open(&self.url()).ensure().unwrap();
        self
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Engine(server) => server.url(),
            Self::Behind(proxy) => proxy.url(),
        }
    }

    /// How many requests have come in so far.
    pub(crate) fn requests(&self) -> usize {
        match self {
            Self::Engine(server) => server.requests(),
            Self::Behind(proxy) => proxy.requests(),
        }
    }
}

/// The table of the benches on this server.
pub(crate) fn open(url: &str) -> Table {
    Table::builder(TABLE)
        .endpoint_url(url)
        .region("local")
        .credentials("local", "local", None::<String>)
        .open()
        .unwrap()
}

/// One operation of ours beside the bare one, each the median over the same stretch of time.
pub(crate) struct Beside {
    pub(crate) ours: Duration,
    pub(crate) bare: Duration,
    pub(crate) requests: f64,
}

impl Beside {
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.as_secs_f64() / self.bare.as_secs_f64()
    }
}

/// Runs both by turns, one call of each, so that whatever else the machine does meets both alike.
pub(crate) fn beside(
    table: &Table,
    rounds: usize,
    mut ours: impl FnMut(),
    mut bare: impl FnMut(),
) -> Beside {
    for _ in 0..rounds.div_ceil(10) {
        ours();
        bare();
    }
    let before = table.requests();
    let mut times = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        // Who goes first changes: the first of a pair finds the caches as the other left them.
        if round % 2 == 0 {
            times.0.push(time(&mut ours));
            times.1.push(time(&mut bare));
        } else {
            times.1.push(time(&mut bare));
            times.0.push(time(&mut ours));
        }
    }
    #[allow(clippy::cast_precision_loss)] // counts of calls
    let requests = (table.requests() - before) as f64 / rounds as f64;
    Beside { ours: median(times.0), bare: median(times.1), requests }
}

/// A warm swap beside the bare conditional put.
pub(crate) fn swap_beside_put(table: &Table, bare: &Bare, rounds: usize) -> Beside {
    let atom: ItemAtom<u64> = table.atom("beside");
    let mut other = BareAtom::new(bare, "beside-bare");
    beside(
        table,
        rounds,
        || {
            atom.swap(|n| n.unwrap_or(0) + 1).unwrap();
        },
        || other.put(),
    )
}

fn time(mut action: impl FnMut()) -> Duration {
    let begun = Instant::now();
    action();
    begun.elapsed()
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
