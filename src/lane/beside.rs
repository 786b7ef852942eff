//! Who need not wait for a lane: a request that its holder makes through the application, and what tells how old a lane is.
//!
//! Guarantees: who holds a lane beside another one has a permit like any other, so the lane is free when both have left;
//! of several lanes it holds all or none.
//! Does not do: know how a request shows on whose behalf it is made; its caller does.

use std::sync::Arc;
use std::time::Duration;

use super::local::Places;
use super::queue::{Grant, Part};
use super::{Hold, Lanes, Limits, NotBeside, Note, Permit, Ticket};
use crate::session::SessionKey;

impl Lanes {
    /// Takes the lanes of `key` and of all in `also` together with `outer`, which holds them, until that one's hold limit at
    /// the latest; at most `limits.max_passed` hold a lane in that way. Never waits.
    ///
    /// # Errors
    /// [`NotBeside`], of any of them; the caller holds none.
    pub fn reenter(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        outer: Ticket,
        hold: Hold,
        limits: &Limits,
    ) -> Result<Permit, NotBeside> {
        self.reenter_noted(key, also, outer, hold, limits, None)
    }

    /// As [`Lanes::reenter`]; `note` is what operators see of the request.
    ///
    /// # Errors
    /// As [`Lanes::reenter`].
    pub fn reenter_noted(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        outer: Ticket,
        hold: Hold,
        limits: &Limits,
        note: Option<&Note>,
    ) -> Result<Permit, NotBeside> {
        let ticket = self.ticket();
        let mut places = Places::new();
        let mut whole: Option<Grant> = None;
        for key in std::iter::once(key).chain(also.iter().copied()) {
            let part = match whole {
                None => Part::Whole,
                Some(_) => Part::Further,
            };
            let entered = self.table.visit(key, |lane, now, key| {
                let new = places.iter().all(|place| place.key != key);
                if !new {
                    return None;
                }
                let entered = lane.reenter(ticket, outer, hold, part, now, limits);
                if entered.is_ok() {
                    lane.notes.add(ticket, now, note.cloned());
                }
                Some((key, entered))
            });
            let Some((key, entered)) = entered else {
                continue; // two names of one lane
            };
            let grant = entered?;
            places.push(self.place(key, ticket, part));
            let earliest = whole.get_or_insert_with(|| {
                self.tally.granted();
                grant
            });
            earliest.deadline = earliest.deadline.min(grant.deadline);
        }
        let mut places = places.into_iter();
        let first = places.next().zip(whole).ok_or(NotBeside::Stale)?;
        Ok(Permit {
            place: first.0,
            further: places.collect(),
            grant: first.1,
            on_hold_limit: limits.on_hold_limit,
        })
    }

    /// How long the lane of `key` has been in use without a break; zero when there is no such lane.
    pub fn age(&self, key: SessionKey) -> Duration {
        let age = self.table.look(key, |lane, now| lane.age(now));
        age.unwrap_or_default()
    }
}
