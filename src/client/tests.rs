//! Who is believed, and how far.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn peer(address: &str) -> PeerAddr {
    PeerAddr::new(SocketAddr::new(address.parse().unwrap(), 4711))
}

fn ip(address: &str) -> ClientIp {
    peer(address).client()
}

/// Trusts 10/8 and fd00::/8.
fn trusting(header: ForwardingHeader) -> Settings {
    let networks = |list: &[&str]| {
        list.iter()
            .map(|net| net.parse::<IpNet>().unwrap())
            .collect()
    };
    Settings {
        trusted_proxies: networks(&["10.0.0.0/8", "fd00::/8"]),
        header,
        ipv6_prefix: Ipv6Prefix::new(64).unwrap(),
        allow: networks(&[]),
        deny: networks(&[]),
    }
}

fn headers(name: &str, lines: &[&str]) -> HeaderMap {
    let name: HeaderName = name.parse().unwrap();
    let line = |line: &&str| {
        (
            name.clone(),
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        )
    };
    lines.iter().map(line).collect()
}

/// The client that 10.0.0.1, a trusted proxy, names in these lines of X-Forwarded-For.
fn forwarded_for(lines: &[&str]) -> String {
    through_proxy(
        ForwardingHeader::XForwardedFor,
        &headers("x-forwarded-for", lines),
    )
}

/// As [`forwarded_for`], in Forwarded.
fn forwarded(lines: &[&str]) -> String {
    through_proxy(ForwardingHeader::Forwarded, &headers("forwarded", lines))
}

fn through_proxy(header: ForwardingHeader, headers: &HeaderMap) -> String {
    let resolved = trusting(header).client(peer("10.0.0.1"), headers);
    assert_eq!(resolved.via, Via::Proxied);
    resolved.ip.to_string()
}

#[test]
fn an_ipv4_mapped_address_is_the_ipv4_client() {
    assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
    assert_eq!(ip("::ffff:192.0.2.1").cidr().to_string(), "192.0.2.1/32");
    assert_eq!(ip("2001:db8::1").cidr().to_string(), "2001:db8::1/128");
}

#[test]
fn ipv6_clients_are_counted_by_their_prefix_and_ipv4_clients_by_themselves() {
    let same = |a: &str, b: &str, bits| {
        let prefix = Ipv6Prefix::new(bits).unwrap();
        ip(a).network(prefix) == ip(b).network(prefix)
    };
    assert!(same("2001:db8::1", "2001:db8::ffff", 64));
    assert!(!same("2001:db8:0:1::1", "2001:db8::1", 64));
    assert!(same("2001:db8:0:1::1", "2001:db8::1", 48));
    assert!(!same("2001:db8::1", "2001:db8::2", 128));
    assert!(!same("192.0.2.1", "192.0.2.2", 1));
}

#[test]
fn a_prefix_has_1_to_128_bits() {
    for (bits, valid) in [
        (0, false),
        (1, true),
        (128, true),
        (129, false),
        (256, false),
    ] {
        assert_eq!(Ipv6Prefix::new(bits).is_some(), valid, "{bits}");
    }
}

#[test]
fn the_header_of_a_stranger_changes_nothing_and_is_noticed() {
    let stranger = peer("192.0.2.1");
    let settings = trusting(ForwardingHeader::XForwardedFor);
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let resolved = settings.client(stranger, &headers(name, &["198.51.100.1"]));
        let expected = Resolved {
            ip: stranger.client(),
            via: Via::Spoofed,
        };
        assert_eq!(resolved, expected, "{name}");
    }
    assert_eq!(
        settings.client(stranger, &HeaderMap::new()).via,
        Via::Direct
    );
}

#[test]
fn without_trusted_proxies_the_same_header_is_ignored() {
    let headers = headers("x-forwarded-for", &["198.51.100.1"]);
    let mut settings = trusting(ForwardingHeader::XForwardedFor);
    let proxy = peer("10.0.0.1");
    assert_eq!(settings.client(proxy, &headers).ip, ip("198.51.100.1"));
    settings.trusted_proxies = Networks::default();
    let resolved = settings.client(proxy, &headers);
    assert_eq!((resolved.ip, resolved.via), (proxy.client(), Via::Spoofed));
}

