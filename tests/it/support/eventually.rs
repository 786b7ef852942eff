//! Waiting for what can only be asked, not heard: a counter of the proxy, a count of connections.
//!
//! The only polling of the tests is here; whoever can wait for an event does that instead.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::DEADLINE;

/// Asks until `check` is true; returns how long that took.
///
/// # Panics
/// After [`DEADLINE`], naming `what`.
#[track_caller]
pub(crate) fn eventually(what: &str, mut check: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    loop {
        if check() {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < DEADLINE,
            "did not happen within {DEADLINE:?}: {what}"
        );
        std::thread::park_timeout(PAUSE);
    }
}

/// The middle one of several measurements: one slow moment of a shared machine does not decide.
pub(crate) fn median<T: Copy + Debug + Ord>(mut measured: Vec<T>) -> T {
    measured.sort_unstable();
    measured[measured.len() / 2]
}

const PAUSE: Duration = Duration::from_micros(500);
