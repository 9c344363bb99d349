//! The lane step by step, all callers on one thread: what each is told is what happened.
//!
//! The engine in memory answers, unless the test wants a request to meet another fate.

mod leaving;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusoto_core::ByteStream;
use rusoto_core::request::{
    DispatchSignedRequest, DispatchSignedRequestFuture, HttpDispatchError, HttpResponse,
};
use rusoto_core::signature::SignedRequest;

use super::{Joined, Lane, News};
use crate::clock::Env;
use crate::clock::testing::Fake;
use crate::codec::Value;
use crate::codec::envelope::{Content, Encoding, Held, Layout};
use crate::dynamo::{Database, Dynamo};
use crate::retry::{Backoff, Effort, RetryPolicy};
use crate::store::{Lanes, Store};
use crate::table::Table;
use crate::transport::{Embedded, WireFailure};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Served,
    Throttled,
    ReplyLost,
    RequestLost,
}

/// The engine behind a network that does as it is told.
struct Network {
    engine: Embedded,
    fate: Box<dyn Fn(&str) -> Fate + Send + Sync>,
}

impl DispatchSignedRequest for Network {
    fn dispatch(
        &self,
        request: SignedRequest,
        timeout: Option<Duration>,
    ) -> DispatchSignedRequestFuture {
        let target = String::from_utf8_lossy(&request.headers["x-amz-target"][0]).into_owned();
        let fate = (self.fate)(target.rsplit('.').next().unwrap());
        let served = self.engine.dispatch(request, timeout);
        let lost = || HttpDispatchError::from(WireFailure::InDoubt("lost".to_owned()));
        Box::pin(async move {
            match fate {
                Fate::Served => served.await,
                Fate::ReplyLost => {
                    served.await?;
                    Err(lost())
                }
                Fate::RequestLost => Err(lost()),
                Fate::Throttled => {
                    let body = br#"{"__type":"ThrottlingException","message":"slow down"}"#;
                    #[allow(clippy::default_trait_access)] // rusoto does not export the type
                    let headers = Default::default();
                    let body = ByteStream::from(body.to_vec());
                    Ok(HttpResponse { status: 400_u16.try_into().unwrap(), body, headers })
                }
            }
        })
    }
}

/// One process: its lane for the one key, and its store.
struct Process {
    store: Store,
    lane: Arc<Lane>,
}

const KEY: &str = "k";
const LONG: Duration = Duration::from_secs(3600);
/// Shorter than any pause.
const SHORT: Duration = Duration::from_nanos(1);

fn process(
    engine: &Embedded,
    lane: Arc<Lane>,
    env: Env,
    fate: impl Fn(&str) -> Fate + Send + Sync + 'static,
) -> Process {
    let network = Network { engine: engine.clone(), fate: Box::new(fate) };
    let minutes = Backoff::new(Duration::from_secs(600), 1.0, Duration::from_secs(600));
    let store = Store {
        dynamo: Dynamo::in_place(network, "memory".to_owned(), Database::Engine(0)),
        env,
        policy: RetryPolicy::new().backoff(minutes).throttle(minutes),
        table: "lanes".to_owned(),
        layout: Layout::new(Encoding::Native, "atom/id"),
        lanes: Lanes::default(),
    };
    Process { store, lane }
}

/// An engine with a table, and a process that has no trouble with it.
fn engine() -> (Embedded, Process) {
    let engine = Embedded::in_memory().unwrap();
    let plain = || {
        let env = Fake::seeded(7).env();
        process(&engine, Arc::new(Lane::new(KEY)), env, |_| Fate::Served)
    };
    Table::from_store(plain().store).ensure().unwrap();
    let other = plain();
    (engine, other)
}

/// A process whose puts meet these fates, one after the other; then all are served.
fn troubled(engine: &Embedded, fates: &[Fate]) -> Process {
    let fates = Mutex::new(VecDeque::from(fates.to_vec()));
    process(engine, Arc::new(Lane::new(KEY)), Fake::seeded(1).env(), move |operation| {
        match operation {
            "PutItem" => fates.lock().unwrap().pop_front().unwrap_or(Fate::Served),
            _ => Fate::Served,
        }
    })
}

