//! The short steps of a request, between the long ones.

use http::header::{ALLOW, CONNECTION, HOST, HeaderMap, HeaderValue};
use http::{Response, StatusCode, request, response};

use super::account::Passed;
use super::alarm::now;
use super::delivery::Delivered;
use super::headers::{self, Told};
use super::pipe::ClientBody;
use super::policy::{Policy, ServerTiming};
use super::refusal::Refusal;
use super::traced::Traced;
use super::tunnel::Switch;
use super::{Client, Gateway, Outcome, Visit};
use crate::client::{Resolved, Via};
use crate::route::Mode;
use crate::session::{Found, OddReason, Session};

impl<'g> Visit<'g> {
    /// `OPTIONS *` asks the server, not the application (RFC 9110 9.3.7), and the server is us.
    pub(super) fn answer_for_the_server(&mut self) -> Outcome {
        let mut response = Response::new(ClientBody::Whole(None));
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(Refusal::METHODS));
        self.reply.give(response);
        Ok(Delivered::Whole)
    }

    /// The session of the request; a cookie that does not match is counted, and warned of now and then, since it
    /// silently means no lane.
    pub(super) fn session(&mut self, head: &request::Parts) -> Option<Session<'g>> {
        match self.policy.sessions.find(head) {
            Found::Session(session) => {
                self.notes.session = Some(session.key);
                Some(session)
            }
            Found::None => None,
            Found::Odd(odd) => {
                self.gateway.metrics.odd_cookie(odd.reason as usize);
                // Applications empty the cookie at logout: that is no sign of a wrong pattern.
                if odd.reason != OddReason::Empty && self.gateway.warnings.odd_cookies.may(now()) {
                    tracing::warn!(
                        source = %odd.source,
                        reason = %odd.reason,
                        route = %self.route,
                        "a session cookie does not match its pattern: the request has no lane; \
                         check `session:` in the configuration (warned once a minute)"
                    );
                }
                None
            }
        }
    }

    /// Answers with a refusal, unless there was an answer, and counts it.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if !self.reply.is_given() {
            self.gateway.metrics.refusal(refusal.reason as usize);
            self.reply.refuse(refusal);
        }
    }

    /// Brings the header into the form that the application gets.
    pub(super) fn tell(&self, head: &mut request::Parts, switch: Option<&Switch>) {
        let told = Told {
            peer: &self.client.address,
            client: self.ip,
            via: self.via,
            scheme: self.client.scheme,
            request_id: &self.request_id,
            access: (self.terms.mode == Mode::Enforce).then_some(self.terms.access),
            secret: self.policy.application.secret.as_ref(),
            asked: self.asked(),
            ticket: self.ticket(),
            upgrade: switch.map(|switch| &switch.protocol),
            trace: self.notes.traced.as_deref().map(Traced::context),
        };
        if !head.headers.contains_key(HOST) {
            head.headers.insert(HOST, self.gateway.upstream.host());
        }
        headers::to_application(&mut head.headers, told);
        head.version = http::Version::HTTP_11;
    }

    /// Brings the header into the form that the client gets.
    pub(super) fn prepare(&self, head: &mut response::Parts, refused: Option<&Switch>) {
        head.version = http::Version::HTTP_11; // our own, whatever the application's is (RFC 9110 2.5)
        let headers = &mut head.headers;
        let shown = self.policy.server_timing == ServerTiming::Show;
        headers::to_client(
            headers,
            &self.request_id,
            self.notes.waited.filter(|_| shown),
        );
        if self.notes.passed == Passed::WithoutSession {
            self.policy.sessions.hide_issued(headers);
        }
        // After an upgrade that was not granted, hyper would take the client's next bytes for a request.
        if refused.is_some() || self.gateway.draining.is_draining() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Gateway {
    /// Who asks. Forwarding headers of a peer that is no trusted proxy are counted, and warned of now and then: if it is
    /// a balancer, the whole site is one client.
    pub(super) fn client(&self, policy: &Policy, client: &Client, headers: &HeaderMap) -> Resolved {
        let resolved = policy.client.client(client.peer, headers);
        if resolved.via == Via::Spoofed {
            self.metrics.forwarded_untrusted();
            if self.warnings.forwarded.may(now()) {
                let (peer, cidr) = (resolved.ip, resolved.ip.cidr());
                tracing::warn!(
                    "forwarding headers from {peer}, which is no trusted proxy, are ignored; \
                     if it is your balancer, add {cidr} to client.trusted_proxies (warned once a minute)"
                );
            }
        }
        resolved
    }
}

/// A new request id: 128 random bits in hex.
pub(super) fn request_id() -> HeaderValue {
    HeaderValue::try_from(format!("{:032x}", fastrand::u128(..)))
        .expect("hex digits are visible ASCII")
}
