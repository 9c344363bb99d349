//! Waiting before another try: exponential backoff with full jitter, under one deadline.

use std::time::{Duration, Instant};

use backoff::backoff::Backoff as _;
use backoff::exponential::ExponentialBackoff;
use backoff::{ExponentialBackoffBuilder, SystemClock};

use crate::clock::Env;
use crate::dynamo::answer::{Cause, Failure};
use crate::error::{Error, Result};
use crate::events::TARGET;

/// How long to wait before another try: a random time between nothing and a bound that grows.
///
/// The first wait is drawn from `0..=initial`, and each next bound is `multiplier` times the last,
/// up to `max`: exponential backoff with full jitter, which spreads competing writers best.
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::Backoff;
///
/// let gentle = Backoff::new(Duration::from_millis(20), 2.0, Duration::from_secs(1));
/// assert_eq!(gentle.initial, Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The longest that the first wait can be.
    pub initial: Duration,
    /// What the bound is multiplied by after each wait. Less than 1 counts as 1.
    pub multiplier: f64,
    /// The longest that any wait can be.
    pub max: Duration,
}

impl Backoff {
    /// A backoff with these bounds.
    #[must_use]
    pub const fn new(initial: Duration, multiplier: f64, max: Duration) -> Self {
        Self { initial, multiplier, max }
    }

    /// A wait after so many failures in a row, the first being 1.
    pub(crate) fn draw(&self, failures: u32, env: &Env) -> Duration {
        let mut series = Series::new(self);
        // Beyond that many doublings every bound has been reached.
        for _ in 1..failures.min(64) {
            series.grow();
        }
        series.next(env)
    }

    /// No waiting at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Duration::ZERO, 1.0, Duration::ZERO)
    }
}

/// What a request does when it gets no answer, or is throttled. Set with
/// [`TableBuilder::retry`](crate::TableBuilder::retry).
///
/// It says nothing about conflicts between writers: that is
/// [`SwapOptions`](crate::SwapOptions).
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::RetryPolicy;
///
/// let patient = RetryPolicy::new().timeout(Duration::from_secs(120)).max_attempts(50);
/// assert_eq!(patient.max_attempts, 50);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The time for a whole call, waits included: 30 seconds by default. Swaps have their own:
    /// [`SwapOptions::timeout`](crate::SwapOptions::timeout). A call about many items may take
    /// longer, as long as it goes on: see [`Batch::timeout`](crate::Batch::timeout).
    pub timeout: Duration,
    /// How often one request is sent at most before its failure is reported: 8 by default.
    /// At least one.
    ///
    /// With two or more, a write whose reply was lost is sent up to five times beyond that, within
    /// milliseconds: the sooner it is asked what became of it, the surer it can be told.
    pub max_attempts: u32,
    /// Waits after a failure of the network or the server: up to 50 ms at first, doubling, up to
    /// 2 s at most.
    pub backoff: Backoff,
    /// Waits after throttling: up to 200 ms at first, doubling, up to 5 s at most.
    pub throttle: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_attempts: 8,
            backoff: Backoff::new(Duration::from_millis(50), 2.0, Duration::from_secs(2)),
            throttle: Backoff::new(Duration::from_millis(200), 2.0, Duration::from_secs(5)),
        }
    }
}

impl RetryPolicy {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`max_attempts`](Self::max_attempts).
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`throttle`](Self::throttle).
    #[must_use]
    pub fn throttle(mut self, throttle: Backoff) -> Self {
        self.throttle = throttle;
        self
    }
}

/// The growing bounds of one series of waits.
///
/// `backoff` grows the bound; the jitter is drawn here, from the random source that came in from
/// outside, because `backoff` draws its own from a global one.
struct Series(ExponentialBackoff<SystemClock>);

impl Series {
    fn new(bounds: &Backoff) -> Self {
        let multiplier = if bounds.multiplier >= 1.0 { bounds.multiplier } else { 1.0 };
        Self(
            ExponentialBackoffBuilder::new()
                .with_initial_interval(bounds.initial.min(bounds.max))
                .with_multiplier(multiplier)
                .with_max_interval(bounds.max)
                .with_randomization_factor(0.0)
                // The deadline of the whole call is the caller's; 15 minutes is the crate's own.
                .with_max_elapsed_time(None)
                .build(),
        )
    }

    /// The bound of the next wait, from which on bounds are larger.
    fn grow(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval).min(self.0.max_interval)
    }

    fn next(&mut self, env: &Env) -> Duration {
        self.grow().mul_f64(env.fraction())
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// No answer, or a server error.
    Trouble,
    Throttled,
    /// What was found is not what is needed yet: another writer won, a table is being made.
    Conflict,
}

impl Pause {
    fn word(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
        }
    }
}

/// One call's time: its deadline, its waits, and what it did so far.
pub(crate) struct Effort<'a> {
    env: &'a Env,
    started: Instant,
    deadline: Instant,
    trouble: Series,
    throttle: Series,
    conflict: Series,
    /// Requests sent.
    pub(crate) requests: u32,
    /// Time spent waiting between requests.
    pub(crate) waited: Duration,
}

