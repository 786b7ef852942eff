//! What operators are told: where metrics and the admin listener get their answers from.
//!
//! Does not do: answer; `admin` does.

use std::sync::Arc;
use std::time::Instant;

use tracing_appender::non_blocking::ErrorCounter;

use crate::admin;
use crate::config::Startup;
use crate::gateway::record::{ACCESS_LABELS, Outcome};
use crate::gateway::refusal::Reason;
use crate::gateway::{Fault, Shared};
use crate::metrics::{Gauges, Labels, Metrics};
use crate::reload::{Attempt, Reload};
use crate::server::{Handle, ProxyFault};
use crate::session::OddReason;
use crate::tls::{self, Certificates};

/// The labels that the metrics, which know none of our types, are given.
pub(super) fn labels(startup: &Startup) -> Labels {
    Labels {
        access: &ACCESS_LABELS,
        outcomes: &Outcome::LABELS,
        refusals: &Reason::LABELS,
        upstream_errors: &Fault::LABELS,
        upstreams: startup.upstream.names(),
        odd_cookies: &OddReason::LABELS,
        proxy_faults: &ProxyFault::LABELS,
        reports: &crate::evidence::Report::LABELS,
    }
}

/// What the admin listener tells.
pub(super) fn sources(
    metrics: Arc<Metrics>,
    shared: &Shared,
    cores: Vec<Handle>,
    certificates: Vec<Certificates>,
    (reload, lost): (Arc<Reload>, ErrorCounter),
) -> admin::Sources {
    let (shared, told, nodes) = (shared.clone(), shared.clone(), Arc::clone(&shared.upstream));
    let gauges = move || {
        let (counts, version) = (shared.lanes.counts(), reload.version());
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
            log_lines_dropped: lost.dropped_lines(),
            config_is_current: version.last == Attempt::Ok,
            config_since: version.since,
        }
    };
    admin::Sources {
        ready: Box::new(move || {
            if nodes.all_ill() {
                return admin::Readiness::NotReady("the health checks of all upstreams fail");
            }
            admin::Readiness::Ready
        }),
        evidence: Box::new(move || told.policy.load().evidence(&told.evidence)),
        metrics: Box::new(move || metrics.encode(gauges())),
    }
}
