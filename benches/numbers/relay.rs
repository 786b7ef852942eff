//! Relay: plain forwarding beside nginx, with the same application and the same load, in turns.
//!
//! The load and the application share the machine with the proxy, so that requests per second are only comparable with
//! each other; processor time per request is the proxy's own. With `ONELANE_BENCH_BASE=PROGRAM` another build of Onelane
//! takes turns too.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::application::{AT_ONCE, Application};
use crate::identity::Identity;
use crate::load::{Fleet, Sessions};
use crate::nginx::Nginx;
use crate::process::Onelane;
use crate::report::{Sample, Section, ratio};
use crate::wire::Request;

/// One way to the application, and what its turns took.
struct Way<'p> {
    name: String,
    fleet: Fleet,
    used: &'p dyn Fn() -> io::Result<Duration>,
    took: Vec<Duration>,
    processor: Vec<Duration>,
}

/// Measures requests per second and processor time per request.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    compare(application, None)
}

/// The same over TLS, which nginx and Onelane end.
pub(crate) fn run_secure(application: &Application) -> io::Result<Section> {
    compare(application, Some(&Identity::new()?))
}

fn compare(application: &Application, identity: Option<&Identity>) -> io::Result<Section> {
    let mut section = Section::default();
    let to = application.address();
    let Some(nginx) = Nginx::start(to, identity)? else {
        section.note(
            "skipped: there is no nginx to compare with; on Debian: apt-get install nginx-light",
        );
        return Ok(section);
    };
    let (onelane, base) = match identity {
        None => (
            Onelane::start(to, CONFIG)?,
            Onelane::start_base(to, CONFIG)?,
        ),
        Some(identity) => (Onelane::start_secure(to, identity, CONFIG)?, None),
    };
    let (nginx_used, onelane_used) = (|| nginx.used(), || onelane.used());
    let mut ways = vec![
        Way::new("straight, no proxy", to, AT_ONCE, None, &|| {
            Ok(Duration::ZERO)
        })?,
        Way::new("nginx", nginx.address(), AT_ONCE, identity, &nginx_used)?,
    ];
    for (name, path) in [("access none", NO_LANE), ("access write", AT_ONCE)] {
        let name = format!("onelane, {name}");
        let to = onelane.address();
        ways.push(Way::new(&name, to, path, identity, &onelane_used)?);
    }
    let base_used = || base.as_ref().map_or(Ok(Duration::ZERO), Onelane::used);
    if let Some(base) = &base {
        for (name, path) in [("access none", NO_LANE), ("access write", AT_ONCE)] {
            let name = format!("base, {name}");
            ways.push(Way::new(&name, base.address(), path, None, &base_used)?);
        }
    }
    for way in &mut ways {
        way.fleet.run(REQUESTS / 4, Sessions::Own)?; // a warm-up
    }
    let count = ways.len();
    for round in 0..ROUNDS {
        for turn in 0..count {
            ways[(round + turn) % count].measure()?;
        }
    }
    report(&ways, &mut section);
    Ok(section)
}

fn report(ways: &[Way<'_>], section: &mut Section) {
    for way in ways {
        section.figure(
            way.name.as_str(),
            format!(
                "{:6.0}/s  {:5.1} µs of processor/request",
                way.rate(),
                way.per_request()
            ),
        );
    }
    let [_, nginx, none, write, base @ ..] = ways else {
        return;
    };
    let with_nginx = [none, write]
        .into_iter()
        .chain(base)
        .map(|way| (way, nginx));
    for (way, other) in with_nginx.chain([none, write].into_iter().zip(base)) {
        let rate = ratio(way.rate() / other.rate());
        let processor = ratio(way.per_request() / other.per_request());
        section.figure(
            format!("{} / {}", way.name, other.name),
            format!("{rate} the rate, {processor} the processor time"),
        );
    }
    section.note(format!(
        "{CONNECTIONS} connections in a closed loop, 1 KiB responses, the median of {ROUNDS} turns of {REQUESTS} requests"
    ));
}

impl<'p> Way<'p> {
    fn new(
        name: &str,
        to: SocketAddr,
        path: &str,
        identity: Option<&Identity>,
        used: &'p dyn Fn() -> io::Result<Duration>,
    ) -> io::Result<Self> {
        let requests = (0..CONNECTIONS)
            .map(|_| Request::of_new_session(path))
            .collect();
        let fleet = Fleet::connect_over(to, requests, identity)?;
        Ok(Self {
            name: name.to_owned(),
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
