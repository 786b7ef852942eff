//! A real browser in front of ASP.NET.

use std::io;

use crate::applications::aspnet::BROWSER_PAGE;
use crate::scenarios::browser::Timings;
use crate::scenarios::writes::Size;

use super::claim::Claim;
use super::setting::{Repeat, Rounds, Stage};
use super::subjects::Subject;
use super::table::{Table, ratio, time};
use super::{Extent, Part, Side};

/// Measures a page that sends its requests in the background.
pub(super) fn run(stage: &mut Stage, _extent: Extent) -> io::Result<Part> {
    let setting = stage.setting(Subject::AspnetInProc, "")?;
    let mut ideals = Vec::new();
    let found = setting.rounds(REPEAT, |way| {
        ideals.push(REQUESTS.ideal(setting.way(Side::Bare))?);
        Timings::measure(way, BROWSER_PAGE, REQUESTS)
    })?;
    let figure = |rounds: &Rounds<Timings>| {
        let figure = rounds.figure(|timings| timings.total);
        figure.cloned().expect("there is a round")
    };
    let (bare, behind) = (figure(&found.bare), figure(&found.behind));
    let ideal = ideals.into_iter().min().expect("there is a round");
    let mut table = Table::new(
        format!(
            "{} XMLHttpRequests of {} ms, by the browser's own clock",
            REQUESTS.writes, REQUESTS.ms
        ),
        &["", "all answered after", "median", "longest"],
    );
    for (name, timings) in [("bare", &bare), ("Onelane", &behind)] {
        table.row([
            name.to_owned(),
            time(timings.total),
            time(timings.median()),
            time(timings.longest()),
        ]);
    }
    let over = |timings: &Timings| timings.total.as_secs_f64() / ideal.as_secs_f64();
    Ok(Part {
        heading: "In a browser",
        words: WORDS.to_owned(),
        tables: vec![table],
        claims: vec![
            Claim::promise("in Chromium: total / ideal", over(&behind), 1.25, ratio),
            Claim::control("in Chromium: total / ideal", over(&bare), 2.0, ratio),
        ],
        points: Vec::new(),
    })
}

const REPEAT: Repeat = Repeat { bare: 3, behind: 3 };
const REQUESTS: Size = Size { writes: 20, ms: 50 };
const WORDS: &str = "\
Chromium (headless) loads a page of the ASP.NET application, and its script sends 20 XMLHttpRequests at once. The times are the \
browser's resource timings, `responseEnd - fetchStart`. Over HTTP/1.1 a browser opens six connections to a host and keeps \
further requests in a line of its own until one is free; that wait is part of each time. So never more than five requests wait \
for the session's lock, and the bare application suffers less than under 20 connections: a request that leaves the browser's \
line finds the lock just free, and overtakes those that look for it each 500 ms. The ideal is that of the writes above.";
