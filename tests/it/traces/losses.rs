//! A collector that is slow, away or unwilling stops nobody, and what is lost is counted and said.

#[cfg(unix)]
use super::collector::yaml;
use super::collector::{Collector, SERVER};
#[cfg(unix)]
use crate::support::Process;
use crate::support::{
    Authority, OnAccept, Proxy, Relay, Request, Step, Upstream, answer, eventually,
};

const SPANS: &str = "onelane_trace_spans_total";

fn until(proxy: &Proxy, result: &str, count: usize) {
    proxy.until_counted(SPANS, ("result", result), count);
}

#[test]
fn a_collector_that_hangs_stops_no_request_and_no_drain_and_what_does_not_fit_is_dropped() {
    let (app, collector) = (Upstream::start(), Collector::start());
    collector
        .server
        .on("/v1/traces", [Step::ReadBody, Step::Hold]);
    let proxy = collector.proxy(&app, "timeout: 1h");
    let mut client = proxy.connect();
    // Two spans each: the queue has room for 8,192.
    for _ in 0..4_100 {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    until(&proxy, "dropped", 2 * 4_100 - 8_192);
    let metrics = proxy.metrics();
    assert_eq!(metrics.labelled(SPANS, "result", "exported"), 0);
    assert_eq!(metrics.labelled(SPANS, "result", "failed"), 0);
    assert!(collector.server.inside() <= 1, "one request at a time");
    drop(client);
    assert_eq!(proxy.stop().cut_off, 0);
    assert_eq!(collector.spans().len(), 0, "it hangs still");
}

#[test]
fn what_a_collector_refuses_for_now_is_sent_again() {
    let (app, collector) = (Upstream::start(), Collector::start());
    collector.server.on_each("/v1/traces", |seen| {
        let status = if seen.number < 2 { 503 } else { 200 };
        vec![Step::ReadBody, Step::Send(answer(status, "{}"))]
    });
    let proxy = collector.proxy(&app, "");
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    until(&proxy, "exported", 2);
    let ids: Vec<_> = collector.spans().into_iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), 6, "the same two, three times: {ids:?}");
    assert_eq!((&ids[..2], &ids[2..4]), (&ids[2..4], &ids[4..]));
    assert_eq!(proxy.metrics().labelled(SPANS, "result", "failed"), 0);
}

#[test]
fn what_a_collector_goes_on_refusing_has_failed() {
    for status in [503, 400] {
        let (app, collector) = (Upstream::start(), Collector::answering(status, ""));
        let proxy = collector.proxy(&app, "timeout: 3s");
        assert_eq!(proxy.call(&Request::get("/x")).status, 200);
        until(&proxy, "failed", 2);
        let times = collector.seen().len();
        assert_eq!(times > 1, status == 503, "{status} came {times} times");
        // What comes later is none the worse.
        collector.answer(200, "{}");
        assert_eq!(proxy.call(&Request::get("/y")).status, 200);
        until(&proxy, "exported", 2);
    }
}

#[test]
fn spans_that_a_collector_does_not_want_have_failed() {
    let (app, collector) = (
        Upstream::start(),
        Collector::answering(
            200,
            r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}"#,
        ),
    );
    let proxy = collector.proxy(&app, "");
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    until(&proxy, "failed", 1);
    until(&proxy, "exported", 1);
}

#[test]
fn a_collector_may_come_later_than_the_first_request() {
    let (app, place) = (Upstream::start(), Upstream::reserve());
    let endpoint = format!("http://{}/v1/traces", place.address());
    let yaml = format!("tracing: {{ endpoint: '{endpoint}', interval: 20ms, timeout: 3s }}");
    let proxy = Proxy::in_front_of(&app, &yaml);
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    until(&proxy, "failed", 2);
    let collector = place.start();
    collector.on(
        "/v1/traces",
        [Step::ReadBody, Step::Send(answer(200, "{}"))],
    );
    assert_eq!(proxy.call(&Request::get("/y")).status, 200);
    until(&proxy, "exported", 2);
}

#[test]
fn a_collector_that_accepts_and_says_nothing_has_its_timeout() {
    let (app, collector) = (Upstream::start(), Collector::start());
    collector.server.on_accept(OnAccept::Ignore);
    let proxy = collector.proxy(&app, "timeout: 100ms");
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    until(&proxy, "failed", 2);
}

