//! What the application does wrong: each fault has its status, holds no lane longer than the fault lasts, and no request
//! that may have been sent is sent again.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::support::{
    DEADLINE, Exchange, OnAccept, Proxy, Request, Response, Step, Upstream, Wire, answer,
    eventually, held, in_halves,
};

/// The response to a first request for `/first`, with a second one of its session behind it, which must be served.
fn faulty(steps: &[Step], yaml: &str) -> (Response, Upstream, Proxy) {
    let app = Upstream::start();
    app.on("/first", steps);
    let proxy = Proxy::in_front_of(&app, yaml);
    let mut first = proxy.session("a").post("/first");
    let mut second = proxy.session("a").post("/second");
    let response = first.response();
    assert_eq!(second.status(), 200, "the lane goes on");
    assert_eq!(
        app.targets()
            .iter()
            .filter(|target| *target == "/first")
            .count(),
        1,
        "it was sent once"
    );
    drop((first, second));
    proxy.until_nothing_is_left();
    (response, app, proxy)
}

/// The status of a refusal, which is counted once for `reason`.
#[track_caller]
fn refused(response: &Response, proxy: &Proxy, reason: &str) -> u16 {
    proxy.until_counted("onelane_refusals_total", ("reason", reason), 1);
    response.status
}

#[test]
fn an_application_that_is_down_is_502_after_connect_timeout() {
    let reserved = Upstream::reserve();
    let proxy = Proxy::in_front_of_address(
        reserved.address(),
        "upstream: { url: 'http://APP', connect_timeout: 300ms }",
    );
    let response = proxy.session("a").post("/x").response();
    assert_eq!(refused(&response, &proxy, "upstream_unreachable"), 502);
    proxy.until_nothing_is_left();
}

#[test]
fn a_recycle_of_the_application_is_a_pause() {
    let reserved = Upstream::reserve();
    let proxy = Proxy::in_front_of_address(reserved.address(), "");
    let mut first = proxy.session("a").post("/1");
    proxy.until_holding(1);
    let mut second = proxy.session("a").post("/2");
    proxy.until_waiting(1);
    let app = reserved.start();
    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(app.targets(), ["/1", "/2"]);
}

#[test]
fn an_application_that_closes_or_resets_at_once_is_502() {
    for on_accept in [OnAccept::Close, OnAccept::Reset] {
        let app = Upstream::start();
        app.on_accept(on_accept.clone());
        let proxy = Proxy::in_front_of(&app, "");
        let response = proxy.session("a").post("/x").response();
        assert_eq!(
            refused(&response, &proxy, "upstream_reset"),
            502,
            "{on_accept:?}"
        );
        app.on_accept(OnAccept::Serve);
        assert_eq!(proxy.session("a").post("/x").status(), 200);
        proxy.until_nothing_is_left();
    }
}

