//! A request head from a few lines of text, for the targets that do not need a socket.
//!
//! Guarantees: what it gives could have come from hyper; all else is None.
//! Does not do: HTTP; `edge` has that.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

/// Reads `METHOD TARGET` and lines of `name: value`, each up to a line feed. The method may be left out: GET.
pub(crate) fn read(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let (method, target) = match first.iter().position(|byte| *byte == b' ') {
        Some(at) => (Method::from_bytes(&first[..at]).ok()?, &first[at + 1..]),
        None => (Method::GET, first),
    };
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    for line in lines.filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        request.headers_mut().try_append(name, value).ok()?;
    }
    Some(request.into_parts().0)
}

/// The same head with another target; None when it is none.
pub(crate) fn with_target(head: &Parts, target: &str) -> Option<Parts> {
    let mut other = head.clone();
    other.uri = Uri::try_from(target).ok()?;
    Some(other)
}
