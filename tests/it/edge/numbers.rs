//! Bounds that are counted: connections, header fields, bytes of a head.

use super::{Door, Site, TRUSTED};
use crate::support::{Client, Request, eventually};

const ENDED: &str = "onelane_connections_ended_total";

/// Whether a request on a new connection from `local` is answered.
fn is_served(site: &Site, local: &str) -> Option<Client> {
    let mut client = Client::connect_from(local, site.address(Door::Plain));
    client.send_if_taken(Request::get("/x").bytes());
    client.try_response_to("GET").is_ok().then_some(client)
}

#[test]
fn one_client_has_so_many_connections_and_others_theirs() {
    let site = Site::start("limits: { connections_per_client: 2 }");
    let first = is_served(&site, "127.0.0.2").unwrap();
    let second = is_served(&site, "127.0.0.2").unwrap();
    assert!(is_served(&site, "127.0.0.2").is_none());
    let client_connections = ("reason", "client_connections");
    site.proxy.until_counted(ENDED, client_connections, 1);
    assert!(is_served(&site, "127.0.0.3").is_some());
    let trusted: Vec<_> = (0..4).map(|_| is_served(&site, TRUSTED)).collect();
    assert!(trusted.iter().all(Option::is_some));
    drop(first);
    eventually("its place is free", || {
        is_served(&site, "127.0.0.2").is_some()
    });
    drop(second);
}

#[test]
fn without_a_limit_one_client_has_any_number() {
    let site = Site::start("");
    let clients: Vec<_> = (0..10).map(|_| is_served(&site, "127.0.0.2")).collect();
    assert!(clients.iter().all(Option::is_some));
    assert_eq!(site.proxy.metrics().count(ENDED), 0);
}

#[test]
fn of_a_balancers_connections_the_named_client_counts() {
    let site = Site::start("limits: { connections_per_client: 2 }");
    let mut named: Vec<Client> = (0..2).map(|_| site.connect(Door::Named)).collect();
    for client in &mut named {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    site.connect(Door::Named).closed();
    site.proxy
        .until_counted(ENDED, ("reason", "client_connections"), 1);
    let mut other = site.silent(Door::Named);
    other.send("PROXY TCP4 203.0.113.8 192.0.2.1 51234 443\r\n");
    assert_eq!(other.call(&Request::get("/x")).status, 200);
}

#[test]
fn a_connection_that_has_not_come_to_a_request_counts_too() {
    let site = Site::start("limits: { connections_per_client: 1 }");
    let silent = site.connect(Door::Tls); // its handshake is done: it has its place
    assert!(is_served(&site, "127.0.0.1").is_none());
    drop(silent);
    eventually("its place is free", || {
        is_served(&site, "127.0.0.1").is_some()
    });
}

/// A request with `fields` header fields besides Host, a target of `target` bytes, and a head of `size` bytes if more.
fn sized(fields: usize, target: usize, size: usize) -> Vec<u8> {
    let mut request = Request::get(&format!("/{}", "t".repeat(target - 1)));
    for number in 0..fields {
        request = request.header(&format!("F{number}"), 1);
    }
    let left = size.saturating_sub(request.head().len() + "Fill: \r\n".len());
    if left > 0 {
        request = request.header("Fill", "f".repeat(left));
    }
    request.head()
}

#[test]
fn a_head_may_be_as_large_as_it_may_be_and_no_larger() {
    let limits = "limits: { headers: 20, url_length: 1KiB, header_size: 8KiB }";
    let site = Site::start(limits);
    let status = |head: Vec<u8>| {
        let mut client = site.connect(Door::Plain);
        client.send(head);
        let response = client.response();
        let expected = response.body.len().to_string();
        assert_eq!(response.header("content-length"), Some(&*expected));
        match response.header("connection") {
            Some("close") => drop(client.closed()),
            kept => assert_ne!((kept, response.status), (None, 431), "hyper lost its place"),
        }
        (response.status, response.text())
    };
    assert_eq!(status(sized(19, 1, 0)).0, 200, "20 with Host");
    assert_eq!(status(sized(20, 1, 0)).0, 431);
    assert_eq!(status(sized(0, 1024, 0)).0, 200);
    let (too_long, text) = status(sized(0, 1025, 0));
    assert_eq!(too_long, 414);
    assert!(text.contains("uri_too_long"), "{text}");
    assert_eq!(status(sized(0, 1, 8 << 10)).0, 200);
    assert_eq!(status(sized(0, 1, (8 << 10) + 1)).0, 431);
    for (reason, count) in [("header_too_large", 2), ("uri_too_long", 1)] {
        let label = ("reason", reason); // what hyper refuses is counted when its client has the answer
        site.proxy
            .until_counted("onelane_refusals_total", label, count);
    }
}

#[test]
fn with_larger_bounds_the_same_heads_are_served() {
    let site = Site::start("");
    for head in [
        sized(20, 1, 0),
        sized(0, 1025, 0),
        sized(0, 1, (8 << 10) + 1),
    ] {
        let mut client = site.connect(Door::Plain);
        assert_eq!(client.send(head).response().status, 200);
    }
}
