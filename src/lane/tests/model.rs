//! The naive lane: everybody in one list in order of arrival, read from the front after every change, by the words of
//! the specification and with no care for cost. With a [`Fault`] it breaks one rule; the checks must find that.

use std::time::Instant;

use super::super::queue::{
    Expired, Full, Grant, Left, OverdueHolders, Queue, Ticket, Turn, WaitEnded, Wake, Wakes, Was,
};
use super::super::{Hold, Limits, OnHoldLimit};

/// What the histories drive: the product's queue, or a model of it.
pub(super) trait Line {
    fn join(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        now: Instant,
        limits: &Limits,
    ) -> Result<Turn<()>, Full>;
    fn leave(&mut self, ticket: Ticket, now: Instant) -> Left<Ticket>;
    fn expire(&mut self, now: Instant) -> Expired<Ticket>;
    fn pass(&mut self, ticket: Ticket, limits: &Limits) -> Result<(), Full>;
    fn close(&mut self) -> Wakes<Ticket>;
    fn next_deadline(&self) -> Option<Instant>;
    fn is_empty(&self) -> bool;
}

/// A rule to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The queue limit counts the holders too.
    CountsHolders,
    /// Who times out is removed, but nobody looks who may go then.
    ForgetsWhoMayGo,
    /// A pass that ends stays listed.
    ForgetsToUncount,
    /// Whoever comes is granted.
    GrantsRegardless,
    /// The head of the line is the one who came last.
    LastComeFirst,
    /// A reader joins the readers inside past a waiting writer.
    ReadersBarge,
    /// Whoever leaves without being known releases the first holder: release by position, not by ticket.
    ReleasesByPosition,
    /// A hold limit that waits moves the lane on.
    NeverWaits,
}

#[derive(Debug)]
pub(super) struct Model {
    people: Vec<Person>,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
struct Person {
    ticket: Ticket,
    hold: Hold,
    limits: Limits,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { deadline: Instant },
    Holding { grant: Grant },
    Overdue { grant: Grant },
    Passed,
}

/// What falls due; of two at one moment the hold limit is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Hold,
    Wait,
}

impl Model {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        let people = Vec::new();
        Self { people, fault }
    }

    fn count(&self, is_it: impl Fn(&Person) -> bool) -> usize {
        self.people.iter().filter(|person| is_it(person)).count()
    }

    fn in_the_way(&self, hold: Hold) -> bool {
        let both = |other: Hold| hold == Hold::Exclusive || other == Hold::Exclusive;
        let regardless = self.fault == Some(Fault::GrantsRegardless);
        !regardless
            && self
                .people
                .iter()
                .any(|other| other.is_holder() && both(other.hold))
    }

    /// The index of the waiter whose turn is next.
    fn head(&self) -> Option<usize> {
        match self.fault {
            Some(Fault::LastComeFirst) => self.people.iter().rposition(Person::is_waiter),
            _ => self.people.iter().position(Person::is_waiter),
        }
    }

    fn let_go(&mut self, now: Instant) -> Wakes<Ticket> {
        let mut wakes = Wakes::new();
        while let Some(head) = self
            .head()
            .filter(|at| !self.in_the_way(self.people[*at].hold))
        {
            let person = &mut self.people[head];
            let grant = person.grant(now);
            wakes.push(wake(person.ticket, Ok(grant)));
        }
        wakes
    }

    /// The next deadline: of what, and whose.
    fn next_due(&self) -> Option<(Instant, Due, usize)> {
        let people = self.people.iter().enumerate();
        let due = people.filter_map(|(at, person)| match person.state {
            State::Waiting { deadline } => Some((deadline, Due::Wait, at)),
            State::Holding { grant } => Some((grant.deadline, Due::Hold, at)),
            State::Overdue { .. } | State::Passed => None,
        });
        due.min()
    }

    /// Applies the hold limit of the holder at `at`.
    fn limit(&mut self, at: usize) {
        let keeps = self.people[at].limits.on_hold_limit == OnHoldLimit::Wait
            && self.fault != Some(Fault::NeverWaits);
        match self.people[at].state {
            State::Holding { grant } if keeps => self.people[at].state = State::Overdue { grant },
            _ => {
                self.people.remove(at);
            }
        }
    }
}

