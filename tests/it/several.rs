//! Requests with several lanes (Sitecore's private and shared session): alone in each, all or none.

use crate::support::{Proxy, Request, Response, Step, Upstream, eventually, held};

const KEYS: &str = "session: { keys: [{ name: sid, cookie: sid }, { name: contact, cookie: contact, lane: shared }] }";

fn post(target: &str, cookie: &str) -> Request {
    Request::post(target, "x=1").header("Cookie", cookie)
}

/// Two browsers of one contact, and a third of another: how many wait, with these keys.
fn waiting(yaml: &str) -> usize {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, yaml);
    let mut clients = [proxy.connect(), proxy.connect(), proxy.connect()];
    let cookies = [
        "sid=a; contact=one",
        "sid=b; contact=one",
        "sid=c; contact=two",
    ];
    for (client, cookie) in clients.iter_mut().zip(cookies) {
        client.send(post("/x", cookie).bytes());
        eventually("it waits or is inside", || {
            let metrics = proxy.metrics();
            let known = metrics.count("onelane_waiters") + metrics.count("onelane_holders");
            known
                == cookies
                    .iter()
                    .position(|other| *other == cookie)
                    .unwrap_or_default()
                    + 1
        });
    }
    let waiting = proxy.metrics().count("onelane_waiters");
    eventually("the others are inside", || {
        app.arrived() == cookies.len() - waiting
    });
    for _ in 0..3 {
        app.arrival().release();
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    drop(clients);
    proxy.until_nothing_is_left();
    waiting
}

#[test]
fn two_sessions_of_one_contact_wait_for_each_other() {
    assert_eq!(waiting(KEYS), 1);
}

#[test]
fn without_the_further_lane_they_are_inside_together() {
    assert_eq!(waiting(&KEYS.replace(", lane: shared", "")), 0);
}

#[test]
fn a_request_in_two_lanes_is_counted_once_and_named_once() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, KEYS);
    let mut clients = [proxy.connect(), proxy.connect()];
    clients[0].send(post("/1", "sid=a; contact=one").bytes());
    let inside = app.arrival();
    clients[1].send(post("/2", "sid=a; contact=one").bytes());
    proxy.until_waiting(1);
    let metrics = proxy.metrics();
    assert_eq!(
        (
            metrics.count("onelane_holders"),
            metrics.count("onelane_lanes")
        ),
        (1, 2)
    );
    inside.release();
    app.arrival().release();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    drop(clients);
    proxy.until_nothing_is_left();
}

#[test]
fn a_hold_limit_lets_the_next_go_in_both_lanes() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let limit = "queue: { hold_limit: 100ms, on_hold_limit: release }";
    let yaml = format!("{KEYS}\nroutes: [{{ path: /1, access: write, {limit} }}]");
    let proxy = Proxy::in_front_of(&app, &yaml);
    let mut first = proxy.connect();
    first.send(post("/1", "sid=a; contact=one").bytes());
    let slow = app.arrival();
    for cookie in ["sid=a", "contact=one"] {
        let mut next = proxy.connect();
        next.send(post("/next", cookie).bytes());
        app.arrival().release();
        assert_eq!(next.response().status, 200);
    }
    let exceptions = "onelane_exclusion_exceptions_total";
    eventually("one exception is counted, not two", || {
        proxy.metrics().count(exceptions) == 1
    });
    slow.release();
    assert_eq!(first.response().status, 200);
}

#[test]
fn who_leaves_while_it_waits_leaves_both_lines() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, KEYS);
    let mut first = proxy.connect();
    first.send(post("/1", "sid=a; contact=one").bytes());
    let inside = app.arrival();
    let mut leaver = proxy.connect();
    leaver.send(post("/2", "sid=b; contact=one").bytes());
    proxy.until_waiting(1);
    drop(leaver);
    proxy.until_waiting(0);
    let mut other = proxy.connect();
    other.send(post("/3", "sid=b").bytes());
    app.arrival().release();
    assert_eq!(other.response().status, 200);
    inside.release();
    assert_eq!(first.response().status, 200);
    assert_eq!(app.targets(), ["/1", "/3"]);
}

#[test]
fn a_new_id_joins_the_lane_of_its_own_kind() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nSet-Cookie: contact=two\r\n\r\nhalf";
    let [first, last] = [answer, "rest"].map(|part| Step::Send(part.as_bytes().to_vec()));
    app.on("/login", [Step::ReadBody, first, Step::Hold, last]);
    let proxy = Proxy::in_front_of(&app, KEYS);
    let mut login = proxy.connect();
    login.send(post("/login", "sid=a; contact=one").bytes());
    let inside = app.arrival();
    assert_eq!(login.head().status(), 200);
    let mut same = proxy.connect();
    same.send(post("/same", "sid=b; contact=two").bytes());
    proxy.until_waiting(1);
    // The private session of the other browser is none of the login's.
    let mut apart = proxy.connect();
    apart.send(post("/apart", "sid=two").bytes());
    let third = app.arrival();
    assert_eq!(third.seen.target, "/apart");
    third.release();
    assert_eq!(apart.response().status, 200);
    inside.release();
    app.arrival().release();
    assert_eq!(same.response().status, 200);
}

/// A request of one contact is inside; what becomes of another one of its lanes that may only pass without its session.
fn beside(keys: &str, request: &Request) -> (Upstream, Response) {
    let app = Upstream::start();
    app.on("/inside", held());
    let sets =
        ["sid=new", "contact=new", "theme=light"].map(|cookie| format!("Set-Cookie: {cookie}\r\n"));
    let head = format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n",
        sets.concat()
    );
    app.on("/page", [Step::ReadBody, Step::Send(head.into_bytes())]);
    let queue = "queue: { limit: 0, on_overflow: pass_without_session }";
    let proxy = Proxy::in_front_of(&app, &format!("{keys}\n{queue}"));
    let mut first = proxy.connect();
    first.send(post("/inside", "sid=a; contact=one").bytes());
    let inside = app.arrival();
    let response = proxy.call(request);
    // An id that was made for nobody is nobody's: not that of the lane which was passed.
    let new = Request::get("/new").header("Cookie", "sid=new");
    assert_eq!(proxy.call(&new).status, 200);
    assert_eq!(app.seen().last().unwrap().header("cookie"), Some("sid=new"));
    inside.release();
    assert_eq!(first.response().status, 200);
    drop(first);
    proxy.until_nothing_is_left();
    (app, response)
}

#[test]
fn who_passes_without_his_session_has_none_in_any_lane() {
    let cookies = "sid=b; theme=dark; contact=one";
    let (app, page) = beside(KEYS, &Request::get("/page").header("Cookie", cookies));
    assert_eq!(page.status, 200);
    assert_eq!(
        page.head.all("set-cookie"),
        ["theme=light"],
        "his own survive"
    );
    // With the contact he would wait for the first one in the application.
    assert_eq!(app.seen()[1].header("cookie"), Some("theme=dark"));
}

#[test]
fn who_cannot_leave_all_his_sessions_behind_does_not_pass() {
    let by_header = KEYS.replace("cookie: contact", "header: x-contact");
    let request = |target| {
        Request::get(target)
            .header("Cookie", "sid=a")
            .header("X-Contact", "one")
    };
    let (app, page) = beside(&by_header, &request("/page"));
    assert_eq!(page.status, 503);
    assert_eq!(app.arrived(), 2, "the first, and the one of nobody");
    // The control: without that he passes.
    let (_, page) = beside(&by_header, &Request::get("/page").header("Cookie", "sid=a"));
    assert_eq!(page.status, 200);
}
