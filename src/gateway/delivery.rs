//! From the response's headers to its end: the application at its pace, the client at its own, and the release.
//!
//! Guarantees: the permit ends when the application has finished, not when the client has received everything; a
//! write is read to its end though its client has left, unless that client took nothing and no lane waits for the end;
//! a cut response never looks whole.

use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::response;
use http::{HeaderMap, Response};
use http_body::Body;
use hyper::body::Incoming;

use super::Visit;
use super::alarm::{Woke, earlier, now};
use super::entry::Ring;
use super::pipe::{ClientBody, Flow, PipeWriter, pipe};
use super::refusal::{Reason, Refusal};
use super::upload::RequestBody;
use crate::metrics::Exception;
use crate::route::{Access, Reads, Release};
use crate::upstream::Connection;

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// The client left a read; the application was not heard to the end.
    Abandoned,
    /// A time limit cut it off.
    Late,
    /// The hold limit cut it off.
    Aborted,
    /// The application broke off in the middle, or said something that is no HTTP.
    Broken,
    /// The application was heard to its end, but its client had left.
    Unheard,
    /// To the end, as far as the application is concerned.
    Whole,
}

impl Visit<'_> {
    /// Answers with `head` and the body that follows, and releases the lane when the application has finished.
    pub(super) async fn deliver(
        &mut self,
        connection: &mut Connection<RequestBody>,
        head: response::Parts,
        mut body: Incoming,
    ) -> Delivered {
        if self.ends_at_headers(&head.headers) {
            self.entry.end(now());
        }
        if body.is_end_stream() {
            return self.whole(head, None).await;
        }
        // Most bodies come along with their headers: then there is nothing to pipe.
        let first = next(connection, &mut body).now_or_never();
        if let Some(Some(Ok(data))) = &first
            && body.is_end_stream()
        {
            self.notes.length = data.len() as u64;
            return self.whole(head, Some(data.clone())).await;
        }
        if let Some(Some(Err(_))) = &first {
            self.refuse(Refusal::new(Reason::UpstreamReset)); // nothing of it was seen yet
            return Delivered::Broken;
        }
        let (writer, reader) = pipe(self.policy.buffers.response, &self.gateway.budget);
        self.reply
            .give(Response::from_parts(head, ClientBody::Piped(reader)));
        self.pump(connection, body, first, writer).await
    }

    async fn whole(&mut self, head: response::Parts, body: Option<Bytes>) -> Delivered {
        self.finished();
        self.reply
            .give(Response::from_parts(head, ClientBody::Whole(body)));
        self.grace().await;
        if self.client.presence.has_left() {
            Delivered::Unheard
        } else {
            Delivered::Whole
        }
    }

    async fn pump(
        &mut self,
        connection: &mut Connection<RequestBody>,
        mut body: Incoming,
        mut first: Option<Option<Result<Bytes, hyper::Error>>>,
        writer: PipeWriter,
    ) -> Delivered {
        loop {
            let frame = match first.take() {
                Some(frame) => frame,
                None => match self.frame(connection, &mut body).await {
                    Ok(frame) => frame,
                    Err(delivered) => return delivered,
                },
            };
            let flow = match frame {
                None => break,
                Some(Err(_)) => return Delivered::Broken,
                Some(Ok(data)) => {
                    self.notes.length += data.len() as u64;
                    writer.push(data)
                }
            };
            if body.is_end_stream() {
                break;
            }
            if flow == Flow::Full
                && let Err(delivered) = self.slow_client(&writer).await
            {
                return delivered;
            }
        }
        self.finished();
        let unheard = writer.flow() == Flow::Closed;
        writer.finish();
        self.grace().await;
        if unheard {
            Delivered::Unheard
        } else {
            Delivered::Whole
        }
    }

    /// The next piece of the body, within `body_timeout`.
    async fn frame(
        &mut self,
        connection: &mut Connection<RequestBody>,
        body: &mut Incoming,
    ) -> Result<Option<Result<Bytes, hyper::Error>>, Delivered> {
        let late = now() + self.gateway.upstream.settings(connection).body_timeout;
        let mut next = pin!(next(connection, body));
        loop {
            let due = earlier(self.entry.deadline(), Some(late));
            match self.alarm.wait(next.as_mut(), || due).await {
                Woke::Done(frame) => return Ok(frame),
                Woke::Left => self.left().map_err(|_| Delivered::Abandoned)?,
                Woke::Due => {}
            }
            self.ring_late()?;
            if now() >= late {
                return Err(Delivered::Late);
            }
        }
    }

    /// Waits for room; after `slow_client` the client sets the pace and the lane goes on without it.
    async fn slow_client(&mut self, writer: &PipeWriter) -> Result<(), Delivered> {
        let patience = now() + self.policy.buffers.slow_client;
        let mut room = pin!(writer.room());
        loop {
            let holds = self.entry.holds();
            let due = earlier(self.entry.deadline(), holds.then_some(patience));
            match self.alarm.wait(room.as_mut(), || due).await {
                Woke::Done(_) => return Ok(()),
                Woke::Left => {
                    self.left().map_err(|_| Delivered::Abandoned)?;
                    // A write as well, when no lane waits for its end: the rest of a response that its client has not
                    // taken would be read for nobody, and cost much more than it cost the client to ask for it.
                    if !self.entry.holds() {
                        return Err(Delivered::Abandoned);
                    }
                }
                Woke::Due => {}
            }
            self.ring_late()?;
            if holds && now() >= patience {
                self.gateway.metrics.exception(Exception::SlowClient);
                self.entry.end(now());
            }
        }
    }

    /// Does what is due in the lane.
    fn ring_late(&mut self) -> Result<(), Delivered> {
        match self.due() {
            Ring::Abort => Err(Delivered::Aborted),
            Ring::GoOn | Ring::Keep | Ring::Release => Ok(()),
        }
    }

    /// The application has finished: the next in line goes, unless there is a grace.
    fn finished(&mut self) {
        self.stay.end();
        match self.terms.release {
            Release::Body { grace } if !grace.is_zero() => {}
            Release::Body { .. } | Release::Headers => self.entry.end(now()),
        }
    }

    /// Some applications commit after the body. The hold limit goes on: there is nothing left to abort, but the next one
    /// may go.
    async fn grace(&mut self) {
        let Release::Body { grace } = self.terms.release else {
            return;
        };
        if self.entry.is_free() {
            return;
        }
        let mut over = pin!(tokio::time::sleep(grace));
        while !self.entry.is_free() {
            let due = self.entry.deadline();
            match self.alarm.wait(over.as_mut(), || due).await {
                Woke::Done(()) => self.entry.end(now()),
                Woke::Left => {} // the application works on
                Woke::Due => {
                    self.due();
                }
            }
        }
    }

    /// Endless responses would hold their lane for ever; a read that follows has loaded its session.
    fn ends_at_headers(&self, headers: &HeaderMap) -> bool {
        let events = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.as_bytes().get(..EVENTS.len()))
            .is_some_and(|kind| kind.eq_ignore_ascii_case(EVENTS));
        let follows = self.terms.access == Access::Read && self.terms.reads == Reads::Follow;
        events || follows || self.terms.release == Release::Headers
    }
}

/// The next piece of the application's body; trailers are dropped.
async fn next(
    connection: &mut Connection<RequestBody>,
    body: &mut Incoming,
) -> Option<Result<Bytes, hyper::Error>> {
    std::future::poll_fn(|cx| {
        connection.drive(cx);
        loop {
            match std::task::ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => return std::task::Poll::Ready(None),
                Some(Err(error)) => return std::task::Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return std::task::Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    })
    .await
}

/// The media type of server-sent events.
const EVENTS: &[u8] = b"text/event-stream";
