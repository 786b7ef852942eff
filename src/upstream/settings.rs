//! Where the application is, and how long it may take; valid by construction.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

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
