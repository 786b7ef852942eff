//! ASP.NET Core: of concurrent updates of a session most are lost; behind Onelane none is, since a lane is kept for a while
//! after a body with a length: the session is stored then.

use std::net::SocketAddr;
use std::thread;

use crate::applications::aspnetcore::{Notes, Options, start};
use crate::applications::{Application, Page};
use crate::http::{Answer, Client};
use crate::load::{at_once, counter, eventually, loses_updates_and_behind_onelane_none, onelane};
use crate::onelane::Onelane;

#[test]
fn aspnetcore_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Options::default()).unwrap());
}

/// Onelane takes the end of a body for the end of the request. A body with a length ends before the session is stored; the
/// end of one in chunks, and the head of a redirect, are sent after that.
#[test]
fn a_store_that_takes_its_time_needs_a_grace_as_long_behind_a_body_with_a_length() {
    let application = slow_store(150);
    for (release, answer, all_kept) in [
        ("release: body\n", "text", false),
        (PRESET, "text", false),
        ("release: { after: body, grace: 450ms }\n", "text", true),
        ("release: body\n", "json", true),
        ("release: headers\n", "json", false),
        ("release: body\n", "redirect", true),
    ] {
        let (lost, overlaps) = lost(&application, release, answer);
        let kept = (lost, overlaps) == (0, 0);
        assert_eq!(kept, all_kept, "{release}{answer}: {lost} lost, {overlaps}");
    }
}

#[test]
fn the_grace_of_the_preset_is_enough_for_a_store_of_a_few_milliseconds() {
    assert_eq!(lost(&slow_store(5), PRESET, "text"), (0, 0));
}

/// The request that makes a session has no lane, and its answer brings the cookie before the session is stored: who is
/// quick enough finds none. With `by_client` there is a lane that the new id joins.
#[test]
fn the_first_store_of_a_session_is_lost_to_a_quick_second_request_unless_newcomers_have_a_lane() {
    let application = slow_store(500);
    let grace = "release: { after: body, grace: 1s }\n";
    for (newcomers, second) in [("", "1"), (", without_session: by_client", "2")] {
        let yaml = application
            .yaml
            .replace("aspnetcore", &format!("aspnetcore{newcomers}"));
        let onelane = Onelane::start(application.address, &(yaml + grace)).unwrap();
        let user = application.user(onelane.address()).unwrap();
        let answer = user.again(onelane.address()).get("/write").unwrap();
        assert_eq!(answer.body, second, "{newcomers}");
    }
}

