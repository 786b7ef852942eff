//! One lane per session: writers one after another in order of arrival, reads as they are told to, sessions apart.

use std::time::Duration;

use crate::support::{
    Arrived, Exchange, Proxy, Request, Session, Step, Upstream, answer, held, in_halves,
};

/// A first writer inside, and `behind` sent one after another, each known to wait before the next is sent.
fn line(proxy: &Proxy, session: &Session, behind: &[&str]) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for (ahead, target) in behind.iter().enumerate() {
        exchanges.push(session.post(target));
        proxy.until_waiting(ahead + 1);
    }
    exchanges
}

fn finish(arrived: &Arrived<'_>, mut exchange: Exchange) {
    arrived.release();
    assert_eq!(exchange.status(), 200);
}

#[test]
fn writers_of_a_session_go_one_at_a_time_in_order_of_arrival() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, "");
    let session = proxy.session("a");
    let first = session.post("/0");
    let mut inside = app.arrival();
    let behind = line(&proxy, &session, &["/1", "/2", "/3", "/4"]);
    let mut before = first;
    for (number, next) in (1..).zip(behind) {
        assert_eq!(app.arrived(), number, "only one is inside");
        finish(&inside, before);
        inside = app.arrival();
        assert_eq!(inside.seen.target, format!("/{number}"));
        assert!(inside.seen.with.is_empty());
        before = next;
    }
    finish(&inside, before);
    assert_eq!(app.exclusion_violations(), 0);
    proxy.until_nothing_is_left();
}

#[test]
fn without_lanes_the_same_writers_are_inside_together() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, "default_access: none");
    let session = proxy.session("a");
    let exchanges = ["/0", "/1", "/2"].map(|target| session.post(target));
    let inside = [app.arrival(), app.arrival(), app.arrival()];
    assert_eq!(app.exclusion_violations(), 3);
    for arrived in &inside {
        arrived.release();
    }
    for mut exchange in exchanges {
        assert_eq!(exchange.status(), 200);
    }
}

#[test]
fn a_session_never_waits_for_another() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "");
    let first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    assert_eq!(proxy.session("b").post("/x").status(), 200);
    finish(&inside, first);
}

#[test]
fn requests_without_a_session_have_no_lane() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "");
    let mut first = proxy.connect();
    first.send(Request::post("/hold", "").bytes());
    let inside = app.arrival();
    assert_eq!(proxy.call(&Request::post("/x", "")).status, 200);
    inside.release();
    assert_eq!(first.response().status, 200);
}

#[test]
fn a_read_that_overtakes_never_waits() {
    let app = Upstream::start();
    app.on("/write", held());
    let proxy = Proxy::in_front_of(&app, "routes: [{ path: /read, access: read }]");
    let session = proxy.session("a");
    let first = session.post("/write");
    let inside = app.arrival();
    let mut behind = line(&proxy, &session, &["/behind"]);
    assert_eq!(session.get("/read").status(), 200);
    finish(&inside, first);
    assert_eq!(behind[0].status(), 200);
    assert_eq!(app.targets(), ["/write", "/read", "/behind"]);
}

#[test]
fn a_read_that_follows_waits_for_the_writer_and_lets_the_next_go_at_its_headers() {
    let app = Upstream::start();
    app.on("/write", held());
    let mut script = vec![Step::ReadBody, Step::Hold];
    script.extend(in_halves(""));
    app.on("/read", script);
    let yaml = "routes: [{ path: /read, access: read, reads: follow }]\nfollow_hold: 30s";
    let proxy = Proxy::in_front_of(&app, yaml);
    let session = proxy.session("a");
    let first = session.post("/write");
    let writer = app.arrival();
    let mut read = session.get("/read");
    proxy.until_waiting(1);
    let mut last = line_behind(&proxy, &session, 2);
    assert_eq!(app.arrived(), 1, "the read waits for the writer ahead");
    finish(&writer, first);
    let reader = app.arrival();
    assert_eq!(reader.seen.target, "/read");
    proxy.until_waiting(1);
    assert_eq!(
        app.arrived(),
        2,
        "the next writer waits for the headers of the read"
    );
    reader.release();
    let next = app.arrival();
    assert_eq!(
        next.seen.with,
        [reader.seen.number],
        "the body of the read is still on its way"
    );
    reader.release();
    assert_eq!(read.response().text(), "halfrest");
    assert_eq!(last.status(), 200);
    proxy.until_nothing_is_left();
}

