//! A client over TLS: a handshake as it wants it, then bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, RootCertStore, StreamOwned};

use super::DEADLINE;
use super::transport::Hello;

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
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        let hello = Hello {
            name,
            roots,
            alpn,
            versions: rustls::ALL_VERSIONS,
        };
        Ok(Self {
            stream: hello.shake(socket)?,
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
