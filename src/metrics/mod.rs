//! Numbers for operators, counted per core and summed at the scrape.
//!
//! Guarantees: recording is one relaxed add (two for a histogram) to memory that no other core writes: no lock, no
//! hash, no allocation but for the first request of a route on a core. The number of series is bounded, and does not
//! depend on clients: [`ROUTES`] and [`RULES`] bound what a reload can add. Layer 0: it knows none of the stages'
//! types; label values come as lists, recording takes their indices.
//! Does not do: serve the text (`admin` does), keep history.
//!
//! A route's block is 1.7 KB on each core that has served it: with 1,000 routes 1.7 MB for each core, and at worst (all
//! of [`ROUTES`], every outcome and status on each) 480 series for each in the text; 40 is usual.

use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

mod bounds;
mod cells;
mod core;
mod families;
mod kinds;
mod label;
mod process;
mod readings;
mod scrape;
mod series;
mod shape;
mod totals;

pub use self::core::Core;
pub use kinds::{
    CertificateReload, ConfigReload, Ending, Exception, Gone, Handshake, Reentrance, SpanResult,
    ThrottleDecision, TokenRefusal,
};
pub use series::Series;
pub use totals::{RouteTotals, Sum, Totals};

use cells::Blocks;
use families::Per;
use process::Process;
use scrape::{Labelled, Scrape};
use series::{Names, OTHER};
use shape::Shape;

/// The values of the labels, in the order of the indices that recording takes. Each list is closed and small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `access` of `onelane_requests_total`.
    pub access: &'static [&'static str],
    /// `outcome` of `onelane_requests_total`.
    pub outcomes: &'static [&'static str],
    /// `reason` of `onelane_refusals_total`.
    pub refusals: &'static [&'static str],
    /// `reason` of `onelane_upstream_errors_total`.
    pub upstream_errors: &'static [&'static str],
    /// `upstream` of `onelane_upstream_requests_total` and `onelane_upstream_healthy`; they are distinct. None with one.
    pub upstreams: Vec<String>,
    /// `reason` of `onelane_session_cookies_odd_total`.
    pub odd_cookies: &'static [&'static str],
    /// `reason` of `onelane_proxy_headers_refused_total`.
    pub proxy_faults: &'static [&'static str],
    /// `report` of `onelane_session_reports_total`.
    pub reports: &'static [&'static str],
}

/// All metrics; `app` makes one.
#[derive(Debug)]
pub struct Metrics {
    shape: Arc<Shape>,
    cores: Box<[Arc<Core>]>,
    routes: Names,
    rules: Names,
    started: SystemTime,
}

/// What is known only at the moment of the scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Lanes that exist.
    pub lanes: usize,
    /// Requests that hold a permit.
    pub holders: usize,
    /// Requests that wait for a permit.
    pub waiters: usize,
    /// Open connections of clients.
    pub connections: usize,
    /// Bytes reserved by buffers.
    pub buffer_memory: usize,
    /// Bytes in temporary files.
    pub spool: usize,
    /// Client networks in the throttle.
    pub throttle_clients: usize,
    /// Whether each of [`Labels::upstreams`] may be given requests.
    pub upstreams_healthy: Vec<bool>,
    /// When the first of the certificates ends, in seconds of Unix time; None without certificates.
    pub certificate_expiry: Option<u64>,
    /// Whether what was last read as the configuration is in force.
    pub config_is_current: bool,
    /// When the configuration that is in force was read, in seconds of Unix time.
    pub config_since: u64,
    /// Lines that the access log has lost since the start.
    pub log_lines_dropped: usize,
}

impl Metrics {
    /// All zero. `cores` is the number of recording threads, at least 1.
    pub fn new(cores: usize, labels: Labels) -> Self {
        let shape = Arc::new(Shape::new(labels));
        let core = || Arc::new(Core::new(Arc::clone(&shape)));
        let cores = (0..cores.max(1)).map(|_| core()).collect();
        Self {
            shape,
            cores,
            routes: Names::new(ROUTES),
            rules: Names::new(RULES),
            started: SystemTime::now(),
        }
    }

    /// The counters of core `index`, modulo their number.
    pub fn core(&self, index: usize) -> Arc<Core> {
        Arc::clone(&self.cores[index % self.cores.len()])
    }

    /// The series of a policy's routes and rules, given by their labels in its order. A label keeps its series, and what
    /// was counted there, for the life of the process; those beyond [`ROUTES`] or [`RULES`] share one series.
    pub fn series<'l>(
        &self,
        routes: impl Iterator<Item = &'l str>,
        throttle_rules: impl Iterator<Item = &'l str>,
    ) -> Series {
        Series::new(
            self.routes.series(routes),
            self.rules.series(throttle_rules),
        )
    }

    /// All of it, in the OpenMetrics text format ([`CONTENT_TYPE`]).
    pub fn encode(&self, gauges: Gauges) -> String {
        let scrape = Scrape {
            shape: Arc::clone(&self.shape),
            process: self.process_sums(),
            routes: self.route_sums(),
            rules: self.labelled(&self.rules, Per::Rule, |core| &core.rules),
            gauges,
        };
        let mut registry = Registry::default();
        let own = registry.sub_registry_with_prefix("onelane");
        own.register_collector(Box::new(scrape));
        let process = registry.sub_registry_with_prefix("process");
        process.register_collector(Box::new(Process {
            started: self.started,
        }));
        let mut written = String::new();
        text::encode(&mut written, &registry).expect("a String takes all that is written to it");
        written
    }

    fn process_sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.shape.size(Per::Process)];
        for core in &self.cores {
            core.process.sum_into(&mut sums);
        }
        sums
    }

    fn route_sums(&self) -> Vec<Labelled> {
        self.labelled(&self.routes, Per::Route, |core| &core.routes)
    }

    /// The sums of each label that was numbered, and of all others together if there are any.
    fn labelled(&self, names: &Names, per: Per, blocks: fn(&Core) -> &Blocks) -> Vec<Labelled> {
        let sum = |number: usize| {
            let mut sums = vec![0; self.shape.size(per)];
            let known = self
                .cores
                .iter()
                .filter_map(|core| blocks(core).known(number));
            let counted = known.map(|cells| cells.sum_into(&mut sums)).count();
            (sums, counted)
        };
        let each = names.all().into_iter().enumerate();
        let mut labelled: Vec<_> = each.map(|(number, name)| (name, sum(number).0)).collect();
        let (others, counted) = sum(names.most());
        if counted > 0 {
            labelled.push((OTHER.to_owned(), others));
        }
        labelled
    }
}

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The most labels of routes that are told apart, those of earlier policies included.
pub const ROUTES: usize = 1024;

/// The most rules of the throttle that are told apart, likewise; a policy has 32 at most, and the deny list.
pub const RULES: usize = 128;

/// `code` of `onelane_requests_total`: the class of the status.
const CODES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

#[cfg(test)]
mod tests;
