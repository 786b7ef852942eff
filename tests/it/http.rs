//! What of HTTP goes through as it is, what is changed on the way, and what is refused (RFC 9110, RFC 9112).

use crate::support::{
    Client, Proxy, Request, Response, Seen, Step, Upstream, answer, chunked, eventually, held,
};

/// What the application saw of `request`, and what the client got, with `response` from the application.
fn through(request: &Request, response: &[u8]) -> (Seen, Response) {
    let app = Upstream::start();
    app.on("*", [Step::ReadBody, Step::Send(response.to_vec())]);
    let proxy = Proxy::in_front_of(&app, "");
    let response = proxy.call(request);
    let arrived = app.arrival();
    arrived.left();
    let seen = app.seen().remove(0);
    proxy.until_nothing_is_left();
    (seen, response)
}

fn forwarded(request: &Request) -> Seen {
    through(request, &answer(200, "ok")).0
}

fn answered(response: &[u8]) -> Response {
    through(&Request::get("/x").session("a"), response).1
}

/// The status for exactly these bytes, and whether the application saw anything of them.
fn raw(bytes: impl AsRef<[u8]>) -> (u16, usize) {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { header_timeout: 1s }");
    let mut client = proxy.connect();
    client.send_if_taken(bytes);
    let status = client
        .try_response_to("GET")
        .map_or(0, |response| response.status);
    drop(client);
    proxy.until_nothing_is_left();
    (status, app.arrived())
}

#[track_caller]
fn assert_rejected(bytes: impl AsRef<[u8]>, status: u16) {
    let shown =
        String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(120)]).into_owned();
    assert_eq!(raw(bytes), (status, 0), "{shown:?}");
}

#[test]
fn hop_by_hop_fields_of_a_request_go_no_further() {
    let seen = forwarded(
        &Request::get("/x")
            .session("a")
            .header("Connection", "X-Nominated, keep-alive")
            .header("X-Nominated", "1")
            .header("Keep-Alive", "timeout=5")
            .header("Proxy-Connection", "keep-alive")
            .header("TE", "trailers, deflate")
            .header("Proxy-Authorization", "Basic xyz")
            .header("X-Kept", "1"),
    );
    for gone in [
        "x-nominated",
        "keep-alive",
        "proxy-connection",
        "te",
        "proxy-authorization",
    ] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert!(
        seen.header("connection")
            .is_none_or(|value| !value.to_lowercase().contains("x-nominated"))
    );
    assert_eq!(seen.header("x-kept"), Some("1"));
}

