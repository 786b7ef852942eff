//! The sums of one moment as numbers, for whoever shows them otherwise than as text.
//!
//! Guarantees: reads each cell once, without a lock. Does not do: change anything.

use std::ops::Range;
use std::time::Duration;

use super::families::{FAMILIES, Family, Kind, Label};
use super::{Exception, Metrics, Shape};

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
    /// By route, in the order of the labels.
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
        let (shape, cells) = (&self.shape, self.sums());
        let all = |family| &cells[shape.cells_of(family)];
        let sum = |family| all(family).iter().sum();
        let named = |names: &[&'static str], family| {
            let counts = names.iter().copied().zip(all(family).iter().copied());
            counts.filter(|(_, count)| *count > 0).collect()
        };
        let mut routes: Vec<RouteTotals> = shape
            .routes
            .iter()
            .map(|route| RouteTotals::of(route))
            .collect();
        for (number, route) in routes.iter_mut().enumerate() {
            let of = |family| of_route(shape, family, number).map(|range| &cells[range]);
            route.requests = of(Family::Requests).map_or(0, |cells| cells.iter().sum());
            route.waits = of(Family::Wait).map_or_else(Sum::default, waits);
            route.holds = of(Family::Hold).map_or_else(Sum::default, Sum::of);
        }
        Totals {
            requests: sum(Family::Requests),
            waits: each(shape, Family::Wait, &cells, waits),
            holds: each(shape, Family::Hold, &cells, Sum::of),
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

impl RouteTotals {
    fn of(route: &str) -> Self {
        Self {
            route: route.to_owned(),
            ..Self::default()
        }
    }
}

/// As [`Sum::of`], without the first bucket, that of zero.
fn waits(cells: &[u64]) -> Sum {
    cells.get(1..).map_or_else(Sum::default, Sum::of)
}

/// The sum over all histograms of a family.
fn each(shape: &Shape, family: Family, cells: &[u64], read: fn(&[u64]) -> Sum) -> Sum {
    let mut sum = Sum::default();
    for histogram in cells[shape.cells_of(family)].chunks(length(family)) {
        sum.add(read(histogram));
    }
    sum
}

/// The cells that a family has for the route `number`; None when it does not tell routes apart.
fn of_route(shape: &Shape, family: Family, number: usize) -> Option<Range<usize>> {
    let cells = shape.cells_of(family);
    let routes = shape.routes.len();
    let apart = match FAMILIES[family as usize].kind {
        Kind::Counter(labels) => labels.first() == Some(&Label::Route),
        Kind::Durations(_) => cells.len() == routes * length(family) && routes > 1,
    };
    let each = cells.len().checked_div(routes)?;
    apart.then(|| cells.start + number * each..cells.start + (number + 1) * each)
}

/// The cells of one histogram.
fn length(family: Family) -> usize {
    match FAMILIES[family as usize].kind {
        Kind::Counter(_) => 1,
        Kind::Durations(bounds) => bounds.len() + 2,
    }
}
