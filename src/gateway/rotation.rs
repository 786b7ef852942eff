//! Ids that a response gives a session (a login, a rotation, a value that changes with each response): they join the lane
//! of the request, for as long as it lives.
//!
//! Guarantees: the lane knows a new id before the client can, and before the permit ends; a response without `Set-Cookie`
//! costs one look at its header. Does not do: keep the lane; learn from a response to a request that has no lane, or was
//! sent without its session.

use http::HeaderMap;

use super::Visit;
use super::account::Passed;
use crate::session::{LaneNumber, Scoped, Session};

impl Visit<'_> {
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
