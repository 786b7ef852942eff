//! Header fields on their way: what is taken off, what is put on, in both directions.
//!
//! Guarantees: hop-by-hop fields and those that `Connection` nominates go no further (RFC 9110 7.6.1); a client can
//! neither inject nor strip a field that Onelane sets, and a trusted proxy only those of `forwarding`; an underscore twin
//! of such a field (`X_Forwarded_For`), or of one that frames the request, is dropped, since IIS and CGI cannot tell it
//! from the real one. Host is kept. Does not do: `Via`.

use std::time::Duration;

use http::header::{
    self, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use smallvec::SmallVec;

use super::forwarding::{self, FORWARDING};
use super::progress::Length;
use super::reentrance::X_ONELANE_TICKET;
use super::report::Asked;
use crate::client::{ClientIp, Scheme, Via};
use crate::route::Access;
use crate::traces::Context;

/// What Onelane tells the application about a request.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// The other end of the connection.
    pub(super) peer: &'a HeaderValue,
    /// Who asks, through whatever proxies.
    pub(super) client: ClientIp,
    /// Whether what it says of others is believed.
    pub(super) via: Via,
    pub(super) scheme: Scheme,
    pub(super) request_id: &'a HeaderValue,
    /// None in observe mode, which changes nothing.
    pub(super) access: Option<Access>,
    pub(super) secret: Option<&'a HeaderValue>,
    /// Whether it is asked what the request does to its session; only with a secret.
    pub(super) asked: Asked,
    /// None when the request holds no lane.
    pub(super) ticket: Option<HeaderValue>,
    /// The protocol to change to, when the client asked for one.
    pub(super) upgrade: Option<&'a HeaderValue>,
    /// None when traces are off: what the client says of them goes on as it is.
    pub(super) trace: Option<&'a Context>,
}

/// Makes a client's header the one that the application gets.
pub(super) fn to_application(headers: &mut HeaderMap, told: Told<'_>) {
    remove_nominated(headers);
    for name in HOP_BY_HOP.iter().chain(&NEVER_FROM_CLIENTS) {
        headers.remove(name);
    }
    remove_underscore_twins(headers);
    forwarding::append(headers, told.peer, told.via, told.scheme);
    headers.insert(X_REQUEST_ID, told.request_id.clone());
    if let Some(access) = told.access {
        headers.insert(X_ONELANE_ACCESS, HeaderValue::from_static(access.label()));
    }
    if let Some(secret) = told.secret {
        headers.insert(X_ONELANE_SECRET, secret.clone());
        // In observe mode too: whoever stands behind a proxy has lost the client's address, whatever becomes of lanes.
        headers.insert(X_ONELANE_CLIENT, forwarding::address(told.client));
        if told.asked == Asked::Wrote {
            headers.insert(X_ONELANE_REPORT, HeaderValue::from_static("wrote"));
        }
    }
    if let Some(trace) = told.trace {
        trace.tell(headers);
    }
    if let Some(ticket) = told.ticket {
        headers.insert(X_ONELANE_TICKET, ticket);
    }
    if let Some(upgrade) = told.upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade.clone());
    }
}

/// Names the framing of a body whose length is not known: hyper would leave that of a GET or HEAD out, without a word. So
/// it does with a body that the client framed and that turned out to be empty: IIS answers 411 to a POST without a length.
pub(super) fn frame(headers: &mut HeaderMap, body: &impl http_body::Body, came: Length) {
    match (body.size_hint().exact(), came) {
        (None, _) => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        (Some(0), Length::Some) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        (Some(_), _) => {}
    }
}

/// Makes the application's header the one that the client gets.
pub(super) fn to_client(
    headers: &mut HeaderMap,
    request_id: &HeaderValue,
    waited: Option<Duration>,
) {
    remove_nominated(headers);
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(X_ONELANE_WROTE);
    headers.remove(X_ONELANE_TICKET); // an application that sends all back gives no credential away
    headers.insert(X_REQUEST_ID, request_id.clone());
    if let Some(waited) = waited {
        let timing = format!("onelane;dur={}", waited.as_millis());
        if let Ok(timing) = HeaderValue::try_from(timing) {
            headers.append(HeaderName::from_static("server-timing"), timing);
        }
    }
}

