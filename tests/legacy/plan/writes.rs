//! Writes of one session at once, on the stacks that lock.

use std::io;
use std::time::Duration;

use crate::scenarios::load::Fate;
use crate::scenarios::writes::{Size, Writes};

use super::claim::{Claim, none};
use super::setting::{Pair, Repeat, Rounds, Setting, Stage};
use super::subjects::Subject;
use super::table::{Table, ratio, time};
use super::{Extent, Part, Point, Series, Side};

/// Measures the whole table in front of ASP.NET, and of others.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let mut part = Part {
        heading: "Writes of one session at once",
        words: WORDS.to_owned(),
        tables: Vec::new(),
        claims: Vec::new(),
        points: Vec::new(),
    };
    for subject in SUBJECTS {
        matrix(&mut part, subject, stage.setting(subject, "")?, extent)?;
    }
    Ok(part)
}

/// All numbers of all lengths; those of the short form.
fn matrix(part: &mut Part, subject: Subject, setting: &Setting, extent: Extent) -> io::Result<()> {
    let caption = format!("{}: total (total / ideal)", setting.name());
    let mut table = Table::new(caption, &COLUMNS);
    let mut all_wrong = 0;
    for writes in AT_ONCE {
        let mut cells = vec![writes.to_string()];
        for ms in LENGTHS {
            let size = Size { writes, ms };
            let bound = BOUNDS
                .iter()
                .find(|bound| (subject, size) == (Subject::AspnetInProc, bound.size));
            let found = measure(setting, size, repeat(bound, size, extent))?;
            cells.extend([&found.bare, &found.behind].map(|rounds| cell(rounds, found.ideal)));
            if let Some(bound) = bound {
                part.claims.extend(claims(bound, &found));
            }
            if (subject, ms) == (Subject::AspnetInProc, 50) {
                part.points.extend(points(size, &found));
            }
            all_wrong += found.behind.all().iter().map(wrong).sum::<u64>();
        }
        let cells = <[String; COLUMNS.len()]>::try_from(cells);
        table.row(cells.expect("two cells for each length"));
    }
    part.tables.push(table);
    part.claims.push(none(wrong_in(setting), all_wrong));
    Ok(())
}

/// What one size gave.
#[derive(Debug)]
struct Found {
    /// The shortest of all rounds, as the totals are.
    ideal: Duration,
    bare: Rounds<Writes>,
    behind: Rounds<Writes>,
}

/// A size with bounds of total / ideal: at most behind Onelane, and at least bare.
#[derive(Debug)]
struct Bound {
    size: Size,
    most: f64,
    least: f64,
    repeat: Repeat,
}

/// One size. The ideal is measured again before each round, so that it has the same machine.
fn measure(setting: &Setting, size: Size, repeat: Repeat) -> io::Result<Found> {
    let mut ideals = Vec::new();
    let Pair { bare, behind } = setting.rounds(repeat, |way| {
        ideals.push(size.ideal(setting.way(Side::Bare))?);
        Writes::measure(way, size)
    })?;
    Ok(Found {
        ideal: ideals.into_iter().min().unwrap_or_default(),
        bare,
        behind,
    })
}

/// What has bounds is measured as often in both forms. The short one leaves out what has none: other sizes, and most of
/// those in which nothing may go wrong.
fn repeat(bound: Option<&Bound>, size: Size, extent: Extent) -> Repeat {
    let short = Repeat {
        bare: 0,
        behind: SHORT.contains(&size).into(),
    };
    let otherwise = extent.choose(Repeat { bare: 1, behind: 1 }, short);
    bound.map_or(otherwise, |bound| bound.repeat)
}

fn claims(bound: &Bound, found: &Found) -> [Claim; 2] {
    let Size { writes, ms } = bound.size;
    let what = format!("ASP.NET, InProc: total / ideal of {writes} writes of {ms} ms");
    let [bare, behind] = [&found.bare, &found.behind].map(|rounds| {
        let figure = rounds.figure(Writes::total);
        figure.map_or(f64::NAN, |figure| figure.over(found.ideal))
    });
    [
        Claim::promise(&*what, behind, bound.most, ratio),
        Claim::control(what, bare, bound.least, ratio),
    ]
}

fn points(size: Size, found: &Found) -> Vec<Point> {
    let figure = |rounds: &Rounds<Writes>| rounds.figure(Writes::total).map(Writes::total);
    let series = [
        (Series::Total(Side::Bare), figure(&found.bare)),
        (Series::Total(Side::Behind), figure(&found.behind)),
        (Series::TotalIdeal, Some(found.ideal)),
    ];
    let measured = series
        .into_iter()
        .filter_map(|(series, total)| Some((series, total?)));
    let points = measured.map(|(series, total)| Point {
        series,
        at_once: size.writes,
        label: "",
        value: total.as_secs_f64(),
    });
    points.collect()
}

fn wrong_in(setting: &Setting) -> String {
    format!("{}: writes not served, lost or overlapping", setting.name())
}

/// What must not be behind Onelane, all together.
fn wrong(writes: &Writes) -> u64 {
    unserved(writes) as u64 + writes.lost().unsigned_abs() + writes.overlaps()
}

/// The total and its ratio to the ideal, and what went wrong in any round, if anything did.
fn cell(rounds: &Rounds<Writes>, ideal: Duration) -> String {
    let Some(figure) = rounds.figure(Writes::total) else {
        return "-".to_owned();
    };
    let mut text = format!("{} ({})", time(figure.total()), ratio(figure.over(ideal)));
    let sum = |of: fn(&Writes) -> i64| rounds.all().iter().map(of).sum::<i64>();
    for (number, what) in [
        (sum(|writes| unserved(writes) as i64), "not served"),
        (sum(Writes::lost), "lost"),
        (sum(|writes| writes.overlaps() as i64), "overlaps"),
    ] {
        if number != 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

fn unserved(writes: &Writes) -> usize {
    writes.number(Fate::Failed) + writes.number(Fate::Refused)
}

/// Rounds of ten seconds and more are fewer.
const BOUNDS: [Bound; 2] = [
    Bound {
        size: Size { writes: 20, ms: 50 },
        most: 1.10,
        least: 5.0,
        repeat: Repeat { bare: 3, behind: 5 },
    },
    Bound {
        size: Size {
            writes: 50,
            ms: 200,
        },
        most: 1.05,
        least: 1.5,
        repeat: Repeat { bare: 1, behind: 2 },
    },
];
/// Sizes of the short form, for each application.
const SHORT: [Size; 3] = [
    Size { writes: 20, ms: 0 },
    Size { writes: 20, ms: 50 },
    Size { writes: 50, ms: 0 },
];
const AT_ONCE: [usize; 6] = [1, 2, 5, 10, 20, 50];
const LENGTHS: [u64; 3] = [0, 50, 200];
const COLUMNS: [&str; 7] = [
    "at once",
    "0 ms bare",
    "Onelane",
    "50 ms bare",
    "Onelane",
    "200 ms bare",
    "Onelane",
];
/// Stacks that lock a session themselves.
const SUBJECTS: [Subject; 3] = [
    Subject::AspnetInProc,
    Subject::AspnetStateServer,
    Subject::PhpFiles,
];
const WORDS: &str = "\
N requests of one session are sent at the same moment, each on a connection of its own; each works 0, 50 or 200 ms and \
changes the session. The total is the time until the last answer. The ideal is the time of N requests when nobody contends: \
N times what one takes of ten that one client sends one after another to the bare application, in the same minute. Where a \
bound is below, the ideal is the best of several rounds, as the total behind Onelane is; bare it is the one in the middle.";
