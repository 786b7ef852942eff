//! Operator: what metrics, access log and dashboards cost, in instructions of a request.
//!
//! What the kernel does for it is not counted. Two requests of a session are measured, each on keep-alive connections
//! after a warm-up. The *ordinary* one is a form as Chromium posts it, answered with 20 KiB as IIS does; the bound of
//! [`SHARE`] is for it. The *bare* one is a GET with few header fields, answered with 1 KiB: nobody has such pages alone,
//! and its shares are figures without a bound. The log is what a Onelane with it executes more than one without. Metrics,
//! and what a lane keeps for whoever looks at it, cannot be turned off: they are the instructions that belong to
//! [`recording`], with what these call of other crates. A dashboard costs by the second, not by the request: that is what
//! a Onelane with waiting lanes, and no traffic, executes more while it is open, and is set against [`RATE`] requests a
//! second. Of [`ROUNDS`] processes each the middle one counts: how often threads wake, and where memory comes from, makes
//! some hundred instructions of a request differ from process to process.

use std::io;
use std::time::Duration;

use crate::application::{AT_ONCE, Application, FORM};
use crate::callgrind::{Callgrind, Calls, Executed, INSTALL, is_installed};
use crate::dashboards::{Crowd, DASHBOARDS, Dashboards, RATE};
use crate::load::{Fleet, Sessions};
use crate::report::Section;
use crate::timing::pause;
use crate::wire::Request;

/// What dashboards cost in a second, in instructions.
#[derive(Clone, Copy, Debug)]
struct Second {
    /// One.
    one: f64,
    /// [`DASHBOARDS`].
    many: f64,
}

/// A request that is measured.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Ordinary,
    Bare,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Bare => "bare",
        }
    }

    fn request(self) -> Request {
        match self {
            Self::Ordinary => Request::form_of_new_session(FORM),
            Self::Bare => Request::of_new_session(AT_ONCE),
        }
    }

    /// Adds what is to be said of its share.
    fn report(self, section: &mut Section, what: &str, share: f64) {
        let what = format!("{}: {what}", self.name());
        match self {
            Self::Ordinary => section.at_most(what, share, SHARE, percent),
            Self::Bare => section.figure(what, percent(share)),
        }
    }
}

/// Measures the instructions of requests and dashboards.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let mut section = Section::default();
    if !is_installed() {
        section.note(format!("skipped: on Debian: {INSTALL}"));
        return Ok(section);
    }
    let second = second(application)?;
    section.figure("a second of a dashboard", instructions(second.one));
    section.figure(
        format!("a second of {DASHBOARDS}"),
        instructions(second.many),
    );
    for kind in [Kind::Ordinary, Kind::Bare] {
        shares(kind, second, application, &mut section)?;
    }
    section.note(format!(
        "per cent of a request without them; {REQUESTS} requests on {CONNECTIONS} connections after {WARM_UP}, the middle \
         of {ROUNDS} processes, dashboards against {RATE} requests a second"
    ));
    Ok(section)
}

/// What they cost of one kind of request.
fn shares(
    kind: Kind,
    second: Second,
    application: &Application,
    section: &mut Section,
) -> io::Result<()> {
    let (name, off) = (
        kind.name(),
        requests(kind, application, "{ access: false }")?,
    );
    let whole = per_request(off.total);
    let recorded = per_request(off.of_files(recording)?);
    let bare = whole - recorded;
    section.figure(
        format!("{name}: a request without a log"),
        instructions(whole),
    );
    section.figure(
        format!("{name}: of it metrics and notes"),
        instructions(recorded),
    );
    for format in ["text", "json"] {
        let on = requests(kind, application, &format!("{{ format: {format} }}"))?;
        let line = per_request(on.total) - whole;
        section.figure(
            format!("{name}: a line of the log, {format}"),
            instructions(line),
        );
        let share = |second: f64| 100.0 * (recorded + line + second / RATE) / bare;
        let together = format!("metrics, log as {format} and a dashboard");
        kind.report(section, &together, share(second.one));
        section.figure(
            format!("{name}: the same with {DASHBOARDS}"),
            percent(share(second.many)),
        );
    }
    Ok(())
}

/// What is executed for [`REQUESTS`], with `log` as the configuration has it: the middle of [`ROUNDS`].
fn requests(kind: Kind, application: &Application, log: &str) -> io::Result<Executed> {
    let rounds = (0..ROUNDS).map(|_| round(kind, application, log));
    let mut rounds = rounds.collect::<io::Result<Vec<_>>>()?;
    rounds.sort_by_key(|executed| executed.total);
    Ok(rounds.swap_remove(ROUNDS / 2))
}

fn round(kind: Kind, application: &Application, log: &str) -> io::Result<Executed> {
    let config = format!("{CONFIG}log: {log}\n");
    let mut callgrind = Callgrind::start(application.address(), &config)?;
    let requests = (0..CONNECTIONS).map(|_| kind.request());
    let mut fleet = Fleet::connect(callgrind.onelane().address(), requests.collect())?;
    fleet.run(WARM_UP, Sessions::Own)?;
    callgrind.count(|| fleet.run(REQUESTS, Sessions::Own).map(drop))
}

/// What belongs to the metrics, and to what a lane keeps of a request for whoever looks at it.
fn recording(file: &str) -> Option<Calls> {
    match file {
        "lane/note.rs" => Some(Calls::Count),
        "gateway/account.rs" => Some(Calls::Leave), // it calls the release of lanes, too
        _ if file.starts_with("metrics/") => Some(Calls::Count),
        _ => None,
    }
}

fn second(application: &Application) -> io::Result<Second> {
    let mut callgrind = Callgrind::start(application.address(), CONFIG)?;
    let mut crowd = Crowd::connect(application, callgrind.onelane())?;
    crowd.wait(callgrind.onelane())?;
    let mut measure = |number| {
        let open = Dashboards::open(callgrind.onelane().admin(), number)?;
        let before = open.states();
        let executed = callgrind.count(|| {
            pause(WATCHED);
            Ok(())
        })?;
        let states = open.states() - before;
        io::Result::Ok((executed.total as f64, states as f64 / number.max(1) as f64))
    };
    let (nobody, _) = measure(0)?;
    let (one, seconds_of_one) = measure(1)?;
    let (many, seconds_of_many) = measure(DASHBOARDS)?;
    crowd.go()?;
    Ok(Second {
        one: (one - nobody) / seconds_of_one,
        many: (many - nobody) / seconds_of_many,
    })
}

fn per_request(instructions: u64) -> f64 {
    instructions as f64 / REQUESTS as f64
}

fn instructions(number: f64) -> String {
    format!("{number:.0}")
}

fn percent(share: f64) -> String {
    format!("{share:.1} %")
}

const CONNECTIONS: usize = 4;
const WARM_UP: usize = 1_000;
const REQUESTS: usize = 4_000;
const ROUNDS: usize = 3;
/// How long dashboards are watched.
const WATCHED: Duration = Duration::from_secs(10);
/// Per cent.
const SHARE: f64 = 5.0;
const CONFIG: &str = "\
session: { preset: aspnet }
limits: { idle_timeout: 600s }
";
