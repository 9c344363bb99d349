//! How long a lane waits before it sends: for those who are about to join, and for other
//! processes.
//!
//! Between processes the usual rule (who lost waits, longer each time) is wrong for a conditional
//! write that remembers what it saw. Who has just won knows the newest state first, and so wins
//! again: every wait of a loser only makes its next write staler. Here it is the other way round.
//! Who lost tries again at once, on the state that the refusal brought; who has won twice makes
//! way, for longer the more others it had lost to.

use std::time::{Duration, Instant};

use super::lane::after;
use crate::clock::Env;
use crate::retry::Backoff;

/// What a lane has learned about its own rhythm.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// A smoothed round trip of one put.
    round_trip: Duration,
    gathering: Gathering,
    /// Conflicts since the last write that was applied.
    lost: u32,
    turn: Turn,
    /// Other processes have their turn until then.
    not_before: Option<Instant>,
}

/// Who is expected to ride in the next write.
#[derive(Debug, Default)]
struct Gathering {
    expected: usize,
    /// How many of them were there from the start.
    present: usize,
    /// So many writes go without waiting, because the last wait was in vain.
    doubts: u32,
}

/// The writes of this process that follow one another without a break.
#[derive(Debug, Default)]
struct Turn {
    began: Option<Instant>,
    last: Option<Instant>,
    writes: u32,
    /// After so many the turn is over.
    most: u32,
    /// How often others won before this turn began; 0 when none were seen.
    rivals: u32,
}

/// The gathering pause is at most this part of a round trip. All that a longer one brings is its
/// own length: with 8 and 32 threads at 10 ms, a quarter and a half carried no more (0.90, 0.91
/// and 0.88 of the limit; 0.79, 0.76 and 0.84).
const PART: u32 = 8;
const LONGEST_GATHERING: Duration = Duration::from_millis(5);

/// After a wait in vain so many writes are sent without one: callers who do not come back then
/// cost an eighth of a round trip in eight, and those who do are together again soon.
const DOUBTS: u32 = 7;

/// So many writes in a row, then others have their turn. Of 4 processes with 4 threads each at
/// 10 ms, all of them busy, the slowest swap took 4.7 s (a process got through when the others
/// had ended) while winners made no way, 0.19 s with two writes in a row and 0.4 s with three.
const WINS: u32 = 2;

/// A turn before which no others were seen ends too, for a refusal leaves no trace that the winner
/// could see. Whenever no one takes a turn that was left to him, the next is twice as long, up to
/// the most: one that is alone pays two round trips in so many.
const ALONE: u32 = 32;
const MOST_WRITES: u32 = 256;
const LONGEST_TURN: Duration = Duration::from_secs(2);

/// For how many round trips a winner makes way: as many as it had lost, for so many others there
/// seem to be. Two at least, because another process needs one to see the newest state and one
/// to write on it. That most winners stay away for a while is what keeps writes from being wasted:
/// 4 processes send 2.9 puts for each that is applied, where trying all the time they sent 4.
const LEAST_WAY: u32 = 2;
const MOST_WAY: u32 = 32;
const LONGEST_WAY: Duration = Duration::from_millis(500);

/// So many conflicts in a row are each followed by another try at once; only then the waits of
/// [`SwapOptions::backoff`](super::SwapOptions::backoff) begin. With waits after 16, the slowest
/// swap of 8 busy processes took 3.8 s, and 0.95 s with none before 64; of 16, 4.5 s and 2.3 s.
const PATIENCE: u32 = 64;

impl Pace {
    /// A write was applied, for so many; so many wait for the next. `took` is its round trip, if
    /// it was sent once.
    pub(crate) fn applied(
        &mut self,
        now: Instant,
        took: Option<Duration>,
        riders: usize,
        waiting: usize,
    ) {
        if let Some(took) = took {
            self.round_trip =
                if self.round_trip.is_zero() { took } else { (self.round_trip * 7 + took) / 8 };
        }
        self.gathering.landed(riders, waiting);
        let way = self.turn.won(now, self.round_trip, std::mem::take(&mut self.lost));
        self.not_before = way.map(|way| after(now, way));
    }

