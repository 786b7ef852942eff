//! The answers Onelane gives instead of the application.
//!
//! Guarantees: every refusal has a status, a `Proxy-Status`, `Cache-Control: no-store`, the request id and a body that
//! the client accepts; nothing of the request but its id is in it, so never a session id. What a person reads says
//! whether the request may have taken effect.
//! Does not do: decide who is refused, or answer what hyper's own parser rejects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde::Serialize;

mod accept;
mod reason;

pub use accept::{Accept, Format};
pub use reason::{Fault, Reason};

/// One answer that Onelane gives instead of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// When a new attempt makes sense; used only where [`Reason::invites_retry`], 1 s when it is not known.
    pub retry_after: Option<Duration>,
    /// The methods of `Allow`, for [`Reason::MethodNotAllowed`]; [`Refusal::METHODS`] when None.
    pub allow: Option<&'static str>,
    /// A more exact cause than the reason's own. Fixed when Onelane is compiled, so that nothing of a request gets in.
    pub detail: Option<&'static str>,
    /// How it is said.
    pub manner: Manner,
}

/// How a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// With the status of the reason, or the operator's.
    Usual,
    /// With this status, which hides or changes the reason's: nobody is invited to come back.
    Status(StatusCode),
    /// Without an answer.
    Silent,
}

/// The body of RFC 9457, with two members of our own.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'static str,
    reason: &'static str,
    request_id: &'a str,
}

/// How an operator changed one refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalPage {
    /// Another status (400-599).
    pub status: Option<StatusCode>,
    /// Another HTML page, read when the configuration was.
    pub page: Option<Arc<str>>,
}

impl Refusal {
    /// The methods that `Allow` names: all common ones that a proxy can forward.
    pub const METHODS: &'static str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

    /// A refusal with nothing but its reason.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry_after: None,
            allow: None,
            detail: None,
            manner: Manner::Usual,
        }
    }

    /// With the time after which a new attempt makes sense.
    pub fn retry_after(self, after: Option<Duration>) -> Self {
        Self {
            retry_after: after,
            ..self
        }
    }

    /// With a more exact cause, a sentence.
    pub fn detail(self, detail: &'static str) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// Said in this manner.
    pub fn manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// The answer. `format` is what the client accepts, `pages` what the operator changed.
    ///
    /// `Content-Length` and the missing body of an answer to HEAD are left to hyper.
    pub fn into_response(
        self,
        format: Format,
        request_id: &str,
        pages: &HashMap<Reason, RefusalPage>,
    ) -> Response<Bytes> {
        let page = pages.get(&self.reason);
        let usual = || page.and_then(|page| page.status);
        let status = match self.manner {
            Manner::Status(status) => status,
            Manner::Usual | Manner::Silent => usual().unwrap_or_else(|| self.reason.status()),
        };
        let own = page.and_then(|page| page.page.as_deref());
        let (content_type, body) = match (format, own) {
            (Format::Html, Some(own)) => (HTML, Bytes::copy_from_slice(own.as_bytes())),
            (Format::Html, None) => (HTML, self.html(status, request_id)),
            (Format::Problem, _) => (PROBLEM, self.problem(status, request_id)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        self.set_headers(response.headers_mut());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // An id that is no header value came from a client; it is in the body, escaped.
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn set_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PROXY_STATUS, self.proxy_status());
        if self.reason.invites_retry() && self.manner == Manner::Usual {
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(whole_seconds(self.retry_after)),
            );
        }
        if self.manner == Manner::Status(StatusCode::UNAUTHORIZED) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if self.reason == Reason::MethodNotAllowed {
            headers.insert(
                ALLOW,
                HeaderValue::from_static(self.allow.unwrap_or(Self::METHODS)),
            );
        }
        if self.reason.ends_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn cause(&self) -> &'static str {
        self.detail.unwrap_or_else(|| self.reason.cause())
    }

    /// `onelane; error=TYPE; details="REASON: CAUSE"` (RFC 9209; `details` is an sf-string, RFC 8941 3.3.3).
    fn proxy_status(&self) -> HeaderValue {
        let (error, label) = (self.reason.proxy_error(), self.reason.label());
        let cause = self.cause().replace('\\', r"\\").replace('"', r#"\""#);
        HeaderValue::try_from(format!(
            r#"onelane; error={error}; details="{label}: {cause}""#
        ))
        .unwrap_or(HeaderValue::from_static("onelane"))
    }

    fn problem(&self, status: StatusCode, request_id: &str) -> Bytes {
        let problem = Problem {
            r#type: "about:blank",
            title: title(status),
            status: status.as_u16(),
            detail: self.cause(),
            reason: self.reason.label(),
            request_id,
        };
        Bytes::from(serde_json::to_vec(&problem).expect("strings and a number always serialize"))
    }

    fn html(&self, status: StatusCode, request_id: &str) -> Bytes {
        let advice = self.reason.advice();
        // The braces of the style sheet are doubled in the file, because it is a format string.
        Bytes::from(format!(
            include_str!("page.html"),
            headline = escape(advice.headline),
            advice = escape(advice.text),
            status = status.as_u16(),
            title = title(status),
            detail = escape(self.cause()),
            request_id = escape(request_id),
        ))
    }
}

/// Rounded up, at least 1: "0" would invite an immediate retry.
fn whole_seconds(after: Option<Duration>) -> u64 {
    let after = after.unwrap_or_default();
    after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0))
        .max(1)
}

/// The status' standard phrase, as RFC 9457 4.2.1 asks for with `about:blank`.
fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Request refused")
}

/// For HTML text and quoted attributes.
fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// A 401 has to carry a challenge (RFC 9110 15.5.2); this one no browser asks its user about.
const CHALLENGE: &str = "Onelane";
const HTML: &str = "text/html; charset=utf-8";
const PROBLEM: &str = "application/problem+json";

#[cfg(test)]
mod tests;
