//! One client connection: hyper's, and beside it the exchange of its current request, in one task.
//!
//! hyper stops polling a response body while its client is slow, and drops a service when its client leaves; an exchange
//! must go on in both cases, until the application has finished. The service therefore only passes the request over
//! and awaits the answer. Guarantees: when the client leaves, hyper's half is dropped and the exchange is told, and
//! finishes or ends as its access demands. This is the one place that knows HTTP/1.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::Limits;
use super::core::Open;
use super::head::{HeadTimer, Overdue};
use crate::client::{PeerAddr, Scheme};
use crate::gateway::{Answers, Client, ClientBody, Gateway, NoAnswer};
use crate::shutdown::Draining;
use crate::socket::{Socket, SocketIo};

/// A request that hyper has read and the exchange has not begun.
type Handoff = Rc<RefCell<Option<(Request<Incoming>, Answers)>>>;

/// The exchange of one request.
type Exchange = Pin<Box<dyn Future<Output = ()>>>;

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

/// hyper's side of the hand-over.
struct Passing(Handoff);

/// What hyper awaits.
struct Answer(oneshot::Receiver<Result<Response<ClientBody>, NoAnswer>>);

/// Serves one connection to its end, and the exchange of its last request to its own.
pub(super) async fn serve(
    stream: TcpStream,
    peer: PeerAddr,
    open: Open,
    gateway: Rc<Gateway>,
    limits: Limits,
    draining: Draining,
) {
    let socket = Socket::tcp(stream);
    let client = Client::new(peer, Scheme::Http, Arc::downgrade(&socket));
    let handoff = Handoff::default();
    let mut hyper = pin!(Some(
        builder(limits)
            .serve_connection(
                TokioIo::new(SocketIo::new(Arc::clone(&socket))),
                Passing(Rc::clone(&handoff))
            )
            .with_upgrades()
    ));
    let mut exchange: Option<Exchange> = None;
    let mut socket = Some(socket); // not longer than hyper: an exchange may outlive the connection
    let mut head = HeadTimer::new(limits.header_timeout);
    let mut closed = pin!(draining.closed());
    let mut drain = Drain::Unheard;
    std::future::poll_fn(|cx| {
        if drain == Drain::Unheard {
            // Once is enough to be woken; the flag is cheaper to look at than the signal.
            let _ = closed.as_mut().poll(cx);
            drain = Drain::Awaited;
        }
        if drain == Drain::Awaited && draining.is_closed() {
            // Everybody has been answered: what is left is written, and an idle connection is closed.
            if let Some(connection) = hyper.as_mut().as_pin_mut() {
                connection.graceful_shutdown();
            }
            drain = Drain::Told;
        }
        if let Some(connection) = hyper.as_mut().as_pin_mut()
            && connection.poll(cx).is_ready()
        {
            // Closed, broken or upgraded; an exchange that is still under way has lost its client, or is a tunnel.
            hyper.set(None);
            socket = None;
            client.leave();
        }
        if let Some((request, answers)) = handoff.take() {
            let next = begin(&gateway, &client, request, answers);
            if let Some(last) = exchange.replace(next) {
                drop(spawn_local(last)); // its client has its answer; the application is not done with it
            }
        }
        if let (Some(socket), Some(_)) = (&socket, &exchange) {
            head.rest(socket.reads());
        }
        poll_exchange(&mut exchange, cx);
        if let (Some(waiting), None) = (&socket, &exchange)
            && let Poll::Ready(overdue) = head.poll(waiting.reads(), cx)
        {
            if overdue == Overdue::Begun {
                waiting.say(REQUEST_TIMEOUT);
                gateway.head_timed_out();
            }
            hyper.set(None);
            socket = None;
            client.leave();
        }
        if hyper.is_none() && exchange.is_none() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    drop(open);
}

fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(limits.header_size.max(BUFFER_MIN))
        .timer(TokioTimer::new());
    builder
}

fn begin(
    gateway: &Rc<Gateway>,
    client: &Client,
    request: Request<Incoming>,
    answers: Answers,
) -> Exchange {
    let (gateway, client) = (Rc::clone(gateway), client.clone());
    Box::pin(async move { gateway.serve(request, client, answers).await })
}

fn poll_exchange(exchange: &mut Option<Exchange>, cx: &mut Context<'_>) {
    if let Some(running) = exchange
        && running.as_mut().poll(cx).is_ready()
    {
        *exchange = None;
    }
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
/// hyper's own minimum.
const BUFFER_MIN: usize = 8 * 1024;
