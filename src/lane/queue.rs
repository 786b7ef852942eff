//! The line of one session. PURE: no tokio, no clock, no async; time is an argument.
//!
//! A lane is a line of waiters in order of arrival and, before it, those who hold the lane: one exclusive holder, or
//! any number of shared ones. An arrival that finds nobody waiting and no holder in its way holds the lane at once;
//! every other goes to the end of the line. Whenever somebody goes away, in whatever way, the head of the line is
//! granted for as long as no holder is in its way, and nothing else ever grants. So arrivals are served in strict
//! order, an exclusive waiter stops the shared ones behind it, and whoever is at the head of the line at rest is there
//! because of a holder (no wake-up is lost). A holder is known by its ticket alone: one whose hold limit has moved the
//! lane on is no longer listed, and what it does later with its ticket finds nothing to release.
//!
//! A request may have several lanes. Each of them grants as if it were the only one, but is then only reserved: the hold
//! begins in all of them when the request goes inside ([`Queue::start`]), and until then the wait timeout goes on.
//!
//! Guarantees: exclusion but for the hold limit and for passes, both reported; deadlines that passed are dealt with in
//! the order in which they passed, so that a late call to [`Queue::expire`] decides as a punctual one.
//! Does not do: wake anybody. What an operation changed for others is its result, to be acted on by the caller.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::holders::{Holders, Removed, Request};
use super::shadow::{Arrival, Shadow, Stay};
use super::{Admission, Hold, Limits};

pub use super::holders::{Grant, OverdueHolders, Part, Standing};

/// A place in a lane, whether it waits, holds, passes or is observed. The caller makes them, each unique in the
/// process, so that a ticket of a lane that is gone never means anybody in the lane that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Why a request may not join a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The lane has `queue.limit` waiters.
    #[error("the lane is full: {waiting} requests wait")]
    Lane {
        /// Waiters at that moment.
        waiting: usize,
    },
    /// All lanes together have `queue.max_waiting` waiters.
    #[error("all lanes together are full")]
    AllLanes,
    /// `queue.max_passed` requests of the lane are inside without a permit.
    #[error("too many requests of the lane have passed it")]
    Passed,
    /// The turn would come after the wait timeout ([`Admission::Estimate`]).
    #[error("the turn would come too late: {position} requests are ahead")]
    TooLate {
        /// Requests ahead, holders included.
        position: usize,
    },
}

/// Why a request may not hold a lane beside another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBeside {
    /// `queue.max_passed` requests hold the lane beside others.
    #[error("too many requests hold the lane beside others")]
    Full,
    /// The other one does not hold the lane, or no longer.
    #[error("the other one does not hold the lane")]
    Stale,
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

/// The line of one session. `W` stands for a waiter: whatever the caller needs to wake it.
#[derive(Debug)]
pub struct Queue<W> {
    born: Option<Instant>,
    pub(super) holders: Holders,
    pub(super) line: VecDeque<Waiter<W>>,
    pub(super) passed: Vec<Ticket>,
    pub(super) shadow: Shadow,
}

/// What joining gave. `R` is what the caller keeps of a waiter it made.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<R> {
    /// The lane is held from now on.
    Now(Grant),
    /// A place at the end of the line.
    Later {
        /// Requests ahead, holders included; at least 1.
        position: usize,
        /// When the wait times out.
        deadline: Instant,
        /// The caller's end of the waiter.
        kept: R,
    },
}

/// The end of one wait, to be told to its waiter.
#[derive(Debug, PartialEq, Eq)]
pub struct Wake<W> {
    /// Whose wait ended.
    pub ticket: Ticket,
    /// The waiter, as it was made for [`Queue::join`].
    pub waiter: W,
    /// How it ended.
    pub outcome: Result<Grant, WaitEnded>,
}

/// The waits that an operation ended, in the order in which they ended.
pub type Wakes<W> = SmallVec<[Wake<W>; 1]>;

/// What leaving did.
#[derive(Debug, PartialEq, Eq)]
pub struct Left<W> {
    /// What the ticket was.
    pub was: Was<W>,
    /// Who may go now.
    pub wakes: Wakes<W>,
}

/// What a ticket was until it left.
#[derive(Debug, PartialEq, Eq)]
pub enum Was<W> {
    /// A holder, for so long.
    Holding(Duration),
    /// Inside in observe mode.
    Observed(Stay),
    /// Inside without a permit.
    Passed,
    /// A holder whose request was not inside: it waited for another of its lanes.
    Reserved,
    /// Nothing, or nothing any more: the wait had ended, or the hold limit had moved the lane on.
    Stale,
    /// A waiter, which is given back.
    Waiting(W),
}

