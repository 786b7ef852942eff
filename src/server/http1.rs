//! One client connection of HTTP/1.1: hyper's, and beside it the exchange of its current request, in one task.
//!
//! hyper stops polling a response body while its client is slow, and drops a service when its client leaves; an exchange
//! must go on in both cases, until the application has finished. The service therefore only passes the request over
//! and awaits the answer. Guarantees: when the client leaves, hyper's half is dropped and the exchange is told, and
//! finishes or ends as its access demands; a connection that we end is ended so that its client can read the last answer.
//! This is the one place that knows HTTP/1.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::Limits;
use super::connection::{Arrival, Place, linger};
use super::head::{HeadTimer, Overdue};
use super::unread::SendTimer;
use super::watch::{Watch, Watched};
use crate::gateway::refusal::Reason;
use crate::gateway::{Answers, Client, ClientBody, Gateway, NoAnswer};
use crate::metrics::Ending;
use crate::socket::Socket;

/// A request that hyper has read and the exchange has not begun.
type Handoff = Rc<RefCell<Option<(Request<Incoming>, Answers)>>>;

/// The exchange of one request.
type Exchange = Pin<Box<dyn Future<Output = ()>>>;

/// hyper's half of the connection.
type Hyper<I> = http1::UpgradeableConnection<TokioIo<Watched<I>>, Passing>;

/// What a connection knows of the drain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drain {
    /// It will be woken.
    Awaited,
    /// hyper has been told to end.
    Told,
    /// Nothing yet.
    Unheard,
}

/// How hyper's half ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// By the client, or by an error of the connection.
    ByClient,
    /// By us: the client may not have read everything.
    ByUs,
    /// It became a tunnel.
    Upgraded,
}

/// hyper's side of the hand-over.
struct Passing(Handoff);

/// What hyper awaits.
struct Answer(oneshot::Receiver<Result<Response<ClientBody>, NoAnswer>>);

/// One connection, and what goes on on it.
struct Connection<I> {
    /// None once it has ended.
    hyper: Option<Hyper<I>>,
    handoff: Handoff,
    exchange: Option<Exchange>,
    head: HeadTimer,
    unread: SendTimer,
    watch: Arc<Watch>,
    client: Client,
    gateway: Rc<Gateway>,
    /// Not longer than hyper: an exchange may outlive the connection.
    socket: Option<Arc<Socket>>,
    place: Rc<Place>,
}

/// Serves one connection to its end, and the exchange of its last request to its own.
pub(super) async fn serve<I>(arrival: Arrival, io: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let draining = arrival.premises.draining.clone();
    let mut connection = Connection::new(arrival, io);
    let mut closed = pin!(draining.closed());
    let mut drain = Drain::Unheard;
    std::future::poll_fn(|cx| {
        // Polled once to be woken by the first step of the drain, and then until it ends, since a step that is not heard
        // wakes nobody again: the flag is cheaper to look at.
        if drain == Drain::Unheard || (drain == Drain::Awaited && draining.is_leaving()) {
            drain = Drain::Awaited;
            if closed.as_mut().poll(cx).is_ready() {
                connection.end();
                drain = Drain::Told;
            }
        }
        connection.poll(cx)
    })
    .await;
}

