//! A socket that can be watched while nobody reads it.
//!
//! hyper does not see its client leave while a request body is unread or pipelined bytes are waiting. The socket is
//! therefore shared: hyper reads and writes it through [`SocketIo`], and a request that waits in a lane watches it
//! through [`Socket::left`], which reads ahead into a small buffer that hyper is served from first. What stands before
//! the protocol is read the same way, by [`Socket::look_ahead`].
//!
//! Guarantees: no byte is lost or reordered; a FIN or RST that the kernel can show ends [`Socket::left`] (a FIN behind
//! more than the kernel's receive window cannot be seen). Does not do: TLS, timeouts.

use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// The kernel's side of a connection.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// One connection, shared between the protocol that speaks on it and whoever watches it.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// Read while hyper was blind; served to it before anything else.
    ahead: Mutex<BytesMut>,
    has_ahead: AtomicBool,
    /// The peer's end of stream was read by [`Socket::left`].
    ended: AtomicBool,
}

/// The socket as hyper reads and writes it.
#[derive(Debug)]
pub struct SocketIo(Arc<Socket>);

/// What a look at an idle connection shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Closed, broken, or with bytes that nobody asked for.
    Dead,
    /// Open and silent.
    Quiet,
}

impl Socket {
    /// Takes a TCP connection of the current runtime.
    pub fn tcp(stream: TcpStream) -> Arc<Self> {
        Self::new(Stream::Tcp(stream))
    }

    /// Takes a unix socket connection of the current runtime.
    #[cfg(unix)]
    pub fn unix(stream: UnixStream) -> Arc<Self> {
        Self::new(Stream::Unix(stream))
    }

    fn new(stream: Stream) -> Arc<Self> {
        Arc::new(Self {
            stream,
            ahead: Mutex::default(),
            has_ahead: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    /// Waits until the peer has left: a FIN (a half-closed client counts as gone) or a RST.
    ///
    /// To be polled by the task that also polls hyper's connection: a socket wakes one reader.
    /// Cancel safe: what was read is kept for hyper.
    pub async fn left(&self) {
        let sight = std::future::poll_fn(|cx| self.poll_ahead(cx)).await;
        if matches!(sight, Sight::Blocked) {
            self.watch_twin().await;
        }
    }

    /// Reads ahead until `judge` makes something of the bytes so far; None when the peer has left, or the read-ahead is
    /// full, before that. The bytes stay where they are, for whoever reads next.
    ///
    /// Cancel safe: what was read is kept.
    pub async fn look_ahead<T>(&self, mut judge: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        std::future::poll_fn(|cx| {
            let mut ahead = self.ahead();
            loop {
                if let Some(verdict) = judge(&ahead) {
                    return Poll::Ready(Some(verdict));
                }
                if ready!(self.poll_more(&mut ahead, cx)).is_some() {
                    return Poll::Ready(None);
                }
            }
        })
        .await
    }

    /// Takes the first `count` bytes off what was read ahead: they have been used.
    pub fn skip_ahead(&self, count: usize) {
        let mut ahead = self.ahead();
        self.advance(&mut ahead, count);
    }

    /// Sends a FIN, then reads everything over until the peer closes too. To be used when no protocol speaks on the
    /// socket any more.
    pub async fn close(&self) {
        // A socket that cannot be shut down is closed already, which is what is read next.
        self.stream
            .as_socket()
            .shutdown(std::net::Shutdown::Write)
            .ok();
        let mut waste = vec![0; AHEAD_MAX];
        std::future::poll_fn(|cx| {
            loop {
                if ready!(self.stream.poll_read_ready(cx)).is_err() {
                    return Poll::Ready(());
                }
                match self.stream.try_read_buf(&mut waste.as_mut_slice()) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    /// Makes the end of the connection a reset: what the peer has not taken is forgotten by the system at once.
    pub fn reset(&self) {
        self.stream
            .as_socket()
            .set_linger(Some(std::time::Duration::ZERO))
            .ok(); // it is closed then, if not reset
    }

    /// Our own address on this connection; None for a unix socket, or when it is closed.
    pub fn local_address(&self) -> Option<IpAddr> {
        let address = self.stream.as_socket().local_addr().ok()?;
        address.as_socket().map(|address| address.ip())
    }

    /// Looks at a connection that should be idle, with one system call, since the runtime's knowledge can lag.
    pub fn idle(&self) -> Idle {
        let mut byte = [MaybeUninit::uninit()];
        match self.stream.as_socket().peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
            _ => Idle::Dead,
        }
    }

    fn ahead(&self) -> MutexGuard<'_, BytesMut> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<Sight> {
        let mut ahead = self.ahead();
        loop {
            if let Some(sight) = ready!(self.poll_more(&mut ahead, cx)) {
                return Poll::Ready(sight);
            }
        }
    }

    /// Reads ahead once; None when something came.
    fn poll_more(&self, ahead: &mut BytesMut, cx: &mut Context<'_>) -> Poll<Option<Sight>> {
        loop {
            if self.ended.load(Ordering::Relaxed) {
                return Poll::Ready(Some(Sight::Left));
            }
            let room = AHEAD_MAX - ahead.len();
            if room == 0 {
                return Poll::Ready(Some(Sight::Blocked));
            }
            if ready!(self.stream.poll_read_ready(cx)).is_err() {
                return Poll::Ready(Some(Sight::Left));
            }
            ahead.reserve(room.min(AHEAD_STEP));
            match self.stream.try_read_buf(&mut (&mut *ahead).limit(room)) {
                Ok(0) => self.ended.store(true, Ordering::Relaxed),
                Ok(_) => {
                    self.has_ahead.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(Some(Sight::Left)),
            }
        }
    }

    /// The read-ahead is full: watches a second handle of the same connection, whose readiness may be cleared without
    /// hiding anything from hyper.
    async fn watch_twin(&self) {
        #[cfg_attr(
            not(unix),
            expect(clippy::infallible_destructuring_match, reason = "there is only TCP")
        )]
        let stream = match &self.stream {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Unix(_) => return std::future::pending().await,
        };
        let twin = SockRef::from(stream)
            .try_clone()
            .map(std::net::TcpStream::from)
            .and_then(TcpStream::from_std);
        let Ok(twin) = twin else {
            return std::future::pending().await;
        };
        loop {
            match twin.ready(INTEREST).await {
                Err(_) => return,
                Ok(ready) if ready.is_read_closed() || ready.is_error() => return,
                // Readable is all it says: forget that, so that the next event is the peer's leaving or more bytes.
                Ok(_) => drop(twin.try_io(Interest::READABLE, || -> io::Result<()> {
                    Err(io::ErrorKind::WouldBlock.into())
                })),
            }
        }
    }

    fn take_ahead(&self, buffer: &mut ReadBuf<'_>) -> bool {
        if !self.has_ahead.load(Ordering::Relaxed) {
            return false;
        }
        let mut ahead = self.ahead();
        let length = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead[..length]);
        self.advance(&mut ahead, length);
        true
    }

    fn advance(&self, ahead: &mut BytesMut, count: usize) {
        ahead.advance(count.min(ahead.len()));
        if ahead.is_empty() {
            *ahead = BytesMut::new();
            self.has_ahead.store(false, Ordering::Relaxed);
        }
    }
}

/// What reading ahead showed.
enum Sight {
    /// The read-ahead is full, and the peer has not left before that.
    Blocked,
    Left,
}

impl SocketIo {
    /// The socket as hyper reads and writes it; to be wrapped in `TokioIo`.
    pub fn new(socket: Arc<Socket>) -> Self {
        Self(socket)
    }
}

impl AsyncRead for SocketIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &self.0;
        if socket.take_ahead(buffer) || socket.ended.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(socket.stream.poll_read_ready(cx))?;
            match socket.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    return Poll::Ready(outcome.map(drop));
                }
            }
        }
    }
}

