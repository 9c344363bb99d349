//! Opening one connection: name lookup, TCP, the proxy's `CONNECT`, TLS, all within one limit.

use std::error::Error;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use ::http::header::HeaderValue;
use ::http::uri::Scheme;
use ::http::{Request, Uri};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use tower_service::Service;

use super::failure::{WireFailure, at, explain};
use super::proxy::{Proxies, Way};
use super::tls::Tls;
use crate::runtime;

type BoxError = Box<dyn Error + Send + Sync>;

/// Opens connections.
pub(super) struct Dialer {
    tcp: HttpConnector,
    tls: OnceLock<Result<Tls, String>>,
    ca_bundle: Option<PathBuf>,
    proxies: Proxies,
    limit: Duration,
}

/// An open connection that takes one request at a time.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    target: Target,
}

/// How the request line is written.
enum Target {
    /// Only the path: the other end is the server, perhaps through a tunnel.
    Path,
    /// The whole address: the other end is a proxy, which may want to know who asks.
    Whole(Option<HeaderValue>),
}

/// Bytes in both directions, whatever is around them.
trait Stream: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Stream for T {}

impl Dialer {
    pub(super) fn new(proxies: Proxies, ca_bundle: Option<PathBuf>, limit: Duration) -> Dialer {
        let mut tcp = HttpConnector::new();
        // The connector is asked for `https` too; TLS is put around it.
        tcp.enforce_http(false);
        // A request is one small write, and nothing follows that Nagle could wait for.
        tcp.set_nodelay(true);
        Dialer { tcp, tls: OnceLock::new(), ca_bundle, proxies, limit }
    }

    /// Connects to the server of `uri`. Nothing of a request is written yet, so every error
    /// here means "not sent".
    pub(super) async fn open(&self, uri: &Uri) -> Result<Connection, WireFailure> {
        let unusable = |reason: String| WireFailure::Unusable(at(uri, &reason));
        let not_sent = |reason: String| WireFailure::NotSent(at(uri, &reason));
        let way = self.proxies.way_to(uri).map_err(unusable)?;
        // Before the clock starts: it is the disk that takes this time, not the network.
        let tls = if is_secure(uri) || way.proxy().is_some_and(is_secure) {
            Some(self.tls().map_err(unusable)?)
        } else {
            None
        };
        match runtime::timeout(self.limit, self.connect(uri, &way, tls)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(not_sent(match way.proxy() {
                Some(proxy) => format!("through the proxy {proxy}: {}", explain(&*error)),
                None => explain(&*error),
            })),
            Err(_) => Err(not_sent(format!("no connection within {:?}", self.limit))),
        }
    }

    async fn connect(
        &self,
        uri: &Uri,
        way: &Way,
        tls: Option<&Tls>,
    ) -> Result<Connection, BoxError> {
        let (stream, target) = match way {
            Way::Direct => (self.hop(uri.clone(), tls).await?, Target::Path),
            Way::Forward(proxy) => (
                self.hop(proxy.uri().clone(), tls).await?,
                Target::Whole(proxy.basic_auth().cloned()),
            ),
            Way::Tunnel(proxy) => (self.tunnel(proxy, uri.clone(), tls).await?, Target::Path),
        };
        let (sender, connection) = http1::handshake(stream).await?;
        // It reads, writes, and notices that the server hangs up. What goes wrong reaches the
        // request that it happens to; without one there is nobody to tell.
        runtime::spawn(async move {
            let _ = connection.await;
        });
        Ok(Connection { sender, target })
    }

    /// TCP to the host of `uri`, and TLS if it says so.
    async fn hop(&self, uri: Uri, tls: Option<&Tls>) -> Result<Box<dyn Stream>, BoxError> {
        let tcp = self.tcp.clone();
        Ok(match tls {
            Some(tls) if is_secure(&uri) => Box::new(call(tls.wrap(tcp), uri).await?),
            _ => Box::new(call(tcp, uri).await?),
        })
    }

    /// TLS to the host of `uri` through a tunnel that the proxy opens.
    async fn tunnel(
        &self,
        proxy: &Intercept,
        uri: Uri,
        tls: Option<&Tls>,
    ) -> Result<Box<dyn Stream>, BoxError> {
        let tls = tls.ok_or("a tunnel without TLS")?;
        let (tcp, via) = (self.tcp.clone(), proxy.uri().clone());
        Ok(if is_secure(&via) {
            let tunnel = with_auth(Tunnel::new(via, tls.wrap(tcp)), proxy);
            Box::new(call(tls.wrap(tunnel), uri).await?)
        } else {
            let tunnel = with_auth(Tunnel::new(via, tcp), proxy);
            Box::new(call(tls.wrap(tunnel), uri).await?)
        })
    }

    fn tls(&self) -> Result<&Tls, String> {
        let load = || Tls::load(self.ca_bundle.as_deref());
        self.tls.get_or_init(load).as_ref().map_err(Clone::clone)
    }
}

impl Connection {
    /// The other end is a proxy that forwards.
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(self.target, Target::Whole(_))
    }

    /// Writes the request's first line as this connection's other end wants it. May be done
    /// again for another connection: it starts from `uri`, the whole address.
    pub(super) fn address(&self, uri: &Uri, request: &mut Request<Full<Bytes>>) {
        match &self.target {
            Target::Path => {
                let path = uri.path_and_query().cloned();
                *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
            }
            Target::Whole(auth) => {
                *request.uri_mut() = uri.clone();
                if let Some(auth) = auth {
                    let name = ::http::header::PROXY_AUTHORIZATION;
                    request.headers_mut().insert(name, auth.clone());
                }
            }
        }
    }
}

fn is_secure(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

fn with_auth<C>(tunnel: Tunnel<C>, proxy: &Intercept) -> Tunnel<C> {
    match proxy.basic_auth() {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    }
}

async fn call<S>(mut service: S, uri: Uri) -> Result<S::Response, BoxError>
where
    S: Service<Uri>,
    S::Error: Into<BoxError>,
{
    let ready = poll_fn(|context| service.poll_ready(context)).await;
    ready.map_err(Into::into)?;
    service.call(uri).await.map_err(Into::into)
}
