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
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

mod cells;
mod families;
mod kinds;
mod process;
mod readings;
mod scrape;
mod series;
mod shape;

pub use kinds::{
    CertificateReload, Ending, Exception, Gone, Handshake, Reentrance, ThrottleDecision,
};
pub use series::Series;

use cells::{Blocks, Cells};
use families::{Family, Per};
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

/// What one core counts. Any thread may record; it is cheap as long as one thread does.
#[derive(Debug)]
pub struct Core {
    shape: Arc<Shape>,
    process: Cells,
    routes: Blocks,
    rules: Blocks,
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
        let mut process = vec![0; self.shape.size(Per::Process)];
        for core in &self.cores {
            core.process.sum_into(&mut process);
        }
        let scrape = Scrape {
            shape: Arc::clone(&self.shape),
            process,
            routes: self.labelled(&self.routes, Per::Route, |core| &core.routes),
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

impl Core {
    fn new(shape: Arc<Shape>) -> Self {
        Self {
            process: Cells::new(shape.size(Per::Process)),
            routes: Blocks::new(ROUTES, shape.size(Per::Route)),
            rules: Blocks::new(RULES, shape.size(Per::Rule)),
            shape,
        }
    }

    /// A request has ended. Takes a series of [`Series::route`], as all that take a route; indices into [`Labels::access`] and
    /// [`Labels::outcomes`], and the status that it was answered with; None without an answer.
    pub fn request(&self, route: usize, access: usize, outcome: usize, status: Option<u16>) {
        let Labels {
            access: accesses,
            outcomes,
            ..
        } = &self.shape.labels;
        if access < accesses.len() && outcome < outcomes.len() {
            let code = status.map_or(0, |status| usize::from(status / 100).min(CODES.len() - 1));
            let cell = (access * outcomes.len() + outcome) * CODES.len() + code;
            self.add_to(route, Family::Requests, cell, 1);
        }
    }

    /// A request or a connection was refused. Takes an index into [`Labels::refusals`].
    pub fn refusal(&self, reason: usize) {
        self.add(Family::Refusals, reason, 1);
    }

    /// A request got its permit or gave up after `wait`; zero when it did not have to wait. `position` is the number of
    /// requests that were ahead of it.
    pub fn waited(&self, route: usize, wait: Duration, position: usize) {
        self.observe(route, Family::Wait, &families::WAIT_BOUNDS, wait);
        let bounds = &families::POSITION_BOUNDS;
        let bucket = bounds.partition_point(|bound| *bound < position as f64);
        self.add(Family::Position, bucket, 1);
        self.add(Family::Position, bounds.len() + 1, position as u64);
    }

    /// A permit ended after `hold`.
    pub fn held(&self, route: usize, hold: Duration) {
        self.observe(route, Family::Hold, &families::HOLD_BOUNDS, hold);
    }

    /// The hold limit of a permit passed.
    pub fn hold_limit(&self, route: usize) {
        self.add_to(route, Family::HoldLimits, 0, 1);
    }

    /// A connection to the application was established, which took so long.
    pub fn upstream_opened(&self, took: Duration) {
        self.add(Family::UpstreamOpened, 0, 1);
        self.observe(0, Family::UpstreamConnect, &families::CONNECT_BOUNDS, took);
    }

    /// The headers of the application's response came so long after the request was sent.
    pub fn upstream_answered(&self, took: Duration) {
        self.observe(0, Family::UpstreamResponse, &families::HOLD_BOUNDS, took);
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

    /// A connection of a client was accepted.
    pub fn connection_accepted(&self) {
        self.add(Family::ConnectionsAccepted, 0, 1);
    }

    /// A TLS handshake with a client has ended.
    pub fn handshake(&self, result: Handshake) {
        self.add(Family::Handshakes, result as usize, 1);
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

    /// An observed request came and went while another of its session was inside.
    pub fn nested(&self, route: usize) {
        self.add_to(route, Family::Nested, 0, 1);
    }

    /// The application was asked whether a request changed its session. Takes an index into [`Labels::reports`].
    pub fn reported(&self, route: usize, report: usize) {
        if report < self.shape.labels.reports.len() {
            self.add_to(route, Family::Reports, report, 1);
        }
    }

    /// A request that was `read` changed its session.
    pub fn read_wrote(&self, route: usize) {
        self.add_to(route, Family::ReadWrote, 0, 1);
    }

    /// The temporary file of a request body could not be written or read.
    pub fn spool_error(&self) {
        self.add(Family::SpoolErrors, 0, 1);
    }

    /// The throttle decided. Takes a series of [`Series::throttle_rule`].
    pub fn throttled(&self, rule: usize, decision: ThrottleDecision) {
        self.add_to(rule, Family::Throttled, decision as usize, 1);
    }

    /// The throttle decided about a client that has no meter of its own.
    pub fn throttled_together(&self) {
        self.add(Family::ThrottledTogether, 0, 1);
    }

    /// A certificate's files have changed.
    pub fn certificate_reload(&self, result: CertificateReload) {
        self.add(Family::CertificateReloads, result as usize, 1);
    }

    fn observe(&self, block: usize, family: Family, bounds: &[f64], duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = bounds.partition_point(|bound| *bound < seconds);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.add_to(block, family, bucket, 1);
        self.add_to(block, family, bounds.len() + 1, nanoseconds);
    }

    fn add(&self, family: Family, index: usize, amount: u64) {
        self.add_to(0, family, index, amount);
    }

    /// Adds to a cell of the route, or the rule, of number `block`, if the family is by those. An index that the family
    /// does not have fails a test (a debug build); elsewhere it is passed over, since a wrong number is better than a
    /// request that ends.
    fn add_to(&self, block: usize, family: Family, index: usize, amount: u64) {
        let (per, place) = self.shape.place(family);
        debug_assert!(index < place.len(), "{family:?} has no index {index}");
        if index < place.len() {
            let cells = match per {
                Per::Process => &self.process,
                Per::Route => self.routes.at(block),
                Per::Rule => self.rules.at(block),
            };
            cells.add(place.start + index, amount);
        }
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
