//! What requests do to their sessions: the application is asked, believed where it was asked, and routes are advised.

use std::process::{Command, Output};

use onelane::config::Config;
use onelane::evidence::{PathEvidence, Snapshot};

use crate::support::{Proxy, Request, Response, Seen, Step, Upstream, eventually, held};

const SECRET: &str = "application: { secret: 'a secret of the farm' }";

/// A response whose companion says this.
fn says(report: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{report}\r\nok");
    vec![Step::ReadBody, Step::Send(head.into_bytes())]
}

/// An application that writes the sessions of `/write...` alone, and says so when it is asked as a companion is.
fn with_companion() -> Upstream {
    let app = Upstream::start();
    app.on_each("*", |seen: &Seen| {
        let asked = seen.header("x-onelane-report") == Some("wrote")
            && seen.header("x-onelane-secret") == Some("a secret of the farm");
        let wrote = u8::from(seen.path().starts_with("/write"));
        if asked {
            says(&format!("X-Onelane-Wrote: {wrote}\r\n"))
        } else {
            says("")
        }
    });
    app
}

fn get(proxy: &Proxy, target: &str) -> Response {
    let response = proxy.call(&Request::get(target).session("a"));
    assert_eq!(response.status, 200);
    response
}

fn snapshot(proxy: &Proxy) -> Snapshot {
    let response = proxy.admin("/evidence");
    assert_eq!(response.header("content-type"), Some("application/json"));
    serde_json::from_slice(&response.body).unwrap()
}

/// The evidence of a path, as soon as there is some: a request is counted just after its client has the answer.
#[track_caller]
fn evidence(proxy: &Proxy, path: &str, requests: u64) -> PathEvidence {
    let find = || {
        let mut paths = snapshot(proxy).paths.into_iter();
        paths.find(|known| known.path == path && known.counts.requests == requests)
    };
    eventually(&format!("{requests} of {path} are known"), || {
        find().is_some()
    });
    find().unwrap()
}

fn advise(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onelane"));
    command.arg("advise").args(arguments);
    command.env_remove("ONELANE_CONFIG").output().unwrap()
}

/// What `onelane advise` prints, which must be a part of a configuration.
#[track_caller]
fn advice(proxy: &Proxy, arguments: &[&str]) -> String {
    let url = format!("http://{}", proxy.admin_address());
    let output = advise(&[&["--url", &url], arguments].concat());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let text = format!("session: {{ preset: aspnet }}\n{printed}");
    Config::parse(&text, &|_| None).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    printed
}

#[test]
fn the_application_is_asked_about_requests_with_a_session_by_whom_it_can_trust() {
    let asked = |yaml: &str, session: bool| {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, yaml);
        let request = Request::get("/a");
        proxy.call(&if session {
            request.session("a")
        } else {
            request
        });
        let seen = app.arrival().seen;
        seen.header("x-onelane-report").map(str::to_owned)
    };
    assert_eq!(asked(SECRET, true).as_deref(), Some("wrote"));
    assert_eq!(asked(SECRET, false), None, "no session");
    assert_eq!(
        asked("application: { report: true }", true),
        None,
        "no secret"
    );
    assert_eq!(
        asked("application: { secret: s, report: false }", true),
        None
    );
    assert_eq!(asked(&format!("{SECRET}\nmode: observe"), true), None);
}

#[test]
fn clients_neither_see_nor_send_what_is_between_onelane_and_the_application() {
    for yaml in ["", SECRET, "mode: observe"] {
        let app = Upstream::start();
        app.on_each("*", |_| {
            says("X-Onelane-Wrote: 1\r\nConnection: x-onelane-wrote\r\nX-Own: 1\r\n")
        });
        let proxy = Proxy::in_front_of(&app, yaml);
        let forged = Request::get("/a")
            .header("X-Onelane-Wrote", "1")
            .header("X_Onelane_Wrote", "1")
            .header("X-Onelane-Report", "forged")
            .header("X_Onelane_Report", "forged");
        for forged in [forged.clone(), forged.session("a")] {
            let response = proxy.call(&forged);
            assert_eq!(response.header("x-onelane-wrote"), None, "{yaml}");
            assert_eq!(response.header("x-own"), Some("1"));
            let seen = app.arrival().seen;
            assert_ne!(seen.header("x-onelane-report"), Some("forged"));
            for gone in ["x-onelane-wrote", "x_onelane_wrote", "x_onelane_report"] {
                assert_eq!(seen.header(gone), None, "{yaml}: {gone}");
            }
        }
    }
}

