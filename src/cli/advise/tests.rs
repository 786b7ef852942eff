//! What is proposed on which evidence, and that it can be pasted.

use std::time::Duration;

use super::*;
use crate::cli::admin::reachable;
use crate::config::Config;
use crate::evidence::{Counts, PathEvidence, RouteEvidence};

fn path(method: &str, path: &str, access: &str, counts: Counts) -> PathEvidence {
    PathEvidence {
        route: "default".to_owned(),
        access: access.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        counts,
    }
}

fn reports(unchanged: u64, wrote: u64) -> Counts {
    Counts {
        requests: unchanged + wrote,
        unchanged,
        wrote,
        ..Counts::default()
    }
}

fn overlaps(nested: u64, met: u64) -> Counts {
    Counts {
        requests: met,
        nested,
        met,
        ..Counts::default()
    }
}

fn snapshot(paths: Vec<PathEvidence>) -> Snapshot {
    let mut counts = Counts::default();
    for path in &paths {
        counts.add(&path.counts);
    }
    Snapshot {
        asks: true,
        observes: false,
        routes: vec![RouteEvidence {
            route: "default".to_owned(),
            demoted: false,
            counts,
        }],
        paths,
    }
}

/// What is printed, and its routes: each line with a path, without its comment.
fn advised(snapshot: &Snapshot) -> (String, Vec<String>) {
    let printed = Advice::of(snapshot, Enough::default()).to_string();
    let text = format!("session: {{ preset: aspnet }}\n{printed}");
    let config =
        Config::parse(&text, &|_| None).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(config.warnings, [], "{printed}");
    let routes = printed
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(str::to_owned)
        .collect();
    (printed, routes)
}

