//! How a watch behaves.

use std::time::Duration;

/// How a [`Watch`](crate::Watch) behaves: where it begins, how often it looks, when it ends.
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::WatchOptions;
///
/// let patient = WatchOptions::new().max_pause(Duration::from_secs(30)).initial(false);
/// assert_eq!(patient.min_pause, Duration::from_millis(50));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchOptions {
    /// Whether the first thing that is told is what the atom holds when the watch begins; on by
    /// default, so that nothing is lost between a first look and the watch. Otherwise it is the
    /// first change after that.
    pub initial: bool,
    /// The pause between two looks after a change: 50 ms by default, and at least 1 ms.
    pub min_pause: Duration,
    /// The longest pause between two looks, when nothing has changed for a while: 2 s by default.
    /// The pause grows up to it by half at each look, and is drawn from the upper half of that.
    pub max_pause: Duration,
    /// The time for the whole watch, counted from its beginning; then the iterator ends. No limit
    /// by default.
    pub timeout: Option<Duration>,
}

impl WatchOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            initial: true,
            min_pause: Duration::from_millis(50),
            max_pause: Duration::from_secs(2),
            timeout: None,
        }
    }

    /// Sets [`initial`](Self::initial).
    #[must_use]
    pub fn initial(mut self, initial: bool) -> Self {
        self.initial = initial;
        self
    }

    /// Sets [`min_pause`](Self::min_pause).
    #[must_use]
    pub fn min_pause(mut self, pause: Duration) -> Self {
        self.min_pause = pause;
        self
    }

    /// Sets [`max_pause`](Self::max_pause).
    #[must_use]
    pub fn max_pause(mut self, pause: Duration) -> Self {
        self.max_pause = pause;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self::new()
    }
}
