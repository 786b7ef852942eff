//! What operators are told: where metrics and the admin listener get their answers from.
//!
//! Does not do: answer; `admin` does.

use std::sync::Arc;
use std::time::Instant;

use crate::admin;
use crate::config::Startup;
use crate::gateway::record::{ACCESS_LABELS, Outcome};
use crate::gateway::refusal::Reason;
use crate::gateway::{DENY_LIST, Fault, Policy, Shared};
use crate::metrics::{Gauges, Labels, Metrics};
use crate::server::{Handle, ProxyFault};
use crate::session::OddReason;
use crate::tls::{self, Certificates};

/// The labels that the metrics, which know none of our types, are given.
pub(super) fn labels(startup: &Startup, policy: &Policy) -> Labels {
    Labels {
        access: &ACCESS_LABELS,
        outcomes: &Outcome::LABELS,
        refusals: &Reason::LABELS,
        upstream_errors: &Fault::LABELS,
        upstreams: startup.upstream.names(),
        odd_cookies: &OddReason::LABELS,
        proxy_faults: &ProxyFault::LABELS,
        reports: &crate::evidence::Report::LABELS,
        routes: policy.routes.labels().map(ToString::to_string).collect(),
        throttle_rules: std::iter::once(DENY_LIST)
            .chain(policy.throttle.iter().map(|rule| &*rule.name))
            .map(ToString::to_string)
            .collect(),
    }
}

/// What the admin listener tells.
pub(super) fn sources(
    metrics: Arc<Metrics>,
    shared: &Shared,
    cores: Vec<Handle>,
    certificates: Vec<Certificates>,
    drain: Box<dyn Fn() + Send + Sync>,
) -> admin::Sources {
    let (told, nodes) = (shared.clone(), Arc::clone(&shared.upstream));
    let view = shared.clone();
    let shared = shared.clone();
    let gauges = Arc::new(move || {
        let counts = shared.lanes.counts();
        Gauges {
            lanes: counts.lanes,
            holders: usize::try_from(counts.holding).unwrap_or(usize::MAX),
            waiters: counts.waiting,
            connections: cores.iter().map(Handle::connections).sum(),
            buffer_memory: shared.budget.used(),
            spool: shared.disk.used(),
            throttle_clients: shared.policy.load().throttle.clients(),
            upstreams_healthy: shared.upstream.healthy(Instant::now()),
            certificate_expiry: tls::earliest_end(&certificates),
        }
    });
    let gauged = Arc::clone(&gauges);
    admin::Sources {
        ready: Box::new(move || {
            if nodes.all_ill() {
                return admin::Readiness::NotReady("the health checks of all upstreams fail");
            }
            admin::Readiness::Ready
        }),
        evidence: Box::new(move || told.policy.load().evidence(&told.evidence)),
        view: admin::View::new(view, Arc::clone(&metrics), move || gauged()),
        metrics: Box::new(move || metrics.encode(gauges())),
        drain,
        reload: None,
    }
}
