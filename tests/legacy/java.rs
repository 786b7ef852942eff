//! JSPs in Tomcat and Jetty: of concurrent updates of a session most are lost, and behind Onelane none is, wherever the id
//! stands and whatever node's name is behind it.
//!
//! Guarantees: who is inside is observed through a gate at which a page waits until the test opens it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::applications::java::{Container, start};
use crate::applications::{Application, Page};
use crate::http::{Answer, Client, at_the_same_moment};
use crate::load::{
    ALL_KEPT, Outcome, at_once, counter, eventually, loses_updates_and_behind_onelane_none, onelane,
};
use crate::onelane::Onelane;

#[test]
fn tomcat_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Container::Tomcat).unwrap());
}

#[test]
fn jetty_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Container::Jetty).unwrap());
}

/// As an operator begins with it: at first it only observes.
#[test]
fn the_example_for_java_sees_what_would_wait_and_when_enforced_loses_nothing() {
    let application = start(Container::Tomcat).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/java.yaml");
    let example = fs::read_to_string(file)
        .unwrap()
        .replace("0.0.0.0:8080", "LISTEN")
        .replace("127.0.0.1:9180", "ADMIN")
        .replace("127.0.0.1:8081", &application.address.to_string());
    let kept = |yaml: &str| {
        let onelane = Onelane::start_as_written(yaml).unwrap();
        let mut user = application.user(onelane.address()).unwrap();
        let write = application.page(Page::Write, 10);
        at_once(&user, onelane.address(), &write, 50).unwrap();
        let would_wait = onelane.metric("onelane_would_wait_total", "").unwrap();
        (counter(&application, &mut user).unwrap(), would_wait > 0.0)
    };
    let (observed, would_wait) = kept(&example);
    assert!(observed < 26 && would_wait, "{observed} of 51");
    let enforced = example.replace("mode: observe", "mode: enforce");
    assert_eq!(kept(&enforced), (51, false));
}

/// Half of the requests have the id in a cookie, half in the link that the container itself has written.
#[test]
fn an_id_in_the_url_and_the_same_in_the_cookie_are_one_lane() {
    for container in [Container::Tomcat, Container::Jetty] {
        let application = start(container).unwrap();
        let mut user = Client::new(application.address);
        let link = user.get("/link.jsp?to=write.jsp").unwrap().body;
        let (_, id) = link.split_once(";jsessionid=").unwrap();
        assert!(id.ends_with(".node1"), "{id}");
        assert_eq!(user.cookies()["JSESSIONID"], id);
        let both = [
            (user.clone(), application.page(Page::Write, 10)),
            (Client::new(application.address), format!("{link}?ms=10")),
        ];
        one_session(&application, "{ cookie: JSESSIONID }", &user, &both);
    }
}

/// Jetty finds a session whatever worker's name is behind its id, as every container of a cluster does after a move.
#[test]
fn ids_with_different_nodes_behind_them_are_one_lane() {
    let application = start(Container::Jetty).unwrap();
    let user = application.user(application.address).unwrap();
    let id = user.cookies()["JSESSIONID"].clone();
    let (own, node) = id.split_once('.').unwrap();
    assert!(
        own.starts_with("node1"),
        "{own}: the worker's name is in front, too"
    );
    assert_eq!(node, "node1");
    let moved = ["", ".node1", ".node2"].map(|node| {
        let browser = user.clone().cookie("JSESSIONID", &format!("{own}{node}"));
        (browser, application.page(Page::Write, 10))
    });
    one_session(&application, "{ cookie: JSESSIONID }", &user, &moved);
}

