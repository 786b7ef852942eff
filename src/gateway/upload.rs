//! The request body: read ahead before its request takes a lane, then streamed.
//!
//! A slow upload must not hold a lane, so the body is read first, up to a bound; the rest follows at the client's pace.
//! Guarantees: the application gets the bytes the client's framing says, or a broken connection, never a shorter body
//! that looks whole. Trailers are dropped (RFC 9110 6.5.1 permits it; IIS and CGI have no place for them).

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use crate::memory::{Budget, Reserved};

/// What is wrong with a request body; the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The client left before its end.
    #[error("the client left before the end of its request body")]
    ClientLeft,
    /// Not valid HTTP (RFC 9112 7.1).
    #[error("the request body's framing is invalid")]
    Framing,
    /// Nothing came for `body_idle_timeout`.
    #[error("the request body stopped coming")]
    Idle,
    /// Longer than `body_size`.
    #[error("the request body is longer than allowed")]
    TooLarge,
}

/// Whom the body waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitsFor {
    /// The application takes no more.
    Application,
    /// The client sends no more.
    Client,
    /// It is all sent.
    Nobody,
}

/// How the upload goes, seen from beside it.
#[derive(Debug)]
pub(super) struct Progress {
    waits_for: Cell<WaitsFor>,
    since: Cell<Instant>,
    fault: Cell<Option<BodyFault>>,
    length: Length,
}

/// Whether a request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Empty,
    Some,
}

/// A request body on its way to the application.
#[derive(Debug)]
pub struct RequestBody {
    ahead: VecDeque<Bytes>,
    rest: Option<Incoming>,
    /// Bytes that may still come.
    allowed: Option<u64>,
    progress: Rc<Progress>,
    reserved: Option<Reserved>,
}

/// The bounds of an upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes read ahead.
    pub(super) ahead: usize,
    /// Longest pause.
    pub(super) idle: Duration,
}

impl RequestBody {
    /// Takes a body as it comes, of `size` bytes at most.
    ///
    /// # Errors
    /// [`BodyFault::TooLarge`], when the client announces more.
    pub(super) fn new(body: Incoming, size: Option<u64>) -> Result<Self, BodyFault> {
        if size.is_some_and(|size| body.size_hint().lower() > size) {
            return Err(BodyFault::TooLarge);
        }
        let (rest, length, waits_for) = if body.is_end_stream() {
            (None, Length::Empty, WaitsFor::Nobody)
        } else {
            (Some(body), Length::Some, WaitsFor::Application)
        };
        let progress = Progress {
            waits_for: Cell::new(waits_for),
            since: Cell::new(Instant::now()),
            fault: Cell::new(None),
            length,
        };
        let (ahead, progress) = (VecDeque::new(), Rc::new(progress));
        Ok(Self {
            ahead,
            rest,
            allowed: size,
            progress,
            reserved: None,
        })
    }

    /// Reads until the end, `bounds.ahead` bytes, or the end of `budget`.
    ///
    /// # Errors
    /// [`BodyFault`].
    pub(super) async fn read_ahead(
        &mut self,
        bounds: &Bounds,
        budget: &Arc<Budget>,
    ) -> Result<(), BodyFault> {
        let mut length = 0;
        while let Some(rest) = &mut self.rest {
            if length >= bounds.ahead {
                break;
            }
            let Ok(frame) = timeout(bounds.idle, rest.frame()).await else {
                return Err(BodyFault::Idle);
            };
            match frame {
                None => self.rest = None,
                Some(Err(error)) => return Err(fault(&error)),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    spend(&mut self.allowed, data.len())?;
                    length += data.len();
                    if self.rest.as_ref().is_some_and(Body::is_end_stream) {
                        self.rest = None;
                    }
                    let more = data.len();
                    self.ahead.push_back(data);
                    if self.rest.is_some() && !self.reserve(more, budget) {
                        break;
                    }
                }
            }
        }
        self.progress.since.set(Instant::now());
        Ok(())
    }

    /// How the upload goes.
    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    fn reserve(&mut self, more: usize, budget: &Arc<Budget>) -> bool {
        match &mut self.reserved {
            Some(reserved) => reserved.grow(more),
            None => {
                self.reserved = budget.take(more);
                self.reserved.is_some()
            }
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        while let Some(rest) = &mut self.rest {
            let Poll::Ready(frame) = Pin::new(rest).poll_frame(cx) else {
                // hyper asks again at each wake-up, whatever it was for: the client's time goes on.
                if self.progress.waits_for.get() != WaitsFor::Client {
                    self.progress.set(WaitsFor::Client);
                }
                return Poll::Pending;
            };
            match frame {
                None => break,
                Some(Err(error)) => return Poll::Ready(Some(Err(fault(&error)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
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
        let next = match this.ahead.pop_front() {
            Some(data) => Some(Ok(data)),
            None => ready!(this.poll_rest(cx)),
        };
        if this.ahead.is_empty() {
            this.reserved = None;
        }
        // hyper does not ask again once it has as much as was announced.
        let over = next.is_none() || this.is_end_stream();
        this.progress.set(if over {
            WaitsFor::Nobody
        } else {
            WaitsFor::Application
        });
        if let Some(Err(fault)) = &next {
            this.progress.fault.set(Some(*fault));
        }
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: u64 = self.ahead.iter().map(|data| data.len() as u64).sum();
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

impl Progress {
    /// Whom the upload waits for, and since when.
    pub(super) fn state(&self) -> (WaitsFor, Instant) {
        (self.waits_for.get(), self.since.get())
    }

    /// Whether there is no body at all.
    pub(super) fn is_empty(&self) -> bool {
        self.length == Length::Empty
    }

    /// What ended it early.
    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.fault.get()
    }

    fn set(&self, waits_for: WaitsFor) {
        self.waits_for.set(waits_for);
        self.since.set(Instant::now());
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
