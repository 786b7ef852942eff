//! Which page made which wait, as operators are told.
//!
//! Guarantees: of a path only its shape.

use super::lately::Lately;
use super::milliseconds;
use crate::admin::state::{BlockingView, PageView};
use crate::evidence::{Page, Pair, Waits};

/// The pairs, in their order.
pub(super) fn views(pairs: &[(Pair, Waits)], lately: &Lately) -> Vec<BlockingView> {
    pairs.iter().map(|pair| view(pair, lately)).collect()
}

fn view((pair, waits): &(Pair, Waits), lately: &Lately) -> BlockingView {
    let late = lately.of(pair, waits);
    BlockingView {
        blocker: page(&pair.blocker),
        waiter: page(&pair.waiter),
        count: waits.count,
        waited_ms: milliseconds(waits.waited),
        longest_ms: milliseconds(waits.longest),
        lately_count: late.count,
        lately_ms: milliseconds(late.waited),
    }
}

fn page(page: &Page) -> PageView {
    PageView {
        route: page.route.to_string(),
        method: page.method.map(str::to_owned),
        path: page.path.clone(),
    }
}
