//! What is kept of a request while it is in a lane, for whoever looks at the lanes.
//!
//! Guarantees: a note is in its lane for as long as its request has a place there, and while somebody waits who has waited
//! for it; nothing is decided by it; it costs no allocation where nobody waits. Does not do: show it; what is shown of a
//! path is for the reader to shape, since this is the raw one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http::uri::PathAndQuery;
use smallvec::SmallVec;

use super::queue::Ticket;

/// What a request is, for operators. Its target may hold ids: it is for shaping, not for showing.
#[derive(Clone)]
pub struct Note {
    /// The label of its route.
    pub route: Arc<str>,
    /// Its method.
    pub method: Method,
    /// Its raw target.
    pub target: PathAndQuery,
}

/// A note in a lane.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) ticket: Ticket,
    /// When its request joined.
    pub(super) since: Instant,
    pub(super) note: Note,
}

/// A hold that has ended while others waited.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) note: Note,
}

/// The notes of one lane, in no order.
#[derive(Debug, Default)]
pub(super) struct Notes {
    present: SmallVec<[Noted; 1]>,
    past: Vec<Ended>,
}

impl Notes {
    pub(super) fn add(&mut self, ticket: Ticket, since: Instant, note: Option<Note>) {
        self.present.extend(note.map(|note| Noted {
            ticket,
            since,
            note,
        }));
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Note> {
        let mut present = self.present.iter();
        let at = present.position(|noted| noted.ticket == ticket)?;
        Some(self.present.swap_remove(at).note)
    }

    pub(super) fn of(&self, ticket: Ticket) -> Option<&Noted> {
        self.present.iter().find(|noted| noted.ticket == ticket)
    }

    /// Keeps the note of a hold that others have waited for, of which `first` has waited longest: the longest holds are
    /// kept, and none that was over before all of these came.
    pub(super) fn end(&mut self, ended: Ended, first: Ticket) {
        let since = self.of(first).map(|first| first.since);
        self.past
            .retain(|other| since.is_some_and(|since| since < other.to));
        if self.past.len() < PAST {
            self.past.push(ended);
            return;
        }
        let shortest = self.past.iter_mut().min_by_key(|other| other.lasted());
        if let Some(shortest) = shortest.filter(|other| other.lasted() < ended.lasted()) {
            *shortest = ended;
        }
    }

    /// The holds that have ended, as far as they were kept.
    pub(super) fn past(&self) -> impl Iterator<Item = &Ended> {
        self.past.iter()
    }
}

impl Ended {
    fn lasted(&self) -> Duration {
        self.to.saturating_duration_since(self.from)
    }
}

/// Holds that are kept of a lane: whoever waits for more of them has waited for none of them longest.
const PAST: usize = 8;

impl fmt::Debug for Note {
    /// Without the target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note")
            .field("route", &self.route)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
