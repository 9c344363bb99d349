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

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Backoff, Error, ItemAtom, MemoryAtom, RetryPolicy, SwapOptions, Table};
use serde::{Deserialize, Serialize};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use crate::support::server::{Fault, Seen, Server, THROTTLED, UNAVAILABLE};
use crate::support::{PlainTest, on_threads};
use crate::workers;

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

// --- what may be called, what may be told, and when that fits

/// The tokens of the writes that made the value; `None` when nothing is held.
type Value = Option<Vec<u32>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Call {
    Get,
    /// Adds the token.
    Swap(u32),
    /// Adds the token, removes, or aborts: as the value's length says.
    TrySwap(u32),
    /// Leaves the token and nothing else.
    Reset(u32),
    /// Adds the token to exactly this value.
    CompareAndSet(Value, u32),
    Remove,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Told {
    Got(Value),
    /// The old value and the new one.
    Swapped(Value, Value),
    /// It was aborted, on this value.
    Aborted(Value),
    Done,
    Set(bool),
    /// Indeterminate.
    Unknown,
    /// A clean failure.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Call(Call),
    Return(Told),
}

fn with(value: &Value, token: u32) -> Value {
    Some(value.iter().flatten().copied().chain([token]).collect())
}

/// What the closure of a `try_swap` decides: `None` to abort.
fn tried(value: &Value, token: u32) -> Option<Value> {
    match value.iter().flatten().count() % 4 {
        1 => None,
        3 => Some(None),
        _ => Some(with(value, token)),
    }
}

struct OneValue;

impl Specification for OneValue {
    type State = Value;
    type Operation = (Call, Told);

    fn init() -> Value {
        None
    }

    fn apply((call, told): &(Call, Told), state: &Value) -> (bool, Value) {
        let after = match call {
            Call::Get => state.clone(),
            Call::Swap(token) => with(state, *token),
            Call::TrySwap(token) => tried(state, *token).unwrap_or_else(|| state.clone()),
            Call::Reset(token) => Some(vec![*token]),
            Call::CompareAndSet(expected, token) if state == expected => with(state, *token),
            Call::CompareAndSet(..) => state.clone(),
            Call::Remove => None,
        };
        let fits = match (call, told) {
            (_, Told::Unknown) => true,
            (_, Told::Failed) => false,
            (Call::Get, Told::Got(value)) => value == state,
            (Call::Swap(_), Told::Swapped(old, new)) => old == state && *new == after,
            (Call::TrySwap(token), Told::Swapped(old, new)) => {
                old == state && *new == after && tried(state, *token).is_some()
            }
            (Call::TrySwap(token), Told::Aborted(seen)) => {
                seen == state && tried(state, *token).is_none()
            }
            (Call::CompareAndSet(expected, _), Told::Set(set)) => *set == (state == expected),
            (Call::Reset(_) | Call::Remove, Told::Done) => true,
            (call, told) => panic!("{call:?} cannot be told {told:?}"),
        };
        (fits, after)
    }
}

/// Whether some order of the calls explains all that was told.
fn is_linearizable(events: &[(usize, Event)]) -> bool {
    let told_of = |place: usize, thread: usize| {
        events[place..].iter().find_map(|(by, event)| match event {
            Event::Return(told) if *by == thread => Some(told.clone()),
            _ => None,
        })
    };
    let mut actions = Vec::new();
    let mut unknown = Vec::new();
    // A call whose outcome is unknown never returns, and its thread goes on as another.
    let mut names: Vec<usize> = (0..=events.iter().map(|(by, _)| *by).max().unwrap()).collect();
    let mut next = names.len();
    let mut open: Vec<Option<(Call, Told)>> = vec![None; names.len()];
    for (place, (thread, event)) in events.iter().enumerate() {
        match event {
            Event::Call(call) => {
                let told = told_of(place, *thread).expect("every call returns");
                if told != Told::Failed {
                    let operation = (call.clone(), told);
                    actions.push((names[*thread], Action::Call(operation.clone())));
                    open[*thread] = Some(operation);
                }
            }
            Event::Return(Told::Failed) => {}
            Event::Return(told) => {
                let operation = open[*thread].take().expect("it was called");
                let response = (names[*thread], Action::Response(operation));
                if *told == Told::Unknown {
                    unknown.push(response);
                    names[*thread] = next;
                    next += 1;
                } else {
                    actions.push(response);
                }
            }
        }
    }
    actions.extend(unknown);
    actions.is_empty() || WGLChecker::<OneValue>::is_linearizable(History::from_actions(actions))
}

// --- making a history

/// Numbers that follow from a seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn of(seed: u64, part: u64) -> Self {
        let mut dice = Self(seed ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.below(1);
        dice
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// One thread's part: its calls, each recorded before it begins and after it returns.
fn play<A: Atom<Value = Vec<u32>>>(
    seed: u64,
    thread: usize,
    atom: impl Fn(&mut Dice) -> A,
    record: impl Fn(Event),
) {
    let mut dice = Dice::of(seed, 1 + thread as u64);
    let mut last: Value = None;
    for n in 0..CALLS {
        let token = u32::try_from(thread * 100 + n).unwrap();
        let call = match dice.below(20) {
            0..=3 => Call::Get,
            4..=9 => Call::Swap(token),
            10..=12 => Call::TrySwap(token),
            13..=14 => Call::Reset(token),
            15..=17 => Call::CompareAndSet(last.clone(), token),
            _ => Call::Remove,
        };
        let atom = atom(&mut dice);
        record(Event::Call(call.clone()));
        let told = make(&atom, &call);
        if let Told::Got(value) | Told::Swapped(_, value) | Told::Aborted(value) = &told {
            last.clone_from(value);
        }
        record(Event::Return(told));
    }
}

fn make<A: Atom<Value = Vec<u32>>>(atom: &A, call: &Call) -> Told {
    let mut seen = None;
    let result = match call {
        Call::Get => atom.get().map(Told::Got),
        Call::Swap(token) if token % 2 == 0 => atom
            .swap_vals(|value| with(&value, *token).unwrap())
            .map(|(old, new)| Told::Swapped(old, Some(new))),
        Call::Swap(token) => atom
            .swap(|value| {
                seen.clone_from(&value);
                with(&value, *token).unwrap()
            })
            .map(|new| Told::Swapped(seen.clone(), Some(new))),
        Call::TrySwap(token) => atom
            .try_swap(|value| {
                seen.clone_from(&value);
                tried(&value, *token).ok_or_else(|| anyhow::anyhow!("not this one"))
            })
            .map(|new| Told::Swapped(seen.clone(), new)),
        Call::Reset(token) => atom.reset(vec![*token]).map(|()| Told::Done),
        Call::CompareAndSet(expected, token) => {
            let new = with(expected, *token).unwrap();
            atom.compare_and_set(expected.as_ref(), new).map(Told::Set)
        }
        Call::Remove => atom.remove().map(|()| Told::Done),
    };
    match result {
        Ok(told) => told,
        Err(Error::Aborted { .. }) => Told::Aborted(seen),
        Err(Error::Indeterminate { .. }) => Told::Unknown,
        Err(
            Error::Timeout { .. }
            | Error::Contention { .. }
            | Error::Throttled { .. }
            | Error::Transport { .. },
        ) => Told::Failed,
        Err(error) => panic!("{call:?}: {error}"),
    }
}

/// What many histories came to.
#[derive(Debug, Default)]
struct Sum {
    calls: AtomicUsize,
    failed: AtomicUsize,
    unknown: AtomicUsize,
    longest_check: Mutex<Duration>,
}

impl Sum {
    /// Checks a history, and counts what is in it.
    fn check(&self, events: &[(usize, Event)]) -> bool {
        let count = |wanted: &dyn Fn(&Event) -> bool| {
            events.iter().filter(|(_, event)| wanted(event)).count()
        };
        let add = |to: &AtomicUsize, number| to.fetch_add(number, Ordering::Relaxed);
        add(&self.calls, count(&|event| matches!(event, Event::Call(_))));
        add(&self.failed, count(&|event| *event == Event::Return(Told::Failed)));
        add(&self.unknown, count(&|event| *event == Event::Return(Told::Unknown)));
        let begun = Instant::now();
        let fits = is_linearizable(events);
        let mut longest = self.longest_check.lock().unwrap();
        *longest = (*longest).max(begun.elapsed());
        fits
    }
}

fn listed(events: &[(usize, Event)]) -> String {
    let lines = events.iter().map(|(thread, event)| match event {
        Event::Call(call) => format!("{thread:>3}  {call:?}\n"),
        Event::Return(told) => format!("{thread:>3}    → {told:?}\n"),
    });
    lines.collect()
}

/// One history: every thread plays its part on its table's atom; then one more looks.
fn history<A>(seed: u64, atom: impl Fn(usize, &mut Dice) -> A + Sync) -> Vec<(usize, Event)>
where
    A: Atom<Value = Vec<u32>>,
{
    let events = Mutex::new(Vec::new());
    let start = Barrier::new(TABLES * THREADS);
    on_threads(TABLES * THREADS, |thread| {
        start.wait();
        let record = |event| events.lock().unwrap().push((thread, event));
        play(seed, thread, |dice| atom(thread / THREADS, dice), record);
    });
    let mut events = events.into_inner().unwrap();
    if events.iter().any(|(_, event)| matches!(event, Event::Return(Told::Failed))) {
        // What failed must not land later either.
        std::thread::sleep(STRAGGLING);
    }
    let told = (0..20).map(|_| make(&atom(0, &mut Dice(0)), &Call::Get));
    let told = told.into_iter().find(|told| *told != Told::Failed).expect("the server answers");
    let last = TABLES * THREADS;
    events.extend([(last, Event::Call(Call::Get)), (last, Event::Return(told))]);
    events
}

// --- the faults

/// The longest that a put can be under way after its connection was closed.
const STRAGGLING: Duration = Duration::from_millis(25);

/// Which faults a server makes: they follow from the seed and the number of the request.
#[derive(Debug, Default)]
struct Weather {
    seed: AtomicU64,
    number: AtomicU64,
    faults: AtomicUsize,
}

impl Weather {
    fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::SeqCst);
        self.number.store(0, Ordering::SeqCst);
    }

    fn fault(&self, seen: &Seen<'_>) -> Fault {
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

fn quick(builder: faraday_atom::TableBuilder) -> faraday_atom::TableBuilder {
    let millis = Duration::from_millis;
    let policy = RetryPolicy::new()
        .timeout(millis(2000))
        .backoff(Backoff::new(millis(1), 2.0, millis(8)))
        .throttle(Backoff::new(millis(2), 2.0, millis(8)));
    builder.retry(policy).request_timeout(millis(500))
}

fn tables(server: &Server) -> Vec<Table> {
    (0..TABLES).map(|_| server.table(quick)).collect()
}

/// The atom of one call: one in three has little time.
fn item_atom(table: &Table, key: &str, dice: &mut Dice) -> ItemAtom<Vec<u32>> {
    let timeout = match dice.below(3) {
        0 => Duration::from_millis(1 + dice.below(15)),
        _ => Duration::from_secs(3),
    };
    table.atom(key).with_options(SwapOptions::new().timeout(timeout))
}

/// The seed of the environment, with the number of runs; or fresh seeds.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("FARADAY_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("FARADAY_TEST_SEED is a number"); 100],
        Err(_) => {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
            let first = u64::try_from(now).unwrap() % 1_000_000_000;
            (first..first + count).collect()
        }
    }
}

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

