//! Writes of one session at once, on the stacks that lock.

use std::io;

use crate::scenarios::Way;
use crate::scenarios::load::Fate;
use crate::scenarios::writes::{Size, Writes, one_by_one};

use super::claim::{Claim, none};
use super::setting::{Pair, Setting, Stage};
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
    let first = stage.setting(Subject::AspnetInProc, "")?;
    match extent {
        Extent::Full => {
            let table = matrix(first, ROUNDS, &mut part.points, &mut part.claims)?;
            part.tables.push(table);
            for subject in OTHERS {
                let setting = stage.setting(subject, "")?;
                let table = matrix(setting, 1, &mut Vec::new(), &mut Vec::new())?;
                part.tables.push(table);
            }
        }
        Extent::Short => {
            let measure = |way: Way<'_>| Writes::measure(way, TWENTY);
            let found = Pair {
                bare: measure(first.way(Side::Bare))?,
                behind: first.middle(Side::Behind, ROUNDS, Writes::total, measure)?,
            };
            claims(&mut part.claims, TWENTY, &found);
        }
    }
    Ok(part)
}

/// All numbers of all lengths.
fn matrix(
    setting: &Setting,
    rounds: usize,
    points: &mut Vec<Point>,
    claims_of: &mut Vec<Claim>,
) -> io::Result<Table> {
    let caption = format!("{}: total (total / ideal)", setting.name());
    let mut table = Table::new(caption, &COLUMNS);
    for writes in AT_ONCE {
        let mut cells = vec![writes.to_string()];
        for ms in LENGTHS {
            let size = Size { writes, ms };
            let found = setting.rounds(rounds, Writes::total, |way| Writes::measure(way, size))?;
            let ideal = match ms {
                0 => one_by_one(setting.way(Side::Bare), size)?,
                _ => size.ideal(),
            };
            for (side, writes) in [(Side::Bare, &found.bare), (Side::Behind, &found.behind)] {
                let over = writes.total().as_secs_f64() / ideal.as_secs_f64();
                cells.push(cell(writes, over));
                if ms == 50 {
                    points.push(Point {
                        series: Series::Total(side),
                        at_once: size.writes,
                        label: "",
                        value: writes.total().as_secs_f64(),
                    });
                }
            }
            claims(claims_of, size, &found);
        }
        let cells = <[String; COLUMNS.len()]>::try_from(cells);
        table.row(cells.expect("two cells for each length"));
    }
    Ok(table)
}

/// The total and its ratio to the ideal, and what went wrong, if anything did.
fn cell(writes: &Writes, over_ideal: f64) -> String {
    let mut text = format!("{} ({})", time(writes.total()), ratio(over_ideal));
    let unserved = writes.number(Fate::Failed) + writes.number(Fate::Refused);
    for (number, what) in [
        (unserved as i64, "not served"),
        (writes.lost(), "lost"),
        (writes.overlaps() as i64, "overlaps"),
    ] {
        if number != 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

/// What is claimed of ASP.NET InProc.
fn claims(claims: &mut Vec<Claim>, size: Size, found: &Pair<Writes>) {
    let bounds = [(TWENTY, 1.10, 5.0), (FIFTY, 1.05, 1.5)];
    for (known, promise, control) in bounds {
        if known == size {
            let what = format!("total / ideal of {} writes of {} ms", size.writes, size.ms);
            let (bare, behind) = (found.bare.over_ideal(), found.behind.over_ideal());
            claims.push(Claim::promise(&*what, behind, promise, ratio));
            claims.push(Claim::control(what, bare, control, ratio));
        }
    }
    let behind = &found.behind;
    let wrong = behind.number(Fate::Failed) + behind.number(Fate::Refused);
    if wrong > 0 || behind.lost() != 0 || behind.overlaps() > 0 {
        let what = format!("{} writes of {} ms", size.writes, size.ms);
        claims.push(none(format!("{what}: not served"), wrong));
        claims.push(none(format!("{what}: lost"), behind.lost()));
        claims.push(none(format!("{what}: overlaps"), behind.overlaps()));
    }
}

/// Their issue's own sizes.
const TWENTY: Size = Size { writes: 20, ms: 50 };
const FIFTY: Size = Size {
    writes: 50,
    ms: 200,
};
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
/// Of the first table; the middle one counts.
const ROUNDS: usize = 3;
/// Further stacks that lock a session themselves.
const OTHERS: [Subject; 3] = [
    Subject::AspnetStateServer,
    Subject::PhpFiles,
    Subject::PhpRedisLocking,
];
const WORDS: &str = "\
N requests of one session are sent at the same moment, each on a connection of its own; each works 0, 50 or 200 ms and \
changes the session. The total is the time until the last answer. The ideal is the work alone, N x ms; of requests of 0 ms \
it is the time of the same N requests sent one after another to the bare application.";
