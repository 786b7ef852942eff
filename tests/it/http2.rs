//! HTTP/2 from clients: its requests are those of HTTP/1.1, and who abuses it is sent away.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use h2::Reason;
use h2::ext::Protocol;

use crate::support::{
    Authority, DEADLINE, Http2, Proxy, Request, Step, Upstream, answer, eventually, held,
};

/// A listener that takes HTTP/2 with prior knowledge.
const H2C: &str = "listen: { address: '127.0.0.1:0', http2: true }";

fn proxy(app: &Upstream, yaml: &str) -> Proxy {
    Proxy::in_front_of(app, &format!("{H2C}\n{yaml}"))
}

fn get(target: &str) -> http::request::Builder {
    Http2::request("GET", target)
}

fn post(target: &str) -> http::request::Builder {
    Http2::request("POST", target).header("cookie", "sid=a")
}

#[test]
fn a_request_reaches_the_application_as_one_of_http_1_1() {
    let app = Upstream::start();
    app.on("/page", [Step::Send(answer(200, "hello"))]);
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let response = client.call(get("/page?q=1").header("x-own", "kept"));
    assert_eq!((response.status(), response.text()), (200, "hello"));
    let seen = &app.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/page?q=1")
    );
    assert_eq!(seen.header("host"), Some("site.test"));
    assert_eq!(seen.header("x-forwarded-host"), Some("site.test"));
    assert_eq!(seen.header("x-own"), Some("kept"));
    // The same listener, HTTP/1.1.
    assert_eq!(proxy.call(&Request::get("/page")).status, 200);
}

#[test]
fn alpn_chooses_http_2_over_tls_unless_it_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("site", &["site.test"]);
    let app = Upstream::start();
    let listen = |http2| {
        format!(
            "listen: {{ address: '127.0.0.1:0', tls: {}, http2: {http2} }}",
            pair.yaml()
        )
    };
    let proxy = Proxy::in_front_of(&app, &listen(true));
    let mut client = Http2::over_tls(proxy.address(), "site.test", authority.roots());
    assert_eq!(client.call(get("/")).status(), 200);
    assert_eq!(app.seen()[0].header("x-forwarded-proto"), Some("https"));
    let alpn = |proxy: &Proxy| {
        let offer: [&[u8]; 2] = [b"h2", b"http/1.1"];
        let name = "site.test";
        let client =
            crate::support::TlsClient::connect(proxy.address(), name, authority.roots(), &offer);
        client.unwrap().alpn().map(<[u8]>::to_vec)
    };
    assert_eq!(alpn(&proxy).as_deref(), Some(&b"h2"[..]));
    let without = Proxy::in_front_of(&app, &listen(false));
    assert_eq!(alpn(&without).as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn cookie_crumbs_are_joined_before_the_session_is_read() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let crumbs = |target| {
        Http2::request("POST", target)
            .header("cookie", "theme=dark")
            .header("cookie", "sid=a")
    };
    let first = client.send(crumbs("/hold"));
    let inside = app.arrival();
    assert_eq!(inside.seen.header("cookie"), Some("theme=dark; sid=a"));
    let second = client.send(crumbs("/second"));
    proxy.until_waiting(1); // streams of one connection are in one lane
    inside.release();
    assert_eq!(client.answer(first).unwrap().status(), 200);
    assert_eq!(client.answer(second).unwrap().status(), 200);
    assert_eq!(app.exclusion_violations(), 0);
}

#[test]
fn bodies_go_both_ways_whole() {
    let app = Upstream::start();
    let large = "x".repeat(3 << 20);
    app.on("/large", [Step::Send(answer(200, &large))]);
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let mut asked = client.begin(post("/large"), false).unwrap();
    let body = Bytes::from(vec![b'y'; 60_000]);
    asked.body.send_data(body.clone(), true).unwrap();
    let response = client.answer(asked).unwrap();
    assert_eq!(response.body.len(), large.len());
    assert_eq!(app.seen()[0].body, body);
    let head = client.call(Http2::request("HEAD", "/large"));
    assert_eq!(head.body, b"");
}

#[test]
fn a_stream_that_is_reset_while_it_waits_leaves_its_lane() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let first = client.send(post("/hold"));
    let inside = app.arrival();
    let leaver = client.send(post("/leaver"));
    proxy.until_waiting(1);
    leaver.cancel();
    proxy.until_waiting(0);
    let last = client.send(post("/last"));
    proxy.until_waiting(1);
    inside.release();
    assert_eq!(client.answer(first).unwrap().status(), 200);
    assert_eq!(client.answer(last).unwrap().status(), 200);
    assert_eq!(app.targets(), ["/hold", "/last"]);
    proxy.until_counted("onelane_clients_gone_total", ("where", "waiting"), 1);
}

