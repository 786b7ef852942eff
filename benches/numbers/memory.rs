//! Memory: 10,000 requests that wait in 1,000 lanes, with and without what their connections need anyway; and whether
//! it comes back.
//!
//! The same is done twice: what the allocator keeps after the first time it must use again in the second.

use std::io;

use crate::application::{AT_ONCE, Application, HOLD};
use crate::load::Fleet;
use crate::process::{Onelane, until};
use crate::report::{Section, count, kibibytes, megabytes};
use crate::wire::Request;

/// Resident memory of Onelane on the way through one round, bytes.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Before its connections are opened.
    before: f64,
    /// All connections have had one request and are idle.
    idle: f64,
    /// Each lane has its holder.
    holding: f64,
    /// And its waiters.
    waiting: f64,
    /// Everything is answered and closed.
    after: f64,
}

/// Measures the memory of waiting requests.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let first = round(application, &onelane)?;
    let second = round(application, &onelane)?;
    let (lanes, waiters) = (
        onelane.metric("onelane_lanes")?,
        onelane.metric("onelane_waiters")?,
    );

    let clients = (LANES + WAITERS) as f64;
    let connection = (first.idle - first.before) / clients;
    let waiter = (first.waiting - first.holding) / WAITERS as f64;
    let mut section = Section::default();
    section.figure("started", megabytes(first.before));
    section.figure("11,000 idle connections", megabytes(first.idle));
    section.figure("1,000 holders", megabytes(first.holding));
    section.figure("10,000 waiters behind them", megabytes(first.waiting));
    section.figure("per idle connection", kibibytes(connection));
    section.figure("per holder, without its connection", {
        kibibytes((first.holding - first.idle) / LANES as f64)
    });
    section.figure("per waiter, without its connection", kibibytes(waiter));
    section.figure(
        "per waiter, with its connection",
        kibibytes(waiter + connection),
    );
    section.figure("afterwards", megabytes(first.after));
    section.figure("second time: waiting", megabytes(second.waiting));
    section.figure("second time: afterwards", megabytes(second.after));
    section.at_most(
        "kept, above the start",
        second.after - first.before,
        KEPT,
        megabytes,
    );
    section.at_most(
        "the second time needs more by",
        second.waiting - first.waiting,
        MORE,
        megabytes,
    );
    section.at_most("lanes left", lanes, 0, count);
    section.at_most("waiters left", waiters, 0, count);
    Ok(section)
}

fn round(application: &Application, onelane: &Onelane) -> io::Result<Round> {
    let before = onelane.resident()?;
    let sessions: Vec<_> = (0..LANES).map(|_| Request::of_new_session(HOLD)).collect();
    let everybody = (0..LANES + WAITERS)
        .map(|_| Request::anonymous(AT_ONCE))
        .collect();
    let mut fleet = Fleet::connect(onelane.address(), everybody)?;
    for (client, session) in (0..LANES + WAITERS).zip(sessions.iter().cycle()) {
        fleet.one(client, 1)?;
        fleet.assign(client, session.clone());
    }
    let idle = onelane.resident()?;

    application.hold();
    fleet.send(0..LANES)?;
    until("every lane has its holder", || {
        Ok(application.held() == LANES)
    })?;
    let holding = onelane.resident()?;
    fleet.send(LANES..LANES + WAITERS)?;
    until("everybody waits", || {
        Ok(onelane.metric("onelane_waiters")? == WAITERS)
    })?;
    let waiting = onelane.resident()?;

    application.release();
    fleet.receive()?;
    drop(fleet);
    until("everything is closed", || {
        Ok(onelane.metric("onelane_connections")? == 0 && application.connections() == 0)
    })?;
    Ok(Round {
        before,
        idle,
        holding,
        waiting,
        after: onelane.resident()?,
    })
}

const LANES: usize = 1_000;
const WAITERS: usize = 10_000;
/// What may be left of the first peak: what the allocator keeps for next time, but no leak.
const KEPT: f64 = 30e6;
/// The second time uses what is there.
const MORE: f64 = 5e6;
/// Limits raised, so that nobody is refused and no idle connection closed.
const CONFIG: &str = "\
session: { preset: aspnet }
queue: { limit: 50, max_waiting: 40000, wait_timeout: 600s, hold_limit: 600s }
limits: { connections: 40000, header_timeout: 600s }
";
