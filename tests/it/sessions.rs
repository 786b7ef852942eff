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

/// Checks that requests with these cookies are in one lane, and one with the last is in another.
#[track_caller]
fn one_lane_but_for_the_last(session: &str, cookies: &[&str]) {
    let [first, same @ .., other] = cookies else {
        panic!("at least two cookies")
    };
    for (cookie, expected) in same
        .iter()
        .map(|same| (same, Meeting::OneLane))
        .chain([(other, Meeting::Apart)])
    {
        let met = meeting(
            &format!("session: {{ {session} }}"),
            &with_cookie(first),
            &with_cookie(cookie),
        );
        assert_eq!(met, expected, "{session}: {cookie}");
    }
}

#[test]
fn sitecore_decodes_the_id_and_knows_the_contact_only_when_asked() {
    one_lane_but_for_the_last(
        "preset: sitecore",
        &[
            &format!("ASP.NET_SessionId={ID}"),
            "ASP.NET_SessionId=%6cit3py55t21z5v55vlm25s55",
            "ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    );
    let contact = |class: &str| {
        with_cookie(&format!(
            "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|{class}"
        ))
    };
    for (shared, expected) in [(true, Meeting::OneLane), (false, Meeting::Apart)] {
        let yaml = format!("session: {{ preset: sitecore, shared: {shared} }}");
        assert_eq!(
            meeting(&yaml, &contact("True"), &contact("False")),
            expected,
            "shared: {shared}"
        );
    }
}

#[test]
fn sitecore_brings_its_media() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &preset("sitecore"));
    for (target, access) in [
        ("/-/media/hero.ashx", "none"),
        ("/sitecore/shell/default.aspx", "write"),
    ] {
        let cookie = format!("ASP.NET_SessionId={ID}");
        let request = Request::get(target).header("Cookie", cookie);
        assert_eq!(proxy.call(&request).status, 200);
        assert_eq!(
            app.arrival().seen.header("x-onelane-access"),
            Some(access),
            "{target}"
        );
    }
}

#[test]
fn aspnetcore_decodes_the_value_and_takes_the_last() {
    let value = "CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt%2B2P2B4P%2BkZJxscMXuiqUZKH5k";
    let plain = value.replace("%2B", "+");
    let other = "CfDJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    one_lane_but_for_the_last(
        "preset: aspnetcore",
        &[
            &format!(".AspNetCore.Session={value}"),
            &format!(".aspnetcore.session={plain}"),
            &format!(".AspNetCore.Session={other}; .AspNetCore.Session={value}"),
            &format!(".AspNetCore.Session={value}; .AspNetCore.Session={other}"),
        ],
    );
}

#[test]
fn classic_asp_has_a_name_by_process() {
    one_lane_but_for_the_last(
        "preset: classic-asp",
        &[
            "ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA",
            "ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA; ASPSESSIONIDSSTRQBSQ=FCIHPMOBFDOHHAEIOOFJIPHK",
            "ASPSESSIONIDSSTRQBSQ=FCIHPMOBFDOHHAEIOOFJIPHK",
        ],
    );
}

#[test]
fn coldfusion_needs_both_of_its_cookies() {
    one_lane_but_for_the_last(
        "preset: coldfusion",
        &[
            "CFID=4907; CFTOKEN=26544563",
            "cftoken=26544563; cfid=4907",
            "CFID=4907; CFTOKEN=1",
        ],
    );
    let alone = with_cookie("CFID=4907");
    assert_eq!(
        meeting(&preset("coldfusion"), &alone, &alone),
        Meeting::Apart
    );
}

#[test]
fn laravels_value_is_a_key_until_a_response_replaces_it() {
    let value = format!("eyJpdiI6{}", "Ab3".repeat(60));
    one_lane_but_for_the_last(
        "preset: laravel",
        &[
            &format!("my_shop_session={value}%3D"),
            &format!("XSRF-TOKEN=eyJpdiI6x; my_shop_session={value}="),
            &format!("my_shop_session={}%3D", value.replace('3', "4")),
        ],
    );
}

#[test]
fn woocommerce_sessions_are_customers() {
    let name = "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06";
    one_lane_but_for_the_last(
        "preset: woocommerce",
        &[
            &format!("{name}=t_24a50be699fb53123ba04805a08a1b%7C%7C1788894203%7C%7C1%7C%7Caa"),
            &format!("{name}=t_24a50be699fb53123ba04805a08a1b%7C%7C1799999999%7C%7C2%7C%7Cbb"),
            &format!("{name}=t_24a50be699fb53123ba04805a08a1b|1799999999|3|$generic$cc"),
            &format!("{name}=9732510%7C%7C1788894203%7C%7C1%7C%7Caa"),
        ],
    );
}

#[test]
fn magentos_back_end_has_a_session_of_its_own() {
    let shop = "PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh";
    one_lane_but_for_the_last(
        "preset: magento",
        &[
            shop,
            &format!("mage-cache-sessid=true; {shop}"),
            &format!("{shop}; admin=b1ackend0000000000000000ab"),
        ],
    );
}

#[test]
fn moodles_cookie_may_have_a_suffix() {
    one_lane_but_for_the_last(
        "preset: moodle",
        &[
            "MoodleSessionlearn=q1w2e3r4t5y6u7i8o9p0asdfgh",
            "MoodleSessionTest=zfYjnkPTeL; MoodleSessionlearn=q1w2e3r4t5y6u7i8o9p0asdfgh",
            "MoodleSessionlearn=zzzzzzzzzzzzzzzzzzzzzzzzzz",
        ],
    );
}

#[test]
fn django_takes_the_last_cookie_of_the_name() {
    let (id, other) = ("k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd", "a".repeat(32));
    one_lane_but_for_the_last(
        "preset: django",
        &[
            &format!("sessionid={id}"),
            &format!("sessionid={other}; sessionid=\"{id}\""),
            &format!("sessionid={id}; sessionid={other}"),
        ],
    );
}

#[test]
fn rails_has_a_lane_for_ids_and_none_for_a_session_that_is_all_in_the_cookie() {
    one_lane_but_for_the_last(
        "preset: rails, cookie: _shop_session",
        &[
            "_shop_session=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "a=b; _shop_session=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "_shop_session=ffffffffffffffffffffffffffffffff",
        ],
    );
    let whole = with_cookie("_shop_session=Y2lwaGVydGV4dA%3D%3D--aXZpdml2aXZpdml2--dGFndGFn");
    let yaml = "session: { preset: rails, cookie: _shop_session }";
    assert_eq!(meeting(yaml, &whole, &whole), Meeting::Apart);
}

#[test]
fn expresss_signature_is_no_part_of_the_id() {
    one_lane_but_for_the_last(
        "preset: express",
        &[
            "connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.oXIBN5Lj8xgj2q9fU5efuT4n0tsx3gA0",
            "connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.QIIUmHyuTy1MpBFD3tyvwIaYVOAWtPbF",
            "connect.sid=s%3AtFUx1VeewNRDvb1w2jSgMfu0QReLVPxO.oXIBN5Lj8xgj2q9fU5efuT4n0tsx3gA0",
        ],
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