#[test]
fn a_drain_sends_what_has_been_gathered() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let yaml = collector.yaml("").replace("interval: 20ms", "interval: 1m");
    let proxy = Proxy::in_front_of(&app, &yaml);
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    assert_eq!(collector.server.arrived(), 0, "the interval is not over");
    assert_eq!(proxy.stop().cut_off, 0);
    let spans = collector.spans();
    assert_eq!(spans.iter().filter(|span| span.kind == SERVER).count(), 1);
}

#[test]
fn headers_are_sent_and_a_redirect_does_not_lead_them_away() {
    let (app, collector, other) = (Upstream::start(), Collector::start(), Collector::start());
    let headers = "headers: { X-Api-Key: s3cret, User-Agent: mine }";
    let proxy = collector.proxy(&app, headers);
    assert_eq!(proxy.call(&Request::get("/x")).status, 200);
    until(&proxy, "exported", 2);
    let seen = &collector.seen()[0];
    assert_eq!(seen.head.all("x-api-key"), ["s3cret"]);
    assert_eq!(
        seen.head.all("host"),
        [collector.server.address().to_string()]
    );
    let moved = format!(
        "HTTP/1.1 307 Moved\r\nLocation: http://{}/v1/traces\r\nContent-Length: 0\r\n\r\n",
        other.server.address()
    );
    let moved = [Step::ReadBody, Step::Send(moved.into_bytes())];
    collector.server.on("/v1/traces", moved);
    assert_eq!(proxy.call(&Request::get("/y")).status, 200);
    until(&proxy, "failed", 2);
    assert_eq!(other.server.connections(), 0);
}

#[test]
fn a_collector_behind_tls_is_sent_to_when_it_is_who_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("collector", &["localhost", "127.0.0.1"]);
    let (app, collector) = (Upstream::start(), Collector::start());
    let versions = &[&rustls::version::TLS13];
    let relay = Relay::start(collector.server.address(), &pair, versions);
    let proxy = |tls: &str| {
        let endpoint = format!("https://{}/v1/traces", relay.address());
        let keys = format!("endpoint: '{endpoint}', interval: 20ms, timeout: 6s, {tls}");
        Proxy::in_front_of(&app, &format!("tracing: {{ {keys} }}"))
    };
    let file = authority.file();
    let known = proxy(&format!("tls: {{ ca: '{}' }}", file.display()));
    assert_eq!(known.call(&Request::get("/x")).status, 200);
    until(&known, "exported", 2);
    let stranger = proxy("");
    assert_eq!(stranger.call(&Request::get("/y")).status, 200);
    until(&stranger, "failed", 2);
    assert_eq!(collector.spans().len(), 2);
}

#[cfg(unix)]
#[test]
fn losses_are_said_once_with_their_reason_and_without_the_headers() {
    let (app, place) = (Upstream::start(), Upstream::reserve());
    let base = format!("http://{}", place.address());
    let traced = yaml(&base, "timeout: 2s, headers: { k: s3cret }");
    let process = Process::in_front_of(&app, &format!("log: {{ access: true }}\n{traced}"));
    for path in ["/a", "/b", "/c"] {
        assert_eq!(process.connect().call(&Request::get(path)).status, 200);
    }
    eventually("the first of them fail", || {
        process
            .metrics()
            .contains(&format!("{SPANS}{{result=\"failed\"}} 6\n"))
    });
    let (requests, said) = process.ended("TERM");
    let lost: Vec<_> = said
        .lines()
        .filter(|line| line.contains("spans are lost"))
        .collect();
    assert_eq!(lost.len(), 1, "{said}");
    assert!(
        lost[0].contains("refused") && lost[0].contains(&base),
        "{said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
    // Each line of the log names the trace that began with its request.
    let traces: Vec<_> = requests
        .lines()
        .filter_map(|line| line.split_once(" trace="))
        .collect();
    assert_eq!(traces.len(), 3, "{requests}");
    assert!(
        traces.iter().all(|(_, trace)| trace.len() == 32),
        "{requests}"
    );
}
