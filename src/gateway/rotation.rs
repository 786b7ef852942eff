//! Ids that a response gives a session (a login, a rotation, a value that changes with each response): they join the lane
//! of the request, for as long as it lives.
//!
//! Guarantees: the lane knows a new id before the client can, and before the permit ends; a response without `Set-Cookie`
//! costs one look at its header. Does not do: keep the lane; learn from a response to a request that has no lane.

use http::HeaderMap;

use super::Visit;
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
        let lanes = &self.gateway.lanes;
        for (lane, new) in self.policy.sessions.issued(response, scoped) {
            let Some(session) = session else {
                // A session begins; it belongs to the lane of its client, if the request holds that.
                if let (LaneNumber::SESSION, Some(own)) = (lane, self.entry.lane()) {
                    lanes.name(own, new);
                }
                continue;
            };
            let Some(old) = session.in_lane(lane).filter(|old| *old != new) else {
                continue;
            };
            // The lane itself is known, also when newer names have replaced the one that the request came by.
            let own = self.entry.lane().filter(|_| old == session.key);
            lanes.name(own.unwrap_or(old), new);
        }
    }
}
