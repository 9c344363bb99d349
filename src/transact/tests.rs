//! Transactions through a network and a server that do as they are told, by a clock that only
//! waits move: each answer, and what follows from it.

mod lifetimes;
mod lost_replies;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusoto_core::ByteStream;
use rusoto_core::request::{
    DispatchSignedRequest, DispatchSignedRequestFuture, HttpDispatchError, HttpResponse,
};
use rusoto_core::signature::{SignedRequest, SignedRequestPayload};
use serde_json::{Value as Json, json};

use super::{TransactOptions, Transaction};
use crate::atom::Atom;
use crate::clock::testing::Fake;
use crate::codec::envelope::{Encoding, Layout};
use crate::dynamo::{Database, Dynamo};
use crate::error::{Error, Result};
use crate::retry::{Backoff, RetryPolicy};
use crate::store::{Lanes, Store};
use crate::table::Table;
use crate::transport::{Embedded, WireFailure};
use crate::write_id::Outcome;

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Served,
    ReplyLost,
    RequestLost,
    Answer(u16, String),
}
use Fate::{ReplyLost, RequestLost, Served};

type Act = dyn Fn(&str, usize) -> Fate + Send + Sync;

/// The engine behind a network. It forgets the tokens of transactions, so that only the items tell.
struct Network {
    engine: Embedded,
    counts: Mutex<HashMap<String, usize>>,
    seen: Arc<Mutex<Vec<(String, Json)>>>,
    act: Box<Act>,
}

impl DispatchSignedRequest for Network {
    fn dispatch(
        &self,
        mut request: SignedRequest,
        timeout: Option<Duration>,
    ) -> DispatchSignedRequestFuture {
        let target = String::from_utf8_lossy(&request.headers["x-amz-target"][0]).into_owned();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let Some(SignedRequestPayload::Buffer(body)) = &request.payload else { panic!() };
        let mut body: Json = serde_json::from_slice(body).unwrap();
        self.seen.lock().unwrap().push((operation.clone(), body.clone()));
        let nth = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(operation.clone()).or_default();
            *count += 1;
            *count
        };
        let fate = (self.act)(&operation, nth);
        body.as_object_mut().unwrap().remove("ClientRequestToken");
        request.set_payload(Some(body.to_string().into_bytes()));
        let engine = self.engine.clone();
        let lost = || HttpDispatchError::from(WireFailure::InDoubt("lost".to_owned()));
        Box::pin(async move {
            match fate {
                Served => engine.dispatch(request, timeout).await,
                ReplyLost => {
                    engine.dispatch(request, timeout).await?;
                    Err(lost())
                }
                RequestLost => Err(lost()),
                Fate::Answer(status, body) => {
                    #[allow(clippy::default_trait_access)] // rusoto does not export the type
                    let headers = Default::default();
                    let body = ByteStream::from(body.into_bytes());
                    Ok(HttpResponse { status: status.try_into().unwrap(), body, headers })
                }
            }
        })
    }
}

/// A table of an engine in memory, by a straight way and by one on which `act` says what happens to
/// the `n`th request of an operation.
struct Stage {
    straight: Table,
    table: Table,
    fake: Arc<Fake>,
    seen: Arc<Mutex<Vec<(String, Json)>>>,
}

const HALF: u64 = 1 << 63;

fn stage(act: impl Fn(&Table, &str, usize) -> Fate + Send + Sync + 'static) -> Stage {
    stage_in(Encoding::Native, act)
}

fn stage_in(
    encoding: Encoding,
    act: impl Fn(&Table, &str, usize) -> Fate + Send + Sync + 'static,
) -> Stage {
    let engine = Embedded::in_memory().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    // Ids must differ, and waits must be known: their first bit is what a fraction is made of.
    let mut count = 0;
    let fake = Fake::with_random(move || {
        count += 1;
        HALF + count
    });
    let minutes = Backoff::new(Duration::from_secs(600), 1.0, Duration::from_secs(600));
    let open = |act: Box<Act>, seen: &Arc<Mutex<Vec<_>>>| {
        let engine = engine.clone();
        let network = Network { engine, counts: Mutex::default(), seen: seen.clone(), act };
        Table::from_store(Store {
            dynamo: Dynamo::in_place(network, "memory".to_owned(), Database::Engine(1)),
            env: fake.env(),
            policy: RetryPolicy::new().backoff(minutes).throttle(minutes),
            table: "accounts".to_owned(),
            layout: Layout::new(encoding, "atom/id"),
            lanes: Lanes::default(),
        })
    };
    let straight = open(Box::new(|_, _| Served), &Arc::default());
    straight.ensure().unwrap();
    for key in ["a", "b", "c"] {
        straight.put_item(key, 100).unwrap();
    }
    let behind = straight.clone();
    let table = open(Box::new(move |operation, nth| act(&behind, operation, nth)), &seen);
    Stage { straight, table, fake, seen }
}

