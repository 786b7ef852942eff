//! YAML to valid values; the only module that knows how settings are spelled.
//!
//! Guarantees: a [`Config`] has been checked whole; all errors of a file are reported together; an unknown key, a
//! duplicate and a key of a later version are errors, never ignored; a variable of the environment changes one value
//! and nothing else; what a file may contain is bounded before it is read.
//! Does not do: bind, connect or resolve; read the environment or the file name by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::client::ProxyProtocol;
use crate::gateway::{Edition, HeadBounds, Policy, ServerTiming};
use crate::tls;

mod admin;
mod advice;
mod application;
mod certificates;
mod client;
mod defaults;
mod env;
mod file;
mod keys;
mod limits;
mod listen;
mod log;
mod origin;
mod problem;
mod reader;
mod refusals;
mod routes;
mod schema;
mod session;
mod startup;
mod terms;
mod throttle;
mod traces;
mod upstream;
mod upstreams;
mod values;
mod yaml;

pub use admin::{Admin, Token};
pub use env::Environment;
pub use origin::{Digest, Origin};
pub use problem::{ConfigError, Errors};
pub use schema::{schema, schema_text};

use origin::{Beside, Pages};
use problem::Problems;
use reader::{Keys, Refused, Section, Value};
use yaml::Kind;

/// A whole configuration: what a reload may replace, and what it may not.
#[derive(Debug)]
pub struct Config {
    /// What only a restart changes.
    pub startup: Startup,
    /// What a reload may replace.
    pub policy: Policy,
    /// Contradictions and risks that do not stop the start.
    pub warnings: Vec<Warning>,
    /// What it was read from.
    pub origin: Origin,
}

/// What only a restart changes.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Where clients connect.
    pub listen: Vec<Listener>,
    /// The application: one node, or several.
    pub upstream: crate::upstream::FarmSettings,
    /// The edge towards clients.
    pub edge: Edge,
    /// The edge towards operators.
    pub admin: Admin,
    /// What is written to standard output.
    pub log: Log,
    /// Where traces go; None when they are off.
    pub tracing: Option<crate::traces::Settings>,
    /// Bound of all request and response buffers together, bytes.
    pub buffer_memory: usize,
    /// Bound of all temporary files together, bytes.
    pub spool_disk: usize,
    /// How long new connections are still accepted after SIGTERM, while readiness fails already.
    pub drain_delay: Duration,
    /// How long holders and waiters may take to finish after that.
    pub drain_timeout: Duration,
}

/// Where clients connect, and what is spoken there.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address to bind.
    pub address: SocketAddr,
    /// The certificates, read and fit to be served; None for clear text.
    pub tls: Option<tls::Certificates>,
    /// Whether connections begin with the PROXY protocol.
    pub proxy_protocol: ProxyProtocol,
    /// Whether HTTP/2 is spoken besides HTTP/1.1.
    pub http2: Http2,
}

/// Whether HTTP/2 is spoken besides HTTP/1.1: over TLS when the client chooses it (ALPN), in clear text with a client
/// that knows (RFC 9113 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2 {
    /// No.
    Off,
    /// Yes.
    On,
}

/// Bounds of client connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Client connections at a time; more are closed at accept.
    pub connections: usize,
    /// Of these, what one client address may have; none means no limit.
    pub connections_per_client: Option<usize>,
    /// Longest request head, bytes.
    pub header_size: usize,
    /// Most header fields of a request.
    pub headers: usize,
    /// Longest time for a request head.
    pub header_timeout: Duration,
    /// How long a connection is kept between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its response.
    pub send_timeout: Duration,
    /// The lowest rate of uploads and responses, bytes per second; 0 for none.
    pub min_rate: u32,
    /// Concurrent streams of one HTTP/2 connection.
    pub http2_streams: u32,
}

/// What is written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Whether each request has a line.
    pub access: AccessLog,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Whether each request has a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// No.
    Off,
    /// Yes.
    On,
}

/// A contradiction or risk in a valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Key path, such as `routes[3].queue.wait_timeout`.
    pub at: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// What is doubtful, and what to do.
    pub message: String,
}

impl Config {
    /// Reads a configuration from `text`; `environment` gives the values of `${VAR}`. The paths of refusal pages and
    /// certificates are taken from the current folder.
    ///
    /// # Errors
    /// All that is wrong with it; a syntax error stands alone.
    pub fn parse(text: &str, environment: Environment<'_>) -> Result<Self, Errors> {
        parse(text, None, SystemTime::now(), environment)
    }

    /// Reads the configuration file at `path`; `environment` gives the values of `${VAR}`. The paths of refusal pages
    /// and certificates are taken from the file's folder.
    ///
    /// # Errors
    /// As [`Config::parse`], or why the file cannot be read.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<Self, Errors> {
        Self::load_at(path, environment, SystemTime::now())
    }

    /// As [`Config::load`] at `now`, which decides which certificates are out of their time.
    fn load_at(path: &Path, environment: Environment<'_>, now: SystemTime) -> Result<Self, Errors> {
        let name = path.display().to_string();
        let text = file::read(path).map_err(|problem| {
            Errors::of_file(
                &name,
                problem.to_string(),
                "give the path of a YAML file; config/minimal.yaml is one to begin with",
            )
        })?;
        parse(&text, Some(path), now, environment)
    }
}

