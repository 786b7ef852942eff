//! What was observed, by route and shape of path: a bounded table.
//!
//! Guarantees: pure; at most [`SHAPES`] shapes and [`ROUTES`] routes; the counts of a route are right whatever became of
//! its shapes; a shape with at least [`KEPT`] requests is never forgotten, and of the others those with the least
//! evidence go first, so that a flood of new paths forgets mostly itself; an observation costs one look-up, or one and
//! a look at [`EXAMINED`] entries.

use std::collections::HashMap;
use std::time::Duration;

use super::Counts;
use crate::route::{Access, Label};

/// The evidence of one core, or of all together.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Where in `entries` each shape is.
    places: HashMap<Page, usize>,
    entries: Vec<Entry>,
    /// The next entry that is looked at when one has to go.
    hand: usize,
    /// For each route, what is no longer, or never was, in an entry.
    elsewhere: HashMap<Label, Counts>,
}

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub(super) route: Label,
    pub(super) method: &'static str,
    pub(super) shape: String,
}

/// What was observed of one page.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) page: Page,
    /// On which terms its last request was served.
    pub(super) access: Access,
    pub(super) counts: Counts,
}

impl Table {
    /// Adds what was observed of a page.
    pub(super) fn add(&mut self, page: Page, access: Access, counts: &Counts) {
        if let Some(place) = self.places.get(&page) {
            let entry = &mut self.entries[*place];
            entry.access = access;
            entry.counts.add(counts);
            return;
        }
        let entry = Entry {
            page,
            access,
            counts: *counts,
        };
        if self.entries.len() < SHAPES {
            self.push(entry);
            return;
        }
        let place = self.least();
        if self.entries[place].counts.requests >= KEPT {
            self.add_elsewhere(&entry.page.route, counts);
            return;
        }
        self.places.insert(entry.page.clone(), place);
        let gone = std::mem::replace(&mut self.entries[place], entry);
        self.places.remove(&gone.page);
        self.add_elsewhere(&gone.page.route, &gone.counts);
    }

    /// Adds what was observed of a route, on a path without a shape.
    pub(super) fn add_elsewhere(&mut self, route: &Label, counts: &Counts) {
        if let Some(sum) = self.elsewhere.get_mut(route) {
            sum.add(counts);
        } else if self.elsewhere.len() < ROUTES {
            self.elsewhere.insert(Label::clone(route), *counts);
        }
    }

    /// Adds all that another table has; the sum may have more shapes than a table has by itself.
    pub(super) fn merge(&mut self, other: &Self) {
        for entry in &other.entries {
            match self.places.get(&entry.page) {
                Some(place) => self.entries[*place].counts.add(&entry.counts),
                None => self.push(entry.clone()),
            }
        }
        for (route, counts) in &other.elsewhere {
            self.add_elsewhere(route, counts);
        }
    }

    /// The shapes, in no order.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The counts of each route: those of its shapes, and what is in none.
    pub(super) fn routes(&self) -> HashMap<Label, Counts> {
        let mut routes = self.elsewhere.clone();
        for entry in &self.entries {
            let route = Label::clone(&entry.page.route);
            routes.entry(route).or_default().add(&entry.counts);
        }
        routes
    }

