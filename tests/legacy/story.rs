//! The way from a symptom to its cure, as somebody goes it who has only the dashboard: which page blocks which other one,
//! the line of YAML, the place where it goes, the reload, and the wait that is gone.
//!
//! Guarantees: what is done follows from what the page shows, and from nothing else; the application itself counts
//! writers of one session that meet. `ONELANE_STORY_SHOTS=DIRECTORY` keeps what was on the screen,
//! and what users felt.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::applications::{Application, aspnet};
use crate::load::eventually;
use crate::onelane::Onelane;

#[allow(dead_code, reason = "the dashboard's own tests use the rest")]
#[path = "../it/support/browser.rs"]
mod browser;

use browser::{Browser, Screen};

/// Of the companion, which reports what a page did to its session.
const SECRET: &str = "a-secret-of-both";
const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// The shop: its users open a page that asks for three others at once. The report is slow, and only reads.
const USERS: usize = 4;
const REPORT: Duration = Duration::from_millis(600);
const PAGES: [&str; 3] = [
    "/report.aspx?ms=600",
    "/cart.aspx?ms=20",
    "/messages.aspx?ms=20",
];

/// A row of the table of who blocks whom, as it is shown.
#[derive(Clone, Debug)]
struct Blocked {
    inside: String,
    waited: String,
    /// Waits lately.
    times: usize,
    /// How long each of these was, seconds.
    each: f64,
}

/// An advice that has something to paste, as it is shown.
#[derive(Debug)]
struct Advised {
    page: String,
    why: String,
    blocked: String,
    lines: String,
}

/// How long pages took.
#[derive(Clone, Copy, Debug)]
struct Felt {
    /// How many of them took half as long as the slow page, or longer: of 1. That a moment in which the whole machine
    /// stood still makes little of.
    slow: f64,
    average: Duration,
}

/// Ends the load, however the test ends.
struct Closing<'a>(&'a AtomicBool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The application, Onelane in front of it, and what its users have seen of it.
struct Shop {
    application: Application,
    onelane: Onelane,
    closing: AtomicBool,
    /// How long users have waited for a page that is not the slow one.
    took: Mutex<Vec<Duration>>,
}

impl Shop {
    fn open() -> Self {
        let options = aspnet::Options {
            companion: aspnet::Companion::Installed {
                secret: SECRET.to_owned(),
            },
            ..aspnet::Options::default()
        };
        let application = aspnet::start(aspnet::Sessions::InProc, &options).unwrap();
        let session = application.yaml.split("routes:").next().unwrap();
        let onelane = Onelane::start_as_written(&format!(
            "listen: LISTEN\nupstream: http://{}\nadmin: {{ listen: ADMIN, token: {TOKEN} }}\n{session}\
             application: {{ secret: {SECRET} }}\nroutes:\n  - {{ path: \"/images/**\", access: none }}\n",
            application.address
        ));
        Self {
            application,
            onelane: onelane.unwrap(),
            closing: AtomicBool::new(false),
            took: Mutex::default(),
        }
    }

    /// One user, again and again, until the shop closes.
    fn visit(&self) {
        let address = self.onelane.address();
        let user = self.application.user(address).unwrap();
        while !self.closing.load(Ordering::Relaxed) {
            thread::scope(|scope| {
                for path in PAGES {
                    let mut browser = user.again(address);
                    scope.spawn(move || {
                        let began = Instant::now();
                        assert_eq!(browser.get(path).unwrap().status, 200, "{path}");
                        if path != PAGES[0] {
                            self.took.lock().unwrap().push(began.elapsed());
                        }
                    });
                }
            });
        }
    }

    /// How long the quick pages took as their users see it, since this was last asked.
    fn felt(&self) -> Felt {
        let took = std::mem::take(&mut *self.took.lock().unwrap());
        let number = took.len().max(1);
        let slow = took.iter().filter(|took| **took >= REPORT / 2).count();
        Felt {
            slow: slow as f64 / number as f64,
            average: took.iter().sum::<Duration>() / u32::try_from(number).unwrap(),
        }
    }
}

