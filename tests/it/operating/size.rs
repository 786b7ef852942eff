//! What operators read does not grow with the number of sessions.

use std::collections::BTreeSet;

use crate::support::{Client, Proxy, Request, Upstream, eventually};

/// Serves a write of each of these sessions; many on each connection.
fn visit(proxy: &Proxy, sessions: std::ops::Range<usize>) {
    let mut client: Option<Client> = None;
    for number in sessions {
        let client = client.get_or_insert_with(|| proxy.connect());
        let request = Request::post("/x", "x").session(&format!("session-{number}"));
        assert_eq!(client.call(&request).status, 200);
    }
    proxy.until_nothing_holds();
}

/// The series that there are, and the length of the text without digits, which values have more of when they grow.
fn written(proxy: &Proxy) -> (BTreeSet<String>, usize) {
    let text = proxy.admin("/metrics").text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' '));
    let names = series.map(|(name, _)| name.to_owned()).collect();
    let letters = text.chars().filter(|c| !c.is_ascii_digit() && *c != '.');
    (names, letters.count())
}

#[test]
fn metrics_have_the_same_size_whatever_the_number_of_sessions() {
    let (app, many) = (Upstream::start(), sessions());
    let proxy = Proxy::in_front_of(&app, "routes: [{ path: /read, access: read }]");
    visit(&proxy, 0..10);
    let few = written(&proxy);
    visit(&proxy, 10..many);
    assert_eq!(written(&proxy), few);
    eventually("each is counted, once", || {
        proxy.metrics().count("onelane_requests_total") == many
    });
    // The control: what may grow the text does.
    assert_eq!(proxy.call(&Request::get("/read").session("a")).status, 200);
    proxy.until_nothing_holds();
    assert!(written(&proxy).0.len() > few.0.len(), "a route that is new");
}

/// `ONELANE_SESSIONS`, or as many as take a second or two.
fn sessions() -> usize {
    let asked = std::env::var("ONELANE_SESSIONS").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(2000)
}
