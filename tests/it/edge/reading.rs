//! Clients that ask and do not read, or hardly.

use std::time::{Duration, Instant};

use super::{Door, Site, at_each};
use crate::support::{Client, Heard, Request, Step, answer, eventually};

/// More than our buffer and the system's for a client have.
const LARGE: usize = 4 << 20;
/// More than twice the time that clients have there, in which they read less than there is.
const LONG: Duration = Duration::from_secs(9);
/// More than the system's buffers for a client have.
const SOME: usize = 400 << 10;
const BOTH: [Door; 2] = [Door::Plain, Door::Tls];
/// Both have a lane, which the slow client no longer holds when it is cut off: nobody waits for the end of either.
const ROUTES: &str =
    "routes: [{ path: /read, access: read, reads: share }, { path: /write, access: write }]";

fn site(limits: &str) -> Site {
    let site = Site::start(&format!("limits: {limits}\n{ROUTES}"));
    let large = answer(200, vec![b'x'; LARGE]);
    for path in ["/read", "/write"] {
        site.app
            .on(path, [Step::ReadBody, Step::Send(large.clone())]);
    }
    site
}

/// A client that has asked for `path`, with the least room for what it does not read.
fn asking(site: &Site, door: Door, path: &str) -> Client {
    let mut client = site.ready(Client::connect_narrow(site.address(door)), door);
    client.send(Request::get(path).session("a").bytes());
    client
}

#[test]
fn who_reads_nothing_is_reset_and_leaves_nothing() {
    for path in ["/read", "/write"] {
        let site = site("{ send_timeout: 400ms, slow_client: 100ms }");
        at_each(&BOTH, |door| {
            let start = Instant::now();
            let client = asking(&site, door, path);
            // A FIN would wait behind what is not read, and the system would keep both.
            eventually("the connection is reset", || client.was_reset());
            assert!(start.elapsed() >= Duration::from_millis(400));
        });
        let unread = ("reason", "unread");
        site.proxy
            .until_counted("onelane_connections_ended_total", unread, 2);
        site.proxy.until_nothing_is_left();
        eventually("no buffer is left", || {
            site.proxy.metrics().count("onelane_buffer_memory_bytes") == 0
        });
        eventually("the application was told", || {
            site.app.open_connections() == 0
        });
        assert_eq!(site.proxy.session("a").post("/next").status(), 200);
    }
}

#[test]
fn without_the_short_limit_who_reads_nothing_stays() {
    let site = site("{ send_timeout: 60s }");
    let mut clients = BOTH.map(|door| asking(&site, door, "/write"));
    for client in &mut clients {
        assert_eq!(client.head().status(), 200);
    }
    let metrics = site.proxy.metrics();
    assert_eq!(metrics.count("onelane_connections_ended_total"), 0);
    assert_eq!(metrics.count("onelane_connections"), 2);
    for mut client in clients {
        let body = client.read(SOME);
        assert!(body.iter().all(|byte| *byte == b'x'));
    }
}

/// Reads `piece` bytes, pauses, and so on, for so long; whether the connection ended before that.
fn read_slowly(client: &mut Client, piece: usize, pause: Duration, most: Duration) -> Heard {
    let start = Instant::now();
    while start.elapsed() < most {
        match client.try_read(piece) {
            Ok(_) => {}
            Err(_) => return Heard::End,
        }
        std::thread::park_timeout(pause);
    }
    Heard::Nothing
}

#[test]
fn who_reads_a_byte_now_and_then_is_too_slow() {
    let site = site("{ send_timeout: 400ms }");
    let mut clients = BOTH.map(|door| asking(&site, door, "/write"));
    let pause = Duration::from_millis(50);
    eventually("both are cut off", || {
        for client in &mut clients {
            read_slowly(client, 1, pause, pause); // what came before the end can still be read
        }
        let ended = "onelane_connections_ended_total";
        site.proxy.metrics().labelled(ended, "reason", "unread") == BOTH.len()
    });
}

#[test]
fn who_keeps_the_rate_with_short_pauses_is_not() {
    let site = site("{ send_timeout: 4s, min_rate: 20000 }");
    at_each(&BOTH, |door| {
        let mut client = asking(&site, door, "/write");
        let pause = Duration::from_millis(50);
        let heard = read_slowly(&mut client, 8 << 10, pause, LONG);
        assert_eq!(heard, Heard::Nothing, "{door:?}");
    });
    let metrics = site.proxy.metrics();
    assert_eq!(metrics.count("onelane_connections_ended_total"), 0);
}

#[test]
fn who_is_below_the_rate_uses_up_its_time_and_without_a_rate_does_not() {
    for (rate, most, expected) in [
        ("1048576", LONG * 2, Heard::End),
        ("0", LONG, Heard::Nothing),
    ] {
        let site = site(&format!("{{ send_timeout: 4s, min_rate: {rate} }}"));
        at_each(&BOTH, |door| {
            let mut client = asking(&site, door, "/write");
            let pause = Duration::from_millis(50);
            let heard = read_slowly(&mut client, 8 << 10, pause, most);
            assert_eq!(heard, expected, "{rate}, {door:?}");
        });
    }
}

#[test]
fn who_has_taken_everything_is_idle_and_may_wait() {
    let site = site("{ send_timeout: 2s }");
    let work = Step::Work(Duration::from_secs(4));
    site.app.on(
        "/long",
        [Step::ReadBody, work, Step::Send(answer(200, "done"))],
    );
    site.app
        .on("/some", [Step::Send(answer(200, vec![b'x'; SOME]))]);
    at_each(&BOTH, |door| {
        let mut client = asking(&site, door, "/some");
        assert_eq!(client.response().body.len(), SOME, "{door:?}");
        assert_eq!(client.hear(Duration::from_secs(3)), Heard::Nothing);
        let response = client.call(&Request::get("/long"));
        assert_eq!(response.text(), "done", "{door:?}");
    });
    let metrics = site.proxy.metrics();
    assert_eq!(metrics.count("onelane_connections_ended_total"), 0);
}
