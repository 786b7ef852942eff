//! Reads during a slow write of the same session: when they are answered.

use std::io;
use std::thread;
use std::time::Duration;

use crate::applications::Page;

use super::load::{Fate, ask, together};
use super::{Way, median, pause};

/// How many read, and how long the write is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) readers: usize,
    pub(crate) write_ms: u64,
}

/// What the readers saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reads {
    /// The median of their times.
    pub(crate) median: Duration,
    /// From the first read to the last one's answer.
    pub(crate) total: Duration,
    /// From the end of the write to the last read's answer; zero when all were answered before.
    pub(crate) after: Duration,
    /// Those that were not answered with 200.
    pub(crate) failed: usize,
}

impl Reads {
    /// A write begins, then all read at once.
    pub(crate) fn measure(way: Way<'_>, size: Size) -> io::Result<Self> {
        let user = way.user()?;
        let mut readers = way.connections(&user, size.readers + 1)?;
        let mut writer = readers.pop().expect("one more than the readers");
        let slow = way.page(Page::Write, size.write_ms);
        let (write, reads) = thread::scope(|scope| {
            let write = scope.spawn(move || ask(&mut writer, &slow));
            pause(SETTLE);
            let reads = together(readers, &way.page(Page::Read, 0));
            (write.join().expect("a load thread does not panic"), reads)
        });
        let last = reads.began + reads.total();
        Ok(Self {
            median: median(reads.took()),
            total: reads.total(),
            after: last.saturating_duration_since(write.ended),
            failed: reads.replies.len() - reads.number(Fate::Served),
        })
    }
}

/// Long enough for the write to begin.
pub(crate) const SETTLE: Duration = Duration::from_millis(200);
