//! What is known of one client under one rule: what it owes of its rate, and its counts.
//!
//! Guarantees: pure; who is refused changes nothing. Does not do: know whose meter it is.

use std::time::Duration;

use super::rate::Rate;

/// What a rule allows one client; at least one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests that arrive.
    pub rate: Option<Rate>,
    /// Requests in the application, compared at arrival.
    pub concurrent: Option<u32>,
    /// Requests in lanes, waiting.
    pub waiting: Option<u32>,
}

/// Which limit a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// The rate.
    #[error("this client sends requests too fast")]
    Rate {
        /// After so long the next one is admitted.
        retry_after: Duration,
    },
    /// The requests in the application.
    #[error("this client has too many requests in the application")]
    Concurrent,
    /// The requests that wait.
    #[error("this client has too many waiting requests")]
    Waiting,
}

/// Where a counted request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In the application.
    Inside,
    /// In its lane.
    Waiting,
}

/// One client under one rule: 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meter {
    /// When its burst is whole again, nanoseconds from the table's origin; 0 when it never was used.
    full_at: u64,
    inside: u32,
    waiting: u32,
}

impl Meter {
    /// A request arrives; it is inside from now on, if that is counted.
    pub(super) fn arrive(&mut self, limits: &Limits, now: u64) -> Result<(), Exceeded> {
        self.has_room(limits)?;
        if let Some(rate) = limits.rate {
            self.full_at = rate
                .admit(self.full_at, now)
                .map_err(|retry_after| Exceeded::Rate { retry_after })?;
        }
        if limits.concurrent.is_some() {
            self.enter(Whereabouts::Inside);
        }
        Ok(())
    }

    /// A request that was inside before is to be there again; the rate has been asked.
    pub(super) fn come_inside(&mut self, limits: &Limits) -> Result<(), Exceeded> {
        self.has_room(limits)?;
        self.enter(Whereabouts::Inside);
        Ok(())
    }

    fn has_room(&self, limits: &Limits) -> Result<(), Exceeded> {
        if limits.concurrent.is_some_and(|limit| self.inside >= limit) {
            return Err(Exceeded::Concurrent);
        }
        Ok(())
    }

    /// A request is about to wait.
    pub(super) fn wait(&mut self, limits: &Limits) -> Result<(), Exceeded> {
        if limits.waiting.is_some_and(|limit| self.waiting >= limit) {
            return Err(Exceeded::Waiting);
        }
        self.enter(Whereabouts::Waiting);
        Ok(())
    }

    /// Counts a request, whatever the limit.
    pub(super) fn enter(&mut self, whereabouts: Whereabouts) {
        let count = self.count(whereabouts);
        *count = count.saturating_add(1);
    }

    /// Ends the count of a request.
    pub(super) fn leave(&mut self, whereabouts: Whereabouts) {
        let count = self.count(whereabouts);
        *count = count.saturating_sub(1);
    }

    /// Requests inside, and requests that wait.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.inside, self.waiting)
    }

    /// Owes nothing of the rate any more.
    pub(super) fn pardon(&mut self) {
        self.full_at = 0;
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_fresh(&self, now: u64) -> bool {
        self.inside == 0 && self.waiting == 0 && self.full_at <= now
    }

    fn count(&mut self, whereabouts: Whereabouts) -> &mut u32 {
        match whereabouts {
            Whereabouts::Inside => &mut self.inside,
            Whereabouts::Waiting => &mut self.waiting,
        }
    }
}
