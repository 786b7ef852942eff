//! A request that has ended, as spans: itself, its wait in the lane, and its time in the application.
//!
//! Guarantees: names and attributes are those of OpenTelemetry's semantic conventions for HTTP, and what they do not have is
//! below `onelane.`; the wait and the application's time are children of the request, and their times are within it.
//! Does not do: know when a request waits, or what failed; its caller says so.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use http::{Method, StatusCode, Version};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use opentelemetry_semantic_conventions::trace::{
    CLIENT_ADDRESS, ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, NETWORK_PROTOCOL_VERSION, SERVER_ADDRESS, SERVER_PORT,
    URL_FULL, URL_PATH, URL_SCHEME,
};
use smallvec::SmallVec;

use super::context::Context;

/// A sampled request that has ended.
#[derive(Debug)]
pub struct Finished<'a> {
    /// Its place in its trace.
    pub context: &'a Context,
    /// When it came.
    pub started: Instant,
    /// When the application, or whoever answered, was done with it; just now.
    pub ended: Instant,
    /// The same moment of the clock.
    pub at: SystemTime,
    /// Who asked.
    pub client: String,
    /// Its method.
    pub method: &'a Method,
    /// Its protocol's version.
    pub version: Version,
    /// `http` or `https`, as the client came.
    pub scheme: &'static str,
    /// The Host; empty when there was none.
    pub host: &'a str,
    /// The path without its query, the session id in it masked.
    pub path: &'a str,
    /// The label of its route.
    pub route: &'a str,
    /// Whether that is one of the table.
    pub routed: Routed,
    /// What it does to its session.
    pub access: &'static str,
    /// How it ended, as the access log says it.
    pub outcome: &'static str,
    /// Why it was refused.
    pub refusal: Option<&'static str>,
    /// What the application did wrong.
    pub fault: Option<&'static str>,
    /// What the client was answered; None when it got no answer.
    pub status: Option<StatusCode>,
    /// The digest of its session, as the log shows it.
    pub session: Option<String>,
    /// `X-Request-Id`.
    pub id: &'a str,
    /// From the permit to its end.
    pub hold: Option<Duration>,
    /// None when it did not wait.
    pub wait: Option<Wait<'a>>,
    /// None when it did not get as far as the application.
    pub attempt: Option<Attempt<'a>>,
}

/// Whether a route of the table decided a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// No: its label is one of our own, such as `default`.
    ByDefault,
    /// Yes.
    ByTable,
}

/// The wait in a lane.
#[derive(Debug)]
pub struct Wait<'a> {
    /// When it began.
    pub began: Instant,
    /// How long it was.
    pub took: Duration,
    /// Requests that were ahead.
    pub position: usize,
    /// The route of what held the lane then.
    pub behind: Option<&'a str>,
    /// Why it did not end in a permit.
    pub failure: Option<&'static str>,
}

/// The time in the application.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// When a connection was first asked for.
    pub began: Instant,
    /// When the headers of its response came.
    pub answered: Option<Instant>,
    /// What the application answered.
    pub status: Option<StatusCode>,
    /// The node's name or address; None when there was no connection, or on a Unix socket.
    pub server: Option<(&'a str, u16)>,
    /// `http` or `https`, as the application is spoken to.
    pub scheme: &'static str,
    /// The node's name in the configuration.
    pub node: Option<&'a str>,
}

/// Attributes of one span.
type Attributes = Vec<KeyValue>;

