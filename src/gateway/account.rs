//! What is noted of a request on its way, and what becomes of it in the metrics and the log.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, request};
use smallvec::SmallVec;

use super::alarm::now;
use super::delivery::Delivered;
use super::exchange::Ended;
use super::progress::Progress;
use super::record::{AccessLog, Outcome as Label, Record};
use super::refusal::Reason;
use super::report::Witnessed;
use super::traced::Traced;
use super::{Outcome, Visit};
use crate::client::Via;
use crate::lane::{Note, Stay};
use crate::metrics::Gone;
use crate::route::Mode;
use crate::session::{self, LaneNumber, SessionKey};
use crate::traces::{Parent, TraceId};

/// What is noted of a request, for the log and the metrics.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) started: Instant,
    pub(super) session: Option<SessionKey>,
    /// Requests ahead at arrival; 0 when nobody was.
    pub(super) position: usize,
    pub(super) waited: Option<Duration>,
    /// When that began.
    pub(super) joined: Option<Instant>,
    /// Its lanes whose id another one replaced while it waited, so that the application has forgotten it.
    pub(super) outlived: SmallVec<[LaneNumber; 1]>,
    /// What held the lane when it had to wait.
    pub(super) behind: Option<Box<Note>>,
    /// When it was forwarded.
    pub(super) sent: Option<Instant>,
    /// When the headers of its response came.
    pub(super) answered: Option<Instant>,
    /// For its trace; None when traces are off.
    pub(super) traced: Option<Box<Traced>>,
    /// How its body came; None when it was refused before.
    pub(super) upload: Option<Rc<Progress>>,
    /// Bytes of the response body.
    pub(super) length: u64,
    /// Whether it went on without a permit.
    pub(super) passed: Passed,
    /// Whether its client's leaving was counted.
    gone: Option<Gone>,
    /// None when nobody asks for it: there is no log, and no trace of it.
    pub(super) asked: Option<Asked>,
    /// For the evidence; None when it has no witness.
    pub(super) witnessed: Option<Witnessed>,
}

/// Whether a request went on without a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    No,
    WithSession,
    WithoutSession,
}

/// What the client asked for; the request itself goes to the application.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    target: Option<PathAndQuery>,
    host: Option<HeaderValue>,
    trace: Option<TraceId>,
}

impl Asked {
    /// The raw path; empty when the target was an authority alone.
    pub(super) fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The Host; empty when there was none, or one that is no text.
    pub(super) fn host(&self) -> &str {
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        host.unwrap_or_default()
    }
}

impl Notes {
    pub(super) fn new(
        started: Instant,
        head: &request::Parts,
        log: &AccessLog,
        traced: Option<Box<Traced>>,
    ) -> Self {
        let is_sampled = traced.as_ref().is_some_and(|traced| traced.is_sampled());
        let asked = (log.is_on() || is_sampled).then(|| Asked {
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
            host: host(&head.headers).cloned(),
            trace: match &traced {
                Some(traced) => Some(traced.trace()),
                None => Parent::of(&head.headers).map(|parent| parent.trace),
            },
        });
        Self {
            started,
            session: None,
            position: 0,
            waited: None,
            joined: None,
            outlived: SmallVec::new(),
            behind: None,
            sent: None,
            answered: None,
            traced,
            upload: None,
            length: 0,
            passed: Passed::No,
            gone: None,
            asked,
            witnessed: None,
        }
    }
}

