//! Which node a request goes to while all are well.

use super::*;
use crate::support::held;

#[test]
fn a_client_stays_where_its_cookie_says() {
    let farm = Farm::start(3, "", "");
    let first = farm.call(&Request::get("/"));
    let (node, cookie) = (first.text(), given(&first).expect("the cookie is set"));
    for _ in 0..12 {
        let response = farm.call(&Request::get("/").header("Cookie", &cookie));
        assert_eq!(response.text(), node);
        assert_eq!(given(&response), None, "it knows");
    }
    let requests = farm.proxy.metrics();
    assert_eq!(
        requests.labelled("onelane_upstream_requests_total", "upstream", &node),
        13
    );
    assert_eq!(requests.count("onelane_upstream_requests_total"), 13);
    assert_eq!(farm.lost(), 0);
}

#[test]
fn without_affinity_the_same_client_is_everywhere() {
    let farm = Farm::start(3, "", "affinity: off");
    let cookie = {
        let with = Farm::start(3, "", "");
        with.cookie_of(1)
    };
    for _ in 0..12 {
        let response = farm.call(&of_session("a", Some(&cookie)));
        assert_eq!(given(&response), None);
    }
    assert_eq!(farm.arrived(), [4, 4, 4], "in turn");
}

#[test]
fn a_session_has_one_node_before_it_has_its_cookie_and_after_a_restart() {
    let mut farm = Farm::start(3, "", "");
    let node_of = |farm: &Farm, sid: &str| farm.call(&of_session(sid, None)).text();
    let sessions: Vec<_> = (0..30).map(|number| format!("s{number}")).collect();
    let before: Vec<_> = sessions.iter().map(|sid| node_of(&farm, sid)).collect();
    for _ in 0..2 {
        let again: Vec<_> = sessions.iter().map(|sid| node_of(&farm, sid)).collect();
        assert_eq!(again, before);
        farm.restart("", "");
    }
    for number in 0..3 {
        assert!(before.contains(&name(number)), "{before:?}");
    }
}

#[test]
fn a_first_burst_of_a_session_is_at_one_node_one_by_one() {
    let farm = Farm::start(3, "", "");
    let session = farm.proxy.session("burst");
    let mut burst: Vec<_> = (0..9).map(|_| session.post("/page")).collect();
    let nodes: Vec<_> = burst
        .iter_mut()
        .map(|post| post.response().text())
        .collect();
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    for node in &farm.nodes {
        assert_eq!(node.exclusion_violations(), 0);
    }
}

#[test]
fn the_cookie_decides_over_the_session() {
    let farm = Farm::start(2, "", "");
    for number in 0..2 {
        let cookie = farm.cookie_of(number);
        for sid in ["a", "b", "c", "d", "e", "f"] {
            let response = farm.call(&of_session(sid, Some(&cookie)));
            assert_eq!(response.text(), name(number));
        }
    }
}

#[test]
fn a_request_that_is_bound_to_nothing_goes_where_the_fewest_are() {
    let farm = Farm::start(2, "", "");
    for node in &farm.nodes {
        node.on("/slow", held());
    }
    let mut slow = farm.proxy.connect();
    slow.send(Request::get("/slow").bytes());
    eventually("it is inside", || farm.arrived().iter().sum::<usize>() == 1);
    let busy = farm.arrived().iter().position(|count| *count == 1).unwrap();
    for _ in 0..6 {
        assert_eq!(farm.call(&Request::get("/")).text(), name(1 - busy));
    }
    farm.nodes[busy].arrival().release();
    assert_eq!(slow.response().status, 200);
    eventually("it counts no longer", || {
        farm.call(&Request::get("/")).text() == name(busy)
    });
}

#[test]
fn what_was_not_given_out_names_no_node_and_is_replaced() {
    let farm = Farm::start(2, "", "");
    let cookie = farm.cookie_of(0);
    assert!(!cookie.contains("n0"), "{cookie}");
    let forged = [
        "onelane_node=n0",
        "onelane_node=0",
        "onelane_node=",
        "onelane_node=\u{1}\"; DROP",
        "onelane_node=AAAAAAAAAAAAAAAA",
        "ONELANE_NODE=x",
        "onelane_node",
    ];
    for cookie in forged {
        let mut nodes: Vec<_> = (0..4)
            .map(|_| {
                let request = Request::get("/").header("Cookie", cookie.replace('\u{1}', ""));
                let response = farm.call(&request);
                assert!(given(&response).is_some(), "{cookie}");
                response.text()
            })
            .collect();
        nodes.sort();
        assert_eq!(nodes, ["n0", "n0", "n1", "n1"], "{cookie}");
    }
    assert_eq!(farm.lost(), 0, "nothing was lost that never was");
}