/// Reads the `text` of `file`.
fn parse(
    text: &str,
    file: Option<&Path>,
    now: SystemTime,
    environment: Environment<'_>,
) -> Result<Config, Errors> {
    let name = file.map_or_else(
        || "configuration".to_owned(),
        |file| file.display().to_string(),
    );
    let pages = Pages::default();
    let beside = Beside {
        folder: file.and_then(Path::parent).unwrap_or_else(|| Path::new("")),
        now,
        pages: &pages,
    };
    let mut document = yaml::parse(text).map_err(|error| Errors::new(&name, vec![*error]))?;
    if document.kind == Kind::Null {
        return Err(Errors::of_file(&name, "there is nothing in it", SMALLEST));
    }
    let problems = Problems::default();
    env::expand(&mut document, "", environment, &problems);
    let config = Value::document(&document, &problems)
        .section(&TOP)
        .map(|top| read(&top, beside, Edition::first([0; 4])));
    let warnings = problems
        .into_warnings()
        .map_err(|errors| Errors::new(&name, errors))?;
    match config {
        Some((startup, mut policy)) => {
            let origin = Origin::new(file, text, pages, &startup);
            policy.edition.digest = origin.digest().short();
            Ok(Config {
                startup,
                policy,
                warnings,
                origin,
            })
        }
        None => Err(Errors::of_file(&name, "not a configuration", SMALLEST)),
    }
}

/// Reads all sections; what is wrong is reported, and a default stands in its place.
fn read(top: &Section<'_>, beside: Beside<'_>, edition: Edition) -> (Startup, Policy) {
    top.read("store", memory_alone);
    let listen = listen::clients(top, beside);
    let addresses: Vec<_> = listen.iter().map(|listener| listener.address).collect();
    let limits = limits::read(top);
    let (tracing, sampling) = traces::read(top, beside.folder);
    let startup = Startup {
        upstream: upstreams::read(top, &addresses, beside.folder),
        edge: limits.edge,
        admin: admin::read(top, &addresses),
        log: log::read(top),
        tracing,
        buffer_memory: limits.buffer_memory,
        spool_disk: limits.spool_disk,
        drain_delay: top
            .read("drain_delay", |value| value.duration(Duration::ZERO))
            .unwrap_or(defaults::DRAIN_DELAY),
        drain_timeout: top
            .read("drain_timeout", |value| value.duration(Duration::ZERO))
            .unwrap_or(defaults::DRAIN_TIMEOUT),
        listen,
    };
    let session = session::read(top);
    let terms = terms::of_top(top, session.preset);
    let max_waiting = terms::max_waiting(top);
    if let Some(at) = upstreams::timeout_said(top) {
        routes::warn_of_timeout(
            &at,
            startup.upstream.response_timeout(),
            terms.limits.hold_limit,
        );
    }
    let routes = routes::read(top, &terms, &session, startup.upstream.response_timeout());
    let client = client::read(top);
    listen::warn_of_strangers(top, &startup.listen, &client);
    let policy = Policy {
        edition,
        throttle: throttle::read(top, &routes, max_waiting),
        routes,
        sessions: session.sessions,
        without_session: session.without_session,
        client,
        max_waiting,
        max_waiting_per_client: (max_waiting / defaults::CLIENT_SHARE).max(1),
        buffers: limits.buffers,
        head: HeadBounds {
            url_length: limits.url_length,
            headers: startup.edge.headers,
        },
        body_size: limits.body_size,
        body_pace: limits.body_pace,
        application: application::read(top),
        server_timing: match top.read("server_timing", Value::truth) {
            Some(true) => ServerTiming::Show,
            Some(false) => ServerTiming::Hide,
            None => defaults::SERVER_TIMING,
        },
        refusals: refusals::pages(top, beside),
        series: Default::default(), // the metrics' business
        ready_path: top.read("ready_path", listen::ready_path).flatten(),
        sampling,
    };
    (startup, policy)
}

fn memory_alone(value: &Value<'_>) -> Option<()> {
    if value.is_word("memory") {
        return Some(());
    }
    let redis = value.is_word("redis") || value.key("redis").is_some();
    if redis {
        value.refuse_later(
            "store: redis",
            "write memory; route each session to one machine (sticky routing)",
        )
    } else {
        value.refuse("there is no such store", "write memory, or remove the key")
    }
}

const TOP: Keys = Keys {
    known: &[
        "listen",
        "upstream",
        "upstreams",
        "affinity",
        "mode",
        "session",
        "routes",
        "preset_routes",
        "reads",
        "default_access",
        "throttle",
        "queue",
        "release",
        "follow_hold",
        "on_client_gone",
        "client",
        "limits",
        "application",
        "refusals",
        "admin",
        "store",
        "log",
        "tracing",
        "server_timing",
        "ready_path",
        "drain_delay",
        "drain_timeout",
    ],
    refused: &[
        Refused::because("telemetry", traces::OTHERWISE, traces::EXAMPLE),
        Refused::because("opentelemetry", traces::OTHERWISE, traces::EXAMPLE),
        Refused::because("otlp", traces::OTHERWISE, traces::EXAMPLE),
        Refused::because("traces", traces::OTHERWISE, traces::EXAMPLE),
        Refused::because(
            "access",
            "access belongs to a route",
            "write default_access: for what no route names",
        ),
    ],
};

const SMALLEST: &str = "begin with

listen: 0.0.0.0:8080
upstream: http://127.0.0.1:8081
session: { preset: aspnet }";

#[cfg(test)]
mod tests;
