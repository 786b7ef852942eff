//! The admin listener: who may see and change what, what is shown of the lanes, and what is never shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Output};

use onelane::admin::state::{LaneView, State};
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::Process;
use crate::support::{Client, Exchange, Proxy, Request, Response, Upstream, eventually, held};

const TOKEN: &str = "0123456789abcdef-the-token";

/// What must not be in any answer: the session's id, and parts of its requests.
const ID: &str = "knownsessionidknownsess";
const SECRETS: [&str; 4] = [ID, "12345", "hidden-query", TOKEN];

const JSON: &str = "Content-Type: application/json";

fn with_token(more: &str) -> String {
    format!("admin: {{ listen: '127.0.0.1:0', token: {TOKEN} }}\n{more}")
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Asks at `address`; `headers` replace the usual Host.
#[track_caller]
fn ask(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> Response {
    let mut request = format!("{line} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str("Host: localhost\r\n");
    }
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    let request = format!("{request}\r\n{body}");
    Client::connect(address).send(request).response()
}

#[track_caller]
fn post(proxy: &Proxy, path: &str, body: &str) -> Response {
    let headers = [JSON, &bearer(TOKEN)];
    ask(
        proxy.admin_address(),
        &format!("POST {path}"),
        &headers,
        body,
    )
}

fn value(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", response.text()))
}

#[track_caller]
fn state(proxy: &Proxy) -> State {
    let response = proxy.admin("/api/v1/state");
    assert_eq!(response.status, 200, "{}", response.text());
    serde_json::from_slice(&response.body).unwrap()
}

/// A session whose first request is in the application, and whose second waits for it.
fn one_waits(app: &Upstream, proxy: &Proxy) -> [Exchange; 2] {
    app.on("/report/12345.aspx", held());
    app.on("/cart/12345", held());
    let session = proxy.session(ID);
    let first = session.post("/report/12345.aspx?q=hidden-query");
    proxy.until_holding(1);
    let second = session.get("/cart/12345");
    proxy.until_waiting(1);
    [first, second]
}

fn only_lane(proxy: &Proxy) -> LaneView {
    let mut lanes = state(proxy).lanes;
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    lanes.remove(0)
}

#[test]
fn a_lane_shows_who_holds_and_who_waits_as_shapes_with_their_ages() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let [mut first, mut second] = one_waits(&app, &proxy);
    let lane = only_lane(&proxy);
    let [holder] = &lane.holders[..] else {
        panic!("{lane:?}")
    };
    let [waiter] = &lane.waiters[..] else {
        panic!("{lane:?}")
    };
    let words = |request: &onelane::admin::state::RequestView| {
        let path = request.path.clone().unwrap_or_default();
        format!(
            "{} {} {path} {} {}",
            request.state, request.method, request.access, request.route
        )
    };
    assert_eq!(words(holder), "executing POST /report/*.aspx write default");
    assert_eq!(words(waiter), "waiting GET /cart/* write default");
    assert!(holder.age_ms >= waiter.age_ms && holder.held_ms.is_some());
    assert!(waiter.limit_ms > 0 && waiter.limit_ms <= 120_000);
    assert_eq!((lane.holding, lane.waiting, lane.session.len()), (1, 1, 6));
    assert!(lane.id.starts_with(&lane.session));
    app.arrival().release();
    assert_eq!(first.status(), 200);
    app.arrival().release();
    assert_eq!(second.status(), 200);
    proxy.until_nothing_holds();
    assert!(state(&proxy).lanes.is_empty());
}

#[test]
fn the_longest_waiter_comes_first_and_a_limit_cuts_the_list_but_not_the_numbers() {
    let app = Upstream::start();
    app.on("/a", held());
    let proxy = Proxy::in_front_of(&app, "");
    let idle = proxy.session("idle").post("/a");
    proxy.until_holding(1);
    let waited = proxy.session("waited");
    let mut exchanges = vec![idle, waited.post("/a")];
    proxy.until_holding(2);
    exchanges.push(waited.post("/a"));
    proxy.until_waiting(1);
    let lanes = state(&proxy).lanes;
    assert_eq!((lanes[0].waiting, lanes[1].waiting), (1, 0));
    let one = value(&proxy.admin("/api/v1/lanes?limit=1"));
    assert_eq!(one["lanes"].as_array().map(Vec::len), Some(1));
    assert_eq!((&one["total"], &one["holding"]), (&json!(2), &json!(2)));
    assert_eq!(one["lanes"][0]["id"], json!(lanes[0].id));
    for wrong in ["0", "201", "x", ""] {
        let path = format!("/api/v1/lanes?limit={wrong}");
        assert_eq!(proxy.admin(&path).status, 400, "{wrong}");
    }
    drop(exchanges);
}

#[test]
fn a_wait_behind_one_is_charged_to_it() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let [mut first, mut second] = one_waits(&app, &proxy);
    assert!(state(&proxy).blocking.is_empty(), "it has not ended");
    app.arrival().release();
    assert_eq!(first.status(), 200);
    app.arrival().release();
    assert_eq!(second.status(), 200);
    eventually("the wait is charged", || !state(&proxy).blocking.is_empty());
    let state = state(&proxy);
    let pair = &state.blocking[0];
    assert_eq!(pair.blocker.path.as_deref(), Some("/report/*.aspx"));
    assert_eq!(pair.waiter.path.as_deref(), Some("/cart/*"));
    assert_eq!((pair.count, pair.lately_count), (1, 1));
    assert_eq!(pair.waited_ms, pair.lately_ms);
    let route = state.routes.iter().find(|route| route.route == "default");
    assert_eq!(route.map(|route| route.caused), Some(1));
    assert_eq!(
        state.routes.len(),
        3,
        "default, unsafe_path, method_override"
    );
}

