//! The pages of a scan, fetched ahead of whoever reads them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::token::{Position, ScanToken};
use crate::codec::Value;
use crate::dynamo::answer::Failure;
use crate::dynamo::exchanges::Exchanges;
use crate::dynamo::scans::{self, Asked};
use crate::error::{Error, Result};
use crate::retry::{Effort, Pause};
use crate::store::Store;

/// So many pages of a segment are kept ahead, that which is being read included.
const AHEAD: usize = 2;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) consistent: bool,
    pub(super) prefix: Option<String>,
    pub(super) keys_only: bool,
    pub(super) page_size: Option<u32>,
    pub(super) segments: Vec<Position>,
}

/// An item as it was found.
pub(super) struct Entry {
    pub(super) key: String,
    /// Its value, or why it cannot be read.
    pub(super) value: Result<Arc<Value>>,
}

/// A scan that has begun.
pub(super) struct Pages {
    store: Arc<Store>,
    plan: Plan,
    segments: Vec<Segment>,
    /// The segment that is being read.
    current: usize,
    exchanges: Exchanges<usize>,
    failed: bool,
}

struct Segment {
    /// What has been given out.
    given: Position,
    /// Where the next request begins; `None` when all has been fetched.
    next: Option<Position>,
    under_way: bool,
    pages: VecDeque<VecDeque<Entry>>,
    /// How often its request failed in a row, and until when it waits for that.
    failures: u32,
    paused: Option<Instant>,
}

impl Pages {
    pub(super) fn new(store: Arc<Store>, plan: Plan) -> Self {
        let segments = plan.segments.iter().map(|position| Segment {
            given: position.clone(),
            next: Some(position.clone()).filter(|position| *position != Position::Done),
            under_way: false,
            pages: VecDeque::new(),
            failures: 0,
            paused: None,
        });
        let segments = segments.collect();
        let exchanges = Exchanges::new(&store.dynamo);
        Self { store, plan, segments, current: 0, exchanges, failed: false }
    }

    pub(super) fn token(&self) -> ScanToken {
        ScanToken {
            table: self.store.table.clone(),
            prefix: self.plan.prefix.clone(),
            segments: self.segments.iter().map(|segment| segment.given.clone()).collect(),
        }
    }

    /// The next item; `None` at the end, and after a request that failed for good.
    pub(super) fn next(&mut self) -> Option<Result<Entry>> {
        if self.failed {
            return None;
        }
        let store = self.store.clone();
        // Each item has its own time: what the caller does in between is not counted.
        let mut effort = store.effort();
        loop {
            if let Some(entry) = self.take() {
                return Some(Ok(entry));
            }
            self.ask(&effort);
            let outcome = match self.exchanges.next(self.waits_until(&effort)) {
                Some((segment, answer)) => {
                    let key_name = store.layout.key_attribute();
                    self.answered(segment, scans::scanned(key_name, answer), &mut effort)
                }
                None if self.exchanges.len() > 0 => Ok(()),
                None => match self.segments.iter().filter_map(|segment| segment.paused).min() {
                    None => return None,
                    Some(until) => {
                        let wait = until.saturating_duration_since(effort.now());
                        // `answered` made sure that there is time.
                        let _ = effort.wait(wait, Pause::Trouble, store.subject(None));
                        Ok(())
                    }
                },
            };
            if let Err(error) = outcome {
                self.failed = true;
                return Some(Err(error));
            }
        }
    }

    /// The next of what has been fetched: of one segment until a page of it is read.
    fn take(&mut self) -> Option<Entry> {
        let count = self.segments.len();
        for n in 0..count {
            let number = (self.current + n) % count;
            let segment = &mut self.segments[number];
            while let Some(page) = segment.pages.front_mut() {
                if let Some(entry) = page.pop_front() {
                    self.current = number;
                    segment.given = Position::After(entry.key.clone());
                    if page.is_empty() {
                        segment.pages.pop_front();
                        segment.finish();
                        self.current = (number + 1) % count;
                    }
                    return Some(entry);
                }
                segment.pages.pop_front();
                segment.finish();
            }
        }
        None
    }

    /// Asks for what is not there yet.
    fn ask(&mut self, effort: &Effort<'_>) {
        let now = effort.now();
        let total = self.segments.len();
        for (number, segment) in self.segments.iter_mut().enumerate() {
            let paused = segment.paused.is_some_and(|until| now < until);
            if segment.under_way || paused || segment.pages.len() >= AHEAD {
                continue;
            }
            let Some(next) = &segment.next else { continue };
            let layout = &self.store.layout;
            let request = scans::scan(Asked {
                table: &self.store.table,
                key_name: layout.key_attribute(),
                segment: (number, total),
                after: match next {
                    Position::After(key) => Some(key),
                    _ => None,
                },
                consistent: self.plan.consistent,
                prefix: self.plan.prefix.as_deref(),
                only: self.plan.keys_only.then(|| layout.hiding()),
                most: self.plan.page_size,
            });
            segment.paused = None;
            segment.under_way = true;
            self.exchanges.send(number, request, effort.deadline());
        }
    }

    fn waits_until(&self, effort: &Effort<'_>) -> Instant {
        let paused = self.segments.iter().filter_map(|segment| segment.paused).min();
        paused.map_or(effort.deadline(), |until| until.min(effort.deadline()))
    }

    fn answered(
        &mut self,
        number: usize,
        page: Result<scans::Page, Failure>,
        effort: &mut Effort<'_>,
    ) -> Result<()> {
        let Self { store, segments, .. } = self;
        let segment = &mut segments[number];
        segment.under_way = false;
        let failure = match page {
            Ok(scans::Page { items, next }) => {
                segment.failures = 0;
                segment.next = next.map(Position::After);
                let entries = items.into_iter().filter_map(|(key, item)| {
                    let value = match item {
                        Some(item) => Ok(store.open(Some(item)).value?),
                        None => Err(store.newer(&key)),
                    };
                    Some(Entry { key, value })
                });
                segment.pages.push_back(entries.collect());
                return Ok(());
            }
            Err(failure) => failure,
        };
        segment.failures += 1;
        let subject = store.subject(None);
        subject.failed("Scan", segment.failures, &failure);
        let bounds = match &failure {
            Failure::NotSent(_) | Failure::Busy(_) | Failure::InDoubt(_) => &store.policy.backoff,
            Failure::Throttled(_) => &store.policy.throttle,
            _ => return Err(subject.error("Scan", failure, segment.failures, effort)),
        };
        let pause = bounds.draw(segment.failures, &store.env);
        if segment.failures >= store.policy.max_attempts.max(1) || pause >= effort.left() {
            return Err(subject.error("Scan", failure, segment.failures, effort));
        }
        segment.paused = Some(effort.now() + pause);
        Ok(())
    }
}

impl Segment {
    /// Notes when its last item has been given out.
    fn finish(&mut self) {
        if self.next.is_none() && self.pages.is_empty() {
            self.given = Position::Done;
        }
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// The error about a token of another scan.
pub(super) fn foreign_token(store: &Store, token: &ScanToken, prefix: Option<&str>) -> Error {
    let of = |prefix: Option<&str>| match prefix {
        Some(prefix) => format!("keys that begin with {prefix:?}"),
        None => "all keys".to_owned(),
    };
    Error::Config {
        table: store.table.clone(),
        message: format!(
            "the token is of a scan of {} in table {}, and this is one of {}: go on with the \
             scan that the token came from",
            of(token.prefix.as_deref()),
            token.table,
            of(prefix)
        ),
    }
}
