//! What a client sees of a refusal.

use super::*;

const ID: &str = "01hf-test";

fn answer(refusal: Refusal, format: Format) -> Response<Bytes> {
    refusal.into_response(format, ID, &HashMap::new())
}

fn header(response: &Response<Bytes>, name: impl http::header::AsHeaderName) -> Option<&str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[test]
fn every_reason_is_its_own_row() {
    for (index, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
        assert_eq!(Reason::LABELS[index], reason.label());
    }
}

#[test]
fn labels_are_distinct_snake_case_and_the_names_of_the_configuration() {
    for reason in Reason::ALL {
        let label = reason.label();
        assert!(
            label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{label}"
        );
        let named = (reason != Reason::ConnectionsFull).then_some(reason);
        assert_eq!(Reason::from_label(label), named, "{label}");
    }
    assert_eq!(Reason::from_label("QueueFull"), None);
}

#[test]
fn every_reason_has_the_status_that_the_specification_gives_it() {
    let statuses = Reason::ALL.map(|reason| (reason.label(), reason.status().as_u16()));
    let expected = [
        ("queue_full", 503),
        ("wait_timeout", 503),
        ("waiters_full", 503),
        ("draining", 503),
        ("too_many_waiting", 429),
        ("rate_limited", 429),
        ("too_many_concurrent", 429),
        ("denied", 403),
        ("connections_full", 503),
        ("upstream_busy", 503),
        ("upstream_unreachable", 502),
        ("upstream_reset", 502),
        ("upstream_invalid", 502),
        ("upstream_timeout", 504),
        ("hold_limit", 504),
        ("bad_request", 400),
        ("method_not_allowed", 405),
        ("request_timeout", 408),
        ("length_required", 411),
        ("body_too_large", 413),
        ("uri_too_long", 414),
        ("expectation_failed", 417),
        ("misdirected", 421),
        ("header_too_large", 431),
        ("not_implemented", 501),
        ("version", 505),
        ("spool_lost", 503),
    ];
    assert_eq!(statuses, expected);
}

#[test]
fn every_answer_says_who_gave_it_and_why_and_is_never_cached() {
    for reason in Reason::ALL {
        for format in [Format::Html, Format::Problem] {
            let response = answer(Refusal::new(reason), format);
            assert_eq!(response.status(), reason.status());
            assert_eq!(header(&response, CACHE_CONTROL), Some("no-store"));
            assert_eq!(header(&response, REQUEST_ID), Some(ID));
            let status = header(&response, PROXY_STATUS).unwrap();
            let (error, details) = status
                .strip_prefix("onelane; error=")
                .unwrap()
                .split_once("; ")
                .unwrap();
            assert!(REGISTERED.contains(&error), "{error}");
            assert!(
                details.starts_with(&format!(r#"details="{}: "#, reason.label())),
                "{details}"
            );
        }
    }
}

#[test]
fn a_connection_limit_and_a_silent_application_have_their_own_proxy_errors() {
    let error =
        |reason| answer(Refusal::new(reason), Format::Problem).headers()[PROXY_STATUS].clone();
    assert_eq!(
        error(Reason::UpstreamBusy),
        r#"onelane; error=connection_limit_reached; details="upstream_busy: All connections to the application are in use.""#
    );
    assert_eq!(
        error(Reason::UpstreamTimeout),
        r#"onelane; error=http_response_timeout; details="upstream_timeout: The application did not answer in time.""#
    );
}

#[test]
fn a_problem_is_the_json_of_rfc_9457_with_reason_and_request_id() {
    let refusal = Refusal::new(Reason::BadRequest).detail("The request has two Host fields.");
    let response = answer(refusal, Format::Problem);
    assert_eq!(
        header(&response, CONTENT_TYPE),
        Some("application/problem+json")
    );
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        problem,
        serde_json::json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "The request has two Host fields.",
            "reason": "bad_request",
            "request_id": ID,
        })
    );
}

#[test]
fn a_page_is_small_complete_and_asks_for_nothing_from_outside() {
    for reason in Reason::ALL {
        let response = answer(Refusal::new(reason), Format::Html);
        let page = text(&response);
        assert_eq!(
            header(&response, CONTENT_TYPE),
            Some("text/html; charset=utf-8")
        );
        assert!(page.len() < 2048, "{} bytes", page.len());
        assert!(
            page.contains("color-scheme: light dark") && page.contains(ID),
            "{page}"
        );
        assert!(page.contains(reason.status().as_str()), "{page}");
        for outside in ["http", "//", "src=", "href=", "url(", "<script", "{{", "}}"] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
    }
}

