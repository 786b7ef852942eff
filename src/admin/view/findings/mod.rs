//! What operators might do: pages that met others in observe mode, and routes to write.
//!
//! Guarantees: `read` or `none` is proposed only where `onelane advise` proposes it; a page of which nobody knows whether
//! it writes is named as one to look at, and no line is given for one that is known to write; what the routes in force
//! decide already is not advised. Does not do: judge (`evidence::advice` does).

use std::cmp::Reverse;

use http::{Method, Uri};

use super::LISTED;
use crate::admin::state::{AdviceView, BlockedView, BlockingView, FindingView, PageView};
use crate::evidence::advice::{Advice, Enough, Proposal, Why};
use crate::evidence::{Counts, Snapshot};
use crate::gateway::explain::request;
use crate::route::{Access, Label, RouteTable, Terms};

/// Observed pages that met a writer of their session, the most first.
pub(super) fn findings(evidence: &Snapshot) -> Vec<FindingView> {
    let mut met: Vec<_> = evidence
        .paths
        .iter()
        .filter(|page| page.counts.met > 0)
        .collect();
    met.sort_by_key(|page| Reverse(page.counts.met));
    let view = |page: &crate::evidence::PathEvidence| FindingView {
        route: page.route.clone(),
        method: page.method.clone(),
        path: page.path.clone(),
        requests: page.counts.requests,
        met: page.counts.met,
        nested: page.counts.nested,
    };
    met.into_iter().take(LISTED).map(view).collect()
}

/// What the evidence proposes, and the pages that block most; what can be done comes first, then what saves most. What
/// `routes` decide already is not advised.
pub(super) fn advice(
    evidence: &Snapshot,
    blocking: &[BlockingView],
    routes: &RouteTable,
) -> Vec<AdviceView> {
    let advice = Advice::of(evidence, Enough::default());
    let mut views: Vec<_> = advice
        .routes
        .iter()
        .filter(|route| !is_done(route, routes))
        .map(|route| proposed(route, blocking))
        .collect();
    for pair in blocking {
        let blocker = &pair.blocker;
        let (Some(method), Some(path)) = (&blocker.method, &blocker.path) else {
            continue;
        };
        let known = |view: &AdviceView| view.method == *method && view.path == *path;
        if views.iter().any(known) || !writes(routes, blocker) {
            continue;
        }
        let behind = Behind::of(method, path, blocking);
        let counts = counts(evidence, method, path);
        if behind.is_trouble(counts.wrote > 0) {
            views.push(blocks(&blocker.route, method, path, behind, &counts));
        }
    }
    let urgent = |view: &AdviceView| view.kind != "wrote";
    views.sort_by_key(|view| (urgent(view), view.yaml.is_none(), Reverse(view.saves_ms)));
    views.truncate(ADVISED);
    views
}

/// Whether the routes decide as is proposed, so that what was counted is from before a reload.
fn is_done(route: &Proposal, routes: &RouteTable) -> bool {
    match (
        &route.why,
        now(routes, &route.page.method, &route.page.path),
    ) {
        (Why::NeverWrote, Some(Access::Read | Access::None))
        | (Why::Overlapped, Some(Access::None)) => true,
        // What wrote counts as a write until the next reload; what is excepted is needed together with another one.
        (Why::NeverWrote | Why::Overlapped | Why::Wrote | Why::Except(_), _) => false,
    }
}

/// Whether the page's requests are taken for writes, and still would be: its figures may be from before a reload.
fn writes(routes: &RouteTable, page: &PageView) -> bool {
    let is_write =
        |(label, terms): (&Label, &Terms)| **label == *page.route && terms.access == Access::Write;
    let (Some(method), Some(path)) = (&page.method, &page.path) else {
        return false;
    };
    routes.all_terms().any(is_write)
        && now(routes, method, path).is_none_or(|access| access == Access::Write)
}

/// What a request of this page without any header is taken for now; None when there is no such request.
fn now(routes: &RouteTable, method: &str, path: &str) -> Option<Access> {
    let (method, url): (Method, Uri) = (method.parse().ok()?, path.parse().ok()?);
    let decision = routes.decide(&request(&method, &url, &[]));
    Some(decision.terms.access)
}

