//! Clients that leave: while they wait they are never served and leave the lane at once, however they leave and
//! whatever lies unread behind their request (http-proxy facts, the table of what hyper alone does not notice); inside,
//! a write keeps its lane until the application has finished, and a read is cancelled.

use std::time::{Duration, Instant};

use crate::support::{
    Client, Proxy, Request, Step, Upstream, answer, eventually, held, undisturbed,
};

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Fin,
    Rst,
}

/// A request that will wait, as bytes; `request_buffer` is 1 KiB, and there is no file behind it.
fn waiting_requests() -> [(&'static str, Vec<u8>); 6] {
    let pipelined = [get().bytes(), get().bytes()].concat();
    [
        ("GET", get().bytes()),
        ("POST that was read", post(100).bytes()),
        ("small body unread", post(8 * 1024).bytes()),
        (
            "body unread that fills the read-ahead",
            post(40 * 1024).bytes(),
        ),
        (
            "chunked body unread",
            Request::post_chunked("/leaver", &["x".repeat(4096).as_str(); 3])
                .session("a")
                .bytes(),
        ),
        ("pipelined", pipelined),
    ]
}

fn get() -> Request {
    Request::get("/leaver").session("a")
}

fn post(length: usize) -> Request {
    Request::post("/leaver", "x".repeat(length)).session("a")
}

fn leave(client: Client, how: Leave) {
    match how {
        Leave::Fin => drop(client),
        Leave::Rst => client.reset(),
    }
}

/// Lets a client with `request` wait and leave; how long its place was still taken after that.
fn left_after(app: &Upstream, proxy: &Proxy, request: &[u8], how: Leave) -> Duration {
    let session = proxy.session("a");
    let mut first = session.post("/hold");
    let inside = app.arrival();
    let mut leaver = proxy.connect();
    leaver.send(request);
    proxy.until_waiting(1);
    let mut next = session.post("/next");
    proxy.until_waiting(2);

    let start = Instant::now();
    leave(leaver, how);
    proxy.until_waiting(1);
    let took = start.elapsed();

    inside.release();
    assert_eq!((first.status(), next.status()), (200, 200));
    assert_eq!(
        app.arrival().seen.target,
        "/next",
        "the one that left was not served"
    );
    took
}

#[test]
fn a_waiter_that_leaves_is_gone_within_100_ms_and_never_served() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "limits: { request_buffer: 1KiB, request_spool: 0 }");
    for (what, request) in waiting_requests() {
        for how in [Leave::Fin, Leave::Rst] {
            let took = undisturbed(
                (0..5)
                    .map(|_| left_after(&app, &proxy, &request, how))
                    .collect(),
            );
            assert!(
                took < Duration::from_millis(100),
                "{what}, {how:?}: {took:?}"
            );
        }
    }
    assert!(!app.targets().contains(&"/leaver".to_owned()));
    proxy.until_counted("onelane_clients_gone_total", ("where", "waiting"), 60);
    proxy.until_nothing_is_left();
}

/// A client that has sent what the kernel takes of a body of 1 MB that nobody reads.
fn behind_a_long_body(proxy: &Proxy) -> Client {
    let mut client = proxy.connect();
    client.send(post(1024 * 1024).head());
    client.send_what_fits(&vec![b'x'; 1024 * 1024]);
    client
}

#[test]
fn a_reset_behind_a_long_unread_body_is_seen() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "limits: { request_buffer: 1KiB, request_spool: 0 }");
    let mut measured = Vec::new();
    for _ in 0..5 {
        let mut first = proxy.session("a").post("/hold");
        let inside = app.arrival();
        let leaver = behind_a_long_body(&proxy);
        proxy.until_waiting(1);
        let start = Instant::now();
        leaver.reset();
        proxy.until_waiting(0);
        measured.push(start.elapsed());
        inside.release();
        assert_eq!(first.status(), 200);
    }
    assert!(undisturbed(measured) < Duration::from_millis(100));
    assert!(!app.targets().contains(&"/leaver".to_owned()));
    proxy.until_nothing_is_left();
}

#[test]
fn a_fin_behind_a_long_unread_body_cannot_be_seen_and_ends_with_the_wait_timeout() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(
        &app,
        "limits: { request_buffer: 1KiB, request_spool: 0 }\nqueue: { wait_timeout: 5s }",
    );
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let leaver = behind_a_long_body(&proxy);
    proxy.until_waiting(1);
    drop(leaver);
    proxy.until_waiting(0);
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(app.targets(), ["/hold"]);
    proxy.until_nothing_is_left();
}

#[test]
fn a_half_closed_client_counts_as_gone() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "");
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let mut half = proxy.session("a").post("/leaver");
    proxy.until_waiting(1);
    half.client().half_close();
    proxy.until_waiting(0);
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(app.targets(), ["/hold"]);
}

