//! What a figure must be: the promises of Onelane, and the controls that show that there was something to promise.
//!
//! Guarantees: a bound is in the claim that is shown, so that the document, the benchmark and the tests cannot differ.

use std::fmt;

/// A figure with its bound.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    kind: Kind,
    what: String,
    found: f64,
    bound: f64,
    shown: fn(f64) -> String,
}

/// What a claim is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// At most its bound: what Onelane is for.
    Promise,
    /// At least its bound: the application alone has the trouble, so the promise means something.
    Control,
}

impl Claim {
    /// `found` is to be `bound` at most; `shown` spells both.
    pub(crate) fn promise(
        what: impl Into<String>,
        found: f64,
        bound: f64,
        shown: fn(f64) -> String,
    ) -> Self {
        Self {
            kind: Kind::Promise,
            what: what.into(),
            found,
            bound,
            shown,
        }
    }

    /// Without Onelane `found` is to be `bound` at least.
    pub(crate) fn control(
        what: impl Into<String>,
        found: f64,
        bound: f64,
        shown: fn(f64) -> String,
    ) -> Self {
        Self {
            kind: Kind::Control,
            ..Self::promise(what, found, bound, shown)
        }
    }

    /// Whether it is so; a figure that is no number is not.
    pub(crate) fn holds(&self) -> bool {
        match self.kind {
            Kind::Promise => self.found <= self.bound,
            Kind::Control => self.found >= self.bound,
        }
    }

    /// What it is for.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What was measured.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The figure.
    pub(crate) fn found(&self) -> String {
        (self.shown)(self.found)
    }

    /// The bound, with its direction.
    pub(crate) fn bound(&self) -> String {
        let bound = (self.shown)(self.bound);
        match self.kind {
            Kind::Promise if self.bound == 0.0 => bound,
            Kind::Promise => format!("≤ {bound}"),
            Kind::Control => format!("≥ {bound}"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "met" } else { "MISSED" };
        let (what, found, bound) = (&self.what, self.found(), self.bound());
        write!(f, "{verdict}: {what}: {found} ({bound})")
    }
}

/// A claim of no lost, failed or seen ones.
pub(crate) fn none(what: impl Into<String>, found: impl TryInto<i32>) -> Claim {
    let found = found.try_into().map_or(f64::NAN, f64::from);
    // Fewer than none is as wrong as more.
    Claim::promise(what, found.abs(), 0.0, super::table::number)
}

#[test]
fn a_promise_is_a_most_and_a_control_a_least() {
    let promise = |found| Claim::promise("", found, 1.1, super::table::ratio).holds();
    assert!(promise(1.1) && !promise(1.11) && !promise(f64::NAN));
    let control = |found| Claim::control("", found, 5.0, super::table::ratio).holds();
    assert!(control(5.0) && !control(4.99) && !control(f64::NAN));
    assert!(none("", 0_i64).holds() && !none("", 1_u64).holds() && !none("", -1_i64).holds());
}
