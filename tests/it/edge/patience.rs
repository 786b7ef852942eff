//! Each stage of a connection has its time, and not less.

use std::time::{Duration, Instant};

use super::{Door, EVERY, NAMED, Site, at_each};
use crate::support::{Client, Closed, Heard, Request, Step, answer, eventually, held};

/// `header_timeout` of most tests here.
const TIME: Duration = Duration::from_millis(2500);
const SHORT: &str = "limits: { header_timeout: 2500ms }";
const LONG: &str = "limits: { header_timeout: 60s }";
/// Longer than [`TIME`]: what has not ended by then has not been limited.
const PAST: Duration = Duration::from_millis(3500);
/// What begins a TLS record of 512 bytes with a ClientHello in it.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// The beginnings of connections that never come to a request, and what was sent at each door.
fn beginnings(site: &Site) -> Vec<(&'static str, Client)> {
    let with = |door, bytes: &[u8]| {
        let mut client = site.silent(door);
        client.send(bytes);
        client
    };
    let mut all = vec![
        ("a part of the preface", with(Door::Sniffing, b"PRI * HT")),
        ("a part of a handshake", with(Door::Tls, HALF_HELLO)),
        ("a PROXY header alone", with(Door::Named, NAMED.as_bytes())),
        (
            "before the handshake",
            with(Door::NamedTls, NAMED.as_bytes()),
        ),
        (
            "a part of a PROXY header",
            with(Door::NamedTls, b"PROXY TCP4 "),
        ),
        ("after the handshake", site.connect(Door::Tls)),
        ("after both", site.connect(Door::NamedTls)),
    ];
    all.extend(EVERY.map(|door| ("nothing", site.silent(door))));
    all
}

#[test]
fn who_comes_to_no_request_is_closed_in_time_without_a_word() {
    let site = Site::start(SHORT);
    let start = Instant::now();
    for (what, mut client) in beginnings(&site) {
        let (said, _) = client.rest();
        assert!(start.elapsed() >= TIME, "{what}: {:?}", start.elapsed());
        assert_eq!(said, b"", "{what}");
    }
    assert!(start.elapsed() < TIME * 8, "{:?}", start.elapsed());
    site.proxy.until_nothing_is_left();
    let metrics = site.proxy.metrics();
    let count = |name, label| metrics.labelled(name, "reason", label);
    // Nothing, a part of a handshake, and nothing after the PROXY header.
    assert_eq!(count("onelane_connections_ended_total", "tls_handshake"), 3);
    assert_eq!(metrics.count("onelane_refusals_total"), 0);
}

#[test]
fn without_the_short_limit_they_stay() {
    let site = Site::start(LONG);
    let mut all = beginnings(&site);
    for (what, client) in &mut all {
        assert_eq!(client.hear(PAST / 10), Heard::Nothing, "{what}");
    }
    assert_eq!(site.proxy.metrics().count("onelane_connections"), 12);
}

/// Sends `bytes` one by one, each a while after the other, until something comes back.
fn drip(client: &mut Client, bytes: &[u8]) -> Heard {
    for byte in bytes {
        client.send_if_taken([*byte]);
        match client.hear(TIME / 20) {
            Heard::Nothing => {}
            heard => return heard,
        }
    }
    Heard::Nothing
}

const DRIPPED: &[u8] = b"GET /x HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\n\r\n";

#[test]
fn a_head_that_drips_is_refused_and_its_client_can_read_that() {
    let site = Site::start(SHORT);
    at_each(&EVERY, |door| {
        let start = Instant::now();
        let mut client = site.connect(door);
        assert!(matches!(drip(&mut client, DRIPPED), Heard::Bytes(_)));
        assert!(start.elapsed() >= TIME, "{door:?}: {:?}", start.elapsed());
        let response = client.response();
        assert_eq!(response.status, 408, "{door:?}");
        assert_eq!(response.header("connection"), Some("close"));
        assert!(!response.is_cut());
        client.send_if_taken("x"); // it may not have noticed
        assert_eq!(client.rest(), (Vec::new(), Closed::Fin), "{door:?}");
    });
    let timeouts = ("reason", "request_timeout");
    site.proxy
        .until_counted("onelane_refusals_total", timeouts, EVERY.len());
    site.proxy.until_nothing_is_left();
    assert_eq!(site.app.arrived(), 0);
}

#[test]
fn a_later_head_that_drips_is_refused_too() {
    let site = Site::start(SHORT);
    at_each(&[Door::Plain, Door::Tls], |door| {
        let mut client = site.connect(door);
        assert_eq!(client.call(&Request::get("/x")).status, 200);
        assert_eq!(client.hear(PAST), Heard::Nothing, "idle is not slow");
        assert_eq!(client.call(&Request::get("/x")).status, 200);
        assert!(matches!(drip(&mut client, DRIPPED), Heard::Bytes(_)));
        assert_eq!(client.response().status, 408, "{door:?}");
        client.closed();
    });
}

