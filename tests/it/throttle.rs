//! One client gets what the rules say and no more, whatever it does; others do not notice.

use crate::support::{
    Client, Closed, Exchange, Proxy, Request, Response, Step, Upstream, answer, eventually, held,
    in_halves,
};

const DECISIONS: &str = "onelane_throttle_decisions_total";

fn proxied(yaml: &str) -> (Upstream, Proxy) {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, yaml);
    (app, proxy)
}

/// A request of the client at `address`, which need not be the tests' usual one.
fn call_from(address: &str, proxy: &Proxy, request: &Request) -> Response {
    Client::connect_from(address, proxy.address()).call(request)
}

/// The statuses of so many requests, one after the other.
fn statuses(proxy: &Proxy, count: usize) -> Vec<u16> {
    let mut client = proxy.connect();
    (0..count)
        .map(|_| client.call(&Request::get("/")).status)
        .collect()
}

#[track_caller]
fn assert_refused(response: &Response, reason: &str) {
    assert_eq!(response.status, 429, "{response:?}");
    let after = response.header("retry-after").expect("a Retry-After");
    assert!(after.parse::<u32>().unwrap() >= 1, "{after}");
    assert!(response.text().contains(reason), "{response:?}");
}

/// Requests of so many sessions, all held inside.
fn inside(app: &Upstream, proxy: &Proxy, sessions: &[&str]) -> Vec<Exchange> {
    let enter = |session: &&str| {
        let exchange = proxy.session(session).post("/hold");
        drop(app.arrival());
        exchange
    };
    sessions.iter().map(enter).collect()
}

#[test]
fn a_client_that_is_too_fast_is_told_when_to_come_back_and_others_are_served() {
    let (_app, proxy) = proxied("throttle: { rate: 3/h }");
    assert_eq!(statuses(&proxy, 5), [200, 200, 200, 429, 429]);
    let refused = proxy.call(&Request::get("/"));
    assert_refused(&refused, "rate_limited");
    let after: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(
        (1100..=1200).contains(&after),
        "a third of an hour: {after}"
    );
    assert_eq!(
        call_from("127.0.0.2", &proxy, &Request::get("/")).status,
        200
    );
    proxy.until_counted("onelane_refusals_total", ("reason", "rate_limited"), 3);
    let metrics = proxy.metrics();
    assert_eq!(metrics.labelled(DECISIONS, "decision", "admitted"), 4);
    assert_eq!(metrics.labelled(DECISIONS, "decision", "refused"), 3);
    assert_eq!(metrics.labelled(DECISIONS, "rule", "throttle[0]"), 7);
    assert_eq!(metrics.count("onelane_throttle_clients"), 2);
    assert_eq!(metrics.count("onelane_throttle_shared_total"), 0);
}

#[test]
fn without_a_rule_the_same_requests_are_served() {
    let (_app, proxy) = proxied("");
    assert_eq!(statuses(&proxy, 5), [200; 5]);
    assert_eq!(proxy.metrics().count(DECISIONS), 0);
}

#[test]
fn a_connection_goes_on_after_a_refusal() {
    let (app, proxy) =
        proxied("throttle: { rate: 1/h, routes: [slow] }\nroutes: [{ name: slow, path: /slow }]");
    let mut client = proxy.connect();
    for status in [200, 429, 429] {
        assert_eq!(client.call(&Request::get("/slow")).status, status);
    }
    assert_eq!(client.call(&Request::post("/free", "x=1")).status, 200);
    assert_eq!(app.connections(), 1);
}

#[test]
fn who_waits_in_a_lane_is_not_in_the_application_and_enters_whatever_the_limit() {
    let (app, proxy) = proxied("throttle: { concurrent: 2 }");
    let session = proxy.session("a");
    let mut first = session.post("/hold");
    let holder = app.arrival();
    let mut waiters = [1, 2, 3].map(|count| {
        let exchange = session.post("/hold");
        proxy.until_waiting(count);
        exchange
    });
    let mut other = proxy.session("b").post("/hold");
    let beside = app.arrival();
    // Two are inside now; the waiters were none.
    assert_refused(&proxy.call(&Request::get("/")), "too_many_concurrent");
    holder.release();
    assert_eq!(first.status(), 200);
    for waiter in &mut waiters {
        let entered = app.arrival();
        assert_refused(&proxy.call(&Request::get("/")), "too_many_concurrent");
        entered.release();
        assert_eq!(waiter.status(), 200, "it has waited");
    }
    beside.release();
    assert_eq!(other.status(), 200);
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
    proxy.until_nothing_is_left();
    assert_eq!(proxy.metrics().count("onelane_throttle_clients"), 0);
}

