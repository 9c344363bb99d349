//! A proxy that knows nothing of HTTP: bytes in both directions, each half of the latency later.
//!
//! One client connection, one upstream connection, a thread for each direction. It relies on
//! messages of one small write each, as the clients here send them; a longer one would only
//! arrive later.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

pub(crate) struct Proxy {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn start(upstream: SocketAddr, added: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = requests.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(upstream) else { return };
                let (to, from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let counter = counter.clone();
                thread::spawn(move || pump(client, server, added / 2, Some(&counter)));
                thread::spawn(move || pump(from, to, added / 2, None));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration, counter: Option<&AtomicUsize>) {
    // Without it each message waits 40 ms for the acknowledgement of the one before.
    to.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if let Some(counter) = counter
            && buffer.starts_with(b"POST ")
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Whoever hung up first: the other side is told, and the pump that serves it ends too.
    let _gone = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
