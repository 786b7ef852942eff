//! The lanes in memory: wake-ups and deadlines around the queues of a [`Table`].
//!
//! Every decision is made by a [`Queue`](super::queue::Queue) under the lock of its table; what it decided for others
//! is carried out after the lock is released. Having a place is a value (`Place`): it leaves its lane when it is
//! dropped, whether it waited, held, passed or was observed, and whoever had it, alive, cancelled or panicking.
//!
//! Guarantees: one decision for each wait, however its grant, its timer and its client's leaving race; a grant that
//! nobody takes goes to the next in line; all waiters together never exceed the cap; a request that need not wait costs
//! one lock to join and one to leave, and makes no timer, task or channel.
//! Does not do: watch holders. An exchange calls [`Permit::overdue`] when its hold limit has passed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::counts::{Counts, Tally};
use super::queue::{Expired, Full, Grant, Standing, Ticket, Turn, WaitEnded, Wake, Wakes, Was};
use super::shadow::{Arrival, Stay};
use super::table::Table;
use super::waiters::{Counted, Waiters};
use super::{Hold, Limits, OnHoldLimit};
use crate::session::SessionKey;

/// The lanes of all sessions, shared by all cores.
#[derive(Default)]
pub struct Lanes {
    pub(super) table: Table<Waiter>,
    tickets: AtomicU64,
    waiters: Arc<Waiters>,
    closed: AtomicBool,
    pub(super) tally: Tally,
}

/// What joining gave.
#[derive(Debug)]
pub enum Joined {
    /// Nobody was in the way.
    Granted(Permit),
    /// A place in the line.
    Waiting(Waiting),
}

/// A place in the line; dropping it leaves the line and changes nobody else's order.
#[derive(Debug)]
#[must_use = "dropping it leaves the lane"]
pub struct Waiting {
    place: Place,
    position: usize,
    deadline: Instant,
    on_hold_limit: OnHoldLimit,
    outcome: oneshot::Receiver<Outcome>,
}

/// The right to be in the application; dropping it lets the next in line go.
#[derive(Debug)]
#[must_use = "dropping the permit lets the next request go"]
pub struct Permit {
    pub(super) place: Place,
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
}

/// A request inside without a permit; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends its count"]
pub struct Pass {
    _place: Place,
}

/// A request in a shadow lane; dropping it records its end.
#[derive(Debug)]
#[must_use = "dropping it records the end"]
pub struct Observed {
    place: Place,
    arrival: Arrival,
}

/// A ticket that leaves its lane when it is dropped. Leaving again, or after the wait has ended, changes nothing.
pub(super) struct Place {
    lanes: Arc<Lanes>,
    key: SessionKey,
    ticket: Ticket,
}

/// How a wait ended.
type Outcome = Result<Grant, WaitEnded>;

/// A waiter, as its queue keeps it: it is woken at most once, and counts as waiting for as long as it exists.
#[derive(Debug)]
pub(super) struct Waiter {
    outcome: oneshot::Sender<Outcome>,
    counted: Counted,
}

impl Lanes {
    /// Joins the lane of `key` at its end, or takes it at once when nobody is ahead or conflicts.
    ///
    /// `max_waiting` bounds the waiters of all lanes together.
    ///
    /// # Errors
    /// [`Full::Lane`], [`Full::TooLate`] or [`Full::AllLanes`]; the caller was not added.
    pub fn join(
        self: &Arc<Self>,
        key: SessionKey,
        hold: Hold,
        limits: &Limits,
        max_waiting: usize,
    ) -> Result<Joined, Full> {
        let (ticket, joined, wakes) = self.table.visit(key, |lane, now| {
            let ticket = self.ticket();
            let joined = lane.join(ticket, hold, now, limits, || {
                let counted = self.waiters.admit(max_waiting)?;
                let (outcome, receiver) = oneshot::channel();
                Ok((Waiter { outcome, counted }, receiver))
            });
            // Under the lock, so that a close either sees this waiter or is seen here.
            let closed = joined.is_ok() && self.closed.load(Ordering::Relaxed);
            let wakes = if closed { lane.close() } else { Wakes::new() };
            (ticket, joined, wakes)
        });
        let turn = joined?;
        let place = self.place(key, ticket);
        self.carry_out(wakes);
        let on_hold_limit = limits.on_hold_limit;
        Ok(match turn {
            Turn::Now(grant) => {
                self.tally.granted();
                Joined::Granted(Permit {
                    place,
                    grant,
                    on_hold_limit,
                })
            }
            Turn::Later {
                position,
                deadline,
                kept: outcome,
            } => Joined::Waiting(Waiting {
                place,
                position,
                deadline,
                on_hold_limit,
                outcome,
            }),
        })
    }

    /// Enters without a permit, counted against `limits.max_passed` of the lane.
    ///
    /// # Errors
    /// [`Full::Passed`].
    pub fn pass(self: &Arc<Self>, key: SessionKey, limits: &Limits) -> Result<Pass, Full> {
        let ticket = self.ticket();
        self.table.visit(key, |lane, _| lane.pass(ticket, limits))?;
        self.tally.passed();
        Ok(Pass {
            _place: self.place(key, ticket),
        })
    }

