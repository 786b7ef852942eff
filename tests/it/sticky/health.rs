//! Health checks: who is asked, who is left, who comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const OFTEN: &str =
    "health: { path: /health, interval: 20ms, unhealthy_after: 3, healthy_after: 2 }";

/// From now on node `number` answers checks with `status`.
fn answers(farm: &Farm, number: usize, status: u16) {
    let steps = [Step::ReadBody, Step::Send(answer(status, ""))];
    farm.nodes[number].on(HEALTH, steps);
}

#[track_caller]
fn until_checked(node: &Upstream, times: usize) {
    let checks = || {
        node.targets()
            .iter()
            .filter(|target| *target == HEALTH)
            .count()
    };
    let before = checks();
    eventually("it is checked", || checks() >= before + times);
}

#[test]
fn a_node_that_says_it_is_ill_is_left_until_it_is_well() {
    let farm = Farm::start(2, OFTEN, "");
    let cookie = farm.cookie_of(0);
    answers(&farm, 0, 500);
    farm.until_healthy(0, false);
    let moved = farm.call(&of_session("a", Some(&cookie)));
    assert_eq!(moved.text(), "n1");
    assert_eq!(farm.lost(), 1);
    for _ in 0..4 {
        assert_eq!(farm.call(&Request::get("/")).text(), "n1");
    }
    assert_eq!(farm.proxy.admin("/readyz").status, 200, "one is well");
    answers(&farm, 0, 302);
    farm.until_healthy(0, true);
    assert_eq!(farm.call(&of_session("a", Some(&cookie))).text(), "n0");
}

#[test]
fn without_checks_nobody_asks_and_nobody_is_left() {
    let farm = Farm::start(2, "", "");
    let cookie = farm.cookie_of(0);
    answers(&farm, 0, 500);
    for _ in 0..4 {
        assert_eq!(farm.call(&of_session("a", Some(&cookie))).text(), "n0");
    }
    assert!(!farm.nodes[0].targets().contains(&HEALTH.to_owned()));
}

#[test]
fn a_node_that_flaps_is_not_left_before_it_has_failed_so_often_in_a_row() {
    for (unhealthy_after, is_left) in [(3, false), (1, true)] {
        let health = format!(
            "health: {{ path: /health, interval: 20ms, unhealthy_after: {unhealthy_after}, healthy_after: 100 }}"
        );
        let farm = Farm::start(2, &health, "");
        let count = Arc::new(AtomicUsize::new(0));
        farm.nodes[0].on_each(HEALTH, move |_| {
            let status = if count.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
                200
            } else {
                500
            };
            vec![Step::ReadBody, Step::Send(answer(status, ""))]
        });
        until_checked(&farm.nodes[0], 12);
        assert_eq!(
            !farm.is_healthy(0),
            is_left,
            "unhealthy_after: {unhealthy_after}"
        );
    }
}

#[test]
fn a_node_that_does_not_answer_a_check_is_left() {
    let health = "health: { path: /health, interval: 20ms, timeout: 1s }";
    let farm = Farm::start(2, health, "");
    farm.nodes[0].on(HEALTH, crate::support::held());
    farm.until_healthy(0, false);
    assert!(farm.is_healthy(1));
}

#[test]
fn a_node_that_is_gone_is_left_before_any_request_finds_out() {
    let mut farm = Farm::start(2, OFTEN, "");
    let cookie = farm.cookie_of(0);
    let place = farm.end(0);
    farm.until_healthy(0, false);
    assert_eq!(farm.call(&of_session("a", Some(&cookie))).text(), "n1");
    farm.start_again(0, place);
    farm.until_healthy(0, true);
    assert_eq!(farm.call(&of_session("a", Some(&cookie))).text(), "n0");
}

#[test]
fn when_all_are_ill_each_session_is_at_its_own_and_readiness_says_so() {
    let farm = Farm::start(2, OFTEN, "");
    let cookies = [0, 1].map(|number| farm.cookie_of(number));
    for number in 0..2 {
        answers(&farm, number, 503);
        farm.until_healthy(number, false);
    }
    for (number, cookie) in cookies.iter().enumerate() {
        let response = farm.call(&of_session("a", Some(cookie)));
        assert_eq!((response.status, response.text()), (200, name(number)));
    }
    assert_eq!(farm.lost(), 0);
    assert_eq!(farm.proxy.admin("/readyz").status, 503);
    answers(&farm, 0, 200);
    farm.until_healthy(0, true);
    assert_eq!(farm.proxy.admin("/readyz").status, 200);
}

#[test]
fn a_check_is_a_request_of_its_own() {
    let farm = Farm::start(
        1,
        "max_connections: 1, health: { path: '/health?deep=1', interval: 20ms, host: shop.example }",
        "",
    );
    farm.nodes[0].on("/page", crate::support::held());
    let mut post = farm.proxy.session("a").post("/page");
    eventually("it is inside", || {
        farm.nodes[0].targets().contains(&"/page".to_owned())
    });
    let checks = || {
        let seen = farm.nodes[0].seen().into_iter();
        seen.filter(|seen| seen.path() == HEALTH)
            .collect::<Vec<_>>()
    };
    let before = checks().len();
    eventually("checks go on while all connections are in use", || {
        checks().len() > before + 2
    });
    let check = checks().remove(0);
    assert_eq!(
        (check.method.as_str(), check.query("deep")),
        ("GET", Some("1"))
    );
    assert_eq!(check.header("host"), Some("shop.example"));
    assert_eq!(check.header("connection"), Some("close"));
    assert_eq!(check.header("x-onelane-access"), None);
    let seen = farm.nodes[0].seen();
    for _ in seen.iter().take_while(|seen| seen.target != "/page") {
        drop(farm.nodes[0].arrival());
    }
    farm.nodes[0].arrival().release();
    assert_eq!(post.status(), 200);
    let requests = farm
        .proxy
        .metrics()
        .count("onelane_upstream_requests_total");
    assert_eq!(requests, 1, "checks are no requests");
}