fn hours() -> TransactOptions {
    TransactOptions::new().timeout(Duration::from_secs(7200))
}

/// Moves one from `a` to `b`, if `c` lets it.
fn transfer(tx: &mut Transaction<'_>) -> anyhow::Result<i64> {
    let (a, b): (i64, i64) = (tx.get("a")?.unwrap(), tx.get("b")?.unwrap());
    let _: Option<i64> = tx.get("c")?;
    tx.set("a", a - 1)?;
    tx.set("b", b + 1)?;
    Ok(a - 1)
}

impl Stage {
    fn run(&self) -> (Result<i64>, u32) {
        let mut runs = 0;
        let result = self.table.transact_with(&hours(), |tx| {
            runs += 1;
            transfer(tx)
        });
        (result, runs)
    }

    fn values(&self) -> [i64; 3] {
        ["a", "b", "c"].map(|key| self.straight.find_item(key).unwrap().unwrap_or_default())
    }

    fn sent(&self, operation: &str) -> Vec<Json> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

const WRITE: &str = "TransactWriteItems";

fn canceled(codes: &[&str]) -> Fate {
    let reasons: Vec<_> =
        codes.iter().map(|code| json!({ "Code": code, "Message": "the reason" })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled", "CancellationReasons": reasons,
    });
    Fate::Answer(400, body.to_string())
}

fn plain(status: u16, code: &str) -> Fate {
    Fate::Answer(status, json!({ "__type": format!("x#{code}"), "message": "m" }).to_string())
}

/// These fates for the first requests of a write, in this order.
fn fates(fates: Vec<Fate>) -> impl Fn(&Table, &str, usize) -> Fate + Send + Sync + 'static {
    move |_, operation, nth| match operation {
        WRITE => fates.get(nth - 1).cloned().unwrap_or(Served),
        _ => Served,
    }
}

fn add(table: &Table, key: &str, amount: i64) {
    let atom = table.atom::<i64>(key);
    atom.swap(|n| n.unwrap_or(0) + amount).unwrap();
}

