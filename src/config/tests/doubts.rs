//! Warnings: what is valid and doubtful.

use super::*;

#[test]
fn a_valid_file_without_contradictions_has_none() {
    assert_eq!(warnings("queue: { wait_timeout: 200s }"), [""; 0]);
    assert_eq!(
        warnings("queue: { wait_timeout: 120s, hold_limit: 130s }"),
        [""; 0]
    );
}

#[test]
fn each_contradiction_is_named_where_it_was_written() {
    for (text, at, expected) in [
        (
            "queue: { wait_timeout: 60s }",
            "queue.wait_timeout",
            "shorter than hold_limit",
        ),
        (
            "queue: { hold_limit: 135s }",
            "queue.hold_limit",
            "shorter than hold_limit",
        ),
        (
            "listen: [{ address: '0.0.0.0:80', proxy_protocol: require }]",
            "listen",
            "trusted_proxies names nobody",
        ),
        (
            "routes: [{ path: /a, queue: { wait_timeout: 5s } }]",
            "routes[0].queue.wait_timeout",
            "shorter than hold_limit",
        ),
        (
            "upstream: { response_timeout: 60s }",
            "upstream.response_timeout",
            "504",
        ),
        (
            "queue: { hold_limit: 150s, wait_timeout: 200s }",
            "queue.hold_limit",
            "504",
        ),
        (
            "routes: [{ path: /a, queue: { hold_limit: 150s, wait_timeout: 200s } }]",
            "routes[0].queue.hold_limit",
            "504",
        ),
        (
            "routes: [{ path: '/a/**', access: none }, { path: /a/b, access: read }]",
            "routes[1]",
            "can never match",
        ),
        (
            "routes: [{ path: /a, access: none, queue: { limit: 5 } }]",
            "routes[0].queue",
            "does nothing",
        ),
        (
            "routes: [{ methods: GTE }]",
            "routes[0].methods",
            "spelled right",
        ),
        (
            "default_access: read",
            "default_access",
            "leave this at write",
        ),
        (
            "default_access: none",
            "default_access",
            "leave this at write",
        ),
        (
            "limits: { buffer_memory: 1KiB }",
            "limits.buffer_memory",
            "hardly anything",
        ),
        (
            "limits: { spool_disk: 1MiB }",
            "limits.spool_disk",
            "would not be read ahead",
        ),
    ] {
        let warnings = warnings(text);
        assert_eq!(warnings.len(), 1, "{text}: {warnings:#?}");
        assert!(
            warnings[0].starts_with(&format!("{at}: ")) && warnings[0].contains(expected),
            "{text}: {warnings:?}"
        );
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

#[test]
fn no_method_of_http_is_called_unusual() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ] {
        assert_eq!(
            warnings(&format!("routes: [{{ path: /a, methods: [{method}] }}]")),
            [""; 0]
        );
    }
}
