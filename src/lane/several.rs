//! Several lanes for one request: all or none.
//!
//! Such a request joins all its lines while it holds one mutex that only requests of its kind take. So of any two of them
//! that meet in several lanes, one is ahead in all of these, and of all of them there is always a first that waits for
//! none of the others; a request with one lane never holds one while it waits for another. Hence no cycle, and no deadlock.
//! A lane that grants while others are awaited is reserved; the hold begins in all when all have granted.
//!
//! Guarantees: strict order of arrival in each lane; a request that one lane refuses is in none; one wait, one wait timeout,
//! one count against the cap, one hold limit, one release; a reserved lane goes to the next in line at the end of that
//! wait timeout at the latest, also when nobody polls the one who waits.
//! Does not do: say which lanes; a lane that is named twice is taken once.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::local::{Count, Joined, Lanes, Line, Observed, Outcome, Pass, Places, Waiter, Waiting};
use super::note::Note;
use super::permit::Permit;
use super::place::Place;
use super::queue::{Full, Grant, Part, Turn, WaitEnded};
use super::shadow::Arrival;
use super::{Hold, Limits, OnHoldLimit};
use crate::session::SessionKey;

/// The places of a request that is not inside yet.
#[derive(Debug)]
pub(super) struct Several {
    places: SmallVec<[Reserved; 2]>,
}

/// A place of such a request.
#[derive(Debug)]
struct Reserved {
    place: Place,
    /// None once the lane has granted.
    awaited: Option<oneshot::Receiver<Outcome>>,
}

impl Lanes {
    /// As [`Lanes::join`], for the lanes of `key` and of all in `also`: the permit is for all of them. A request is
    /// counted by the lane of `key`.
    ///
    /// # Errors
    /// As [`Lanes::join`], of any of the lanes; the caller was added to none.
    pub fn join_all(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        hold: Hold,
        limits: &Limits,
        max_waiting: usize,
    ) -> Result<Joined, Full> {
        self.join_noted(key, also, hold, limits, max_waiting, None)
    }

    /// As [`Lanes::join_all`]; `note` is what operators see of the request.
    ///
    /// # Errors
    /// As [`Lanes::join_all`].
    pub fn join_noted(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        hold: Hold,
        limits: &Limits,
        max_waiting: usize,
        note: Option<Note>,
    ) -> Result<Joined, Full> {
        if also.is_empty() {
            return self.join_one(key, hold, limits, max_waiting, note);
        }
        let mut behind = None;
        let noted = (note, &mut behind);
        let (mut several, line) = self.line_up(key, also, hold, limits, max_waiting, noted)?;
        let on_hold_limit = limits.on_hold_limit;
        let (position, deadline) = match line {
            Some(line) => line,
            None => match several.start() {
                Some(grant) => return Ok(Joined::Granted(several.permit(grant, on_hold_limit))),
                None => (1, tokio::time::Instant::now().into_std()), // no time to wait, and it has passed
            },
        };
        Ok(Joined::Waiting(Waiting {
            line: Line::Several(Box::new(several)),
            position,
            deadline,
            on_hold_limit,
            behind,
        }))
    }

    /// Joins all lines, or none; where at least one lane has to be waited for, the position, which is that in the longest
    /// line, and the deadline.
    fn line_up(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        hold: Hold,
        limits: &Limits,
        max_waiting: usize,
        (note, behind): (Option<Note>, &mut Option<Box<Note>>),
    ) -> Result<(Several, Option<(usize, Instant)>), Full> {
        let alone = self.several.lock();
        let _alone = alone.unwrap_or_else(PoisonError::into_inner);
        let ticket = self.ticket();
        // Dropped before the mutex is released: nobody of this kind sees a request that is refused in the end.
        let mut several = Several {
            places: SmallVec::new(),
        };
        let mut line = None;
        let mut counted = None;
        for key in std::iter::once(key).chain(also.iter().copied()) {
            let part = several
                .places
                .first()
                .map_or(Part::First, |_| Part::Further);
            let joined = self.table.visit(key, |lane, now, key| {
                if several.has(key) {
                    return None;
                }
                let joined = lane.join_part(ticket, hold, part, now, limits, || {
                    let counted = match &counted {
                        Some(counted) => Arc::clone(counted),
                        None => {
                            Arc::clone(counted.insert(Arc::new(self.waiters.admit(max_waiting)?)))
                        }
                    };
                    let (outcome, receiver) = oneshot::channel();
                    let counted = Count::Shared { _counted: counted };
                    Ok((Waiter { outcome, counted }, receiver))
                });
                if let Ok(Turn::Later { .. }) = &joined {
                    *behind = behind.take().or_else(|| lane.holder_note());
                }
                if joined.is_ok() {
                    lane.notes.add(ticket, now, note.clone());
                }
                Some((key, joined, self.close_if_due(lane)))
            });
            let Some((key, joined, wakes)) = joined else {
                continue;
            };
            self.carry_out(wakes);
            let awaited = match joined? {
                Turn::Now(_) => None,
                Turn::Later {
                    position,
                    deadline,
                    kept,
                } => {
                    let longest = line.map_or(position, |(other, _)| position.max(other));
                    line = Some((longest, deadline));
                    Some(kept)
                }
            };
            let place = self.place(key, ticket, part);
            several.places.push(Reserved { place, awaited });
        }
        Ok((several, line))
    }

