//! Calls of the session store for each request.

use std::io;

use crate::scenarios::writes::{Size, Writes};

use super::claim::Claim;
use super::setting::Stage;
use super::subjects::Subject;
use super::table::{Table, ratio};
use super::{Extent, Part, Point, Series, Side};

/// Measures the counting provider, in memory and on Redis.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let (mut claims, mut points) = (Vec::new(), Vec::new());
    let mut table = Table::new(
        "Calls of GetItem and GetItemExclusive for each request",
        &["application", "at once", "bare", "Onelane"],
    );
    for (subject, numbers) in [
        (Subject::AspnetCounting, extent.choose(&AT_ONCE[..], &[8])),
        (Subject::AspnetRedis, extent.choose(&AT_ONCE[4..], &[])),
    ] {
        for &writes in numbers {
            let setting = stage.setting(subject, "")?;
            let size = Size { writes, ms: 50 };
            let found = setting.both(|way| Writes::measure(way, size))?;
            let (bare, behind) = (found.bare.gets_each(), found.behind.gets_each());
            table.row([
                setting.name().to_owned(),
                writes.to_string(),
                ratio(bare),
                ratio(behind),
            ]);
            let what = format!("{}: calls for each of {writes} at once", setting.name());
            claims.push(Claim::promise(&*what, behind, 1.0, ratio).counted());
            if writes > 5 {
                claims.push(Claim::control(what, bare, writes as f64 / 4.0, ratio));
            }
            for (side, value) in [(Side::Bare, bare), (Side::Behind, behind)] {
                points.push(Point {
                    series: Series::Gets(side),
                    at_once: writes,
                    label: setting.name(),
                    value,
                });
            }
        }
    }
    Ok(Part {
        heading: "Calls of the session store",
        words: WORDS.to_owned(),
        tables: vec![table],
        claims,
        points,
    })
}

const AT_ONCE: [usize; 6] = [1, 2, 5, 10, 20, 50];
const WORDS: &str = "\
ASP.NET asks the store for a locked session again each 500 ms, for every request that waits. A session-state provider that \
counts its calls stands between ASP.NET and its store; the requests are writes of 50 ms.";
