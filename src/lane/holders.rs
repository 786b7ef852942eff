//! Those who hold a lane: one exclusive holder, or any number of shared ones, and those that the application makes
//! beside them. PURE, as the queue.
//!
//! Guarantees: who is here is known by its ticket alone; once a hold limit has moved the lane on, the ticket is unknown
//! here and can release nothing; a lane that is reserved for a request which waits for its other lanes is so until the
//! request's wait times out, at most.
//! Does not do: order, waiting; whether a holder may be added is for the queue to ask first.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::queue::{NotBeside, Ticket};
use super::{Hold, Limits, OnHoldLimit};

/// From when, and until when, a lane may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The moment of the grant.
    pub at: Instant,
    /// When the hold limit will have passed.
    pub deadline: Instant,
}

/// How a holder stands to its hold limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Within it.
    InTime,
    /// Beyond it, and kept ([`OnHoldLimit::Wait`]).
    Overdue,
    /// The request is not inside yet: it waits for another of its lanes. Its hold limit does not run.
    Reserved,
}

/// What of a request's stay a lane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One of several lanes, the one by which the request is counted.
    First,
    /// One of several lanes; what happens here is not counted again.
    Further,
    /// All of it: its only lane.
    Whole,
}

/// Holders whose hold limit passed, and what that did.
pub type OverdueHolders = SmallVec<[(Ticket, OnHoldLimit); 1]>;

/// What a request takes along from the line to the lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) ticket: Ticket,
    pub(super) hold: Hold,
    pub(super) part: Part,
    /// When its wait times out.
    patience: Instant,
    hold_limit: Duration,
    on_hold_limit: OnHoldLimit,
}

/// The holders of one lane, and how long a hold takes there.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) holders: SmallVec<[Holder; 1]>,
    /// A moving average of exclusive holds in which the last one weighs a quarter.
    usual_hold: Option<Duration>,
}

/// What a holder was that has been removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// One that held so long.
    Held(Duration),
    /// One whose request was not inside.
    Reserved,
}

#[derive(Debug)]
pub(super) struct Holder {
    pub(super) request: Request,
    pub(super) grant: Grant,
    pub(super) standing: Standing,
    entered: Entered,
}

/// How a holder came to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entered {
    /// Beside another one, within whose time it is.
    Beside,
    /// When nobody was in the way.
    InTurn,
}

impl Request {
    /// A request that arrives now.
    pub(super) fn new(
        ticket: Ticket,
        hold: Hold,
        part: Part,
        now: Instant,
        limits: &Limits,
    ) -> Self {
        let Limits {
            wait_timeout,
            hold_limit,
            on_hold_limit,
            ..
        } = *limits;
        Self {
            ticket,
            hold,
            part,
            patience: after(now, wait_timeout),
            hold_limit,
            on_hold_limit,
        }
    }

    /// When its wait times out.
    pub(super) fn patience(&self) -> Instant {
        self.patience
    }

    /// The grant of a lane, which of several is only reserved, for as long as the request waits for the others.
    fn grant(&self, now: Instant) -> (Grant, Standing) {
        let (deadline, standing) = match self.part {
            Part::First | Part::Further => (self.patience, Standing::Reserved),
            Part::Whole => (after(now, self.hold_limit), Standing::InTime),
        };
        (Grant { at: now, deadline }, standing)
    }
}

impl Holders {
    /// Whether nobody is in the way of one more.
    pub(super) fn admit(&self, hold: Hold) -> bool {
        match hold {
            Hold::Exclusive => self.is_empty(),
            Hold::Shared => self
                .holders
                .iter()
                .all(|other| other.request.hold == Hold::Shared),
        }
    }

    /// Adds a holder.
    pub(super) fn add(&mut self, request: Request, now: Instant) -> Grant {
        let (grant, standing) = request.grant(now);
        self.holders.push(Holder {
            request,
            grant,
            standing,
            entered: Entered::InTurn,
        });
        grant
    }

    /// Adds a holder beside that of `outer`, until that one's hold limit at the latest; at most `most` of its kind.
    pub(super) fn add_beside(
        &mut self,
        outer: Ticket,
        request: Request,
        most: usize,
        now: Instant,
    ) -> Result<Grant, NotBeside> {
        let is_outer = |holder: &&Holder| {
            holder.request.ticket == outer && holder.standing != Standing::Reserved
        };
        let outer = self.holders.iter().find(is_outer);
        let outer = outer.ok_or(NotBeside::Stale)?;
        let grant = Grant {
            at: now,
            deadline: after(now, request.hold_limit).min(outer.grant.deadline),
        };
        let is_beside = |holder: &&Holder| holder.entered == Entered::Beside;
        if self.holders.iter().filter(is_beside).count() >= most {
            return Err(NotBeside::Full);
        }
        self.holders.push(Holder {
            request,
            grant,
            standing: Standing::InTime,
            entered: Entered::Beside,
        });
        Ok(grant)
    }

