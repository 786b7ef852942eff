//! From evidence to routes: what may be `read`, what takes no lock, what wrote although it was no write.
//!
//! Guarantees: pure; a path is proposed for `read` only after enough reports of which none wrote and few said nothing, for `none` only after
//! enough overlaps and where no companion reports; a route with `*` is proposed only together with exceptions for the
//! known paths that it would also match and that are not as harmless, or not at all; routes for a single path come first.
//! Does not do: print; trust the evidence to be text that may be printed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Counts, PathEvidence, RouteEvidence, Snapshot, overlap};
use crate::route::Access;

/// How much evidence is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enough {
    /// Reports of a path, none of which wrote.
    pub reports: u64,
    /// Observed requests of a path that began and ended within another one's time.
    pub overlaps: u64,
}

/// What the evidence proposes.
#[derive(Debug)]
pub struct Advice {
    /// How much was asked for.
    pub enough: Enough,
    /// Whether the application is asked for reports.
    pub asks: bool,
    /// Whether something is in observe mode.
    pub observes: bool,
    /// Of all routes.
    pub total: Counts,
    /// Whether overlaps say anything.
    pub locking: Locking,
    /// In the order in which they are to be pasted; in each group what costs most comes first.
    pub routes: Vec<Proposal>,
    /// What is not proposed although there is enough evidence: it would also match the other page.
    pub withheld: Vec<(Name, Name)>,
    /// What has reports, none of which wrote, and not enough of them.
    pub growing: Vec<(Name, Counts)>,
    /// The routes that are `read` or `none`, and wrote.
    pub wrong: Vec<RouteEvidence>,
}

/// A route to paste.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// For which page.
    pub page: Name,
    /// What its requests are to be taken for.
    pub access: Access,
    /// Why.
    pub why: Why,
    /// What was counted of it.
    pub counts: Counts,
    /// The labels of the routes that its requests hit now.
    pub routes: BTreeSet<String>,
}

/// Why a route is proposed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was no write, and wrote.
    Wrote,
    /// A proposed route with `*` would match it as well.
    Except(Name),
    /// Enough reports, and none wrote.
    NeverWrote,
    /// Enough overlaps.
    Overlapped,
}

/// A method and the shape of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The method.
    pub method: String,
    /// The shape.
    pub path: String,
}

/// What is known of a page, whatever routes its requests hit.
#[derive(Debug)]
struct Page {
    counts: Counts,
    /// The strictest access that its requests have now.
    access: Access,
    routes: BTreeSet<String>,
    verdict: Verdict,
}

/// What the evidence says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It takes no lock.
    Lockless,
    /// It does not write.
    Reads,
    /// Too little is known, or it writes.
    Serial,
}

/// Whether the application itself locks sessions, without which overlaps say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// As far as is known.
    Locks,
    /// POST and the like overlap as well.
    LocksNothing,
}

impl Default for Enough {
    fn default() -> Self {
        Self {
            reports: 200, // a page that writes once in a hundred requests is found with 87 %
            overlaps: 20,
        }
    }
}

impl Advice {
    /// What `snapshot` proposes.
    pub fn of(snapshot: &Snapshot, enough: Enough) -> Self {
        let mut pages = pages(&snapshot.paths);
        let locking = locking(&pages);
        for page in pages.values_mut() {
            page.verdict = verdict(&page.counts, locking, enough);
        }
        let mut total = Counts::default();
        for route in &snapshot.routes {
            total.add(&route.counts);
        }
        let mut advice = Self {
            enough,
            asks: snapshot.asks,
            observes: snapshot.observes,
            total,
            locking,
            routes: Vec::new(),
            withheld: Vec::new(),
            growing: Vec::new(),
            wrong: wrong(snapshot),
        };
        let mut by_cost: Vec<_> = pages.iter().collect();
        by_cost.sort_by_key(|(_, page)| Reverse(page.counts.cost()));
        for (name, page) in by_cost {
            advice.consider(name, page, &pages);
        }
        advice.routes.sort_by_key(|route| {
            let group = match route.why {
                Why::Wrote => 0,
                Why::Except(_) => 1,
                Why::NeverWrote | Why::Overlapped => 2,
            };
            (route.page.is_pattern(), group)
        });
        advice
    }

    fn consider(&mut self, name: &Name, page: &Page, pages: &BTreeMap<Name, Page>) {
        let Counts {
            wrote,
            unchanged,
            undeclared,
            ..
        } = page.counts;
        if undeclared > 0 {
            self.routes
                .push(page.propose(name, Access::Write, Why::Wrote));
            return;
        }
        let (access, why) = match (page.verdict, page.access) {
            (Verdict::Reads, Access::Write) => (Access::Read, Why::NeverWrote),
            (Verdict::Lockless, Access::Write | Access::Read) => (Access::None, Why::Overlapped),
            (Verdict::Serial, Access::Write) if wrote == 0 && unchanged > 0 => {
                self.growing.push((name.clone(), page.counts));
                return;
            }
            _ => return,
        };
        match exceptions(name, page, pages) {
            Ok(exceptions) => {
                for (other, excepted) in exceptions {
                    if self.routes.iter().all(|route| route.page != *other) {
                        let why = Why::Except(name.clone());
                        self.routes
                            .push(excepted.propose(other, excepted.access, why));
                    }
                }
                self.routes.push(page.propose(name, access, why));
            }
            Err(other) => self.withheld.push((name.clone(), other.clone())),
        }
    }
}

