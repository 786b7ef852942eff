//! Steady: a million requests of a million sessions leave nothing behind.

use std::io;

use crate::application::{AT_ONCE, Application};
use crate::load::{Fleet, Sessions};
use crate::process::Onelane;
use crate::report::{Section, count, megabytes};
use crate::wire::Request;

/// Measures how resident memory grows under random valid cookies.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), "session: { preset: aspnet }\n")?;
    let requests = (0..CONNECTIONS)
        .map(|_| Request::of_new_session(AT_ONCE))
        .collect();
    let mut fleet = Fleet::connect(onelane.address(), requests)?;
    fleet.run(BATCH, Sessions::Random)?;
    let warm = onelane.resident()?;
    let (mut peak, mut last) = (warm, warm);
    for _ in 0..BATCHES {
        fleet.run(BATCH, Sessions::Random)?;
        last = onelane.resident()?;
        peak = peak.max(last);
    }
    let mut section = Section::default();
    section.figure("after 100,000 requests", megabytes(warm));
    section.figure("after 1,000,000 more", megabytes(last));
    section.at_most("growth, at its largest", peak - warm, GROWTH, megabytes);
    section.at_most("lanes left", onelane.metric("onelane_lanes")?, 0, count);
    section.note(format!(
        "{CONNECTIONS} connections, a random session with each request, measured each 100,000"
    ));
    Ok(section)
}

const CONNECTIONS: usize = 64;
const BATCH: usize = 100_000;
const BATCHES: usize = 10;
const GROWTH: f64 = 5e6;
