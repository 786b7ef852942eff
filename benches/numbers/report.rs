//! The report: figures with their targets, and whether these are met.
//!
//! Guarantees: a percentile is a value that was measured (nearest rank), never an interpolation.

use std::fmt;
use std::time::Duration;

/// The figures of one measurement.
#[derive(Debug, Default)]
pub(crate) struct Section {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    what: String,
    value: String,
    target: String,
    verdict: Verdict,
}

/// What a figure says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    /// It has none.
    NoTarget,
}

/// Durations that were measured, in order of length.
#[derive(Debug)]
pub(crate) struct Sample(Vec<Duration>);

impl Section {
    /// Adds a figure that has no target.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: impl Into<String>) {
        self.row(what, value, String::new(), Verdict::NoTarget);
    }

    /// Adds a figure that is to be `bound` at most; `shown` spells both.
    pub(crate) fn at_most<T: Copy + PartialOrd>(
        &mut self,
        what: impl Into<String>,
        value: T,
        bound: T,
        shown: impl Fn(T) -> String,
    ) {
        let verdict = if value <= bound {
            Verdict::Met
        } else {
            Verdict::Missed
        };
        self.row(what, shown(value), format!("≤ {}", shown(bound)), verdict);
    }

    /// Adds a sentence below the figures.
    pub(crate) fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// Whether a target was missed.
    pub(crate) fn missed(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Missed)
    }

    fn row(
        &mut self,
        what: impl Into<String>,
        value: impl Into<String>,
        target: String,
        verdict: Verdict,
    ) {
        self.rows.push(Row {
            what: what.into(),
            value: value.into(),
            target,
            verdict,
        });
    }
}

impl Sample {
    /// `durations` in any order, at least one.
    pub(crate) fn new(mut durations: Vec<Duration>) -> Self {
        assert!(!durations.is_empty(), "nothing was measured");
        durations.sort_unstable();
        Self(durations)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that half of them do not exceed.
    pub(crate) fn median(&self) -> Duration {
        self.per_mille(500)
    }

    /// The value that 99 of 100 do not exceed.
    pub(crate) fn p99(&self) -> Duration {
        self.per_mille(990)
    }

    /// The longest.
    pub(crate) fn max(&self) -> Duration {
        self.per_mille(1000)
    }

    fn per_mille(&self, share: usize) -> Duration {
        let rank = (self.0.len() * share).div_ceil(1000).max(1);
        self.0[rank - 1]
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |cell: fn(&Row) -> &str| {
            self.rows
                .iter()
                .map(|row| cell(row).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (what, value) = (width(|row| &row.what), width(|row| &row.value));
        let target = width(|row| &row.target);
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "MISSED",
                Verdict::NoTarget => "",
            };
            let line = format!(
                "  {:what$}  {:>value$}   {:target$}  {verdict}",
                row.what, row.value, row.target
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "  ({note})"))
    }
}

/// A duration in µs, or in ms from 10 ms.
pub(crate) fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    if micros < 10_000.0 {
        format!("{micros:.0} µs")
    } else {
        format!("{:.1} ms", micros / 1e3)
    }
}

/// Bytes as MB (10^6).
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

/// Bytes as KiB.
pub(crate) fn kibibytes(bytes: f64) -> String {
    format!("{:.1} KiB", bytes / 1024.0)
}

/// A share, in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{share:.0} %")
}

/// A ratio.
pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.2} x")
}

/// A number of things.
pub(crate) fn count(number: usize) -> String {
    number.to_string()
}
