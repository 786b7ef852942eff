//! What is learned of real applications' pages: from their companions' reports, and in observe mode without one.
//!
//! Guarantees: what is proposed is a configuration, and does what it says when it is used; pages that write, or take the
//! session's lock, are asked for as often as those that do not, and not proposed.

use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::applications::aspnet;
use crate::applications::php;
use crate::applications::{Application, Page};
use crate::http::{Answer, Client};
use crate::load::{at_once, eventually};
use crate::onelane::Onelane;
use crate::process::directory;

const SECRET: &str = "a-secret-of-both";

/// An application with its companion, and its pages: one that changes its session, one that does not, and one that shows
/// what it was told of its access.
struct Site {
    application: Application,
    writes: &'static str,
    reads: &'static str,
    /// Of the path of `reads`.
    shows: &'static str,
    /// Reads the answer of `shows`.
    access: fn(&Value) -> &Value,
    /// A glob of all three.
    all: &'static str,
}

fn aspnet_site() -> Site {
    let options = aspnet::Options {
        companion: aspnet::Companion::Installed {
            secret: SECRET.to_owned(),
        },
        ..Default::default()
    };
    Site {
        application: aspnet::start(aspnet::Sessions::InProc, &options).unwrap(),
        writes: "/touch.ashx?do=set",
        reads: "/show.aspx",
        shows: "/show.aspx",
        access: |shown| &shown["session"], // it is an unmarked page, and has what its route leaves it
        all: "/{touch.ashx,show.aspx}",
    }
}

fn php_site() -> Site {
    let options = php::Options {
        companion: php::Companion::Secret(SECRET),
        ..Default::default()
    };
    Site {
        application: php::start(php::Sessions::Files, options).unwrap(),
        writes: "/write.php",
        reads: "/cases.php?case=assigned",
        shows: "/cases.php?case=environment",
        access: |shown| &shown["HTTP_X_ONELANE_ACCESS"],
        all: "/{write,cases}.php",
    }
}

impl Site {
    /// Onelane with the key of its sessions and `more`.
    fn behind(&self, more: &str) -> Onelane {
        let session = self.application.yaml.split("routes:").next().unwrap();
        Onelane::start(self.application.address, &(session.to_owned() + more)).unwrap()
    }

    /// The access that the application is told.
    fn told(&self, user: &mut Client) -> String {
        let answer = fine(user, self.shows);
        let shown: Value = serde_json::from_str(&answer.body).unwrap();
        (self.access)(&shown).as_str().unwrap().to_owned()
    }
}

/// An answer of a page that worked, without what is for Onelane alone.
fn fine(user: &mut Client, path: &str) -> Answer {
    let answer = user.get(path).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    assert_eq!(answer.header("x-onelane-wrote"), None, "{path}");
    answer
}

/// What is known of a path, without its query.
fn evidence(onelane: &Onelane, path: &str) -> Value {
    let body = Client::new(onelane.admin()).get("/evidence").unwrap().body;
    let json: Value = serde_json::from_str(&body).unwrap();
    let (paths, path) = (json["paths"].as_array().unwrap(), path.split('?').next());
    let of_it = |entry: &&Value| entry["path"].as_str() == path;
    paths.iter().find(of_it).cloned().unwrap_or_default()
}

/// What `onelane advise` prints of a running Onelane; it is checked that this is a part of a configuration.
fn advice(onelane: &Onelane, arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_onelane");
    let mut advise = Command::new(program);
    advise.arg("advise").arg("-c").arg(onelane.config());
    let advised = advise.args(arguments).output().unwrap();
    let printed = String::from_utf8(advised.stdout).unwrap();
    assert_eq!(advised.status.code(), Some(0), "{printed}");
    let files = directory().unwrap();
    let config = files.path().join("onelane.yaml");
    let text = format!("upstream: http://127.0.0.1:1\nsession: {{ preset: php }}\n{printed}");
    std::fs::write(&config, text).unwrap();
    let check = Command::new(program).arg("check").arg(config).output();
    assert!(check.unwrap().status.success(), "{printed}");
    printed
}

fn proposal(path: &str, access: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    format!("- {{ path: \"{path}\", methods: [GET], access: {access} }}\n")
}

fn asked_by(secret: &str) -> String {
    format!("application: {{ secret: {secret}, report: true }}\n")
}

