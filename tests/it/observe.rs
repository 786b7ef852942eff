//! Observe mode changes nothing: nobody waits, nobody is refused, nothing is rewritten; what would have happened is counted.

use crate::support::{Proxy, Request, Upstream, held};

const OBSERVE: &str = "mode: observe\nqueue: { limit: 0 }";

#[test]
fn nobody_waits_and_nobody_is_refused() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, OBSERVE);
    let session = proxy.session("a");
    let exchanges = ["/1", "/2", "/3"].map(|target| session.post(target));
    let inside = [app.arrival(), app.arrival(), app.arrival()];
    assert_eq!(inside[2].seen.with.len(), 2, "all are inside together");
    let metrics = proxy.metrics();
    assert_eq!(metrics.count("onelane_would_wait_total"), 2);
    assert_eq!(metrics.count("onelane_would_refuse_total"), 2);
    assert_eq!(metrics.count("onelane_refusals_total"), 0);
    assert_eq!(metrics.count("onelane_waiters"), 0);
    for arrived in &inside {
        arrived.release();
    }
    for mut exchange in exchanges {
        assert_eq!(exchange.status(), 200);
    }
    proxy.until_nothing_is_left();
}

#[test]
fn enforced_the_same_requests_are_refused() {
    let app = Upstream::start();
    app.on("/1", held());
    let proxy = Proxy::in_front_of(&app, &OBSERVE.replace("observe", "enforce"));
    let mut first = proxy.session("a").post("/1");
    let inside = app.arrival();
    assert_eq!(proxy.session("a").post("/2").status(), 503);
    assert_eq!(proxy.metrics().count("onelane_would_wait_total"), 0);
    inside.release();
    assert_eq!(first.status(), 200);
}

#[test]
fn requests_one_after_another_would_not_have_waited() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, OBSERVE);
    let mut client = proxy.connect();
    for _ in 0..5 {
        assert_eq!(
            client.call(&Request::post("/x", "").session("a")).status,
            200
        );
        proxy.until_nothing_holds();
    }
    assert_eq!(proxy.metrics().count("onelane_would_wait_total"), 0);
}

#[test]
fn the_application_is_told_only_who_asks_and_the_client_sees_no_timing() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(
        &app,
        &format!("{OBSERVE}\napplication: {{ secret: 'a secret of the farm' }}"),
    );
    let forged = Request::post("/x", "")
        .header("X-Onelane-Access", "none")
        .session("a");
    let response = proxy.call(&forged);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("server-timing"), None);
    let seen = app.arrival().seen;
    assert_eq!(seen.header("x-onelane-access"), None);
    assert_eq!(seen.header("x-onelane-report"), None);
    // Whose request it is has nothing to do with lanes: on one machine, an application would take everybody for local.
    assert_eq!(seen.header("x-onelane-client"), Some("127.0.0.1"));
}

#[test]
fn one_route_can_be_observed_alone() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(
        &app,
        "routes: [{ path: /watched, access: write, mode: observe }]",
    );
    let session = proxy.session("a");
    let first = session.post("/1");
    let second = session.post("/watched");
    let inside = [app.arrival(), app.arrival()];
    let third = session.post("/3");
    proxy.until_waiting(1);
    assert_eq!(app.arrived(), 2);
    for arrived in &inside {
        arrived.release();
    }
    app.arrival().release();
    for mut exchange in [first, second, third] {
        assert_eq!(exchange.status(), 200);
    }
    proxy.until_nothing_is_left();
}
