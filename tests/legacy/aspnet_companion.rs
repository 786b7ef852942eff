//! Onelane's module for ASP.NET, in real ASP.NET: who it believes, and what it does and reports then.
//!
//! Guarantees: each thing that it does is also tried without it, or without its secret, where it does not happen.
//! Does not do: .NET Framework's own session module; Mono's looks at the handler alone, so a module of the tests makes it
//! honour the behaviour that was set, as .NET does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use serde_json::Value;

use crate::applications::aspnet::{self, Companion, Options, Sessions};
use crate::applications::{Application, Page, Stats};
use crate::http::{Answer, Client};
use crate::onelane::Onelane;

const SECRET: &str = "a long secret of the two";

fn site(sessions: Sessions, secret: &str) -> Application {
    let options = Options {
        companion: Companion::Installed {
            secret: secret.to_owned(),
        },
        ..Options::default()
    };
    aspnet::start(sessions, &options).unwrap()
}

/// Onelane with this secret and these routes; the rest is the application's.
fn in_front_of(application: &Application, secret: &str, routes: &str) -> Onelane {
    let session = application.yaml.split("routes:").next().unwrap();
    let more = format!(
        "application: {{ secret: \"{secret}\" }}\nclient: {{ trusted_proxies: [127.0.0.1] }}\nroutes:\n{routes}{session}"
    );
    Onelane::start(application.address, &more).unwrap()
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// What a page that is marked as nothing has of its session.
fn session_of(user: &mut Client, path: &str) -> String {
    let shown = json(&user.get(path).unwrap());
    shown["session"].as_str().unwrap().to_owned()
}

#[test]
fn a_page_that_is_not_marked_goes_together_with_others_when_its_route_says_read() {
    let plain = aspnet::start(Sessions::Counting, &Options::default()).unwrap();
    let with_companion = site(Sessions::Counting, SECRET);
    for (application, together) in [(&plain, false), (&with_companion, true)] {
        let onelane = in_front_of(
            application,
            SECRET,
            "  - { path: /plain.aspx, access: read }\n",
        );
        let user = application.user(onelane.address()).unwrap();
        application.reset().unwrap();
        thread::scope(|scope| {
            for _ in 0..6 {
                let mut user = user.again(onelane.address());
                scope.spawn(move || {
                    let answer = user.get("/plain.aspx?ms=1000").unwrap();
                    assert_eq!((answer.status, answer.body.trim()), (200, "1"));
                });
            }
        });
        let stats = application.stats().unwrap();
        if together {
            let expected = Stats {
                overlaps: 0,
                gets: 6,
                exclusive: 0,
            };
            assert_eq!(stats, expected, "nobody waits for anybody");
        } else {
            assert!(
                stats.exclusive > 6,
                "they wait in ASP.NET's lock: {stats:?}"
            );
        }
    }
}

#[test]
fn a_route_takes_from_a_page_what_it_says_and_gives_it_nothing() {
    let application = site(Sessions::InProc, SECRET);
    let routes = "  - { header: { x-route: read }, access: read }\n  - { header: { x-route: none }, access: none }\n";
    let onelane = in_front_of(&application, SECRET, routes);
    let user = application.user(onelane.address()).unwrap();
    // A WebForms page that is marked as nothing, and what MVC's controllers chose before the module is asked.
    for (route, page, expected) in [
        ("write", "show.aspx", "write"),
        ("read", "show.aspx", "read"),
        ("none", "show.aspx", "none"),
        ("write", "mvc/Unmarked", "write"),
        ("read", "mvc/Unmarked", "read"),
        ("none", "mvc/Unmarked", "none"),
        ("write", "mvc/Writing", "write"),
        ("read", "mvc/Writing", "read"),
        ("none", "mvc/Writing", "none"),
        ("write", "mvc/Reading", "read"),
        ("none", "mvc/Reading", "none"),
        ("write", "mvc/Sessionless", "none"),
        ("read", "mvc/Sessionless", "none"),
    ] {
        let mut user = user.again(onelane.address()).header("x-route", route);
        let session = session_of(&mut user, &format!("/{page}"));
        assert_eq!(session, expected, "{page} on a route of {route}");
    }
}

#[test]
fn nobody_is_believed_without_the_secret() {
    let read = "  - { path: /show.aspx, access: read }\n";
    let (right, forgotten) = (site(Sessions::InProc, SECRET), site(Sessions::InProc, ""));
    for (application, secret, expected) in [
        (&right, SECRET, "read"),
        (&right, "another long secret of two", "write"),
        (&right, "", "write"),
        (&forgotten, SECRET, "write"),
        (&forgotten, "", "write"),
    ] {
        let onelane = in_front_of(application, secret, read);
        let mut user = application.user(onelane.address()).unwrap();
        user = user.header("x-forwarded-for", "203.0.113.9");
        let shown = json(&user.get("/show.aspx").unwrap());
        assert_eq!(shown["session"], expected, "{secret}");
        assert_eq!(shown["seen"]["local"], expected == "write", "{secret}");
    }
}

#[test]
fn a_client_that_sends_the_fields_itself_changes_nothing() {
    let application = site(Sessions::InProc, SECRET);
    let forged = |user: Client, secret: &str| {
        user.header("X-Onelane-Secret", secret)
            .header("X-Onelane-Access", "none")
            .header("X-Onelane-Client", "203.0.113.9")
            .header("X-Onelane-Report", "wrote")
    };
    let user = application.user(application.address).unwrap();
    let onelane = in_front_of(&application, SECRET, "  []\n");
    for (address, secret, session, local) in [
        (application.address, SECRET, "none", false), // so it is the secret alone that counts
        (application.address, "", "write", true),
        (
            application.address,
            "a long secret of the twp",
            "write",
            true,
        ),
        (
            application.address,
            "a long secret of the tw",
            "write",
            true,
        ),
        (
            application.address,
            "a long secret of the two ,a long secret of the two",
            "write",
            true,
        ),
        (onelane.address(), "", "write", true),
        (onelane.address(), SECRET, "write", true), // even who knows it: Onelane lets nobody say it
    ] {
        let mut user = forged(user.again(address), secret);
        let answer = user.get("/show.aspx").unwrap();
        let shown = json(&answer);
        assert_eq!(
            (shown["session"].as_str(), shown["seen"]["local"].as_bool()),
            (Some(session), Some(local)),
            "{secret:?}"
        );
        if address == application.address {
            assert_eq!(
                answer.header("x-onelane-wrote").is_some(),
                session == "none",
                "{secret:?}"
            );
        }
    }
}

#[test]
fn a_remote_client_is_not_local_though_onelane_is() {
    let plain = aspnet::start(Sessions::InProc, &Options::default()).unwrap();
    let with_companion = site(Sessions::InProc, SECRET);
    for (application, restored) in [(&plain, false), (&with_companion, true)] {
        let onelane = in_front_of(application, SECRET, "  []\n");
        for (forwarded, client) in [
            ("203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9", "203.0.113.9"), // the first is whatever the client has said
            ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
            ("2001:db8::9", "2001:db8::9"),
        ] {
            let mut user = Client::new(onelane.address()).header("x-forwarded-for", forwarded);
            let answer = user.get("/show.aspx").unwrap();
            if !restored {
                assert!(answer.body.contains("\"local\":true"), "{}", answer.body);
                continue;
            }
            let expected = serde_json::json!({
                "local": false, "address": client, "remote_addr": client, "remote_host": client,
            });
            let shown = json(&answer);
            assert_eq!(shown["seen"], expected, "{forwarded}");
            assert_eq!(
                shown["seen_by_modules"], expected,
                "before any other module"
            );
        }
    }
    let onelane = in_front_of(&with_companion, SECRET, "  []\n");
    let shown = json(&Client::new(onelane.address()).get("/show.aspx").unwrap());
    assert_eq!(
        shown["seen"]["local"], true,
        "a client on this machine is local"
    );
    a_body_arrives(onelane.address());
}

/// Observe mode changes nothing; but to stand behind a proxy has a price, which is not to be paid there either.
#[test]
fn observed_a_remote_client_is_not_local_and_its_session_is_left_alone() {
    let application = site(Sessions::InProc, SECRET);
    for (mode, session, reports) in [("observe", "write", 0.0), ("enforce", "read", 1.0)] {
        let routes = format!("  - {{ path: /show.aspx, access: read }}\nmode: {mode}\n");
        for (secret, local) in [(SECRET, false), ("another", true)] {
            let onelane = in_front_of(&application, secret, &routes);
            let user = application.user(application.address).unwrap();
            let user = user.again(onelane.address());
            let mut user = user.header("x-forwarded-for", "203.0.113.9");
            let shown = json(&user.get("/show.aspx").unwrap());
            assert_eq!(shown["seen"]["local"], local, "{mode} {secret}");
            let (session, reports) = if local {
                ("write", 0.0)
            } else {
                (session, reports)
            };
            assert_eq!(shown["session"], session, "{mode} {secret}");
            let said = "report=\"unchanged\"";
            let said = onelane
                .metric("onelane_session_reports_total", said)
                .unwrap();
            assert_eq!(said, reports, "{mode} {secret}");
        }
    }
}

/// Through the request that says another address.
fn a_body_arrives(onelane: SocketAddr) {
    let value = "x".repeat(100_000);
    let body = format!("field={value}");
    let mut stream = TcpStream::connect(onelane).unwrap();
    write!(
        stream,
        "POST /show.aspx HTTP/1.1\r\nHost: site\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(&format!("\"posted\":\"{value}\"")));
    assert!(answer.contains("\"address\":\"203.0.113.9\""));
}

