//! Which route a request hits, and why.
//!
//! Guarantees: every decision is also held against its explanation.
//! Does not do: test normalization by itself; `session::tests::paths` does.

mod criteria;
mod doubt;
mod presets;
mod table;

use std::time::Duration;

use http::{HeaderName, Method};

use super::*;
use crate::lane::{Admission, Limits, OnFull, OnHoldLimit};
use crate::session::Preset;

fn terms(access: Access) -> Terms {
    Terms {
        access,
        reads: Reads::Follow,
        mode: Mode::Enforce,
        limits: Limits {
            waiters: 50,
            wait_timeout: Duration::from_secs(120),
            hold_limit: Duration::from_secs(130),
            on_overflow: OnFull::Refuse,
            on_wait_timeout: OnFull::Refuse,
            on_hold_limit: OnHoldLimit::Release,
            max_passed: 10,
            admission: Admission::Off,
        },
        release: Release::Body {
            grace: Duration::ZERO,
        },
        follow_hold: Duration::from_millis(50),
        on_client_gone: OnClientGone::Leave,
    }
}

fn route(label: &str, criteria: Criteria, access: Access) -> Route {
    Route {
        label: Arc::from(label),
        origin: Origin::Operator,
        criteria,
        terms: Arc::new(terms(access)),
    }
}

fn path(glob: &str) -> Criteria {
    path_in(glob, PathCase::Sensitive)
}

fn path_in(glob: &str, case: PathCase) -> Criteria {
    Criteria {
        path: Some(PathPattern::glob(glob, case).unwrap()),
        ..Criteria::default()
    }
}

fn extensions(list: &[&str]) -> Criteria {
    Criteria {
        extensions: Some(Extensions::new(list.iter().copied()).unwrap()),
        ..Criteria::default()
    }
}

/// A table that writes by default and tells case apart.
fn table(routes: Vec<Route>) -> RouteTable {
    RouteTable::new(routes, Arc::new(terms(Access::Write)), PathCase::Sensitive)
}

fn aspnet(mut routes: Vec<Route>) -> RouteTable {
    let default = terms(Access::Write);
    routes.extend(preset::routes(Preset::AspNet, &default));
    RouteTable::new(routes, Arc::new(default), PathCase::Insensitive)
}

fn request(method: &str, target: &str, lines: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in lines {
        request = request.header(HeaderName::from_bytes(name.as_bytes()).unwrap(), *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn get(target: &str) -> Parts {
    request("GET", target, &[])
}

/// The label of the decision, which its explanation must share.
fn decided(table: &RouteTable, request: &Parts) -> String {
    let decision = table.decide(request);
    let explanation = table.explain(request);
    assert_eq!(decision.route, explanation.decision.route);
    assert_eq!(decision.label, explanation.decision.label);
    let matched = explanation
        .steps
        .iter()
        .position(|step| step.outcome == Outcome::Matched);
    assert_eq!(decision.route, matched);
    decision.label.to_string()
}
