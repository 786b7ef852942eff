//! A client over TLS: a handshake as it wants it, then bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::DEADLINE;

/// One connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct TlsClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl TlsClient {
    /// Asks for `name` and believes `roots`; offers `alpn`.
    ///
    /// # Errors
    /// The handshake's.
    pub(crate) fn connect(
        to: SocketAddr,
        name: &str,
        roots: Arc<RootCertStore>,
        alpn: &[&[u8]],
    ) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self {
            stream: StreamOwned::new(connection, socket),
        })
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let chain = self.stream.conn.peer_certificates().unwrap();
        chain[0].clone().into_owned()
    }

    /// The protocol that was agreed upon.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.stream.conn.alpn_protocol()
    }

    /// Sends `bytes`, and returns everything until the server closes.
    ///
    /// # Errors
    /// The connection's; also when the server closes without saying so (`close_notify`).
    pub(crate) fn exchange(mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(bytes)?;
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}
