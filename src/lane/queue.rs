//! The line of one session. PURE: no tokio, no clock, no async; time is an argument.

use super::OnFull;

/// Why a request may not join a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The lane has `queue.limit` waiters.
    #[error("the lane is full: {waiting} requests wait")]
    Lane {
        /// Waiters at that moment.
        waiting: usize,
    },
    /// All lanes together have `queue.max_waiting` waiters.
    #[error("all lanes together are full")]
    AllLanes,
    /// `queue.max_passed` requests of the lane are inside without a permit.
    #[error("too many requests of the lane have passed it")]
    Passed,
}

#[expect(dead_code, reason = "stub")]
fn stub(_: OnFull) {}
