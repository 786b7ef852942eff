//! The lanes in memory: wake-ups and deadlines around the queues of a [`Table`].
//!
//! Every decision is made by a [`Queue`](super::queue::Queue) under the lock of its table; what it decided for others
//! is carried out after the lock is released.
//!
//! Guarantees: one decision for each wait, however its grant, its timer and its client's leaving race; a grant that
//! nobody takes goes to the next in line; all waiters together never exceed the cap; a request that need not wait costs
//! one lock to join and one to leave, and makes no timer, task or channel.
//! Does not do: watch holders. An exchange calls [`Permit::overdue`] when its hold limit has passed.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::counts::{Counts, Tally};
use super::names::{Names, Naming};
use super::note::Note;
use super::permit::Permit;
use super::place::Place;
use super::queue::{Expired, Full, Grant, Part, Queue, Ticket, Turn, WaitEnded, Wake, Wakes, Was};
use super::revoke::Revoked;
use super::several::Several;
use super::shadow::{Arrival, Stay};
use super::table::{Lane, Table};
use super::waiters::{Counted, Waiters};
use super::{Hold, Limits, OnHoldLimit};
use crate::session::SessionKey;

/// The lanes of all sessions, shared by all cores.
#[derive(Default)]
pub struct Lanes {
    pub(super) table: Table<Waiter>,
    tickets: AtomicU64,
    pub(super) waiters: Arc<Waiters>,
    closed: AtomicBool,
    pub(super) tally: Tally,
    /// Held by whoever joins several lanes, while it does.
    pub(super) several: Mutex<()>,
    pub(super) revoked: Revoked,
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
    pub(super) line: Line,
    pub(super) position: usize,
    pub(super) deadline: Instant,
    pub(super) on_hold_limit: OnHoldLimit,
    pub(super) behind: Option<Box<Note>>,
}

/// Where one waits.
#[derive(Debug)]
pub(super) enum Line {
    One {
        place: Place,
        outcome: oneshot::Receiver<Outcome>,
    },
    Several(Box<Several>),
}

/// A request inside without a permit; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends its count"]
pub struct Pass {
    pub(super) _places: Places,
}

/// A request in a shadow lane; dropping it records its end.
#[derive(Debug)]
#[must_use = "dropping it records the end"]
pub struct Observed {
    pub(super) places: Places,
    pub(super) arrival: Arrival,
}

/// The places of one request, that of its session first.
pub(super) type Places = SmallVec<[Place; 1]>;

/// How a wait ended.
pub(super) type Outcome = Result<Grant, WaitEnded>;

/// A waiter, as its queue keeps it: it is woken at most once, and counts as waiting for as long as it exists.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) outcome: oneshot::Sender<Outcome>,
    pub(super) counted: Count,
}

