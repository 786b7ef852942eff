//! Evidence of what requests do to their sessions, by route and by shape of path: what `onelane advise` reads.
//!
//! Two witnesses: the companion in the application, which says whether a request changed its session (`X-Onelane-Wrote`),
//! and observe mode, which sees requests that began and ended within the time of another. Guarantees: memory is bounded,
//! whatever paths come; a path is kept as its shape alone, without query, session id and what looks like a user's own;
//! each core counts for itself, and the lock of its table is held for one look-up.
//! `blocking` has which page made which wait; `advice` judges.
//! Does not do: keep anything over a restart; see requests that nobody is a witness of, but for their waits.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::route::{Access, Label, PathCase};

pub mod advice;
mod blocking;
mod shape;
mod table;

pub use blocking::{Page, Pair, Waits};
pub use shape::{overlap, shape};

use blocking::Blocking;
use table::Table;

/// The evidence of all cores; `app` makes one.
#[derive(Debug, Default)]
pub struct Evidence {
    recorders: Mutex<Vec<Arc<Recorder>>>,
}

/// What one core has seen. Any thread may record; nobody has to wait as long as one thread does.
#[derive(Default)]
pub struct Recorder {
    table: Mutex<Table>,
    blocking: Mutex<Blocking>,
}

/// One request that has ended, as its witnesses saw it.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The label of its route.
    pub route: &'a Label,
    /// What it was taken for.
    pub access: Access,
    /// Its method.
    pub method: &'a Method,
    /// Its raw path.
    pub path: &'a str,
    /// How the application reads paths.
    pub case: PathCase,
    /// What the application said of it; None when it was not asked, or has not answered.
    pub report: Option<Report>,
    /// What observe mode saw of it.
    pub meeting: Meeting,
    /// How long it waited for its permit.
    pub waited: Duration,
    /// How long it held its lane, or was seen in the application.
    pub held: Duration,
}

/// What the application says that a request did to its session, when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nothing, or nothing that can be understood.
    Silent,
    /// It did not change it.
    Unchanged,
    /// It changed it.
    Wrote,
}

/// How an observed request met the writers of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Nobody looked, or nobody was inside.
    None,
    /// A writer was inside when it came.
    Met,
    /// A writer was inside when it came, and still when it had ended: it did not wait for the application's lock.
    Nested,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that had a witness.
    pub requests: u64,
    /// Requests that changed their session, as the application says.
    pub wrote: u64,
    /// Requests that did not.
    pub unchanged: u64,
    /// Requests of which it was asked, and said nothing.
    pub silent: u64,
    /// Of those that wrote, the ones that were `read` or `none` when they came.
    pub undeclared: u64,
    /// Observed requests that found a writer of their session inside.
    pub met: u64,
    /// Of these, the ones that ended while it was still inside.
    pub nested: u64,
    /// How long they waited, all together.
    #[serde(with = "seconds", rename = "waited_seconds")]
    pub waited: Duration,
    /// How long they held their lanes, all together.
    #[serde(with = "seconds", rename = "held_seconds")]
    pub held: Duration,
}

/// All evidence of one moment, as `/evidence` of the admin listener has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whether the application is asked for reports.
    pub asks: bool,
    /// Whether a route, or the default, is in observe mode.
    pub observes: bool,
    /// By route; the counts of a route are more than those of its paths where paths were too many.
    pub routes: Vec<RouteEvidence>,
    /// By route, method and shape of path; the ones that cost most come first, 2,048 at most.
    pub paths: Vec<PathEvidence>,
}

