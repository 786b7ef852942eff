//! Accepting, for ever: nothing that happens to one connection ends it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::core::Handle;
use super::{Door, Limits};
use crate::client::PeerAddr;
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
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = draining.draining() => return,
            accepted = next(&listener) => accepted,
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

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_one_connections(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again");
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

/// Between two attempts when the system is out of something.
const PAUSE: Duration = Duration::from_millis(100);
