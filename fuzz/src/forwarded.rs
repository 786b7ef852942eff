//! Forwarding headers: nobody but a trusted proxy says who the client is.
//!
//! Guarantees: what is checked is said in the names of the functions; X-Forwarded-For is read a second time by a plain
//! reading of it.
//! Does not do: what is sent on to the application; `edge` looks at that.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use onelane::client::{ClientIp, ForwardingHeader, Ipv6Prefix, Networks, PeerAddr, Settings, Via};

use crate::head;

/// Resolves the client of one request. The bytes are lines: the peer's address, then fields.
///
/// # Panics
/// When a promise of `onelane::client` is broken.
pub fn forwarded(bytes: &[u8]) {
    let (first, fields) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &b""[..]),
    };
    let peer = std::str::from_utf8(first)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok());
    let Some(request) = head::read(&[b"/\n", fields].concat()) else {
        return;
    };
    let peer = PeerAddr::new(SocketAddr::new(peer.unwrap_or(TRUSTED), 4711));
    for (settings, name) in SETTINGS.iter() {
        a_stranger_is_itself(settings, peer, &request.headers);
        if settings.trusted_proxies.contains(peer.client()) {
            what_a_trusted_proxy_appends_is_believed(settings, name, peer, &request.headers);
            what_stands_left_of_the_client_is_not_looked_at(settings, name, peer, &request.headers);
            lines_are_one_list(settings, name, peer, &request.headers);
        }
    }
    x_forwarded_for_is_read_from_its_right_end(peer, &request.headers);
}

fn a_stranger_is_itself(settings: &Settings, peer: PeerAddr, headers: &HeaderMap) {
    let resolved = settings.client(peer, headers);
    let forwarded = SETTINGS.iter().any(|(_, name)| headers.contains_key(name));
    let via = match (settings.trusted_proxies.contains(peer.client()), forwarded) {
        (true, _) => Via::Proxied,
        (false, true) => Via::Spoofed,
        (false, false) => Via::Direct,
    };
    assert_eq!(resolved.via, via);
    if via != Via::Proxied {
        assert_eq!(resolved.ip, peer.client());
    }
}

/// Whatever a client has sent before it.
fn what_a_trusted_proxy_appends_is_believed(
    settings: &Settings,
    name: &HeaderName,
    peer: PeerAddr,
    headers: &HeaderMap,
) {
    let (entry, separator) = match settings.header {
        ForwardingHeader::Forwarded => (format!("for={STRANGER}"), ", "),
        ForwardingHeader::XForwardedFor => (STRANGER.to_owned(), ", "),
        ForwardingHeader::XRealIp => return, // it is replaced, not appended to
    };
    let mut with_line = headers.clone();
    let value = HeaderValue::from_str(&entry).expect("a value");
    if with_line.try_append(name, value).is_err() {
        return;
    }
    assert_eq!(
        settings.client(peer, &with_line).ip,
        stranger(),
        "a line of its own: {headers:?}"
    );
    let mut values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    let Some(last) = values.last_mut() else {
        return;
    };
    let longer = [last.as_bytes(), separator.as_bytes(), entry.as_bytes()].concat();
    *last = HeaderValue::from_bytes(&longer).expect("two values make one");
    assert_eq!(
        settings.client(peer, &with(headers, name, values)).ip,
        stranger(),
        "at the end of the line: {headers:?}"
    );
}

