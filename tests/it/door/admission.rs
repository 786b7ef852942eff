//! `queue.admission: estimate`: who would wait in vain is told at once.

use std::time::Duration;

#[cfg(unix)]
use crate::support::Process;
use crate::support::{Exchange, Proxy, Session, Step, Upstream, answer, held};

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
    let app = slow();
    let proxy = Proxy::in_front_of(&app, &late(", admission: estimate"));
    let session = proxy.session("a");
    let _occupied = occupy(&app, &session, || {
        proxy.until_waiting(1);
    });
    let refused = session.post("/late").response();
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("would take longer"),
        "{}",
        refused.text()
    );
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..10).contains(&after), "{after}");
    let refusals = |reason| {
        proxy
            .metrics()
            .labelled("onelane_refusals_total", "reason", reason)
    };
    assert_eq!((refusals("wait_timeout"), refusals("queue_full")), (1, 0));
    assert!(!app.targets().contains(&"/late".to_owned()));
    assert_eq!(
        proxy.session("b").post("/late").status(),
        200,
        "another session's lane is free"
    );
}

#[test]
fn without_the_estimate_it_waits_in_vain() {
    let app = slow();
    let proxy = Proxy::in_front_of(&app, &late(""));
    let session = proxy.session("a");
    let _occupied = occupy(&app, &session, || {
        proxy.until_waiting(1);
    });
    let refused = session.post("/late").response();
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("took too long"),
        "{}",
        refused.text()
    );
}

#[test]
fn who_would_have_its_turn_in_time_waits() {
    let app = slow();
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 10ms\nqueue: { admission: estimate }");
    let session = proxy.session("a");
    let _occupied = occupy(&app, &session, || {
        proxy.until_waiting(1);
    });
    let _patient = session.post("/patient");
    proxy.until_waiting(1);
}

#[test]
fn what_is_done_with_it_is_what_is_done_at_the_end_of_a_wait() {
    let app = slow();
    let proxy = Proxy::in_front_of(&app, &late(", admission: estimate, on_wait_timeout: pass"));
    let session = proxy.session("a");
    let _occupied = occupy(&app, &session, || {
        proxy.until_waiting(1);
    });
    let passed = session.post("/late").response();
    assert_eq!((passed.status, passed.header("server-timing")), (200, None));
    assert_eq!(app.arrival().seen.with, [1]);
    let passes = "onelane_exclusion_exceptions_total";
    assert_eq!(proxy.metrics().labelled(passes, "kind", "pass"), 1);
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
