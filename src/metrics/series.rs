//! Series whose label a reload may bring: a route, a rule of the throttle.
//!
//! Guarantees: a label keeps its series for the life of the process, also while no policy has it; their number is
//! bounded, and what is beyond the bound is counted together.
//! Does not do: count.

use std::sync::{Mutex, PoisonError};

/// Where the routes and rules of one policy are counted. The default counts all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    routes: Box<[usize]>,
    throttle_rules: Box<[usize]>,
}

/// The labels of one kind that have a series; their place is their series.
#[derive(Debug)]
pub(super) struct Names {
    known: Mutex<Vec<String>>,
    most: usize,
}

impl Series {
    pub(super) fn new(routes: Vec<usize>, throttle_rules: Vec<usize>) -> Self {
        Self {
            routes: routes.into(),
            throttle_rules: throttle_rules.into(),
        }
    }

    /// The series of the route at `place` of the policy's labels.
    #[must_use]
    pub fn route(&self, place: usize) -> usize {
        self.routes.get(place).copied().unwrap_or(usize::MAX)
    }

    /// The series of the rule at `place` of the policy's labels.
    #[must_use]
    pub fn throttle_rule(&self, place: usize) -> usize {
        let series = self.throttle_rules.get(place).copied();
        series.unwrap_or(usize::MAX)
    }
}

impl Names {
    /// None yet, and room for `most`.
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: Mutex::default(),
            most,
        }
    }

    /// How many are told apart; also the series of all others.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The series of each label, in their order; new ones get the next.
    pub(super) fn series<'l>(&self, labels: impl Iterator<Item = &'l str>) -> Vec<usize> {
        // A panic elsewhere leaves names behind that are right.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let series = |label: &str| match known.iter().position(|name| name == label) {
            Some(series) => series,
            None if label != OTHER && known.len() < self.most => {
                known.push(label.to_owned());
                known.len() - 1
            }
            None => self.most,
        };
        labels.map(series).collect()
    }

    /// All of them, in the order of their series.
    pub(super) fn all(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

/// The label of what is beyond the bound.
pub(super) const OTHER: &str = "(other)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_series_wherever_its_route_stands() {
        let names = Names::new(9);
        assert_eq!(names.series(["a", "b", "a"].into_iter()), [0, 1, 0]);
        assert_eq!(names.series(["new", "b"].into_iter()), [2, 1]);
        assert_eq!(names.series(["a", "new"].into_iter()), [0, 2], "again");
    }

    #[test]
    fn labels_without_end_share_one_series() {
        let names = Names::new(2);
        let many = ["a", "b", "c", "d", OTHER, "b"];
        assert_eq!(names.series(many.into_iter()), [0, 1, 2, 2, 2, 1]);
        assert_eq!(names.all(), ["a", "b"]);
    }

    #[test]
    fn a_route_that_is_called_other_is_no_second_series_of_that_name() {
        let names = Names::new(2);
        assert_eq!(names.series([OTHER, "a"].into_iter()), [2, 0]);
    }
}
