//! A rate with a burst: GCRA, by governor.
//!
//! Guarantees: time is an argument; of any span of time, no more requests are admitted than the burst and what the span
//! gives back; who is refused is told the exact time after which one is admitted.
//! Does not do: keep the state; a meter does.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// So many requests in a period, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    quota: Quota,
}

/// A rate that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// More than a million requests a second.
    #[error("the rate is higher than 1,000,000 requests a second")]
    TooFast,
    /// A client that has used its burst would have to be remembered for longer than [`Rate::LONGEST_FILL`].
    #[error("a used burst would come back within more than 7 days")]
    TooSlow,
}

impl Rate {
    /// The longest time in which a used burst may come back: clients are remembered for so long.
    pub const LONGEST_FILL: Duration = Duration::from_secs(7 * 24 * 3600);

    /// `count` requests in each `period`; `burst` of them may come at once.
    ///
    /// # Errors
    /// [`RateError`].
    pub fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Result<Self, RateError> {
        let interval = period / count.get();
        if interval < SHORTEST_INTERVAL {
            return Err(RateError::TooFast);
        }
        let fill = interval.checked_mul(burst.get());
        if fill.is_none_or(|fill| fill > Self::LONGEST_FILL) {
            return Err(RateError::TooSlow);
        }
        let quota = Quota::with_period(interval).ok_or(RateError::TooFast)?;
        Ok(Self {
            quota: quota.allow_burst(burst),
        })
    }

    /// Admits one request of a client whose used burst is back at `full_at`, or says how long it has to wait. `now` and
    /// `full_at` are nanoseconds from the same origin; the new `full_at` is returned.
    pub(super) fn admit(self, full_at: u64, now: u64) -> Result<u64, Duration> {
        // governor's state is the theoretical arrival time. Seen from now, a client that owes nothing has none.
        let arrival = full_at.checked_sub(now).map(Nanos::new);
        let limiter = Limiter::new(self.quota, Arrival(Cell::new(arrival)), Now);
        limiter
            .check()
            .map_err(|until| until.wait_time_from(Now.now()))?;
        let next = limiter.into_state_store().0.get();
        Ok(now.saturating_add(next.map_or(0, Nanos::as_u64)))
    }
}

type Limiter = RateLimiter<NotKeyed, Arrival, Now, NoOpMiddleware<Nanos>>;

/// The state of one client during one decision; its meter is locked meanwhile.
struct Arrival(Cell<Option<Nanos>>);

impl StateStore for Arrival {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = decide(self.0.get())?;
        self.0.set(Some(next));
        Ok(outcome)
    }
}

/// The moment of the decision, from which its times count.
struct Now;

impl Clock for Now {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(0)
    }
}

/// A million requests a second: more than any machine serves, and far from the end of a nanosecond's precision.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(1);