impl Process {
    fn effort(&self, timeout: Duration) -> Effort<'_> {
        Effort::new(&self.store.env, &self.store.policy, timeout, &Backoff::none())
    }

    /// A caller's closure has its turn and adds `token`.
    fn join(&self, token: &str) -> u64 {
        let mut effort = self.effort(LONG);
        let (turn, _) = self.lane.turn(&effort).unwrap();
        let tip = turn.tip(&self.store, &mut effort).unwrap();
        let content = added(tip.held.value.as_deref(), token);
        match turn.join(&tip, 0, Some(content), effort.now()) {
            Joined::Waits(ticket) => ticket,
            Joined::Settled(_) | Joined::Stale => panic!("{token} does not wait"),
        }
    }

    /// A caller learns that it leads, and does.
    fn leads(&self, ticket: u64, timeout: Duration) {
        let mut effort = self.effort(timeout);
        let news = self.lane.news(ticket, &effort);
        assert!(matches!(news, News::Lead), "{news:?}");
        self.lane.lead(ticket, &self.store, &Backoff::none(), &mut effort).unwrap();
    }

    /// What there is to tell this caller, who has no time to wait for it.
    fn news(&self, ticket: u64) -> News {
        self.lane.news(ticket, &self.effort(Duration::ZERO))
    }

    /// A whole swap, without company.
    fn swap(&self, token: &str) {
        let news = self.tries(token);
        assert!(matches!(news, News::Done(_)), "{news:?}");
    }

    /// One attempt, without company.
    fn tries(&self, token: &str) -> News {
        let ticket = self.join(token);
        self.leads(ticket, LONG);
        self.news(ticket)
    }

    fn stored(&self) -> String {
        let found = self.store.read(KEY, true, &mut self.effort(LONG)).unwrap();
        text(found.value.as_deref())
    }

    /// Nobody is left behind: neither news that nobody reads, nor a leadership without a leader.
    fn is_at_rest(&self) -> bool {
        let state = self.lane.lock();
        state.news.is_empty()
            && !state.led
            && !state.turn_taken
            && state.flying.is_none()
            && state.parked.is_none()
            && state.open.members.is_empty()
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::S(text)) => text.clone(),
        None => String::new(),
        other => panic!("{other:?}"),
    }
}

fn added(value: Option<&Value>, token: &str) -> Content {
    Content::permanent(Value::S(text(value) + token))
}

#[test]
fn two_ride_in_one_write() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, LONG);
    for ticket in [a, b] {
        let news = own.news(ticket);
        assert!(matches!(&news, News::Done(done) if done.shared == 2), "{news:?}");
    }
    assert_eq!(other.stored(), "ab");
    assert!(own.is_at_rest());
}

/// A leader's time is up after its put was throttled: it is told that nothing was written, so
/// nobody may send that put again.
#[test]
fn what_a_leader_is_told_has_failed_is_not_written_by_the_next() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[Fate::Throttled]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, SHORT);
    assert!(matches!(own.news(a), News::Refused { sent: 1, .. }));
    assert!(matches!(own.news(b), News::Again { conflict: false, requests: 1, .. }));
    own.swap("b");
    assert_eq!(other.stored(), "b");
    assert!(own.is_at_rest());
}

/// A leader's time is up while its put is in doubt: the next one sends the same put again.
#[test]
fn a_flight_in_doubt_is_handed_to_the_next() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[Fate::RequestLost, Fate::RequestLost]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, SHORT);
    let News::Unknown { write, reason } = own.news(a) else { panic!("a") };
    assert!(reason.contains("lost"), "{reason}");
    own.leads(b, LONG);
    let News::Done(done) = own.news(b) else { panic!("b") };
    assert_eq!(done.write, Some(write), "the same put");
    assert_eq!((done.requests, other.stored().as_str()), (3, "ab"));
    assert!(own.is_at_rest());
}

/// The next one has no time left either.
#[test]
fn a_flight_in_doubt_that_nobody_drives_on_is_unknown_to_all() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[Fate::ReplyLost, Fate::RequestLost]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, SHORT);
    own.leads(b, Duration::ZERO);
    let (News::Unknown { write: first, .. }, News::Unknown { write: second, reason }) =
        (own.news(a), own.news(b))
    else {
        panic!("not unknown")
    };
    assert_eq!(first, second);
    assert!(reason.contains("lost"), "{reason}");
    assert_eq!(other.stored(), "ab");
    assert!(own.is_at_rest());
    own.swap("c");
    assert_eq!(other.stored(), "abc");
}

