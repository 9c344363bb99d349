//! Time and randomness, which come in from outside so that tests are exact and instant.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the crate asks of the world besides the network.
pub(crate) trait World: Send + Sync {
    /// A moment on the monotonic clock; deadlines are counted on it.
    fn now(&self) -> Instant;

    /// Blocks the calling thread.
    fn sleep(&self, pause: Duration);

    /// The time since the epoch, for what other machines compare: time-to-live.
    fn epoch(&self) -> Duration;

    /// The whole seconds of it.
    fn epoch_seconds(&self) -> u64 {
        self.epoch().as_secs()
    }

    /// Sixty-four random bits.
    fn random(&self) -> u64;
}

/// A shared [`World`].
#[derive(Clone)]
pub(crate) struct Env(Arc<dyn World>);

impl Env {
    /// The real clock and the thread's own cryptographic random source.
    pub(crate) fn real() -> Self {
        Self(Arc::new(Real))
    }

    #[cfg(test)]
    pub(crate) fn fake(world: Arc<dyn World>) -> Self {
        Self(world)
    }

    /// A number drawn evenly from `0.0..1.0`.
    pub(crate) fn fraction(&self) -> f64 {
        // The top 53 bits fill a double's mantissa exactly.
        #[allow(clippy::cast_precision_loss)] // nothing is lost of 53 bits
        let fraction = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }
}

impl std::ops::Deref for Env {
    type Target = dyn World;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

struct Real;

impl World for Real {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }

    fn epoch(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}

/// A clock that only `sleep` and `pass` move, and random numbers from a list or a seed.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Arc, Duration, Env, Instant, World};
    use std::sync::Mutex;

    pub(crate) struct Fake {
        state: Mutex<State>,
    }

    struct State {
        now: Instant,
        epoch: Duration,
        slept: Vec<Duration>,
        random: Box<dyn FnMut() -> u64 + Send>,
    }

    impl Fake {
        /// Every random number is a different one, counted up from `seed` by a fixed odd step.
        pub(crate) fn seeded(seed: u64) -> Arc<Self> {
            let mut state = seed;
            Self::with_random(move || {
                state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                mixed ^ (mixed >> 31)
            })
        }

        pub(crate) fn with_random(random: impl FnMut() -> u64 + Send + 'static) -> Arc<Self> {
            let state = State {
                now: Instant::now(),
                epoch: Duration::from_secs(1_800_000_000),
                slept: Vec::new(),
                random: Box::new(random),
            };
            Arc::new(Self { state: Mutex::new(state) })
        }

        pub(crate) fn env(self: &Arc<Self>) -> Env {
            Env::fake(self.clone())
        }

        /// Time passes while nobody sleeps.
        pub(crate) fn pass(&self, time: Duration) {
            let mut state = self.state.lock().unwrap();
            state.now += time;
            state.epoch += time;
        }

        pub(crate) fn slept(&self) -> Vec<Duration> {
            self.state.lock().unwrap().slept.clone()
        }
    }

    impl World for Fake {
        fn now(&self) -> Instant {
            self.state.lock().unwrap().now
        }

        fn sleep(&self, pause: Duration) {
            self.pass(pause);
            self.state.lock().unwrap().slept.push(pause);
        }

        fn epoch(&self) -> Duration {
            self.state.lock().unwrap().epoch
        }

        fn random(&self) -> u64 {
            (self.state.lock().unwrap().random)()
        }
    }
}
