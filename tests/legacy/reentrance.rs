//! Pages that call their own site as their user: with Onelane's ticket they do not wait for themselves.
//!
//! Guarantees: each application is also tried without the ticket, where they do. Does not do: take the application's own
//! lock away, which is shown as well.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::applications::aspnet;
use crate::applications::php;
use crate::applications::{Application, Page};
use crate::http::Answer;
use crate::load::{counter, eventually};
use crate::onelane::Onelane;

/// Those whose pages lock their session themselves.
fn sites() -> [Application; 2] {
    let options = aspnet::Options::default();
    [
        aspnet::start(aspnet::Sessions::InProc, &options).unwrap(),
        php::start(php::Sessions::Files, php::Options::default()).unwrap(),
    ]
}

fn in_front_of(application: &Application, queue: &str) -> Onelane {
    let more = format!("{}queue: {queue}\n", application.yaml);
    Onelane::start(application.address, &more).unwrap()
}

/// What the page says, as a new user of what listens on `address`, and the counter that is left.
fn asked(application: &Application, address: SocketAddr, path: &str) -> (Answer, usize) {
    let mut user = application.user(address).unwrap();
    let answer = user.get(path).unwrap();
    (answer, counter(application, &mut user).unwrap())
}

fn results(onelane: &Onelane) -> [f64; 4] {
    ["entered", "refused", "stale", "forged"].map(|result| {
        let label = format!("result=\"{result}\"");
        onelane.metric("onelane_reentrance_total", &label).unwrap()
    })
}

fn holders(onelane: &Onelane) -> f64 {
    onelane.metric("onelane_holders", "").unwrap()
}

#[test]
fn a_call_with_the_ticket_is_inside_together_with_its_page_and_with_nobody_else() {
    for application in sites() {
        let name = application.name;
        let onelane = in_front_of(&application, "{ wait_timeout: 90s }");
        let user = application.user(onelane.address()).unwrap();
        application.reset().unwrap();
        let ask = |path: String| {
            let mut user = user.again(onelane.address());
            move || user.get(&path).unwrap()
        };
        let started = Instant::now();
        let (outer, later) = thread::scope(|scope| {
            let outer = scope.spawn(ask(application.page(Page::Inner, 3000)));
            eventually("the page and its call are inside", || {
                holders(&onelane) >= 2.0
            });
            let later = scope.spawn(ask(application.page(Page::Write, 0)));
            eventually("another request waits for both", || {
                onelane.metric("onelane_waiters", "").unwrap() >= 1.0 || outer.is_finished()
            });
            (outer.join().unwrap(), later.join().unwrap())
        });
        assert!(
            started.elapsed() < Duration::from_secs(80),
            "{name}: not by wait_timeout"
        );
        let said = [outer, later].map(|answer| (answer.status, answer.body.trim().to_owned()));
        assert_eq!(said, [2, 3].map(|n| (200, n.to_string())), "{name}");
        assert_eq!(results(&onelane), [1.0, 0.0, 0.0, 0.0], "{name}");
        assert_eq!(application.stats().unwrap().overlaps, 0, "{name}");
    }
}

#[test]
fn a_call_without_the_ticket_waits_for_its_page_until_it_is_refused_and_at_once_where_none_may_pass()
 {
    for application in sites() {
        let name = application.name;
        let inner = application.page(Page::Inner, 0);
        for (queue, path, reason, expected) in [
            (
                "{ wait_timeout: 1s }",
                format!("{inner}&ticket=lost"),
                "wait_timeout",
                [0.0; 4],
            ),
            (
                "{ max_passed: 0 }",
                inner.clone(),
                "queue_full",
                [0.0, 1.0, 0.0, 0.0],
            ),
        ] {
            let onelane = in_front_of(&application, queue);
            let (answer, counter) = asked(&application, onelane.address(), &path);
            assert_eq!((answer.status, counter), (503, 1), "{name} {queue}");
            let label = format!("reason=\"{reason}\"");
            let refused = onelane.metric("onelane_refusals_total", &label).unwrap();
            assert_eq!(
                (refused, results(&onelane)),
                (1.0, expected),
                "{name} {queue}"
            );
        }
    }
}

/// What docs/stacks/aspnet.md and php.md say of it.
#[test]
fn a_page_that_keeps_the_applications_own_lock_still_waits_for_itself() {
    let [aspnet, php] = sites();
    for (application, keeping, not) in [
        (&aspnet, "/inner_write.ashx", "/inner_read.ashx"),
        (&php, "/inner.php?session=open", "/inner.php"),
    ] {
        let onelane = in_front_of(application, "{ wait_timeout: 90s }");
        for address in [application.address, onelane.address()] {
            let (answer, written) = asked(application, address, not);
            assert_eq!((answer.status, written), (200, 2), "{not}");
            let patience = if keeping.contains('?') {
                "&patience=3"
            } else {
                "?patience=3000"
            };
            let mut user = application.user(address).unwrap();
            let answer = user.get(&format!("{keeping}{patience}")).unwrap();
            assert_eq!(answer.status, 504, "{keeping}: {}", answer.body);
        }
        assert_eq!(
            results(&onelane),
            [2.0, 0.0, 0.0, 0.0],
            "{}: Onelane let both in",
            application.name
        );
    }
}
