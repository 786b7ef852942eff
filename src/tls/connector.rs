//! The client side: a connection to the application over TLS, and whom to believe that it is the application.
//!
//! Guarantees: unless the operator said otherwise, the other end has proved to be the named server. HTTP/1.1 is spoken.
//! Does not do: read files after the start.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{CertificateError as Verdict, ClientConfig, Error, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::CertificateError;
use super::{provider, verifier};

/// Makes TLS connections to one server; cheap to clone. Two are equal when they were made from the same settings.
#[derive(Clone)]
pub struct Connector {
    connector: TlsConnector,
    name: ServerName<'static>,
    trust: Trust,
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
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .expect("ring has ciphers for both versions")
            .dangerous() // what it is called by rustls; only Trust::Anybody is
            .with_custom_certificate_verifier(verifier::of(&trust)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
            trust,
        })
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
        let shaken = self.connector.connect(self.name.clone(), io).await;
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
