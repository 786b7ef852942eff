//! Calls of the session store for each request.

use std::io;

use crate::http::at_the_same_moment;
use crate::scenarios::writes::{Size, Writes};

use super::claim::Claim;
use super::setting::{Pair, Setting, Stage};
use super::subjects::Subject;
use super::table::{Table, ratio};
use super::{Extent, Part, Point, Series, Side};

/// Measures the counting provider, in memory and on Redis.
pub(super) fn run(stage: &mut Stage, _extent: Extent) -> io::Result<Part> {
    let (mut claims, mut points) = (Vec::new(), Vec::new());
    let mut table = Table::new(
        "Calls of GetItem and GetItemExclusive for each request",
        &["application", "at once", "bare", "Onelane"],
    );
    let settings = stage.settings(SUBJECTS.map(|(subject, _)| subject))?;
    let found = beside(
        settings
            .into_iter()
            .zip(SUBJECTS.map(|(_, numbers)| numbers)),
    )?;
    for (name, writes, found) in found {
        let (bare, behind) = (found.bare.gets_each(), found.behind.gets_each());
        table.row([
            name.to_owned(),
            writes.to_string(),
            ratio(bare),
            ratio(behind),
        ]);
        let what = format!("{name}: calls for each of {writes} at once");
        claims.push(Claim::promise(&*what, behind, 1.0, ratio));
        if writes > 5 {
            claims.push(Claim::control(what, bare, writes as f64 / 4.0, ratio));
        }
        for (side, value) in [(Side::Bare, bare), (Side::Behind, behind)] {
            points.push(Point {
                series: Series::Gets(side),
                at_once: writes,
                label: name,
                value,
            });
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

/// What was found of an application in one size.
type Found = (&'static str, usize, Pair<Writes>);

/// The applications beside each other, since calls are counted and most of the time is waiting; each in all its numbers.
fn beside<'a>(
    these: impl Iterator<Item = (&'a Setting, &'static [usize])>,
) -> io::Result<Vec<Found>> {
    let of = |(setting, numbers): (&'a Setting, &'static [usize])| -> io::Result<Vec<Found>> {
        let one = |&writes| {
            let size = Size { writes, ms: MS };
            let found = setting.both(|way| Writes::measure(way, size))?;
            Ok((setting.name(), writes, found))
        };
        numbers.iter().map(one).collect()
    };
    let (_, found) = at_the_same_moment(these.collect(), of);
    Ok(found.into_iter().collect::<io::Result<Vec<_>>>()?.concat())
}

const SUBJECTS: [(Subject, &[usize]); 2] = [
    (Subject::AspnetCounting, &AT_ONCE),
    (Subject::AspnetRedis, AT_ONCE.split_at(4).1),
];
const AT_ONCE: [usize; 6] = [1, 2, 5, 10, 20, 50];
/// So long that a request, which waits for half of the others on average, looks each 500 ms for N / 4 times at least, however
/// the looks of all are spread. Of shorter writes several come in between two looks of one request, if the machine is busy.
const MS: u64 = 250;
const WORDS: &str = "\
ASP.NET asks the store for a locked session again each 500 ms, for every request that waits. A session-state provider that \
counts its calls stands between ASP.NET and its store; both kinds of store are measured at the same time. The requests are writes of 250 ms.";
