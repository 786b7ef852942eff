//! The schema and the reader agree on values and on mistakes, key by key.

use super::*;

#[test]
fn mistakes_of_keys_types_and_ranges_are_refused() {
    let validator = validator();
    for text in MISTAKES {
        assert!(!read(text).is_empty(), "the reader takes {text}");
        assert!(
            !refused(&validator, text).is_empty(),
            "the schema takes {text}"
        );
    }
}

/// For each key of each section, many values: what the reader takes, the schema takes; what the reader refuses for its
/// type, the schema refuses.
#[test]
fn schema_and_reader_agree_value_by_value() {
    let validator = validator();
    let schema = schema();
    let mut found = Vec::new();
    sections("", &schema, &mut found);
    let (mut taken, mut wrong) = (0, 0);
    let mut differ = Vec::new();
    for (at, properties) in found {
        let Some((_, before, after)) = CONTEXTS.iter().find(|(section, ..)| *section == at) else {
            // The shapes of these are another section's, or reasons'.
            let known = [".upstreams.tls", ".routes.release"].contains(&at.as_str());
            assert!(known || at.starts_with(".refusals"), "{at} has no context");
            continue;
        };
        for key in properties.keys() {
            let values = VALUES.iter().map(|value| (*value).to_owned());
            for value in values.chain(words_of(&properties[key])) {
                let text = format!("{before}{key}: {value}{after}");
                let (problems, refused) = (read(&text), refused(&validator, &text));
                if problems.is_empty() {
                    taken += 1;
                    if !refused.is_empty() {
                        differ.push(format!("{text}: the schema says {refused:?}"));
                    }
                } else if problems.iter().all(|problem| is_of_type(problem)) {
                    wrong += 1;
                    if refused.is_empty() && !is_beyond(&value, &problems) {
                        differ.push(format!("{text}: the reader says {problems:?}"));
                    }
                }
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(
        taken > 1_000 && wrong > 5_000,
        "{taken} taken, {wrong} wrong"
    );
}

/// The words that a shape lists.
fn words_of(shape: &Json) -> Vec<String> {
    let listed = shape
        .get("enum")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    let here = listed.map(Json::to_string);
    let inner = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| shape.get(key)?.as_array())
        .flatten();
    here.chain(inner.flat_map(words_of)).collect()
}

/// Whether the reader refuses a value for what it is, not for what stands beside it.
fn is_of_type(problem: &str) -> bool {
    [
        "expected",
        "not one of the choices",
        "not a duration",
        "a duration needs a unit",
        "not a size",
        "not a rate",
        "a rate needs a period",
        "there is no such key",
        "there is no such action",
        "not an address with a port",
        "a port without an address",
        "out of range",
        "neither a network nor an address",
        "this value is empty",
    ]
    .iter()
    .any(|begins| problem.starts_with(begins))
}

/// Each section with what stands before and behind one of its keys; what is needed beside it is there unless it is the
/// key itself.
const CONTEXTS: &[(&str, &str, &str)] = &[
    ("", "", ""),
    (".admin", "admin: {", "}"),
    (
        ".affinity",
        "upstreams: [{name: a, url: 'http://a'}]\naffinity: {",
        "}",
    ),
    (".application", "application: {", "}"),
    (".client", "client: {", "}"),
    (".limits", "limits: {", "}"),
    (".listen", "listen: {address: '0.0.0.0:1', ", "}"),
    (".listen.tls", "listen: {address: '0.0.0.0:1', tls: {", "}}"),
    (".log", "log: {", "}"),
    (".queue", "queue: {", "}"),
    (".release", "release: {after: body, ", "}"),
    (".routes", "routes: [{methods: GET, access: read, ", "}]"),
    (".routes.queue", "routes: [{path: /a, queue: {", "}}]"),
    (".session", "session: {preset: sitecore, ", "}"),
    (".session.keys", "session: {keys: {lane: session, ", "}}"),
    (".session.keys.cookie", "session: {keys: {cookie: {", "}}}"),
    (
        ".session.keys.transform",
        "session: {keys: {cookie: a, transform: {",
        "}}}",
    ),
    (".session.scope", "session: {preset: php, scope: {", "}}"),
    (".throttle", "throttle: {", "}"),
    (".tracing", "tracing: {endpoint: 'http://a/b', ", "}"),
    (
        ".tracing.tls",
        "tracing: {endpoint: 'https://a/b', tls: {",
        "}}",
    ),
    (".upstream", "upstream: {", "}"),
    (".upstream.tls", "upstream: {url: 'https://a', tls: {", "}}"),
    (".upstreams", "upstreams: [{fail_timeout: 1s, ", "}]"),
    (
        ".upstreams.health",
        "upstreams: [{name: a, url: 'http://a', health: {",
        "}}]",
    ),
];

const VALUES: &[&str] = &[
    "true",
    "false",
    "'true'",
    "off",
    "none",
    "-1",
    "0",
    "1",
    "7",
    "129",
    "403",
    "599",
    "8192",
    "99999999",
    "1.5",
    "30.",
    "'50'",
    "'-1'",
    "''",
    "text",
    "0s",
    "0.0s",
    "50ms",
    "2m",
    "1m 30s",
    "1 h",
    "1.5s",
    "8d",
    "5 parsecs",
    "64KiB",
    "1 MB",
    "1.MB",
    "16384B",
    "64Kb/s",
    "1..5MB",
    "100/s",
    "20 / 200ms",
    "100",
    "/s",
    "5/parsec",
    "0.0.0.0:8089",
    "'[::]:8089'",
    "localhost:80",
    "10.0.0.0/8",
    "10.0.0.0/255.0.0.0",
    "192.0.2.7",
    "'2001:db8::/32'",
    "/path",
    "'**/x'",
    "GET",
    "[GET, POST]",
    "[]",
    "{}",
    "[1]",
    "[[a]]",
    "{a: b}",
    "{a: 5}",
    "{name: a}",
    "[{}]",
    "{after: headers}",
    "{address: '0.0.0.0:8089'}",
    "{path: /health}",
    "[{cookie: a}]",
    "{listen: off}",
    "http://app:81",
    "ftp://app",
    "unix:/run/app.sock",
    "{cut_before: ab}",
    "[lowercase, {strip_prefix: ab}]",
    "'.'",
    "[{rate: 1/s}]",
    "{limit: 5}",
    "{queue_full: {status: 503}}",
    "{connections_full: {status: 503}}",
];

/// Whether a schema cannot tell: the range of what is written as text, and 30.0 from 30 in JSON.
fn is_beyond(value: &str, problems: &[String]) -> bool {
    let is_number = value.parse::<i64>().is_ok();
    let of_range = problems.iter().all(|problem| problem == "out of range");
    value == "30." || value == "10.0.0.0/255.0.0.0" || of_range && !is_number
}

const MISTAKES: &[&str] = &[
    "sesion: {}",
    "up-stream: x",
    "limits: { headerSize: 64KiB }",
    "routes: [{ method: GET, path: /a }]",
    "wait_timeout: 5s",
    "routes: [{ path: /a, queue: { max_waiting: 5 } }]",
    "access: read",
    "routes:\n",
    "queue: { limit: ~ }",
    "queue: 50",
    "queue: { limit: [5] }",
    "queue: { limit: 1.5 }",
    "queue: { wait_timeout: {} }",
    "queue: { wait_timeout: 60 }",
    "limits: { body_size: true }",
    "log: { access: 1 }",
    "mode: [enforce]",
    "mode: watch",
    "routes: { path: /a }",
    "routes: [/a]",
    "session: aspnet",
    "routes: [{ path: 5 }]",
    "refusals: [draining]",
    "queue: { limit: -1 }",
    "queue: { max_waiting: 0 }",
    "queue: { wait_timeout: 0s }",
    "limits: { connections: 0 }",
    "limits: { header_size: 1 }",
    "session: { preset: php, scope: { path_segments: 99 } }",
    "refusals: { queue_full: { status: 200 } }",
    "upstream: { max_connections: 0 }",
    "listen: 8080",
    "listen: []",
    "listen: [{}]",
    "session: { preset: php, keys: [{ cookie: a }] }",
    "session: { scope: { host: true } }",
    "session: { keys: [] }",
    "session: { keys: [{ name: a }] }",
    "session: { keys: [{ cookie: a, header: b }] }",
    "session: { keys: [{ path_segment: X }] }",
    "session: { keys: [{ cookie: a, transform: upper }] }",
    "session: { keys: [{ cookie: a, transform: { cut_before: ab } }] }",
    "session: { preset: sitecor }",
    "routes: [{ access: read }]",
    "routes: [{ path: reports }]",
    "routes: [{ extensions: [] }]",
    "release: { grace: 5ms }",
    "throttle: [{}]",
    "throttle: { rate: 100 }",
    "throttle: { rate: 5, action: 500 }",
    "upstreams: [{ name: a }]",
    "admin: { token: abc }",
    "store: redis",
    "opentelemetry: {}",
    "tracing: {}",
    "tracing: { endpoint: collector }",
    "tracing: { endpoint: 'http://a/b', sample_rate: 2 }",
    "drain_timeout: 30",
];
