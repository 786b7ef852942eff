//! Readiness on the listeners of clients, for balancers that cannot reach the admin listener (`ready_path`).
//!
//! Guarantees: a request for exactly that path is answered here: never forwarded, throttled, denied, counted or logged;
//! the answer is that of `/readyz`. Does not do: know more than that it drains, and what health checks say.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, request};

use super::Gateway;
use super::pipe::ClientBody;
use super::policy::Policy;
use super::reply::Answers;

/// A path at which balancers ask. Compared byte by byte, without the query: what is written differently is the
/// application's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyPath(Box<str>);

/// Why a text is no [`ReadyPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReadyPath {
    /// It does not begin with `/`, has a query or a fragment, or what no target can have.
    #[error("not a path")]
    NotAPath,
    /// `/` alone.
    #[error("this would hide the application's first page")]
    Root,
}

impl FromStr for ReadyPath {
    type Err = NoReadyPath;

    fn from_str(text: &str) -> Result<Self, NoReadyPath> {
        if text == "/" {
            return Err(NoReadyPath::Root);
        }
        match text.parse::<PathAndQuery>() {
            Ok(target) if text.starts_with('/') && target.path() == text => Ok(Self(text.into())),
            _ => Err(NoReadyPath::NotAPath),
        }
    }
}

impl fmt::Display for ReadyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Policy {
    /// Whether a request is a balancer's question.
    pub(super) fn asks_for_readiness(&self, head: &request::Parts) -> bool {
        let path = self.ready_path.as_ref();
        path.is_some_and(|path| *path.0 == *head.uri.path())
    }
}

impl Gateway {
    /// Answers a balancer.
    pub(super) fn tell_readiness(&self, head: &request::Parts, answers: Answers) {
        let (status, line) = if !matches!(head.method, Method::GET | Method::HEAD) {
            (StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD only\n")
        } else if self.draining.is_leaving() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if self.upstream.all_ill() {
            let line = "the health checks of all upstreams fail\n";
            (StatusCode::SERVICE_UNAVAILABLE, line)
        } else {
            (StatusCode::OK, "ready\n")
        };
        let body = Bytes::from_static(line.as_bytes());
        let mut response = Response::new(ClientBody::Whole(Some(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PLAIN);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if self.draining.is_draining() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        drop(answers.send(Ok(response))); // a balancer that has left needs none
    }
}

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_path_is_a_path_and_not_the_first_page() {
        for path in ["/ready", "/onelane/ready", "/a;b=c", "/%41"] {
            assert_eq!(path.parse::<ReadyPath>().unwrap().to_string(), path);
        }
        let all = ["", "ready", "*", "/a?b", "/a#b", "/a b", "http://a/b"];
        for text in all {
            assert_eq!(
                text.parse::<ReadyPath>(),
                Err(NoReadyPath::NotAPath),
                "{text}"
            );
        }
        assert_eq!("/".parse::<ReadyPath>(), Err(NoReadyPath::Root));
    }
}