/// What is known of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteEvidence {
    /// Its label.
    pub route: String,
    /// Whether it counts as `write` until the next reload, since it was `read` and wrote.
    pub demoted: bool,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What is known of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathEvidence {
    /// The label of the route that decided.
    pub route: String,
    /// What its last request was taken for: `write`, `read` or `none`.
    pub access: String,
    /// The method.
    pub method: String,
    /// The shape of its path: a glob.
    pub path: String,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Evidence {
    /// The place for one more core's evidence.
    pub fn recorder(&self) -> Arc<Recorder> {
        let recorder = Arc::<Recorder>::default();
        lock(&self.recorders).push(Arc::clone(&recorder));
        recorder
    }

    /// What all cores have seen, routes by label; `asks` and `observes` are as in [`Snapshot`], and `demoted` are the
    /// labels of routes that count as `write` though they are `read`.
    pub fn snapshot(&self, asks: bool, observes: bool, demoted: &[&Label]) -> Snapshot {
        let mut all = Table::default();
        for recorder in &*lock(&self.recorders) {
            all.merge(&lock(&recorder.table));
        }
        let is_demoted = |route: &Label| demoted.contains(&route);
        let routes: BTreeMap<Label, Counts> = all.routes().into_iter().collect();
        let routes = routes.into_iter().map(|(route, counts)| RouteEvidence {
            demoted: is_demoted(&route),
            route: route.to_string(),
            counts,
        });
        let mut paths: Vec<_> = all.entries().iter().map(PathEvidence::of).collect();
        paths.sort_by(|a, b| {
            let by_cost = b.counts.cost().cmp(&a.counts.cost());
            by_cost
                .then_with(|| b.counts.requests.cmp(&a.counts.requests))
                .then_with(|| a.path.cmp(&b.path))
        });
        paths.truncate(LISTED);
        Snapshot {
            asks,
            observes,
            routes: routes.collect(),
            paths,
        }
    }
}

impl Evidence {
    /// Which page made which wait, and what the pages of each route have made others wait; both in no order.
    pub fn blocking(&self) -> (Vec<(Pair, Waits)>, HashMap<Label, Waits>) {
        let mut all = Blocking::default();
        for recorder in &*lock(&self.recorders) {
            all.merge(&lock(&recorder.blocking));
        }
        all.into_parts()
    }
}

impl Recorder {
    /// Counts a wait that has ended; `blocker` held the lane for most of it, as far as is known.
    pub fn blame(&self, blocker: Page, waiter: Page, waited: Duration) {
        let waits = Waits {
            count: 1,
            waited,
            longest: waited,
        };
        let pair = Pair { blocker, waiter };
        lock(&self.blocking).add(pair, &waits);
    }

    /// Counts a request that had a witness.
    pub fn record(&self, seen: &Observation<'_>) {
        let counts = Counts::of(seen);
        let method = METHODS.iter().find(|known| **known == seen.method.as_str());
        let shape = shape(seen.path, seen.case);
        let mut table = lock(&self.table);
        match (method, shape) {
            (Some(method), Some(shape)) => {
                let page = table::Page {
                    route: Label::clone(seen.route),
                    method,
                    shape,
                };
                table.add(page, seen.access, &counts);
            }
            _ => table.add_elsewhere(seen.route, &counts),
        }
    }
}

impl Counts {
    fn of(seen: &Observation<'_>) -> Self {
        let report = |report| u64::from(seen.report == Some(report));
        let wrote = report(Report::Wrote);
        Self {
            requests: 1,
            wrote,
            unchanged: report(Report::Unchanged),
            silent: report(Report::Silent),
            undeclared: if seen.access == Access::Write {
                0
            } else {
                wrote
            },
            met: u64::from(seen.meeting != Meeting::None),
            nested: u64::from(seen.meeting == Meeting::Nested),
            waited: seen.waited,
            held: seen.held,
        }
    }
}

impl PathEvidence {
    fn of(entry: &table::Entry) -> Self {
        Self {
            route: entry.page.route.to_string(),
            access: entry.access.label().to_owned(),
            method: entry.page.method.to_owned(),
            path: entry.page.shape.clone(),
            counts: entry.counts,
        }
    }
}

impl Report {
    /// The labels in metrics, in the order of declaration.
    pub const LABELS: [&'static str; 3] = ["silent", "unchanged", "wrote"];
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves counts behind that are right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A duration as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}

/// Pages in a snapshot: all that four cores may have.
const LISTED: usize = 4 * table::SHAPES;

/// The methods that a route may be advised for; others are counted by their route alone.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

#[cfg(test)]
mod tests;
