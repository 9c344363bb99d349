//! Several requests under way at once, for one calling thread.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use rusoto_core::request::BufferedHttpResponse;
use serde::de::DeserializeOwned;

use super::answer::Failure;
use super::{Dynamo, Way, read_answer, unanswered};
use crate::runtime::{Begun, RunError};

/// Requests under way, each with what its sender needs to know when it is answered. Dropping it
/// cancels them.
pub(crate) struct Exchanges<T> {
    dynamo: Dynamo,
    under_way: HashMap<u64, UnderWay<T>>,
    numbered: u64,
    answers: Sender<(u64, Outcome)>,
    arrived: Receiver<(u64, Outcome)>,
}

type Outcome = Result<BufferedHttpResponse, Failure>;

struct UnderWay<T> {
    tag: T,
    limit: Instant,
    /// Kept so that it is cancelled when nobody waits for it any more.
    _task: Option<Begun>,
}

/// An answer that has not been read yet, or why there is none.
pub(crate) struct Answer(Outcome);

impl Answer {
    /// Its size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.as_ref().map_or(0, |answer| answer.body.len())
    }

    pub(super) fn read<O: DeserializeOwned>(self) -> Result<O, Failure> {
        read_answer(&self.0?)
    }
}

/// A request as it is sent.
pub(crate) struct Request {
    pub(super) operation: &'static str,
    pub(super) body: Result<Vec<u8>, Failure>,
}

impl<T> Exchanges<T> {
    pub(crate) fn new(dynamo: &Dynamo) -> Self {
        let (answers, arrived) = mpsc::channel();
        Self { dynamo: dynamo.clone(), under_way: HashMap::new(), numbered: 0, answers, arrived }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Sends a request; its answer comes with [`next`](Self::next), and `tag` with it.
    pub(crate) fn send(&mut self, tag: T, request: Request, deadline: Instant) {
        self.numbered += 1;
        let number = self.numbered;
        let answers = self.answers.clone();
        let deliver = move |outcome| {
            // The only error is a caller that gave up.
            let _ = answers.send((number, outcome));
        };
        let task = match request.body {
            Err(failure) => {
                deliver(Err(failure));
                None
            }
            Ok(body) => {
                let work = self.dynamo.dispatch(request.operation, body);
                match &self.dynamo.inner.way {
                    #[cfg(feature = "embedded")]
                    Way::InPlace => {
                        deliver(super::in_place(work));
                        None
                    }
                    Way::Runtime(runtime) => Some(runtime.begin(work, move |result| {
                        deliver(result.unwrap_or_else(|error| Err(unanswered(error))));
                    })),
                }
            }
        };
        let limit = self.dynamo.limit(deadline);
        self.under_way.insert(number, UnderWay { tag, limit, _task: task });
    }

    /// The next answer; `None` when nothing is under way, or there is none until then.
    pub(crate) fn next(&mut self, until: Instant) -> Option<(T, Answer)> {
        loop {
            let limit = self.under_way.values().map(|under_way| under_way.limit).min()?;
            let left = limit.min(until).saturating_duration_since(Instant::now());
            match self.arrived.recv_timeout(left) {
                Ok((number, outcome)) => {
                    // One that was given up before it arrived is no longer known.
                    if let Some(UnderWay { tag, .. }) = self.under_way.remove(&number) {
                        return Some((tag, Answer(outcome)));
                    }
                }
                Err(RecvTimeoutError::Timeout) if limit <= until => {
                    let late =
                        self.under_way.iter().find(|(_, under_way)| under_way.limit == limit);
                    let number = late.map(|(number, _)| *number)?;
                    let UnderWay { tag, .. } = self.under_way.remove(&number)?;
                    return Some((tag, Answer(Err(unanswered(RunError::TimedOut)))));
                }
                // The sender is here as well: nobody hangs up.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Gives up what is under way.
    pub(crate) fn abandon(&mut self) -> Vec<T> {
        self.under_way.drain().map(|(_, under_way)| under_way.tag).collect()
    }
}
