//! What an HTTP/1.1 request must be before it is looked at further: the checks that hyper leaves to us.
//!
//! Guarantees: a request that passes has one valid Host, a target in origin form, and a framing that the application
//! cannot read otherwise than we do; one that does not says which rule it breaks. Sources: RFC 9112 3.2, 6.1; RFC 9110
//! 7.6.2, 7.8, 9.3.6, 9.3.8, 10.1.1. Does not do: what hyper's own parser refuses, or repairs before anybody sees it (a
//! fragment is cut off, a Content-Length beside chunked removed).

use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue, MAX_FORWARDS, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri, Version};

use super::http2;
use super::policy::HeadBounds;
use super::refusal::{Reason, Refusal};

/// Whom a request asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The application.
    Application,
    /// Us: `OPTIONS *` (RFC 9110 9.3.7), or an OPTIONS that may not be forwarded any more (RFC 9110 7.6.2).
    Server,
}

/// The rule that a request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A target `*` with another method than OPTIONS.
    Asterisk,
    /// The authority of an absolute target.
    Authority,
    /// A transfer coding that is not understood.
    Coding,
    /// Another expectation than `100-continue`.
    Expectation,
    /// A Host that is none.
    Host,
    /// CONNECT or TRACE.
    Method,
    /// No Host.
    NoHost,
    /// A Transfer-Encoding in HTTP/1.0.
    OldCoding,
    /// An absolute target with another scheme than http or https.
    Scheme,
    /// A target that is neither a path nor absolute.
    Target,
    /// A target longer than allowed.
    TooLong,
    /// More fields than allowed.
    TooMany,
    /// A Host that is not the target's authority, in HTTP/2.
    TwoAuthorities,
    /// More than one Transfer-Encoding.
    TwoCodings,
    /// More than one Host.
    TwoHosts,
    /// An extended CONNECT for another protocol than WebSocket.
    UnknownProtocol,
}

/// Checks `head` against the rules and `bounds`, and brings it into one form: the target in origin form, its authority in `Host`, a plain
/// `Content-Length`.
///
/// # Errors
/// What is broken; the client's fault.
pub(super) fn check(head: &mut Parts, bounds: HeadBounds) -> Result<Asked, Broken> {
    let target = head.uri.path_and_query();
    if target.is_some_and(|target| target.as_str().len() > bounds.url_length) {
        return Err(Broken::TooLong);
    }
    if head.version == Version::HTTP_2 {
        http2::to_http1(head)?; // which joins what browsers cut: before it is counted
    }
    if head.headers.len() > bounds.headers {
        return Err(Broken::TooMany);
    }
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Broken::Method);
    }
    transfer_encoding(&head.headers, head.version)?;
    content_length(&mut head.headers);
    expectation(&head.headers)?;
    host(head)?;
    origin_form(head)?;
    if head.method != Method::OPTIONS {
        return Ok(Asked::Application);
    }
    match (head.uri.path(), forwards(&mut head.headers)) {
        ("*", _) => Ok(Asked::Server),
        (_, asked) => Ok(asked),
    }
}

impl Broken {
    /// The refusal that says so.
    pub(super) fn refusal(self) -> Refusal {
        let (reason, detail) = match self {
            Self::Asterisk => (Reason::BadRequest, "The target * is for OPTIONS alone."),
            Self::Authority => (
                Reason::BadRequest,
                "The authority of the target is not a host with an optional port.",
            ),
            Self::Coding => (
                Reason::NotImplemented,
                "The only transfer coding understood here is chunked, once.",
            ),
            Self::Expectation => (
                Reason::ExpectationFailed,
                "Only the expectation 100-continue can be met.",
            ),
            Self::Host => (
                Reason::BadRequest,
                "The Host field is not a host with an optional port.",
            ),
            Self::Method => (
                Reason::MethodNotAllowed,
                "CONNECT and TRACE are not forwarded.",
            ),
            Self::NoHost => (Reason::BadRequest, "The request has no Host field."),
            Self::OldCoding => (Reason::BadRequest, "HTTP/1.0 has no Transfer-Encoding."),
            Self::Scheme => (
                Reason::BadRequest,
                "The scheme of the target is neither http nor https.",
            ),
            Self::Target => (
                Reason::BadRequest,
                "The target is neither a path nor an absolute URI.",
            ),
            Self::TooLong => (Reason::UriTooLong, "The target is too long."),
            Self::TooMany => (
                Reason::HeaderTooLarge,
                "The request has too many header fields.",
            ),
            Self::TwoAuthorities => (
                Reason::BadRequest,
                "The Host field is not the authority of the target.",
            ),
            Self::UnknownProtocol => (
                Reason::NotImplemented,
                "The only protocol that an extended CONNECT can ask for is websocket.",
            ),
            Self::TwoCodings => (
                Reason::BadRequest,
                "The request has two Transfer-Encoding fields.",
            ),
            Self::TwoHosts => (Reason::BadRequest, "The request has two Host fields."),
        };
        Refusal::new(reason).detail(detail)
    }
}

