//! A slow client does not reach the application, with a lane or without: request bodies are read ahead, and
//! `read_ahead: lane` is the control in each test.

use std::time::Duration;

use bytes::Bytes;

use crate::support::{
    Client, Heard, Http2, Proxy, Request, Response, Step, Upstream, eventually, held, in_halves,
};

const ALWAYS: &str = "read_ahead: always";
const LANE: &str = "read_ahead: lane";
const BUFFER: usize = 8 << 10;
const SPOOL: usize = 100_000;

/// Onelane with these limits; `/free` takes no lane.
fn proxied(limits: &str, yaml: &str) -> (Upstream, Proxy) {
    let app = Upstream::start();
    let routes = "routes: [{ path: /free, access: none }]";
    let yaml = format!("{routes}\nlimits: {{ {limits} }}\n{yaml}");
    let proxy = Proxy::in_front_of(&app, &yaml);
    (app, proxy)
}

/// The head of an upload that has no lane.
fn head(length: usize) -> Vec<u8> {
    let request = Request::new("POST", "/upload");
    request.header("Content-Length", length).head()
}

/// An upload of 10,000 bytes of which all but the last came.
fn begun(proxy: &Proxy) -> Client {
    let mut client = proxy.connect();
    client.send(head(10_000)).send([b'x'; 9_999]);
    client
}

/// Waits until what came of `count` uploads is in memory or in a file.
fn until_read(proxy: &Proxy, count: usize) {
    eventually(&format!("{count} uploads are read"), || {
        let metrics = proxy.metrics();
        metrics.count("onelane_buffer_memory_bytes") >= count * 9_999
    });
}

fn refused(response: &Response, status: u16, reason: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert!(response.text().contains(reason), "{response:?}");
}

/// Fifty uploads that stop behind their first byte, on routes with a lane and without; none has a lane.
fn fifty_slow(proxy: &Proxy) -> Vec<Client> {
    let requests = [
        Request::new("POST", "/upload"),
        Request::new("POST", "/free").session("a"),
        Request::new("PUT", "/free"),
    ];
    let requests = requests.iter().cycle().take(50).enumerate();
    let slow = requests.map(|(number, request)| {
        let framed = match number % 2 {
            0 => request.clone().header("Content-Length", 1000).head(),
            _ => {
                let request = request.clone().header("Transfer-Encoding", "chunked");
                [&request.head(), b"5\r\n".as_slice()].concat()
            }
        };
        let mut client = proxy.connect();
        client.send(framed).send("x");
        client
    });
    slow.collect()
}

#[test]
fn slow_bodies_without_a_session_open_no_connection_to_the_application() {
    let (app, proxy) = proxied("body_idle_timeout: 500ms", "");
    let slow = fifty_slow(&proxy);
    for mut client in slow {
        refused(&client.response(), 408, "request_timeout");
        client.closed();
    }
    proxy.until_counted("onelane_refusals_total", ("reason", "request_timeout"), 50);
    assert_eq!((app.arrived(), app.connections()), (0, 0));
    proxy.until_nothing_is_left();
}

#[test]
fn streamed_the_same_bodies_open_a_connection_each() {
    let (app, proxy) = proxied(&format!("{LANE}, body_idle_timeout: 500ms"), "");
    let slow = fifty_slow(&proxy);
    for _ in &slow {
        app.arrival();
    }
    assert_eq!(app.connections(), 50);
    drop(slow);
}

