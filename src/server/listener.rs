//! Accepting, for ever: nothing that happens to one connection ends it.
//!
//! On Linux the system keeps little for a client that does not read; elsewhere as much as it likes.

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
    keep_little(&listener);
    // Between the accept and the hand-over nobody else knows of a connection.
    let _expected = draining.expect();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = draining.draining() => break,
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
            let (door, expected) = (Arc::clone(&door), draining.expect());
            core.hand_over(stream, PeerAddr::new(peer), door, expected);
        }
    }
    drop(listener);
    tracing::info!("no more clients are accepted");
}

/// Bounds what the system keeps unsent for each client of this listener: an accepted socket inherits it. What has been
/// sent but not acknowledged, which speed depends on, is not bounded.
///
/// Otherwise it is megabytes for one that does not read, which no limit of ours counts; a few hundred such clients take
/// all the memory that Linux has for TCP, and all others stall. And as it asks for more only when a third of them has
/// gone, a slow client would seem to take nothing for minutes.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keep_little(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).set_tcp_notsent_lowat(UNSENT) {
        tracing::warn!(%error, "slow clients may seem to take nothing: TCP_NOTSENT_LOWAT cannot be set");
    }
}

/// Other systems take less, or do not say.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keep_little(_: &TcpListener) {}

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

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_system_keeps_little_for_a_client_that_was_accepted() {
        use super::*;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _before = TcpStream::connect(address).await.unwrap();
        let (control, _) = listener.accept().await.unwrap();
        keep_little(&listener);
        let _client = TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let kept = |stream| SockRef::from(stream).tcp_notsent_lowat().unwrap();
        assert_ne!(kept(&control), UNSENT, "by itself it keeps more");
        assert_eq!(kept(&accepted), UNSENT);
    }
}