    /// Another process won. How long this one waits before it sends again.
    pub(crate) fn lost(&mut self, riders: usize, backoff: &Backoff, env: &Env) -> Duration {
        // All of them are woken and run again.
        self.gathering = Gathering { expected: riders, ..Gathering::default() };
        self.lost = self.lost.saturating_add(1);
        let beyond = self.lost.saturating_sub(PATIENCE);
        // Every other time at once: after a wait what is known is old, and a write only learns.
        let wait =
            if beyond % 2 == 1 { backoff.draw(beyond.div_ceil(2), env) } else { Duration::ZERO };
        self.not_before = Some(after(env.now(), wait));
        wait
    }

    /// Until when a leader waits that began to at `begun`, has so many riders now, and must be
    /// done by `deadline`.
    pub(crate) fn gather_until(&self, begun: Instant, riders: usize, deadline: Instant) -> Instant {
        let pause = if riders >= self.gathering.expected {
            Duration::ZERO
        } else {
            (self.round_trip / PART).min(LONGEST_GATHERING)
        };
        let gathered = after(begun, pause);
        // Nobody's time runs out for politeness.
        let spare = deadline.checked_sub(self.round_trip * 4);
        match self.not_before {
            Some(time) if spare.is_some_and(|spare| time < spare) => time.max(gathered),
            _ => gathered,
        }
    }

    /// A write takes off with so many riders.
    pub(crate) fn took_off(&mut self, riders: usize) {
        self.gathering.took_off(riders);
    }
}

impl Gathering {
    fn landed(&mut self, riders: usize, waiting: usize) {
        self.present = waiting;
        // Those who were just served are likely to come back.
        self.expected = if self.doubts == 0 { waiting + riders } else { waiting };
        self.doubts = self.doubts.saturating_sub(1);
    }

    fn took_off(&mut self, riders: usize) {
        let missing = self.expected.saturating_sub(self.present);
        let came = riders.saturating_sub(self.present);
        if came * 2 < missing {
            self.doubts = DOUBTS;
        }
    }
}