#[test]
fn a_waiter_that_was_told_to_stay_is_served_without_its_client() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(
        &app,
        "routes: [{ path: /leaver, access: write, on_client_gone: stay }]",
    );
    for how in [Leave::Fin, Leave::Rst] {
        let mut first = proxy.session("a").post("/hold");
        let inside = app.arrival();
        let mut leaver = proxy.connect();
        leaver.send(post(100).bytes());
        proxy.until_waiting(1);
        leave(leaver, how);
        inside.release();
        assert_eq!(first.status(), 200);
        let served = app.arrival();
        assert_eq!(served.seen.target, "/leaver", "{how:?}");
        assert_eq!(served.with_body().body.len(), 100);
    }
    proxy.until_nothing_is_left();
}

#[test]
fn a_write_whose_client_leaves_finishes_and_keeps_its_lane_until_then() {
    for how in [Leave::Fin, Leave::Rst] {
        let app = Upstream::start();
        app.on("/write", held());
        let proxy = Proxy::in_front_of(&app, "");
        let mut leaver = proxy.connect();
        leaver.send(Request::post("/write", "x=1").session("a").bytes());
        let inside = app.arrival();
        let mut next = proxy.session("a").post("/next");
        proxy.until_waiting(1);
        leave(leaver, how);
        proxy.until_every_core_has_looked();
        assert_eq!(
            proxy.metrics().count("onelane_waiters"),
            1,
            "the lane is still held"
        );
        assert_eq!(app.arrived(), 1);
        assert!(inside.peer_is_there());
        inside.release();
        assert_eq!(next.status(), 200);
        assert!(app.seen()[1].with.is_empty());
        proxy.until_nothing_is_left();
    }
}

#[test]
fn a_write_whose_client_leaves_during_the_response_finishes_too() {
    let app = Upstream::start();
    let mut script = vec![Step::ReadBody];
    script.extend(crate::support::in_halves(""));
    app.on("/write", script);
    let proxy = Proxy::in_front_of(&app, "");
    let mut leaver = proxy.session("a").post("/write");
    let inside = app.arrival();
    assert_eq!(leaver.client().head().status(), 200);
    let mut next = proxy.session("a").post("/next");
    proxy.until_waiting(1);
    leaver.reset();
    proxy.until_every_core_has_looked();
    assert_eq!(app.arrived(), 1, "the lane is still held");
    assert!(inside.peer_is_there());
    inside.release();
    assert_eq!(next.status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn a_read_whose_client_leaves_is_cancelled() {
    for access in ["read, reads: share", "read, reads: overtake", "none"] {
        let app = Upstream::start();
        app.on("/read", held());
        let proxy = Proxy::in_front_of(
            &app,
            &format!("routes: [{{ path: /read, access: {access} }}]"),
        );
        let leaver = proxy.session("a").get("/read");
        let inside = app.arrival();
        leaver.leave();
        inside.peer_left();
        let mut next = proxy.session("a").post("/next");
        if access.ends_with("share") {
            proxy.until_waiting(1); // the application was told, but may still read the session
            assert_eq!(app.arrived(), 1, "{access}");
            inside.release();
            assert_eq!(next.status(), 200, "{access}");
        } else {
            assert_eq!(next.status(), 200, "{access}");
            inside.release();
        }
        proxy.until_nothing_is_left();
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_upload_frees_the_lane() {
    for how in [Leave::Fin, Leave::Rst] {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, "limits: { request_buffer: 1KiB, request_spool: 0 }");
        let mut leaver = proxy.connect();
        leaver.send(post(100_000).head()).send(vec![b'x'; 20_000]);
        let inside = app.arrival();
        assert_eq!(inside.seen.target, "/leaver");
        let mut next = proxy.session("a").post("/next");
        proxy.until_waiting(1);
        leave(leaver, how);
        assert_eq!(next.status(), 200, "{how:?}");
        inside.left();
        assert!(app.seen()[0].body.len() <= 20_000, "no body was made up");
        proxy.until_nothing_is_left();
    }
}

#[test]
fn a_client_that_leaves_while_its_body_is_read_ahead_never_joins_a_lane() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut leaver = proxy.connect();
    leaver.send(post(1000).head()).send("x");
    eventually("the connection is counted", || {
        proxy.metrics().count("onelane_connections") == 1
    });
    assert_eq!(
        proxy.session("a").post("/next").status(),
        200,
        "a slow upload holds no lane"
    );
    drop(leaver);
    proxy.until_nothing_is_left();
    assert_eq!(app.targets(), ["/next"]);
}

#[test]
fn idle_clients_cost_nothing_when_they_leave() {
    let app = Upstream::start();
    app.on("/x", [Step::ReadBody, Step::Send(answer(200, "ok"))]);
    let proxy = Proxy::in_front_of(&app, "");
    let mut clients: Vec<Client> = (0..20).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        assert_eq!(
            client.call(&Request::post("/x", "").session("a")).status,
            200
        );
    }
    for (number, client) in clients.into_iter().enumerate() {
        leave(
            client,
            if number % 2 == 0 {
                Leave::Fin
            } else {
                Leave::Rst
            },
        );
    }
    proxy.until_nothing_is_left();
    proxy.stop();
    eventually("the application's connections are closed", || {
        app.open_connections() == 0
    });
}
