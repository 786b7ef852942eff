//! Where the cells of each series are in a core's block.
//!
//! Guarantees: each series has a place of its own, fixed at the start. Does not do: count.

use super::families::{FAMILIES, Family, Kind, Label};
use super::{CertificateReload, Ending, Exception, Gone, Labels, Reentrance, ThrottleDecision};

/// Where each family's cells are, the same for all cores.
#[derive(Debug)]
pub(super) struct Shape {
    /// The first cell of each family, then the number of all.
    pub(super) starts: [usize; FAMILIES.len() + 1],
    pub(super) labels: Labels,
    /// The distinct labels of routes.
    pub(super) routes: Vec<String>,
    /// From a route's index to its place in `routes`.
    pub(super) route_series: Vec<usize>,
}

impl Shape {
    pub(super) fn new(labels: Labels) -> Self {
        let mut routes: Vec<String> = Vec::new();
        let route_series = labels.routes.iter().map(|route| {
            routes
                .iter()
                .position(|known| known == route)
                .unwrap_or_else(|| {
                    routes.push(route.clone());
                    routes.len() - 1
                })
        });
        let route_series = route_series.collect();
        let mut shape = Self {
            starts: [0; FAMILIES.len() + 1],
            labels,
            routes,
            route_series,
        };
        for (index, declared) in FAMILIES.iter().enumerate() {
            let cells = match declared.kind {
                Kind::Counter(labels) => labels
                    .iter()
                    .map(|label| shape.values(*label).len())
                    .product(),
                // The last bucket has no bound; behind it is the sum.
                Kind::Durations(bounds) => bounds.len() + 2,
            };
            shape.starts[index + 1] = shape.starts[index] + cells;
        }
        shape
    }

    pub(super) fn cells(&self) -> usize {
        self.starts[FAMILIES.len()]
    }

    pub(super) fn cells_of(&self, family: Family) -> std::ops::Range<usize> {
        self.starts[family as usize]..self.starts[family as usize + 1]
    }

    pub(super) fn values(&self, label: Label) -> Vec<&str> {
        match label {
            Label::Access => self.labels.access.to_vec(),
            Label::Ending => Ending::LABELS.to_vec(),
            Label::CertificateReload => CertificateReload::LABELS.to_vec(),
            Label::Exception => Exception::LABELS.to_vec(),
            Label::Gone => Gone::LABELS.to_vec(),
            Label::OddCookie => self.labels.odd_cookies.to_vec(),
            Label::Outcome => self.labels.outcomes.to_vec(),
            Label::ProxyFault => self.labels.proxy_faults.to_vec(),
            Label::Reentrance => Reentrance::LABELS.to_vec(),
            Label::Refusal => self.labels.refusals.to_vec(),
            Label::Report => self.labels.reports.to_vec(),
            Label::Route => self.routes.iter().map(String::as_str).collect(),
            Label::ThrottleDecision => ThrottleDecision::LABELS.to_vec(),
            Label::ThrottleRule => {
                let rules = self.labels.throttle_rules.iter();
                rules.map(String::as_str).collect()
            }
            Label::Upstream => {
                let upstreams = self.labels.upstreams.iter();
                upstreams.map(String::as_str).collect()
            }
            Label::UpstreamError => self.labels.upstream_errors.to_vec(),
        }
    }
}
