//! Sitecore's two sessions on real ASP.NET: the browser's own, and the one that all browsers of a contact share.
//!
//! Guarantees: the application counts by the contact's cookie what would meet in the shared session, and does so where
//! Onelane knows nothing of it. Does not do: Sitecore.

use std::thread;

use crate::applications::aspnet;
use crate::applications::{Application, Page};
use crate::http::Client;
use crate::load::{at_once, counter, eventually};
use crate::onelane::Onelane;

/// As `preset: sitecore` with `shared: true`, for Mono's ids.
const BOTH: &str = "session:
  keys:
    - { name: private, cookie: { name: ASP.NET_SessionId, ignore_case: true }, transform: [lowercase], pattern: '[a-z0-9]{24}' }
    - { name: contact, cookie: SC_ANALYTICS_GLOBAL_COOKIE, transform: [{ cut_before: \"|\" }], lane: shared }
";

const ANN: [&str; 2] = [
    "611a20207bf14802a1bf1a0aa6e671be|True",
    "611a20207bf14802a1bf1a0aa6e671be|False",
];
const BOB: &str = "0f4ab1d2c3b44e5f8a9b0c1d2e3f4a5b|True";

/// Another browser, with a session of its own.
fn browser(application: &Application, contact: &str) -> Client {
    let user = application.user(application.address).unwrap();
    user.cookie("SC_ANALYTICS_GLOBAL_COOKIE", contact)
}

/// Both browsers' writes at once; how often two of one contact, or of one session, were inside together.
fn met(application: &Application, onelane: &Onelane, contacts: [&str; 2]) -> u64 {
    application.reset().unwrap();
    let write = application.page(Page::Write, 50);
    let browsers = contacts.map(|contact| browser(application, contact));
    thread::scope(|scope| {
        for browser in &browsers {
            scope.spawn(|| {
                for answer in at_once(browser, onelane.address(), &write, 6).unwrap() {
                    assert_eq!(answer.status, 200, "{}", answer.body);
                }
            });
        }
    });
    for mut browser in browsers {
        assert_eq!(counter(application, &mut browser).unwrap(), 7);
    }
    application.stats().unwrap().overlaps
}

/// Whether a request of one browser waits for one of the other that is inside.
fn waits(application: &Application, onelane: &Onelane, contacts: [&str; 2]) -> bool {
    let [mut first, mut second] =
        contacts.map(|contact| browser(application, contact).again(onelane.address()));
    let slow = application.page(Page::Write, 3000);
    thread::scope(|scope| {
        let slow = scope.spawn(move || first.get(&slow).unwrap());
        eventually("the first is inside", || {
            onelane.metric("onelane_holders", "").unwrap() >= 1.0
        });
        let answer = second.get(&application.page(Page::Write, 0)).unwrap();
        assert_eq!((answer.status, slow.join().unwrap().status), (200, 200));
        answer.header("server-timing").is_some()
    })
}

#[test]
fn browsers_of_one_contact_are_never_inside_together_and_those_of_two_are() {
    let options = aspnet::Options::default();
    let application = aspnet::start(aspnet::Sessions::InProc, &options).unwrap();
    let onelane = Onelane::start(application.address, BOTH).unwrap();
    assert_eq!(met(&application, &onelane, ANN), 0);
    assert!(
        waits(&application, &onelane, ANN),
        "whatever is behind the |"
    );
    assert!(!waits(&application, &onelane, [ANN[0], BOB]));

    // Control: with the private session's lane alone, the application sees them meet.
    let private = Onelane::start(application.address, application.yaml).unwrap();
    assert!(met(&application, &private, ANN) > 0);
    assert!(!waits(&application, &private, ANN));
}
