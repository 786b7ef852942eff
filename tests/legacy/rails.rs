//! Rails: of concurrent updates of a session in its cache most are lost, and behind Onelane none is; a session that is
//! whole in the cookie is another matter.

use std::thread;

use crate::applications::rails::{Sessions, start};
use crate::applications::{Application, Page};
use crate::http::Client;
use crate::load::{at_once, eventually, loses_updates_and_behind_onelane_none, onelane};
use crate::onelane::Onelane;

#[test]
fn rails_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Sessions::Cache).unwrap());
}

/// Rack stores a session that a page has looked at, whatever the page did to it.
#[test]
fn a_slow_rails_page_that_reads_takes_back_a_write_unless_it_is_in_the_lane_or_skips_storing() {
    let application = start(Sessions::Cache).unwrap();
    for (page, access, kept) in [
        ("/read", "read", "1"),
        ("/read", "write", "2"),
        ("/skip", "read", "2"),
    ] {
        let route = format!("- {{ path: {page}, access: {access} }}\n");
        let yaml = application.yaml.to_owned() + &route;
        let onelane = Onelane::start(application.address, &yaml).unwrap();
        let mut user = application.user(onelane.address()).unwrap();
        thread::scope(|scope| {
            let mut other = user.again(onelane.address());
            let slow = scope.spawn(move || other.get(&format!("{page}?ms={SLOW}")).unwrap());
            eventually("the reader is inside", || readers(&application) == 1);
            user.get(&application.page(Page::Write, 0)).unwrap();
            assert_eq!(slow.join().unwrap().body, "1");
        });
        assert_eq!(user.get("/skip").unwrap().body, kept, "{page} as {access}");
    }
}

/// Milliseconds of a page that is still inside when a write has gone through, also on a slow machine.
const SLOW: u64 = 3000;

/// The requests of pages that read which are inside now.
fn readers(application: &Application) -> u64 {
    let stats = Client::new(application.address).get("/stats").unwrap();
    let json: serde_json::Value = serde_json::from_str(&stats.body).unwrap();
    json["readers"].as_u64().unwrap()
}

/// What a page stores in such a session goes to its browser alone, and begins with what was sent: each of 20 answers is the
/// second. Onelane finds no id, says so, and lets nobody wait for nothing.
#[test]
fn a_rails_session_in_the_cookie_has_no_lane_and_nobody_waits() {
    let application = start(Sessions::Cookie).unwrap();
    let onelane = onelane(&application).unwrap();
    for address in [application.address, onelane.address()] {
        let user = application.user(address).unwrap();
        let write = application.page(Page::Write, 100);
        let answers = at_once(&user, address, &write, 20).unwrap();
        for answer in answers {
            assert_eq!((answer.status, answer.body.as_str()), (200, "2"));
            assert_eq!(answer.header("server-timing"), None);
        }
    }
    assert!(application.stats().unwrap().overlaps > 0);
    let told = onelane.metric("onelane_session_cookies_odd_total", "");
    assert!(told.unwrap() >= 20.0, "the operator is told");
}
