//! Server-sent events: the state, each second, for as long as somebody looks.
//!
//! Guarantees: at most [`STREAMS`] streams; a state is computed at most once in [`FRESH`] however many look, and never when
//! nobody does; a client that does not read is sent nothing more, and nothing is kept for it. Each event comes within
//! [`EVERY`], so the stream is its own heartbeat.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use super::answer::{self, Body};

/// The streams of one listener.
#[derive(Debug)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    last: Mutex<Option<Last>>,
}

/// The state that was sent last.
#[derive(Clone, Debug)]
struct Last {
    at: Instant,
    limit: usize,
    data: Bytes,
}

/// One stream.
struct Stream<F> {
    streams: Arc<Streams>,
    state: F,
    limit: usize,
    number: u64,
    ticks: Interval,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(STREAMS)),
            last: Mutex::default(),
        })
    }

    /// Answers with a stream of what `state` gives as JSON, for `limit` lanes.
    pub(super) fn open<F>(self: &Arc<Self>, limit: usize, state: F) -> Response<Body>
    where
        F: Fn(usize) -> Vec<u8> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let why = "too many streams are open";
            return answer::refused(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let mut ticks = time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let first = Stream {
            streams: Arc::clone(self),
            state,
            limit,
            number: 0,
            ticks,
            _place: place,
        };
        let frames = stream::unfold(first, |mut stream| async move {
            stream.ticks.tick().await;
            let frame = Frame::data(stream.event());
            Some((Ok::<_, Infallible>(frame), stream))
        });
        let body = StreamBody::new(frames).boxed_unsync();
        answer::with_body(StatusCode::OK, "text/event-stream", body)
    }

    fn data(&self, limit: usize, state: impl Fn(usize) -> Vec<u8>) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = |last: &&Last| last.limit == limit && now.duration_since(last.at) < FRESH;
        if let Some(last) = last.as_ref().filter(fresh) {
            return last.data.clone();
        }
        let data = Bytes::from(state(limit));
        *last = Some(Last {
            at: now,
            limit,
            data: data.clone(),
        });
        data
    }
}

impl<F: Fn(usize) -> Vec<u8>> Stream<F> {
    fn event(&mut self) -> Bytes {
        let data = self.streams.data(self.limit, &self.state);
        let retry = if self.number == 0 {
            "retry: 2000\n"
        } else {
            ""
        };
        self.number += 1;
        let mut event = format!("{retry}id: {}\nevent: state\ndata: ", self.number).into_bytes();
        event.extend_from_slice(&data); // JSON has no line break
        event.extend_from_slice(b"\n\n");
        Bytes::from(event)
    }
}

/// Streams at a time.
pub(super) const STREAMS: usize = 16;

/// The pace of a stream.
const EVERY: Duration = Duration::from_secs(1);

/// How old a state may be that another stream has got.
const FRESH: Duration = Duration::from_millis(900);

/// How long a stream may last; a browser connects again.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
