//! The dashboard in front of a running Onelane: lanes as they are, their release, a connection that is lost.

use serde_json::json;

use crate::real::free_port;
use crate::support::{Browser, Exchange, Proxy, Request, Session, Upstream, eventually, held};

const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// An application that holds every request, and Onelane with a token in front of it.
fn start() -> (Upstream, Proxy) {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(
        &app,
        &format!("admin: {{ listen: '127.0.0.1:0', token: {TOKEN} }}"),
    );
    (app, proxy)
}

fn open(proxy: &Proxy) -> Browser {
    let browser = Browser::start();
    browser.open(proxy.admin_address());
    browser.until("document.querySelector('#link').textContent === 'live'");
    browser
}

/// Requests of a session that wait, one behind the other.
fn line(proxy: &Proxy, session: &Session, targets: &[&str]) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for (ahead, target) in targets.iter().enumerate() {
        exchanges.push(session.post(target));
        proxy.until_waiting(ahead + 1);
    }
    exchanges
}

/// The first lane shows these paths: inside, and behind in order.
fn until_lane(browser: &Browser, inside: &str, waiting: &[&str]) {
    browser.until(&format!(
        "(() => {{
           const paths = (part) => [...document.querySelectorAll('.lane:first-child ' + part + ' .path')].map((path) => path.textContent);
           return JSON.stringify([paths('.gate'), paths('.line')]) === {:?};
         }})()",
        json!([[inside], waiting]).to_string()
    ));
}

