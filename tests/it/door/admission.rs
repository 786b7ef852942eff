//! `queue.admission: estimate`: who would wait in vain is told at once.

use std::time::Duration;

#[cfg(unix)]
use crate::support::Process;
use crate::support::{Exchange, Proxy, Response, Session, Step, Upstream, answer, held};

/// For requests that have less time than a hold of late took.
fn late(more: &str) -> String {
    format!(
        "drain_timeout: 10ms\nroutes: [{{ path: /late, access: write, queue: {{ wait_timeout: 100ms, hold_limit: 90ms{more} }} }}]"
    )
}

/// An application whose first page takes longer than that.
fn slow() -> Upstream {
    let app = Upstream::start();
    let work = Step::Work(Duration::from_millis(150));
    let first = [
        Step::ReadBody,
        Step::Hold,
        work,
        Step::Send(answer(200, "")),
    ];
    app.on("/first", first);
    app.on("/held", held());
    app
}

/// A lane that is held, and whose last hold took long.
struct Busy {
    _occupied: [Exchange; 2], // it goes first, the application last
    session: Session,
    proxy: Proxy,
    app: Upstream,
}

impl Busy {
    fn with(yaml: &str) -> Self {
        let app = slow();
        let proxy = Proxy::in_front_of(&app, yaml);
        let session = proxy.session("a");
        let waits = || {
            proxy.until_waiting(1);
        };
        Self {
            _occupied: occupy(&app, &session, waits),
            session,
            proxy,
            app,
        }
    }

    /// A request that has no time, which is refused: what it is told.
    fn refused(&self) -> Response {
        let refused = self.session.post("/late").response();
        assert_eq!(refused.status, 503);
        refused
    }
}

/// Lets the lane of `session` see one hold, and has it held by a second request; `waits` returns when that waits.
fn occupy(app: &Upstream, session: &Session, waits: impl Fn()) -> [Exchange; 2] {
    let first = session.post("/first");
    let inside = app.arrival();
    let second = session.post("/held");
    waits();
    inside.release();
    app.arrival();
    [first, second]
}

#[test]
fn who_would_wait_in_vain_is_refused_at_once_and_told_when_to_come_back() {
    let busy = Busy::with(&late(", admission: estimate"));
    let refused = busy.refused();
    assert!(
        refused.text().contains("would take longer"),
        "{}",
        refused.text()
    );
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..10).contains(&after), "{after}");
    let refusals = |reason| {
        busy.proxy
            .metrics()
            .labelled("onelane_refusals_total", "reason", reason)
    };
    assert_eq!((refusals("wait_timeout"), refusals("queue_full")), (1, 0));
    assert!(!busy.app.targets().contains(&"/late".to_owned()));
    assert_eq!(
        busy.proxy.session("b").post("/late").status(),
        200,
        "another session's lane is free"
    );
}

#[test]
fn without_the_estimate_it_waits_in_vain() {
    let busy = Busy::with(&late(""));
    let refused = busy.refused();
    assert!(
        refused.text().contains("took too long"),
        "{}",
        refused.text()
    );
}

#[test]
fn who_would_have_its_turn_in_time_waits() {
    let busy = Busy::with("drain_timeout: 10ms\nqueue: { admission: estimate }");
    let _patient = busy.session.post("/patient");
    busy.proxy.until_waiting(1);
}

#[test]
fn what_is_done_with_it_is_what_is_done_at_the_end_of_a_wait() {
    let busy = Busy::with(&late(", admission: estimate, on_wait_timeout: pass"));
    let passed = busy.session.post("/late").response();
    assert_eq!((passed.status, passed.header("server-timing")), (200, None));
    assert_eq!(busy.app.arrival().seen.with, [1]);
    let passes = "onelane_exclusion_exceptions_total";
    assert_eq!(busy.proxy.metrics().labelled(passes, "kind", "pass"), 1);
}

#[cfg(unix)]
#[test]
fn the_access_log_shows_that_it_did_not_wait() {
    let app = slow();
    let yaml = late(", admission: estimate") + "\nlog: { access: true }";
    let process = Process::in_front_of(&app, &yaml);
    let session = process.session("a");
    let _occupied = occupy(&app, &session, || process.until_waiting(1));
    assert_eq!(session.post("/late").status(), 503);
    let (requests, _) = process.ended("TERM");
    let line = requests.lines().find(|line| line.contains("/late"));
    let line = line.unwrap_or_else(|| panic!("{requests}"));
    for part in ["wait_timeout", "position=1", "wait=0.000ms"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
