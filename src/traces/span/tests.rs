//! What each kind of request looks like as spans.

use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::traces::{OnParent, Sampling};

/// A context whose parent is a caller's.
fn context() -> Context {
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_static(caller));
    let sampling = Sampling {
        rate: 1.0,
        parent: OnParent::Follow,
    };
    Context::of(&headers, &sampling)
}

/// A request that waited 100 ms behind another one, and was 300 ms in the application.
fn waited(context: &Context) -> Finished<'_> {
    let started = Instant::now();
    let after = |milliseconds| started + Duration::from_millis(milliseconds);
    Finished {
        context,
        started,
        ended: after(500),
        at: UNIX_EPOCH + Duration::from_secs(1_000),
        client: "192.0.2.7".to_owned(),
        method: &Method::POST,
        version: Version::HTTP_11,
        scheme: "https",
        host: "shop.example:8443",
        path: "/checkout",
        route: "/checkout*",
        routed: Routed::ByTable,
        access: "write",
        outcome: "forwarded",
        refusal: None,
        fault: None,
        status: Some(StatusCode::OK),
        session: Some("a1b2c3".to_owned()),
        id: "r-1",
        hold: Some(Duration::from_millis(300)),
        wait: Some(Wait {
            began: after(50),
            took: Duration::from_millis(100),
            position: 2,
            behind: Some("/slow*"),
            failure: None,
        }),
        attempt: Some(Attempt {
            began: after(200),
            answered: Some(after(450)),
            status: Some(StatusCode::OK),
            server: Some(("app", 8081)),
            scheme: "http",
            node: None,
        }),
    }
}

fn spans(request: &Finished<'_>) -> Vec<SpanData> {
    let scope = InstrumentationScope::builder("test").build();
    request.spans(&scope).into_iter().collect()
}

/// The value of an attribute, as text.
fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut found = span
        .attributes
        .iter()
        .filter(|pair| pair.key.as_str() == name);
    let value = found.next().map(|pair| pair.value.to_string());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// The error of a span, if it has one; its status and `error.type` must agree.
fn error(span: &SpanData) -> Option<String> {
    let error = attribute(span, ERROR_TYPE);
    let is_error = matches!(span.status, Status::Error { .. });
    assert_eq!(is_error, error.is_some(), "{span:?}");
    error
}

/// When a span began and ended, after the request began.
fn times(request: &Finished<'_>, span: &SpanData) -> [u128; 2] {
    let began = request.clock(request.started);
    [span.start_time, span.end_time].map(|time| time.duration_since(began).unwrap().as_millis())
}