/// What deadlines did.
#[derive(Debug, PartialEq, Eq)]
pub struct Expired<W> {
    /// Who timed out, and who may go now.
    pub wakes: Wakes<W>,
    /// The holders whose hold limit passed, and what it did: their tickets are stale now, but for
    /// [`OnHoldLimit::Wait`](super::OnHoldLimit::Wait), which keeps the lane. Each holder is reported once.
    pub overdue: OverdueHolders,
}

#[derive(Debug)]
pub(super) struct Waiter<W> {
    pub(super) request: Request,
    waiter: W,
}

impl<W> Queue<W> {
    /// An empty lane that begins `now`.
    pub fn begun(now: Instant) -> Self {
        Self {
            born: Some(now),
            ..Self::default()
        }
    }

    /// How long the lane has been in use without a break.
    pub fn age(&self, now: Instant) -> Duration {
        self.born
            .map_or(Duration::ZERO, |born| now.saturating_duration_since(born))
    }

    /// Takes the lane, or a place at the end of its line. `line_up` is called only for a request that has to wait and
    /// for which there is room; it makes the waiter, and what the caller keeps of it.
    ///
    /// # Errors
    /// [`Full::Lane`] when `limits.waiters` wait already, [`Full::TooLate`] when it is not worth while to wait, or the
    /// error of `line_up`; nothing has changed.
    pub fn join<R>(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        now: Instant,
        limits: &Limits,
        line_up: impl FnOnce() -> Result<(W, R), Full>,
    ) -> Result<Turn<R>, Full> {
        self.join_part(ticket, hold, Part::Whole, now, limits, line_up)
    }

    /// As [`Queue::join`], for a request that has several lanes, of which this one is a `part`: what is granted, now or
    /// later, is reserved until [`Queue::start`] or the end of the wait timeout.
    ///
    /// # Errors
    /// As [`Queue::join`].
    pub fn join_part<R>(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        part: Part,
        now: Instant,
        limits: &Limits,
        line_up: impl FnOnce() -> Result<(W, R), Full>,
    ) -> Result<Turn<R>, Full> {
        let request = Request::new(ticket, hold, part, now, limits);
        let waiting = self.line.len();
        if waiting == 0 && self.holders.admit(hold) {
            return Ok(Turn::Now(self.holders.add(request, now)));
        }
        if waiting >= limits.waiters {
            return Err(Full::Lane { waiting });
        }
        let position = self.holders.len() + waiting;
        if limits.admission == Admission::Estimate
            && self.holders.forecast(self.writers()) > Some(limits.wait_timeout)
        {
            return Err(Full::TooLate { position });
        }
        let (waiter, kept) = line_up()?;
        let deadline = request.patience();
        self.line.push_back(Waiter { request, waiter });
        Ok(Turn::Later {
            position,
            deadline,
            kept,
        })
    }

    /// Takes the lane together with `outer`, which holds it: for a request that the application makes while it works on
    /// that one, and which would otherwise wait for it. The lane is free when both have left, in whatever order; the new
    /// one's own ticket is as good as the other's for a third. Its hold limit passes with that of `outer` at the latest,
    /// so that a page that calls itself without end does not keep its lane. Of several lanes, this one is a `part`.
    ///
    /// # Errors
    /// [`NotBeside`]; nothing has changed.
    pub fn reenter(
        &mut self,
        ticket: Ticket,
        outer: Ticket,
        hold: Hold,
        part: Part,
        now: Instant,
        limits: &Limits,
    ) -> Result<Grant, NotBeside> {
        let request = Request::new(ticket, hold, part, now, limits);
        self.holders
            .add_beside(outer, request, limits.max_passed, now)
    }

    /// The request of `ticket`, for which the lane is reserved, goes inside: its hold begins. None when the lane is not
    /// reserved for it, or no longer.
    pub fn start(&mut self, ticket: Ticket, now: Instant) -> Option<Grant> {
        self.holders.start(ticket, now)
    }

    /// Lets a ticket go, whatever it is: a waiter leaves the line, a holder the lane, a pass or an observed request
    /// the inside. A stale ticket changes nothing.
    pub fn leave(&mut self, ticket: Ticket, now: Instant) -> Left<W> {
        let mut wakes = Wakes::new();
        let was = self.take_out(ticket, now);
        self.grant(now, &mut wakes);
        Left { was, wakes }
    }