/// A leader without time sends nothing, and its result is nobody's base.
#[test]
fn a_leader_without_time_does_not_begin() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, Duration::ZERO);
    assert!(matches!(own.news(a), News::OutOfTime));
    assert!(matches!(own.news(b), News::Again { conflict: false, .. }));
    assert_eq!(other.stored(), "");
    own.swap("b");
    assert_eq!(other.stored(), "b");
    assert!(own.is_at_rest());
}

/// A closure runs on a value that is deleted meanwhile, and somebody reads what is there then:
/// its result must not be written in the place of that.
#[test]
fn a_closure_that_ran_on_what_was_forgotten_runs_again() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[]);
    own.swap("old");
    let mut effort = own.effort(LONG);
    let (turn, _) = own.lane.turn(&effort).unwrap();
    let tip = turn.tip(&own.store, &mut effort).unwrap();
    own.lane.forget();
    other.swap("er");
    let asked = own.lane.tick();
    own.lane.learn(
        own.store.read(KEY, true, &mut own.effort(LONG)).unwrap(),
        asked,
        own.store.env.now(),
    );
    let joined = turn.join(&tip, 0, Some(added(tip.held.value.as_deref(), "new")), effort.now());
    assert!(matches!(joined, Joined::Stale));
    own.swap("new");
    assert_eq!(other.stored(), "oldernew");
    assert!(own.is_at_rest());
}

/// A put that one leader sent and another found applied: the state that it left may be older than
/// a swap that began in between, which must not take it for the truth unseen.
#[test]
fn a_recovered_state_is_as_old_as_its_first_send() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[Fate::ReplyLost, Fate::RequestLost]);
    let (a, b) = (own.join("a"), own.join("b"));
    own.leads(a, SHORT);
    assert!(matches!(own.news(a), News::Unknown { .. }));
    other.swap("x");
    let begun = own.lane.tick();
    own.leads(b, LONG);
    assert!(matches!(own.news(b), News::Done(done) if done.recovered));

    let mut effort = own.effort(LONG);
    let (turn, _) = own.lane.turn(&effort).unwrap();
    let tip = turn.tip(&own.store, &mut effort).unwrap();
    assert_eq!(text(tip.held.value.as_deref()), "abx");
    other.swap("y");
    let Joined::Waits(reader) = turn.join(&tip, begun, None, effort.now()) else {
        panic!("settled unseen")
    };
    own.leads(reader, LONG);
    assert!(matches!(own.news(reader), News::Again { .. }), "another wrote since");
    assert_eq!(own.stored(), "abxy");
    assert!(own.is_at_rest());
}

/// Each rides on what the one before it left, its end included, and what has expired by then is
/// nothing.
#[test]
fn riders_keep_the_end_of_what_they_ride_on() {
    let (engine, other) = engine();
    let clock = Fake::seeded(1);
    let now = clock.env().epoch_seconds();
    let own = process(&engine, Arc::new(Lane::new(KEY)), clock.env(), |_| Fate::Served);
    let join = |change: &dyn Fn(&Held) -> Content| {
        let mut effort = own.effort(LONG);
        let (turn, _) = own.lane.turn(&effort).unwrap();
        let tip = turn.tip(&own.store, &mut effort).unwrap();
        let Joined::Waits(ticket) = turn.join(&tip, 0, Some(change(&tip.held)), effort.now())
        else {
            panic!()
        };
        ticket
    };
    let keep = |held: &Held, token| {
        let value = Value::S(text(held.value.as_deref()) + token);
        Content::Value { value: Arc::new(value), expires: held.expires }
    };
    let until = |held: &Held, token, expires| {
        let value = Value::S(text(held.value.as_deref()) + token);
        Content::Value { value: Arc::new(value), expires: Some(expires) }
    };
    let leader = join(&|held| until(held, "a", now + 10));
    join(&|held| keep(held, "b"));
    own.leads(leader, LONG);
    let found = other.store.read(KEY, true, &mut other.effort(LONG)).unwrap();
    assert_eq!((text(found.value.as_deref()).as_str(), found.expires), ("ab", Some(now + 10)));

    clock.pass(Duration::from_secs(10));
    let leader = join(&|held| until(held, "c", now + 11));
    clock.pass(Duration::from_secs(1));
    join(&|held| keep(held, "d"));
    own.leads(leader, LONG);
    let found = other.store.read(KEY, true, &mut other.effort(LONG)).unwrap();
    assert_eq!((text(found.value.as_deref()).as_str(), found.expires), ("d", None));
}