#[test]
fn reports_are_counted_by_route_and_by_shape_of_path() {
    let app = with_companion();
    app.on("/mute", says(""));
    let proxy = Proxy::in_front_of(
        &app,
        &format!("{SECRET}\nroutes: [{{ path: /write, access: write }}]"),
    );
    for target in [
        "/write?id=secret",
        "/orders/1",
        "/orders/2",
        "/orders/2",
        "/mute",
    ] {
        get(&proxy, target);
    }
    let metrics = proxy.metrics();
    let reports = |value| metrics.labelled("onelane_session_reports_total", "report", value);
    assert_eq!(
        (reports("wrote"), reports("unchanged"), reports("silent")),
        (1, 3, 1)
    );
    assert_eq!(
        metrics.labelled("onelane_session_reports_total", "route", "/write"),
        1
    );
    assert_eq!(metrics.count("onelane_read_wrote_total"), 0);
    assert_eq!(evidence(&proxy, "/orders/*", 3).counts.unchanged, 3);
    assert_eq!(evidence(&proxy, "/write", 1).counts.wrote, 1);
    assert_eq!(evidence(&proxy, "/mute", 1).counts.silent, 1);
    assert!(!proxy.admin("/evidence").text().contains("secret"));
}

#[test]
fn an_answer_is_believed_only_where_it_was_asked_for() {
    for yaml in ["", "application: { secret: s, report: false }"] {
        let app = Upstream::start();
        app.on_each("*", |_| says("X-Onelane-Wrote: 1\r\n"));
        let proxy = Proxy::in_front_of(
            &app,
            &format!("{yaml}\nroutes: [{{ path: /read, access: read }}]"),
        );
        get(&proxy, "/read");
        proxy.call(&Request::get("/read"));
        get(&proxy, "/read");
        let seen = app.seen();
        assert_eq!(seen[2].header("x-onelane-access"), Some("read"));
        assert_eq!(proxy.metrics().count("onelane_session_reports_total"), 0);
        assert_eq!(snapshot(&proxy).paths, []);
    }
}

const READS: &str =
    "routes:\n  - { path: \"/write/**\", access: read }\n  - { path: /other, access: read }";

#[test]
fn a_read_route_that_writes_becomes_a_write() {
    let app = with_companion();
    let proxy = Proxy::in_front_of(&app, &format!("{SECRET}\n{READS}"));
    let access = |target| {
        get(&proxy, target);
        app.seen()
            .last()
            .unwrap()
            .header("x-onelane-access")
            .unwrap()
            .to_owned()
    };
    assert_eq!(access("/other"), "read");
    assert_eq!(access("/write/1"), "read", "nothing is known yet");
    assert_eq!(access("/write/2"), "write");
    assert_eq!(access("/other"), "read", "another route is another matter");
    let wrote = proxy
        .metrics()
        .labelled("onelane_read_wrote_total", "route", "/write/**");
    assert_eq!(wrote, 1, "a write that writes is none");
    assert_eq!(evidence(&proxy, "/write/*", 2).counts.undeclared, 1);
    let routes = snapshot(&proxy).routes;
    let demoted: Vec<_> = routes.iter().filter(|route| route.demoted).collect();
    assert_eq!(demoted.len(), 1);
    assert_eq!(demoted[0].route, "/write/**");
}