fn what_stands_left_of_the_client_is_not_looked_at(
    settings: &Settings,
    name: &HeaderName,
    peer: PeerAddr,
    headers: &HeaderMap,
) {
    let resolved = settings.client(peer, headers);
    let values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    // The nearest hop that is no trusted proxy; with all of them trusted, more would be looked at.
    if settings.trusted_proxies.contains(resolved.ip)
        || settings.header == ForwardingHeader::XRealIp
    {
        return;
    }
    let Some(first) = values.first() else { return };
    // What a proxy appends is well-formed. With a quote left open in it, there is no saying what is left of it.
    let quoted = values.iter().any(|value| value.as_bytes().contains(&b'"'));
    if quoted && settings.header == ForwardingHeader::Forwarded {
        return;
    }
    for invention in [
        "203.0.113.66, ",
        "for=203.0.113.66, ",
        "for=\"203.0.113.66, ",
        ",;=\\\", ",
    ] {
        let mut more = values.clone();
        let longer = [invention.as_bytes(), first.as_bytes()].concat();
        more[0] = HeaderValue::from_bytes(&longer).expect("two values make one");
        let more = with(headers, name, more);
        assert_eq!(
            settings.client(peer, &more).ip,
            resolved.ip,
            "{headers:?} and {invention}"
        );
    }
}

fn lines_are_one_list(settings: &Settings, name: &HeaderName, peer: PeerAddr, headers: &HeaderMap) {
    let values: Vec<&[u8]> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    // A quote that one line leaves open does not go on in the next.
    let open = values.iter().any(|value| value.contains(&b'"'));
    if values.len() < 2 || open || settings.header == ForwardingHeader::XRealIp {
        return;
    }
    let one = HeaderValue::from_bytes(&values.join(&b", "[..])).expect("values make one");
    let joined = with(headers, name, vec![one]);
    assert_eq!(
        settings.client(peer, &joined),
        settings.client(peer, headers),
        "{headers:?}"
    );
}

fn x_forwarded_for_is_read_from_its_right_end(peer: PeerAddr, headers: &HeaderMap) {
    let (settings, name) = &SETTINGS[0];
    let mut client = peer.client();
    if settings.trusted_proxies.contains(client) {
        let lines = headers.get_all(name).iter();
        let entries: Vec<&[u8]> = lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .collect();
        for entry in entries.into_iter().rev() {
            let Some(hop) = address(entry.trim_ascii()) else {
                break;
            };
            client = hop;
            if !settings.trusted_proxies.contains(hop) {
                break;
            }
        }
    }
    assert_eq!(settings.client(peer, headers).ip, client, "{headers:?}");
}

/// An address with or without a port; one of IPv6 with brackets when it has one.
fn address(entry: &[u8]) -> Option<ClientIp> {
    let text = std::str::from_utf8(entry).ok()?;
    let ip = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            is_port(port).then(|| ip.parse().ok().map(IpAddr::V6))??
        }
        None => match text.split_once(':') {
            Some((ip, port)) if !port.contains(':') && !ip.is_empty() => {
                is_port(&format!(":{port}")).then(|| ip.parse().ok().map(IpAddr::V4))??
            }
            _ => text.parse().ok()?,
        },
    };
    Some(PeerAddr::new(SocketAddr::new(ip, 0)).client())
}

fn is_port(port: &str) -> bool {
    port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        })
}

fn with(headers: &HeaderMap, name: &HeaderName, values: Vec<HeaderValue>) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(name);
    for value in values {
        headers.append(name, value);
    }
    headers
}

fn stranger() -> ClientIp {
    let address: IpAddr = STRANGER.parse().expect("an address");
    PeerAddr::new(SocketAddr::new(address, 0)).client()
}

static SETTINGS: LazyLock<[(Settings, HeaderName); 3]> = LazyLock::new(|| {
    let settings = |header| Settings {
        trusted_proxies: ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8", "::1/128"]
            .iter()
            .map(|network| network.parse::<ipnet::IpNet>().expect("a network"))
            .collect(),
        header,
        ipv6_prefix: Ipv6Prefix::new(64).expect("a prefix"),
        allow: Networks::default(),
        deny: Networks::default(),
    };
    [
        (ForwardingHeader::XForwardedFor, "x-forwarded-for"),
        (ForwardingHeader::Forwarded, "forwarded"),
        (ForwardingHeader::XRealIp, "x-real-ip"),
    ]
    .map(|(header, name)| (settings(header), HeaderName::from_static(name)))
});

/// A trusted peer.
const TRUSTED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
/// A client that no proxy is.
const STRANGER: &str = "198.51.100.7";
