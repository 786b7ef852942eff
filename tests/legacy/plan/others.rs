//! Other users, while one session floods PHP.

use std::io;

use crate::scenarios::others::{Flood, Others, USERS, WORK};

use super::claim::{Claim, none};
use super::setting::{Repeat, Rounds, Stage};
use super::subjects::Subject;
use super::table::{Table, ratio, seconds, time};
use super::{Extent, Part, Point, Series, Side};

/// Measures them on an idle server, during the flood, and behind Onelane.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let flood = extent.choose(FULL, SHORT);
    let setting = stage.setting(Subject::PhpFiles, "")?;
    let mut idles = Vec::new();
    let found = setting.rounds(REPEAT, |way| {
        idles.push(Others::measure(setting.way(Side::Bare), None)?);
        Others::measure(way, Some(flood))
    })?;
    let figure = |rounds: &Rounds<Others>| {
        let figure = rounds.figure(Others::median);
        figure.cloned().expect("there is a round")
    };
    let (bare, behind) = (figure(&found.bare), figure(&found.behind));
    let idle = idles.into_iter().min_by_key(Others::median);
    let idle = idle.expect("there is a round");
    let failed: usize = found.behind.all().iter().map(Others::failed).sum();
    let mut table = Table::new(
        format!("{USERS} other users, one request of {WORK} ms each"),
        &["", "median", "longest", "failed"],
    );
    for (name, others) in [
        ("idle server, bare", &idle),
        ("flood, bare", &bare),
        ("flood, behind Onelane", &behind),
    ] {
        table.row([
            name.to_owned(),
            time(others.median()),
            time(others.longest()),
            others.failed().to_string(),
        ]);
    }
    let over_idle = behind.median().as_secs_f64() / idle.median().as_secs_f64();
    let point = |series, others: &Others| Point {
        series,
        at_once: 0,
        label: "",
        value: others.median().as_secs_f64(),
    };
    Ok(Part {
        heading: "Other users, while one session floods",
        words: format!(
            "PHP-FPM with 16 workers and file sessions. One session sends {} requests of {} ms at once; 0.3 s later {USERS} other \
             users come one after another, each with a session of their own. A worker that waits for the file's lock is a worker \
             that nobody else can have.",
            flood.requests, flood.ms
        ),
        tables: vec![table],
        claims: vec![
            Claim::promise(
                "other users' median latency / an idle server's",
                over_idle,
                1.5,
                ratio,
            ),
            none("other users who were not served", failed),
            Claim::control(
                "other users' median latency",
                bare.median().as_secs_f64(),
                5.0,
                seconds,
            ),
        ],
        points: vec![
            point(Series::OthersIdle, &idle),
            point(Series::Others(Side::Bare), &bare),
            point(Series::Others(Side::Behind), &behind),
        ],
    })
}

const FULL: Flood = Flood {
    requests: 40,
    ms: 500,
};
const SHORT: Flood = Flood {
    requests: 40,
    ms: 270,
};
const REPEAT: Repeat = Repeat { bare: 1, behind: 2 };