impl Turn {
    /// How long to make way, if the turn is over.
    fn won(&mut self, now: Instant, round_trip: Duration, lost: u32) -> Option<Duration> {
        // A break between two writes was a turn for others.
        let long = round_trip * (1 + LEAST_WAY);
        let broken = self.last.is_none_or(|last| now.saturating_duration_since(last) > long);
        if broken || lost > 0 {
            let most = if lost > 0 { WINS } else { ALONE };
            *self = Self { began: Some(now), most, rivals: lost, ..Self::default() };
        }
        self.last = Some(now);
        self.writes += 1;
        let held = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        if self.writes < self.most && held < LONGEST_TURN {
            return None;
        }
        let way = round_trip * self.rivals.clamp(LEAST_WAY, MOST_WAY);
        let way = way.min(LONGEST_WAY);
        let next = Some(after(now, way));
        let most = (self.most * 2).min(MOST_WRITES);
        *self = Self { began: next, last: next, most, ..Self::default() };
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::Fake;

    const MS: Duration = Duration::from_millis(1);

    fn far(now: Instant) -> Instant {
        now + Duration::from_secs(30)
    }

    /// A lane whose last write, of these riders, has landed now after a round trip of 16 ms.
    fn landed(now: Instant, riders: usize, waiting: usize) -> Pace {
        let mut pace = Pace::default();
        pace.applied(now, Some(16 * MS), riders, waiting);
        pace
    }

    #[test]
    fn nobody_waits_alone_and_nobody_waits_long() {
        let now = Instant::now();
        assert_eq!(Pace::default().gather_until(now, 1, far(now)), now, "the first");
        assert_eq!(landed(now, 1, 0).gather_until(now, 1, far(now)), now, "always alone");
        let mut pace = landed(now, 5, 3);
        assert_eq!(pace.gather_until(now, 8, far(now)), now, "all there");
        assert_eq!(pace.gather_until(now, 7, far(now)), now + 2 * MS);
        for _ in 0..100 {
            pace.applied(now, Some(10_000 * MS), 8, 0);
        }
        assert_eq!(pace.gather_until(now, 7, far(now)), now + LONGEST_GATHERING);
    }

    #[test]
    fn those_who_do_not_come_back_are_not_waited_for() {
        let now = Instant::now();
        let mut pace = landed(now, 6, 2);
        assert_eq!(pace.gather_until(now, 2, far(now)), now + 2 * MS);
        pace.took_off(4);
        for _ in 0..DOUBTS {
            pace.applied(now, None, 6, 2);
            assert_eq!(pace.gather_until(now, 2, far(now)), now, "two of six had come");
            pace.took_off(2);
        }
        pace.applied(now, None, 6, 2);
        assert_eq!(pace.gather_until(now, 2, far(now)), now + 2 * MS, "perhaps they do now");
        pace.took_off(5);
        pace.applied(now, None, 6, 2);
        assert_eq!(pace.gather_until(now, 2, far(now)), now + 2 * MS, "three of six had come");
    }

    #[test]
    fn who_lost_tries_again_at_once_and_only_in_the_end_waits() {
        let fake = Fake::with_random(|| u64::MAX);
        let env = fake.env();
        let backoff = Backoff::new(4 * MS, 2.0, 16 * MS);
        let mut pace = Pace::default();
        for _ in 0..PATIENCE {
            assert_eq!(pace.lost(3, &backoff, &env), Duration::ZERO);
            assert_eq!(pace.gather_until(env.now(), 3, far(env.now())), env.now());
        }
        for bound in [4, 0, 8, 0, 16, 0, 16].map(|bound| bound * MS) {
            let wait = pace.lost(3, &backoff, &env);
            assert!(wait <= bound && wait + MS / 1000 >= bound, "{wait:?} of {bound:?}");
            assert_eq!(pace.gather_until(env.now(), 3, far(env.now())), env.now() + wait);
        }
        pace.applied(env.now(), None, 3, 0);
        assert_eq!(pace.gather_until(env.now(), 3, far(env.now())), env.now());
    }

    #[test]
    fn who_won_twice_makes_way_for_those_it_had_lost_to() {
        let env = Fake::with_random(|| 0).env();
        let mut now = Instant::now();
        for (lost, way) in [(1, 32), (2, 32), (5, 80), (100, 500)] {
            let mut pace = landed(now, 1, 0);
            for _ in 0..lost {
                pace.lost(1, &Backoff::none(), &env);
            }
            now += 16 * MS;
            pace.applied(now, Some(16 * MS), 1, 0);
            assert_eq!(pace.gather_until(now, 1, far(now)), now, "one write");
            now += 16 * MS;
            pace.applied(now, Some(16 * MS), 1, 0);
            assert_eq!(pace.gather_until(now, 1, far(now)), now + way * MS, "lost {lost}");
            let soon = now + 3 * 16 * MS;
            assert_eq!(pace.gather_until(now, 1, soon), now, "its time is nearly up");
        }
    }

    #[test]
    fn who_sees_no_others_makes_way_now_and_then() {
        let begun = Instant::now();
        let mut now = begun;
        let mut pace = landed(now, 1, 0);
        let mut ways = Vec::new();
        for write in 2..=600 {
            now = pace.gather_until(now, 1, far(now)) + MS;
            pace.applied(now, Some(MS), 1, 0);
            if pace.gather_until(now, 1, far(now)) > now {
                ways.push(write);
            }
        }
        assert_eq!(ways, [32, 96, 224, 480], "fewer and fewer");
        let mut pace = landed(now, 1, 0);
        for _ in 0..600 {
            now += 100 * MS;
            pace.applied(now, Some(16 * MS), 1, 0);
            assert_eq!(pace.gather_until(now, 1, far(now)), now, "there were breaks enough");
        }
    }
}
