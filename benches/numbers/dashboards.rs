//! Open dashboards: ten of them cost the requests nothing that can be measured.
//!
//! A dashboard does what the page does in a browser: it gets the files, then the stream of states, which is read and
//! thrown away. It is opened anew in each turn. The load is an open loop of [`RATE`] requests a second, beside lanes in
//! which requests wait: there is something to be shown. The two halves of the turns without dashboards say what two
//! measurements of the same differ by.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::application::{Application, HOLD};
use crate::browsers::{Browsers, Seen};
use crate::load::Fleet;
use crate::process::{Onelane, get, until};
use crate::report::{Sample, Section, count, ratio, time};
use crate::wire::Request;

/// Some dashboards; closed when dropped.
#[derive(Debug)]
pub(crate) struct Dashboards {
    open: Vec<(TcpStream, JoinHandle<()>)>,
    states: Arc<AtomicUsize>,
}

/// Sessions whose requests wait in their lanes.
#[derive(Debug)]
pub(crate) struct Crowd<'a> {
    application: &'a Application,
    fleet: Fleet,
}

/// What was measured in turns of one kind.
#[derive(Debug, Default)]
struct Turns {
    seen: Seen,
    used: Duration,
}

/// Measures requests without and with dashboards, in turns.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let mut browsers = Browsers::connect(onelane.address(), BROWSERS)?;
    let mut crowd = Crowd::connect(application, &onelane)?;
    crowd.wait(&onelane)?;
    drop(browsers.browse(RATE, TURN)); // a warm-up
    let (mut without, mut with) = ([Turns::default(), Turns::default()], Turns::default());
    let mut states = 0;
    for round in 0..ROUNDS {
        without[round % 2].add(&onelane, &mut browsers)?;
        let dashboards = Dashboards::open(onelane.admin(), DASHBOARDS)?;
        with.add(&onelane, &mut browsers)?;
        states += dashboards.states();
    }
    crowd.go()?;

    let mut section = Section::default();
    let [first, second] = without;
    let same = second.per_request() / first.per_request();
    let without = first.and(second);
    let processor = with.per_request() / without.per_request();
    let errors = without.wrong() + with.wrong();
    let (without, with) = (
        without.report("without", &mut section),
        with.report("with ten", &mut section),
    );
    section.figure(
        "half of the turns without against the other half",
        ratio(same),
    );
    section.at_most(
        "processor time with against without",
        processor,
        PROCESSOR,
        ratio,
    );
    let medians = with.median().as_secs_f64() / without.median().as_secs_f64();
    section.at_most("median with against without", medians, MEDIAN, ratio);
    section.at_most("errors", errors, 0, count);
    section.note(format!(
        "{RATE}/s in an open loop, {} requests with and as many without in {ROUNDS} turns; {DASHBOARDS} dashboards took \
         {states} states of {LANES} lanes with {WAITERS} waiters each",
        with.len(),
    ));
    Ok(section)
}

impl Turns {
    fn add(&mut self, onelane: &Onelane, browsers: &mut Browsers) -> io::Result<()> {
        let before = onelane.used()?;
        self.seen.add(browsers.browse(RATE, TURN));
        self.used += onelane.used()? - before;
        Ok(())
    }

    fn and(mut self, other: Self) -> Self {
        self.seen.add(other.seen);
        self.used += other.used;
        self
    }

    /// Processor time for each answer, seconds.
    fn per_request(&self) -> f64 {
        self.used.as_secs_f64() / self.seen.latencies.len() as f64
    }

    fn wrong(&self) -> usize {
        self.seen.errors + self.seen.refused
    }

    fn report(self, name: &str, section: &mut Section) -> Sample {
        let processor = Duration::from_secs_f64(self.per_request());
        let seen = Sample::new(self.seen.latencies);
        section.figure(
            format!("{name}: median, p99, processor time"),
            [seen.median(), seen.p99(), processor].map(time).join(", "),
        );
        seen
    }
}

