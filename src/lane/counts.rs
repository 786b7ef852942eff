//! What the lanes have counted since the start, and hold now.
//!
//! Guarantees: each exception to exclusion is counted where it is decided, once.
//! Does not do: labels, routes, export; that is the caller's.

use std::sync::atomic::{AtomicU64, Ordering};

use super::OnHoldLimit;
use super::queue::Was;
use super::shadow::{Arrival, Stay};

/// What the table holds and has counted. Read without a lock: each number is right, their sum at one moment may not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lanes that exist now: somebody holds, waits, passed or is observed.
    pub lanes: usize,
    /// Requests that wait now, in all lanes.
    pub waiting: usize,
    /// Requests that hold a lane now.
    pub holding: u64,
    /// Permits granted, at once or after a wait.
    pub granted: u64,
    /// Permits that ended while they held the lane; those that a hold limit made stale are not among them.
    pub ended: u64,
    /// Hold limits that released: an exception to exclusion.
    pub hold_limit_released: u64,
    /// Hold limits that aborted: an exception to exclusion.
    pub hold_limit_aborted: u64,
    /// Hold limits that passed and kept the lane.
    pub hold_limit_kept: u64,
    /// Permits that an operator ended: an exception to exclusion.
    pub revoked: u64,
    /// Requests let in without a permit: an exception to exclusion.
    pub passed: u64,
    /// Observed requests that would have waited, or been refused for it.
    pub would_wait: u64,
    /// Of these, the ones that would have been refused.
    pub would_refuse: u64,
    /// Observed requests that began and ended within the time of an earlier writer of their session.
    pub nested: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    granted: AtomicU64,
    ended: AtomicU64,
    released: AtomicU64,
    aborted: AtomicU64,
    kept: AtomicU64,
    revoked: AtomicU64,
    passed: AtomicU64,
    would_wait: AtomicU64,
    would_refuse: AtomicU64,
    nested: AtomicU64,
}

impl Tally {
    pub(super) fn granted(&self) {
        add_one(&self.granted);
    }

    pub(super) fn passed(&self) {
        add_one(&self.passed);
    }

    pub(super) fn revoked(&self) {
        add_one(&self.revoked);
    }

    pub(super) fn overdue(&self, action: OnHoldLimit) {
        add_one(match action {
            OnHoldLimit::Abort => &self.aborted,
            OnHoldLimit::Release => &self.released,
            OnHoldLimit::Wait => &self.kept,
        });
    }

    pub(super) fn observed(&self, arrival: Arrival) {
        match arrival {
            Arrival::Free => {}
            Arrival::WouldBeRefused => {
                add_one(&self.would_wait);
                add_one(&self.would_refuse);
            }
            Arrival::WouldWait => add_one(&self.would_wait),
        }
    }

    pub(super) fn left<W>(&self, was: &Was<W>) {
        match was {
            Was::Holding(_) => add_one(&self.ended),
            Was::Observed(Stay::Nested) => add_one(&self.nested),
            Was::Observed(Stay::Ordinary)
            | Was::Passed
            | Was::Reserved
            | Was::Stale
            | Was::Waiting(_) => {}
        }
    }

    /// The numbers, beside what is known elsewhere.
    pub(super) fn read(&self, lanes: usize, waiting: usize) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // The ends first: a permit that ends in between is then counted as holding, not as less than nothing.
        let (ended, released, aborted) =
            (read(&self.ended), read(&self.released), read(&self.aborted));
        let revoked = read(&self.revoked);
        let granted = read(&self.granted);
        Counts {
            lanes,
            waiting,
            holding: granted.saturating_sub(ended + released + aborted + revoked),
            granted,
            ended,
            hold_limit_released: released,
            hold_limit_aborted: aborted,
            hold_limit_kept: read(&self.kept),
            revoked,
            passed: read(&self.passed),
            would_wait: read(&self.would_wait),
            would_refuse: read(&self.would_refuse),
            nested: read(&self.nested),
        }
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
