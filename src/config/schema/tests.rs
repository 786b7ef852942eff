//! The schema against the reader: keys, values, mistakes, examples; by an independent validator.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;

use super::super::log::LOG;
use super::*;
use crate::config::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// Why the schema refuses `text`; empty when it does not.
fn refused(validator: &Validator, text: &str) -> Vec<String> {
    let value: Json = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// What the reader says of `text`: problems, or none.
fn read(text: &str) -> Vec<String> {
    match Config::parse(text, &|_| None) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.problem.clone()).collect(),
    }
}

/// The files below `folder` that end with `extension`.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The YAML blocks of a document.
fn blocks(document: &str) -> Vec<String> {
    let yaml = document.split("```yaml\n").skip(1);
    yaml.filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect()
}

/// The sections of a schema with their key paths, as far as they have properties.
fn sections<'s>(at: &str, shape: &'s Json, found: &mut Vec<(String, &'s Map<String, Json>)>) {
    if let Some(properties) = shape.get("properties").and_then(Json::as_object) {
        found.push((at.to_owned(), properties));
        for (key, shape) in properties {
            sections(&format!("{at}.{key}"), shape, found);
        }
    }
    let inner = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|key| shape.get(key)?.as_array())
        .flatten();
    for shape in inner.chain(shape.get("items")) {
        sections(at, shape, found);
    }
}

#[test]
fn it_is_a_schema_of_draft_07() {
    assert!(jsonschema::meta::is_valid(&schema()));
    assert!(!jsonschema::meta::is_valid(
        &json!({ "$schema": "http://json-schema.org/draft-07/schema#", "type": "section" })
    ));
}

#[test]
fn the_file_for_editors_is_what_the_command_prints() {
    let path = root().join("config/onelane.schema.json");
    let printed = schema_text();
    if std::env::var_os("ONELANE_WRITE_DOCS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let file = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file.replace("\r\n", "\n") == printed,
        "config/onelane.schema.json is old; ONELANE_WRITE_DOCS=1 cargo test --lib schema writes it"
    );
}

#[test]
fn every_example_file_names_it_and_fits() {
    let validator = validator();
    let files = files("config", "yaml");
    assert!(files.len() > 5);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.display();
        assert_eq!(refused(&validator, &text), Vec::<String>::new(), "{path}");
        assert!(
            text.starts_with("# yaml-language-server: $schema=onelane.schema.json\n"),
            "{path}"
        );
    }
}

#[test]
fn every_configuration_in_the_documents_fits() {
    let validator = validator();
    let mut documents = files("docs", "md");
    documents.extend(files("companion", "md"));
    documents.push(root().join("README.md"));
    let mut count = 0;
    for path in documents {
        for block in blocks(&fs::read_to_string(&path).unwrap()) {
            if Config::parse(&block, &|_| None).is_ok() {
                count += 1;
                assert_eq!(
                    refused(&validator, &block),
                    Vec::<String>::new(),
                    "{}:\n{block}",
                    path.display()
                );
            }
        }
    }
    assert!(count >= 3, "only {count} blocks were found");
}

#[test]
fn a_key_that_only_one_of_the_two_knows_is_noticed() {
    let both = || vec![("format", text()), ("access", truth())];
    assert_eq!(drift(&LOG, &both()), Vec::<String>::new());
    let mut more = both();
    more.push(("colour", text()));
    assert_eq!(drift(&LOG, &more), ["colour is not read"]);
    assert_eq!(
        drift(&LOG, &vec![("format", text())]),
        ["access is not in the schema"]
    );
}

#[test]
fn every_section_of_the_reader_is_drawn() {
    let drawn = [include_str!("mod.rs"), include_str!("edges.rs")].concat();
    let mut names = BTreeSet::new();
    for path in files("src/config", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for (before, _) in text
            .match_indices(": Keys = Keys {")
            .map(|(at, _)| text.split_at(at))
        {
            let name = before.rsplit(' ').next().unwrap().to_owned();
            if !["reader", "tests"].contains(&module.as_str()) {
                names.insert((module.clone(), name));
            }
        }
    }
    assert!(names.len() > 20, "{names:?}");
    for (module, name) in names {
        let used = match module.as_str() {
            "mod" => format!("&{name},"),
            _ => format!("{module}::{name}"),
        };
        assert!(drawn.contains(&used), "{used} is not in the schema");
    }
}

#[test]
fn every_key_says_what_it_does() {
    let schema = schema();
    let mut found = Vec::new();
    sections("", &schema, &mut found);
    assert!(found.len() > 20);
    let mut silent = Vec::new();
    for (at, properties) in found {
        for (key, shape) in properties {
            if at != ".refusals" && shape.get("description").is_none() {
                silent.push(format!("{at}.{key}"));
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn comments_are_found_at_their_keys() {
    let handbook = Handbook::new();
    for (at, begins) in [
        ("queue.limit", "waiters in one lane; one more"),
        ("upstream.tls.ca", "who may vouch"),
        ("upstreams.fail_timeout", "so long it is passed over"),
        ("upstreams.connect_timeout", "a restart of the application"),
        ("session.keys.max_length", "what is longer"),
        ("routes.follow_hold", "longest time a read that follows"),
        (
            "throttle.concurrent",
            "requests from arrival until the application has finished, also after the client has left; not while",
        ),
        ("affinity.cookie", "names the node"),
    ] {
        let description = handbook.description(at).unwrap_or_default();
        assert!(description.starts_with(begins), "{at}: {description}");
    }
    assert_eq!(handbook.default_of("queue.limit"), Some(&json!(50)));
    assert_eq!(
        handbook.default_of("upstreams.keep_alive"),
        Some(&json!("4s"))
    );
    assert_eq!(handbook.default_of("routes.queue.limit"), None);
    assert_eq!(handbook.default_of("session.secret"), None);
}

#[test]
fn defaults_fit_their_own_shapes() {
    let schema = schema();
    let mut found = Vec::new();
    sections("", &schema, &mut found);
    let mut count = 0;
    for (at, properties) in found {
        for (key, shape) in properties {
            let Some(default) = shape.get("default") else {
                continue;
            };
            let mut alone = shape.clone();
            alone["definitions"] = schema["definitions"].clone();
            let validator = jsonschema::draft7::new(&alone).unwrap();
            assert!(validator.is_valid(default), "{at}.{key}: {default}");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} defaults");
}

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
    "drain_timeout: 30",
];
