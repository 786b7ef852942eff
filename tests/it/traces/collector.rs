//! A collector for tests: an HTTP server that reads OTLP in JSON as strictly as it is written down.
//!
//! Guarantees: a key that the protocol does not have, a number of 64 bits that is no text, an enum that is no number, or an
//! id that is no lower-case hex of its length is a failed test (OTLP 1.x, "JSON Protobuf Encoding").

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::support::{Proxy, Seen, Step, Upstream, answer, eventually};

/// A running collector.
pub(super) struct Collector {
    pub(super) server: Upstream,
}

/// One span as it came.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    /// None for a span without one.
    pub(super) parent: Option<String>,
    pub(super) state: String,
    pub(super) name: String,
    pub(super) kind: u8,
    /// Nanoseconds of Unix time.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) is_error: bool,
    pub(super) flags: u32,
    attributes: BTreeMap<String, String>,
}

pub(super) const INTERNAL: u8 = 1;
pub(super) const SERVER: u8 = 2;
pub(super) const CLIENT: u8 = 3;

impl Collector {
    /// Takes whatever comes.
    pub(super) fn start() -> Self {
        Self::answering(200, "{}")
    }

    pub(super) fn answering(status: u16, body: &str) -> Self {
        let collector = Self {
            server: Upstream::start(),
        };
        collector.answer(status, body);
        collector
    }

    /// What it answers from now on.
    pub(super) fn answer(&self, status: u16, body: &str) {
        let answer = Step::Send(answer(status, body));
        self.server.on(PATH, [Step::ReadBody, answer]);
    }

    /// The configuration of a proxy that sends to it; `more` are further keys of `tracing`.
    pub(super) fn yaml(&self, more: &str) -> String {
        yaml(&format!("http://{}", self.server.address()), more)
    }

    /// A proxy in front of `app` that sends to it.
    pub(super) fn proxy(&self, app: &Upstream, more: &str) -> Proxy {
        Proxy::in_front_of(app, &self.yaml(more))
    }

    /// What it was sent, and the bodies have come.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let seen = self.server.seen().into_iter();
        seen.filter(|seen| seen.left.is_some()).collect()
    }

    /// All spans so far.
    #[track_caller]
    pub(super) fn spans(&self) -> Vec<Span> {
        self.seen().iter().flat_map(spans).collect()
    }

    /// Waits for so many spans, and gives them.
    #[track_caller]
    pub(super) fn until(&self, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans come"), || {
            self.spans().len() >= count
        });
        let spans = self.spans();
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }

    /// All that was sent, as text.
    pub(super) fn text(&self) -> String {
        let bodies = self.seen().into_iter().map(|seen| seen.body);
        bodies
            .map(|body| String::from_utf8(body).unwrap())
            .collect()
    }
}

/// The configuration of a proxy that sends to the collector at this base of a URL.
pub(super) fn yaml(base: &str, more: &str) -> String {
    format!("tracing: {{ endpoint: '{base}{PATH}', interval: 20ms, {more} }}\n")
}

impl Span {
    /// The value of an attribute, as text; None when it is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The names of its attributes.
    pub(super) fn names(&self) -> Vec<&str> {
        self.attributes.keys().map(String::as_str).collect()
    }
}

/// The only span of this kind.
#[track_caller]
pub(super) fn of_kind(spans: &[Span], kind: u8) -> &Span {
    let mut found = spans.iter().filter(|span| span.kind == kind);
    let span = found.next().expect("there is one");
    assert!(found.next().is_none(), "{spans:#?}");
    span
}

/// The spans of one request to the collector.
#[track_caller]
fn spans(seen: &Seen) -> Vec<Span> {
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.target, PATH);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let request: Request = serde_json::from_slice(&seen.body).unwrap();
    let of_resource = |resource: ResourceSpans| {
        assert!(
            resource
                .resource
                .attributes
                .iter()
                .any(|attribute| attribute.key == "service.name")
        );
        let scopes = resource.scope_spans.into_iter();
        scopes.flat_map(|scope| {
            assert_eq!(scope.scope.name, "onelane");
            assert_eq!(scope.scope.version, env!("CARGO_PKG_VERSION"));
            scope.spans.into_iter().map(Span::from)
        })
    };
    request
        .resource_spans
        .into_iter()
        .flat_map(of_resource)
        .collect()
}

