//! Puts and deletes of many items.
//!
//! A batch has no conditions: what it writes replaces what is there. So that a lost reply does
//! not write over what others made of it meanwhile, a request in doubt is not sent again blindly:
//! the items are looked at first, and those that show its ids are done.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::iter::Fuse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::found::Found;
use super::job::Job;
use super::progress::Told;
use super::pump::{Pump, Share, Stop, Work};
use crate::codec::envelope::Snapshot;
use crate::dynamo::answer::Failure;
use crate::dynamo::batches::{self, MOST_BYTES, MOST_READ, MOST_WRITTEN, Wanted};
use crate::dynamo::exchanges::{Answer, Request};
use crate::error::{Error, Result};
use crate::store::Store;

/// So many writes at least are encoded ahead of what is sent.
const WINDOW: usize = 200;

/// A key that is not done yet.
#[derive(Debug, Default)]
struct Pending {
    /// The newest write of it, if that is not under way.
    job: Option<Job>,
    /// Whether a write of it is under way. No other is sent meanwhile: the last must win.
    under_way: bool,
}

type Carried = Vec<(Arc<str>, Job)>;

/// What one request carries.
#[derive(Debug)]
pub(super) enum Chunk {
    Write(Carried),
    /// Writes in doubt, whose items are looked at.
    Look(Carried),
}

/// What is to be written, pulled from the caller's iterator as it is needed.
pub(super) struct Writes<'a, I: Iterator, K, E> {
    store: &'a Store,
    operation: &'static str,
    source: Fuse<I>,
    key_of: K,
    encode: E,
    told: Told<'a>,
    /// How many pairs were taken from the iterator.
    taken: usize,
    /// The pair that cannot be written. Nothing behind it is.
    unwritable: Option<Error>,
    pending: HashMap<Arc<str>, Pending>,
    ready: VecDeque<Arc<str>>,
    waiting: BTreeMap<Instant, Vec<Arc<str>>>,
    doubtful: VecDeque<(Arc<str>, Job)>,
    sent: bool,
}

