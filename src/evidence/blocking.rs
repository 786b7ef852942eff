//! Which page made which wait: a bounded table of pairs.
//!
//! Guarantees: pure; at most [`PAIRS`] pairs, of which the one that cost least of a few goes when another one comes; what
//! each route caused is right whatever became of the pairs. Costs nothing to requests that do not wait.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;

use super::table::ROUTES;
use super::{METHODS, shape};
use crate::route::{Label, PathCase};

/// A page, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The label of the route that decided.
    pub route: Label,
    /// Its method; None for unusual ones.
    pub method: Option<&'static str>,
    /// The shape of its path; None when it has none.
    pub path: Option<String>,
}

/// A page that waited for another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Who held the lane for most of the time in which the other one waited, as far as is known.
    pub blocker: Page,
    /// Who waited.
    pub waiter: Page,
}

/// Waits, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How many.
    pub count: u64,
    /// All together.
    pub waited: Duration,
    /// The longest.
    pub longest: Duration,
}

/// The waits of one core, or of all together.
#[derive(Debug, Default)]
pub(super) struct Blocking {
    pairs: HashMap<Pair, Waits>,
    /// By the route of the blocker.
    routes: HashMap<Label, Waits>,
}

impl Page {
    /// The page of a request; `path` is its raw path.
    #[must_use]
    pub fn of(route: &Label, method: &Method, path: &str, case: PathCase) -> Self {
        let known = METHODS.iter().find(|known| **known == method.as_str());
        Self {
            route: Label::clone(route),
            method: known.copied(),
            path: shape(path, case),
        }
    }
}

impl Waits {
    /// Adds the other's.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.waited = self.waited.saturating_add(other.waited);
        self.longest = self.longest.max(other.longest);
    }
}

impl Blocking {
    pub(super) fn add(&mut self, pair: Pair, waits: &Waits) {
        if let Some(sum) = self.routes.get_mut(&pair.blocker.route) {
            sum.add(waits);
        } else if self.routes.len() < ROUTES {
            let route = Label::clone(&pair.blocker.route);
            self.routes.insert(route, *waits);
        }
        self.add_pair(pair, waits);
    }

    /// Adds all that another table has; the sum may have more pairs than a table has by itself.
    pub(super) fn merge(&mut self, other: &Self) {
        for (pair, waits) in &other.pairs {
            self.pairs.entry(pair.clone()).or_default().add(waits);
        }
        for (route, waits) in &other.routes {
            let route = Label::clone(route);
            self.routes.entry(route).or_default().add(waits);
        }
    }

    /// The pairs, and what each route caused; both in no order.
    pub(super) fn into_parts(self) -> (Vec<(Pair, Waits)>, HashMap<Label, Waits>) {
        (self.pairs.into_iter().collect(), self.routes)
    }

    fn add_pair(&mut self, pair: Pair, waits: &Waits) {
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&pair) {
            // The order of a HashMap is as good as random: no flood of new pairs can choose which one goes.
            let few = self.pairs.iter().take(EXAMINED);
            let least = few.min_by_key(|(_, waits)| waits.waited);
            let Some((least, cost)) = least.map(|(pair, waits)| (pair.clone(), waits.waited))
            else {
                return;
            };
            if cost > waits.waited {
                return;
            }
            self.pairs.remove(&least);
        }
        self.pairs.entry(pair).or_default().add(waits);
    }
}

/// Pairs that are told apart; about 100 KB for each core.
pub(super) const PAIRS: usize = 512;

/// Pairs that are compared when one has to go.
const EXAMINED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(blocker: &str, waiter: &str) -> Pair {
        let page = |path: &str| {
            Page::of(
                &Label::from("default"),
                &Method::GET,
                path,
                PathCase::Insensitive,
            )
        };
        Pair {
            blocker: page(blocker),
            waiter: page(waiter),
        }
    }

    fn one(seconds: u64) -> Waits {
        Waits {
            count: 1,
            waited: Duration::from_secs(seconds),
            longest: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn waits_of_one_pair_are_summed_up_and_those_of_the_blockers_route() {
        let mut blocking = Blocking::default();
        blocking.add(pair("/report.aspx", "/cart/1"), &one(1));
        blocking.add(pair("/Report.aspx", "/cart/2"), &one(3));
        blocking.add(pair("/cart/1", "/report.aspx"), &one(2));
        let (pairs, routes) = blocking.into_parts();
        let sum = pairs
            .iter()
            .find(|(known, _)| *known == pair("/report.aspx", "/cart/3"));
        let expected = Waits {
            count: 2,
            waited: Duration::from_secs(4),
            longest: Duration::from_secs(3),
        };
        assert_eq!(sum.map(|(_, waits)| *waits), Some(expected));
        assert_eq!(routes["default"].waited, Duration::from_secs(6));
    }

    #[test]
    fn a_flood_of_pairs_is_bounded_and_forgets_none_that_cost_much() {
        let mut blocking = Blocking::default();
        blocking.add(pair("/slow", "/waits"), &one(1_000));
        for number in 0..4 * PAIRS {
            blocking.add(pair(&format!("/flood-{number}x"), "/waits"), &one(1));
        }
        assert_eq!(blocking.routes["default"].count, 1 + 4 * PAIRS as u64);
        let (pairs, _) = blocking.into_parts();
        assert_eq!(pairs.len(), PAIRS);
        assert!(
            pairs
                .iter()
                .any(|(known, _)| *known == pair("/slow", "/waits"))
        );
    }
}
