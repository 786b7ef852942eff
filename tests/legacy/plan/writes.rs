//! Writes of one session at once, on the stacks that lock.

use std::io;
use std::time::Duration;

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
    match extent {
        Extent::Full => {
            for subject in SUBJECTS {
                matrix(&mut part, subject, stage.setting(subject, "")?)?;
            }
        }
        Extent::Short => {
            let setting = stage.setting(Subject::AspnetInProc, "")?;
            let measure = |size| move |way: Way<'_>| Writes::measure(way, size);
            let bare = measure(SIX)(setting.way(Side::Bare))?;
            let behind = measure(TWENTY);
            let behind = setting.middle(Side::Behind, ROUNDS, Writes::total, behind)?;
            part.claims.push(promise(TWENTY, 1.10, &behind));
            part.claims.push(control(SIX, 5.0, &bare));
            part.claims.push(none(wrong_in(setting), wrong(&behind)));
        }
    }
    Ok(part)
}

/// All numbers of all lengths.
fn matrix(part: &mut Part, subject: Subject, setting: &Setting) -> io::Result<()> {
    let caption = format!("{}: total (total / ideal)", setting.name());
    let mut table = Table::new(caption, &COLUMNS);
    let mut all_wrong = 0;
    for writes in AT_ONCE {
        let mut cells = vec![writes.to_string()];
        for ms in LENGTHS {
            let size = Size { writes, ms };
            let found = measure(part, subject, setting, size)?;
            let ideal = match ms {
                0 => one_by_one(setting.way(Side::Bare), size)?,
                _ => size.ideal(),
            };
            for (side, writes) in [(Side::Bare, &found.bare), (Side::Behind, &found.behind)] {
                cells.push(cell(writes, ideal));
                if (subject, ms) == (Subject::AspnetInProc, 50) {
                    part.points.push(Point {
                        series: Series::Total(side),
                        at_once: size.writes,
                        label: "",
                        value: writes.total().as_secs_f64(),
                    });
                }
            }
            all_wrong += wrong(&found.behind);
        }
        let cells = <[String; COLUMNS.len()]>::try_from(cells);
        table.row(cells.expect("two cells for each length"));
    }
    part.tables.push(table);
    part.claims.push(none(wrong_in(setting), all_wrong));
    Ok(())
}

/// One size; what is promised of it, too, if something is.
fn measure(
    part: &mut Part,
    subject: Subject,
    setting: &Setting,
    size: Size,
) -> io::Result<Pair<Writes>> {
    let bounds = BOUNDS.into_iter().find(|(known, ..)| *known == size);
    let Some((_, most, least)) = bounds.filter(|_| subject == Subject::AspnetInProc) else {
        return setting.both(|way| Writes::measure(way, size));
    };
    let found = setting.rounds(ROUNDS, Writes::total, |way| Writes::measure(way, size))?;
    part.claims.push(promise(size, most, &found.behind));
    part.claims.push(control(size, least, &found.bare));
    Ok(found)
}

fn promise(size: Size, most: f64, behind: &Writes) -> Claim {
    Claim::promise(over_ideal(size), behind.over_ideal(), most, ratio)
}

fn control(size: Size, least: f64, bare: &Writes) -> Claim {
    Claim::control(over_ideal(size), bare.over_ideal(), least, ratio)
}

fn over_ideal(size: Size) -> String {
    let Size { writes, ms } = size;
    format!("ASP.NET, InProc: total / ideal of {writes} writes of {ms} ms")
}

fn wrong_in(setting: &Setting) -> String {
    format!("{}: writes not served, lost or overlapping", setting.name())
}

/// What must not be behind Onelane, all together.
fn wrong(writes: &Writes) -> u64 {
    let unserved = writes.number(Fate::Failed) + writes.number(Fate::Refused);
    unserved as u64 + writes.lost().unsigned_abs() + writes.overlaps()
}

/// The total and its ratio to the ideal, and what went wrong, if anything did.
fn cell(writes: &Writes, ideal: Duration) -> String {
    let total = writes.total();
    let over_ideal = total.as_secs_f64() / ideal.as_secs_f64();
    let mut text = format!("{} ({})", time(total), ratio(over_ideal));
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

/// What the tests measure of the bare application.
const SIX: Size = Size { writes: 6, ms: 50 };
const TWENTY: Size = Size { writes: 20, ms: 50 };
const FIFTY: Size = Size {
    writes: 50,
    ms: 200,
};
/// At most behind Onelane, and at least bare.
const BOUNDS: [(Size, f64, f64); 2] = [(TWENTY, 1.10, 5.0), (FIFTY, 1.05, 1.5)];
/// Of the sizes with bounds; the middle one counts.
const ROUNDS: usize = 3;
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
changes the session. The total is the time until the last answer. The ideal is the work alone, N x ms; of requests of 0 ms \
it is the time of the same N requests sent one after another to the bare application.";