/// 60 increments at once by these browsers of one session, each with its page: none is lost with the preset; with this key
/// instead, or without a proxy, many are.
#[track_caller]
fn one_session(application: &Application, key: &str, user: &Client, browsers: &[(Client, String)]) {
    let instead = format!("session: {{ keys: [{key}] }}\nqueue: {{ limit: 1000 }}\n");
    let instead = Onelane::start(application.address, &instead).unwrap();
    for address in [application.address, instead.address()] {
        let outcome = mixed(application, address, user, browsers);
        assert!(outcome.lost > 0 && outcome.overlaps > 0, "{outcome:?}");
    }
    let onelane = onelane(application).unwrap();
    let outcome = mixed(application, onelane.address(), user, browsers);
    assert_eq!(outcome, ALL_KEPT, "{}", application.name);
}

fn mixed(
    application: &Application,
    address: SocketAddr,
    user: &Client,
    browsers: &[(Client, String)],
) -> Outcome {
    application.reset().unwrap();
    let mut user = user.again(address);
    let before = counter(application, &mut user).unwrap();
    let again = (0..60).map(|n| &browsers[n % browsers.len()]);
    let again = again.map(|(browser, page)| (browser.again(address), page));
    let (_, answers) = at_the_same_moment(again.collect(), |(mut browser, page)| {
        browser.get(page).unwrap().status
    });
    let done = answers.iter().filter(|status| **status == 200).count();
    Outcome {
        lost: before + done - counter(application, &mut user).unwrap(),
        refused: answers.len() - done,
        overlaps: application.stats().unwrap().overlaps,
    }
}

/// A slow page of the session is inside when its user logs in, and next he uses the new id.
#[test]
fn a_login_during_a_slow_page_leaves_the_session_to_one_writer_at_a_time() {
    let application = start(Container::Tomcat).unwrap();
    let onelane = onelane(&application).unwrap();
    let site = Site::new(&application, "");
    let login = |user: &Client, address| {
        let mut user = user.again(address);
        let answer = user.get(&application.page(Page::Login, 0)).unwrap();
        (answer.status, user)
    };
    // Bare, the login does not wait, and the page after it meets the slow one.
    let user = application.user(application.address).unwrap();
    application.reset().unwrap();
    thread::scope(|scope| {
        let slow = site.held(scope, &user, application.address, "1");
        let (status, mut after) = login(&user, application.address);
        assert_eq!(status, 200);
        assert_ne!(user.cookies(), after.cookies(), "another id");
        after.get(&application.page(Page::Write, 0)).unwrap();
        site.open("1");
        slow.join().unwrap();
    });
    assert_eq!(
        application.stats().unwrap().overlaps,
        2,
        "the login, and then the write"
    );

    let user = application.user(onelane.address()).unwrap();
    application.reset().unwrap();
    let mut after = thread::scope(|scope| {
        let slow = site.held(scope, &user, onelane.address(), "2");
        let login = scope.spawn(|| login(&user, onelane.address()));
        waiting(&onelane, 1.0);
        site.open("2");
        slow.join().unwrap();
        let (status, mut after) = login.join().unwrap();
        assert_eq!(status, 200);
        after.get(&application.page(Page::Write, 0)).unwrap();
        after
    });
    assert_eq!(counter(&application, &mut after).unwrap(), 3);
    assert_eq!(application.stats().unwrap().overlaps, 0);
}

/// Who waited behind the login has the old id, of which the container knows nothing more. The cookie of the empty session that
/// it begins does not reach the browser, which stays logged in.
#[test]
fn a_new_id_joins_the_lane_and_what_waited_with_the_old_one_does_not_undo_the_login() {
    for container in [Container::Tomcat, Container::Jetty] {
        a_new_id_joins_the_lane(&start(container).unwrap());
    }
}

