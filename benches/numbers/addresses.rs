//! Addresses: a million clients, each in an IPv6 network of its own, and a rule that would have to remember all of them.
//!
//! They come through a trusted proxy. The rule's rate is so low that the table can forget nobody: the worst case.
//! Control: the same client is served before it has used up its burst.

use std::io;

use crate::application::{AT_ONCE, Application};
use crate::load::{Allowed, Fleet, Sessions};
use crate::process::Onelane;
use crate::report::{Section, count, megabytes};
use crate::wire::Request;

/// Measures what the throttle remembers.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let known = Request::of_address(AT_ONCE, KNOWN);
    let mut known = Fleet::connect(onelane.address(), vec![known])?;
    known.run(BURST, Sessions::Own)?;
    known.allow(Allowed::Either);
    known.run(ASKED, Sessions::Own)?;
    let used_up = known.refused() == ASKED;

    let requests = (0..CONNECTIONS)
        .map(|_| Request::of_new_address(AT_ONCE))
        .collect();
    let mut many = Fleet::connect(onelane.address(), requests)?;
    many.allow(Allowed::Either);
    many.run(WARM_UP, Sessions::Own)?; // so that nothing but the table grows later
    let before = onelane.resident()?;
    let (mut tracked, mut resident, mut served_again) = (0, before, 0);
    for _ in 0..BATCHES {
        many.run(BATCH, Sessions::Random)?;
        tracked = tracked.max(onelane.metric("onelane_throttle_clients")?);
        resident = resident.max(onelane.resident()?);
        let refused = known.refused();
        known.run(ASKED, Sessions::Own)?;
        served_again += ASKED - (known.refused() - refused);
    }

    let mut section = Section::default();
    section.at_most("clients remembered", tracked, TRACKED, count);
    section.figure("memory before", megabytes(before));
    section.at_most(
        "memory on top, at its largest",
        resident - before,
        MEMORY,
        megabytes,
    );
    section.at_most(
        "times that the known client was served again",
        served_again,
        0,
        count,
    );
    section.figure("its burst was used up before", used_up.to_string());
    let shared = onelane.metric("onelane_throttle_shared_total")?;
    section.figure("requests measured together", count(shared));
    section.figure("of the newcomers, refused", count(many.refused()));
    section.note(format!(
        "{} requests, each from another /64, on {CONNECTIONS} connections",
        BATCH * BATCHES
    ));
    Ok(section)
}

const CONNECTIONS: usize = 64;
const BATCH: usize = 100_000;
const BATCHES: usize = 10;
/// What one client may send at once.
const BURST: usize = 20;
const WARM_UP: usize = 20_000;
/// How often the known client asks after each batch.
const ASKED: usize = 100;
const KNOWN: &str = "203.0.113.7";
/// The throttle's own bound.
const TRACKED: usize = 102_400;
/// A full table has 64 * 2,048 slots of 41 bytes, 5.4 MB; while a part of it grows there is an old one beside it, and an
/// allocator keeps some.
const MEMORY: f64 = 8e6;
const CONFIG: &str = "\
session: { preset: aspnet }
client: { trusted_proxies: [127.0.0.0/8] }
throttle: [{ rate: 20/h }]
";
