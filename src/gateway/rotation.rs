//! Ids that a response gives a session (a login, a rotation, a value that changes with each response): they join the lane
//! of the request, for as long as it lives.
//!
//! A request that waited may come with an id that was replaced meanwhile. Most applications have forgotten it then and
//! begin an empty session, whose cookie would take the place of the new one: who has just logged in would be logged out,
//! and would not have been without the wait. So that cookie is withheld, if the request was a GET or HEAD; the answer to
//! another one may be a login itself.
//!
//! Guarantees: the lane knows a new id before the client can, and before the permit ends; a response without `Set-Cookie`
//! costs one look at its header. Does not do: keep the lane; learn from a response to a request that has no lane, or was
//! sent without its session.

use http::header::SET_COOKIE;
use http::{HeaderMap, Method};

use super::Visit;
use super::account::Passed;
use crate::lane::Permit;
use crate::session::{LaneNumber, Scoped, Session};

impl Visit<'_> {
    /// Notes which ids of a request that has waited for `permit` were replaced meanwhile, in applications that forget them
    /// then. To be called before the permit can end, since the lane's names go with the lane.
    pub(super) fn note_outlived(
        &mut self,
        session: &Session<'_>,
        method: &Method,
        permit: &Permit,
    ) {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return;
        }
        let (sessions, lanes) = (&self.policy.sessions, &self.gateway.lanes);
        let came = self.notes.started; // without a lane it would have been in the application from then on
        let outlived = session.lanes().filter(|(number, key)| {
            let is_first = *key == session.key;
            let lane = if is_first { permit.lane() } else { *key };
            sessions.forgets(*number) && lanes.named_since(lane, came)
        });
        self.notes.outlived = outlived.map(|(number, _)| number).collect();
    }

    /// Takes the cookies of sessions that began for want of a replaced id out of the response. To be called before it is
    /// looked at for new ids.
    pub(super) fn withhold(&self, response: &mut HeaderMap) {
        let lanes = &self.notes.outlived;
        if lanes.is_empty() || !response.contains_key(SET_COOKIE) {
            return;
        }
        let lines = self.policy.sessions.withhold(lanes, response);
        self.gateway.metrics.cookies_withheld(lines);
    }

    /// Lets the lane of `session` know the ids that the response sets. To be called before anything of the response goes
    /// on, and before the permit can end with it.
    pub(super) fn rotate(
        &self,
        session: Option<&Session<'_>>,
        scoped: &Scoped,
        response: &HeaderMap,
    ) {
        if self.notes.passed == Passed::WithoutSession {
            return; // these ids are of a session that nobody gets
        }
        let held = self.entry.lane();
        if session.is_none() && held.is_none() {
            return;
        }
        for (number, new) in self.policy.sessions.issued(response, scoped) {
            let old = match session {
                Some(session) => session.in_lane(number),
                None => held.filter(|_| number == LaneNumber::SESSION), // its client's
            };
            let Some(old) = old.filter(|old| *old != new) else {
                continue;
            };
            // The lane itself is known, also when newer names have replaced the one that the request came by.
            let is_held = session.is_none_or(|session| session.key == old);
            let lane = held.filter(|_| is_held).unwrap_or(old);
            self.gateway.lanes.name(lane, new);
        }
    }
}
