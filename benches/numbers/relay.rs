//! Relay: plain forwarding beside nginx, with the same application and the same load, in turns.
//!
//! The load and the application share the machine with the proxy, so that requests per second are only comparable with
//! each other; processor time per request is the proxy's own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::application::{AT_ONCE, Application};
use crate::load::{Fleet, Sessions};
use crate::process::{Nginx, Onelane};
use crate::report::{Sample, Section, ratio};
use crate::wire::Request;

/// One way to the application, and what its turns took.
struct Way<'p> {
    name: &'static str,
    fleet: Fleet,
    used: &'p dyn Fn() -> io::Result<Duration>,
    took: Vec<Duration>,
    processor: Vec<Duration>,
}

/// Measures requests per second and processor time per request.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let mut section = Section::default();
    let Some(nginx) = Nginx::start(application.address())? else {
        section.note(
            "skipped: there is no nginx to compare with; on Debian: apt-get install nginx-light",
        );
        return Ok(section);
    };
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let (nginx_used, onelane_used) = (|| nginx.used(), || onelane.used());
    let mut ways = [
        Way::new(
            "straight, no proxy",
            application.address(),
            AT_ONCE,
            &|| Ok(Duration::ZERO),
        )?,
        Way::new("nginx", nginx.address(), AT_ONCE, &nginx_used)?,
        Way::new(
            "onelane, access none",
            onelane.address(),
            NO_LANE,
            &onelane_used,
        )?,
        Way::new(
            "onelane, access write",
            onelane.address(),
            AT_ONCE,
            &onelane_used,
        )?,
    ];
    for way in &mut ways {
        way.fleet.run(REQUESTS / 4, Sessions::Own)?; // a warm-up
    }
    let count = ways.len();
    for round in 0..ROUNDS {
        for turn in 0..count {
            ways[(round + turn) % count].measure()?;
        }
    }
    for way in &ways {
        section.figure(
            way.name,
            format!(
                "{:6.0}/s  {:5.1} µs of processor/request",
                way.rate(),
                way.per_request()
            ),
        );
    }
    let [_, nginx, none, write] = &ways;
    for way in [none, write] {
        let rate = ratio(way.rate() / nginx.rate());
        let processor = ratio(way.per_request() / nginx.per_request());
        section.figure(
            format!("{} / nginx", way.name),
            format!("{rate} the rate, {processor} the processor time"),
        );
    }
    section.note(format!(
        "{CONNECTIONS} connections in a closed loop, 1 KiB responses, the median of {ROUNDS} turns of {REQUESTS} requests"
    ));
    Ok(section)
}

impl<'p> Way<'p> {
    fn new(
        name: &'static str,
        to: SocketAddr,
        path: &str,
        used: &'p dyn Fn() -> io::Result<Duration>,
    ) -> io::Result<Self> {
        let requests = (0..CONNECTIONS)
            .map(|_| Request::of_new_session(path))
            .collect();
        let fleet = Fleet::connect(to, requests)?;
        Ok(Self {
            name,
            fleet,
            used,
            took: Vec::new(),
            processor: Vec::new(),
        })
    }

    fn measure(&mut self) -> io::Result<()> {
        let before = (self.used)()?;
        self.took.push(self.fleet.run(REQUESTS, Sessions::Own)?);
        self.processor.push((self.used)()? - before);
        Ok(())
    }

    /// Requests per second, in the median turn.
    fn rate(&self) -> f64 {
        REQUESTS as f64 / Sample::new(self.took.clone()).median().as_secs_f64()
    }

    /// Processor time per request, in the median turn, µs.
    fn per_request(&self) -> f64 {
        Sample::new(self.processor.clone()).median().as_secs_f64() * 1e6 / REQUESTS as f64
    }
}

const CONNECTIONS: usize = 32;
const REQUESTS: usize = 40_000;
const ROUNDS: usize = 7;
/// Its route has no lane.
const NO_LANE: &str = "/plain/item";
const CONFIG: &str = "\
session: { preset: aspnet }
routes: [{ path: /plain/**, access: none }]
limits: { idle_timeout: 600s }
";
