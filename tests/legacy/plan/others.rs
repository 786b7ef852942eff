//! Other users, while one session floods PHP.

use std::io;

use crate::scenarios::others::{Flood, Others, USERS, WORK};

use super::claim::{Claim, none};
use super::setting::Stage;
use super::subjects::Subject;
use super::table::{Table, ratio, seconds, time};
use super::{Extent, Part, Point, Series, Side};

/// Measures them on an idle server, during the flood, and behind Onelane.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let flood = extent.choose(FULL, SHORT);
    let setting = stage.setting(Subject::PhpFiles, "")?;
    let idle = Others::measure(setting.way(Side::Bare), None)?;
    let found = setting.both(|way| Others::measure(way, Some(flood)))?;
    let mut table = Table::new(
        format!("{USERS} other users, one request of {WORK} ms each"),
        &["", "median", "longest", "failed"],
    );
    for (name, others) in [
        ("idle server, bare", &idle),
        ("flood, bare", &found.bare),
        ("flood, behind Onelane", &found.behind),
    ] {
        table.row([
            name.to_owned(),
            time(others.median()),
            time(others.longest()),
            others.failed().to_string(),
        ]);
    }
    let over_idle = found.behind.median().as_secs_f64() / idle.median().as_secs_f64();
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
            none("other users who were not served", found.behind.failed()),
            Claim::control(
                "other users' median latency",
                found.bare.median().as_secs_f64(),
                extent.choose(5.0, 0.5),
                seconds,
            ),
        ],
        points: vec![
            point(Series::OthersIdle, &idle),
            point(Series::Others(Side::Bare), &found.bare),
            point(Series::Others(Side::Behind), &found.behind),
        ],
    })
}

const FULL: Flood = Flood {
    requests: 40,
    ms: 500,
};
const SHORT: Flood = Flood {
    requests: 24,
    ms: 120,
};
