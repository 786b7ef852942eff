//! The client side: a connection to the application over TLS, and whom to believe that it is the application.
//!
//! Guarantees: unless the operator said otherwise, the other end has proved to be the named server. HTTP/1.1 is spoken.
//! Who is no longer believed finds no session to resume. Does not do: read its file again by itself.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use blake3::Hash;
use rustls::pki_types::ServerName;
use rustls::{CertificateError as Verdict, ClientConfig, Error, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{self, CertificateError};
use super::{provider, verifier};

/// Makes TLS connections to one server; cheap to clone, and a clone is renewed with it. Two are equal when they were made
/// from the same settings, whatever is in the file.
#[derive(Clone)]
pub struct Connector {
    current: Arc<ArcSwap<Current>>,
    name: ServerName<'static>,
    trust: Trust,
}

/// What was made from the settings, and from the file as it was then.
struct Current {
    connector: TlsConnector,
    /// Of the file of [`Trust::File`]; None for others.
    digest: Option<Hash>,
}

/// What became of a connector that was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The next handshakes believe others.
    Replaced,
    /// The file has not changed.
    Same,
}

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever is there. The connection is encrypted, and perhaps to somebody else.
    Anybody,
    /// Certificates of the authorities in this PEM file, and those that are in it themselves.
    File(PathBuf),
    /// Certificates of the authorities that browsers trust (Mozilla's list, as of the build).
    PublicAuthorities,
}

/// Why there can be no connector.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The file of authorities.
    #[error(transparent)]
    Authorities(#[from] CertificateError),
    /// The name of the server is neither a DNS name nor an address.
    #[error("not the name of a server")]
    Name,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The connection broke; it may be another time.
    #[error(transparent)]
    Broken(io::Error),
    /// One side did not want the other, or does not speak TLS: it will be the same the next time.
    #[error("{0}")]
    Refused(#[source] Error),
}

impl Connector {
    /// For the server called `name`, a DNS name or an address, which is sent (SNI) and has to be in its certificate.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub fn new(name: &str, trust: Trust) -> Result<Self, ConnectorError> {
        let name = ServerName::try_from(name.to_owned()).map_err(|_| ConnectorError::Name)?;
        let (verifier, digest) = verifier::of(&trust)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .expect("ring has ciphers for both versions")
            .dangerous() // what it is called by rustls; only Trust::Anybody is
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let current = Current {
            connector: TlsConnector::from(Arc::new(config)),
            digest,
        };
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(current)),
            name,
            trust,
        })
    }

    /// Believes whom `newer`, which was made from the same settings later, believes, from the next handshake on.
    /// Connections that are established go on.
    pub fn renew(&self, newer: &Self) -> Renewed {
        let newer = newer.current.load_full();
        if self.current.load().digest == newer.digest {
            return Renewed::Same;
        }
        self.current.store(newer);
        Renewed::Replaced
    }

    /// The file of authorities, and the digest of what was read of it; None without a file.
    pub fn authorities(&self) -> Option<(&Path, Hash)> {
        match &self.trust {
            Trust::File(file) => Some((file, self.current.load().digest?)),
            Trust::Anybody | Trust::PublicAuthorities => None,
        }
    }

    /// The digest of what is in a file of authorities now; None when it cannot be read.
    pub fn digest_of(file: &Path) -> Option<Hash> {
        Some(blake3::hash(&certificate::read(file).ok()?))
    }

    /// Does the handshake on an established connection.
    ///
    /// Not cancel safe: dropping the future drops the connection.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub async fn connect<IO>(&self, io: IO) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = self.current.load().connector.clone();
        let shaken = connector.connect(self.name.clone(), io).await;
        shaken.map_err(|error| match error.downcast::<Error>() {
            Ok(refused) => HandshakeError::Refused(refused),
            Err(broken) => HandshakeError::Broken(broken),
        })
    }
}

impl HandshakeError {
    /// What the operator may do about it, where that is known.
    pub fn advice(&self) -> Option<&'static str> {
        let Self::Refused(error) = self else {
            return None;
        };
        match error {
            Error::InvalidCertificate(Verdict::UnknownIssuer) => Some(
                "give the authority of its certificate, or the certificate itself, as upstream.tls.ca",
            ),
            Error::InvalidCertificate(
                Verdict::NotValidForName | Verdict::NotValidForNameContext { .. },
            ) => Some("give a name that is in its certificate as upstream.tls.server_name"),
            Error::InvalidCertificate(Verdict::Expired | Verdict::ExpiredContext { .. }) => {
                Some("renew the application's certificate")
            }
            Error::InvalidMessage(_) => {
                Some("if it speaks no TLS there, write http:// in upstream.url")
            }
            _ => None,
        }
    }
}

impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.trust == other.trust
    }
}

impl Eq for Connector {}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("name", &self.name)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}
