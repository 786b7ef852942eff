//! What HTTP is spoken on with the application: a socket, or TLS on top of it.
//!
//! Guarantees: an application that answers and closes before it has read the whole request is heard: what can no longer
//! be written is dropped, and reading tells how the connection ended. Does not do: HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::socket::{Socket, SocketIo};

/// A connection on which nothing has been said yet. The socket below is looked at in both cases: over TLS too, bytes on an
/// idle connection are nothing but its end, since what follows a handshake (tickets) comes before the first response
/// and is read with it.
pub(super) enum Wire {
    /// The socket itself.
    Clear(Arc<Socket>),
    /// TLS on the socket.
    Secure(Arc<Socket>, Box<TlsStream<Hearing>>),
}

/// A socket whose reading side outlives its writing side: a close with unread bytes is a reset, which ends writing
/// before the answer that came ahead of it is read (RFC 9112 9.5 asks to go on reading).
#[derive(Debug)]
pub(super) struct Hearing(SocketIo);

impl Hearing {
    /// The socket as HTTP or TLS speak on it.
    pub(super) fn new(socket: &Arc<Socket>) -> Self {
        Self(SocketIo::new(Arc::clone(socket)))
    }
}

impl AsyncRead for Hearing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Hearing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(cx, bytes);
        written.map(|written| written.or_else(|error| dropped(error, bytes.len())))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write_vectored(cx, slices);
        let length = || slices.iter().map(|slice| slice.len()).sum();
        written.map(|written| written.or_else(|error| dropped(error, length())))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Bytes for somebody who takes no more count as written.
fn dropped(error: io::Error, length: usize) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset => Ok(length),
        _ => Err(error),
    }
}
