//! TLS: certificates from files, connections of clients accepted, connections to the application made.
//!
//! Guarantees: TLS 1.2 and 1.3 with ring, never a process-wide provider; a certificate is served only with the key that
//! belongs to it; what is replaced by something unusable goes on as it was.
//! Does not do: time limits, which are the caller's; client certificates, revocation, OCSP.

mod acceptor;
mod certificate;
mod connector;
mod verifier;
mod watch;

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;

pub use acceptor::{Acceptor, Alpn, Certificates, Offer};
pub use certificate::{Certificate, CertificateError, Files, Problem, Validity};
pub use connector::{Connector, ConnectorError, HandshakeError, Renewed, Trust};
pub use watch::{PACE, Pace, Reload, Watch};

/// When the first of the certificates of all listeners ends, in seconds of Unix time; None without certificates.
pub fn earliest_end(certificates: &[Certificates]) -> Option<u64> {
    let ends = certificates.iter().map(Certificates::earliest_end);
    let end = ends.min()?.duration_since(SystemTime::UNIX_EPOCH);
    Some(end.map_or(0, |since| since.as_secs()))
}

/// The cryptography, given to each configuration: nothing depends on what another library installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
#[path = "../../tests/it/support/certificates.rs"]
pub(crate) mod certificates;
#[cfg(test)]
mod tests;
