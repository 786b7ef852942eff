//! Numbers for operators, counted per core and summed at the scrape.
//!
//! Guarantees: recording is one relaxed add (two for a duration) to memory that no other core writes: no lock, no
//! hash, no allocation. The number of series is fixed at the start. Layer 0: it knows none of the stages'
//! types; label values come as lists, recording takes their indices.
//! Does not do: serve the text (`admin` does), keep history.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

mod families;
mod kinds;
mod scrape;
mod shape;
mod totals;

pub use kinds::{CertificateReload, Ending, Exception, Gone, Reentrance, ThrottleDecision};

pub use totals::{RouteTotals, Sum, Totals};

use families::Family;
use scrape::Scrape;
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
    /// `route` of `onelane_nested_total`, in the order of the table; routes with one label share one series.
    pub routes: Vec<String>,
    /// `rule` of `onelane_throttle_decisions_total`; they are distinct.
    pub throttle_rules: Vec<String>,
}

/// All metrics; `app` makes one.
#[derive(Debug)]
pub struct Metrics {
    shape: Arc<Shape>,
    cores: Box<[Arc<Core>]>,
}

/// What one core counts. Any thread may record; it is cheap as long as one thread does.
#[derive(Debug)]
pub struct Core {
    shape: Arc<Shape>,
    cells: Box<[CacheLine]>,
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
}

/// Cells by eight on a line of their own, so that two cores never write to the same one.
#[derive(Debug, Default)]
#[repr(align(64))]
struct CacheLine([AtomicU64; CELLS]);

impl Metrics {
    /// All zero. `cores` is the number of recording threads, at least 1.
    pub fn new(cores: usize, labels: Labels) -> Self {
        let shape = Arc::new(Shape::new(labels));
        let core = || Arc::new(Core::new(Arc::clone(&shape)));
        let cores = (0..cores.max(1)).map(|_| core()).collect();
        Self { shape, cores }
    }

    /// The counters of core `index`, modulo their number.
    pub fn core(&self, index: usize) -> Arc<Core> {
        Arc::clone(&self.cores[index % self.cores.len()])
    }

    /// Every cell, summed over the cores.
    fn sums(&self) -> Vec<u64> {
        let mut cells = vec![0; self.shape.cells()];
        for core in &self.cores {
            for (sum, cell) in cells
                .iter_mut()
                .zip(core.cells.iter().flat_map(|line| &line.0))
            {
                *sum += cell.load(Ordering::Relaxed);
            }
        }
        cells
    }

    /// All of it, in the OpenMetrics text format ([`CONTENT_TYPE`]).
    pub fn encode(&self, gauges: Gauges) -> String {
        let cells = self.sums();
        let mut registry = Registry::with_prefix("onelane");
        registry.register_collector(Box::new(Scrape {
            shape: Arc::clone(&self.shape),
            cells,
            gauges,
        }));
        let mut written = String::new();
        text::encode(&mut written, &registry).expect("a String takes all that is written to it");
        written
    }
}

impl Core {
    fn new(shape: Arc<Shape>) -> Self {
        let lines = shape.cells().div_ceil(CELLS);
        Self {
            shape,
            cells: (0..lines).map(|_| CacheLine::default()).collect(),
        }
    }

    /// A request has ended. Takes indices into [`Labels::access`] and [`Labels::outcomes`].
    pub fn request(&self, access: usize, outcome: usize) {
        let Labels {
            access: accesses,
            outcomes,
            ..
        } = &self.shape.labels;
        if access < accesses.len() && outcome < outcomes.len() {
            self.add(Family::Requests, access * outcomes.len() + outcome, 1);
        }
    }

    /// A request or a connection was refused. Takes an index into [`Labels::refusals`].
    pub fn refusal(&self, reason: usize) {
        self.add(Family::Refusals, reason, 1);
    }

    /// A request got its permit or gave up after `wait`; zero when it did not have to wait.
    pub fn waited(&self, wait: Duration) {
        self.observe(Family::Wait, &families::WAIT_BOUNDS, wait);
    }

    /// A permit ended after `hold`.
    pub fn held(&self, hold: Duration) {
        self.observe(Family::Hold, &families::HOLD_BOUNDS, hold);
    }

    /// A connection to the application was established.
    pub fn upstream_opened(&self) {
        self.add(Family::UpstreamOpened, 0, 1);
    }

    /// A request went to the application on a kept connection.
    pub fn upstream_reused(&self) {
        self.add(Family::UpstreamReused, 0, 1);
    }

    /// A connection to the application became one client's own.
    pub fn upstream_bound(&self) {
        self.add(Family::UpstreamBound, 0, 1);
    }

    /// An exchange with the application failed. Takes an index into [`Labels::upstream_errors`].
    pub fn upstream_error(&self, reason: usize) {
        self.add(Family::UpstreamErrors, reason, 1);
    }