    /// Applies the deadlines that have passed, of waiters wherever they stand and of holders, in the order in which
    /// they passed; of two at the same moment the hold limit is first, since it may let the waiter go.
    /// It looks at the whole line for each of them; [`Limits::waiters`] says what that costs.
    pub fn expire(&mut self, now: Instant) -> Expired<W> {
        let mut wakes = Wakes::new();
        let mut overdue = OverdueHolders::new();
        while let Some(due) = self.next_deadline().filter(|due| *due <= now) {
            self.holders.limit(due, now, &mut overdue);
            self.grant(now, &mut wakes);
            self.time_out(due, &mut wakes);
            self.grant(now, &mut wakes);
        }
        Expired { wakes, overdue }
    }

    /// When [`Queue::expire`] will next have something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waits = self.line.iter().map(|waiter| waiter.request.patience());
        waits.chain(self.holders.next_deadline()).min()
    }

    /// Enters without a permit: beside the holders, and in nobody's way.
    ///
    /// # Errors
    /// [`Full::Passed`] when `limits.max_passed` are inside that way.
    pub fn pass(&mut self, ticket: Ticket, limits: &Limits) -> Result<(), Full> {
        if self.passed.len() >= limits.max_passed {
            return Err(Full::Passed);
        }
        self.passed.push(ticket);
        Ok(())
    }

    /// Enters the shadow lane (observe mode): in nobody's way, and never refused.
    pub fn observe(&mut self, ticket: Ticket, hold: Hold, limits: &Limits) -> Arrival {
        self.shadow.enter(ticket, hold, limits)
    }

    /// Ends all waits with [`WaitEnded::Closed`]; the holders stay.
    pub fn close(&mut self) -> Wakes<W> {
        let all = self.line.drain(..);
        all.map(|waiter| waiter.ended(Err(WaitEnded::Closed)))
            .collect()
    }

    /// How the holder of `ticket` stands; `None` when it does not hold the lane, or no longer.
    pub fn standing(&self, ticket: Ticket) -> Option<Standing> {
        self.holders.standing(ticket)
    }

    /// When one that arrives now might have its turn, by the usual time of a hold and the writers ahead. A guess, for
    /// `Retry-After`.
    pub fn estimate(&self, now: Instant) -> Duration {
        self.holders.estimate(self.writers(), now)
    }

    /// Whether nobody holds, waits, passes or is observed: the lane may be forgotten.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
            && self.line.is_empty()
            && self.passed.is_empty()
            && self.shadow.is_empty()
    }

    /// How many of those that wait are writers.
    fn writers(&self) -> usize {
        let is_writer = |waiter: &&Waiter<W>| waiter.request.hold == Hold::Exclusive;
        self.line.iter().filter(is_writer).count()
    }

    /// Grants the head of the line for as long as no holder is in its way.
    fn grant(&mut self, now: Instant, wakes: &mut Wakes<W>) {
        let Self { line, holders, .. } = self;
        while let Some(head) = line.pop_front_if(|head| holders.admit(head.request.hold)) {
            let grant = holders.add(head.request, now);
            wakes.push(head.ended(Ok(grant)));
        }
    }

    fn take_out(&mut self, ticket: Ticket, now: Instant) -> Was<W> {
        match self.holders.remove(ticket, now) {
            Some(Removed::Held(held)) => return Was::Holding(held),
            Some(Removed::Reserved) => return Was::Reserved,
            None => {}
        }
        if let Some(waiter) = take_first(&mut self.line, |waiter| waiter.request.ticket == ticket) {
            return Was::Waiting(waiter.waiter);
        }
        if let Some(at) = self.passed.iter().position(|passed| *passed == ticket) {
            self.passed.swap_remove(at);
            return Was::Passed;
        }
        self.shadow.leave(ticket).map_or(Was::Stale, Was::Observed)
    }

    fn time_out(&mut self, due: Instant, wakes: &mut Wakes<W>) {
        while let Some(waiter) =
            take_first(&mut self.line, |waiter| waiter.request.patience() <= due)
        {
            wakes.push(waiter.ended(Err(WaitEnded::TimedOut)));
        }
    }
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self {
            born: None,
            holders: Holders::default(),
            line: VecDeque::new(),
            passed: Vec::new(),
            shadow: Shadow::default(),
        }
    }
}

impl<W> Waiter<W> {
    fn ended(self, outcome: Result<Grant, WaitEnded>) -> Wake<W> {
        let Self {
            request, waiter, ..
        } = self;
        Wake {
            ticket: request.ticket,
            waiter,
            outcome,
        }
    }
}

/// Takes the first of `line` that `is_it`, and leaves the others in their order.
fn take_first<T>(line: &mut VecDeque<T>, is_it: impl Fn(&T) -> bool) -> Option<T> {
    let at = line.iter().position(is_it)?;
    line.remove(at)
}
