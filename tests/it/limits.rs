//! Every limit refuses, passes or releases as it says, is counted, and disturbs nobody else.

use std::time::Duration;

use crate::support::{
    Arrived, Client, Proxy, Request, Response, Session, Step, Upstream, answer, eventually, held,
};

fn proxied(yaml: &str) -> (Upstream, Proxy) {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, yaml);
    (app, proxy)
}

/// Time passes in the application, as the proxy's own clock sees it: a request of another session that takes so long.
fn let_pass(app: &Upstream, proxy: &Proxy, time: Duration) {
    app.on(
        "/slow",
        [
            Step::ReadBody,
            Step::Work(time),
            Step::Send(answer(200, "")),
        ],
    );
    assert_eq!(proxy.session("somebody-else").post("/slow").status(), 200);
}

#[track_caller]
fn assert_refused(response: &Response, status: u16, reason: &str, proxy: &Proxy) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json"),
        "{response:?}"
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(
        response
            .header("proxy-status")
            .is_some_and(|value| value.starts_with("onelane")),
        "{response:?}"
    );
    assert!(response.header("x-request-id").is_some(), "{response:?}");
    assert!(!response.text().contains("secret-session"), "{response:?}");
    proxy.until_counted("onelane_refusals_total", ("reason", reason), 1);
}

#[track_caller]
fn assert_retry_after(response: &Response) {
    let seconds: u32 = response
        .header("retry-after")
        .expect("a Retry-After")
        .parse()
        .expect("seconds");
    assert!(seconds >= 1);
}

/// Waits until one exception to exclusion is counted.
fn until_one_exception(proxy: &Proxy) {
    eventually("one exception to exclusion is counted", || {
        proxy.metrics().count("onelane_exclusion_exceptions_total") == 1
    });
}

/// A writer of the session inside, held.
fn enter<'a>(app: &'a Upstream, session: &Session) -> (Arrived<'a>, crate::support::Exchange) {
    let exchange = session.post("/hold");
    (app.arrival(), exchange)
}

#[test]
fn a_full_lane_refuses_and_says_when_to_come_back() {
    let (app, proxy) = proxied("queue: { limit: 1 }");
    let session = proxy.session("secret-session");
    let (inside, mut first) = enter(&app, &session);
    let mut second = session.post("/second");
    proxy.until_waiting(1);
    let third = session.post("/third").response();
    assert_refused(&third, 503, "queue_full", &proxy);
    assert_retry_after(&third);
    inside.release();
    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(app.targets(), ["/hold", "/second"]);
    proxy.until_nothing_is_left();
}

#[test]
fn a_browser_gets_a_page_instead_of_json() {
    let (app, proxy) = proxied("queue: { limit: 0 }");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let page = session
        .send(Request::get("/x").header("Accept", "text/html,application/xhtml+xml;q=0.9"))
        .response();
    assert_eq!(page.status, 503);
    assert!(
        page.header("content-type")
            .is_some_and(|value| value.starts_with("text/html")),
        "{page:?}"
    );
    inside.release();
    assert_eq!(first.status(), 200);
}

#[test]
fn a_limit_of_zero_lets_nobody_wait_but_one_enter() {
    let (app, proxy) = proxied("queue: { limit: 0 }");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    assert_refused(
        &session.post("/second").response(),
        503,
        "queue_full",
        &proxy,
    );
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(session.post("/third").status(), 200);
}

#[test]
fn a_route_has_its_own_limit() {
    let (app, proxy) = proxied("routes: [{ path: /checkout, access: write, queue: { limit: 0 } }]");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    assert_eq!(session.post("/checkout").status(), 503);
    let mut patient = session.post("/x");
    proxy.until_waiting(1);
    inside.release();
    assert_eq!((first.status(), patient.status()), (200, 200));
}

#[test]
fn one_client_may_hold_a_quarter_of_all_waiting_places_and_all_together_the_whole() {
    let (app, proxy) = proxied("queue: { max_waiting: 8 }");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let from = |address: &str| {
        let mut client = Client::connect_from(address, proxy.address());
        client.send(Request::post("/x", "").session("a").bytes());
        client
    };
    let mut waiting = Vec::new();
    for address in ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] {
        for _ in 0..2 {
            waiting.push(from(address));
            proxy.until_waiting(waiting.len());
        }
        if waiting.len() == 2 {
            assert_refused(&from(address).response(), 429, "too_many_waiting", &proxy);
        }
    }
    let refused = from("127.0.0.6").response();
    assert_refused(&refused, 503, "waiters_full", &proxy);
    assert_retry_after(&refused);
    inside.release();
    assert_eq!(first.status(), 200);
    for client in &mut waiting {
        assert_eq!(client.response().status, 200);
    }
    drop(waiting);
    proxy.until_nothing_is_left();
}

