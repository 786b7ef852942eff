//! The composition root: configuration and sockets to a running Onelane, and back to an exit.
//!
//! The caller owns sockets, signals and the exit code.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::{Config, Startup};

/// Bound sockets; made by [`bind`], or by a caller that has its own.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub data: Vec<TcpListener>,
    /// For operators.
    pub admin: Option<TcpListener>,
}

/// Binds what the configuration names.
///
/// # Errors
/// The first address that cannot be bound, with the system's reason.
pub fn bind(_startup: &Startup) -> Result<Listeners, BindError> {
    todo!()
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's reason.
    pub source: io::Error,
}

/// A running Onelane.
#[derive(Debug)]
pub struct Running {}

impl Running {
    /// Starts everything: one thread per core, the acceptors, the admin listener.
    ///
    /// # Errors
    /// When a thread or a runtime cannot be made.
    pub fn start(_config: Config, _listeners: Listeners) -> io::Result<Self> {
        todo!()
    }

    /// Where clients connect; the real ports when 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        todo!()
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// Drains, then ends: readiness fails, no new connections, holders and waiters finish within `drain_timeout`.
    /// Blocks the calling thread until all threads have ended.
    pub fn drain(self) -> Drained {
        todo!()
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were cut off in the application at the deadline.
    pub cut_off: usize,
}
