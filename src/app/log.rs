//! The way of the access log to standard output.
//!
//! Guarantees: nobody who logs waits for whoever reads; what is held for a slow reader is bounded, and what does not fit
//! is lost and counted. Does not do: make lines; `gateway::record` does.

use std::io::{BufWriter, Write};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// A queue of lines to `reader`, written by a thread of its own: each when it comes, and together those that came
/// meanwhile. Dropping the guard writes what is left.
pub(super) fn queue(
    reader: impl Write + Send + 'static,
    lines: usize,
) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(lines)
        .thread_name("log")
        .finish(BufWriter::new(reader)) // flushed whenever the queue is empty
}

/// Lines that wait for their reader: a pause of several seconds at 10,000 requests a second, and some 20 MB at most.
pub(super) const LINES: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

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
        let (mut writer, guard) = queue(Stuck(stuck), 4);
        let began = Instant::now();
        let line = [b'x'; 64 * 1024]; // more than is written together
        for _ in 0..100 {
            writer.write_all(&line).unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "nobody waited");
        let lost = writer.error_counter().dropped_lines();
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
        let (mut writer, guard) = queue(Stuck(stuck), 4);
        for _ in 0..4 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!(writer.error_counter().dropped_lines(), 0);
        drop(go_on);
        drop(guard);
    }
}