#[test]
fn a_request_that_waited_is_three_spans_of_one_trace() {
    let context = context();
    let request = waited(&context);
    let [wait, client, server] = &spans(&request)[..] else {
        panic!("three spans")
    };
    assert_eq!(server.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(server.parent_span_is_remote);
    for child in [wait, client] {
        assert_eq!(child.parent_span_id, server.span_context.span_id());
        assert_eq!(
            child.span_context.trace_id(),
            server.span_context.trace_id()
        );
        assert!(!child.parent_span_is_remote);
    }
    assert_eq!(
        [wait, client, server].map(|span| (&*span.name, span.span_kind.clone())),
        [
            ("lane wait", SpanKind::Internal),
            ("POST", SpanKind::Client),
            ("POST /checkout*", SpanKind::Server)
        ]
    );
    assert_eq!(times(&request, wait), [50, 150]);
    assert_eq!(times(&request, client), [200, 500]);
    assert_eq!(times(&request, server), [0, 500]);
    assert_eq!([wait, client, server].map(error), [None, None, None]);
}

#[test]
fn attributes_are_those_of_the_conventions_and_our_own() {
    let context = context();
    let spans = spans(&waited(&context));
    let all = |span: &SpanData| -> Vec<String> {
        let pairs = span.attributes.iter();
        pairs
            .map(|pair| format!("{}={}", pair.key, pair.value))
            .collect()
    };
    assert_eq!(
        all(&spans[0]),
        ["onelane.position=2", "onelane.behind=/slow*"]
    );
    assert_eq!(
        all(&spans[1]),
        [
            "http.request.method=POST",
            "url.full=http://app:8081/checkout",
            "server.address=app",
            "server.port=8081",
            "onelane.headers_ms=250",
            "http.response.status_code=200"
        ]
    );
    assert_eq!(
        all(&spans[2]),
        [
            "http.request.method=POST",
            "url.path=/checkout",
            "url.scheme=https",
            "client.address=192.0.2.7",
            "network.protocol.version=1.1",
            "http.route=/checkout*",
            "server.address=shop.example",
            "server.port=8443",
            "onelane.id=r-1",
            "onelane.route=/checkout*",
            "onelane.access=write",
            "onelane.outcome=forwarded",
            "onelane.session=a1b2c3",
            "onelane.wait_ms=100",
            "onelane.hold_ms=300",
            "http.response.status_code=200"
        ]
    );
}

#[test]
fn a_refusal_is_one_span_and_an_error_if_it_is_5xx() {
    let context = context();
    let refused = |reason, status| Finished {
        outcome: "refused",
        refusal: Some(reason),
        status: Some(status),
        wait: None,
        attempt: None,
        ..waited(&context)
    };
    let full = spans(&refused("queue_full", StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(full.len(), 1);
    assert_eq!(error(&full[0]).as_deref(), Some("queue_full"));
    assert_eq!(
        attribute(&full[0], "onelane.reason").as_deref(),
        Some("queue_full")
    );
    let limited = spans(&refused("rate_limited", StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(error(&limited[0]), None, "4xx is the client's own error");
    assert_eq!(
        attribute(&limited[0], "onelane.reason").as_deref(),
        Some("rate_limited")
    );
}

#[test]
fn a_wait_in_vain_is_an_error_of_the_wait() {
    let context = context();
    let mut request = waited(&context);
    request.refusal = Some("wait_timeout");
    request.status = Some(StatusCode::SERVICE_UNAVAILABLE);
    request.attempt = None;
    request.wait.as_mut().unwrap().failure = Some("wait_timeout");
    let spans = spans(&request);
    let errors: Vec<_> = spans.iter().map(error).collect();
    assert_eq!(
        errors,
        [
            Some("wait_timeout".to_owned()),
            Some("wait_timeout".to_owned())
        ]
    );
}

#[test]
fn errors_of_the_application_are_those_of_a_client_and_of_a_server() {
    let context = context();
    for (status, client, server) in [
        (200, None, None),
        (404, Some("404"), None),
        (500, Some("500"), Some("500")),
    ] {
        let mut request = waited(&context);
        let status = StatusCode::from_u16(status).unwrap();
        request.status = Some(status);
        request.attempt.as_mut().unwrap().status = Some(status);
        let spans = spans(&request);
        assert_eq!(error(&spans[1]).as_deref(), client, "{status}");
        assert_eq!(error(&spans[2]).as_deref(), server, "{status}");
    }
}

#[test]
fn what_the_application_did_wrong_is_named() {
    let context = context();
    let mut broken = waited(&context);
    broken.fault = Some("broken_off");
    assert_eq!(
        spans(&broken)[1..].iter().map(error).collect::<Vec<_>>(),
        [Some("broken_off".to_owned()), Some("broken_off".to_owned())]
    );
    let mut unreachable = waited(&context);
    unreachable.fault = Some("unreachable");
    unreachable.refusal = Some("upstream_unreachable");
    unreachable.status = Some(StatusCode::BAD_GATEWAY);
    let attempt = unreachable.attempt.as_mut().unwrap();
    (attempt.status, attempt.answered, attempt.server) = (None, None, None);
    let spans = spans(&unreachable);
    assert_eq!(error(&spans[1]).as_deref(), Some("unreachable"));
    assert_eq!(error(&spans[2]).as_deref(), Some("upstream_unreachable"));
    assert_eq!(attribute(&spans[1], URL_FULL), None);
}

#[test]
fn a_client_that_left_is_no_error_of_the_server() {
    let context = context();
    let mut gone = waited(&context);
    (gone.outcome, gone.status) = ("client_gone_inside", None);
    let attempt = gone.attempt.as_mut().unwrap();
    (attempt.status, attempt.answered) = (None, None);
    let spans = spans(&gone);
    assert_eq!(error(&spans[1]).as_deref(), Some("client_gone_inside"));
    assert_eq!(error(&spans[2]), None);
}

#[test]
fn methods_and_routes_that_are_not_known_do_not_name_a_span() {
    let context = context();
    let method = Method::from_bytes(b"BREW").unwrap();
    let request = Finished {
        method: &method,
        route: "default",
        routed: Routed::ByDefault,
        host: "",
        ..waited(&context)
    };
    let spans = spans(&request);
    assert_eq!((&*spans[1].name, &*spans[2].name), ("HTTP", "HTTP"));
    for span in &spans[1..] {
        let named = [
            HTTP_REQUEST_METHOD,
            HTTP_REQUEST_METHOD_ORIGINAL,
            HTTP_ROUTE,
        ];
        let named = named.map(|name| attribute(span, name));
        assert_eq!(
            named,
            [Some("_OTHER".to_owned()), Some("BREW".to_owned()), None]
        );
    }
    assert_eq!(
        attribute(&spans[2], "onelane.route").as_deref(),
        Some("default")
    );
    assert_eq!(attribute(&spans[2], SERVER_ADDRESS), None);
}
