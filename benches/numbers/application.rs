//! The application behind the proxies: one thread that answers at once, or when it is told to.
//!
//! Guarantees: it is much cheaper than a proxy. Does not do: HTTP beyond what the load here sends: no pipelining, no
//! chunked requests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use socket2::SockRef;
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
    form_response: Vec<u8>,
}

/// Whether requests for [`HOLD`] are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Closed,
    Open,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    AtOnce,
    AtTheGate,
    /// As IIS answers a form.
    Form,
    /// A page of so many bytes.
    Page(usize),
    /// No body.
    Head,
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
            form_response: form_response(),
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
    fn of(head: &str) -> Self {
        let Some(path) = head.strip_prefix("GET ") else {
            return match head.starts_with("HEAD ") {
                true => Self::Head,
                false if head.starts_with("POST ") && head[5..].starts_with(FORM) => Self::Form,
                false => Self::AtOnce,
            };
        };
        if path.starts_with(HOLD) {
            return Self::AtTheGate;
        }
        path.strip_prefix(PAGE)
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .map_or(Self::AtOnce, Self::Page)
    }
}

/// The length of the body that follows a request's head.
fn length(head: &str) -> usize {
    head.lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0)
}

/// The usual response: 200, with 1 KiB.
pub(crate) fn response() -> Vec<u8> {
    let mut response = response_head(BODY);
    response.resize(response.len() + BODY, b'x');
    response
}

/// A page as IIS sends it, with ASP.NET behind it.
fn form_response() -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 200 OK\r\n{IIS}Content-Length: {FORM_BODY}\r\n\r\n").into_bytes();
    response.resize(response.len() + FORM_BODY, b'x');
    response
}

fn response_head(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    // An error is a peer that has closed: its section says so when that was wrong.
    drop(serve(stream, &shared).await);
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Over loopback the kernel would take megabytes of a page that nobody reads, and run out of memory for sockets.
    SockRef::from(&stream).set_send_buffer_size(KEPT)?;
    let mut buffer = vec![0; 4096];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let Some(end) = end_of_head(&buffer[..filled]) else {
            continue;
        };
        let head = str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
        let (errand, mut left) = (Errand::of(head), length(head).saturating_sub(filled - end));
        while left > 0 {
            let room = left.min(buffer.len());
            match stream.read(&mut buffer[..room]).await? {
                0 => return Ok(()),
                read => left -= read,
            }
        }
        filled = 0;
        answer(&mut stream, shared, errand).await?;
    }
}

/// Most heads end where what was read ends.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    if bytes.ends_with(END) {
        return Some(bytes.len());
    }
    let start = bytes.windows(END.len()).position(|four| four == END)?;
    Some(start + END.len())
}

async fn answer(stream: &mut TcpStream, shared: &Shared, errand: Errand) -> io::Result<()> {
    match errand {
        Errand::AtOnce => stream.write_all(&shared.response).await,
        Errand::Form => stream.write_all(&shared.form_response).await,
        Errand::AtTheGate => {
            shared.wait_at_the_gate().await;
            stream.write_all(&shared.response).await
        }
        Errand::Head => stream.write_all(&response_head(BODY)).await,
        Errand::Page(length) => {
            stream.write_all(&response_head(length)).await?;
            let mut left = length;
            while left > 0 {
                let piece = left.min(PIECE.len());
                stream.write_all(&PIECE[..piece]).await?;
                left -= piece;
            }
            Ok(())
        }
    }
}

/// The path that is answered at once.
pub(crate) const AT_ONCE: &str = "/catalogue/item";
/// The path of forms, which are answered at once, as IIS does.
pub(crate) const FORM: &str = "/orders/edit.aspx?id=4711";
/// The path that is held until [`Application::release`].
pub(crate) const HOLD: &str = "/hold";
/// Bytes of a response body.
const BODY: usize = 1024;
/// Bytes of the page after a form.
const FORM_BODY: usize = 20 * 1024;
/// What IIS says of such a page, in its order.
const IIS: &str = "\
    Cache-Control: private\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Vary: Accept-Encoding\r\n\
    Server: Microsoft-IIS/10.0\r\n\
    X-AspNet-Version: 4.0.30319\r\n\
    X-Powered-By: ASP.NET\r\n\
    Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n";
/// With a number behind: the path of a page of so many bytes.
pub(crate) const PAGE: &str = "/page/";
/// What the kernel keeps of a page, bytes.
const KEPT: usize = 16 * 1024;
/// A page is written in pieces.
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
/// Of a request's head.
const END: &[u8] = b"\r\n\r\n";