// --- what is broken is caught

/// How many histories it takes until one is not linearizable.
fn caught<A>(what: &str, atom: impl Fn(u64, usize, &mut Dice) -> A + Sync)
where
    A: Atom<Value = Vec<u32>>,
{
    const MOST: u64 = 50;
    let sum = Sum::default();
    for (number, seed) in (1..).zip(seeds(MOST)) {
        let events = history(seed, |table, dice| atom(seed, table, dice));
        if !sum.check(&events) {
            println!("{what}: caught in history {number}");
            return;
        }
    }
    panic!("{what}: not caught in {MOST} histories: {sum:?}");
}

fn without_conditions() {
    let server = Server::new(|seen| match seen.operation {
        "PutItem" => Fault::Unconditional,
        _ => Fault::None,
    });
    let tables = tables(&server);
    caught("a server without conditions", |seed, table, dice| {
        item_atom(&tables[table], &seed.to_string(), dice)
    });
}

fn lies_of_success() {
    let server = Server::new(|seen| match (seen.operation, seen.number % 10) {
        ("PutItem", 0) => Fault::Answer(200, "{}"),
        _ => Fault::None,
    });
    let tables = tables(&server);
    caught("a server that forgets one put in ten", |seed, table, dice| {
        item_atom(&tables[table], &seed.to_string(), dice)
    });
}

