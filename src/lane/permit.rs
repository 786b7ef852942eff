//! The right to be in the application, as a value.
//!
//! Guarantees: it ends once, by being dropped, and lets the next in line go; once its lane has moved on it can disturb
//! nobody. Does not do: watch the time; its exchange calls [`Permit::overdue`].

use std::time::Instant;

use super::OnHoldLimit;
use super::place::Place;
use super::queue::{Grant, Standing, Ticket};
use crate::session::SessionKey;

/// The right to be in the application; dropping it lets the next in line go.
#[derive(Debug)]
#[must_use = "dropping the permit lets the next request go"]
pub struct Permit {
    pub(super) place: Place,
    /// Its places in further lanes.
    pub(super) further: Vec<Place>,
    pub(super) grant: Grant,
    pub(super) on_hold_limit: OnHoldLimit,
}

/// What the hold limit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// The deadline has not passed yet.
    NotYet,
    /// The lane has moved on; the exchange is to be aborted.
    Aborted,
    /// The lane stays held.
    Kept,
    /// The lane has moved on; this permit is stale.
    Released,
    /// An operator has moved the lane on before; this permit is stale.
    Revoked,
}

impl Permit {
    /// What the lane knows this permit by.
    pub fn ticket(&self) -> Ticket {
        self.place.ticket
    }

    /// The lane's own key, whatever name of it the request came with; of several lanes, that of its session.
    pub fn lane(&self) -> SessionKey {
        self.place.key
    }

    /// When the permit was granted.
    pub fn granted_at(&self) -> Instant {
        self.grant.at
    }

    /// When the hold limit will have passed.
    pub fn hold_deadline(&self) -> Instant {
        self.grant.deadline
    }

    /// To be called at [`Permit::hold_deadline`]: applies the hold limit. Right also when somebody else in the lane has
    /// applied it before, and as often as it is called.
    pub fn overdue(&mut self) -> Overdue {
        let mut standing = self.place.standing();
        for place in &self.further {
            // The lane that has gone furthest decides: all have one hold limit, from nearly the same moment on.
            standing = match (standing, place.standing()) {
                (None, _) | (_, None) => None,
                (Some(Standing::Overdue), _) => Some(Standing::Overdue),
                (Some(Standing::InTime | Standing::Reserved), other) => other,
            };
        }
        match (standing, self.on_hold_limit) {
            (Some(Standing::InTime | Standing::Reserved), _) => Overdue::NotYet,
            (None, _) if self.place.lanes.revoked.has(self.ticket()) => Overdue::Revoked,
            (None, OnHoldLimit::Abort) => Overdue::Aborted,
            (None, OnHoldLimit::Release) => Overdue::Released,
            (Some(Standing::Overdue), _) | (None, OnHoldLimit::Wait) => Overdue::Kept,
        }
    }
}
