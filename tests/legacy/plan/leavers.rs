//! What clients that leave cost those that stay.

use std::io;
use std::time::Duration;

use crate::scenarios::leavers::{LEFT, Leavers, Size};

use super::claim::{Claim, none};
use super::setting::Stage;
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
    for &subject in extent.choose(&SUBJECTS[..], &SUBJECTS[..1]) {
        let setting = stage.setting(subject, "")?;
        let rounds = extent.choose(3, 1);
        let found = setting.rounds(
            rounds,
            |found: &Leavers| found.next,
            |way| Leavers::measure(way, size),
        )?;
        table.row([
            setting.name().to_owned(),
            found.bare.worked_off.to_string(),
            found.behind.worked_off.to_string(),
            time(found.bare.next),
            time(found.behind.next),
        ]);
        let what = format!("{}: requests of clients that had left", setting.name());
        claims.push(none(&*what, found.behind.worked_off));
        claims.push(Claim::control(
            what,
            found.bare.worked_off as f64,
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
    leavers: 4,
    ms: 200,
};
