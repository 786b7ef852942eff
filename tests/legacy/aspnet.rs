//! Real ASP.NET, bare and behind Onelane: what its session lock costs, and what is left of that.
//!
//! Guarantees: what Onelane is said to change is also seen without it, where it is not so. Times are compared with wide
//! margins; the comparison measures them.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::applications::aspnet::{self, Options, Sessions};
use crate::applications::{Application, Page, Stats};
use crate::http::{Answer, Client, at_the_same_moment};
use crate::load::eventually;
use crate::onelane::Onelane;
use crate::process::Process;

/// An application without the companion.
fn site(sessions: Sessions) -> Application {
    aspnet::start(sessions, &Options::default()).unwrap()
}

fn in_front_of(application: &Application) -> Onelane {
    Onelane::start(application.address, application.yaml).unwrap()
}

/// The user's requests, all at once; the answers in the order of the paths.
fn at_once(user: &Client, address: SocketAddr, paths: &[String]) -> Vec<Answer> {
    let get = |path: &String| user.again(address).get(path).unwrap();
    at_the_same_moment(paths.iter().collect(), get).1
}

fn waiters(onelane: &Onelane) -> usize {
    let waiters = onelane.metric("onelane_waiters", "").unwrap();
    format!("{waiters}").parse().unwrap()
}

/// The numbers that pages have answered with.
fn numbers(answers: &[Answer]) -> Vec<usize> {
    let number = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let number = answer.body.trim().parse();
        number.unwrap_or_else(|_| panic!("no number: {}", answer.body))
    };
    answers.iter().map(number).collect()
}

fn counter(application: &Application, user: &Client) -> usize {
    let mut user = user.again(application.address);
    numbers(&[user.get(&application.page(Page::Read, 0)).unwrap()])[0]
}

#[test]
fn each_waiter_polls_the_store_in_bare_aspnet() {
    let application = site(Sessions::Counting);
    let user = application.user(application.address).unwrap();
    application.reset().unwrap();
    let started = Instant::now();
    let writes = vec![application.page(Page::Write, 50); 20];
    let answers = at_once(&user, application.address, &writes);
    let took = started.elapsed();
    let stats = application.stats().unwrap();
    let mut order = numbers(&answers);
    order.sort_unstable();
    assert_eq!(
        order,
        (2..22).collect::<Vec<_>>(),
        "each found what the one before had left"
    );
    assert_eq!(stats.overlaps, 0, "its own lock works");
    assert!(stats.gets > 60, "{stats:?}");
    assert!(took > Duration::from_secs(2), "20 of 50 ms took {took:?}");
}

#[test]
fn behind_onelane_each_request_gets_its_session_once_in_order_of_arrival() {
    let application = site(Sessions::Counting);
    let onelane = in_front_of(&application);
    let user = application.user(onelane.address()).unwrap();
    application.reset().unwrap();
    let write = |ms| {
        let (mut user, path) = (
            user.again(onelane.address()),
            application.page(Page::Write, ms),
        );
        move || user.get(&path).unwrap()
    };
    let answers = thread::scope(|scope| {
        let holder = scope.spawn(write(700));
        eventually("the first is inside", || {
            onelane.metric("onelane_holders", "").unwrap() > 0.0
        });
        let mut requests = vec![holder];
        for number in 1..20 {
            requests.push(scope.spawn(write(10)));
            eventually("it has arrived", || {
                // In this order: who enters in between is missed, and nobody is counted twice.
                let entered = application.stats().unwrap().exclusive;
                entered + u64::try_from(waiters(&onelane)).unwrap() > number
            });
        }
        let answers = requests.into_iter().map(|request| request.join().unwrap());
        answers.collect::<Vec<_>>()
    });
    assert_eq!(numbers(&answers), (2..22).collect::<Vec<_>>());
    let expected = Stats {
        overlaps: 0,
        gets: 20,
        exclusive: 20,
    };
    assert_eq!(application.stats().unwrap(), expected);
}

#[test]
fn behind_onelane_twenty_writes_take_little_more_than_their_work() {
    let application = site(Sessions::InProc);
    let onelane = in_front_of(&application);
    let user = application.user(onelane.address()).unwrap();
    let writes = vec![application.page(Page::Write, 100); 20];
    let started = Instant::now();
    let mut order = numbers(&at_once(&user, onelane.address(), &writes));
    let took = started.elapsed();
    order.sort_unstable();
    assert_eq!(order, (2..22).collect::<Vec<_>>());
    assert_eq!(application.stats().unwrap().overlaps, 0);
    // Their work is what they take one by one, of the application alone: a slow machine is slow in both.
    let started = Instant::now();
    let mut alone = user.again(application.address);
    let order = writes.iter().map(|path| alone.get(path).unwrap());
    let order = numbers(&order.collect::<Vec<_>>());
    let work = started.elapsed();
    assert_eq!(order, (22..42).collect::<Vec<_>>());
    assert!(took < work * 2, "they took {took:?}, one by one {work:?}");
}

#[test]
fn reads_go_together_behind_a_write_and_ask_the_store_once() {
    let application = site(Sessions::Counting);
    let onelane = in_front_of(&application);
    let user = application.user(onelane.address()).unwrap();
    let mixed = |write: u64, read: u64| {
        let mut paths = vec![application.page(Page::Read, read); 10];
        paths.insert(0, application.page(Page::Write, write));
        paths
    };
    for (address, polls) in [(application.address, true), (onelane.address(), false)] {
        application.reset().unwrap();
        let started = Instant::now();
        thread::scope(|scope| {
            let paths = mixed(3000, 0);
            let write = user.again(address);
            let writer = scope.spawn(move || write.again(address).get(&paths[0]).unwrap());
            eventually("the write is inside", || {
                application.stats().unwrap().exclusive > 0
            });
            let reads = at_once(&user, address, &mixed(0, 1000)[1..]);
            let first = numbers(&[writer.join().unwrap()])[0];
            assert_eq!(numbers(&reads), [first; 10], "they see what was written");
        });
        let (took, stats) = (started.elapsed(), application.stats().unwrap());
        assert_eq!(stats.gets > 11, polls, "{stats:?}");
        assert!(
            took < Duration::from_secs(12), // of 13
            "one after another: {took:?}"
        );
    }
}