impl AsyncWrite for SocketIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // a socket keeps nothing back
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(
            self.0
                .stream
                .as_socket()
                .shutdown(std::net::Shutdown::Write),
        )
    }
}

impl SocketIo {
    fn write(
        &self,
        cx: &mut Context<'_>,
        attempt: impl Fn(&Stream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match attempt(&self.0.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

/// Both kinds of socket have these; a macro, since the types share no trait for them.
macro_rules! both {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Stream::Tcp($stream) => $call,
            #[cfg(unix)]
            Stream::Unix($stream) => $call,
        }
    };
}

impl Stream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        both!(self, stream => stream.poll_read_ready(cx))
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        both!(self, stream => stream.poll_write_ready(cx))
    }

    /// Less than there was room for is all there was: the socket counts as drained without another call that would say
    /// so, as tokio's own reading has it. Only where readiness is edge-triggered; on Windows it is re-armed by the call.
    fn try_read_buf(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        let room = buffer.chunk_mut().len();
        let read = both!(self, stream => stream.try_read_buf(buffer))?;
        if cfg!(target_os = "linux") && 0 < read && read < room {
            // The runtime that sees readiness runs on this thread: nothing new was seen since the read.
            let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            both!(self, stream => stream.try_io(Interest::READABLE, drained)).ok();
        }
        Ok(read)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        both!(self, stream => stream.try_write(bytes))
    }

    fn try_write_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        both!(self, stream => stream.try_write_vectored(slices))
    }

    fn as_socket(&self) -> SockRef<'_> {
        both!(self, stream => SockRef::from(stream))
    }
}

/// Bytes read ahead while hyper is blind: more than any browser pipelines, small beside hyper's own buffers.
const AHEAD_MAX: usize = 16 * 1024;

/// How far the read-ahead grows at a time.
const AHEAD_STEP: usize = 2 * 1024;

/// On Linux a RST is an error event of its own; elsewhere it makes the socket readable.
#[cfg(any(target_os = "linux", target_os = "android"))]
const INTEREST: Interest = Interest::READABLE.add(Interest::ERROR);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const INTEREST: Interest = Interest::READABLE;
