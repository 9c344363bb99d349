//! The runtime: one private thread that does all the waiting on the network.
//!
//! This is the only module that names tokio. The rest of the crate hands over a future with
//! [`Runtime::run`] and blocks on a plain channel until the answer is there.
//!
//! Why a thread of its own, and not `block_on` on the caller's thread:
//!
//! - Somebody has to watch idle connections. A runtime that nobody drives does not see a server
//!   close one, and the next request on it fails.
//! - `block_on` panics inside somebody's async program. A channel only blocks, which is what a
//!   blocking crate promises. (It does hold up that program's worker: call through
//!   `spawn_blocking` where that matters.)
//!
//! A process that forks without `exec` has no such thread in the child: there every call ends
//! in [`RunError::TimedOut`], or waits for ever without a deadline. Open the table after the fork.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

// What the transport needs of tokio, under this module's name.
pub(crate) use tokio::sync::{OwnedSemaphorePermit, Semaphore};
pub(crate) use tokio::task::{JoinHandle, yield_now};
pub(crate) use tokio::time::{sleep_until, timeout};

/// The thread's name, as `top -H` and a panic message show it.
const THREAD_NAME: &str = "faraday-atom";

/// Threads for name lookups, the one thing done off the event loop (`getaddrinfo` blocks).
/// tokio's default of 512 would let a dead name server collect that many.
const LOOKUP_THREADS: usize = 8;

/// A handle on the private thread; a clone is another handle on the same one.
///
/// The thread ends after the last handle is dropped. Dropping only sets a flag: it waits for
/// nothing and is fine anywhere, an async program and the private thread included.
#[derive(Clone)]
pub(crate) struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    handle: Handle,
    thread: ThreadId,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The only error is a thread that ended before.
            let _ = stop.send(());
        }
    }
}

/// Why [`Runtime::run`] came back without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunError {
    /// The deadline passed. The work was cancelled; how far it got is not known.
    TimedOut,
    /// The work panicked, or the thread is no more. How far the work got is not known.
    Gone,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunError::TimedOut => "the deadline passed before there was an answer",
            RunError::Gone => "the network thread ended before there was an answer",
        })
    }
}

impl std::error::Error for RunError {}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Runtime> {
        // Built here, so that a failure (no file descriptors left) reaches the caller.
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name(THREAD_NAME)
            .max_blocking_threads(LOOKUP_THREADS)
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            let _ = runtime.block_on(stopped);
            // A plain drop would wait for a name lookup that hangs.
            runtime.shutdown_background();
        })?;
        Ok(Runtime {
            shared: Arc::new(Shared { handle, thread: thread.thread().id(), stop: Some(stop) }),
        })
    }

    /// Hands `work` to the thread and waits for its result, at most until `deadline`.
    ///
    /// Giving up cancels the work: its future is dropped on the private thread, soon after.
    /// The deadline is watched on the caller's side, so that it holds even if the private
    /// thread is stuck. A result that is already there is preferred to a deadline that passed.
    ///
    /// The work knows better than this function how far it got. Whoever needs that gives the
    /// work a limit of its own, and this deadline a little more, as a safety net.
    pub(crate) fn run<F>(&self, deadline: Option<Instant>, work: F) -> Result<F::Output, RunError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if thread::current().id() == self.shared.thread {
            // Waiting for oneself would never end.
            return Err(RunError::Gone);
        }
        let (answer, answered) = mpsc::sync_channel(1);
        // On a runtime that has shut down the future is dropped at once, and with it `answer`;
        // a panic drops `answer` too. Either way the channel closes and the caller wakes up.
        let task = self.shared.handle.spawn(async move {
            // The only error is a caller that gave up.
            let _ = answer.send(work.await);
        });
        let Some(deadline) = deadline else {
            return answered.recv().map_err(|_| gone());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match answered.recv_timeout(left) {
            Ok(output) => Ok(output),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                task.abort();
                Err(RunError::TimedOut)
            }
        }
    }

    /// Hands `work` to the thread and comes back at once. Its result goes to `deliver`, which
    /// runs on the private thread and must only pass it on; when the work was cancelled or the
    /// thread is no more, that is delivered.
    pub(crate) fn begin<F>(
        &self,
        work: F,
        deliver: impl FnOnce(Result<F::Output, RunError>) + Send + 'static,
    ) -> Begun
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut delivery = Delivery(Some(deliver), PhantomData);
        Begun(self.shared.handle.spawn(async move {
            let result = work.await;
            delivery.deliver(Ok(result));
        }))
    }
}

/// Work that was handed over and not waited for; dropping it cancels the work.
#[derive(Debug)]
pub(crate) struct Begun(JoinHandle<()>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Delivers what came of a piece of work, or that nothing ever will.
struct Delivery<T, D: FnOnce(Result<T, RunError>)>(Option<D>, PhantomData<fn(T)>);

impl<T, D: FnOnce(Result<T, RunError>)> Delivery<T, D> {
    fn deliver(&mut self, result: Result<T, RunError>) {
        if let Some(deliver) = self.0.take() {
            deliver(result);
        }
    }
}

impl<T, D: FnOnce(Result<T, RunError>)> Drop for Delivery<T, D> {
    fn drop(&mut self) {
        self.deliver(Err(RunError::Gone));
    }
}

#[cold]
fn gone() -> RunError {
    RunError::Gone
}

/// Leaves `work` to the private thread; it ends with it. Only for code that runs there.
pub(crate) fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(work)
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
pub(crate) mod tests;
