//! Where tests run, and what they share.

pub(crate) mod http;
pub(crate) mod partly;
pub(crate) mod seed;
pub(crate) mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use faraday_atom::Table;
use libtest_mimic::{Failed, Trial};

/// A test of behaviour that every store must have.
pub(crate) struct StoreTest {
    pub(crate) name: &'static str,
    pub(crate) on: &'static [Kind],
    pub(crate) run: fn(&Ground),
}

/// A test that brings its own server.
pub(crate) struct PlainTest {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Memory,
    Live,
}

pub(crate) const EVERYWHERE: &[Kind] = &[Kind::File, Kind::Memory, Kind::Live];
/// Where a second process, or another tool, can reach the same items.
pub(crate) const SHARED: &[Kind] = &[Kind::File, Kind::Live];

/// The DynamoDB Local that the environment names, if it does.
#[derive(Clone)]
pub(crate) struct Live {
    endpoint: Option<String>,
    only: bool,
}

impl Live {
    pub(crate) fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            endpoint: set("FARADAY_TEST_ENDPOINT"),
            only: set("FARADAY_TEST_LIVE").is_some_and(|value| value == "only"),
        }
    }

    pub(crate) fn remind(&self) {
        if self.endpoint.is_none() {
            eprintln!(
                "\n*** THE LIVE TESTS DID NOT RUN: no DynamoDB Local is named in \
                 FARADAY_TEST_ENDPOINT. `make test-live` fetches one and runs them. ***\n"
            );
        }
    }
}

impl StoreTest {
    pub(crate) fn trials(&'static self, live: &Live) -> Vec<Trial> {
        let kinds = self.on.iter().filter(|kind| !live.only || **kind == Kind::Live);
        kinds
            .map(|kind| {
                let name = format!("{:?}::{}", kind, self.name).to_lowercase();
                let endpoint = live.endpoint.clone();
                let absent = *kind == Kind::Live && endpoint.is_none();
                let required = live.only;
                Trial::test(name, move || {
                    let ground = Ground::new(*kind, endpoint)?;
                    guarded(|| (self.run)(&ground))
                })
                .with_ignored_flag(absent && !required)
            })
            .collect()
    }
}

impl PlainTest {
    pub(crate) fn trial(&'static self, live: &Live) -> Option<Trial> {
        (!live.only).then(|| Trial::test(self.name, || guarded(self.run)))
    }
}

/// A failed assertion as the harness wants it.
fn guarded(test: impl FnOnce()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(test)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Failed::from(text.unwrap_or_else(|| "the test panicked".to_owned()))
    })
}

/// The ground that a test stands on: a store of its own.
pub(crate) struct Ground {
    pub(crate) kind: Kind,
    endpoint: Option<String>,
    dir: tempfile::TempDir,
}

impl Ground {
    fn new(kind: Kind, endpoint: Option<String>) -> Result<Self, Failed> {
        if kind == Kind::Live && endpoint.is_none() {
            return Err(Failed::from(
                "FARADAY_TEST_LIVE=only, and FARADAY_TEST_ENDPOINT names no DynamoDB Local",
            ));
        }
        Ok(Self { kind, endpoint, dir: tempfile::tempdir()? })
    }

    /// A table of its own that exists.
    pub(crate) fn table(&self) -> Table {
        let table = self.unmade();
        table.ensure().unwrap();
        table
    }

    /// A table of its own that does not exist yet.
    pub(crate) fn unmade(&self) -> Table {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        self.named(&format!("test-{}-{n}", std::process::id()))
    }

    /// A new connection to the table of this name.
    pub(crate) fn named(&self, name: &str) -> Table {
        self.builder(name).open().unwrap()
    }

    pub(crate) fn builder(&self, name: &str) -> faraday_atom::TableBuilder {
        let builder = Table::builder(name);
        match (&self.kind, &self.endpoint) {
            (Kind::Live, Some(endpoint)) => builder
                .endpoint_url(endpoint)
                .region("local")
                .credentials("local", "local", None::<String>)
                // A Java program on a busy machine may take its time.
                .request_timeout(Duration::from_secs(20)),
            (Kind::Memory, _) => builder.embedded_in_memory(),
            _ => builder.embedded(self.file()),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("atoms.db")
    }

    /// How a worker process reaches the same store: see `workers`.
    pub(crate) fn address(&self) -> String {
        match (&self.kind, &self.endpoint) {
            (Kind::Live, Some(endpoint)) => endpoint.clone(),
            _ => self.file().display().to_string(),
        }
    }

    /// Does what another tool would do: one raw request to DynamoDB, around the crate.
    pub(crate) fn raw(&self, operation: &str, body: &serde_json::Value) -> serde_json::Value {
        let (status, answer) = self.try_raw(operation, body);
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// As `raw`, for a request that may be refused.
    pub(crate) fn try_raw(
        &self,
        operation: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let body = body.to_string();
        let (status, answer) = match (&self.kind, &self.endpoint) {
            (Kind::Live, Some(endpoint)) => {
                let address = endpoint.trim_start_matches("http://");
                server::post(address, operation, body.as_bytes())
            }
            (Kind::Memory, _) => panic!("nobody else reaches the memory of a table"),
            _ => {
                let engine = dynoxide::Database::new(self.file().to_str().unwrap()).unwrap();
                server::engine_answer(&engine, operation, body.as_bytes())
            }
        };
        (status, serde_json::from_slice(&answer).unwrap())
    }

    /// Puts an item as another tool would.
    pub(crate) fn put_foreign(&self, table: &Table, item: serde_json::Value) {
        self.raw("PutItem", &serde_json::json!({ "TableName": table.name(), "Item": item }));
    }

    /// The item under this key text, as it is stored.
    pub(crate) fn stored(&self, table: &Table, key: &str) -> serde_json::Value {
        let request = serde_json::json!({
            "TableName": table.name(), "Key": { "atom/id": { "S": key } }, "ConsistentRead": true,
        });
        self.raw("GetItem", &request)["Item"].take()
    }
}

/// Runs `work(0)` to `work(count - 1)`, each on its own thread, and gives their results in order.
pub(crate) fn on_threads<R: Send>(count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = (0..count).map(|n| scope.spawn(move || work(n))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}