/// Reads, and then writes what it likes.
struct Careless(ItemAtom<Vec<u32>>, Table);

impl Careless {
    fn put(&self, value: &[u32]) -> faraday_atom::Result<()> {
        self.1.put_item(self.0.key(), value)
    }
}

impl Atom for Careless {
    type Value = Vec<u32>;

    fn get(&self) -> faraday_atom::Result<Value> {
        self.0.get()
    }

    fn swap_vals<F>(&self, mut f: F) -> faraday_atom::Result<(Value, Vec<u32>)>
    where
        F: FnMut(Value) -> Vec<u32>,
    {
        let old = self.get()?;
        let new = f(old.clone());
        self.put(&new)?;
        Ok((old, new))
    }

    fn try_swap<F>(&self, f: F) -> faraday_atom::Result<Value>
    where
        F: FnMut(Value) -> anyhow::Result<Value>,
    {
        self.0.try_swap(f)
    }

    fn reset(&self, value: Vec<u32>) -> faraday_atom::Result<()> {
        self.0.reset(value)
    }

    fn compare_and_set(
        &self,
        expected: Option<&Vec<u32>>,
        new: Vec<u32>,
    ) -> faraday_atom::Result<bool> {
        self.0.compare_and_set(expected, new)
    }

    fn remove(&self) -> faraday_atom::Result<()> {
        self.0.remove()
    }
}