fn line_behind(proxy: &Proxy, session: &Session, place: usize) -> Exchange {
    let exchange = session.post("/last");
    proxy.until_waiting(place);
    exchange
}

#[test]
fn a_read_that_follows_holds_no_longer_than_follow_hold() {
    let app = Upstream::start();
    app.on("/read", held());
    let yaml = "routes: [{ path: /read, access: read, reads: follow }]\nfollow_hold: 50ms";
    let proxy = Proxy::in_front_of(&app, yaml);
    let session = proxy.session("a");
    let read = session.get("/read");
    let reader = app.arrival();
    assert_eq!(session.post("/write").status(), 200);
    let waited = app.arrival().seen.arrived - reader.seen.arrived;
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    finish(&reader, read);
}

#[test]
fn sharing_reads_go_together_and_the_writer_behind_waits_for_all() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(
        &app,
        "routes: [{ path: '/read/**', access: read, reads: share }]",
    );
    let session = proxy.session("a");
    let read = |target| session.send(Request::get(target).header("X-Kind", "share"));
    let first = session.post("/write");
    let writer = app.arrival();
    let mut one = read("/read/1");
    proxy.until_waiting(1);
    let mut two = read("/read/2");
    proxy.until_waiting(2);
    let last = line_behind(&proxy, &session, 3);
    let late = read("/read/late");
    proxy.until_waiting(4);

    finish(&writer, first);
    let together = [app.arrival(), app.arrival()];
    proxy.until_waiting(2);
    assert_eq!(app.arrived(), 3, "both reads and nobody else");
    together[0].release();
    together[0].left();
    proxy.until_holding(1);
    assert_eq!(app.arrived(), 3, "the writer waits for the other read too");
    together[1].release();
    assert_eq!((one.status(), two.status()), (200, 200));
    let writer = app.arrival();
    assert_eq!(writer.seen.target, "/last");
    proxy.until_waiting(1);
    assert_eq!(
        app.arrived(),
        4,
        "a read does not share with the writer ahead of it"
    );
    finish(&writer, last);
    finish(&app.arrival(), late);
    assert_eq!(app.exclusion_violations(), 0);
    proxy.until_nothing_is_left();
}

#[test]
fn reads_that_overtake_do_not_keep_a_writer_out_as_sharing_ones_do() {
    let app = Upstream::start();
    app.on("/read", held());
    let proxy = Proxy::in_front_of(
        &app,
        "routes: [{ path: /read, access: read, reads: overtake }]",
    );
    let session = proxy.session("a");
    let read = session.send(Request::get("/read").header("X-Kind", "share"));
    let reader = app.arrival();
    assert_eq!(session.post("/write").status(), 200);
    assert_eq!(app.exclusion_violations(), 1);
    finish(&reader, read);
}

/// The lane of a first request is handed over while it is still inside, or only when it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandOver {
    AtTheHeaders,
    AtTheEnd,
}

fn hand_over(yaml: &str, head: &str) -> HandOver {
    let app = Upstream::start();
    let mut script = vec![Step::ReadBody];
    script.extend(in_halves(head));
    app.on("/first", script);
    let proxy = Proxy::in_front_of(&app, yaml);
    let session = proxy.session("a");
    let mut first = session.post("/first");
    let inside = app.arrival();
    assert_eq!(first.client().head().status(), 200, "its headers are out");
    let mut second = session.post("/second");
    // It either waits or is served; both can be seen.
    let mut waits = false;
    crate::support::eventually("the second waits or is inside", || {
        waits = proxy.metrics().count("onelane_waiters") == 1;
        waits || app.arrived() == 2
    });
    inside.release();
    assert_eq!(first.client().read(8), b"halfrest");
    first.leave();
    assert_eq!(second.status(), 200);
    proxy.until_nothing_is_left();
    if waits {
        HandOver::AtTheEnd
    } else {
        HandOver::AtTheHeaders
    }
}

#[test]
fn a_permit_ends_where_the_route_says() {
    assert_eq!(hand_over("", ""), HandOver::AtTheEnd);
    assert_eq!(hand_over("release: body", ""), HandOver::AtTheEnd);
    assert_eq!(hand_over("release: headers", ""), HandOver::AtTheHeaders);
    assert_eq!(
        hand_over(
            "routes: [{ path: /first, access: write, release: headers }]",
            ""
        ),
        HandOver::AtTheHeaders
    );
}

