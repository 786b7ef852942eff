//! What a route decides about a request.
//!
//! Guarantees: terms are complete; the request path looks nothing up elsewhere.
//! Does not do: say which request a route is for.

use std::time::Duration;

use crate::lane::Limits;

/// What a request does to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Has no lane at all: static files, session-less pages.
    None,
    /// Reads the session; how it meets writers is decided by [`Reads`].
    Read,
    /// Takes the lane exclusively.
    Write,
}

/// How a read meets the writers of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reads {
    /// Waits its turn, then holds a shared permit until the response headers or `follow_hold`, whichever is first:
    /// ASP.NET's ReadOnly without the polling.
    Follow,
    /// Never waits and holds nothing.
    Overtake,
    /// Waits its turn and holds a shared permit to the end: the strict reader/writer lock.
    Share,
}

/// When the application has finished with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Release {
    /// At the end of the response body (default: `{after: body}` with no grace); some time after it, for applications that commit
    /// later, when `grace` is not zero.
    Body {
        /// How long the permit outlives the body.
        grace: Duration,
    },
    /// At the response headers.
    Headers,
}

/// What happens to a waiting request whose client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnClientGone {
    /// It leaves the lane at once; the application never sees it.
    Leave,
    /// It keeps its place and is forwarded.
    Stay,
}

/// Whether lanes are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Requests wait, and may be refused.
    Enforce,
    /// Nobody waits and nobody is refused; a shadow lane records what would have happened.
    Observe,
}

/// Everything a route decides, complete: nothing is looked up elsewhere on the request path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What the request does to its session.
    pub access: Access,
    /// How it meets writers, when `access` is `read`.
    pub reads: Reads,
    /// Whether its lane is enforced.
    pub mode: Mode,
    /// The bounds of its stay in the lane.
    pub limits: Limits,
    /// When its permit ends.
    pub release: Release,
    /// The longest shared hold of a read that follows.
    pub follow_hold: Duration,
    /// What happens when its client leaves while it waits.
    pub on_client_gone: OnClientGone,
}

impl Access {
    /// The word for it in configuration, headers, metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}