#[test]
fn a_read_route_that_became_a_write_has_one_request_of_a_session_inside() {
    let inside_together = |on_read_wrote: &str| {
        let app = with_companion();
        app.on("/write/slow", held());
        let application = SECRET.replace(" }", &format!(", on_read_wrote: {on_read_wrote} }}"));
        let proxy = Proxy::in_front_of(&app, &format!("{application}\n{READS}"));
        get(&proxy, "/write/1");
        app.arrival();
        let mut first = proxy.session("a").get("/write/slow");
        let inside = app.arrival();
        let mut second = proxy.session("a").get("/write/2");
        let together = if on_read_wrote == "write" {
            proxy.until_waiting(1);
            app.arrived() > 2
        } else {
            assert_eq!(second.status(), 200, "it overtakes");
            true
        };
        inside.release();
        assert_eq!(first.status(), 200);
        if on_read_wrote == "write" {
            assert_eq!(second.status(), 200);
        }
        together
    };
    assert!(!inside_together("write"));
    assert!(inside_together("warn"), "the control: it is only warned of");
}

#[test]
fn warned_of_alone_a_read_route_stays_one() {
    let app = with_companion();
    let application = SECRET.replace(" }", ", on_read_wrote: warn }");
    let proxy = Proxy::in_front_of(&app, &format!("{application}\n{READS}"));
    for _ in 0..3 {
        get(&proxy, "/write/1");
    }
    let read = |seen: &Seen| seen.header("x-onelane-access") == Some("read");
    assert!(app.seen().iter().all(read));
    assert_eq!(proxy.metrics().count("onelane_read_wrote_total"), 3);
    assert!(snapshot(&proxy).routes.iter().all(|route| !route.demoted));
}

#[test]
fn ten_thousand_paths_are_bounded_and_a_page_that_is_used_stays_known() {
    let app = with_companion();
    app.forget_what_left();
    let proxy = Proxy::in_front_of(&app, SECRET);
    let mut client = proxy.connect();
    let mut call = |target: &str| {
        let response = client.call(&Request::get(target).session("a"));
        assert_eq!(response.status, 200);
    };
    for _ in 0..50 {
        call("/used");
    }
    for number in 0..10_000 {
        call(&format!("/page{number}x"));
    }
    assert_eq!(evidence(&proxy, "/used", 50).counts.unchanged, 50);
    let known = snapshot(&proxy);
    assert!(known.paths.len() <= 512, "{}", known.paths.len());
    eventually("the route's own count is whole", || {
        snapshot(&proxy).routes[0].counts.requests == 10_050
    });
}

#[test]
fn advise_proposes_what_was_reported_often_enough_and_never_wrote() {
    let app = with_companion();
    let proxy = Proxy::in_front_of(&app, &format!("{SECRET}\n{READS}"));
    get(&proxy, "/write/7");
    for number in 0..20 {
        get(&proxy, "/list");
        get(&proxy, &format!("/orders/{number}"));
    }
    evidence(&proxy, "/list", 20);
    evidence(&proxy, "/orders/*", 20);
    let printed = advice(&proxy, &["--at-least", "20"]);
    for expected in [
        "routes:\n",
        "- { path: \"/write/*\", methods: [GET], access: write }\n",
        "- { path: \"/list\", methods: [GET], access: read }\n",
        "- { path: \"/orders/*\", methods: [GET], access: read }\n",
        "# 20 reports, none wrote",
        "# WROTE: 1 of 1 reports, 1 of them as read or none, by route \"/write/**\"\n",
        "# Route \"/write/**\" is no write, and wrote (requests: 1): it counts as write until the next reload.",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let careful = advice(&proxy, &[]);
    assert!(!careful.contains("access: read"), "{careful}");
    assert!(careful.contains("180 more are wanted"), "{careful}");
}

#[test]
fn what_observe_mode_saw_overlap_is_advised_as_such() {
    let app = Upstream::start();
    app.on("/slow", held());
    let proxy = Proxy::in_front_of(&app, "mode: observe");
    let mut slow = proxy.session("a").post("/slow");
    let inside = app.arrival();
    for _ in 0..3 {
        get(&proxy, "/feed");
    }
    let nested = evidence(&proxy, "/feed", 3).counts;
    assert_eq!((nested.met, nested.nested), (3, 3));
    inside.release();
    assert_eq!(slow.status(), 200);
    assert_eq!(evidence(&proxy, "/slow", 1).counts.met, 0);
    let printed = advice(&proxy, &["--overlaps", "3"]);
    let route = "- { path: \"/feed\", methods: [GET], access: none }\n";
    assert!(printed.contains(route), "{printed}");
    assert!(printed.contains("# overlaps alone, no report"), "{printed}");
    assert!(!printed.contains("\"/slow\""), "{printed}");
    assert!(advice(&proxy, &[]).contains("There is no route to propose"));
}

#[test]
fn where_nobody_is_asked_and_nothing_observed_there_is_no_evidence_and_advise_says_so() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    get(&proxy, "/a");
    proxy.until_nothing_holds();
    let known = snapshot(&proxy);
    assert_eq!((known.asks, known.observes), (false, false));
    assert_eq!((known.paths.len(), known.routes.len()), (0, 0));
    assert!(advice(&proxy, &[]).contains("set application.secret, or set mode: observe"));
}

