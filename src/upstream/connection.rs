//! One connection to the application: hyper's sender and driver, polled by whoever uses it.
//!
//! The driver needs no task: while an exchange runs, the exchange polls it; while idle, nobody does, and it is looked
//! at before it is used again. Guarantees: nothing is read from or written to an idle connection behind its owner's back.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use super::nodes::InFlight;
use super::wire::{Hearing, Wire};
use crate::socket::{Idle, Socket};

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// A connection to the application, owned by one exchange or by the idle ones.
pub struct Connection<B> {
    sender: SendRequest<B>,
    /// None once it has ended.
    driver: Option<Driver>,
    socket: Arc<Socket>,
    used: Used,
    idle_since: Instant,
    /// The node it leads to.
    node: usize,
    /// Its exchange, as the node's load; None while it is idle, and with one node.
    in_flight: Option<InFlight>,
    /// One of `max_connections`; given back when the connection is dropped.
    _slot: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    Before,
    Never,
}

/// What became of a request.
#[derive(Debug)]
pub enum Sent<B> {
    /// The response's headers are here; its body follows while the connection is driven.
    Answered(Response<Incoming>),
    /// The connection failed; some of the request may have been sent.
    Failed(hyper::Error),
    /// The connection turned out to be closed before anything was sent; here is the request.
    Unsent(Box<Request<B>>),
}

impl<B> Connection<B>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Speaks HTTP/1.1 on a connected socket, or on TLS whose handshake is done.
    ///
    /// # Errors
    /// hyper's, if it cannot start.
    pub(super) async fn start(
        wire: Wire,
        slot: Option<OwnedSemaphorePermit>,
    ) -> hyper::Result<Self> {
        let (socket, (sender, driver)) = match wire {
            Wire::Clear(socket) => {
                let io = Hearing::new(&socket);
                (socket, speak(io).await?)
            }
            Wire::Secure(socket, stream) => (socket, speak(*stream).await?),
        };
        Ok(Self {
            sender,
            driver: Some(driver),
            socket,
            used: Used::Never,
            idle_since: Instant::now(),
            node: 0,
            in_flight: None,
            _slot: slot,
        })
    }

    /// Sends `request` and drives the connection until the response's headers are here.
    ///
    /// Not cancel safe: dropping the future leaves the connection unfit for anything but being dropped.
    pub async fn send(&mut self, request: Request<B>) -> Sent<B> {
        let was_used = self.used;
        self.used = Used::Before;
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let outcome = std::future::poll_fn(|cx| {
            poll_driver(driver, cx);
            answer.as_mut().poll(cx)
        })
        .await;
        match outcome {
            Ok(response) => Sent::Answered(response),
            Err(mut failed) => match failed.take_message() {
                Some(request) if was_used == Used::Before => Sent::Unsent(Box::new(request)),
                _ => Sent::Failed(failed.into_error()),
            },
        }
    }

    /// Lets the connection read and write; to be polled beside the response's body.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        poll_driver(&mut self.driver, cx);
    }

    /// Whether the last exchange has ended in both directions and another may begin.
    pub fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether nothing more can be sent or read.
    pub fn has_ended(&self) -> bool {
        self.driver.is_none()
    }

    /// Sends no more, and waits until the application has closed its side. Whatever it still sends is read over.
    pub async fn close(self) {
        drop((self.sender, self.driver));
        self.socket.close().await;
    }

    /// Drives the connection until it has ended, as it does when it was upgraded.
    pub async fn finish(mut self) {
        std::future::poll_fn(|cx| {
            poll_driver(&mut self.driver, cx);
            if self.driver.is_none() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Whether an idle connection may be used: hyper knows of no end, and the kernel knows of none.
    pub fn is_open(&mut self) -> bool {
        poll_driver(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready() && self.socket.idle() == Idle::Quiet
    }

    /// The node it leads to, as an index.
    pub fn node(&self) -> usize {
        self.node
    }

    /// Says which node it leads to.
    pub(super) fn leading_to(mut self, node: usize) -> Self {
        self.node = node;
        self
    }

    /// Begins an exchange that counts at its node.
    pub(super) fn occupy(&mut self, in_flight: Option<InFlight>) {
        self.in_flight = in_flight;
    }

    /// Ends an exchange; whether the connection may be used again.
    pub fn settle(&mut self, now: Instant) -> bool {
        poll_driver(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.idle_since = now;
        self.in_flight = None;
        self.driver.is_some() && self.sender.is_ready()
    }

    /// When its last exchange ended.
    pub(super) fn idle_since(&self) -> Instant {
        self.idle_since
    }
}

impl<B> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

async fn speak<B, IO>(io: IO) -> hyper::Result<(SendRequest<B>, Driver)>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = http1::Builder::new()
        .max_buf_size(BUFFER_MAX)
        .handshake(TokioIo::new(io))
        .await?;
    Ok((sender, Box::pin(driver.with_upgrades())))
}

fn poll_driver(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    // Its outcome is also the outcome of the request or of the body, which is where it is handled.
    if let Some(running) = driver
        && running.as_mut().poll(cx).is_ready()
    {
        *driver = None;
    }
}

/// hyper's read buffer for a response, at most: what a `Bytes` of a body can pin.
const BUFFER_MAX: usize = 64 * 1024;
