//! PHP: what its sessions cost and lose, and that they do not behind Onelane.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::applications::php::{Options, Sessions, start};
use crate::applications::{Application, Page};
use crate::http::{Answer, Client, at_the_same_moment};
use crate::load::{
    ALL_KEPT, at_once, bare_and_behind_onelane, counter, eventually,
    loses_updates_and_behind_onelane_none, onelane,
};
use crate::onelane::Onelane;

#[test]
fn php_redis_without_its_lock_loses_updates_and_behind_onelane_none() {
    let application = start(Sessions::Redis, Options::default()).unwrap();
    loses_updates_and_behind_onelane_none(&application);
}

/// Its lock gives up after 20 ms (php-redis 5) or 2 s (6), and the page goes on with status 200: with a session that is
/// then not stored, or with none.
#[test]
fn php_redis_with_its_lock_loses_what_waited_too_long_and_behind_onelane_nothing() {
    let application = start(Sessions::LockedRedis, Options::default()).unwrap();
    let (bare, behind) = bare_and_behind_onelane(&application, 16, 200).unwrap();
    assert!(bare.lost > 0 && bare.refused == 0, "{bare:?}");
    assert_eq!(behind, ALL_KEPT, "bare: {bare:?}");
}

#[test]
fn php_files_lose_nothing_and_nothing_behind_onelane() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let (bare, behind) = bare_and_behind_onelane(&application, 50, 5).unwrap();
    assert_eq!((bare, behind), (ALL_KEPT, ALL_KEPT));
}

/// The requests of one session that wait for its file hold a worker each. How many of 40 are done when somebody else, who
/// came after the first of them, gets an answer?
#[test]
fn a_session_of_slow_php_pages_stops_everybody_and_behind_onelane_nobody() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let bare = done_before_somebody_else(&application, application.address);
    let behind = done_before_somebody_else(&application, onelane.address());
    assert!(bare >= 15, "of 40, with 16 workers: {bare}");
    assert!(behind <= 5, "bare {bare}, behind Onelane {behind}");
}

/// Sends 40 slow requests of one session; as soon as one is done, one of another session. How many were done after that?
fn done_before_somebody_else(application: &Application, address: SocketAddr) -> usize {
    let slow = application.user(address).unwrap();
    let mut other = application.user(address).unwrap();
    let (done, (first, is_first)) = (AtomicUsize::new(0), mpsc::channel());
    let page = application.page(Page::Write, 400);
    thread::scope(|scope| {
        for _ in 0..40 {
            let (mut browser, done, page, first) = (slow.again(address), &done, &page, &first);
            scope.spawn(move || {
                assert_eq!(browser.get(page).unwrap().status, 200);
                done.fetch_add(1, Ordering::SeqCst);
                first.send(()).unwrap();
            });
        }
        is_first.recv().unwrap();
        other.get(&application.page(Page::Write, 0)).unwrap();
        done.load(Ordering::SeqCst)
    })
}

#[test]
fn pages_that_go_on_after_their_response_lose_nothing_with_a_grace_and_without_it_they_do() {
    let application = start(Sessions::Redis, Options::default()).unwrap();
    let stored = |release: &str| {
        let yaml = application.yaml.to_owned() + release;
        let onelane = Onelane::start(application.address, &yaml).unwrap();
        let mut user = application.user(onelane.address()).unwrap();
        let page = "/cases.php?case=finished";
        at_once(&user, onelane.address(), page, 20).unwrap();
        // A write, which waits for the last of them; a read would not.
        let last = user.get(&application.page(Page::Write, 0)).unwrap();
        last.body.parse::<usize>().unwrap()
    };
    assert_eq!(stored("release: { after: body, grace: 1s }\n"), 22);
    assert!(stored("") <= 12);
}

/// PHP keeps the old session for requests that are under way with the old id, so both are counted.
#[test]
fn a_login_during_a_burst_loses_nothing() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let address = onelane.address();
    application.reset().unwrap();
    let mut before = application.user(address).unwrap();
    let mut after = before.clone();
    let write = application.page(Page::Write, 30);
    let slow = application.page(Page::Write, 4000);
    let until = |metric: &str, count: f64| {
        eventually(&format!("{metric} {count}"), || {
            onelane.metric(metric, "").unwrap() >= count
        });
    };
    let kept = thread::scope(|scope| {
        let first = scope.spawn(|| before.clone().get(&slow).unwrap());
        until("onelane_holders", 1.0);
        let burst = || at_once(&before, address, &write, 5).unwrap();
        let earlier = scope.spawn(burst);
        until("onelane_waiters", 5.0);
        let login = scope.spawn(|| {
            let kept = after.get(&application.page(Page::Login, 0)).unwrap().body;
            assert_ne!(before.cookies(), after.cookies(), "another id");
            at_once(&after, address, &write, 10).unwrap();
            kept.parse::<usize>().unwrap()
        });
        until("onelane_waiters", 6.0);
        let later = scope.spawn(burst); // with the old id, behind the login
        for browsers in [earlier, later] {
            browsers.join().unwrap();
        }
        assert_eq!(first.join().unwrap().status, 200);
        login.join().unwrap()
    });
    let old = counter(&application, &mut before).unwrap();
    let new = counter(&application, &mut after).unwrap();
    assert_eq!((old, new - kept), (12, 10));
    // The new id joined the lane of the old one before its client could use it.
    assert_eq!(application.stats().unwrap().overlaps, 0);
}

/// A new user's first requests have no cookie, and PHP begins a session for each.
#[test]
fn first_requests_of_a_new_user_go_one_after_another_and_later_ones_of_several_do_not() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let write = application.page(Page::Write, 1000);
    for (without_session, most) in [("by_client, by_client_window: 60s", 1..=1), ("pass", 2..=5)] {
        let session = format!("session: {{ preset: php, without_session: {without_session} }}\n");
        let onelane = Onelane::start(application.address, &session).unwrap();
        application.reset().unwrap();
        let new = Client::new(onelane.address());
        let first = at_once(&new, onelane.address(), &write, 5).unwrap();
        let inside = writers(&application);
        assert!(most.contains(&inside), "{without_session}: {inside}");
        let expected = if *most.end() == 1 { 4 } else { 0 };
        assert_eq!(waited(&first), expected, "{without_session}");

        // The same five, with the sessions that they have got.
        application.reset().unwrap();
        let ids = first.iter().filter_map(|answer| {
            let cookie = answer.header("set-cookie")?.strip_prefix("PHPSESSID=")?;
            cookie.split(';').next()
        });
        let users: Vec<Client> = ids.map(|id| new.clone().cookie("PHPSESSID", id)).collect();
        assert_eq!(users.len(), 5);
        let get = |user: Client| user.again(onelane.address()).get(&write).unwrap();
        let (_, later) = at_the_same_moment(users, get);
        assert_eq!(waited(&later), 0, "{without_session}");
        assert!(later.iter().all(|answer| answer.body == "2"));
        assert!(writers(&application) > 1, "{without_session}");
    }
}

/// How many of them had to wait in Onelane.
fn waited(answers: &[Answer]) -> usize {
    let waited = |answer: &&Answer| answer.header("server-timing").is_some();
    answers.iter().filter(waited).count()
}

/// The most writers, of whatever session, that were inside at once.
fn writers(application: &Application) -> u64 {
    let stats = Client::new(application.address).get("/stats.php").unwrap();
    let json: serde_json::Value = serde_json::from_str(&stats.body).unwrap();
    json["writers"].as_u64().unwrap()
}
