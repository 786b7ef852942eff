//! A page that calls its own site with its user's cookie would wait for itself: its ticket lets the call in.
//!
//! The application gets `X-Onelane-Ticket` with each request that holds a lane, and sends it along with what it asks of
//! its own site for that request. Such a request holds the lane together with the first one and gets a ticket of its
//! own; the lane is free when both have ended.
//!
//! Guarantees: only a ticket that was made here, for the same session and for a request that still holds its lane, has
//! an effect; any other is counted, and its request waits as if it had none. A ticket is a credential: the application
//! alone gets it, and no log has it. At most `queue.max_passed` enter so, and a lane that is kept by such calls alone
//! is held no longer than by the first.
//! Does not do: recognize a call without a ticket; it is named in the log when it has waited in vain.

use http::header::{HeaderName, HeaderValue};
use http::request;

use super::Visit;
use super::alarm::now;
use super::exchange::Ended;
use super::refusal::{Reason, Refusal};
use crate::client::Via;
use crate::lane::{Hold, NotBeside, Permit, Ticket};
use crate::metrics::Reentrance;
use crate::session::Session;

/// What says on behalf of which request another one is made.
pub(super) const X_ONELANE_TICKET: HeaderName = HeaderName::from_static("x-onelane-ticket");

impl Visit<'_> {
    /// Lets the request in at once when it shows the ticket of a request of its session that holds the lane; None when
    /// it has to wait for its turn like any other.
    ///
    /// # Errors
    /// [`Ended::Refused`]: too many have entered so.
    pub(super) fn reenter(
        &self,
        session: &Session<'_>,
        hold: Hold,
        head: &request::Parts,
    ) -> Result<Option<Permit>, Ended> {
        let Some(shown) = head.headers.get(X_ONELANE_TICKET) else {
            return Ok(None);
        };
        let metrics = &self.gateway.metrics;
        let sessions = &self.policy.sessions;
        let Some(number) = sessions.sealed(session.key, shown.as_bytes()) else {
            metrics.reentrance(Reentrance::Forged);
            return Ok(None);
        };
        let (lanes, limits) = (&self.gateway.lanes, &self.terms.limits);
        let (key, outer) = (session.key, Ticket(number));
        let note = self.note(head);
        match lanes.reenter_noted(key, &session.also, outer, hold, limits, note.as_ref()) {
            Ok(permit) => {
                metrics.reentrance(Reentrance::Entered);
                Ok(Some(permit))
            }
            Err(NotBeside::Stale) => {
                metrics.reentrance(Reentrance::Stale);
                Ok(None)
            }
            Err(NotBeside::Full) => {
                metrics.reentrance(Reentrance::Refused);
                Err(Refusal::new(Reason::QueueFull).detail(TOO_DEEP).into())
            }
        }
    }

    /// The ticket that the application gets with the request; None when it holds no session's lane.
    pub(super) fn ticket(&self) -> Option<HeaderValue> {
        let (session, ticket) = (self.notes.session?, self.entry.ticket()?);
        let seal = self.policy.sessions.seal(session, ticket.0);
        let mut value = HeaderValue::try_from(seal).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Says now and then that a request of this machine has waited in vain: a page may have waited for itself.
    pub(super) fn warn_of_loopback(&self) {
        if self.is_from_here() && self.gateway.warnings.loopback.may(now()) {
            let session = self.notes.session.map(|session| session.to_string());
            tracing::warn!(
                route = %self.route,
                session,
                "a request from this machine has waited for its turn until wait_timeout: if a page calls its own site with \
                 its user's cookie, it waits for itself; let it send the header X-Onelane-Ticket along that it got, or \
                 give this route access: none (warned once a minute)"
            );
        }
    }

    /// Whether whoever asks is on this machine, or on the application's.
    fn is_from_here(&self) -> bool {
        let from = self.ip.address();
        let is_of_application = || self.gateway.upstream.has(from);
        let local = || {
            let socket = self.client.socket.as_ref()?.upgrade()?;
            socket.local_address().map(|address| address.to_canonical())
        };
        match self.via {
            Via::Direct | Via::Proxied if from.is_loopback() || is_of_application() => true,
            Via::Direct => local() == Some(from),
            // What comes through a balancer may be anybody's.
            Via::Proxied | Via::Spoofed => false,
        }
    }
}

const TOO_DEEP: &str = "Too many requests of this session are made by its own pages.";