#[test]
fn without_the_short_limit_a_head_may_drip() {
    let site = Site::start(LONG);
    let mut clients = EVERY.map(|door| site.connect(door));
    for byte in DRIPPED {
        for client in &mut clients {
            client.send([*byte]);
        }
        if *byte == b':' {
            assert_eq!(clients[0].hear(PAST / 2), Heard::Nothing);
        }
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn a_kept_connection_is_closed_when_it_was_idle_for_so_long_and_not_before() {
    let site = Site::start("limits: { idle_timeout: 5s }");
    at_each(&[Door::Plain, Door::Sniffing, Door::Tls], |door| {
        let mut client = site.connect(door);
        for _ in 0..3 {
            assert_eq!(client.call(&Request::get("/x")).status, 200);
            let pause = client.hear(Duration::from_millis(1700));
            assert_eq!(pause, Heard::Nothing, "each request begins it anew");
        }
        let start = Instant::now();
        assert_eq!(client.call(&Request::get("/x")).status, 200);
        assert_eq!(client.rest(), (Vec::new(), Closed::Fin), "{door:?}");
        let idle = start.elapsed();
        assert!(idle >= Duration::from_millis(4990), "{door:?}: {idle:?}");
        assert!(idle < Duration::from_secs(20), "{door:?}: {idle:?}");
    });
    site.proxy.until_nothing_is_left();
    assert_eq!(site.proxy.metrics().count("onelane_refusals_total"), 0);
}

#[test]
fn a_head_that_begins_at_the_end_of_the_idle_time_has_its_own_time() {
    let site = Site::start("limits: { idle_timeout: 2s, header_timeout: 30s }");
    at_each(&[Door::Plain, Door::Tls], |door| {
        let mut first = site.connect(door);
        let mut later = site.connect(door);
        assert_eq!(later.call(&Request::get("/x")).status, 200);
        for client in [&mut first, &mut later] {
            client.send(&DRIPPED[..20]);
        }
        assert_eq!(first.hear(Duration::from_secs(3)), Heard::Nothing);
        for client in [&mut first, &mut later] {
            client.send(&DRIPPED[20..]);
            assert_eq!(client.response().status, 200, "{door:?}");
        }
    });
}

#[test]
fn a_long_request_is_not_idle() {
    let site = Site::start("limits: { idle_timeout: 2s, header_timeout: 2s }");
    let work = Step::Work(Duration::from_secs(5));
    let steps = [Step::ReadBody, work, Step::Send(answer(200, "done"))];
    site.app.on("/long", steps);
    at_each(&[Door::Plain, Door::Tls], |door| {
        let mut client = site.connect(door);
        assert_eq!(client.call(&Request::get("/long")).text(), "done");
        client.closed();
    });
}

#[test]
fn idle_connections_end_with_the_drain_at_once() {
    let site = Site::start("drain_timeout: 60s");
    let doors = [Door::Plain, Door::Tls, Door::NamedTls];
    let mut idle = doors.map(|door| site.connect(door));
    for client in &mut idle {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    let unborn = EVERY.map(|door| site.silent(door));
    eventually("all are known", || {
        site.proxy.metrics().count("onelane_connections") == idle.len() + unborn.len()
    });
    let start = Instant::now();
    assert_eq!(site.proxy.stop().cut_off, 0);
    assert!(start.elapsed() < Duration::from_secs(30));
    for (door, client) in doors.iter().zip(&mut idle) {
        assert_eq!(client.closed(), Closed::Fin, "{door:?}");
    }
    for mut client in unborn {
        client.closed();
    }
}

/// How long a drain took since its last request, with idle connections beside it.
fn end_of_a_drain() -> Duration {
    let site = Site::start("drain_timeout: 60s");
    site.app.on("/hold", held());
    let doors = [Door::Plain, Door::Sniffing, Door::Tls];
    let mut idle = doors.map(|door| site.connect(door));
    for client in &mut idle {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
        site.app.arrival();
    }
    let mut inside = site.connect(Door::Plain);
    inside.send(Request::get("/hold").bytes());
    let held = site.app.arrival();
    let draining = site.proxy.begin_drain();
    // Together longer than the second in which each drain waits for last requests.
    for client in &mut idle {
        assert_eq!(client.hear(Duration::from_millis(400)), Heard::Nothing);
    }
    held.release();
    let start = Instant::now();
    assert_eq!(inside.response().status, 200);
    for (door, mut client) in doors.into_iter().zip(idle) {
        assert_eq!(client.closed(), Closed::Fin, "{door:?}");
    }
    inside.closed();
    drop(inside);
    draining.ended();
    start.elapsed()
}

#[test]
fn idle_connections_end_with_the_last_request_of_a_drain() {
    // Answers that are not read are waited for, for a second: each time. A slow machine may delay one of them.
    let took = (0..4).map(|_| end_of_a_drain()).min().unwrap();
    assert!(took < Duration::from_millis(900), "{took:?}");
}