#[test]
fn a_page_says_try_again_only_where_the_application_has_not_seen_the_request() {
    for reason in [
        Reason::QueueFull,
        Reason::WaitTimeout,
        Reason::RateLimited,
        Reason::TooManyConcurrent,
        Reason::Draining,
        Reason::UpstreamUnreachable,
    ] {
        let page = answer(Refusal::new(reason), Format::Html);
        assert!(
            text(&page).contains("not carried out") && text(&page).contains("again"),
            "{reason:?}"
        );
    }
    for reason in [
        Reason::UpstreamReset,
        Reason::UpstreamInvalid,
        Reason::UpstreamTimeout,
        Reason::HoldLimit,
    ] {
        let page = answer(Refusal::new(reason), Format::Html);
        assert!(
            text(&page).contains("please check before you repeat it"),
            "{reason:?}"
        );
        assert!(!text(&page).contains("again"), "{reason:?}");
    }
}

#[test]
fn a_hostile_request_id_breaks_neither_page_nor_json_nor_header() {
    let id = "\"><script>alert('&')</script>\r\nSet-Cookie: a=b";
    let page = Refusal::new(Reason::QueueFull).into_response(Format::Html, id, &HashMap::new());
    assert!(!text(&page).contains("<script>"));
    assert!(text(&page).contains("&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)"));
    assert_eq!(header(&page, REQUEST_ID), None);
    let problem =
        Refusal::new(Reason::QueueFull).into_response(Format::Problem, id, &HashMap::new());
    let problem: serde_json::Value = serde_json::from_slice(problem.body()).unwrap();
    assert_eq!(problem["request_id"], id);
}

#[test]
fn quotes_in_a_detail_do_not_end_the_details_of_proxy_status() {
    let response = answer(
        Refusal::new(Reason::BadRequest).detail(r#"a "b" \c"#),
        Format::Problem,
    );
    assert!(
        header(&response, PROXY_STATUS)
            .unwrap()
            .ends_with(r#"details="bad_request: a \"b\" \\c""#)
    );
}

#[test]
fn retry_after_is_in_whole_seconds_rounded_up_and_never_zero() {
    let header_of = |after| {
        let response = answer(
            Refusal::new(Reason::QueueFull).retry_after(after),
            Format::Problem,
        );
        header(&response, RETRY_AFTER).unwrap().to_owned()
    };
    assert_eq!(header_of(None), "1");
    assert_eq!(header_of(Some(Duration::ZERO)), "1");
    assert_eq!(header_of(Some(Duration::from_millis(999))), "1");
    assert_eq!(header_of(Some(Duration::from_secs(2))), "2");
    assert_eq!(header_of(Some(Duration::from_nanos(2_000_000_001))), "3");
    assert_eq!(header_of(Some(Duration::MAX)), u64::MAX.to_string());
}

#[test]
fn retry_after_is_given_only_where_waiting_helps() {
    let inviting = Reason::ALL.into_iter().filter(|reason| {
        let refusal = Refusal::new(*reason).retry_after(Some(Duration::from_secs(5)));
        header(&answer(refusal, Format::Problem), RETRY_AFTER) == Some("5")
    });
    let labels: Vec<_> = inviting.map(Reason::label).collect();
    assert_eq!(
        labels,
        [
            "queue_full",
            "wait_timeout",
            "waiters_full",
            "draining",
            "too_many_waiting",
            "rate_limited",
            "too_many_concurrent",
            "upstream_busy"
        ]
    );
}

#[test]
fn another_manner_changes_the_status_before_the_operator_and_invites_nobody_back() {
    let own = RefusalPage {
        status: Some(StatusCode::IM_A_TEAPOT),
        page: None,
    };
    let pages = HashMap::from([(Reason::RateLimited, own)]);
    for (status, challenge) in [
        (StatusCode::UNAUTHORIZED, Some("Onelane")), // RFC 9110 15.5.2
        (StatusCode::FORBIDDEN, None),
        (StatusCode::NOT_FOUND, None),
    ] {
        let refusal = Refusal::new(Reason::RateLimited)
            .retry_after(Some(Duration::from_secs(5)))
            .manner(Manner::Status(status));
        let response = refusal.into_response(Format::Problem, ID, &pages);
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, RETRY_AFTER), None, "{status}");
        assert_eq!(header(&response, WWW_AUTHENTICATE), challenge, "{status}");
    }
    let usual = Refusal::new(Reason::RateLimited).into_response(Format::Problem, ID, &pages);
    assert_eq!(usual.status(), StatusCode::IM_A_TEAPOT);
}