    /// Enters the shadow of a lane (observe mode): never waits, is never refused.
    pub fn observe(self: &Arc<Self>, key: SessionKey, hold: Hold, limits: &Limits) -> Observed {
        let ticket = self.ticket();
        let arrival = self
            .table
            .visit(key, |lane, _| lane.observe(ticket, hold, limits));
        self.tally.observed(arrival);
        Observed {
            place: self.place(key, ticket),
            arrival,
        }
    }

    /// An estimate of when one that joins the lane of `key` now might have its turn, from its recent hold times; None
    /// when there is no such lane.
    pub fn estimate(&self, key: SessionKey) -> Option<Duration> {
        self.table.look(key, |lane, now| lane.estimate(now))
    }

    /// Ends all waiting, now and in future, with [`WaitEnded::Closed`]; holders keep their permits, and who need not
    /// wait is still granted. For drain.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let mut wakes = Vec::new();
        self.table.visit_all(|lane| wakes.extend(lane.close()));
        self.carry_out(wakes);
    }

    /// The table's counts, for metrics and tests.
    pub fn counts(&self) -> Counts {
        self.tally.read(self.table.len(), self.waiters.count())
    }

    /// Number of lanes that there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// The next ticket. Made under a lane's lock, tickets rise in order of arrival in that lane.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn place(self: &Arc<Self>, key: SessionKey, ticket: Ticket) -> Place {
        Place {
            lanes: Arc::clone(self),
            key,
            ticket,
        }
    }

    fn leave(&self, key: SessionKey, ticket: Ticket) -> Was<Waiter> {
        let left = self.table.visit(key, |lane, now| lane.leave(ticket, now));
        self.tally.left(&left.was);
        self.carry_out(left.wakes);
        left.was
    }

    fn apply(&self, expired: Expired<Waiter>) {
        for (_, action) in expired.overdue {
            self.tally.overdue(action);
        }
        self.carry_out(expired.wakes);
    }

    /// Tells waiters what was decided. A waiter that has gone meanwhile does not hear it; it has left or is about to,
    /// and its leaving passes the lane on.
    fn carry_out(&self, wakes: impl IntoIterator<Item = Wake<Waiter>>) {
        for wake in wakes {
            if wake.outcome.is_ok() {
                self.tally.granted();
            }
            let Waiter { outcome, counted } = wake.waiter;
            drop(counted);
            outcome.send(wake.outcome).ok();
        }
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lanes").field(&self.counts()).finish()
    }
}

impl Waiting {
    /// Requests ahead at arrival, holders included; at least 1.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Waits for the turn.
    ///
    /// Cancel safe: dropping the future leaves the lane; a grant that was under way goes to the next in line.
    ///
    /// # Errors
    /// [`WaitEnded`]; the place is gone.
    pub async fn turn(self) -> Result<Permit, WaitEnded> {
        let Self {
            place,
            deadline,
            on_hold_limit,
            mut outcome,
            ..
        } = self;
        let decided = tokio::select! {
            biased;
            decided = &mut outcome => decided,
            () = sleep_until(deadline.into()) => {
                place.time_out(deadline);
                outcome.await
            }
        };
        // Without a word: whoever was to bring it panicked. If it was a grant, `place` passes it on.
        let grant = decided.unwrap_or(Err(WaitEnded::Closed))?;
        Ok(Permit {
            place,
            grant,
            on_hold_limit,
        })
    }
}

impl Permit {
    /// What the lane knows this permit by.
    pub fn ticket(&self) -> Ticket {
        self.place.ticket
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
        let Place { lanes, key, ticket } = &self.place;
        let (expired, standing) = lanes
            .table
            .visit(*key, |lane, now| (lane.expire(now), lane.standing(*ticket)));
        lanes.apply(expired);
        match (standing, self.on_hold_limit) {
            (Some(Standing::InTime), _) => Overdue::NotYet,
            (Some(Standing::Overdue), _) | (None, OnHoldLimit::Wait) => Overdue::Kept,
            (None, OnHoldLimit::Abort) => Overdue::Aborted,
            (None, OnHoldLimit::Release) => Overdue::Released,
        }
    }
}

impl Observed {
    /// What an enforced lane would have done.
    pub fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Ends the stay, as dropping does, and says how it was.
    pub fn end(self) -> Stay {
        match self.place.lanes.leave(self.place.key, self.place.ticket) {
            Was::Observed(stay) => stay,
            Was::Holding(_) | Was::Passed | Was::Stale | Was::Waiting(_) => Stay::Ordinary,
        }
    }
}

impl Place {
    /// Applies the deadlines of the lane. The timer for `due` has fired, so that has passed, whatever the clock says:
    /// afterwards this place does not wait any more.
    fn time_out(&self, due: Instant) {
        let expired = self
            .lanes
            .table
            .visit(self.key, |lane, now| lane.expire(now.max(due)));
        self.lanes.apply(expired);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.lanes.leave(self.key, self.ticket));
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
