//! HTTP/1.1 over hyper: one request, sent once or not at all, one answer, one deadline.
//!
//! What rusoto's own client leaves open is closed here. One limit covers the whole exchange:
//! waiting for a connection, connecting, sending, and the answer to its last byte. The answer's
//! `x-amz-crc32` is checked. A header that is not ASCII is no reason to panic. Redirects are not
//! followed, nothing is sent twice, no compression is asked for, and nothing is logged.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONTENT_LENGTH;
use ::http::response::Parts;
use ::http::{HeaderMap, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rusoto_core::request::{DispatchSignedRequest, DispatchSignedRequestFuture, HttpResponse};
use rusoto_core::signature::SignedRequest;

use super::dial::Dialer;
use super::failure::{WireFailure, at, explain};
use super::pool::Pool;
use super::proxy::Proxies;
use super::request::{from_signed, to_rusoto};
use crate::runtime;

/// The longest answer read. DynamoDB's are at most 16 MiB of items, somewhat more as JSON;
/// whatever is beyond this is not DynamoDB.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// DynamoDB's checksum of the body, as it came over the wire.
const CHECKSUM: &str = "x-amz-crc32";

/// How connections are made and kept.
pub(crate) struct HttpOptions {
    /// For one new connection, from the name lookup to the end of the TLS handshake.
    pub(crate) connect_timeout: Duration,
    /// A connection that was free for so long is closed.
    pub(crate) idle_timeout: Duration,
    /// At most so many connections; who comes then waits, within its own deadline.
    pub(crate) max_connections: usize,
    /// For a whole exchange that names no limit of its own. rusoto's `sign_and_dispatch` never
    /// names one.
    pub(crate) request_timeout: Duration,
    /// Which servers are reached through a proxy.
    pub(crate) proxies: Proxies,
    /// Certificates (PEM) trusted besides the system's.
    pub(crate) ca_bundle: Option<PathBuf>,
}

impl HttpOptions {
    /// The defaults, with the proxies and the `AWS_CA_BUNDLE` of the environment.
    pub(crate) fn from_env() -> HttpOptions {
        let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        HttpOptions {
            ca_bundle: bundle.map(PathBuf::from),
            ..HttpOptions::with_proxies(Proxies::from_env())
        }
    }

    /// The defaults, with the given proxies and nothing else from the environment.
    pub(crate) fn with_proxies(proxies: Proxies) -> HttpOptions {
        HttpOptions {
            // The first repeat of a lost SYN comes after 1 s, the second after 3 s.
            connect_timeout: Duration::from_millis(3100),
            // Node.js servers (dynalite) hang up after 5 s by default, DynamoDB Local after 30 s
            // (measured), AWS's load balancers after 60 s by default. We go first. What it
            // costs: who calls less often than this pays a handshake each time.
            idle_timeout: Duration::from_secs(4),
            max_connections: 50,
            request_timeout: Duration::from_secs(30),
            proxies,
            ca_bundle: None,
        }
    }
}

/// Sends signed requests over HTTP. A clone shares the connections.
///
/// All its futures must be polled on one and the same [`Runtime`](crate::runtime::Runtime): the
/// connections live there.
#[derive(Clone)]
pub(crate) struct HttpTransport {
    pool: Arc<Pool>,
    request_timeout: Duration,
}

/// How far an exchange got. What is certain when it is cut off depends on it.
#[derive(Clone, Copy)]
enum Stage {
    Waiting,
    Connecting,
    Sent,
    Reading,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// Opens nothing and reads nothing: that is done by the first request.
    pub(crate) fn new(options: HttpOptions) -> HttpTransport {
        let dialer = Dialer::new(options.proxies, options.ca_bundle, options.connect_timeout);
        let pool = Pool::new(dialer, options.max_connections, options.idle_timeout);
        HttpTransport { pool: Arc::new(pool), request_timeout: options.request_timeout }
    }

    /// Sends `signed` and reads the whole answer within `limit`. What [`dispatch`] does, with
    /// the verdict still a type.
    ///
    /// [`dispatch`]: DispatchSignedRequest::dispatch
    pub(crate) async fn send(
        &self,
        signed: SignedRequest,
        limit: Option<Duration>,
    ) -> Result<HttpResponse, WireFailure> {
        let request = from_signed(signed)?;
        let limit = limit.unwrap_or(self.request_timeout);
        let mut stage = Stage::Waiting;
        match runtime::timeout(limit, self.exchange(request, &mut stage)).await {
            Ok(result) => result,
            Err(_) => Err(stage.timed_out(limit)),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        stage: &mut Stage,
    ) -> Result<HttpResponse, WireFailure> {
        let uri = request.uri().clone();
        let slot = self.pool.slot().await;
        loop {
            *stage = Stage::Connecting;
            let mut lease = self.pool.connect(&uri).await?;
            lease.connection.address(&uri, &mut request);
            *stage = Stage::Sent;
            match lease.connection.sender.try_send_request(request).await {
                Ok(response) => {
                    *stage = Stage::Reading;
                    let (head, body) = read(&uri, response).await?;
                    let forwarded = lease.connection.is_forwarded();
                    self.pool.give_back(lease, slot);
                    if forwarded && head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                        // It kept the request to itself, as it does with a tunnel.
                        let reason = "the proxy asks for a name and a password";
                        return Err(WireFailure::NotSent(at(&uri, reason)));
                    }
                    check(&uri, &head.headers, &body)?;
                    return to_rusoto(&head, body);
                }
                Err(mut error) => match error.take_message() {
                    // hyper hands the request back if it wrote nothing of it. Trying the next
                    // connection is then its first sending, not a second one. This ends: each
                    // round uses up a connection that was there before.
                    Some(unsent) if lease.reused => request = unsent,
                    Some(_) => {
                        let reason = explain(&error.into_error());
                        return Err(WireFailure::NotSent(at(&uri, &reason)));
                    }
                    None => {
                        let reason = explain(&error.into_error());
                        return Err(WireFailure::InDoubt(at(&uri, &reason)));
                    }
                },
            }
        }
    }
}

impl DispatchSignedRequest for HttpTransport {
    fn dispatch(
        &self,
        request: SignedRequest,
        timeout: Option<Duration>,
    ) -> DispatchSignedRequestFuture {
        let transport = self.clone();
        Box::pin(async move { Ok(transport.send(request, timeout).await?) })
    }
}

impl Stage {
    fn timed_out(self, limit: Duration) -> WireFailure {
        match self {
            Stage::Waiting => WireFailure::NotSent(format!(
                "all connections were busy for the whole time limit of {limit:?}"
            )),
            Stage::Connecting => {
                WireFailure::NotSent(format!("no connection within the time limit of {limit:?}"))
            }
            Stage::Sent => {
                WireFailure::InDoubt(format!("no answer within the time limit of {limit:?}"))
            }
            Stage::Reading => WireFailure::InDoubt(format!(
                "the answer did not end within the time limit of {limit:?}"
            )),
        }
    }
}

async fn read(
    uri: &Uri,
    response: ::http::Response<Incoming>,
) -> Result<(Parts, Vec<u8>), WireFailure> {
    let too_long = || {
        let reason = format!("the answer is longer than {MAX_BODY} bytes");
        WireFailure::InDoubt(at(uri, &reason))
    };
    let (head, mut incoming) = response.into_parts();
    let announced: Option<usize> =
        head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(too_long());
    }
    // A server that announces much and sends little costs little.
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 20));
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| {
            let reason = format!("the answer was cut off: {}", explain(&error));
            WireFailure::InDoubt(at(uri, &reason))
        })?;
        if let Some(data) = frame.data_ref() {
            if body.len() + data.len() > MAX_BODY {
                return Err(too_long());
            }
            body.extend_from_slice(data);
        }
    }
    Ok((head, body))
}

/// A body that is not what the server meant to say tells nothing about what it did.
fn check(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), WireFailure> {
    let Some(expected) = headers.get(CHECKSUM) else {
        return Ok(());
    };
    let found = crc32fast::hash(body);
    let expected = expected.to_str().ok().and_then(|text| text.parse().ok());
    if expected == Some(found) {
        return Ok(());
    }
    let reason = match expected {
        Some(expected) => format!("checksum of the answer is {found}, not {expected}"),
        None => "checksum of the answer is unreadable".to_owned(),
    };
    Err(WireFailure::InDoubt(at(uri, &reason)))
}