/// The known single paths that a route for `name` would match, too, and that are not as harmless.
///
/// # Errors
/// A page for which there can be no exception, since it is a pattern itself, or one too many.
fn exceptions<'p>(
    name: &Name,
    page: &Page,
    pages: &'p BTreeMap<Name, Page>,
) -> Result<Vec<(&'p Name, &'p Page)>, &'p Name> {
    let mut found = Vec::new();
    if !name.is_pattern() {
        return Ok(found); // a single path has a shape of its own
    }
    for (other, known) in pages {
        let matched = other.method == name.method && overlap(&other.path, &name.path);
        if other == name || !matched || known.verdict == page.verdict {
            continue;
        }
        if !other.is_pattern() && known.has_own_route() {
            continue;
        }
        if other.is_pattern() || found.len() == EXCEPTIONS {
            return Err(other);
        }
        found.push((other, known));
    }
    Ok(found)
}

impl Page {
    /// Whether it is proposed on its own, when it is a single path; a route for `read` may match what takes no lock.
    fn has_own_route(&self) -> bool {
        let proposed = match self.verdict {
            Verdict::Lockless => true,
            Verdict::Reads => self.access == Access::Write,
            Verdict::Serial => false,
        };
        proposed || self.counts.undeclared > 0
    }

    fn propose(&self, name: &Name, access: Access, why: Why) -> Proposal {
        Proposal {
            page: name.clone(),
            access,
            why,
            counts: self.counts,
            routes: self.routes.clone(),
        }
    }
}

impl Name {
    /// Whether it stands for several paths.
    pub fn is_pattern(&self) -> bool {
        self.path.contains('*')
    }

    /// The name of a page, if it is one that can be written into a route as it is.
    fn of(path: &PathEvidence) -> Option<Self> {
        let sign = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '*');
        let fits = path.path.starts_with('/')
            && path.path.chars().all(sign)
            && !path.method.is_empty()
            && path.method.bytes().all(|byte| byte.is_ascii_uppercase());
        fits.then(|| Self {
            method: path.method.clone(),
            path: path.path.clone(),
        })
    }

    /// Whether HTTP says that such requests change nothing.
    fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// The pages, whatever route their requests hit.
fn pages(paths: &[PathEvidence]) -> BTreeMap<Name, Page> {
    let mut pages: BTreeMap<Name, Page> = BTreeMap::new();
    for path in paths {
        let Some(name) = Name::of(path) else {
            continue;
        };
        let page = pages.entry(name).or_insert_with(|| Page {
            counts: Counts::default(),
            access: Access::None,
            routes: BTreeSet::new(),
            verdict: Verdict::Serial,
        });
        page.counts.add(&path.counts);
        page.routes.insert(path.route.clone());
        page.access = match (page.access, path.access.as_str()) {
            (Access::Write, _) => Access::Write,
            (known, "none") => known,
            (_, "read") => Access::Read,
            _ => Access::Write,
        };
    }
    pages
}

fn wrong(snapshot: &Snapshot) -> Vec<RouteEvidence> {
    let wrong = |route: &&RouteEvidence| route.counts.undeclared > 0;
    snapshot.routes.iter().filter(wrong).cloned().collect()
}

/// Requests that are to change something overlap only where nothing is locked.
fn locking(pages: &BTreeMap<Name, Page>) -> Locking {
    let mut unsafe_ones = Counts::default();
    for (name, page) in pages {
        if !name.is_safe() {
            unsafe_ones.add(&page.counts);
        }
    }
    if unsafe_ones.nested >= TELLING && unsafe_ones.nested * 2 >= unsafe_ones.met {
        Locking::LocksNothing
    } else {
        Locking::Locks
    }
}

fn verdict(counts: &Counts, locking: Locking, enough: Enough) -> Verdict {
    let reports = counts.wrote + counts.unchanged;
    let known = counts.silent.saturating_mul(MOSTLY) <= counts.unchanged;
    if counts.wrote == 0 && counts.unchanged >= enough.reports && known {
        Verdict::Reads
    } else if reports == 0
        && locking == Locking::Locks
        && counts.nested >= enough.overlaps
        && counts.nested * 2 >= counts.met
    {
        Verdict::Lockless
    } else {
        Verdict::Serial
    }
}

/// Overlaps of requests that are to change something, from which on the application is taken to lock nothing.
const TELLING: u64 = 20;

/// A page says nothing once in so many reports at most: one that answers early now and then may write just then.
const MOSTLY: u64 = 10;

/// A route that needs more exceptions is none.
const EXCEPTIONS: usize = 5;