/// A request as Onelane makes it, straight to the application.
fn told(application: &Application, user: &Client, access: &str) -> Client {
    user.again(application.address)
        .header("X-Onelane-Secret", SECRET)
        .header("X-Onelane-Access", access)
        .header("X-Onelane-Report", "wrote")
}

/// A user whose session has a text and an object that can be changed in place.
fn prepared(application: &Application, what: &str) -> Client {
    let mut user = application.user(application.address).unwrap();
    assert_eq!(
        user.get(&format!("/touch.ashx?do={what}")).unwrap().status,
        200
    );
    user
}

#[test]
fn a_request_says_whether_it_has_changed_the_session() {
    for sessions in [Sessions::InProc, Sessions::Counting] {
        let application = site(sessions, SECRET);
        for (act, status, expected) in [
            ("look", 200, Some("0")),
            ("look-deep", 200, Some("0")),
            ("set-same", 200, Some("0")),
            ("set", 200, Some("1")),
            ("add", 200, Some("1")),
            ("remove", 200, Some("1")),
            ("clear", 200, Some("1")),
            ("abandon", 200, Some("1")),
            ("mutate", 200, Some("1")),
            ("redirect", 302, Some("1")),
            ("flush", 200, None), // the headers had gone out
            ("fail", 500, None),
        ] {
            for access in ["write", "read"] {
                let user = prepared(&application, "prepare");
                let path = format!("/touch.ashx?do={act}");
                let answer = told(&application, &user, access).get(&path).unwrap();
                assert_eq!(answer.status, status, "{}", answer.body);
                let wrote = answer.header("x-onelane-wrote");
                assert_eq!(wrote, expected, "{act} as {access}, {sessions:?}");
            }
        }
        let user = prepared(&application, "prepare");
        for (page, access) in [
            (Page::None, "write"),
            (Page::Read, "write"),
            (Page::Write, "none"),
        ] {
            let path = match access {
                "none" => "/show.aspx".to_owned(), // the write page needs what was taken from it
                _ => application.page(page, 0),
            };
            let answer = told(&application, &user, access).get(&path).unwrap();
            assert_eq!(answer.header("x-onelane-wrote"), Some("0"), "{path}");
        }
        let stranger = user
            .again(application.address)
            .cookie("ASP.NET_SessionId", "0123456789ABCDEF01234567");
        let answer = told(&application, &stranger, "write")
            .get(&application.page(Page::Write, 0))
            .unwrap();
        assert_eq!(
            answer.header("x-onelane-wrote"),
            Some("1"),
            "a session was started"
        );
    }
}

