//! A place in a lane, as a value: it leaves its lane when it is dropped, whether it waited, held, passed or was observed,
//! and whoever had it, alive, cancelled or panicking.
//!
//! Guarantees: leaving again, or after the wait has ended, changes nothing; whoever may go then is told.
//! Does not do: decide; its lane's queue does.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::local::{Lanes, Waiter};
use super::note::Ended;
use super::queue::{Part, Standing, Ticket, Was};
use super::table::Lane;
use crate::session::SessionKey;

/// A ticket that leaves its lane when it is dropped. Leaving again, or after the wait has ended, changes nothing.
pub(super) struct Place {
    pub(super) lanes: Arc<Lanes>,
    /// The lane's own.
    pub(super) key: SessionKey,
    pub(super) ticket: Ticket,
    pub(super) part: Part,
}

impl Place {
    /// Applies the deadlines of the lane. The timer for `due` has fired, so that has passed, whatever the clock says:
    /// afterwards this place does not wait any more.
    pub(super) fn time_out(&self, due: Instant) {
        let lanes = &self.lanes;
        let expire = |lane: &mut Lane<Waiter>, now: Instant, _| lane.expire(now.max(due));
        lanes.apply(lanes.table.visit(self.key, expire));
    }

    /// Applies the deadlines of the lane, and says how its holder stands then.
    pub(super) fn standing(&self) -> Option<Standing> {
        let lanes = &self.lanes;
        let (expired, standing) = lanes.table.visit(self.key, |lane, now, _| {
            (lane.expire(now), lane.standing(self.ticket))
        });
        lanes.apply(expired);
        standing
    }

    pub(super) fn leave(&self) -> Was<Waiter> {
        let lanes = &self.lanes;
        let left = lanes.table.visit(self.key, |lane, now, _| {
            let note = lane.notes.remove(self.ticket);
            let first = lane.line.front().map(|waiter| waiter.request.ticket);
            let left = lane.leave(self.ticket, now);
            if let (Some(note), Some(first), Was::Holding(held)) = (note, first, &left.was) {
                let from = now.checked_sub(*held).unwrap_or(now);
                let to = now;
                lane.notes.end(Ended { from, to, note }, first);
            }
            left
        });
        match self.part {
            Part::First | Part::Whole => lanes.tally.left(&left.was),
            Part::Further => {}
        }
        lanes.carry_out(left.wakes);
        left.was
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.leave());
        self.lanes.revoked.forget(self.ticket);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, ticket, .. } = self;
        f.debug_struct("Place")
            .field("key", key)
            .field("ticket", ticket)
            .finish_non_exhaustive()
    }
}
