//! Making a connection: one of `max_connections`, then dialling with growing pauses until the time is up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body::Body;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::Slots;
use super::connection::Connection;
use super::settings::{Settings, Target};
use crate::socket::Socket;

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

pub(super) async fn connect<B>(
    settings: &Settings,
    slots: Option<&Slots>,
) -> Result<Connection<B>, ConnectError>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let deadline = Instant::now() + settings.connect_timeout;
    let slot = slot(slots, deadline).await?;
    let mut pause = PAUSE_MIN;
    loop {
        let failure = match timeout_at(deadline, dial(&settings.target)).await {
            Err(_) => return Err(ConnectError::TimedOut),
            Ok(Ok(socket)) => {
                return Connection::start(socket, slot)
                    .await
                    .map_err(|error| ConnectError::Unreachable(io::Error::other(error)));
            }
            Ok(Err(failure)) => failure,
        };
        if Instant::now() + pause >= deadline {
            return Err(ConnectError::Unreachable(failure));
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
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

async fn dial(target: &Target) -> io::Result<Arc<Socket>> {
    match target {
        Target::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Socket::tcp(stream))
        }
        #[cfg(unix)]
        Target::Unix(path) => Ok(Socket::unix(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        Target::Unix(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "unix sockets are not supported on this system",
        )),
    }
}

/// The first pause between two attempts.
const PAUSE_MIN: Duration = Duration::from_millis(25);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(1);
