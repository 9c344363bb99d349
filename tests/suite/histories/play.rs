//! Makes histories: every thread plays its part, and what it does and is told is recorded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use faraday_atom::{Atom, Error};

use super::fits::{Call, Event, Told, Value, is_linearizable, tried, with};
use super::weather::STRAGGLING;
use super::{CALLS, TABLES, THREADS};
use crate::support::on_threads;

/// Numbers that follow from a seed.
#[derive(Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(seed: u64, part: u64) -> Self {
        let mut dice = Self(seed ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.below(1);
        dice
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// One thread's part: its calls, each recorded before it begins and after it returns.
pub(super) fn play<A: Atom<Value = Vec<u32>>>(
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

pub(super) fn make<A: Atom<Value = Vec<u32>>>(atom: &A, call: &Call) -> Told {
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
pub(super) struct Sum {
    pub(super) calls: AtomicUsize,
    pub(super) failed: AtomicUsize,
    pub(super) unknown: AtomicUsize,
    longest_check: Mutex<Duration>,
}

impl Sum {
    /// Checks a history, and counts what is in it.
    pub(super) fn check(&self, events: &[(usize, Event)]) -> bool {
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

pub(super) fn listed(events: &[(usize, Event)]) -> String {
    let lines = events.iter().map(|(thread, event)| match event {
        Event::Call(call) => format!("{thread:>3}  {call:?}\n"),
        Event::Return(told) => format!("{thread:>3}    → {told:?}\n"),
    });
    lines.collect()
}

/// One history: every thread plays its part on its table's atom; then one more looks.
pub(super) fn history<A>(
    seed: u64,
    atom: impl Fn(usize, &mut Dice) -> A + Sync,
) -> Vec<(usize, Event)>
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
