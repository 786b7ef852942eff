//! Accepting, for ever: nothing that happens to one connection ends it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(any(target_os = "android", target_os = "linux"))]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::core::Handle;
use super::{Door, Limits};
use crate::client::PeerAddr;
use crate::gateway::Seldom;
use crate::shutdown::Draining;

/// Accepts connections and hands each to the core with the fewest, until the drain begins.
///
/// Connections beyond `limits.connections` are closed at once, and counted on the first core.
pub async fn accept(
    listener: TcpListener,
    door: Door,
    cores: Vec<Handle>,
    limits: Limits,
    draining: Draining,
) {
    let door = Arc::new(door);
    let shortages = Seldom::default();
    show_what_is_taken(&listener);
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = draining.draining() => return,
            accepted = next(&listener, &shortages) => accepted,
        };
        let open: usize = cores.iter().map(Handle::connections).sum();
        let Some(core) = cores.iter().min_by_key(|core| core.connections()) else {
            return;
        };
        if open >= limits.connections {
            core.connections_full();
            continue;
        }
        // An error here is one connection's: it was reset before it was looked at.
        if stream.set_nodelay(true).is_ok()
            && let Ok(stream) = stream.into_std()
        {
            core.hand_over(stream, PeerAddr::new(peer), Arc::clone(&door));
        }
    }
}

/// Of what a connection is given to send, the system takes no more beyond what is on its way. Otherwise it takes
/// megabytes and asks for more when a third of them has gone: for minutes a slow client would seem to take nothing.
/// Connections have this from their listener.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn show_what_is_taken(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).set_tcp_notsent_lowat(UNSENT) {
        tracing::warn!(%error, "slow clients may seem to take nothing: TCP_NOTSENT_LOWAT cannot be set");
    }
}

/// Other systems take less, or do not say.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn show_what_is_taken(_: &TcpListener) {}

async fn next(listener: &TcpListener, shortages: &Seldom) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_one_connections(&error) => {}
            Err(error) => {
                if shortages.may(Instant::now()) {
                    tracing::warn!(
                        %error,
                        "cannot accept connections; trying again until others have been closed (warned once a minute)"
                    );
                }
                sleep(PAUSE).await; // out of file descriptors, mostly: some will be closed
            }
        }
    }
}

fn is_one_connections(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// A client that takes this much in `send_timeout` is seen to take something; enough to keep a fast one busy while its
/// core does something else.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 32 << 10;
/// Between two attempts when the system is out of something.
const PAUSE: Duration = Duration::from_millis(100);
