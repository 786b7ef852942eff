//! The way of the access log to standard output.
//!
//! Guarantees: nobody who logs waits for whoever reads; what is held for a slow reader is bounded, and what does not fit
//! or cannot be written is lost and counted; they keep their order. Does not do: make lines;
//! `gateway::record` does.

use std::fmt;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, BufWriter, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use crossbeam_queue::ArrayQueue;

/// Where lines go in, each in one call that neither fails nor waits for the reader.
#[derive(Debug)]
pub(super) struct Lines {
    queue: Arc<Queue>,
    writer: Thread,
    /// Lines are cut from it, since a block of memory for each costs more than the line.
    block: BytesMut,
}

/// How many lines were lost.
#[derive(Clone, Debug)]
pub(super) struct Lost(Arc<Queue>);

/// The lines that are left: dropping it waits until they are written, for [`PATIENCE`].
#[derive(Debug)]
pub(super) struct Rest {
    queue: Arc<Queue>,
    writer: Thread,
    /// Disconnected at the end of the writer. In a lock, since a receiver is for one thread.
    end: Mutex<Receiver<()>>,
}

struct Queue {
    lines: ArrayQueue<Bytes>,
    lost: AtomicUsize,
    /// No more lines come.
    ended: AtomicBool,
}

/// A queue of so many lines to `reader`, written by a thread of its own: each when it comes, and together those that
/// came meanwhile.
///
/// # Errors
/// When there can be no thread.
pub(super) fn queue(
    reader: impl Write + Send + 'static,
    lines: usize,
) -> io::Result<(Lines, Rest)> {
    let queue = Arc::new(Queue {
        lines: ArrayQueue::new(lines),
        lost: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
    });
    let (writing, end) = channel();
    let written = Arc::clone(&queue);
    let writer = thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || written.write_to(BufWriter::new(reader), &writing))?
        .thread()
        .clone();
    let rest = Rest {
        queue: Arc::clone(&queue),
        writer: writer.clone(),
        end: Mutex::new(end),
    };
    Ok((Lines::new(queue, writer), rest))
}

/// Standard output, without the buffer and the lock that std gives it: lines come from one thread, in a buffer of ours.
/// That of Windows stays, since std translates for consoles.
#[must_use]
pub fn standard_output() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(own) = io::stdout().as_fd().try_clone_to_owned() {
        return Box::new(File::from(own));
    }
    Box::new(io::stdout())
}

impl Queue {
    /// The thread of the writer. `_writing` lives as long as it does.
    fn write_to(&self, mut reader: impl Write, _writing: &Sender<()>) {
        loop {
            let ended = self.ended.load(Ordering::Acquire); // before the last look
            while let Some(line) = self.lines.pop() {
                if reader.write_all(&line).is_err() {
                    self.lose();
                }
            }
            reader.flush().ok(); // what it does not take now is tried again with the next line
            if ended {
                return;
            }
            // Whoever adds a line unparks this thread, which makes a park that comes later return at once. That is a system
            // call of a core, if it sleeps: while there is much to write, it only lets others go first.
            let mut looks = 0..LOOKS;
            let came = looks.any(|_| {
                thread::yield_now();
                !self.lines.is_empty()
            });
            if !came {
                thread::park();
            }
        }
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

impl Lines {
    fn new(queue: Arc<Queue>, writer: Thread) -> Self {
        Self {
            queue,
            writer,
            block: BytesMut::with_capacity(BLOCK),
        }
    }

    /// Counts what is lost.
    pub(super) fn lost(&self) -> Lost {
        Lost(Arc::clone(&self.queue))
    }
}

/// Another way into the same queue.
impl Clone for Lines {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.queue), self.writer.clone())
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(line);
        match self.queue.lines.push(self.block.split().freeze()) {
            Ok(()) => self.writer.unpark(), // a system call only when it sleeps
            Err(_) => self.queue.lose(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
        self.queue.ended.store(true, Ordering::Release);
        self.writer.unpark();
        let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
        end.recv_timeout(PATIENCE).ok(); // nothing is ever sent
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

/// Lines that wait for their reader: a pause of several seconds at 10,000 requests a second, and some 20 MB at most.
pub(super) const LINES: usize = 65_536;
/// Memory that lines of a core are cut from, bytes: some 200 lines. It is used again once they are written.
const BLOCK: usize = 64 * 1024;
/// How often the writer looks for lines before it sleeps.
const LOOKS: usize = 4;
/// How long a reader that is stuck may hold up the end.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
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

    /// Takes nothing at all.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_stuck_stops_nobody_and_what_is_lost_is_counted() {
        let (go_on, stuck) = channel();
        let (mut writer, rest) = queue(Stuck(stuck), 4).unwrap();
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
        drop(rest);
    }

    #[test]
    fn what_fits_is_not_lost() {
        let (go_on, stuck) = channel();
        let (mut writer, rest) = queue(Stuck(stuck), 4).unwrap();
        for _ in 0..4 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!(writer.lost().lines(), 0);
        drop(go_on);
        drop(rest);
    }

    #[test]
    fn a_reader_that_is_stuck_holds_up_the_end_for_its_patience_alone() {
        let (_go_on, stuck) = channel();
        let (mut writer, rest) = queue(Stuck(stuck), 4).unwrap();
        writer.write_all(b"line\n").unwrap();
        let began = Instant::now();
        drop(rest);
        let waited = began.elapsed();
        assert!(waited >= PATIENCE, "{waited:?}");
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
    fn the_end_waits_for_all_lines_which_are_whole_and_in_the_order_of_their_core() {
        let (told, written) = channel();
        let (lines, rest) = queue(Told(told), 4 * PER_CORE).unwrap();
        thread::scope(|cores| {
            for core in 0..4 {
                let mut lines = lines.clone();
                cores.spawn(move || {
                    for number in 0..PER_CORE {
                        let line = format!("{core} {number} {}\n", "x".repeat(number % 700));
                        lines.write_all(line.as_bytes()).unwrap();
                    }
                });
            }
        });
        drop(rest);
        let all: Vec<u8> = written.try_iter().flatten().collect();
        let all = String::from_utf8(all).unwrap();
        let mut next = [0; 4];
        for line in all.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [core, number, filling] = fields[..] else {
                panic!("{line}")
            };
            let core: usize = core.parse().unwrap();
            assert_eq!(number.parse(), Ok(next[core]));
            assert_eq!(filling.len(), next[core] % 700);
            next[core] += 1;
        }
        assert_eq!((next, lines.lost().lines()), ([PER_CORE; 4], 0));
    }

    #[test]
    fn what_cannot_be_written_is_lost_and_counted() {
        let (mut lines, rest) = queue(Full, 100).unwrap();
        let line = [b'x'; 4096]; // two fill what is written together
        for _ in 0..100 {
            lines.write_all(&line).unwrap();
        }
        drop(rest);
        assert_eq!(lines.lost().lines(), 98, "two wait for a reader still");
    }

    const PER_CORE: usize = 2000;
}
