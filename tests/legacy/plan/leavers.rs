//! What clients that leave cost those that stay.

use std::io;
use std::time::Duration;

use crate::scenarios::leavers::{LEFT, Leavers, Size};

use super::claim::{Claim, none};
use super::setting::{Repeat, Rounds, Stage};
use super::subjects::Subject;
use super::table::{Table, number, time};
use super::{Extent, Part};

/// Measures users who click again.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let mut claims = Vec::new();
    let size = extent.choose(FULL, SHORT);
    let mut table = Table::new(
        format!(
            "{} clients leave; each had asked for {} ms of work",
            size.leavers, size.ms
        ),
        &[
            "application",
            "worked off bare",
            "Onelane",
            "next click bare",
            "Onelane",
        ],
    );
    for subject in SUBJECTS {
        let setting = stage.setting(subject, "")?;
        let repeat = Repeat {
            bare: 1,
            behind: extent.choose(3, 1),
        };
        let found = setting.rounds(repeat, |way| Leavers::measure(way, size))?;
        let [bare, behind] = [&found.bare, &found.behind].map(Rounds::all);
        let least = bare.iter().map(|found| found.worked_off).min();
        let most = behind.iter().map(|found| found.worked_off).max();
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        let next = |rounds: &[Leavers]| rounds.iter().map(|found| found.next).min();
        table.row([
            setting.name().to_owned(),
            least.to_string(),
            most.to_string(),
            time(next(bare).unwrap_or_default()),
            time(next(behind).unwrap_or_default()),
        ]);
        let what = format!("{}: requests of clients that had left", setting.name());
        claims.push(none(&*what, most));
        claims.push(Claim::control(
            what,
            least as f64,
            size.leavers as f64 / 2.0,
            number,
        ));
    }
    Ok(Part {
        heading: "Clients that leave",
        words: format!(
            "One write runs; a user clicks again and again, and each time the browser drops the request before, which still \
             waits. The bare application learns of that too late, and works all of them off. The next click is sent when all \
             have left; the write that ran then had {} to go.",
            time(Duration::from_millis(LEFT))
        ),
        tables: vec![table],
        claims,
        points: Vec::new(),
    })
}

const SUBJECTS: [Subject; 2] = [Subject::AspnetInProc, Subject::PhpFiles];
const FULL: Size = Size {
    leavers: 10,
    ms: 300,
};
const SHORT: Size = Size {
    leavers: 10,
    ms: 100,
};
