//! Laravel: its cookie is another text after each response, and of concurrent updates of a session most are lost; behind
//! Onelane none is, as long as the old text and the new one are in use together.

use std::net::SocketAddr;
use std::thread;

use serde_json::Value;

use crate::applications::laravel::{Cookie, start};
use crate::applications::{Application, Page};
use crate::http::{Answer, Client};
use crate::load::{at_once, counter, eventually, loses_updates_and_behind_onelane_none, onelane};
use crate::onelane::Onelane;

#[test]
fn laravel_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Cookie::Encrypted).unwrap());
}

/// What a browser does that sends two requests at once, and a third with what the first has brought.
#[test]
fn a_new_value_of_laravels_cookie_goes_on_in_the_lane_of_the_old_one() {
    let application = start(Cookie::Encrypted).unwrap();
    let onelane = onelane(&application).unwrap();
    let user = application.user(onelane.address()).unwrap();
    application.reset().unwrap();
    let third = thread::scope(|scope| {
        let first = scope.spawn(|| ask(&user, onelane.address(), &application, SLOW));
        inside(&onelane, 1.0);
        let second = scope.spawn(|| ask(&user, onelane.address(), &application, SLOW));
        eventually("the second one waits", || {
            onelane.metric("onelane_waiters", "").unwrap() > 0.0
        });
        let (browser, _) = first.join().unwrap();
        assert_ne!(user.cookies()[NAME], browser.cookies()[NAME]);
        let third = ask(&browser, onelane.address(), &application, 0);
        second.join().unwrap();
        third
    });
    let (mut browser, answer) = third;
    assert!(waited(&answer), "{answer:?}");
    assert_eq!(counter(&application, &mut browser).unwrap(), 4);
    assert_eq!(application.stats().unwrap().overlaps, 0);
}

/// A request that was sent with the old value and arrives when its lane has ended meanwhile: nobody has told Onelane that
/// the two values are one session. A cookie that Laravel does not encrypt has one value.
#[test]
fn an_old_value_that_comes_late_has_a_lane_of_its_own_unless_the_cookie_is_not_encrypted() {
    for (cookie, one_lane) in [(Cookie::Encrypted, false), (Cookie::Plain, true)] {
        let application = start(cookie).unwrap();
        let onelane = onelane(&application).unwrap();
        let user = application.user(onelane.address()).unwrap();
        application.reset().unwrap();
        let (browser, _) = ask(&user, onelane.address(), &application, 0);
        inside(&onelane, 0.0);
        let (mut browser, answer) = thread::scope(|scope| {
            let late = scope.spawn(|| ask(&user, onelane.address(), &application, SLOW));
            loaded(&application); // before the next one stores it
            let next = ask(&browser, onelane.address(), &application, 0);
            late.join().unwrap();
            next
        });
        assert_eq!(waited(&answer), one_lane, "{cookie:?}");
        let kept = counter(&application, &mut browser).unwrap();
        assert_eq!(kept == 4, one_lane, "{cookie:?}: {kept} of 4");
    }
}

/// Its lock holds a worker for each who waits, and who has waited too long gets an error.
#[test]
fn laravels_own_lock_fails_who_waits_too_long_and_behind_onelane_nobody() {
    let application = start(Cookie::Encrypted).unwrap();
    let onelane = onelane(&application).unwrap();
    let fates = |address| {
        let mut user = application.user(address).unwrap();
        let answers = at_once(&user, address, "/block?ms=200", 12).unwrap();
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        let failed = answers.iter().filter(|answer| answer.status == 500).count();
        let lost = served + 1 - counter(&application, &mut user).unwrap();
        (served, failed, lost)
    };
    let bare = fates(application.address);
    assert!(bare.0 < 10 && bare.0 + bare.1 == 12, "{bare:?}");
    assert_eq!(bare.2, 0, "{bare:?}");
    application.reset().unwrap();
    assert_eq!(fates(onelane.address()), (12, 0, 0), "bare: {bare:?}");
    assert_eq!(application.stats().unwrap().overlaps, 0);
}

/// A write of `ms` milliseconds in another connection of the user's browser: that, with the cookies that it has then, and
/// the answer.
fn ask(user: &Client, address: SocketAddr, application: &Application, ms: u64) -> (Client, Answer) {
    let mut browser = user.again(address);
    let answer = browser.get(&application.page(Page::Write, ms)).unwrap();
    assert_eq!(answer.status, 200);
    (browser, answer)
}

#[track_caller]
fn inside(onelane: &Onelane, number: f64) {
    eventually("so many are in the application", || {
        let holders = onelane.metric("onelane_holders", "").unwrap();
        (holders - number).abs() < 0.5
    });
}

/// Waits until a page that writes has its session.
#[track_caller]
fn loaded(application: &Application) {
    eventually("a page has its session", || {
        let stats = Client::new(application.address)
            .get(&application.page(Page::Stats, 0))
            .unwrap();
        let stats: Value = serde_json::from_str(&stats.body).unwrap();
        stats["inside"] == 1
    });
}

/// Whether Onelane says that it had to wait.
fn waited(answer: &Answer) -> bool {
    answer.header("server-timing").is_some()
}

const NAME: &str = "shop_session";

/// Milliseconds of a page that others are to find inside, also where everything takes several times as long.
const SLOW: u64 = 3000;
