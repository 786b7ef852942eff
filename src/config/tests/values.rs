//! Values in all their forms, and from the environment.

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
        assert_eq!(
            config(&format!("drain_timeout: {text}"))
                .startup
                .drain_timeout,
            expected,
            "{text}"
        );
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
        assert_eq!(
            error(&format!("drain_timeout: {text}")).problem,
            "not a duration",
            "{text}"
        );
    }
    assert_eq!(
        error("drain_timeout: 2M").problem,
        "out of range",
        "M is months"
    );
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
        assert_eq!(
            error(&format!("limits: {{ header_size: {text} }}")).problem,
            "not a size",
            "{text}"
        );
    }
}

#[test]
fn none_is_no_limit_where_there_is_one() {
    let config = config(
        "limits: { body_size: none, connections_per_client: none }\nupstream: { max_connections: none }",
    );
    assert_eq!(config.policy.body_size, None);
    assert_eq!(config.startup.edge.connections_per_client, None);
    assert_eq!(
        config.startup.upstream.nodes[0].connection.max_connections,
        None
    );
    let config = super::config(
        "limits: { body_size: 1MB, connections_per_client: 9 }\nupstream: { max_connections: 7 }",
    );
    assert_eq!(config.policy.body_size, Some(1_000_000));
    assert_eq!(config.startup.edge.connections_per_client, Some(9));
    assert_eq!(
        config.startup.upstream.nodes[0].connection.max_connections,
        Some(7)
    );
}

#[test]
fn one_lowest_rate_is_for_both_directions_and_0_is_none() {
    for (text, rate) in [("240", 240), ("1KiB", 1024), ("0", 0)] {
        let config = config(&format!(
            "limits: {{ min_rate: {text}, body_idle_timeout: 7s, send_timeout: 8s }}"
        ));
        let pace = config.policy.body_pace;
        assert_eq!((pace.rate, pace.grace), (rate, Duration::from_secs(7)));
        let edge = config.startup.edge;
        assert_eq!(
            (edge.min_rate, edge.send_timeout),
            (rate, Duration::from_secs(8))
        );
    }
}

#[test]
fn the_edge_has_the_bounds_that_are_written() {
    let config = config("limits: { headers: 50, url_length: 2KiB, http2_streams: 7 }");
    let edge = config.startup.edge;
    assert_eq!((edge.headers, edge.http2_streams), (50, 7));
    assert_eq!(config.policy.head.url_length, 2048);
    for text in [
        "headers: 0",
        "headers: 10001",
        "url_length: 255",
        "url_length: 64KiB",
        "http2_streams: 0",
        "connections_per_client: 0",
        "min_rate: 2MiB",
        "send_timeout: 0s",
    ] {
        assert_eq!(
            error(&format!("limits: {{ {text} }}")).problem,
            "out of range",
            "{text}"
        );
    }
}

#[test]
fn a_spool_of_0_is_none() {
    let config = config("limits: { request_spool: 0, spool_disk: 3MiB }");
    assert_eq!(config.policy.buffers.spool, 0);
    assert_eq!(config.startup.spool_disk, 3 << 20);
}

#[test]
fn bodies_are_read_ahead_always_unless_it_is_said_for_which() {
    let read = |yaml: &str| config(yaml).policy.buffers.read_ahead;
    assert_eq!(read("limits: { headers: 50 }"), ReadAhead::Always);
    assert_eq!(read("limits: { read_ahead: always }"), ReadAhead::Always);
    assert_eq!(read("limits: { read_ahead: lane }"), ReadAhead::Lane);
    assert_eq!(
        error("limits: { read_ahead: never }").problem,
        "not one of the choices"
    );
}

#[test]
fn addresses_have_hosts_and_ports() {
    let several = config("listen: [127.0.0.1:1, { address: '[::1]:2' }]");
    let expected: Vec<SocketAddr> =
        vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
    let addresses = |config: Config| -> Vec<SocketAddr> {
        let listeners = config.startup.listen.iter();
        listeners.map(|listener| listener.address).collect()
    };
    assert_eq!(addresses(several), expected);
    assert_eq!(addresses(config("listen: 127.0.0.1:0"))[0].port(), 0);
    assert_eq!(
        config("listen: { address: '127.0.0.1:0' }")
            .startup
            .listen
            .len(),
        1
    );
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
    assert_eq!(
        config("admin: {}").startup.admin.listen,
        "127.0.0.1:9180".parse().ok()
    );
}

