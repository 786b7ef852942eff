//! What `config/onelane.yaml` says of each key: its comment, and its default.
//!
//! Guarantees: the file is the one source of both; tests elsewhere compare its defaults with the code.
//! Does not do: judge the file; a key that it does not describe has no description here.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The comments and defaults of `config/onelane.yaml` by key path, such as `queue.limit`. A list counts for nothing in a
/// path: `routes.path` is that of each route.
#[derive(Debug)]
pub(super) struct Handbook {
    comments: BTreeMap<String, String>,
    defaults: Json,
}

impl Handbook {
    /// Reads the file.
    pub(super) fn new() -> Self {
        Self {
            comments: comments(FILE),
            defaults: serde_yaml::from_str(FILE).expect("a test reads it"),
        }
    }

    /// What the key does.
    pub(super) fn description(&self, at: &str) -> Option<&str> {
        let beside = BESIDE.iter().find(|(path, _)| *path == at);
        beside
            .map(|(_, said)| *said)
            .or_else(|| self.comments.get(at).map(String::as_str))
            .or_else(|| self.description(&elsewhere(at)?))
    }

    /// The value that an absent key has. None where it follows from other keys: a route has what the top level says.
    pub(super) fn default_of(&self, at: &str) -> Option<&Json> {
        if at.starts_with("routes.") || DECIDED.contains(&at) {
            return None;
        }
        let at = elsewhere(at).unwrap_or_else(|| at.to_owned());
        let value = self
            .defaults
            .pointer(&format!("/{}", at.replace('.', "/")))?;
        let is_section = value.as_object().is_some_and(|keys| !keys.is_empty());
        (!is_section).then_some(value)
    }
}

/// The path under which the file describes a key that is in several places.
fn elsewhere(at: &str) -> Option<String> {
    if let Some(of_node) = at.strip_prefix("upstreams.") {
        return Some(format!("upstream.{of_node}"));
    }
    at.strip_prefix("routes.").map(str::to_owned)
}

/// The comment of each key of `text`. A key that is commented out counts as one that is there.
fn comments(text: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            current = None;
            continue;
        }
        let (column, said) = uncommented(line);
        if let Some(more) = continued(line) {
            if let Some(at) = &current {
                append(&mut found, at, more);
            }
        } else if let Some((inner, key, rest)) = key(said) {
            open.retain(|(outer, _)| *outer < column + inner);
            open.push((column + inner, key));
            let at = open.iter().map(|(_, key)| *key).collect::<Vec<_>>();
            let at = at.join(".");
            if let (Some(comment), false) = (comment(rest), found.contains_key(&at)) {
                append(&mut found, &at, comment);
            }
            current = Some(at);
        } else if let (Some(at), Some(comment)) = (&current, comment(said)) {
            append(&mut found, at, comment);
        }
    }
    found
}

fn append(found: &mut BTreeMap<String, String>, at: &str, comment: &str) {
    let text = found.entry(at.to_owned()).or_default();
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(comment);
}

/// A line without the mark that takes it out, and the column where what is left begins.
fn uncommented(line: &str) -> (usize, &str) {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let Some(text) = text.strip_prefix('#') else {
        return (indent, text);
    };
    let text = text.strip_prefix(' ').unwrap_or(text);
    let inner = text.trim_start();
    (indent + text.len() - inner.len(), inner)
}

/// The text of a line that is nothing but the rest of a comment.
fn continued(line: &str) -> Option<&str> {
    let indent = line.len() - line.trim_start().len();
    let (_, text) = uncommented(line);
    if indent >= COMMENTS_BEGIN {
        return Some(text);
    }
    text.strip_prefix('#').map(str::trim_start)
}

/// `key: rest`, or `- key: rest`, with the key's column in `text`.
fn key(text: &str) -> Option<(usize, &str, &str)> {
    let (column, text) = match text.strip_prefix("- ") {
        Some(item) => (2, item),
        None => (0, text),
    };
    let (key, rest) = text.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let ends = rest.is_empty() || rest.starts_with(' ');
    (is_key && ends).then_some((column, key, rest))
}

/// What stands behind the value of a line.
fn comment(rest: &str) -> Option<&str> {
    rest.split_once(" # ").map(|(_, comment)| comment.trim())
}

/// Further left are values and keys that are commented out.
const COMMENTS_BEGIN: usize = 24;

/// Keys that the file sets and that have no default, or another one where nobody says anything.
const DECIDED: &[&str] = &[
    "session.preset",
    "session.secret",
    "application.secret",
    "reads",
    "release",
    "queue.on_hold_limit",
    "upstreams.url",
];

