//! A client of HTTP/2: streams of one connection, and what ended them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::DEADLINE;

/// One connection, served by a thread of its own.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    runtime: Runtime,
}

/// A request whose response has not come.
pub(crate) struct Asked {
    response: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) head: Response<()>,
    pub(crate) body: Vec<u8>,
}

impl Http2 {
    /// Connects with prior knowledge (RFC 9113 3.3).
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::over(async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }

    /// Connects over TLS, where ALPN has to choose HTTP/2.
    pub(crate) fn over_tls(to: SocketAddr, name: &str, roots: Arc<RootCertStore>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self::over(async move {
            let stream = TcpStream::connect(to).await?;
            let connector = TlsConnector::from(Arc::new(config));
            let stream = connector.connect(name, stream).await?;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            Ok(stream)
        })
    }

    fn over<I>(connect: impl Future<Output = io::Result<I>>) -> Self
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (send, connection) = runtime.block_on(async {
            let stream = connect.await.unwrap();
            let (send, connection) = client::Builder::new()
                .initial_window_size(64 * 1024)
                .handshake(stream)
                .await
                .unwrap();
            (send, tokio::spawn(connection))
        });
        Self {
            send,
            connection,
            runtime,
        }
    }

    /// A request for `https://site.test{target}`.
    pub(crate) fn request(method: &str, target: &str) -> http::request::Builder {
        let uri = format!("https://site.test{target}");
        Request::builder().method(method).uri(uri)
    }

    /// Sends a request without a body.
    #[track_caller]
    pub(crate) fn send(&mut self, request: http::request::Builder) -> Asked {
        self.begin(request, true).unwrap()
    }

    /// Sends the head of a request; `end` when it has no body.
    ///
    /// # Errors
    /// Why the connection takes no more requests.
    pub(crate) fn begin(
        &mut self,
        request: http::request::Builder,
        end: bool,
    ) -> Result<Asked, h2::Error> {
        let request = request.body(()).unwrap();
        let send = self.send.clone();
        let ready = self
            .runtime
            .block_on(async { timeout(DEADLINE, send.ready()).await.unwrap() });
        self.send = ready?;
        let (response, body) = self.send.send_request(request, end)?;
        Ok(Asked { response, body })
    }

    /// Waits for the head of a response.
    pub(crate) fn head(&self, asked: Asked) -> Result<Response<RecvStream>, h2::Error> {
        let response = asked.response;
        self.runtime
            .block_on(async { timeout(DEADLINE, response).await.unwrap() })
    }

    /// Waits for a whole response.
    pub(crate) fn answer(&self, asked: Asked) -> Result<Answered, h2::Error> {
        let (head, mut stream) = self.head(asked)?.into_parts();
        let mut body = Vec::new();
        while let Some(data) = self.data(&mut stream) {
            body.extend_from_slice(&data?);
        }
        let head = Response::from_parts(head, ());
        Ok(Answered { head, body })
    }

    /// The next piece of a body, for which room is made; None at its end.
    pub(crate) fn data(&self, stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
        let data = self
            .runtime
            .block_on(async { timeout(DEADLINE, stream.data()).await.unwrap() });
        if let Some(Ok(data)) = &data {
            stream.flow_control().release_capacity(data.len()).unwrap();
        }
        data
    }

    /// Sends a request without a body, and waits for the whole response.
    #[track_caller]
    pub(crate) fn call(&mut self, request: http::request::Builder) -> Answered {
        let asked = self.send(request);
        self.answer(asked).unwrap()
    }

    /// Waits until the connection has ended; the reason, if the server gave one.
    pub(crate) fn ended(&mut self) -> Option<Reason> {
        let connection = &mut self.connection;
        let ended = self
            .runtime
            .block_on(async { timeout(DEADLINE, connection).await.unwrap().unwrap() });
        ended.err().and_then(|error| error.reason())
    }
}

impl Asked {
    /// Resets the stream.
    pub(crate) fn cancel(mut self) {
        self.body.send_reset(Reason::CANCEL);
    }
}

impl Answered {
    pub(crate) fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").finish_non_exhaustive()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}
