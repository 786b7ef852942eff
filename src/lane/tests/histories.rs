//! Random histories of one lane: arrivals, leavings, deadlines, hold limits, passes, closings, with the time advancing.
//!
//! A witness follows each history by what the lane says alone, and knows the promises; a naive model follows it by the
//! words of the specification. The queue must break no promise and agree with the model in every word. The same check
//! is run on models that break one rule each, and must find it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::super::queue::{Full, Grant, OverdueHolders, Queue, Ticket, Turn, WaitEnded, Wake, Was};
use super::super::{Hold, Limits, OnHoldLimit};
use super::limits;
use super::model::{Fault, Line, Model};

#[test]
fn the_queue_keeps_its_promises_and_agrees_with_the_naive_model() {
    let mut runner = TestRunner::new(Config {
        cases: 8000,
        failure_persistence: None,
        ..Config::default()
    });
    let checked = runner.run(&history(), |history| {
        let violation = check(&history, &mut Queue::default());
        prop_assert_eq!(violation, None);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn the_model_keeps_its_promises() {
    assert_eq!(violations(None), HashSet::new());
}

#[test]
fn a_lane_that_grants_regardless_is_found_out() {
    assert!(violations(Some(Fault::GrantsRegardless)).contains(&Violation::Exclusion));
}

#[test]
fn a_lane_that_lets_a_hold_limit_move_it_on_when_it_should_wait_is_found_out() {
    assert!(violations(Some(Fault::NeverWaits)).contains(&Violation::Exclusion));
}

#[test]
fn a_lane_that_serves_the_last_come_first_is_found_out() {
    assert!(violations(Some(Fault::LastComeFirst)).contains(&Violation::Order));
}

#[test]
fn a_lane_in_which_readers_barge_is_found_out() {
    assert!(violations(Some(Fault::ReadersBarge)).contains(&Violation::Order));
}

#[test]
fn a_lane_that_releases_by_position_is_found_out() {
    assert!(violations(Some(Fault::ReleasesByPosition)).contains(&Violation::Stale));
}

#[test]
fn a_lane_that_forgets_who_may_go_is_found_out() {
    assert!(violations(Some(Fault::ForgetsWhoMayGo)).contains(&Violation::LostWakeUp));
}

#[test]
fn a_lane_that_counts_holders_as_waiters_is_found_out() {
    assert!(violations(Some(Fault::CountsHolders)).contains(&Violation::QueueLimit));
}

#[test]
fn a_lane_that_forgets_to_uncount_is_found_out() {
    assert!(violations(Some(Fault::ForgetsToUncount)).contains(&Violation::LeftBehind));
}

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Violation {
    /// A deadline was applied too early, or not at all.
    Deadline,
    /// Somebody is inside beside an exclusive holder.
    Exclusion,
    /// When all had left, something was still there.
    LeftBehind,
    /// At rest, nobody is in the way of the head of the line.
    LostWakeUp,
    /// What happened is allowed, but is not what the model says.
    NotTheModel,
    /// Somebody was let in before one who came earlier.
    Order,
    /// Refused with room in the line, or let in without.
    QueueLimit,
    /// A ticket that meant nothing did something, or one that meant something did not.
    Stale,
}

#[derive(Clone, Debug)]
enum Step {
    Advance {
        millis: u64,
    },
    AdvanceToDeadline,
    Close,
    Expire,
    Join {
        hold: Hold,
        limits: Limits,
    },
    /// Of all the tickets there ever were, by a share of 256.
    Leave {
        whose: u8,
    },
    /// The oldest of those inside or waiting.
    LeaveFirst,
    Pass {
        max_passed: usize,
    },
}

/// Runs `history` on `lane`; the first promise that it breaks.
fn check(history: &[Step], lane: &mut dyn Line) -> Option<Violation> {
    let mut scene = Scene {
        lane,
        model: Model::new(None),
        witness: Witness::new(),
    };
    let run = history.iter().try_for_each(|step| scene.step(step));
    run.and_then(|()| scene.all_leave()).err()
}

/// The promises that a fault breaks in 200 histories, the same in each run.
fn violations(fault: Option<Fault>) -> HashSet<Violation> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let histories = (0..200).map(|_| history().new_tree(&mut runner).unwrap().current());
    histories
        .filter_map(|history| check(&history, &mut Model::new(fault)))
        .collect()
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    // One number for each step: much cheaper to make than a tree of choices, and it shrinks too.
    proptest::collection::vec(any::<[u8; 6]>().prop_map(step), 1..70)
}

fn step([what, a, b, c, d, e]: [u8; 6]) -> Step {
    match what {
        0..=104 => Step::Join {
            hold: if a % 2 == 0 {
                Hold::Exclusive
            } else {
                Hold::Shared
            },
            limits: Limits {
                waiters: if b % 2 == 0 {
                    50
                } else {
                    usize::from(b / 2 % 6)
                },
                wait_timeout: Duration::from_millis(u64::from(1 + c % 80)),
                hold_limit: Duration::from_millis(u64::from(1 + d % 80)),
                on_hold_limit: match e % 3 {
                    0 => OnHoldLimit::Release,
                    1 => OnHoldLimit::Abort,
                    _ => OnHoldLimit::Wait,
                },
                ..limits()
            },
        },
        105..=144 => Step::LeaveFirst,
        145..=170 => Step::Leave { whose: a },
        171..=200 => Step::Advance {
            millis: u64::from(a % 40),
        },
        201..=212 => Step::AdvanceToDeadline,
        213..=238 => Step::Expire,
        239..=250 => Step::Pass {
            max_passed: usize::from(a % 3),
        },
        251..=255 => Step::Close,
    }
}

/// A lane under test, the model beside it, and the witness.
struct Scene<'l> {
    lane: &'l mut dyn Line,
    model: Model,
    witness: Witness,
}

type Seen = Result<(), Violation>;

impl Scene<'_> {
    fn step(&mut self, step: &Step) -> Seen {
        let agrees = self.take(step)?;
        self.witness.at_rest()?;
        if agrees {
            Ok(())
        } else {
            Err(Violation::NotTheModel)
        }
    }

    /// Takes a step; whether lane and model say the same of it.
    fn take(&mut self, step: &Step) -> Result<bool, Violation> {
        let now = self.witness.now;
        Ok(match step {
            Step::Advance { millis } => {
                self.witness.now += Duration::from_millis(*millis);
                true
            }
            Step::AdvanceToDeadline => {
                let next = self.lane.next_deadline();
                self.witness.now = next.map_or(now, |next| next.max(now));
                next == self.model.next_deadline()
            }
            Step::Close => {
                let closed = self.lane.close();
                self.witness.wakes(&closed)?;
                closed == self.model.close()
            }
            Step::Expire => {
                let expired = self.lane.expire(now);
                self.witness.expired(&expired.wakes, &expired.overdue)?;
                expired == self.model.expire(now)
            }
            Step::Join { hold, limits } => {
                let ticket = self.witness.ticket();
                let joined = self.lane.join(ticket, *hold, now, limits);
                self.witness.joined(ticket, *hold, limits, &joined)?;
                joined == self.model.join(ticket, *hold, now, limits)
            }
            Step::Leave { whose } => self.leave(self.witness.share(*whose))?,
            Step::LeaveFirst => match self.witness.first() {
                Some(ticket) => self.leave(ticket)?,
                None => true,
            },
            Step::Pass { max_passed } => {
                let limits = Limits {
                    max_passed: *max_passed,
                    ..limits()
                };
                let ticket = self.witness.ticket();
                let passed = self.lane.pass(ticket, &limits);
                self.witness.passed(ticket, passed);
                passed == self.model.pass(ticket, &limits)
            }
        })
    }

    fn leave(&mut self, ticket: Ticket) -> Result<bool, Violation> {
        let left = self.lane.leave(ticket, self.witness.now);
        self.witness.left(ticket, &left.was)?;
        self.witness.wakes(&left.wakes)?;
        Ok(left == self.model.leave(ticket, self.witness.now))
    }

    /// Everybody who is known leaves, the first first; then nothing may be left.
    fn all_leave(&mut self) -> Seen {
        while self.witness.first().is_some() {
            self.step(&Step::LeaveFirst)?;
        }
        if self.lane.is_empty() {
            Ok(())
        } else {
            Err(Violation::LeftBehind)
        }
    }
}

