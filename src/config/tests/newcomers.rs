//! What becomes of requests without a session, and when a wait is judged at its beginning.

use super::*;
use crate::gateway::WithoutSession;
use crate::lane::Admission;

fn without_session(session: &str) -> WithoutSession {
    let config = config(&format!("session: {{ preset: php, {session} }}"));
    config.policy.without_session
}

#[test]
fn they_pass_unless_it_is_said() {
    assert_eq!(
        config("mode: observe").policy.without_session,
        WithoutSession::Pass
    );
    assert_eq!(without_session(""), WithoutSession::Pass);
    assert_eq!(
        without_session("without_session: pass"),
        WithoutSession::Pass
    );
}

#[test]
fn by_client_has_a_window() {
    let by_client = |seconds| WithoutSession::ByClient {
        window: Duration::from_secs(seconds),
    };
    assert_eq!(without_session("without_session: by_client"), by_client(2));
    assert_eq!(
        without_session("without_session: by_client, by_client_window: 5s"),
        by_client(5)
    );
}

#[test]
fn a_window_that_is_none_and_a_choice_that_is_none_are_refused() {
    for (text, problem) in [
        ("without_session: by_clint", "not one of the choices"),
        ("by_client_window: 0s", "out of range"),
        ("by_client_window: 2", "a duration needs a unit"),
    ] {
        let error = error(&format!("session: {{ preset: php, {text} }}"));
        assert_eq!(error.problem, problem, "{text}");
    }
    assert!(
        suggestion("session: { preset: php, without_session: by_clint }").contains("by_client")
    );
}

#[test]
fn a_wait_is_judged_at_its_beginning_only_where_it_is_said() {
    let admission = |config: &Config, path| terms(config, "GET", path).limits.admission;
    let on_a_route = with_route("{ path: /a, queue: { admission: estimate } }");
    assert_eq!(admission(&on_a_route, "/a"), Admission::Estimate);
    assert_eq!(admission(&on_a_route, "/b"), Admission::Off);
    let everywhere = config(
        "queue: { admission: estimate }\nroutes: [{ path: /a, access: write, queue: { admission: off } }]",
    );
    assert_eq!(admission(&everywhere, "/a"), Admission::Off);
    assert_eq!(admission(&everywhere, "/b"), Admission::Estimate);
    assert_eq!(
        error("queue: { admission: guess }").problem,
        "not one of the choices"
    );
}
