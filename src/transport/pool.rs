//! The connections: how many there are, which are free, when a free one is closed.
//!
//! Why not the pool of hyper-util's `legacy::Client`: it may open a connection in the
//! background beside the one that a request then takes, so it has no upper bound, and it hides
//! what matters most here, whether a failed request was written. This one is small:
//!
//! - A request first takes a [`Slot`]; there are as many as connections allowed.
//! - It takes the free connection that was used last, or opens one. So the others grow old and
//!   are closed.
//! - A connection that was free for `idle_timeout` is closed by us, before the server does it:
//!   a server that hangs up while a request is under way leaves that request in doubt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ::http::Uri;
use ::http::uri::{Authority, Scheme};

use super::dial::{Connection, Dialer};
use super::failure::WireFailure;
use crate::runtime::{self, JoinHandle, OwnedSemaphorePermit, Semaphore};

/// All connections of one transport.
pub(super) struct Pool {
    dialer: Dialer,
    slots: Arc<Semaphore>,
    max: usize,
    idle_timeout: Duration,
    idle: Arc<Mutex<Idle>>,
}

/// The right to use one connection.
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// A connection on loan from the pool.
pub(super) struct Lease {
    pub(super) connection: Connection,
    /// It has carried a request before, so the server may have hung up since.
    pub(super) reused: bool,
    server: Server,
}

/// The free connections, the longest free first.
#[derive(Default)]
struct Idle {
    free: Vec<Free>,
    /// The task that closes what grows old, while there is something to close.
    watcher: Option<JoinHandle<()>>,
}

struct Free {
    connection: Connection,
    server: Server,
    until: Instant,
}

/// What a connection leads to.
#[derive(Clone, PartialEq, Eq)]
struct Server(Option<Scheme>, Option<Authority>);

impl Pool {
    pub(super) fn new(dialer: Dialer, max: usize, idle_timeout: Duration) -> Pool {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Pool {
            dialer,
            slots: Arc::new(Semaphore::new(max)),
            max,
            idle_timeout,
            idle: Arc::default(),
        }
    }

    /// Waits for one of the connections to be free to use; first come, first served.
    pub(super) async fn slot(&self) -> Slot {
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        Slot { _permit: permit.expect("the semaphore is never closed") }
    }

    /// A connection to the server of `uri`: a free one, or a new one. The caller has a slot.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Lease, WireFailure> {
        let server = Server(uri.scheme().cloned(), uri.authority().cloned());
        if self.has_free() {
            // Lets the runtime look at the sockets first. A connection that the server closed
            // a moment ago then is no longer free, instead of failing this request.
            runtime::yield_now().await;
        }
        if let Some(connection) = self.take_free(&server) {
            return Ok(Lease { connection, reused: true, server });
        }
        self.make_room();
        Ok(Lease { connection: self.dialer.open(uri).await?, reused: false, server })
    }

    /// Takes back a connection whose answer was read to the end.
    pub(super) fn give_back(&self, mut lease: Lease, slot: Slot) {
        let idle = Arc::clone(&self.idle);
        let idle_timeout = self.idle_timeout;
        if lease.connection.sender.is_ready() {
            // The slot goes last: whoever gets it finds the connection.
            park(&idle, lease, idle_timeout);
            drop(slot);
        } else {
            // Either the server announced its end, or its task has not come round yet to
            // saying that it is ready. The slot stays taken till then.
            runtime::spawn(async move {
                if lease.connection.sender.ready().await.is_ok() {
                    park(&idle, lease, idle_timeout);
                }
                drop(slot);
            });
        }
    }

    fn has_free(&self) -> bool {
        !lock(&self.idle).free.is_empty()
    }

    fn take_free(&self, server: &Server) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.close_expired(Instant::now());
        let latest = idle.free.iter().rposition(|free| free.server == *server)?;
        Some(idle.free.remove(latest).connection)
    }

    /// Free connections to other servers count too: the oldest give way to a new one.
    fn make_room(&self) {
        let in_use = self.max - self.slots.available_permits();
        let mut idle = lock(&self.idle);
        let excess = (idle.free.len() + in_use).saturating_sub(self.max);
        let excess = excess.min(idle.free.len());
        idle.free.drain(..excess);
    }
}

fn park(idle: &Arc<Mutex<Idle>>, lease: Lease, idle_timeout: Duration) {
    let mut guard = lock(idle);
    guard.free.push(Free {
        connection: lease.connection,
        server: lease.server,
        until: Instant::now() + idle_timeout,
    });
    // Finished without having said so: its runtime has ended, and this is another one.
    if guard.watcher.as_ref().is_none_or(JoinHandle::is_finished) {
        guard.watcher = Some(runtime::spawn(close_when_old(Arc::downgrade(idle))));
    }
}

/// Runs while connections are free, and ends with the last of them or with the pool.
async fn close_when_old(idle: Weak<Mutex<Idle>>) {
    loop {
        let next = {
            let Some(idle) = idle.upgrade() else { return };
            let mut idle = lock(&idle);
            idle.close_expired(Instant::now());
            let Some(oldest) = idle.free.first().map(|free| free.until) else {
                idle.watcher = None;
                return;
            };
            oldest
        };
        runtime::sleep_until(next.into()).await;
    }
}

impl Idle {
    /// Dropping a connection closes it. Those that the server closed go at once.
    fn close_expired(&mut self, now: Instant) {
        self.free.retain(|free| now < free.until && free.connection.sender.is_ready());
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    // Nothing between lock and unlock can leave the list half changed.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
