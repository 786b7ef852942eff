//! The promises of the lane, in the order in which it is built: the rules by example (`rules`) and against a naive
//! model (`model`, `histories`), who is turned away at once (`admission`) or let in beside (`beside`), the shadow, the
//! table's wake-ups and deadlines (`waiting`, `holding`), further names of a lane (`names`), what operators see and do (`operators`), several lanes for one
//! request, by example (`several`) and at random (`together`), and the table's
//! behaviour when cores race (`cores`, `cap`).

mod admission;
mod beside;
mod cap;
mod cores;
mod histories;
mod holding;
mod model;
mod names;
mod operators;
mod rules;
mod several;
mod shadow;
mod together;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use super::{Admission, Full, Hold, Joined, Lanes, Limits, OnFull, OnHoldLimit, Permit, Waiting};
use crate::session::SessionKey;

/// The defaults of the product.
fn limits() -> Limits {
    Limits {
        waiters: 50,
        wait_timeout: Duration::from_secs(120),
        hold_limit: Duration::from_secs(130),
        on_overflow: OnFull::Refuse,
        on_wait_timeout: OnFull::Refuse,
        on_hold_limit: OnHoldLimit::Release,
        max_passed: 10,
        admission: Admission::Off,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One session's lane of a table.
struct One {
    lanes: Arc<Lanes>,
    key: SessionKey,
}

impl One {
    fn new() -> Self {
        Self {
            lanes: Arc::default(),
            key: SessionKey::for_test(1),
        }
    }

    fn join(&self, hold: Hold, limits: &Limits) -> Result<Joined, Full> {
        self.lanes.join(self.key, hold, limits, 1000)
    }

    /// Joins where nobody is in the way.
    fn granted(&self, hold: Hold, limits: &Limits) -> Permit {
        match self.join(hold, limits) {
            Ok(Joined::Granted(permit)) => permit,
            other => panic!("expected a permit, not {other:?}"),
        }
    }

    /// Joins where somebody is in the way.
    fn waiting(&self, hold: Hold, limits: &Limits) -> Waiting {
        match self.join(hold, limits) {
            Ok(Joined::Waiting(waiting)) => waiting,
            other => panic!("expected a place in the line, not {other:?}"),
        }
    }

    fn is_gone(&self) -> bool {
        let counts = self.lanes.counts();
        (counts.lanes, counts.waiting, counts.holding) == (0, 0, 0)
    }
}
