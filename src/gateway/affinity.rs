//! Affinity on the way of a request: which node its cookie names, and what its client is told.
//!
//! Guarantees: with one node nothing is read, set or counted. A response that makes no session sets no cookie: it stays fit
//! for caches, and cannot pull a client to another node while its session is being made elsewhere.
//! Does not do: choose; `upstream` does.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, Response};

use super::Visit;
use super::alarm::now;
use super::forwarding::X_FORWARDED_PROTO;
use super::upload::RequestBody;
use crate::route::Access;
use crate::session::SessionKey;
use crate::upstream::{Connection, Crossing, Stay, Wish};

impl Visit<'_> {
    /// What a request says about its node, and how its client reached us; from the header as the application gets it, in
    /// which a trusted proxy's word is left.
    pub(super) fn wish(&self, headers: &HeaderMap) -> (Wish, Crossing) {
        if !self.gateway.upstream.is_several() {
            return (Wish::default(), Crossing::Clear);
        }
        let session = self.notes.session.as_ref().map(SessionKey::digest);
        let wish = self.gateway.upstream.wish(headers, session);
        let crossing = match headers.get(X_FORWARDED_PROTO) {
            Some(scheme) if scheme.as_bytes().eq_ignore_ascii_case(b"https") => Crossing::Secure,
            Some(_) | None => Crossing::Clear,
        };
        (wish, crossing)
    }

    /// After a response's headers: tells the client which node it was at, unless it knows, and counts who did not get the
    /// node that he named.
    pub(super) fn stay<B>(
        &self,
        connection: &Connection<RequestBody>,
        wish: &Wish,
        crossing: Crossing,
        response: &mut Response<B>,
    ) {
        let (upstream, warnings) = (&self.gateway.upstream, &self.gateway.warnings);
        if !upstream.is_several() {
            return;
        }
        let headers = response.headers_mut();
        if !upstream.learn(connection, headers) && warnings.affinity_values.may(now()) {
            tracing::warn!(
                "the affinity cookie has more values than there could be nodes: it names users, and \
                 requests cannot be routed by it; check affinity.cookie (warned once a minute)"
            );
        }
        if upstream.stay(connection, wish) == Stay::Lost {
            self.gateway.metrics.affinity_lost();
            if warnings.affinity_lost.may(now()) {
                tracing::warn!(
                    route = %self.route,
                    "a request whose node is down went to another one; its session is lost if it was in \
                     that node's memory (warned once a minute)"
                );
            }
        }
        let may_make_session = self.terms.access != Access::None && !is_for_all(headers);
        if (may_make_session || headers.contains_key(SET_COOKIE))
            && let Some(cookie) = upstream.set_cookie(connection, wish, crossing)
        {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// Whether a response is meant for caches that many clients share: they would hand its cookies to all of them.
fn is_for_all(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| {
        let name = directive.split(|byte| *byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"public") || name.eq_ignore_ascii_case(b"s-maxage")
    })
}
