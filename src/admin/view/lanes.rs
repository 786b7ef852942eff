//! Lanes as operators are told of them.
//!
//! Guarantees: of a path only its shape, of a session only its digest.

use super::{hex, milliseconds};
use crate::admin::state::{LaneView, RequestView};
use crate::evidence::shape;
use crate::lane::{Busy, Hold, Holding, State as Where};
use crate::route::PathCase;

pub(super) fn lane_view(lane: &Busy, case: PathCase) -> LaneView {
    let request = |request| request_view(request, case);
    LaneView {
        id: hex(lane.key.digest()),
        session: lane.key.to_string(),
        age_ms: milliseconds(lane.age),
        holding: lane.holding,
        waiting: lane.waiting,
        observed: lane.observed,
        passed: lane.passed,
        holders: lane.holders.iter().map(request).collect(),
        waiters: lane.waiters.iter().map(request).collect(),
    }
}

fn request_view(holding: &Holding, case: PathCase) -> RequestView {
    let note = holding.note.as_ref();
    RequestView {
        ticket: holding.ticket.0.to_string(),
        state: match holding.state {
            Where::Executing => "executing",
            Where::Overdue => "overdue",
            Where::Reserved => "reserved",
            Where::Waiting => "waiting",
        }
        .to_owned(),
        route: note.map(|note| note.route.to_string()).unwrap_or_default(),
        method: note.map(|note| note.method.to_string()).unwrap_or_default(),
        path: note.and_then(|note| shape(note.target.path(), case)),
        access: match holding.hold {
            Hold::Exclusive => "write",
            Hold::Shared => "read",
        }
        .to_owned(),
        age_ms: milliseconds(holding.age.unwrap_or_default()),
        held_ms: holding.held.map(milliseconds),
        limit_ms: milliseconds(holding.limit),
    }
}
