//! What operators are told: where metrics and the admin listener get their answers from.
//!
//! Does not do: answer; `admin` does.

use std::sync::Arc;
use std::time::Instant;

use super::log::Lost;
use crate::admin;
use crate::config::Startup;
use crate::gateway::record::{ACCESS_LABELS, Outcome};
use crate::gateway::refusal::Reason;
use crate::gateway::{Fault, Shared};
use crate::metrics::{Gauges, Labels, Metrics};
use crate::reload::{Attempt, Cause, Reload};
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

/// What operators ask for beside figures.
pub(super) struct Operated {
    /// Reads the configuration again.
    pub(super) reload: Arc<Reload>,
    /// Counts the lines of the access log that were lost.
    pub(super) lost: Lost,
    /// Begins the drain.
    pub(super) drain: Box<dyn Fn() + Send + Sync>,
}

/// What the admin listener tells.
pub(super) fn sources(
    metrics: Arc<Metrics>,
    shared: &Shared,
    cores: Vec<Handle>,
    certificates: Vec<Certificates>,
    operated: Operated,
) -> admin::Sources {
    let Operated {
        reload,
        lost,
        drain,
    } = operated;
    let (told, nodes) = (shared.clone(), Arc::clone(&shared.upstream));
    let view = shared.clone();
    let shared = shared.clone();
    let again = Arc::clone(&reload);
    let file = reload.file();
    let gauges = Arc::new(move || {
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
            log_lines_dropped: lost.lines(),
            config_is_current: version.last == Attempt::Ok,
            config_since: version.since,
        }
    });
    let counts = metrics.core(0);
    let gauged = Arc::clone(&gauges);
    admin::Sources {
        ready: Box::new(move || {
            if nodes.all_ill() {
                return admin::Readiness::NotReady("the health checks of all upstreams fail");
            }
            admin::Readiness::Ready
        }),
        evidence: Box::new(move || told.policy.load().evidence(&told.evidence)),
        view: admin::View::new(
            view,
            Arc::clone(&metrics),
            move || gauged(),
            file.as_deref(),
        ),
        metrics: Box::new(move || metrics.encode(gauges())),
        counts,
        drain,
        reload: Some(Arc::new(move || match again.reload(Cause::Operator) {
            Ok(done) => admin::Reloaded::Replaced {
                version: done.version.number,
            },
            Err(error) => admin::Reloaded::Kept {
                why: error.to_string(),
            },
        })),
    }
}
