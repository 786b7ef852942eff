//! Sessions: `/metrics` has the same series after ten sessions and after a hundred thousand more.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use crate::application::{AT_ONCE, Application};
use crate::load::{Fleet, Sessions};
use crate::process::Onelane;
use crate::report::{Section, count, time};
use crate::wire::Request;

/// What an operator reads.
#[derive(Debug)]
struct Scrape {
    /// Names with their labels.
    series: BTreeSet<String>,
    bytes: usize,
    /// Bytes that are no part of a value: those have more digits when they grow.
    letters: usize,
}

/// Compares what is read after few sessions and after many.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let requests = (0..CONNECTIONS).map(|_| Request::of_new_session(AT_ONCE));
    let mut fleet = Fleet::connect(onelane.address(), requests.collect())?;
    fleet.run(FEW, Sessions::Random)?;
    let few = Scrape::read(&onelane)?;
    let took = fleet.run(MANY, Sessions::Random)?;
    let many = Scrape::read(&onelane)?;

    let mut section = Section::default();
    section.figure(format!("after {FEW} sessions"), few.to_string());
    section.figure(format!("after {MANY} more"), many.to_string());
    let others = few.series.symmetric_difference(&many.series).count();
    section.at_most("series that differ", others, 0, count);
    section.at_most(
        "bytes that differ, but for values",
        few.letters.abs_diff(many.letters),
        0,
        count,
    );
    let counted = onelane.metric("onelane_requests_total")?;
    section.at_most(
        "requests that were not counted",
        (FEW + MANY).abs_diff(counted),
        0,
        count,
    );
    // The control: what may grow the text does.
    fleet.assign(0, Request::anonymous(OTHER_ROUTE));
    fleet.one(0, 1)?;
    let other = Scrape::read(&onelane)?
        .series
        .len()
        .saturating_sub(many.series.len());
    section.figure("series more after a request of another route", count(other));
    section.note(format!(
        "a random session with each request, {CONNECTIONS} at a time; it took {}",
        time(took)
    ));
    Ok(section)
}

impl Scrape {
    fn read(onelane: &Onelane) -> io::Result<Self> {
        let answer = onelane.get("/metrics")?;
        let text = match answer.split_once("\r\n\r\n") {
            Some((head, text)) if head.starts_with("HTTP/1.1 200 ") => text,
            _ => return Err(io::Error::other("there are no metrics")),
        };
        let (mut series, mut letters) = (BTreeSet::new(), 0);
        for line in text.lines() {
            if line.starts_with('#') {
                letters += line.len();
                continue;
            }
            let (name, _) = line.rsplit_once(' ').unwrap_or((line, ""));
            letters += name.len();
            series.insert(name.to_owned());
        }
        Ok(Self {
            series,
            bytes: text.len(),
            letters,
        })
    }
}

impl fmt::Display for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} series, {} bytes", self.series.len(), self.bytes)
    }
}

const CONNECTIONS: usize = 64;
const FEW: usize = 10;
const MANY: usize = 100_000;
/// It has no lane.
const OTHER_ROUTE: &str = "/plain/item";
const CONFIG: &str = "\
session: { preset: aspnet }
routes: [{ path: /plain/**, access: none }]
";