#[test]
fn an_application_that_speaks_first_or_talks_nonsense_is_502() {
    let app = Upstream::start();
    app.on_accept(OnAccept::Say(b"220 mail.example ESMTP\r\n"));
    let proxy = Proxy::in_front_of(&app, "");
    assert_eq!(proxy.session("a").post("/x").status(), 502);
    for nonsense in [
        "\0\x01\x02 not http at all\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
    ] {
        let (response, ..) = faulty(
            &[Step::ReadBody, Step::Send(nonsense.into()), Step::Close],
            "",
        );
        assert_eq!(response.status, 502, "{nonsense:?}");
    }
    let (response, _app, proxy) = faulty(
        &[
            Step::ReadBody,
            Step::Send(b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n".into()),
        ],
        "",
    );
    assert_eq!(refused(&response, &proxy, "upstream_invalid"), 502);
}

#[test]
fn contradicting_lengths_from_the_application_are_502() {
    let two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc".to_vec();
    let (response, ..) = faulty(&[Step::ReadBody, Step::Send(two), Step::Close], "");
    assert_eq!(response.status, 502);
}

#[test]
fn half_a_head_is_502() {
    for end in [Step::Close, Step::Reset] {
        let half = Step::Send(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec());
        let (response, ..) = faulty(&[Step::ReadBody, half, end.clone()], "");
        assert_eq!(response.status, 502, "{end:?}");
    }
}

#[test]
fn half_a_body_never_looks_whole_to_the_client() {
    let heads = [
        "Content-Length: 8\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for head in heads {
        for end in [Step::Close, Step::Reset] {
            let half = Step::Send(format!("HTTP/1.1 200 OK\r\n{head}").into_bytes());
            let (response, ..) = faulty(&[Step::ReadBody, half, end.clone()], "");
            assert_eq!(response.status, 200);
            assert!(response.is_cut(), "{head:?} {end:?}: {response:?}");
            assert!("half".starts_with(&response.text()));
        }
    }
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole() {
    let close_delimited = Step::Send(b"HTTP/1.1 200 OK\r\n\r\nall of it".to_vec());
    let (response, ..) = faulty(&[Step::ReadBody, close_delimited, Step::Close], "");
    assert_eq!(response.text(), "all of it");
    assert!(!response.is_cut());
}

#[test]
fn a_reset_by_the_application_ends_the_permit_at_once() {
    let (response, _app, proxy) = faulty(&[Step::ReadBody, Step::Reset], "");
    assert_eq!(refused(&response, &proxy, "upstream_reset"), 502);
}

const HASTY: &str = "upstream: { url: 'http://APP', response_timeout: 2s }";

#[test]
fn a_write_that_is_not_answered_in_time_is_504_and_keeps_its_lane_until_the_application_answers() {
    let app = Upstream::start();
    app.on("/first", held());
    let proxy = Proxy::in_front_of(&app, HASTY);
    let mut first = proxy.session("a").post("/first");
    let inside = app.arrival();
    let response = first.response();
    assert_eq!(refused(&response, &proxy, "upstream_timeout"), 504);
    let mut second = proxy.session("a").post("/second");
    proxy.until_waiting(1);
    assert_eq!(app.arrived(), 1, "the application still works on the first");
    inside.release();
    assert_eq!(second.status(), 200);
    assert!(app.seen()[1].with.is_empty());
    proxy.until_nothing_is_left();
}

#[test]
fn a_write_that_is_never_answered_keeps_its_lane_until_the_application_closes() {
    for end in [Step::Close, Step::Reset] {
        let app = Upstream::start();
        app.on("/first", [Step::ReadBody, Step::Hold, end]);
        let proxy = Proxy::in_front_of(&app, HASTY);
        let mut first = proxy.session("a").post("/first");
        let inside = app.arrival();
        assert_eq!(first.status(), 504);
        let mut second = proxy.session("a").post("/second");
        proxy.until_waiting(1);
        inside.release();
        assert_eq!(second.status(), 200);
        proxy.until_nothing_is_left();
    }
}

#[test]
fn a_write_that_is_never_answered_keeps_its_lane_until_the_hold_limit_at_the_latest() {
    let app = Upstream::start();
    app.on("/first", held());
    let routes = "routes: [{ path: /first, access: write, queue: { hold_limit: 4s } }]";
    let proxy = Proxy::in_front_of(&app, &format!("{HASTY}\n{routes}"));
    let mut first = proxy.session("a").post("/first");
    let inside = app.arrival();
    assert_eq!(first.status(), 504);
    assert_eq!(proxy.session("a").post("/second").status(), 200);
    let release = ("kind", "hold_limit_release");
    proxy.until_counted("onelane_exclusion_exceptions_total", release, 1);
    inside.release();
    proxy.until_nothing_is_left();
}

#[test]
fn a_read_that_is_not_answered_in_time_is_504_and_cancelled() {
    let app = Upstream::start();
    app.on("/read", held());
    let yaml = format!("{HASTY}\nroutes: [{{ path: /read, access: read, reads: share }}]");
    let proxy = Proxy::in_front_of(&app, &yaml);
    let mut read = proxy.session("a").get("/read");
    let inside = app.arrival();
    inside.peer_left();
    assert_eq!(read.status(), 504);
    let mut next = proxy.session("a").post("/next");
    proxy.until_waiting(1); // the application was told, but may still read the session
    inside.release();
    assert_eq!(next.status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn an_application_that_never_reads_is_504() {
    let app = Upstream::start();
    app.on_accept(OnAccept::Ignore);
    let proxy = Proxy::in_front_of(&app, &format!("{HASTY}\nqueue: {{ hold_limit: 3s }}"));
    assert_eq!(proxy.session("a").post("/x").status(), 504);
    proxy.until_nothing_is_left();
}

#[test]
fn a_body_that_stalls_is_cut_after_body_timeout() {
    let app = Upstream::start();
    app.on("/read", in_halves(""));
    let yaml = "upstream: { url: 'http://APP', body_timeout: 2s }\nroutes: [{ path: /read, access: read, reads: share }]";
    let proxy = Proxy::in_front_of(&app, yaml);
    let response = proxy.session("a").get("/read").response();
    assert_eq!(response.text(), "half");
    assert!(response.is_cut());
    app.arrival().release();
    assert_eq!(proxy.session("a").post("/next").status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn a_connection_that_the_application_closed_while_idle_is_no_error() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    for round in 1..=20 {
        assert_eq!(proxy.session("a").post("/x").status(), 200);
        assert_eq!(app.connections(), round);
        eventually("the application is idle", || app.inside() == 0);
        app.close_connections();
    }
    assert_eq!(proxy.metrics().count("onelane_refusals_total"), 0);
}

#[test]
fn a_connection_is_reused_while_the_application_keeps_it() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    for _ in 0..5 {
        assert_eq!(
            client.call(&Request::post("/x", "a").session("a")).status,
            200
        );
    }
    assert_eq!(app.connections(), 1);
}

fn connections_for_two_requests(head: &str) -> usize {
    let app = Upstream::start();
    let response = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 0\r\n\r\n").into_bytes();
    app.on("*", [Step::ReadBody, Step::Send(response)]);
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    for _ in 0..2 {
        assert_eq!(client.call(&Request::get("/x").session("a")).status, 200);
    }
    app.connections()
}

#[test]
fn a_promised_keep_alive_is_honoured() {
    assert_eq!(
        connections_for_two_requests("Keep-Alive: timeout=60, max=100\r\n"),
        1
    );
    assert_eq!(
        connections_for_two_requests("Keep-Alive: timeout=1\r\n"),
        2,
        "a second less than promised"
    );
    assert_eq!(connections_for_two_requests("Connection: close\r\n"), 2);
}

#[test]
fn what_may_have_been_sent_is_never_sent_again() {
    for method in ["GET", "POST"] {
        let app = Upstream::start();
        app.on("/close", [Step::ReadBody, Step::Close]);
        let proxy = Proxy::in_front_of(&app, "");
        let mut client = proxy.connect();
        assert_eq!(
            client
                .call(&Request::post("/warm-up", "").session("a"))
                .status,
            200
        );
        let request = Request::new(method, "/close")
            .header("Content-Length", 0)
            .session("a");
        assert_eq!(
            client.call(&request).status,
            502,
            "{method} on a reused connection"
        );
        assert_eq!(app.targets(), ["/warm-up", "/close"]);
    }
}

#[test]
fn an_early_answer_to_an_unfinished_upload_reaches_the_client() {
    let app = Upstream::start();
    app.on(
        "/upload",
        [Step::Send(answer(413, "too much")), Step::Close],
    );
    let proxy = Proxy::in_front_of(&app, "limits: { request_buffer: 1KiB, request_spool: 0 }");
    let mut client = proxy.connect();
    client.send(
        Request::new("POST", "/upload")
            .header("Content-Length", 10_000_000)
            .session("a")
            .head(),
    );
    client.send(vec![b'x'; 10_000]);
    let response = client.response();
    assert_eq!(
        (response.status, response.text().as_str()),
        (413, "too much")
    );
    assert_eq!(proxy.session("a").post("/next").status(), 200);
    drop(client);
    proxy.until_nothing_is_left();
}

#[test]
fn an_application_that_answers_and_closes_without_reading_is_heard() {
    let app = Upstream::start();
    app.on("/upload", [Step::Send(answer(403, "no")), Step::Close]);
    let proxy = Proxy::in_front_of(&app, "");
    let upload = Request::post("/upload", vec![b'x'; 1_000_000]);
    for round in 0..40 {
        let response = proxy.call(&upload);
        assert_eq!(
            (response.status, response.text().as_str()),
            (403, "no"),
            "{round}"
        );
    }
}

#[test]
fn above_max_connections_a_request_waits_and_is_then_refused() {
    let app = Upstream::start();
    app.on("/hold", held());
    let yaml = "upstream: { url: 'http://APP', connect_timeout: 2s, max_connections: 1 }";
    let proxy = Proxy::in_front_of(&app, yaml);
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let busy = proxy.session("b").post("/x").response();
    assert_eq!(refused(&busy, &proxy, "upstream_busy"), 503);
    assert!(busy.header("retry-after").is_some());
    inside.release();
    assert_eq!(first.status(), 200);
    eventually("the connection is free", || {
        proxy.session("b").post("/x").status() == 200
    });
}

#[test]
fn a_unix_socket_is_as_good_as_a_port() {
    let path = std::env::temp_dir().join(format!("onelane-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let proxy = Proxy::in_front_of(
        &Upstream::start(),
        &format!("upstream: 'unix:{}'", path.display()),
    );
    let mut exchange: Exchange = proxy.session("a").post("/x");
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut wire = Wire::new(stream);
    let head = wire.head().unwrap().unwrap();
    assert_eq!(head.start, "POST /x HTTP/1.1");
    assert_eq!(head.header("host"), Some("app.test"));
    wire.send(answer(200, "over a file")).unwrap();
    assert_eq!(exchange.response().text(), "over a file");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_idle_connection_gives_its_place_to_a_request_of_another_core() {
    let app = Upstream::start();
    let yaml =
        "upstream: { url: 'http://APP', connect_timeout: 20s, max_connections: 1, keep_alive: 1h }";
    let proxy = Proxy::in_front_of(&app, yaml);
    // The acceptor gives each new connection to the core with the fewest, so these are on different ones.
    let mut clients = [proxy.connect(), proxy.connect(), proxy.connect()];
    for client in &mut clients {
        client.send(Request::post("/", "").bytes());
        assert_eq!(client.response().status, 200);
    }
    drop(clients);
    proxy.until_nothing_is_left();
}

#[test]
fn an_answer_before_the_upload_has_ended_does_not_cost_the_client_its_connection() {
    let app = Upstream::start();
    app.on(
        "/early",
        [Step::Send(answer(200, "early")), Step::Hold, Step::ReadBody],
    );
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let long = "x".repeat(8 * 1024 * 1024);
    let upload = Request::post("/early", &long).bytes();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| client.send(upload));
        let inside = app.arrival();
        proxy.until_every_core_has_looked(); // the answer has gone through; most of the upload has not
        inside.release();
        sending.join().unwrap();
        assert_eq!(inside.with_body().body.len(), long.len());
    });
    assert_eq!(client.response().text(), "early");
    assert_eq!(client.call(&Request::post("/next", "")).status, 200);
    drop(client);
    assert_eq!(
        proxy.begin_drain().ended().cut_off,
        0,
        "the upload has ended"
    );
}

#[test]
fn a_long_upload_that_was_taken_has_the_response_timeout_and_not_the_body_timeout() {
    let app = Upstream::start();
    let slow = [
        Step::ReadBody,
        Step::Work(Duration::from_secs(4)),
        Step::Send(answer(200, "")),
    ];
    app.on("/save", slow);
    let yaml = "upstream: { url: 'http://APP', body_timeout: 2s, response_timeout: 20s }";
    let proxy = Proxy::in_front_of(&app, yaml);
    for session in ["a", ""] {
        let mut upload = Request::post("/save", "x".repeat(300_000));
        if !session.is_empty() {
            upload = upload.session(session);
        }
        assert_eq!(proxy.connect().call(&upload).status, 200);
    }
    proxy.until_nothing_is_left();
}

#[test]
fn an_application_that_breaks_the_framing_keeps_its_lane_until_it_closes() {
    for nonsense in ["zz\r\n", "4\r\nhalf\r\nzz\r\n"] {
        let app = Upstream::start();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let said = Step::Send(format!("{head}{nonsense}").into_bytes());
        app.on("/first", [Step::ReadBody, said, Step::Hold, Step::Close]);
        let proxy = Proxy::in_front_of(&app, "");
        let mut first = proxy.session("a").post("/first");
        let inside = app.arrival();
        let response = first.response();
        assert!(response.status == 502 || response.is_cut(), "{response:?}");
        let mut second = proxy.session("a").post("/second");
        proxy.until_waiting(1);
        assert_eq!(app.arrived(), 1, "the application is still at work");
        inside.release();
        assert_eq!(second.status(), 200);
        assert!(app.seen()[1].with.is_empty());
        proxy.until_nothing_is_left();
    }
}
