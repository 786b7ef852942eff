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

use rustls::crypto::CryptoProvider;

pub use acceptor::{Acceptor, Alpn, Certificates, Offer};
pub use certificate::{Certificate, CertificateError, Files, Problem, Validity};
pub use connector::{Connector, ConnectorError, HandshakeError, Trust};
pub use watch::{Pace, Reload, Watch};

/// The cryptography, given to each configuration: nothing depends on what another library installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
#[path = "../../tests/it/support/certificates.rs"]
pub(crate) mod certificates;
#[cfg(test)]
mod tests;
