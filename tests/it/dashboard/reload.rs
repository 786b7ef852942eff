//! What the dashboard says of the configuration: where a line goes, what a reload does, and what is wrong with the file.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Browser, Proxy, Request, Upstream, eventually, held};

const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// An application, and Onelane with a configuration file in front of it.
struct Site {
    folder: TempDir,
    app: Upstream,
    proxy: Proxy,
}

impl Site {
    fn new(more: &str) -> Self {
        let app = Upstream::start();
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("onelane.yaml");
        fs::write(&file, Self::text(&app, more)).unwrap();
        let proxy = Proxy::of_file(&file);
        Self { folder, app, proxy }
    }

    fn with_token(more: &str) -> Self {
        Self::new(&format!(
            "admin: {{ listen: '127.0.0.1:0', token: {TOKEN} }}\n{more}"
        ))
    }

    fn text(app: &Upstream, more: &str) -> String {
        Proxy::yaml(app.address(), more)
    }

    fn file(&self) -> String {
        let file = self.folder.path().join("onelane.yaml");
        file.display().to_string()
    }

    fn append(&self, lines: &str) {
        let text = fs::read_to_string(self.file()).unwrap();
        fs::write(self.file(), format!("{text}{lines}\n")).unwrap();
    }

    fn browser(&self) -> Browser {
        let browser = Browser::start();
        browser.open(self.proxy.admin_address());
        browser.until("document.querySelector('#facts').textContent.includes('policy 1 ')");
        browser
    }

    /// Somebody waits for a page for longer than a second.
    fn block(&self) {
        self.app.on_each("/report.aspx", |_| held());
        let session = self.proxy.session("a");
        let mut first = session.get("/report.aspx");
        let inside = self.app.arrival();
        let mut second = session.get("/cart.aspx");
        self.proxy.until_waiting(1);
        eventually("it has waited for long", || {
            let state = self.proxy.admin("/api/v1/state").text();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap();
            state["lanes"][0]["waiters"][0]["age_ms"].as_u64() > Some(1_000)
        });
        inside.release();
        assert_eq!((first.status(), second.status()), (200, 200));
    }
}

fn facts(browser: &Browser, part: &str) {
    browser.until(&format!(
        "document.querySelector('#facts').textContent.includes({part:?})"
    ));
}

#[test]
fn what_the_page_says_to_paste_goes_where_it_says_also_into_a_file_without_routes() {
    for (more, place) in [
        ("", "at the end of"),
        ("routes:\n  - { path: /x, access: none }", "right below"),
    ] {
        let site = Site::with_token(more);
        let browser = site.browser();
        site.block();
        browser.until("document.querySelector('#how').checkVisibility()");
        let how = browser.text("#how");
        assert!(how.contains(place) && how.contains(&site.file()), "{how}");
        let lines =
            browser.run("return document.querySelector('#advice .snippet code').textContent");
        let lines = lines.as_str().unwrap();
        // At the end of this file is right below its only route, too.
        assert_eq!(lines.contains("routes:"), more.is_empty(), "{lines}");
        site.append(lines);
        facts(&browser, "policy 2 ");
        browser.until("document.querySelector('#advice').children.length === 0 && !document.querySelector('#how').checkVisibility()");
        browser.until(
            "document.querySelector('#blocking-note').textContent.includes('since policy 2')",
        );
        let said = browser.text("#said");
        assert!(said.is_empty() || said == "Policy 2 is in force.", "{said}");
        assert_eq!(browser.console(), Vec::<String>::new());
    }
}

#[test]
fn a_file_that_is_wrong_is_said_and_reload_says_why() {
    let site = Site::with_token("");
    let browser = site.browser();
    let good = fs::read_to_string(site.file()).unwrap();
    site.append("routes: [{ path: /a, acces: read }]");
    browser.until(
        "document.querySelector('#alarm').checkVisibility()
         && document.querySelector('#alarm').textContent.includes('policy 1 goes on. Reload says why')",
    );
    browser.click("#reload-open");
    browser.write("#reload-token", "wrong");
    browser.click("#reload-form .primary");
    browser
        .until("document.querySelector('#reload-problem').textContent === 'The token is wrong.'");
    browser.write("#reload-token", TOKEN);
    browser.click("#reload-form .primary");
    browser.until(
        "document.querySelector('#reload-problem').textContent.includes('The old policy goes on.')",
    );
    let problem = browser.text("#reload-problem");
    assert!(problem.contains("acces"), "{problem}");
    browser.console(); // the browser itself notes each 401 and 409
    fs::write(site.file(), good).unwrap();
    browser.click("#reload-form .primary");
    browser.until("!document.querySelector('#reload').open && !document.querySelector('#alarm').checkVisibility()");
    browser.until("/^Policy \\d+ is in force.$/.test(document.querySelector('#said').textContent)");
    facts(&browser, ", in force for ");
    let kept = "return [localStorage.length, document.cookie, document.querySelector('#reload-token').value]";
    assert_eq!(browser.run(kept), json!([0, "", ""]));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn without_a_token_the_page_offers_no_reload_and_says_what_happens_without() {
    let site = Site::new("");
    let browser = site.browser();
    site.block();
    browser.until("document.querySelector('#how').checkVisibility()");
    let how = browser.text("#how");
    assert!(
        how.contains("save it: it is then read again by itself"),
        "{how}"
    );
    assert!(
        how.contains("must not take the application's own lock"),
        "{how}"
    );
    let offered = "return document.querySelector('#reload-open').checkVisibility()";
    assert_eq!(browser.run(offered), false);
    let answer = site.proxy.call(&Request::get("/").session("b"));
    assert_eq!(answer.status, 200);
}