#[test]
fn a_response_that_makes_no_session_sets_no_cookie() {
    let routes = "routes: [{ path: '/static/**', access: none }]";
    let farm = Farm::start(2, "", routes);
    assert_eq!(given(&farm.call(&Request::get("/static/a.css"))), None);
    for cached in ["public, max-age=60", "max-age=1, S-MaxAge=60"] {
        let head = format!("HTTP/1.1 200 OK\r\nCache-Control: {cached}\r\n");
        let answer = head + "Content-Length: 0\r\n\r\n";
        for node in &farm.nodes {
            node.on("/page", [Step::ReadBody, Step::Send(answer.clone().into())]);
        }
        assert_eq!(given(&farm.call(&Request::get("/page"))), None, "{cached}");
    }
    let login = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=new\r\nContent-Length: 0\r\n\r\n";
    for node in &farm.nodes {
        node.on("/static/login", [Step::ReadBody, Step::Send(login.into())]);
    }
    let response = farm.call(&Request::get("/static/login"));
    assert!(given(&response).is_some(), "its session is at this node");
    assert_eq!(response.head.all("set-cookie").len(), 2);
}

#[test]
fn the_cookie_is_secure_when_the_client_came_by_tls() {
    let trusted = "client: { trusted_proxies: [127.0.0.1] }";
    for (yaml, secure) in [(trusted, true), ("", false)] {
        let farm = Farm::start(2, "", yaml);
        let request = Request::get("/").header("X-Forwarded-Proto", "https");
        let response = farm.call(&request);
        let line = response.header("set-cookie").unwrap().to_owned();
        assert!(line.contains("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
        assert_eq!(line.ends_with("; Secure"), secure, "{yaml}: {line}");
    }
}

#[test]
fn one_upstream_is_as_if_there_were_no_farm() {
    let app = Upstream::start();
    let url = format!("http://{}", app.address());
    for yaml in [
        format!("upstream: {url}"),
        format!("upstreams: [{{ name: only, url: '{url}' }}]"),
    ] {
        let base = BASE.replace("upstreams:\n", "");
        let proxy = Proxy::start(&format!("{base}{yaml}\n"));
        let response = proxy.call(&of_session("a", None));
        assert_eq!(
            (response.status, response.header("set-cookie")),
            (200, None)
        );
        let series = usize::from(yaml.contains("only"));
        let metrics = proxy.metrics();
        assert_eq!(metrics.count("onelane_upstream_healthy"), series);
        assert_eq!(metrics.count("onelane_upstream_requests_total"), series);
    }
}

#[test]
fn a_connection_that_ntlm_binds_stays_at_its_node() {
    let farm = Farm::start(2, "", "affinity: off");
    let challenge = "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
    for node in &farm.nodes {
        node.on("/login", [Step::ReadBody, Step::Send(challenge.into())]);
    }
    let (mut bound, mut free) = (farm.proxy.connect(), farm.proxy.connect());
    let pages = |client: &mut crate::support::Client| {
        let mut names: Vec<_> = (0..6)
            .map(|_| client.call(&Request::get("/page")).text())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(pages(&mut free), ["n0", "n1"], "the control");
    assert_eq!(bound.call(&Request::get("/login")).status, 401);
    let login = farm
        .nodes
        .iter()
        .position(|node| node.targets().contains(&"/login".to_owned()));
    assert_eq!(pages(&mut bound), [name(login.unwrap())]);
    let seen = farm.nodes[login.unwrap()].seen();
    let on = seen
        .iter()
        .find(|seen| seen.target == "/login")
        .unwrap()
        .connection;
    assert!(seen.iter().rev().take(6).all(|seen| seen.connection == on));
}

#[test]
fn explain_names_the_node_as_far_as_it_can_know_it() {
    let farm = Farm::start(2, "", "");
    let addresses: Vec<_> = farm.nodes.iter().map(Upstream::address).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("onelane.yaml");
    std::fs::write(&file, configuration(&addresses, "", "")).unwrap();
    let explained = |cookie: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onelane"));
        let header = format!("Cookie: {cookie}");
        command
            .args(["explain", "GET", "/", "-H", &header, "-c"])
            .arg(&file);
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("upstream "))
            .unwrap();
        line.trim_start_matches("upstream").trim_start().to_owned()
    };
    let cookie = farm.cookie_of(1);
    assert!(explained(&cookie).starts_with("n1, by its affinity cookie"));
    let by_session = farm.call(&of_session("a", None)).text();
    assert!(explained("sid=a").starts_with(&format!("{by_session}, by its session")));
    assert_eq!(explained("x=y"), "the one with the fewest requests");
}