    fn push(&mut self, entry: Entry) {
        self.places.insert(entry.page.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// The entry with the fewest requests of the next [`EXAMINED`].
    fn least(&mut self) -> usize {
        let places = (0..EXAMINED).map(|step| (self.hand + step) % SHAPES);
        let least = places.min_by_key(|place| self.entries[*place].counts.requests);
        self.hand = (self.hand + EXAMINED) % SHAPES;
        least.unwrap_or_default()
    }
}

impl Counts {
    /// Adds the other's.
    pub fn add(&mut self, other: &Self) {
        let Self {
            requests,
            wrote,
            unchanged,
            silent,
            undeclared,
            met,
            nested,
            waited,
            held,
        } = other;
        self.requests += requests;
        self.wrote += wrote;
        self.unchanged += unchanged;
        self.silent += silent;
        self.undeclared += undeclared;
        self.met += met;
        self.nested += nested;
        self.waited = self.waited.saturating_add(*waited);
        self.held = self.held.saturating_add(*held);
    }
}

impl Counts {
    /// The time that requests waited, and made others wait.
    #[must_use]
    pub fn cost(&self) -> Duration {
        self.waited.saturating_add(self.held)
    }
}

/// More pages than an application of its time has; about 100 KB for each core.
pub(super) const SHAPES: usize = 512;

/// More than a configuration may have (1,000), and the labels of requests that no route decided.
pub(super) const ROUTES: usize = 1_100;

/// Requests from which on a page is known to be used, and stays.
const KEPT: u64 = 32;

/// Entries that are compared when one has to go.
const EXAMINED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn page(shape: impl Into<String>) -> Page {
        Page {
            route: Label::from("default"),
            method: "GET",
            shape: shape.into(),
        }
    }

    fn one() -> Counts {
        Counts {
            requests: 1,
            ..Counts::default()
        }
    }

    fn requests(table: &Table, shape: &str) -> Option<u64> {
        let mut entries = table.entries().iter();
        let entry = entries.find(|entry| entry.page.shape == shape)?;
        Some(entry.counts.requests)
    }

    fn flood(table: &mut Table, from: usize, count: usize) {
        for number in from..from + count {
            table.add(page(format!("/flood{number}")), Access::Write, &one());
        }
    }

    #[test]
    fn a_flood_of_paths_is_bounded_and_forgets_no_page_that_is_used() {
        let mut table = Table::default();
        for number in 0..300 {
            for _ in 0..KEPT {
                table.add(page(format!("/used{number}")), Access::Write, &one());
            }
        }
        flood(&mut table, 0, 10_000);
        assert_eq!(table.entries().len(), SHAPES);
        assert_eq!(table.places.len(), SHAPES);
        for number in 0..300 {
            assert_eq!(requests(&table, &format!("/used{number}")), Some(KEPT));
        }
        let all = table.routes()["default"].requests;
        assert_eq!(all, 300 * KEPT + 10_000, "the route's own count is whole");
    }

    #[test]
    fn a_page_that_comes_again_and_again_finds_its_place_during_a_flood() {
        let mut table = Table::default();
        flood(&mut table, 0, 2 * SHAPES);
        for round in 1..=50 {
            table.add(page("/new"), Access::Write, &one());
            flood(&mut table, round * 10_000, 20);
        }
        assert!(
            requests(&table, "/new") >= Some(40),
            "{:?}",
            requests(&table, "/new")
        );
    }

    #[test]
    fn a_table_that_is_full_of_used_pages_counts_others_by_their_route_alone() {
        let mut table = Table::default();
        for number in 0..SHAPES {
            let counts = Counts {
                requests: KEPT,
                ..Counts::default()
            };
            table.add(page(format!("/used{number}")), Access::Write, &counts);
        }
        flood(&mut table, 0, 1_000);
        assert_eq!(requests(&table, "/flood999"), None);
        assert_eq!(table.elsewhere["default"].requests, 1_000);
    }

    #[test]
    fn labels_of_routes_are_bounded_too() {
        let mut table = Table::default();
        for number in 0..2 * ROUTES {
            table.add_elsewhere(&Label::from(format!("route{number}")), &one());
        }
        assert_eq!(table.routes().len(), ROUTES);
    }

    #[test]
    fn merged_tables_have_the_sum() {
        let (mut one_core, mut other) = (Table::default(), Table::default());
        for (table, access) in [(&mut one_core, Access::Read), (&mut other, Access::Write)] {
            table.add(page("/a"), access, &one());
            table.add_elsewhere(&Label::from("default"), &one());
        }
        one_core.merge(&other);
        assert_eq!(requests(&one_core, "/a"), Some(2));
        assert_eq!(one_core.routes()["default"].requests, 4);
    }
}
