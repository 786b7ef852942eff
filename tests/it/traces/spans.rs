//! What each kind of request looks like to a collector.

use std::net::SocketAddr;

use super::collector::{CLIENT, Collector, INTERNAL, SERVER, Span, of_kind};
use crate::support::{Http2, Proxy, Request, Step, Upstream, answer, eventually, held};

/// Those of one trace.
fn of_trace(spans: &[Span], trace: &str) -> Vec<Span> {
    let found = spans.iter().filter(|span| span.trace == trace);
    found.cloned().collect()
}

/// The spans of the request whose server span this is in.
fn of_path(spans: &[Span], path: &str) -> Vec<Span> {
    let server = spans.iter().find(|span| span.get("url.path") == Some(path));
    of_trace(spans, &server.expect("it was served").trace)
}

#[test]
fn a_request_that_waited_is_a_trace_of_three_spans() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/slow", held());
    let yaml = "resource_attributes: { deployment.environment.name: test }";
    let routes = "routes: [{ path: '/slow*', access: write }, { path: '/next*', access: write }]";
    let yaml = format!("{}{routes}", collector.yaml(yaml));
    let proxy = Proxy::in_front_of(&app, &yaml);
    let session = proxy.session("s3cret");
    let mut first = session.post("/slow");
    let inside = app.arrival();
    let mut second = session.post("/next?token=hush");
    proxy.until_waiting(1);
    inside.release();
    assert_eq!((first.status(), second.status()), (200, 200));
    let seen = app.arrival().seen;

    let all = collector.until(5);
    let spans = of_path(&all, "/next");
    assert_eq!((all.len(), spans.len()), (5, 3), "the first did not wait");
    let (server, wait) = (of_kind(&spans, SERVER), of_kind(&spans, INTERNAL));
    let client = of_kind(&spans, CLIENT);
    assert_eq!(
        (&*server.name, &*wait.name, &*client.name),
        ("POST /next*", "lane wait", "POST")
    );
    assert_eq!(server.parent, None);
    for child in [wait, client] {
        assert_eq!(child.parent.as_ref(), Some(&server.id));
    }
    assert!(
        spans
            .iter()
            .all(|span| !span.is_error && span.flags & 1 == 1)
    );

    // In order, and within the request.
    assert!(
        server.start <= wait.start && wait.start < wait.end,
        "{spans:#?}"
    );
    assert!(
        wait.end <= client.start && client.start < client.end,
        "{spans:#?}"
    );
    assert!(client.end <= server.end, "{spans:#?}");
    let blocker = of_path(&all, "/slow");
    assert!(
        of_kind(&blocker, CLIENT).start < wait.end && wait.start < of_kind(&blocker, SERVER).end
    );

    // The application is told of the span that it is called by.
    let caller = format!("00-{}-{}-01", client.trace, client.id);
    assert_eq!(seen.header("traceparent"), Some(&*caller));

    assert_eq!(wait.get("onelane.position"), Some("1"));
    assert_eq!(wait.get("onelane.behind"), Some("/slow*"));
    assert_eq!(wait.names(), ["onelane.behind", "onelane.position"]);
    assert_attributes_of(server, client, app.address());
    let text = collector.text();
    assert!(text.contains("deployment.environment.name"));
    for secret in ["s3cret", "hush", "sid="] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Those of a write to `/next*` that waited.
#[track_caller]
fn assert_attributes_of(server: &Span, client: &Span, app: SocketAddr) {
    for (name, value) in [
        ("client.address", "127.0.0.1"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/next*"),
        ("network.protocol.version", "1.1"),
        ("onelane.access", "write"),
        ("onelane.outcome", "forwarded"),
        ("onelane.route", "/next*"),
        ("server.address", "app.test"),
        ("url.path", "/next"),
        ("url.scheme", "http"),
    ] {
        assert_eq!(server.get(name), Some(value), "{name}");
    }
    let digest = server.get("onelane.session").unwrap();
    assert!(digest.len() == 6 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let time = |name| server.get(name).unwrap().parse::<f64>().unwrap();
    assert!(time("onelane.wait_ms") > 0.0 && time("onelane.hold_ms") > 0.0);
    assert_eq!(server.get("onelane.id").unwrap().len(), 32);
    let (url, port) = (format!("http://{app}/next"), app.port().to_string());
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("url.full", &url),
    ] {
        assert_eq!(client.get(name), Some(value), "{name}");
    }
}

#[test]
fn a_refused_request_is_one_span_and_never_called_the_application() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/slow", held());
    let yaml = format!("{}queue: {{ limit: 0 }}", collector.yaml(""));
    let proxy = Proxy::in_front_of(&app, &yaml);
    let mut first = proxy.session("a").post("/slow");
    let inside = app.arrival();
    assert_eq!(proxy.session("a").post("/full").status(), 503);
    let spans = collector.until(1);
    assert_eq!(spans[0].kind, SERVER);
    assert!(spans[0].is_error);
    for (name, value) in [
        ("error.type", "queue_full"),
        ("http.response.status_code", "503"),
        ("onelane.outcome", "refused"),
        ("onelane.reason", "queue_full"),
    ] {
        assert_eq!(spans[0].get(name), Some(value), "{name}");
    }
    inside.release();
    assert_eq!(first.status(), 200);
    collector.until(3);
}

