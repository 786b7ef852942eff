//! YAML to valid values; the only module that knows how settings are spelled.

use std::net::SocketAddr;
use std::time::Duration;

use crate::gateway::Policy;
use crate::upstream;

/// A whole configuration: what a reload may replace, and what it may not.
#[derive(Debug)]
pub struct Config {
    /// What only a restart changes.
    pub startup: Startup,
    /// What a reload may replace.
    pub policy: Policy,
    /// Contradictions and risks that do not stop the start.
    pub warnings: Vec<Warning>,
}

/// What only a restart changes.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Where clients connect.
    pub listen: Vec<SocketAddr>,
    /// The application.
    pub upstream: upstream::Settings,
    /// The edge towards clients.
    pub edge: Edge,
    /// The edge towards operators.
    pub admin: Admin,
    /// What is written to standard output.
    pub log: Log,
    /// Bound of all request and response buffers together, bytes.
    pub buffer_memory: usize,
    /// How long holders and waiters may take to finish after SIGTERM.
    pub drain_timeout: Duration,
}

/// Bounds of client connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Client connections at a time; more are closed at accept.
    pub connections: usize,
    /// Longest request head, bytes.
    pub header_size: usize,
    /// Longest time for a request head, and for idle keep-alive.
    pub header_timeout: Duration,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where operators connect; None turns it off.
    pub listen: Option<SocketAddr>,
}

/// What is written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Whether each request has a line.
    pub access: AccessLog,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Whether each request has a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// No.
    Off,
    /// Yes.
    On,
}

/// A contradiction or risk in a valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Key path, such as `routes[3].queue.wait_timeout`.
    pub at: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// What is doubtful, and what to do.
    pub message: String,
}
