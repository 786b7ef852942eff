//! PROXY headers through a listener: whom they name is the client to everything behind it.

use super::{Door, Site, TRUSTED};
use crate::support::{Client, DEADLINE, Heard, Request, Seen, eventually};

/// A header of version 2: `command`, `family`, addresses.
fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    let start = b"\r\n\r\n\0\r\nQUIT\n";
    [start, &[command, family][..], &length, addresses].concat()
}

/// 203.0.113.7:51234 to 192.0.2.1:443.
const ADDRESSES: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xc8, 0x22, 1, 0xbb];

/// What the application sees of a request behind `header`.
fn seen(site: &Site, door: Door, header: &[u8]) -> Seen {
    let mut client = site.silent(door);
    client.send(header);
    if door == Door::NamedTls {
        client = client.over_tls(&site.hello()).unwrap();
    }
    assert_eq!(client.call(&Request::get("/x")).status, 200);
    site.app.arrival().seen
}

#[test]
fn the_application_sees_whom_the_header_names() {
    let site = Site::start("");
    for (header, client) in [
        (super::NAMED.into(), "203.0.113.7"),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n".to_vec(),
            "2001:db8::7",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), TRUSTED),
        (version_2(0x21, 0x11, &ADDRESSES), "203.0.113.7"),
        (version_2(0x20, 0x00, &[]), TRUSTED), // LOCAL
    ] {
        for (door, scheme) in [(Door::Named, "http"), (Door::NamedTls, "https")] {
            let seen = seen(&site, door, &header);
            assert_eq!(seen.head.all("x-forwarded-for"), [client], "{header:?}");
            assert_eq!(seen.head.all("x-forwarded-proto"), [scheme]);
        }
    }
}

#[test]
fn a_header_and_its_request_may_come_together_or_byte_by_byte() {
    let site = Site::start("");
    let all = [super::NAMED.as_bytes(), &Request::get("/x").head()].concat();
    let mut client = site.silent(Door::Named);
    assert_eq!(client.send(&all).response().status, 200);
    let mut client = site.silent(Door::Named);
    for byte in &all {
        client.send([*byte]);
    }
    assert_eq!(client.response().status, 200);
    for _ in 0..2 {
        let seen = site.app.arrival().seen;
        assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.7"));
    }
}

#[test]
fn whom_a_header_names_is_not_believed_to_speak_for_others() {
    let site = Site::start("");
    let mut client = site.connect(Door::Named);
    let lies = Request::get("/x").header("X-Forwarded-For", "198.51.100.1");
    assert_eq!(client.call(&lies).status, 200);
    let seen = site.app.arrival().seen;
    assert_eq!(seen.head.all("x-forwarded-for"), ["203.0.113.7"]);
}

#[test]
fn what_is_no_header_of_a_trusted_proxy_is_closed_and_counted() {
    let site = Site::start("limits: { header_timeout: 3s }");
    let from = |local: &str, bytes: &[u8]| {
        let mut client = Client::connect_from(local, site.address(Door::Named));
        client.send_if_taken(bytes);
        client
    };
    let mut oversized = b"PROXY TCP4 ".to_vec();
    oversized.extend([b'1'; 200]);
    let get = Request::get("/x").head();
    let mut truncated = from(TRUSTED, b"PROXY TCP4 203.0");
    truncated.half_close();
    for (fault, mut client) in [
        ("untrusted", from("127.0.0.2", super::NAMED.as_bytes())),
        ("missing", from(TRUSTED, &get)),
        ("malformed", from(TRUSTED, b"PROXY TCP9 1 2 3 4\r\n")),
        ("too_long", from(TRUSTED, &oversized)),
        ("overdue", from(TRUSTED, b"PROXY TCP4 203.0")),
        ("truncated", truncated),
    ] {
        assert_eq!(client.rest().0, b"", "{fault}");
        let label = ("reason", fault);
        site.proxy
            .until_counted("onelane_proxy_headers_refused_total", label, 1);
    }
    site.proxy.until_nothing_is_left();
    assert_eq!(site.app.arrived(), 0);
}

#[test]
fn elsewhere_a_header_is_no_http() {
    let site = Site::start("");
    let mut client = Client::connect_from(TRUSTED, site.address(Door::Plain));
    client
        .send_if_taken(super::NAMED)
        .send_if_taken(Request::get("/x").head());
    assert_eq!(client.response().status, 400);
    client.closed();
}

#[test]
fn the_throttle_counts_whom_the_header_names() {
    let site = Site::start("throttle: [{ name: one, rate: 1/h, burst: 1 }]");
    let status = |client: &str| {
        let mut connection = site.silent(Door::Named);
        connection.send(format!("PROXY TCP4 {client} 192.0.2.1 1 2\r\n"));
        connection.call(&Request::get("/x")).status
    };
    assert_eq!(status("203.0.113.7"), 200);
    assert_eq!(status("203.0.113.7"), 429);
    assert_eq!(status("203.0.113.8"), 200, "a client of its own");
    assert_eq!(status(TRUSTED), 200);
}

#[test]
fn a_balancer_that_looks_whether_somebody_listens_is_no_fault() {
    let site = Site::start("limits: { header_timeout: 3s }");
    drop(site.silent(Door::Named));
    let mut silent = site.silent(Door::Named);
    assert_eq!(silent.hear(DEADLINE), Heard::End);
    eventually("both are gone", || {
        site.proxy.metrics().count("onelane_connections") == 0
    });
    let faults = site
        .proxy
        .metrics()
        .count("onelane_proxy_headers_refused_total");
    assert_eq!(faults, 0);
}
