//! Warnings whose cause may come with each request: said once a minute on each core.
//!
//! Guarantees: of one thing at most one warning a minute, the first at once. Does not do: count; metrics do.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Says when it is time to warn of one thing again.
#[derive(Debug, Default)]
pub struct Seldom {
    last: Cell<Option<Instant>>,
}

/// What a core's gateway warns of.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// Session cookies that do not match their pattern.
    pub(super) odd_cookies: Seldom,
    /// Requests whose node was not to be had.
    pub(super) affinity_lost: Seldom,
    /// Affinity cookies that name users, and no nodes.
    pub(super) affinity_values: Seldom,
    /// Forwarding headers of peers that are no trusted proxies.
    pub(super) forwarded: Seldom,
    /// Requests that were `read` and wrote.
    pub(super) read_wrote: Seldom,
    /// Pages that may have waited for themselves.
    pub(super) loopback: Seldom,
}

impl Seldom {
    /// Whether to warn `now`; if so, not again for a minute.
    pub fn may(&self, now: Instant) -> bool {
        let may = self
            .last
            .get()
            .is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if may {
            self.last.set(Some(now));
        }
        may
    }
}

/// Often enough to be seen in a log, too seldom to fill it.
const EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_may_come_at_once_and_then_once_a_minute() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let may = [0, 1, 59, 60, 61, 119, 120, 500]
            .map(|second| seldom.may(start + Duration::from_secs(second)));
        assert_eq!(may, [true, false, false, true, false, false, true, true]);
    }
}