#[test]
fn what_is_not_known_counts_as_changed_or_is_not_said() {
    let application = site(Sessions::InProc, SECRET);
    let opaque = prepared(&application, "prepare-opaque");
    let answer = told(&application, &opaque, "write")
        .get("/touch.ashx?do=look-opaque")
        .unwrap();
    assert_eq!(
        answer.header("x-onelane-wrote"),
        Some("1"),
        "cannot be compared"
    );

    let user = prepared(&application, "prepare");
    let answer = thread::scope(|scope| {
        let mut reader = told(&application, &user, "read");
        let reader = scope.spawn(move || reader.get("/plain.aspx?ms=700").unwrap());
        while !reader.is_finished() {
            let answer = told(&application, &user, "write")
                .get("/touch.ashx?do=set")
                .unwrap();
            assert_eq!(answer.header("x-onelane-wrote"), Some("1"));
        }
        reader.join().unwrap()
    });
    let wrote = answer.header("x-onelane-wrote");
    assert_ne!(
        wrote,
        Some("1"),
        "a read is not blamed for the writer beside it"
    );

    for (secret, report) in [(SECRET, "Wrote"), (SECRET, ""), ("wrong", "wrote")] {
        let mut asking = user
            .again(application.address)
            .header("X-Onelane-Secret", secret)
            .header("X-Onelane-Access", "write")
            .header("X-Onelane-Report", report);
        let answer = asking.get("/touch.ashx?do=set").unwrap();
        let wrote = answer.header("x-onelane-wrote");
        assert_eq!(wrote, None, "not asked: {secret} {report}");
    }
}
