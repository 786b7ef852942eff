//! How much of the house one client may take.
//!
//! Guarantees: a request passes a rule only if it exceeds none of its limits, and one that is refused has used up nothing
//! of that rule; the memory of a rule is bounded whatever clients come (`table` says what happens then); a count ends
//! exactly once, by being dropped. Time is an argument.
//! Does not do: decide which requests are asked about, or answer them; `gateway` does.

use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

mod meter;
mod rate;
mod table;
mod view;
mod waiters;

pub use meter::{Exceeded, Limits};
pub use rate::{Rate, RateError};
pub use table::Place;
pub use view::Seen;
pub use waiters::{TooManyWaiting, Waiters, WaitingPlace};

use crate::client::ClientNetwork;
use table::{Seat, Table};

/// What the lists of `client:` say of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is on `allow`: neither refused by `deny` nor throttled.
    Allowed,
    /// It is on `deny`.
    Denied,
    /// It is on neither.
    Ordinary,
}

/// The rules in their order. A request has to be admitted by each that is for its route.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// One rule, with its clients.
#[derive(Debug)]
pub struct Rule {
    /// Its name in metrics.
    pub name: Arc<str>,
    /// Which requests it is for.
    pub routes: Routes,
    /// What a request gets that it refuses.
    pub action: Action,
    /// Whether it refuses.
    pub mode: Mode,
    table: Arc<Table>,
}

/// The routes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routes {
    /// All.
    All,
    /// Those with one of these labels.
    Labelled(Box<[Arc<str>]>),
}

/// What a refused request gets. IIS's Dynamic IP Restrictions have the same choices, but for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Too many requests, and when to come back.
    TooManyRequests,
    /// Unauthorized.
    Unauthorized,
    /// Forbidden.
    Forbidden,
    /// Not found.
    NotFound,
    /// No answer: its connection is closed, an HTTP/2 stream reset.
    Abort,
}

/// Whether a rule refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Yes.
    Enforce,
    /// It counts whom it would refuse (IIS's logging-only mode). Those are not counted as inside or waiting, so that the
    /// count is what it would be if they were refused.
    Observe,
}

/// What a rule says of a request.
#[derive(Debug)]
pub struct Verdict<T> {
    /// Admitted, or the limit that it would exceed.
    pub outcome: Result<T, Exceeded>,
    /// How it was measured.
    pub measured: Measured,
}

/// How a client was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// By itself.
    Alone,
    /// Together with other newcomers, since the table is full.
    Together,
}

/// Where one request is counted as being in the application.
#[derive(Debug, Default)]
pub struct Stay {
    /// Each with the number of its rule.
    places: SmallVec<[(usize, Place); 2]>,
}

impl Rules {
    /// The rules in their order.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.rules.iter()
    }

    /// Keeps, of the rules that `old` has too (the same name, limits and routes), the clients and what they owe. To be
    /// called on a new policy before it replaces the old one; a rule that changed begins anew, and the counts of
    /// requests that its predecessor admitted end there.
    pub fn inherit(&mut self, old: &Self) {
        for rule in &mut self.rules {
            let same = |old: &&Rule| {
                old.name == rule.name
                    && old.routes == rule.routes
                    && old.table.limits() == rule.table.limits()
            };
            if let Some(old) = old.rules.iter().find(same) {
                rule.table = Arc::clone(&old.table);
            }
        }
    }

    /// Forgets clients that nothing needs to be known of. To be called about once a second.
    pub fn sweep(&self, now: Instant) {
        for rule in &self.rules {
            rule.sweep(now);
        }
    }

    /// Client networks that are measured by themselves, of all rules together.
    pub fn clients(&self) -> usize {
        self.rules.iter().map(Rule::clients).sum()
    }
}

impl<'r> IntoIterator for &'r Rules {
    type Item = &'r Rule;
    type IntoIter = std::slice::Iter<'r, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Rule {
    /// The most client networks that one rule measures by themselves.
    pub const TRACKED: usize = table::TRACKED;

    /// A rule without clients.
    pub fn new(name: Arc<str>, limits: Limits, routes: Routes, action: Action, mode: Mode) -> Self {
        Self {
            name,
            routes,
            action,
            mode,
            table: Arc::new(Table::new(limits)),
        }
    }

    /// What it allows one client.
    pub fn limits(&self) -> &Limits {
        self.table.limits()
    }

    /// Whether it is for requests of the route `label`.
    pub fn is_for(&self, label: &Arc<str>) -> bool {
        match &self.routes {
            Routes::All => true,
            Routes::Labelled(labels) => labels.contains(label),
        }
    }

    /// Whether it limits what arrives: a rate, or the requests in the application.
    pub fn limits_arrivals(&self) -> bool {
        self.limits().rate.is_some() || self.limits().concurrent.is_some()
    }

    /// Whether it limits what waits.
    pub fn limits_waiting(&self) -> bool {
        self.limits().waiting.is_some()
    }

    /// A request of `client` arrives. When it is admitted and this rule counts what is in the application, it is there
    /// from now on.
    pub fn arrive(&self, client: ClientNetwork, now: Instant) -> Verdict<Option<Place>> {
        let (outcome, seat) = self.table.arrive(client, now);
        Verdict {
            outcome,
            measured: seat.into(),
        }
    }

    /// What a request of `client` would exceed if it arrived; nothing changes.
    pub fn would_exceed(&self, client: ClientNetwork, now: Instant) -> Option<Exceeded> {
        self.table.would_exceed(client, now)
    }

    /// Forgets clients that nothing needs to be known of.
    pub fn sweep(&self, now: Instant) {
        self.table.sweep(now);
    }

    /// Client networks that are measured by themselves.
    pub fn clients(&self) -> usize {
        self.table.len()
    }

    /// A request of `client` is about to wait in its lane.
    pub fn wait(&self, client: ClientNetwork, now: Instant) -> Verdict<Place> {
        let (outcome, seat) = self.table.wait(client, now);
        Verdict {
            outcome,
            measured: seat.into(),
        }
    }
}

impl From<Seat> for Measured {
    fn from(seat: Seat) -> Self {
        match seat {
            Seat::Own => Self::Alone,
            Seat::Shared(_) => Self::Together,
        }
    }
}

impl Stay {
    /// Adds the count of the rule `number`.
    pub fn add(&mut self, number: usize, place: Option<Place>) {
        self.places.extend(place.map(|place| (number, place)));
    }

    /// The request waits, or its body is waited for: it is not in the application.
    pub fn pause(&mut self) {
        self.places.iter_mut().for_each(|(_, place)| place.leave());
    }

    /// The request has waited and enters, whatever the limits.
    pub fn resume(&mut self, now: Instant) {
        let places = self.places.iter_mut();
        places.for_each(|(_, place)| place.enter(now));
    }

    /// The body of the request has come, and it enters as far as the limits allow. Gives the numbers of the rules whose
    /// limit it would exceed; they count it no more.
    #[must_use = "a rule that is exceeded may refuse the request"]
    pub fn arrive(&mut self, now: Instant) -> SmallVec<[usize; 2]> {
        let mut exceeded = SmallVec::new();
        self.places.retain(|(number, place)| {
            let entered = place.try_enter(now);
            if entered.is_err() {
                exceeded.push(*number);
            }
            entered.is_ok()
        });
        exceeded
    }

    /// The request has left the application. Does nothing the second time.
    pub fn end(&mut self) {
        self.places.clear();
    }
}

#[cfg(test)]
mod tests;