#[test]
fn without_a_rule_nobody_counts_who_is_inside() {
    let (app, proxy) = proxied("");
    let exchanges = inside(&app, &proxy, &["a", "b", "c"]);
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
    drop((exchanges, app));
}

#[test]
fn a_client_that_asks_again_when_it_has_its_answer_is_never_refused() {
    let (app, proxy) =
        proxied("throttle: { concurrent: 1 }\nrelease: { after: body, grace: 20ms }");
    let halves = in_halves("");
    app.on("/halves", [halves[0].clone(), halves[2].clone()]);
    let mut client = proxy.connect();
    for turn in 0..50 {
        let session = format!("s{turn}"); // else the next one waits for the grace
        let post = Request::post("/", "x=1").session(&session);
        assert_eq!(client.call(&post).status, 200, "{turn}");
        assert_eq!(client.call(&Request::get("/halves")).status, 200, "{turn}");
    }
}

#[test]
fn a_write_whose_client_has_left_is_inside_until_the_application_has_finished() {
    let (app, proxy) = proxied("throttle: { concurrent: 1 }");
    let exchange = proxy.session("a").post("/hold");
    let arrived = app.arrival();
    exchange.reset();
    proxy.until_counted("onelane_clients_gone_total", ("where", "inside"), 1);
    assert_refused(&proxy.call(&Request::get("/")), "too_many_concurrent");
    arrived.release();
    proxy.until_nothing_holds();
    eventually("it is not counted any more", || {
        proxy.metrics().count("onelane_throttle_clients") == 0
    });
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
}

#[test]
fn a_read_whose_client_has_left_is_given_up_and_counts_no_longer() {
    let (app, proxy) = proxied("throttle: { concurrent: 1 }\ndefault_access: read");
    let exchange = proxy.session("a").get("/hold");
    let arrived = app.arrival();
    exchange.reset();
    arrived.peer_left();
    eventually("it is not counted any more", || {
        proxy.metrics().count("onelane_throttle_clients") == 0
    });
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
}

#[test]
fn a_request_that_the_application_answers_late_is_counted_as_long_as_it_works() {
    let (app, proxy) = proxied(
        "throttle: { concurrent: 1 }\nqueue: { hold_limit: 60s }\n\
         upstream: { url: 'http://APP', response_timeout: 50ms }",
    );
    let mut late = proxy.session("a").post("/hold");
    let arrived = app.arrival();
    assert_eq!(late.status(), 504);
    assert_refused(&proxy.call(&Request::get("/")), "too_many_concurrent");
    arrived.release();
    proxy.until_nothing_holds();
    eventually("it is not counted any more", || {
        proxy.metrics().count("onelane_throttle_clients") == 0
    });
}

#[test]
fn a_tunnel_is_no_request_in_the_application() {
    let (app, proxy) = proxied("throttle: { concurrent: 1 }");
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    app.on("/tunnel", [Step::Send(switch.to_vec()), Step::Echo]);
    let upgrade = Request::get("/tunnel")
        .header("Connection", "upgrade")
        .header("Upgrade", "echo");
    let mut tunnel = proxy.connect();
    tunnel.send(upgrade.bytes());
    assert_eq!(tunnel.head().status(), 101);
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
    tunnel.send("still there");
    assert_eq!(tunnel.read(11), b"still there");
}

/// A client with a request inside and one waiting in each of `sessions`; the responses of those that were refused.
fn fill(app: &Upstream, proxy: &Proxy, sessions: &[&str]) -> (Vec<Exchange>, Vec<Exchange>) {
    let holders = inside(app, proxy, sessions);
    let wait = |session: &&str| proxy.session(session).post("/behind");
    (holders, sessions.iter().map(wait).collect())
}

const SESSIONS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[test]
fn a_client_with_many_sessions_has_no_more_waiting_than_the_rule_says() {
    let (app, proxy) = proxied("queue: { max_waiting: 100 }\nthrottle: { waiting: 4 }");
    let (holders, waiting) = fill(&app, &proxy, &SESSIONS[..4]);
    proxy.until_waiting(4);
    let fifth = inside(&app, &proxy, &["e"]);
    let refused = proxy.session("e").post("/behind").response();
    assert_refused(&refused, "too_many_waiting");
    let behind = Request::post("/behind", "").session("e");
    let mut other = Client::connect_from("127.0.0.2", proxy.address());
    other.send(behind.bytes());
    proxy.until_waiting(5);
    drop((holders, waiting, fifth, other, app));
}

