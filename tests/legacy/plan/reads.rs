//! Reads during a slow write.

use std::io;

use crate::scenarios::reads::{Reads, SETTLE, Size};

use super::claim::{Claim, none};
use super::setting::{Repeat, Rounds, Stage};
use super::subjects::Subject;
use super::table::{Table, seconds, time};
use super::{Extent, Part};

/// Measures them where the application makes readers wait, and where it does not.
pub(super) fn run(stage: &mut Stage, extent: Extent) -> io::Result<Part> {
    let mut claims = Vec::new();
    let size = extent.choose(FULL, SHORT);
    let mut table = Table::new(
        format!(
            "{} reads: the median of their times, and the last one's answer after the end of the write",
            size.readers
        ),
        &[
            "application",
            "median bare",
            "last bare",
            "median Onelane",
            "last Onelane",
        ],
    );
    for (subject, waits) in SUBJECTS {
        let setting = stage.setting(subject, "")?;
        let found = setting.rounds(REPEAT, |way| Reads::measure(way, size))?;
        let figure = |rounds: &Rounds<Reads>| {
            let figure = rounds.figure(|reads| reads.total);
            *figure.expect("there is a round")
        };
        let (bare, behind) = (figure(&found.bare), figure(&found.behind));
        let failed: usize = found.behind.all().iter().map(|reads| reads.failed).sum();
        table.row([
            setting.name().to_owned(),
            time(bare.median),
            after(bare),
            time(behind.median),
            after(behind),
        ]);
        let name = setting.name();
        claims.push(none(format!("{name}: reads not served"), failed));
        let what = format!("{name}: the last read after the write");
        let [after_bare, after_behind] = [bare, behind].map(|reads| reads.after.as_secs_f64());
        match waits {
            Waits::Polls => {
                claims.push(Claim::promise(&*what, after_behind, PROMPT, seconds));
                claims.push(Claim::control(what, after_bare, LATE, seconds));
            }
            Waits::ForTheFile => claims.push(Claim::promise(what, after_behind, PROMPT, seconds)),
            Waits::ForNothing => {
                let what = format!("{name}: a read during a write");
                let median = behind.median.as_secs_f64();
                claims.push(Claim::promise(what, median, PROMPT, seconds));
            }
        }
    }
    Ok(Part {
        heading: "Reads during a slow write",
        words: format!(
            "A write of {} runs; {} after it began, {} requests of the same session that only read are sent at once. Their route \
             says `access: read`. Where the application itself makes a reader wait for a writer (ASP.NET, PHP's files) the \
             answer cannot come before the write has ended; Onelane lets all readers go at that moment.",
            seconds(size.write_ms as f64 / 1e3),
            time(SETTLE),
            size.readers
        ),
        tables: vec![table],
        claims,
        points: Vec::new(),
    })
}

/// What a read waits for in the application itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// For the lock, which it looks for each 500 ms.
    Polls,
    /// For the lock of the session's file, which wakes it up.
    ForTheFile,
    ForNothing,
}

fn after(reads: Reads) -> String {
    match reads.after.is_zero() {
        true => "earlier".to_owned(),
        false => format!("+ {}", time(reads.after)),
    }
}

const SUBJECTS: [(Subject, Waits); 3] = [
    (Subject::AspnetInProc, Waits::Polls),
    (Subject::PhpFiles, Waits::ForTheFile),
    (Subject::Django, Waits::ForNothing),
];
/// Seconds that a read may take that has nothing to wait for.
const PROMPT: f64 = 0.150;
/// Seconds after the write at which those that look each 500 ms find it ended, in these sizes: the
/// readers look 350 ms after it, and 150 ms before.
const LATE: f64 = 0.250;
const REPEAT: Repeat = Repeat { bare: 1, behind: 3 };
const FULL: Size = Size {
    readers: 10,
    write_ms: 2_350,
};
const SHORT: Size = Size {
    readers: 10,
    write_ms: 850,
};