impl<'a> Effort<'a> {
    pub(crate) fn new(
        env: &'a Env,
        policy: &RetryPolicy,
        timeout: Duration,
        conflict: &Backoff,
    ) -> Self {
        let started = env.now();
        Self {
            env,
            started,
            // A timeout too long to add to the clock is as good as a century.
            deadline: started
                .checked_add(timeout)
                .unwrap_or_else(|| started + Duration::from_secs(3_000_000_000)),
            trouble: Series::new(&policy.backoff),
            throttle: Series::new(&policy.throttle),
            conflict: Series::new(conflict),
            requests: 0,
            waited: Duration::ZERO,
        }
    }

    /// For a call that has no conflicts.
    pub(crate) fn plain(env: &'a Env, policy: &RetryPolicy) -> Self {
        Self::new(env, policy, policy.timeout, &Backoff::none())
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// So much time is not counted.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.deadline = self.deadline.checked_add(by).unwrap_or(self.deadline);
    }

    /// Begins to count anew.
    pub(crate) fn renew(&mut self, timeout: Duration) {
        self.deadline = self.env.now().checked_add(timeout).unwrap_or(self.deadline);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.env.now().saturating_duration_since(self.started)
    }

    pub(crate) fn now(&self) -> Instant {
        self.env.now()
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(self.env.now())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Waits before `subject` is tried again; false, at once, when the deadline would pass
    /// meanwhile.
    #[must_use]
    pub(crate) fn pause(&mut self, pause: Pause, subject: Subject<'_>) -> bool {
        let series = match pause {
            Pause::Trouble => &mut self.trouble,
            Pause::Throttled => &mut self.throttle,
            Pause::Conflict => &mut self.conflict,
        };
        let wait = series.next(self.env);
        self.wait(wait, pause, subject)
    }

    /// Waits for so long; false, at once, when the deadline would pass meanwhile.
    #[must_use]
    pub(crate) fn wait(&mut self, wait: Duration, pause: Pause, subject: Subject<'_>) -> bool {
        if wait >= self.left() {
            return false;
        }
        if !wait.is_zero() {
            let Subject { table, key, .. } = subject;
            tracing::debug!(target: TARGET, table, key, reason = pause.word(), ?wait, "waits");
            self.env.sleep(wait);
            self.waited += wait;
        }
        true
    }
}

/// What a request is about, for its errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) table: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) place: &'a str,
}

/// Sends a request that may be applied any number of times until it is answered.
pub(crate) fn persist<T>(
    subject: Subject<'_>,
    operation: &'static str,
    policy: &RetryPolicy,
    effort: &mut Effort<'_>,
    mut send: impl FnMut(Instant) -> Result<T, Failure>,
) -> Result<T> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        effort.requests += 1;
        let failure = match send(effort.deadline()) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        subject.failed(operation, attempts, &failure);
        let again = match &failure {
            Failure::NotSent(_) | Failure::Busy(_) | Failure::InDoubt(_) => Pause::Trouble,
            Failure::Throttled(_) => Pause::Throttled,
            _ => return Err(subject.error(operation, failure, attempts, effort)),
        };
        if attempts >= policy.max_attempts || !effort.pause(again, subject) {
            return Err(subject.error(operation, failure, attempts, effort));
        }
    }
}

impl Subject<'_> {
    /// Tells who listens. What the server says may quote a value, and is left out.
    pub(crate) fn failed(&self, operation: &'static str, attempt: u32, failure: &Failure) {
        let Self { table, key, .. } = *self;
        let class = failure.class();
        // Whether anybody listens is asked before the answer is taken apart.
        tracing::debug!(
            target: TARGET,
            table,
            key,
            operation,
            attempt,
            class,
            code = failure.cause().code,
            request_id = failure.cause().request_id,
            "request failed"
        );
    }

    /// The error for a failure that ends a call of which nothing was applied.
    pub(crate) fn error(
        &self,
        operation: &'static str,
        failure: Failure,
        attempts: u32,
        effort: &Effort<'_>,
    ) -> Error {
        let table = self.table.to_owned();
        let key = self.key.map(str::to_owned);
        let elapsed = effort.elapsed();
        match failure {
            Failure::NotSent(cause) => {
                let message = format!(
                    "cannot reach DynamoDB at {} ({cause}; tried {attempts} times): check the \
                     endpoint, the region and the network",
                    self.place
                );
                Error::Transport { table, key, operation, message }
            }
            Failure::InDoubt(cause) => {
                Error::Timeout { table, key, operation, attempts, elapsed, last: cause.to_string() }
            }
            Failure::Throttled(cause) | Failure::Busy(cause) => {
                let message = cause.to_string();
                Error::Throttled { table, key, operation, attempts, elapsed, message }
            }
            Failure::NoTable(_) => Error::TableNotFound { table, place: self.place.to_owned() },
            Failure::Credentials(cause) => {
                let message = format!(
                    "the credentials are not accepted ({cause}): check the access key, and renew \
                     it if it has expired"
                );
                Error::Credentials { table, message }
            }
            Failure::ClockSkew(cause) => {
                let message = format!(
                    "the signature is not accepted because of its time ({cause}): set this \
                     machine's clock"
                );
                Error::Credentials { table, message }
            }
            Failure::Unusable(cause) => {
                Error::Transport { table, key, operation, message: cause.to_string() }
            }
            failure @ (Failure::TableInUse(_)
            | Failure::Canceled { .. }
            | Failure::Final(_)
            | Failure::ConditionFailed(_)) => {
                let Cause { code, message, request_id } = failure.cause();
                Error::Service { table, key, operation, code, message, request_id }
            }
        }
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