#[track_caller]
fn what_a_companion_reports_becomes_a_route(site: &Site) {
    let onelane = site.behind(&asked_by(SECRET));
    let mut user = site.application.user(onelane.address()).unwrap();
    assert_eq!(site.told(&mut user), "write");
    for _ in 0..200 {
        fine(&mut user, site.reads);
    }
    for _ in 0..5 {
        fine(&mut user, site.writes);
    }
    eventually("all is counted", || {
        evidence(&onelane, site.writes)["wrote"] == 5
    });
    let read = evidence(&onelane, site.reads);
    assert_eq!(
        (&read["wrote"], read["unchanged"].as_u64() >= Some(200)),
        (&0.into(), true),
        "{read}"
    );
    for (report, at_least) in [("unchanged", 200.0), ("wrote", 5.0)] {
        let label = format!("route=\"default\",report=\"{report}\"");
        let counted = onelane
            .metric("onelane_session_reports_total", &label)
            .unwrap();
        assert!(counted >= at_least, "{report}: {counted}");
    }
    let printed = advice(&onelane, &[]);
    assert!(printed.contains(&proposal(site.reads, "read")), "{printed}");
    assert_eq!(printed.matches("access:").count(), 1, "{printed}");

    let advised = site.behind(&(asked_by(SECRET) + &printed));
    let mut user = site.application.user(advised.address()).unwrap();
    assert_eq!(site.told(&mut user), "read", "as it was advised");
}

#[test]
fn aspnets_reports_become_a_route_that_does_what_it_says() {
    what_a_companion_reports_becomes_a_route(&aspnet_site());
}

#[test]
fn phps_reports_become_a_route_that_does_what_it_says() {
    what_a_companion_reports_becomes_a_route(&php_site());
}

#[test]
fn a_companion_with_another_secret_reports_nothing() {
    let site = php_site();
    let onelane = site.behind(&asked_by("another"));
    let mut user = site.application.user(onelane.address()).unwrap();
    for page in [site.reads, site.writes] {
        fine(&mut user, page);
        eventually("it was silent", || evidence(&onelane, page)["silent"] == 1);
    }
    let printed = advice(&onelane, &["--at-least", "1"]);
    assert!(printed.contains("with the same secret?"), "{printed}");
    assert!(!printed.contains("access:"), "{printed}");
}

#[test]
fn a_route_that_is_to_read_and_writes_is_a_write_from_then_on_or_stays_as_it_is_said() {
    for site in [aspnet_site(), php_site()] {
        let all = site.all;
        for (on_read_wrote, then) in [("write", "write"), ("warn", "read")] {
            let onelane = site.behind(&format!(
                "application: {{ secret: {SECRET}, on_read_wrote: {on_read_wrote} }}\n\
                 routes: [{{ name: all, path: \"{all}\", access: read }}]\n"
            ));
            let mut user = site.application.user(site.application.address).unwrap();
            user = user.again(onelane.address());
            fine(&mut user, site.reads);
            assert_eq!(site.told(&mut user), "read");
            let wrote = || onelane.metric("onelane_read_wrote_total", "route=\"all\"");
            assert_eq!(wrote().unwrap(), 0.0);
            fine(&mut user, site.writes);
            assert_eq!(wrote().unwrap(), 1.0, "{all} {on_read_wrote}");
            assert_eq!(site.told(&mut user), then, "{all} {on_read_wrote}");
            eventually("it is counted", || {
                evidence(&onelane, site.writes)["undeclared"] == 1
            });
            let printed = advice(&onelane, &[]);
            assert!(
                printed.contains(&proposal(site.writes, "write")),
                "{printed}"
            );
        }
    }
}

/// Without a companion. Those who wait for ASP.NET's lock get it in any order: one that overtakes another one proves nothing.
#[test]
fn pages_without_a_session_are_seen_to_overlap_a_write_and_pages_that_take_its_lock_are_not() {
    let site = aspnet::start(aspnet::Sessions::InProc, &aspnet::Options::default()).unwrap();
    let session = site.yaml.split("routes:").next().unwrap();
    let onelane = Onelane::start(site.address, &format!("{session}mode: observe\n")).unwrap();
    let user = site.user(onelane.address()).unwrap();
    let ask = |page, ms, count| {
        let page = site.page(page, ms);
        at_once(&user, onelane.address(), &page, count).unwrap()
    };
    thread::scope(|scope| {
        let slow = scope.spawn(|| ask(Page::Write, 15_000, 1));
        eventually("the write is inside", || {
            onelane.metric("onelane_lanes", "").unwrap() >= 1.0
        });
        let locking = scope.spawn(|| ask(Page::Login, 0, 12));
        for answer in ask(Page::None, 0, 20) {
            assert_eq!((answer.status, answer.body.trim()), (200, "none"));
        }
        assert!(!slow.is_finished(), "too slow a machine for this");
        for answers in [slow, locking] {
            for answer in answers.join().unwrap() {
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        }
    });
    let met = |page| evidence(&onelane, (site.spell)(page))["met"].as_u64();
    eventually("all is counted", || {
        [Page::None, Page::Login].map(met) == [Some(20), Some(12)]
    });
    let printed = advice(&onelane, &["--overlaps", "8"]);
    assert!(
        printed.contains(&proposal((site.spell)(Page::None), "none")),
        "{printed}"
    );
    assert_eq!(printed.matches("access:").count(), 1, "{printed}");
}