impl From<JsonSpan> for Span {
    fn from(span: JsonSpan) -> Self {
        assert!(
            !span.name.is_empty() && (1..=5).contains(&span.kind),
            "{span:?}"
        );
        assert_eq!(
            (
                span.dropped_attributes_count,
                span.dropped_events_count,
                span.dropped_links_count
            ),
            (0, 0, 0)
        );
        assert!(span.events.is_empty() && span.links.is_empty());
        assert!(
            span.status.code <= 2 && span.status.message.is_empty(),
            "{span:?}"
        );
        let count = span.attributes.len();
        let attributes: BTreeMap<_, _> = span
            .attributes
            .into_iter()
            .map(|attribute| (attribute.key, attribute.value.text()))
            .collect();
        assert_eq!(
            attributes.len(),
            count,
            "an attribute is there twice: {attributes:?}"
        );
        Self {
            trace: span.trace_id.0,
            id: span.span_id.0,
            parent: (!span.parent_span_id.is_empty()).then(|| hex(span.parent_span_id, 8)),
            state: span.trace_state,
            name: span.name,
            kind: span.kind,
            start: span.start_time_unix_nano,
            end: span.end_time_unix_nano,
            is_error: span.status.code == 2,
            flags: span.flags,
            attributes,
        }
    }
}

fn hex(text: String, bytes: usize) -> String {
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(digits && text.len() == 2 * bytes, "{text} is no id");
    text
}

/// `ExportTraceServiceRequest`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
    #[serde(default, rename = "schemaUrl")]
    _schema_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Resource {
    attributes: Vec<Attribute>,
    #[serde(default, rename = "droppedAttributesCount")]
    _dropped_attributes_count: u32,
    #[serde(default, rename = "entityRefs")]
    _entity_refs: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<JsonSpan>,
    #[serde(default, rename = "schemaUrl")]
    _schema_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Scope {
    name: String,
    version: String,
    #[serde(default, rename = "attributes")]
    _attributes: Vec<Attribute>,
    #[serde(default, rename = "droppedAttributesCount")]
    _dropped_attributes_count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct JsonSpan {
    trace_id: Id<16>,
    span_id: Id<8>,
    #[serde(default)]
    trace_state: String,
    #[serde(default)]
    parent_span_id: String,
    #[serde(default)]
    flags: u32,
    name: String,
    kind: u8,
    #[serde(deserialize_with = "long")]
    start_time_unix_nano: u64,
    #[serde(deserialize_with = "long")]
    end_time_unix_nano: u64,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    dropped_attributes_count: u32,
    #[serde(default)]
    events: Vec<serde_json::Value>,
    #[serde(default)]
    dropped_events_count: u32,
    #[serde(default)]
    links: Vec<serde_json::Value>,
    #[serde(default)]
    dropped_links_count: u32,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Status {
    message: String,
    code: u8,
}

/// An id of so many bytes.
#[derive(Debug)]
struct Id<const BYTES: usize>(String);

impl<'de, const BYTES: usize> Deserialize<'de> for Id<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = hex(String::deserialize(deserializer)?, BYTES);
        assert!(id.bytes().any(|byte| byte != b'0'), "an id of zeros");
        Ok(Self(id))
    }
}

/// A number of 64 bits is text.
fn long<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    value: AnyValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
enum AnyValue {
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "stringValue")]
    String(String),
}

impl AnyValue {
    fn text(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Int(number) => number.parse::<i64>().unwrap().to_string(),
            Self::Double(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
        }
    }
}

const PATH: &str = "/v1/traces";