/// Exactly one `chunked`, or none: anything else could be framed differently by the application (RFC 9112 6.1).
fn transfer_encoding(headers: &HeaderMap, version: Version) -> Result<(), Broken> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), _) if version < Version::HTTP_11 => Err(Broken::OldCoding),
        (Some(coding), None)
            if coding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(())
        }
        (Some(_), None) => Err(Broken::Coding),
        (Some(_), Some(_)) => Err(Broken::TwoCodings),
    }
}

/// Leading zeros are allowed (RFC 9110 8.6), but who reads them as octal would read another length.
fn content_length(headers: &mut HeaderMap) {
    if let Some(length) = headers.get_mut(CONTENT_LENGTH)
        && let [b'0', _, ..] = length.as_bytes()
        && let Some(plain) = length
            .to_str()
            .ok()
            .and_then(|digits| digits.parse::<u64>().ok())
    {
        *length = HeaderValue::from(plain);
    }
}

/// Counts this hop in `Max-Forwards`, if that is a number (RFC 9110 7.6.2).
fn forwards(headers: &mut HeaderMap) -> Asked {
    let Some(left) = headers.get_mut(MAX_FORWARDS) else {
        return Asked::Application;
    };
    match left.to_str().ok().and_then(|left| left.parse::<u32>().ok()) {
        Some(0) => Asked::Server,
        Some(number) => {
            *left = HeaderValue::from(number - 1);
            Asked::Application
        }
        None => Asked::Application,
    }
}

/// `100-continue` is the one expectation there is (RFC 9110 10.1.1).
fn expectation(headers: &HeaderMap) -> Result<(), Broken> {
    for expectation in headers.get_all(EXPECT) {
        if !expectation.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            return Err(Broken::Expectation);
        }
    }
    Ok(())
}

/// One valid Host, required since HTTP/1.1; an absolute target's authority replaces it (RFC 9112 3.2.2).
fn host(head: &mut Parts) -> Result<(), Broken> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Broken::TwoHosts),
        (Some(host), None) if !is_authority(host.as_bytes()) => return Err(Broken::Host),
        // HTTP/2 says it in the target (RFC 9113 8.3.1).
        (None, _) if head.version == Version::HTTP_2 && head.uri.authority().is_some() => {}
        (None, _) if head.version >= Version::HTTP_11 => return Err(Broken::NoHost),
        (Some(_) | None, None) | (None, Some(_)) => {}
    }
    if head.uri.scheme().is_some()
        && let Some(authority) = head.uri.authority()
    {
        let authority = authority.as_str();
        if !is_authority(authority.as_bytes()) {
            return Err(Broken::Authority);
        }
        let host = HeaderValue::from_str(authority).map_err(|_| Broken::Authority)?;
        head.headers.insert(HOST, host);
    }
    Ok(())
}

/// A host with an optional port, and no user information (RFC 9110 7.2).
pub(super) fn is_authority(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok_and(|authority| has_port(&authority))
}

/// A port may be missing or empty; what there is of it is a number (RFC 3986 3.2.3).
fn has_port(authority: &Authority) -> bool {
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host).unwrap_or_default();
    match port.strip_prefix(':') {
        None => port.is_empty() && !host.is_empty(),
        Some(digits) => {
            let number = digits.bytes().all(|byte| byte.is_ascii_digit());
            !host.is_empty() && number && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
    }
}

/// The target without scheme and authority. `*` is OPTIONS' alone, and is kept; a bare authority is CONNECT's alone.
fn origin_form(head: &mut Parts) -> Result<(), Broken> {
    if head.uri.path() == "*" {
        return match head.method {
            Method::OPTIONS => Ok(()),
            _ => Err(Broken::Asterisk),
        };
    }
    let Some(scheme) = head.uri.scheme() else {
        return if head.uri.authority().is_none() && head.uri.path().starts_with('/') {
            Ok(())
        } else {
            Err(Broken::Target)
        };
    };
    if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
        return Err(Broken::Scheme);
    }
    // Where only a fragment follows the authority, the path is empty and is shown as `/`, but would be sent empty.
    let target = head.uri.path_and_query();
    let target = target.filter(|target| target.as_str() != "/").cloned();
    head.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok(())
}

#[cfg(test)]
mod tests;
