//! Recording: what one core counts.
//!
//! Guarantees: as the module says; each recording changes its own family alone. Does not do: read.

use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use super::Series;
use super::cells::{Blocks, Cells};
use super::families::{self, Family, Per};
use super::shape::Shape;
use super::{
    CODES, CertificateReload, ConfigReload, Ending, Exception, Gone, Handshake, Labels, ROUTES,
    RULES, Reentrance, SpanResult, ThrottleDecision, TokenRefusal,
};

/// What one core counts. Any thread may record; it is cheap as long as one thread does.
#[derive(Debug)]
pub struct Core {
    shape: Arc<Shape>,
    pub(super) process: Cells,
    pub(super) routes: Blocks,
    pub(super) rules: Blocks,
}

impl Core {
    pub(super) fn new(shape: Arc<Shape>) -> Self {
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

    /// So many lines that set a session cookie were kept from a client.
    pub fn cookies_withheld(&self, lines: usize) {
        self.add(Family::WithheldCookies, 0, lines as u64);
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

    /// The configuration was read again.
    pub fn config_reload(&self, result: ConfigReload) {
        self.add(Family::ConfigReloads, result as usize, 1);
    }

    /// A token that was shown to the admin listener was refused.
    pub fn token_refused(&self, why: TokenRefusal) {
        self.add(Family::TokensRefused, why as usize, 1);
    }

    /// So many spans have been dropped, or sent.
    pub fn spans(&self, result: SpanResult, count: usize) {
        self.add(Family::TraceSpans, result as usize, count as u64);
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