#[test]
fn a_wait_ends_at_its_timeout_and_changes_nobody_elses_order() {
    let yaml = "routes: [{ path: /hasty, access: write, queue: { wait_timeout: 5s } }]";
    let (app, proxy) = proxied(yaml);
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let mut hasty = session.post("/hasty");
    proxy.until_waiting(1);
    let mut patient = session.post("/patient");
    proxy.until_waiting(2);
    let refused = hasty.response();
    assert_refused(&refused, 503, "wait_timeout", &proxy);
    assert_retry_after(&refused);
    proxy.until_waiting(1);
    inside.release();
    assert_eq!((first.status(), patient.status()), (200, 200));
    assert_eq!(app.targets(), ["/hold", "/patient"]);
    proxy.until_nothing_is_left();
}

#[test]
fn the_hold_limit_releases_the_lane_and_the_old_request_goes_on_without_disturbing() {
    let yaml = "routes: [{ path: /hold, access: write, queue: { hold_limit: 200ms } }]";
    let (app, proxy) = proxied(yaml);
    app.on("/next", held());
    let session = proxy.session("a");
    let (old, mut first) = enter(&app, &session);
    let mut second = session.post("/next");
    let next = app.arrival();
    assert_eq!(next.seen.with, [old.seen.number]);
    until_one_exception(&proxy);
    let mut third = session.post("/third");
    proxy.until_waiting(1);
    old.release();
    assert_eq!(first.status(), 200, "its client still gets the answer");
    proxy.until_waiting(1);
    assert_eq!(
        app.arrived(),
        2,
        "the end of the old request did not release its successor's lane"
    );
    next.release();
    assert_eq!((second.status(), third.status()), (200, 200));
    proxy.until_nothing_is_left();
}

#[test]
fn the_hold_limit_aborts() {
    let yaml = "routes: [{ path: /hold, access: write, queue: { hold_limit: 200ms, on_hold_limit: abort } }]";
    let (app, proxy) = proxied(yaml);
    let session = proxy.session("a");
    let (old, mut first) = enter(&app, &session);
    let mut second = session.post("/next");
    assert_refused(&first.response(), 504, "hold_limit", &proxy);
    assert_eq!(second.status(), 200);
    until_one_exception(&proxy);
    old.release();
    proxy.until_nothing_is_left();
}

#[test]
fn the_hold_limit_aborts_a_response_that_is_under_way_so_that_it_does_not_look_whole() {
    let yaml = "routes: [{ path: /halves, access: write, queue: { hold_limit: 3s, on_hold_limit: abort } }]";
    let (app, proxy) = proxied(yaml);
    app.on("/halves", crate::support::in_halves(""));
    let session = proxy.session("a");
    let mut first = session.send(Request::get("/halves"));
    let inside = app.arrival();
    let mut second = session.post("/next");
    let cut = first.response();
    assert_eq!(cut.text(), "half");
    assert!(cut.is_cut());
    assert_eq!(second.status(), 200);
    inside.release();
    proxy.until_nothing_is_left();
}

#[test]
fn the_hold_limit_only_warns_when_told_to_wait() {
    let yaml = "queue: { hold_limit: 200ms, on_hold_limit: wait }";
    let (app, proxy) = proxied(yaml);
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let mut second = session.post("/next");
    proxy.until_waiting(1);
    let_pass(&app, &proxy, Duration::from_secs(3));
    assert_eq!(
        proxy.metrics().count("onelane_waiters"),
        1,
        "the limit is long past, and the lane is still held"
    );
    assert_eq!(
        proxy.metrics().count("onelane_held_over_limit_total"),
        2,
        "this one, and the one that took the time"
    );
    inside.release();
    assert_eq!((first.status(), second.status()), (200, 200));
    assert!(app.seen()[2].with.is_empty());
    assert_eq!(app.seen()[2].target, "/next");
    proxy.until_nothing_is_left();
}

