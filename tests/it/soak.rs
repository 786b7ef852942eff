//! The long random run, `ONELANE_SOAK_SECONDS` (8) long: two runs at the same time.
//!
//! *Chaos*: many clients, thousands of sessions, and everybody leaves, stalls or resets at random. At its end nobody was
//! inside together who must not be, nobody was stuck, and nothing is left.
//!
//! *Walk*: one driver does one random thing at a time (send, leave, release) and knows before the next that the proxy has
//! seen it, by its count of waiters; the order of arrival is therefore certain, and a model of the lanes says who must
//! enter next. `ONELANE_SOAK_SEED` repeats a run's decisions.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::{
    Arrived, Client, DEADLINE, Exchange, Proxy, Request, Seen, Step, Upstream, answer, chunked,
    eventually, held,
};

/// What a run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Findings {
    exclusion_violations: usize,
    fifo_inversions: usize,
    /// Clients that got neither an answer nor an end in time.
    stuck: usize,
    /// Answers that the request does not explain.
    wrong: usize,
    requests: usize,
}

impl Findings {
    /// The same, without the number of requests: what must be 0.
    fn faults(self) -> Self {
        Self {
            requests: 0,
            ..self
        }
    }
}

#[test]
fn the_long_random_run_finds_nothing() {
    let seed = seed();
    let time = duration();
    let (chaos, walk) = std::thread::scope(|scope| {
        let chaos = scope.spawn(|| chaos(seed, time, ""));
        let walk = scope.spawn(|| walk(seed, time, ""));
        (
            chaos.join().expect("chaos ends"),
            walk.join().expect("the walk ends"),
        )
    });
    say(&format!(
        "soak: seed {seed}, {time:?}, chaos {chaos:?}, walk {walk:?}"
    ));
    assert_eq!(chaos.faults(), Findings::default(), "chaos, seed {seed}");
    assert_eq!(walk.faults(), Findings::default(), "walk, seed {seed}");
    assert!(
        chaos.requests > 200 && walk.requests > 50,
        "{chaos:?} {walk:?}"
    );
}

#[test]
fn without_lanes_the_same_runs_find_violations() {
    let seed = seed();
    let time = DEADLINE; // each ends with its first violation
    assert!(
        chaos(seed, time, "default_access: none").exclusion_violations > 0,
        "seed {seed}"
    );
    assert!(
        walk(seed, time, "default_access: none").exclusion_violations > 0,
        "seed {seed}"
    );
}

fn duration() -> Duration {
    let seconds = std::env::var("ONELANE_SOAK_SECONDS")
        .map_or(8, |text| text.parse().expect("whole seconds"));
    Duration::from_secs(seconds)
}

fn seed() -> u64 {
    std::env::var("ONELANE_SOAK_SEED").map_or_else(
        |_| fastrand::u64(..),
        |text| text.parse().expect("a number"),
    )
}

#[expect(clippy::print_stderr, reason = "the seed of a run belongs in its log")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn chaos(seed: u64, time: Duration, yaml: &str) -> Findings {
    let app = Upstream::start();
    app.forget_what_left();
    app.on_each("*", performance);
    let routes = "routes: [{ path: /share, access: read, reads: share }, { path: /read, access: read, reads: overtake }]";
    let proxy = Proxy::in_front_of(&app, if yaml.is_empty() { routes } else { yaml });
    let findings = Mutex::new(Findings::default());
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut browser = Browser {
                dice: Rng::with_seed(seed ^ number),
                proxy: &proxy,
                found: Findings::default(),
            };
            let (findings, app) = (&findings, &app);
            scope.spawn(move || {
                let found = || !yaml.is_empty() && app.exclusion_violations() > 0; // what such a run is for
                while Instant::now() < until && !found() {
                    browser.act();
                }
                let mut sum = findings.lock().expect("no client panics");
                sum.stuck += browser.found.stuck;
                sum.wrong += browser.found.wrong;
                sum.requests += browser.found.requests;
            });
        }
    });
    let mut findings = findings.into_inner().expect("no client panics");
    findings.exclusion_violations = app.exclusion_violations();
    proxy.until_nothing_is_left();
    eventually("the application is empty", || app.inside() == 0);
    if yaml.is_empty() {
        assert_eq!(
            proxy.metrics().count("onelane_exclusion_exceptions_total"),
            0,
            "seed {seed}"
        );
    }
    assert_eq!(proxy.stop().cut_off, 0, "seed {seed}");
    eventually("the application's connections are closed", || {
        app.open_connections() == 0
    });
    findings
}

