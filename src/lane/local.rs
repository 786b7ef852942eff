//! The table of lanes in memory: wake-ups and deadlines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Full, Hold, Limits};
use crate::session::SessionKey;

/// The lanes of all sessions, shared by all cores.
#[derive(Debug, Default)]
pub struct Lanes {}

/// What joining gave.
#[derive(Debug)]
pub enum Joined {
    /// Nobody was in the way.
    Granted(Permit),
    /// A place in the line.
    Waiting(Waiting),
}

impl Lanes {
    /// Joins the lane of `key` at its end, or takes it at once when nobody is ahead or conflicts.
    ///
    /// `max_waiting` bounds the waiters of all lanes together.
    ///
    /// # Errors
    /// [`Full`]; the caller was not added.
    pub fn join(
        self: &Arc<Self>,
        _key: SessionKey,
        _hold: Hold,
        _limits: &Limits,
        _max_waiting: usize,
    ) -> Result<Joined, Full> {
        todo!()
    }

    /// Enters without a permit, counted against `limits.max_passed` of the lane.
    ///
    /// # Errors
    /// [`Full::Passed`].
    pub fn pass(self: &Arc<Self>, _key: SessionKey, _limits: &Limits) -> Result<Pass, Full> {
        todo!()
    }

    /// Enters the shadow of a lane (observe mode): never waits, is never refused.
    pub fn observe(self: &Arc<Self>, _key: SessionKey, _hold: Hold, _limits: &Limits) -> Observed {
        todo!()
    }

    /// An estimate of when a place in the lane of `key` will be free, from its recent hold times; None when there is no such lane.
    pub fn estimate(&self, _key: SessionKey) -> Option<Duration> {
        todo!()
    }

    /// Ends all waiting, now and in future, with [`WaitEnded::Closed`]; holders keep their permits. For drain.
    pub fn close(&self) {
        todo!()
    }

    /// The table's counts, for metrics and tests.
    pub fn counts(&self) -> Counts {
        todo!()
    }
}

/// A place in the line; dropping it leaves the line and changes nobody else's order.
#[derive(Debug)]
#[must_use = "dropping it leaves the lane"]
pub struct Waiting {}

impl Waiting {
    /// Requests ahead at arrival, holders included; at least 1.
    pub fn position(&self) -> usize {
        todo!()
    }

    /// Waits for the turn.
    ///
    /// Cancel safe: dropping the future leaves the lane; a grant that was under way goes to the next in line.
    ///
    /// # Errors
    /// [`WaitEnded`]; the place is gone.
    pub async fn turn(self) -> Result<Permit, WaitEnded> {
        todo!()
    }
}

/// Why a wait ended without a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitEnded {
    /// The lanes were closed (drain).
    #[error("the lanes are closed")]
    Closed,
    /// The wait timeout passed.
    #[error("the wait timeout passed")]
    TimedOut,
}

/// The right to be in the application; dropping it lets the next in line go.
#[derive(Debug)]
#[must_use = "dropping the permit lets the next request go"]
pub struct Permit {}

impl Permit {
    /// When the permit was granted.
    pub fn granted_at(&self) -> Instant {
        todo!()
    }

    /// When the hold limit will have passed.
    pub fn hold_deadline(&self) -> Instant {
        todo!()
    }

    /// To be called at [`Permit::hold_deadline`]: applies the hold limit.
    pub fn overdue(&mut self) -> Overdue {
        todo!()
    }
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
}

/// A request inside without a permit; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends its count"]
pub struct Pass {}

/// A request in a shadow lane; dropping it records its end.
#[derive(Debug)]
#[must_use = "dropping it records the end"]
pub struct Observed {}

/// What the table holds and has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lanes that exist: somebody holds, waits, passed or is observed.
    pub lanes: usize,
}
