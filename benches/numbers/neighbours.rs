//! Neighbours: what one session with 100 waiters costs all others.

use std::io;
use std::time::Duration;

use crate::application::{Application, HOLD};
use crate::browsers::{Browsers, Seen, saturation};
use crate::load::Fleet;
use crate::proc::Machine;
use crate::process::{Onelane, until};
use crate::report::{Sample, Section, count, ratio, time};
use crate::wire::Request;

/// Measures the latency of other sessions, with and without the waiters in turns.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let saturation = saturation(&onelane, NEIGHBOURS)?;
    let rate = saturation * SHARE;
    let mut neighbours = Browsers::connect(onelane.address(), NEIGHBOURS)?;
    let session = Request::of_new_session(HOLD);
    let mut busy_session = Fleet::connect(onelane.address(), vec![session; 1 + WAITERS])?;

    let (mut without, mut with) = (Seen::default(), Seen::default());
    drop(neighbours.browse(rate, TURN)); // a warm-up
    let before = Machine::now()?;
    for _ in 0..ROUNDS {
        without.add(neighbours.browse(rate, TURN));
        application.hold();
        busy_session.send(0..1 + WAITERS)?;
        until("100 wait", || {
            Ok(application.held() == 1 && onelane.metric("onelane_waiters")? == WAITERS)
        })?;
        with.add(neighbours.browse(rate, TURN));
        application.release();
        busy_session.receive()?;
    }
    let busy = Machine::now()?.busy_since(before);

    let errors = without.errors + without.refused + with.errors + with.refused;
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

const NEIGHBOURS: u8 = 32;
const WAITERS: usize = 100;
const ROUNDS: usize = 6;
const TURN: Duration = Duration::from_secs(3);
/// Of saturation.
const SHARE: f64 = 0.3;
const RATIO: f64 = 1.2;
const CONFIG: &str = "\
session: { preset: aspnet }
queue: { limit: 200 }
limits: { idle_timeout: 600s }
";
