//! Hand-over: from the last byte of one response to the first byte of the next request of that lane, as the
//! application sees it.
//!
//! Each lane has two connections, so that one request waits while the other is in the application. From outside no core
//! can be chosen, but it can be seen: the thread that uses processor time while a connection alone sends is its core.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::application::{AT_ONCE, Application};
use crate::load::{Fleet, Sessions};
use crate::proc::{Machine, cores};
use crate::process::Onelane;
use crate::report::{Sample, Section, time};
use crate::timing::{LANE, LANES, Timing, WORK, pause};
use crate::wire::Request;

/// The connections of each lane, by number.
type Pairs = [[usize; 2]; LANES];

/// Measures hand-overs on one core and across two.
pub(crate) fn run(_: &Application) -> io::Result<Section> {
    let application = Timing::start()?;
    let onelane = Onelane::start(application.address(), "session: { preset: aspnet }\n")?;
    let requests = (0..LANES * cores())
        .map(|_| Request::anonymous(AT_ONCE))
        .collect();
    let mut fleet = Fleet::connect(onelane.address(), requests)?;
    let groups = by_core(&onelane, &mut fleet)?;
    let mut section = Section::default();
    let floor = floor()?;
    section.figure("a byte to and fro, median", time(floor.median()));
    section.figure("a byte to and fro, p99", time(floor.p99()));
    match groups.as_slice() {
        [one, two, ..] => {
            fleet.keep(&[one.as_slice(), two].concat());
            measure(&application, &mut fleet, SAME, "same core", &mut section)?;
            measure(
                &application,
                &mut fleet,
                ACROSS,
                "across cores",
                &mut section,
            )?;
        }
        _ => {
            return Err(io::Error::other(
                "needs two cores with connections; with one there is nothing to hand over to",
            ));
        }
    }
    Ok(section)
}

/// Connections by the thread that serves them; those of threads with exactly one for each lane.
fn by_core(onelane: &Onelane, fleet: &mut Fleet) -> io::Result<Vec<Vec<usize>>> {
    let mut groups: Vec<(u32, Vec<usize>)> = Vec::new();
    for client in 0..LANES * cores() {
        fleet.one(client, 20)?;
        let before = onelane.threads()?;
        fleet.one(client, 200)?;
        let after = onelane.threads()?;
        let busiest = after
            .iter()
            .max_by_key(|thread| {
                let earlier = before.iter().find(|earlier| earlier.id == thread.id);
                thread.used - earlier.map_or(Duration::ZERO, |earlier| earlier.used)
            })
            .map_or(0, |thread| thread.id);
        match groups.iter_mut().find(|(thread, _)| *thread == busiest) {
            Some((_, group)) => group.push(client),
            None => groups.push((busiest, vec![client])),
        }
    }
    Ok(groups
        .into_iter()
        .map(|(_, group)| group)
        .filter(|group| group.len() == LANES)
        .collect())
}

fn measure(
    application: &Timing,
    fleet: &mut Fleet,
    pairs: Pairs,
    name: &str,
    section: &mut Section,
) -> io::Result<()> {
    for (lane, pair) in pairs.iter().enumerate() {
        let request = Request::of_new_session(&format!("{LANE}{lane}"));
        for client in pair {
            fleet.assign(*client, request.clone());
        }
    }
    fleet.run(WARM_UP, Sessions::Own)?;
    drop(application.handovers());
    let before = Machine::now()?;
    fleet.run(REQUESTS, Sessions::Own)?;
    let busy = Machine::now()?.busy_since(before);
    let sample = Sample::new(application.handovers());
    section.at_most(format!("{name}, median"), sample.median(), MEDIAN, time);
    section.at_most(format!("{name}, p99"), sample.p99(), P99, time);
    section.figure(format!("{name}, longest"), time(sample.max()));
    section.note(format!(
        "{name}: {} hand-overs, {LANES} lanes with one waiter each, {} to {} ms in the application; the machine was \
         {busy} % busy",
        sample.len(),
        WORK.as_millis(),
        2 * WORK.as_millis(),
    ));
    Ok(())
}

/// What this machine takes for the least that a hand-over is: one thread writes, another wakes up and writes back.
fn floor() -> io::Result<Sample> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while far.read_exact(&mut byte).is_ok() && far.write_all(&byte).is_ok() {}
    });
    let mut took = Vec::with_capacity(ECHOES);
    for _ in 0..ECHOES {
        pause(WORK);
        let written = Instant::now();
        near.write_all(b"x")?;
        near.read_exact(&mut [0])?;
        took.push(written.elapsed());
    }
    drop(near);
    drop(echo.join());
    Ok(Sample::new(took))
}

/// Connections 0-3 are one core's, 4-7 the other's.
const SAME: Pairs = [[0, 1], [2, 3], [4, 5], [6, 7]];
const ACROSS: Pairs = [[0, 4], [1, 5], [2, 6], [3, 7]];
const WARM_UP: usize = 400;
const REQUESTS: usize = 5_000;
const ECHOES: usize = 1_000;
const MEDIAN: Duration = Duration::from_micros(100);
const P99: Duration = Duration::from_millis(1);