fn of_a_careless_atom() {
    let server = Server::new(|_| Fault::None);
    let tables = tables(&server);
    caught("an atom that reads and then puts", |seed, table, _| {
        let table = &tables[table];
        Careless(table.atom(seed.to_string().as_str()), table.clone())
    });
}

// --- two real processes

/// What the workers of one run share: where they write what they do, and the seeds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    log: std::path::PathBuf,
    first: u64,
    histories: u64,
    process: usize,
}

/// A line of the log. Lines are appended whole, and each is written before what it announces
/// begins, or after what it reports has ended: their order in the file is an order of time for
/// both processes.
#[derive(Serialize, Deserialize)]
struct Line {
    seed: u64,
    thread: usize,
    event: Event,
}

/// A worker process: plays the part of its four threads in every history.
pub(crate) fn work(table: &str, endpoint: &str, task: &Task) {
    let builder = Table::builder(table).endpoint_url(endpoint).region("local");
    let table = quick(builder.credentials("local", "local", None::<String>)).open().unwrap();
    let log = Mutex::new(OpenOptions::new().append(true).open(&task.log).unwrap());
    for seed in task.first..task.first + task.histories {
        meet(&table, seed, task.process);
        on_threads(THREADS, |number| {
            let thread = task.process * THREADS + number;
            let record = |event| {
                let mut line = serde_json::to_vec(&Line { seed, thread, event }).unwrap();
                line.push(b'\n');
                log.lock().unwrap().write_all(&line).unwrap();
            };
            play(seed, thread, |dice| item_atom(&table, &seed.to_string(), dice), record);
        });
    }
}

/// Waits until the other process has come as far.
fn meet(table: &Table, seed: u64, process: usize) {
    let place = |process: usize| ("ready", seed, process);
    while table.put_item(place(process), true).is_err() {}
    let deadline = Instant::now() + Duration::from_secs(30);
    while !matches!(table.find_item::<bool>(place(1 - process)), Ok(Some(true))) {
        assert!(Instant::now() < deadline, "the other process does not come");
    }
}

fn of_two_processes() {
    const COUNT: u64 = 25;
    let begun = Instant::now();
    let weather = Arc::new(Weather::default());
    let server = {
        let weather = weather.clone();
        Server::new(move |seen| weather.fault(seen))
    };
    server.table(quick);
    // A seed with faults in one request of ten.
    let first = seeds(COUNT)[0];
    weather.begin(first / 6 * 6 + 1);
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("events.jsonl");
    File::create(&log).unwrap();
    let start = |process| {
        let task = Task { log: log.clone(), first, histories: COUNT, process };
        workers::start_history(&server.url(), "faulty", &task)
    };
    let children: Vec<_> = (0..TABLES).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success(), "seeds {first} to {}", first + COUNT - 1);
    }
    let (sum, mixed) = (Sum::default(), AtomicUsize::new(0));
    for (seed, events) in read(&log) {
        assert_eq!(events.len(), 2 * TABLES * THREADS * CALLS, "of seed {seed}");
        assert!(sum.check(&events), "not linearizable: seed {seed}\n{}", listed(&events));
        let changes = events.windows(2).filter(|two| two[0].0 / THREADS != two[1].0 / THREADS);
        mixed.fetch_add(changes.count(), Ordering::Relaxed);
    }
    println!(
        "{COUNT} histories of two processes are linearizable: {sum:?}, {mixed:?} changes from one \
         process to the other, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    // Else they ran one after the other.
    assert!(mixed.load(Ordering::Relaxed) as u64 > 4 * COUNT, "{mixed:?}");
}

fn read(log: &Path) -> std::collections::BTreeMap<u64, Vec<(usize, Event)>> {
    let mut histories: std::collections::BTreeMap<_, Vec<_>> = Default::default();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let Line { seed, thread, event } = serde_json::from_str(line).unwrap();
        histories.entry(seed).or_default().push((thread, event));
    }
    histories
}