fn a_new_id_joins_the_lane(application: &Application) {
    let onelane = onelane(application).unwrap();
    let site = Site::new(application, "");
    // The control: Onelane learns nothing of a login that does not come through it.
    for (through, joins) in [(onelane.address(), true), (application.address, false)] {
        let gates = if joins { ["1", "2"] } else { ["3", "4"] };
        let user = application.user(onelane.address()).unwrap();
        thread::scope(|scope| {
            let first = site.held(scope, &user, onelane.address(), gates[0]);
            let login = scope.spawn(|| {
                let mut user = user.again(through);
                user.get(&application.page(Page::Login, 0)).unwrap();
                user
            });
            if joins {
                waiting(&onelane, 1.0);
            } else {
                eventually("the login is over", || login.is_finished());
            }
            let late = site.asked(scope, &user, onelane.address(), gates[1]);
            waiting(&onelane, if joins { 2.0 } else { 1.0 });
            site.open(gates[0]);
            assert_eq!(first.join().unwrap().body, "2");
            let after = login.join().unwrap();
            site.inside("writers", 1);
            let next = site.asked(scope, &after, onelane.address(), gates[1]);
            if joins {
                waiting(&onelane, 1.0);
            } else {
                site.inside("writers", 2);
            }
            site.open(gates[1]);
            let late = late.join().unwrap();
            assert_eq!(late.body, "1", "an empty session");
            assert_eq!(late.header("set-cookie").is_none(), joins);
            let withheld = onelane.metric("onelane_session_cookies_withheld_total", "");
            assert_eq!(withheld.unwrap(), 1.0, "that of the first round");
            let next = next.join().unwrap();
            assert_eq!((next.status, next.body.as_str()), (200, "3"));
            assert_eq!(next.header("server-timing").is_some(), joins);
        });
    }
}

/// Cookies of their own, which is the default: two ids.
#[test]
fn applications_of_one_host_do_not_wait_for_each_other() {
    let application = start(Container::Tomcat).unwrap();
    let onelane = onelane(&application).unwrap();
    let [shop, wiki] = ["/shop", "/wiki"].map(|prefix| Site::new(&application, prefix));
    let address = onelane.address();
    let shopper = shop.user(address);
    let mut reader = wiki.user(address);
    assert_ne!(shopper.cookies(), reader.cookies());
    thread::scope(|scope| {
        let slow = shop.held(scope, &shopper, address, "1");
        let answer = reader.get("/wiki/write.jsp").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "2"));
        assert_eq!(answer.header("server-timing"), None);
        let second = shop.asked(scope, &shopper, address, "1");
        waiting(&onelane, 1.0); // the control: of one application they do
        shop.open("1");
        let answers = [slow, second].map(|answer| answer.join().unwrap().body);
        assert_eq!(answers, ["2", "3"]);
    });
}

/// One cookie for the whole host (`sessionCookiePath="/"`), and a session in each application all the same.
#[test]
fn applications_that_share_an_id_share_a_lane_unless_the_scope_is_the_first_segment() {
    let application = start(Container::Tomcat).unwrap();
    let sites = ["/left", "/right"].map(|prefix| Site::new(&application, prefix));
    for (gate, scope, waits) in [("1", "", true), ("2", "scope: { path_segments: 1 }", false)] {
        let yaml = format!("session: {{ preset: java, {scope} }}\n");
        let onelane = Onelane::start(application.address, &yaml).unwrap();
        let address = onelane.address();
        let mut user = sites[0].user(address);
        let id = user.cookies().clone();
        assert_eq!(user.get("/right/write.jsp").unwrap().body, "1");
        assert_eq!(user.cookies(), &id, "the same id");
        let of_left = thread::scope(|scope| {
            let left = sites[0].held(scope, &user, address, gate);
            let right = sites[1].asked(scope, &user, address, gate);
            if waits {
                waiting(&onelane, 1.0);
            } else {
                sites[1].inside("writers", 1);
            }
            let again = sites[0].asked(scope, &user, address, gate);
            waiting(&onelane, if waits { 2.0 } else { 1.0 });
            sites.iter().for_each(|site| site.open(gate));
            let right = right.join().unwrap();
            assert_eq!(right.body, "2");
            assert_eq!(right.header("server-timing").is_some(), waits);
            [left, again].map(|answer| answer.join().unwrap().body)
        });
        assert_eq!(of_left, ["2", "3"], "{scope}");
    }
}

