//! Answers: text, JSON, refusals, and what every one of them carries.
//!
//! Guarantees: nothing is cached; a browser runs nothing that is not from here, and shows it in no other page; there is
//! no CORS header, so that another page's script can neither read an answer nor send what needs a preflight.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde::Serialize;

use super::page;

/// What is answered: whole, or as a stream of events.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer instead of what was asked for.
pub(super) type Refusal = Box<Response<Body>>;

/// One line of text.
pub(super) fn plain(status: StatusCode, line: &'static str) -> Response<Body> {
    let line = Bytes::from(format!("{line}\n"));
    whole(status, "text/plain; charset=utf-8", line)
}

/// JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("numbers and text are JSON");
    whole(status, "application/json", Bytes::from(text))
}

/// Why there is no other answer, as JSON.
pub(super) fn refused(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = json(status, &serde_json::json!({ "error": why }));
    if status == StatusCode::UNAUTHORIZED {
        let headers = response.headers_mut();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// As [`refused`], for where there would be something else.
pub(super) fn refusal(status: StatusCode, why: &str) -> Refusal {
    Box::new(refused(status, why))
}

/// Too much has been asked for; `retry_after` is rounded up to whole seconds.
pub(super) fn too_many(retry_after: Duration, why: &str) -> Response<Body> {
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, why);
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// Another method is wanted here.
pub(super) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, allowed);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Anything that is known as a whole.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    with_body(status, content_type, Full::new(body).boxed_unsync())
}

/// Anything.
pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
