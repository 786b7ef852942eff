//! The number of waiters of all lanes together.
//!
//! Guarantees: a waiter is checked against the cap and counted in one step; it is counted for as long as its place
//! exists, so it is uncounted once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Full;

/// Counts the waiters of all lanes.
#[derive(Debug, Default)]
pub(super) struct Waiters(AtomicUsize);

/// One counted waiter; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends its count"]
pub(super) struct Counted(Arc<Waiters>);

impl Waiters {
    /// Counts one more, of at most `max`.
    pub(super) fn admit(self: &Arc<Self>, max: usize) -> Result<Counted, Full> {
        let more = |count| (count < max).then_some(count + 1);
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        {
            Ok(_) => Ok(Counted(Arc::clone(self))),
            Err(_) => Err(Full::AllLanes),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