/// The protocol that a request asks to change to, if it may: a GET of HTTP/1.1 without a body, and not to h2c, which
/// would take the connection out of our sight.
pub(super) fn upgrade(head: &http::request::Parts) -> Option<HeaderValue> {
    let wanted = head.headers.get(UPGRADE)?;
    let asked = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .any(|value| tokens(value).any(|t| t.eq_ignore_ascii_case(b"upgrade")));
    let bare =
        !head.headers.contains_key(CONTENT_LENGTH) && !head.headers.contains_key(TRANSFER_ENCODING);
    let h2c = tokens(wanted).any(|token| token.eq_ignore_ascii_case(b"h2c"));
    let fits = asked
        && bare
        && !h2c
        && head.method == http::Method::GET
        && head.version == http::Version::HTTP_11;
    fits.then(|| wanted.clone())
}

/// The `timeout` of a `Keep-Alive` field: how long the application promises to keep an idle connection.
pub(super) fn keep_alive(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(KEEP_ALIVE)?.to_str().ok()?;
    value.split(',').find_map(|parameter| {
        let (name, seconds) = parameter.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("timeout") {
            return None;
        }
        seconds.trim().parse().ok().map(Duration::from_secs)
    })
}

/// Removes the fields that `Connection` nominates, but not those that the request cannot be understood without: a
/// client that nominates `Cookie` would otherwise leave its lane (CVE-2026-105299 is of this kind). Nor those that a
/// proxy before us may have added: its client could have nominated them.
fn remove_nominated(headers: &mut HeaderMap) {
    let nominated: SmallVec<[HeaderName; 4]> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| !KEPT.contains(name))
        .filter(|name| !FORWARDING.contains(name) && !NEVER_FROM_CLIENTS.contains(name))
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn remove_underscore_twins(headers: &mut HeaderMap) {
    let twins: SmallVec<[HeaderName; 2]> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .filter(|name| {
            let twin = name.as_str().replace('_', "-");
            let mut owned = NEVER_FROM_CLIENTS
                .iter()
                .chain(&FORWARDING)
                .chain(&HOP_BY_HOP);
            twin == CONTENT_LENGTH.as_str() || owned.any(|own| own.as_str() == twin)
        })
        .cloned()
        .collect();
    for name in twins {
        headers.remove(name);
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const X_ONELANE_ACCESS: HeaderName = HeaderName::from_static("x-onelane-access");
const X_ONELANE_REPORT: HeaderName = HeaderName::from_static("x-onelane-report");
/// The client's address, for an application that cannot know which proxies are trusted; only with the secret.
const X_ONELANE_CLIENT: HeaderName = HeaderName::from_static("x-onelane-client");
const X_ONELANE_SECRET: HeaderName = HeaderName::from_static("x-onelane-secret");
/// What the application says of a request that it was asked about; for Onelane alone.
pub(super) const X_ONELANE_WROTE: HeaderName = HeaderName::from_static("x-onelane-wrote");
/// The id of a request, in requests, responses, refusals and logs alike.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// RFC 9110 7.6.1, and `Trailer`, since trailers are dropped.
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Fields that only Onelane, or the server itself, may set.
static NEVER_FROM_CLIENTS: [HeaderName; 10] = [
    EXPECT, // answered here: hyper sends 100 when the body is first read
    HeaderName::from_static("aspfiltersessionid"), // ASP.NET would take it for the cookieless session id
    HeaderName::from_static("http2-settings"),
    X_ONELANE_ACCESS,
    X_ONELANE_REPORT,
    X_ONELANE_CLIENT,
    X_ONELANE_SECRET,
    X_ONELANE_TICKET,
    X_ONELANE_WROTE,
    X_REQUEST_ID,
];

/// Fields that `Connection` cannot nominate.
static KEPT: [HeaderName; 8] = [
    CONTENT_LENGTH,
    COOKIE,
    HOST,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::SET_COOKIE,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

#[cfg(test)]
mod tests;
