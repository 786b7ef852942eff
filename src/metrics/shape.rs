//! Where the cells of each series are in a core's block.
//!
//! Guarantees: each series has a place of its own, fixed at the start; so has the room for those that reloads bring. Does not do: count.

use super::families::{FAMILIES, Family, Kind, Label};
use super::series::Names;
use super::{
    CertificateReload, ConfigReload, Ending, Exception, Gone, Labels, Reentrance, ThrottleDecision,
};

/// Where each family's cells are, the same for all cores.
#[derive(Debug)]
pub(super) struct Shape {
    /// The first cell of each family, then the number of all.
    pub(super) starts: [usize; FAMILIES.len() + 1],
    pub(super) labels: Labels,
    /// Series of routes that there is room for.
    pub(super) routes: usize,
    /// Series of rules that there is room for.
    pub(super) throttle_rules: usize,
}

impl Shape {
    pub(super) fn new(labels: Labels, names: &Names) -> Self {
        let mut shape = Self {
            starts: [0; FAMILIES.len() + 1],
            labels,
            routes: names.routes.room(),
            throttle_rules: names.throttle_rules.room(),
        };
        for (index, declared) in FAMILIES.iter().enumerate() {
            let cells = match declared.kind {
                Kind::Counter(labels) => labels
                    .iter()
                    .map(|label| shape.room(*label, names))
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

    /// The values that a label may have, whoever has them.
    fn room(&self, label: Label, names: &Names) -> usize {
        match label {
            Label::Route => self.routes,
            Label::ThrottleRule => self.throttle_rules,
            other => self.values(other, names).len(),
        }
    }

    /// The values that a label has.
    pub(super) fn values<'s>(&'s self, label: Label, names: &'s Names) -> Vec<&'s str> {
        match label {
            Label::Access => self.labels.access.to_vec(),
            Label::Ending => Ending::LABELS.to_vec(),
            Label::CertificateReload => CertificateReload::LABELS.to_vec(),
            Label::ConfigReload => ConfigReload::LABELS.to_vec(),
            Label::Exception => Exception::LABELS.to_vec(),
            Label::Gone => Gone::LABELS.to_vec(),
            Label::OddCookie => self.labels.odd_cookies.to_vec(),
            Label::Outcome => self.labels.outcomes.to_vec(),
            Label::ProxyFault => self.labels.proxy_faults.to_vec(),
            Label::Reentrance => Reentrance::LABELS.to_vec(),
            Label::Refusal => self.labels.refusals.to_vec(),
            Label::Report => self.labels.reports.to_vec(),
            Label::Route => names.routes.labels().collect(),
            Label::ThrottleDecision => ThrottleDecision::LABELS.to_vec(),
            Label::ThrottleRule => names.throttle_rules.labels().collect(),
            Label::Upstream => {
                let upstreams = self.labels.upstreams.iter();
                upstreams.map(String::as_str).collect()
            }
            Label::UpstreamError => self.labels.upstream_errors.to_vec(),
        }
    }
}
