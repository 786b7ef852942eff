//! Nodes that are gone: who moves, who does not, and who comes back.

use super::*;
use crate::support::OnAccept;
use std::time::Duration;

/// Two nodes, of which the first refuses connections until it is started.
fn half_up(keys: &str) -> (Reserved, Upstream, Proxy) {
    let (reserved, up) = (Upstream::reserve(), Upstream::start());
    answers_its_name(&up, 1);
    let addresses = [reserved.address(), up.address()];
    let proxy = Proxy::start(&configuration(&addresses, keys, ""));
    (reserved, up, proxy)
}

/// A session that, without a cookie, is at node `number` of `farm`.
fn session_at(farm: &Farm, number: usize) -> String {
    let mut sessions = (0..100).map(|number| format!("s{number}"));
    let at = |sid: &String| farm.call(&of_session(sid, None)).text() == name(number);
    sessions.find(at).expect("sessions are everywhere")
}

#[test]
fn when_its_node_is_gone_a_session_moves_and_stays_where_it_came() {
    let mut farm = Farm::start(2, "fail_timeout: 100ms", "");
    let old = farm.cookie_of(0);
    let place = farm.end(0);
    let moved = farm.call(&of_session("a", Some(&old)));
    assert_eq!((moved.status, moved.text()), (200, "n1".to_owned()));
    let new = given(&moved).expect("the client is told");
    assert_eq!(new, farm.cookie_of(1));
    assert_eq!(farm.lost(), 1);
    farm.start_again(0, place);
    farm.until_healthy(0, true);
    assert_eq!(
        farm.call(&of_session("a", Some(&new))).text(),
        "n1",
        "it stays"
    );
    assert_eq!(
        farm.call(&of_session("b", Some(&old))).text(),
        "n0",
        "who slept is at home"
    );
    assert_eq!(farm.lost(), 1);
}

#[test]
fn all_requests_of_a_session_move_to_the_same_node() {
    let mut farm = Farm::start(4, "", "");
    let old = farm.cookie_of(0);
    farm.end(0);
    let nodes: Vec<_> = (0..8)
        .map(|_| farm.call(&of_session("a", Some(&old))).text())
        .collect();
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    assert_eq!(farm.lost(), 8, "each of them had named the other");
}

#[test]
fn a_node_that_refused_is_passed_over_for_a_time() {
    for (fail_timeout, then) in [("60s", "n1"), ("1ms", "n0")] {
        let whole = Farm::start(2, "", "");
        let (sid, cookie) = (session_at(&whole, 0), whole.cookie_of(0));
        let (reserved, _up, proxy) = half_up(&format!("fail_timeout: {fail_timeout}"));
        assert_eq!(proxy.call(&of_session(&sid, Some(&cookie))).text(), "n1");
        let started = reserved.start();
        answers_its_name(&started, 0);
        eventually("its time is over, or is not", || {
            then == "n1"
                || proxy
                    .metrics()
                    .labelled("onelane_upstream_healthy", "upstream", "n0")
                    == 1
        });
        let response = proxy.call(&of_session(&sid, Some(&cookie)));
        assert_eq!(response.text(), then, "{fail_timeout}");
    }
}

#[test]
fn a_node_that_swallows_connections_is_left_after_a_moment() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let silent = socket.local_addr().unwrap().as_socket().unwrap();
    let _queue = std::net::TcpStream::connect(silent).unwrap(); // nobody accepts it, and no more fit
    let cookie = Farm::start(2, "", "").cookie_of(0);
    let up = Upstream::start();
    answers_its_name(&up, 1);
    let keys = "connect_timeout: 60s";
    let proxy = Proxy::start(&configuration(&[silent, up.address()], keys, ""));
    let started = std::time::Instant::now();
    let moved = proxy.call(&of_session("a", Some(&cookie)));
    assert_eq!((moved.status, moved.text()), (200, "n1".to_owned()));
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "it did not wait for connect_timeout"
    );
    let metrics = proxy.metrics();
    let healthy = |name| metrics.labelled("onelane_upstream_healthy", "upstream", name);
    assert_eq!(
        (healthy("n0"), healthy("n1")),
        (0, 1),
        "the next need not wait"
    );
}

