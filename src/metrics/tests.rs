//! What is counted is what an operator reads.

use std::thread;
use std::time::Duration;

use super::families::FAMILIES;
use super::*;

fn metrics(cores: usize) -> Metrics {
    let labels = Labels {
        access: &["none", "read", "write"],
        outcomes: &["forwarded", "refused"],
        refusals: &["queue_full", "draining"],
        upstream_errors: &["reset"],
        upstreams: vec!["east".to_owned(), "west".to_owned()],
        odd_cookies: &["length"],
        reports: &["silent", "wrote"],
        proxy_faults: &["malformed", "untrusted"],
    };
    let metrics = Metrics::new(cores, labels);
    let routes = ["/a", "say \"hi\"\\", "/a"];
    let series = metrics.series(routes.into_iter(), ["deny", "logins"].into_iter());
    assert_eq!([0, 1, 2].map(|place| series.route(place)), [0, 1, 0]);
    assert_eq!([0, 1].map(|place| series.throttle_rule(place)), [0, 1]);
    metrics
}

/// The value of the series that is written exactly so.
fn value(text: &str, series: &str) -> f64 {
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let values: Vec<f64> = values.map(|value| value.parse().unwrap()).collect();
    assert_eq!(values.len(), 1, "{series} in {text}");
    values[0]
}