/// How a waiter counts.
#[derive(Debug)]
pub(super) enum Count {
    /// By itself.
    Alone { _counted: Counted },
    /// Together with those of the same request in other lanes: once.
    Shared { _counted: Arc<Counted> },
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
        self.join_one(key, hold, limits, max_waiting, None)
    }

    /// As [`Lanes::join`], with a note for operators.
    pub(super) fn join_one(
        self: &Arc<Self>,
        key: SessionKey,
        hold: Hold,
        limits: &Limits,
        max_waiting: usize,
        note: Option<Note>,
    ) -> Result<Joined, Full> {
        let mut behind = None;
        let (key, ticket, joined, wakes) = self.table.visit(key, |lane, now, key| {
            let ticket = self.ticket();
            let joined = lane.join(ticket, hold, now, limits, || {
                let counted = self.waiters.admit(max_waiting)?;
                let (outcome, receiver) = oneshot::channel();
                let counted = Count::Alone { _counted: counted };
                Ok((Waiter { outcome, counted }, receiver))
            });
            if let Ok(Turn::Later { .. }) = &joined {
                behind = lane.holder_note();
            }
            if joined.is_ok() {
                lane.notes.add(ticket, now, note);
            }
            (key, ticket, joined, self.close_if_due(lane))
        });
        let turn = joined?;
        let place = self.place(key, ticket, Part::Whole);
        self.carry_out(wakes);
        let on_hold_limit = limits.on_hold_limit;
        Ok(match turn {
            Turn::Now(grant) => {
                self.tally.granted();
                Joined::Granted(Permit {
                    place,
                    further: Vec::new(),
                    grant,
                    on_hold_limit,
                })
            }
            Turn::Later {
                position,
                deadline,
                kept: outcome,
            } => Joined::Waiting(Waiting {
                line: Line::One { place, outcome },
                position,
                deadline,
                on_hold_limit,
                behind,
            }),
        })
    }

    /// Enters without a permit, counted against `limits.max_passed` of the lane.
    ///
    /// # Errors
    /// [`Full::Passed`].
    pub fn pass(self: &Arc<Self>, key: SessionKey, limits: &Limits) -> Result<Pass, Full> {
        self.pass_all(key, &[], limits)
    }

    /// Enters the shadow of a lane (observe mode): never waits, is never refused.
    pub fn observe(self: &Arc<Self>, key: SessionKey, hold: Hold, limits: &Limits) -> Observed {
        self.observe_all(key, &[], hold, limits)
    }

    /// Makes `new` another name of the lane of `key`: whoever joins by it joins that lane, for as long as it lives. To be
    /// called before a client can know `new`, and while the lane is still held.
    pub fn name(&self, key: SessionKey, new: SessionKey) -> Naming {
        self.table.name(key, new)
    }

    /// Whether the lane of `key` got another name at `time` or later; false when there is no such lane.
    pub fn named_since(&self, key: SessionKey, time: Instant) -> bool {
        let named = |names: &Names| names.since(time);
        let named = |lane: &Lane<Waiter>| lane.names.as_deref().is_some_and(named);
        self.table.look(key, |lane, _| named(lane)) == Some(true)
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

    /// Ends the waits of a lane that was joined after a close. Under its lock, so that a close either sees a waiter or is
    /// seen here.
    pub(super) fn close_if_due(&self, lane: &mut Queue<Waiter>) -> Wakes<Waiter> {
        if self.closed.load(Ordering::Relaxed) {
            lane.close()
        } else {
            Wakes::new()
        }
    }

    /// The next ticket. Made under a lane's lock, tickets rise in order of arrival in that lane.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn place(self: &Arc<Self>, key: SessionKey, ticket: Ticket, part: Part) -> Place {
        Place {
            lanes: Arc::clone(self),
            key,
            ticket,
            part,
        }
    }

    pub(super) fn apply(&self, expired: Expired<Waiter>) {
        for (_, action) in expired.overdue {
            self.tally.overdue(action);
        }
        self.carry_out(expired.wakes);
    }

    /// Tells waiters what was decided. A waiter that has gone meanwhile does not hear it; it has left or is about to,
    /// and its leaving passes the lane on.
    pub(super) fn carry_out(&self, wakes: impl IntoIterator<Item = Wake<Waiter>>) {
        for wake in wakes {
            let Waiter { outcome, counted } = wake.waiter;
            match counted {
                Count::Alone { .. } if wake.outcome.is_ok() => self.tally.granted(),
                Count::Alone { .. } | Count::Shared { .. } => {}
            }
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

    /// What held the lane at arrival: the first holder; None when it has no note, and when none held.
    pub fn behind(&mut self) -> Option<Box<Note>> {
        self.behind.take()
    }

    /// Waits for the turn.
    ///
    /// Cancel safe: dropping the future leaves the lane; a grant that was under way goes to the next in line.
    ///
    /// # Errors
    /// [`WaitEnded`]; the place is gone.
    pub async fn turn(self) -> Result<Permit, WaitEnded> {
        let Self {
            line,
            deadline,
            on_hold_limit,
            ..
        } = self;
        let (place, mut outcome) = match line {
            Line::One { place, outcome } => (place, outcome),
            Line::Several(several) => {
                return Box::pin(several.turn(deadline, on_hold_limit)).await;
            }
        };
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
            further: Vec::new(),
            grant,
            on_hold_limit,
        })
    }
}

impl Observed {
    /// What an enforced lane would have done.
    pub fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Ends the stay, as dropping does, and says how it was.
    pub fn end(self) -> Stay {
        match self.places.first().map(Place::leave) {
            Some(Was::Observed(stay)) => stay,
            _ => Stay::Ordinary,
        }
    }
}
