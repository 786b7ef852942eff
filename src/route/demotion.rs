//! Routes that said `read` and wrote: they count as `write` until the table is replaced.
//!
//! Guarantees: a request sees one or the other, never a mixture; a route that is no `read` costs nothing, and one that
//! is costs one relaxed load. Does not do: notice that a route wrote; say so to the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::terms::{Access, Terms};

/// What becomes of a `read` route, once it has written.
#[derive(Debug)]
pub(super) struct Demotion {
    done: AtomicBool,
    terms: Arc<Terms>,
}

/// What demoting a route has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demoted {
    /// Nothing: it was demoted before, or is no `read`.
    Before,
    /// From now on its requests are writes.
    Now,
}

impl Demotion {
    /// Of a route with these terms; None when it is no `read`.
    pub(super) fn of(terms: &Terms) -> Option<Self> {
        (terms.access == Access::Read).then(|| Self {
            done: AtomicBool::new(false),
            terms: Arc::new(Terms {
                access: Access::Write,
                ..terms.clone()
            }),
        })
    }

    /// From now on the terms are those of a write.
    pub(super) fn demote(&self) -> Demoted {
        if self.done.swap(true, Ordering::Relaxed) {
            Demoted::Before
        } else {
            Demoted::Now
        }
    }

    /// The terms of a write, if it was demoted.
    pub(super) fn terms(&self) -> Option<&Arc<Terms>> {
        self.done.load(Ordering::Relaxed).then_some(&self.terms)
    }
}
