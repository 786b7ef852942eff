//! Onelane's file for PHP: reads of one session run together, and it says whether a page changed its session.

use std::net::SocketAddr;

use crate::applications::php::{Companion, Options, Sessions, start};
use crate::applications::{Application, Page};
use crate::http::Client;
use crate::load::{at_once, counter};
use crate::onelane::Onelane;

const SECRET: &str = "a-secret-of-both";

fn with_companion(sessions: Sessions) -> Application {
    let companion = Companion::Secret(SECRET);
    let options = Options {
        companion,
        ..Options::default()
    };
    start(sessions, options).unwrap()
}

/// The most readers of one session that are inside at once, when eight come at once as `user`.
fn readers(application: &Application, user: &Client, address: SocketAddr) -> u64 {
    application.reset().unwrap();
    let page = application.page(Page::Read, 500);
    for answer in at_once(user, address, &page, 8).unwrap() {
        assert_eq!((answer.status, answer.body.as_str()), (200, "1"));
    }
    let stats = Client::new(application.address).get("/stats.php").unwrap();
    let json: serde_json::Value = serde_json::from_str(&stats.body).unwrap();
    json["readers"].as_u64().unwrap()
}

/// As Onelane asks; `secret` may be wrong.
fn asking(user: &Client, access: &str, secret: &str) -> Client {
    user.clone()
        .header("X-Onelane-Access", access)
        .header("X-Onelane-Secret", secret)
        .header("X-Onelane-Report", "wrote")
}

#[test]
fn reads_of_one_session_run_together_and_with_a_wrong_secret_they_do_not() {
    let application = with_companion(Sessions::Files);
    let user = application.user(application.address).unwrap();
    let together = |access, secret| {
        let user = asking(&user, access, secret);
        readers(&application, &user, application.address)
    };
    assert!(together("read", SECRET) >= 4);
    assert_eq!(together("read", "another"), 1);
    assert_eq!(together("read", ""), 1);
    assert_eq!(together("write", SECRET), 1);
    assert_eq!(together("Read", SECRET), 1);
}

#[test]
fn reads_run_together_behind_onelane_when_both_know_the_secret() {
    let application = with_companion(Sessions::Files);
    for (secret, expected) in [(SECRET, 4..=8), ("another", 1..=1)] {
        let more = format!("reads: follow\napplication: {{ secret: {secret} }}\n");
        let onelane =
            Onelane::start(application.address, &(application.yaml.to_owned() + &more)).unwrap();
        let user = application.user(onelane.address()).unwrap();
        let readers = readers(&application, &user, onelane.address());
        assert!(expected.contains(&readers), "{secret}: {readers}");
    }
}

#[test]
fn the_companion_without_a_request_for_it_changes_nothing() {
    let application = with_companion(Sessions::Files);
    let mut user = application.user(application.address).unwrap();
    let answer = user.get(&application.page(Page::Write, 0)).unwrap();
    assert_eq!(answer.header("x-onelane-wrote"), None);
    assert_eq!(counter(&application, &mut user).unwrap(), 2);
    for (access, secret) in [("write", "another"), ("read", ""), ("read", "another")] {
        let answer = asking(&user, access, secret).get("/write.php").unwrap();
        assert_eq!(answer.header("x-onelane-wrote"), None);
    }
    assert_eq!(counter(&application, &mut user).unwrap(), 5);
}

#[test]
fn an_error_page_that_shows_its_environment_does_not_show_the_secret() {
    let application = with_companion(Sessions::Files);
    let stranger = Client::new(application.address);
    for mut client in [stranger.clone(), asking(&stranger, "read", SECRET)] {
        let body = client.get("/cases.php?case=environment").unwrap().body;
        assert!(body.contains("SCRIPT_FILENAME") && !body.contains(SECRET));
    }
}