/// The id does not change, whatever happens, and is another text in no response.
#[test]
fn the_cookie_of_a_session_is_sent_once_and_names_its_lane() {
    let application = start(Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let mut user = Client::new(onelane.address());
    let first = user.get(&application.page(Page::Write, 0)).unwrap();
    assert_eq!(session_cookies(&first), 1);
    let id = user.cookies()[NAME].clone();
    assert!(id.starts_with("CfDJ8"), "{id}");
    for page in [Page::Write, Page::Read, Page::Login, Page::Write] {
        let answer = user.get(&application.page(page, 0)).unwrap();
        assert_eq!((answer.status, session_cookies(&answer)), (200, 0));
    }
    assert_eq!(user.cookies()[NAME], id);
    assert!(user.cookies().contains_key(SIGNED_IN));
    eventually("the lane is free", || {
        onelane.metric("onelane_holders", "").unwrap() < 1.0
    });
    let answers = at_once(&user, onelane.address(), "/write?ms=20", 3).unwrap();
    assert_eq!(answers.iter().filter(waited).count(), 2);
    assert!(odd(&onelane) < 1.0);
}

/// Who has no cookie has no lane: each of the first requests makes a session of its own.
#[test]
fn newcomers_do_not_wait_for_each_other() {
    let application = start(Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let nobody = Client::new(onelane.address());
    let answers = at_once(&nobody, onelane.address(), "/write?ms=100", 3).unwrap();
    for answer in &answers {
        assert_eq!((answer.body.as_str(), waited(&answer)), ("1", false));
        assert_eq!(session_cookies(answer), 1);
    }
}

/// As after a restart without the keys of before: the cookie looks as it should, and the application cannot read it.
#[test]
fn a_cookie_of_other_keys_is_replaced_and_the_new_one_has_a_lane() {
    let [before, application] = [(); 2].map(|()| start(Options::default()).unwrap());
    let onelane = onelane(&application).unwrap();
    let mut user = before
        .user(before.address)
        .unwrap()
        .again(onelane.address());
    let old = user.cookies()[NAME].clone();
    let first = user.get(&application.page(Page::Write, 0)).unwrap();
    assert_eq!((first.body.as_str(), session_cookies(&first)), ("1", 1));
    assert_ne!(user.cookies()[NAME], old);
    at_once(&user, onelane.address(), "/write?ms=10", 10).unwrap();
    assert_eq!(counter(&application, &mut user).unwrap(), 11);
    assert_eq!(application.stats().unwrap().overlaps, 0);
}

/// A session that was only read is not stored; its time is renewed.
#[test]
fn a_slow_page_that_reads_does_not_take_back_a_write() {
    let application = start(Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let mut user = application.user(onelane.address()).unwrap();
    thread::scope(|scope| {
        let mut other = user.again(onelane.address());
        let slow = scope.spawn(move || other.get("/read?ms=500").unwrap());
        eventually("the reader is inside", || readers(&application) == 1);
        let write = user.get(&application.page(Page::Write, 0)).unwrap();
        assert_eq!((write.body.as_str(), readers(&application)), ("2", 1));
        assert_eq!(slow.join().unwrap().body, "1");
    });
    assert_eq!(counter(&application, &mut user).unwrap(), 2);
}

/// TempData is there for one request. In the session it is taken once behind Onelane; in its cookie, which every request
/// brings along, by all, and no proxy can help.
#[test]
fn a_note_in_the_session_is_taken_once_and_one_in_a_cookie_by_all() {
    for (notes, behind_onelane) in [(Notes::Session, 1), (Notes::Cookie, 10)] {
        let options = Options {
            notes,
            ..Options::default()
        };
        let application = start(options).unwrap();
        let onelane = onelane(&application).unwrap();
        let bare = takers(&application, application.address);
        assert!(bare > 1, "{notes:?}: {bare}");
        assert_eq!(
            takers(&application, onelane.address()),
            behind_onelane,
            "{notes:?}"
        );
    }
}

#[test]
fn a_page_that_calls_its_own_site_with_the_ticket_does_not_wait_for_itself() {
    let application = start(Options::default()).unwrap();
    let onelane = onelane(&application).unwrap();
    let mut user = application.user(onelane.address()).unwrap();
    let answer = user.get(&application.page(Page::Inner, 0)).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "2"));
    let entered = onelane.metric("onelane_reentrance_total", "result=\"entered\"");
    assert!(entered.unwrap() >= 1.0);
}

/// Of ten requests of a user at once that look for the note that he has just been left: those that find it.
fn takers(application: &Application, address: SocketAddr) -> usize {
    let mut user = application.user(address).unwrap();
    user.get("/leave").unwrap();
    let answers = at_once(&user, address, "/take?ms=500", 10).unwrap();
    answers
        .iter()
        .filter(|answer| answer.body == "saved")
        .count()
}

fn slow_store(ms: u64) -> Application {
    let store = Some(ms);
    start(Options {
        store,
        ..Options::default()
    })
    .unwrap()
}

/// Of 10 increments at once, answered in this form, behind an Onelane of this `release`: those that are lost, and how
/// often a writer met another one inside. Each is on a connection of its own: Kestrel reads the next request of a
/// connection when the session of the one before is stored, so that a connection that is used again hides the loss.
fn lost(application: &Application, release: &str, answer: &str) -> (usize, u64) {
    let yaml = format!("{}{release}", application.yaml);
    let onelane = Onelane::start(application.address, &yaml).unwrap();
    application.reset().unwrap();
    let mut user = application.user(application.address).unwrap();
    eventually("the session is stored", || writers(application) == 0);
    let path = format!("/write?close=true&answer={answer}");
    let answers = at_once(&user, onelane.address(), &path, 10).unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| [200, 302].contains(&answer.status))
    );
    eventually("all are stored", || writers(application) == 0);
    let kept = counter(application, &mut user).unwrap();
    (11 - kept, application.stats().unwrap().overlaps)
}

/// The requests of pages that read which are inside now.
fn readers(application: &Application) -> u64 {
    inside(application, "readers")
}

/// Those that write: until their session is stored.
fn writers(application: &Application) -> u64 {
    inside(application, "writers")
}

fn inside(application: &Application, what: &str) -> u64 {
    let stats = Client::new(application.address).get("/stats").unwrap();
    let json: serde_json::Value = serde_json::from_str(&stats.body).unwrap();
    json[what].as_u64().unwrap()
}

/// How often it sets the session's cookie.
fn session_cookies(answer: &Answer) -> usize {
    let start = format!("{NAME}=");
    let sets =
        |(name, value): &&(String, String)| name == "set-cookie" && value.starts_with(&start);
    answer.headers.iter().filter(sets).count()
}

/// Whether Onelane says that it had to wait.
fn waited(answer: &&Answer) -> bool {
    answer.header("server-timing").is_some()
}

/// Session cookies that Onelane could not make anything of.
fn odd(onelane: &Onelane) -> f64 {
    onelane
        .metric("onelane_session_cookies_odd_total", "")
        .unwrap()
}

const PRESET: &str = "";
const NAME: &str = ".AspNetCore.Session";
const SIGNED_IN: &str = ".AspNetCore.Cookies";
