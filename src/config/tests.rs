//! What a configuration may say, what it means, and what is said of mistakes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use http::{Method, Request, StatusCode};

use super::*;
use crate::gateway::refusal::Reason;
use crate::lane::{OnFull, OnHoldLimit};
use crate::route::{Access, Mode, OnClientGone, Reads, Release, Terms};
use crate::session::Found;

fn no_environment(_: &str) -> Option<String> {
    None
}

fn config(text: &str) -> Config {
    Config::parse(text, &no_environment).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str) -> Vec<ConfigError> {
    let errors = Config::parse(text, &no_environment).expect_err(text);
    errors.iter().cloned().collect()
}

/// The only error of `text`.
fn error(text: &str) -> ConfigError {
    let mut errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.remove(0)
}

fn suggestion(text: &str) -> String {
    error(text).suggestion.unwrap()
}

fn warnings(text: &str) -> Vec<String> {
    let text = format!("session: {{ preset: aspnet }}\n{text}");
    let config = config(&text);
    config
        .warnings
        .into_iter()
        .map(|warning| format!("{}: {}", warning.at, warning.message))
        .collect()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn terms(config: &Config, method: &str, path: &str) -> Arc<Terms> {
    Arc::clone(config.policy.routes.decide(&request(method, path, &[])).terms)
}

fn with_route(route: &str) -> Config {
    config(&format!("routes: [{route}]\n"))
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("onelane-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

mod the_shipped_files {
    use super::*;

    #[test]
    fn onelane_yaml_shows_the_defaults() {
        let every_key = config(include_str!("../../config/onelane.yaml"));
        let least = config("session: { preset: aspnet }");
        assert_eq!(format!("{:#?}", every_key.startup), format!("{:#?}", least.startup));
        assert_eq!(format!("{:#?}", every_key.policy), format!("{:#?}", least.policy));
        assert_eq!(every_key.warnings, []);
    }

    #[test]
    fn a_default_that_differs_from_onelane_yaml_is_noticed() {
        let text = include_str!("../../config/onelane.yaml").replace("slow_client: 1s", "slow_client: 2s");
        let other = format!("{:?}", config(&text).policy);
        assert_ne!(other, format!("{:?}", config("session: { preset: aspnet }").policy));
    }

    #[test]
    fn minimal_yaml_is_all_defaults() {
        let minimal = config(include_str!("../../config/minimal.yaml"));
        let least = config("session: { preset: aspnet }");
        assert_eq!(format!("{minimal:?}"), format!("{least:?}"));
    }
}

mod unreadable_input {
    use super::*;

    fn problem(path: &Path) -> String {
        Config::load(path, &no_environment).unwrap_err().to_string()
    }

    #[test]
    fn each_kind_of_file_that_is_no_configuration_is_named() {
        let folder = Folder::new("unreadable");
        let large = "# ".repeat(5 << 20);
        let cases: [(&str, &[u8], &str); 8] = [
            ("empty.yaml", b"", "nothing in it"),
            ("comments.yaml", b"# listen: 1\n\n", "nothing in it"),
            ("binary.yaml", b"\x7fELF\x00\x01", "binary file"),
            ("utf16.yaml", b"\xff\xfel\x00i\x00", "binary file"),
            ("latin1.yaml", b"listen: \xe9", "not UTF-8 (from byte 8 on)"),
            ("large.yaml", large.as_bytes(), "larger than 1 MiB"),
            ("list.yaml", b"- listen", "expected a section, found a list"),
            ("text.yaml", b"hello", "expected a section, found text"),
        ];
        for (name, content, expected) in cases {
            let problem = problem(&folder.write(name, content));
            assert!(problem.contains(expected), "{name}: {problem}");
            assert!(problem.contains(name), "{name}: {problem}");
        }
        assert!(problem(&folder.0).contains("a folder"));
        assert!(problem(&folder.0.join("absent.yaml")).contains("cannot be read"));
    }

    #[cfg(unix)]
    #[test]
    fn an_endless_file_is_too_large() {
        assert!(problem(Path::new("/dev/zero")).contains("larger than 1 MiB"));
    }

    #[test]
    fn a_file_of_the_largest_size_is_read() {
        let folder = Folder::new("largest");
        let mut text = "drain_timeout: 5s\n".to_owned();
        text += &"#".repeat((1 << 20) - text.len());
        let path = folder.write("largest.yaml", text);
        assert_eq!(Config::load(&path, &no_environment).unwrap().startup.drain_timeout, Duration::from_secs(5));
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
        let folder = Folder::new("bom");
        let path = folder.write("bom.yaml", "\u{feff}drain_timeout: 5s\r\nmode: observe\r\n");
        assert_eq!(Config::load(&path, &no_environment).unwrap().startup.drain_timeout, Duration::from_secs(5));
    }

    #[test]
    fn a_syntax_error_stands_alone_with_its_line() {
        let error = error("listen: 0.0.0.0:8080\nqueue: { limit: 5\nnonsense: 1\n");
        assert!(error.line.is_some());
        assert!(error.problem.starts_with("not valid YAML"), "{error:?}");
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn all_are_reported_in_one_go_with_their_lines() {
        let text = "\
listen: 8080
upstream: { url: 'ftp://x', keep_alive: 4 }
sesion: { preset: aspnet }
queue:
  limit: fifty
  wait_timeot: 5s
routes:
  - { path: reports }
  - path: /a
    acess: read
  - { path: /b, access: reed, mode: watch }
limits: { header_size: 1 }
throttle: []
";
        let found: Vec<(String, Option<usize>)> = errors(text).into_iter().map(|error| (error.at, error.line)).collect();
        let expected = [
            ("listen", 1),
            ("upstream.url", 2),
            ("upstream.keep_alive", 2),
            ("sesion", 3),
            ("queue.limit", 5),
            ("queue.wait_timeot", 6),
            ("routes[0].path", 8),
            ("routes[1].acess", 10),
            ("routes[2].access", 11),
            ("routes[2].mode", 11),
            ("limits.header_size", 12),
            ("throttle", 13),
        ];
        assert_eq!(found, expected.map(|(at, line)| (at.to_owned(), Some(line))));
    }

    #[test]
    fn they_are_printed_for_a_person() {
        let errors = Config::parse("queue:\n  limt: 5\n  wait_timeout: 60\n", &no_environment).unwrap_err();
        let expected = "\
configuration:2:3: queue.limt
    there is no such key
    -> did you mean limit?

configuration:3:17: queue.wait_timeout: 60
    a duration needs a unit
    -> write 60s for seconds, or 60ms for milliseconds

configuration has 2 errors.";
        assert_eq!(errors.to_string(), expected);
    }

    #[test]
    fn a_misspelt_key_has_a_suggestion() {
        for (text, meant) in [
            ("sesion: {}", "session"),
            ("up-stream: x", "upstream"),
            ("DefaultAccess: write", "default_access"),
            ("drain_timout: 5s", "drain_timeout"),
            ("limits: { headerSize: 64KiB }", "header_size"),
            ("log: { fromat: json }", "format"),
            ("routes: [{ method: GET, path: /a }]", "methods"),
            ("routes: [{ extension: css, path: /a }]", "extensions"),
        ] {
            assert_eq!(suggestion(text), format!("did you mean {meant}?"), "{text}");
        }
        assert!(suggestion("xyz: 1").starts_with("the keys here are listen, upstream"));
        assert!(suggestion("<<: {}").contains("merge keys"));
    }

    #[test]
    fn a_key_on_the_wrong_level_is_sent_home() {
        assert_eq!(suggestion("wait_timeout: 5s"), "it belongs under queue: write queue: { wait_timeout: … }");
        assert_eq!(suggestion("header_size: 64KiB"), "it belongs under limits: write limits: { header_size: … }");
        assert!(suggestion("routes: [{ path: /a, wait_timeout: 5s }]").contains("under queue"));
        assert!(suggestion("routes: [{ path: /a, queue: { max_waiting: 5 } }]").contains("top level"));
        assert!(suggestion("access: read").contains("default_access"));
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        let error = error("mode: observe\nlog: { access: true }\nmode: enforce\n");
        assert_eq!((error.at.as_str(), error.line), ("mode", Some(3)));
        assert_eq!(error.problem, "this key is there twice, first on line 1");
        assert_eq!(errors("queue: { limit: 1, limit: 2 }\nrefusals: { draining: {}, draining: {} }").len(), 2);
    }

    #[test]
    fn a_key_without_a_value_is_refused() {
        for text in ["routes:\n", "queue: { limit: ~ }", "session:\n  preset: null\n  keys: [{cookie: a}]\n"] {
            assert_eq!(error(text).problem, "this key has no value", "{text}");
        }
    }

    #[test]
    fn wrong_types_are_named() {
        for (text, expected) in [
            ("queue: 50", "expected a section, found a number"),
            ("queue: { limit: [5] }", "expected a whole number, found a list"),
            ("queue: { limit: 1.5 }", "expected a whole number, found a number"),
            ("queue: { wait_timeout: {} }", "expected a duration, found a section"),
            ("limits: { body_size: true }", "expected a size, found true or false"),
            ("log: { access: 1 }", "expected true or false, found a number"),
            ("mode: [enforce]", "expected a word, found a list"),
            ("routes: { path: /a }", "expected a list, found a section"),
            ("routes: [/a]", "expected a section, found text"),
            ("session: aspnet", "expected a section, found text"),
            ("routes: [{ path: 5 }]", "expected text, found a number"),
            ("refusals: [draining]", "expected a section, found a list"),
        ] {
            assert_eq!(error(text).problem, expected, "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for text in [
            "queue: { limit: -1 }",
            "queue: { limit: 99999999999 }",
            "queue: { limit: 99999999999999999999999 }",
            "queue: { max_waiting: 0 }",
            "queue: { wait_timeout: 0s }",
            "queue: { hold_limit: 8d }",
            "queue: { hold_limit: 99999999999999999999h }",
            "limits: { connections: 0 }",
            "limits: { header_size: 1KiB }",
            "limits: { header_size: 1GiB }",
            "limits: { request_buffer: 99TiB }",
            "limits: { response_buffer: -1 }",
            "session: { keys: [{ cookie: a, max_length: 0 }] }",
            "session: { preset: php, scope: { path_segments: 99 } }",
            "refusals: { queue_full: { status: 200 } }",
            "refusals: { queue_full: { status: 999 } }",
            "upstream: { max_connections: 0 }",
        ] {
            assert_eq!(error(text).problem, "out of range", "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (text, expected) in [
            ("upstream: http://127.0.0.1:8080", "round in circles"),
            ("listen: 127.0.0.1:9180", "clients connect to 127.0.0.1:9180 already"),
            ("listen: [0.0.0.0:80, 0.0.0.0:80]", "twice"),
            ("listen: []", "nobody could connect"),
            ("listen: [{}]", "address is missing"),
            ("session: { preset: php, keys: [{ cookie: a }] }", "has its own keys"),
            ("session: { keys: [{ cookie: a }], cookie: b }", "there is none"),
            ("session: { scope: { host: true } }", "neither preset nor keys"),
            ("session: { keys: [] }", "empty list"),
            ("session: { keys: [{ name: a }] }", "no place"),
            ("session: { keys: [{ cookie: a, header: b }] }", "one place"),
            ("session: { keys: [{ cookie: a }, { cookie: a }] }", "two keys are called a"),
            ("routes: [{ path: /a, regex: /b }]", "both path and regex"),
            ("routes: [{ access: read }]", "does not say which requests"),
            ("routes: [{ path: /a, reads: share }]", "this route is none"),
            ("routes: [{ path: /a, name: x }, { path: /b, name: x }]", "two routes have this name"),
            ("routes: [{ path: /a, name: default }]", "a meaning of its own"),
            ("release: { after: headers, grace: 5ms }", "grace counts from the end of the body"),
            ("release: { grace: 5ms }", "after is missing"),
        ] {
            let text = if text.starts_with("listen: 127") { format!("{text}\nadmin: {{ listen: 127.0.0.1:9180 }}") } else { text.to_owned() };
            assert!(error(&text).problem.contains(expected), "{text}: {}", error(&text));
        }
    }

    #[test]
    fn an_admin_address_that_clients_have_by_default_is_refused_too() {
        assert!(error("admin: { listen: 127.0.0.1:8080 }").problem.contains("0.0.0.0:8080 already"));
    }

    #[test]
    fn patterns_that_cannot_be_used_are_refused() {
        for text in [
            "routes: [{ path: reports }]",
            "routes: [{ path: '/a{b' }]",
            "routes: [{ regex: '(' }]",
            "routes: [{ host: 'a:80' }]",
            "routes: [{ extensions: [] }]",
            "routes: [{ extensions: ['a/b'] }]",
            "routes: [{ methods: get }]",
            "routes: [{ methods: 'G T' }]",
            "routes: [{ header: 'a b' }]",
            "session: { keys: [{ cookie: a, pattern: '(' }] }",
            "session: { keys: [{ cookie: { regex: '(' } }] }",
            "session: { keys: [{ cookie: 'a=b' }] }",
            "session: { keys: [{ header: 'a b' }] }",
            "session: { keys: [{ path_segment: X }] }",
            "session: { keys: [{ cookie: a, transform: upper }] }",
            "session: { keys: [{ cookie: a, transform: { cut_before: ab } }] }",
        ] {
            let error = error(text);
            assert!(!error.problem.contains('\n'), "{error}");
        }
        assert_eq!(suggestion("routes: [{ methods: get }]"), "write GET");
        assert_eq!(suggestion("routes: [{ path: reports }]"), "write \"/reports\" or \"**/reports\"");
    }

    #[test]
    fn secrets_are_never_shown() {
        for text in [
            "application: { secret: \"hunter2\\n\" }",
            "application: { secret: 'hunter2${' }",
            "application: { secret: [hunter2] }",
            "session: { preset: php, secret: { a: hunter2 } }",
            "session: { preset: php, secret: 'a${hunter2 b}' }",
            "application: { secert: hunter2 }",
        ] {
            let errors = Config::parse(text, &no_environment).unwrap_err();
            assert!(!format!("{errors} {errors:?}").contains("hunter2"), "{errors}");
        }
        let config = config("session: { preset: php, secret: hunter2 }\napplication: { secret: hunter2 }");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_long_value_is_shortened_to_a_line() {
        let value = error(&format!("mode: \"a\\nb{}\"", "x".repeat(500))).value.unwrap();
        assert!(value.chars().count() < 70 && !value.contains('\n'), "{value}");
    }
}

mod later_versions {
    use super::*;

    #[test]
    fn their_keys_are_refused_as_such() {
        for text in [
            "listen: [{ address: 0.0.0.0:80, tls: { cert: a, key: b } }]",
            "listen: [{ address: 0.0.0.0:80, proxy_protocol: off }]",
            "listen: [{ address: 0.0.0.0:80, http2: true }]",
            "upstream: https://127.0.0.1",
            "upstreams: []",
            "affinity: { cookie: A }",
            "session: { preset: sitecore }",
            "session: { preset: laravel }",
            "session: { preset: classic-asp }",
            "session: { preset: php, without_session: by_client }",
            "session: { preset: php, by_client_window: 2s }",
            "session: { keys: [{ cookie: a, lane: shared }] }",
            "queue: { admission: estimate }",
            "limits: { request_spool: 64MiB }",
            "throttle: [{ rate: 100/s }]",
            "client: { trusted_proxies: [10.0.0.0/8] }",
            "application: { on_read_wrote: warn }",
            "admin: { token: abc }",
            "store: redis",
            "store: { redis: { url: x } }",
            "opentelemetry: {}",
        ] {
            assert!(error(text).problem.contains("not in this version"), "{text}: {}", error(text));
            assert!(error(text).suggestion.is_some(), "{text}");
        }
    }

    #[test]
    fn what_this_version_does_anyway_may_be_written() {
        config("queue: { admission: off }\nstore: memory\nlimits: { request_spool: 0 }\nsession: { preset: java, without_session: pass }");
    }
}

mod values {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, expected) in [
            ("50ms", Duration::from_millis(50)),
            ("10s", Duration::from_secs(10)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3600)),
            ("1m 30s", Duration::from_secs(90)),
            ("1m30s", Duration::from_secs(90)),
            ("0s", Duration::ZERO),
            ("7d", Duration::from_secs(7 * 24 * 3600)),
        ] {
            assert_eq!(config(&format!("drain_timeout: {text}")).startup.drain_timeout, expected, "{text}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_says_what_to_add() {
        for text in ["30", "\"30\"", "0", "1.5"] {
            let error = error(&format!("drain_timeout: {text}"));
            assert_eq!(error.problem, "a duration needs a unit", "{text}");
        }
        assert!(suggestion("drain_timeout: 30").contains("30s for seconds"));
        for text in ["abc", "\"\"", "-5s", "5 parsecs", "s"] {
            assert_eq!(error(&format!("drain_timeout: {text}")).problem, "not a duration", "{text}");
        }
        assert_eq!(error("drain_timeout: 2M").problem, "out of range", "M is months");
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        for (text, expected) in [
            ("64KiB", 64 << 10),
            ("64kib", 64 << 10),
            ("1MB", 1_000_000),
            ("1 MB", 1_000_000),
            ("2MiB", 2 << 20),
            ("65536", 65_536),
            ("\"65536\"", 65_536),
            ("1.5MiB", 3 << 19),
            ("16384B", 16_384),
        ] {
            let config = config(&format!("limits: {{ header_size: {text} }}"));
            assert_eq!(config.startup.edge.header_size, expected, "{text}");
        }
        for text in ["64Kb/s", "KiB", "ten", "\"\"", "1..5MB"] {
            assert_eq!(error(&format!("limits: {{ header_size: {text} }}")).problem, "not a size", "{text}");
        }
    }

    #[test]
    fn none_is_no_limit_where_there_is_one() {
        let config = config("limits: { body_size: none }\nupstream: { max_connections: none }");
        assert_eq!(config.policy.body_size, None);
        assert_eq!(config.startup.upstream.max_connections, None);
        let config = super::config("limits: { body_size: 1MB }\nupstream: { max_connections: 7 }");
        assert_eq!(config.policy.body_size, Some(1_000_000));
        assert_eq!(config.startup.upstream.max_connections, Some(7));
    }

    #[test]
    fn addresses_have_hosts_and_ports() {
        let several = config("listen: [127.0.0.1:1, { address: '[::1]:2' }]");
        let expected: Vec<SocketAddr> = vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
        assert_eq!(several.startup.listen, expected);
        assert_eq!(config("listen: 127.0.0.1:0").startup.listen[0].port(), 0);
        assert_eq!(config("listen: { address: '127.0.0.1:0' }").startup.listen.len(), 1);
        assert!(suggestion("listen: 80").contains("0.0.0.0:80"));
        assert!(suggestion("listen: ':80'").contains("0.0.0.0:80"));
        assert!(suggestion("listen: '*:80'").contains("0.0.0.0:80"));
        assert!(suggestion("listen: localhost:80").contains("127.0.0.1:80"));
        assert!(suggestion("listen: 127.0.0.1").contains("ADDRESS:PORT"));
        assert!(suggestion("listen: 127.0.0.1:99999").contains("ADDRESS:PORT"));
    }

    #[test]
    fn the_admin_listener_can_be_off() {
        for text in ["admin: off", "admin: { listen: off }", "admin: false"] {
            assert_eq!(config(text).startup.admin.listen, None, "{text}");
        }
        assert_eq!(config("admin: {}").startup.admin.listen, "127.0.0.1:9180".parse().ok());
    }

    #[test]
    fn the_short_form_of_upstream_is_its_url() {
        assert_eq!(config("upstream: http://app:81").startup.upstream, config("upstream: { url: 'http://app:81' }").startup.upstream);
        let long = config("upstream: { connect_timeout: 1s, response_timeout: 200s, body_timeout: 3s, keep_alive: 4ms }");
        let settings = long.startup.upstream;
        assert_eq!(settings.connect_timeout, Duration::from_secs(1));
        assert_eq!(settings.response_timeout, Duration::from_secs(200));
        assert_eq!(settings.body_timeout, Duration::from_secs(3));
        assert_eq!(settings.keep_alive, Duration::from_millis(4));
    }

    #[test]
    fn log_and_timing_are_what_is_written() {
        let config = config("log: { format: json, access: false }\nserver_timing: false");
        assert_eq!(config.startup.log, Log { format: LogFormat::Json, access: AccessLog::Off });
        assert_eq!(config.policy.server_timing, ServerTiming::Hide);
    }

    #[test]
    fn an_anchor_is_a_way_to_write_a_value_once() {
        let config = config("queue: &q { limit: 7 }\nroutes:\n  - { path: /a, queue: *q }\n");
        assert_eq!(terms(&config, "GET", "/a").limits.waiters, 7);
    }
}

mod environment {
    use super::*;

    fn with(text: &str) -> Result<Config, Errors> {
        Config::parse(text, &|name| match name {
            "LIMIT" => Some("7".to_owned()),
            "OFF" => Some("false".to_owned()),
            "DIGITS" => Some("0123".to_owned()),
            "INJECTED" => Some("observe\nqueue: { limit: 0 }".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_variable_is_a_value_of_any_type() {
        let config = with("queue: { limit: \"${LIMIT}\", wait_timeout: \"${WAIT:-150s}\" }\nlog: { access: \"${OFF}\" }").unwrap();
        let terms = terms(&config, "GET", "/");
        assert_eq!(terms.limits.waiters, 7);
        assert_eq!(terms.limits.wait_timeout, Duration::from_secs(150));
        assert_eq!(config.startup.log.access, AccessLog::Off);
    }

    #[test]
    fn a_variable_of_digits_is_text_where_text_is_wanted() {
        let config = with("application: { secret: \"${DIGITS}\" }").unwrap();
        assert_eq!(config.policy.application_secret.unwrap(), "0123");
        assert_eq!(with("application: { secret: \"${NONE:-}\" }").unwrap().policy.application_secret, None);
    }

    #[test]
    fn a_variable_cannot_add_keys() {
        let errors = with("mode: ${INJECTED}").unwrap_err();
        assert_eq!(errors.len(), 1);
        let error = errors.iter().next().unwrap();
        assert_eq!(error.value.as_deref(), Some("${INJECTED} = \"observe queue: { limit: 0 }\""));
    }

    #[test]
    fn a_variable_that_is_not_set_is_one_error_with_its_name() {
        let error = error("session: { keys: [{ cookie: '${NAME}' }] }");
        assert_eq!(error.at, "session.keys[0].cookie");
        assert!(error.problem.contains("NAME is not set"));
        assert_eq!(errors("routes:\n  - path: ${A}\n    access: ${B}\n").len(), 2);
    }
}

mod terms_of_requests {
    use super::*;

    #[test]
    fn a_route_has_what_it_leaves_out_from_the_top_level() {
        let config = config(
            "queue: { limit: 9, on_overflow: pass }\nmode: observe\non_client_gone: stay\nfollow_hold: 5ms\n\
             routes: [{ path: /a, queue: { limit: 3 }, mode: enforce }]\n",
        );
        let (route, default) = (terms(&config, "GET", "/a"), terms(&config, "GET", "/b"));
        assert_eq!((route.limits.waiters, default.limits.waiters), (3, 9));
        assert_eq!((route.mode, default.mode), (Mode::Enforce, Mode::Observe));
        for terms in [route, default] {
            assert_eq!(terms.limits.on_overflow, OnFull::Pass);
            assert_eq!(terms.on_client_gone, OnClientGone::Stay);
            assert_eq!(terms.follow_hold, Duration::from_millis(5));
        }
    }

    #[test]
    fn every_term_of_a_route_can_be_said() {
        let config = with_route(
            "{ path: /a, access: read, reads: share, mode: observe, release: { after: body, grace: 50ms }, follow_hold: 1s, \
             on_client_gone: stay, queue: { limit: 1, wait_timeout: 200s, hold_limit: 100s, on_overflow: pass, \
             on_wait_timeout: pass_without_session, on_hold_limit: abort, max_passed: 3, admission: off } }",
        );
        let terms = terms(&config, "GET", "/a");
        assert_eq!((terms.access, terms.reads, terms.mode), (Access::Read, Reads::Share, Mode::Observe));
        assert_eq!(terms.release, Release::Body { grace: Duration::from_millis(50) });
        assert_eq!((terms.follow_hold, terms.on_client_gone), (Duration::from_secs(1), OnClientGone::Stay));
        assert_eq!((terms.limits.waiters, terms.limits.max_passed), (1, 3));
        assert_eq!((terms.limits.wait_timeout, terms.limits.hold_limit), (Duration::from_secs(200), Duration::from_secs(100)));
        assert_eq!((terms.limits.on_overflow, terms.limits.on_wait_timeout), (OnFull::Pass, OnFull::PassWithoutSession));
        assert_eq!(terms.limits.on_hold_limit, OnHoldLimit::Abort);
    }

    #[test]
    fn release_has_three_forms() {
        let release = |text: &str| terms(&config(&format!("release: {text}")), "GET", "/").release;
        assert_eq!(release("headers"), Release::Headers);
        assert_eq!(release("body"), Release::Body { grace: Duration::ZERO });
        assert_eq!(release("{ after: body }"), Release::Body { grace: Duration::ZERO });
        assert_eq!(release("{ after: body, grace: 50ms }"), Release::Body { grace: Duration::from_millis(50) });
    }

    #[test]
    fn a_preset_decides_what_nobody_says() {
        let default = |text: &str| terms(&config(text), "POST", "/");
        assert_eq!(default("session: { preset: php }").limits.on_hold_limit, OnHoldLimit::Wait);
        assert_eq!(default("session: { preset: java }").limits.on_hold_limit, OnHoldLimit::Release);
        let said = default("session: { preset: php }\nqueue: { on_hold_limit: abort }");
        assert_eq!(said.limits.on_hold_limit, OnHoldLimit::Abort);
        assert_eq!(default("session: { preset: aspnet }").reads, Reads::Follow);
        assert_eq!(default("session: { preset: aspnet }\nreads: share").reads, Reads::Share);
        assert_eq!(default("session: { preset: php }").reads, Reads::Overtake);
        assert_eq!(default("mode: enforce").reads, Reads::Overtake);
    }

    #[test]
    fn the_presets_routes_come_last_and_can_be_left_out() {
        let access = |text: &str| terms(&config(&format!("session: {{ preset: aspnet }}\n{text}")), "GET", "/A.CSS").access;
        assert_eq!(access(""), Access::None);
        assert_eq!(access("preset_routes: false"), Access::Write);
        assert_eq!(access("routes: [{ path: /a.css, access: read }]"), Access::Read);
    }

    #[test]
    fn default_access_is_for_what_no_route_names() {
        let config = config("default_access: read\nroutes: [{ path: /a, access: write }]");
        assert_eq!(terms(&config, "GET", "/a").access, Access::Write);
        assert_eq!(terms(&config, "GET", "/b").access, Access::Read);
    }

    #[test]
    fn a_client_may_have_a_quarter_of_all_waiters() {
        let share = |text: &str| config(text).policy.max_waiting_per_client;
        assert_eq!(share("mode: enforce"), 2500);
        assert_eq!(share("queue: { max_waiting: 100 }"), 25);
        assert_eq!(share("queue: { max_waiting: 2 }"), 1);
    }

    #[test]
    fn each_criterion_selects() {
        let cases: [(&str, (&str, &str, &[(&str, &str)]), (&str, &str, &[(&str, &str)])); 9] = [
            ("{ path: '/r/**', access: none }", ("GET", "/r/a/b", &[]), ("GET", "/x", &[])),
            ("{ regex: '^/r/\\d+$', access: none }", ("GET", "/r/12", &[]), ("GET", "/r/x", &[])),
            ("{ methods: [GET, HEAD], access: none }", ("HEAD", "/", &[]), ("POST", "/", &[])),
            ("{ methods: PUT, access: none }", ("PUT", "/", &[]), ("GET", "/", &[])),
            ("{ host: '*.example.com', access: none }", ("GET", "/", &[("host", "a.example.com")]), ("GET", "/", &[("host", "b.org")])),
            ("{ header: x-a, access: none }", ("GET", "/", &[("x-a", "1")]), ("GET", "/", &[])),
            ("{ header: { x-a: '1*' }, access: none }", ("GET", "/", &[("x-a", "12")]), ("GET", "/", &[("x-a", "2")])),
            ("{ query: { action: view }, access: none }", ("GET", "/?action=view", &[]), ("GET", "/?action=edit", &[])),
            ("{ extensions: [css, .js], access: none }", ("GET", "/a.js", &[]), ("GET", "/a.png", &[])),
        ];
        for (route, hit, miss) in cases {
            let config = with_route(&route.replace('\\', "\\"));
            let access = |(method, path, headers): (&str, &str, &[(&str, &str)])| {
                config.policy.routes.decide(&request(method, path, headers)).terms.access
            };
            assert_eq!(access(hit), Access::None, "{route}");
            assert_eq!(access(miss), Access::Write, "{route}");
        }
    }

    #[test]
    fn a_route_is_called_what_it_matches_unless_it_has_a_name() {
        let label = |route: &str| with_route(route).policy.routes.routes()[0].label.to_string();
        assert_eq!(label("{ name: Reports, path: /a }"), "Reports");
        assert_eq!(label("{ methods: [GET, HEAD], path: /a }"), "GET,HEAD /a");
        assert_eq!(label("{ extensions: [css, js], host: h }"), "h *.css,js");
        assert_eq!(label("{ header: X-A, query: b }"), "x-a: ?b");
    }
}

mod sessions {
    use super::*;

    fn key(config: &Config, cookie: &str) -> Option<String> {
        match config.policy.sessions.find(&request("GET", "/a/b", &[("cookie", cookie), ("host", "h")])) {
            Found::Session(session) => Some(session.key.to_string()),
            Found::Odd(_) | Found::None => None,
        }
    }

    #[test]
    fn a_preset_finds_its_cookie_or_the_one_named() {
        let id = "abcdefghijklmnopqrstuvwx";
        assert!(key(&config("session: { preset: aspnet }"), &format!("ASP.NET_SessionId={id}")).is_some());
        let named = config("session: { preset: aspnet, cookie: Other }");
        assert!(key(&named, &format!("Other={id}")).is_some());
        assert!(key(&named, &format!("ASP.NET_SessionId={id}")).is_none());
    }

    #[test]
    fn explicit_keys_take_all_their_parts() {
        let config = config(
            "session:\n  secret: s\n  keys:\n    - cookie: { prefix: sid, ignore_case: true }\n      name: main\n      \
             transform: [percent_decode, { strip_prefix: 's:' }, { cut_before: '.' }, lowercase]\n      \
             pattern: '[a-z]{4}'\n      max_length: 4\n      duplicates: first_valid\n    - { header: X-Session }\n    \
             - { query: sid }\n    - { path_parameter: sid }\n    - { path_segment: S }\n",
        );
        assert_eq!(key(&config, "SID1=s%3AABCD.xyz"), key(&config, "sid2=bad; sid=abcd"));
        assert!(key(&config, "sid=abcd").is_some());
        assert!(key(&config, "sid=abcde").is_none());
    }

    #[test]
    fn a_secret_makes_the_digest_the_same_everywhere() {
        let digest = |text: &str| key(&config(text), "a=1");
        assert_eq!(digest("session: { keys: [{ cookie: a }], secret: x }"), digest("session: { keys: { cookie: a }, secret: x }"));
        assert_ne!(digest("session: { keys: [{ cookie: a }], secret: x }"), digest("session: { keys: [{ cookie: a }], secret: y }"));
        assert_ne!(digest("session: { keys: [{ cookie: a }], secret: '' }"), digest("session: { keys: [{ cookie: a }], secret: '' }"));
    }

    #[test]
    fn the_scope_is_part_of_the_key() {
        let digest = |scope: &str| key(&config(&format!("session: {{ keys: [{{ cookie: a }}], secret: x, scope: {scope} }}")), "a=1");
        assert_eq!(digest("{}"), digest("{ host: false, path_segments: 0 }"));
        assert_ne!(digest("{}"), digest("{ host: true }"));
        assert_ne!(digest("{}"), digest("{ path_segments: 1 }"));
    }
}

mod refusal_pages {
    use super::*;

    #[test]
    fn a_page_is_read_from_beside_the_file() {
        let folder = Folder::new("pages");
        folder.write("queue.html", "<p>wait</p>");
        let path = folder.write("onelane.yaml", "refusals: { queue_full: { status: 429, page: queue.html }, draining: {} }");
        let config = Config::load(&path, &no_environment).unwrap();
        let page = &config.policy.refusals[&Reason::QueueFull];
        assert_eq!(page.status, Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(page.page.as_deref(), Some("<p>wait</p>"));
        assert!(config.policy.refusals.contains_key(&Reason::Draining));
    }

    #[test]
    fn a_page_that_cannot_be_read_is_an_error_with_its_path() {
        let folder = Folder::new("no-page");
        let path = folder.write("onelane.yaml", "refusals: { queue_full: { page: absent.html } }");
        let errors = Config::load(&path, &no_environment).unwrap_err().to_string();
        assert!(errors.contains("absent.html: cannot be read"), "{errors}");
    }

    #[test]
    fn an_unknown_reason_has_a_suggestion() {
        assert_eq!(suggestion("refusals: { queue_ful: { status: 503 } }"), "did you mean queue_full?");
        assert!(!suggestion("refusals: { xyz: {} }").contains("connections_full"), "it is never answered");
    }
}

mod doubts {
    use super::*;

    #[test]
    fn a_valid_file_without_contradictions_has_none() {
        assert_eq!(warnings("queue: { wait_timeout: 200s }"), [""; 0]);
        assert_eq!(warnings("queue: { wait_timeout: 120s, hold_limit: 130s }"), [""; 0]);
    }

    #[test]
    fn each_contradiction_is_named_where_it_was_written() {
        for (text, at, expected) in [
            ("queue: { wait_timeout: 60s }", "queue.wait_timeout", "shorter than hold_limit"),
            ("queue: { hold_limit: 135s }", "queue.hold_limit", "shorter than hold_limit"),
            ("routes: [{ path: /a, queue: { wait_timeout: 5s } }]", "routes[0].queue.wait_timeout", "shorter than hold_limit"),
            ("upstream: { response_timeout: 60s }", "upstream.response_timeout", "504"),
            ("queue: { hold_limit: 150s, wait_timeout: 200s }", "queue.hold_limit", "504"),
            ("routes: [{ path: /a, queue: { hold_limit: 150s, wait_timeout: 200s } }]", "routes[0].queue.hold_limit", "504"),
            ("routes: [{ path: '/a/**', access: none }, { path: /a/b, access: read }]", "routes[1]", "can never match"),
            ("routes: [{ path: /a, access: none, queue: { limit: 5 } }]", "routes[0].queue", "does nothing"),
            ("routes: [{ methods: GTE }]", "routes[0].methods", "spelled right"),
            ("admin: { listen: 0.0.0.0:9180 }", "admin.listen", "anybody"),
            ("default_access: read", "default_access", "leave this at write"),
            ("default_access: none", "default_access", "leave this at write"),
            ("limits: { buffer_memory: 1KiB }", "limits.buffer_memory", "hardly anything"),
        ] {
            let warnings = warnings(text);
            assert_eq!(warnings.len(), 1, "{text}: {warnings:#?}");
            assert!(warnings[0].starts_with(&format!("{at}: ")) && warnings[0].contains(expected), "{text}: {warnings:?}");
        }
    }

    #[test]
    fn a_file_without_a_session_has_no_lanes_and_says_so() {
        let config = config("mode: enforce");
        assert!(config.warnings[0].message.contains("no request has a lane"));
    }

    #[test]
    fn doubts_have_lines() {
        let config = config("session: { preset: php }\nqueue:\n  limit: 5\n  wait_timeout: 5s\n");
        assert_eq!(config.warnings[0].line, Some(4));
    }
}

#[test]
fn no_method_of_http_is_called_unusual() {
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH, Method::TRACE] {
        assert_eq!(warnings(&format!("routes: [{{ path: /a, methods: [{method}] }}]")), [""; 0]);
    }
}
