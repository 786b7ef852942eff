//! The application behind the proxies: one thread that answers at once, or when it is told to.
//!
//! Guarantees: it is much cheaper than a proxy. Does not do: HTTP beyond what the load here sends: a GET, its whole
//! head, no pipelining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;

/// A running application; its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Application {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gate: watch::Sender<Gate>,
    held: AtomicUsize,
    connections: AtomicUsize,
    response: Vec<u8>,
}

/// Whether requests for [`HOLD`] are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Closed,
    Open,
}

/// What a request asks for.
enum Errand {
    AtOnce,
    AtTheGate,
}

impl Application {
    /// Starts it on a port of its own.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new());
        let serving = Arc::clone(&shared);
        thread::Builder::new()
            .name("application".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    while let Ok((stream, _)) = listener.accept().await {
                        drop(tokio::spawn(connection(stream, Arc::clone(&serving))));
                    }
                });
            })?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests for [`HOLD`] are held.
    pub(crate) fn hold(&self) {
        self.shared.gate.send_replace(Gate::Closed);
    }

    /// Answers the requests that are held, and those that come.
    pub(crate) fn release(&self) {
        self.shared.gate.send_replace(Gate::Open);
    }

    /// Requests that are held.
    pub(crate) fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            gate: watch::Sender::new(Gate::Open),
            held: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            response: response(),
        }
    }

    async fn wait_at_the_gate(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
        let mut gate = self.gate.subscribe();
        // The sender lives as long as `self`.
        drop(gate.wait_for(|gate| *gate == Gate::Open).await);
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Errand {
    fn of(request: &[u8]) -> Self {
        let path = request.strip_prefix(b"GET ").unwrap_or_default();
        if path.starts_with(HOLD.as_bytes()) {
            Self::AtTheGate
        } else {
            Self::AtOnce
        }
    }
}

/// The only response there is: 200, with 1 KiB.
pub(crate) fn response() -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {BODY}\r\n\r\n");
    let mut response = head.into_bytes();
    response.resize(response.len() + BODY, b'x');
    response
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    // An error is a peer that has closed: its section says so when that was wrong.
    drop(serve(stream, &shared).await);
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        match Errand::of(&buffer[..filled]) {
            Errand::AtOnce => {}
            Errand::AtTheGate => shared.wait_at_the_gate().await,
        }
        stream.write_all(&shared.response).await?;
        filled = 0;
    }
}

/// The path that is answered at once.
pub(crate) const AT_ONCE: &str = "/catalogue/item";
/// The path that is held until [`Application::release`].
pub(crate) const HOLD: &str = "/hold";
/// Bytes of a response body.
const BODY: usize = 1024;
