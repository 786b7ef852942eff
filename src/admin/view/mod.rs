//! From what the process holds to what operators are told.
//!
//! Guarantees: read when somebody asks, in bounded work; paths are told by their shape alone, sessions by their digest.
//! Does not do: change anything but what an operator asks to be changed; ask who the operator is.

mod blocking;
mod findings;
mod lanes;
mod lately;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{self, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderName, HeaderValue, Method, Uri};

use lanes::lane_view;
use lately::Lately;

use super::history::Sample;
use super::state::{
    ClientView, ExceptionView, ExplainedView, LanesView, LineView, PolicyView, Question,
    RefusalView, ReportsView, RouteView, State, TotalsView,
};
use crate::evidence::{Snapshot, Waits};
use crate::gateway::explain::{explain, request};
use crate::gateway::{Policy, Shared};
use crate::lane::{NotRevoked, Ticket};
use crate::metrics::{Exception, Gauges, Metrics, Totals};
use crate::route::{Label, Mode};
use crate::session::SessionKey;
use crate::throttle;

/// Everything that operators see and change.
pub struct View {
    shared: Shared,
    metrics: Arc<Metrics>,
    gauges: Box<dyn Fn() -> Gauges + Send + Sync>,
    started: Instant,
    file: Option<String>,
    lately: Mutex<Lately>,
}

impl View {
    /// Of a process that starts now; `file` is where its configuration was read from, if that was a file.
    pub fn new(
        shared: Shared,
        metrics: Arc<Metrics>,
        gauges: impl Fn() -> Gauges + Send + Sync + 'static,
        file: Option<&Path>,
    ) -> Self {
        let started = Instant::now();
        let version = shared.policy.load().edition.version;
        // Whoever reads it may be in another directory, or on another machine.
        let file = file.map(|file| path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        Self {
            shared,
            metrics,
            gauges: Box::new(gauges),
            started,
            file: file.map(|file| file.display().to_string()),
            lately: Mutex::new(Lately::new(version, started)),
        }
    }

    /// A step of ten seconds ends. To be called then, whether or not somebody looks.
    pub fn mark(&self) {
        let version = self.shared.policy.load().edition.version;
        let (pairs, _) = self.shared.evidence.blocking();
        self.lately().mark(&pairs, version, Instant::now());
    }

    /// All but what the listener itself knows; at most `limit` lanes.
    pub fn state(&self, limit: usize) -> State {
        let policy = self.shared.policy.load_full();
        let case = policy.routes.case();
        let totals = self.metrics.totals();
        let evidence = self.evidence(&policy);
        let (mut pairs, caused) = self.shared.evidence.blocking();
        pairs.sort_by_key(|(_, waits)| std::cmp::Reverse(waits.waited));
        let (blocking, span) = {
            let mut lately = self.lately();
            let span = lately.look(&pairs, policy.edition.version, Instant::now());
            (blocking::views(&pairs, &lately), span)
        };
        let advice = findings::advice(&evidence, &blocking, &policy.routes);
        let lanes = self.shared.lanes.snapshot(limit);
        State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now_ms: unix(SystemTime::now()),
            uptime_ms: milliseconds(self.started.elapsed()),
            policy: self.policy_view(&policy),
            totals: self.totals(&totals),
            lanes: lanes
                .lanes
                .iter()
                .map(|lane| lane_view(lane, case))
                .collect(),
            lanes_total: lanes.total,
            routes: routes(&policy, &totals, &evidence, &caused),
            blocking: blocking.into_iter().take(LISTED).collect(),
            lately_ms: milliseconds(span),
            refusals: refusals(&totals),
            exceptions: exceptions(&totals),
            clients: self.clients(LISTED),
            findings: findings::findings(&evidence),
            advice,
            asks: policy.application.is_asked(),
            ..State::default()
        }
    }

