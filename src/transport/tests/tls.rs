//! TLS, with whichever implementation is switched on, against a server on rustls.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::proxy::Proxies;
use super::super::testing::{Client, Server, Then, hang, raw};
use super::{AMPLE, not_sent, unusable};

/// A name that only a proxy knows.
const BEHIND: &str = "dynamo.behind.invalid";

/// A server with a certificate for `localhost` from an authority nobody knows. Each connection
/// carries requests till the client hangs up; a request is whatever ends in our test body.
struct TlsServer {
    address: SocketAddr,
    /// The authority's certificate, in a file.
    bundle: PathBuf,
    requests: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl TlsServer {
    fn start() -> TlsServer {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Not the default name, or the server's certificate would seem to be its own issuer.
        authority.distinguished_name.push(DnType::CommonName, "nobody's authority");
        let root = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), BEHIND.to_owned()];
        let leaf = CertificateParams::new(names).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();

        let number = FILES.fetch_add(1, Ordering::SeqCst);
        let file = format!("faraday-test-{}-{number}.pem", std::process::id());
        let bundle = std::env::temp_dir().join(file);
        std::fs::write(&bundle, root.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, accepted) = (Arc::default(), Arc::default());
        let server = TlsServer {
            address,
            bundle,
            requests: Arc::clone(&requests),
            accepted: Arc::clone(&accepted),
        };
        // It ends with the process: a listener cannot be woken up in any simple way.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (config, requests) = (Arc::clone(&config), Arc::clone(&requests));
                thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    serve(config, stream, &requests);
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Trusts the server's authority.
    fn client(&self) -> Client {
        Client::with(|options| options.ca_bundle = Some(self.bundle.clone()))
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.bundle);
    }
}

/// Also plays the proxy: after a `CONNECT` it is itself the server at the tunnel's end.
fn serve<S: Read + Write>(config: Arc<ServerConfig>, stream: S, requests: &AtomicUsize) {
    let session = ServerConnection::new(Arc::clone(&config)).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while let Ok(n) = stream.read(&mut part) {
        if n == 0 {
            return;
        }
        request.extend_from_slice(&part[..n]);
        if request.starts_with(b"CONNECT ") && request.ends_with(b"\r\n\r\n") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let _ = stream.flush();
            return serve_inside(config, &mut stream, requests);
        }
        if request.ends_with(b"{\"secret\":\"body\"}") {
            request.clear();
            requests.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            let _ = stream.write_all(answer).and_then(|()| stream.flush());
        }
    }
}

/// Behind a `dyn`, or the type of the stream would grow without end.
fn serve_inside(config: Arc<ServerConfig>, stream: &mut dyn Both, requests: &AtomicUsize) {
    serve(config, stream, requests);
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_sent() {
    let server = TlsServer::start();
    not_sent(Client::new().call(&server.url(), AMPLE), "certificate");
    assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_certificate_from_the_bundle_is_trusted() {
    let server = TlsServer::start();
    let client = server.client();
    for _ in 0..5 {
        let response = client.call(&server.url(), AMPLE).unwrap();
        assert_eq!(response.body_as_str(), "{}");
    }
    assert_eq!(server.requests(), 5);
    assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
}

#[test]
fn a_certificate_for_another_name_is_not_sent() {
    let server = TlsServer::start();
    let url = format!("https://{}", server.address);
    not_sent(server.client().call(&url, AMPLE), "certificate");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_bundle_that_cannot_be_used_is_unusable() {
    let client = Client::with(|o| o.ca_bundle = Some("/does/not/exist.pem".into()));
    unusable(client.call("https://localhost:1", AMPLE), "exist.pem");
    let client = Client::with(|o| o.ca_bundle = Some("Cargo.toml".into()));
    unusable(client.call("https://localhost:1", AMPLE), "CA bundle");
}

#[test]
fn a_server_that_speaks_no_tls_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        hang(&mut stream);
    });
    not_sent(Client::new().call(&url, AMPLE), "");
    server.join().unwrap();
}

#[test]
fn a_handshake_that_hangs_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || hang(&mut listener.accept().unwrap().0));
    let client = Client::with(|options| options.connect_timeout = Duration::from_millis(200));
    not_sent(client.call(&url, AMPLE), "no connection within");
    server.join().unwrap();
}

#[test]
fn tls_goes_through_the_tunnel_of_a_proxy() {
    let server = TlsServer::start();
    let target = server.address;
    let proxy = Server::start(move |seen, stream| {
        assert_eq!(seen.line, format!("CONNECT {BEHIND}:443 HTTP/1.1"));
        let auth = seen.header("proxy-authorization");
        assert_eq!(auth, Some("Basic dXNlcjpwYXNz"));
        raw(stream, b"HTTP/1.1 200 Connection established\r\n\r\n");
        relay(stream, target)
    });
    let client = through(&server, &format!("http://user:pass@{}", proxy.address()));
    for _ in 0..3 {
        client.call(&format!("https://{BEHIND}"), AMPLE).unwrap();
    }
    assert_eq!(server.requests(), 3);
    assert_eq!(proxy.accepted(), 1);
}

#[test]
fn a_proxy_may_itself_speak_tls() {
    let proxy = TlsServer::start();
    let client = through(&proxy, &proxy.url());
    // Forwarded, and through a tunnel with TLS inside TLS.
    for url in [format!("http://{BEHIND}"), format!("https://{BEHIND}")] {
        for _ in 0..2 {
            client.call(&url, AMPLE).unwrap();
        }
    }
    assert_eq!(proxy.requests(), 4);
    assert_eq!(proxy.accepted.load(Ordering::SeqCst), 2);
}

/// Sends everything through `proxy`, and trusts the authority of `server`.
fn through(server: &TlsServer, proxy: &str) -> Client {
    Client::with(|options| {
        options.ca_bundle = Some(server.bundle.clone());
        options.proxies =
            Proxies::from_lookup(|name| (name == "ALL_PROXY").then(|| proxy.to_owned()));
    })
}

fn relay(stream: &mut TcpStream, target: SocketAddr) -> Then {
    let mut upstream = TcpStream::connect(target).unwrap();
    upstream.set_nodelay(true).unwrap();
    let (mut from, mut to) = (stream.try_clone().unwrap(), upstream.try_clone().unwrap());
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut upstream, stream);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    up.join().unwrap();
    Then::Close
}
