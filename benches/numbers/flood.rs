//! A flood: what one client that sends far more than its rate costs all others, and what a refusal costs.
//!
//! Processor time is Onelane's own, of one client and in one run: its requests are forwarded, then it is over its rate
//! and they are refused, in turns.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use crate::application::{AT_ONCE, Application};
use crate::browsers::{Browsers, Seen};
use crate::load::{Allowed, Fleet, Sessions};
use crate::proc::Machine;
use crate::process::Onelane;
use crate::report::{Sample, Section, count, ratio, time};
use crate::wire::Request;

/// Measures both.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let mut section = Section::default();
    others(application, &mut section)?;
    refusals(application, &mut section)?;
    Ok(section)
}

/// The latency of other clients, with and without the flood in turns.
fn others(application: &Application, section: &mut Section) -> io::Result<()> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let addresses = (2..).map(|last| Ipv4Addr::new(127, 0, 0, last));
    let mut others = Browsers::connect_from(addresses.take(OTHERS), onelane.address())?;
    let flooding = std::iter::repeat_n(Ipv4Addr::new(127, 0, 1, 1), FLOODING);
    let mut flooding = Browsers::connect_from(flooding, onelane.address())?;
    drop(others.browse(RATE, TURN)); // a warm-up

    let (mut without, mut with, mut flood) = (Seen::default(), Seen::default(), Seen::default());
    let before = Machine::now()?;
    for _ in 0..ROUNDS {
        without.add(others.browse(RATE, TURN));
        thread::scope(|scope| {
            let attack = scope.spawn(|| flooding.browse(FLOOD, TURN));
            with.add(others.browse(RATE, TURN));
            flood.add(attack.join().expect("the flood does not panic"));
        });
    }
    let busy = Machine::now()?.busy_since(before);

    let seconds = (TURN * ROUNDS).as_secs_f64();
    let per_second = |number: usize| format!("{:.0}/s", number as f64 / seconds);
    section.figure("of the flood, refused", per_second(flood.refused));
    section.figure("of the flood, served", per_second(flood.latencies.len()));
    section.at_most("errors of the flood", flood.errors, 0, count);
    section.at_most("others refused", without.refused + with.refused, 0, count);
    section.at_most("errors of others", without.errors + with.errors, 0, count);
    let (without, with) = (Sample::new(without.latencies), Sample::new(with.latencies));
    for (name, sample) in [("without the flood", &without), ("with it", &with)] {
        section.figure(format!("{name}, median"), time(sample.median()));
        section.figure(format!("{name}, p99"), time(sample.p99()));
    }
    let medians = with.median().as_secs_f64() / without.median().as_secs_f64();
    section.at_most("ratio of the medians", medians, RATIO, ratio);
    section.note(format!(
        "{OTHERS} others at {RATE:.0}/s together, {} requests each way in {ROUNDS} turns; the flood {FLOOD:.0}/s from one \
         address on {FLOODING} connections, its rule 100/s; the machine was {busy} % busy",
        with.len(),
    ));
    Ok(())
}

/// Processor time of a forwarded and of a refused request.
fn refusals(application: &Application, section: &mut Section) -> io::Result<()> {
    let onelane = Onelane::start(application.address(), BOTH)?;
    let client = |path| {
        let requests = vec![Request::of_new_session(path)];
        Fleet::connect(onelane.address(), requests)
    };
    let (mut forwarded, mut refused) = (client(AT_ONCE)?, client(LIMITED)?);
    refused.allow(Allowed::Either);
    refused.run(REQUESTS, Sessions::Own)?; // uses up what it may have
    refused.allow(Allowed::Refused);
    forwarded.run(REQUESTS, Sessions::Own)?;
    let (mut of_forwarded, mut of_refused) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (fleet, took) in [
            (&mut forwarded, &mut of_forwarded),
            (&mut refused, &mut of_refused),
        ] {
            let before = onelane.used()?;
            fleet.run(REQUESTS, Sessions::Own)?;
            took.push(onelane.used()? - before);
        }
    }
    let each = |took: Vec<Duration>| Sample::new(took).median().div_f64(REQUESTS as f64);
    let (forwarded, refused) = (each(of_forwarded), each(of_refused));
    section.figure("processor time of a forwarded request", time(forwarded));
    section.figure("processor time of a refused request", time(refused));
    let share = refused.as_secs_f64() / forwarded.as_secs_f64();
    section.at_most("refused / forwarded", share, SHARE, ratio);
    Ok(())
}

const OTHERS: usize = 20;
/// Of all others together: half of what each may send.
const RATE: f64 = 1_000.0;
/// Connections of the flood.
const FLOODING: usize = 10;
const FLOOD: f64 = 5_000.0;
const ROUNDS: u32 = 6;
const TURN: Duration = Duration::from_secs(3);
const RATIO: f64 = 1.2;
/// Requests of one turn, of one connection.
const REQUESTS: usize = 10_000;
const SHARE: f64 = 0.6;
const CONFIG: &str = "\
session: { preset: aspnet }
throttle: [{ rate: 100/s }]
";
/// Its route has a rate that is soon used up.
const LIMITED: &str = "/limited/item";
/// Both routes have rules, so that both requests are measured.
const BOTH: &str = "\
session: { preset: aspnet }
routes: [{ name: limited, path: /limited/** }]
throttle: [{ rate: 1000000/s }, { rate: 1/h, routes: [limited] }]
";
