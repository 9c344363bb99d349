//! The only place that speaks DynamoDB: one call for every operation, and what its answer means.

pub(crate) mod answer;
pub(crate) mod batches;
pub(crate) mod exchanges;
mod items;
pub(crate) mod scans;
mod tables;
mod transactions;
mod wire;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusoto_core::credential::{AwsCredentials, StaticProvider};
use rusoto_core::request::{BufferedHttpResponse, DispatchSignedRequest};
use rusoto_core::signature::SignedRequest;
use rusoto_core::{Client, Region, RusotoError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{Credentials, Place};
use crate::runtime::{RunError, Runtime};
use crate::transport::{WireFailure, failure_of};
use answer::{Cause, Failure, classify};

pub(crate) use items::{Address, Condition, MOST_COMPARED};
pub use tables::{Billing, TableClass, TableInfo, TableOptions};
pub(crate) use transactions::{Action, Part, TransactWrite};

/// A connection to DynamoDB, or to an engine that behaves like it.
#[derive(Clone)]
pub(crate) struct Dynamo {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    region: Region,
    place: String,
    database: Database,
    way: Way,
    request_timeout: Duration,
    sent: AtomicU64,
}

/// What tells one database from another: a transaction cannot reach into two.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// The endpoint, the region, and the access key, by which each account has its own.
    Server { endpoint: String, region: String, access_key: String },
    /// An engine in this process, by its address; it lives as long as those who know it.
    #[cfg(feature = "embedded")]
    Engine(usize),
}

/// Where a request's future is polled.
enum Way {
    /// On the private thread that owns the connections.
    Runtime(Runtime),
    /// In place: the dispatcher answers at the first poll and waits on nothing of tokio's.
    #[cfg(feature = "embedded")]
    InPlace,
}

/// How much longer than its own time-out a request is waited for.
const GRACE: Duration = Duration::from_millis(50);

impl Dynamo {
    /// Over a transport whose futures wait on sockets.
    pub(crate) fn over<D>(
        dispatcher: D,
        runtime: Runtime,
        place: &Place,
        credentials: &Credentials,
        request_timeout: Duration,
    ) -> Self
    where
        D: DispatchSignedRequest + Send + Sync + 'static,
    {
        let provider = StaticProvider::from(AwsCredentials::new(
            credentials.access_key.clone(),
            credentials.secret_key.clone(),
            credentials.session_token.clone(),
            None,
        ));
        Self::build(
            Client::new_with(provider, dispatcher),
            Region::Custom { name: place.region.clone(), endpoint: place.endpoint.clone() },
            place.to_string(),
            Database::Server {
                endpoint: place.endpoint.clone(),
                region: place.region.clone(),
                access_key: credentials.access_key.clone(),
            },
            Way::Runtime(runtime),
            request_timeout,
        )
    }

    /// Over a transport that answers in place.
    #[cfg(feature = "embedded")]
    pub(crate) fn in_place<D>(dispatcher: D, place: String, database: Database) -> Self
    where
        D: DispatchSignedRequest + Send + Sync + 'static,
    {
        let region =
            Region::Custom { name: "embedded".to_owned(), endpoint: "http://embedded".to_owned() };
        let client = Client::new_not_signing(dispatcher);
        Self::build(client, region, place, database, Way::InPlace, Duration::MAX)
    }

    fn build(
        client: Client,
        region: Region,
        place: String,
        database: Database,
        way: Way,
        request_timeout: Duration,
    ) -> Self {
        let sent = AtomicU64::new(0);
        let inner = Inner { client, region, place, database, way, request_timeout, sent };
        Self { inner: Arc::new(inner) }
    }

    /// Whether both lead to the same tables.
    pub(crate) fn same_database(&self, other: &Self) -> bool {
        self.inner.database == other.inner.database
    }

