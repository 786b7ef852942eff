//! What a person sees while figures are gathered: never a silent terminal.
//!
//! Guarantees: on a terminal one line that is redrawn five times a second and leaves nothing behind; elsewhere (a pipe,
//! a CI log) a line every two seconds and no control characters. It goes to standard error, so that standard output
//! holds the result alone.
//! Does not do: fail. A progress line that cannot be written is not missed.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::load::Answered;

/// Where progress is written, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Line after line.
    Lines,
    /// One line, redrawn.
    Redrawn,
}

impl Progress {
    /// What suits standard error.
    pub(super) fn detect() -> Self {
        if io::stderr().is_terminal() {
            Self::Redrawn
        } else {
            Self::Lines
        }
    }

    /// Shows how much of `work` has been answered while it runs.
    pub(super) async fn watch<T>(
        self,
        label: &str,
        total: usize,
        answered: &Answered,
        work: impl Future<Output = T>,
    ) -> T {
        let (start, mut ticks, mut work) = (Instant::now(), interval(self.period()), pin!(work));
        loop {
            tokio::select! {
                done = &mut work => {
                    self.show(&self.cleared());
                    return done;
                }
                _ = ticks.tick() => self.show(&self.line(label, answered.count(), total, start.elapsed())),
            }
        }
    }

    fn period(self) -> Duration {
        match self {
            Self::Lines => Duration::from_secs(2),
            Self::Redrawn => Duration::from_millis(200),
        }
    }

    fn line(self, label: &str, answered: usize, total: usize, elapsed: Duration) -> String {
        let filled = BAR * answered.min(total) / total.max(1);
        let bar = format!("[{:.<BAR$}]", "#".repeat(filled));
        let seconds = elapsed.as_secs_f64();
        let text =
            format!("   {label:<18} {bar} {answered:>3} of {total} answered, {seconds:>4.1} s");
        match self {
            Self::Lines => format!("{text}\n"),
            Self::Redrawn => format!("\r{text:<WIDTH$}"),
        }
    }

    fn cleared(self) -> String {
        match self {
            Self::Lines => String::new(),
            Self::Redrawn => format!("\r{:<WIDTH$}\r", ""),
        }
    }

    fn show(self, text: &str) {
        let mut stderr = io::stderr().lock();
        stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush())
            .ok();
    }
}

const BAR: usize = 20;
const WIDTH: usize = 78;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_one_line_redrawn_and_then_nothing() {
        let line = Progress::Redrawn.line("straight", 5, 20, Duration::from_millis(2_340));
        let text = "   straight           [#####...............]   5 of 20 answered,  2.3 s";
        assert_eq!(line.trim_end(), format!("\r{text}"));
        assert_eq!(
            line.len(),
            Progress::Redrawn.cleared().len() - 1,
            "clearing covers the whole line"
        );
    }

    #[test]
    fn a_log_sees_plain_lines() {
        let line = Progress::Lines.line("through Onelane", 20, 20, Duration::from_secs(12));
        assert_eq!(
            line,
            "   through Onelane    [####################]  20 of 20 answered, 12.0 s\n"
        );
        assert_eq!(Progress::Lines.cleared(), "");
    }
}
