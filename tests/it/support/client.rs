//! Clients as browsers, scripts and attackers are: bytes onto a socket, bytes from it, and every way to leave.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use socket2::SockRef;

use super::DEADLINE;
use super::transport::{Hello, Transport};
use super::wire::{Head, Wire};

/// One client connection.
#[derive(Debug)]
pub(crate) struct Client {
    wire: Wire<Transport>,
}

/// How the other side ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Fin,
    Reset,
    /// FIN without TLS's own end before it.
    Torn,
}

/// What came within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes, which are kept to be read.
    Bytes(usize),
    /// The end of the connection.
    End,
    Nothing,
}

/// A request as it goes onto the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// A response as it came from the wire.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Head,
    /// Statuses of the 1xx responses before it.
    pub(crate) interim: Vec<u16>,
    /// Whether the body ended as its framing says.
    ending: Ending,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Complete,
    Cut,
}

/// A browser with the session cookie `sid`; each request goes on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    to: SocketAddr,
    id: String,
}

/// A request that was sent; dropping it leaves by FIN.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// None once its response was read.
    client: Option<Client>,
    method: String,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).expect("the listener accepts")
    }

    /// As [`Client::connect`], for clients that do not know whether somebody listens.
    pub(crate) fn try_connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Ok(Self::over(stream))
    }

    fn over(stream: TcpStream) -> Self {
        Self {
            wire: Wire::new(Transport::plain(stream)),
        }
    }

    /// Shakes hands; what was sent before is before it on the wire.
    ///
    /// # Errors
    /// The handshake's.
    pub(crate) fn over_tls(self, hello: &Hello<'_>) -> io::Result<Self> {
        let transport = Arc::into_inner(self.wire.into_stream()).expect("nobody else has it");
        Ok(Self {
            wire: Wire::new(transport.over_tls(hello)?),
        })
    }

    /// As [`Client::connect`], from `local` (any address of 127/8 is this machine's).
    pub(crate) fn connect_from(local: &str, to: SocketAddr) -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let local: SocketAddr = format!("{local}:0").parse().unwrap();
        socket.bind(&local.into()).unwrap();
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self::over(stream)
    }

    /// As [`Client::connect`], with segments as on Ethernet, and so small a buffer for what is not read yet that the other
    /// side soon notices.
    pub(crate) fn connect_narrow(to: SocketAddr) -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        #[cfg(unix)]
        socket.set_tcp_mss(1460).unwrap();
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self::over(stream)
    }

    /// Whether a RST has come, whatever came before it and was not read; true once.
    pub(crate) fn was_reset(&self) -> bool {
        let error = self.socket().take_error().unwrap();
        error.is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.wire.stream().certificate()
    }

    fn socket(&self) -> &TcpStream {
        self.wire.stream().socket()
    }

    /// Sends exactly these bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.wire.send(bytes).expect("the other side still reads");
        self
    }

    /// As [`Client::send`], for clients that do not know whether the other side still reads.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(bytes)
    }

    /// Sends as much of `bytes` as the other side takes; it may have answered and closed before the end.
    pub(crate) fn send_if_taken(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let sent = self.wire.send(bytes);
        drop(sent);
        self
    }

    /// Sends as much of `bytes` as the system takes without anybody reading.
    pub(crate) fn send_what_fits(&mut self, mut bytes: &[u8]) -> &mut Self {
        let mut stream = self.socket();
        stream.set_nonblocking(true).unwrap();
        while let Ok(sent @ 1..) = stream.write(bytes) {
            bytes = &bytes[sent..];
        }
        stream.set_nonblocking(false).unwrap();
        self
    }

    /// Sends `request`, and reads the response to it.
    pub(crate) fn call(&mut self, request: &Request) -> Response {
        self.send(request.bytes());
        self.response_to(&request.method)
    }

    /// The next response, to anything but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    #[track_caller]
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        self.try_response_to(method).expect("a response")
    }

    /// As [`Client::response_to`], for clients that do not know whether there will be one.
    pub(crate) fn try_response_to(&mut self, method: &str) -> io::Result<Response> {
        let mut interim = Vec::new();
        let head = loop {
            let head = self.wire.head()?.ok_or(ErrorKind::UnexpectedEof)?;
            match head.status() {
                status @ (100 | 102..200) => interim.push(status),
                _ => break head,
            }
        };
        let mut body = Vec::new();
        let (trailers, ending) = match self.wire.body(head.response_framing(method), &mut body) {
            Ok(trailers) => (trailers, Ending::Complete),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
            Err(_) => (Head::default(), Ending::Cut),
        };
        Ok(Response {
            status: head.status(),
            head,
            body,
            trailers,
            interim,
            ending,
        })
    }

    /// The next head alone.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Head {
        self.wire.head().expect("readable").expect("a head")
    }

    /// As [`Client::head`], for clients that do not know whether there will be one.
    pub(crate) fn try_head(&mut self) -> io::Result<Head> {
        self.wire
            .head()?
            .ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// The next `length` bytes.
    #[track_caller]
    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.wire
            .exactly(length, &mut bytes)
            .expect("so many bytes");
        bytes
    }

    /// What comes within `time`; it stays to be read.
    #[track_caller]
    pub(crate) fn hear(&mut self, time: Duration) -> Heard {
        self.socket().set_read_timeout(Some(time)).unwrap();
        let heard = match self.wire.more() {
            Ok(0) => Heard::End,
            Ok(length) => Heard::Bytes(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
            Err(_) => Heard::End,
        };
        self.socket().set_read_timeout(Some(DEADLINE)).unwrap();
        heard
    }

    /// Exactly the next `length` bytes from the system, for clients that do not know whether they will come.
    pub(crate) fn try_read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.wire.stream().as_ref().read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads to the end of the connection, and says how it ended.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> Closed {
        self.rest().1
    }

    /// What still comes, to the end of the connection, and how it ended.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> (Vec<u8>, Closed) {
        let mut rest = Vec::new();
        match self.wire.until_end(&mut rest) {
            Ok(()) => (rest, Closed::Fin),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                (rest, Closed::Reset)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => (rest, Closed::Torn),
            Err(error) => panic!("neither closed nor reset: {error}"),
        }
    }

    /// Sends FIN and stays to read.
    pub(crate) fn half_close(&mut self) {
        self.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Leaves by RST.
    pub(crate) fn reset(self) {
        SockRef::from(self.socket())
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: vec!["Host: app.test".into()],
            body: Vec::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        let mut request = Self::new("POST", target).header("Content-Length", length);
        request.body = body.as_ref().into();
        request
    }

    /// POST with a chunked body.
    pub(crate) fn post_chunked(target: &str, pieces: &[&str]) -> Self {
        let mut request = Self::new("POST", target).header("Transfer-Encoding", "chunked");
        for piece in pieces {
            request
                .body
                .extend_from_slice(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        }
        request.body.extend_from_slice(b"0\r\n\r\n");
        request
    }

    pub(crate) fn header(mut self, name: &str, value: impl Display) -> Self {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    pub(crate) fn session(self, id: &str) -> Self {
        self.header("Cookie", format!("sid={id}"))
    }

    /// The head alone.
    pub(crate) fn head(&self) -> Vec<u8> {
        let lines: String = self
            .headers
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect();
        format!("{} {} HTTP/1.1\r\n{lines}\r\n", self.method, self.target).into_bytes()
    }

    /// Head and body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Whether the client could see that the body is not whole.
    pub(crate) fn is_cut(&self) -> bool {
        self.ending == Ending::Cut
    }
}

impl Session {
    pub(crate) fn new(to: SocketAddr, id: &str) -> Self {
        Self { to, id: id.into() }
    }

    pub(crate) fn get(&self, target: &str) -> Exchange {
        self.send(Request::get(target))
    }

    pub(crate) fn post(&self, target: &str) -> Exchange {
        self.send(Request::post(target, "x=1").header("X-Kind", "write"))
    }

    /// Sends `request` with this session's cookie on a new connection.
    pub(crate) fn send(&self, request: Request) -> Exchange {
        let request = request.session(&self.id);
        let mut client = Client::connect(self.to);
        client.send(request.bytes());
        Exchange {
            client: Some(client),
            method: request.method,
        }
    }
}

impl Exchange {
    /// Reads the response, and closes the connection.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        let mut client = self
            .client
            .take()
            .expect("the response was not read before");
        client.response_to(&self.method)
    }

    #[track_caller]
    pub(crate) fn status(&mut self) -> u16 {
        self.response().status
    }

    pub(crate) fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("the response was not read")
    }

    /// Leaves by FIN.
    pub(crate) fn leave(self) {
        drop(self);
    }

    /// Leaves by RST.
    pub(crate) fn reset(self) {
        self.client.expect("the response was not read").reset();
    }
}
