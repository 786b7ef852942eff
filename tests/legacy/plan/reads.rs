//! Reads during a slow write.

use std::io;

use crate::applications::Application;
use crate::scenarios::reads::{Reads, SETTLE, Size};

use super::claim::{Claim, none};
use super::setting::Setting;
use super::table::{Table, seconds, time};
use super::{Extent, Part, subjects};

/// Measures them where the application makes readers wait, and where it does not.
pub(super) fn run(extent: Extent) -> io::Result<Part> {
    let mut claims = Vec::new();
    let size = extent.choose(FULL, SHORT);
    let mut table = Table::new(
        format!(
            "{} reads; median, and the last one's answer after the end of the write",
            size.readers
        ),
        &["application", "bare", "", "Onelane", ""],
    );
    for (start, waits) in SUBJECTS {
        let setting = Setting::start(start()?, "")?;
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
        true => "before".to_owned(),
        false => format!("+ {}", time(reads.after)),
    }
}

const SUBJECTS: [(fn() -> io::Result<Application>, Waits); 3] = [
    (subjects::aspnet_in_process, Waits::ForTheWrite),
    (subjects::php_files, Waits::ForTheWrite),
    (subjects::django, Waits::ForNothing),
];
const FULL: Size = Size {
    readers: 10,
    write_ms: 2_250,
};
const SHORT: Size = Size {
    readers: 10,
    write_ms: 700,
};