    /// As [`Lanes::pass`], beside the lanes of `key` and of all in `also`, counted in each.
    ///
    /// # Errors
    /// [`Full::Passed`], of any of them; the caller is counted in none.
    pub fn pass_all(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        limits: &Limits,
    ) -> Result<Pass, Full> {
        let ticket = self.ticket();
        let mut places = Places::new();
        for key in std::iter::once(key).chain(also.iter().copied()) {
            let passed = self.table.visit(key, |lane, _, key| {
                let new = places.iter().all(|place| place.key != key);
                new.then(|| lane.pass(ticket, limits).map(|()| key))
            });
            if let Some(key) = passed {
                places.push(self.place(key?, ticket, part_after(&places)));
            }
        }
        self.tally.passed();
        Ok(Pass { _places: places })
    }

    /// As [`Lanes::observe`], in the shadows of the lanes of `key` and of all in `also`.
    pub fn observe_all(
        self: &Arc<Self>,
        key: SessionKey,
        also: &[SessionKey],
        hold: Hold,
        limits: &Limits,
    ) -> Observed {
        let ticket = self.ticket();
        let mut places = Places::new();
        let mut arrival = Arrival::Free;
        for key in std::iter::once(key).chain(also.iter().copied()) {
            let observed = self.table.visit(key, |lane, _, key| {
                let new = places.iter().all(|place| place.key != key);
                new.then(|| (key, lane.observe(ticket, hold, limits)))
            });
            if let Some((key, other)) = observed {
                arrival = worse(arrival, other);
                places.push(self.place(key, ticket, part_after(&places)));
            }
        }
        self.tally.observed(arrival);
        Observed { places, arrival }
    }
}

impl Several {
    /// Waits until all lanes have granted.
    ///
    /// Cancel safe: dropping the future leaves all lanes.
    ///
    /// # Errors
    /// [`WaitEnded`]; all places are gone.
    pub(super) async fn turn(
        mut self: Box<Self>,
        deadline: Instant,
        on_hold_limit: OnHoldLimit,
    ) -> Result<Permit, WaitEnded> {
        let granted = tokio::select! {
            biased;
            granted = self.granted() => granted,
            () = sleep_until(deadline.into()) => {
                for awaited in self.places.iter().filter(|place| place.awaited.is_some()) {
                    awaited.place.time_out(deadline);
                }
                self.granted().await
            }
        };
        granted?;
        let grant = self.start().ok_or(WaitEnded::TimedOut)?;
        Ok(self.permit(grant, on_hold_limit))
    }

    /// Waits for each lane. One after the other: what ends the wait in one of them ends it in all.
    async fn granted(&mut self) -> Result<(), WaitEnded> {
        for Reserved { awaited, .. } in &mut self.places {
            if let Some(outcome) = awaited {
                // Without a word: whoever was to bring it panicked.
                outcome.await.unwrap_or(Err(WaitEnded::Closed))?;
                *awaited = None;
            }
        }
        Ok(())
    }

    /// Begins the hold in all lanes; None when one of them has not waited for that.
    fn start(&mut self) -> Option<Grant> {
        let mut whole: Option<Grant> = None;
        for Reserved { place, .. } in &self.places {
            let ticket = place.ticket;
            let start = place
                .lanes
                .table
                .visit(place.key, |lane, now, _| lane.start(ticket, now));
            let Grant { at, deadline } = start?;
            let first = whole.get_or_insert_with(|| {
                place.lanes.tally.granted();
                Grant { at, deadline }
            });
            first.deadline = deadline;
        }
        whole
    }

    fn permit(self, grant: Grant, on_hold_limit: OnHoldLimit) -> Permit {
        let mut places = self.places.into_iter().map(|reserved| reserved.place);
        Permit {
            place: places.next().expect("the lane of its key is the first"),
            further: places.collect(),
            grant,
            on_hold_limit,
        }
    }

    fn has(&self, key: SessionKey) -> bool {
        self.places.iter().any(|reserved| reserved.place.key == key)
    }
}

/// The part that the next lane of a request is which has no permit to share.
fn part_after(places: &Places) -> Part {
    if places.is_empty() {
        Part::Whole
    } else {
        Part::Further
    }
}

/// What several lanes would have done with an arrival: what the strictest of them would.
fn worse(one: Arrival, other: Arrival) -> Arrival {
    match (one, other) {
        (Arrival::WouldBeRefused, _) | (_, Arrival::WouldBeRefused) => Arrival::WouldBeRefused,
        (Arrival::WouldWait, _) | (_, Arrival::WouldWait) => Arrival::WouldWait,
        (Arrival::Free, Arrival::Free) => Arrival::Free,
    }
}
