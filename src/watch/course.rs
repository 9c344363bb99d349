//! The course of a watch: looks, pauses, and what comes of them, whatever the value's type.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::WatchOptions;
use super::judge::{self, Told};
use crate::clock::Env;
use crate::codec::Value;
use crate::codec::envelope::{Fence, Snapshot};
use crate::error::{Error, Result};

/// Where the states come from.
pub(super) trait Source {
    /// The item's state; gives up at this moment at the latest.
    fn look(&mut self, consistent: bool, until: Option<Instant>) -> Result<Snapshot>;
}

/// A state that the watcher has not been told of.
#[derive(Debug, PartialEq)]
pub(super) struct News {
    pub(super) value: Option<Arc<Value>>,
    pub(super) version: u64,
    pub(super) skipped: Option<u64>,
    /// Whether it is the state in which the watch begins.
    pub(super) first: bool,
}

pub(super) struct Course<S> {
    source: S,
    env: Env,
    pace: Pace,
    /// `None`: it never ends.
    deadline: Option<Instant>,
    /// The last state known; `None` while not even the first could be read.
    last: Option<Snapshot>,
    /// Writes that were not seen on the way to a state of which there was nothing to tell.
    untold: Option<u64>,
    /// What the first look told.
    beginning: Option<Result<Option<News>>>,
    over: bool,
}

impl<S: Source> Course<S> {
    /// Looks for the first time.
    pub(super) fn begin(source: S, env: Env, options: &WatchOptions) -> Self {
        let begun = env.now();
        let mut course = Self {
            source,
            pace: Pace::new(options, begun),
            // A time too far away to be counted is never.
            deadline: options.timeout.and_then(|timeout| begun.checked_add(timeout)),
            env,
            last: None,
            untold: Some(0),
            beginning: None,
            over: false,
        };
        if !course.is_late() {
            course.beginning = Some(course.look());
        }
        course
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    pub(super) fn next(&mut self) -> Option<Result<News>> {
        while !self.over {
            let looked = match self.beginning.take() {
                Some(looked) => looked,
                None if self.rest() => self.look(),
                None => break,
            };
            let now = self.env.now();
            match looked {
                Ok(None) => self.pace.quiet(now, &self.env),
                Ok(Some(news)) => {
                    self.pace.lively(now);
                    return Some(Ok(news));
                }
                // Its own end cut the look short.
                Err(_) if self.is_late() => break,
                Err(error) => {
                    self.over = is_final(&error);
                    self.pace.quiet(now, &self.env);
                    return Some(Err(error));
                }
            }
        }
        self.over = true;
        None
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= self.env.now())
    }

    /// Waits until the next look is due; false when the watch ends before.
    fn rest(&self) -> bool {
        let now = self.env.now();
        let end = self.deadline.filter(|deadline| *deadline <= self.pace.due.max(now));
        let wait = end.unwrap_or(self.pace.due).saturating_duration_since(now);
        if !wait.is_zero() {
            self.env.sleep(wait);
        }
        end.is_none()
    }

    fn look(&mut self) -> Result<Option<News>> {
        let Some(last) = &self.last else {
            let state = self.source.look(true, self.deadline)?;
            let (value, version) = (state.value.clone(), state.version);
            self.last = Some(state);
            return Ok(Some(News { value, version, skipped: None, first: true }));
        };
        let mut seen = self.source.look(false, self.deadline)?;
        let told = if let Some(told) = judge::at_a_glance(last, &seen) {
            told
        } else {
            seen = self.source.look(true, self.deadline)?;
            judge::for_certain(last, &seen)
        };
        let Told::News { skipped } = told else { return Ok(None) };
        // What held nothing is gone for good: a tombstone, or what had expired.
        let silent = last.value.is_none() && seen.fence == Fence::Missing;
        let skipped = sum(self.untold, skipped);
        let (value, version) = (seen.value.clone(), seen.version);
        self.last = Some(seen);
        self.untold = if silent { skipped } else { Some(0) };
        Ok((!silent).then_some(News { value, version, skipped, first: false }))
    }
}

/// Both together, where both are known.
pub(super) fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a?.checked_add(b?)
}

/// Whether the next look would meet the same.
fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::TableNotFound { .. }
            | Error::Credentials { .. }
            | Error::Config { .. }
            | Error::Service { .. }
            | Error::Encode { .. }
            | Error::TooLarge { .. }
    )
}

/// When to look next: soon after a change, and later the longer nothing happens.
#[derive(Debug)]
struct Pace {
    min: Duration,
    max: Duration,
    /// The longest that the next pause may be.
    bound: Duration,
    due: Instant,
}

impl Pace {
    fn new(options: &WatchOptions, now: Instant) -> Self {
        // Without any pause a watch would do nothing but ask.
        let min = options.min_pause.max(Duration::from_millis(1));
        Self { min, max: options.max_pause.max(min), bound: min, due: now }
    }

    fn lively(&mut self, now: Instant) {
        self.bound = self.min;
        self.pause(now, self.min);
    }

    fn quiet(&mut self, now: Instant, env: &Env) {
        self.bound = self.bound.saturating_add(self.bound / 2).min(self.max);
        // Many watchers of one change must not keep step.
        let jitter = (self.bound / 2).mul_f64(env.fraction());
        self.pause(now, self.bound.saturating_sub(jitter).max(self.min));
    }

    fn pause(&mut self, now: Instant, pause: Duration) {
        // A time too far away to be counted is a year.
        let year = Duration::from_secs(365 * 24 * 3600);
        self.due = now.checked_add(pause).or_else(|| now.checked_add(year)).unwrap_or(now);
    }
}