/// What a page does, what is reported of it, and by how much the stored counter grows.
const CASES: [(&str, Option<&str>, usize); 16] = [
    ("/write.php", Some("1"), 1),
    ("/read.php", Some("0"), 0),
    ("/none.php", Some("0"), 0),
    ("/login.php", Some("1"), 0),
    ("/cases.php?case=assigned", Some("0"), 0),
    ("/cases.php?case=closed", Some("1"), 1),
    ("/cases.php?case=closed-unchanged", Some("0"), 0),
    ("/cases.php?case=reopened", Some("1"), 1),
    ("/cases.php?case=exit", Some("1"), 1),
    ("/cases.php?case=shutdown", Some("1"), 1),
    ("/cases.php?case=destructor", Some("1"), 1),
    ("/cases.php?case=long-before", None, 1),
    ("/cases.php?case=long-after", Some("1"), 1),
    ("/cases.php?case=flushed", None, 1),
    ("/cases.php?case=own-store", None, 1),
    ("/cases.php?case=destroyed", Some("1"), 0),
];

#[test]
fn a_page_that_may_write_stores_what_it_did_and_the_report_is_right_or_absent() {
    for sessions in [Sessions::Files, Sessions::Redis, Sessions::LockedRedis] {
        let application = with_companion(sessions);
        for (page, expected, grows) in CASES {
            let mut user = application.user(application.address).unwrap();
            let mut asked = asking(&user, "write", SECRET);
            let answer = asked.get(page).unwrap();
            assert_eq!(answer.status, 200, "{sessions:?} {page}");
            let report = answer.header("x-onelane-wrote");
            assert_eq!(report, expected, "{sessions:?} {page}");
            let stored = counter(&application, &mut user).unwrap();
            let before = usize::from(!page.ends_with("destroyed"));
            assert_eq!(stored, before + grows, "{sessions:?} {page}");
        }
    }
}

#[test]
fn what_a_page_that_is_to_read_writes_is_dropped_and_reported() {
    for sessions in [Sessions::Files, Sessions::Redis, Sessions::LockedRedis] {
        let application = with_companion(sessions);
        for (page, expected, grows) in CASES {
            let mut user = application.user(application.address).unwrap();
            let mut asked = asking(&user, "read", SECRET);
            let answer = asked.get(page).unwrap();
            let report = answer.header("x-onelane-wrote");
            assert_eq!(report, expected, "{sessions:?} {page}");
            let own_store = page.ends_with("own-store"); // it is not ours to close
            let before = usize::from(!page.ends_with("destroyed")); // a logout counts
            let expected = before + if own_store { grows } else { 0 };
            let stored = counter(&application, &mut user).unwrap();
            assert_eq!(stored, expected, "{sessions:?} {page}");
            if page == "/login.php" {
                assert_ne!(asked.cookies(), user.cookies());
                assert_eq!(counter(&application, &mut asked).unwrap(), 1, "the new id");
            }
        }
    }
}

#[test]
fn a_new_session_is_stored_whatever_the_page_is_to_be() {
    for sessions in [Sessions::Files, Sessions::Redis, Sessions::LockedRedis] {
        let application = with_companion(sessions);
        let mut new = asking(&Client::new(application.address), "read", SECRET);
        let answer = new.get("/write.php").unwrap();
        assert_eq!(answer.header("x-onelane-wrote"), Some("1"));
        assert_eq!(counter(&application, &mut new).unwrap(), 1);
        let expired = Client::new(application.address).cookie("PHPSESSID", &"e".repeat(26));
        let mut expired = asking(&expired, "read", SECRET);
        expired.get("/write.php").unwrap();
        assert_eq!(counter(&application, &mut expired).unwrap(), 1);
    }
}

#[test]
fn ids_that_the_site_did_not_give_out_stay_refused_in_strict_mode() {
    for sessions in [Sessions::Files, Sessions::Redis, Sessions::LockedRedis] {
        let application = with_companion(sessions);
        let user = application.user(application.address).unwrap();
        let known = user.cookies()["PHPSESSID"].clone();
        let invented = "invented-by-somebody-else".to_owned();
        for access in ["write", "read"] {
            for (id, same) in [(&known, true), (&invented, false)] {
                let client = Client::new(application.address).cookie("PHPSESSID", id);
                let mut client = asking(&client, access, SECRET);
                let answer = client.get("/cases.php?case=strict").unwrap();
                assert_eq!(&answer.body == id, same, "{sessions:?} {access} {id}");
                let report = answer.header("x-onelane-wrote");
                assert_eq!(report, Some(if same { "0" } else { "1" }));
            }
        }
    }
}
