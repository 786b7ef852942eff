//! The edge towards clients: listeners, cores, connections.
//!
//! One single-threaded runtime per core, each with its own connections to the application; one acceptor per listener
//! hands each connection to the core with the fewest, since few keep-alive connections would be spread unevenly by
//! hashing. Guarantees: a connection lives and dies on one core; the number of connections is bounded; accepting never
//! ends because of one connection's failure.

mod connection;
mod core;
mod head;
mod http1;
mod http2;
mod listener;
mod proxy_protocol;
mod streams;
mod unread;
mod watch;

use std::time::Duration;

pub use self::core::{Core, Handle, spawn};
pub use listener::accept;
pub use proxy_protocol::{Beginning, Header, ProxyFault, beginning};

use crate::client::ProxyProtocol;
use crate::pace::Pace;
use crate::tls::Acceptor;

/// The bounds of client connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, over all cores.
    pub connections: usize,
    /// Of these, what one client address may have; none means no limit.
    pub connections_per_client: Option<usize>,
    /// Longest request head, bytes.
    pub header_size: usize,
    /// Longest time for a request head, from its first byte; for the first head of a connection, from its accept.
    pub header_timeout: Duration,
    /// Most fields of a request head; of HTTP/2, the gateway counts them.
    pub headers: usize,
    /// How long a connection is kept between two requests.
    pub idle_timeout: Duration,
    /// How fast a client reads its responses, at least.
    pub send_pace: Pace,
    /// Streams of one HTTP/2 connection at a time.
    pub streams: u32,
}

/// How a listener receives its clients.
#[derive(Clone, Debug)]
pub struct Door {
    /// None for clear text.
    pub tls: Option<Acceptor>,
    /// Whether connections begin with the PROXY protocol.
    pub proxy_protocol: ProxyProtocol,
    /// Whether HTTP/2 is spoken; over TLS, `tls` decides by what it offers.
    pub http2: Http2,
}

/// Whether a listener speaks HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2 {
    /// HTTP/1.1 alone.
    Off,
    /// Both: by ALPN over TLS, by its preface in clear text.
    On,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bounds.
    pub(super) fn limits() -> Limits {
        Limits {
            connections: 100,
            connections_per_client: None,
            header_size: 64 << 10,
            header_timeout: Duration::from_secs(10),
            headers: 100,
            idle_timeout: Duration::from_secs(120),
            send_pace: Pace {
                grace: Duration::from_secs(60),
                rate: 240,
            },
            streams: 100,
        }
    }
}