impl Visit<'_> {
    /// Ends the request: what it held is free, it has its answer, and it is counted and logged.
    pub(super) fn close(mut self, outcome: &Outcome) {
        let ended = now();
        self.entry.end(ended);
        self.stay.end();
        if let Err(Ended::Refused(refusal)) = outcome {
            self.refuse(refusal.clone());
        }
        let label = self.label(outcome);
        match label {
            Label::ClientGoneInside => self.gone(Gone::Inside),
            Label::ClientGoneWaiting => self.gone(Gone::Waiting),
            _ => {}
        }
        let metrics = &self.gateway.metrics;
        let (route, position) = (self.series, self.notes.position);
        metrics.request(
            route,
            self.terms.access as usize,
            label.index(),
            self.status().map(|status| status.as_u16()),
        );
        if let Some(hold) = self.entry.hold() {
            metrics.waited(route, self.notes.waited.unwrap_or_default(), position);
            metrics.held(route, hold);
        } else if let Some(waited) = self.notes.waited {
            metrics.waited(route, waited, position);
        }
        if self.entry.stay() == Stay::Nested {
            metrics.nested(route);
        }
        self.testify();
        let fault = fault(outcome, label);
        if let Some(fault) = fault {
            metrics.upstream_error(fault as usize);
        }
        if let Some(asked) = &self.notes.asked {
            self.gateway.log.write(|| self.record(asked, label, ended));
            self.trace(asked, label, fault, ended);
        }
    }

    /// Counts a client that left, once, as soon as that is seen.
    pub(super) fn gone(&mut self, from: Gone) {
        if self.notes.gone.is_none() {
            self.notes.gone = Some(from);
            self.gateway.metrics.client_gone(from);
        }
    }

    fn label(&self, outcome: &Outcome) -> Label {
        if let Some(reason) = self.reply.given().and_then(|given| given.refused) {
            return Label::Refused(reason); // whatever the application did later
        }
        match outcome {
            Err(Ended::ClientLeft) if self.notes.sent.is_none() => Label::ClientGoneWaiting,
            Err(Ended::ClientLeft) | Ok(Delivered::Abandoned | Delivered::Unheard) => {
                Label::ClientGoneInside
            }
            Err(Ended::Refused(refusal)) => Label::Refused(refusal.reason),
            Err(Ended::NeedsHttp11) => Label::NeedsHttp11,
            Err(Ended::Answered) => Label::Refused(Reason::UpstreamTimeout),
            Ok(Delivered::Aborted | Delivered::Broken | Delivered::Late) => Label::BrokenOff,
            Ok(Delivered::Whole) => match self.notes.passed {
                Passed::WithSession => Label::Passed,
                Passed::WithoutSession => Label::PassedWithoutSession,
                Passed::No if self.terms.mode == Mode::Observe => Label::Observed,
                Passed::No => Label::Forwarded,
            },
        }
    }

    /// Who asks, as the log has it.
    pub(super) fn client_text(&self) -> Cow<'_, [u8]> {
        match self.via {
            Via::Direct | Via::Spoofed => Cow::Borrowed(self.client.address.as_bytes()),
            Via::Proxied => Cow::Owned(self.ip.to_string().into_bytes()),
        }
    }

    /// What the client was answered; None without an answer.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.reply.given().and_then(|given| given.status)
    }

    fn record<'r>(&'r self, asked: &'r Asked, outcome: Label, ended: Instant) -> Record<'r> {
        Record {
            at: SystemTime::now(),
            request_id: self.request_id.as_bytes(),
            client: self.client_text(),
            method: &asked.method,
            host: asked.host.as_ref().map(ascii).unwrap_or_default(),
            path: session::mask_path(asked.path()),
            status: self.status(),
            outcome,
            route: self.route,
            access: self.terms.access,
            session: self.notes.session,
            position: self.notes.position,
            behind: self.notes.behind.as_deref().map(|note| &*note.route),
            wait: self.notes.waited.unwrap_or_default(),
            hold: self.entry.hold(),
            upstream: self
                .notes
                .sent
                .map(|sent| ended.saturating_duration_since(sent)),
            headers: self
                .notes
                .sent
                .zip(self.notes.answered)
                .map(|(sent, answered)| answered.saturating_duration_since(sent)),
            total: ended.saturating_duration_since(self.notes.started),
            bytes_in: self
                .notes
                .upload
                .as_ref()
                .map_or(0, |upload| upload.received()),
            bytes_out: self.notes.length,
            trace: asked.trace,
        }
    }
}

/// The Host. Clients send it first, as RFC 9110 7.2 wants it: a look there is cheaper than one in the table.
fn host(headers: &HeaderMap) -> Option<&HeaderValue> {
    match headers.iter().next() {
        Some((name, first)) if name == HOST => Some(first),
        _ => headers.get(HOST),
    }
}

/// A field's value; empty when it is no text. It is looked at byte by byte only where it is escaped.
fn ascii(value: &HeaderValue) -> &[u8] {
    let bytes = value.as_bytes();
    if bytes.is_ascii() { bytes } else { &[] }
}

/// What the application did wrong; a label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its response broke off.
    BrokenOff,
    /// All connections to it were in use.
    Busy,
    /// It did not speak HTTP.
    Invalid,
    /// Its response stopped coming.
    Late,
    /// It closed the connection instead of answering.
    Reset,
    /// It did not answer in time.
    TimedOut,
    /// It could not be reached.
    Unreachable,
}

impl Fault {
    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }

    /// The labels, in the order of declaration.
    pub const LABELS: [&'static str; 7] = [
        "broken_off",
        "busy",
        "invalid",
        "late",
        "reset",
        "timed_out",
        "unreachable",
    ];
}

fn fault(outcome: &Outcome, label: Label) -> Option<Fault> {
    match (label, outcome) {
        (Label::Refused(Reason::UpstreamBusy), _) => Some(Fault::Busy),
        (Label::Refused(Reason::UpstreamInvalid), _) => Some(Fault::Invalid),
        (Label::Refused(Reason::UpstreamReset), _) => Some(Fault::Reset),
        (Label::Refused(Reason::UpstreamTimeout), _) => Some(Fault::TimedOut),
        (Label::Refused(Reason::UpstreamUnreachable), _) => Some(Fault::Unreachable),
        (_, Ok(Delivered::Broken)) => Some(Fault::BrokenOff),
        (_, Ok(Delivered::Late)) => Some(Fault::Late),
        _ => None,
    }
}
