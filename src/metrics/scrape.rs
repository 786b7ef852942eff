//! The sums of one moment, written as OpenMetrics text.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::families::{FAMILIES, Kind, Label, Per, UPSTREAM};
use super::readings::READINGS;
use super::{Gauges, Shape};

/// One scrape: the sums over all cores, by [`Shape`].
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) shape: Arc<Shape>,
    pub(super) process: Vec<u64>,
    pub(super) routes: Vec<Labelled>,
    pub(super) rules: Vec<Labelled>,
    pub(super) gauges: Gauges,
}

/// The sums of one route, or one rule.
pub(super) type Labelled = (String, Vec<u64>);

type LabelSet<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for declared in &FAMILIES {
            let (unit, kind) = match declared.kind {
                Kind::Counter(_) | Kind::Occurred(_) => (None, MetricType::Counter),
                Kind::Durations(_) => (Some(&Unit::Seconds), MetricType::Histogram),
                Kind::Sizes(_) => (None, MetricType::Histogram),
            };
            let mut metric = encoder.encode_descriptor(declared.name, declared.help, unit, kind)?;
            let (per, place) = self.shape.place(declared.family);
            for (own, cells) in self.blocks(per) {
                let cells = &cells[place.clone()];
                match declared.kind {
                    Kind::Counter(labels) => self.counter(&mut metric, &own, labels, cells, 0)?,
                    Kind::Occurred(labels) => self.counter(&mut metric, &own, labels, cells, 1)?,
                    Kind::Durations(bounds) => histogram(&mut metric, &own, bounds, cells, 1e9)?,
                    Kind::Sizes(bounds) => histogram(&mut metric, &own, bounds, cells, 1.0)?,
                }
            }
        }
        for reading in &READINGS {
            let (unit, value) = (reading.unit.as_ref(), (reading.read)(&self.gauges));
            let mut metric =
                encoder.encode_descriptor(reading.name, reading.help, unit, reading.kind)?;
            match reading.kind {
                MetricType::Counter => {
                    metric.encode_counter::<NoLabelSet, _, f64>(&(value as u64), None)?;
                }
                _ => metric.encode_gauge(&value)?,
            }
        }
        self.rest(encoder)
    }
}

impl Scrape {
    /// What is read at the scrape and is not always there.
    fn rest(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
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

    /// The cells of each block, with the label that names it.
    fn blocks(&self, per: Per) -> Vec<(LabelSet<'_>, &[u64])> {
        let labelled = match per {
            Per::Process => return vec![(Vec::new(), &self.process)],
            Per::Route => &self.routes,
            Per::Rule => &self.rules,
        };
        let mut blocks = Vec::with_capacity(labelled.len());
        for (label, cells) in labelled {
            let set: LabelSet<'_> = per
                .label()
                .map(|name| (name, label.as_str()))
                .into_iter()
                .collect();
            blocks.push((set, cells.as_slice()));
        }
        blocks
    }

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

    /// Writes each cell that has counted `least` at least.
    fn counter(
        &self,
        metric: &mut MetricEncoder<'_>,
        own: &LabelSet<'_>,
        labels: &[Label],
        cells: &[u64],
        least: u64,
    ) -> fmt::Result {
        let values: Vec<_> = labels
            .iter()
            .map(|label| self.shape.values(*label))
            .collect();
        for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| **cell >= least) {
            let mut set = own.clone();
            set.extend(label_set(labels, &values, index));
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
fn label_set<'a>(labels: &[Label], values: &[Vec<&'a str>], mut index: usize) -> LabelSet<'a> {
    let mut set = Vec::with_capacity(labels.len());
    for (label, values) in labels.iter().zip(values).rev() {
        set.push((label.name(), values[index % values.len()]));
        index /= values.len();
    }
    set.reverse();
    set
}

/// `cells` are one for each bound, one for what is above the last, and the sum, which is divided by `unit`. Of a route
/// without a lane there is nothing to say.
fn histogram(
    metric: &mut MetricEncoder<'_>,
    own: &LabelSet<'_>,
    bounds: &[f64],
    cells: &[u64],
    unit: f64,
) -> fmt::Result {
    let (counts, sum) = cells.split_at(bounds.len() + 1);
    let all_bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<_> = all_bounds.zip(counts.iter().copied()).collect();
    let (sum, count) = (sum[0] as f64 / unit, counts.iter().sum());
    if own.is_empty() {
        return metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None);
    }
    if count == 0 {
        return Ok(());
    }
    metric
        .encode_family(own)?
        .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