/// How the application behaves, as the request's query asks.
fn performance(seen: &Seen) -> Vec<Step> {
    let work = Step::Work(Duration::from_millis(
        seen.query("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0),
    ));
    let end = match seen.query("end") {
        Some("chunked") => vec![Step::Send(chunked(&["all ", "is ", "well"]))],
        Some("slow") => {
            let (bytes, pause) = (answer(200, "all is well"), Duration::from_millis(1));
            vec![Step::SendSlowly {
                bytes,
                piece: 8,
                pause,
            }]
        }
        Some("reset") => vec![Step::Reset],
        Some("cut") => vec![
            Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nall is".to_vec()),
            Step::Close,
        ],
        Some("last") => {
            // Announced: a request that meets an unannounced close is lost, and nobody may send it again.
            let last =
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n\r\nall is well";
            vec![Step::Send(last.to_vec()), Step::Close]
        }
        _ => vec![Step::Send(answer(200, "all is well"))],
    };
    [vec![Step::ReadBody, work], end].concat()
}

/// One of the clients of the chaos.
struct Browser<'a> {
    dice: Rng,
    proxy: &'a Proxy,
    found: Findings,
}

impl Browser<'_> {
    fn act(&mut self) {
        let (request, end) = self.request();
        let bytes = request.bytes();
        let mut client = self.proxy.connect();
        self.found.requests += 1;
        match self.dice.u8(0..12) {
            0 => drop(client), // before a byte
            1 => {
                client.send_if_taken(&bytes[..self.dice.usize(..bytes.len())]);
                self.leave(client); // somewhere in the head or the body
            }
            2 | 3 => {
                client.send_if_taken(&bytes);
                self.leave(client); // waiting, inside or just served
            }
            4 => {
                client.send_if_taken(&bytes);
                if client.try_head().is_ok() {
                    self.leave(client); // in the middle of the response
                }
            }
            5 => {
                for piece in bytes.chunks(1 + bytes.len() / 5) {
                    client.send_if_taken(piece);
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                self.read(client, &request, end);
            }
            _ => {
                client.send_if_taken(&bytes);
                self.read(client, &request, end);
            }
        }
    }

    /// A random request, and how the application is to end it.
    fn request(&mut self) -> (Request, &'static str) {
        let end = ENDS[self.dice.usize(..ENDS.len())];
        let query = format!("ms={}&end={end}", self.dice.u8(0..6));
        // Half of the requests crowd into a few sessions.
        let session = if self.dice.bool() {
            self.dice.u32(0..10)
        } else {
            self.dice.u32(10..5000)
        };
        let body = "x".repeat(self.dice.usize(0..3000));
        let request = match self.dice.u8(0..8) {
            0 => Request::get(&format!("/read?{query}")),
            1 | 2 => Request::get(&format!("/share?{query}")).header("X-Kind", "share"),
            3 => Request::post_chunked(&format!("/write?{query}"), &[&body, "x"])
                .header("X-Kind", "write"),
            _ => Request::post(&format!("/write?{query}"), body).header("X-Kind", "write"),
        };
        (request.session(&format!("session-{session}")), end)
    }

    fn leave(&mut self, client: Client) {
        if self.dice.bool() {
            client.reset();
        }
    }

    fn read(&mut self, mut client: Client, request: &Request, end: &str) {
        match client.try_response_to(request.method()) {
            Ok(response) => {
                let explained = match end {
                    "reset" => response.status == 502,
                    "cut" => response.is_cut(),
                    _ => {
                        response.status == 200
                            && response.text() == "all is well"
                            && !response.is_cut()
                    }
                };
                if !explained {
                    say(&format!("not explained: {request:?} got {response:?}"));
                    self.found.wrong += 1;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.found.stuck += 1,
            Err(error) => {
                say(&format!("no response: {request:?}: {error}"));
                self.found.wrong += 1;
            }
        }
    }
}

/// One session of the walk: what the model knows of its lane.
#[derive(Default)]
struct Lane<'a> {
    inside: Option<(Arrived<'a>, Option<Exchange>)>,
    line: VecDeque<(u64, Exchange)>,
}

/// The driver and its model of all lanes.
struct Walk<'a> {
    dice: Rng,
    app: &'a Upstream,
    proxy: &'a Proxy,
    lanes: [Lane<'a>; 5],
    newest: u64,
    entered: usize,
    found: Findings,
}

fn walk(seed: u64, time: Duration, yaml: &str) -> Findings {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, yaml);
    let dice = Rng::with_seed(seed);
    let found = Findings::default();
    let mut walk = Walk {
        dice,
        app: &app,
        proxy: &proxy,
        lanes: Default::default(),
        newest: 0,
        entered: 0,
        found,
    };
    let until = Instant::now() + time;
    while Instant::now() < until && walk.found.faults() == Findings::default() {
        let lane = walk.dice.usize(..walk.lanes.len());
        match walk.dice.u8(0..10) {
            0..=4 => walk.send(lane),
            5 => walk.leave_waiting(lane),
            6 => walk.leave_inside(lane),
            _ => walk.release(lane),
        }
    }
    if walk.found.faults() == Findings::default() {
        for lane in 0..walk.lanes.len() {
            while walk.lanes[lane].inside.is_some() {
                walk.release(lane);
            }
        }
        walk.found.exclusion_violations = app.exclusion_violations();
        walk.found.fifo_inversions += app.fifo_inversions();
        proxy.until_nothing_is_left();
    }
    walk.found
}

impl Walk<'_> {
    fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.line.len()).sum()
    }

    fn send(&mut self, lane: usize) {
        if self.lanes[lane].line.len() >= 10 {
            return;
        }
        self.newest += 1;
        self.found.requests += 1;
        let request = Request::post("/x", "x=1")
            .header("X-Kind", "write")
            .header("X-Seq", self.newest);
        let exchange = self.proxy.session(&format!("lane-{lane}")).send(request);
        if self.lanes[lane].inside.is_none() {
            self.enter(lane, self.newest, exchange);
            return;
        }
        self.lanes[lane].line.push_back((self.newest, exchange));
        self.settle();
    }

    /// Waits until the proxy counts as many waiters as the model; an entry that the model forbids ends the walk.
    fn settle(&mut self) {
        let waiting = self.waiting();
        eventually("the proxy and the model agree on who waits", || {
            self.proxy.metrics().count("onelane_waiters") == waiting
                || self.app.arrived() > self.entered
        });
        if self.app.arrived() > self.entered {
            self.found.exclusion_violations += 1;
        }
    }

    fn enter(&mut self, lane: usize, expected: u64, exchange: Exchange) {
        let arrived = self.app.arrival();
        self.entered += 1;
        if arrived.seen.header("x-seq") != Some(expected.to_string().as_str()) {
            self.found.fifo_inversions += 1;
        }
        self.lanes[lane].inside = Some((arrived, Some(exchange)));
        self.settle();
    }

    fn leave_waiting(&mut self, lane: usize) {
        let count = self.lanes[lane].line.len();
        if count == 0 {
            return;
        }
        let place = self.dice.usize(..count);
        let (_, exchange) = self.lanes[lane]
            .line
            .remove(place)
            .expect("a place in the line");
        if self.dice.bool() {
            exchange.leave()
        } else {
            exchange.reset()
        }
        self.settle();
    }

    fn leave_inside(&mut self, lane: usize) {
        if let Some((_, exchange)) = &mut self.lanes[lane].inside {
            drop(exchange.take());
        }
    }

    fn release(&mut self, lane: usize) {
        let Some((inside, exchange)) = self.lanes[lane].inside.take() else {
            return;
        };
        inside.release();
        if let Some(mut exchange) = exchange
            && exchange.status() != 200
        {
            self.found.wrong += 1;
        }
        match self.lanes[lane].line.pop_front() {
            Some((next, exchange)) => self.enter(lane, next, exchange),
            None => {
                let held = self
                    .lanes
                    .iter()
                    .filter(|lane| lane.inside.is_some())
                    .count();
                eventually("the permit has ended", || {
                    self.proxy.metrics().count("onelane_holders") <= held
                });
            }
        }
    }
}

/// Client threads of the chaos.
const CLIENTS: u64 = 32;

/// How the application ends a response.
const ENDS: [&str; 10] = [
    "fixed", "fixed", "fixed", "fixed", "chunked", "chunked", "slow", "reset", "cut", "last",
];
