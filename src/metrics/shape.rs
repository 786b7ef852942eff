//! Where the cells of each series are in a core's blocks.
//!
//! Guarantees: each series has a place of its own, fixed at the start. Does not do: count.

use std::ops::Range;

use super::families::{FAMILIES, Family, Kind, Label, Per};
use super::{
    CODES, CertificateReload, ConfigReload, Ending, Exception, Gone, Handshake, Labels, Reentrance,
    SpanResult, ThrottleDecision, TokenRefusal,
};

/// Where each family's cells are, the same for all cores.
#[derive(Debug)]
pub(super) struct Shape {
    /// For each family, its place in the block of the process, of a route, or of a rule.
    places: [(Per, usize, usize); FAMILIES.len()],
    sizes: [usize; 3],
    pub(super) labels: Labels,
}

impl Shape {
    pub(super) fn new(labels: Labels) -> Self {
        let mut shape = Self {
            places: [(Per::Process, 0, 0); FAMILIES.len()],
            sizes: [0; 3],
            labels,
        };
        for (index, declared) in FAMILIES.iter().enumerate() {
            let cells: usize = match declared.kind {
                Kind::Counter(labels) | Kind::Occurred(labels) => labels
                    .iter()
                    .map(|label| shape.values(*label).len())
                    .product(),
                // The last bucket has no bound; behind it is the sum.
                Kind::Durations(bounds) | Kind::Sizes(bounds) => bounds.len() + 2,
            };
            let size = &mut shape.sizes[declared.per as usize];
            shape.places[index] = (declared.per, *size, *size + cells);
            *size += cells;
        }
        shape
    }

    /// The number of cells of one block.
    pub(super) fn size(&self, per: Per) -> usize {
        self.sizes[per as usize]
    }

    /// Which block a family's cells are in, and where.
    pub(super) fn place(&self, family: Family) -> (Per, Range<usize>) {
        let (per, start, end) = self.places[family as usize];
        (per, start..end)
    }

    pub(super) fn values(&self, label: Label) -> Vec<&str> {
        match label {
            Label::Access => self.labels.access.to_vec(),
            Label::CertificateReload => CertificateReload::LABELS.to_vec(),
            Label::ConfigReload => ConfigReload::LABELS.to_vec(),
            Label::Code => CODES.to_vec(),
            Label::Ending => Ending::LABELS.to_vec(),
            Label::Exception => Exception::LABELS.to_vec(),
            Label::Gone => Gone::LABELS.to_vec(),
            Label::Handshake => Handshake::LABELS.to_vec(),
            Label::OddCookie => self.labels.odd_cookies.to_vec(),
            Label::Outcome => self.labels.outcomes.to_vec(),
            Label::ProxyFault => self.labels.proxy_faults.to_vec(),
            Label::Reentrance => Reentrance::LABELS.to_vec(),
            Label::Refusal => self.labels.refusals.to_vec(),
            Label::Report => self.labels.reports.to_vec(),
            Label::SpanResult => SpanResult::LABELS.to_vec(),
            Label::ThrottleDecision => ThrottleDecision::LABELS.to_vec(),
            Label::TokenRefusal => TokenRefusal::LABELS.to_vec(),
            Label::Upstream => {
                let upstreams = self.labels.upstreams.iter();
                upstreams.map(String::as_str).collect()
            }
            Label::UpstreamError => self.labels.upstream_errors.to_vec(),
        }
    }
}