#[test]
fn a_write_whose_stream_is_reset_keeps_its_lane_until_the_application_has_finished() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let first = client.send(post("/hold"));
    let inside = app.arrival();
    first.cancel();
    proxy.until_counted("onelane_clients_gone_total", ("where", "inside"), 1);
    let next = client.send(post("/next"));
    proxy.until_waiting(1);
    assert_eq!(app.arrived(), 1);
    inside.release();
    assert_eq!(client.answer(next).unwrap().status(), 200);
    drop(client);
    proxy.until_nothing_is_left();
}

#[test]
fn a_connection_that_is_lost_takes_its_waiters_along() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let holder = client.send(post("/hold"));
    let inside = app.arrival();
    let waiter = client.send(post("/waiter"));
    proxy.until_waiting(1);
    drop((holder, waiter, client));
    proxy.until_waiting(0);
    inside.release();
    proxy.until_nothing_is_left();
    assert_eq!(app.targets(), ["/hold"]);
}

#[test]
fn a_host_that_says_otherwise_than_the_authority_is_400() {
    let app = Upstream::start();
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    assert_eq!(
        client.call(get("/").header("host", "other.test")).status(),
        400
    );
    assert_eq!(
        client.call(get("/").header("host", "site.test")).status(),
        200
    );
    assert_eq!(app.arrived(), 1);
}

#[test]
fn what_is_refused_ends_its_stream_alone() {
    let app = Upstream::start();
    let proxy = proxy(
        &app,
        "throttle: [{ name: once, rate: 1/h, action: abort, routes: [/abort] }]\n\
         routes: [{ path: /abort, access: none }]\n\
         limits: { body_size: 10B }",
    );
    let mut client = Http2::connect(proxy.address());
    assert_eq!(client.call(get("/abort")).status(), 200);
    let aborted = client.send(get("/abort"));
    let error = client.answer(aborted).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
    let large = client
        .begin(post("/").header("content-length", "11"), false)
        .unwrap();
    assert_eq!(client.answer(large).unwrap().status(), 413);
    assert_eq!(
        client.call(get("/after")).status(),
        200,
        "the connection goes on"
    );
    let connect = http::Request::builder()
        .method("CONNECT")
        .uri("site.test:443");
    let refused = client.send(connect);
    assert_eq!(client.answer(refused).unwrap().status(), 405);
}

#[test]
fn windows_authentication_is_left_to_http_1_1() {
    let app = Upstream::start();
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n\
                     Content-Length: 0\r\n\r\n";
    app.on("/inside", [Step::Send(challenge.as_bytes().to_vec())]);
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let asked = client.send(get("/inside"));
    let error = client.answer(asked).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::HTTP_1_1_REQUIRED));
    assert_eq!(client.call(get("/open")).status(), 200);
}

#[test]
fn an_extended_connect_is_a_websocket_of_the_application() {
    let app = Upstream::start();
    app.on_each("/chat", |seen| {
        let accept = accept_of(seen.header("sec-websocket-key").unwrap());
        let granted = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\nwelcome"
        );
        vec![Step::Send(granted.into_bytes()), Step::Hold, Step::Close]
    });
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: wrong\r\n\r\n";
    app.on(
        "/wrong",
        [Step::Send(wrong.as_bytes().to_vec()), Step::Hold],
    );
    let proxy = proxy(&app, "");
    let mut client = Http2::connect(proxy.address());
    let connect = |target| {
        Http2::request("CONNECT", target)
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"))
    };
    assert_eq!(client.call(get("/first")).status(), 200); // by now the client knows that it may
    app.arrival();
    let asked = client.begin(connect("/chat"), false).unwrap();
    let inside = app.arrival();
    let seen = &inside.seen;
    assert_eq!(
        (seen.method.as_str(), seen.header("upgrade")),
        ("GET", Some("websocket"))
    );
    assert_eq!(seen.header("sec-websocket-version"), Some("13"));
    let response = client.head(asked).unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let mut stream = response.into_body();
    assert_eq!(client.data(&mut stream).unwrap().unwrap(), "welcome");
    inside.release();
    let mut rest = std::iter::from_fn(|| client.data(&mut stream));
    assert!(rest.all(|data| data.is_err() || data.is_ok_and(|data| data.is_empty())));
    let wrong = client.begin(connect("/wrong"), false).unwrap();
    assert_eq!(client.answer(wrong).unwrap().status(), 502);
}

