//! The client side: a connection to the application over TLS, and whom to believe that it is the application.
//!
//! Guarantees: unless the operator said otherwise, the other end has proved to be the named server. HTTP/1.1 is spoken.
//! Does not do: read files after the start.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{self, CertificateError, Problem, problem_of};
use super::provider;

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
            .with_custom_certificate_verifier(verifier(&trust)?)
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

fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, CertificateError> {
    let roots = match trust {
        Trust::Anybody => return Ok(Arc::new(Unverified)),
        Trust::PublicAuthorities => {
            RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
        }
        Trust::File(file) => authorities(file)?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    Ok(verifier.expect("there are authorities, and no lists of revoked certificates"))
}

fn authorities(file: &std::path::Path) -> Result<RootCertStore, CertificateError> {
    let chain = certificate::chain(&certificate::read(file)?)
        .map_err(|problem| problem_of(file, problem))?;
    let mut roots = RootCertStore::empty();
    for authority in chain {
        roots
            .add(authority)
            .map_err(|error| problem_of(file, Problem::Unusable(error)))?;
    }
    Ok(roots)
}

/// Believes everybody. Signatures are not looked at either: who has the key of an unknown certificate is unknown.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
