//! What of a header goes on, and what does not, in both directions.

use std::net::SocketAddr;

use super::*;
use crate::client::PeerAddr;

fn forwarded(fields: &[(&str, &str)]) -> HeaderMap {
    forwarded_by(Via::Direct, fields)
}

fn forwarded_by(via: Via, fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = map(fields);
    let id = HeaderValue::from_static("id-1");
    let told = Told {
        peer: &HeaderValue::from_static("192.0.2.1"),
        client: PeerAddr::new(SocketAddr::from(([192, 0, 2, 1], 5))).client(),
        via,
        scheme: Scheme::Http,
        request_id: &id,
        access: Some(Access::Write),
        secret: None,
        asked: Asked::Nothing,
        ticket: None,
        upgrade: None,
        trace: None,
    };
    to_application(&mut headers, told);
    headers
}

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect()
}

#[test]
fn hop_by_hop_and_nominated_fields_go_no_further() {
    let headers = forwarded(&[
        ("host", "site"),
        ("connection", "keep-alive, X-Private"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("proxy-connection", "close"),
        ("accept", "*/*"),
    ]);
    for gone in [
        "connection",
        "x-private",
        "keep-alive",
        "te",
        "proxy-connection",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(headers["accept"], "*/*");
}

#[test]
fn a_client_cannot_nominate_away_its_cookie_or_our_fields() {
    let headers = forwarded(&[
        ("host", "site"),
        (
            "connection",
            "cookie, host, x-forwarded-for, x-onelane-access",
        ),
        ("cookie", "a=b"),
    ]);
    assert_eq!(headers["cookie"], "a=b");
    assert_eq!(headers["host"], "site");
    assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
    assert_eq!(headers["x-onelane-access"], "write");
}

#[test]
fn a_client_cannot_nominate_what_a_proxy_before_us_has_added() {
    let mut headers = map(&[
        ("connection", "x-forwarded-for, forwarded, x-own"),
        ("x-forwarded-for", "192.0.2.7"),
        ("forwarded", "for=192.0.2.7"),
        ("x-own", "1"),
    ]);
    remove_nominated(&mut headers);
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(headers["forwarded"], "for=192.0.2.7");
    assert!(!headers.contains_key("x-own"));
}

#[test]
fn forged_fields_and_their_underscore_twins_are_replaced() {
    let headers = forwarded(&[
        ("host", "site"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("X-Forwarded_For", "6.6.6.6"),
        ("x-onelane-access", "none"),
        ("x_onelane_secret", "guess"),
        ("x-onelane-secret", "guess"),
        ("x-onelane-client", "127.0.0.1"),
        ("x_onelane_client", "127.0.0.1"),
        ("aspfiltersessionid", "a"),
        ("x_own_name", "kept"),
        ("content_length", "9"),
        ("transfer_encoding", "chunked"),
    ]);
    assert_eq!(
        headers
            .get_all("x-forwarded-for")
            .iter()
            .collect::<Vec<_>>(),
        ["192.0.2.1"]
    );
    assert_eq!(headers["x-onelane-access"], "write");
    for gone in [
        "x_forwarded_for",
        "x-forwarded_for",
        "x_onelane_secret",
        "x-onelane-secret",
        "x-onelane-client",
        "x_onelane_client",
        "aspfiltersessionid",
        "content_length",
        "transfer_encoding",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(headers["x_own_name"], "kept");
}

#[test]
fn the_client_behind_a_proxy_is_named_together_with_the_secret() {
    let address = |last| PeerAddr::new(SocketAddr::from(([192, 0, 2, last], 5))).client();
    let (id, secret) = (
        HeaderValue::from_static("id-1"),
        HeaderValue::from_static("s"),
    );
    for (access, secret, expected) in [
        (Some(Access::Read), Some(&secret), Some("192.0.2.9")),
        (Some(Access::Read), None, None),
        (None, Some(&secret), Some("192.0.2.9")), // in observe mode too, the application has lost it
        (None, None, None),
    ] {
        let mut headers = map(&[
            ("x-forwarded-for", "192.0.2.9"),
            ("x-onelane-client", "::1"),
        ]);
        let told = Told {
            peer: &HeaderValue::from_static("192.0.2.1"),
            client: address(9),
            via: Via::Proxied,
            scheme: Scheme::Http,
            request_id: &id,
            access,
            secret,
            asked: Asked::Nothing,
            ticket: None,
            upgrade: None,
            trace: None,
        };
        to_application(&mut headers, told);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.9, 192.0.2.1");
        let named = headers
            .get("x-onelane-client")
            .map(|name| name.to_str().unwrap());
        assert_eq!(named, expected);
    }
}

#[test]
fn what_a_trusted_proxy_forwards_cannot_be_nominated_away_or_have_a_twin() {
    let headers = forwarded_by(
        Via::Proxied,
        &[
            ("connection", "x-forwarded-for, x-real-ip"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-real-ip", "203.0.113.7"),
            ("x_real_ip", "6.6.6.6"),
        ],
    );
    assert_eq!(headers["x-forwarded-for"], "203.0.113.7, 192.0.2.1");
    assert_eq!(headers["x-real-ip"], "203.0.113.7");
    assert!(!headers.contains_key("x_real_ip"));
}

#[test]
fn an_upgrade_is_a_bare_get_that_asks_for_it() {
    let ask = |fields: &[(&str, &str)]| {
        let (mut head, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        head.headers = map(fields);
        upgrade(&head)
    };
    let plain = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ];
    assert_eq!(ask(&plain).unwrap(), "websocket");
    assert_eq!(ask(&[plain[0], ("upgrade", "h2c")]), None);
    assert_eq!(ask(&[plain[1]]), None);
    assert_eq!(ask(&[plain[0], plain[1], ("content-length", "3")]), None);
}

#[test]
fn the_application_promises_its_keep_alive() {
    let promised = |value| keep_alive(&map(&[("keep-alive", value)]));
    assert_eq!(promised("max=100, timeout=5"), Some(Duration::from_secs(5)));
    assert_eq!(promised("timeout=soon"), None);
}

#[test]
fn a_ticket_goes_to_the_application_alone_and_only_ours() {
    let (id, ours) = (
        HeaderValue::from_static("id-1"),
        HeaderValue::from_static("ours"),
    );
    for (ticket, arrives) in [(Some(ours), Some("ours")), (None, None)] {
        let mut headers = map(&[
            ("x-onelane-ticket", "forged"),
            ("x_onelane_ticket", "forged"),
            ("connection", "x-onelane-ticket"),
        ]);
        let told = Told {
            peer: &HeaderValue::from_static("192.0.2.1"),
            client: PeerAddr::new(SocketAddr::from(([192, 0, 2, 1], 5))).client(),
            via: Via::Direct,
            scheme: Scheme::Http,
            request_id: &id,
            access: Some(Access::Write),
            secret: None,
            asked: Asked::Nothing,
            ticket,
            upgrade: None,
            trace: None,
        };
        to_application(&mut headers, told);
        let tickets: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name.as_str().contains("ticket"))
            .map(|(_, value)| value.to_str().unwrap())
            .collect();
        assert_eq!(tickets, arrives.into_iter().collect::<Vec<_>>());
    }
    let mut back = map(&[("x-onelane-ticket", "ours")]);
    to_client(&mut back, &id, None);
    assert!(!back.contains_key("x-onelane-ticket"));
}
