//! How long a lane waits before it sends: for those who are about to join, and after a conflict.

use std::time::{Duration, Instant};

use super::lane::after;
use crate::clock::Env;
use crate::retry::Backoff;

/// What a lane has learned about its own rhythm.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// A smoothed round trip of one put.
    round_trip: Duration,
    /// How many are expected to ride in the next write: as many as in the last.
    expected: usize,
    /// Conflicts since the last write that was applied.
    lost: u32,
    /// Other processes have their turn until then.
    not_before: Option<Instant>,
}

/// The gathering pause is at most this part of a round trip.
const PART: u32 = 8;
const LONGEST_GATHERING: Duration = Duration::from_millis(5);

impl Pace {
    /// A write was applied at its first send, within this time.
    pub(crate) fn landed(&mut self, took: Duration) {
        self.round_trip =
            if self.round_trip.is_zero() { took } else { (self.round_trip * 7 + took) / 8 };
    }

    /// So many rode in the write that was applied.
    pub(crate) fn shared(&mut self, riders: usize) {
        self.expected = riders;
        self.lost = 0;
        self.not_before = None;
    }

    /// Another process won. How long this one waits before it sends again.
    pub(crate) fn lost(&mut self, riders: usize, backoff: &Backoff, env: &Env) -> Duration {
        self.expected = riders;
        self.lost = self.lost.saturating_add(1);
        let wait = backoff.draw(self.lost, env);
        self.not_before = Some(after(env.now(), wait));
        wait
    }

    /// Until when a leader waits that began to at `begun` and has so many riders now.
    pub(crate) fn gather_until(&self, begun: Instant, riders: usize) -> Instant {
        let pause = if riders >= self.expected {
            Duration::ZERO
        } else {
            (self.round_trip / PART).min(LONGEST_GATHERING)
        };
        let gathered = after(begun, pause);
        self.not_before.map_or(gathered, |time| time.max(gathered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::Fake;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nobody_waits_alone_and_nobody_waits_long() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.gather_until(begun, 1), begun, "the first");
        pace.landed(16 * MS);
        pace.shared(1);
        assert_eq!(pace.gather_until(begun, 1), begun, "always alone");
        pace.shared(8);
        assert_eq!(pace.gather_until(begun, 8), begun, "all there");
        assert_eq!(pace.gather_until(begun, 7), begun + 2 * MS);
        for _ in 0..100 {
            pace.landed(10_000 * MS);
        }
        assert_eq!(pace.gather_until(begun, 7), begun + LONGEST_GATHERING);
    }

    #[test]
    fn after_a_conflict_others_have_their_turn() {
        let fake = Fake::with_random(|| u64::MAX);
        let env = fake.env();
        let backoff = Backoff::new(4 * MS, 2.0, 16 * MS);
        let mut pace = Pace::default();
        let bounds = [4, 8, 16, 16].map(|bound| bound * MS);
        for bound in bounds {
            let wait = pace.lost(3, &backoff, &env);
            assert!(wait <= bound && wait + MS / 1000 >= bound, "{wait:?} of {bound:?}");
            assert_eq!(pace.gather_until(env.now(), 3), env.now() + wait);
        }
        pace.shared(3);
        assert_eq!(pace.gather_until(env.now(), 3), env.now());
    }
}