/// The rows with the most waiting lately first, as the page sorts them.
fn table(browser: &Browser) -> Vec<Blocked> {
    let rows = browser.run(
        "return [...document.querySelectorAll('#blocking tbody tr')]
           .map((row) => [...row.children].map((cell) => cell.innerText.trim()))",
    );
    let heads = browser.run(
        "return [...document.querySelectorAll('#blocking th[scope=col]')].map((head) => head.innerText)",
    );
    let place = |name: &str| {
        let mut heads = heads.as_array().unwrap().iter();
        heads.position(|head| head == name).unwrap()
    };
    let row = |row: &Value| {
        let text = |name| row[place(name)].as_str().unwrap().to_owned();
        Blocked {
            inside: text("Inside"),
            waited: text("Waited for it"),
            times: text("Times").replace(',', "").parse().unwrap(),
            each: seconds(&text("Each")),
        }
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

/// A time as the dashboard writes it, less than a minute.
fn seconds(shown: &str) -> f64 {
    let (number, unit) = shown.split_once(' ').unwrap();
    let number: f64 = number.parse().unwrap();
    match unit {
        "ms" => number / 1e3,
        "s" => number,
        _ => panic!("{shown}"),
    }
}

fn advice(browser: &Browser) -> Vec<Advised> {
    let shown = browser.run(
        "return [...document.querySelectorAll('#advice li')].filter((li) => li.querySelector('.snippet').checkVisibility())
           .map((li) => ['p code', '.why', '.blocked', '.snippet code'].map((part) => li.querySelector(part).textContent))",
    );
    let advised = |li: &Value| {
        let text = |at: usize| li[at].as_str().unwrap().to_owned();
        Advised {
            page: text(0),
            why: text(1),
            blocked: text(2),
            lines: text(3),
        }
    };
    shown.as_array().unwrap().iter().map(advised).collect()
}

/// The row of these two pages, once it tells of so many waits lately.
fn row(browser: &Browser, inside: &str, waited: &str, times: usize) -> Blocked {
    let mut found = None;
    eventually("they wait for it so often", || {
        let mut rows = table(browser).into_iter();
        found = rows.find(|row| row.inside == inside && row.waited == waited && row.times >= times);
        found.is_some()
    });
    found.unwrap()
}

/// Which policy the page says is in force.
fn policy(browser: &Browser) -> u64 {
    let facts = browser.text("#facts");
    let (_, rest) = facts.split_once("policy ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Presses what the page says is to be pressed, and shows the token.
fn reload(browser: &Browser) {
    let before = policy(browser);
    browser.click("#reload-open");
    if browser.run("return document.querySelector('#reload-token').checkVisibility()") == true {
        browser.write("#reload-token", TOKEN);
    }
    shoot(browser, "reload");
    browser.click("#reload-form .primary");
    browser.until("!document.querySelector('#reload').open");
    browser.until("document.querySelector('#said').textContent.includes('is in force')");
    eventually("the page shows the new policy", || policy(browser) > before);
}

/// Writes a line below the one that the page names.
fn paste(file: &str, below: &str, lines: &str) {
    let text = fs::read_to_string(file).unwrap();
    let place = format!("\n{below}\n");
    assert_eq!(text.matches(&place).count(), 1, "{text}");
    fs::write(file, text.replace(&place, &format!("{place}{lines}\n"))).unwrap();
}

/// Keeps what is on the screen, where somebody wants to see it.
fn shoot(browser: &Browser, name: &str) {
    let Some(folder) = env::var_os("ONELANE_STORY_SHOTS") else {
        return;
    };
    let whole = json!({ "captureBeyondViewport": true });
    let shot = browser.ask("Page.captureScreenshot", &whole);
    let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
}

/// The same on other screens.
fn shoot_all(browser: &Browser, name: &str) {
    if env::var_os("ONELANE_STORY_SHOTS").is_some() {
        for (width, scheme) in [(1400, "dark"), (380, "light")] {
            screen(browser, width, scheme);
            browser.until("document.getAnimations().length === 0");
            shoot(browser, &format!("{name}-{width}-{scheme}"));
        }
        screen(browser, 1400, "light");
    }
    shoot(browser, name);
}

fn screen(browser: &Browser, width: u32, scheme: &'static str) {
    browser.screen(Screen {
        width,
        height: 1000,
        scheme,
    });
}

#[test]
fn the_dashboard_alone_leads_from_a_page_that_blocks_others_to_a_line_that_ends_it() {
    let shop = Shop::open();
    let browser = Browser::start();
    screen(&browser, 1400, "light");
    browser.open(shop.onelane.admin());
    thread::scope(|scope| {
        let _closing = Closing(&shop.closing);
        for _ in 0..USERS {
            scope.spawn(|| shop.visit());
        }
        follow_the_page(&browser, &shop);
    });
    let stats = shop.application.stats().unwrap();
    assert_eq!(stats.overlaps, 0, "no two writers of a session have met");
    assert_eq!(browser.console(), Vec::<String>::new());
}

fn follow_the_page(browser: &Browser, shop: &Shop) {
    // Who blocks whom? The worst is on top, and the advice names it, too.
    let worst = row(browser, "GET /report.aspx", "GET /cart.aspx", 10);
    assert!(worst.each > 0.3, "{worst:?}");
    // Which pages wait, and how often, grows from one look to the next: the advice of one look is taken whole.
    let mut taken = None;
    eventually(
        "the advice names both that wait, and what was reported",
        || {
            let mut advice = advice(browser).into_iter();
            taken = advice.find(|advised| {
                let both = ["GET /cart.aspx", "GET /messages.aspx"]
                    .map(|waits| advised.blocked.contains(waits));
                both == [true; 2] && advised.why.contains("none wrote")
            });
            taken.is_some()
        },
    );
    let advised = taken.expect("it was found");
    assert_eq!(
        advice(browser).len(),
        1,
        "of the pages that write, none may be read"
    );
    assert_eq!(table(browser)[0].inside, advised.page);
    shoot_all(browser, "before");
    // The control: a reload by itself changes nothing.
    reload(browser);
    let still = row(browser, &worst.inside, &worst.waited, 10);
    assert!(still.each > 0.3, "{still:?}");
    shoot(browser, "control");
    let felt = shop.felt();
    // The line goes where the page says, as it is.
    let how = browser.text("#how");
    assert!(how.contains("right below routes: in"), "{how}");
    let file = browser.text("#how-file");
    assert_eq!(Path::new(&file), shop.onelane.config());
    paste(&file, "routes:", &advised.lines);
    reload(browser);
    eventually("the wait is gone, and so is the advice", || {
        let now = row(browser, &worst.inside, &worst.waited, 10);
        now.each < worst.each / 4.0 && advice(browser).is_empty()
    });
    shop.felt(); // those that were under way
    eventually("users have seen more", || {
        shop.took.lock().unwrap().len() >= 40
    });
    let then = shop.felt();
    assert!(
        then.slow < felt.slow / 2.0,
        "users waited {felt:?}, and now {then:?}"
    );
    if let Some(folder) = env::var_os("ONELANE_STORY_SHOTS") {
        let averages = [felt, then].map(|felt| felt.average);
        let text = format!("users waited {:?}, then {:?}\n", averages[0], averages[1]);
        fs::write(Path::new(&folder).join("felt.txt"), text).unwrap();
    }
    shoot_all(browser, "after");
}