#[test]
fn method_not_allowed_names_the_methods_that_are() {
    let mut refusal = Refusal::new(Reason::MethodNotAllowed);
    assert_eq!(
        header(&answer(refusal.clone(), Format::Problem), ALLOW),
        Some(Refusal::METHODS)
    );
    refusal.allow = Some("GET");
    assert_eq!(
        header(&answer(refusal, Format::Problem), ALLOW),
        Some("GET")
    );
    assert_eq!(
        header(
            &answer(Refusal::new(Reason::BadRequest), Format::Problem),
            ALLOW
        ),
        None
    );
}

#[test]
fn a_connection_whose_framing_is_in_doubt_is_closed_and_a_queue_full_is_not() {
    let connection = |reason| {
        header(&answer(Refusal::new(reason), Format::Problem), CONNECTION).map(str::to_owned)
    };
    assert_eq!(connection(Reason::BadRequest).as_deref(), Some("close"));
    assert_eq!(connection(Reason::RequestTimeout).as_deref(), Some("close"));
    assert_eq!(connection(Reason::QueueFull), None);
}

#[test]
fn the_operator_changes_status_and_page_and_programs_still_get_a_problem() {
    let own = RefusalPage {
        status: Some(StatusCode::TOO_MANY_REQUESTS),
        page: Some("<p>Mine".into()),
    };
    let pages = HashMap::from([(Reason::QueueFull, own)]);
    let page = Refusal::new(Reason::QueueFull).into_response(Format::Html, ID, &pages);
    assert_eq!((page.status().as_u16(), text(&page)), (429, "<p>Mine"));
    let problem = Refusal::new(Reason::QueueFull).into_response(Format::Problem, ID, &pages);
    let body: serde_json::Value = serde_json::from_slice(problem.body()).unwrap();
    assert_eq!(
        (problem.status().as_u16(), &body["status"]),
        (429, &serde_json::json!(429))
    );
    assert_eq!(body["title"], "Too Many Requests");
    let other = Refusal::new(Reason::WaitTimeout).into_response(Format::Html, ID, &pages);
    assert_eq!(other.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(text(&other), "<p>Mine");
}

#[test]
fn a_status_without_a_phrase_still_has_a_title() {
    let own = RefusalPage {
        status: Some(StatusCode::from_u16(599).unwrap()),
        page: None,
    };
    let response = Refusal::new(Reason::HoldLimit).into_response(
        Format::Problem,
        ID,
        &HashMap::from([(Reason::HoldLimit, own)]),
    );
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        (response.status().as_u16(), &problem["title"]),
        (599, &"Request refused".into())
    );
}

#[test]
fn a_slow_application_is_its_own_fault_and_a_flood_the_clients() {
    assert_eq!(Reason::WaitTimeout.fault(), Fault::Application);
    assert_eq!(Reason::HoldLimit.fault(), Fault::Application);
    assert_eq!(Reason::QueueFull.fault(), Fault::Client);
    assert_eq!(Reason::WaitersFull.fault(), Fault::Operator);
}

/// The HTTP Proxy Error Types registry, as RFC 9209 2.3 set it up.
const REGISTERED: [&str; 32] = [
    "connection_limit_reached",
    "connection_read_timeout",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_write_timeout",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "destination_not_found",
    "destination_unavailable",
    "dns_error",
    "dns_timeout",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "http_response_body_size",
    "http_response_content_coding",
    "http_response_header_section_size",
    "http_response_header_size",
    "http_response_incomplete",
    "http_response_timeout",
    "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding",
    "http_upgrade_failed",
    "proxy_configuration_error",
    "proxy_internal_error",
    "proxy_internal_response",
    "proxy_loop_detected",
    "tls_alert_received",
    "tls_certificate_error",
    "tls_protocol_error",
];