#[test]
fn a_client_cannot_nominate_what_it_must_not_strip() {
    let nominated = "Cookie, Host, X-Forwarded-For, X-Onelane-Access, Content-Length";
    let request = Request::post("/x", "four")
        .session("a")
        .header("Connection", nominated);
    let seen = forwarded(&request);
    assert_eq!(seen.session.as_deref(), Some("a"));
    assert_eq!(seen.header("host"), Some("app.test"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-onelane-access"), Some("write"));
    assert_eq!(seen.body, b"four");
}

#[test]
fn hop_by_hop_fields_of_a_response_go_no_further() {
    let response = answered(
        b"HTTP/1.1 200 OK\r\nConnection: X-Nominated\r\nX-Nominated: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n",
    );
    for gone in ["x-nominated", "keep-alive", "proxy-authenticate"] {
        assert_eq!(response.header(gone), None, "{gone}");
    }
    assert_eq!(response.header("x-kept"), Some("1"));
}

#[test]
fn what_the_proxy_tells_the_application_cannot_be_forged() {
    let seen = forwarded(
        &Request::get("/x")
            .session("a")
            .header("X-Forwarded-For", "6.6.6.6")
            .header("X_Forwarded_For", "6.6.6.6")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "evil.test")
            .header("X-Onelane-Access", "none")
            .header("X-Onelane-Secret", "guess")
            .header("X_Onelane_Access", "none"),
    );
    assert_eq!(seen.head.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.head.all("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.head.all("x-forwarded-host"), ["app.test"]);
    assert_eq!(seen.head.all("x-onelane-access"), ["write"]);
    for gone in ["x-onelane-secret", "x_forwarded_for", "x_onelane_access"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
}

#[test]
fn the_access_and_the_secret_are_told_to_the_application() {
    let app = Upstream::start();
    let yaml = "routes: [{ path: /r, access: read }, { path: /n, access: none }]\napplication: { secret: 'let me in please' }";
    let proxy = Proxy::in_front_of(&app, yaml);
    for (path, access) in [("/w", "write"), ("/r", "read"), ("/n", "none")] {
        assert_eq!(proxy.session("a").get(path).status(), 200);
        let seen = app.arrival().seen;
        assert_eq!(seen.header("x-onelane-access"), Some(access), "{path}");
        assert_eq!(seen.header("x-onelane-secret"), Some("let me in please"));
        assert_eq!(seen.header("x-onelane-client"), Some("127.0.0.1"));
    }
}

#[test]
fn each_request_has_an_id_that_both_sides_see() {
    let (seen, response) = through(&Request::get("/x"), &answer(200, ""));
    let id = seen.header("x-request-id").expect("an id");
    assert!(id.len() >= 16, "{id}");
    assert_eq!(response.header("x-request-id"), Some(id));
    let (other, _) = through(&Request::get("/x"), &answer(200, ""));
    assert_ne!(other.header("x-request-id"), Some(id));
}

#[test]
fn method_target_host_and_end_to_end_fields_are_forwarded_as_they_came() {
    let target = "/a//b/%2e%2e/c;p=1?x=%20&y=%C3%A4&z";
    let request = Request::new("PROPFIND", target)
        .header("Accept-Encoding", "gzip")
        .header("Cookie", "a=1; b=\"2\"");
    let seen = forwarded(&request);
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("PROPFIND", target)
    );
    assert_eq!(seen.header("host"), Some("app.test"));
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    assert_eq!(seen.header("cookie"), Some("a=1; b=\"2\""));
}

#[test]
fn several_cookies_and_set_cookies_stay_several() {
    let request = Request::get("/x")
        .header("Cookie", "a=1")
        .header("Cookie", "b=2");
    let response = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; path=/\r\nContent-Length: 0\r\n\r\n";
    let (seen, response) = through(&request, response);
    assert_eq!(seen.head.all("cookie"), ["a=1", "b=2"]);
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2; path=/"]);
}

#[test]
fn bodies_go_through_byte_for_byte_both_ways() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let (seen, response) = through(
        &Request::post("/x", &bytes).session("a"),
        &answer(200, &bytes),
    );
    assert_eq!(seen.body, bytes);
    assert_eq!(response.body, bytes);
    assert_eq!(response.header("content-length"), Some("300000"));

    let (seen, response) = through(
        &Request::post_chunked("/x", &["one", "two"]).session("a"),
        &chunked(&["three", "four"]),
    );
    assert_eq!(seen.body, b"onetwo");
    assert_eq!(response.text(), "threefour");
}

#[test]
fn a_streamed_body_comes_as_it_is_sent() {
    let app = Upstream::start();
    app.on("/stream", crate::support::in_halves(""));
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    client.send(Request::get("/stream").session("a").bytes());
    let inside = app.arrival();
    assert_eq!(client.head().header("content-length"), Some("8"));
    assert_eq!(client.read(4), b"half", "before the rest has been sent");
    inside.release();
    assert_eq!(client.read(4), b"rest");
}

#[test]
fn responses_without_a_body_have_none() {
    let app = Upstream::start();
    app.on(
        "/head",
        [Step::Send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec(),
        )],
    );
    app.on(
        "/204",
        [Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())],
    );
    app.on(
        "/304",
        [Step::Send(
            b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n".to_vec(),
        )],
    );
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let head = client.call(&Request::new("HEAD", "/head"));
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("1000"))
    );
    assert_eq!(client.call(&Request::get("/204")).status, 204);
    let unchanged = client.call(&Request::get("/304"));
    assert_eq!(
        (unchanged.status, unchanged.header("etag")),
        (304, Some("\"e\""))
    );
    assert_eq!(
        client.call(&Request::get("/after")).text(),
        "ok",
        "the connection is still in step"
    );
}