fn accept_of(key: &str) -> String {
    use base64::Engine;
    use sha1::Digest;
    let hash = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(hash)
}

/// Opens and resets `count` writes, each of which the application works on; whether the connection ended.
fn open_and_reset(proxy: &Proxy, app: &Upstream, count: usize) -> bool {
    let mut client = Http2::connect(proxy.address());
    let before = app.arrived();
    for number in 0..count {
        let request =
            Http2::request("POST", "/hold").header("cookie", format!("sid=s{}", before + number));
        let Ok(asked) = client.begin(request, true) else {
            return true;
        };
        let arrived = before + number + 1;
        eventually("it arrives, or the connection is cut", || {
            app.arrived() >= arrived || cut(proxy) > 0
        });
        asked.cancel();
    }
    cut(proxy) > 0
}

fn cut(proxy: &Proxy) -> usize {
    let name = "onelane_connections_ended_total";
    proxy.metrics().labelled(name, "reason", "resets")
}

#[test]
fn a_client_that_opens_and_resets_without_end_is_cut_off() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "limits: { http2_streams: 4 }");
    assert!(
        !open_and_reset(&proxy, &app, 8),
        "a few are nothing unusual"
    );
    let before = app.arrived();
    assert!(open_and_reset(&proxy, &app, 50));
    assert!(app.arrived() - before <= 2 * 4, "{}", app.arrived());
    app.close_connections();
    proxy.until_nothing_is_left();
}

#[test]
fn streams_beyond_the_limit_wait_at_the_client() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "limits: { http2_streams: 2 }");
    let mut client = Http2::connect(proxy.address());
    assert_eq!(client.call(get("/first")).status(), 200); // by now the client knows the settings
    app.arrival();
    let asked: Vec<_> = (0..2).map(|_| client.send(get("/hold"))).collect();
    let inside: Vec<_> = (0..2).map(|_| app.arrival()).collect();
    let third = client.send(get("/third"));
    for inside in &inside {
        inside.release();
    }
    for asked in asked {
        assert_eq!(client.answer(asked).unwrap().status(), 200);
    }
    assert_eq!(client.answer(third).unwrap().status(), 200);
}

/// Frames after a preface and empty settings, then whatever comes until the server closes.
fn raw(proxy: &Proxy, frames: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    stream.write_all(&frame(4, 0, 0, b"")).unwrap();
    let sent = stream.write_all(frames);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok(); // a reset ends it too
    (answer, sent)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_flood_of_continuation_frames_is_cut_off() {
    let app = Upstream::start();
    let proxy = proxy(&app, "limits: { idle_timeout: 60s, header_timeout: 60s }");
    // A literal field without indexing, as long as a frame may be, again and again and never the end of the header.
    let mut field = vec![0x00, 0x01, b'a', 0x7f, 0xe1, 0x7c];
    field.resize(field.len() + 16_000, b'b');
    let mut frames = frame(1, 0, 1, &[0x82, 0x86, 0x84]);
    for _ in 0..200 {
        frames.extend(frame(9, 0, 1, &field[..16_000]));
    }
    let (answer, _) = raw(&proxy, &frames);
    let goaway = answer.windows(5).any(|bytes| bytes[3..5] == [7, 0]);
    assert!(goaway || answer.is_empty(), "{answer:?}");
    assert_eq!(app.arrived(), 0);
}

#[test]
fn rapid_resets_are_cut_off() {
    let app = Upstream::start();
    let proxy = proxy(&app, "limits: { idle_timeout: 60s }");
    let mut frames = Vec::new();
    for number in 0..10_000_u32 {
        let stream = 2 * number + 1;
        // GET https / with an authority, then its reset.
        let head = [0x82, 0x87, 0x84, 0x01, 0x04, b's', b'i', b't', b'e'];
        frames.extend(frame(1, 5, stream, &head));
        frames.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let (answer, _) = raw(&proxy, &frames);
    let calm = [0, 0, 0, 0x0b]; // ENHANCE_YOUR_CALM, in a GOAWAY
    assert!(
        answer.windows(4).any(|bytes| bytes == calm) || cut(&proxy) > 0 || answer.is_empty(),
        "{answer:?}"
    );
    assert!(app.arrived() < 1000, "{}", app.arrived());
    proxy.until_nothing_is_left();
}

#[test]
fn a_header_list_beyond_the_limit_is_431() {
    let app = Upstream::start();
    let proxy = proxy(&app, "limits: { header_size: 8KiB }");
    let mut client = Http2::connect(proxy.address());
    assert_eq!(client.call(get("/first")).status(), 200);
    let mut request = get("/");
    for number in 0..200 {
        request = request.header(format!("x-{number}"), "x".repeat(100));
    }
    let refused = client
        .begin(request, true)
        .and_then(|asked| client.answer(asked));
    assert_eq!(refused.unwrap().status(), 431);
    let many = (0..101).fold(get("/"), |request, number| {
        request.header(format!("x-{number}"), "1")
    });
    assert_eq!(client.call(many).status(), 431, "more than limits.headers");
    let crumbs = (0..150).fold(get("/"), |request, number| {
        request.header("cookie", format!("c{number}=1"))
    });
    assert_eq!(client.call(crumbs).status(), 200, "crumbs are one field");
    assert_eq!(app.arrived(), 2);
}

#[test]
fn a_connection_counts_until_the_application_has_finished_with_its_last_request() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "limits: { connections: 1 }");
    let mut client = Http2::connect(proxy.address());
    let asked = client.send(post("/hold"));
    let inside = app.arrival();
    drop((asked, client));
    proxy.until_counted("onelane_clients_gone_total", ("where", "inside"), 1);
    let name = "onelane_refusals_total";
    let full = || proxy.metrics().labelled(name, "reason", "connections_full");
    eventually("another connection is one too many", || {
        drop(TcpStream::connect(proxy.address()));
        full() > 0
    });
    inside.release();
    proxy.until_nothing_is_left();
    assert_eq!(Http2::connect(proxy.address()).call(get("/")).status(), 200);
}