#[test]
fn the_short_form_of_upstream_is_its_url() {
    assert_eq!(
        config("upstream: http://app:81").startup.upstream,
        config("upstream: { url: 'http://app:81' }")
            .startup
            .upstream
    );
    let long = config(
        "upstream: { connect_timeout: 1s, response_timeout: 200s, body_timeout: 3s, keep_alive: 4ms }",
    );
    let settings = &long.startup.upstream.nodes[0].connection;
    assert_eq!(settings.connect_timeout, Duration::from_secs(1));
    assert_eq!(settings.response_timeout, Duration::from_secs(200));
    assert_eq!(settings.body_timeout, Duration::from_secs(3));
    assert_eq!(settings.keep_alive, Duration::from_millis(4));
}

#[test]
fn log_and_timing_are_what_is_written() {
    let config = config("log: { format: json, access: false }\nserver_timing: false");
    assert_eq!(
        config.startup.log,
        Log {
            format: LogFormat::Json,
            access: AccessLog::Off
        }
    );
    assert_eq!(config.policy.server_timing, ServerTiming::Hide);
}

#[test]
fn an_anchor_is_a_way_to_write_a_value_once() {
    let config = config("queue: &q { limit: 7 }\nroutes:\n  - { path: /a, queue: *q }\n");
    assert_eq!(terms(&config, "GET", "/a").limits.waiters, 7);
}

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
    assert_eq!(config.policy.application.secret.unwrap(), "0123");
    assert_eq!(
        with("application: { secret: \"${NONE:-}\" }")
            .unwrap()
            .policy
            .application
            .secret,
        None
    );
}

#[test]
fn the_application_is_asked_unless_it_is_not_to_be() {
    let policy = |text: &str| {
        config(&format!("application: {{ {text} }}"))
            .policy
            .application
    };
    let usual = policy("secret: s");
    assert!(usual.is_asked());
    assert_eq!(usual.on_read_wrote, OnReadWrote::Write);
    assert!(!policy("secret: s, report: false").is_asked());
    assert!(
        !policy("report: true").is_asked(),
        "nobody could be believed"
    );
    let warned = policy("secret: s, on_read_wrote: warn").on_read_wrote;
    assert_eq!(warned, OnReadWrote::Warn);
    let mistake = suggestion("application: { on_read_wrote: wrte }");
    assert!(mistake.contains("did you mean write"), "{mistake}");
    assert!(suggestion("on_read_wrote: warn").contains("application: { on_read_wrote"));
}

#[test]
fn what_needs_a_secret_and_has_none_is_warned_of() {
    for idle in [
        "on_read_wrote: warn",
        "secret: s, report: false, on_read_wrote: warn",
    ] {
        let warnings = warnings(&format!("application: {{ {idle} }}"));
        assert_eq!(warnings.len(), 1, "{idle}: {warnings:?}");
        assert!(warnings[0].starts_with("application.on_read_wrote:"));
    }
    assert_eq!(
        warnings("application: { secret: s, on_read_wrote: warn }").len(),
        0
    );
}

#[test]
fn a_variable_cannot_add_keys() {
    let errors = with("mode: ${INJECTED}").unwrap_err();
    assert_eq!(errors.len(), 1);
    let error = errors.iter().next().unwrap();
    assert_eq!(
        error.value.as_deref(),
        Some("${INJECTED} = \"observe queue: { limit: 0 }\"")
    );
}

#[test]
fn a_variable_that_is_not_set_is_one_error_with_its_name() {
    let error = error("session: { keys: [{ cookie: '${NAME}' }] }");
    assert_eq!(error.at, "session.keys[0].cookie");
    assert!(error.problem.contains("NAME is not set"));
    assert_eq!(
        errors("routes:\n  - path: ${A}\n    access: ${B}\n").len(),
        2
    );
}

#[test]
fn a_ready_path_is_off_or_a_path_of_its_own() {
    assert_eq!(config("ready_path: off").policy.ready_path, None);
    assert_eq!(config("mode: enforce").policy.ready_path, None);
    let path = config("ready_path: /onelane-ready").policy.ready_path;
    assert_eq!(path.unwrap().to_string(), "/onelane-ready");
    for (text, problem) in [
        ("ready", "not a path"),
        ("/ready?x=1", "not a path"),
        ("/", "this would hide the application's first page"),
        ("\"\"", "this value is empty"),
    ] {
        let error = error(&format!("ready_path: {text}"));
        assert_eq!(error.problem, problem, "{text}");
    }
    let inside = "listen: { address: 127.0.0.1:80, ready_path: /a }";
    assert!(suggestion(inside).contains("at the top level"));
}