impl Dashboards {
    /// Opens so many, and waits until each has had a state.
    pub(crate) fn open(admin: SocketAddr, number: usize) -> io::Result<Self> {
        let mut dashboards = Self {
            open: Vec::with_capacity(number),
            states: Arc::default(),
        };
        for had in 1..=number {
            for file in FILES {
                expect_ok(&get(admin, file)?)?;
            }
            let stream = follow(admin)?;
            let (reader, states) = (stream.try_clone()?, Arc::clone(&dashboards.states));
            let thread = thread::spawn(move || read(reader, &states));
            dashboards.open.push((stream, thread));
            until("a dashboard has a state", || Ok(dashboards.states() >= had))?;
        }
        Ok(dashboards)
    }

    /// How many states they have had together.
    pub(crate) fn states(&self) -> usize {
        self.states.load(Ordering::Relaxed)
    }
}

impl Drop for Dashboards {
    fn drop(&mut self) {
        for (stream, thread) in self.open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
            drop(thread.join());
        }
    }
}

fn follow(admin: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(admin)?;
    write!(stream, "GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    Ok(stream)
}

/// Counts the states of a stream until it ends. Each state is a chunk of its own, so lines are whole.
fn read(stream: TcpStream, states: &AtomicUsize) {
    let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
    while stream
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        if line.starts_with(b"event: state") {
            states.fetch_add(1, Ordering::Relaxed);
        }
        line.clear();
    }
}

fn expect_ok(answer: &str) -> io::Result<()> {
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(io::Error::other("a file of the dashboard is not there"))
    }
}

impl<'a> Crowd<'a> {
    /// Connects [`LANES`] sessions, each with one request to hold its lane and [`WAITERS`] to wait.
    pub(crate) fn connect(application: &'a Application, onelane: &Onelane) -> io::Result<Self> {
        let sessions: Vec<_> = (0..LANES).map(|_| Request::of_new_session(HOLD)).collect();
        let all = sessions.iter().cycle().take(LANES * (1 + WAITERS)).cloned();
        let mut crowd = Self {
            application,
            fleet: Fleet::connect(onelane.address(), all.collect())?,
        };
        // Once for nothing: what blocks what is shown only when waits have ended.
        crowd.wait(onelane)?;
        crowd.go()?;
        Ok(crowd)
    }

    /// Lets them come, and waits until all that can wait do.
    pub(crate) fn wait(&mut self, onelane: &Onelane) -> io::Result<()> {
        self.application.hold();
        self.fleet.send(0..LANES * (1 + WAITERS))?;
        until("a crowd waits", || {
            let waiting = onelane.metric("onelane_waiters")?;
            Ok(self.application.held() == LANES && waiting == LANES * WAITERS)
        })
    }

    /// Lets them go.
    pub(crate) fn go(&mut self) -> io::Result<()> {
        self.application.release();
        self.fleet.receive()
    }
}

/// Requests a second that the cost of dashboards is set against: few, since their cost is by the second.
pub(crate) const RATE: f64 = 1_000.0;
/// Dashboards that cost nothing measurable.
pub(crate) const DASHBOARDS: usize = 10;
const BROWSERS: u8 = 16;
const LANES: usize = 10;
/// In each of the lanes.
const WAITERS: usize = 4;
const ROUNDS: usize = 8;
const TURN: Duration = Duration::from_secs(3);
const PROCESSOR: f64 = 1.05;
const MEDIAN: f64 = 1.1;
/// What a browser gets before the stream.
const FILES: [&str; 11] = [
    "/",
    "/app.js",
    "/charts.js",
    "/dom.js",
    "/icon.svg",
    "/lanes.js",
    "/live.js",
    "/model.js",
    "/panels.js",
    "/release.js",
    "/style.css",
];
const STREAM: &str = "/api/v1/events?lanes=50";
const CONFIG: &str = "\
session: { preset: aspnet }
limits: { idle_timeout: 600s }
";
