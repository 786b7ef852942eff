//! A request of HTTP/2 as HTTP/1.1 has it: the form that the rest of the gateway and the application know.
//!
//! Guarantees: one Cookie line, so that the session is found whole; one authority; an extended CONNECT for a WebSocket
//! is an upgrade. What is malformed by RFC 9113 8.2 and 8.3 alone (connection-specific fields, pseudo-fields) hyper has
//! refused before. Does not do: frames and streams; `server::http2` does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, COOKIE, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{Method, Version};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

use super::protocol::Broken;

/// The key of a WebSocket handshake that we make in the client's stead (RFC 6455 4.1).
#[derive(Clone, Debug)]
pub(super) struct WebSocketKey(String);

/// Brings `head` into the form of HTTP/1.1.
///
/// # Errors
/// What is broken; the client's fault.
pub(super) fn to_http1(head: &mut Parts) -> Result<(), Broken> {
    one_authority(head)?;
    join_cookies(&mut head.headers);
    if head.method == Method::CONNECT
        && let Some(protocol) = head.extensions.get::<Protocol>()
    {
        if !protocol.as_str().eq_ignore_ascii_case("websocket") {
            return Err(Broken::UnknownProtocol); // RFC 9220 3
        }
        upgrade(head);
    }
    Ok(())
}

/// A Host that says otherwise than `:authority` is a trap for whoever looks at the other (RFC 9113 8.3.1).
fn one_authority(head: &Parts) -> Result<(), Broken> {
    let (Some(authority), Some(host)) = (head.uri.authority(), head.headers.get(HOST)) else {
        return Ok(());
    };
    if host
        .as_bytes()
        .eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        Ok(())
    } else {
        Err(Broken::TwoAuthorities)
    }
}

/// A client may send each cookie in a field of its own (RFC 9113 8.2.3); HTTP/1.1 has one field.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(COOKIE);
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = crumbs.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// An extended CONNECT as an upgrade (RFC 8441 5): what HTTP/1.1 wants beyond it is put in.
fn upgrade(head: &mut Parts) {
    let key = WebSocketKey::new();
    head.method = Method::GET;
    head.version = Version::HTTP_11;
    let headers = &mut head.headers;
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_str(&key.0) {
        headers.insert(SEC_WEBSOCKET_KEY, value);
    }
    head.extensions.insert(key);
}

impl WebSocketKey {
    fn new() -> Self {
        Self(STANDARD.encode(fastrand::u128(..).to_be_bytes()))
    }

    /// What the application has to answer it with (RFC 6455 4.2.2).
    pub(super) fn accept(&self) -> String {
        let hash = Sha1::new()
            .chain_update(&self.0)
            .chain_update(GUID)
            .finalize();
        STANDARD.encode(hash)
    }
}

/// RFC 6455 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(request: http::request::Builder) -> Parts {
        let request = request.version(Version::HTTP_2).body(()).unwrap();
        request.into_parts().0
    }

    #[test]
    fn cookie_crumbs_are_one_line() {
        let mut head = head(
            http::Request::get("https://site/")
                .header("cookie", "a=1")
                .header("cookie", "sid=2; b=3"),
        );
        to_http1(&mut head).unwrap();
        let cookies: Vec<_> = head.headers.get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; sid=2; b=3"]);
    }

    #[test]
    fn a_host_beside_another_authority_is_refused() {
        let with = |host| {
            let mut head = head(http::Request::get("https://site/").header("host", host));
            to_http1(&mut head)
        };
        assert_eq!(with("Site"), Ok(()));
        assert_eq!(with("other"), Err(Broken::TwoAuthorities));
    }

    #[test]
    fn an_extended_connect_is_an_upgrade_and_no_other_protocol_is() {
        let connect = |protocol| {
            let mut head = head(http::Request::connect("https://site/chat"));
            head.extensions.insert(Protocol::from_static(protocol));
            to_http1(&mut head).map(|()| head)
        };
        let upgraded = connect("websocket").unwrap();
        assert_eq!(
            (upgraded.method, upgraded.version),
            (Method::GET, Version::HTTP_11)
        );
        assert_eq!(upgraded.headers[UPGRADE], "websocket");
        assert!(upgraded.headers.contains_key(SEC_WEBSOCKET_KEY));
        assert_eq!(connect("connect-udp").unwrap_err(), Broken::UnknownProtocol);
    }

    #[test]
    fn the_accept_value_is_that_of_the_standard() {
        let key = WebSocketKey("dGhlIHNhbXBsZSBub25jZQ==".to_owned());
        assert_eq!(key.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 1.3
    }
}