    /// The region, endpoint or file, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.inner.place
    }

    /// How many requests were sent through this connection.
    pub(crate) fn requests(&self) -> u64 {
        self.inner.sent.load(Ordering::Relaxed)
    }

    /// One request and its answer. Sends once; retrying is the caller's business.
    fn call<I, O>(&self, operation: &str, input: &I, deadline: Instant) -> Result<O, Failure>
    where
        I: Serialize,
        O: DeserializeOwned,
    {
        self.call_with(operation, to_body(input)?, deadline)
    }

    /// As `call`, with a request that is written already.
    fn call_with<O>(&self, operation: &str, body: Vec<u8>, deadline: Instant) -> Result<O, Failure>
    where
        O: DeserializeOwned,
    {
        read_answer(&self.exchange(operation, body, deadline)?)
    }

    fn exchange(
        &self,
        operation: &str,
        body: Vec<u8>,
        deadline: Instant,
    ) -> Result<BufferedHttpResponse, Failure> {
        let work = self.dispatch(operation, body);
        match &self.inner.way {
            #[cfg(feature = "embedded")]
            Way::InPlace => in_place(work),
            Way::Runtime(runtime) => {
                let limit = self.limit(deadline);
                runtime.run(Some(limit), work).unwrap_or_else(|error| Err(unanswered(error)))
            }
        }
    }

    /// Until when an answer to a request that is sent now is waited for.
    ///
    /// The transport keeps the time of a request itself and knows what was sent; here is only the
    /// end of the whole call, and a net below a transport that is stuck.
    fn limit(&self, deadline: Instant) -> Instant {
        let own = Instant::now().checked_add(self.inner.request_timeout.saturating_add(GRACE));
        own.map_or(deadline, |own| own.min(deadline))
    }

    /// One request, signed and sent when it is polled.
    fn dispatch(
        &self,
        operation: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<BufferedHttpResponse, Failure>> + Send + 'static {
        let mut request = SignedRequest::new("POST", "dynamodb", &self.inner.region, "/");
        request.set_content_type("application/x-amz-json-1.0".to_owned());
        request.add_header("x-amz-target", &format!("DynamoDB_20120810.{operation}"));
        request.set_payload(Some(body));
        self.inner.sent.fetch_add(1, Ordering::Relaxed);

        let client = self.inner.client.clone();
        async move {
            let mut response = client.sign_and_dispatch(request).await.map_err(failed_dispatch)?;
            response.buffer().await.map_err(|error| of_wire(failure_of(&error)))
        }
    }
}

/// Polls what answers at its first poll.
#[cfg(feature = "embedded")]
fn in_place<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    use std::task::{Context, Poll, Waker};
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => {
            Err(Failure::InDoubt(Cause::of_transport("the embedded engine did not answer")))
        }
    }
}

/// What an answer says, or how it failed.
fn read_answer<O: DeserializeOwned>(answer: &BufferedHttpResponse) -> Result<O, Failure> {
    let request_id = answer.headers.get("x-amzn-requestid").cloned();
    let status = answer.status.as_u16();
    if status != 200 {
        return Err(classify(status, request_id, &answer.body));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        let message = format!("an answer of status 200 that cannot be read: {error}");
        Failure::InDoubt(Cause { request_id, ..Cause::of_transport(message) })
    })
}

fn unanswered(error: RunError) -> Failure {
    Failure::InDoubt(Cause::of_transport(match error {
        RunError::TimedOut => "no answer in time",
        RunError::Gone => "the thread that owns the connections has ended",
    }))
}

fn to_body<I: Serialize>(input: &I) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(input).map_err(|error| {
        Failure::Final(Cause::of_transport(format!("cannot write the request: {error}")))
    })
}

/// rusoto's error of an exchange has no public name; it converts into one that has.
fn failed_dispatch(error: impl Into<RusotoError<Infallible>>) -> Failure {
    match error.into() {
        RusotoError::Credentials(error) => {
            Failure::Credentials(Cause::of_transport(error.to_string()))
        }
        RusotoError::HttpDispatch(error) => of_wire(failure_of(&error)),
        other => Failure::InDoubt(Cause::of_transport(other.to_string())),
    }
}

fn of_wire(failure: WireFailure) -> Failure {
    match failure {
        WireFailure::NotSent(message) => Failure::NotSent(Cause::of_transport(message)),
        WireFailure::Unusable(message) => Failure::Unusable(Cause::of_transport(message)),
        WireFailure::InDoubt(message) => Failure::InDoubt(Cause::of_transport(message)),
    }
}

impl fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dynamo").field(&self.inner.place).finish()
    }
}