#[test]
fn silence_before_the_first_request_and_idleness_after_the_last_have_their_limits() {
    let app = Upstream::start();
    let proxy = proxy(&app, "limits: { header_timeout: 2s, idle_timeout: 3s }");
    let start = std::time::Instant::now();
    let mut silent = Http2::connect(proxy.address());
    silent.ended();
    assert!(start.elapsed() >= std::time::Duration::from_millis(1950));
    let mut idle = Http2::connect(proxy.address());
    let start = std::time::Instant::now();
    assert_eq!(idle.call(get("/")).status(), 200);
    app.arrival();
    idle.ended();
    assert!(start.elapsed() >= std::time::Duration::from_millis(2950));
    // A request that takes longer than both is not idle.
    app.on("/hold", held());
    let mut busy = Http2::connect(proxy.address());
    let asked = busy.send(get("/hold"));
    let inside = app.arrival();
    for _ in 0..2 {
        Http2::connect(proxy.address()).ended();
    }
    inside.release();
    assert_eq!(busy.answer(asked).unwrap().status(), 200);
}

#[test]
fn a_client_that_does_not_read_its_response_is_ended() {
    let large = answer(200, "x".repeat(4 << 20));
    for (rate, ends) in [("send_timeout: 2s", true), ("send_timeout: 60s", false)] {
        let app = Upstream::start();
        app.on("/large", [Step::Send(large.clone())]);
        let proxy = proxy(&app, &format!("limits: {{ {rate}, min_rate: 0 }}"));
        let mut client = Http2::connect(proxy.address());
        let asked = client.send(get("/large"));
        let head = client.head(asked).unwrap(); // and its window is never opened
        let name = "onelane_connections_ended_total";
        let unread = || proxy.metrics().labelled(name, "reason", "unread");
        if ends {
            eventually("it is ended", || unread() == 1);
            client.ended();
            proxy.until_nothing_is_left();
        } else {
            let mut other = Http2::connect(proxy.address());
            for _ in 0..20 {
                assert_eq!(other.call(get("/")).status(), 200);
            }
            assert_eq!(unread(), 0);
        }
        drop(head);
    }
}

#[test]
fn a_drain_lets_streams_finish_and_says_goaway() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = proxy(&app, "drain_timeout: 60s");
    let mut client = Http2::connect(proxy.address());
    let asked = client.send(post("/hold"));
    let inside = app.arrival();
    let draining = proxy.begin_drain();
    eventually("no more requests are taken", || {
        client.begin(get("/late"), true).is_err()
    });
    inside.release();
    assert_eq!(client.answer(asked).unwrap().status(), 200);
    assert_eq!(client.ended(), None);
    assert_eq!(draining.ended().cut_off, 0);
    assert_eq!(app.targets()[0], "/hold");
}

#[test]
fn where_http_2_is_not_spoken_its_preface_is_505() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let (answer, _) = raw(&proxy, b"");
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 505 "), "{text}");
    let refusals = || {
        proxy
            .metrics()
            .labelled("onelane_refusals_total", "reason", "version")
    };
    eventually("it is counted", || refusals() == 1);
}
