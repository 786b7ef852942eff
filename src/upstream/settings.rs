//! Where the application and its nodes are, and how long they may take; valid by construction.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::affinity::{Affinity, Tag};
use super::health::Health;
use crate::tls::Connector;

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
    /// `https://host:port`.
    Tls {
        /// As of [`Target::Tcp`].
        host: String,
        /// The port, 443 when the URL names none.
        port: u16,
        /// Does the handshakes.
        connector: Connector,
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

/// The nodes of the application (`upstream:` or `upstreams:`), and how a session finds its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarmSettings {
    /// At least one; their names, tags and targets differ.
    pub nodes: Vec<NodeSettings>,
    /// Means nothing when there is one node.
    pub affinity: Affinity,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name in logs and metrics; None for the one of `upstream:`.
    pub name: Option<Arc<str>>,
    /// Its name in cookies.
    pub tag: Tag,
    /// How it is spoken to.
    pub connection: Settings,
    /// How it is asked whether it is well; None for not at all.
    pub health: Option<Health>,
    /// How long it is passed over when a connection to it could not be made.
    pub fail_timeout: Duration,
}

impl FarmSettings {
    /// The shortest time that a node may take for an answer.
    #[must_use]
    pub fn response_timeout(&self) -> Duration {
        let times = self
            .nodes
            .iter()
            .map(|node| node.connection.response_timeout);
        times.min().unwrap_or_default()
    }

    /// The names of the nodes that have one, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = self.nodes.iter().filter_map(|node| node.name.as_deref());
        names.map(str::to_owned).collect()
    }
}

impl Target {
    /// The `Host` for a request that came without one, as HTTP/1.0 allows.
    pub fn host(&self) -> HeaderValue {
        let host = match self {
            Self::Tcp { host, port } | Self::Tls { host, port, .. } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        };
        HeaderValue::try_from(host).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_host_gets_the_applications() {
        let tcp = |host: &str| {
            Target::Tcp {
                host: host.to_owned(),
                port: 81,
            }
            .host()
        };
        assert_eq!(tcp("app"), "app:81");
        assert_eq!(tcp("::1"), "[::1]:81");
        assert_eq!(Target::Unix("/run/app".into()).host(), "localhost");
    }
}
