//! What is recorded counts where it belongs, and nowhere else.

use super::*;

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
        |core| core.cookies_withheld(1),
        "onelane_session_cookies_withheld_total",
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