impl<I> Connection<I>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn new(arrival: Arrival, io: I) -> Self {
        let (io, watch) = Watched::new(io);
        let handoff = Handoff::default();
        let passing = Passing(Rc::clone(&handoff));
        let limits = arrival.premises.limits;
        let hyper = builder(limits).serve_connection(TokioIo::new(io), passing);
        Self {
            hyper: Some(hyper.with_upgrades()),
            handoff,
            exchange: None,
            head: HeadTimer::new(limits.header_timeout, limits.idle_timeout),
            unread: SendTimer::new(limits.send_pace),
            watch,
            client: arrival.client,
            gateway: Rc::clone(&arrival.premises.gateway),
            socket: Some(arrival.socket),
            place: arrival.place,
        }
    }

    /// Everybody has been answered: what is left is written, and an idle connection is closed.
    fn end(&mut self) {
        if let Some(hyper) = &mut self.hyper {
            Pin::new(hyper).graceful_shutdown();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.poll_hyper(cx);
        if let Some((request, answers)) = self.handoff.take() {
            let next = self.begin(request, answers);
            if let Some(last) = self.exchange.replace(next) {
                drop(spawn_local(last)); // its client has its answer; the application is not done with it
            }
        }
        if let Some(ended) = ended {
            self.part(ended);
        } else if self.hyper.is_some() {
            if self.exchange.is_some() || self.watch.is_blocked() {
                self.head.rest(self.watch.reads());
            }
            if self.unread.poll(&self.watch, cx).is_ready() {
                self.give_up();
            }
        }
        self.poll_exchange(cx);
        if self.exchange.is_none() && self.hyper.is_some() && !self.watch.is_blocked() {
            self.poll_head(cx);
        }
        if self.hyper.is_none() && self.exchange.is_none() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Polls hyper's half; how it ended, when it has.
    fn poll_hyper(&mut self, cx: &mut Context<'_>) -> Option<Closed> {
        let hyper = self.hyper.as_mut()?;
        let Poll::Ready(outcome) = Pin::new(hyper).poll(cx) else {
            return None;
        };
        let parts = self.hyper.take().and_then(Hyper::into_parts);
        Some(match outcome {
            Ok(()) if parts.is_none() => Closed::Upgraded,
            Ok(()) if self.watch.has_ended() => Closed::ByClient,
            Ok(()) => Closed::ByUs,
            // The one head that hyper does not answer: the beginning of HTTP/2.
            Err(error) if error.is_parse_version_h2() => {
                if let Some(parts) = parts {
                    say(parts.io.into_inner(), VERSION_NOT_SUPPORTED);
                }
                self.gateway.head_refused(Reason::Version);
                Closed::ByUs
            }
            // hyper has answered by itself, without a body.
            Err(error) if error.is_parse() => {
                self.gateway.head_refused(if error.is_parse_too_large() {
                    Reason::HeaderTooLarge
                } else {
                    Reason::BadRequest
                });
                Closed::ByUs
            }
            Err(_) => Closed::ByClient, // or not worth an answer
        })
    }

    /// Parts from the client; an exchange that is still under way has lost it, or is a tunnel.
    ///
    /// A connection with unread bytes that is simply closed is reset, and with it goes the answer that the client has
    /// not read yet (RFC 9112 9.6).
    fn part(&mut self, ended: Closed) {
        self.client.leave();
        let socket = self.socket.take();
        if ended == Closed::ByUs
            && let Some(socket) = socket
        {
            drop(spawn_local(linger(socket, Rc::clone(&self.place))));
        }
    }

    /// Gives up a client that does not read. What it does not read must not stay with the system either.
    fn give_up(&mut self) {
        self.gateway.connection_ended(Ending::Unread);
        self.hyper = None;
        self.client.leave();
        if let Some(socket) = self.socket.take() {
            socket.reset();
        }
    }

    fn begin(&self, request: Request<Incoming>, answers: Answers) -> Exchange {
        let (gateway, client) = (Rc::clone(&self.gateway), self.client.clone());
        Box::pin(async move { gateway.serve(request, client, answers).await })
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) {
        if let Some(running) = &mut self.exchange
            && running.as_mut().poll(cx).is_ready()
        {
            self.exchange = None;
        }
    }

    /// No request is under way: one should come, or be complete, in time.
    fn poll_head(&mut self, cx: &mut Context<'_>) {
        let Poll::Ready(overdue) = self.head.poll(self.watch.reads(), cx) else {
            return;
        };
        let parts = self.hyper.take().and_then(Hyper::into_parts);
        let io = parts.map(|parts| parts.io.into_inner());
        let ended = match overdue {
            Overdue::Silent => {
                if let Some(mut io) = io {
                    end(&mut io);
                }
                Closed::ByClient // there is nothing to read
            }
            Overdue::Begun => {
                if let Some(io) = io {
                    say(io, REQUEST_TIMEOUT);
                }
                self.gateway.head_refused(Reason::RequestTimeout);
                Closed::ByUs
            }
        };
        self.part(ended);
    }
}

fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .header_read_timeout(None) // `HeadTimer` tells idle connections from slow heads
        .max_buf_size(limits.header_size.max(BUFFER_MIN));
    if limits.headers != HEADERS_ON_STACK {
        builder.max_headers(limits.headers);
    }
    builder
}

/// Sends a last word, as far as it is taken at once.
fn say(mut io: impl AsyncWrite + Unpin, word: &[u8]) {
    let cx = &mut Context::from_waker(Waker::noop());
    // Whoever does not take it gets the end alone.
    drop(Pin::new(&mut io).poll_write(cx, word));
    drop(Pin::new(&mut io).poll_flush(cx));
    end(&mut io);
}

/// Ends our side: in TLS with its own word, so that the client knows that nothing was cut off.
fn end(io: &mut (impl AsyncWrite + Unpin)) {
    let cx = &mut Context::from_waker(Waker::noop());
    drop(Pin::new(io).poll_shutdown(cx));
}

impl Service<Request<Incoming>> for Passing {
    type Response = Response<ClientBody>;
    type Error = NoAnswer;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let (answers, answer) = oneshot::channel();
        self.0.replace(Some((request, answers)));
        Answer(answer)
    }
}

impl Future for Answer {
    type Output = Result<Response<ClientBody>, NoAnswer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Without a word when the client has left.
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|answer| answer.unwrap_or(Err(NoAnswer::Aborted)))
    }
}

/// What a client gets that does not finish its head.
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// What a client of HTTP/2 gets where it is not spoken.
const VERSION_NOT_SUPPORTED: &[u8] =
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// hyper keeps the fields of a head on the stack, unless another number is asked for.
const HEADERS_ON_STACK: usize = 100;
/// hyper's own minimum.
const BUFFER_MIN: usize = 8 * 1024;
