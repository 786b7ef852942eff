//! An affinity cookie that the nodes set, as IIS's ARR does: it is learned, and never set here.

use super::*;

const ARR: &str = "affinity: { cookie: ARRAffinity, set: false }";

/// Node `number` names itself in each answer, or in those to `path` alone.
fn names_itself(farm: &Farm, number: usize, path: &str) {
    let name = name(number);
    let response = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: ARRAffinity={}; Path=/; HttpOnly\r\nContent-Length: {}\r\n\r\n{name}",
        value(number),
        name.len()
    );
    farm.nodes[number].on(path, [Step::ReadBody, Step::Send(response.into())]);
}

fn value(number: usize) -> String {
    format!("{number:064x}")
}

fn cookie(number: usize) -> String {
    format!("ARRAffinity={}", value(number))
}

#[test]
fn what_a_node_says_of_itself_is_passed_on_and_followed() {
    let farm = Farm::start(3, "", ARR);
    for number in 0..3 {
        names_itself(&farm, number, "/login");
    }
    for _ in 0..3 {
        let response = farm.call(&Request::get("/login"));
        let lines = response.head.all("set-cookie");
        assert!(
            lines.len() == 1 && lines[0].starts_with("ARRAffinity=0"),
            "{lines:?}"
        );
    }
    for number in [2, 0, 1, 1, 0, 2] {
        let response = farm.call(&of_session("a", Some(&cookie(number))));
        assert_eq!(response.text(), name(number));
        assert_eq!(response.header("set-cookie"), None);
    }
}

#[test]
fn before_it_is_learned_the_session_decides() {
    let farm = Farm::start(3, "", ARR);
    let nodes: Vec<_> = (0..3)
        .map(|number| farm.call(&of_session("a", Some(&cookie(number)))).text())
        .collect();
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
}

#[test]
fn health_checks_teach_it_again_after_a_restart() {
    let mut farm = Farm::start(3, "", ARR);
    for number in 0..3 {
        names_itself(&farm, number, HEALTH);
    }
    farm.restart("health: { path: /health, interval: 20ms }", ARR);
    for node in &farm.nodes {
        eventually("it is checked twice", || node.arrived() >= 2);
    }
    for number in 0..3 {
        let response = farm.call(&of_session("a", Some(&cookie(number))));
        assert_eq!(response.text(), name(number));
    }
}