/// What the file says in passing, or with the value as a part of its sentence.
const BESIDE: &[(&str, &str)] = &[
    (
        "listen",
        "clients connect here: ADDRESS:PORT, or a list of such and of sections with address, tls, proxy_protocol, http2",
    ),
    (
        "routes",
        "which requests do what; the first match wins, then the preset's routes",
    ),
    (
        "throttle",
        "how much one client may take; each rule for its routes has to admit a request",
    ),
    (
        "client",
        "who clients are, whose word is taken for it, and who is refused",
    ),
    (
        "session.scope",
        "the same id is another session on another host, or in another application",
    ),
    (
        "listen.address",
        "ADDRESS:PORT to bind, such as 0.0.0.0:8080 or [::]:8080",
    ),
    (
        "listen.tls.cert",
        "PEM file with the certificate and its chain, beside this file",
    ),
    (
        "listen.tls.key",
        "PEM file with the private key, beside this file",
    ),
    ("upstreams", "instead of upstream: the nodes of a farm"),
    (
        "upstreams.health.path",
        "path of a GET; 2xx and 3xx are well",
    ),
    ("upstreams.health.host", "another Host than the url's"),
    (
        "upstreams.health.interval",
        "time between two checks; 5s by default",
    ),
    (
        "upstreams.health.timeout",
        "a check that takes longer has failed; 3s by default",
    ),
    (
        "upstreams.health.unhealthy_after",
        "so many failed checks in a row and the node is passed over; 3 by default",
    ),
    (
        "upstreams.health.healthy_after",
        "so many good checks in a row and it is back; 2 by default",
    ),
    (
        "affinity",
        "with upstreams: how a session finds its own; or off: every request goes to the one with the fewest",
    ),
    (
        "session",
        "where the session id is; without it no request has a lane",
    ),
    (
        "session.keys",
        "instead of a preset: the first key with a valid id names the lane",
    ),
    ("session.keys.header", "the id is in this header"),
    (
        "session.keys.query",
        "the id is in this parameter of the query",
    ),
    (
        "session.keys.path_parameter",
        "the id is in this parameter of the path, as ;jsessionid=id",
    ),
    (
        "session.keys.path_segment",
        "S: the id is in the path as ASP.NET has it, /(S(id))/",
    ),
    ("session.keys.cookie.name", "the cookie's whole name"),
    ("session.keys.cookie.prefix", "how the cookie's name begins"),
    (
        "session.keys.cookie.regex",
        "a regular expression for the cookie's whole name",
    ),
    (
        "session.keys.cookie.ignore_case",
        "true: capitals and small letters of the name are the same",
    ),
    (
        "session.keys.transform.cut_before",
        "what stands before the first of this character",
    ),
    (
        "session.keys.transform.cut_before_last",
        "what stands before the last of this character",
    ),
    (
        "session.keys.transform.cut_after",
        "what stands after the first of this character",
    ),
    (
        "session.keys.transform.strip_prefix",
        "without this text at the beginning",
    ),
    (
        "session.keys.transform.strip_suffix",
        "without this text at the end",
    ),
    (
        "session.scope.host",
        "true: the same id is another session on another host",
    ),
    (
        "session.scope.path_segments",
        "so many leading path segments name the application: the same id is another session in another (1: /shop/... and /wiki/...)",
    ),
    (
        "session.without_session",
        "requests without a session: pass has no lane; by_client: those of one client address and user agent go one at a time, which keeps a new user's first requests apart; users behind one address may wait for each other",
    ),
    (
        "routes.regex",
        "instead of path: a regular expression for the path",
    ),
    ("routes.methods", "GET, HEAD and so on; any, when left out"),
    ("routes.host", "the request's host, * for a part of it"),
    (
        "routes.query",
        "parameters of the query and their values, * for any text; or the name alone, when it only must be there",
    ),
    (
        "routes.reads",
        "with access: read: overtake never waits; follow waits for the writers ahead and holds the lane until the response headers; share until the end",
    ),
    (
        "routes.mode",
        "observe: nobody waits and nobody is refused; the metrics say who would have",
    ),
    (
        "routes.queue",
        "the queue's limits, where they differ on this route",
    ),
    (
        "throttle.mode",
        "observe: nobody is refused, and the metrics say who would have been",
    ),
    (
        "throttle.action",
        "what the refused get: 429 with Retry-After, 401, 403, 404, or abort: no answer (429 through a trusted proxy)",
    ),
    ("queue", "who may wait for how long, and what happens then"),
    (
        "queue.on_wait_timeout",
        "what becomes of who has waited too long: refuse; pass: forward beside the lane; pass_without_session: GET and HEAD as if logged out",
    ),
    (
        "queue.on_overflow",
        "what a full lane does: refuse; pass: forward beside the lane; pass_without_session: GET and HEAD as if logged out, the user's session untouched",
    ),
    (
        "queue.on_hold_limit",
        "release: the next one goes, the old one goes on; abort: and the client gets 504; wait: warn and keep the lane (the default of php, magento and moodle)",
    ),
    (
        "queue.admission",
        "estimate: on_wait_timeout at once, when the writers ahead, each of the lane's recent hold time, take longer than wait_timeout",
    ),
    (
        "release",
        "when the next one goes: at the end of the body; at its headers; or { after: body, grace: 50ms } (aspnetcore's default)",
    ),
    ("release.after", "body or headers"),
    (
        "release.grace",
        "so long after the end of the body, for an application that commits later",
    ),
    (
        "on_client_gone",
        "leave: a waiter whose client left is dropped; stay: it is forwarded",
    ),
    (
        "client.header",
        "the header in which trusted proxies say who the client is",
    ),
    (
        "limits",
        "bounds of connections, heads, bodies, buffers and temporary files",
    ),
    (
        "limits.body_size",
        "a larger request body is refused, 413; or none",
    ),
    (
        "limits.connections_per_client",
        "connections of one client at a time; one more is closed; trusted proxies have any; or none",
    ),
    (
        "upstream.max_connections",
        "more requests wait up to connect_timeout, then 503; counts what a client has of its own (NTLM); or none",
    ),
    (
        "application",
        "what is said to the application, and what is asked of it",
    ),
    ("refusals.status", "instead of the reason's own status"),
    ("refusals.page", "an HTML file beside this one"),
    ("admin", "the listener for operators; or off"),
    (
        "tracing",
        "OpenTelemetry traces: where they go, and which requests have one; or off",
    ),
    (
        "tracing.tls.ca",
        "PEM file, beside this one, of the authorities that the collector's certificate is from, or of the certificate itself",
    ),
    (
        "tracing.tls.server_name",
        "the name in the collector's certificate, where it is not the URL's",
    ),
    ("log", "what is written to standard output"),
    ("log.format", "text for people, json for machines"),
];

const FILE: &str = include_str!("../../../config/onelane.yaml");
