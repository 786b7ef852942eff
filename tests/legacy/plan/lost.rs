//! Updates that get lost on stacks that do not lock.

use std::io;

use crate::scenarios::load::Fate;
use crate::scenarios::writes::{Size, Writes};

use super::claim::{Claim, none};
use super::setting::Stage;
use super::subjects::Subject;
use super::table::{Table, number, time};
use super::{Extent, Part, Point, Series, Side};

/// Measures concurrent increments in Django, PHP with Redis, and Express.
pub(super) fn run(stage: &mut Stage, _extent: Extent) -> io::Result<Part> {
    let (mut claims, mut points) = (Vec::new(), Vec::new());
    let caption = format!("Lost out of {} increments sent at once", INCREMENTS.writes);
    let mut table = Table::new(
        caption,
        &["application", "bare", "Onelane", "total bare", "Onelane"],
    );
    for subject in SUBJECTS {
        let setting = stage.setting(subject, LONG_QUEUE)?;
        let found = setting.both(|way| Writes::measure(way, INCREMENTS))?;
        let (bare, behind) = (found.bare, found.behind);
        table.row([
            setting.name().to_owned(),
            bare.lost().to_string(),
            behind.lost().to_string(),
            time(bare.total()),
            time(behind.total()),
        ]);
        let name = setting.name();
        claims.push(none(format!("{name}: lost updates"), behind.lost()));
        claims.push(none(
            format!("{name}: increments not served"),
            INCREMENTS.writes - behind.number(Fate::Served),
        ));
        if subject == Subject::PhpRedisLocking {
            continue; // how much it loses depends on its version
        }
        claims.push(Claim::control(
            format!("{name}: lost updates"),
            bare.lost() as f64,
            50.0,
            number,
        ));
        for (side, lost) in [(Side::Bare, bare.lost()), (Side::Behind, behind.lost())] {
            points.push(Point {
                series: Series::Lost(side),
                at_once: INCREMENTS.writes,
                label: name,
                value: lost as f64,
            });
        }
    }
    Ok(Part {
        heading: "Lost updates",
        words: WORDS.to_owned(),
        tables: vec![table],
        claims,
        points,
    })
}

const SUBJECTS: [Subject; 4] = [
    Subject::Django,
    Subject::PhpRedis,
    Subject::Express,
    Subject::PhpRedisLocking,
];
const INCREMENTS: Size = Size {
    writes: 100,
    ms: 20,
};
/// More than the default of 50 would be refused, which is no loss, but not what is measured here.
const LONG_QUEUE: &str = "queue: { limit: 100 }\n";
const WORDS: &str = "\
Each request reads a counter from the session, works 20 ms, and stores the counter plus one. These stacks do not lock the \
session, so that bare they are fast, and wrong (php-redis has a lock that can be turned on, but a request that has waited for \
it too long, 20 ms in version 5 and 2 s in version 6, goes on without it and answers 200): an update is lost when the application answered 200 and the counter does \
not have it. Behind Onelane the same requests take their work one after another, which is what being right costs. \
`queue.limit` is 100 here, so that all of them may wait.";