#[test]
fn who_has_waited_in_vain_has_a_wait_that_failed() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/slow", held());
    let yaml = format!("{}queue: {{ wait_timeout: 50ms }}", collector.yaml(""));
    let proxy = Proxy::in_front_of(&app, &yaml);
    let mut first = proxy.session("a").post("/slow");
    let inside = app.arrival();
    assert_eq!(proxy.session("a").post("/late").status(), 503);
    let spans = collector.until(2);
    let wait = of_kind(&spans, INTERNAL);
    assert!(wait.is_error && wait.get("error.type") == Some("wait_timeout"));
    assert!(wait.end - wait.start >= 50_000_000, "{wait:?}");
    assert_eq!(
        of_kind(&spans, SERVER).get("error.type"),
        Some("wait_timeout")
    );
    inside.release();
    assert_eq!(first.status(), 200);
}

#[test]
fn a_client_that_left_while_it_waited_is_no_error_and_never_called_the_application() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/slow", held());
    let proxy = collector.proxy(&app, "");
    let mut first = proxy.session("a").post("/slow");
    let inside = app.arrival();
    let second = proxy.session("a").post("/gone");
    proxy.until_waiting(1);
    second.leave();
    let spans = collector.until(2);
    let server = of_kind(&spans, SERVER);
    assert_eq!(server.get("onelane.outcome"), Some("client_gone_waiting"));
    assert_eq!(server.get("http.response.status_code"), None);
    assert!(spans.iter().all(|span| !span.is_error), "{spans:#?}");
    assert_eq!(of_kind(&spans, INTERNAL).parent.as_ref(), Some(&server.id));
    inside.release();
    assert_eq!(first.status(), 200);
}

#[test]
fn a_write_whose_client_left_is_in_the_application_to_its_end() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/slow", held());
    let proxy = collector.proxy(&app, "");
    let first = proxy.session("a").post("/slow");
    let inside = app.arrival();
    first.leave();
    eventually("it is seen to leave", || {
        proxy.metrics().count("onelane_clients_gone_total") == 1
    });
    inside.release();
    let spans = collector.until(2);
    let (server, client) = (of_kind(&spans, SERVER), of_kind(&spans, CLIENT));
    assert_eq!(server.get("onelane.outcome"), Some("client_gone_inside"));
    assert_eq!(client.get("http.response.status_code"), Some("200"));
}

#[test]
fn errors_of_the_application_are_those_of_its_span() {
    let (app, collector) = (Upstream::start(), Collector::start());
    app.on("/missing", [Step::Send(answer(404, ""))]);
    app.on("/broken", [Step::Send(answer(500, ""))]);
    app.on("/reset", [Step::Reset]);
    let proxy = collector.proxy(&app, "");
    for (path, status) in [("/missing", 404), ("/broken", 500), ("/reset", 502)] {
        assert_eq!(proxy.call(&Request::get(path)).status, status);
    }
    let all = collector.until(6);
    let errors = |path| {
        let spans = of_path(&all, path);
        [SERVER, CLIENT].map(|kind| of_kind(&spans, kind).get("error.type").map(str::to_owned))
    };
    let some = |error: &str| Some(error.to_owned());
    assert_eq!(errors("/missing"), [None, some("404")]);
    assert_eq!(errors("/broken"), [some("500"), some("500")]);
    assert_eq!(errors("/reset"), [some("upstream_reset"), some("reset")]);
}

#[test]
fn an_application_that_is_not_there_is_a_call_that_failed() {
    let (nobody, collector) = (Upstream::reserve(), Collector::start());
    let yaml = collector.yaml("");
    let yaml = format!("{yaml}upstream: {{ url: 'http://APP', connect_timeout: 50ms }}");
    let proxy = Proxy::in_front_of_address(nobody.address(), &yaml);
    assert_eq!(proxy.call(&Request::get("/x")).status, 502);
    let spans = collector.until(2);
    let client = of_kind(&spans, CLIENT);
    assert!(client.is_error && client.get("error.type") == Some("unreachable"));
    assert!(
        client.end - client.start >= 1_000_000,
        "trying took its time"
    );
    assert_eq!(client.get("http.response.status_code"), None);
}

#[test]
fn a_session_in_the_path_is_masked() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let yaml = format!("session: {{ preset: aspnet }}\n{}", collector.yaml(""));
    let proxy = Proxy::in_front_of(&app, &yaml);
    let id = "abcdefghijklmnopqrstuv12";
    assert_eq!(
        proxy
            .call(&Request::get(&format!("/shop/(S({id}))/cart.aspx?q=1")))
            .status,
        200
    );
    let spans = collector.until(2);
    let path = of_kind(&spans, SERVER).get("url.path").unwrap();
    assert!(
        path.starts_with("/shop/") && path.ends_with("/cart.aspx"),
        "{path}"
    );
    assert!(
        of_kind(&spans, CLIENT)
            .get("url.full")
            .unwrap()
            .ends_with(path)
    );
    assert!(!collector.text().contains(id) && !collector.text().contains("q=1"));
}

#[test]
fn what_is_observed_does_not_wait_and_is_traced_all_the_same() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let proxy = Proxy::in_front_of(&app, &format!("mode: observe\n{}", collector.yaml("")));
    assert_eq!(proxy.session("a").post("/x").status(), 200);
    let spans = collector.until(2);
    assert_eq!(
        of_kind(&spans, SERVER).get("onelane.outcome"),
        Some("observed")
    );
    assert_eq!(
        of_kind(&spans, CLIENT).get("http.response.status_code"),
        Some("200")
    );
}

#[test]
fn a_request_of_http2_is_one_of_version_2() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let listen = "listen: { address: '127.0.0.1:0', http2: true }";
    let proxy = Proxy::in_front_of(&app, &format!("{listen}\n{}", collector.yaml("")));
    let mut client = Http2::connect(proxy.address());
    assert_eq!(client.call(Http2::request("GET", "/x")).status(), 200);
    let spans = collector.until(2);
    assert_eq!(
        of_kind(&spans, SERVER).get("network.protocol.version"),
        Some("2")
    );
}
