//! From figures to text, and to JSON. PURE.
//!
//! Guarantees: within 80 columns of ASCII; every figure that is counted says what is counted; what is said about the
//! result is computed from it, never assumed.
//! Does not do: print.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenario::{Measured, Others, Scenario, Spread};

#[cfg(test)]
mod tests;

/// One scenario with both ways' figures.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) scenario: Scenario,
    pub(super) straight: Measured,
    pub(super) through: Measured,
}

/// Whether the demonstration may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Requests failed, or the application's own lock let two writers in.
    Broken,
    /// All requests were answered, and no two writers of a session met.
    Sound,
}

/// One line of the table: its label, and the ideal, straight and through.
struct Row(&'static str, [String; 3]);

impl Comparison {
    /// The table of one scenario.
    pub(super) fn table(&self, number: usize) -> String {
        let mut text = format!(" {number}. {}\n {RULE}\n", self.scenario.title);
        let head = ["ideal", "straight", "through Onelane"].map(str::to_owned);
        for Row(label, [ideal, straight, through]) in
            std::iter::once(Row("", head)).chain(self.rows())
        {
            text += &format!(" {label:<34}{ideal:>10}{straight:>14}{through:>19}\n");
        }
        for failure in self.failures() {
            text += &format!(" ! {failure}\n");
        }
        text
    }

    /// Whether its figures mean anything.
    pub(super) fn verdict(&self) -> Verdict {
        let sound = |way: &Measured| {
            let others = way.others.as_ref().map_or(0, |others| others.failed.len());
            way.failed.is_empty() && others == 0 && way.overlaps == 0
        };
        // Straight, other users may well suffer errors: that is a result.
        if self.straight.overlaps == 0 && sound(&self.through) {
            Verdict::Sound
        } else {
            Verdict::Broken
        }
    }

    fn rows(&self) -> Vec<Row> {
        let ideal = self.scenario.ideal();
        let ways = [&self.straight, &self.through];
        let row = |label, ideal: String, cell: fn(&Measured) -> String| {
            let [straight, through] = ways.map(cell);
            Row(label, [ideal, straight, through])
        };
        let mut rows = vec![
            row("total", duration(ideal.total), |way| duration(way.total)),
            row("total / ideal", ratio(1.0), |way| ratio(way.over_ideal())),
            row("wait, median", duration(ideal.wait.median), |way| {
                duration(way.wait.median)
            }),
            row("wait, worst", duration(ideal.wait.worst), |way| {
                duration(way.wait.worst)
            }),
        ];
        if ways.iter().all(|way| way.lost.is_some()) {
            let lost = |way: &Measured| way.lost.unwrap_or_default();
            let [straight, through] = ways.map(lost);
            let row = |label, pick: fn(Spread) -> Duration| {
                Row(
                    label,
                    [Duration::ZERO, pick(straight), pick(through)].map(duration),
                )
            };
            rows.push(row("idle after the write, median", |lost| lost.median));
            rows.push(row("idle after the write, worst", |lost| lost.worst));
        }
        rows.push(row("store calls per request (1)", ratio(1.0), |way| {
            ratio(way.calls_per_request())
        }));
        if ways.iter().any(|way| way.refused > 0) {
            rows.push(row("refused with 503 (2)", "0".to_owned(), |way| {
                way.refused.to_string()
            }));
        }
        rows.push(row("errors", "0".to_owned(), |way| {
            way.failed.len().to_string()
        }));
        rows.extend(self.rows_of_others());
        rows
    }

    fn rows_of_others(&self) -> Vec<Row> {
        let (Some(straight), Some(through)) = (&self.straight.others, &self.through.others) else {
            return Vec::new();
        };
        let row = |label, ideal, cell: fn(&Others) -> String| {
            Row(label, [ideal, cell(straight), cell(through)])
        };
        vec![
            row("other users' latency, median", duration(BROWSE), |seen| {
                duration(seen.latency.median)
            }),
            row("other users' latency, worst", duration(BROWSE), |seen| {
                duration(seen.latency.worst)
            }),
            row("other users' errors", "0".to_owned(), |seen| {
                seen.failed.len().to_string()
            }),
        ]
    }

    /// One sentence; none when a way has no figures.
    fn meaning(&self) -> Option<String> {
        let (straight, through) = (&self.straight, &self.through);
        if straight.served == 0 || through.served == 0 {
            return None;
        }
        let sentence = if let (Some(bare), Some(seen)) = (&straight.others, &through.others) {
            let [before, now] = [bare, seen].map(|others| duration(others.latency.median));
            format!("while one session floods, other users get a page in {now}, not {before}")
        } else if let (Some(bare), Some(seen)) = (straight.lost, through.lost) {
            let [before, now] = [bare, seen].map(|lost| duration(lost.worst));
            format!("a read goes at most {now} after the write has ended, not {before}")
        } else {
            let [before, now] = [straight, through].map(|way| duration(way.total));
            let [bare, seen] = [straight, through].map(|way| ratio(way.calls_per_request()));
            format!("20 writes take {now}, not {before}, with {seen} store calls each, not {bare}")
        };
        Some(sentence)
    }

    /// Each kind of failure once, with its number.
    fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for (name, way) in [
            ("straight", &self.straight),
            ("through Onelane", &self.through),
        ] {
            let others = way.others.iter().flat_map(|others| &others.failed);
            let mut reasons: Vec<_> = way.failed.iter().chain(others).collect();
            reasons.sort();
            for same in reasons.chunk_by(|a, b| a == b) {
                failures.push(format!("{name}: {} failed: {}", same.len(), same[0]));
            }
            if way.overlaps > 0 {
                failures.push(format!(
                    "{name}: {} times two writers of one session met",
                    way.overlaps
                ));
            }
        }
        failures
    }

    fn json(&self) -> Value {
        let ideal = self.scenario.ideal();
        json!({
            "name": self.scenario.name,
            "title": self.scenario.title,
            "ideal": { "total_ms": milliseconds(ideal.total), "wait_ms": ideal.wait.json() },
            "straight": self.straight.json(),
            "through": self.through.json(),
        })
    }
}

