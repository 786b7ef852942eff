//! A page that calls its own site with its user's cookie: with its ticket it does not wait for itself, and nobody else gains
//! anything by a ticket.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use crate::support::{
    Arrived, Client, Proxy, Request, Seen, Session, Step, Upstream, answer, held,
};

const TICKET: &str = "X-Onelane-Ticket";
const QUICK: &str = "queue: { wait_timeout: 300ms }";

/// A site whose pages ask it for what `call` says, and answer with the status they got, `none` if they did not ask.
fn site(
    yaml: &str,
    call: impl Fn(&Seen) -> Option<Request> + Send + Sync + 'static,
) -> (Upstream, Proxy) {
    let app = Upstream::start();
    let address: Arc<OnceLock<SocketAddr>> = Arc::default();
    let site = Arc::clone(&address);
    app.on_each("*", move |seen| {
        let asked = call(seen).map(|request| {
            let site = site.get().expect("it was told");
            Client::connect(*site).call(&request).status.to_string()
        });
        let said = asked.unwrap_or_else(|| "none".to_owned());
        vec![Step::ReadBody, Step::Send(answer(200, said))]
    });
    let proxy = Proxy::in_front_of(&app, yaml);
    address.set(proxy.address()).unwrap();
    (app, proxy)
}

/// What a page asks its site for, with its user's cookie and its own ticket.
fn inner(seen: &Seen, target: &str) -> Request {
    let ticket = seen.header(TICKET).expect("it holds its lane");
    with_ticket(target, ticket).session(seen.session.as_deref().unwrap_or_default())
}

fn with_ticket(target: &str, ticket: &str) -> Request {
    Request::get(target).header(TICKET, ticket)
}

fn ticket(arrived: &Arrived<'_>) -> String {
    arrived.seen.header(TICKET).unwrap().to_owned()
}

fn counted(proxy: &Proxy, result: &str) -> usize {
    proxy
        .metrics()
        .labelled("onelane_reentrance_total", "result", result)
}

/// A first request inside, and its ticket.
fn inside<'a>(app: &'a Upstream, session: &Session) -> (crate::support::Exchange, Arrived<'a>) {
    let first = session.post("/held");
    (first, app.arrival())
}

fn holding(yaml: &str) -> (Upstream, Proxy) {
    let app = Upstream::start();
    app.on("/held", held());
    let proxy = Proxy::in_front_of(&app, &format!("{yaml}\ndrain_timeout: 10ms"));
    (app, proxy)
}

#[test]
fn a_page_that_calls_its_own_site_with_its_ticket_does_not_wait_for_itself() {
    let (app, proxy) = site("", |seen| {
        (seen.path() == "/page").then(|| inner(seen, "/part"))
    });
    let page = proxy.session("a").post("/page").response();
    assert_eq!((page.status, page.text().as_str()), (200, "200"));
    assert_eq!(app.seen()[1].with, [0], "inside together");
    assert_eq!(counted(&proxy, "entered"), 1);
    let exceptions = "onelane_exclusion_exceptions_total";
    assert_eq!(
        proxy.metrics().count(exceptions),
        0,
        "it is what the page wanted"
    );
    proxy.until_nothing_is_left();
}

#[test]
fn without_its_ticket_it_waits_for_itself() {
    let (app, proxy) = site(QUICK, |seen| {
        (seen.path() == "/page").then(|| Request::get("/part").session("a"))
    });
    assert_eq!(proxy.session("a").post("/page").response().text(), "503");
    assert_eq!(app.targets(), ["/page"]);
    let metrics = proxy.metrics();
    assert_eq!(
        metrics.labelled("onelane_refusals_total", "reason", "wait_timeout"),
        1
    );
    assert_eq!(metrics.count("onelane_reentrance_total"), 0);
}

#[test]
fn what_it_calls_may_call_in_its_turn() {
    let (app, proxy) = site(QUICK, |seen| {
        let next = match seen.path() {
            "/page" => "/part",
            "/part" => "/particle",
            _ => return None,
        };
        Some(inner(seen, next))
    });
    assert_eq!(proxy.session("a").post("/page").response().text(), "200");
    assert_eq!(app.targets(), ["/page", "/part", "/particle"]);
    assert_eq!(app.seen()[2].with, [0, 1]);
    let tickets: Vec<_> = app
        .seen()
        .iter()
        .map(|seen| seen.header(TICKET).map(str::to_owned))
        .collect();
    assert!(
        tickets[0] != tickets[1] && tickets[1] != tickets[2],
        "each its own"
    );
    assert_eq!(counted(&proxy, "entered"), 2);
    proxy.until_nothing_is_left();
}