/// The refusal that tells that a put had been applied brings what others have written on top of
/// it: nothing is built on what it left.
#[test]
fn a_recovered_write_that_was_overtaken_is_nobodys_base() {
    let (engine, other) = engine();
    let lane = Arc::new(Lane::new(KEY));
    let puts = Arc::new(Mutex::new(0));
    let rider = Arc::new(Mutex::new(None));
    // The same lane, for callers who come while the first one's put is under way.
    let beside = process(&engine, lane.clone(), Fake::seeded(2).env(), |_| Fate::Served);
    let beside = Arc::new(beside);
    let own = {
        let (puts, rider, beside) = (puts.clone(), rider.clone(), beside.clone());
        process(&engine, lane, Fake::seeded(1).env(), move |operation| {
            let mut puts = puts.lock().unwrap();
            *puts += usize::from(operation == "PutItem");
            match (operation, *puts) {
                ("PutItem", 1) => Fate::ReplyLost,
                ("PutItem", 2) => {
                    other.swap("x");
                    *rider.lock().unwrap() = Some(beside.join("b"));
                    Fate::Served
                }
                _ => Fate::Served,
            }
        })
    };
    let a = own.join("a");
    own.leads(a, LONG);
    assert!(matches!(own.news(a), News::Done(done) if done.recovered && done.new_version == 1));
    let b = rider.lock().unwrap().take().unwrap();
    assert!(matches!(own.news(b), News::Again { conflict: true, requests: 0, .. }));
    own.swap("b");
    assert_eq!(*puts.lock().unwrap(), 3, "built on the newer state, and not refused");
    assert_eq!(own.stored(), "axb");
    assert!(own.is_at_rest());
}

/// Who has won twice after a defeat makes way for others, and is told how long that took.
#[test]
fn making_way_is_counted_as_waiting() {
    let (engine, other) = engine();
    let trip = Duration::from_millis(20);
    let own = process(&engine, Arc::new(Lane::new(KEY)), Env::real(), move |operation| {
        if operation == "PutItem" {
            std::thread::sleep(trip);
        }
        Fate::Served
    });
    own.swap("a");
    // On a busy machine there may be a break between two writes, which is way enough.
    let mut waits = Vec::new();
    for _ in 0..5 {
        other.swap("x");
        if !matches!(own.tries("b"), News::Again { conflict: true, .. }) {
            continue;
        }
        for token in ["b", "c", "d"] {
            let begun = own.store.env.now();
            let News::Done(done) = own.tries(token) else { panic!("{token}") };
            assert!(done.waited <= own.store.env.now() - begun, "{done:?}");
            waits.push(done.waited);
        }
        if waits.last().is_some_and(|wait| *wait >= 2 * trip) {
            return;
        }
    }
    panic!("no way was made, or it was not told: {waits:?}");
}

#[test]
fn a_lane_vanishes_with_its_last_handle() {
    let (_, own) = engine();
    let lanes = &own.store.lanes;
    let (first, second) = (lanes.of(KEY), lanes.of(KEY));
    assert!(Arc::ptr_eq(&first, &second));
    drop(first);
    assert!(lanes.in_use(KEY).is_some());
    drop(second);
    assert!(lanes.in_use(KEY).is_none());
    let kept = lanes.of(KEY);
    for n in 0..10_000 {
        drop(lanes.of(&n.to_string()));
    }
    assert!(lanes.remembered() < 100, "{} lanes", lanes.remembered());
    assert!(Arc::ptr_eq(&kept, &lanes.of(KEY)));
}
