//! What is counted is what an operator reads.

mod recording;

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
fn every_counted_family_is_in_its_place() {
    for (index, declared) in FAMILIES.iter().enumerate() {
        assert_eq!(declared.family as usize, index, "{}", declared.name);
    }
}

#[test]
fn every_family_is_declared_once_in_order() {
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
            "onelane_session_cookies_withheld counter",
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
            "onelane_admin_tokens_refused counter",
            "onelane_trace_spans counter",
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
