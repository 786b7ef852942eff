//! Requests without a session: with `without_session: by_client` those of one client and browser go one at a time, for a
//! short time, and nobody is refused or held up for longer by that.

use crate::support::{Client, Proxy, Request, Response, Step, Upstream, eventually, held};

const SIDS: &str = "keys: [{ name: sid, cookie: sid, pattern: '[a-z]+' }]";

fn by_client(window: &str) -> String {
    format!(
        "session: {{ {SIDS}, without_session: by_client, by_client_window: {window} }}\n{QUICK}"
    )
}

fn pass() -> String {
    format!("session: {{ {SIDS}, without_session: pass }}\n{QUICK}")
}

fn newcomer(target: &str) -> Request {
    Request::post(target, "x=1").header("User-Agent", "Firefox")
}

/// Sends `request` on a connection of its own, and does not wait for the answer.
fn send(proxy: &Proxy, request: &Request) -> Client {
    let mut client = proxy.connect();
    client.send(request.bytes());
    client
}

fn waited(response: &Response) -> bool {
    response.header("server-timing").is_some()
}

/// What a test leaves inside is cut off at once.
const QUICK: &str = "drain_timeout: 10ms";

/// An application that holds requests for `/held`, and a first newcomer inside.
fn occupied(yaml: &str) -> (Upstream, Proxy, Client) {
    let app = Upstream::start();
    app.on("/held", held());
    let proxy = Proxy::in_front_of(&app, yaml);
    let first = send(&proxy, &newcomer("/held"));
    app.arrival();
    (app, proxy, first)
}

#[test]
fn a_clients_requests_without_a_session_go_one_at_a_time() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, &by_client("1h"));
    let mut clients: Vec<Client> = Vec::new();
    for (waiting, target) in ["/1", "/2", "/3"].iter().enumerate() {
        clients.push(send(&proxy, &newcomer(target)));
        proxy.until_holding(1);
        proxy.until_waiting(waiting);
    }
    for (number, (target, mut client)) in ["/1", "/2", "/3"].iter().zip(clients).enumerate() {
        let inside = app.arrival();
        assert_eq!((app.arrived(), inside.seen.path()), (number + 1, *target));
        inside.release();
        let response = client.response();
        assert_eq!((response.status, waited(&response)), (200, number > 0));
    }
    proxy.until_nothing_is_left();
}

#[test]
fn without_by_client_they_are_inside_together() {
    let (app, proxy, _first) = occupied(&pass());
    let second = proxy.call(&newcomer("/second"));
    assert_eq!((second.status, waited(&second)), (200, false));
    assert_eq!(
        (app.arrived(), proxy.metrics().count("onelane_lanes")),
        (2, 0)
    );
}

#[test]
fn nobody_else_waits_for_them() {
    let yaml = format!(
        "{}\nroutes: [{{ path: /read, access: read, reads: overtake }}, {{ path: /none, access: none }}]",
        by_client("1h")
    );
    let (_app, proxy, _first) = occupied(&yaml);
    for other in [
        Request::post("/x", "").header("User-Agent", "Chrome"),
        Request::post("/x", ""),
        newcomer("/x").session("abc"),
        newcomer("/read"),
        newcomer("/none"),
    ] {
        let response = proxy.call(&other);
        assert_eq!(
            (response.status, waited(&response)),
            (200, false),
            "{other:?}"
        );
    }
    let mut neighbour = Client::connect_from("127.0.0.2", proxy.address());
    assert_eq!(neighbour.call(&newcomer("/x")).status, 200);
}

#[test]
fn a_read_that_waits_its_turn_waits_for_them_too() {
    let yaml = format!(
        "{}\nroutes: [{{ path: /read, access: read, reads: follow }}]",
        by_client("1h")
    );
    let (_app, proxy, _first) = occupied(&yaml);
    let _read = send(&proxy, &newcomer("/read"));
    proxy.until_waiting(1);
}

#[test]
fn after_the_window_who_waits_goes_on_and_who_comes_does_not_wait() {
    let (app, proxy, _first) = occupied(&by_client("3s"));
    let second = proxy.call(&newcomer("/second"));
    assert_eq!((second.status, waited(&second)), (200, true));
    let third = proxy.call(&newcomer("/third"));
    assert_eq!((third.status, waited(&third)), (200, false));
    assert_eq!(
        app.inside(),
        0,
        "no session, so nobody is known to be inside"
    );
    assert_eq!(app.targets(), ["/held", "/second", "/third"]);
    let metrics = proxy.metrics();
    assert_eq!(metrics.count("onelane_refusals_total"), 0);
    assert_eq!(metrics.count("onelane_exclusion_exceptions_total"), 0);
}

#[test]
fn a_lane_that_everybody_has_left_has_its_window_again() {
    let app = Upstream::start();
    app.on("/held", held());
    let proxy = Proxy::in_front_of(&app, &by_client("3s"));
    for _ in 0..2 {
        let mut first = send(&proxy, &newcomer("/held"));
        let inside = app.arrival();
        assert!(waited(&proxy.call(&newcomer("/second"))));
        app.arrival();
        assert!(!waited(&proxy.call(&newcomer("/third"))), "it is over");
        app.arrival();
        inside.release();
        assert_eq!(first.response().status, 200);
        proxy.until_nothing_holds();
    }
}

