//! Watches of a scripted item, on a clock that the test moves.

mod judgements;
mod pauses;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::course::{Course, News, Source};
use super::*;
use crate::clock::testing::Fake;
use crate::codec::envelope::{Content, Encoding, Layout};
use crate::error::Error;

const MS: Duration = Duration::from_millis(1);

/// The looks that a watch must take, each with what it shows.
struct Script {
    looks: Mutex<VecDeque<(Read, Result<Snapshot>)>>,
    clock: Arc<Fake>,
    /// What each look takes.
    trip: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    Eventual,
    Consistent,
}
use Read::{Consistent, Eventual};

impl Source for Script {
    fn look(&mut self, consistent: bool, _: Option<Instant>) -> Result<Snapshot> {
        self.clock.pass(self.trip);
        let Some((read, shown)) = self.looks.get_mut().unwrap().pop_front() else {
            return Err(Error::TableNotFound { table: "t".into(), place: "the script".into() });
        };
        assert_eq!(read, if consistent { Consistent } else { Eventual });
        shown
    }
}

fn course(
    clock: &Arc<Fake>,
    options: &WatchOptions,
    looks: Vec<(Read, Result<Snapshot>)>,
) -> Course<Script> {
    let script = Script { looks: Mutex::new(looks.into()), clock: clock.clone(), trip: MS };
    Course::begin(script, clock.env(), options)
}

fn layout() -> Layout {
    Layout::new(Encoding::Native, "id")
}

fn write(base: &Snapshot, content: &Content) -> Snapshot {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let bits = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    layout().seal("k", base, content, bits).after
}

fn put(base: &Snapshot, text: &str) -> Snapshot {
    write(base, &Content::permanent(Value::S(text.to_owned())))
}

fn puts(base: &Snapshot, count: usize) -> Snapshot {
    (0..count).fold(base.clone(), |state, n| put(&state, &format!("{n}")))
}

fn gone() -> Snapshot {
    Snapshot::missing()
}
