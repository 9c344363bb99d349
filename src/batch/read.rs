//! Reads of many items.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::found::Found;
use super::progress::Told;
use super::pump::{Pump, Share, Stop, Work};
use crate::codec::Value;
use crate::dynamo::answer::Failure;
use crate::dynamo::batches::{self, MOST_READ, Wanted};
use crate::dynamo::exchanges::{Answer, Request};
use crate::error::{Error, Result};
use crate::store::Store;

/// The keys that are asked for, each once, and what is known of them.
pub(super) struct Reads<'a> {
    store: &'a Store,
    consistent: bool,
    told: Told<'a>,
    keys: Vec<Asked>,
    by_text: HashMap<Arc<str>, usize>,
    /// For each position in the caller's order, which key it is.
    positions: Vec<usize>,
    ready: VecDeque<usize>,
    waiting: BTreeMap<Instant, Vec<usize>>,
}

struct Asked {
    text: Arc<str>,
    /// How often the caller named it.
    times: usize,
    /// How often it came back unprocessed.
    attempts: u32,
    state: State,
}

enum State {
    Unknown,
    Missing,
    Found(Arc<Value>),
    /// Of a type that is newer than this crate.
    Unreadable,
}

impl<'a> Reads<'a> {
    pub(super) fn new(store: &'a Store, consistent: bool, told: Told<'a>) -> Self {
        Self {
            store,
            consistent,
            told,
            keys: Vec::new(),
            by_text: HashMap::new(),
            positions: Vec::new(),
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Adds the next key, as it is stored.
    pub(super) fn ask(&mut self, key: String) {
        let new = self.keys.len();
        let text: Arc<str> = key.into();
        let key = *self.by_text.entry(text.clone()).or_insert(new);
        if key == new {
            self.keys.push(Asked { text, times: 0, attempts: 0, state: State::Unknown });
            self.ready.push_back(new);
        }
        self.keys[key].times += 1;
        self.positions.push(key);
    }

    /// Reads them all, and gives what was found in the caller's order.
    pub(super) fn run<T: DeserializeOwned>(
        mut self,
        in_flight: usize,
        timeout: Option<Duration>,
    ) -> Result<Vec<Option<T>>> {
        self.told.progress.total = Some(self.positions.len());
        let mut pump = Pump::new(self.store, in_flight, timeout);
        match pump.run(&mut self) {
            Ok(()) => self.decoded(),
            Err(Stop::Refused(failure, attempts)) => Err(self.store.subject(None).error(
                "BatchGetItem",
                failure,
                attempts,
                pump.effort(),
            )),
            Err(Stop::Tired { last }) => Err(self.unprocessed(last)),
        }
    }

    fn decoded<T: DeserializeOwned>(mut self) -> Result<Vec<Option<T>>> {
        let Self { store, keys, positions, .. } = &mut self;
        positions
            .iter()
            .map(|position| {
                let asked = &mut keys[*position];
                asked.times -= 1;
                let value = match &asked.state {
                    State::Found(value) if asked.times > 0 => Some(value.clone()),
                    State::Found(_) => match std::mem::replace(&mut asked.state, State::Missing) {
                        State::Found(value) => Some(value),
                        _ => None,
                    },
                    State::Unreadable => return Err(store.newer(&asked.text)),
                    State::Unknown | State::Missing => None,
                };
                store.decode_owned(&asked.text, value)
            })
            .collect()
    }

    fn unprocessed(self, reason: String) -> Error {
        let Self { store, keys, .. } = self;
        let mut found = Found {
            table: store.table.clone(),
            layout: Some(store.layout.clone()),
            ..Found::default()
        };
        let (mut left, mut done) = (Vec::new(), 0);
        for Asked { text, times, state, .. } in keys {
            let text = text.to_string();
            match state {
                State::Unknown | State::Unreadable => {
                    left.push(text);
                    continue;
                }
                State::Missing => found.missing.push(text),
                State::Found(value) => found.items.push((text, value)),
            }
            done += times;
        }
        Error::Unprocessed {
            table: store.table.clone(),
            operation: "find_items",
            keys: left,
            done,
            found: Box::new(found),
            reason,
        }
    }
}

impl Work for Reads<'_> {
    type Chunk = Vec<usize>;

    fn operation(&self) -> &'static str {
        "BatchGetItem"
    }

    fn next(&mut self, now: Instant) -> Option<(Vec<usize>, Request)> {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= now) {
            self.ready.extend(entry.remove());
        }
        if self.ready.is_empty() {
            return None;
        }
        let chunk: Vec<_> = self.ready.drain(..self.ready.len().min(MOST_READ)).collect();
        let request = batches::read(
            &self.store.table,
            self.store.layout.key_attribute(),
            chunk.iter().map(|key| &*self.keys[*key].text),
            self.consistent,
            Wanted::Everything,
        );
        Some((chunk, request))
    }

    fn wakes(&self, now: Instant) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        self.waiting.first_key_value().map(|(at, _)| *at)
    }

    fn answered(
        &mut self,
        chunk: Vec<usize>,
        answer: Answer,
        pause: &mut dyn FnMut(u32) -> Instant,
    ) -> Result<Share, (Vec<usize>, Failure)> {
        let Self { store, keys, by_text, told, .. } = self;
        let size = answer.size();
        let read = match batches::read_answered(&store.table, store.layout.key_attribute(), answer)
        {
            Ok(read) => read,
            Err(failure) => return Err((chunk, failure)),
        };
        // Each once, and none that this request did not ask for, whatever the server says:
        // DynamoDB refuses a request that names a key twice.
        let mut open: Vec<usize> =
            read.unprocessed.iter().filter_map(|text| by_text.get(&**text).copied()).collect();
        open.sort_unstable();
        open.dedup();
        open.retain(|key| chunk.contains(key));
        for key in &open {
            keys[*key].attempts += 1;
        }
        for (text, item) in read.items {
            let Some(key) = by_text.get(&*text) else { continue };
            keys[*key].state = match item.map(|item| store.open(Some(item)).value) {
                None => State::Unreadable,
                Some(None) => State::Missing,
                Some(Some(value)) => State::Found(value),
            };
        }
        let share = Share { left: open.len(), of: chunk.len() };
        for key in chunk {
            if open.binary_search(&key).is_ok() {
                continue;
            }
            let asked = &mut keys[key];
            if matches!(asked.state, State::Unknown) {
                asked.state = State::Missing;
            }
            told.progress.done += asked.times;
        }
        told.progress.requests += 1;
        told.progress.bytes += size as u64;
        told.progress.retried += open.len();
        if let Some(attempts) = open.iter().map(|key| keys[*key].attempts).min() {
            self.waiting.entry(pause(attempts)).or_default().extend(open);
        }
        self.told.tell(self.positions.len());
        Ok(share)
    }

    fn failed(&mut self, chunk: Vec<usize>, _: bool) {
        self.told.progress.requests += 1;
        self.told.progress.retried += chunk.len();
        self.ready.extend(chunk);
        self.told.tell(self.positions.len());
    }
}