#[test]
fn a_wait_behind_several_is_charged_to_the_page_that_held_longest_meanwhile() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let session = proxy.session(ID);
    let mut exchanges = Vec::new();
    for (ahead, path) in ["/quick.aspx", "/slow.aspx", "/cart.aspx"]
        .into_iter()
        .enumerate()
    {
        app.on(path, held());
        exchanges.push(session.post(path));
        proxy.until_holding(1);
        proxy.until_waiting(ahead);
    }
    app.arrival().release();
    let slow = app.arrival();
    eventually("it takes longer than all before it", || {
        let lane = only_lane(&proxy);
        let held = lane.holders[0].held_ms.unwrap_or_default();
        lane.waiters.len() == 1 && held > lane.waiters[0].age_ms / 2 + 10
    });
    slow.release();
    app.arrival().release();
    for exchange in &mut exchanges {
        assert_eq!(exchange.status(), 200);
    }
    eventually("both waits are charged", || {
        state(&proxy).blocking.len() == 2
    });
    let mut charged: Vec<_> = state(&proxy)
        .blocking
        .into_iter()
        .map(|pair| (pair.waiter.path, pair.blocker.path))
        .collect();
    charged.sort();
    let some = |path: &str| Some(path.to_owned());
    assert_eq!(
        charged,
        [
            (some("/cart.aspx"), some("/slow.aspx")),
            (some("/slow.aspx"), some("/quick.aspx"))
        ]
    );
}

#[test]
fn an_operator_moves_a_lane_on_once_and_the_old_request_disturbs_nobody() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &with_token("queue: { on_hold_limit: wait }"));
    let [mut first, mut second] = one_waits(&app, &proxy);
    let old = app.arrival();
    let lane = only_lane(&proxy);
    let path = format!("/api/v1/lanes/{}/release", lane.id);
    let body = json!({ "ticket": lane.holders[0].ticket }).to_string();
    let released = post(&proxy, &path, &body);
    assert_eq!(
        (released.status, value(&released)),
        (200, json!({ "released": 1 }))
    );
    let next = app.arrival();
    assert_eq!(next.seen.path(), "/cart/12345");
    // Who saw the old holder cannot take the lane from the new one.
    assert_eq!(post(&proxy, &path, &body).status, 409);
    old.release();
    assert_eq!(first.status(), 200);
    assert_eq!(
        only_lane(&proxy).holders[0].path.as_deref(),
        Some("/cart/*")
    );
    next.release();
    assert_eq!(second.status(), 200);
    proxy.until_nothing_holds();
    assert_eq!(post(&proxy, &path, "{}").status, 404);
    let exceptions = "onelane_exclusion_exceptions_total";
    assert_eq!(
        proxy
            .metrics()
            .labelled(exceptions, "kind", "released_by_operator"),
        1
    );
    assert_eq!(proxy.metrics().count(exceptions), 1);
    assert_eq!(state(&proxy).exceptions[0].kind, "released_by_operator");
}