    /// A request went to a node of the application. Takes an index into [`Labels::upstreams`]; nothing is counted when
    /// that is empty.
    pub fn upstream_request(&self, upstream: usize) {
        if upstream < self.shape.labels.upstreams.len() {
            self.add(Family::UpstreamRequests, upstream, 1);
        }
    }

    /// A request did not get the node that its affinity cookie names.
    pub fn affinity_lost(&self) {
        self.add(Family::AffinityLost, 0, 1);
    }

    /// A session cookie was not what the application issues. Takes an index into [`Labels::odd_cookies`].
    pub fn odd_cookie(&self, reason: usize) {
        self.add(Family::OddCookies, reason, 1);
    }

    /// A request had forwarding headers from a peer that is no trusted proxy.
    pub fn forwarded_untrusted(&self) {
        self.add(Family::ForwardedUntrusted, 0, 1);
    }

    /// A connection was closed because of its PROXY header. Takes an index into [`Labels::proxy_faults`].
    pub fn proxy_fault(&self, reason: usize) {
        self.add(Family::ProxyHeaders, reason, 1);
    }

    /// A client left before its answer.
    pub fn client_gone(&self, from: Gone) {
        self.add(Family::ClientsGone, from as usize, 1);
    }

    /// A connection of a client was ended without an answer.
    pub fn connection_ended(&self, reason: Ending) {
        self.add(Family::ConnectionsEnded, reason as usize, 1);
    }

    /// A session may have had two writers in the application.
    pub fn exception(&self, cause: Exception) {
        self.add(Family::Exceptions, cause as usize, 1);
    }

    /// A hold limit passed, and the lane stays held.
    pub fn held_over(&self) {
        self.add(Family::HeldOver, 0, 1);
    }

    /// A request showed the ticket of another one.
    pub fn reentrance(&self, result: Reentrance) {
        self.add(Family::Reentrance, result as usize, 1);
    }

    /// An observed request met another writer inside.
    pub fn would_wait(&self) {
        self.add(Family::WouldWait, 0, 1);
    }

    /// An observed request would have found its lane full.
    pub fn would_refuse(&self) {
        self.add(Family::WouldRefuse, 0, 1);
    }

    /// An observed request came and went while another of its session was inside. Takes an index into
    /// [`Labels::routes`].
    pub fn nested(&self, route: usize) {
        if let Some(series) = self.shape.route_series.get(route) {
            self.add(Family::Nested, *series, 1);
        }
    }

    /// The application was asked whether a request changed its session. Takes indices into [`Labels::routes`] and
    /// [`Labels::reports`].
    pub fn reported(&self, route: usize, report: usize) {
        let reports = self.shape.labels.reports.len();
        if let Some(series) = self
            .shape
            .route_series
            .get(route)
            .filter(|_| report < reports)
        {
            self.add(Family::Reports, series * reports + report, 1);
        }
    }

    /// A request that was `read` changed its session. Takes an index into [`Labels::routes`].
    pub fn read_wrote(&self, route: usize) {
        if let Some(series) = self.shape.route_series.get(route) {
            self.add(Family::ReadWrote, *series, 1);
        }
    }

    /// The temporary file of a request body could not be written or read.
    pub fn spool_error(&self) {
        self.add(Family::SpoolErrors, 0, 1);
    }

    /// The throttle decided. Takes an index into [`Labels::throttle_rules`].
    pub fn throttled(&self, rule: usize, decision: ThrottleDecision) {
        if rule < self.shape.labels.throttle_rules.len() {
            let decisions = ThrottleDecision::LABELS.len();
            self.add(Family::Throttled, rule * decisions + decision as usize, 1);
        }
    }

    /// The throttle decided about a client that has no meter of its own.
    pub fn throttled_together(&self) {
        self.add(Family::ThrottledTogether, 0, 1);
    }

    /// A certificate's files have changed.
    pub fn certificate_reload(&self, result: CertificateReload) {
        self.add(Family::CertificateReloads, result as usize, 1);
    }

    fn observe(&self, family: Family, bounds: &[f64], duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = bounds.partition_point(|bound| *bound < seconds);
        self.add(family, bucket, 1);
        self.add(
            family,
            bounds.len() + 1,
            u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    /// An index that the family does not have fails a test (a debug build); elsewhere it is passed over, since a
    /// wrong number is better than a request that ends.
    fn add(&self, family: Family, index: usize, amount: u64) {
        let cells = self.shape.cells_of(family);
        debug_assert!(index < cells.len(), "{family:?} has no index {index}");
        if index < cells.len() {
            let cell = cells.start + index;
            self.cells[cell / CELLS].0[cell % CELLS].fetch_add(amount, Ordering::Relaxed);
        }
    }
}

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Cells of one line: 64 bytes.
const CELLS: usize = 8;

#[cfg(test)]
mod tests;
