//! What operators see of the lanes: the busiest of them, with who holds and who waits.
//!
//! Guarantees: one shard of the table is locked at a time, to rank its lanes by a few numbers each; then each chosen lane
//! by itself, to copy a bounded part of it. Nothing is done unless somebody asks.
//! Does not do: show one moment of all lanes; each lane is shown as it was at a moment of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::holders::{Holder, Request};
use super::local::Waiter;
use super::note::Note;
use super::queue::{Standing, Ticket};
use super::table::{Lane, Slot};
use super::{Hold, Lanes};
use crate::session::SessionKey;

/// The busiest lanes.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Who waits longest first; then, without waiters, who holds longest.
    pub lanes: Vec<Busy>,
    /// Lanes that exist.
    pub total: usize,
}

/// A lane.
#[derive(Debug)]
pub struct Busy {
    /// Its own key.
    pub key: SessionKey,
    /// How long it has been in use without a break.
    pub age: Duration,
    /// Those who hold it; [`Busy::HOLDERS`] at most.
    pub holders: Vec<Holding>,
    /// Those who wait, in order; [`Busy::WAITERS`] at most.
    pub waiters: Vec<Holding>,
    /// How many hold it.
    pub holding: usize,
    /// How many wait.
    pub waiting: usize,
    /// How many are inside in observe mode.
    pub observed: usize,
    /// How many are inside without a permit.
    pub passed: usize,
}

/// A request that holds a lane, or waits for it.
#[derive(Debug)]
pub struct Holding {
    /// What the lane knows it by.
    pub ticket: Ticket,
    /// Where it is.
    pub state: State,
    /// How it holds, or will hold.
    pub hold: Hold,
    /// Since when it is in the lane; None when it has no note.
    pub age: Option<Duration>,
    /// How long it has held.
    pub held: Option<Duration>,
    /// Until its wait timeout, or its hold limit.
    pub limit: Duration,
    /// What it is.
    pub note: Option<Note>,
}

/// Where a request is, in IIS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the application.
    Executing,
    /// In the application beyond its hold limit, and keeps the lane.
    Overdue,
    /// It has this lane, and waits for another one.
    Reserved,
    /// It waits.
    Waiting,
}

/// Which lanes come first: the smallest. A lower ticket has come earlier.
type Rank = (Reverse<bool>, Ticket);

impl Lanes {
    /// At most `limit` lanes, the busiest.
    pub fn snapshot(&self, limit: usize) -> Snapshot {
        let mut chosen: BinaryHeap<(Rank, Key)> = BinaryHeap::with_capacity(limit + 1);
        for slot in &self.table.slots {
            let Slot::Lane(lane) = slot.value() else {
                continue;
            };
            let rank = lane.rank();
            if chosen.len() < limit {
                chosen.push((rank, Key(*slot.key())));
            } else if chosen.peek().is_some_and(|(last, _)| rank < *last) {
                chosen.pop();
                chosen.push((rank, Key(*slot.key())));
            }
        }
        let chosen = chosen.into_sorted_vec().into_iter();
        let lanes = chosen.filter_map(|(_, Key(key))| self.table.examine(key, Lane::busy));
        Snapshot {
            lanes: lanes.collect(),
            total: self.table.len(),
        }
    }
}

impl Lanes {
    /// What has held the lane of `key` for most of the time since `joined`, as far as is known: for a request that has
    /// waited there since, and still has its place. None when more of that time is not accounted for.
    pub fn held_longest(&self, key: SessionKey, joined: Instant) -> Option<Box<Note>> {
        let longest = |lane: &Lane<Waiter>, now| lane.held_longest(joined, now);
        self.table.look(key, longest)?
    }
}

impl Lane<Waiter> {
    fn held_longest(&self, joined: Instant, now: Instant) -> Option<Box<Note>> {
        let inside = self.holders.holders.iter().filter_map(|holder| {
            let noted = self.notes.of(holder.request.ticket)?;
            Some((holder.grant.at, now, &noted.note))
        });
        let ended = self.notes.past();
        let ended = ended.map(|ended| (ended.from, ended.to, &ended.note));
        let mut unknown = now.saturating_duration_since(joined);
        let mut longest = None;
        for (from, to, note) in ended.chain(inside) {
            let time = to.saturating_duration_since(from.max(joined));
            unknown = unknown.saturating_sub(time);
            if longest.is_none_or(|(most, _)| most < time) {
                longest = Some((time, note));
            }
        }
        let (_, note) = longest.filter(|(most, _)| *most > unknown)?;
        Some(Box::new(note.clone()))
    }

    /// The note of who holds it, or, while it is only reserved, of who will.
    pub(super) fn holder_note(&self) -> Option<Box<Note>> {
        let holder = self.holders.holders.first()?;
        let noted = self.notes.of(holder.request.ticket)?;
        Some(Box::new(noted.note.clone()))
    }

    fn rank(&self) -> Rank {
        let first = |ticket: Option<Ticket>| ticket.unwrap_or(Ticket(u64::MAX));
        match self.line.front() {
            Some(waiter) => (Reverse(true), waiter.request.ticket),
            None => {
                let holders = self.holders.holders.iter();
                (
                    Reverse(false),
                    first(holders.map(|holder| holder.request.ticket).min()),
                )
            }
        }
    }

    fn busy(&self, key: SessionKey, now: Instant) -> Busy {
        let holders = self.holders.holders.iter().take(Busy::HOLDERS);
        let waiters = self.line.iter().take(Busy::WAITERS);
        Busy {
            key,
            age: self.age(now),
            holders: holders.map(|holder| self.holder(holder, now)).collect(),
            waiters: waiters
                .map(|waiter| self.waiter(&waiter.request, now))
                .collect(),
            holding: self.holders.len(),
            waiting: self.line.len(),
            observed: self.shadow.len(),
            passed: self.passed.len(),
        }
    }

    fn holder(&self, holder: &Holder, now: Instant) -> Holding {
        let held = now.saturating_duration_since(holder.grant.at);
        Holding {
            state: match holder.standing {
                Standing::InTime => State::Executing,
                Standing::Overdue => State::Overdue,
                Standing::Reserved => State::Reserved,
            },
            held: (holder.standing != Standing::Reserved).then_some(held),
            limit: holder.grant.deadline.saturating_duration_since(now),
            ..self.waiter(&holder.request, now)
        }
    }

    fn waiter(&self, request: &Request, now: Instant) -> Holding {
        let noted = self.notes.of(request.ticket);
        Holding {
            ticket: request.ticket,
            state: State::Waiting,
            hold: request.hold,
            age: noted.map(|noted| now.saturating_duration_since(noted.since)),
            held: None,
            limit: request.patience().saturating_duration_since(now),
            note: noted.map(|noted| noted.note.clone()),
        }
    }
}

impl Busy {
    /// The most holders that are shown of a lane.
    pub const HOLDERS: usize = 20;
    /// The most waiters that are shown of a lane.
    pub const WAITERS: usize = 50;
}

/// A key beside its rank; the ranks alone are compared.
#[derive(Debug)]
struct Key(SessionKey);

impl PartialEq for Key {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, _other: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}