#[test]
fn changes_take_the_token_and_nothing_changes_without() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &with_token(""));
    let bare = Proxy::in_front_of(&app, "");
    let exchanges = one_waits(&app, &proxy);
    let id = only_lane(&proxy).id;
    let paths = [
        format!("/api/v1/lanes/{id}/release"),
        "/api/v1/clients/192.0.2.1/forget".to_owned(),
        "/api/v1/drain".to_owned(),
        "/api/v1/reload".to_owned(),
    ];
    let (right, wrong) = (bearer(TOKEN), bearer("0123456789abcdef-the-tokem"));
    let (longer, basic) = (
        bearer(&format!("{TOKEN}x")),
        format!("Authorization: Basic {TOKEN}"),
    );
    for path in &paths {
        let line = format!("POST {path}");
        for shown in [&wrong, &longer, &basic, &bearer(""), "X-Other: 1"] {
            let refused = ask(proxy.admin_address(), &line, &[JSON, shown], "{}");
            assert_eq!(refused.status, 401, "{path} {shown}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
        let twice = ask(proxy.admin_address(), &line, &[JSON, &right, &wrong], "{}");
        assert_eq!(twice.status, 401);
        let form = "Content-Type: application/x-www-form-urlencoded";
        assert_eq!(
            ask(proxy.admin_address(), &line, &[form, &right], "").status,
            415,
            "{path}"
        );
        assert_eq!(
            ask(proxy.admin_address(), &format!("GET {path}"), &[&right], "").status,
            405
        );
        let none = ask(bare.admin_address(), &line, &[JSON, &right], "{}");
        assert_eq!(none.status, 403, "{path}");
        assert!(none.text().contains("admin.token"), "{}", none.text());
    }
    assert_eq!(only_lane(&proxy).waiting, 1, "nothing has changed");
    assert_eq!(proxy.admin("/readyz").status, 200);
    assert_eq!(
        (state(&proxy).mutations, state(&bare).mutations),
        ("token".into(), "off".into())
    );
    // The control: with the token it does change.
    assert_eq!(post(&proxy, &paths[0], "{}").status, 200);
    drop(exchanges);
}

#[test]
fn another_machine_reads_with_the_token_alone_and_probes_without() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(
        &app,
        &format!("admin: {{ listen: '0.0.0.0:0', token: {TOKEN} }}"),
    );
    let address = SocketAddr::from(([127, 0, 0, 1], proxy.admin_address().port()));
    let get = |path: &str, header: &str| ask(address, &format!("GET {path}"), &[header], "").status;
    for path in [
        "/api/v1/state",
        "/api/v1/lanes",
        "/api/v1/events",
        "/metrics",
        "/evidence",
    ] {
        assert_eq!(get(path, "X-Other: 1"), 401, "{path}");
        assert_eq!(get(path, &bearer("wrong")), 401, "{path}");
    }
    assert_eq!(get("/api/v1/state", &bearer(TOKEN)), 200);
    assert_eq!(get("/metrics", &bearer(TOKEN)), 200);
    for path in ["/livez", "/readyz", "/", "/api/openapi.json"] {
        assert_eq!(get(path, "X-Other: 1"), 200, "{path}");
    }
    let question = r#"{"method": "GET", "url": "/"}"#;
    assert_eq!(
        ask(address, "POST /api/v1/explain", &[JSON], question).status,
        401
    );
}

#[test]
fn who_guesses_at_the_token_is_told_when_to_come_back_and_readers_are_not_concerned() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &with_token(""));
    let reload = |shown: &str| {
        ask(
            proxy.admin_address(),
            "POST /api/v1/reload",
            &[JSON, shown],
            "{}",
        )
    };
    let guesses = (0..100).map(|number| reload(&bearer(&format!("guess-number-{number:04}"))));
    let guesses: Vec<Response> = guesses.collect();
    let count = |status| {
        guesses
            .iter()
            .filter(|guess| guess.status == status)
            .count()
    };
    // A burst of 20, and what comes back in the time that this takes.
    assert!((20..25).contains(&count(401)), "{}", count(401));
    assert_eq!(count(401) + count(429), 100);
    let last = guesses.last().unwrap();
    let seconds: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    assert!(
        last.text().contains("too many wrong tokens"),
        "{}",
        last.text()
    );
    // Whoever is told "right" among a million guesses could go on guessing.
    assert_eq!(reload(&bearer(TOKEN)).status, 429);
    // What takes no token is answered as before, also to who shows one; and who shows none has not guessed.
    assert_eq!(reload("X-Other: 1").status, 401);
    let read = ask(
        proxy.admin_address(),
        "GET /api/v1/state",
        &[&bearer("guess")],
        "",
    );
    assert_eq!(read.status, 200);
    let metrics = proxy.metrics();
    let refused = "onelane_admin_tokens_refused_total";
    assert_eq!(metrics.labelled(refused, "result", "wrong"), count(401));
    assert_eq!(
        metrics.labelled(refused, "result", "limited"),
        count(429) + 1
    );
}

