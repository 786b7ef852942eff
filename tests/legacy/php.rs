//! PHP: what its sessions cost and lose, and that they do not behind Onelane.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::applications::php::{Options, Sessions, start};
use crate::applications::{Application, Page};
use crate::load::{Outcome, at_once, counter, increments, onelane};

const ALL_KEPT: Outcome = Outcome {
    lost: 0,
    refused: 0,
    overlaps: 0,
};

#[test]
fn php_redis_without_its_lock_loses_updates_and_behind_onelane_none() {
    let application = start(Sessions::Redis, Options::default()).unwrap();
    let bare = increments(&application, application.address, 100, 10).unwrap();
    let onelane = onelane(&application).unwrap();
    let behind = increments(&application, onelane.address(), 100, 10).unwrap();
    assert!(bare.lost >= 50 && bare.overlaps >= 50, "{bare:?}");
    assert_eq!(behind, ALL_KEPT, "bare: {bare:?}");
}

/// Its lock gives up after two seconds, and the page goes on without a session.
#[test]
fn php_redis_with_its_lock_loses_what_waited_too_long_and_behind_onelane_nothing() {
    let application = start(Sessions::LockedRedis, Options::default()).unwrap();
    let bare = increments(&application, application.address, 24, 250).unwrap();
    let onelane = onelane(&application).unwrap();
    let behind = increments(&application, onelane.address(), 20, 150).unwrap();
    assert!(bare.lost > 0, "{bare:?}");
    assert_eq!(behind, ALL_KEPT, "bare: {bare:?}");
}

#[test]
fn php_files_lose_nothing_and_nothing_behind_onelane() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let bare = increments(&application, application.address, 50, 5).unwrap();
    let onelane = onelane(&application).unwrap();
    let behind = increments(&application, onelane.address(), 50, 5).unwrap();
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
    let page = application.page(Page::Write, 100);
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

/// PHP keeps the old session for requests that are under way with the old id, so both are counted.
#[test]
fn a_login_during_a_burst_loses_nothing() {
    let application = start(Sessions::Files, Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let address = onelane.address();
    application.reset().unwrap();
    let mut before = application.user(address).unwrap();
    let mut after = before.clone();
    let write = application.page(Page::Write, 20);
    let kept = thread::scope(|scope| {
        let burst = scope.spawn(|| at_once(&before, address, &write, 10).unwrap());
        let kept = after.get(&application.page(Page::Login, 20)).unwrap().body;
        assert_ne!(before.cookies(), after.cookies(), "another id");
        at_once(&after, address, &write, 10).unwrap();
        burst.join().unwrap();
        kept.parse::<usize>().unwrap()
    });
    let (old, new) = (&mut before, &mut after);
    let old = counter(&application, old).unwrap();
    let new = counter(&application, new).unwrap();
    assert_eq!((old, new - kept), (11, 10));
}