#[test]
fn a_rule_stands_in_for_the_quarter_of_all_waiters() {
    for (rule, waiters) in [("", 2), ("throttle: { waiting: 6 }", 6)] {
        let (app, proxy) = proxied(&format!("queue: {{ max_waiting: 8 }}\n{rule}"));
        let (holders, waiting) = fill(&app, &proxy, &SESSIONS);
        proxy.until_waiting(waiters);
        proxy.until_counted(
            "onelane_refusals_total",
            ("reason", "too_many_waiting"),
            SESSIONS.len() - waiters,
        );
        drop((holders, waiting, app));
    }
}

#[test]
fn a_rule_that_observes_leaves_the_quarter_in_force() {
    let rule = "queue: { max_waiting: 8 }\nthrottle: { waiting: 1, mode: observe }";
    let (app, proxy) = proxied(rule);
    let (holders, waiting) = fill(&app, &proxy, &SESSIONS);
    proxy.until_counted("onelane_refusals_total", ("reason", "too_many_waiting"), 4);
    proxy.until_waiting(2);
    assert_eq!(
        proxy
            .metrics()
            .labelled(DECISIONS, "decision", "would_throttle"),
        5
    );
    drop((holders, waiting, app));
}

#[test]
fn the_action_is_what_a_refused_client_gets() {
    for action in [401, 403, 404] {
        let (_app, proxy) = proxied(&format!("throttle: {{ rate: 1/h, action: {action} }}"));
        assert_eq!(statuses(&proxy, 2), [200, action]);
        let refused = proxy.call(&Request::get("/"));
        assert_eq!(refused.header("retry-after"), None);
        assert_eq!(refused.header("www-authenticate").is_some(), action == 401);
    }
}

#[test]
fn an_aborted_client_gets_no_answer_but_its_connection_closed() {
    let (app, proxy) = proxied("throttle: { rate: 1/h, action: abort }");
    let mut client = proxy.connect();
    assert_eq!(client.call(&Request::get("/")).status, 200);
    client.send(Request::get("/").bytes());
    let (bytes, closed) = client.rest();
    assert_eq!((bytes, closed), (Vec::new(), Closed::Fin));
    proxy.until_counted("onelane_refusals_total", ("reason", "rate_limited"), 1);
    assert_eq!(app.arrived(), 1);
    assert_eq!(
        call_from("127.0.0.2", &proxy, &Request::get("/")).status,
        200
    );
}

#[test]
fn who_only_observes_refuses_nobody_and_says_whom_it_would_have() {
    let route = "routes: [{ name: watched, path: /, access: none, mode: observe }]";
    for yaml in [
        "throttle: { rate: 2/h, concurrent: 1, mode: observe }".to_owned(),
        "throttle: { rate: 2/h, concurrent: 1 }\nmode: observe".to_owned(),
        format!("throttle: {{ rate: 2/h, concurrent: 1 }}\n{route}"),
    ] {
        let (_app, proxy) = proxied(&yaml);
        assert_eq!(statuses(&proxy, 5), [200; 5], "{yaml}");
        let metrics = proxy.metrics();
        assert_eq!(metrics.labelled(DECISIONS, "decision", "would_throttle"), 3);
        assert_eq!(metrics.labelled(DECISIONS, "decision", "admitted"), 2);
        assert_eq!(metrics.count("onelane_refusals_total"), 0);
    }
}

#[test]
fn a_rule_is_for_its_routes_and_all_rules_must_admit() {
    let (_app, proxy) = proxied(
        "routes: [{ name: login, path: /login }]\n\
         throttle:\n  \
           - { name: logins, rate: 1/h, routes: [login] }\n  \
           - { name: all, rate: 3/h, action: 404 }",
    );
    let mut client = proxy.connect();
    let mut status = |path: &str| client.call(&Request::get(path)).status;
    assert_eq!(
        [status("/login"), status("/login"), status("/login")],
        [200, 429, 429]
    );
    // What the first rule refused has used up nothing of the second.
    assert_eq!([status("/"), status("/"), status("/")], [200, 200, 404]);
    let metrics = proxy.metrics();
    assert_eq!(metrics.labelled(DECISIONS, "rule", "logins"), 3);
    assert_eq!(metrics.labelled(DECISIONS, "rule", "all"), 4);
}