#[cfg(unix)]
#[test]
fn a_storm_of_wrong_tokens_is_one_line_in_the_log_with_where_it_comes_from() {
    let app = Upstream::start();
    let process = Process::in_front_of(&app, &with_token(""));
    for number in 0..50 {
        let guess = bearer(&format!("guess-number-{number:04}"));
        ask(
            process.admin(),
            "POST /api/v1/reload",
            &[JSON, &guess],
            "{}",
        );
    }
    let (_, said) = process.ended("TERM");
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains("wrong tokens"))
        .collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(
        line.contains("127.0.0.1") && line.contains("WARN"),
        "{line}"
    );
    assert!(!said.contains("guess-number"), "{said}");
}

#[test]
fn a_web_page_reaches_nothing_by_another_name_or_from_another_origin() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &with_token(""));
    let at = proxy.admin_address();
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
    ] {
        let host = format!("Host: {host}");
        for line in [
            "GET /api/v1/state",
            "GET /",
            "GET /api/v1/events",
            "GET /metrics",
        ] {
            assert_eq!(ask(at, line, &[&host], "").status, 421, "{line} {host}");
        }
        let drain = ask(
            at,
            "POST /api/v1/drain",
            &[&host, JSON, &bearer(TOKEN)],
            "{}",
        );
        assert_eq!(drain.status, 421);
    }
    let origin = "Origin: http://evil.example";
    let preflight = ask(
        at,
        "OPTIONS /api/v1/drain",
        &[origin, "Access-Control-Request-Method: POST"],
        "",
    );
    assert_eq!(preflight.status, 401, "and a browser sends no more");
    let read = ask(at, "GET /api/v1/state", &[origin], "");
    for response in [&preflight, &read] {
        let cors =
            |(name, _): &&(String, String)| name.to_ascii_lowercase().starts_with("access-control");
        assert!(
            response.head.headers.iter().find(cors).is_none(),
            "{response:?}"
        );
    }
    let policy = read.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(proxy.admin("/readyz").status, 200, "not drained");
}

#[test]
fn no_answer_has_a_session_id_a_cookie_a_query_or_a_raw_path() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(
        &app,
        &with_token("throttle: [{ name: all, concurrent: 50 }]"),
    );
    let [mut first, second] = one_waits(&app, &proxy);
    let question =
        json!({ "method": "GET", "url": "/a", "headers": [["Cookie", format!("sid={ID}")]] });
    let explained = post(&proxy, "/api/v1/explain", &question.to_string());
    assert_eq!(
        value(&explained)["session"],
        json!(only_lane(&proxy).session)
    );
    let wrong = post(
        &proxy,
        "/api/v1/explain",
        &format!("{{ \"cookie\": \"{ID}\" }}"),
    );
    assert_eq!(wrong.status, 400);
    let mut answers = vec![explained.text(), wrong.text()];
    let everywhere = |answers: &mut Vec<String>| {
        for path in ["state", "lanes", "clients", "routes", "policy"] {
            answers.push(proxy.admin(&format!("/api/v1/{path}")).text());
        }
        answers.extend(
            ["/metrics", "/evidence", "/api/openapi.json"].map(|path| proxy.admin(path).text()),
        );
        answers.push(first_event(&mut events(&proxy)).to_string());
    };
    everywhere(&mut answers);
    app.arrival().release();
    assert_eq!(first.status(), 200);
    drop(second);
    everywhere(&mut answers);
    assert!(
        answers
            .iter()
            .any(|answer| answer.contains("/report/*.aspx")),
        "it is shown"
    );
    for (answer, secret) in answers
        .iter()
        .flat_map(|answer| SECRETS.map(|secret| (answer, secret)))
    {
        assert!(!answer.contains(secret), "{secret} in {answer}");
    }
}

fn events(proxy: &Proxy) -> Client {
    let mut client = Client::connect(proxy.admin_address());
    client.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client
}

