//! A DynamoDB server for tests that does what servers and networks do on bad days.
//!
//! In front of the embedded engine or of another server, it speaks plain HTTP/1.1 on loopback, a
//! thread a connection, and asks a hook what to do with each request.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dynoxide::Database;

use super::http::{read_answer, read_request, request, write_answer};
use super::partly;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The request is carried out; the connection is closed without an answer.
    LoseReply,
    /// The connection is closed without carrying out the request.
    LoseRequest,
    /// The request is carried out; the connection is reset without an answer.
    ResetReply,
    /// The connection is reset without carrying out the request.
    ResetRequest,
    /// The connection is closed without an answer; the request is carried out after a while.
    Straggle(Duration),
    /// Of a batch, so many of a hundred items are left unprocessed, chosen by the first number.
    Partly(u64, u64),
    /// Carried out and answered, but whatever condition it had is taken off before.
    Unconditional,
    /// Carried out, answered, and then the connection is closed, unannounced.
    HangUp,
    /// The request is carried out; the answer never comes, nor does the connection close.
    Hang,
    /// The request is carried out; the answer stops in the middle of its body.
    StallInBody,
    /// The request is carried out; the answer ends in the middle of its body.
    CutBody,
    /// Carried out, and answered after a while.
    Late(Duration),
    /// Not carried out: an answer of this status and body.
    Answer(u16, &'static str),
    /// Carried out all the same: an answer of this status and body.
    Mislead(u16, &'static str),
    /// Carried out, and answered with status 200 and a body that is no JSON.
    Garbage,
    /// Carried out, and answered with a checksum that does not fit the body.
    WrongChecksum,
    /// Carried out, and answered with a header that is not ASCII.
    OddHeader,
}

pub(crate) const THROTTLED: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#,
);
pub(crate) const UNAVAILABLE: Fault =
    Fault::Answer(503, "<html><body><h1>503 Service Unavailable</h1></body></html>");

/// One request as the hook sees it.
pub(crate) struct Seen<'a> {
    /// How many requests came before this one.
    pub(crate) number: usize,
    pub(crate) operation: &'a str,
}

type Hook = dyn Fn(&Seen<'_>) -> Fault + Send + Sync;

#[derive(Clone)]
pub(crate) enum Backend {
    Engine(Database),
    Upstream(Arc<Upstream>),
}

/// Another server, and the connections to it that are free.
pub(crate) struct Upstream {
    address: SocketAddr,
    free: Mutex<Vec<(Instant, BufReader<TcpStream>)>>,
}

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    backend: Backend,
    hook: Box<Hook>,
    /// Connections idle for longer are closed.
    idle: Duration,
    requests: AtomicUsize,
    connections: AtomicUsize,
    stopped: AtomicBool,
    /// Of every so many transactions, one loses its token on the way; 0 for none.
    forgets: AtomicUsize,
}