/// What an observer of the lane knows from its answers alone.
struct Witness {
    now: Instant,
    tickets: u64,
    /// In order of arrival.
    waiting: Vec<Known>,
    inside: Vec<Known>,
    passed: Vec<Ticket>,
}

/// Somebody in the lane.
#[derive(Clone, Copy)]
struct Known {
    ticket: Ticket,
    hold: Hold,
    /// Of the wait, or of the hold unless it has been applied.
    deadline: Option<Instant>,
    on_hold_limit: OnHoldLimit,
}

impl Witness {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            tickets: 0,
            waiting: vec![],
            inside: vec![],
            passed: vec![],
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// One of the tickets there ever were.
    fn share(&self, whose: u8) -> Ticket {
        Ticket(1 + self.tickets * u64::from(whose) / 256)
    }

    /// The oldest ticket that is not stale.
    fn first(&self) -> Option<Ticket> {
        let known = self
            .inside
            .iter()
            .chain(&self.waiting)
            .map(|known| known.ticket);
        known.chain(self.passed.iter().copied()).min()
    }

    fn is_in_the_way_of(&self, hold: Hold) -> bool {
        let alone = |other: &Known| hold == Hold::Exclusive || other.hold == Hold::Exclusive;
        self.inside.iter().any(alone)
    }

