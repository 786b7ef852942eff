//! The sums of one moment as numbers, for whoever shows them otherwise than as text.
//!
//! Guarantees: reads each cell once, without a lock. Does not do: change anything.

use std::time::Duration;

use super::families::Family;
use super::{Exception, Metrics};

/// Sums over all cores, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that have ended.
    pub requests: u64,
    /// Waits for permits; those of zero are not among them.
    pub waits: Sum,
    /// Permits that have ended.
    pub holds: Sum,
    /// Observed requests that would have waited.
    pub would_wait: u64,
    /// Observed requests that would have been refused.
    pub would_refuse: u64,
    /// Refusals by reason, those that occurred.
    pub refusals: Vec<(&'static str, u64)>,
    /// Exceptions to exclusion by kind, those that occurred.
    pub exceptions: Vec<(&'static str, u64)>,
    /// By route, in the order in which their labels came.
    pub routes: Vec<RouteTotals>,
}

/// A number of durations, and how long they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// All together.
    pub time: Duration,
}

/// What was counted of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTotals {
    /// Its label.
    pub route: String,
    /// Its requests that have ended.
    pub requests: u64,
    /// Their waits; those of zero are not among them.
    pub waits: Sum,
    /// Their permits that have ended.
    pub holds: Sum,
}

impl Metrics {
    /// The sums of this moment.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let (shape, process) = (&self.shape, self.process_sums());
        let all = |family| &process[shape.place(family).1];
        let sum = |family| all(family).iter().sum();
        let named = |names: &[&'static str], family| {
            let counts = names.iter().copied().zip(all(family).iter().copied());
            counts.filter(|(_, count)| *count > 0).collect()
        };
        let of_route = |(route, cells): (String, Vec<u64>)| RouteTotals {
            route,
            requests: cells[shape.place(Family::Requests).1].iter().sum(),
            waits: waits(&cells[shape.place(Family::Wait).1]),
            holds: Sum::of(&cells[shape.place(Family::Hold).1]),
        };
        let routes: Vec<_> = self.route_sums().into_iter().map(of_route).collect();
        let together = |read: fn(&RouteTotals) -> Sum| {
            let mut sum = Sum::default();
            routes.iter().for_each(|route| sum.add(read(route)));
            sum
        };
        Totals {
            requests: routes.iter().map(|route| route.requests).sum(),
            waits: together(|route| route.waits),
            holds: together(|route| route.holds),
            would_wait: sum(Family::WouldWait),
            would_refuse: sum(Family::WouldRefuse),
            refusals: named(shape.labels.refusals, Family::Refusals),
            exceptions: named(Exception::LABELS, Family::Exceptions),
            routes,
        }
    }
}

impl Sum {
    /// Of one histogram: its buckets, then the sum in nanoseconds.
    fn of(cells: &[u64]) -> Self {
        let (nanoseconds, buckets) = cells.split_last().unwrap_or((&0, &[]));
        Self {
            count: buckets.iter().sum(),
            time: Duration::from_nanos(*nanoseconds),
        }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.time += other.time;
    }
}

/// As [`Sum::of`], without the first bucket, that of zero.
fn waits(cells: &[u64]) -> Sum {
    cells.get(1..).map_or_else(Sum::default, Sum::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Gone, Labels};

    #[test]
    fn totals_are_what_was_counted_on_all_cores() {
        let labels = Labels {
            access: &["write"],
            outcomes: &["forwarded"],
            refusals: &["queue_full", "draining"],
            ..Labels::default()
        };
        let metrics = Metrics::new(2, labels);
        let series = metrics.series(["/a", "/b"].into_iter(), [].into_iter());
        for core in [metrics.core(0), metrics.core(1)] {
            core.request(series.route(1), 0, 0, Some(200));
            core.waited(series.route(1), Duration::from_secs(2), 1);
            core.waited(series.route(0), Duration::ZERO, 0);
            core.held(series.route(0), Duration::from_secs(3));
            core.refusal(1);
            core.exception(Exception::Pass);
            core.client_gone(Gone::Inside);
            core.would_wait();
        }
        let sum = |count, seconds| Sum {
            count,
            time: Duration::from_secs(seconds),
        };
        let totals = metrics.totals();
        assert_eq!((totals.requests, totals.would_wait), (2, 2));
        assert_eq!((totals.waits, totals.holds), (sum(2, 4), sum(2, 6)));
        assert_eq!(totals.refusals, [("draining", 2)]);
        assert_eq!(totals.exceptions, [("pass", 2)]);
        let [a, b] = &totals.routes[..] else {
            panic!("{totals:?}")
        };
        assert_eq!((a.requests, a.waits, a.holds), (0, sum(0, 0), sum(2, 6)));
        assert_eq!((b.requests, b.waits, b.holds), (2, sum(2, 4), sum(0, 0)));
        assert_eq!(b.route, "/b");
    }
}
