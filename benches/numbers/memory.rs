//! Memory: 10,000 requests that wait in 1,000 lanes, with and without what their connections need anyway; and whether
//! it comes back.
//!
//! Resident memory is what the system lent, not what is in use: an allocator may keep what was freed for next time.
//! Whether memory leaks therefore shows in repetition: it is done several times, and the last must need no more than
//! the one before it.

use std::io;

use crate::application::{AT_ONCE, Application, HOLD};
use crate::load::{Fleet, Sessions};
use crate::process::{Onelane, until};
use crate::report::{Section, count, kibibytes, megabytes, percent};
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
    let rounds = (0..ROUNDS)
        .map(|_| round(application, &onelane))
        .collect::<io::Result<Vec<_>>>()?;
    let (lanes, waiters) = (
        onelane.metric("onelane_lanes")?,
        onelane.metric("onelane_waiters")?,
    );
    let [first, .., last_but_one, last] = rounds.as_slice() else {
        return Err(io::Error::other("too few rounds to compare"));
    };

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
    section.figure(format!("time {ROUNDS}: waiting"), megabytes(last.waiting));
    section.figure(format!("time {ROUNDS}: afterwards"), megabytes(last.after));
    section.at_most(
        "it keeps, of what it took the first time",
        100.0 * (first.after - first.before) / (first.waiting - first.before),
        KEPT,
        percent,
    );
    section.at_most(
        "the last time needs more than the one before",
        last.waiting - last_but_one.waiting,
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
    Fleet::connect(onelane.address(), vec![Request::anonymous(AT_ONCE); 4])?
        .run(QUIET, Sessions::Own)?;
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
/// How often it is done.
const ROUNDS: usize = 6;
/// What may be left of the first peak, per cent: the allocator keeps a reserve.
const KEPT: f64 = 20.0;
/// A leak of 1 KB for each waiter would be as much; what the allocator keeps differs by less.
const MORE: f64 = 10e6;
/// Requests in quiet afterwards: some allocators give memory back only when they are used.
const QUIET: usize = 2_000;
/// Limits raised, so that nobody is refused and no idle connection closed.
const CONFIG: &str = "\
session: { preset: aspnet }
queue: { max_waiting: 40000 }
limits: { connections: 40000, idle_timeout: 600s }
";