impl Measured {
    /// 1.0 is ideal.
    fn over_ideal(&self) -> f64 {
        quotient(self.total.as_secs_f64(), self.ideal_total.as_secs_f64())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one demonstration")]
    fn calls_per_request(&self) -> f64 {
        quotient(self.gets as f64, self.reached as f64)
    }

    fn json(&self) -> Value {
        json!({
            "total_ms": milliseconds(self.total),
            "total_over_ideal": rounded(self.over_ideal()),
            "wait_ms": self.wait.json(),
            "store_calls_per_request": rounded(self.calls_per_request()),
            "store_calls": { "get": self.gets, "release": self.sets },
            "served": self.served,
            "refused": self.refused,
            "errors": self.failed.len(),
            "writers_together": self.overlaps,
            "other_users": self.others.as_ref().map(|others| json!({
                "latency_ms": others.latency.json(),
                "served": others.served,
                "errors": others.failed.len(),
            })),
        })
    }
}

impl Spread {
    fn json(self) -> Value {
        json!({ "median": milliseconds(self.median), "worst": milliseconds(self.worst) })
    }
}

/// What is said before the first figure.
pub(super) fn opening(straight: SocketAddr, through: SocketAddr, workers: usize) -> String {
    format!(
        "
 A legacy application that locks a session for the whole of each request, as
 ASP.NET does, with {workers} workers (a request that waits for its session keeps one):
     straight          http://{straight}/
     through Onelane   http://{through}/
 Both get the same requests. This takes about 40 seconds.
"
    )
}

/// Where everything is that `--keep` leaves up.
pub(super) fn still_up(
    straight: SocketAddr,
    through: SocketAddr,
    admin: Option<SocketAddr>,
) -> String {
    let metrics = admin.map(|admin| format!("\n   metrics           http://{admin}/metrics"));
    format!(
        "
 Still up, until Ctrl-C
   straight          http://{straight}/
   through Onelane   http://{through}/{}",
        metrics.unwrap_or_default()
    )
}

/// What the figures mean, and what to do next.
pub(super) fn closing(comparisons: &[Comparison]) -> String {
    let meanings = comparisons.iter().filter_map(Comparison::meaning);
    let meanings: String = meanings
        .map(|meaning| format!("   - {meaning}\n"))
        .collect();
    format!("{NOTES}{EXPLANATION}{meanings}{NEXT}")
}

/// All figures for a machine.
pub(super) fn json(comparisons: &[Comparison]) -> Value {
    let scenarios: Vec<_> = comparisons.iter().map(Comparison::json).collect();
    json!({ "scenarios": scenarios })
}

/// Seconds from one second on, milliseconds below, each with three digits that matter.
fn duration(duration: Duration) -> String {
    let milliseconds = milliseconds(duration);
    if milliseconds >= 999.5 {
        format!("{:.2} s", milliseconds / 1000.0)
    } else if milliseconds >= 9.95 || duration.is_zero() {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{milliseconds:.1} ms")
    }
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

fn quotient(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 {
        0.0
    } else {
        dividend / divisor
    }
}

fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

const RULE: &str = "-----------------------------------------------------------------------------";

/// What `/browse` takes.
const BROWSE: Duration = Duration::from_millis(5);

const NOTES: &str =
    " (1) GetItem and GetItemExclusive of a session that exists. Each write also ends
     with one SetAndReleaseItemExclusive, either way, which is not counted here.
 (2) Onelane refuses at once, with Retry-After, what exceeds queue.limit: 50 may
     wait per session. total / ideal is that of the requests that were served.
";

const EXPLANATION: &str = "
 What it means
   Straight, a request that finds its session locked asks the session store
   every 500 ms, and whoever asks first gets it. Through Onelane it waits in the
   lane of its session, and goes the moment the request before it has ended:
";

const NEXT: &str = "
 What to do next
   onelane demo --keep             leaves both up, to try them in a browser
   onelane explain GET /cart -c onelane.yaml
                                   shows the route, access and session of a URL
   README.md                       has ten lines of YAML for your application;
                                   `mode: observe` only watches it
";