#[test]
fn the_proxy_speaks_its_own_version_to_an_application_and_a_client_of_another() {
    let app = Upstream::start();
    let old = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold".to_vec();
    app.on("/old", [Step::ReadBody, Step::Send(old), Step::Close]);
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    for _ in 0..2 {
        let response = client.call(&Request::get("/old").session("a"));
        assert_eq!(
            (response.head.start.as_str(), response.text().as_str()),
            ("HTTP/1.1 200 OK", "old")
        );
    }
    proxy.connect().send("GET /new HTTP/1.0\r\n\r\n").response();
    assert!(app.seen()[2].head.start.ends_with(" HTTP/1.1"));
}

#[test]
fn trailers_are_dropped_both_ways() {
    let mut request = Request::new("POST", "/x")
        .header("Transfer-Encoding", "chunked")
        .header("Trailer", "X-Sum")
        .bytes();
    request.extend_from_slice(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nCookie: sid=evil\r\n\r\n");
    let app = Upstream::start();
    let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n";
    app.on("/x", [Step::ReadBody, Step::Send(response.to_vec())]);
    let proxy = Proxy::in_front_of(&app, "");
    let response = proxy.connect().send(request).response();
    assert_eq!(response.text(), "ok");
    assert!(
        response.trailers.headers.is_empty() && response.header("trailer").is_none(),
        "{response:?}"
    );
    let seen = app.arrival().with_body();
    assert_eq!(seen.body, b"abc");
    assert!(
        seen.trailers.headers.is_empty() && seen.header("trailer").is_none(),
        "{seen:?}"
    );
    assert_eq!(seen.session, None);
}

#[test]
fn expect_100_continue_is_answered_here_and_not_forwarded() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    client.send(
        Request::new("POST", "/x")
            .header("Content-Length", 4)
            .header("Expect", "100-continue")
            .head(),
    );
    assert_eq!(client.head().status(), 100);
    client.send("body");
    assert_eq!(client.response().status, 200);
    let seen = app.arrival().with_body();
    assert_eq!(
        (seen.body.as_slice(), seen.header("expect")),
        (b"body".as_slice(), None)
    );
    let odd = proxy.call(&Request::post("/x", "").header("Expect", "a miracle"));
    assert_eq!(odd.status, 417);
    assert_eq!(app.arrived(), 1);
}

#[test]
fn interim_responses_of_the_application_do_not_end_the_exchange() {
    let response = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec(),
        answer(200, "final"),
    ];
    let answered = answered(&response.concat());
    assert_eq!(answered.text(), "final");
    assert!(
        answered.interim.is_empty(),
        "a known limit: the server library cannot send a 103"
    );
}

