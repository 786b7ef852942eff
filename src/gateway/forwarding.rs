//! For whom a request is forwarded, as the application is told: `X-Forwarded-For`, `-Proto` and `-Host`.
//!
//! Guarantees: what a trusted proxy says stays, with the proxy's own address behind it; what anybody else says is
//! replaced; each field is there once. Does not do: read these fields; `client` does. Write `Forwarded`.

use http::header::{self, HOST, HeaderMap, HeaderName, HeaderValue};

use super::protocol::is_authority;
use crate::client::{ClientIp, Scheme, Via};

/// Says for whom the request is forwarded: on top of what a trusted proxy says, in place of what anybody else does.
pub(super) fn append(headers: &mut HeaderMap, peer: &HeaderValue, via: Via, scheme: Scheme) {
    if via != Via::Proxied {
        for name in &FORWARDING {
            headers.remove(name);
        }
    }
    let hops = with_hop(headers, peer);
    headers.insert(X_FORWARDED_FOR, hops);
    if !has_one(headers, &X_FORWARDED_PROTO, is_scheme) {
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
    if !has_one(headers, &X_FORWARDED_HOST, is_host) {
        match headers.get(HOST).cloned() {
            Some(host) => headers.insert(X_FORWARDED_HOST, host),
            None => headers.remove(X_FORWARDED_HOST),
        };
    }
}

/// An address as fields have it.
pub(super) fn address(client: ClientIp) -> HeaderValue {
    HeaderValue::try_from(client.to_string()).expect("an address is visible ASCII")
}

/// The lines of `X-Forwarded-For` as one, and the peer behind them.
fn with_hop(headers: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    let mut hops: Vec<&[u8]> = lines
        .map(HeaderValue::as_bytes)
        .filter(|line| !line.is_empty())
        .collect();
    if hops.is_empty() {
        return peer.clone();
    }
    hops.push(peer.as_bytes());
    HeaderValue::from_bytes(&hops.join(&b", "[..])).expect("values joined by commas are a value")
}

/// Whether the field is there, once, with a value that is valid.
fn has_one(headers: &HeaderMap, name: &HeaderName, is_valid: impl Fn(&[u8]) -> bool) -> bool {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next().filter(|value| is_valid(value.as_bytes()));
    first.is_some() && lines.next().is_none()
}

fn is_scheme(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"http") || value.eq_ignore_ascii_case(b"https")
}

/// A list is no host, though a comma may stand in one (RFC 3986 3.2.2).
fn is_host(value: &[u8]) -> bool {
    is_authority(value) && !value.contains(&b',')
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields that say for whom a request is forwarded; from trusted proxies alone.
pub(super) static FORWARDING: [HeaderName; 5] = [
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
];

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::client::PeerAddr;

    /// These fields after 192.0.2.1 has sent them.
    fn appended(via: Via, scheme: Scheme, fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        };
        let mut headers: HeaderMap = fields.iter().map(field).collect();
        let peer = PeerAddr::new(SocketAddr::from(([192, 0, 2, 1], 5))).client();
        append(&mut headers, &address(peer), via, scheme);
        headers
    }

    #[test]
    fn a_trusted_proxy_is_appended_to_what_it_says() {
        let headers = appended(
            Via::Proxied,
            Scheme::Http,
            &[
                ("host", "inside"),
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-for", ""),
                ("x-forwarded-for", "unknown, 10.0.0.2:80"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "site.example:443"),
                ("x-real-ip", "203.0.113.7"),
                ("forwarded", "for=203.0.113.7"),
            ],
        );
        let hops: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        assert_eq!(hops, ["203.0.113.7, unknown, 10.0.0.2:80, 192.0.2.1"]);
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "site.example:443");
        assert_eq!(headers["x-real-ip"], "203.0.113.7");
        assert_eq!(headers["forwarded"], "for=203.0.113.7");
    }

    #[test]
    fn nobody_else_is_believed() {
        for via in [Via::Direct, Via::Spoofed] {
            let headers = appended(
                via,
                Scheme::Https,
                &[
                    ("host", "site"),
                    ("x-forwarded-for", "6.6.6.6"),
                    ("x-forwarded-proto", "http"),
                    ("x-forwarded-host", "evil"),
                    ("x-real-ip", "6.6.6.6"),
                    ("forwarded", "for=6.6.6.6"),
                ],
            );
            assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
            assert_eq!(headers["x-forwarded-proto"], "https");
            assert_eq!(headers["x-forwarded-host"], "site");
            assert!(!headers.contains_key("x-real-ip") && !headers.contains_key("forwarded"));
        }
    }

    #[test]
    fn scheme_and_host_of_a_trusted_proxy_are_one_and_valid_or_set() {
        let by_proxy = |fields: &[(&str, &str)]| {
            let host = [("host", "site")];
            let headers = appended(Via::Proxied, Scheme::Http, &[&host, fields].concat());
            ["x-forwarded-proto", "x-forwarded-host"].map(|name| {
                let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
                assert_eq!(values.len(), 1, "{values:?}");
                values[0].to_str().unwrap().to_owned()
            })
        };
        for odd in ["ftp", "https, http", "", "https "] {
            assert_eq!(
                by_proxy(&[("x-forwarded-proto", odd)])[0],
                "http",
                "{odd:?}"
            );
        }
        let twice = [("x-forwarded-proto", "https"); 2];
        assert_eq!(by_proxy(&twice)[0], "http");
        for odd in ["a b", "a, b", "a,b", "user@a", "", "a/b"] {
            assert_eq!(by_proxy(&[("x-forwarded-host", odd)])[1], "site", "{odd:?}");
        }
        let twice = [("x-forwarded-host", "a"), ("x-forwarded-host", "b")];
        assert_eq!(by_proxy(&twice)[1], "site");
    }
}
