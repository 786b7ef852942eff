//! What is said of mistakes.

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
throttle: [{}]
";
    let found: Vec<(String, Option<usize>)> = errors(text)
        .into_iter()
        .map(|error| (error.at, error.line))
        .collect();
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
        ("throttle[0]", 13),
    ];
    assert_eq!(
        found,
        expected.map(|(at, line)| (at.to_owned(), Some(line)))
    );
}

#[test]
fn they_are_printed_for_a_person() {
    let errors =
        Config::parse("queue:\n  limt: 5\n  wait_timeout: 60\n", &no_environment).unwrap_err();
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
    assert_eq!(
        suggestion("wait_timeout: 5s"),
        "it belongs under queue: write queue: { wait_timeout: … }"
    );
    assert_eq!(
        suggestion("header_size: 64KiB"),
        "it belongs under limits: write limits: { header_size: … }"
    );
    assert!(suggestion("routes: [{ path: /a, wait_timeout: 5s }]").contains("under queue"));
    assert!(suggestion("routes: [{ path: /a, queue: { max_waiting: 5 } }]").contains("top level"));
    assert!(suggestion("access: read").contains("default_access"));
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let error = error("mode: observe\nlog: { access: true }\nmode: enforce\n");
    assert_eq!((error.at.as_str(), error.line), ("mode", Some(3)));
    assert_eq!(error.problem, "this key is there twice, first on line 1");
    assert_eq!(
        errors("queue: { limit: 1, limit: 2 }\nrefusals: { draining: {}, draining: {} }").len(),
        2
    );
}

#[test]
fn a_key_without_a_value_is_refused() {
    for text in [
        "routes:\n",
        "queue: { limit: ~ }",
        "session:\n  preset: null\n  keys: [{cookie: a}]\n",
    ] {
        assert_eq!(error(text).problem, "this key has no value", "{text}");
    }
}

#[test]
fn wrong_types_are_named() {
    for (text, expected) in [
        ("queue: 50", "expected a section, found a number"),
        (
            "queue: { limit: [5] }",
            "expected a whole number, found a list",
        ),
        (
            "queue: { limit: 1.5 }",
            "expected a whole number, found a number",
        ),
        (
            "queue: { wait_timeout: {} }",
            "expected a duration, found a section",
        ),
        (
            "limits: { body_size: true }",
            "expected a size, found true or false",
        ),
        (
            "log: { access: 1 }",
            "expected true or false, found a number",
        ),
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
        "limits: { body_size: -1 }",
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
        (
            "listen: 127.0.0.1:9180",
            "clients connect to 127.0.0.1:9180 already",
        ),
        ("listen: [0.0.0.0:80, 0.0.0.0:80]", "twice"),
        ("listen: []", "nobody could connect"),
        ("listen: [{}]", "address is missing"),
        (
            "session: { preset: php, keys: [{ cookie: a }] }",
            "has its own keys",
        ),
        (
            "session: { keys: [{ cookie: a }], cookie: b }",
            "there is none",
        ),
        (
            "session: { scope: { host: true } }",
            "neither preset nor keys",
        ),
        ("session: { keys: [] }", "empty list"),
        ("session: { keys: [{ name: a }] }", "no place"),
        ("session: { keys: [{ cookie: a, header: b }] }", "one place"),
        (
            "session: { keys: [{ cookie: a }, { cookie: a }] }",
            "two keys are called a",
        ),
        ("routes: [{ path: /a, regex: /b }]", "both path and regex"),
        ("routes: [{ access: read }]", "does not say which requests"),
        ("routes: [{ path: /a, reads: share }]", "this route is none"),
        (
            "routes: [{ path: /a, name: x }, { path: /b, name: x }]",
            "two routes have this name",
        ),
        (
            "routes: [{ path: /a, name: default }]",
            "a meaning of its own",
        ),
        (
            "release: { after: headers, grace: 5ms }",
            "grace counts from the end of the body",
        ),
        ("release: { grace: 5ms }", "after is missing"),
    ] {
        let text = if text.starts_with("listen: 127") {
            format!("{text}\nadmin: {{ listen: 127.0.0.1:9180 }}")
        } else {
            text.to_owned()
        };
        assert!(
            error(&text).problem.contains(expected),
            "{text}: {}",
            error(&text)
        );
    }
}

#[test]
fn an_admin_address_that_clients_have_by_default_is_refused_too() {
    assert!(
        error("admin: { listen: 127.0.0.1:8080 }")
            .problem
            .contains("0.0.0.0:8080 already")
    );
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
    assert_eq!(
        suggestion("routes: [{ path: reports }]"),
        "write \"/reports\" or \"**/reports\""
    );
}

#[test]
fn lanes_and_cookies_that_a_session_cannot_have_are_refused() {
    for (text, expected) in [
        ("session: { preset: rails }", "names its own cookie"),
        (
            "session: { preset: aspnet, shared: true }",
            "only Sitecore is known",
        ),
        (
            "session: { keys: [{ cookie: a }], shared: false }",
            "only Sitecore is known",
        ),
        (
            "session: { keys: [{ cookie: a, lane: shared }] }",
            "no key has the lane session",
        ),
        (
            "session: { keys: [{ cookie: a }, { cookie: b, lane: b }, { cookie: c, lane: c }, { cookie: d, lane: d }, { cookie: e, lane: e }] }",
            "5 lanes",
        ),
        (
            "session: { keys: [{ cookie: a }, { cookie: b, lane: 'a b' }] }",
            "not a lane's name",
        ),
    ] {
        let error = error(text);
        assert!(error.problem.contains(expected), "{text}: {error}");
        assert!(error.suggestion.is_some(), "{text}");
    }
}

#[test]
fn a_misspelt_preset_has_a_suggestion() {
    for (text, meant) in [
        ("sitecor", "sitecore"),
        ("classicasp", "classic-asp"),
        ("wocommerce", "woocommerce"),
        ("asp.net", "aspnet"),
    ] {
        let suggestion = suggestion(&format!("session: {{ preset: {text} }}"));
        assert!(
            suggestion.starts_with(&format!("did you mean {meant}?")),
            "{suggestion}"
        );
    }
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
        assert!(
            !format!("{errors} {errors:?}").contains("hunter2"),
            "{errors}"
        );
    }
    let config =
        config("session: { preset: php, secret: hunter2 }\napplication: { secret: hunter2 }");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_long_value_is_shortened_to_a_line() {
    let value = error(&format!("mode: \"a\\nb{}\"", "x".repeat(500)))
        .value
        .unwrap();
    assert!(
        value.chars().count() < 70 && !value.contains('\n'),
        "{value}"
    );
}

#[test]
fn their_keys_are_refused_as_such() {
    for text in ["store: redis", "store: { redis: { url: x } }"] {
        assert!(
            error(text).problem.contains("not in this version"),
            "{text}: {}",
            error(text)
        );
        assert!(error(text).suggestion.is_some(), "{text}");
    }
}

#[test]
fn what_this_version_does_anyway_may_be_written() {
    config(
        "queue: { admission: off }\nstore: memory\nsession: { preset: java, without_session: pass }",
    );
}
