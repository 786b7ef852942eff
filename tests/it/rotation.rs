//! Ids that a response gives a session join its lane: whoever comes with the new one comes behind those with the old. Who
//! waited with the old one does not take the new one from the browser.

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

/// Ids that servlet containers, PHP and Laravel take for one each.
const OLD: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0aaaaaaaa";
const NEW: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F809bbbbbbbb";
const EMPTY: &str = "2F4E6D8C0BAA99887766554433221100cccccccc";

/// An answer to a request with an id that the application does not know.
fn begins_empty(cookie: &str) -> Vec<Step> {
    let answer = format!(
        "HTTP/1.1 204 No Content\r\nSet-Cookie: theme=dark\r\nSet-Cookie: {cookie}\r\nSet-Cookie: lang=de\r\n\r\n"
    );
    vec![Step::ReadBody, Step::Hold, Step::Send(answer.into_bytes())]
}

/// A login that changes the id, in an application that then begins empty sessions for the old one, with this `cookie`.
fn forgetful(yaml: &str, cookie: &str) -> (Upstream, Proxy) {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    app.on(
        "/login",
        held_with(&format!("Set-Cookie: sid={NEW}; path=/\r\n")),
    );
    app.on("/late", begins_empty(cookie));
    let proxy = Proxy::in_front_of(&app, yaml);
    (app, proxy)
}

fn preset(name: &str) -> String {
    format!("session: {{ preset: {name}, cookie: sid }}")
}

/// What became of a request that waited behind a login.
#[derive(Debug, PartialEq, Eq)]
enum Late {
    /// Its cookies are all but the session's, whose id has no place in the lane.
    Withheld,
    /// All of its cookies are there, and the id that they set is one of the lane.
    AsItCame,
}

/// A login, behind which `late` waits with the old id; then one request with the new id, and one with the id that `late`
/// was given.
fn late(yaml: &str, late: Request, cookie: &str) -> Late {
    let (app, proxy) = forgetful(yaml, cookie);
    let mut login = proxy.session(OLD).post("/login");
    let inside = app.arrival();
    let mut late = proxy.session(OLD).send(late);
    proxy.until_waiting(1);
    inside.release();
    let set = format!("sid={NEW}; path=/");
    assert_eq!(login.response().header("set-cookie"), Some(set.as_str()));
    let inside = app.arrival();
    let mut next = until_waits(&proxy, &proxy.session(NEW), "/next", 1);
    inside.release();
    let late = late.response();
    let next_inside = app.arrival();
    assert_eq!(next_inside.seen.target, "/next");
    let mut empty = proxy.session(EMPTY).post("/empty");
    eventually("it waits or is inside", || {
        proxy.metrics().count("onelane_waiters") == 1 || app.arrived() == 4
    });
    let is_apart = app.arrived() == 4;
    let cookies = late.head.all("set-cookie");
    let withheld = proxy
        .metrics()
        .count("onelane_session_cookies_withheld_total");
    next_inside.release();
    app.arrival().release();
    assert_eq!((next.status(), empty.status()), (200, 200));
    proxy.until_nothing_is_left();
    match (withheld, is_apart) {
        (1, true) => {
            assert_eq!(cookies, ["theme=dark", "lang=de"]);
            Late::Withheld
        }
        (0, false) => {
            assert_eq!(cookies, ["theme=dark", cookie, "lang=de"]);
            Late::AsItCame
        }
        odd => panic!("{odd:?}: {cookies:?}"),
    }
}

#[test]
fn who_waited_behind_a_login_with_the_old_id_does_not_take_the_new_one_from_the_browser() {
    for method in ["GET", "HEAD"] {
        for name in ["java", "php"] {
            let request = Request::new(method, "/late");
            let cookie = format!("sid={EMPTY}; path=/");
            assert_eq!(late(&preset(name), request, &cookie), Late::Withheld);
        }
    }
}

#[test]
fn nor_does_it_when_its_answer_deletes_the_cookie() {
    let cookie = format!("sid={EMPTY}; Max-Age=0; path=/");
    let request = Request::get("/late");
    assert_eq!(late(&preset("java"), request, &cookie), Late::Withheld);
}

#[test]
fn the_answer_to_a_post_is_left_as_it_came_since_it_may_be_the_login() {
    let cookie = format!("sid={EMPTY}; path=/");
    let request = Request::post("/late", "x=1");
    assert_eq!(late(&preset("java"), request, &cookie), Late::AsItCame);
}

#[test]
fn where_the_old_id_may_be_valid_still_the_answer_is_left_as_it_came() {
    let cookie = format!("sid={EMPTY}; path=/");
    for yaml in [preset("laravel").as_str(), ""] {
        let request = Request::get("/late");
        assert_eq!(late(yaml, request, &cookie), Late::AsItCame, "{yaml}");
    }
}

#[test]
fn who_comes_with_the_old_id_after_the_login_gets_what_it_would_get_without_a_proxy() {
    let cookie = format!("sid={EMPTY}; path=/");
    let (app, proxy) = forgetful(&preset("java"), &cookie);
    let expected = ["theme=dark", cookie.as_str(), "lang=de"];
    let mut login = proxy.session(OLD).post("/login");
    let inside = app.arrival();
    let mut next = until_waits(&proxy, &proxy.session(OLD), "/next", 1);
    inside.release();
    assert_eq!(login.status(), 200);
    let inside = app.arrival();
    let mut waits = proxy.session(OLD).get("/late");
    proxy.until_waiting(1);
    inside.release();
    assert_eq!(next.status(), 200);
    app.arrival().release();
    assert_eq!(waits.response().head.all("set-cookie"), expected);
    proxy.until_nothing_is_left();
    let mut alone = proxy.session(OLD).get("/late");
    app.arrival().release();
    assert_eq!(alone.response().head.all("set-cookie"), expected);
}

/// The cookies of the answer to a request that waits behind a login; it is answered when it holds no lane any more, if
/// that comes by itself.
fn cookies_after_a_wait(yaml: &str, answer: Vec<Step>, request: Request) -> Vec<String> {
    let (app, proxy) = forgetful(yaml, "");
    app.on("/late", answer);
    let mut login = proxy.session(OLD).post("/login");
    let inside = app.arrival();
    let mut late = proxy.session(OLD).send(request);
    proxy.until_waiting(1);
    inside.release();
    assert_eq!(login.status(), 200);
    let inside = app.arrival();
    if yaml.contains("reads: follow") {
        proxy.until_nothing_holds();
    }
    inside.release();
    let head = late.client().head();
    head.all("set-cookie")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_read_that_follows_is_remembered_to_have_waited_when_its_hold_is_over() {
    let route = "routes: [{ path: /late, access: read, reads: follow }]";
    let yaml = format!("{}\n{route}", preset("java"));
    let answer = begins_empty(&format!("sid={EMPTY}"));
    let cookies = cookies_after_a_wait(&yaml, answer, Request::get("/late"));
    assert_eq!(cookies, ["theme=dark", "lang=de"]);
}

#[test]
fn an_upgrade_that_waited_does_not_undo_the_login_either() {
    let switched = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\nSet-Cookie: sid={EMPTY}\r\n\r\n"
    );
    let answer = vec![Step::Hold, Step::Send(switched.into_bytes()), Step::Echo];
    let request = || {
        let request = Request::get("/late").header("Connection", "upgrade");
        request.header("Upgrade", "chat")
    };
    let cookies = |name| cookies_after_a_wait(&preset(name), answer.clone(), request());
    assert_eq!(cookies("java"), [""; 0]);
    assert_eq!(cookies("laravel"), [format!("sid={EMPTY}")]);
}
