//! Series whose label a reload may bring: a route, a rule of the throttle.
//!
//! Guarantees: a label keeps its series for the life of the process, also while no policy has it; their number is bounded:
//! those of the start, [`ROOM`] more, and one that all others share.
//! Does not do: count.

use super::Labels;

/// Where the routes and rules of one policy are counted. The default counts nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    routes: Box<[usize]>,
    throttle_rules: Box<[usize]>,
}

/// The labels that have a series.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) routes: Growing,
    pub(super) throttle_rules: Growing,
}

/// The labels of one kind; their place is their series.
#[derive(Clone, Debug)]
pub(super) struct Growing {
    labels: Vec<String>,
    room: usize,
}

impl Series {
    /// The series of the route at `place` of the policy's labels.
    #[must_use]
    pub fn route(&self, place: usize) -> usize {
        self.routes.get(place).copied().unwrap_or(NOWHERE)
    }

    /// The series of the rule at `place` of the policy's labels.
    #[must_use]
    pub fn throttle_rule(&self, place: usize) -> usize {
        self.throttle_rules.get(place).copied().unwrap_or(NOWHERE)
    }
}

impl Names {
    pub(super) fn new(labels: &Labels) -> Self {
        Self {
            routes: Growing::new(&labels.routes),
            throttle_rules: Growing::new(&labels.throttle_rules),
        }
    }

    pub(super) fn series<'l>(
        &mut self,
        routes: impl Iterator<Item = &'l str>,
        throttle_rules: impl Iterator<Item = &'l str>,
    ) -> Series {
        Series {
            routes: routes.map(|label| self.routes.series(label)).collect(),
            throttle_rules: throttle_rules
                .map(|label| self.throttle_rules.series(label))
                .collect(),
        }
    }
}

impl Growing {
    fn new(labels: &[String]) -> Self {
        let mut growing = Self {
            labels: Vec::new(),
            room: usize::MAX,
        };
        for label in labels {
            growing.series(label);
        }
        growing.room = growing.labels.len() + ROOM + 1;
        growing
    }

    /// How many there may be.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// The labels, in the order of their series.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// The series of a label, which gets one if there is room.
    fn series(&mut self, label: &str) -> usize {
        if let Some(known) = self.position(label) {
            known
        } else if self.labels.len() + 1 < self.room {
            self.push(label)
        } else {
            self.position(OTHER).unwrap_or_else(|| self.push(OTHER))
        }
    }

    fn position(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }

    fn push(&mut self, label: &str) -> usize {
        self.labels.push(label.to_owned());
        self.labels.len() - 1
    }
}

/// Labels that reloads may bring: more than an operator tries out between two restarts.
pub(super) const ROOM: usize = 64;

/// The label of what found no room.
pub(super) const OTHER: &str = "(other)";

/// No family has it.
const NOWHERE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(routes: &[&str]) -> Names {
        Names::new(&Labels {
            routes: routes.iter().map(ToString::to_string).collect(),
            ..Labels::default()
        })
    }

    fn routes(names: &mut Names, labels: &[&str]) -> Vec<usize> {
        let series = names.series(labels.iter().copied(), [].into_iter());
        (0..labels.len()).map(|place| series.route(place)).collect()
    }

    #[test]
    fn a_label_keeps_its_series_wherever_its_route_stands() {
        let mut names = names(&["a", "b", "a"]);
        assert_eq!(routes(&mut names, &["a", "b", "a"]), [0, 1, 0]);
        assert_eq!(routes(&mut names, &["new", "b"]), [2, 1]);
        assert_eq!(routes(&mut names, &["a", "new"]), [0, 2], "it comes back");
    }

    #[test]
    fn labels_without_end_share_one_series() {
        let mut names = names(&["a"]);
        for number in 0..ROOM {
            assert_eq!(routes(&mut names, &[&format!("r{number}")]), [number + 1]);
        }
        let last = names.routes.room() - 1;
        for number in 0..1000 {
            assert_eq!(routes(&mut names, &[&format!("late{number}")]), [last]);
        }
        assert_eq!(routes(&mut names, &["a", "r7"]), [0, 8], "as before");
        assert_eq!(names.routes.labels().last(), Some(OTHER));
        assert_eq!(names.routes.labels().count(), names.routes.room());
    }

    #[test]
    fn a_route_that_is_called_other_is_no_second_series_of_that_name() {
        let mut names = names(&[OTHER]);
        for number in 0..2 * ROOM {
            routes(&mut names, &[&format!("r{number}")]);
        }
        assert_eq!(routes(&mut names, &["late"]), [0]);
        let others = names.routes.labels().filter(|label| *label == OTHER);
        assert_eq!(others.count(), 1);
    }

    #[test]
    fn what_is_not_there_is_counted_nowhere() {
        assert_eq!(Series::default().route(0), NOWHERE);
        assert_eq!(Series::default().throttle_rule(0), NOWHERE);
    }
}
