//! Where the application is, and how long it may take; valid by construction.

use std::path::PathBuf;
use std::time::Duration;

/// Where the application listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `http://host:port`.
    Tcp {
        /// A name or an address (IPv6 without brackets); names are resolved at each connect.
        host: String,
        /// The port, 80 when the URL names none.
        port: u16,
    },
    /// `unix:/path/to/socket` (not on Windows).
    Unix(PathBuf),
}

/// How the application is spoken to (`upstream:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub target: Target,
    /// For establishing a connection, retries included; also the longest wait for one of `max_connections`.
    pub connect_timeout: Duration,
    /// From the request's last byte to the response's headers.
    pub response_timeout: Duration,
    /// Between two pieces of a response body, or of a request body that the application takes.
    pub body_timeout: Duration,
    /// How long an idle connection is kept for reuse.
    pub keep_alive: Duration,
    /// Connections to the application at a time, over all cores.
    pub max_connections: Option<usize>,
}