#[test]
fn the_preset_refuses_the_sixth_at_once_as_iis_does() {
    let (app, proxy) = proxied("throttle: { preset: iis }");
    let exchanges = inside(&app, &proxy, &SESSIONS[..5]);
    assert_eq!(proxy.call(&Request::get("/")).status, 403);
    proxy.until_counted(
        "onelane_refusals_total",
        ("reason", "too_many_concurrent"),
        1,
    );
    drop((exchanges, app));
}

#[test]
fn a_denied_client_is_refused_and_nobody_else() {
    let (app, proxy) = proxied("client: { deny: [127.0.0.2/31] }");
    for address in ["127.0.0.2", "127.0.0.3"] {
        let refused = call_from(address, &proxy, &Request::get("/"));
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("denied"), "{refused:?}");
        assert_eq!(refused.header("retry-after"), None);
    }
    proxy.until_counted("onelane_refusals_total", ("reason", "denied"), 2);
    assert_eq!(proxy.metrics().labelled(DECISIONS, "rule", "deny"), 2);
    assert_eq!(app.arrived(), 0);
    assert_eq!(proxy.call(&Request::get("/")).status, 200);
}

#[test]
fn an_allowed_client_is_neither_denied_nor_throttled_and_others_are_served_too() {
    let (_app, proxy) =
        proxied("client: { deny: [127.0.0.0/30], allow: [127.0.0.2] }\nthrottle: { rate: 1/h }");
    for _ in 0..3 {
        assert_eq!(
            call_from("127.0.0.2", &proxy, &Request::get("/")).status,
            200
        );
    }
    assert_eq!(
        call_from("127.0.0.3", &proxy, &Request::get("/")).status,
        403
    );
    let outside = |_| call_from("127.0.0.9", &proxy, &Request::get("/")).status;
    assert_eq!([0, 1].map(outside), [200, 429]);
}

#[test]
fn an_allowed_client_may_fill_the_places_to_wait() {
    let (app, proxy) = proxied("queue: { max_waiting: 8 }\nclient: { allow: [127.0.0.1] }");
    let (holders, waiting) = fill(&app, &proxy, &SESSIONS);
    proxy.until_waiting(6);
    drop((holders, waiting, app));
}

#[test]
fn in_observe_mode_a_denied_client_is_served_and_counted() {
    let (_app, proxy) = proxied("client: { deny: [127.0.0.2] }\nmode: observe");
    assert_eq!(
        call_from("127.0.0.2", &proxy, &Request::get("/")).status,
        200
    );
    assert_eq!(
        proxy
            .metrics()
            .labelled(DECISIONS, "decision", "would_throttle"),
        1
    );
}

#[test]
fn a_person_is_told_to_slow_down_and_the_application_is_not_asked() {
    let (app, proxy) = proxied("throttle: { rate: 1/h }");
    app.on("/", [Step::Send(answer(200, "served"))]);
    assert_eq!(proxy.call(&Request::get("/")).text(), "served");
    let page = proxy.call(&Request::get("/").header("Accept", "text/html"));
    assert_eq!(page.status, 429);
    assert!(page.text().contains("slow down"), "{page:?}");
    assert_eq!(app.arrived(), 1);
}

#[test]
fn behind_a_trusted_proxy_each_client_has_its_own_and_is_answered_instead_of_aborted() {
    let (app, proxy) =
        proxied("client: { trusted_proxies: [127.0.0.1] }\nthrottle: { rate: 1/h, action: abort }");
    let mut balancer = proxy.connect();
    let mut of = |address: &str| {
        let request = Request::get("/").header("X-Forwarded-For", address);
        balancer.call(&request)
    };
    assert_eq!(of("192.0.2.1").status, 200);
    assert_refused(&of("192.0.2.1"), "rate_limited");
    assert_eq!(of("192.0.2.2").status, 200, "the connection goes on");
    assert_eq!(of("2001:db8::1").status, 200);
    assert_refused(&of("2001:db8::2"), "rate_limited"); // the same /64
    assert_eq!(of("2001:db8:0:1::1").status, 200);
    assert_eq!(app.connections(), 1);
    let mut direct = Client::connect_from("127.0.0.2", proxy.address());
    assert_eq!(direct.call(&Request::get("/")).status, 200);
    direct.send(Request::get("/").bytes());
    assert_eq!(direct.rest(), (Vec::new(), Closed::Fin));
}
