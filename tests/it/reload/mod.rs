//! The whole new policy or the old one, for the next request; lanes, waiters, debts and counts live on.

mod files; // a change of the files is seen, however they are changed
#[cfg(unix)]
mod process; // SIGHUP, and what the log says

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use onelane::reload::{Cause, NotReloaded, Reloaded};
use tempfile::TempDir;

use crate::support::{Exchange, Proxy, Request, Session, Step, Upstream, answer, held};

/// An application, and Onelane with a configuration file in front of it.
struct Site {
    folder: TempDir,
    app: Upstream,
    proxy: Proxy,
}

impl Site {
    fn new(yaml: &str) -> Self {
        let app = Upstream::start();
        app.on_each("/held", |_| held());
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("onelane.yaml");
        fs::write(&file, Proxy::yaml(app.address(), yaml)).unwrap();
        Self {
            proxy: Proxy::of_file(&file),
            app,
            folder,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("onelane.yaml")
    }

    /// The whole text of a configuration.
    fn text(&self, yaml: &str) -> String {
        Proxy::yaml(self.app.address(), yaml)
    }

    fn reload(&self, yaml: &str) -> Result<Reloaded, NotReloaded> {
        fs::write(self.file(), self.text(yaml)).unwrap();
        self.proxy.reload().reload(Cause::Operator)
    }

    /// What a route that the tests replace is to a request.
    fn access(&self, path: &str) -> String {
        let response = self.proxy.call(&Request::get(path).session("probe"));
        assert_eq!(response.status, 200);
        let seen = self.app.seen();
        let last = seen.last().expect("it has arrived");
        last.header("x-onelane-access")
            .unwrap_or_default()
            .to_owned()
    }
}

/// A configuration that tells its access.
fn access(access: &str) -> String {
    format!("application: {{ secret: s }}\nroutes: [{{ path: /page, access: {access} }}]")
}

#[test]
fn the_next_request_is_served_under_the_new_policy_or_else_under_the_whole_old_one() {
    let site = Site::new(&access("none"));
    assert_eq!(site.access("/page"), "none");
    site.reload(&access("read")).unwrap();
    assert_eq!(site.access("/page"), "read");
    let wrong = format!("{}\nqueue: {{ limt: 1 }}", access("write"));
    assert!(matches!(site.reload(&wrong), Err(NotReloaded::Wrong(_))));
    assert_eq!(site.access("/page"), "read");
    let startup = format!("{}\nlimits: {{ connections: 7 }}", access("write"));
    assert_eq!(
        site.reload(&startup),
        Err(NotReloaded::Startup(vec!["limits.connections".to_owned()]))
    );
    assert_eq!(site.access("/page"), "read");
    site.reload(&access("write")).unwrap();
    assert_eq!(site.access("/page"), "write");
    let metrics = site.proxy.metrics();
    assert_eq!(metrics.count("onelane_config_last_reload_successful"), 1);
    assert!(metrics.count("onelane_config_last_reload_success_timestamp_seconds") > 1_600_000_000);
    assert!(metrics.labelled("onelane_config_reloads_total", "result", "ok") >= 2);
    assert!(metrics.labelled("onelane_config_reloads_total", "result", "failed") >= 1);
    assert!(metrics.labelled("onelane_config_reloads_total", "result", "refused") >= 1);
}

#[test]
fn a_connection_outlives_a_reload() {
    let site = Site::new("");
    let mut client = site.proxy.connect();
    assert_eq!(client.call(&Request::get("/a")).status, 200);
    site.reload("mode: observe").unwrap();
    assert_eq!(client.call(&Request::get("/b")).status, 200);
    assert_eq!(site.app.connections(), 1, "and so does the application's");
}

/// So many requests of one session behind its holder, in the order in which they wait.
fn line(site: &Site, session: &Session, count: usize) -> Vec<Exchange> {
    (0..count)
        .map(|number| {
            let exchange = session.post(&format!("/held?n={number}"));
            site.proxy.until_waiting(number + 1);
            exchange
        })
        .collect()
}

#[test]
fn who_waits_keeps_its_place_and_who_comes_later_stands_behind() {
    let site = Site::new("");
    let session = site.proxy.session("a");
    let mut first = session.post("/held?n=first");
    let mut inside = site.app.arrival();
    let mut waiting = line(&site, &session, 3);
    site.reload("queue: { limit: 4 }\nroutes: [{ path: /x, access: none }]")
        .unwrap();
    waiting.push(session.post("/held?n=3"));
    site.proxy.until_waiting(4);
    let refused = session.post("/held?n=4").status();
    assert_eq!(refused, 503, "the new limit holds, with the old waiters");
    for number in 0..waiting.len() {
        inside.release();
        inside.left();
        inside = site.app.arrival();
        assert_eq!(inside.seen.target, format!("/held?n={number}"));
        if number == 0 {
            assert_eq!(first.status(), 200);
        }
    }
    inside.release();
    for mut exchange in waiting {
        assert_eq!(exchange.status(), 200);
    }
    assert_eq!(site.app.exclusion_violations(), 0);
    site.proxy.until_nothing_is_left();
}

#[test]
fn who_waits_keeps_its_deadline_and_who_comes_later_has_the_new_one() {
    let site = Site::new("queue: { wait_timeout: 6s }");
    let session = site.proxy.session("a");
    let mut holder = session.post("/held");
    let inside = site.app.arrival();
    let mut short = session.post("/short");
    site.proxy.until_waiting(1);
    site.reload("queue: { wait_timeout: 60s }").unwrap();
    let mut long = session.post("/long");
    site.proxy.until_waiting(2);
    assert_eq!(short.status(), 503, "its deadline was the old policy's");
    site.proxy.until_waiting(1);
    inside.release();
    assert_eq!((holder.status(), long.status()), (200, 200));
}

#[test]
fn a_holder_is_still_alone_after_a_reload_of_a_secret_that_was_drawn() {
    let site = Site::new("");
    let session = site.proxy.session("a");
    let mut holder = session.post("/held");
    let inside = site.app.arrival();
    site.reload("mode: enforce\nserver_timing: false").unwrap();
    let mut next = session.post("/next");
    site.proxy.until_waiting(1);
    inside.release();
    assert_eq!((holder.status(), next.status()), (200, 200));
    assert_eq!(site.app.exclusion_violations(), 0);
}

#[test]
fn another_key_would_let_two_in_so_it_is_refused() {
    let site = Site::new("session: { keys: [{ cookie: sid }], secret: one }");
    let session = site.proxy.session("a");
    let mut holder = session.post("/held");
    let inside = site.app.arrival();
    let other = site.reload("session: { keys: [{ cookie: sid }], secret: two }");
    assert_eq!(
        other,
        Err(NotReloaded::Startup(vec!["session.secret".to_owned()]))
    );
    let mut next = session.post("/next");
    site.proxy.until_waiting(1);
    inside.release();
    assert_eq!((holder.status(), next.status()), (200, 200));
}

#[test]
fn debts_counts_and_places_of_the_throttle_outlive_a_reload() {
    let rules =
        "throttle: [{ name: slow, rate: 2/h }, { name: few, concurrent: 1, routes: [held] }]";
    let routes = "routes: [{ name: held, path: /held, access: none }]";
    let site = Site::new(&format!("{rules}\n{routes}"));
    let mut held = site.proxy.session("a").get("/held");
    let inside = site.app.arrival();
    let again = |mode: &str| format!("{rules}\n{routes}\nmode: {mode}\nserver_timing: false");
    site.reload(&again("enforce")).unwrap();
    let refused = site.proxy.call(&Request::get("/held"));
    assert!(
        refused.text().contains("too_many_concurrent"),
        "{refused:?}"
    );
    inside.release();
    assert_eq!(held.status(), 200);
    site.proxy.until_nothing_is_left();
    let refused = site.proxy.call(&Request::get("/"));
    assert!(refused.text().contains("rate_limited"), "{refused:?}");
    // The control: rules of other names know nothing of it.
    let renamed = again("enforce").replace("slow", "slower");
    site.reload(&renamed).unwrap();
    assert_eq!(site.proxy.call(&Request::get("/")).status, 200);
}

#[test]
fn a_new_rule_has_a_series_and_the_counts_of_the_old_one_stay() {
    let site = Site::new("throttle: { name: one, rate: 100/s }");
    let count = |rule: &str| {
        let metrics = site.proxy.metrics();
        metrics.labelled("onelane_throttle_decisions_total", "rule", rule)
    };
    site.proxy.call(&Request::get("/"));
    site.reload("throttle: [{ name: two, rate: 100/s }, { name: three, rate: 100/s }]")
        .unwrap();
    site.proxy.call(&Request::get("/"));
    assert_eq!((count("one"), count("two"), count("three")), (1, 1, 1));
}

#[test]
fn a_read_that_wrote_is_a_read_again_after_a_reload() {
    let site = Site::new(&access("read"));
    let wrote = "HTTP/1.1 200 OK\r\nX-Onelane-Wrote: 1\r\nContent-Length: 0\r\n\r\n";
    site.app
        .on_each("/page", move |_| vec![Step::Send(wrote.into())]);
    assert_eq!(site.access("/page"), "read");
    assert_eq!(site.access("/page"), "write");
    site.reload(&access("read")).unwrap();
    assert_eq!(site.access("/page"), "read");
}

/// Two configurations that differ in routes, rules, limits and pages, and agree on who is serialized.
const ONE: &str = "routes: [{ name: a, path: /a, access: read }]\nqueue: { limit: 20 }";
const OTHER: &str =
    "routes: [{ name: a, path: /a, access: none }, { name: b, path: /b, access: read }]
throttle: [{ name: wide, rate: 1000000/s, concurrent: 10000 }]\nclient: { ipv6_prefix: 56 }";

#[test]
fn a_thousand_reloads_under_load_lose_and_reorder_nothing() {
    let site = Site::new(ONE);
    site.app.on_each("/write", |_| {
        vec![Step::ReadBody, Step::Send(answer(200, "ok"))]
    });
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..4 {
            let (site, done, served) = (&site, &done, &served);
            scope.spawn(move || {
                let mut client = site.proxy.connect();
                while !done.load(Ordering::Relaxed) {
                    let request = Request::post("/write", "body");
                    let response = client.call(&request.session(&format!("load{worker}")));
                    assert_eq!(response.status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let reloads = scope.spawn(|| {
            for number in 0..1000 {
                let yaml = if number % 2 == 0 { OTHER } else { ONE };
                site.reload(yaml).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !reloads.is_finished() {
            in_order(&site);
        }
    });
    assert!(served.load(Ordering::Relaxed) > 100, "there was load");
    assert_eq!(site.app.exclusion_violations(), 0);
    assert_eq!(site.app.fifo_inversions(), 0);
    assert!(site.proxy.reload().version().number > 1000);
    site.proxy.until_nothing_is_left();
    let metrics = site.proxy.metrics();
    assert!(metrics.labelled("onelane_config_reloads_total", "result", "ok") >= 1000);
    let requests = metrics.labelled("onelane_requests_total", "outcome", "forwarded");
    assert_eq!(requests, site.app.arrived(), "each was counted once");
}

/// Five of one session, each known to wait before the next comes, enter in that order; the load has sessions of its own.
fn in_order(site: &Site) {
    let session = site.proxy.session("line");
    let mut first = session.post("/held?n=first");
    let arrival = || loop {
        let arrived = site.app.arrival();
        if arrived.seen.path() == "/held" {
            return arrived;
        }
    };
    let mut inside = arrival();
    let waiting = line(site, &session, 4);
    for number in 0..waiting.len() {
        inside.release();
        inside = arrival();
        assert_eq!(inside.seen.target, format!("/held?n={number}"));
    }
    inside.release();
    assert_eq!(first.status(), 200);
    for mut exchange in waiting {
        assert_eq!(exchange.status(), 200);
    }
}
