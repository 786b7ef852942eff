//! Thousands of increments of one session.

use std::io;
use std::time::Duration;

use crate::scenarios::long::{Long, Size};

use super::claim::none;
use super::setting::Stage;
use super::subjects::Subject;
use super::table::{Table, time};
use super::{Extent, Part};

/// Measures them on every kind of stack.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let mut claims = Vec::new();
    let size = extent.choose(FULL, SHORT);
    let mut table = Table::new(
        format!("{} increments by {} clients", size.increments, size.clients),
        &[
            "application",
            "",
            "served",
            "failed",
            "lost",
            "overlaps",
            "each",
            "longest",
        ],
    );
    for subject in SUBJECTS {
        let setting = stage.setting(subject, "")?;
        let found = setting.both(|way| Long::measure(way, size))?;
        for (side, long) in [("bare", &found.bare), ("Onelane", &found.behind)] {
            table.row([
                setting.name().to_owned(),
                side.to_owned(),
                long.served.to_string(),
                long.failed.to_string(),
                long.lost.to_string(),
                long.overlaps.to_string(),
                time(long.each()),
                time(long.longest),
            ]);
        }
        let (name, behind) = (setting.name(), found.behind);
        claims.push(none(format!("{name}: lost in a long run"), behind.lost));
        let missing = size.increments - behind.served;
        claims.push(none(format!("{name}: not done in a long run"), missing));
    }
    Ok(Part {
        heading: "Long runs",
        words: format!(
            "{} clients of one session each send the next increment when the last one is answered, without a pause and without \
             work in the page. A side that is not done after {} is stopped there. Each is the total divided by what was served.",
            size.clients,
            time(size.within)
        ),
        tables: vec![table],
        claims,
        points: Vec::new(),
    })
}

const SUBJECTS: [Subject; 5] = [
    Subject::AspnetInProc,
    Subject::PhpFiles,
    Subject::PhpRedis,
    Subject::Django,
    Subject::Express,
];
const FULL: Size = Size {
    increments: 3_000,
    clients: 10,
    within: Duration::from_secs(60),
};
const SHORT: Size = Size {
    increments: 300,
    clients: 10,
    within: Duration::from_secs(60),
};