#[test]
fn a_request_that_was_not_sent_goes_elsewhere_though_its_connection_was_kept() {
    let mut farm = Farm::start(2, "keep_alive: 60s", "");
    let cookie = farm.cookie_of(0);
    let mut client = farm.proxy.connect();
    assert_eq!(client.call(&of_session("a", Some(&cookie))).text(), "n0");
    farm.end(0);
    assert_eq!(client.call(&of_session("a", Some(&cookie))).text(), "n1");
    assert_eq!(farm.proxy.metrics().count("onelane_refusals_total"), 0);
}

#[test]
fn a_request_that_may_have_been_sent_goes_nowhere_else() {
    let farm = Farm::start(2, "", "");
    let cookie = farm.cookie_of(0);
    let before = farm.arrived();
    farm.nodes[0].on("/page", [Step::ReadBody, Step::Reset]);
    let response = farm.call(&of_session("a", Some(&cookie)));
    assert_eq!(response.status, 502);
    assert_eq!(farm.arrived(), [before[0] + 1, before[1]]);
    farm.nodes[0].on_accept(OnAccept::Close);
    farm.nodes[0].close_connections();
    let response = farm.call(&of_session("a", Some(&cookie)));
    assert_eq!(
        response.status, 502,
        "it accepted the connection, and may have read"
    );
    assert_eq!(farm.arrived(), [before[0] + 1, before[1]]);
}

#[test]
fn when_no_node_is_there_a_restart_of_one_is_a_pause() {
    let [first, second] = [Upstream::reserve(), Upstream::reserve()];
    let addresses = [first.address(), second.address()];
    let proxy = Proxy::start(&configuration(&addresses, "fail_timeout: 50ms", ""));
    let mut post = proxy.session("a").post("/page");
    eventually("it has been tried", || {
        proxy.metrics().count("onelane_upstream_healthy") < 2
    });
    let second = second.start();
    answers_its_name(&second, 1);
    assert_eq!(post.response().text(), "n1");
    drop(first);
}

#[test]
fn when_no_node_comes_it_is_502_after_connect_timeout() {
    let [first, second] = [Upstream::reserve(), Upstream::reserve()];
    let addresses = [first.address(), second.address()];
    let proxy = Proxy::start(&configuration(&addresses, "connect_timeout: 300ms", ""));
    let response = proxy.call(&of_session("a", None));
    assert_eq!(response.status, 502);
    proxy.until_counted(
        "onelane_refusals_total",
        ("reason", "upstream_unreachable"),
        1,
    );
    proxy.until_nothing_is_left();
}

#[test]
fn a_node_that_has_all_it_may_have_is_waited_for_by_its_own() {
    // Of another farm, whose names are the same: here no connection is kept idle, which would have the one place.
    let cookie = Farm::start(2, "", "").cookie_of(0);
    let farm = Farm::start(2, "max_connections: 1, connect_timeout: 2s", "");
    farm.nodes[0].on("/page", crate::support::held());
    let mut inside = farm.proxy.connect();
    inside.send(of_session("a", Some(&cookie)).bytes());
    let held = farm.nodes[0].arrival();
    let refused = farm.call(&of_session("b", Some(&cookie)));
    assert_eq!(refused.status, 503);
    farm.proxy
        .until_counted("onelane_refusals_total", ("reason", "upstream_busy"), 1);
    assert_eq!(
        farm.call(&Request::get("/")).text(),
        "n1",
        "the other has its own number"
    );
    assert!(farm.is_healthy(0), "to be busy is no failure");
    held.release();
    assert_eq!(inside.response().status, 200);
}