#[test]
fn a_page_that_calls_itself_without_end_is_refused_at_max_passed() {
    let (app, proxy) = site("queue: { max_passed: 3 }", |seen| {
        Some(inner(seen, "/loop"))
    });
    assert_eq!(proxy.session("a").post("/loop").response().text(), "200");
    assert_eq!(app.arrived(), 4);
    assert_eq!(
        (counted(&proxy, "entered"), counted(&proxy, "refused")),
        (3, 1)
    );
    assert_eq!(
        proxy
            .metrics()
            .labelled("onelane_refusals_total", "reason", "queue_full"),
        1
    );
    proxy.until_nothing_is_left();
}

#[test]
fn a_forged_ticket_is_as_good_as_none() {
    let (app, proxy) = holding("");
    let session = proxy.session("a");
    let (mut first, arrived) = inside(&app, &session);
    let real = ticket(&arrived);
    let other_number = format!("{:016x}{}", 1, &real[16..]);
    let forged = [
        "f".repeat(80),
        real[..79].to_owned(),
        real.chars().rev().collect(),
        other_number,
    ];
    let mut behind = Vec::new();
    for (waiting, ticket) in forged.iter().enumerate() {
        behind.push(session.send(with_ticket("/x", ticket)));
        proxy.until_waiting(waiting + 1);
    }
    assert_eq!((app.arrived(), counted(&proxy, "forged")), (1, 4));
    arrived.release();
    assert_eq!(first.status(), 200);
    for mut exchange in behind {
        assert_eq!(exchange.status(), 200, "it was served in its turn");
    }
    assert_eq!(counted(&proxy, "entered"), 0);
}

#[test]
fn a_ticket_opens_no_other_sessions_lane() {
    let (app, proxy) = holding("");
    let (_mine, arrived) = inside(&app, &proxy.session("a"));
    let (_yours, _) = inside(&app, &proxy.session("b"));
    let _trespasser = proxy
        .session("b")
        .send(with_ticket("/x", &ticket(&arrived)));
    proxy.until_waiting(1);
    assert_eq!((app.arrived(), counted(&proxy, "forged")), (2, 1));
}

#[test]
fn a_ticket_is_worth_nothing_once_its_request_has_ended() {
    let (app, proxy) = holding("");
    let session = proxy.session("a");
    let (mut first, arrived) = inside(&app, &session);
    arrived.release();
    assert_eq!(first.status(), 200);
    proxy.until_nothing_holds();
    let (_second, _) = inside(&app, &session);
    let _replayed = session.send(with_ticket("/x", &ticket(&arrived)));
    proxy.until_waiting(1);
    assert_eq!((app.arrived(), counted(&proxy, "stale")), (2, 1));
}

#[test]
fn the_lane_is_free_when_the_page_and_what_it_called_have_ended_in_whatever_order() {
    let (app, proxy) = holding("");
    let session = proxy.session("a");
    let (mut page, outer) = inside(&app, &session);
    let mut part = session.send(with_ticket("/held", &ticket(&outer)));
    let inner = app.arrival();
    assert_eq!(inner.seen.with, [outer.seen.number]);
    let mut next = session.post("/next");
    proxy.until_waiting(1);
    outer.release();
    assert_eq!(page.status(), 200);
    proxy.until_holding(1);
    assert_eq!(
        app.arrived(),
        2,
        "the next one waits for what the page has begun"
    );

    // What is left has a ticket of its own, which still counts; the page's does not.
    assert_eq!(
        session.send(with_ticket("/x", &ticket(&inner))).status(),
        200
    );
    let _late = session.send(with_ticket("/y", &ticket(&outer)));
    proxy.until_waiting(2);
    assert_eq!(counted(&proxy, "stale"), 1);
    inner.release();
    assert_eq!((part.status(), next.status()), (200, 200));
}

