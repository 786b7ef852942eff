//! What is kept of a request while it is in a lane, for whoever looks at the lanes.
//!
//! Guarantees: a note is in its lane for as long as its request has a place there; nothing is decided by it; it costs no
//! allocation. Does not do: show it; what is shown of a path is for the reader to shape, since this is the raw one.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

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

/// The notes of one lane, in no order.
#[derive(Debug, Default)]
pub(super) struct Notes(SmallVec<[Noted; 1]>);

impl Notes {
    pub(super) fn add(&mut self, ticket: Ticket, since: Instant, note: Option<Note>) {
        self.0.extend(note.map(|note| Noted {
            ticket,
            since,
            note,
        }));
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        if let Some(at) = self.0.iter().position(|noted| noted.ticket == ticket) {
            self.0.swap_remove(at);
        }
    }

    pub(super) fn of(&self, ticket: Ticket) -> Option<&Noted> {
        self.0.iter().find(|noted| noted.ticket == ticket)
    }
}

impl fmt::Debug for Note {
    /// Without the target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note")
            .field("route", &self.route)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
