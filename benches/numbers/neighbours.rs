//! Neighbours: what one session with 100 waiters costs all others.
//!
//! The others come in an open loop, at exponential intervals, each on its own connection. A request counts from when it
//! was due, if its connection was busy then; a load thread that woke late is the benchmark's fault and does not count.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::application::{AT_ONCE, Application, HOLD};
use crate::load::{Fleet, Sessions};
use crate::process::{Machine, Onelane, until};
use crate::report::{Sample, Section, count, ratio, time};
use crate::timing::pause;
use crate::wire::{Head, Request};

/// A user with a session, a connection and a schedule of their own.
#[derive(Debug)]
struct Neighbour {
    stream: TcpStream,
    request: Request,
    buffer: Vec<u8>,
    random: fastrand::Rng,
}

/// What the neighbours saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    errors: usize,
}

/// Measures the latency of other sessions, with and without the waiters in turns.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let saturation = saturation(&onelane)?;
    let rate = saturation * SHARE;
    let mut neighbours = (0..NEIGHBOURS)
        .map(|number| Neighbour::connect(onelane.address(), number))
        .collect::<io::Result<Vec<_>>>()?;
    let session = Request::of_new_session(HOLD);
    let mut busy_session = Fleet::connect(onelane.address(), vec![session; 1 + WAITERS])?;

    let (mut without, mut with) = (Seen::default(), Seen::default());
    drop(browse(&mut neighbours, rate)); // a warm-up
    let before = Machine::now()?;
    for _ in 0..ROUNDS {
        without.add(browse(&mut neighbours, rate));
        application.hold();
        busy_session.send(0..1 + WAITERS)?;
        until("100 wait", || {
            Ok(application.held() == 1 && onelane.metric("onelane_waiters")? == WAITERS)
        })?;
        with.add(browse(&mut neighbours, rate));
        application.release();
        busy_session.receive()?;
    }
    let busy = Machine::now()?.busy_since(before);

    let errors = without.errors + with.errors;
    let (without, with) = (Sample::new(without.latencies), Sample::new(with.latencies));
    let mut section = Section::default();
    section.figure("saturation", format!("{saturation:.0}/s"));
    section.figure("without waiters, median", time(without.median()));
    section.figure("without waiters, p99", time(without.p99()));
    section.figure("without waiters, longest", time(without.max()));
    section.figure("with 100 waiters, median", time(with.median()));
    section.figure("with 100 waiters, p99", time(with.p99()));
    section.figure("with 100 waiters, longest", time(with.max()));
    let medians = with.median().as_secs_f64() / without.median().as_secs_f64();
    section.at_most("ratio of the medians", medians, RATIO, ratio);
    section.at_most("errors", errors, 0, count);
    section.note(format!(
        "{NEIGHBOURS} other sessions at {rate:.0}/s together, {} requests each way in {ROUNDS} turns; the machine was \
         {busy} % busy",
        with.len(),
    ));
    Ok(section)
}

/// Answers per second in a closed loop.
fn saturation(onelane: &Onelane) -> io::Result<f64> {
    let requests = (0..NEIGHBOURS)
        .map(|_| Request::of_new_session(AT_ONCE))
        .collect();
    let mut fleet = Fleet::connect(onelane.address(), requests)?;
    fleet.run(SATURATION / 4, Sessions::Own)?;
    let took = fleet.run(SATURATION, Sessions::Own)?;
    Ok(SATURATION as f64 / took.as_secs_f64())
}

/// All neighbours browse for one turn, at `rate` requests per second together.
fn browse(neighbours: &mut [Neighbour], rate: f64) -> Seen {
    let interval = f64::from(NEIGHBOURS) / rate;
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let threads: Vec<_> = neighbours
            .iter_mut()
            .map(|neighbour| scope.spawn(move || neighbour.browse(interval)))
            .collect();
        for thread in threads {
            seen.add(thread.join().expect("a neighbour's thread does not panic"));
        }
    });
    seen
}

impl Neighbour {
    fn connect(to: SocketAddr, number: u8) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (request, random) = (
            Request::of_new_session(AT_ONCE),
            fastrand::Rng::with_seed(number.into()),
        );
        Ok(Self {
            stream,
            request,
            buffer: vec![0; 4096],
            random,
        })
    }

    fn browse(&mut self, interval: f64) -> Seen {
        let mut seen = Seen::default();
        let end = Instant::now() + TURN;
        let mut due = Instant::now();
        loop {
            due += Duration::from_secs_f64(-interval * (1.0 - self.random.f64()).ln());
            if due >= end {
                return seen;
            }
            let from = match due.checked_duration_since(Instant::now()) {
                None => due,
                Some(early) => {
                    pause(early);
                    Instant::now()
                }
            };
            match self.visit() {
                Ok(()) => seen.latencies.push(from.elapsed()),
                Err(_) => {
                    seen.errors += 1;
                    return seen; // its connection is of no more use
                }
            }
        }
    }

    fn visit(&mut self) -> io::Result<()> {
        self.stream.write_all(self.request.bytes())?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            match Head::parse(&self.buffer[..filled])? {
                Some(head) if filled >= head.length => return head.ok(),
                _ => {}
            }
        }
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.errors += other.errors;
    }
}

const NEIGHBOURS: u8 = 32;
const WAITERS: usize = 100;
const ROUNDS: usize = 6;
const TURN: Duration = Duration::from_secs(3);
/// Requests that saturation is measured with.
const SATURATION: usize = 60_000;
/// Of saturation.
const SHARE: f64 = 0.3;
const RATIO: f64 = 1.2;
const CONFIG: &str = "\
session: { preset: aspnet }
queue: { limit: 200 }
limits: { idle_timeout: 600s }
";