#[test]
fn what_a_stranger_sends_does_not_reach_the_application_and_its_own_answer_gives_none_away() {
    let app = Upstream::start();
    app.on_each("*", |seen| {
        let echoed = seen.header(TICKET).unwrap_or("absent").to_owned();
        let head = format!("HTTP/1.1 200 OK\r\n{TICKET}: {echoed}\r\nContent-Length: 0\r\n\r\n");
        vec![Step::ReadBody, Step::Send(head.into_bytes())]
    });
    let proxy = Proxy::in_front_of(
        &app,
        "routes: [{ path: /none, access: none }, { path: /read, access: read, reads: overtake }]",
    );
    let session = proxy.session("a");
    for (target, gets_one) in [("/write", true), ("/none", false), ("/read", false)] {
        let response = session.send(with_ticket(target, "invented")).response();
        assert_eq!((response.status, response.header(TICKET)), (200, None));
        let seen = app.arrival().seen;
        assert_eq!(
            seen.head.all("x-onelane-ticket").len(),
            usize::from(gets_one)
        );
        assert_ne!(seen.header(TICKET), Some("invented"));
    }
    // Nor does one without a session get a ticket.
    proxy.call(&Request::post("/write", ""));
    assert_eq!(app.arrival().seen.header(TICKET), None);
}

#[test]
fn in_observe_mode_there_is_none() {
    let (app, proxy) = holding("mode: observe");
    let session = proxy.session("a");
    assert_eq!(session.send(with_ticket("/x", "invented")).status(), 200);
    assert_eq!(app.arrival().seen.header(TICKET), None);
    assert_eq!(proxy.metrics().count("onelane_reentrance_total"), 0);
}

#[test]
fn tickets_of_one_secret_are_known_by_it_alone() {
    let secret = |text: &str| {
        let session = format!("{{ keys: [{{ name: sid, cookie: sid }}], secret: {text} }}");
        holding(&format!("session: {session}"))
    };
    let ((one, at_one), (other, at_other)) = (secret("first"), secret("second"));
    let (_a, here) = inside(&one, &at_one.session("a"));
    let (_b, _there) = inside(&other, &at_other.session("a"));
    let _foreign = at_other
        .session("a")
        .send(with_ticket("/x", &ticket(&here)));
    at_other.until_waiting(1);
    assert_eq!(counted(&at_other, "forged"), 1);
}

#[cfg(unix)]
mod log {
    use super::*;
    use crate::support::Process;

    const SAID: &str = "if a page calls its own site";

    /// What is said when a request waits in vain behind another of its session.
    fn said(yaml: &str, behind: Request) -> String {
        let app = Upstream::start();
        app.on("/held", held());
        let process = Process::in_front_of(&app, &format!("{QUICK}\n{yaml}"));
        let mut first = process.session("a").post("/held");
        let arrived = app.arrival();
        let mut client = process.connect();
        assert_eq!(client.call(&behind.session("a")).status, 503);
        arrived.release();
        assert_eq!(first.status(), 200);
        process.ended("TERM").1
    }

    #[test]
    fn a_loopback_wait_is_named_once_with_its_route_and_what_to_do() {
        let said = said(
            "routes: [{ name: inner, path: /part, access: write }]",
            Request::get("/part"),
        );
        assert_eq!(said.matches(SAID).count(), 1, "{said}");
        let line = said.lines().find(|line| line.contains(SAID)).unwrap();
        for part in ["route=inner", "X-Onelane-Ticket", "access: none", "WARN"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    #[test]
    fn a_wait_of_somebody_elsewhere_is_not() {
        let elsewhere = || Request::get("/part").header("X-Forwarded-For", "203.0.113.7");
        let trusted = "client: { trusted_proxies: [127.0.0.0/8] }";
        assert!(!said(trusted, elsewhere()).contains(SAID));
        assert!(
            !said("", elsewhere()).contains(SAID),
            "a balancer that is not trusted"
        );
    }

    #[test]
    fn a_ticket_is_in_no_log() {
        let app = Upstream::start();
        app.on("/held", held());
        let process = Process::in_front_of(&app, "log: { access: true }");
        let session = process.session("a");
        let mut first = session.post("/held");
        let arrived = app.arrival();
        let shown = session.send(with_ticket("/x", &ticket(&arrived))).status();
        arrived.release();
        assert_eq!((shown, first.status()), (200, 200));
        let (requests, said) = process.ended("TERM");
        assert!(requests.contains(" /x "), "{requests}");
        let secret = &ticket(&arrived)[16..];
        assert!(!requests.contains(secret) && !said.contains(secret));
    }
}