#[test]
fn a_client_that_left_while_waiting_costs_the_others_nothing() {
    let application = site(Sessions::Counting);
    let onelane = in_front_of(&application);
    for (address, executed) in [(application.address, 7), (onelane.address(), 2)] {
        let user = application.user(application.address).unwrap();
        application.reset().unwrap();
        thread::scope(|scope| {
            let path = application.page(Page::Write, 5000);
            let mut writer = user.again(address);
            let holder = scope.spawn(move || writer.get(&path).unwrap());
            eventually("the holder is inside", || {
                application.stats().unwrap().exclusive > 0
            });
            let waiting: Vec<TcpStream> = (0..5)
                .map(|_| send(&user, address, "/write.aspx?ms=1"))
                .collect();
            eventually("the others wait", || {
                waiters(&onelane) == 5 || application.stats().unwrap().exclusive >= 6
            });
            drop(waiting);
            numbers(&[holder.join().unwrap()]);
        });
        eventually("all is done that is done", || {
            counter(&application, &user) == 1 + executed - 1
        });
    }
}

/// Sends a request of the user and does not read the answer.
fn send(user: &Client, address: SocketAddr, path: &str) -> TcpStream {
    let cookies: Vec<String> = user
        .cookies()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: site\r\nCookie: {}\r\n\r\n",
        cookies.join("; ")
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn every_kind_of_store_is_served() {
    for sessions in [Sessions::StateServer, Sessions::Redis] {
        let application = site(sessions);
        let name = application.name;
        let onelane = in_front_of(&application);
        let user = application.user(onelane.address()).unwrap();
        application.reset().unwrap();
        let writes = vec![application.page(Page::Write, 5); 10];
        let mut order = numbers(&at_once(&user, onelane.address(), &writes));
        order.sort_unstable();
        assert_eq!(order, (2..12).collect::<Vec<_>>(), "{name}");
        let stats = application.stats().unwrap();
        let gets = if sessions == Sessions::Redis { 10 } else { 0 };
        assert_eq!(
            stats,
            Stats {
                overlaps: 0,
                gets,
                exclusive: gets
            },
            "{name}"
        );
    }
}

#[test]
fn a_browser_says_what_it_has_measured() {
    let application = site(Sessions::Counting);
    let url = format!(
        "http://{}{}?ms=1",
        application.address,
        aspnet::BROWSER_PAGE
    );
    let profile = crate::process::directory().unwrap();
    let _browser = Process::start("chromium", "chromium", |command| {
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
        ]);
        command
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url);
    })
    .unwrap();
    let mut asking = Client::new(application.address);
    eventually("the browser is done", || {
        asking
            .get(aspnet::TIMINGS)
            .unwrap()
            .body
            .contains("\"requests\":20")
    });
    assert!(application.stats().unwrap().exclusive >= 20);
}

#[test]
fn a_page_calls_its_own_site_as_its_user() {
    let application = site(Sessions::InProc);
    let mut user = application.user(application.address).unwrap();
    assert_eq!(
        numbers(&[user.get(&application.page(Page::Inner, 5)).unwrap()]),
        [2]
    );
    assert_eq!(counter(&application, &user), 2);
}

#[test]
fn a_request_is_aborted_after_its_execution_timeout() {
    let options = Options {
        execution_timeout: Duration::from_secs(3),
        ..Options::default()
    };
    let application = aspnet::start(Sessions::InProc, &options).unwrap();
    let mut user = application.user(application.address).unwrap();
    let started = Instant::now();
    let answer = user.get(&application.page(Page::Write, 90_000)).unwrap();
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// docs/stacks/aspnet.md says so: .NET's ids have no digits above 5.
#[test]
fn monos_session_ids_are_odd_to_the_preset_and_get_their_lane_by_keys_of_their_own() {
    let application = site(Sessions::InProc);
    let id = application.user(application.address).unwrap().cookies()["ASP.NET_SessionId"].clone();
    let is_capital = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    assert!(id.len() == 24 && id.bytes().all(is_capital), "{id}");
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/stacks/aspnet.md"
    ));
    let documented = page.unwrap();
    let keys = application
        .yaml
        .lines()
        .find(|line| line.contains("ASP.NET_SessionId"));
    assert!(
        documented.contains(keys.unwrap().trim()),
        "the page has other keys"
    );
    let user =
        Client::new(application.address).cookie("ASP.NET_SessionId", "0123456789ABCDEF01234567");
    for (session, odd, held) in [
        ("session: { preset: aspnet }\n", 1.0, 0.0),
        (application.yaml, 0.0, 1.0),
    ] {
        let onelane = Onelane::start(application.address, session).unwrap();
        let mut browser = user.again(onelane.address());
        let write = application.page(Page::Write, 0);
        assert_eq!(browser.get(&write).unwrap().status, 200);
        let counted = || {
            let names = [
                "requests_total",
                "session_cookies_odd_total",
                "hold_seconds_count",
            ];
            names.map(|name| onelane.metric(&format!("onelane_{name}"), "").unwrap())
        };
        eventually("it is counted, as odd or with its lane", || {
            counted() == [1.0, odd, held]
        });
    }
}
