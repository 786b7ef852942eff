//! One client connection of HTTP/2: hyper's, and a task for the exchange of each stream.
//!
//! Guarantees: streams are bounded, those that were reset while the application works on them included (a client that
//! opens and resets streams without end is cut off); a connection without a request, without a stream, or whose client
//! does not take its responses is ended in time. Header size, CONTINUATION frames, the HPACK table, resets and windows
//! are bounded by settings named here. This is the one place that knows HTTP/2.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::Limits;
use super::connection::{Arrival, Place, linger};
use super::streams::{Live, Stream, Verdict};
use super::unread::SendTimer;
use super::watch::Watched;
use crate::gateway::{Client, ClientBody, Cut, Gateway, NoAnswer, Presence};
use crate::metrics::Ending;

/// What a client of HTTP/2 sends first (RFC 9113 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Spawns hyper's tasks on this core.
#[derive(Clone, Copy, Debug)]
struct OnThisCore;

/// Takes hyper's requests.
struct Streams {
    gateway: Rc<Gateway>,
    client: Client,
    live: Rc<Live>,
    /// The connection counts until its last exchange has ended.
    place: Rc<Place>,
}

/// What hyper awaits; dropped early when the stream was reset.
struct Answer {
    answer: oneshot::Receiver<Result<Response<ClientBody>, NoAnswer>>,
    method: Method,
    stream: Rc<Stream>,
    /// None once the response has its part of it.
    left: Option<Rc<Left>>,
}

/// The response body as hyper sends it.
struct Served {
    body: ClientBody,
    stream: Rc<Stream>,
    left: Rc<Left>,
}

/// Tells an exchange that its client has left: it is another task than the stream's.
#[derive(Debug, Default)]
struct Left {
    presence: Presence,
    exchange: RefCell<Option<Waker>>,
}

/// A stream that is reset instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the stream is reset")]
struct Reset(#[source] h2::Error);

/// Serves one connection to its end. Exchanges whose client has left go on by themselves.
pub(super) async fn serve<I>(arrival: Arrival, io: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Arrival {
        client,
        socket,
        place,
        premises,
    } = arrival;
    let (gateway, limits) = (Rc::clone(&premises.gateway), premises.limits);
    let (io, watch) = Watched::new(io);
    let live = Live::new(&limits, Instant::now());
    let streams = Streams {
        gateway: Rc::clone(&gateway),
        client,
        live: Rc::clone(&live),
        place: Rc::clone(&place),
    };
    let mut hyper = pin!(builder(&limits).serve_connection(TokioIo::new(io), streams));
    let mut ending = pin!(premises.draining.draining());
    let mut told = Told::No;
    let mut unread = SendTimer::new(limits.send_pace);
    let mut check = pin!(sleep_until(live.next_check()));
    std::future::poll_fn(|cx| {
        if told == Told::No && ending.as_mut().poll(cx).is_ready() {
            hyper.as_mut().graceful_shutdown();
            told = Told::Yes;
        }
        if hyper.as_mut().poll(cx).is_ready() || live.is_overrun() {
            return Poll::Ready(());
        }
        let due = live.next_check();
        if due < check.deadline() {
            check.as_mut().reset(due);
        }
        while check.as_mut().poll(cx).is_ready() {
            match live.check(Instant::now()) {
                Verdict::Fine => check.as_mut().reset(live.next_check()),
                Verdict::Idle => {
                    hyper.as_mut().graceful_shutdown();
                    check.as_mut().reset(live.next_check());
                }
                Verdict::End => return Poll::Ready(()),
                Verdict::Unread => {
                    gateway.connection_ended(Ending::Unread);
                    return Poll::Ready(());
                }
            }
        }
        let late = unread.poll(&watch, cx);
        if late.is_ready() {
            gateway.connection_ended(Ending::Unread);
            socket.reset();
        }
        late
    })
    .await;
    if live.is_overrun() {
        gateway.connection_ended(Ending::Resets);
        socket.reset();
    } else if !watch.has_ended() {
        drop(spawn_local(linger(socket, place)));
    }
}

/// Whether hyper has been told to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

fn builder(limits: &Limits) -> http2::Builder<OnThisCore> {
    let header_size = u32::try_from(limits.header_size).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(OnThisCore);
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(header_size) // also bounds CONTINUATION frames and what HPACK may grow to
        .header_table_size(HPACK_TABLE)
        .max_frame_size(FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS_UNSEEN)
        .max_local_error_reset_streams(RESETS_BY_US)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN);
    builder
}

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisCore {
    fn execute(&self, task: F) {
        drop(spawn_local(task));
    }
}