impl Server {
    /// In front of an engine in memory.
    pub(crate) fn new(hook: impl Fn(&Seen<'_>) -> Fault + Send + Sync + 'static) -> Self {
        let engine = Database::memory().unwrap();
        Self::start(Backend::Engine(engine), Duration::from_secs(60), hook)
    }

    pub(crate) fn start(
        backend: Backend,
        idle: Duration,
        hook: impl Fn(&Seen<'_>) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            backend,
            hook: Box::new(hook),
            idle,
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            forgets: AtomicUsize::new(0),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let shared = accepting.clone();
                std::thread::spawn(move || {
                    // A client that goes away is no news.
                    let _gone = shared.serve(stream);
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// From now on, one of `of` transactions is carried out as if its token were not known.
    pub(crate) fn forget_tokens(&self, of: usize) {
        self.shared.forgets.store(of, Ordering::SeqCst);
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// A table of this server that exists, opened with `change` made to its settings.
    pub(crate) fn table(
        &self,
        change: impl FnOnce(faraday_atom::TableBuilder) -> faraday_atom::TableBuilder,
    ) -> faraday_atom::Table {
        let table = change(self.builder("faulty")).open().unwrap();
        table.ensure().unwrap();
        table
    }

    pub(crate) fn builder(&self, name: &str) -> faraday_atom::TableBuilder {
        faraday_atom::Table::builder(name).endpoint_url(self.url()).region("local").credentials(
            "local",
            "local",
            None::<String>,
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            stream.set_read_timeout(Some(self.idle))?;
            // An idle connection ends here, by the read's time-out.
            if reader.fill_buf()?.is_empty() {
                return Ok(());
            }
            let Some((operation, body)) = read_request(&mut reader)? else { return Ok(()) };
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            let fault = (self.hook)(&Seen { number, operation: &operation });
            match fault {
                Fault::LoseRequest => return stream.shutdown(Shutdown::Both),
                Fault::ResetRequest => return reset(&stream),
                Fault::Straggle(time) => {
                    stream.shutdown(Shutdown::Both)?;
                    std::thread::sleep(time);
                    return self.carry_out(&operation, &body).map(drop);
                }
                _ => {}
            }
            if let Fault::Answer(status, body) = fault {
                write_answer(&stream, status, "", body.as_bytes(), body.len())?;
                continue;
            }
            let body = if fault == Fault::Unconditional { unconditional(&body) } else { body };
            let (status, body) = match fault {
                Fault::Partly(bits, left) => {
                    self.carry_out_partly(&operation, &body, bits, left)?
                }
                _ => self.carry_out(&operation, &body)?,
            };
            let crc = format!("x-amz-crc32: {}\r\n", crc32fast::hash(&body));
            match fault {
                Fault::LoseReply => return stream.shutdown(Shutdown::Both),
                Fault::ResetReply => return reset(&stream),
                Fault::HangUp => {
                    write_answer(&stream, status, &crc, &body, body.len())?;
                    return stream.shutdown(Shutdown::Both);
                }
                Fault::Mislead(status, body) => {
                    write_answer(&stream, status, "", body.as_bytes(), body.len())?;
                }
                Fault::Hang => {
                    // Until the client gives up.
                    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                    let _closed = reader.fill_buf();
                    return Ok(());
                }
                Fault::StallInBody | Fault::CutBody => {
                    let half = body.len() / 2;
                    write_answer(&stream, status, &crc, &body[..half], body.len())?;
                    if fault == Fault::CutBody {
                        return stream.shutdown(Shutdown::Both);
                    }
                    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                    let _closed = reader.fill_buf();
                    return Ok(());
                }
                Fault::Late(time) => {
                    std::thread::sleep(time);
                    write_answer(&stream, status, &crc, &body, body.len())?;
                }
                Fault::Garbage => write_answer(&stream, 200, "", b"{\"Item\":", 8)?,
                Fault::WrongChecksum => {
                    write_answer(&stream, status, "x-amz-crc32: 1\r\n", &body, body.len())?;
                }
                Fault::OddHeader => {
                    let odd = format!("x-odd: caf\u{e9} \u{2603}\r\n{crc}");
                    write_answer(&stream, status, &odd, &body, body.len())?;
                }
                Fault::None
                | Fault::LoseRequest
                | Fault::ResetRequest
                | Fault::Straggle(_)
                | Fault::Unconditional
                | Fault::Partly(..)
                | Fault::Answer(..) => {
                    write_answer(&stream, status, &crc, &body, body.len())?;
                }
            }
        }
    }

    fn carry_out_partly(
        &self,
        operation: &str,
        body: &[u8],
        bits: u64,
        left: u64,
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let (rest, left) = partly::split(operation, body, bits, left);
        let answer = match rest {
            Some(rest) => match self.carry_out(operation, &rest)? {
                (200, answer) => Some(answer),
                refused => return Ok(refused),
            },
            None => None,
        };
        Ok((200, partly::joined(answer, left)))
    }

    fn carry_out(&self, operation: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let forgets = self.forgets.load(Ordering::SeqCst);
        let bare = (operation == "TransactWriteItems"
            && forgets > 0
            && self.requests.load(Ordering::SeqCst).is_multiple_of(forgets))
        .then(|| without_token(body));
        let body = bare.as_deref().unwrap_or(body);
        match &self.backend {
            Backend::Engine(engine) => Ok(engine_answer(engine, operation, body)),
            Backend::Upstream(upstream) => upstream.post(operation, body),
        }
    }
}

/// Ends the connection by a reset instead of a proper end.
fn reset(stream: &TcpStream) -> std::io::Result<()> {
    // The reset goes out when the last handle is closed, which is when the caller returns.
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

impl Backend {
    /// The server at this address, such as `http://127.0.0.1:8000`.
    pub(crate) fn upstream(endpoint: &str) -> Self {
        let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
        let address = std::net::ToSocketAddrs::to_socket_addrs(address).unwrap().next().unwrap();
        Self::Upstream(Arc::new(Upstream { address, free: Mutex::default() }))
    }
}

impl Upstream {
    /// Connections free for longer are not used again, for the server may be about to close them:
    /// DynamoDB Local does after 30 s.
    const FRESH: Duration = Duration::from_secs(10);

    /// One request, sent once.
    fn post(&self, operation: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let free = loop {
            match self.free.lock().unwrap().pop() {
                Some((since, _)) if since.elapsed() > Self::FRESH => {}
                other => break other,
            }
        };
        let mut connection = match free {
            Some((_, connection)) => connection,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                BufReader::new(stream)
            }
        };
        let request = request(&self.address.to_string(), operation, body, "keep-alive");
        connection.get_mut().write_all(&request)?;
        let answer = read_answer(&mut connection)?;
        self.free.lock().unwrap().push((Instant::now(), connection));
        Ok(answer)
    }
}

/// The same put without its condition.
fn unconditional(body: &[u8]) -> Vec<u8> {
    let mut request: serde_json::Value = serde_json::from_slice(body).unwrap();
    let fields = request.as_object_mut().unwrap();
    fields.retain(|name, _| ["TableName", "Item"].contains(&name.as_str()));
    request.to_string().into_bytes()
}

/// The same transaction without its token.
fn without_token(body: &[u8]) -> Vec<u8> {
    let mut request: serde_json::Value = serde_json::from_slice(body).unwrap();
    request.as_object_mut().unwrap().remove("ClientRequestToken");
    request.to_string().into_bytes()
}

/// One request over a connection of its own.
pub(crate) fn post(address: &str, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = request(address, operation, body, "close");
    stream.write_all(&request).unwrap();
    read_answer(&mut BufReader::new(stream)).unwrap()
}

/// What the engine answers to one request.
pub(crate) fn engine_answer(db: &Database, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
    macro_rules! answer {
        ($($name:literal => $method:ident),* $(,)?) => {
            match operation {
                $($name => match serde_json::from_slice(body) {
                    Ok(request) => match db.$method(request) {
                        Ok(output) => (200, serde_json::to_vec(&output).unwrap()),
                        Err(error) => (error.status_code(), error.to_json().into_bytes()),
                    },
                    Err(error) => (400, format!(
                        r#"{{"__type":"ValidationException","message":{:?}}}"#, error.to_string()
                    ).into_bytes()),
                },)*
                other => panic!("the test server does not know {other}"),
            }
        };
    }
    answer! {
        "GetItem" => get_item, "PutItem" => put_item, "DeleteItem" => delete_item,
        "UpdateItem" => update_item, "CreateTable" => create_table,
        "DescribeTable" => describe_table, "DeleteTable" => delete_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "UpdateTimeToLive" => update_time_to_live,
        "BatchGetItem" => batch_get_item, "BatchWriteItem" => batch_write_item,
        "TransactWriteItems" => transact_write_items,
        "TransactGetItems" => transact_get_items, "Scan" => scan, "Query" => query,
    }
}