#[test]
fn host_is_required_once_and_must_be_valid() {
    assert_rejected("GET / HTTP/1.1\r\n\r\n", 400);
    assert_rejected(
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
        400,
    );
    assert_rejected(
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        400,
    );
    for odd in ["a b", "a/b", "user@a.test", "a?b", ""] {
        assert_rejected(format!("GET / HTTP/1.1\r\nHost: {odd}\r\n\r\n"), 400);
    }
    assert_eq!(raw("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), (200, 1));
}

#[test]
fn an_old_client_without_host_is_served_and_its_connection_closed() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let response = client.send("GET /old HTTP/1.0\r\n\r\n").response();
    assert_eq!(response.text(), "ok");
    client.closed();
    assert_eq!(app.targets(), ["/old"]);
}

#[test]
fn an_absolute_target_is_taken_apart_and_decides_the_host() {
    let seen = forwarded(&Request::get("http://other.test:81/x?y=1"));
    assert_eq!(seen.target, "/x?y=1");
    assert_eq!(seen.head.all("host"), ["other.test:81"]);
}

#[test]
fn odd_targets_and_methods_are_refused() {
    assert_rejected("GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", 400);
    assert_rejected("GET a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400);
    assert_rejected("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 405);
    assert_rejected("TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n", 405);
    let (status, _) = raw("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!((200..300).contains(&status), "{status}");
}

#[test]
fn what_could_be_framed_in_two_ways_is_refused() {
    let with =
        |fields: &str| format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n0\r\n\r\n");
    for (fields, status) in [
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: chunked, chunked", 501),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("Content-Length: +1", 400),
        ("Content-Length: 0x1", 400),
        ("Content-Length: ", 400),
        ("Content-Length: -1", 400),
        ("A: b\r\n folded", 400),
        ("A : b", 400),
        ("A: b\0c", 400),
        ("A: b\rc", 400),
    ] {
        assert_rejected(with(fields), status);
    }
    let (status, _) =
        raw("POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(status, 400);
}

#[test]
fn a_length_beside_chunked_is_removed_and_the_connection_closed() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let smuggled = "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(client.send(smuggled).response().status, 200);
    client.closed();
    let seen = app.arrival().with_body();
    assert_eq!(seen.body, b"abc");
    assert!(seen.header("content-length").is_none() || seen.header("transfer-encoding").is_none());
    assert_eq!(app.targets(), ["/x"]);
}

#[test]
fn nonsense_in_a_chunked_body_is_refused_and_holds_no_lane() {
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nx",
    ] {
        let request = Request::new("POST", "/x")
            .header("Transfer-Encoding", "chunked")
            .session("a")
            .head();
        assert_rejected([request.as_slice(), chunks.as_bytes()].concat(), 400);
    }
}

#[test]
fn floods_of_header_and_url_are_refused() {
    let long = "x".repeat(200_000);
    let (status, arrived) = raw(format!("GET /{long} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    assert!(matches!(status, 414 | 431) && arrived == 0, "{status}");
    assert_rejected(
        format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {long}\r\n\r\n"),
        431,
    );
    let many: String = (0..2000)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    assert_rejected(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n"), 431);
}

#[test]
fn a_header_that_never_ends_is_ended() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { header_timeout: 2s }");
    proxy.connect().closed();
    let mut slow = proxy.connect();
    slow.send("GET / HTTP/1.1\r\nHost: a.te");
    let (bytes, _) = slow.rest();
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    proxy.until_counted("onelane_refusals_total", ("reason", "request_timeout"), 1);
    proxy.until_nothing_is_left();
    assert_eq!(app.arrived(), 0);
}

#[test]
fn an_idle_connection_outlives_the_header_timeout_and_a_second_head_does_not() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { header_timeout: 2s }");
    let mut client = proxy.connect();
    assert_eq!(client.call(&Request::get("/")).status, 200);
    proxy.connect().closed(); // by which time the header timeout has passed
    proxy.connect().closed();
    assert_eq!(client.call(&Request::get("/")).status, 200);
    client.send("GET / HTTP/1.1\r\nHost: a.te");
    assert_eq!(client.response().status, 408);
    client.closed();
    proxy.until_nothing_is_left();
    assert_eq!(app.arrived(), 2);
}

#[test]
fn an_idle_connection_ends_with_the_idle_timeout() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { idle_timeout: 200ms }");
    let mut client = proxy.connect();
    assert_eq!(client.call(&Request::get("/")).status, 200);
    client.closed();
    proxy.until_nothing_is_left();
}

#[test]
fn a_body_that_stops_coming_is_408_and_a_body_too_long_is_413() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { body_idle_timeout: 2s, body_size: 1KiB }");
    let mut slow = proxy.connect();
    slow.send(
        Request::new("POST", "/x")
            .header("Content-Length", 10)
            .session("a")
            .head(),
    )
    .send("x");
    assert_eq!(slow.response().status, 408);
    assert_eq!(
        proxy
            .call(&Request::post("/x", "x".repeat(2000)).session("a"))
            .status,
        413
    );
    let chunks = "x".repeat(2000);
    assert_eq!(
        proxy
            .call(&Request::post_chunked("/x", &[&chunks]).session("a"))
            .status,
        413
    );
    drop(slow);
    proxy.until_nothing_is_left();
    assert_eq!(app.arrived(), 0);
}

#[test]
fn a_cookie_of_64_kb_is_no_session_or_refused_but_never_a_crash() {
    let cookie = "x".repeat(64 * 1024);
    let (status, _) = raw(format!(
        "GET / HTTP/1.1\r\nHost: a.test\r\nCookie: sid={cookie}\r\n\r\n"
    ));
    assert!(status == 200 || status == 431, "{status}");
}

#[test]
fn odd_bytes_in_path_and_cookie_are_refused_or_forwarded_as_they_are() {
    let with = |target: &[u8], cookie: &[u8]| {
        [
            b"GET ",
            target,
            b" HTTP/1.1\r\nHost: a.test\r\nCookie: sid=",
            cookie,
            b"\r\n\r\n",
        ]
        .concat()
    };
    for target in [
        "/%2e%2e/%2e%2e/etc/passwd",
        "//evil.test/x",
        "/a\\..\\b",
        "/a%5c..%5cb",
        "/%00",
        "/%ff%fe",
        "/..;/x",
        "/%",
    ] {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, "routes: [{ path: '/safe/**', access: none }]");
        let mut client = proxy.connect();
        client.send(with(target.as_bytes(), b"a"));
        match client.response().status {
            200 => {
                let seen = app.arrival().seen;
                assert_eq!(seen.target, target, "the raw path is forwarded");
                assert_eq!(seen.header("x-onelane-access"), Some("write"), "{target}");
            }
            status => assert_eq!(status, 400, "{target}"),
        }
        drop(client);
        proxy.until_nothing_is_left();
    }
    assert_rejected(with(b"/a\0b", b"a"), 400);
    assert_rejected(with(b"/", b"a\0b"), 400);
    for (target, cookie) in [
        (b"/\xff\xfe".as_slice(), b"a".as_slice()),
        (b"/", b"\xff\xfe"),
    ] {
        let (status, _) = raw(with(target, cookie));
        assert!(
            status == 200 || status == 400,
            "{target:?} {cookie:?}: {status}"
        );
    }
}

#[test]
fn a_dot_segment_does_not_reach_a_more_lenient_route() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "routes: [{ path: '/static/**', access: none }]");
    for (target, access) in [
        ("/static/a.css", "none"),
        ("/static/../checkout", "write"),
        ("/static/%2e%2e/checkout", "write"),
        ("/static/..%2fcheckout", "write"),
        ("/static\\..\\checkout", "write"),
    ] {
        assert_eq!(proxy.session("a").get(target).status(), 200, "{target}");
        assert_eq!(
            app.arrival().seen.header("x-onelane-access"),
            Some(access),
            "{target}"
        );
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = Upstream::start();
    app.on_each("*", |seen| {
        vec![Step::ReadBody, Step::Send(answer(200, &seen.target))]
    });
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let requests =
        ["/1", "/2", "/3"].map(|target| Request::post(target, "abc").session("a").bytes());
    client.send(requests.concat());
    for target in ["/1", "/2", "/3"] {
        assert_eq!(client.response().text(), target);
    }
}

