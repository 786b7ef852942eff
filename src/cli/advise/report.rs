//! The advice as YAML: routes to paste, and what is to be known of them as comments.
//!
//! Guarantees: whatever the advice, what is printed is YAML, and a `routes:` section of a configuration if there is a
//! route. Does not do: judge.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::evidence::Counts;
use crate::evidence::advice::{Advice, Locking, Name, Proposal, Why};

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Counts {
            requests,
            wrote,
            unchanged,
            met,
            ..
        } = self.total;
        writeln!(
            f,
            "# {requests} requests had a witness: the application reported on {}, {met} met a writer in observe mode.",
            wrote + unchanged
        )?;
        if !self.routes.is_empty() {
            writeln!(
                f,
                "# Put these before your own routes: the first match wins. What costs most comes first."
            )?;
            writeln!(f, "routes:")?;
        }
        for route in &self.routes {
            writeln!(f, "  # {}", reason(route))?;
            if route.why == Why::Overlapped {
                writeln!(f, "  # {OVERLAPS_ONLY}")?;
            }
            writeln!(
                f,
                "  - {{ path: {}, methods: [{}], access: {} }}",
                quoted(&route.page.path),
                route.page.method,
                route.access.label()
            )?;
        }
        self.comments(f)
    }
}

impl Advice {
    fn comments(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for route in &self.wrong {
            let consequence = if route.demoted {
                "it counts as write until the next start"
            } else {
                "what it writes may be lost"
            };
            writeln!(
                f,
                "# Route {} is no write, and wrote (requests: {}): {consequence}.",
                quoted(&route.route),
                route.counts.undeclared
            )?;
        }
        for (page, other) in &self.withheld {
            writeln!(
                f,
                "# Not proposed: {page}. It would also match {other}, which may write."
            )?;
        }
        for (page, counts) in self.growing.iter().take(SHOWN) {
            let (reports, wanted) = (counts.unchanged, self.enough.reports);
            let missing = if reports < wanted {
                format!("{} more are wanted", wanted - reports)
            } else {
                format!("but of {} requests it was not said", counts.silent)
            };
            writeln!(
                f,
                "# Not enough yet: {page} has {reports} reports, none wrote; {missing}."
            )?;
        }
        if self.growing.len() > SHOWN {
            writeln!(f, "# Not enough yet: {} more.", self.growing.len() - SHOWN)?;
        }
        for hint in self.hints() {
            writeln!(f, "# {hint}")?;
        }
        Ok(())
    }

    /// What is missing, and what to do.
    fn hints(&self) -> Vec<&'static str> {
        let mut hints = Vec::new();
        let reports = self.total.wrote + self.total.unchanged;
        if !self.asks && !self.observes {
            hints.push(
                "Nobody sees what requests do: put a companion into the application and set application.secret, or set mode: observe.",
            );
        } else if self.asks && reports == 0 && self.total.silent > 0 {
            hints.push(
                "The application was asked and never answered: is the companion installed, with the same secret?",
            );
        } else if self.total.requests == 0 {
            hints.push("No request with a session has come yet.");
        } else if !self.asks {
            hints.push(
                "Only a companion in the application (application.secret, in mode: enforce) can tell a page that reads its session from one that writes.",
            );
        }
        if self.locking == Locking::LocksNothing {
            hints.push(
                "POST and the like overlapped as well: the application seems to lock no session, so overlaps say nothing and nothing is proposed from them.",
            );
        }
        if self.routes.is_empty() {
            hints.push("There is no route to propose.");
        }
        hints
    }
}

fn reason(route: &Proposal) -> String {
    let Counts {
        wrote,
        unchanged,
        silent,
        undeclared,
        met,
        nested,
        waited,
        held,
        ..
    } = route.counts;
    let spent = format!("waited {}, held {}", time(waited), time(held));
    let labels: Vec<String> = route.routes.iter().map(|label| quoted(label)).collect();
    let labels = labels.join(", ");
    match &route.why {
        Why::Wrote => format!(
            "WROTE: {wrote} of {} reports, {undeclared} of them as read or none, by route {labels}",
            wrote + unchanged
        ),
        Why::Except(pattern) => format!(
            "stays {} though {pattern} is less: {wrote} wrote, {unchanged} did not, {silent} unknown",
            route.access.label()
        ),
        Why::NeverWrote if silent > 0 => {
            format!(
                "{unchanged} reports, none wrote; of {silent} requests it was not said; {spent}"
            )
        }
        Why::NeverWrote => format!("{unchanged} reports, none wrote; {spent}"),
        Why::Overlapped => {
            format!("{nested} of {met} that met a writer ended within its time; {spent}")
        }
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A text in double quotes, as YAML and JSON have it, on one line.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn time(duration: Duration) -> humantime::FormattedDuration {
    // Below a second a sum of many requests is noise.
    let rounded = if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(duration.as_secs())
    };
    humantime::format_duration(rounded)
}

/// Said with each route that only overlaps propose.
const OVERLAPS_ONLY: &str = "overlaps alone, no report: right if the application locks sessions (ASP.NET, PHP files); if the page reads the session, write read";

/// Pages that are named which have not enough reports yet.
const SHOWN: usize = 5;
