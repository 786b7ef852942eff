//! What operators might do: pages that met others in observe mode, and routes to write.
//!
//! Guarantees: `read` or `none` is proposed only where `onelane advise` proposes it; a page of which nobody knows whether
//! it writes is named as one to look at. Does not do: judge (`evidence::advice` does).

use crate::admin::state::{AdviceView, FindingView};
use crate::evidence::advice::{Advice, Enough, Proposal, Why};
use crate::evidence::{Pair, Snapshot, Waits};
use crate::route::Access;

use super::{LISTED, milliseconds};

/// Observed pages that met a writer of their session, the most first.
pub(super) fn findings(evidence: &Snapshot) -> Vec<FindingView> {
    let mut met: Vec<_> = evidence
        .paths
        .iter()
        .filter(|page| page.counts.met > 0)
        .collect();
    met.sort_by_key(|page| std::cmp::Reverse(page.counts.met));
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

/// What the evidence proposes, and the pages that block most; what saves most comes first. `writes` says whether a route
/// takes its requests for writes: a page that is a read already needs no advice.
pub(super) fn advice(
    evidence: &Snapshot,
    pairs: &[(Pair, Waits)],
    writes: impl Fn(&str) -> bool,
) -> Vec<AdviceView> {
    let advice = Advice::of(evidence, Enough::default());
    let mut views: Vec<_> = advice
        .routes
        .iter()
        .map(|route| proposed(route, pairs))
        .collect();
    for (pair, _) in pairs {
        let blocker = &pair.blocker;
        let (Some(method), Some(path)) = (blocker.method, &blocker.path) else {
            continue;
        };
        let known = |view: &AdviceView| view.method == method && view.path == *path;
        if views.iter().any(known) || !writes(&blocker.route) {
            continue;
        }
        let caused = caused(method, path, pairs);
        if milliseconds(caused.waited) >= WORTH_A_LOOK_MS {
            views.push(blocks(&blocker.route, method, path, &caused));
        }
    }
    views.sort_by_key(|view| (view.kind != "wrote", std::cmp::Reverse(view.saves_ms)));
    views.truncate(ADVISED);
    views
}

fn proposed(route: &Proposal, pairs: &[(Pair, Waits)]) -> AdviceView {
    let (method, path) = (&route.page.method, &route.page.path);
    let caused = milliseconds(caused(method, path, pairs).waited);
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
                seconds(caused)
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
        saves_ms: caused,
        why,
        yaml: Some(yaml(method, path, route.access)),
    }
}

/// A page that others wait for, and of which nobody knows whether it writes.
fn blocks(route: &str, method: &str, path: &str, caused: &Waits) -> AdviceView {
    let harmless = matches!(method, "GET" | "HEAD");
    let time = seconds(milliseconds(caused.waited));
    let why = if harmless {
        format!(
            "{} requests waited {time} behind it: if it only reads the session, this route saves that",
            caused.count
        )
    } else {
        format!(
            "{} requests waited {time} behind it: look at what it does",
            caused.count
        )
    };
    AdviceView {
        kind: "blocks".to_owned(),
        route: route.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        access: harmless.then(|| Access::Read.label().to_owned()),
        saves_ms: milliseconds(caused.waited),
        why,
        yaml: harmless.then(|| yaml(method, path, Access::Read)),
    }
}

/// What a page has made others wait, whatever its route.
fn caused(method: &str, path: &str, pairs: &[(Pair, Waits)]) -> Waits {
    let mut sum = Waits::default();
    for (pair, waits) in pairs {
        if pair.blocker.method == Some(method) && pair.blocker.path.as_deref() == Some(path) {
            sum.add(waits);
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

/// More is not read.
const ADVISED: usize = 20;

/// Less than a second since the start is nobody's trouble.
const WORTH_A_LOOK_MS: u64 = 1_000;