#[test]
fn an_event_stream_ends_its_permit_at_the_headers_by_itself() {
    assert_eq!(
        hand_over("", "Content-Type: text/event-stream; charset=utf-8\r\n"),
        HandOver::AtTheHeaders
    );
}

#[test]
fn a_permit_outlives_the_body_by_its_grace() {
    let app = Upstream::start();
    app.on("/first", held());
    let proxy = Proxy::in_front_of(&app, "release: { after: body, grace: 300ms }");
    let session = proxy.session("a");
    let first = session.post("/first");
    let inside = app.arrival();
    let mut behind = line(&proxy, &session, &["/second"]);
    finish(&inside, first);
    let second = app.arrival();
    let left = app.seen()[0].left.expect("it has been answered");
    assert!(second.seen.arrived - left >= Duration::from_millis(300));
    assert_eq!(behind[0].status(), 200);
}

#[test]
fn a_permit_ends_with_every_kind_of_response() {
    let whole: [(&str, Vec<u8>); 6] = [
        ("GET", answer(200, "")),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        (
            "GET",
            b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_vec(),
        ),
        (
            "HEAD",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec(),
        ),
        ("GET", crate::support::chunked(&["a", "b"])),
        ("GET", answer(500, "sorry")),
    ];
    for (method, response) in whole {
        let app = Upstream::start();
        app.on(
            "/first",
            [Step::ReadBody, Step::Hold, Step::Send(response.clone())],
        );
        let proxy = Proxy::in_front_of(&app, "");
        let session = proxy.session("a");
        let mut first = session.send(Request::new(method, "/first"));
        let inside = app.arrival();
        let mut behind = line(&proxy, &session, &["/second"]);
        inside.release();
        let kind = String::from_utf8_lossy(&response).into_owned();
        assert_eq!(behind[0].status(), 200, "after {method} {kind}");
        assert!(first.status() >= 200, "{kind}");
        proxy.until_nothing_is_left();
    }
}

#[test]
fn a_client_that_does_not_read_holds_no_lane_when_the_response_fits_the_read_ahead() {
    let app = Upstream::start();
    let body = "x".repeat(200 * 1024);
    app.on("/first", [Step::ReadBody, Step::Send(answer(200, &body))]);
    let proxy = Proxy::in_front_of(&app, "limits: { response_buffer: 256KiB, slow_client: 1h }");
    let session = proxy.session("a");
    let mut lazy = proxy.connect();
    lazy.send(Request::post("/first", "").session("a").bytes());
    app.arrival().left();
    assert_eq!(session.post("/second").status(), 200);
    assert_eq!(lazy.response().body.len(), body.len());
}

#[test]
fn a_client_that_does_not_read_a_longer_response_holds_its_lane_for_slow_client_only() {
    let app = Upstream::start();
    let body = "x".repeat(32 * 1024 * 1024);
    app.on("/first", [Step::ReadBody, Step::Send(answer(200, &body))]);
    let proxy = Proxy::in_front_of(
        &app,
        "limits: { response_buffer: 64KiB, slow_client: 200ms }",
    );
    let mut lazy = proxy.connect();
    lazy.send(Request::post("/first", "").session("a").bytes());
    app.arrival();
    assert_eq!(proxy.session("a").post("/second").status(), 200);
    assert_eq!(lazy.response().body.len(), body.len());
    drop(lazy);
    proxy.until_nothing_is_left();
}

#[test]
fn without_slow_client_such_a_client_holds_its_lane_until_it_has_read() {
    let app = Upstream::start();
    let body = "x".repeat(32 * 1024 * 1024);
    app.on("/first", [Step::ReadBody, Step::Send(answer(200, &body))]);
    let proxy = Proxy::in_front_of(&app, "limits: { response_buffer: 64KiB, slow_client: 1h }");
    let mut lazy = proxy.connect();
    lazy.send(Request::post("/first", "").session("a").bytes());
    app.arrival();
    let mut second = proxy.session("a").post("/second");
    proxy.until_waiting(1);
    assert_eq!(app.arrived(), 1);
    assert_eq!(lazy.response().body.len(), body.len());
    assert_eq!(second.status(), 200);
}
