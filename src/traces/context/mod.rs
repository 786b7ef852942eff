//! Which trace a request belongs to, and whether it is sampled, as W3C Trace Context says it in `traceparent`.
//!
//! Guarantees: an id that is not all hex, is all zero, or comes in a header that is malformed or said twice, is none (W3C
//! Trace Context 3.2.2, 3.3); a caller's decision to sample stands; else all services that see a trace id decide alike.
//! Does not do: keep secrets: ids come from a fast generator, since they only have to differ.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceFlags, TraceState};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

pub use opentelemetry::trace::TraceId;

/// Which traces are recorded (`tracing.sample_rate` and `tracing.parent`).
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Of the traces that begin here, from 0 to 1.
    pub rate: f64,
    /// What a caller's `traceparent` counts for.
    pub parent: OnParent,
}

/// What a caller's `traceparent` counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnParent {
    /// Its trace goes on, sampled if it is.
    Follow,
    /// Nothing: each request begins a trace.
    Ignore,
}

/// A caller's span, as a valid `traceparent` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its trace.
    pub trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

/// A request's place in its trace: the spans that it has here, and their parent.
#[derive(Clone, Debug)]
pub struct Context {
    trace: TraceId,
    flags: TraceFlags,
    /// The caller's, when there is one.
    pub(super) parent: Option<SpanId>,
    server: SpanId,
    wait: SpanId,
    client: SpanId,
    /// Empty when the request is not sampled: then nobody asks.
    state: TraceState,
}

impl Parent {
    /// The caller's span, from the one `traceparent` of its request: `version-trace-parent-flags`. Later versions may have
    /// more behind that.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let first = all.next().filter(|_| all.next().is_none())?;
        let mut fields = first.to_str().ok()?.splitn(5, '-');
        let mut field = |length| fields.next().filter(|field| is_hex(field, length));
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let no_more = fields.next().is_none() || version != "00";
        let parent = Self {
            trace: TraceId::from_hex(trace).ok()?,
            span: SpanId::from_hex(span).ok()?,
            flags: TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & KNOWN_FLAGS,
        };
        let is_zero = parent.trace == TraceId::INVALID || parent.span == SpanId::INVALID;
        (no_more && version != "ff" && !is_zero).then_some(parent)
    }
}

impl Context {
    /// The context of a request that came with these headers.
    pub fn of(headers: &HeaderMap, sampling: &Sampling) -> Self {
        let parent = match sampling.parent {
            OnParent::Follow => Parent::of(headers),
            OnParent::Ignore => None,
        };
        let (trace, flags) = match parent {
            Some(parent) => (parent.trace, parent.flags),
            None => begin(sampling.rate),
        };
        let goes_on = parent.is_some() && flags.is_sampled();
        Self {
            trace,
            flags,
            parent: parent.map(|parent| parent.span),
            server: span_id(),
            wait: span_id(),
            client: span_id(),
            state: if goes_on {
                state(headers)
            } else {
                TraceState::NONE
            },
        }
    }

    /// The trace.
    pub fn trace(&self) -> TraceId {
        self.trace
    }

    /// Whether its spans are to be recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Tells the application: our call to it is the parent of what it does. A `tracestate` goes on with the trace that it
    /// belongs to, and not with another (W3C Trace Context 3.3).
    pub fn tell(&self, headers: &mut HeaderMap) {
        let said = format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.client, self.flags
        );
        let said = HeaderValue::try_from(said).expect("hex digits and hyphens are visible ASCII");
        headers.insert(TRACEPARENT, said);
        if self.parent.is_none() {
            headers.remove(TRACESTATE);
        }
    }

    /// The span of the whole request.
    pub(super) fn server(&self) -> SpanContext {
        self.span(self.server)
    }

    /// The span of its wait.
    pub(super) fn wait(&self) -> SpanContext {
        self.span(self.wait)
    }

    /// The span of its time in the application.
    pub(super) fn client(&self) -> SpanContext {
        self.span(self.client)
    }

    fn span(&self, id: SpanId) -> SpanContext {
        SpanContext::new(self.trace, id, self.flags, false, self.state.clone())
    }
}

/// A new trace. All services that see its id, and have the same rate, decide as we do.
fn begin(rate: f64) -> (TraceId, TraceFlags) {
    let trace = TraceId::from_bytes(fastrand::u128(1..).to_be_bytes());
    let sampler = Sampler::TraceIdRatioBased(rate);
    let sampled = sampler.should_sample(None, trace, "", &SpanKind::Server, &[], &[]);
    let sampled = sampled.decision == SamplingDecision::RecordAndSample;
    (trace, TraceFlags::default().with_sampled(sampled))
}

fn span_id() -> SpanId {
    SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
}

/// What others keep of the trace, for the spans; the header itself goes on as it is.
fn state(headers: &HeaderMap) -> TraceState {
    let lines = headers.get_all(TRACESTATE).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    lines.join(",").parse().unwrap_or_default()
}

fn is_hex(text: &str, length: usize) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == length && text.bytes().all(hex)
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `sampled`, and `random` of level 2, which goes on with the trace id that it is said of. What is not known is not passed
/// on (W3C Trace Context 3.2.2.5).
const KNOWN_FLAGS: TraceFlags = TraceFlags::new(0b11);

#[cfg(test)]
mod tests;