#[test]
fn advise_ends_as_the_other_commands_do() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let failed = |arguments: &[&str]| {
        let output = advise(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty());
        (output.status.code(), said)
    };
    let (code, said) = failed(&["--url", &format!("http://{address}/evidence")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("does not answer"), "{said}");
    assert_eq!(failed(&["--url", "ftp://x/"]).0, Some(64));
    assert_eq!(failed(&["-c", "/nowhere/a.yaml"]).0, Some(64));
    assert_eq!(failed(&["--at-least", "many"]).0, Some(64));
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let url = |path: &str| format!("http://{}{path}", proxy.admin_address());
    let (code, said) = failed(&["--url", &url("/nowhere")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("has no evidence: HTTP/1.1 404"), "{said}");
    let (code, said) = failed(&["--url", &url("/livez")]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("answers something else than evidence"),
        "{said}"
    );
}

#[test]
fn advise_finds_the_admin_listener_in_the_configuration() {
    let app = with_companion();
    let proxy = Proxy::in_front_of(&app, SECRET);
    let file = tempfile::NamedTempFile::new().unwrap();
    let configured = |admin: String| {
        let text = format!("session: {{ preset: aspnet }}\nadmin: {admin}\n");
        std::fs::write(file.path(), text).unwrap();
        advise(&["-c", file.path().to_str().unwrap()])
    };
    let found = configured(format!("{{ listen: '{}' }}", proxy.admin_address()));
    assert_eq!(found.status.code(), Some(0));
    let said = String::from_utf8(found.stdout).unwrap();
    assert!(
        said.contains("No request with a session has come yet"),
        "{said}"
    );
    assert_eq!(configured("off".to_owned()).status.code(), Some(64));
}

#[test]
fn who_passes_without_his_session_says_nothing_of_it() {
    let app = with_companion();
    app.on("/hold", held());
    let yaml = "routes: [{ path: '/write/**', access: read, reads: follow }]
queue: { limit: 0, on_overflow: pass_without_session }";
    let proxy = Proxy::in_front_of(&app, &format!("{SECRET}\n{yaml}"));
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    // A page starts a session where it finds none, and would say that it wrote.
    get(&proxy, "/write/page");
    let seen = app.arrival().seen;
    assert_eq!(
        (seen.session.as_deref(), seen.header("x-onelane-report")),
        (None, None)
    );
    inside.release();
    assert_eq!(first.status(), 200);
    let demoted = || snapshot(&proxy).routes.iter().any(|route| route.demoted);
    assert!(!demoted());
    get(&proxy, "/write/page");
    eventually(
        "the control: with the session it is asked and believed",
        demoted,
    );
}
