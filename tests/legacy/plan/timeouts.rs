//! More work than fits the application's execution timeout.

use std::io;

use crate::scenarios::load::Fate;
use crate::scenarios::writes::{Size, Writes};

use super::claim::{Claim, none};
use super::setting::Stage;
use super::subjects::Subject;
use super::table::{Table, number, time};
use super::{Extent, Part};

/// Measures what becomes of them.
pub(super) fn run(stage: &mut Stage, _extent: Extent) -> io::Result<Part> {
    let setting = stage.setting(Subject::AspnetFiveSeconds, WAIT)?;
    let found = setting.both(|way| Writes::measure(way, SIZE))?;
    let columns = [
        "",
        "200",
        "503, Retry-After",
        "failed",
        "lost",
        "overlaps",
        "total",
    ];
    let mut table = Table::new(
        format!("{} writes of {} ms", SIZE.writes, SIZE.ms),
        &columns,
    );
    for (name, writes) in [("bare", &found.bare), ("Onelane", &found.behind)] {
        table.row([
            name.to_owned(),
            writes.number(Fate::Served).to_string(),
            writes.number(Fate::Refused).to_string(),
            writes.number(Fate::Failed).to_string(),
            writes.lost().to_string(),
            writes.overlaps().to_string(),
            time(writes.total()),
        ]);
    }
    let behind = &found.behind;
    let wrong = found.bare.number(Fate::Failed) as f64
        + found.bare.lost().abs() as f64
        + found.bare.overlaps() as f64;
    Ok(Part {
        heading: "More work than the execution timeout allows",
        words: WORDS.to_owned(),
        tables: vec![table],
        claims: vec![
            none("executionTimeout 5 s: failed", behind.number(Fate::Failed)),
            none("executionTimeout 5 s: lost", behind.lost()),
            none("executionTimeout 5 s: overlaps", behind.overlaps()),
            Claim::promise(
                "executionTimeout 5 s: refused with Retry-After",
                behind.number(Fate::Refused) as f64,
                SIZE.writes as f64 * 0.6,
                number,
            ),
            Claim::control(
                "executionTimeout 5 s: failed, lost or overlapping",
                wrong,
                1.0,
                number,
            ),
        ],
        points: Vec::new(),
    })
}

const SIZE: Size = Size {
    writes: 40,
    ms: 500,
};
const WAIT: &str = "queue: { wait_timeout: 10s }\n";
const WORDS: &str = "\
ASP.NET with `executionTimeout` 5 s; `queue.wait_timeout` is 10 s, so that not everything fits. Failed is every status but \
200 and a 503 with Retry-After, and no answer at all. Overlaps are the times that a writer found another one of its session \
inside: ASP.NET breaks a lock that is older than the execution timeout.";