#[test]
fn lanes_are_shown_as_they_are_and_follow_what_happens() {
    let (app, proxy) = start();
    let browser = open(&proxy);
    browser
        .until("document.querySelector('#lanes-empty').textContent.includes('No lane is in use')");
    let session = proxy.session("a");
    let mut first = session.post("/checkout.aspx");
    let inside = app.arrival();
    let mut behind = line(
        &proxy,
        &session,
        &["/cart.aspx", "/report.aspx", "/orders.aspx"],
    );
    until_lane(
        &browser,
        "/checkout.aspx",
        &["/cart.aspx", "/report.aspx", "/orders.aspx"],
    );
    assert_eq!(
        browser.run("return document.querySelectorAll('.lane').length"),
        1
    );
    assert!(browser.text(".lane .session").contains("3 waiting"));
    let shown = browser.text(".gate .age");
    browser.until(&format!(
        "document.querySelector('.gate .age').textContent !== {shown:?}"
    ));
    inside.release();
    assert_eq!(first.status(), 200);
    let inside = app.arrival();
    until_lane(&browser, "/cart.aspx", &["/report.aspx", "/orders.aspx"]);
    behind.pop().unwrap().leave();
    until_lane(&browser, "/cart.aspx", &["/report.aspx"]);
    inside.release();
    app.arrival().release();
    for mut exchange in behind {
        assert_eq!(exchange.status(), 200);
    }
    browser.until("document.querySelectorAll('.lane').length === 0");
    // What blocked whom is known afterwards, too.
    browser
        .until("document.querySelector('#blocking tbody').textContent.includes('/checkout.aspx')");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_lane_is_released_with_the_token_and_stays_without() {
    let (app, proxy) = start();
    let browser = open(&proxy);
    let session = proxy.session("a");
    let _stuck = session.post("/stuck.aspx");
    let first = app.arrival();
    let _behind = line(&proxy, &session, &["/next.aspx"]);
    until_lane(&browser, "/stuck.aspx", &["/next.aspx"]);
    browser.click(".release");
    assert!(browser.text("#release-holder").contains("POST /stuck.aspx"));
    browser.write("#release-token", "wrong");
    browser.click("#release-form .danger");
    browser
        .until("document.querySelector('#release-problem').textContent === 'The token is wrong.'");
    assert_eq!(app.arrived(), 1, "the lane stays");
    browser.console(); // the browser itself notes each 401
    browser.write("#release-token", TOKEN);
    browser.click("#release-form .danger");
    let second = app.arrival();
    assert_eq!(second.seen.target, "/next.aspx");
    browser.until("!document.querySelector('#release').open && document.querySelector('#said').textContent.includes('is released')");
    until_lane(&browser, "/next.aspx", &[]);
    // It is in no storage, and not asked for again.
    let kept = "return [localStorage.length, sessionStorage.length, document.cookie, document.querySelector('#release-token').value, location.href.includes('token')]";
    assert_eq!(browser.run(kept), json!([0, 0, "", "", false]));
    browser.click(".release");
    assert_eq!(
        browser.run("return document.querySelector('#release-field').checkVisibility()"),
        false
    );
    assert_eq!(browser.console(), Vec::<String>::new());
    for arrived in [&first, &second] {
        arrived.release();
    }
}

#[test]
fn what_a_client_sends_reaches_the_page_as_text() {
    let (app, proxy) = start();
    let browser = open(&proxy);
    let hostile = "%3Cimg%20src=x%20onerror=%22document.title='owned'%22%3E";
    let request = Request::get(&format!("/{hostile}/<b>?<script>"))
        .session("<script>document.title='owned'</script>")
        .header("User-Agent", "<img src=x onerror=document.title='owned'>")
        .header(
            "X-Forwarded-For",
            "<img src=x onerror=document.title='owned'>",
        )
        .header("Referer", "javascript:document.title='owned'");
    let mut client = proxy.connect();
    client.send(request.bytes());
    // Either it is refused, or it is inside; the page shows the one or the other.
    browser.until("document.querySelector('.lane') || !document.querySelector('#refusals').hidden");
    let plain = proxy.session("b");
    let _second = plain.post(&format!("/{hostile}"));
    browser.until("[...document.querySelectorAll('.lane .path')].some((path) => path.parentElement.title.includes('/'))");
    assert_eq!(
        browser.run("return document.querySelectorAll('main img, main script, main b').length"),
        0
    );
    assert_ne!(browser.run("return document.title"), "owned");
    assert_eq!(browser.console(), Vec::<String>::new());
    for arrived in app.seen() {
        assert!(arrived.target.contains("img"));
    }
    app.close_connections();
}

#[test]
fn a_lost_connection_is_said_and_taken_up_again() {
    let app = Upstream::start();
    let admin = format!("admin: {{ listen: '127.0.0.1:{}' }}", free_port());
    let proxy = Proxy::in_front_of(&app, &admin);
    let browser = open(&proxy);
    assert_eq!(proxy.stop().cut_off, 0);
    browser.until("document.querySelector('#link').dataset.state === 'lost'");
    browser.console(); // that nobody listened is what the browser notes
    let again = Proxy::in_front_of(&app, &admin);
    browser.until("document.querySelector('#link').dataset.state === 'live'");
    app.on_each("*", |_| held());
    let _inside = again.session("a").post("/after.aspx");
    let arrived = app.arrival();
    until_lane(&browser, "/after.aspx", &[]);
    arrived.release();
}

#[test]
fn the_page_asks_nobody_but_its_own_listener() {
    let (_app, proxy) = start();
    let browser = open(&proxy);
    browser.until("document.querySelector('#tiles .value')");
    let asked = browser.run("return performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)");
    let asked = asked.as_array().unwrap().clone();
    let own = json!(format!("http://{}", proxy.admin_address()));
    assert!(
        asked.len() >= 8 && asked.iter().all(|origin| *origin == own),
        "{asked:?}"
    );
    assert_eq!(browser.console(), Vec::<String>::new());
    // And it could not.
    browser.run("window.blocked = []; addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective));
        fetch('http://127.0.0.1:1/').catch(() => {});
        document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:1/' }));
        document.body.append(Object.assign(document.createElement('iframe'), { src: 'http://127.0.0.1:1/' }));");
    browser
        .until("['connect-src', 'img-src', 'frame-src'].every((name) => blocked.includes(name))");
}

#[test]
fn every_file_says_what_a_browser_may_do_with_it() {
    let (_app, proxy) = start();
    let page = proxy.admin("/");
    let mut files: Vec<String> = vec!["/".to_owned()];
    files.extend(["app.js", "style.css", "icon.svg"].map(|name| format!("/{name}")));
    for file in files {
        let answer = proxy.admin(&file);
        assert_eq!(answer.status, 200, "{file}");
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{file}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{file}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{file}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{file}");
    }
    assert!(page.text().contains("<title>Onelane</title>"));
    eventually("nothing is left open", || {
        proxy.metrics().count("onelane_connections") == 0
    });
}

#[test]
fn where_reading_takes_the_token_the_page_asks_for_it() {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let admin = format!("admin: {{ listen: '0.0.0.0:0', token: {TOKEN} }}");
    let proxy = Proxy::in_front_of(&app, &admin);
    let browser = Browser::start(); // at first: it may have to wait for other tests' browsers, longer than a hold may last
    let _inside = proxy.session("a").post("/secret.aspx");
    let inside = app.arrival();
    browser.open(([127, 0, 0, 1], proxy.admin_address().port()).into());
    browser.until("document.querySelector('#token').open");
    assert_eq!(browser.text("#link"), "needs the token");
    browser.write("#token-value", "wrong-wrong-wrong-wrong");
    browser.click("#token .primary");
    browser.until("document.querySelector('#token').open"); // it asks again
    assert!(!browser.text("body").contains("secret.aspx"));
    browser.write("#token-value", TOKEN);
    browser.click("#token .primary");
    until_lane(&browser, "/secret.aspx", &[]);
    browser.click("#token-open");
    browser.click("#token-forget");
    browser.until("document.querySelector('#link').dataset.state === 'refused'");
    inside.release();
}