#[test]
fn every_family_is_declared_once_in_its_place() {
    for (index, declared) in FAMILIES.iter().enumerate() {
        assert_eq!(declared.family as usize, index, "{}", declared.name);
    }
    let text = metrics(1).encode(Gauges::default());
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert_eq!(
        names,
        [
            "onelane_requests counter",
            "onelane_refusals counter",
            "onelane_wait_seconds histogram",
            "onelane_hold_seconds histogram",
            "onelane_arrival_position histogram",
            "onelane_hold_limits_reached counter",
            "onelane_upstream_connections_opened counter",
            "onelane_upstream_connect_seconds histogram",
            "onelane_upstream_response_seconds histogram",
            "onelane_upstream_connections_reused counter",
            "onelane_upstream_connections_bound counter",
            "onelane_upstream_errors counter",
            "onelane_upstream_requests counter",
            "onelane_affinity_lost counter",
            "onelane_session_cookies_odd counter",
            "onelane_forwarded_untrusted counter",
            "onelane_proxy_headers_refused counter",
            "onelane_clients_gone counter",
            "onelane_exclusion_exceptions counter",
            "onelane_held_over_limit counter",
            "onelane_reentrance counter",
            "onelane_would_wait counter",
            "onelane_would_refuse counter",
            "onelane_nested counter",
            "onelane_session_reports counter",
            "onelane_read_wrote counter",
            "onelane_connections_accepted counter",
            "onelane_connections_ended counter",
            "onelane_tls_handshakes counter",
            "onelane_spool_errors counter",
            "onelane_throttle_decisions counter",
            "onelane_throttle_shared counter",
            "onelane_certificate_reloads counter",
            "onelane_config_reloads counter",
            "onelane_lanes gauge",
            "onelane_holders gauge",
            "onelane_waiters gauge",
            "onelane_connections gauge",
            "onelane_buffer_memory_bytes gauge",
            "onelane_spool_bytes gauge",
            "onelane_throttle_clients gauge",
            "onelane_config_last_reload_successful gauge",
            "onelane_config_last_reload_success_timestamp_seconds gauge",
            "onelane_log_lines_dropped counter",
            "onelane_upstream_healthy gauge",
            "onelane_certificate_expiry_seconds gauge",
            "onelane_build info",
            "process_start_time_seconds gauge",
            "process_cpu_seconds counter",
            "process_resident_memory_bytes gauge",
            "process_open_fds gauge",
            "process_max_fds gauge",
        ]
    );
    assert_eq!(text.matches("# HELP ").count(), names.len());
    assert!(text.contains("# UNIT onelane_wait_seconds seconds\n"));
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn no_series_is_written_twice() {
    let text = metrics(2).encode(Gauges::default());
    let mut series: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup_by_key(|(series, _)| *series);
    assert_eq!(series.len(), all);
}

/// Records on fresh metrics, and expects `series` to be 1 and all others 0.
#[track_caller]
fn assert_counts(record: impl FnOnce(&Core), series: &str) {
    let metrics = metrics(1);
    record(&metrics.core(0));
    let text = metrics.encode(Gauges::default());
    let counted = |line: &&str| {
        let about_itself = line.contains("build_info") || line.starts_with("process_");
        !line.starts_with('#') && line.ends_with(" 1") && !about_itself
    };
    let counted: Vec<_> = text.lines().filter(counted).collect();
    assert_eq!(counted, [format!("{series} 1")]);
}

#[test]
fn each_recording_counts_its_own_series_and_no_other() {
    assert_counts(
        |core| core.request(0, 2, 0, Some(204)),
        r#"onelane_requests_total{route="/a",access="write",outcome="forwarded",code="2xx"}"#,
    );
    assert_counts(
        |core| core.request(1, 0, 1, None),
        r#"onelane_requests_total{route="say \"hi\"\\",access="none",outcome="refused",code="none"}"#,
    );
    assert_counts(
        |core| core.refusal(1),
        r#"onelane_refusals_total{reason="draining"}"#,
    );
    assert_counts(
        Core::upstream_reused,
        "onelane_upstream_connections_reused_total",
    );
    assert_counts(
        |core| core.upstream_error(0),
        r#"onelane_upstream_errors_total{reason="reset"}"#,
    );
    assert_counts(
        |core| core.upstream_request(1),
        r#"onelane_upstream_requests_total{upstream="west"}"#,
    );
    assert_counts(Core::affinity_lost, "onelane_affinity_lost_total");
    assert_counts(
        |core| core.odd_cookie(0),
        r#"onelane_session_cookies_odd_total{reason="length"}"#,
    );
    assert_counts(
        Core::forwarded_untrusted,
        "onelane_forwarded_untrusted_total",
    );
    assert_counts(
        |core| core.proxy_fault(1),
        r#"onelane_proxy_headers_refused_total{reason="untrusted"}"#,
    );
    assert_counts(
        |core| core.client_gone(Gone::Waiting),
        r#"onelane_clients_gone_total{where="waiting"}"#,
    );
    assert_counts(
        |core| core.client_gone(Gone::Inside),
        r#"onelane_clients_gone_total{where="inside"}"#,
    );
    for (reason, label) in [
        (Ending::ClientConnections, "client_connections"),
        (Ending::Resets, "resets"),
        (Ending::TlsHandshake, "tls_handshake"),
        (Ending::Unread, "unread"),
    ] {
        assert_counts(
            move |core| core.connection_ended(reason),
            &format!(r#"onelane_connections_ended_total{{reason="{label}"}}"#),
        );
    }
    assert_counts(Core::held_over, "onelane_held_over_limit_total");
    assert_counts(Core::would_wait, "onelane_would_wait_total");
    assert_counts(Core::would_refuse, "onelane_would_refuse_total");
    assert_counts(Core::spool_error, "onelane_spool_errors_total");
    assert_counts(
        |core| core.nested(1),
        r#"onelane_nested_total{route="say \"hi\"\\"}"#,
    );
}

#[test]
fn what_is_counted_of_connections_and_limits_is_told_apart() {
    assert_counts(
        |core| core.hold_limit(0),
        r#"onelane_hold_limits_reached_total{route="/a"}"#,
    );
    assert_counts(
        Core::connection_accepted,
        "onelane_connections_accepted_total",
    );
    assert_counts(
        |core| core.handshake(Handshake::Ok),
        r#"onelane_tls_handshakes_total{result="ok"}"#,
    );
    assert_counts(
        |core| core.handshake(Handshake::Failed),
        r#"onelane_tls_handshakes_total{result="failed"}"#,
    );
}

#[test]
fn what_became_of_a_ticket_is_told_apart() {
    for (result, label) in [
        (Reentrance::Entered, "entered"),
        (Reentrance::Forged, "forged"),
        (Reentrance::Refused, "refused"),
        (Reentrance::Stale, "stale"),
    ] {
        assert_counts(
            move |core| core.reentrance(result),
            &format!(r#"onelane_reentrance_total{{result="{label}"}}"#),
        );
    }
}

#[test]
fn the_throttle_counts_by_rule_and_decision() {
    assert_counts(
        |core| core.throttled(1, ThrottleDecision::WouldThrottle),
        r#"onelane_throttle_decisions_total{rule="logins",decision="would_throttle"}"#,
    );
    assert_counts(
        |core| core.throttled(0, ThrottleDecision::Refused),
        r#"onelane_throttle_decisions_total{rule="deny",decision="refused"}"#,
    );
    assert_counts(Core::throttled_together, "onelane_throttle_shared_total");
}

#[test]
fn all_exceptions_have_their_label() {
    use Exception::*;
    let metrics = metrics(1);
    let labelled = [
        (HoldLimitAbort, "hold_limit_abort"),
        (HoldLimitRelease, "hold_limit_release"),
        (Pass, "pass"),
        (PassWithoutSession, "pass_without_session"),
        (SlowClient, "slow_client"),
    ];
    for (times, (exception, _)) in labelled.iter().enumerate() {
        (0..=times).for_each(|_| metrics.core(0).exception(*exception));
    }
    let text = metrics.encode(Gauges::default());
    for (times, (_, label)) in labelled.iter().enumerate() {
        let series = format!(r#"onelane_exclusion_exceptions_total{{kind="{label}"}}"#);
        assert_eq!(value(&text, &series), (times + 1) as f64);
    }
}

#[test]
fn what_the_cores_counted_is_summed() {
    let metrics = metrics(3);
    thread::scope(|scope| {
        for index in 0..3 {
            let core = metrics.core(index);
            scope.spawn(move || {
                for _ in 0..1000 {
                    core.request(0, 1, 0, Some(200));
                    core.held(0, Duration::from_millis(500));
                }
            });
        }
    });
    let text = metrics.encode(Gauges::default());
    assert_eq!(
        value(
            &text,
            r#"onelane_requests_total{route="/a",access="read",outcome="forwarded",code="2xx"}"#
        ),
        3000.0
    );
    assert_eq!(
        value(&text, r#"onelane_hold_seconds_count{route="/a"}"#),
        3000.0
    );
    assert_eq!(
        value(&text, r#"onelane_hold_seconds_sum{route="/a"}"#),
        1500.0
    );
}

#[test]
fn buckets_hold_their_bound_and_all_below() {
    let metrics = metrics(1);
    let core = metrics.core(0);
    let waits = [
        0,
        1,
        999_999,
        1_000_000,
        1_000_001,
        120_000_000_000,
        120_000_000_001,
    ];
    waits
        .into_iter()
        .map(Duration::from_nanos)
        .for_each(|wait| core.waited(0, wait, 0));
    let text = metrics.encode(Gauges::default());
    let below = |bound: &str| {
        value(
            &text,
            &format!(r#"onelane_wait_seconds_bucket{{le="{bound}",route="/a"}}"#),
        )
    };
    assert_eq!(below("0.0"), 1.0);
    assert_eq!(below("0.001"), 4.0);
    assert_eq!(below("0.0025"), 5.0);
    assert_eq!(below("30.0"), 5.0);
    assert_eq!(below("120.0"), 6.0);
    assert_eq!(below("+Inf"), 7.0);
    assert_eq!(
        value(&text, r#"onelane_wait_seconds_count{route="/a"}"#),
        7.0
    );
}

#[test]
fn bounds_rise() {
    assert!(families::WAIT_BOUNDS.is_sorted_by(|a, b| a < b));
    assert!(families::HOLD_BOUNDS.is_sorted_by(|a, b| a < b));
    assert!(families::CONNECT_BOUNDS.is_sorted_by(|a, b| a < b));
    assert!(families::POSITION_BOUNDS.is_sorted_by(|a, b| a < b));
}

#[test]
fn routes_with_one_label_share_one_series() {
    let metrics = metrics(1);
    let series = metrics.series(["/a", "/b", "/a"].into_iter(), [].into_iter());
    metrics.core(0).nested(series.route(0));
    metrics.core(0).nested(series.route(2));
    let text = metrics.encode(Gauges::default());
    assert_eq!(value(&text, r#"onelane_nested_total{route="/a"}"#), 2.0);
}

#[test]
fn gauges_are_those_of_the_scrape() {
    let gauges = Gauges {
        lanes: 1,
        holders: 2,
        waiters: 3,
        connections: 4,
        buffer_memory: 5,
        spool: 6,
        throttle_clients: 7,
        upstreams_healthy: vec![true, false],
        certificate_expiry: Some(8),
        log_lines_dropped: 9,
        config_is_current: true,
        config_since: 10,
    };
    let text = metrics(1).encode(gauges);
    let healthy = |name| {
        value(
            &text,
            &format!("onelane_upstream_healthy{{upstream=\"{name}\"}}"),
        )
    };
    assert_eq!((healthy("east"), healthy("west")), (1.0, 0.0));
    assert_eq!(value(&text, "onelane_lanes"), 1.0);
    assert_eq!(value(&text, "onelane_holders"), 2.0);
    assert_eq!(value(&text, "onelane_waiters"), 3.0);
    assert_eq!(value(&text, "onelane_connections"), 4.0);
    assert_eq!(value(&text, "onelane_buffer_memory_bytes"), 5.0);
    assert_eq!(value(&text, "onelane_spool_bytes"), 6.0);
    assert_eq!(value(&text, "onelane_throttle_clients"), 7.0);
    assert_eq!(value(&text, "onelane_certificate_expiry_seconds"), 8.0);
    assert_eq!(value(&text, "onelane_log_lines_dropped_total"), 9.0);
    assert_eq!(
        value(
            &text,
            concat!(
                "onelane_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"}"
            )
        ),
        1.0
    );
}

#[test]
fn without_a_certificate_none_expires() {
    let text = metrics(1).encode(Gauges::default());
    let samples = |line: &&str| line.starts_with("onelane_certificate_expiry_seconds ");
    assert_eq!(text.lines().filter(samples).count(), 0, "{text}");
}

#[test]
fn replaced_certificates_are_counted_by_result() {
    let metrics = metrics(1);
    metrics.core(0).certificate_reload(CertificateReload::Ok);
    let text = metrics.encode(Gauges::default());
    let count = |result| {
        value(
            &text,
            &format!(r#"onelane_certificate_reloads_total{{result="{result}"}}"#),
        )
    };
    assert_eq!((count("ok"), count("failed")), (1.0, 0.0));
}

#[test]
fn a_class_of_status_is_told_apart_and_nonsense_is_in_the_last() {
    let metrics = metrics(1);
    for status in [
        None,
        Some(101),
        Some(200),
        Some(304),
        Some(404),
        Some(503),
        Some(999),
    ] {
        metrics.core(0).request(0, 2, 0, status);
    }
    let text = metrics.encode(Gauges::default());
    let counted = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map(|code| {
        let labels = format!(r#"route="/a",access="write",outcome="forwarded",code="{code}""#);
        value(&text, &format!("onelane_requests_total{{{labels}}}"))
    });
    assert_eq!(counted, [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]);
}

#[test]
fn positions_are_counted_as_they_are() {
    let metrics = metrics(1);
    for position in [0, 0, 1, 4, 51] {
        metrics.core(0).waited(0, Duration::ZERO, position);
    }
    let text = metrics.encode(Gauges::default());
    let below = |bound: &str| {
        let series = format!(r#"onelane_arrival_position_bucket{{le="{bound}"}}"#);
        value(&text, &series)
    };
    assert_eq!(
        ["0.0", "1.0", "3.0", "5.0", "50.0", "+Inf"].map(below),
        [2.0, 3.0, 3.0, 4.0, 4.0, 5.0]
    );
    assert_eq!(value(&text, "onelane_arrival_position_sum"), 56.0);
}

#[test]
fn a_new_connection_counts_with_its_time() {
    let metrics = metrics(1);
    metrics.core(0).upstream_opened(Duration::from_millis(2));
    metrics.core(0).upstream_answered(Duration::from_millis(40));
    let text = metrics.encode(Gauges::default());
    assert_eq!(
        value(&text, "onelane_upstream_connections_opened_total"),
        1.0
    );
    assert_eq!(value(&text, "onelane_upstream_connect_seconds_sum"), 0.002);
    assert_eq!(value(&text, "onelane_upstream_response_seconds_sum"), 0.04);
}

#[test]
fn routes_beyond_the_bound_count_together() {
    let metrics = metrics(1);
    let labels: Vec<String> = (0..2 * ROUTES).map(|number| format!("/{number}")).collect();
    let series = metrics.series(labels.iter().map(String::as_str), [].into_iter());
    for place in 0..labels.len() {
        metrics
            .core(0)
            .request(series.route(place), 2, 0, Some(200));
    }
    let text = metrics.encode(Gauges::default());
    let requests = text
        .lines()
        .filter(|line| line.starts_with("onelane_requests_total"));
    assert_eq!(
        requests.count(),
        ROUTES - 2 + 1,
        "two were there before, and there is one more"
    );
    let others =
        r#"onelane_requests_total{route="(other)",access="write",outcome="forwarded",code="2xx"}"#;
    assert_eq!(value(&text, others), (ROUTES + 2) as f64);
}

#[test]
fn a_route_that_nobody_asks_for_takes_no_memory_and_few_lines() {
    let metrics = metrics(2);
    metrics.core(1).request(1, 2, 0, Some(200));
    let core = metrics.core(1);
    assert!(core.routes.known(0).is_none() && core.routes.known(1).is_some());
    assert!(metrics.core(0).routes.known(1).is_none(), "another core");
    let text = metrics.encode(Gauges::default());
    let lines = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(lines("onelane_requests_total"), 1);
    assert_eq!(lines("onelane_wait_seconds"), 0);
    assert_eq!(lines("onelane_read_wrote_total"), 2, "an alert needs its 0");
}

#[test]
fn empty_lists_of_labels_are_families_without_series() {
    let metrics = Metrics::new(0, Labels::default());
    metrics.core(5).request(0, 0, 0, None);
    metrics.core(5).upstream_request(0);
    metrics.core(5).would_wait();
    let text = metrics.encode(Gauges::default());
    assert!(!text.contains("onelane_requests_total{"), "{text}");
    assert_eq!(value(&text, "onelane_would_wait_total"), 1.0);
}