impl Finished<'_> {
    /// The spans, those that ended first in front.
    pub(super) fn spans(&self, scope: &InstrumentationScope) -> SmallVec<[SpanData; 3]> {
        let mut spans = SmallVec::new();
        spans.extend(self.wait.as_ref().map(|wait| self.waited(wait, scope)));
        let attempt = self.attempt.as_ref();
        spans.extend(attempt.map(|attempt| self.attempted(attempt, scope)));
        spans.push(self.served(scope));
        spans
    }

    /// The span of the whole request. An answer of 5xx is an error, and so is one that broke off.
    fn served(&self, scope: &InstrumentationScope) -> SpanData {
        let failed = self.status.is_some_and(|status| status.is_server_error());
        let error = match (self.refusal, self.fault) {
            (Some(reason), _) => failed.then_some(Cow::Borrowed(reason)),
            (None, Some(fault)) => Some(Cow::Borrowed(fault)),
            (None, None) => code(self.status.filter(StatusCode::is_server_error)),
        };
        let name = match self.routed {
            Routed::ByTable => Cow::Owned(format!("{} {}", self.name(), self.route)),
            Routed::ByDefault => self.name(),
        };
        let mut attributes = self.asked();
        self.add_decisions(&mut attributes);
        let context = self.context.server();
        let parent = self.context.parent.unwrap_or(SpanId::INVALID);
        let (began, kind) = (self.started, SpanKind::Server);
        let mut span = self.span(scope, context, (began, self.ended), kind, attributes);
        span.parent_span_is_remote = self.context.parent.is_some();
        span.parent_span_id = parent;
        span.name = name;
        end(&mut span, self.status, error);
        span
    }

    /// What the client asked for.
    fn asked(&self) -> Attributes {
        let mut attributes = Vec::with_capacity(20); // more than any request has
        self.add_method(&mut attributes);
        attributes.push(KeyValue::new(URL_PATH, self.path.to_owned()));
        attributes.push(KeyValue::new(URL_SCHEME, self.scheme));
        attributes.push(KeyValue::new(CLIENT_ADDRESS, self.client.clone()));
        attributes.push(KeyValue::new(
            NETWORK_PROTOCOL_VERSION,
            match self.version {
                Version::HTTP_2 => "2",
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
        ));
        if self.routed == Routed::ByTable {
            attributes.push(KeyValue::new(HTTP_ROUTE, self.route.to_owned()));
        }
        if let Ok(host) = self.host.parse::<http::uri::Authority>() {
            attributes.push(KeyValue::new(SERVER_ADDRESS, host.host().to_owned()));
            let port = host.port_u16().map(i64::from);
            attributes.extend(port.map(|port| KeyValue::new(SERVER_PORT, port)));
        }
        attributes
    }

    /// What Onelane made of it.
    fn add_decisions(&self, attributes: &mut Attributes) {
        let mut add = |name, value: Value| attributes.push(KeyValue::new(name, value));
        add("onelane.id", self.id.to_owned().into());
        add("onelane.route", self.route.to_owned().into());
        add("onelane.access", self.access.into());
        add("onelane.outcome", self.outcome.into());
        if let Some(reason) = self.refusal {
            add("onelane.reason", reason.into());
        }
        if let Some(session) = &self.session {
            add("onelane.session", session.clone().into());
        }
        if let Some(wait) = &self.wait {
            add("onelane.wait_ms", milliseconds(wait.took));
        }
        if let Some(hold) = self.hold {
            add("onelane.hold_ms", milliseconds(hold));
        }
    }

    /// The span of the wait.
    fn waited(&self, wait: &Wait<'_>, scope: &InstrumentationScope) -> SpanData {
        let mut attributes = Vec::with_capacity(4);
        let position = i64::try_from(wait.position).unwrap_or(i64::MAX);
        attributes.push(KeyValue::new("onelane.position", position));
        if let Some(behind) = wait.behind {
            attributes.push(KeyValue::new("onelane.behind", behind.to_owned()));
        }
        let times = (wait.began, wait.began + wait.took);
        let context = self.context.wait();
        let mut span = self.span(scope, context, times, SpanKind::Internal, attributes);
        span.name = Cow::Borrowed(LANE_WAIT);
        end(&mut span, None, wait.failure.map(Cow::Borrowed));
        span
    }

    /// The span of the call to the application. An answer of 4xx or 5xx is an error, and so is none.
    fn attempted(&self, attempt: &Attempt<'_>, scope: &InstrumentationScope) -> SpanData {
        let none = attempt.status.is_none();
        let error = match self.fault {
            Some(fault) => Some(Cow::Borrowed(fault)),
            None if none => Some(Cow::Borrowed(self.refusal.unwrap_or(self.outcome))),
            None => code(attempt.status.filter(is_error)),
        };
        let mut attributes = Vec::with_capacity(9);
        self.add_method(&mut attributes);
        let mut add = |name, value: Value| attributes.push(KeyValue::new(name, value));
        if let Some((address, port)) = attempt.server {
            let (scheme, path) = (attempt.scheme, self.path);
            let host = match address.contains(':') {
                true => format!("[{address}]"),
                false => address.to_owned(),
            };
            add(URL_FULL, format!("{scheme}://{host}:{port}{path}").into());
            add(SERVER_ADDRESS, address.to_owned().into());
            add(SERVER_PORT, i64::from(port).into());
        }
        if let Some(node) = attempt.node {
            add("onelane.upstream", node.to_owned().into());
        }
        if let Some(answered) = attempt.answered {
            let took = answered.saturating_duration_since(attempt.began);
            add("onelane.headers_ms", milliseconds(took));
        }
        let (context, times) = (self.context.client(), (attempt.began, self.ended));
        let mut span = self.span(scope, context, times, SpanKind::Client, attributes);
        span.name = self.name();
        end(&mut span, attempt.status, error);
        span
    }

    fn add_method(&self, attributes: &mut Attributes) {
        let method = self.method.as_str();
        if is_known(self.method) {
            attributes.push(KeyValue::new(HTTP_REQUEST_METHOD, method.to_owned()));
            return;
        }
        attributes.push(KeyValue::new(HTTP_REQUEST_METHOD, "_OTHER"));
        attributes.push(KeyValue::new(
            HTTP_REQUEST_METHOD_ORIGINAL,
            method.to_owned(),
        ));
    }

    /// The method as a name: what clients make up is not one.
    fn name(&self) -> Cow<'static, str> {
        if is_known(self.method) {
            Cow::Owned(self.method.as_str().to_owned())
        } else {
            Cow::Borrowed("HTTP")
        }
    }

    /// A child of the request's own span.
    fn span(
        &self,
        scope: &InstrumentationScope,
        context: SpanContext,
        (began, ended): (Instant, Instant),
        kind: SpanKind,
        attributes: Attributes,
    ) -> SpanData {
        SpanData {
            span_context: context,
            parent_span_id: self.context.server().span_id(),
            parent_span_is_remote: false,
            span_kind: kind,
            name: Cow::Borrowed(""),
            start_time: self.clock(began),
            end_time: self.clock(ended),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope.clone(),
        }
    }

    /// All times of a request are told from one look at the clock: however that is set, they stay in order.
    fn clock(&self, instant: Instant) -> SystemTime {
        self.at - self.ended.saturating_duration_since(instant)
    }
}

/// Ends `span` with what was answered. An error needs no description: its type, or the status, says it.
fn end(span: &mut SpanData, status: Option<StatusCode>, error: Option<Cow<'static, str>>) {
    let status = status.map(|status| i64::from(status.as_u16()));
    let status = status.map(|status| KeyValue::new(HTTP_RESPONSE_STATUS_CODE, status));
    span.attributes.extend(status);
    if let Some(error) = error {
        span.attributes.push(KeyValue::new(ERROR_TYPE, error));
        span.status = Status::error("");
    }
}

fn code(status: Option<StatusCode>) -> Option<Cow<'static, str>> {
    status.map(|status| Cow::Owned(status.as_str().to_owned()))
}

fn is_error(status: &StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The methods of RFC 9110 and PATCH, which the conventions name.
fn is_known(method: &Method) -> bool {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    known.contains(method)
}

fn milliseconds(duration: Duration) -> Value {
    Value::F64(duration.as_micros() as f64 / 1000.0) // as the access log has them
}

/// The name of a wait's span.
const LANE_WAIT: &str = "lane wait";

#[cfg(test)]
mod tests;
