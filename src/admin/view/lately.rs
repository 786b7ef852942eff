//! Which waits are of late: sums since the start, less what they were a minute ago or when the policy in force began.
//!
//! Guarantees: pure; time is an argument; [`MARKS`] marks at most, each of a few bytes for a pair of pages. A new policy
//! begins with a mark of its own, so that what is of late is never of two policies, but for waits that were under way.
//! Does not do: ask; the admin listener's task does, each step, and whoever looks.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::evidence::{Pair, Waits};

/// What the pairs had cost at some moments.
#[derive(Debug)]
pub(super) struct Lately {
    /// Of the policy that was in force at all marks.
    version: u64,
    /// The oldest first; never empty.
    marks: VecDeque<Mark>,
    hasher: RandomState,
}

/// One moment.
#[derive(Debug)]
struct Mark {
    at: Instant,
    /// By the hash of a pair; two that have the same one are as unlikely as they are harmless.
    sums: HashMap<u64, Sum>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u64,
    waited: Duration,
}

/// What a pair of pages has cost of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Late {
    /// How many waits.
    pub(super) count: u64,
    /// All together.
    pub(super) waited: Duration,
}

impl Lately {
    /// Nothing has waited yet.
    pub(super) fn new(version: u64, now: Instant) -> Self {
        let start = Mark {
            at: now,
            sums: HashMap::new(),
        };
        Self {
            version,
            marks: VecDeque::from([start]),
            hasher: RandomState::new(),
        }
    }

    /// A step ends: these are the sums of now.
    pub(super) fn mark(&mut self, pairs: &[(Pair, Waits)], version: u64, now: Instant) {
        self.look(pairs, version, now);
        let mark = self.take(pairs, now);
        self.marks.push_back(mark);
        while self.marks.len() > MARKS {
            self.marks.pop_front();
        }
    }

    /// Somebody looks: a policy that has come since the last mark begins now. Gives how long "of late" is.
    pub(super) fn look(&mut self, pairs: &[(Pair, Waits)], version: u64, now: Instant) -> Duration {
        if self.version != version {
            self.version = version;
            let mark = self.take(pairs, now);
            self.marks.clear();
            self.marks.push_back(mark);
        }
        let oldest = self.marks.front();
        oldest.map_or(Duration::ZERO, |mark| {
            now.saturating_duration_since(mark.at)
        })
    }

    /// What a pair has cost since the oldest mark; `waits` is what it has cost since the start.
    pub(super) fn of(&self, pair: &Pair, waits: &Waits) -> Late {
        let mark = self.marks.front();
        let before = mark.and_then(|mark| mark.sums.get(&self.hasher.hash_one(pair)));
        let before = before.copied().unwrap_or_default();
        // A pair that had been forgotten, and came again, begins anew.
        Late {
            count: waits.count.saturating_sub(before.count),
            waited: waits.waited.saturating_sub(before.waited),
        }
    }

    fn take(&self, pairs: &[(Pair, Waits)], now: Instant) -> Mark {
        let sum = |(pair, waits): &(Pair, Waits)| {
            let Waits { count, waited, .. } = *waits;
            (self.hasher.hash_one(pair), Sum { count, waited })
        };
        Mark {
            at: now,
            sums: pairs.iter().map(sum).collect(),
        }
    }
}

/// Six steps of ten seconds, and the moment at which the first began: a minute.
const MARKS: usize = 7;

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::evidence::Page;
    use crate::route::{Label, PathCase};

    const STEP: Duration = Duration::from_secs(10);

    /// A pair that has waited so often, a second each time.
    fn pair(count: u64) -> (Pair, Waits) {
        let page = |path| {
            let label = Label::from("default");
            Page::of(&label, &Method::GET, path, PathCase::Sensitive)
        };
        let pair = Pair {
            blocker: page("/report"),
            waiter: page("/cart"),
        };
        let waits = Waits {
            count,
            waited: Duration::from_secs(count),
            longest: Duration::from_secs(1),
        };
        (pair, waits)
    }

    fn count(lately: &Lately, total: u64) -> u64 {
        let (pair, waits) = pair(total);
        let late = lately.of(&pair, &waits);
        assert_eq!(late.waited, Duration::from_secs(late.count));
        late.count
    }

    #[test]
    fn what_is_older_than_a_minute_is_not_of_late() {
        let start = Instant::now();
        let mut lately = Lately::new(1, start);
        for step in 1..=20_u32 {
            let now = start + STEP * step;
            lately.mark(&[pair(u64::from(step))], 1, now);
            let span = lately.look(&[], 1, now);
            assert_eq!(span, STEP * step.min(6));
            assert_eq!(count(&lately, u64::from(step)), u64::from(step.min(6)));
        }
        assert_eq!(lately.marks.len(), MARKS);
    }

    #[test]
    fn a_new_policy_begins_anew() {
        let start = Instant::now();
        let mut lately = Lately::new(1, start);
        lately.mark(&[pair(5)], 1, start + STEP);
        let now = start + STEP * 2;
        assert_eq!(lately.look(&[pair(8)], 1, now), STEP * 2);
        assert_eq!(count(&lately, 8), 8, "the old one");
        assert_eq!(lately.look(&[pair(8)], 2, now), Duration::ZERO);
        assert_eq!(count(&lately, 8), 0);
        assert_eq!(lately.look(&[pair(9)], 2, now + STEP), STEP);
        assert_eq!(count(&lately, 9), 1);
    }

    #[test]
    fn a_pair_that_was_forgotten_and_comes_again_is_not_less_than_nothing() {
        let start = Instant::now();
        let mut lately = Lately::new(1, start);
        for step in 1..=7 {
            lately.mark(&[pair(100)], 1, start + STEP * step);
        }
        assert_eq!(count(&lately, 3), 0);
    }
}