#[test]
fn pages_that_read_are_inside_together_beside_a_writer_and_as_writes_one_by_one() {
    let application = start(Container::Jetty).unwrap();
    let site = Site::new(&application, "");
    for (gate, yaml, inside) in [
        ("1", application.yaml, 10),
        ("2", "session: { preset: java }\n", 0),
    ] {
        let onelane = Onelane::start(application.address, yaml).unwrap();
        let address = onelane.address();
        let user = application.user(address).unwrap();
        thread::scope(|scope| {
            let writer = site.held(scope, &user, address, gate);
            let page = format!("/read.jsp?gate={gate}");
            let user = &user;
            let readers = scope.spawn(move || at_once(user, address, &page, 10).unwrap());
            site.inside("readers", inside);
            waiting(&onelane, 10.0 - f64::from(inside));
            site.open(gate);
            assert_eq!(writer.join().unwrap().body, "2");
            for answer in readers.join().unwrap() {
                // Beside the writer: what it has not stored yet.
                assert_eq!(answer.body, if inside == 0 { "2" } else { "1" });
            }
        });
    }
}

/// Without it, it does.
#[test]
fn a_jsp_that_calls_its_own_site_does_not_wait_for_itself_if_it_passes_the_ticket_on() {
    let application = start(Container::Jetty).unwrap();
    let yaml = format!("{}queue: {{ wait_timeout: 2s }}\n", application.yaml);
    let onelane = Onelane::start(application.address, &yaml).unwrap();
    let mut user = application.user(onelane.address()).unwrap();
    let inner = application.page(Page::Inner, 0);
    let answer = user.get(&inner).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "2"));
    let answer = user.get(&format!("{inner}&ticket=lost")).unwrap();
    assert_eq!(answer.status, 500);
    assert_eq!(counter(&application, &mut user).unwrap(), 2);
}

/// The pages below a prefix: an application of its own, with sessions and gates of its own.
#[derive(Clone, Copy)]
struct Site<'a> {
    application: &'a Application,
    prefix: &'static str,
}

impl<'a> Site<'a> {
    fn new(application: &'a Application, prefix: &'static str) -> Self {
        Self {
            application,
            prefix,
        }
    }

    /// A user with a session.
    fn user(&self, address: SocketAddr) -> Client {
        let mut user = Client::new(address);
        let first = user.get(&format!("{}/write.jsp", self.prefix)).unwrap();
        assert_eq!(first.body, "1");
        user
    }

    /// A write that stays inside until the gate is opened, in another connection of the user's browser.
    fn asked<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        user: &Client,
        address: SocketAddr,
        gate: &str,
    ) -> ScopedJoinHandle<'scope, Answer> {
        let mut browser = user.again(address);
        let path = format!("{}/write.jsp?gate={gate}", self.prefix);
        scope.spawn(move || browser.get(&path).unwrap())
    }

    /// As [`Site::asked`], and it is inside.
    fn held<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        user: &Client,
        address: SocketAddr,
        gate: &str,
    ) -> ScopedJoinHandle<'scope, Answer> {
        let asked = self.asked(scope, user, address, gate);
        self.inside("writers", 1);
        asked
    }

    /// Waits until so many `writers` or `readers` are in the application.
    #[track_caller]
    fn inside(&self, who: &str, number: u32) {
        let stats = format!("{}/stats.jsp", self.prefix);
        eventually("so many are in the application", || {
            let stats = self.get(&stats);
            let json: serde_json::Value = serde_json::from_str(&stats).unwrap();
            json[who].as_u64() == Some(number.into())
        });
    }

    /// Opens the gate, for good.
    fn open(&self, gate: &str) {
        self.get(&format!("{}/open.jsp?gate={gate}", self.prefix));
    }

    fn get(&self, path: &str) -> String {
        let mut client = Client::new(self.application.address);
        client.get(path).unwrap().body
    }
}

#[track_caller]
fn waiting(onelane: &Onelane, number: f64) {
    eventually("so many wait", || {
        let waiters = onelane.metric("onelane_waiters", "").unwrap();
        (waiters - number).abs() < 0.5
    });
}
