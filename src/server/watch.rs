//! What goes over a connection, seen from beside the protocol that speaks on it.
//!
//! Guarantees: bytes pass unchanged; reads are counted, and a write that the client does not take is known. Between TLS
//! and HTTP, so that handshakes and other records do not count. Does not do: end anything; time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is known of a connection's bytes. Shared by one task with itself: atomics only because hyper wants `Send`.
#[derive(Debug, Default)]
pub(super) struct Watch {
    reads: AtomicUsize,
    written: AtomicUsize,
    blocked: AtomicBool,
    ended: AtomicBool,
}

/// A connection whose bytes are watched.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    watch: Arc<Watch>,
}

impl Watch {
    /// How often something was read so far: whether it changes tells a silent client from one that sends.
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Bytes that the client, or the system for it, has taken; wraps around.
    pub(super) fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether there is something to write that is not taken.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Whether the client has sent its last byte.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl<I> Watched<I> {
    /// Watches `io`.
    pub(super) fn new(io: I) -> (Self, Arc<Watch>) {
        let watch = Arc::<Watch>::default();
        let watched = Self {
            io,
            watch: Arc::clone(&watch),
        };
        (watched, watch)
    }

    fn note(&self, outcome: &Poll<io::Result<usize>>) {
        self.watch
            .blocked
            .store(outcome.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(length)) = outcome {
            self.watch.written.fetch_add(*length, Ordering::Relaxed);
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let outcome = Pin::new(&mut self.io).poll_read(cx, buffer);
        if outcome.is_ready() {
            self.watch.reads.fetch_add(1, Ordering::Relaxed);
            if buffer.filled().len() == before && room > 0 {
                self.watch.ended.store(true, Ordering::Relaxed);
            }
        }
        outcome
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.note(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.note(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        // TLS keeps records back: what it has taken is not all on its way.
        self.watch
            .blocked
            .store(outcome.is_pending(), Ordering::Relaxed);
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