impl Service<Request<Incoming>> for Streams {
    type Response = Response<Served>;
    type Error = Reset;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let (answers, answer) = oneshot::channel();
        let stream = self.live.enter(Instant::now());
        let left = Rc::<Left>::default();
        let method = request.method().clone();
        if !self.live.is_overrun() {
            let client = self.client.stream(left.presence.clone());
            let (gateway, listening) = (Rc::clone(&self.gateway), Rc::clone(&left));
            let lives = (Rc::clone(&stream), Rc::clone(&self.place));
            drop(spawn_local(async move {
                let mut exchange = pin!(gateway.serve(request, client, answers));
                std::future::poll_fn(|cx| {
                    listening.listen(cx);
                    exchange.as_mut().poll(cx)
                })
                .await;
                drop(lives);
            }));
        }
        Answer {
            answer,
            method,
            stream,
            left: Some(left),
        }
    }
}

impl Future for Answer {
    type Output = Result<Response<Served>, Reset>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.answer).poll(cx));
        let left = self.left.take().unwrap_or_default();
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(NoAnswer::NeedsHttp11)) => return reset(h2::Reason::HTTP_1_1_REQUIRED),
            Ok(Err(NoAnswer::Aborted)) | Err(_) => return reset(h2::Reason::ENHANCE_YOUR_CALM),
        };
        let (mut head, mut body) = response.into_parts();
        head.headers.remove(CONNECTION); // RFC 9113 8.2.2
        if self.method == Method::HEAD {
            if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
                head.headers
                    .entry(CONTENT_LENGTH)
                    .or_insert_with(|| HeaderValue::from(length));
            }
            body = ClientBody::Whole(None);
        }
        let served = Served {
            body,
            stream: Rc::clone(&self.stream),
            left,
        };
        Poll::Ready(Ok(Response::from_parts(head, served)))
    }
}

fn reset<T>(reason: h2::Reason) -> Poll<Result<T, Reset>> {
    Poll::Ready(Err(Reset(reason.into())))
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(left) = &self.left {
            left.leave();
        }
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        this.stream.asked();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            this.stream.gave(bytes.len());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stream.asked();
        self.left.leave(); // after the end of the response nobody listens
    }
}

impl Left {
    /// The exchange's task is to be woken.
    fn listen(&self, cx: &Context<'_>) {
        let mut exchange = self.exchange.borrow_mut();
        match &*exchange {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => *exchange = Some(cx.waker().clone()),
        }
    }

    fn leave(&self) {
        self.presence.leave();
        if let Some(exchange) = self.exchange.borrow_mut().take() {
            exchange.wake();
        }
    }
}

/// The HPACK table that a client may fill: the default of RFC 7541.
const HPACK_TABLE: u32 = 4096;
/// The smallest that RFC 9113 allows, and enough.
const FRAME: u32 = 16 * 1024;
/// What a client may send of one body before it is read.
const STREAM_WINDOW: u32 = 128 * 1024;
/// What a client may send of all bodies before they are read: memory that an idle-looking connection can hold.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What is taken of one response before the client has room for it.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client may open and reset before they were looked at (CVE-2023-44487); then it is sent away.
const RESETS_UNSEEN: usize = 20;
/// Streams that we may have to reset because of what a client did (CVE-2025-8671); then it is sent away.
const RESETS_BY_US: usize = 100;
/// How often a silent client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to say so.
const PING_WITHIN: Duration = Duration::from_secs(20);
