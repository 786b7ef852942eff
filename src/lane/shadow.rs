//! The shadow of a lane (observe mode): who is inside together, when nobody is made to wait.
//!
//! Those inside are listed in order of arrival. An arrival that finds a writer inside would have waited. One that ends
//! while a writer who came earlier is still inside began and ended within that writer's time in the application; it
//! did not wait for the application's lock, which is evidence that its route takes none.
//! Does not do: block anybody; simulate waits, so that what would have waited is inside at once, and for its real time.

use super::queue::Ticket;
use super::{Hold, Limits};

/// What an enforced lane would have done with an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing: no other writer was inside.
    Free,
    /// It would have been refused: another writer was inside, and of the others one would hold and the rest fill the
    /// line.
    WouldBeRefused,
    /// It would have waited: another writer was inside.
    WouldWait,
}

/// How an observed request was inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// From beginning to end within the time of a writer that came earlier.
    Nested,
    /// In any other way: alone, overlapping, or around others.
    Ordinary,
}

/// Those inside an observed lane, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    inside: Vec<Observer>,
}

#[derive(Debug)]
struct Observer {
    ticket: Ticket,
    hold: Hold,
}

impl Shadow {
    /// Lets `ticket` in.
    pub(super) fn enter(&mut self, ticket: Ticket, hold: Hold, limits: &Limits) -> Arrival {
        let others = self.inside.len();
        let arrival = if self.inside.iter().all(|other| other.hold == Hold::Shared) {
            Arrival::Free
        } else if others > limits.waiters {
            Arrival::WouldBeRefused
        } else {
            Arrival::WouldWait
        };
        self.inside.push(Observer { ticket, hold });
        arrival
    }

    /// Lets `ticket` out; `None` when it is not inside.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Stay> {
        let place = self
            .inside
            .iter()
            .position(|observer| observer.ticket == ticket)?;
        self.inside.remove(place);
        let earlier = &self.inside[..place];
        Some(
            if earlier.iter().any(|other| other.hold == Hold::Exclusive) {
                Stay::Nested
            } else {
                Stay::Ordinary
            },
        )
    }

    pub(super) fn len(&self) -> usize {
        self.inside.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }
}
