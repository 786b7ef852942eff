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

/// The second least of five measurements or more: a busy machine makes things slower, but nothing quicker than it is, and
/// one that was quick by chance does not decide.
pub(crate) fn undisturbed<T: Copy + Debug + Ord>(mut measured: Vec<T>) -> T {
    assert!(measured.len() >= 5, "{measured:?}");
    measured.sort_unstable();
    measured[1]
}

const PAUSE: Duration = Duration::from_micros(500);