/// A body of `length` bytes, in one of two framings, as a request without a session.
fn framed(target: &str, body: &[u8], chunked: bool) -> Vec<u8> {
    if !chunked {
        return Request::post(target, body).bytes();
    }
    let request = Request::new("POST", target).header("Transfer-Encoding", "chunked");
    let mut bytes = request.head();
    for piece in body.chunks(10_007) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn random(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

#[test]
fn whole_bodies_arrive_as_they_were_sent_and_nobody_waits_for_a_timer() {
    const HOUR: &str = "body_idle_timeout: 1h"; // whatever waited for it would not be served in this test
    let limits = format!("request_buffer: {BUFFER}, request_spool: {SPOOL}, {HOUR}");
    let (app, proxy) = proxied(&limits, "");
    for length in [
        0,
        1,
        BUFFER,
        BUFFER + 1,
        BUFFER + SPOOL,
        BUFFER + SPOOL + 300_000,
    ] {
        for (chunked, target) in [(false, "/upload"), (true, "/upload"), (true, "/free")] {
            let body = random(length);
            let mut client = proxy.connect();
            client.send(framed(target, &body, chunked));
            assert_eq!(client.response().status, 200, "{chunked} {length}");
            let seen = app.arrival().with_body();
            assert!(seen.body == body, "{chunked} {length}");
            let framing = (
                seen.header("content-length"),
                seen.header("transfer-encoding"),
            );
            let text = length.to_string();
            if length < BUFFER + SPOOL || !chunked {
                assert_eq!(framing, (Some(&*text), None), "{chunked} {length}");
            }
            if length > BUFFER + SPOOL && chunked {
                assert_eq!(framing, (None, Some("chunked")), "{length}");
            }
        }
    }
    for gauge in ["onelane_spool_bytes", "onelane_buffer_memory_bytes"] {
        eventually(gauge, || proxy.metrics().count(gauge) == 0);
    }
}

#[test]
fn what_is_longer_than_buffer_and_file_streams_on() {
    let limits = format!("request_buffer: {BUFFER}, request_spool: {SPOOL}");
    let (app, proxy) = proxied(&limits, "");
    let body = random(1_000_000);
    let mut client = proxy.connect();
    client.send(head(body.len()));
    client.send(&body[..SPOOL / 2]);
    eventually("a part is in the file", || {
        proxy.metrics().count("onelane_spool_bytes") > 0
    });
    assert_eq!(app.arrived(), 0);
    client.send(&body[SPOOL / 2..900_000]);
    let inside = app.arrival();
    client.send(&body[900_000..]);
    assert_eq!(client.response().status, 200);
    assert!(inside.with_body().body == body);
}

#[test]
fn in_observe_mode_no_body_is_waited_for() {
    let (app, proxy) = proxied(ALWAYS, "mode: observe");
    let without = Request::new("POST", "/upload");
    for request in [without.clone(), without.session("a")] {
        let mut client = proxy.connect();
        client.send(request.header("Content-Length", 2).head());
        let inside = app.arrival();
        assert_eq!(client.send("xy").response().status, 200);
        assert_eq!(inside.with_body().body, b"xy");
    }
}

#[test]
fn a_client_that_expects_100_continue_is_told_so_before_the_application_is_asked() {
    let (app, proxy) = proxied(ALWAYS, "");
    let request = Request::new("POST", "/upload").header("Expect", "100-continue");
    let mut client = proxy.connect();
    client.send(request.header("Content-Length", 3).head());
    assert_eq!(client.head().status(), 100);
    assert_eq!((app.arrived(), app.connections()), (0, 0));
    assert_eq!(client.send("abc").response().status, 200);
    assert_eq!(app.arrival().with_body().body, b"abc");
}

#[test]
fn bodies_of_http_2_are_read_ahead_too() {
    let h2c = "listen: { address: '127.0.0.1:0', http2: true }";
    for limits in [ALWAYS, LANE] {
        let (app, proxy) = proxied(limits, h2c);
        let mut client = Http2::connect(proxy.address());
        let post = || Http2::request("POST", "/upload");
        let mut upload = client.begin(post(), false).unwrap();
        let mut leaver = client.begin(post(), false).unwrap();
        for asked in [&mut upload, &mut leaver] {
            asked
                .body
                .send_data(vec![b'x'; 9_999].into(), false)
                .unwrap();
        }
        if limits == LANE {
            app.arrival();
            app.arrival();
            continue;
        }
        until_read(&proxy, 2);
        leaver.cancel();
        proxy.until_counted("onelane_clients_gone_total", ("where", "waiting"), 1);
        assert_eq!((app.arrived(), app.connections()), (0, 0));
        upload
            .body
            .send_data(Bytes::from_static(b"x"), true)
            .unwrap();
        assert_eq!(client.answer(upload).unwrap().status(), 200);
        let seen = app.arrival().with_body();
        assert_eq!(seen.body.len(), 10_000);
        assert_eq!(seen.header("content-length"), Some("10000"));
        assert_eq!(app.arrived(), 1);
    }
}

#[test]
fn a_body_that_breaks_off_its_framing_or_its_bounds_is_answered_without_the_application() {
    let chunked = Request::new("POST", "/upload").header("Transfer-Encoding", "chunked");
    for (rest, status, reason) in [
        ("zz\r\n", 400, "bad_request"),
        ("7d0\r\n", 413, "body_too_large"),
    ] {
        for limits in [ALWAYS, LANE] {
            let (app, proxy) = proxied(&format!("{limits}, body_size: 1KiB"), "");
            let mut client = proxy.connect();
            client.send(chunked.head()).send("3\r\nabc\r\n");
            if limits == LANE {
                app.arrival();
            } else {
                // It answers nobody yet, and asks nobody.
                assert_eq!(client.hear(Duration::from_millis(100)), Heard::Nothing);
            }
            client.send(rest);
            client.send_if_taken(vec![b'x'; 2000]);
            refused(&client.response(), status, reason);
            client.closed();
            assert_eq!(app.connections(), usize::from(limits == LANE));
        }
    }
}

#[test]
fn a_client_that_leaves_before_its_body_has_come_is_never_seen() {
    let (app, proxy) = proxied(ALWAYS, "");
    let (left, reset) = (begun(&proxy), begun(&proxy));
    until_read(&proxy, 2);
    drop(left);
    reset.reset();
    proxy.until_counted("onelane_clients_gone_total", ("where", "waiting"), 2);
    proxy.until_nothing_is_left();
    assert_eq!((app.arrived(), app.connections()), (0, 0));
}

#[test]
fn who_is_read_ahead_is_not_in_the_application_and_is_compared_when_its_body_has_come() {
    let throttle = "throttle: { concurrent: 1 }";
    let (app, proxy) = proxied(ALWAYS, throttle);
    app.on("/hold", held());
    // One after another: each is inside for a moment, until its body is found not to be there.
    let mut first = begun(&proxy);
    until_read(&proxy, 1);
    let mut second = begun(&proxy);
    until_read(&proxy, 2);
    let mut other = proxy.session("a").post("/hold");
    let inside = app.arrival();
    refused(&first.send("x").response(), 429, "too_many_concurrent");
    inside.release();
    assert_eq!(other.status(), 200);
    eventually("nobody is inside", || {
        proxy.metrics().count("onelane_throttle_clients") == 0
    });
    assert_eq!(second.send("x").response().status, 200);
    assert_eq!(app.targets(), ["/hold", "/upload"]);
    drop((first, second));
    proxy.until_nothing_is_left();
    assert_eq!(proxy.metrics().count("onelane_throttle_clients"), 0);
}

#[test]
fn who_streams_is_in_the_application() {
    let (app, proxy) = proxied(LANE, "throttle: { concurrent: 1 }");
    let upload = begun(&proxy);
    app.arrival();
    let other = proxy.call(&Request::get("/"));
    refused(&other, 429, "too_many_concurrent");
    drop(upload);
}

#[test]
fn a_rule_that_observes_refuses_nobody_whose_body_has_come() {
    let (app, proxy) = proxied(ALWAYS, "throttle: { concurrent: 1, mode: observe }");
    app.on("/hold", held());
    let mut upload = begun(&proxy);
    until_read(&proxy, 1);
    let mut other = proxy.session("a").post("/hold");
    let inside = app.arrival();
    assert_eq!(upload.send("x").response().status, 200);
    let decision = ("decision", "would_throttle");
    proxy.until_counted("onelane_throttle_decisions_total", decision, 1);
    inside.release();
    assert_eq!(other.status(), 200);
}

#[test]
fn a_drain_waits_for_bodies_and_cuts_off_those_that_do_not_come() {
    for (timeout, cut_off) in [("60s", 0), ("200ms", 1)] {
        let (app, proxy) = proxied(ALWAYS, &format!("drain_timeout: {timeout}"));
        let mut upload = begun(&proxy);
        until_read(&proxy, 1);
        let draining = proxy.begin_drain();
        if cut_off == 0 {
            assert_eq!(upload.send("x").response().status, 200);
        }
        assert_eq!(draining.ended().cut_off, cut_off);
        assert_eq!(app.arrived(), 1 - cut_off);
    }
}

#[test]
fn a_newcomer_whose_window_is_over_is_read_ahead() {
    let by_client = "session: { keys: [{ name: sid, cookie: sid }], without_session: by_client, by_client_window: 10ms }";
    let (app, proxy) = proxied(ALWAYS, by_client);
    app.on("/hold", held());
    let mut first = proxy.connect();
    first.send(Request::post("/hold", "x=1").bytes());
    let inside = app.arrival();
    // Until one has passed beside the first, the window is not over.
    assert_eq!(proxy.call(&Request::post("/next", "x=1")).status, 200);
    let mut upload = begun(&proxy);
    until_read(&proxy, 1);
    assert_eq!(app.targets(), ["/hold", "/next"]);
    assert_eq!(upload.send("x").response().status, 200);
    inside.release();
    assert_eq!(first.response().status, 200);
}

/// An application that answers before it has read the body, and goes on when that has come.
fn talkative(limits: &str) -> (Upstream, Proxy, Client) {
    let (app, proxy) = proxied(limits, "");
    let [half, _, rest] = in_halves("");
    app.on("/upload", [half, Step::ReadBody, rest]);
    let mut client = proxy.connect();
    client.send(head(2)).send("x");
    (app, proxy, client)
}

#[test]
fn an_application_that_answers_while_it_reads_wants_its_bodies_streamed() {
    let (app, _proxy, mut client) = talkative(LANE);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.read(4), b"half");
    assert_eq!(client.send("y").read(4), b"rest");
    assert_eq!(app.arrival().with_body().body, b"xy");
}

#[test]
fn read_ahead_a_client_that_waits_for_the_answer_first_is_too_slow() {
    let (app, _proxy, mut client) = talkative("body_idle_timeout: 300ms");
    refused(&client.response(), 408, "request_timeout");
    assert_eq!((app.arrived(), app.connections()), (0, 0));
}

#[test]
fn others_are_served_while_slow_bodies_come() {
    let (app, proxy) = proxied(
        "body_idle_timeout: 60s",
        "upstream: { url: 'http://APP', max_connections: 2 }",
    );
    let slow = fifty_slow(&proxy);
    for number in 0..10 {
        assert_eq!(
            proxy.session(&number.to_string()).post("/page").status(),
            200
        );
    }
    assert!(app.connections() <= 2 && app.arrived() == 10);
    drop(slow);
}