impl<'a, I, K, E> Writes<'a, I, K, E>
where
    I: Iterator,
    K: Fn(&I::Item) -> Result<String>,
    E: Fn(&str, I::Item) -> Result<Job>,
{
    pub(super) fn new(
        store: &'a Store,
        operation: &'static str,
        source: I,
        key_of: K,
        encode: E,
        mut told: Told<'a>,
    ) -> Self {
        let (least, most) = source.size_hint();
        told.progress.total = most.filter(|most| *most == least);
        Self {
            store,
            operation,
            source: source.fuse(),
            key_of,
            encode,
            told,
            taken: 0,
            unwritable: None,
            pending: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            doubtful: VecDeque::new(),
            sent: false,
        }
    }

    /// Writes them all, and says how many pairs there were.
    pub(super) fn run(mut self, in_flight: usize, timeout: Option<Duration>) -> Result<usize> {
        let mut pump = Pump::new(self.store, in_flight, timeout);
        let stop = pump.run(&mut self);
        let done = self.told.progress.done;
        match stop {
            Ok(()) => match self.unwritable {
                Some(error) => Err(error.at(self.taken, done)),
                None => Ok(self.taken),
            },
            Err(Stop::Refused(failure, attempts)) if done == 0 && self.doubtful.is_empty() => {
                let subject = self.store.subject(None);
                Err(subject.error("BatchWriteItem", failure, attempts, pump.effort()))
            }
            Err(Stop::Refused(failure, _)) => Err(self.left_over(failure.cause().to_string())),
            Err(Stop::Tired { last }) => Err(self.left_over(last)),
        }
    }

    /// What was not written: what was taken, and what is still to be taken.
    fn left_over(mut self, mut reason: String) -> Error {
        if let Some(error) = &self.unwritable {
            reason = format!("{reason}; and number {} cannot be written: {error}", self.taken);
        }
        let mut left: HashSet<String> =
            self.pending.into_keys().map(|key| key.to_string()).collect();
        for pair in self.source {
            match (self.key_of)(&pair) {
                Ok(key) => {
                    left.insert(key);
                }
                Err(error) if self.unwritable.is_none() => {
                    reason = format!("{reason}; and a key cannot be written: {error}");
                    self.unwritable = Some(error);
                }
                Err(_) => {}
            }
        }
        let mut keys: Vec<_> = left.into_iter().collect();
        keys.sort_unstable();
        Error::Unprocessed {
            table: self.store.table.clone(),
            operation: self.operation,
            keys,
            done: self.told.progress.done,
            found: Box::new(Found::default()),
            reason,
        }
    }

    /// Encodes a window ahead of what is sent.
    fn fill(&mut self) {
        while self.ready.len() < WINDOW && self.unwritable.is_none() {
            let Some(pair) = self.source.next() else { return };
            let encoded = (self.key_of)(&pair).and_then(|key| {
                let job = (self.encode)(&key, pair)?;
                Ok((key, job))
            });
            match encoded {
                Ok((key, job)) => self.add(key.into(), job),
                Err(error) => {
                    self.unwritable = Some(error);
                    return;
                }
            }
            self.taken += 1;
        }
    }

    fn add(&mut self, key: Arc<str>, mut job: Job) {
        let pending = self.pending.entry(key.clone()).or_default();
        match &mut pending.job {
            // It is ready, or waits, or follows the one under way: the newer takes its place.
            Some(older) => {
                job.pairs += older.pairs;
                *older = job;
            }
            none => {
                *none = Some(job);
                if !pending.under_way {
                    self.ready.push_back(key);
                }
            }
        }
    }

    /// As many of what is ready as fit into one request.
    fn load(&mut self) -> Carried {
        let (mut carried, mut bytes) = (Carried::new(), 0);
        while carried.len() < MOST_WRITTEN
            && let Some(key) = self.ready.front()
        {
            let Some(pending) = self.pending.get_mut(key) else {
                self.ready.pop_front();
                continue;
            };
            let size = pending.job.as_ref().map_or(0, |job| job.written.size() + 1);
            if !carried.is_empty() && bytes + size > MOST_BYTES {
                break;
            }
            bytes += size;
            pending.under_way = true;
            if let (Some(key), Some(job)) = (self.ready.pop_front(), pending.job.take()) {
                carried.push((key, job));
            }
        }
        carried
    }

    fn done(&mut self, key: &Arc<str>, job: &Job) {
        self.told.progress.done += job.pairs;
        self.told.progress.bytes += job.written.size() as u64;
        let Some(pending) = self.pending.get_mut(key) else { return };
        pending.under_way = false;
        if pending.job.is_some() {
            self.ready.push_back(key.clone());
        } else {
            self.pending.remove(key);
        }
    }

    /// Takes back a write that is to be sent again; whether it is the newest of its key.
    fn again(&mut self, key: &Arc<str>, job: Job) -> bool {
        self.told.progress.retried += 1;
        let pending = self.pending.entry(key.clone()).or_default();
        pending.under_way = false;
        if let Some(newer) = &mut pending.job {
            newer.pairs += job.pairs;
            self.ready.push_back(key.clone());
            return false;
        }
        pending.job = Some(job);
        true
    }

    /// Whether a newer write of this key follows.
    fn is_outdone(&self, key: &Arc<str>) -> bool {
        self.pending.get(key).is_some_and(|pending| pending.job.is_some())
    }

    fn written(
        &mut self,
        carried: Carried,
        answer: Answer,
        pause: &mut dyn FnMut(u32) -> Instant,
    ) -> Result<Share, (Chunk, Failure)> {
        let key_name = self.store.layout.key_attribute();
        let left = match batches::write_answered(&self.store.table, key_name, answer) {
            Ok(left) => left,
            Err(failure) => return Err((Chunk::Write(carried), failure)),
        };
        let (left, of): (HashSet<&str>, _) =
            (left.iter().map(String::as_str).collect(), carried.len());
        let mut late = vec![];
        let mut attempts = u32::MAX;
        for (key, mut job) in carried {
            if left.contains(&*key) {
                job.attempts += 1;
                attempts = attempts.min(job.attempts);
                if self.again(&key, job) {
                    late.push(key);
                }
            } else {
                self.done(&key, &job);
            }
        }
        if !late.is_empty() {
            self.waiting.entry(pause(attempts)).or_default().extend(late);
        }
        Ok(Share { left: left.len(), of })
    }

    fn looked(&mut self, carried: Carried, answer: Answer) -> Result<Share, (Chunk, Failure)> {
        let key_name = self.store.layout.key_attribute();
        let read = match batches::read_answered(&self.store.table, key_name, answer) {
            Ok(read) => read,
            Err(failure) => return Err((Chunk::Look(carried), failure)),
        };
        let mut found: HashMap<String, Snapshot> = read
            .items
            .into_iter()
            .filter_map(|(key, item)| Some((key, self.store.open(Some(item?)))))
            .collect();
        let unprocessed: HashSet<String> = read.unprocessed.into_iter().collect();
        let of = carried.len();
        for (key, job) in carried {
            if unprocessed.contains(&*key) {
                self.doubtful.push_back((key, job));
            } else if job.made(found.remove(&*key).as_ref()) {
                self.done(&key, &job);
            } else if self.again(&key, job) {
                self.ready.push_back(key);
            }
        }
        Ok(Share { left: unprocessed.len(), of })
    }
}

