//! Which requests are one session, as each stack's own rules have it; seen from outside: one lane, or two.

use crate::support::{Proxy, Request, Upstream, eventually, held};

/// How two requests meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meeting {
    /// The second waits for the first.
    OneLane,
    /// The second does not.
    Apart,
}

fn preset(name: &str) -> String {
    format!("session: {{ preset: {name} }}")
}

/// Holds `first` in the application and sends `second`.
fn meeting(yaml: &str, first: &Request, second: &Request) -> Meeting {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, yaml);
    let mut clients = [proxy.connect(), proxy.connect()];
    clients[0].send(first.bytes());
    let inside = app.arrival();
    clients[1].send(second.bytes());
    eventually("the second waits or is inside", || {
        proxy.metrics().count("onelane_waiters") == 1 || app.arrived() == 2
    });
    let meeting = if app.arrived() == 2 {
        Meeting::Apart
    } else {
        Meeting::OneLane
    };
    inside.release();
    app.arrival().release();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    drop(clients);
    proxy.until_nothing_is_left();
    meeting
}

fn post(target: &str) -> Request {
    Request::post(target, "x=1")
}

fn with_cookie(cookie: &str) -> Request {
    post("/page.aspx").header("Cookie", cookie)
}

const ID: &str = "lit3py55t21z5v55vlm25s55";

#[test]
fn aspnet_takes_name_and_value_in_any_case() {
    let plain = with_cookie(&format!("ASP.NET_SessionId={ID}"));
    for same in [
        format!("asp.net_sessionid={ID}"),
        format!("ASP.NET_SessionId={}", ID.to_uppercase()),
        format!("theme=dark; ASP.NET_SessionId={ID}; x=y"),
        format!("ASP.NET_SessionId={ID}; ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa"),
    ] {
        assert_eq!(
            meeting(&preset("aspnet"), &plain, &with_cookie(&same)),
            Meeting::OneLane,
            "{same}"
        );
    }
    let other = with_cookie("ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa");
    assert_eq!(meeting(&preset("aspnet"), &plain, &other), Meeting::Apart);
}

#[test]
fn aspnet_finds_the_id_in_the_path() {
    let page = |id: &str, page: &str| post(&format!("/(S({id}))/{page}"));
    let other = "aaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(
        meeting(&preset("aspnet"), &page(ID, "a.aspx"), &page(ID, "b.aspx")),
        Meeting::OneLane
    );
    assert_eq!(
        meeting(
            &preset("aspnet"),
            &page(ID, "a.aspx"),
            &page(other, "a.aspx")
        ),
        Meeting::Apart
    );
}

#[test]
fn aspnet_brings_its_static_files_and_its_reads() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &preset("aspnet"));
    let cookie = format!("ASP.NET_SessionId={ID}");
    for (method, target, access) in [
        ("GET", "/app.css", "none"),
        ("GET", "/ScriptResource.axd?d=1", "none"),
        ("POST", "/signalr/send", "none"),
        ("OPTIONS", "/page.aspx", "none"),
        ("GET", "/page.aspx", "write"),
        ("GET", "/page.aspx/app.css", "write"),
        ("POST", "/app.css", "write"),
    ] {
        let request = Request::new(method, target)
            .header("Cookie", &cookie)
            .header("Content-Length", 0);
        assert_eq!(proxy.call(&request).status, 200);
        assert_eq!(
            app.arrival().seen.header("x-onelane-access"),
            Some(access),
            "{method} {target}"
        );
    }
}

#[test]
fn a_cookie_that_the_stack_would_not_issue_is_no_session_and_counted() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, &preset("aspnet"));
    let odd = with_cookie("ASP.NET_SessionId=not-an-id").bytes();
    let mut clients = [proxy.connect(), proxy.connect()];
    for client in &mut clients {
        client.send(&odd);
    }
    for arrived in [app.arrival(), app.arrival()] {
        arrived.release();
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(
        proxy.metrics().count("onelane_session_cookies_odd_total"),
        2
    );
    assert!(!proxy.admin("/metrics").text().contains("not-an-id"));
}

#[test]
fn php_tells_ids_apart_by_case() {
    let id = "abcdefghijklmnopqrstuvwxyz";
    let plain = with_cookie(&format!("PHPSESSID={id}"));
    let upper = with_cookie(&format!("PHPSESSID={}", id.to_uppercase()));
    assert_eq!(meeting(&preset("php"), &plain, &upper), Meeting::Apart);
    assert_eq!(meeting(&preset("php"), &plain, &plain), Meeting::OneLane);
}

#[test]
fn java_cuts_the_node_and_knows_the_path_parameter() {
    let id = "0123456789ABCDEF0123456789ABCDEF";
    let node = |node: &str| with_cookie(&format!("JSESSIONID={id}.{node}"));
    assert_eq!(
        meeting(&preset("java"), &node("node1"), &node("node2")),
        Meeting::OneLane
    );
    let page = |page: &str| post(&format!("/{page};jsessionid={id}"));
    assert_eq!(
        meeting(&preset("java"), &page("a.do"), &page("b.do")),
        Meeting::OneLane
    );
}

#[test]
fn several_cookie_lines_are_one_list_whose_first_match_wins() {
    let yaml = "session: { keys: [{ name: sid, cookie: sid }] }";
    let plain = post("/x").session("a");
    let late = post("/x")
        .header("Cookie", "theme=dark")
        .header("Cookie", "sid=a");
    let twice = post("/x")
        .header("Cookie", "sid=b")
        .header("Cookie", "sid=a");
    assert_eq!(meeting(yaml, &plain, &late), Meeting::OneLane);
    assert_eq!(meeting(yaml, &plain, &twice), Meeting::Apart);
}
