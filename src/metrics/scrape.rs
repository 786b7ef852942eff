//! The sums of one moment, written as OpenMetrics text.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::families::{FAMILIES, GAUGES, Kind, Label, UPSTREAM};
use super::series::Names;
use super::{Gauges, Shape};

/// One scrape.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) shape: Arc<Shape>,
    pub(super) names: Names,
    /// The sums over all cores, by [`Shape`].
    pub(super) cells: Vec<u64>,
    pub(super) gauges: Gauges,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for declared in &FAMILIES {
            let cells = &self.cells[self.shape.cells_of(declared.family)];
            match declared.kind {
                Kind::Counter(labels) => {
                    let kind = MetricType::Counter;
                    let metric =
                        encoder.encode_descriptor(declared.name, declared.help, None, kind)?;
                    self.counter(metric, labels, cells)?;
                }
                Kind::Durations(bounds) => {
                    let (unit, kind) = (Some(&Unit::Seconds), MetricType::Histogram);
                    let metric =
                        encoder.encode_descriptor(declared.name, declared.help, unit, kind)?;
                    histogram(metric, bounds, cells)?;
                }
            }
        }
        for gauge in &GAUGES {
            let kind = MetricType::Gauge;
            encoder
                .encode_descriptor(gauge.name, gauge.help, gauge.unit.as_ref(), kind)?
                .encode_gauge(&(gauge.read)(&self.gauges))?;
        }
        self.upstreams_healthy(encoder.encode_descriptor(
            "upstream_healthy",
            "Whether a node of the application may be given requests: 1 or 0; absent with one upstream.",
            None,
            MetricType::Gauge,
        )?)?;
        let expiry = encoder.encode_descriptor(
            "certificate_expiry",
            "When the first of the certificates ends, as Unix time; absent without certificates.",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        );
        if let (mut expiry, Some(end)) = (expiry?, self.gauges.certificate_expiry) {
            expiry.encode_gauge(&end)?;
        }
        encoder
            .encode_descriptor("build", "What is running.", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }
}

impl Scrape {
    fn upstreams_healthy(&self, mut metric: MetricEncoder<'_>) -> fmt::Result {
        let names = &self.shape.labels.upstreams;
        for (name, healthy) in names.iter().zip(&self.gauges.upstreams_healthy) {
            let set = [(UPSTREAM, name.as_str())];
            metric
                .encode_family(&set)?
                .encode_gauge(&i64::from(*healthy))?;
        }
        Ok(())
    }

    fn counter(
        &self,
        mut metric: MetricEncoder<'_>,
        labels: &[Label],
        cells: &[u64],
    ) -> fmt::Result {
        let values: Vec<_> = labels
            .iter()
            .map(|label| self.shape.values(*label, &self.names))
            .collect();
        // Behind them is room for labels that nobody has yet.
        let known = values.iter().map(Vec::len).product();
        for (index, cell) in cells.iter().take(known).enumerate() {
            let set = label_set(labels, &values, index);
            if set.is_empty() {
                metric.encode_counter::<NoLabelSet, _, f64>(cell, None)?;
            } else {
                metric
                    .encode_family(&set)?
                    .encode_counter::<NoLabelSet, _, f64>(cell, None)?;
            }
        }
        Ok(())
    }
}

/// The label values of cell `index`: the last label counts fastest.
fn label_set<'a>(
    labels: &[Label],
    values: &[Vec<&'a str>],
    mut index: usize,
) -> Vec<(&'static str, &'a str)> {
    let mut set = Vec::with_capacity(labels.len());
    for (label, values) in labels.iter().zip(values).rev() {
        set.push((label.name(), values[index % values.len()]));
        index /= values.len();
    }
    set.reverse();
    set
}

/// `cells` are one for each bound, one for what is above the last, and the sum in nanoseconds.
fn histogram(mut metric: MetricEncoder<'_>, bounds: &[f64], cells: &[u64]) -> fmt::Result {
    let (counts, nanoseconds) = cells.split_at(bounds.len() + 1);
    let all_bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<_> = all_bounds.zip(counts.iter().copied()).collect();
    let sum = nanoseconds[0] as f64 / 1e9;
    metric.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
}
