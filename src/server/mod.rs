//! The edge towards clients: listeners, cores, connections.
//!
//! One single-threaded runtime per core, each with its own connections to the application; one acceptor per listener
//! hands each connection to the core with the fewest, since few keep-alive connections would be spread unevenly by
//! hashing. Guarantees: a connection lives and dies on one core; the number of connections is bounded; accepting never
//! ends because of one connection's failure. Does not do: TLS, HTTP/2, PROXY protocol.

mod connection;
mod core;
mod head;
mod listener;
#[cfg_attr(not(test), expect(dead_code, reason = "the accept path calls it"))]
mod proxy_protocol;

use std::time::Duration;

pub use self::core::{Core, Handle, spawn};
pub use listener::accept;
pub use proxy_protocol::ProxyFault;

/// The bounds of client connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, over all cores.
    pub connections: usize,
    /// Longest request head, bytes.
    pub header_size: usize,
    /// Longest time for a request head, from its first byte; for the first head of a connection, from its accept.
    pub header_timeout: Duration,
    /// How long a connection is kept between two requests.
    pub idle_timeout: Duration,
}
