//! `client:`: networks in all their forms, and what is doubtful about them.

use super::*;
use crate::client::{ClientIp, ForwardingHeader, PeerAddr, Settings};

fn client(text: &str) -> Settings {
    config(&format!("client: {text}")).policy.client
}

fn ip(address: &str) -> ClientIp {
    PeerAddr::new(SocketAddr::new(address.parse().unwrap(), 1)).client()
}

#[test]
fn nobody_is_trusted_allowed_or_denied_by_default() {
    let settings = client("{}");
    assert!(settings.trusted_proxies.is_empty());
    assert!(settings.allow.is_empty() && settings.deny.is_empty());
    assert_eq!(settings.header, ForwardingHeader::XForwardedFor);
    assert_eq!(
        settings.network(ip("2001:db8::1")),
        settings.network(ip("2001:db8::2"))
    );
}

#[test]
fn networks_and_addresses_may_be_mixed_and_one_needs_no_list() {
    let settings = client("{ trusted_proxies: [10.0.0.0/8, 192.0.2.7, '2001:db8::/32', '::1'] }");
    for inside in [
        "10.1.2.3",
        "192.0.2.7",
        "2001:db8::9",
        "::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(settings.trusted_proxies.contains(ip(inside)), "{inside}");
    }
    for outside in ["11.0.0.1", "192.0.2.8", "::2"] {
        assert!(!settings.trusted_proxies.contains(ip(outside)), "{outside}");
    }
    let one = client("{ allow: 192.0.2.0/24, deny: 198.51.100.1 }");
    assert!(one.allow.contains(ip("192.0.2.200")) && !one.deny.contains(ip("192.0.2.200")));
    assert!(one.deny.contains(ip("198.51.100.1")));
}

#[test]
fn the_header_and_the_prefix_are_choices() {
    for (text, expected) in [
        ("x-forwarded-for", ForwardingHeader::XForwardedFor),
        ("forwarded", ForwardingHeader::Forwarded),
        ("x-real-ip", ForwardingHeader::XRealIp),
    ] {
        assert_eq!(client(&format!("{{ header: {text} }}")).header, expected);
    }
    let settings = client("{ ipv6_prefix: 56 }");
    let network = |address| settings.network(ip(address));
    assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:ff::1"));
    assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:100::1"));
}

#[test]
fn what_is_no_network_says_what_to_write() {
    for (text, expected) in [
        ("{ trusted_proxies: ['10.0.0.0/33'] }", "10.0.0.0/8"),
        ("{ trusted_proxies: [localhost] }", "127.0.0.0/8"),
        (
            "{ trusted_proxies: ['10.1.0.0/255.255.0.0'] }",
            "10.1.0.0/16",
        ),
        ("{ deny: ['[::1]'] }", "write ::1"),
        ("{ allow: ['10.0.0.1-10.0.0.9'] }", "10.0.0.0/8"),
        (
            "{ header: x-forwarded-fro }",
            "did you mean x-forwarded-for?",
        ),
        ("{ ipv6_prefix: 0 }", "1 to 128"),
        ("{ ipv6_prefix: 129 }", "1 to 128"),
        ("{ trusted_proxies: [10.0] }", "quotes"),
    ] {
        let suggestion = suggestion(&format!("client: {text}"));
        assert!(suggestion.contains(expected), "{text}: {suggestion}");
    }
    assert!(suggestion("trusted_proxies: []").contains("under client"));
}

#[test]
fn networks_that_say_more_than_was_meant_are_doubtful() {
    for (text, expected) in [
        (
            "{ deny: [10.1.2.3/8] }",
            "client.deny[0]: the network is 10.0.0.0/8",
        ),
        (
            "{ trusted_proxies: [0.0.0.0/0] }",
            "client.trusted_proxies[0]: everybody",
        ),
        (
            "{ trusted_proxies: '::/0' }",
            "client.trusted_proxies: everybody",
        ),
    ] {
        let warnings = warnings(&format!("client: {text}"));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(expected), "{warnings:?}");
    }
}