fn websocket(target: &str) -> Request {
    Request::get(target)
        .session("a")
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn an_upgrade_becomes_a_tunnel_and_its_permit_ends_at_the_101() {
    let app = Upstream::start();
    app.on("/socket", [Step::Send(SWITCH.to_vec()), Step::Echo]);
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    client.send(websocket("/socket").bytes());
    let head = client.head();
    assert_eq!(head.status(), 101);
    assert_eq!(head.header("upgrade"), Some("websocket"));
    let seen = app.arrival().seen;
    assert_eq!(seen.header("upgrade"), Some("websocket"));
    assert!(
        seen.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("upgrade"))
    );
    assert_eq!(
        seen.header("sec-websocket-key"),
        Some("dGhlIHNhbXBsZSBub25jZQ==")
    );

    assert_eq!(
        proxy.session("a").post("/x").status(),
        200,
        "the tunnel holds no lane"
    );
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for part in bytes.chunks(10_000) {
        client.send(part);
        assert_eq!(client.read(part.len()), part);
    }
    drop(client);
    eventually("the tunnel ends on both sides", || {
        app.inside() == 0 && app.open_connections() <= 1
    });
    proxy.until_nothing_is_left();
}

#[test]
fn a_tunnel_ends_when_the_application_ends_it() {
    let app = Upstream::start();
    app.on(
        "/socket",
        [
            Step::Send(SWITCH.to_vec()),
            Step::Send(b"bye".to_vec()),
            Step::Close,
        ],
    );
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    client.send(websocket("/socket").bytes());
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.rest().0, b"bye");
    drop(client);
    proxy.until_nothing_is_left();
}

