//! OpenTelemetry traces: what became of a request, as spans, to a collector (OTLP over HTTP, in JSON).
//!
//! Guarantees: nobody who hands over a request waits: what does not fit into the queue is dropped whole and counted, and
//! what cannot be sent is counted and warned of once a minute; no query, cookie or session id is in a span; nothing is read
//! from the environment. Does not do: collect what is known of a request (`gateway` does); mask a path, its caller does.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Uri};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanProcessor};
use opentelemetry_semantic_conventions::{SCHEMA_URL, resource};

mod collector;
mod context;
mod export;
mod span;

pub use context::{Context, OnParent, Parent, Sampling, TraceId};
pub use span::{Attempt, Finished, Routed, Wait};

use collector::Collector;
use export::{Counted, Queue};

use crate::metrics;
use crate::tls::Connector;

/// Where traces go, and what is said of who sends them (`tracing:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where spans are sent.
    pub endpoint: Endpoint,
    /// Sent with each request to it; those with secrets are marked as sensitive.
    pub headers: HeaderMap,
    /// `service.name`.
    pub service_name: String,
    /// Further attributes of the resource, name and value.
    pub resource_attributes: Vec<(String, String)>,
    /// How long spans are gathered before they are sent.
    pub interval: Duration,
    /// The longest that sending some of them may take, repetitions included.
    pub timeout: Duration,
}

/// A collector's URL, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL, with its path.
    pub url: Uri,
    /// A name or an address (IPv6 without brackets); looked up at each connect.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Does the handshakes; None for clear text.
    pub tls: Option<Connector>,
}

/// Takes requests that have ended, and sends them as spans from a thread of its own.
#[derive(Debug)]
pub struct Tracer {
    batches: BatchSpanProcessor,
    queue: Arc<Queue>,
    scope: InstrumentationScope,
}

impl Tracer {
    /// Starts the thread that sends; connects nowhere yet. What becomes of spans is counted in `metrics`.
    ///
    /// # Errors
    /// When the runtime of that thread cannot be made.
    pub fn start(settings: Settings, metrics: Arc<metrics::Core>) -> io::Result<Self> {
        let Settings {
            endpoint,
            headers,
            service_name,
            resource_attributes,
            interval,
            timeout,
        } = settings;
        let url = endpoint.url.to_string();
        let collector = Arc::new(Collector::new(endpoint, headers, timeout)?);
        let sender = SpanExporter::builder()
            .with_http()
            .with_endpoint(&url)
            .with_timeout(timeout)
            .with_protocol(Protocol::HttpJson) // or a variable of the environment would decide
            .with_headers(HashMap::new()) // the collector's own are put in by Collector, and no others
            .with_shared_http_client(Arc::clone(&collector) as _)
            .build()
            .map_err(io::Error::other)?;
        let queue = Arc::new(Queue::new(QUEUE, metrics));
        let mut counted = Counted::new(sender, collector, Arc::clone(&queue));
        counted.describe(&described(service_name, resource_attributes));
        let sizes = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(interval)
            .build();
        let scope = InstrumentationScope::builder(SERVICE_NAME)
            .with_version(VERSION)
            .with_schema_url(SCHEMA_URL);
        Ok(Self {
            batches: BatchSpanProcessor::new(counted, sizes),
            queue,
            scope: scope.build(),
        })
    }

    /// Takes the spans of a request whose context is sampled; all of them, or none when the queue is full.
    pub fn record(&self, request: &Finished<'_>) {
        let spans = request.spans(&self.scope);
        if self.queue.take(spans.len()) {
            for span in spans {
                self.batches.on_end(span);
            }
        }
    }

    /// Sends what is left, for `within` at most; what is not sent by then is dropped and counted. Blocks.
    pub fn end(&self, within: Duration) {
        if let Err(error) = self.batches.shutdown_with_timeout(within) {
            self.queue.give_up(&error);
        }
    }
}

/// The resource whose spans they are. What the operator says of it stands above what we do.
fn described(service_name: String, attributes: Vec<(String, String)>) -> Resource {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| KeyValue::new(name, value));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new(resource::SERVICE_NAME, service_name))
        .with_attribute(KeyValue::new(resource::SERVICE_VERSION, VERSION))
        .with_attributes(attributes)
        .build()
}

/// The name of what makes the spans; that of the service too, unless the operator gives another.
pub const SERVICE_NAME: &str = "onelane";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Spans that wait to be sent, those on their way included: 4 s of 700 sampled requests a second, three spans each. OpenTelemetry's default is 2,048.
pub const QUEUE: usize = 8192;

/// Spans in one request to the collector; OpenTelemetry's default.
const BATCH: usize = 512;
