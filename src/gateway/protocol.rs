//! What an HTTP/1.1 request must be before it is looked at further: the checks that hyper leaves to us.
//!
//! Guarantees: a request that passes has one valid Host, a target in origin form, and a framing that the application
//! cannot read otherwise than we do. Sources: RFC 9112 3.2, 6.1; RFC 9110 7.8, 9.3.6, 9.3.8, 10.1.1.

use http::header::{EXPECT, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Uri, Version};

use super::http2;
use super::refusal::Reason;

/// Checks `head`, whose target may have `url_length` bytes, and brings it into one form: the target in origin form, its authority in `Host`.
///
/// # Errors
/// The reason for a refusal; the client's fault.
pub(super) fn check(head: &mut Parts, url_length: usize) -> Result<(), Reason> {
    let target = head.uri.path_and_query();
    if target.is_some_and(|target| target.as_str().len() > url_length) {
        return Err(Reason::UriTooLong);
    }
    if head.version == Version::HTTP_2 {
        http2::to_http1(head)?;
    }
    match head.method {
        Method::CONNECT | Method::TRACE => return Err(Reason::MethodNotAllowed),
        _ => {}
    }
    transfer_encoding(&head.headers, head.version)?;
    expectation(&head.headers)?;
    host(head)?;
    origin_form(head)
}

/// Exactly one `chunked`, or none: anything else could be framed differently by the application (RFC 9112 6.1).
fn transfer_encoding(headers: &HeaderMap, version: Version) -> Result<(), Reason> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), _) if version < Version::HTTP_11 => Err(Reason::BadRequest),
        (Some(coding), None)
            if coding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(())
        }
        (Some(_), None) => Err(Reason::NotImplemented),
        (Some(_), Some(_)) => Err(Reason::BadRequest),
    }
}

/// `100-continue` is the one expectation there is (RFC 9110 10.1.1).
fn expectation(headers: &HeaderMap) -> Result<(), Reason> {
    for expectation in headers.get_all(EXPECT) {
        if !expectation.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            return Err(Reason::ExpectationFailed);
        }
    }
    Ok(())
}

/// One valid Host, required since HTTP/1.1; an absolute target's authority replaces it (RFC 9112 3.2.2).
fn host(head: &mut Parts) -> Result<(), Reason> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Reason::BadRequest);
    }
    match first {
        Some(host) if !is_authority(host.as_bytes()) => return Err(Reason::BadRequest),
        None if head.version >= Version::HTTP_11 => return Err(Reason::BadRequest),
        Some(_) | None => {}
    }
    if head.uri.scheme().is_some()
        && let Some(authority) = head.uri.authority()
    {
        if !is_authority(authority.as_str().as_bytes()) {
            return Err(Reason::BadRequest);
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Reason::BadRequest)?;
        head.headers.insert(HOST, host);
    }
    Ok(())
}

/// A host with or without a port, and without a user.
pub(super) fn is_authority(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

/// The target without scheme and authority. `*` is OPTIONS' alone, and is kept; a bare authority is CONNECT's alone.
fn origin_form(head: &mut Parts) -> Result<(), Reason> {
    if head.uri.path() == "*" {
        return if head.method == Method::OPTIONS {
            Ok(())
        } else {
            Err(Reason::BadRequest)
        };
    }
    if head.uri.scheme().is_none() {
        return if head.uri.authority().is_none() && head.uri.path().starts_with('/') {
            Ok(())
        } else {
            Err(Reason::BadRequest)
        };
    }
    // Where only a fragment follows the authority, the path is empty and is shown as `/`, but would be sent empty.
    let target = head.uri.path_and_query();
    let target = target.filter(|target| target.as_str() != "/").cloned();
    head.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(request: http::request::Builder) -> Result<Parts, Reason> {
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        check(&mut head, 1024).map(|()| head)
    }

    fn get(target: &str) -> http::request::Builder {
        http::Request::get(target).header("host", "site.example")
    }

    #[test]
    fn an_ordinary_request_passes_as_it_is() {
        assert_eq!(checked(get("/a?b")).unwrap().uri, "/a?b");
    }

    #[test]
    fn host_is_required_once_and_valid() {
        let bare = || http::Request::get("/");
        assert_eq!(checked(bare()).unwrap_err(), Reason::BadRequest);
        assert_eq!(
            checked(bare().header("host", "a").header("host", "a")).unwrap_err(),
            Reason::BadRequest
        );
        for odd in ["a b", "user@site", "site/path", "", "a,b c"] {
            assert_eq!(
                checked(bare().header("host", odd)).unwrap_err(),
                Reason::BadRequest,
                "{odd:?}"
            );
        }
        assert!(checked(bare().header("host", "[::1]:8080")).is_ok());
        assert!(checked(bare().version(Version::HTTP_10)).is_ok());
    }

    #[test]
    fn an_absolute_target_decides_the_host() {
        let head = checked(get("http://other.example:81/x?y")).unwrap();
        assert_eq!(head.headers[HOST], "other.example:81");
        assert_eq!(head.uri, "/x?y");
        for bare in ["http://other.example", "http://other.example#fragment"] {
            assert_eq!(checked(get(bare)).unwrap().uri.to_string(), "/", "{bare}");
        }
    }

    #[test]
    fn a_transfer_encoding_is_one_chunked_or_refused() {
        let with = |value| get("/").header("transfer-encoding", value);
        assert!(checked(with("chunked")).is_ok());
        assert!(checked(with("Chunked ")).is_ok());
        for odd in ["gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
            assert_eq!(
                checked(with(odd)).unwrap_err(),
                Reason::NotImplemented,
                "{odd}"
            );
        }
        let twice = with("chunked").header("transfer-encoding", "chunked");
        assert_eq!(checked(twice).unwrap_err(), Reason::BadRequest);
        let old = with("chunked").version(Version::HTTP_10);
        assert_eq!(checked(old).unwrap_err(), Reason::BadRequest);
    }

    #[test]
    fn odd_methods_targets_and_expectations_are_refused() {
        assert_eq!(
            checked(get("/").method("TRACE")).unwrap_err(),
            Reason::MethodNotAllowed
        );
        assert_eq!(
            checked(get("site:443").method("CONNECT")).unwrap_err(),
            Reason::MethodNotAllowed
        );
        assert_eq!(checked(get("site:443")).unwrap_err(), Reason::BadRequest);
        assert_eq!(checked(get("*")).unwrap_err(), Reason::BadRequest);
        assert!(checked(get("*").method("OPTIONS")).is_ok());
        assert_eq!(
            checked(get("/").header("expect", "tea")).unwrap_err(),
            Reason::ExpectationFailed
        );
        assert!(checked(get("/").header("expect", "100-Continue")).is_ok());
    }
}