#[test]
fn nothing_goes_wrong() {
    let stage = stage(|_, _, _| Served);
    let (left, runs) = stage.run();
    assert_eq!((left.unwrap(), runs), (99, 1));
    assert_eq!(stage.values(), [99, 101, 100]);
    assert_eq!((stage.sent("GetItem").len(), stage.sent(WRITE).len()), (3, 1));
    let sent = stage.sent(WRITE).remove(0);
    assert!(sent["ClientRequestToken"].as_str().is_some_and(|token| token.len() <= 36));
    let kinds: Vec<_> = sent["TransactItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_object().unwrap().keys().next().unwrap().clone())
        .collect();
    assert_eq!(kinds, ["Put", "Put", "ConditionCheck"]);
    assert!(stage.fake.slept().is_empty());
}

#[test]
fn what_passes_is_sent_again_byte_for_byte() {
    for (passes, slept) in [
        (canceled(&["None", "TransactionConflict", "None"]), Duration::from_millis(5)),
        (canceled(&["ThrottlingError", "None", "None"]), Duration::from_secs(600)),
        (canceled(&["ProvisionedThroughputExceeded", "None", "None"]), Duration::from_secs(600)),
        (plain(400, "ThrottlingException"), Duration::from_secs(600)),
        (plain(400, "TransactionConflictException"), Duration::from_millis(5)),
        // An earlier send is at work: that is a doubt, and asks at once.
        (plain(400, "TransactionInProgressException"), Duration::ZERO),
        (plain(500, "InternalServerError"), Duration::ZERO),
        (plain(503, "ServiceUnavailable"), Duration::ZERO),
        (RequestLost, Duration::ZERO),
    ] {
        let stage = stage(fates(vec![passes.clone()]));
        let (left, runs) = stage.run();
        assert_eq!((left.unwrap(), runs), (99, 1), "{passes:?}");
        assert_eq!(stage.values(), [99, 101, 100], "{passes:?}");
        let sent = stage.sent(WRITE);
        assert_eq!(sent.len(), 2, "{passes:?}");
        assert_eq!(sent[0], sent[1], "{passes:?}");
        let waited: Duration = stage.fake.slept().iter().sum();
        assert!(waited.abs_diff(slept / 2) < Duration::from_micros(1), "{passes:?}: {waited:?}");
        assert_eq!(stage.sent("GetItem").len(), 3, "nothing is read again: {passes:?}");
    }
}

#[test]
fn what_does_not_pass_names_the_item() {
    for (codes, key, code) in [
        (["ValidationError", "None", "None"], "a", "ValidationError"),
        (
            ["None", "ItemCollectionSizeLimitExceeded", "None"],
            "b",
            "ItemCollectionSizeLimitExceeded",
        ),
        (["None", "None", "AccessDenied"], "c", "AccessDenied"),
        (["ConditionalCheckFailed", "None", "SomethingNew"], "c", "SomethingNew"),
    ] {
        let stage = stage(fates(vec![canceled(&codes)]));
        let (result, runs) = stage.run();
        let error = result.unwrap_err();
        let Error::Service { table, key: Some(of), code: what, message, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((table.as_str(), of.as_str(), what.as_str()), ("accounts", key, code));
        assert_eq!((message.as_str(), runs), ("the reason", 1));
        assert_eq!(stage.values(), [100, 100, 100]);
        assert_eq!(stage.sent(WRITE).len(), 1);
    }
    for untold in [canceled(&["None", "None", "None"]), canceled(&[]), plain(400, "Odd")] {
        let stage = stage(fates(vec![untold]));
        let error = stage.run().0.unwrap_err();
        assert!(matches!(error, Error::Service { key: None, .. }), "{error}");
    }
}

/// Another writer comes first: only what changed is looked at again, and by the refusal itself.
#[test]
fn a_conflict_brings_what_changed() {
    for (key, expected) in [("a", [109, 101, 100]), ("b", [99, 111, 100]), ("c", [99, 101, 110])] {
        let stage = stage(move |behind, operation, nth| {
            if (operation, nth) == (WRITE, 1) {
                add(behind, key, 10);
            }
            Served
        });
        let (left, runs) = stage.run();
        assert_eq!((left.unwrap(), runs), (expected[0], 2), "{key}");
        assert_eq!(stage.values(), expected);
        assert_eq!((stage.sent("GetItem").len(), stage.sent(WRITE).len()), (3, 2), "{key}");
        let tokens: Vec<_> =
            stage.sent(WRITE).iter().map(|sent| sent["ClientRequestToken"].clone()).collect();
        assert_ne!(tokens[0], tokens[1], "another request has another token");
    }
}

/// A server that does not tell the item: that one key alone is read again.
#[test]
fn a_conflict_that_is_not_told_reads_that_key() {
    let stage = stage(|behind, operation, nth| {
        if (operation, nth) == (WRITE, 1) {
            add(behind, "b", 10);
            return canceled(&["None", "ConditionalCheckFailed", "None"]);
        }
        Served
    });
    let (left, runs) = stage.run();
    assert_eq!((left.unwrap(), runs), (99, 2));
    assert_eq!(stage.values(), [99, 111, 100]);
    let read: Vec<_> = stage
        .sent("GetItem")
        .iter()
        .map(|get| get["Key"]["atom/id"]["S"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(read, ["a", "b", "c", "b"]);
}

#[test]
fn the_time_is_up() {
    let busy = || canceled(&["TransactionConflict", "None", "None"]);
    let short = TransactOptions::new().timeout(Duration::from_secs(5));
    let ends = |fate: Fate, options: &TransactOptions| {
        let stage = stage(move |_, operation, _| match operation {
            WRITE => fate.clone(),
            _ => Served,
        });
        let error = stage.table.transact_with(options, transfer).unwrap_err();
        (error, stage.sent(WRITE).len())
    };
    let (error, _) = ends(busy(), &short);
    let Error::Contention { key, .. } = &error else { panic!("{error}") };
    assert_eq!(key, "a");
    let (error, sent) = ends(busy(), &short.clone().max_attempts(3));
    assert!(matches!(&error, Error::Contention { attempts: 3, .. }) && sent == 3, "{error}");
    let (error, _) = ends(plain(400, "ThrottlingException"), &short);
    assert!(matches!(&error, Error::Throttled { .. }), "{error}");
    let (error, _) = ends(plain(500, "InternalServerError"), &short);
    assert!(matches!(&error, Error::Indeterminate { .. }), "{error}");
    let no_time = TransactOptions::new().timeout(Duration::ZERO);
    let (error, sent) = ends(Served, &no_time);
    assert!(matches!(&error, Error::Timeout { .. }) && sent == 0, "{error}");
}

/// What was read one after the other is proved by a snapshot; where something had changed, the
/// closure runs once more, on the snapshot, and nothing needs to be asked again.
#[test]
fn reads_are_proved() {
    const READ: &str = "TransactGetItems";
    for changes in [false, true] {
        let stage = stage(move |behind, operation, nth| {
            if changes && (operation, nth) == (READ, 1) {
                add(behind, "a", 10);
            }
            match (operation, nth) {
                (READ, 2) => canceled(&["None", "TransactionConflict"]),
                _ => Served,
            }
        });
        let read = |tx: &mut Transaction<'_>| -> anyhow::Result<i64> {
            Ok(tx.get::<i64>("a")?.unwrap() + tx.get::<i64>("b")?.unwrap())
        };
        let sum = stage.table.transact(read).unwrap();
        assert_eq!(sum, if changes { 210 } else { 200 });
        assert_eq!((stage.sent("GetItem").len(), stage.sent(READ).len()), (2, 1));
        // In the way of somebody's transaction: asked again.
        assert_eq!(stage.table.transact(read).unwrap(), sum);
        assert_eq!(stage.sent(READ).len(), 3);
    }
}

/// An error is believed only when what was read was there at one moment.
#[test]
fn an_error_is_proved() {
    for changes in [false, true] {
        let stage = stage(move |behind, operation, nth| {
            if changes && (operation, nth) == ("TransactGetItems", 1) {
                add(behind, "a", 10);
            }
            Served
        });
        let mut runs = 0;
        let result = stage.table.transact(|tx| {
            runs += 1;
            let (a, b): (i64, i64) = (tx.get("a")?.unwrap(), tx.get("b")?.unwrap());
            anyhow::ensure!(a > b, "not enough");
            tx.set("a", b)?;
            Ok(a)
        });
        match result {
            Ok(a) => assert!(changes && a == 110 && runs == 2),
            Err(Error::Aborted { key, source, .. }) => {
                assert!(!changes && runs == 1);
                assert_eq!((key.as_str(), source.to_string().as_str()), ("a, b", "not enough"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// An item of a Clojure table remembers one write and no removal: less can be told, and no more is
/// said than that.
#[cfg(feature = "edn")]
#[test]
fn less_is_told_in_a_clojure_table() {
    type Change = fn(&mut Transaction<'_>) -> anyhow::Result<()>;
    let both: Change = |tx| transfer(tx).map(drop);
    let move_all: Change = |tx| {
        let (a, b): (i64, i64) = (tx.get("a")?.unwrap_or_default(), tx.get("b")?.unwrap());
        tx.remove("a")?;
        Ok(tx.set("b", a + b)?)
    };
    let remove_both: Change = |tx| {
        tx.remove("a")?;
        Ok(tx.remove("b")?)
    };
    // What is lost, which keys another writes meanwhile, and how often the closure runs; none when
    // nobody can know.
    for (what, lost, others, runs_expected) in [
        ("transfer", ReplyLost, "", Some(1)),
        ("transfer", ReplyLost, "a", Some(1)),
        ("transfer", ReplyLost, "ab", None),
        ("transfer", ReplyLost, "c", Some(1)),
        ("transfer", RequestLost, "a", Some(2)),
        ("transfer", RequestLost, "c", Some(2)),
        ("transfer", RequestLost, "ab", None),
        ("move", ReplyLost, "", Some(1)),
        ("move", ReplyLost, "a", Some(1)),
        ("move", RequestLost, "b", Some(2)),
        ("remove", ReplyLost, "", None),
        ("remove", RequestLost, "a", Some(2)),
    ] {
        let fate = lost.clone();
        let stage = stage_in(Encoding::Edn, move |behind, operation, nth| match (operation, nth) {
            (WRITE, 1) => fate.clone(),
            (WRITE, 2) => {
                others.chars().for_each(|key| add(behind, &key.to_string(), 10));
                Served
            }
            _ => Served,
        });
        let change = match what {
            "transfer" => both,
            "move" => move_all,
            _ => remove_both,
        };
        let mut runs = 0;
        let result = stage.table.transact_with(&hours(), |tx| {
            runs += 1;
            change(tx)
        });
        match (runs_expected, result) {
            (Some(expected), Ok(())) => assert_eq!(runs, expected, "{lost:?} {others}"),
            (None, Err(Error::Indeterminate { .. })) => assert_eq!(runs, 1),
            (_, result) => panic!("{lost:?} {others}: {result:?}"),
        }
        let ten = |key| if others.contains(key) { 10 } else { 0 };
        let total: i64 = stage.values().iter().sum();
        if what != "remove" {
            assert_eq!(total, 300 + ten('a') + ten('b') + ten('c'), "{lost:?} {others}");
        }
    }
}
