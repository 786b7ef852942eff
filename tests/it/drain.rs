//! SIGTERM: readiness fails, nobody new is accepted, holders and waiters finish; at the deadline they are cut off and
//! counted. (That the signal leads here, and the exit codes, are the binary's tests.)

use std::time::{Duration, Instant};

use crate::support::{Client, Proxy, Request, Step, Upstream, eventually, held};

#[test]
fn an_idle_proxy_ends_at_once_and_closes_all_connections() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s");
    assert_eq!(proxy.admin("/readyz").status, 200);
    assert_eq!(proxy.admin("/livez").status, 200);
    let mut idle = proxy.connect();
    assert_eq!(idle.call(&Request::post("/x", "").session("a")).status, 200);
    let silent = proxy.connect();
    eventually("both clients are known", || {
        proxy.metrics().count("onelane_connections") == 2
    });
    let start = Instant::now();
    let drained = proxy.stop();
    assert_eq!(drained.cut_off, 0);
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "idle clients are not waited for"
    );
    idle.closed();
    drop(silent);
    eventually("the application's connections are closed", || {
        app.open_connections() == 0
    });
}

#[test]
fn holders_and_waiters_finish_and_nobody_new_comes() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s");
    let session = proxy.session("a");
    let mut first = session.post("/hold");
    let inside = app.arrival();
    let mut second = session.post("/second");
    proxy.until_waiting(1);
    let draining = proxy.begin_drain();
    assert!(
        matches!(draining.ready(), None | Some(503)),
        "{:?}",
        draining.ready()
    );
    assert!(!draining.has_ended());
    inside.release();
    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(draining.ended().cut_off, 0);
    assert_eq!(app.targets(), ["/hold", "/second"]);
}

#[test]
fn a_kept_connection_is_closed_after_its_response() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s");
    let mut first = proxy.connect();
    first.send(Request::post("/hold", "").session("a").bytes());
    let inside = app.arrival();
    let draining = proxy.begin_drain();
    inside.release();
    let response = first.response();
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("connection"),
        Some("close"),
        "the client knows not to send more"
    );
    first.closed();
    assert_eq!(draining.ended().cut_off, 0);
}

#[test]
fn who_was_connected_before_is_still_answered() {
    for has_spoken in [false, true] {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s");
        let mut client = proxy.connect();
        if has_spoken {
            assert_eq!(client.call(&Request::get("/first")).status, 200);
        }
        eventually("it is accepted", || {
            proxy.metrics().count("onelane_connections") == 1
        });
        let draining = proxy.begin_drain();
        let response = client.call(&Request::post("/x", "").session("a"));
        assert_eq!(response.status, 200);
        assert_eq!(response.header("connection"), Some("close"));
        assert_eq!(draining.ended().cut_off, 0);
    }
}

#[test]
fn a_balancer_that_asks_while_it_drains_is_told_and_its_connection_ends() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s\nready_path: /ready");
    let mut balancer = proxy.connect();
    assert_eq!(balancer.call(&Request::get("/ready")).text(), "ready\n");
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let draining = proxy.begin_drain();
    let told = balancer.call(&Request::get("/ready"));
    assert_eq!(
        (told.status, told.header("connection")),
        (503, Some("close"))
    );
    balancer.closed();
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(draining.ended().cut_off, 0);
    assert_eq!(app.targets(), ["/hold"]);
}

#[test]
fn at_the_deadline_waiters_are_refused_and_holders_are_cut_off() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 300ms");
    let session = proxy.session("a");
    let mut first = session.post("/hold");
    let inside = app.arrival();
    let mut second = session.post("/second");
    proxy.until_waiting(1);
    let draining = proxy.begin_drain();
    let refused = second.response();
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(draining.ended().cut_off, 1);
    first.client().closed();
    inside.peer_left();
    inside.release();
    assert_eq!(app.targets(), ["/hold"]);
}

#[test]
fn a_write_without_its_client_is_waited_for() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 60s");
    let leaver = proxy.session("a").post("/hold");
    let inside = app.arrival();
    leaver.leave();
    proxy.until_every_core_has_looked();
    let draining = proxy.begin_drain();
    assert!(!draining.has_ended());
    assert!(inside.peer_is_there());
    inside.release();
    inside.left();
    assert_eq!(draining.ended().cut_off, 0);
}

#[test]
fn a_tunnel_does_not_outlive_the_deadline() {
    let app = Upstream::start();
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n".to_vec();
    app.on("/socket", [Step::Send(switch), Step::Echo]);
    let proxy = Proxy::in_front_of(&app, "drain_timeout: 300ms");
    let mut client = Client::connect(proxy.address());
    client.send(
        Request::get("/socket")
            .header("Connection", "Upgrade")
            .header("Upgrade", "x")
            .bytes(),
    );
    assert_eq!(client.head().status(), 101);
    proxy.stop();
    client.closed();
    eventually("the application's side is closed", || {
        app.open_connections() == 0
    });
}
