//! The application behind the proxies: one thread that answers at once, after a while, or when it is told to.
//!
//! Guarantees: the time of a hand-over is stamped beside the calls that write and read, with nothing between. Does not
//! do: HTTP beyond what the load here sends: a GET, its whole head, no pipelining.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::sleep;

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
    handovers: Mutex<Handovers>,
    response: Vec<u8>,
}

/// Whether requests for [`HOLD`] are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Closed,
    Open,
}

/// From the last byte of a lane's response to the first byte of its next request.
#[derive(Debug)]
struct Handovers {
    ended: [Option<Instant>; LANES],
    took: Vec<Duration>,
}

/// What a request asks for.
enum Errand {
    AtOnce,
    AtTheGate,
    InLane(usize),
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

    /// The hand-overs since this was last asked; they begin anew.
    pub(crate) fn handovers(&self) -> Vec<Duration> {
        let mut handovers = self
            .shared
            .handovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handovers.ended = [None; LANES];
        std::mem::take(&mut handovers.took)
    }
}

impl Shared {
    fn new() -> Self {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {BODY}\r\n\r\n");
        let mut response = head.into_bytes();
        response.resize(response.len() + BODY, b'x');
        Self {
            gate: watch::Sender::new(Gate::Open),
            held: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            handovers: Mutex::new(Handovers {
                ended: [None; LANES],
                took: Vec::new(),
            }),
            response,
        }
    }

    async fn wait_at_the_gate(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
        let mut gate = self.gate.subscribe();
        // The sender lives as long as `self`.
        drop(gate.wait_for(|gate| *gate == Gate::Open).await);
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    fn begin(&self, lane: usize, arrived: Instant) {
        let mut handovers = self
            .handovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = handovers.ended[lane].take() {
            handovers.took.push(arrived.duration_since(ended));
        }
    }

    fn end(&self, lane: usize) {
        let mut handovers = self
            .handovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Before the call that writes: the time of that call counts, too.
        handovers.ended[lane] = Some(Instant::now());
    }
}

impl Errand {
    fn of(request: &[u8]) -> Self {
        let path = request.strip_prefix(b"GET ").unwrap_or_default();
        if let Some([lane, ..]) = path.strip_prefix(LANE.as_bytes()) {
            Self::InLane(usize::from(lane - b'0') % LANES)
        } else if path.starts_with(HOLD.as_bytes()) {
            Self::AtTheGate
        } else {
            Self::AtOnce
        }
    }
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
    let (mut filled, mut first_byte) = (0, Instant::now());
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if filled == 0 {
            first_byte = Instant::now();
        }
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
            Errand::InLane(lane) => {
                shared.begin(lane, first_byte);
                sleep(WORK).await;
                shared.end(lane);
            }
        }
        stream.write_all(&shared.response).await?;
        filled = 0;
    }
}

/// The path that is answered at once.
pub(crate) const AT_ONCE: &str = "/catalogue/item";
/// The path that is held until [`Application::release`].
pub(crate) const HOLD: &str = "/hold";
/// With a digit behind: the path of one lane, answered after [`WORK`].
pub(crate) const LANE: &str = "/lane/";
/// How many of them there are.
pub(crate) const LANES: usize = 4;
/// How long a request in a lane is worked on.
pub(crate) const WORK: Duration = Duration::from_millis(2);
/// Bytes of a response body.
const BODY: usize = 1024;