/// The state in the first event of a stream that has just been asked for.
#[track_caller]
fn first_event(client: &mut Client) -> Value {
    let head = client.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let mut text = Vec::new();
    while !text.windows(2).any(|end| end == b"\n\n") {
        text.extend(client.read(1));
    }
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("retry: 2000\n") && text.contains("event: state\n"),
        "{text}"
    );
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap()).unwrap()
}

#[test]
fn events_bring_the_state_and_are_no_more_than_sixteen_at_a_time() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let mut streams: Vec<Client> = (0..16).map(|_| events(&proxy)).collect();
    for stream in &mut streams {
        assert_eq!(first_event(stream)["readiness"]["state"], json!("ready"));
    }
    assert_eq!(proxy.admin("/api/v1/events").status, 503);
    assert_eq!(
        proxy.admin("/api/v1/state").status,
        200,
        "others are answered"
    );
    drop(streams.pop());
    eventually("a stream that was closed gives its place back", || {
        let mut client = events(&proxy);
        client.head().start.contains(" 200 ")
    });
}

#[test]
fn a_client_that_was_refused_is_shown_and_can_be_forgiven() {
    let app = Upstream::start();
    let yaml = "throttle: [{ name: slow, rate: 1/h, burst: 1 }]";
    let proxy = Proxy::in_front_of(&app, &with_token(yaml));
    let status = || proxy.call(&Request::get("/a")).status;
    assert_eq!((status(), status(), status()), (200, 429, 429));
    let clients = state(&proxy).clients;
    let [client] = &clients[..] else {
        panic!("{clients:?}")
    };
    assert_eq!(
        (client.network.as_str(), client.rule.as_str()),
        ("127.0.0.1", "slow")
    );
    assert_eq!((client.refused, client.refused_ago_ms.is_some()), (2, true));
    let forgotten = post(&proxy, "/api/v1/clients/127.0.0.1/forget", "");
    assert_eq!(value(&forgotten), json!({ "forgotten": 1 }));
    assert_eq!(
        (status(), status()),
        (200, 429),
        "one more, and the rule goes on"
    );
    assert_eq!(
        post(&proxy, "/api/v1/clients/192.0.2.9/forget", "{}").status,
        404
    );
    assert_eq!(
        post(&proxy, "/api/v1/clients/nobody/forget", "{}").status,
        400
    );
}

#[test]
fn explain_says_what_the_running_policy_decides() {
    let app = Upstream::start();
    let yaml = "routes: [{ name: reports, path: /r, access: read }]";
    let proxy = Proxy::in_front_of(&app, yaml);
    let explain = |question: &str| {
        ask(
            proxy.admin_address(),
            "POST /api/v1/explain",
            &[JSON],
            question,
        )
    };
    let answer = value(&explain(
        r#"{"method": "get", "url": "http://site.example/r"}"#,
    ));
    assert_eq!(
        (&answer["route"], &answer["access"]),
        (&json!("reports"), &json!("read"))
    );
    assert_eq!(answer["session"], Value::Null);
    let lines = answer["lines"].as_array().unwrap();
    assert!(
        lines.iter().any(|line| line["title"] == "access"),
        "{lines:?}"
    );
    for wrong in [
        "",
        "x",
        "{}",
        r#"{"method": "G T", "url": "/"}"#,
        r#"{"method": "GET", "url": "r"}"#,
    ] {
        assert_eq!(explain(wrong).status, 400, "{wrong}");
    }
    let long = format!(r#"{{"method": "GET", "url": "/{}"}}"#, "x".repeat(70_000));
    assert_eq!(explain(&long).status, 413);
}

#[test]
fn a_drain_can_be_asked_for() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, &with_token(""));
    assert_eq!(post(&proxy, "/api/v1/drain", "{}").status, 202);
    eventually("it drains", || proxy.admin("/readyz").status == 503);
    assert_eq!(state(&proxy).readiness.state, "draining");
}

#[test]
fn the_policy_is_known_by_its_version_and_the_digest_of_its_text() {
    let app = Upstream::start();
    let read = |yaml: &str| value(&Proxy::in_front_of(&app, yaml).admin("/api/v1/policy"));
    let (one, other) = (read("mode: enforce"), read("mode: observe"));
    assert_eq!(
        (&one["version"], &one["mode"], &other["mode"]),
        (&json!(1), &json!("enforce"), &json!("observe"))
    );
    assert_eq!(one["digest"].as_str().map(str::len), Some(8));
    assert_ne!(one["digest"], other["digest"]);
    let mixed = read("routes: [{ path: /a, mode: observe }]");
    assert_eq!(mixed["mode"], json!("mixed"));
}

