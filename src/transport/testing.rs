//! A small HTTP server for tests, which can misbehave in every way a test asks for.
//!
//! It is written on `std::net`, so that nothing it does wrong is put right by a library. Its
//! drop ends all connections and repeats a panic of the handler, so a failed check in a
//! handler fails the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusoto_core::Region;
use rusoto_core::request::{BufferedHttpResponse, HttpDispatchError};
use rusoto_core::signature::SignedRequest;

use super::proxy::Proxies;
use super::{HttpOptions, HttpTransport, WireFailure, failure_of};
use crate::runtime::Runtime;

/// What a request looked like on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection, counted from 0.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(key, _)| key == name);
        let found = named.next().map(|(_, value)| value.as_str());
        assert!(named.next().is_none(), "header {name} came twice");
        found
    }
}

/// What the handler wants done with the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Wait for the next request.
    KeepOpen,
    /// Close it in good order.
    Close,
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    accepted: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    sockets: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Answers every request with `handler`, which writes to the socket itself.
    pub(crate) fn start<H>(handler: H) -> Server
    where
        H: Fn(&Seen, &mut TcpStream) -> Then + Send + Sync + 'static,
    {
        Server::with_idle_limit(Duration::from_secs(60), handler)
    }

    /// Closes a connection on which nothing came for `idle`.
    pub(crate) fn with_idle_limit<H>(idle: Duration, handler: H) -> Server
    where
        H: Fn(&Seen, &mut TcpStream) -> Then + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Server::on(listener, idle, handler)
    }

    /// The same on a listener of the test's own.
    pub(crate) fn on<H>(listener: TcpListener, idle: Duration, handler: H) -> Server
    where
        H: Fn(&Seen, &mut TcpStream) -> Then + Send + Sync + 'static,
    {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let acceptor = {
            let shared = Arc::clone(&shared);
            let handler = Arc::new(handler);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let stream = stream.unwrap();
                    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                    let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
                    shared.most_open.fetch_max(open, Ordering::SeqCst);
                    shared.sockets.lock().unwrap().push(stream.try_clone().unwrap());
                    let (handler, inner) = (Arc::clone(&handler), Arc::clone(&shared));
                    let thread = thread::spawn(move || {
                        // Counted down even if the handler panics.
                        let _open = CountDown(&inner.open);
                        serve(number, stream, idle, &inner, &*handler);
                    });
                    shared.threads.lock().unwrap().push(thread);
                }
            })
        };
        Server { address, shared, acceptor: Some(acceptor) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// The most connections that were ever open together.
    pub(crate) fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until the server sees `count` open connections.
    pub(crate) fn wait_open(&self, count: usize) {
        wait_until(&format!("{count} open connections"), || self.open() == count);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor up.
        let _ = TcpStream::connect(self.address);
        let mut failed = self.acceptor.take().unwrap().join().is_err();
        for socket in self.shared.sockets.lock().unwrap().iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.shared.threads.lock().unwrap().drain(..) {
            failed |= thread.join().is_err();
        }
        // A second panic would end the whole test program.
        assert!(!failed || thread::panicking(), "the handler panicked");
    }
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(
    number: usize,
    mut stream: TcpStream,
    idle: Duration,
    shared: &Shared,
    handler: &(dyn Fn(&Seen, &mut TcpStream) -> Then + Send + Sync),
) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(idle)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read_request(number, &mut reader) {
        shared.seen.lock().unwrap().push(request.clone());
        if handler(&request, &mut stream) == Then::Close {
            break;
        }
    }
    // The list in `shared` holds another handle, so dropping this one would not close it.
    let _ = stream.shutdown(Shutdown::Both);
}

/// `None` at the end of the connection, and after the idle limit.
fn read_request(connection: usize, reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { line: line.trim_end().to_owned(), headers, body: Vec::new(), connection };
    let length = seen.header("content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = body;
    Some(seen)
}

/// Writes an answer in one go. (In two, each would wait 40 ms for the other's acknowledgement.)
pub(crate) fn answer(stream: &mut TcpStream, head: &str, body: &[u8]) -> Then {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    raw(stream, &[head.as_bytes(), body].concat())
}

/// Writes bytes as they are.
pub(crate) fn raw(stream: &mut TcpStream, bytes: &[u8]) -> Then {
    // A client that has given up is no fault of the server's.
    let _ = stream.write_all(bytes);
    Then::KeepOpen
}

/// Says nothing till the client hangs up.
pub(crate) fn hang(stream: &mut TcpStream) -> Then {
    let mut byte = [0];
    while matches!(stream.read(&mut byte), Ok(n) if n > 0) {}
    Then::Close
}

/// Polls till `condition` holds; panics after five seconds.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A client to test: a runtime and a transport on it.
pub(crate) struct Client {
    pub(crate) runtime: Runtime,
    pub(crate) transport: HttpTransport,
}

/// An answer or the verdict on there being none.
pub(crate) type Outcome = Result<BufferedHttpResponse, WireFailure>;

impl Client {
    /// With the defaults and no proxy.
    pub(crate) fn new() -> Client {
        Client::with(|_| ())
    }

    /// With the defaults changed by `change`.
    pub(crate) fn with(change: impl FnOnce(&mut HttpOptions)) -> Client {
        let mut options = HttpOptions::with_proxies(Proxies::none());
        change(&mut options);
        Client { runtime: Runtime::start().unwrap(), transport: HttpTransport::new(options) }
    }

    /// One call through rusoto's trait, as the crate does it.
    pub(crate) fn call(&self, url: &str, limit: Duration) -> Outcome {
        self.send(request(url), Some(limit))
    }

    pub(crate) fn send(&self, request: SignedRequest, limit: Option<Duration>) -> Outcome {
        use rusoto_core::request::DispatchSignedRequest as _;
        let exchange = self.transport.dispatch(request, limit);
        let work = async move {
            let mut response = exchange.await?;
            response.buffer().await
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        let result: Result<_, HttpDispatchError> = self.runtime.run(Some(deadline), work).unwrap();
        result.map_err(|error| failure_of(&error))
    }
}

/// A signed `POST` to `url`, with secrets that must not turn up anywhere.
pub(crate) fn request(url: &str) -> SignedRequest {
    let region = Region::Custom { name: "eu-west-1".to_owned(), endpoint: url.to_owned() };
    let mut request = SignedRequest::new("POST", "dynamodb", &region, "/");
    request.set_content_type("application/x-amz-json-1.0".to_owned());
    request.add_header("x-amz-target", "DynamoDB_20120810.GetItem");
    request.set_payload(Some(&b"{\"secret\":\"body\"}"[..]));
    request.sign(&rusoto_core::credential::AwsCredentials::new(
        "AKID",
        "secret-key",
        Some("secret-token".to_owned()),
        None,
    ));
    request
}