impl Line for Model {
    fn join(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        now: Instant,
        limits: &Limits,
    ) -> Result<Turn<()>, Full> {
        let waiting = self.count(Person::is_waiter);
        let holding = self.count(Person::is_holder);
        let deadline = now + limits.wait_timeout;
        let limits = limits.clone();
        let mut person = Person {
            ticket,
            hold,
            limits,
            state: State::Waiting { deadline },
        };
        let regardless = match self.fault {
            Some(Fault::GrantsRegardless) => true,
            Some(Fault::ReadersBarge) => hold == Hold::Shared,
            _ => false,
        };
        if (waiting == 0 || regardless) && !self.in_the_way(hold) {
            let grant = person.grant(now);
            self.people.push(person);
            return Ok(Turn::Now(grant));
        }
        let counted = if self.fault == Some(Fault::CountsHolders) {
            waiting + holding
        } else {
            waiting
        };
        if counted >= person.limits.waiters {
            return Err(Full::Lane { waiting });
        }
        self.people.push(person);
        Ok(Turn::Later {
            position: holding + waiting,
            deadline,
            kept: (),
        })
    }

    fn leave(&mut self, ticket: Ticket, now: Instant) -> Left<Ticket> {
        let known = self
            .people
            .iter()
            .position(|person| person.ticket == ticket);
        let Some(at) = known else {
            if self.fault == Some(Fault::ReleasesByPosition)
                && let Some(holder) = self.people.iter().position(Person::is_holder)
            {
                self.people.remove(holder);
            }
            return Left {
                was: Was::Stale,
                wakes: self.let_go(now),
            };
        };
        let was = match self.people[at].state {
            State::Waiting { .. } => Was::Waiting(ticket),
            State::Holding { grant } | State::Overdue { grant } => Was::Holding(now - grant.at),
            State::Passed => Was::Passed,
        };
        if !(was == Was::Passed && self.fault == Some(Fault::ForgetsToUncount)) {
            self.people.remove(at);
        }
        Left {
            was,
            wakes: self.let_go(now),
        }
    }

    fn expire(&mut self, now: Instant) -> Expired<Ticket> {
        let mut expired = Expired {
            wakes: Wakes::new(),
            overdue: OverdueHolders::new(),
        };
        while let Some((due, what, at)) = self.next_due().filter(|(due, ..)| *due <= now) {
            let Person {
                ticket, ref limits, ..
            } = self.people[at];
            match what {
                Due::Hold => {
                    expired.overdue.push((ticket, limits.on_hold_limit));
                    self.limit(at);
                }
                Due::Wait => {
                    self.people.remove(at);
                    expired.wakes.push(wake(ticket, Err(WaitEnded::TimedOut)));
                }
            }
            // Of two that time out at the same moment, the second is not let in between.
            let next = self.next_due().map(|(due, what, _)| (due, what));
            let not_yet = what == Due::Wait
                && (next == Some((due, Due::Wait)) || self.fault == Some(Fault::ForgetsWhoMayGo));
            if !not_yet {
                expired.wakes.extend(self.let_go(now));
            }
        }
        expired
    }

    fn pass(&mut self, ticket: Ticket, limits: &Limits) -> Result<(), Full> {
        if self.count(|person| person.state == State::Passed) >= limits.max_passed {
            return Err(Full::Passed);
        }
        let (hold, limits, state) = (Hold::Exclusive, limits.clone(), State::Passed);
        self.people.push(Person {
            ticket,
            hold,
            limits,
            state,
        });
        Ok(())
    }

    fn close(&mut self) -> Wakes<Ticket> {
        let closed = self.people.extract_if(.., |person| person.is_waiter());
        closed
            .map(|person| wake(person.ticket, Err(WaitEnded::Closed)))
            .collect()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_due().map(|(due, ..)| due)
    }

    fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

impl Line for Queue<Ticket> {
    fn join(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        now: Instant,
        limits: &Limits,
    ) -> Result<Turn<()>, Full> {
        Self::join(self, ticket, hold, now, limits, || Ok((ticket, ())))
    }

    fn leave(&mut self, ticket: Ticket, now: Instant) -> Left<Ticket> {
        Self::leave(self, ticket, now)
    }

    fn expire(&mut self, now: Instant) -> Expired<Ticket> {
        Self::expire(self, now)
    }

    fn pass(&mut self, ticket: Ticket, limits: &Limits) -> Result<(), Full> {
        Self::pass(self, ticket, limits)
    }

    fn close(&mut self) -> Wakes<Ticket> {
        Self::close(self)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Self::next_deadline(self)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl Person {
    fn is_waiter(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    fn is_holder(&self) -> bool {
        matches!(self.state, State::Holding { .. } | State::Overdue { .. })
    }

    fn grant(&mut self, now: Instant) -> Grant {
        let grant = Grant {
            at: now,
            deadline: now + self.limits.hold_limit,
        };
        self.state = State::Holding { grant };
        grant
    }
}

fn wake(ticket: Ticket, outcome: Result<Grant, WaitEnded>) -> Wake<Ticket> {
    Wake {
        ticket,
        waiter: ticket,
        outcome,
    }
}
