//! How a transaction behaves: its time and its tries.

use std::time::Duration;

use crate::retry::Backoff;

/// How one [`Table::transact_with`](crate::Table::transact_with) behaves.
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::TransactOptions;
///
/// let options = TransactOptions::new().timeout(Duration::from_secs(5)).max_attempts(20);
/// assert_eq!(options.max_attempts, Some(20));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TransactOptions {
    /// The time for the whole transaction: the closure, the network and the waits. 30 seconds by
    /// default.
    pub timeout: Duration,
    /// How often other writers may win before the transaction ends in
    /// [`Contention`](crate::Error::Contention). No limit by default.
    pub max_attempts: Option<u32>,
    /// Waits while another transaction holds an item of this one: up to 5 ms at first, doubling,
    /// up to 250 ms at most.
    ///
    /// After a race that was lost, the closure runs again at once, on what the refusal showed; these
    /// waits come between only when 64 were lost.
    pub backoff: Backoff,
}

impl TransactOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_attempts: None,
            backoff: Backoff::new(Duration::from_millis(5), 2.0, Duration::from_millis(250)),
        }
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`max_attempts`](Self::max_attempts). At least one.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Default for TransactOptions {
    fn default() -> Self {
        Self::new()
    }
}