#[test]
fn read_is_proposed_from_the_200th_report_on_if_none_wrote() {
    for (unchanged, wrote, proposed) in [(199, 0, 0), (200, 0, 1), (20_000, 1, 0)] {
        let evidence = snapshot(vec![path("GET", "/a", "write", reports(unchanged, wrote))]);
        let (printed, routes) = advised(&evidence);
        assert_eq!(routes.len(), proposed, "{printed}");
    }
    let enough = snapshot(vec![path("GET", "/a", "write", reports(200, 0))]);
    let (printed, routes) = advised(&enough);
    assert_eq!(routes, [r#"{ path: "/a", methods: [GET], access: read }"#]);
    assert!(printed.contains("# 200 reports, none wrote"), "{printed}");
    let fewer = snapshot(vec![path("GET", "/a", "write", reports(57, 0))]);
    let (printed, _) = advised(&fewer);
    let missing = "GET /a has 57 reports, none wrote; 143 more are wanted";
    assert!(printed.contains(missing), "{printed}");
}

#[test]
fn a_page_that_often_says_nothing_is_not_proposed() {
    for (silent, proposed) in [(20, 1), (21, 0)] {
        let counts = Counts {
            silent,
            ..reports(200, 0)
        };
        let evidence = snapshot(vec![path("GET", "/a", "write", counts)]);
        let (printed, routes) = advised(&evidence);
        assert_eq!(routes.len(), proposed, "{printed}");
        let said = printed.contains("but of 21 requests it was not said");
        assert_eq!(said, proposed == 0, "{printed}");
    }
}

#[test]
fn routes_that_are_no_write_and_wrote_are_named() {
    for (demoted, expected) in [
        (true, "it counts as write until the next start"),
        (false, "what it writes may be lost"),
    ] {
        let mut evidence = snapshot(Vec::new());
        evidence.routes[0].demoted = demoted;
        evidence.routes[0].counts.undeclared = 4;
        let (printed, _) = advised(&evidence);
        let line = format!("# Route \"default\" is no write, and wrote (requests: 4): {expected}.");
        assert!(printed.contains(&line), "{printed}");
    }
}

#[test]
fn what_is_read_already_is_not_proposed_again() {
    let evidence = snapshot(vec![
        path("GET", "/a", "read", reports(500, 0)),
        path("GET", "/b", "none", reports(500, 0)),
    ]);
    assert_eq!(advised(&evidence).1.len(), 0);
}

#[test]
fn what_costs_most_comes_first() {
    let costs = |seconds| Counts {
        held: Duration::from_secs(seconds),
        ..reports(300, 0)
    };
    let evidence = snapshot(vec![
        path("GET", "/cheap", "write", costs(1)),
        path("GET", "/dear", "write", costs(90)),
    ]);
    let (printed, routes) = advised(&evidence);
    assert!(routes[0].contains("/dear"), "{printed}");
    assert!(printed.contains("held 1m 30s"), "{printed}");
}

#[test]
fn a_read_that_wrote_is_a_write_before_everything_else() {
    let wrote = Counts {
        undeclared: 3,
        ..reports(397, 3)
    };
    let evidence = snapshot(vec![
        path("GET", "/good", "write", reports(300, 0)),
        path("GET", "/reports/save", "read", wrote),
    ]);
    let (printed, routes) = advised(&evidence);
    let first = r#"{ path: "/reports/save", methods: [GET], access: write }"#;
    assert_eq!(routes[0], first, "{printed}");
    assert_eq!(routes.len(), 2);
    assert!(printed.contains("WROTE: 3 of 400 reports"), "{printed}");
}

#[test]
fn a_pattern_has_exceptions_for_what_it_would_match_too() {
    let evidence = snapshot(vec![
        path("GET", "/orders/*", "write", reports(300, 0)),
        path("GET", "/orders/new", "write", reports(2, 1)),
        path("GET", "/orders/list", "write", reports(300, 0)),
        path("GET", "/other", "write", reports(0, 9)),
        path("POST", "/orders/old", "write", reports(0, 9)),
    ]);
    let (printed, routes) = advised(&evidence);
    let expected = [
        r#"{ path: "/orders/new", methods: [GET], access: write }"#,
        r#"{ path: "/orders/list", methods: [GET], access: read }"#,
        r#"{ path: "/orders/*", methods: [GET], access: read }"#,
    ];
    assert_eq!(routes, expected, "{printed}");
}

#[test]
fn a_pattern_that_would_match_what_may_write_is_not_proposed() {
    let evidence = snapshot(vec![
        path("GET", "/orders/*", "write", reports(300, 0)),
        path("GET", "/*/edit", "write", reports(0, 5)),
        path("GET", "/*/*", "write", reports(0, 5)),
    ]);
    let (printed, routes) = advised(&evidence);
    assert_eq!(routes.len(), 0, "{printed}");
    assert!(
        printed.contains("# Not proposed: GET /orders/*"),
        "{printed}"
    );
    let mut many: Vec<_> = ('a'..='f')
        .map(|name| path("GET", &format!("/orders/{name}"), "write", reports(0, 5)))
        .collect();
    many.push(path("GET", "/orders/*", "write", reports(300, 0)));
    assert_eq!(advised(&snapshot(many)).1.len(), 0, "too many exceptions");
}

#[test]
fn what_is_read_stays_so_under_a_pattern_that_takes_no_lock() {
    let evidence = snapshot(vec![
        path("GET", "/feed/*", "write", overlaps(50, 50)),
        path("GET", "/feed/mine", "read", reports(300, 0)),
        path("GET", "/feed/all", "write", reports(300, 0)),
    ]);
    let (printed, routes) = advised(&evidence);
    let expected = [
        r#"{ path: "/feed/mine", methods: [GET], access: read }"#,
        r#"{ path: "/feed/all", methods: [GET], access: read }"#,
        r#"{ path: "/feed/*", methods: [GET], access: none }"#,
    ];
    assert_eq!(routes, expected, "{printed}");
}

#[test]
fn a_read_that_wrote_below_a_pattern_is_named_once() {
    let wrote = Counts {
        undeclared: 1,
        ..reports(3, 1)
    };
    let evidence = snapshot(vec![
        path("GET", "/feed/*", "write", reports(300, 0)),
        path("GET", "/feed/mine", "read", wrote),
    ]);
    let (printed, routes) = advised(&evidence);
    assert_eq!(routes.len(), 2, "{printed}");
    assert!(routes[0].contains("/feed/mine"), "{printed}");
}

#[test]
fn overlaps_propose_none_and_say_that_they_are_all_that_is_known() {
    for (nested, met, proposed) in [(19, 19, 0), (20, 40, 1), (20, 41, 0)] {
        let evidence = Snapshot {
            asks: false,
            observes: true,
            ..snapshot(vec![path("GET", "/feed", "write", overlaps(nested, met))])
        };
        let (printed, routes) = advised(&evidence);
        assert_eq!(routes.len(), proposed, "{printed}");
        assert_eq!(printed.contains("overlaps alone"), proposed == 1);
        assert!(printed.contains("Only a companion"), "{printed}");
    }
}

#[test]
fn overlaps_say_nothing_of_an_application_that_locks_nothing() {
    let evidence = Snapshot {
        asks: false,
        observes: true,
        ..snapshot(vec![
            path("GET", "/feed", "write", overlaps(90, 90)),
            path("POST", "/save", "write", overlaps(30, 30)),
        ])
    };
    let (printed, routes) = advised(&evidence);
    assert_eq!(routes.len(), 0, "{printed}");
    assert!(printed.contains("seems to lock no session"), "{printed}");
}

#[test]
fn overlaps_never_count_against_a_report() {
    let both = Counts {
        nested: 90,
        met: 90,
        ..reports(199, 1)
    };
    assert_eq!(
        advised(&snapshot(vec![path("GET", "/a", "write", both)]))
            .1
            .len(),
        0
    );
}

#[test]
fn what_is_missing_is_said() {
    let nothing = |asks, observes, silent| {
        let counts = Counts {
            requests: silent,
            silent,
            ..Counts::default()
        };
        let evidence = Snapshot {
            asks,
            observes,
            ..snapshot(vec![path("GET", "/a", "write", counts)])
        };
        advised(&evidence).0
    };
    assert!(nothing(false, false, 0).contains("set application.secret, or set mode: observe"));
    assert!(nothing(true, false, 0).contains("No request with a session has come yet"));
    assert!(nothing(true, false, 9).contains("is the companion installed, with the same secret?"));
}

#[test]
fn evidence_that_is_no_path_is_not_printed() {
    let evidence = snapshot(vec![
        path("GET", "/a\"\n- b", "write", reports(300, 0)),
        path("GET", "/${HOME}", "write", reports(300, 0)),
        path("G]", "/a", "write", reports(300, 0)),
        path("GET", "no", "write", reports(300, 0)),
    ]);
    assert_eq!(advised(&evidence).1.len(), 0);
}

#[test]
fn an_address_for_everybody_is_asked_on_this_machine() {
    for (listen, asked) in [
        ("0.0.0.0:9180", "127.0.0.1:9180"),
        ("[::]:9180", "[::1]:9180"),
        ("10.0.0.1:9180", "10.0.0.1:9180"),
    ] {
        assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
    }
}
