//! The way of the access log to standard output.
//!
//! Guarantees: nobody who logs waits for whoever reads; what is held for a slow reader is bounded, and what does not fit
//! is lost and counted; a line that comes while others are written costs its copy and nothing else. Does not do: make
//! lines; `gateway::record` does.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Where lines go in, each in one call that neither fails nor waits for the reader.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Queue>);

/// How many lines were lost.
#[derive(Clone, Debug)]
pub(super) struct Lost(Arc<Queue>);

/// The lines that are left: dropping it waits until they are written, for [`PATIENCE`].
#[derive(Debug)]
pub(super) struct Rest(Arc<Queue>);

/// A queue is one piece of memory, since a block of memory and a message for each line cost more than the line.
struct Queue {
    held: Mutex<Held>,
    /// There is something to write, or nothing more will come.
    came: Condvar,
    /// All is written.
    written: Condvar,
    lost: AtomicUsize,
    limit: usize,
}

struct Held {
    /// The lines that came since the writer took some.
    bytes: Vec<u8>,
    /// How many there are, with those that the writer has. It waits when there are none.
    lines: usize,
    life: Life,
}

/// Whether lines still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Ended,
}

/// A queue to `reader` for so many lines, written by a thread of its own: each within [`TOGETHER`] and a moment.
///
/// # Errors
/// When there can be no thread.
pub(super) fn queue(
    reader: impl Write + Send + 'static,
    limit: usize,
) -> io::Result<(Lines, Rest)> {
    let queue = Arc::new(Queue {
        held: Mutex::new(Held {
            bytes: Vec::with_capacity(KEPT),
            lines: 0,
            life: Life::Open,
        }),
        came: Condvar::new(),
        written: Condvar::new(),
        lost: AtomicUsize::new(0),
        limit,
    });
    let (lines, rest) = (Lines(Arc::clone(&queue)), Rest(Arc::clone(&queue)));
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || queue.write_to(reader))?;
    Ok((lines, rest))
}

impl Queue {
    /// The thread of the writer.
    fn write_to(&self, mut reader: impl Write) {
        let mut bytes = Vec::with_capacity(KEPT);
        while let Some(lines) = self.take(&mut bytes) {
            // A log that cannot be written has nowhere to complain.
            reader.write_all(&bytes).and_then(|()| reader.flush()).ok();
            bytes.clear();
            bytes.shrink_to(KEPT); // after a slow reader
            let mut held = self.held();
            held.lines -= lines;
            if held.lines == 0 {
                self.written.notify_all();
            }
        }
    }

    /// Waits for lines, and [`TOGETHER`] for more, and puts them into `empty`; gives how many there are, None when no more come.
    fn take(&self, empty: &mut Vec<u8>) -> Option<usize> {
        let nothing = |held: &mut Held| held.lines == 0 && held.life == Life::Open;
        let held = self
            .came
            .wait_while(self.held(), nothing)
            .unwrap_or_else(PoisonError::into_inner);
        let goes_on = |held: &mut Held| held.life == Life::Open;
        let (mut held, _) = self
            .came
            .wait_timeout_while(held, TOGETHER, goes_on)
            .unwrap_or_else(PoisonError::into_inner);
        mem::swap(empty, &mut held.bytes);
        (held.lines > 0).then_some(held.lines)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let queue = &*self.0;
        let mut held = queue.held();
        if held.lines < queue.limit {
            held.lines += 1;
            held.bytes.extend_from_slice(line);
            let is_first = held.lines == 1;
            drop(held);
            if is_first {
                queue.came.notify_one();
            }
        } else {
            queue.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.write(line).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Counts what is lost.
    pub(super) fn lost(&self) -> Lost {
        Lost(Arc::clone(&self.0))
    }
}

impl Lost {
    /// Until now.
    pub(super) fn lines(&self) -> usize {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.life = Life::Ended;
        self.0.came.notify_one();
        let left = |held: &mut Held| held.lines > 0;
        drop(self.0.written.wait_timeout_while(held, PATIENCE, left));
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Lines that wait for their reader: a pause of several seconds at 10,000 requests a second, and some 20 MB at most.
pub(super) const LINES: usize = 65_536;
/// How long the first line waits for others. A system call for each, and a thread that wakes for it, cost more than a
/// line; nobody who reads a log sees the delay.
const TOGETHER: Duration = Duration::from_millis(10);
/// How long a reader that is stuck may hold up the end.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the queue keeps of its memory, bytes: some 200 lines.
const KEPT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    /// Takes nothing until it is told to.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().ok(); // an error is the end of the test: from then on all is taken
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_stuck_stops_nobody_and_what_is_lost_is_counted() {
        let (go_on, stuck) = channel();
        let (mut writer, guard) = queue(Stuck(stuck), 4).unwrap();
        let began = Instant::now();
        let line = [b'x'; 64 * 1024]; // more than is written together
        for _ in 0..100 {
            writer.write_all(&line).unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "nobody waited");
        let lost = writer.lost().lines();
        assert!(
            (95..=96).contains(&lost),
            "{lost}: four wait, and one is being written, perhaps"
        );
        drop(go_on);
        drop(guard);
    }

    #[test]
    fn what_fits_is_not_lost() {
        let (go_on, stuck) = channel();
        let (mut writer, guard) = queue(Stuck(stuck), 4).unwrap();
        for _ in 0..4 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!(writer.lost().lines(), 0);
        drop(go_on);
        drop(guard);
    }

    /// Tells what is written, call by call.
    struct Told(Sender<Vec<u8>>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_comes_alone_is_written_and_the_next_one_too() {
        let (told, written) = channel();
        let (mut lines, _rest) = queue(Told(told), 4).unwrap();
        for line in ["one\n", "two\n"] {
            lines.write_all(line.as_bytes()).unwrap();
            assert_eq!(written.recv().unwrap(), line.as_bytes());
        }
    }

    #[test]
    fn lines_of_all_cores_are_written_in_their_order_and_together() {
        let (told, written) = channel();
        let (lines, rest) = queue(Told(told), 1000).unwrap();
        let began = Instant::now();
        thread::scope(|cores| {
            for core in 0..4 {
                let mut lines = lines.clone();
                cores.spawn(move || {
                    (0..250).for_each(|number| writeln(&mut lines, core, number));
                });
            }
        });
        drop(rest);
        let calls: Vec<_> = written.try_iter().collect();
        // One for each time, the one that has begun, and that of the end.
        let most = began.elapsed().as_millis() / TOGETHER.as_millis() + 2;
        assert!(calls.len() as u128 <= most, "{} calls", calls.len());
        let text = String::from_utf8(calls.concat()).unwrap();
        for core in 0..4 {
            let its = text
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("{core} ")));
            assert!(its.eq((0..250).map(|number| number.to_string())));
        }
        assert_eq!(lines.lost().lines(), 0);
    }

    fn writeln(lines: &mut Lines, core: usize, number: usize) {
        lines
            .write_all(format!("{core} {number}\n").as_bytes())
            .unwrap();
    }

    #[test]
    fn a_reader_that_is_stuck_holds_up_the_end_for_a_moment_only() {
        let (go_on, stuck) = channel::<()>();
        let (mut lines, rest) = queue(Stuck(stuck), 4).unwrap();
        lines.write_all(b"line\n").unwrap();
        let began = Instant::now();
        drop(rest);
        assert!((PATIENCE..10 * PATIENCE).contains(&began.elapsed()));
        drop(go_on);
    }
}