/// The document's paths with their method, `{...}` replaced by something.
fn documented(proxy: &Proxy) -> BTreeMap<String, Value> {
    let document = value(&proxy.admin("/api/openapi.json"));
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .map(|(path, methods)| (path.clone(), methods.clone()))
        .collect()
}

#[test]
fn the_openapi_document_has_each_path_and_method_that_answers_and_no_other() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let paths = documented(&proxy);
    for (path, methods) in &paths {
        let path = path
            .replace("{id}", &"0".repeat(32))
            .replace("{network}", "192.0.2.1");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let declared = methods.get(method.to_lowercase()).is_some();
            let line = format!("{method} {path}");
            let mut client = Client::connect(proxy.admin_address());
            let head = format!(
                "{line} HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nContent-Length: 0\r\n\r\n"
            );
            let start = client.send(head).head().start;
            let status: u16 = start.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(status != 404, "{line}");
            // No token is configured: what would change something is refused, whatever its method.
            let refused = status == 405
                || (status == 403 && methods.get("post").is_some() && method != "POST");
            assert_eq!(declared, !refused, "{line}: {status}");
        }
    }
    // Each endpoint of the code, by the paths in its source.
    let source = include_str!("../../src/admin/endpoint.rs");
    let code = source.split("impl<'p> Endpoint<'p> {").nth(1).unwrap();
    let words: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
    let known = |word: &&str| {
        paths
            .keys()
            .any(|path| path.contains(word.trim_matches('/')))
    };
    let unknown: Vec<_> = words
        .iter()
        .filter(|word| word.contains(char::is_alphabetic))
        .filter(|word| !known(word))
        .collect();
    assert_eq!(unknown, [&"%3A", &"%3a", &"POST", &"GET, HEAD"]);
}

#[test]
fn the_document_names_each_key_of_the_state() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let exchanges = one_waits(&app, &proxy);
    let document = value(&proxy.admin("/api/openapi.json"));
    let schemas = &document["components"]["schemas"];
    let state = value(&proxy.admin("/api/v1/state"));
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    for (schema, value) in [
        ("State", &state),
        ("Totals", &state["totals"]),
        ("Lane", &state["lanes"][0]),
        ("Request", &state["lanes"][0]["holders"][0]),
        ("Route", &state["routes"][0]),
        ("History", &state["history"]),
        ("Policy", &state["policy"]),
    ] {
        assert_eq!(
            keys(&schemas[schema]["properties"]),
            keys(value),
            "{schema}"
        );
    }
    assert_eq!(
        state["history"]["requests"].as_array().map(Vec::len),
        Some(60)
    );
    drop(exchanges);
}

fn top(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onelane"));
    command.arg("top").args(arguments);
    command
        .env_remove("ONELANE_CONFIG")
        .env_remove("ONELANE_ADMIN_TOKEN");
    command.output().unwrap()
}

#[test]
fn top_prints_the_lanes_once_where_there_is_no_terminal() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let exchanges = one_waits(&app, &proxy);
    let url = format!("http://{}", proxy.admin_address());
    for arguments in [&["--url", &url, "--once"][..], &["--url", &url]] {
        let output = top(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let session = only_lane(&proxy).session;
        for part in [
            &session,
            "executing",
            "waiting",
            "POST /report/*.aspx",
            "GET /cart/*",
            "1 waiting",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
        assert!(!text.contains('\x1b'), "no terminal, no colours: {text:?}");
        assert!(
            SECRETS.iter().all(|secret| !text.contains(secret)),
            "{text}"
        );
    }
    drop(exchanges);
}

#[test]
fn top_shows_the_token_where_it_is_needed_and_says_what_is_wrong() {
    let app = Upstream::start();
    let yaml = format!("admin: {{ listen: '0.0.0.0:0', token: {TOKEN} }}");
    let proxy = Proxy::in_front_of(&app, &yaml);
    let url = format!("http://127.0.0.1:{}", proxy.admin_address().port());
    let without = top(&["--url", &url, "--once"]);
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without.stderr).contains("--token"));
    let with = top(&["--url", &url, "--once", "--token", TOKEN]);
    assert_eq!(with.status.code(), Some(0));
    let nobody = top(&["--url", "http://127.0.0.1:1", "--once"]);
    assert_eq!(nobody.status.code(), Some(1));
}