impl<I, K, E> Work for Writes<'_, I, K, E>
where
    I: Iterator,
    K: Fn(&I::Item) -> Result<String>,
    E: Fn(&str, I::Item) -> Result<Job>,
{
    type Chunk = Chunk;

    fn operation(&self) -> &'static str {
        "BatchWriteItem"
    }

    fn next(&mut self, now: Instant) -> Option<(Chunk, Request)> {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= now) {
            self.ready.extend(entry.remove());
        }
        self.fill();
        // Nothing has been sent, and nothing is to be.
        if self.unwritable.is_some() && !self.sent {
            return None;
        }
        let Store { table, layout, .. } = self.store;
        if !self.doubtful.is_empty() {
            let most = self.doubtful.len().min(MOST_READ);
            let carried: Carried = self.doubtful.drain(..most).collect();
            let keys = carried.iter().map(|(key, _)| &**key);
            let wanted = Wanted::Only(layout.fence_attribute());
            let request = batches::read(table, layout.key_attribute(), keys, true, wanted);
            return Some((Chunk::Look(carried), request));
        }
        let carried = self.load();
        if carried.is_empty() {
            return None;
        }
        self.sent = true;
        for (key, _) in &carried {
            if let Some(lane) = self.store.lanes.in_use(key) {
                lane.forget();
            }
        }
        let request = batches::write(table, carried.iter().map(|(_, job)| &job.written));
        Some((Chunk::Write(carried), request))
    }

    fn wakes(&self, now: Instant) -> Option<Instant> {
        let hopeless = self.unwritable.is_some() && !self.sent;
        if (!self.ready.is_empty() && !hopeless) || !self.doubtful.is_empty() {
            return Some(now);
        }
        self.waiting.first_key_value().map(|(at, _)| *at)
    }

    fn answered(
        &mut self,
        chunk: Chunk,
        answer: Answer,
        pause: &mut dyn FnMut(u32) -> Instant,
    ) -> Result<Share, (Chunk, Failure)> {
        let share = match chunk {
            Chunk::Write(carried) => self.written(carried, answer, pause),
            Chunk::Look(carried) => self.looked(carried, answer),
        }?;
        self.told.progress.requests += 1;
        self.told.tell(self.taken);
        Ok(share)
    }

    fn failed(&mut self, chunk: Chunk, in_doubt: bool) {
        self.told.progress.requests += 1;
        let (carried, look) = match chunk {
            Chunk::Write(carried) => (carried, in_doubt),
            Chunk::Look(carried) => (carried, true),
        };
        for (key, job) in carried {
            // What is to be replaced need not be looked for.
            if look && !self.is_outdone(&key) {
                self.doubtful.push_back((key, job));
            } else if self.again(&key, job) {
                self.ready.push_back(key);
            }
        }
        self.told.tell(self.taken);
    }
}
