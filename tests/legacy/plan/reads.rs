//! Reads during a slow write.

use std::io;

use crate::scenarios::reads::{Reads, SETTLE, Size};

use super::claim::{Claim, none};
use super::setting::Stage;
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
        let found = setting.rounds(
            extent.choose(3, 1),
            |reads: &Reads| reads.median,
            |way| Reads::measure(way, size),
        )?;
        let (bare, behind) = (found.bare, found.behind);
        table.row([
            setting.name().to_owned(),
            time(bare.median),
            after(bare),
            time(behind.median),
            after(behind),
        ]);
        let name = setting.name();
        claims.push(none(format!("{name}: reads not served"), behind.failed));
        match waits {
            Waits::ForTheWrite => {
                let what = format!("{name}: the last read after the write");
                let (after, bound) = (behind.after.as_secs_f64(), 0.150);
                claims.push(Claim::promise(what, after, bound, seconds));
            }
            Waits::ForNothing => {
                let what = format!("{name}: a read during a write");
                let (median, bound) = (behind.median.as_secs_f64(), 0.150);
                claims.push(Claim::promise(what, median, bound, seconds));
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
    ForTheWrite,
    ForNothing,
}

fn after(reads: Reads) -> String {
    match reads.after.is_zero() {
        true => "earlier".to_owned(),
        false => format!("+ {}", time(reads.after)),
    }
}

const SUBJECTS: [(Subject, Waits); 3] = [
    (Subject::AspnetInProc, Waits::ForTheWrite),
    (Subject::PhpFiles, Waits::ForTheWrite),
    (Subject::Django, Waits::ForNothing),
];
const FULL: Size = Size {
    readers: 10,
    write_ms: 2_250,
};
const SHORT: Size = Size {
    readers: 10,
    write_ms: 700,
};