    /// Which policy decides.
    pub fn policy(&self) -> PolicyView {
        self.policy_view(&self.shared.policy.load())
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At most `limit` lanes.
    pub fn lanes(&self, limit: usize) -> LanesView {
        let case = self.shared.policy.load().routes.case();
        let (lanes, counts) = (
            self.shared.lanes.snapshot(limit),
            self.shared.lanes.counts(),
        );
        LanesView {
            total: lanes.total,
            holding: usize::try_from(counts.holding).unwrap_or(usize::MAX),
            waiting: counts.waiting,
            lanes: lanes
                .lanes
                .iter()
                .map(|lane| lane_view(lane, case))
                .collect(),
        }
    }

    /// At most `limit` clients under throttle: who was refused last, then who has most requests.
    pub fn clients(&self, limit: usize) -> Vec<ClientView> {
        let policy = self.shared.policy.load();
        let now = Instant::now();
        let rules = policy.throttle.iter();
        let seen = rules.flat_map(|rule| {
            rule.seen(limit, now)
                .into_iter()
                .map(move |seen| (rule, seen))
        });
        let mut clients: Vec<_> = seen.map(|(rule, seen)| client_view(rule, seen)).collect();
        clients.sort_by_key(|client| client.refused_ago_ms.unwrap_or(u64::MAX));
        clients.truncate(limit);
        clients
    }

    /// What the last ten minutes are made of.
    pub fn sample(&self) -> Sample {
        let (totals, counts) = (self.metrics.totals(), self.shared.lanes.counts());
        Sample {
            requests: totals.requests,
            waited: totals.waits.count,
            waited_ms: milliseconds(totals.waits.time),
            refused: sum(&totals.refusals),
            waiting: counts.waiting as u64,
            holding: counts.holding,
        }
    }

    /// What is decided about a request.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub fn explain(&self, question: &Question) -> Result<ExplainedView, &'static str> {
        let method = question.method.to_ascii_uppercase();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| "this is no method")?;
        let url: Uri = question.url.parse().map_err(|_| "this is no URL")?;
        if url
            .path_and_query()
            .is_none_or(|target| !target.as_str().starts_with('/'))
        {
            return Err("begin the url with / or http://");
        }
        let field = |(name, value): &(String, String)| {
            let name = name.trim().parse::<HeaderName>().ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        };
        let fields: Option<Vec<_>> = question.headers.iter().map(field).collect();
        let fields = fields.ok_or("a header's name or value cannot be sent")?;
        let policy = self.shared.policy.load();
        let explained = explain(
            &policy,
            &self.shared.upstream,
            &request(&method, &url, &fields),
        );
        let line = |line: crate::gateway::explain::Line| LineView {
            title: line.title,
            text: line.text,
        };
        Ok(ExplainedView {
            route: explained.route.to_string(),
            access: explained.access.label().to_owned(),
            session: explained.session.map(|session| session.to_string()),
            lines: explained.lines.into_iter().map(line).collect(),
        })
    }

    /// Takes a lane from its holders, or from one of them, and lets the next go. Gives their number.
    ///
    /// # Errors
    /// [`NotRevoked`].
    pub fn release(&self, lane: [u8; 16], ticket: Option<u64>) -> Result<usize, NotRevoked> {
        let lane = SessionKey::of_digest(lane);
        let released = self.shared.lanes.revoke(lane, ticket.map(Ticket))?;
        for _ in 0..released {
            self.metrics
                .core(0)
                .exception(Exception::ReleasedByOperator);
        }
        Ok(released)
    }

    /// Takes what it owes from a client. Gives the number of rules that knew it.
    pub fn forget(&self, client: IpAddr) -> usize {
        let policy = self.shared.policy.load();
        let network = policy.client.network_of(client);
        let rules = policy.throttle.iter();
        rules.filter(|rule| rule.forget(network)).count()
    }

    fn policy_view(&self, policy: &Policy) -> PolicyView {
        let edition = policy.edition;
        let mut modes = policy.routes.modes();
        let first = modes.next();
        let mode = match first {
            Some(first) if modes.any(|mode| mode != first) => "mixed",
            Some(Mode::Observe) => "observe",
            Some(Mode::Enforce) | None => "enforce",
        };
        PolicyView {
            version: edition.version,
            digest: edition.name(),
            loaded_ms: unix(edition.loaded),
            mode: mode.to_owned(),
            file: self.file.clone(),
            current: (self.gauges)().config_is_current,
            routes: policy.routes.operators().count(),
        }
    }

    fn evidence(&self, policy: &Policy) -> Snapshot {
        let demoted: Vec<_> = policy.routes.demoted().collect();
        let (asks, observes) = (policy.application.is_asked(), policy.routes.observes());
        self.shared.evidence.snapshot(asks, observes, &demoted)
    }

    fn totals(&self, totals: &Totals) -> TotalsView {
        let gauges = (self.gauges)();
        TotalsView {
            lanes: gauges.lanes,
            holding: gauges.holders,
            waiting: gauges.waiters,
            connections: gauges.connections,
            throttle_clients: gauges.throttle_clients,
            buffer_memory: gauges.buffer_memory,
            requests: totals.requests,
            waited: totals.waits.count,
            waited_ms: milliseconds(totals.waits.time),
            held: totals.holds.count,
            held_ms: milliseconds(totals.holds.time),
            refused: sum(&totals.refusals),
            would_wait: totals.would_wait,
            would_refuse: totals.would_refuse,
            exceptions: sum(&totals.exceptions),
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

fn routes(
    policy: &Policy,
    totals: &Totals,
    evidence: &Snapshot,
    caused: &HashMap<Label, Waits>,
) -> Vec<RouteView> {
    let mut views: Vec<RouteView> = Vec::new();
    for (label, terms) in policy.routes.all_terms() {
        if views.len() >= MOST_ROUTES || views.iter().any(|known| *known.route == **label) {
            continue;
        }
        let known = evidence.routes.iter().find(|known| *known.route == **label);
        let counts = known.map(|known| known.counts).unwrap_or_default();
        let total = totals.routes.iter().find(|total| *total.route == **label);
        let total = total.cloned().unwrap_or_default();
        let caused = caused.get(label).copied().unwrap_or_default();
        views.push(RouteView {
            route: label.to_string(),
            access: terms.access.label().to_owned(),
            mode: mode(terms.mode).to_owned(),
            demoted: known.is_some_and(|known| known.demoted),
            requests: total.requests,
            waited: total.waits.count,
            waited_ms: milliseconds(total.waits.time),
            held: total.holds.count,
            held_ms: milliseconds(total.holds.time),
            caused: caused.count,
            caused_ms: milliseconds(caused.waited),
            would_wait: counts.met,
            reports: ReportsView {
                wrote: counts.wrote,
                unchanged: counts.unchanged,
                silent: counts.silent,
            },
        });
    }
    views
}

fn client_view(rule: &throttle::Rule, seen: throttle::Seen) -> ClientView {
    ClientView {
        network: seen.client.address().to_string(),
        rule: rule.name.to_string(),
        mode: match rule.mode {
            throttle::Mode::Enforce => "enforce",
            throttle::Mode::Observe => "observe",
        }
        .to_owned(),
        inside: seen.inside,
        waiting: seen.waiting,
        refused: seen.refused,
        refused_ago_ms: seen.refused_ago.map(milliseconds),
    }
}

fn refusals(totals: &Totals) -> Vec<RefusalView> {
    let view = |(reason, count): &(&str, u64)| RefusalView {
        reason: (*reason).to_owned(),
        count: *count,
    };
    totals.refusals.iter().map(view).collect()
}

fn exceptions(totals: &Totals) -> Vec<ExceptionView> {
    let view = |(kind, count): &(&str, u64)| ExceptionView {
        kind: (*kind).to_owned(),
        count: *count,
    };
    totals.exceptions.iter().map(view).collect()
}

fn sum(counts: &[(&str, u64)]) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn unix(time: SystemTime) -> u64 {
    milliseconds(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Of pages, clients and the like.
const LISTED: usize = 50;

/// As many as a configuration may have, and those that no route decides.
const MOST_ROUTES: usize = 1_003;