#[test]
fn where_the_line_is_full_they_pass_and_nobody_is_refused() {
    let yaml = format!("{}\nqueue: {{ limit: 1 }}", by_client("1h"));
    let (app, proxy, _first) = occupied(&yaml);
    let _second = send(&proxy, &newcomer("/second"));
    proxy.until_waiting(1);
    assert_eq!(proxy.call(&newcomer("/third")).status, 200);
    assert_eq!(app.targets(), ["/held", "/third"]);
    assert_eq!(proxy.metrics().count("onelane_refusals_total"), 0);
}

#[test]
fn an_id_that_no_application_would_accept_is_no_session_here_either() {
    let (_app, proxy, _first) = occupied(&by_client("1h"));
    let _odd = send(&proxy, &newcomer("/odd").session("0000"));
    proxy.until_waiting(1);
}

#[test]
fn who_leaves_while_it_waits_is_never_seen_by_the_application() {
    let (app, proxy, _first) = occupied(&by_client("1h"));
    let second = send(&proxy, &newcomer("/second"));
    proxy.until_waiting(1);
    drop(second);
    proxy.until_waiting(0);
    assert_eq!(app.targets(), ["/held"]);
}

#[test]
fn a_balancer_that_is_not_trusted_is_not_one_client() {
    let through = |user: &str| newcomer("/x").header("X-Forwarded-For", user);
    let (_app, proxy, _first) = occupied(&by_client("1h"));
    let response = proxy.call(&through("203.0.113.7"));
    assert_eq!((response.status, waited(&response)), (200, false));

    // Control: trusted, each of its clients is one, with a lane of its own.
    let yaml = format!(
        "{}\nclient: {{ trusted_proxies: [127.0.0.0/8] }}",
        by_client("1h")
    );
    let app = Upstream::start();
    app.on("/held", held());
    let proxy = Proxy::in_front_of(&app, &yaml);
    let first = newcomer("/held").header("X-Forwarded-For", "203.0.113.7");
    let _first = send(&proxy, &first);
    app.arrival();
    assert_eq!(proxy.call(&through("203.0.113.8")).status, 200);
    let _second = send(&proxy, &through("203.0.113.7"));
    proxy.until_waiting(1);
}

#[test]
fn observed_they_do_not_wait_and_are_no_evidence_that_a_route_takes_no_lock() {
    let (_app, proxy, _first) = occupied(&format!("{}\nmode: observe", by_client("1h")));
    assert_eq!(proxy.call(&newcomer("/x")).status, 200);
    let metrics = proxy.metrics();
    assert_eq!(metrics.count("onelane_would_wait_total"), 1);
    assert_eq!(metrics.count("onelane_nested_total"), 0);

    // Control: of one session, it would be.
    let app = Upstream::start();
    app.on("/held", held());
    let proxy = Proxy::in_front_of(&app, &format!("mode: observe\n{QUICK}"));
    let _first = proxy.session("abc").post("/held");
    app.arrival();
    assert_eq!(proxy.session("abc").post("/x").status(), 200);
    proxy.until_counted("onelane_nested_total", ("route", "default"), 1);
}

#[test]
fn a_flood_of_user_agents_makes_no_more_lanes_than_there_are_requests() {
    let (_app, proxy, _first) = occupied(&by_client("1h"));
    let mut client = proxy.connect();
    for number in 0..500 {
        let request = Request::post("/x", "").header("User-Agent", format!("agent-{number}"));
        assert_eq!(client.call(&request).status, 200);
    }
    drop(client);
    eventually("the first one's lane alone is left", || {
        proxy.metrics().count("onelane_lanes") == 1
    });
}

#[test]
fn the_session_that_begins_with_a_response_belongs_to_the_lane_for_as_long_as_it_lives() {
    let app = Upstream::start();
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=new; path=/\r\nContent-Length: 8\r\n\r\nhalf";
    app.on(
        "/login",
        [
            Step::ReadBody,
            Step::Send(head.into()),
            Step::Hold,
            Step::Send(b"rest".to_vec()),
        ],
    );
    for (yaml, waits) in [(by_client("1h"), 1), (pass(), 0)] {
        let proxy = Proxy::in_front_of(&app, &yaml);
        let mut first = send(&proxy, &newcomer("/login"));
        let inside = app.arrival();
        assert_eq!(first.head().status(), 200, "the browser has its cookie");
        let mut next = proxy.session("new").post("/next");
        if waits == 1 {
            proxy.until_waiting(1);
            assert_eq!(proxy.session("old").post("/next").status(), 200);
            app.arrival();
            inside.release();
        }
        assert_eq!(next.status(), 200);
        app.arrival();
        inside.release();
        assert_eq!(first.read(8), b"halfrest");
        proxy.until_nothing_holds();
    }
}
