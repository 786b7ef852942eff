//! The lane: the line of one session, from a key to a permit.
//!
//! Guarantees: at most one exclusive holder per session, or any number of shared ones; strict order of arrival; each
//! permit is released exactly once, on every path, by being dropped; everything is bounded. The exceptions to
//! exclusion (a hold limit that released or aborted, a pass) are counted.
//! Does not do: know HTTP, routes or sockets; reorder; retry.
//!
//! Inside, from the rules outwards: [`queue`] decides, with time as an argument, by its `holders` and, in observe mode,
//! its `shadow`; `table` keeps one queue per session, only while it is used; `names` gives a lane further
//! keys while it lives; `place` is a place in it, as a value; `local` adds wake-ups and deadlines; `several` takes several
//! lanes for one request; `beside` lets in whom its holder calls; `waiters` caps the waiters of all lanes together;
//! `counts` counts; `note` and `snapshot` show the lanes to operators, and `revoke` is their way to move one on.

mod beside;
mod counts;
mod holders;
mod local;
mod names;
mod note;
mod permit;
mod place;
pub mod queue;
mod revoke;
mod several;
mod shadow;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;
mod waiters;

use std::time::Duration;

pub use counts::Counts;
pub use local::{Joined, Lanes, Observed, Pass, Waiting};
pub use names::Naming;
pub use note::Note;
pub use permit::{Overdue, Permit};
pub use queue::{Full, NotBeside, Ticket, WaitEnded};
pub use revoke::NotRevoked;
pub use shadow::{Arrival, Stay};
pub use snapshot::{Busy, Holding, Snapshot, State};

/// How a request holds its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// Alone: a writing request.
    Exclusive,
    /// Together with other shared holders: a reading request that waits its turn.
    Shared,
}

/// The bounds of one request's stay in a lane (`queue:` in the configuration), complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Waiters allowed in the lane, holders not counted; 0 means that nobody may wait. ASP.NET's
    /// RequestQueueLimitPerSession, 50. Of a line whose waits have all timed out at once, ending them takes the square of
    /// its length, since routes differ in their wait timeouts: 4 us for 50, 0.7 ms for 1,000, 150 ms for 10,000 (measured),
    /// after the waits themselves. An order of deadlines would cost each join and each leave instead.
    pub waiters: usize,
    /// The longest wait, from joining the lane.
    pub wait_timeout: Duration,
    /// The longest hold, from the grant.
    pub hold_limit: Duration,
    /// What a lane with `waiters` waiting does with one more.
    pub on_overflow: OnFull,
    /// What happens at the end of `wait_timeout`.
    pub on_wait_timeout: OnFull,
    /// What happens at the end of `hold_limit`.
    pub on_hold_limit: OnHoldLimit,
    /// Requests of one lane that may be inside by `pass` or `pass_without_session` at a time; and, counted apart, those
    /// that may hold it beside the one that the application makes them for.
    pub max_passed: usize,
    /// Whether a request may be told at once that its turn would come too late.
    pub admission: Admission,
}

/// Whether the end of a wait is judged at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// Turned away at once when the writers ahead, each of the lane's recent hold time, take longer than `wait_timeout`.
    Estimate,
    /// Whoever finds room in the line may wait.
    Off,
}

/// What a full lane, or the end of the wait timeout, does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// Forward without a permit.
    Pass,
    /// Forward GET and HEAD without a permit and without the session cookie; refuse all else.
    PassWithoutSession,
    /// Answer with a refusal.
    Refuse,
}

/// What the end of the hold limit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnHoldLimit {
    /// The lane moves on, and the client gets 504, or a reset when the headers are out.
    Abort,
    /// The lane moves on; the old request goes on with a stale ticket, which can disturb nobody.
    Release,
    /// Warn, count, and keep the lane: for applications whose own lock never breaks.
    Wait,
}
