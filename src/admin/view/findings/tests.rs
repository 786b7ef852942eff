//! What is advised of pages that block others, by what is known of them.

use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::evidence::PathEvidence;

/// The routes of a configuration.
fn routes(yaml: &str) -> RouteTable {
    let text = format!("session: {{ preset: aspnet }}\n{yaml}");
    Config::parse(&text, &|_| None).unwrap().policy.routes
}

fn page(path: &str) -> PageView {
    PageView {
        route: "default".to_owned(),
        method: Some("GET".to_owned()),
        path: Some(path.to_owned()),
    }
}

/// `waiter` has waited four times for the report, so long all together.
fn pair(waiter: &str, waited_ms: u64, lately_ms: u64) -> BlockingView {
    BlockingView {
        blocker: page("/report.aspx"),
        waiter: page(waiter),
        count: 4,
        waited_ms,
        longest_ms: waited_ms,
        lately_count: lately_ms.min(1),
        lately_ms,
    }
}

/// The application has reported the report so often.
fn reported(wrote: u64, unchanged: u64) -> Snapshot {
    let counts = Counts {
        requests: wrote + unchanged,
        wrote,
        unchanged,
        held: Duration::from_secs(9),
        ..Counts::default()
    };
    Snapshot {
        asks: true,
        paths: vec![PathEvidence {
            route: "default".to_owned(),
            access: "write".to_owned(),
            method: "GET".to_owned(),
            path: "/report.aspx".to_owned(),
            counts,
        }],
        ..Snapshot::default()
    }
}

const LINE: &str = "- { path: \"/report.aspx\", methods: [GET], access: read }";

#[test]
fn a_page_that_blocks_others_is_named_with_what_was_reported_of_it_so_far() {
    let pairs = [pair("/cart.aspx", 4_000, 0)];
    for (evidence, why) in [
        (
            Snapshot::default(),
            "4 requests waited 4.0 s behind it: if it only",
        ),
        (
            reported(0, 40),
            "behind it; 40 reports so far, and none wrote: if it only",
        ),
    ] {
        let advice = advice(&evidence, &pairs, &routes(""));
        assert_eq!(advice.len(), 1);
        assert_eq!(advice[0].kind, "blocks");
        assert!(advice[0].why.contains(why), "{}", advice[0].why);
        assert_eq!(advice[0].yaml.as_deref(), Some(LINE));
    }
}

#[test]
fn no_line_is_given_for_a_page_that_is_known_to_write_and_it_is_named_only_when_it_is_slow() {
    let slow = [pair("/cart.aspx", 4_000, 0)];
    let [one] = &advice(&reported(1, 199), &slow, &routes(""))[..] else {
        panic!("it is named once")
    };
    assert_eq!((one.kind.as_str(), &one.yaml), ("writes", &None));
    assert!(one.why.contains("in 1 of 200 requests"), "{}", one.why);
    let short: Vec<_> = (0..100)
        .map(|_| pair("/cart.aspx", 4 * (SLOW_MS - 1), 0))
        .collect();
    assert_eq!(advice(&reported(1, 199), &short, &routes("")).len(), 0);
    assert_eq!(
        advice(&reported(0, 199), &short, &routes("")).len(),
        1,
        "a route helps"
    );
}

#[test]
fn what_the_routes_in_force_decide_already_is_not_advised_whatever_was_counted_before() {
    let pairs = [pair("/cart.aspx", 4_000, 0)];
    for reports in [0, 40, 1_000] {
        let evidence = reported(0, reports);
        let before = advice(&evidence, &pairs, &routes(""));
        assert_eq!(before[0].yaml.as_deref(), Some(LINE), "{reports}");
        let after = advice(&evidence, &pairs, &routes(&format!("routes:\n  {LINE}\n")));
        assert_eq!(after.len(), 0, "{reports}: {after:?}");
    }
}

#[test]
fn who_waited_behind_it_is_listed_once_those_of_late_first() {
    let mut by_another_route = pair("/cart.aspx", 500, 100);
    by_another_route.blocker.route = "reports".to_owned();
    let pairs = [
        pair("/old.aspx", 90_000, 0),
        pair("/cart.aspx", 4_000, 200),
        pair("/messages.aspx", 3_000, 900),
        by_another_route,
    ];
    let advice = advice(&Snapshot::default(), &pairs, &routes(""));
    let blocked: Vec<_> = advice[0]
        .blocked
        .iter()
        .map(|one| {
            let path = one.waiter.path.as_deref().unwrap();
            (path, one.waited_ms, one.lately_ms, one.count)
        })
        .collect();
    let expected = [
        ("/messages.aspx", 3_000, 900, 4),
        ("/cart.aspx", 4_500, 300, 8),
        ("/old.aspx", 90_000, 0, 4),
    ];
    assert_eq!(blocked, expected);
}
