//! What a client's bytes go over: a socket, or TLS on a socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

/// A client's end of a connection.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: TcpStream,
    /// None for clear text.
    tls: Option<Mutex<Tls>>,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What a client says in its handshake, and whom it believes.
#[derive(Clone, Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) name: &'a str,
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

impl Transport {
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }

    /// Shakes hands on a connection of clear text.
    ///
    /// # Errors
    /// The handshake's.
    pub(crate) fn over_tls(self, hello: &Hello<'_>) -> io::Result<Self> {
        let tls = hello.shake(self.socket.try_clone()?)?;
        Ok(Self {
            socket: self.socket,
            tls: Some(Mutex::new(tls)),
        })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> Option<CertificateDer<'static>> {
        Some(
            self.tls()?.conn.peer_certificates()?[0]
                .clone()
                .into_owned(),
        )
    }

    fn tls(&self) -> Option<MutexGuard<'_, Tls>> {
        let tls = self.tls.as_ref()?;
        Some(tls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Hello<'_> {
    /// A handshake on `socket`.
    ///
    /// # Errors
    /// The handshake's.
    pub(crate) fn shake(&self, mut socket: TcpStream) -> io::Result<Tls> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(self.name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

impl Read for &Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tls() {
            Some(mut tls) => tls.read(buffer),
            None => (&self.socket).read(buffer),
        }
    }
}

impl Write for &Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.tls() {
            Some(mut tls) => tls.write(bytes),
            None => (&self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.tls() {
            Some(mut tls) => tls.flush(),
            None => (&self.socket).flush(),
        }
    }
}
