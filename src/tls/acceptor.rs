//! The server side: handshakes with clients, each with the certificate of the name it asks for.
//!
//! Guarantees: a handshake sees one certificate with its own key, the old or the new one while they are replaced; a
//! client without a name, or with one that no certificate covers, gets the first.
//! Does not do: read files after the start; [`super::Watch`] does.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{Certificate, CertificateError, Files};
use super::provider;

/// The certificates of a listener; cheap to clone, and all clones see the same replacements.
#[derive(Clone)]
pub struct Certificates(Arc<[Entry]>);

/// One of them: where it comes from, and what is served.
pub(super) struct Entry {
    pub(super) files: Files,
    pub(super) current: ArcSwap<Certificate>,
}

/// Accepts TLS connections; cheap to clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

/// What a listener offers by ALPN (RFC 7301), the preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// `http/1.1`.
    Http1,
    /// `h2`, then `http/1.1`.
    Http2AndHttp1,
}

/// What client and server agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`.
    Http1,
    /// `h2`.
    Http2,
    /// The client offered nothing.
    None,
}

impl Certificates {
    /// These certificates, the first of which is the default. None for an empty list.
    pub fn new(list: Vec<(Files, Certificate)>) -> Option<Self> {
        let entry = |(files, certificate)| Entry {
            files,
            current: ArcSwap::from_pointee(certificate),
        };
        (!list.is_empty()).then(|| Self(list.into_iter().map(entry).collect()))
    }

    /// Reads them from files; their time is not looked at. None for an empty list.
    ///
    /// # Errors
    /// The first file that is wrong.
    pub fn load(files: Vec<Files>) -> Result<Option<Self>, CertificateError> {
        let load = |files: Files| Certificate::load(&files).map(|loaded| (files, loaded));
        let list = files.into_iter().map(load).collect::<Result<_, _>>()?;
        Ok(Self::new(list))
    }

    /// The end of the time of the one that ends first.
    pub fn earliest_end(&self) -> SystemTime {
        let ends = self.0.iter().map(|entry| entry.current.load().not_after());
        ends.min().expect("there is at least one certificate")
    }

    /// Where they come from.
    pub fn files(&self) -> Vec<&Files> {
        self.0.iter().map(|entry| &entry.files).collect()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The first that covers `name`, of those the one whose key the client can check; else the first.
    fn choose(
        &self,
        name: Option<&str>,
        can_check: impl Fn(&CertifiedKey) -> bool,
    ) -> Arc<Certificate> {
        let default = || self.0[0].current.load_full();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let Some(name) = name.filter(|_| self.0.len() > 1) else {
            return default();
        };
        let mut covering = None;
        for entry in self.0.iter() {
            let certificate = entry.current.load_full();
            if !certificate.covers(&name) {
                continue;
            }
            if can_check(certificate.certified()) {
                return certificate;
            }
            covering.get_or_insert(certificate);
        }
        covering.unwrap_or_else(default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let can_check =
            |key: &CertifiedKey| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let certificate = self.choose(hello.server_name(), can_check);
        Some(Arc::clone(certificate.certified()))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|entry| &entry.files))
            .finish()
    }
}

impl Acceptor {
    /// Serves `certificates`, and whatever replaces them. Sessions are resumed by tickets, whose keys live in memory and
    /// change every six hours: nothing is kept for a client.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(certificates: Certificates, offer: Offer) -> io::Result<Self> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        config.ticketer = Ticketer::new().map_err(io::Error::other)?;
        config.alpn_protocols = match offer {
            Offer::Http1 => vec![HTTP1.to_vec()],
            Offer::Http2AndHttp1 => vec![HTTP2.to_vec(), HTTP1.to_vec()],
        };
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Does the handshake on an accepted connection. Takes as long as the client does.
    ///
    /// Not cancel safe: dropping the future drops the connection.
    ///
    /// # Errors
    /// The connection's, or `InvalidData` when the client does not speak TLS as it should.
    pub async fn accept<IO>(&self, io: IO) -> io::Result<TlsStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.0.accept(io).await
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Alpn {
    /// What the handshake of `stream` agreed upon.
    pub fn of<IO>(stream: &TlsStream<IO>) -> Self {
        match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Self::Http2,
            Some(HTTP1) => Self::Http1,
            _ => Self::None,
        }
    }
}

const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";