#[test]
fn a_proxy_on_a_mapped_address_is_trusted() {
    let headers = headers("x-forwarded-for", &["198.51.100.1"]);
    let settings = trusting(ForwardingHeader::XForwardedFor);
    let resolved = settings.client(peer("::ffff:10.0.0.1"), &headers);
    assert_eq!(
        (resolved.ip, resolved.via),
        (ip("198.51.100.1"), Via::Proxied)
    );
}

#[test]
fn the_walk_ends_at_the_first_hop_that_is_not_trusted() {
    for (line, expected) in [
        ("198.51.100.1", "198.51.100.1"),
        ("6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.0.0.3, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("198.51.100.1,10.0.0.2", "198.51.100.1"),
        ("6.6.6.6 ,\t198.51.100.1\t", "198.51.100.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"), // all are trusted: the leftmost
        ("198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
    ] {
        assert_eq!(forwarded_for(&[line]), expected, "{line}");
    }
}

#[test]
fn all_lines_are_one_list() {
    assert_eq!(forwarded_for(&["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
    assert_eq!(
        forwarded_for(&["6.6.6.6, 198.51.100.1", "10.0.0.3, 10.0.0.2"]),
        "198.51.100.1"
    );
    assert_eq!(forwarded_for(&["10.0.0.3", "10.0.0.2"]), "10.0.0.3");
    assert_eq!(
        forwarded(&["for=6.6.6.6", "for=198.51.100.1, for=10.0.0.2"]),
        "198.51.100.1"
    );
}

#[test]
fn ports_and_brackets_are_stripped() {
    for (entry, expected) in [
        ("198.51.100.1:51234", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8:0:0::0001", "2001:db8::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("[::ffff:198.51.100.1]:443", "198.51.100.1"),
    ] {
        assert_eq!(forwarded_for(&[entry]), expected, "{entry}");
        assert_eq!(
            forwarded(&[&format!("for=\"{entry}\"")]),
            expected,
            "{entry}"
        );
        let real_ip = headers("x-real-ip", &[entry]);
        assert_eq!(
            through_proxy(ForwardingHeader::XRealIp, &real_ip),
            expected,
            "{entry}"
        );
    }
}

#[test]
fn what_cannot_be_read_ends_the_walk_at_the_hop_before_it() {
    let long = "1".repeat(70);
    for garbage in [
        "",
        " ",
        "unknown",
        "_hidden",
        "198.51.100.300",
        "198.51.100.1:",
        "198.51.100.1:99999",
        "198.51.100.1:http",
        "[198.51.100.1]",
        "[2001:db8::1",
        "2001:db8::1]:80",
        "198.51.100.01",
        "198.51.100.1 6.6.6.6",
        "198.51.100.1;6.6.6.6",
        "\u{fffd}",
        &long,
    ] {
        // What the client itself wrote stands left of it.
        let list = format!("6.6.6.6, {garbage}, 10.0.0.2");
        assert_eq!(forwarded_for(&[&list]), "10.0.0.2", "{garbage:?}");
        assert_eq!(forwarded_for(&[garbage]), "10.0.0.1", "{garbage:?}");
        assert_eq!(forwarded_for(&["6.6.6.6", garbage]), "10.0.0.1");
    }
    assert_eq!(forwarded_for(&["6.6.6.6,"]), "10.0.0.1");
    assert_eq!(forwarded_for(&[]), "10.0.0.1");
}

#[test]
fn forwarded_is_read_as_rfc_7239_has_it() {
    for (line, expected) in [
        ("for=198.51.100.1", "198.51.100.1"),
        ("For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"),
        ("proto=https ; FOR = 198.51.100.1 ;host=a", "198.51.100.1"),
        ("for=\"198.51.100.1:80\"", "198.51.100.1"),
        ("for=\"[2001:db8::1]:_port\"", "2001:db8::1"),
        ("for=\"198.51.100.1:_p\"", "198.51.100.1"),
        ("for=\"198\\.51.100.1\"", "198.51.100.1"),
        ("for=6.6.6.6, for=198.51.100.1", "198.51.100.1"),
        ("for=198.51.100.1;host=\"a,b;for=6.6.6.6\"", "198.51.100.1"),
        (
            "for=198.51.100.1;host=\"a\\\",for=6.6.6.6\"",
            "198.51.100.1",
        ),
        (
            "for=198.51.100.1;host=\"a\\\\\", for=10.0.0.2",
            "198.51.100.1",
        ),
        ("for=198.51.100.1;host=\"\", for=10.0.0.2", "198.51.100.1"),
    ] {
        assert_eq!(forwarded(&[line]), expected, "{line}");
    }
}

#[test]
fn a_forwarded_element_that_hides_its_hop_ends_the_walk() {
    for element in [
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden:80\"",
        "for=",
        "for=\"\"",
        "for=\"198.51.100.1",
        "for=\"198.51.100.1\\\"",
        "proto=https",
        "198.51.100.1",
        "for=198.51.100.1;for=198.51.100.2",
        "",
    ] {
        let line = format!("for=6.6.6.6, {element}");
        assert_eq!(forwarded(&[&line]), "10.0.0.1", "{element:?}");
        let line = format!("for=6.6.6.6, {element}, for=10.0.0.2");
        assert_eq!(forwarded(&[&line]), "10.0.0.2", "{element:?}");
    }
}

#[test]
fn a_quote_that_the_client_left_open_does_not_swallow_what_the_proxy_appended() {
    for open in ["for=\"6.6.6.6", "\"", "for=6.6.6.6;x=\"\\", "\\", "\"\"\""] {
        for last in ["for=198.51.100.1", "for=\"198.51.100.1:80\""] {
            let line = format!("{open}, {last}");
            assert_eq!(forwarded(&[&line]), "198.51.100.1", "{line}");
        }
    }
}

#[test]
fn x_real_ip_is_one_address() {
    let client =
        |lines: &[&str]| through_proxy(ForwardingHeader::XRealIp, &headers("x-real-ip", lines));
    assert_eq!(client(&["198.51.100.1"]), "198.51.100.1");
    assert_eq!(client(&["10.0.0.2"]), "10.0.0.2");
    for odd in [
        &["198.51.100.1, 198.51.100.2"][..],
        &["198.51.100.1", "198.51.100.2"],
        &["unknown"],
        &[],
    ] {
        assert_eq!(client(odd), "10.0.0.1", "{odd:?}");
    }
}

#[test]
fn only_the_chosen_header_is_believed() {
    let mut all = headers("x-forwarded-for", &["198.51.100.1"]);
    all.extend(headers("forwarded", &["for=198.51.100.2"]));
    all.extend(headers("x-real-ip", &["198.51.100.3"]));
    for (header, expected) in [
        (ForwardingHeader::XForwardedFor, "198.51.100.1"),
        (ForwardingHeader::Forwarded, "198.51.100.2"),
        (ForwardingHeader::XRealIp, "198.51.100.3"),
    ] {
        assert_eq!(through_proxy(header, &all), expected);
    }
}

#[test]
fn ten_thousand_entries_are_read_no_further_than_the_first_stranger() {
    let settings = trusting(ForwardingHeader::XForwardedFor);
    let mut read = 0;
    let hops = ["10.0.0.2", "198.51.100.1"]
        .into_iter()
        .chain(std::iter::repeat_n("6.6.6.6", 10_000));
    let client = settings.farthest_believed(
        ip("10.0.0.1"),
        hops.map(|hop| Some(ip(hop))).inspect(|_| read += 1),
    );
    assert_eq!((client, read), (ip("198.51.100.1"), 2));
}

#[test]
fn ten_thousand_entries_are_read_as_two_are() {
    let line = "6.6.6.6, ".repeat(10_000) + "198.51.100.1, 10.0.0.2";
    assert_eq!(forwarded_for(&[&line]), "198.51.100.1");
    let all_trusted = "10.0.0.3, ".repeat(9_999) + "10.0.0.2";
    assert_eq!(forwarded_for(&[&all_trusted]), "10.0.0.3");
    let lines = vec!["10.0.0.3"; 10_000];
    assert_eq!(forwarded_for(&lines), "10.0.0.3");
    let quotes = "for=\"".repeat(10_000) + ", for=198.51.100.1";
    assert_eq!(forwarded(&[&quotes]), "198.51.100.1");
}

/// A hop as some proxy may write it, and what it is.
fn any_hop() -> impl Strategy<Value = (String, Option<IpAddr>)> {
    let v4 = (0_u8..4, any::<u8>()).prop_map(|(net, host)| IpAddr::from([10 + net, 0, 0, host]));
    let v6 = any::<u16>().prop_map(|host| IpAddr::from([0xfc00, 0, 0, 0, 0, 0, 0, host]));
    let address = prop_oneof![4 => v4, 1 => v6];
    let written = (address, 0..4).prop_map(|(address, form)| {
        let text = match (form, address) {
            (0, _) => address.to_string(),
            (1, IpAddr::V6(_)) => format!("[{address}]"),
            (2, IpAddr::V4(v4)) => v4.to_ipv6_mapped().to_string(),
            _ => SocketAddr::new(address, 80).to_string(),
        };
        (text, Some(address))
    });
    let garbage = "[a-z0-9.:]{0,8}"
        .prop_filter("not an address", |text| text.parse::<IpAddr>().is_err())
        .prop_map(|text| (text, None));
    prop_oneof![9 => written, 1 => garbage]
}

proptest! {
    #[test]
    fn the_walk_is_what_a_plain_reading_of_the_list_gives(
        lines in prop::collection::vec(prop::collection::vec(any_hop(), 1..5), 0..4)
    ) {
        let settings = trusting(ForwardingHeader::XForwardedFor);
        let joined = |separator: &str, write: &dyn Fn(&str) -> String| -> Vec<String> {
            lines
                .iter()
                .map(|line| line.iter().map(|(text, _)| write(text)).collect::<Vec<_>>().join(separator))
                .collect()
        };
        let mut expected = ip("10.0.0.1");
        for (_, address) in lines.iter().flatten().rev() {
            let Some(address) = address else { break };
            expected = ClientIp::new(*address);
            if !settings.trusted_proxies.contains(expected) {
                break;
            }
        }
        let plain = joined(", ", &str::to_owned);
        let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
        prop_assert_eq!(forwarded_for(&plain), expected.to_string());
        let quoted = joined(",", &|text| format!("proto=http;for=\"{text}\""));
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        prop_assert_eq!(forwarded(&quoted), expected.to_string());
    }

    #[test]
    fn no_bytes_make_the_client_anybody_but_the_peer_when_the_peer_is_a_stranger(
        bytes in prop::collection::vec(any::<u8>(), 0..60)
    ) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let stranger = peer("192.0.2.1");
            let headers = HeaderMap::from_iter([(http::header::FORWARDED, value)]);
            let resolved = trusting(ForwardingHeader::Forwarded).client(stranger, &headers);
            prop_assert_eq!(resolved.ip, stranger.client());
        }
    }

    #[test]
    fn nothing_that_a_client_writes_hides_the_address_that_the_proxy_appended(
        written in "[\"\\\\,;= a-z0-9.:\\[\\]]{0,40}",
        last in prop_oneof![Just("for=198.51.100.1"), Just("for=\"198.51.100.1:9\";proto=http")],
    ) {
        prop_assert_eq!(forwarded(&[&format!("{written}, {last}")]), "198.51.100.1");
        prop_assert_eq!(forwarded(&[&written, last]), "198.51.100.1");
        prop_assert_eq!(forwarded_for(&[&format!("{written}, 198.51.100.1")]), "198.51.100.1");
    }
}

#[test]
fn neighbours_are_of_one_provider() {
    let neighbours = |a: &str, b: &str| {
        let network = |address: &str| {
            let peer = PeerAddr::new(address.parse().unwrap());
            peer.client().network(Ipv6Prefix::new(64).unwrap())
        };
        network(a).neighbourhood() == network(b).neighbourhood()
    };
    assert!(neighbours("[2001:db8:1::1]:1", "[2001:db8:ffff::1]:1"));
    assert!(!neighbours("[2001:db8::1]:1", "[2001:db9::1]:1"));
    assert!(neighbours("192.0.2.1:1", "192.0.255.1:1"));
    assert!(!neighbours("192.0.2.1:1", "192.1.2.1:1"));
}

#[test]
fn a_client_that_a_proxy_header_named_is_no_stranger_with_forwarding_headers() {
    let settings = trusting(ForwardingHeader::XForwardedFor);
    let headers = headers("x-forwarded-for", &["6.6.6.6"]);
    let address = SocketAddr::new("192.0.2.1".parse().unwrap(), 4711);
    let via = |peer| settings.client(peer, &headers).via;
    assert_eq!(via(PeerAddr::named(address)), Via::Direct);
    assert_eq!(via(PeerAddr::new(address)), Via::Spoofed);
}
