//! What happened to one request, as one line of the access log.
//!
//! Guarantees: one request is one line of printable ASCII, whatever its path, host or id holds; there is no
//! field for a session id, a query or a cookie; with the log off nothing is made or written; a line costs no
//! allocation here.
//! Does not do: mask a path, its caller does; wait for a slow disk. The writer that `app` gives is a queue, and a line that it cannot take is lost.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use crate::gateway::refusal::Reason;
use crate::route::Access;
use crate::session::SessionKey;
use crate::traces::TraceId;

mod line;

use line::{Clock, Line};

/// What happened to one request. Durations are written as milliseconds with three decimals.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The end of the request (`time`), when the line is written; UTC, milliseconds.
    pub at: SystemTime,
    /// `X-Request-Id`, ours or the client's, in UTF-8 (`id`).
    pub request_id: &'a [u8],
    /// Who called, an address in ASCII (`client`).
    pub client: Cow<'a, [u8]>,
    /// `method`.
    pub method: &'a Method,
    /// The Host in UTF-8, empty when there was none (`host`).
    pub host: &'a [u8],
    /// The raw path without its query, the session id in it already masked (`path`).
    pub path: Cow<'a, str>,
    /// What the client was answered; None when it got no answer (`status`).
    pub status: Option<StatusCode>,
    /// `outcome`, and `reason` when it was refused.
    pub outcome: Outcome,
    /// The label of its route (`route`).
    pub route: &'a str,
    /// `access`.
    pub access: Access,
    /// Six hex digits of the digest; None without a session (`session`).
    pub session: Option<SessionKey>,
    /// Requests ahead in its lane at arrival, holders included; 0 when it did not wait (`position`).
    pub position: usize,
    /// The route of what held its lane when it came; None when it did not wait (`behind`).
    pub behind: Option<&'a str>,
    /// From joining the lane to the permit, or to giving up (`wait`).
    pub wait: Duration,
    /// From the permit to its end; None when it held none, or holds it still (`hold`).
    pub hold: Option<Duration>,
    /// From the first byte to the application to the end of its response; None when it was not forwarded (`upstream`).
    pub upstream: Option<Duration>,
    /// From the first byte to the application to the headers of its response; None when there were none (`headers`).
    pub headers: Option<Duration>,
    /// From the request's arrival to `at` (`total`).
    pub total: Duration,
    /// Bytes of the request body that came from the client (`bytes_in`).
    pub bytes_in: u64,
    /// Bytes of the response body that went to the client (`bytes`).
    pub bytes_out: u64,
    /// Its trace: the one that the client's `traceparent` names or, with traces on, that begins here; None without
    /// (`trace`).
    pub trace: Option<TraceId>,
}

/// How a request ended; a label of metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The application's response broke off after its headers had gone out.
    BrokenOff,
    /// The client left while the request was in the application.
    ClientGoneInside,
    /// The client left while the request waited; the application has not seen it.
    ClientGoneWaiting,
    /// It was served, with a permit or in need of none.
    Forwarded,
    /// It was not answered, since it needs HTTP/1.1 (Windows authentication over HTTP/2).
    NeedsHttp11,
    /// It was served in observe mode.
    Observed,
    /// It was served without a permit (`pass`).
    Passed,
    /// It was served without a permit and without its session cookie (`pass_without_session`).
    PassedWithoutSession,
    /// Onelane answered instead of the application.
    Refused(Reason),
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineFormat {
    /// One JSON object, with the fields of [`Record`]; durations are `wait_ms` and so on; what is None is left out.
    Json,
    /// `time client method host path status outcome`, then `name=value` fields; what is None is `-` among the first
    /// and left out of the others. A character that is not printable ASCII, a space, `"` and `\` are `\u{hex}`.
    Text,
}

/// Writes one line for each request, or none. One for each core: it is not shared.
#[derive(Debug)]
pub struct AccessLog(Option<Sink>);

struct Sink {
    format: LineFormat,
    open: RefCell<Open>,
}

struct Open {
    /// Reused, so that a line costs no allocation.
    line: Line,
    clock: Clock,
    writer: Box<dyn Write + Send>,
}

impl Outcome {
    /// All labels; [`Outcome::index`] points here.
    pub const LABELS: [&'static str; 9] = [
        "broken_off",
        "client_gone_inside",
        "client_gone_waiting",
        "forwarded",
        "needs_http11",
        "observed",
        "passed",
        "passed_without_session",
        "refused",
    ];

    /// Its place in [`Outcome::LABELS`].
    pub fn index(self) -> usize {
        match self {
            Self::BrokenOff => 0,
            Self::ClientGoneInside => 1,
            Self::ClientGoneWaiting => 2,
            Self::Forwarded => 3,
            Self::NeedsHttp11 => 4,
            Self::Observed => 5,
            Self::Passed => 6,
            Self::PassedWithoutSession => 7,
            Self::Refused(_) => 8,
        }
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        Self::LABELS[self.index()]
    }

    /// Why it was refused.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

impl AccessLog {
    /// A log that writes nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// A log to `writer`, which gets each line, its newline included, in one call. It is to be one that does not block.
    pub fn new(format: LineFormat, writer: impl Write + Send + 'static) -> Self {
        let open = Open {
            line: Line::new(),
            clock: Clock::default(),
            writer: Box::new(writer),
        };
        Self(Some(Sink {
            format,
            open: RefCell::new(open),
        }))
    }

    /// Whether anything is written.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes the line of `record`, which is made only when the log is on.
    pub fn write<'a>(&self, record: impl FnOnce() -> Record<'a>) {
        let Some(sink) = &self.0 else { return };
        let record = record();
        let Open {
            line,
            clock,
            writer,
        } = &mut *sink.open.borrow_mut();
        match sink.format {
            LineFormat::Json => line::json(line, clock, &record),
            LineFormat::Text => line::text(line, clock, &record),
        }
        // A log that cannot be written must not stop a request, and has nowhere to complain.
        writer.write_all(line.bytes()).ok();
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// The name of an access in metrics and logs, in the order of its declaration.
pub const ACCESS_LABELS: [&str; 3] = ["none", "read", "write"];

#[cfg(test)]
mod tests;