    fn joined(
        &mut self,
        ticket: Ticket,
        hold: Hold,
        limits: &Limits,
        joined: &Result<Turn<()>, Full>,
    ) -> Seen {
        let on_hold_limit = limits.on_hold_limit;
        let is_full = self.waiting.len() >= limits.waiters;
        let must_wait = !self.waiting.is_empty() || self.is_in_the_way_of(hold);
        match joined {
            Ok(Turn::Now(Grant { deadline, .. })) => {
                let deadline = Some(*deadline);
                self.inside.push(Known {
                    ticket,
                    hold,
                    deadline,
                    on_hold_limit,
                });
                if !self.waiting.is_empty() {
                    Err(Violation::Order)
                } else {
                    Ok(())
                }
            }
            Ok(Turn::Later { deadline, .. }) => {
                let deadline = Some(*deadline);
                self.waiting.push(Known {
                    ticket,
                    hold,
                    deadline,
                    on_hold_limit,
                });
                if is_full {
                    Err(Violation::QueueLimit)
                } else {
                    Ok(())
                }
            }
            Err(_) if is_full && must_wait => Ok(()),
            Err(_) => Err(Violation::QueueLimit),
        }
    }

    fn passed(&mut self, ticket: Ticket, passed: Result<(), Full>) {
        if passed.is_ok() {
            self.passed.push(ticket);
        }
    }

    fn left(&mut self, ticket: Ticket, was: &Was<Ticket>) -> Seen {
        let is_it = |known: &Known| known.ticket == ticket;
        let right = match was {
            Was::Holding(_) => take(&mut self.inside, is_it).is_some(),
            Was::Waiting(waiter) => *waiter == ticket && take(&mut self.waiting, is_it).is_some(),
            Was::Passed => take(&mut self.passed, |passed| *passed == ticket).is_some(),
            Was::Stale => {
                !self.inside.iter().chain(&self.waiting).any(is_it)
                    && !self.passed.contains(&ticket)
            }
            Was::Observed(_) | Was::Reserved => false,
        };
        if right { Ok(()) } else { Err(Violation::Stale) }
    }

    /// Each wait that ended must have been one; a grant is for the first in the line.
    fn wakes(&mut self, wakes: &[Wake<Ticket>]) -> Seen {
        for Wake {
            ticket,
            waiter,
            outcome,
        } in wakes
        {
            let place = self
                .waiting
                .iter()
                .position(|known| known.ticket == *ticket);
            let place = place.filter(|_| ticket == waiter).ok_or(Violation::Stale)?;
            let known = self.waiting.remove(place);
            match outcome {
                Ok(_) if place > 0 => return Err(Violation::Order),
                Ok(grant) => self.inside.push(Known {
                    deadline: Some(grant.deadline),
                    ..known
                }),
                Err(WaitEnded::TimedOut) if known.deadline > Some(self.now) => {
                    return Err(Violation::Deadline);
                }
                Err(WaitEnded::TimedOut | WaitEnded::Closed) => {}
            }
        }
        Ok(())
    }

    fn expired(&mut self, wakes: &[Wake<Ticket>], overdue: &OverdueHolders) -> Seen {
        for (ticket, action) in overdue {
            let is_it = |known: &Known| known.ticket == *ticket;
            let mut known = take(&mut self.inside, is_it).ok_or(Violation::Stale)?;
            if known.deadline.is_none_or(|deadline| deadline > self.now) {
                return Err(Violation::Deadline);
            }
            if known.on_hold_limit == OnHoldLimit::Wait {
                known.deadline = None;
                self.inside.push(known);
            }
            if *action != known.on_hold_limit {
                return Err(Violation::Deadline);
            }
        }
        self.wakes(wakes)?;
        let mut all = self.inside.iter().chain(&self.waiting);
        let is_late = |known: &Known| known.deadline.is_some_and(|deadline| deadline <= self.now);
        if all.any(is_late) {
            Err(Violation::Deadline)
        } else {
            Ok(())
        }
    }

    /// What is true after every step.
    fn at_rest(&self) -> Seen {
        let writers = self
            .inside
            .iter()
            .filter(|known| known.hold == Hold::Exclusive)
            .count();
        if writers > 1 || (writers == 1 && self.inside.len() > 1) {
            return Err(Violation::Exclusion);
        }
        match self.waiting.first() {
            Some(head) if !self.is_in_the_way_of(head.hold) => Err(Violation::LostWakeUp),
            _ => Ok(()),
        }
    }
}

fn take<T>(from: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> Option<T> {
    let at = from.iter().position(is_it)?;
    Some(from.remove(at))
}