#[test]
fn the_hold_limit_ends_a_grace_as_well() {
    let release = "release: { after: body, grace: 60s }\ndrain_timeout: 100ms";
    for (action, counted) in [("release", 1), ("abort", 1), ("wait", 0)] {
        let queue = format!("queue: {{ hold_limit: 200ms, on_hold_limit: {action} }}");
        let (_app, proxy) = proxied(&format!("{release}\n{queue}"));
        let session = proxy.session("a");
        let first = session.post("/first").response();
        assert_eq!((first.status, first.is_cut()), (200, false));
        let _second = session.post("/second");
        let (limits, exceptions) = (
            "onelane_hold_limits_reached_total",
            "onelane_exclusion_exceptions_total",
        );
        eventually("its limit has passed", || {
            proxy.metrics().count(limits) >= 1
        });
        if counted == 0 {
            proxy.until_waiting(1); // the control: it is kept
            assert_eq!(proxy.metrics().count(exceptions), 0);
        } else {
            eventually("the next one goes", || {
                proxy.metrics().count("onelane_waiters") == 0
            });
        }
    }
}

#[test]
fn overflow_passes_so_many_requests_and_counts_them() {
    let (app, proxy) = proxied("queue: { limit: 0, on_overflow: pass, max_passed: 1 }");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let (passed, mut second) = enter(&app, &session);
    assert_eq!(passed.seen.with, [inside.seen.number]);
    assert_eq!(
        passed.seen.session.as_deref(),
        Some("a"),
        "the cookie stays"
    );
    until_one_exception(&proxy);
    assert_refused(
        &session.post("/third").response(),
        503,
        "queue_full",
        &proxy,
    );
    passed.release();
    assert_eq!(second.status(), 200);
    eventually("the passed request's place is free", || {
        session.post("/fourth").status() == 200
    });
    inside.release();
    assert_eq!(first.status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn a_wait_timeout_passes() {
    let (app, proxy) = proxied("queue: { wait_timeout: 100ms, on_wait_timeout: pass }");
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    assert_eq!(session.post("/impatient").status(), 200);
    assert_eq!(app.seen()[1].with, [inside.seen.number]);
    until_one_exception(&proxy);
    inside.release();
    assert_eq!(first.status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn pass_without_session_hides_the_session_both_ways() {
    let (app, proxy) = proxied("queue: { limit: 0, on_overflow: pass_without_session }");
    let cookies = "Set-Cookie: sid=empty; path=/\r\nSet-Cookie: other=1; path=/\r\n";
    let response = format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 0\r\n\r\n").into_bytes();
    app.on("/page", [Step::ReadBody, Step::Send(response)]);
    let session = proxy.session("a");
    let (inside, mut first) = enter(&app, &session);
    let page = session
        .send(Request::get("/page").header("Cookie", "theme=dark"))
        .response();
    assert_eq!(page.status, 200);
    assert_eq!(
        page.head.all("set-cookie"),
        ["other=1; path=/"],
        "the user's real session survives"
    );
    let seen = app.arrival().seen;
    assert_eq!(seen.session, None);
    assert_eq!(seen.header("cookie"), Some("theme=dark"));
    assert_refused(&session.post("/page").response(), 503, "queue_full", &proxy);
    inside.release();
    assert_eq!(first.status(), 200);

    let ordinary = session.send(Request::get("/page")).response();
    assert_eq!(
        ordinary.head.all("set-cookie").len(),
        2,
        "who holds the lane keeps its cookies"
    );
    assert_eq!(app.arrival().seen.session.as_deref(), Some("a"));
    proxy.until_nothing_is_left();
}

#[test]
fn connections_above_the_limit_are_closed_at_accept_and_counted() {
    let (_app, proxy) = proxied("limits: { connections: 2 }");
    let mut kept = [proxy.connect(), proxy.connect()];
    for client in &mut kept {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    proxy.connect().closed();
    proxy.until_counted("onelane_refusals_total", ("reason", "connections_full"), 1);
    let [one, mut other] = kept;
    drop(one);
    assert_eq!(other.call(&Request::get("/x")).status, 200);
    eventually("the place is free", || {
        proxy
            .connect()
            .send_if_taken(Request::get("/x").bytes())
            .try_response_to("GET")
            .is_ok()
    });
}