fn proposed(route: &Proposal, blocking: &[BlockingView]) -> AdviceView {
    let (method, path) = (&route.page.method, &route.page.path);
    let behind = Behind::of(method, path, blocking);
    let counts = &route.counts;
    let (kind, why) = match &route.why {
        Why::Wrote => (
            "wrote",
            format!(
                "it was read or none, and changed its session {} times",
                counts.undeclared
            ),
        ),
        Why::Except(_) => (
            "except",
            "it would be matched by another proposed route, and is not as harmless".to_owned(),
        ),
        Why::NeverWrote => (
            "never_wrote",
            format!(
                "{} reports, none wrote; others waited {} behind it",
                counts.unchanged,
                seconds(behind.waited_ms)
            ),
        ),
        Why::Overlapped => (
            "overlaps",
            format!(
                "{} of {} that met a writer ended within its time: it takes no lock",
                counts.nested, counts.met
            ),
        ),
    };
    AdviceView {
        kind: kind.to_owned(),
        route: route.routes.first().cloned().unwrap_or_default(),
        method: method.clone(),
        path: path.clone(),
        access: Some(route.access.label().to_owned()),
        saves_ms: behind.waited_ms,
        why,
        yaml: Some(yaml(method, path, route.access)),
        blocked: behind.blocked,
    }
}

/// A page that others wait for, with what is known of whether it writes: not enough for a proposal, or that it does.
fn blocks(route: &str, method: &str, path: &str, behind: Behind, counts: &Counts) -> AdviceView {
    let Behind {
        count,
        waited_ms,
        blocked,
    } = behind;
    let Counts {
        wrote, unchanged, ..
    } = *counts;
    let may_read = matches!(method, "GET" | "HEAD") && wrote == 0;
    let begin = format!("{count} requests waited {} behind it", seconds(waited_ms));
    let why = if wrote > 0 {
        let reports = wrote + unchanged;
        format!(
            "{begin}; it changed its session in {wrote} of {reports} requests, as the application reports: it has to \
             stay write, and only a faster page helps"
        )
    } else if !may_read {
        format!("{begin}: look at what it does")
    } else if unchanged > 0 {
        format!(
            "{begin}; {unchanged} reports so far, and none wrote: if it only reads the session, this route saves that"
        )
    } else {
        format!("{begin}: if it only reads the session, this route saves that")
    };
    AdviceView {
        kind: if wrote > 0 { "writes" } else { "blocks" }.to_owned(),
        route: route.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        access: may_read.then(|| Access::Read.label().to_owned()),
        saves_ms: waited_ms,
        why,
        yaml: may_read.then(|| yaml(method, path, Access::Read)),
        blocked,
    }
}

/// What has waited behind a page, whatever its route.
#[derive(Debug, Default)]
struct Behind {
    count: u64,
    waited_ms: u64,
    blocked: Vec<BlockedView>,
}

impl Behind {
    /// Whether it is worth a word. What cannot be changed by a route has to be slow, too: short waits are what lanes are for.
    fn is_trouble(&self, writes: bool) -> bool {
        let each = self.waited_ms / self.count.max(1);
        self.waited_ms >= WORTH_A_LOOK_MS && (!writes || each >= SLOW_MS)
    }

    fn of(method: &str, path: &str, blocking: &[BlockingView]) -> Self {
        let mut behind = Self::default();
        for pair in blocking {
            let PageView {
                method: of,
                path: at,
                ..
            } = &pair.blocker;
            if of.as_deref() == Some(method) && at.as_deref() == Some(path) {
                behind.add(pair);
            }
        }
        let cost = |one: &BlockedView| Reverse((one.lately_ms, one.waited_ms));
        behind.blocked.sort_by_key(cost);
        behind.blocked.truncate(BLOCKED);
        behind
    }

    fn add(&mut self, pair: &BlockingView) {
        self.count += pair.count;
        self.waited_ms += pair.waited_ms;
        let same = |known: &&mut BlockedView| {
            (&known.waiter.method, &known.waiter.path) == (&pair.waiter.method, &pair.waiter.path)
        };
        let known = match self.blocked.iter_mut().find(same) {
            Some(known) => known,
            None => self.blocked.push_mut(BlockedView {
                waiter: pair.waiter.clone(),
                ..BlockedView::default()
            }),
        };
        known.count += pair.count;
        known.waited_ms += pair.waited_ms;
        known.lately_count += pair.lately_count;
        known.lately_ms += pair.lately_ms;
    }
}

/// What is known of a page, whatever its route.
fn counts(evidence: &Snapshot, method: &str, path: &str) -> Counts {
    let mut sum = Counts::default();
    for page in &evidence.paths {
        if page.method == method && page.path == path {
            sum.add(&page.counts);
        }
    }
    sum
}

/// A route to paste; the shape of a path has no sign that means something in YAML within quotes.
fn yaml(method: &str, path: &str, access: Access) -> String {
    let path = serde_json::Value::from(path);
    format!(
        "- {{ path: {path}, methods: [{method}], access: {} }}",
        access.label()
    )
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

/// A wait that people notice.
const SLOW_MS: u64 = 250;

/// More is not read.
const ADVISED: usize = 20;

/// Of those who waited behind a page.
const BLOCKED: usize = 3;

/// Less than a second since the start is nobody's trouble.
const WORTH_A_LOOK_MS: u64 = 1_000;

#[cfg(test)]
mod tests;
