//! An operator moves a lane on: its holders lose it, as at a hold limit that releases.
//!
//! Guarantees: only who holds at that moment loses the lane, known by its ticket, and is told so once its hold limit
//! passes, so that this is not counted again; what is remembered goes with the request.
//! Does not do: end the exchange; it goes on with a stale ticket. Of a request with several lanes, only this one moves on.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use super::Lanes;
use super::queue::{Part, Standing, Ticket};
use crate::session::SessionKey;

/// The requests whose permit was taken from them, while they go on.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    /// How many there are; nearly always none, and every request asks.
    count: AtomicUsize,
    tickets: Mutex<HashSet<Ticket>>,
}

/// Why nobody lost a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRevoked {
    /// Nobody holds such a lane.
    #[error("nobody holds this lane any more")]
    NoLane,
    /// The lane is held by others.
    #[error("this request does not hold the lane, or no longer")]
    Stale,
}

impl Lanes {
    /// Takes the lane of `key` from all who hold it, or from `only` that one, and lets the next go. Gives their number.
    ///
    /// # Errors
    /// [`NotRevoked`]; nothing has changed.
    pub fn revoke(&self, key: SessionKey, only: Option<Ticket>) -> Result<usize, NotRevoked> {
        let known = self.table.look(key, |_, _| ()).is_some();
        if !known {
            return Err(NotRevoked::NoLane);
        }
        let (taken, wakes) = self.table.visit(key, |lane, now, _| {
            let holders = lane.holders.holders.iter();
            let holders = holders.filter(|holder| holder.standing != Standing::Reserved);
            let taken: SmallVec<[(Ticket, Part); 1]> = holders
                .map(|holder| (holder.request.ticket, holder.request.part))
                .filter(|(ticket, _)| only.is_none_or(|only| only == *ticket))
                .collect();
            // Known before anybody else may see the lane without them.
            self.revoked
                .remember(taken.iter().map(|(ticket, _)| *ticket));
            let mut wakes = Vec::new();
            for (ticket, _) in &taken {
                wakes.extend(lane.leave(*ticket, now).wakes);
            }
            (taken, wakes)
        });
        for (_, part) in &taken {
            if *part != Part::Further {
                self.tally.revoked();
            }
        }
        self.carry_out(wakes);
        match (taken.len(), only) {
            (0, Some(_)) => Err(NotRevoked::Stale),
            (0, None) => Err(NotRevoked::NoLane),
            (taken, _) => Ok(taken),
        }
    }
}

impl Revoked {
    fn remember(&self, tickets: impl Iterator<Item = Ticket>) {
        let mut known = self.lock();
        known.extend(tickets);
        self.count.store(known.len(), Ordering::Relaxed);
    }

    /// Whether the permit of `ticket` was taken from it.
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.lock().contains(&ticket)
    }

    /// The request of `ticket` has ended.
    pub(super) fn forget(&self, ticket: Ticket) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut known = self.lock();
            known.remove(&ticket);
            self.count.store(known.len(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Ticket>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
