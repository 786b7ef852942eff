//! Over TLS everything is as in clear text, and the certificates of the moment are served.

use std::fs;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};

use super::{Door, Site, at_each};
use crate::support::{
    Client, Closed, Heard, Hello, Pair, Proxy, Request, Step, Upstream, eventually, held,
    undisturbed,
};

#[test]
fn both_versions_are_served_and_the_application_is_told() {
    let site = Site::start("");
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let hello = Hello {
            versions,
            ..site.hello()
        };
        let mut client = site.silent(Door::Tls).over_tls(&hello).unwrap();
        for _ in 0..2 {
            let response = client.call(&Request::post("/x", "x".repeat(100_000)));
            assert_eq!(response.status, 200);
            let seen = site.app.arrival().with_body();
            assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
            assert_eq!(seen.body.len(), 100_000);
        }
        let last = Request::get("/x").header("Connection", "close");
        assert_eq!(client.call(&last).status, 200);
        site.app.arrival();
        assert_eq!(client.closed(), Closed::Fin, "with TLS's own end");
    }
}

#[test]
fn clear_text_at_a_tls_listener_is_closed_and_counted() {
    let site = Site::start("");
    let mut client = site.silent(Door::Tls);
    client.send(Request::get("/x").head());
    client.rest(); // an alert
    let reason = ("reason", "tls_handshake");
    site.proxy
        .until_counted("onelane_connections_ended_total", reason, 1);
    site.proxy.until_nothing_is_left();
}

fn certificate(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&pair.cert).unwrap()
}

#[test]
fn the_name_decides_and_a_replaced_certificate_is_the_next_connections() {
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::support::Authority::new(folder.path());
    let [one, two] = ["one", "two"].map(|name| authority.issue(name, &[&format!("{name}.test")]));
    let app = Upstream::start();
    let tls = format!("[{}, {}]", one.yaml(), two.yaml());
    let proxy = Proxy::in_front_of(
        &app,
        &format!("listen: {{ address: '127.0.0.1:0', tls: {tls} }}"),
    );
    let connect = |name| {
        let hello = Hello {
            name,
            roots: authority.roots(),
            alpn: &[],
            versions: rustls::ALL_VERSIONS,
        };
        proxy.connect().over_tls(&hello)
    };
    let mut old = connect("one.test").unwrap();
    assert_eq!(old.certificate(), Some(certificate(&one)));
    let other = connect("two.test").unwrap();
    assert_eq!(other.certificate(), Some(certificate(&two)));
    assert!(
        connect("three.test").is_err(),
        "the first is not for that name"
    );

    authority.issue("one", &["one.test"]);
    let new = certificate(&one);
    eventually("the new one is served", || {
        connect("one.test").is_ok_and(|client| client.certificate().as_ref() == Some(&new))
    });
    assert_eq!(old.call(&Request::get("/x")).status, 200, "the old goes on");

    let failed = || {
        let name = "onelane_certificate_reloads_total";
        proxy.metrics().labelled(name, "result", "failed")
    };
    let before = failed();
    fs::write(&one.cert, "rubbish").unwrap();
    eventually("rubbish is refused", || failed() > before);
    let mut client = connect("one.test").unwrap();
    assert_eq!(client.certificate().as_ref(), Some(&new));
    assert_eq!(client.call(&Request::get("/x")).status, 200);
}

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Fin,
    Rst,
}

/// Lets a client wait over TLS and leave; how long its place was still taken after that.
fn left_after(site: &Site, request: &[u8], how: Leave) -> Duration {
    let mut first = site.proxy.session("a").post("/hold");
    let inside = site.app.arrival();
    let mut leaver = site.connect(Door::Tls);
    leaver.send(request);
    site.proxy.until_waiting(1);
    let start = Instant::now();
    match how {
        Leave::Fin => drop(leaver),
        Leave::Rst => leaver.reset(),
    }
    site.proxy.until_waiting(0);
    let took = start.elapsed();
    inside.release();
    assert_eq!(first.status(), 200);
    took
}

#[test]
fn a_waiter_that_leaves_is_gone_within_100_ms_and_never_served() {
    let site = Site::start("limits: { request_buffer: 1KiB }");
    site.app.on("/hold", held());
    let get = Request::get("/leaver").session("a").bytes();
    let pipelined = [get.clone(), get.clone()].concat();
    let post = |length| {
        let request = Request::post("/leaver", "x".repeat(length));
        request.session("a").bytes()
    };
    for (what, request) in [
        ("GET", get),
        ("pipelined", pipelined),
        ("POST that was read", post(100)),
        ("body unread that fills the read-ahead", post(40 << 10)),
    ] {
        for how in [Leave::Fin, Leave::Rst] {
            let took = undisturbed((0..5).map(|_| left_after(&site, &request, how)).collect());
            assert!(
                took < Duration::from_millis(100),
                "{what}, {how:?}: {took:?}"
            );
        }
    }
    assert!(!site.app.targets().contains(&"/leaver".to_owned()));
    let waiting = ("where", "waiting");
    site.proxy
        .until_counted("onelane_clients_gone_total", waiting, 40);
    site.proxy.until_nothing_is_left();
}

#[test]
fn who_stays_is_served() {
    let site = Site::start("");
    site.app.on("/hold", held());
    let mut first = site.proxy.session("a").post("/hold");
    let inside = site.app.arrival();
    let mut client = site.connect(Door::Tls);
    client.send(Request::get("/waiter").session("a").bytes());
    site.proxy.until_waiting(1);
    inside.release();
    assert_eq!((first.status(), client.response().status), (200, 200));
}

fn upgrade(client: &mut Client) {
    let request = Request::get("/socket")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", 13)
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    client.send(request.bytes());
    assert_eq!(client.head().status(), 101);
}

#[test]
fn a_websocket_goes_both_ways_and_has_no_time_limit_of_heads_or_idleness() {
    let site = Site::start("limits: { header_timeout: 2s, idle_timeout: 2s, send_timeout: 2s }");
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    site.app
        .on("/socket", [Step::Send(switch.to_vec()), Step::Echo]);
    at_each(&[Door::Plain, Door::Tls], |door| {
        let mut client = site.connect(door);
        upgrade(&mut client);
        let text = vec![b'x'; 200_000];
        client.send(&text);
        assert!(client.read(text.len()) == text);
        assert_eq!(client.hear(Duration::from_secs(4)), Heard::Nothing);
        client.send("again");
        assert_eq!(client.read(5), b"again");
    });
    site.proxy.until_nothing_is_left();
    eventually("the application's side is closed", || {
        site.app.open_connections() == 0
    });
}
