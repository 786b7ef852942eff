//! A certificate for the proxies, and a client that trusts it.
//!
//! Does not do: authorities; the certificate vouches for itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    pem: [String; 2],
}

impl Identity {
    /// Makes one for [`NAME`].
    pub(crate) fn new() -> io::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
        Ok(Self {
            certificate: cert.der().clone(),
            pem: [cert.pem(), signing_key.serialize_pem()],
        })
    }

    /// Writes certificate and key into a directory; gives their paths.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<(PathBuf, PathBuf)> {
        let (cert, key) = (directory.join("site.pem"), directory.join("site.key"));
        fs::write(&cert, &self.pem[0])?;
        fs::write(&key, &self.pem[1])?;
        Ok((cert, key))
    }

    /// A client that trusts it, and asks for HTTP/1.1.
    pub(crate) fn connector(&self) -> io::Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .map_err(io::Error::other)?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Whom the certificate is for.
pub(crate) const NAME: &str = "shop.example";
