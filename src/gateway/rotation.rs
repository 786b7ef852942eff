//! Ids that a response gives a session (a login, a rotation, a value that changes with each response): they join the lane
//! of the request, for as long as it lives.
//!
//! Guarantees: the lane knows a new id before the client can, and before the permit ends; a response without `Set-Cookie`
//! costs one look at its header. Does not do: keep the lane; learn from a response to a request that has no lane.

use http::HeaderMap;

use super::Visit;
use crate::session::{Scoped, Session};

impl Visit<'_> {
    /// Lets the lane of `session` know the ids that the response sets. To be called before anything of the response goes
    /// on, and before the permit can end with it.
    pub(super) fn rotate(
        &self,
        session: Option<&Session<'_>>,
        scoped: &Scoped,
        response: &HeaderMap,
    ) {
        let key = session.map(|session| session.key);
        // Without a session it is the lane of its client, if the request holds that.
        let Some(lane) = self.entry.lane().or(key) else {
            return;
        };
        for issued in self.policy.sessions.issued(response, scoped) {
            if Some(issued) != key {
                self.gateway.lanes.name(lane, issued);
            }
        }
    }
}