    /// The request of `ticket` goes inside: a lane that was reserved for it is held from now on. None when it is not.
    pub(super) fn start(&mut self, ticket: Ticket, now: Instant) -> Option<Grant> {
        let is_it = |holder: &&mut Holder| {
            holder.request.ticket == ticket && holder.standing == Standing::Reserved
        };
        let holder = self.holders.iter_mut().find(is_it)?;
        holder.standing = Standing::InTime;
        holder.grant = Grant {
            at: now,
            deadline: after(now, holder.request.hold_limit),
        };
        Some(holder.grant)
    }

    /// Removes the holder of `ticket`, if there is one.
    pub(super) fn remove(&mut self, ticket: Ticket, now: Instant) -> Option<Removed> {
        let at = self
            .holders
            .iter()
            .position(|holder| holder.request.ticket == ticket)?;
        let holder = self.holders.remove(at);
        if holder.standing == Standing::Reserved {
            return Some(Removed::Reserved);
        }
        self.learn(&holder, now);
        Some(Removed::Held(holder.held(now)))
    }

    /// Applies the hold limits that passed by `due`, each once, and adds to `overdue` what they did. A lane that was
    /// reserved until then is no longer.
    pub(super) fn limit(&mut self, due: Instant, now: Instant, overdue: &mut OverdueHolders) {
        let is_due = |holder: &Holder| holder.due().is_some_and(|deadline| deadline <= due);
        while let Some(at) = self.holders.iter().position(is_due) {
            let holder = &mut self.holders[at];
            if holder.standing == Standing::Reserved {
                self.holders.remove(at);
                continue;
            }
            holder.standing = Standing::Overdue;
            let Request {
                ticket,
                part,
                on_hold_limit,
                ..
            } = holder.request;
            if part != Part::Further {
                overdue.push((ticket, on_hold_limit));
            }
            match on_hold_limit {
                OnHoldLimit::Abort | OnHoldLimit::Release => {
                    self.remove(ticket, now);
                }
                OnHoldLimit::Wait => {}
            }
        }
    }

    /// When [`Holders::limit`] will next have something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.holders.iter().filter_map(Holder::due).min()
    }

    /// How the holder of `ticket` stands, if there is one.
    pub(super) fn standing(&self, ticket: Ticket) -> Option<Standing> {
        let holder = self
            .holders
            .iter()
            .find(|holder| holder.request.ticket == ticket)?;
        Some(holder.standing)
    }

    /// When one that arrives now behind `writers` waiting writers might have its turn. Each of those takes as long as
    /// is usual; the hold under way takes the rest of that or, when it is the longer one, as long again.
    pub(super) fn estimate(&self, writers: usize, now: Instant) -> Duration {
        let Some(lasted) = self.holders.iter().map(|holder| holder.held(now)).max() else {
            return Duration::ZERO;
        };
        let usual = self.usual_hold.unwrap_or(lasted);
        let left = if lasted < usual {
            usual - lasted
        } else {
            lasted
        };
        let turns = u32::try_from(writers).unwrap_or(u32::MAX);
        left.saturating_add(usual.saturating_mul(turns))
    }

    /// How long the writers that hold and `waiting` more take, each as long as is usual; None when that is not known.
    pub(super) fn forecast(&self, waiting: usize) -> Option<Duration> {
        let is_writer = |holder: &&Holder| {
            holder.request.hold == Hold::Exclusive && holder.entered == Entered::InTurn
        };
        let writers = waiting + self.holders.iter().filter(is_writer).count();
        let turns = u32::try_from(writers).unwrap_or(u32::MAX);
        Some(self.usual_hold?.saturating_mul(turns))
    }

    pub(super) fn len(&self) -> usize {
        self.holders.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    fn learn(&mut self, holder: &Holder, now: Instant) {
        if holder.request.hold == Hold::Exclusive && holder.entered == Entered::InTurn {
            let held = holder.held(now);
            let usual = self.usual_hold.unwrap_or(held);
            self.usual_hold = Some(usual.saturating_mul(3).saturating_add(held) / 4);
        }
    }
}

impl Holder {
    /// When its limit has to be applied; `None` when it has been.
    fn due(&self) -> Option<Instant> {
        (self.standing != Standing::Overdue).then_some(self.grant.deadline)
    }

    fn held(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.grant.at)
    }
}

/// `now + wait`, whatever was configured: a sum that the clock cannot express is as good as never.
pub(super) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(FOREVER)
}

/// 30 years.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
