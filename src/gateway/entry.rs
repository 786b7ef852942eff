//! A request's stay in its lane, or its lanes, from the door to the release.
//!
//! Guarantees: an [`Entry`] ends once, on every path, by `end` or by being dropped; what it held is then free.

use std::time::{Duration, Instant};

use crate::lane::{Arrival, Observed, Overdue, Pass, Permit, Stay, Ticket};
use crate::session::SessionKey;

/// How a request is in the application.
#[derive(Debug)]
pub(super) enum Place {
    /// It has no lane, or its stay has ended.
    Free,
    /// It holds its lane.
    Held(Permit),
    /// It has passed its lane.
    Passed(Pass),
    /// It is in the shadow of its lane.
    Shadow(Observed),
    /// It is in the shadow of a lane with requests of other sessions, whose locks it would not meet.
    Together(Observed),
}

/// A request's stay in its lane.
#[derive(Debug)]
pub(super) struct Entry {
    place: Place,
    since: Instant,
    /// When the next thing happens to it by itself.
    deadline: Option<Due>,
    held: Option<Duration>,
    stay: Stay,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A read that follows has had its time to load the session.
    Follow,
    /// The hold limit.
    Limit,
}

/// What happened at the deadline of a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// The lane has moved on, and the request is to be aborted.
    Abort,
    /// The request goes on.
    GoOn,
    /// The hold limit has passed; the lane stays held.
    Keep,
    /// The lane has moved on; the request goes on without it.
    Release,
}

impl Entry {
    /// Outside of any lane.
    pub(super) fn free(now: Instant) -> Self {
        Self {
            place: Place::Free,
            since: now,
            deadline: None,
            held: None,
            stay: Stay::Ordinary,
        }
    }

    /// Holding a lane; a read that follows for `follow_hold` at most.
    pub(super) fn held(permit: Permit, follow_hold: Option<Duration>) -> Self {
        let since = permit.granted_at();
        let limit = Due {
            at: permit.hold_deadline(),
            what: What::Limit,
        };
        let follow = follow_hold.map(|hold| Due {
            at: since + hold,
            what: What::Follow,
        });
        let deadline = match follow {
            Some(follow) if follow.at < limit.at => follow,
            Some(_) | None => limit,
        };
        Self {
            place: Place::Held(permit),
            since,
            deadline: Some(deadline),
            held: None,
            stay: Stay::Ordinary,
        }
    }

    /// In the application without holding its lane.
    pub(super) fn beside(place: Place, now: Instant) -> Self {
        Self {
            place,
            since: now,
            deadline: None,
            held: None,
            stay: Stay::Ordinary,
        }
    }

    /// When [`Entry::ring`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.map(|due| due.at)
    }

    /// Does what is due at the deadline.
    pub(super) fn ring(&mut self, now: Instant) -> Ring {
        let Some(due) = self.deadline.filter(|due| due.at <= now) else {
            return Ring::GoOn;
        };
        self.deadline = None;
        let Place::Held(permit) = &mut self.place else {
            return Ring::GoOn;
        };
        match due.what {
            What::Follow => self.end(now),
            What::Limit => match permit.overdue() {
                Overdue::NotYet => self.deadline = Some(due),
                Overdue::Kept => return Ring::Keep,
                Overdue::Revoked => self.end(now),
                Overdue::Released => {
                    self.end(now);
                    return Ring::Release;
                }
                Overdue::Aborted => {
                    self.end(now);
                    return Ring::Abort;
                }
            },
        }
        Ring::GoOn
    }

    /// Ends the stay; the next in line goes. Does nothing the second time.
    pub(super) fn end(&mut self, now: Instant) {
        self.deadline = None;
        match std::mem::replace(&mut self.place, Place::Free) {
            Place::Free => return,
            Place::Held(permit) => drop(permit),
            Place::Passed(pass) => drop(pass),
            Place::Shadow(observed) => self.stay = observed.end(),
            Place::Together(observed) => drop(observed),
        }
        self.held = Some(now.saturating_duration_since(self.since));
    }

    /// Whether others wait for the end of this stay.
    pub(super) fn holds(&self) -> bool {
        matches!(self.place, Place::Held(_))
    }

    /// What its lane knows it by, while it holds.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        match &self.place {
            Place::Held(permit) => Some(permit.ticket()),
            Place::Free | Place::Passed(_) | Place::Shadow(_) | Place::Together(_) => None,
        }
    }

    /// Whether the stay has ended, or never was.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.place, Place::Free)
    }

    /// What an enforced lane would have done with it; None when nobody observes.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        match &self.place {
            Place::Shadow(observed) => Some(observed.arrival()),
            Place::Free | Place::Held(_) | Place::Passed(_) | Place::Together(_) => None,
        }
    }

    /// The lane that is held; of several, that of the request's session.
    pub(super) fn lane(&self) -> Option<SessionKey> {
        match &self.place {
            Place::Held(permit) => Some(permit.lane()),
            Place::Free | Place::Passed(_) | Place::Shadow(_) | Place::Together(_) => None,
        }
    }

    /// How long the stay was, once it has ended.
    pub(super) fn hold(&self) -> Option<Duration> {
        self.held
    }

    /// How an observed stay was, once it has ended.
    pub(super) fn stay(&self) -> Stay {
        self.stay
    }
}
