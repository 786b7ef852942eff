//! Making a connection: one of `max_connections`, then dialling with growing pauses until the time is up. A TLS handshake
//! is part of it; one that was refused will be refused again, and is not repeated.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body::Body;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::Connection;
use super::settings::Target;
use super::wire::{Hearing, Wire};
use super::{Shared, Slots};
use crate::socket::Socket;
use crate::tls::{Connector, HandshakeError};

/// Why there is no connection to the application; its fault, or that of the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// All of `max_connections` are in use.
    #[error("all connections to the application are in use")]
    Busy,
    /// It did not accept a connection within `connect_timeout`.
    #[error("the application does not answer")]
    TimedOut,
    /// The last attempt's failure.
    #[error("the application cannot be reached: {0}")]
    Unreachable(#[source] io::Error),
}

/// Why one attempt failed.
enum Failure {
    /// The next may succeed.
    Passing(io::Error),
    /// TLS: one side does not want the other.
    Lasting(HandshakeError),
}

pub(super) async fn connect<B>(shared: &Shared) -> Result<Connection<B>, ConnectError>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let deadline = Instant::now() + shared.settings.connect_timeout;
    let slot = slot(shared.slots.as_ref(), deadline).await?;
    persist(shared, slot, deadline, |_| false).await
}

/// As [`connect`], but for a farm, where another node may take the place of this one: a node at which nobody listens is
/// given up at once, any other failure is tried again for a moment, and `deadline` is for the place of `max_connections`.
pub(super) async fn attempt<B>(
    shared: &Shared,
    deadline: std::time::Instant,
) -> Result<Connection<B>, ConnectError>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let deadline = Instant::from_std(deadline);
    let slot = slot(shared.slots.as_ref(), deadline).await?;
    let latest = deadline.min(Instant::now() + GLITCH);
    let nobody_listens = |failure: &io::Error| {
        matches!(
            failure.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
        )
    };
    persist(shared, slot, latest, nobody_listens).await
}

/// Dials with growing pauses until there is a connection, until `deadline`, or until a failure that `will_stay`.
async fn persist<B>(
    shared: &Shared,
    slot: Option<OwnedSemaphorePermit>,
    deadline: Instant,
    will_stay: impl Fn(&io::Error) -> bool,
) -> Result<Connection<B>, ConnectError>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut pause = PAUSE_MIN;
    loop {
        let failure = match timeout_at(deadline, dial(&shared.settings.target)).await {
            Err(_) => return Err(ConnectError::TimedOut),
            Ok(Ok(wire)) => {
                return Connection::start(wire, slot)
                    .await
                    .map_err(|error| ConnectError::Unreachable(io::Error::other(error)));
            }
            Ok(Err(Failure::Passing(failure))) => failure,
            Ok(Err(Failure::Lasting(failure))) => {
                shared.complaint.say(Instant::now(), &failure);
                return Err(ConnectError::Unreachable(io::Error::other(failure)));
            }
        };
        if will_stay(&failure) || Instant::now() + pause >= deadline {
            return Err(ConnectError::Unreachable(failure));
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One connection, tried once and counted nowhere: for a check.
pub(super) async fn once(target: &Target) -> io::Result<Wire> {
    dial(target).await.map_err(|failure| match failure {
        Failure::Passing(error) => error,
        Failure::Lasting(error) => io::Error::other(error),
    })
}

async fn slot(
    slots: Option<&Slots>,
    deadline: Instant,
) -> Result<Option<OwnedSemaphorePermit>, ConnectError> {
    let Some(slots) = slots else {
        return Ok(None);
    };
    let free = Arc::clone(&slots.free);
    if let Ok(slot) = Arc::clone(&free).try_acquire_owned() {
        return Ok(Some(slot));
    }
    let _wanted = Wanted::by(&slots.wanted);
    match timeout_at(deadline, free.acquire_owned()).await {
        Ok(slot) => Ok(Some(slot.expect("the semaphore is never closed"))),
        Err(_) => Err(ConnectError::Busy),
    }
}

/// One request that waits for a place; dropping it ends its count.
struct Wanted<'s>(&'s AtomicUsize);

impl<'s> Wanted<'s> {
    fn by(wanted: &'s AtomicUsize) -> Self {
        wanted.fetch_add(1, Ordering::Relaxed);
        Self(wanted)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn dial(target: &Target) -> Result<Wire, Failure> {
    match target {
        Target::Tcp { host, port } => Ok(Wire::Clear(tcp(host, *port).await?)),
        Target::Tls {
            host,
            port,
            connector,
        } => secure(tcp(host, *port).await?, connector).await,
        #[cfg(unix)]
        Target::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await?;
            Ok(Wire::Clear(Socket::unix(stream)))
        }
        #[cfg(not(unix))]
        Target::Unix(_) => Err(Failure::Passing(io::Error::new(
            io::ErrorKind::Unsupported,
            "unix sockets are not supported on this system",
        ))),
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<Arc<Socket>> {
    let stream = TcpStream::connect((host, port)).await?;
    prepare(&stream)?;
    Ok(Socket::tcp(stream))
}

/// A host that is gone without a word is found out: a write that waits for its answer, and keeps its lane whatever the
/// hold limit (`on_hold_limit: wait`), would else wait for ever; so would a tunnel.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_recv_buffer_size(UNREAD)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(QUIET)
            .with_interval(PROBE_EVERY),
    )
}

async fn secure(socket: Arc<Socket>, connector: &Connector) -> Result<Wire, Failure> {
    match connector.connect(Hearing::new(&socket)).await {
        Ok(stream) => Ok(Wire::Secure(socket, Box::new(stream))),
        Err(HandshakeError::Broken(error)) => Err(Failure::Passing(error)),
        Err(refused @ HandshakeError::Refused(_)) => Err(Failure::Lasting(refused)),
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Passing(error)
    }
}

/// Says why the application is refused, but not for each request.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    said: Mutex<Option<Instant>>,
}

impl Complaint {
    /// To be called when connecting has failed and will fail again.
    fn say(&self, now: Instant, reason: &HandshakeError) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| now.saturating_duration_since(said) < COMPLAIN_EVERY) {
            return;
        }
        *said = Some(now);
        tracing::error!(
            advice = reason.advice(),
            "no TLS connection to the application, requests get 502: {reason}"
        );
    }
}

/// Bytes of a response that the system takes while its client does not read. By itself it takes several times as much, and
/// a few thousand such clients all the memory that Linux has for TCP; then all others stall. Over a network of a
/// millisecond it is still 60 MB a second for each response.
const UNREAD: usize = 64 * 1024;
/// After so long without a byte the application's host is asked whether it is there. Slow pages are few, and a probe is a
/// packet: the usual two hours would be as good as never.
const QUIET: Duration = Duration::from_secs(60);
/// Between two probes; after nine (Linux) or ten (Windows) without an answer the connection is broken.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// How long a failure may be a glitch, and not the end of a node with all its sessions: a lost SYN is sent again after a
/// second.
const GLITCH: Duration = Duration::from_millis(1500);
/// The first pause between two attempts.
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(25);
/// Between two lines in the log about the same.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// The longest pause between two attempts.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_host_that_is_gone_is_noticed_within_minutes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let stream = stream.unwrap();
        assert!(!SockRef::from(&stream).keepalive().unwrap(), "the control");
        prepare(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(unix)]
        assert_eq!(
            (
                socket.tcp_keepalive_time().unwrap(),
                socket.tcp_keepalive_interval().unwrap()
            ),
            (QUIET, PROBE_EVERY)
        );
    }
}