#[test]
fn bytes_behind_an_upgrade_request_do_not_reach_the_application_before_its_101() {
    let app = Upstream::start();
    app.on(
        "/socket",
        [Step::Hold, Step::Send(answer(403, "no")), Step::Close],
    );
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    let smuggled = Request::post("/smuggled", "").session("victim").bytes();
    client.send([websocket("/socket").bytes(), smuggled].concat());
    let inside = app.arrival();
    inside.release();
    assert_eq!(client.response().status, 403);
    client.closed();
    drop(client);
    proxy.until_nothing_is_left();
    assert_eq!(app.targets(), ["/socket"]);
}

#[test]
fn an_upgrade_that_is_refused_is_an_ordinary_exchange() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    assert_eq!(proxy.connect().call(&websocket("/x")).text(), "ok");
    assert_eq!(proxy.session("a").post("/x").status(), 200);
    proxy.until_nothing_is_left();
}

#[test]
fn an_upgrade_to_h2c_or_with_a_body_is_not_passed_on() {
    let h2c = Request::get("/x")
        .header("Connection", "Upgrade, HTTP2-Settings")
        .header("Upgrade", "h2c");
    let seen = forwarded(&h2c.header("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"));
    assert_eq!(
        (seen.header("upgrade"), seen.header("http2-settings")),
        (None, None)
    );
    let with_body = Request::post("/x", "body")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket");
    let (status, _) = raw(with_body.bytes());
    assert!(status == 200 || status == 400, "{status}");
}

#[test]
fn a_permit_that_waited_says_so_in_server_timing() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "");
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let mut second = proxy.session("a").post("/x");
    proxy.until_waiting(1);
    inside.release();
    assert_eq!(first.response().header("server-timing"), None);
    let timing = second.response();
    assert!(
        timing
            .header("server-timing")
            .is_some_and(|value| value.starts_with("onelane;dur=")),
        "{timing:?}"
    );
}

#[test]
fn tls_or_http_2_on_a_plain_port_is_refused_and_leaves_nothing() {
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, "limits: { header_timeout: 1s }");
        let mut client: Client = proxy.connect();
        client.send_if_taken(bytes);
        let (answer, _) = client.rest();
        assert!(
            answer.is_empty()
                || answer.starts_with(b"HTTP/1.1 4")
                || answer.starts_with(b"HTTP/1.1 505")
        );
        drop(client);
        proxy.until_nothing_is_left();
        assert_eq!(app.arrived(), 0);
    }
}
