//! Who need not wait for a lane: a request that its holder makes through the application, and what tells how old a lane is.
//!
//! Guarantees: who holds a lane beside another one has a permit like any other, so the lane is free when both have left.
//! Does not do: know how a request shows on whose behalf it is made; its caller does.

use std::sync::Arc;
use std::time::Duration;

use super::{Hold, Lanes, Limits, NotBeside, Permit, Ticket};
use crate::session::SessionKey;

impl Lanes {
    /// Takes the lane of `key` together with `outer`, which holds it, until that one's hold limit at the latest; at most
    /// `limits.max_passed` hold a lane in that way. Never waits.
    ///
    /// # Errors
    /// [`NotBeside`]; the caller was not added.
    pub fn reenter(
        self: &Arc<Self>,
        key: SessionKey,
        outer: Ticket,
        hold: Hold,
        limits: &Limits,
    ) -> Result<Permit, NotBeside> {
        let ticket = self.ticket();
        let grant = self.table.visit(key, |lane, now| {
            lane.reenter(ticket, outer, hold, now, limits)
        })?;
        self.tally.granted();
        Ok(Permit {
            place: self.place(key, ticket),
            grant,
            on_hold_limit: limits.on_hold_limit,
        })
    }

    /// How long the lane of `key` has been in use without a break; zero when there is no such lane.
    pub fn age(&self, key: SessionKey) -> Duration {
        let age = self.table.look(key, |lane, now| lane.age(now));
        age.unwrap_or_default()
    }
}
