//! Who is refused early, while it still sends, can read why: the connection is not reset before that, and not kept for
//! long after it.

use std::time::{Duration, Instant};

use super::{Door, Site, at_each};
use crate::support::{Client, Closed, DEADLINE, Request, Response};

/// More than the system's buffers have.
const BODY: usize = 5 << 20;
const BOTH: [Door; 2] = [Door::Plain, Door::Tls];

/// What each refusal answers, and the beginning of the request that gets it; `BODY` bytes follow.
fn refused() -> Vec<(u16, &'static str, Vec<u8>)> {
    let head = |fields: &str| {
        format!("POST /x HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n\r\n").into_bytes()
    };
    let long = "x".repeat(140_000); // hyper may take twice the bound, when it comes in one piece
    let target = format!(
        "POST /{} HTTP/1.1\r\nHost: app.test\r\nContent-Length: {BODY}\r\n\r\n",
        "y".repeat(20_000)
    );
    vec![
        (
            413,
            "body_too_large",
            head(&format!("Content-Length: {BODY}")),
        ),
        (
            400,
            "bad_request",
            head(&format!("Content-Length: {BODY}\r\nHost: b.test")),
        ),
        (414, "uri_too_long", target.into_bytes()),
        // hyper's own answers.
        (400, "bad_request", b"NO HTTP\r\n\r\n".to_vec()),
        (
            400,
            "bad_request",
            head(&format!("Content-Length: {BODY}\r\nA b: c")),
        ),
        (431, "header_too_large", head(&format!("A: {long}"))),
    ]
}

fn site() -> Site {
    Site::start("limits: { body_size: 1MiB }")
}

#[track_caller]
fn assert_well_formed(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
    assert!(!response.is_cut(), "{response:?}");
    assert_eq!(response.header("connection"), Some("close"), "{response:?}");
    let length = response.header("content-length").map(str::to_owned);
    assert_eq!(length, Some(response.body.len().to_string()));
}

#[test]
fn who_is_refused_while_it_sends_reads_the_whole_answer() {
    let site = site();
    let body = vec![b'x'; BODY];
    at_each(&BOTH, |door| {
        for (status, reason, head) in refused() {
            let mut client = site.connect(door);
            client.send(&head).send(&body);
            let response = client.response();
            assert_well_formed(&response, status);
            assert_eq!(client.closed(), Closed::Fin, "{door:?} {status} {reason}");
        }
    });
    for (_, reason, _) in refused() {
        let count = refused().iter().filter(|row| row.1 == reason).count();
        let label = ("reason", reason);
        site.proxy
            .until_counted("onelane_refusals_total", label, count * BOTH.len());
    }
    site.proxy.until_nothing_is_left();
    let seen = site.app.seen();
    assert!(seen.is_empty(), "{seen:?}");
}

/// Sends a little now and then until it is no longer taken; how long that went on since `start`.
fn sends_on(client: &mut Client, start: Instant) -> Duration {
    while start.elapsed() < DEADLINE {
        if client.try_send("more").is_err() {
            return start.elapsed();
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("it may send for ever");
}

#[test]
fn who_sends_for_ever_is_counted_as_a_connection_and_ended() {
    let site = site();
    at_each(&BOTH, |door| {
        let mut client = site.connect(door);
        let start = Instant::now();
        client.send(&refused()[0].2);
        assert_eq!(client.response().status, 413);
        assert_eq!(client.closed(), Closed::Fin, "{door:?}");
        assert!(site.proxy.metrics().count("onelane_connections") > 0);
        let after = sends_on(&mut client, start);
        assert!(after > Duration::from_secs(1), "{door:?}: {after:?}");
        assert!(after < Duration::from_secs(10), "{door:?}: {after:?}");
    });
    site.proxy.until_nothing_is_left();
}

#[test]
fn who_sends_no_more_is_not_waited_for() {
    let site = site();
    let took = (0..5).map(|_| {
        let mut client = site.connect(Door::Plain);
        let start = Instant::now();
        client.send(&refused()[0].2);
        assert_eq!(client.response().status, 413);
        drop(client);
        site.proxy.until_nothing_is_left();
        start.elapsed()
    });
    // A slow machine may delay one of them; who is waited for is so each time, and for longer.
    let least = took.min().unwrap();
    assert!(least < Duration::from_secs(1), "{least:?}");
}

#[test]
fn a_body_within_the_bound_keeps_the_connection() {
    let site = Site::start("limits: { body_size: 1KiB }");
    let mut client = site.connect(Door::Plain);
    let small = Request::post("/x", "x".repeat(100));
    assert_eq!(client.call(&small).status, 200);
    assert_eq!(client.call(&small).status, 200);
    assert_eq!(site.proxy.metrics().count("onelane_refusals_total"), 0);
}
