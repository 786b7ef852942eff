//! Ids that a response gives a session join its lane: whoever comes with the new one comes behind those with the old.

use crate::support::{
    Exchange, Proxy, Request, Session, Step, Upstream, eventually, held, in_halves,
};

/// Reads the request, waits for its release, and answers with these header lines.
fn held_with(headers: &str) -> Vec<Step> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{headers}\r\nok");
    vec![Step::ReadBody, Step::Hold, Step::Send(answer.into_bytes())]
}

fn until_waits(proxy: &Proxy, session: &Session, target: &str, count: usize) -> Exchange {
    let exchange = session.post(target);
    proxy.until_waiting(count);
    exchange
}

/// A login in the middle of a burst, whose response has these header lines; then one request with the new id, and how
/// many are inside then.
fn login(yaml: &str, headers: &str) -> usize {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    app.on("/login", held_with(headers));
    let proxy = Proxy::in_front_of(&app, yaml);
    let (old, new) = (proxy.session("old"), proxy.session("new"));
    let mut login = old.post("/login");
    let inside = app.arrival();
    let first = until_waits(&proxy, &old, "/1", 1);
    let second = until_waits(&proxy, &old, "/2", 2);
    inside.release();
    assert_eq!(login.status(), 200);
    let mut inside = app.arrival();
    assert_eq!(inside.seen.target, "/1");
    let third = new.post("/3");
    eventually("the third waits or is inside", || {
        proxy.metrics().count("onelane_waiters") == 2 || app.arrived() == 3
    });
    let together = app.inside();
    for (ahead, mut exchange) in [first, second, third].into_iter().enumerate() {
        inside.release();
        if ahead < 2 {
            inside = app.arrival();
        }
        if together == 1 {
            assert_eq!(exchange.status(), 200);
            assert_eq!(app.inside(), usize::from(ahead < 2));
        }
    }
    if together == 1 {
        assert_eq!(app.targets(), ["/login", "/1", "/2", "/3"]);
    }
    proxy.until_nothing_is_left();
    together
}

#[test]
fn after_a_login_requests_with_the_new_id_come_behind_those_with_the_old_one() {
    for yaml in ["", "release: headers"] {
        assert_eq!(login(yaml, "Set-Cookie: sid=new; path=/; HttpOnly\r\n"), 1);
    }
    let lines = "Set-Cookie: sid=; Max-Age=0; path=/app\r\nSet-Cookie: sid=new\r\n";
    assert_eq!(login("", lines), 1);
}

#[test]
fn without_learning_the_new_id_two_are_inside_together() {
    for headers in [
        "",
        "Set-Cookie: other=new\r\n",
        "Set-Cookie: sid=new; Max-Age=0\r\n",
    ] {
        assert_eq!(login("", headers), 2, "{headers}");
    }
}

#[test]
fn an_id_that_changes_with_each_response_stays_in_one_line() {
    let app = Upstream::start();
    app.on_each("*", |seen| {
        held_with(&format!("Set-Cookie: sid=v{}\r\n", seen.number + 1))
    });
    let proxy = Proxy::in_front_of(&app, "");
    let mut first = proxy.session("v0").post("/0");
    let mut inside = app.arrival();
    let mut behind = until_waits(&proxy, &proxy.session("v0"), "/1", 1);
    for round in 1..=100 {
        inside.release();
        let cookie = first.response();
        let expected = format!("sid=v{round}");
        assert_eq!(cookie.header("set-cookie"), Some(expected.as_str()));
        inside = app.arrival();
        first = behind;
        let newest = proxy.session(&format!("v{round}"));
        behind = until_waits(&proxy, &newest, "/next", 1);
        assert_eq!((app.inside(), app.arrived()), (1, round + 1));
    }
    inside.release();
    assert_eq!(first.status(), 200);
    app.arrival().release();
    assert_eq!(behind.status(), 200);
    proxy.until_nothing_is_left();
}

/// A response whose headers have reached the client while its body has not ended.
fn headers_first(yaml: &str) -> (Upstream, Proxy, Exchange) {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let mut script = vec![Step::ReadBody];
    script.extend(in_halves("Set-Cookie: sid=new\r\n"));
    app.on("/login", script);
    let proxy = Proxy::in_front_of(&app, yaml);
    let mut login = proxy.session("old").post("/login");
    assert_eq!(login.client().head().status(), 200);
    (app, proxy, login)
}

#[test]
fn the_lane_knows_the_new_id_before_its_client_does() {
    let (app, proxy, mut login) = headers_first("");
    let mut next = until_waits(&proxy, &proxy.session("new"), "/next", 1);
    app.arrival().release();
    assert_eq!(login.client().read(8), b"halfrest");
    app.arrival().release();
    assert_eq!(next.status(), 200);
    drop(login);
    proxy.until_nothing_is_left();
}

#[test]
fn an_observed_lane_knows_the_new_id_too() {
    let (app, proxy, _login) = headers_first("mode: observe");
    let mut next = proxy.session("new").post("/next");
    let arrived = [app.arrival(), app.arrival()];
    assert_eq!(proxy.metrics().count("onelane_would_wait_total"), 1);
    for arrived in &arrived {
        arrived.release();
    }
    assert_eq!(next.status(), 200);
}

#[test]
fn a_read_that_overtakes_changes_the_id_of_the_lane_that_it_overtook() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    app.on(
        "/read",
        [Step::Send(
            b"HTTP/1.1 204 No Content\r\nSet-Cookie: sid=new\r\n\r\n".to_vec(),
        )],
    );
    let proxy = Proxy::in_front_of(&app, "routes: [{ path: /read, access: read }]");
    let mut write = proxy.session("old").post("/write");
    let inside = app.arrival();
    assert_eq!(
        proxy.session("old").send(Request::get("/read")).status(),
        204
    );
    let mut next = until_waits(&proxy, &proxy.session("new"), "/next", 1);
    inside.release();
    assert_eq!(write.status(), 200);
    assert_eq!(app.arrival().seen.target, "/read");
    app.arrival().release();
    assert_eq!(next.status(), 200);
}

#[test]
fn a_session_that_has_a_lane_keeps_it_when_another_is_given_its_id() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    app.on("/steal", held_with("Set-Cookie: sid=victim\r\n"));
    let proxy = Proxy::in_front_of(&app, "");
    let mut victim = proxy.session("victim").post("/victim");
    let inside = app.arrival();
    let mut thief = proxy.session("thief").post("/steal");
    let stealing = app.arrival();
    let mut behind = until_waits(&proxy, &proxy.session("thief"), "/behind", 1);
    stealing.release();
    assert_eq!(thief.status(), 200);
    let thief = app.arrival();
    inside.release();
    assert_eq!(victim.status(), 200);
    assert_eq!(app.inside(), 1);
    assert_eq!(thief.seen.target, "/behind");
    thief.release();
    assert_eq!(behind.status(), 200);
    proxy.until_nothing_is_left();
}
