//! The request body: read ahead before its request takes a lane or goes on without one, then streamed.
//!
//! A slow upload must hold neither a lane nor a thread of the application, so the body is read first, into memory and a
//! file, up to a bound; the rest follows at the client's pace, which has a lower bound.
//! Guarantees: the application gets the bytes the client's framing says, or a broken connection, never a shorter body
//! that looks whole. Trailers are dropped (RFC 9110 6.5.1 permits it; IIS and CGI have no place for them).

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::ahead::{Ahead, Bounds, Room};
use super::progress::{Length, Progress, WaitsFor};
use super::spool::Lost;
use crate::pace::Pace;

/// What is wrong with a request body; the client's doing, but for `Lost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The client left before its end.
    #[error("the client left before the end of its request body")]
    ClientLeft,
    /// Not valid HTTP (RFC 9112 7.1).
    #[error("the request body's framing is invalid")]
    Framing,
    /// It was kept in a temporary file, which cannot be read.
    #[error("the request body could not be read back from its temporary file")]
    Lost,
    /// Nothing came for `body_idle_timeout`, or all of it slower than `min_rate`.
    #[error("the request body came too slowly")]
    Slow,
    /// Longer than `body_size`.
    #[error("the request body is longer than allowed")]
    TooLarge,
}

/// Whether reading ahead waits for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// No: only what has come already.
    None,
    /// As long as it keeps its pace.
    Pace,
}

/// A request body on its way to the application.
#[derive(Debug)]
pub struct RequestBody {
    ahead: Ahead,
    rest: Option<Incoming>,
    /// Bytes that may still come.
    allowed: Option<u64>,
    progress: Rc<Progress>,
}

impl RequestBody {
    /// Takes a body as it comes, of `size` bytes at most and at least at `pace`.
    ///
    /// # Errors
    /// [`BodyFault::TooLarge`], when the client announces more.
    pub(super) fn new(body: Incoming, size: Option<u64>, pace: Pace) -> Result<Self, BodyFault> {
        if size.is_some_and(|size| body.size_hint().lower() > size) {
            return Err(BodyFault::TooLarge);
        }
        let (rest, length) = if body.is_end_stream() {
            (None, Length::Empty)
        } else {
            (Some(body), Length::Some)
        };
        Ok(Self {
            ahead: Ahead::default(),
            rest,
            allowed: size,
            progress: Rc::new(Progress::new(length, pace)),
        })
    }

    /// Reads until the end, or as far as `bounds` and `patience` allow; to be called once. Not cancel safe.
    ///
    /// # Errors
    /// [`BodyFault`].
    pub(super) async fn read_ahead(
        &mut self,
        bounds: &Bounds<'_>,
        patience: Patience,
    ) -> Result<(), BodyFault> {
        let nothing = self.rest.is_none() || (bounds.memory == 0 && bounds.spool == 0);
        if nothing {
            return Ok(()); // without a body nobody is waited for but the application's answer
        }
        while let Some(data) = self.next_rest(patience).await? {
            let Some(rest) = &self.rest else {
                break;
            };
            let announced = rest.size_hint().upper();
            if rest.is_end_stream() {
                self.rest = None;
                if self.ahead.is_empty() {
                    self.ahead.keep(data, bounds);
                    break;
                }
            }
            if self.ahead.push(data, announced, bounds).await == Room::Full || self.rest.is_none() {
                break;
            }
        }
        self.ahead.close();
        self.progress.set(WaitsFor::Application);
        Ok(())
    }

    /// What comes next from the client, unless it is too slow; None at the end, or without patience.
    async fn next_rest(&mut self, patience: Patience) -> Result<Option<Bytes>, BodyFault> {
        if self.rest.is_none() {
            return Ok(None);
        }
        if patience == Patience::None {
            return self.arrived().await.transpose();
        }
        let patience = self.progress.patience();
        let next = std::future::poll_fn(|cx| self.poll_rest(cx));
        timeout(patience, next)
            .await
            .map_err(|_| BodyFault::Slow)?
            .transpose()
    }

    /// What has come already. hyper reads when it is asked, in its own turn: so it is asked twice.
    async fn arrived(&mut self) -> Option<Result<Bytes, BodyFault>> {
        let mut asked = 0;
        std::future::poll_fn(|cx| {
            let next = self.poll_rest(cx);
            asked += 1;
            match next {
                Poll::Pending if asked < 2 => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Ready(None),
                Poll::Ready(next) => Poll::Ready(next),
            }
        })
        .await
    }

    /// How the upload goes.
    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        while let Some(rest) = &mut self.rest {
            let Poll::Ready(frame) = Pin::new(rest).poll_frame(cx) else {
                self.progress.waits_for_client();
                return Poll::Pending;
            };
            match frame {
                None => break,
                Some(Err(error)) => return Poll::Ready(Some(Err(fault(&error)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.progress.came(data.len());
                        spend(&mut self.allowed, data.len())?;
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
        self.rest = None;
        Poll::Ready(None)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        let next = match this.ahead.is_empty() {
            true => ready!(this.poll_rest(cx)),
            false => {
                ready!(this.ahead.poll_next(cx)).map(|data| data.map_err(|Lost| BodyFault::Lost))
            }
        };
        // hyper does not ask again once it has as much as was announced.
        let over = next.is_none() || this.is_end_stream();
        this.progress.set(if over {
            WaitsFor::Nobody
        } else {
            WaitsFor::Application
        });
        if let Some(Err(fault)) = &next {
            this.progress.fail(*fault);
        }
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.len();
        match &self.rest {
            None => SizeHint::with_exact(ahead),
            Some(rest) => {
                let rest = rest.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(ahead + rest.lower());
                if let Some(upper) = rest.upper() {
                    hint.set_upper(ahead + upper);
                }
                hint
            }
        }
    }
}

/// A body of unknown length may not become longer than allowed.
fn spend(allowed: &mut Option<u64>, length: usize) -> Result<(), BodyFault> {
    if let Some(left) = allowed {
        *left = left.checked_sub(length as u64).ok_or(BodyFault::TooLarge)?;
    }
    Ok(())
}

/// hyper tells a client that left from one that sends nonsense by the kind of the I/O error inside.
fn fault(error: &hyper::Error) -> BodyFault {
    let source =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => BodyFault::Framing,
        _ if error.is_parse() => BodyFault::Framing,
        _ => BodyFault::ClientLeft,
    }
}
