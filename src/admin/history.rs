//! The last ten minutes in steps of ten seconds.
//!
//! Guarantees: pure; a fixed size; a step in which nothing was sampled is a gap, not a zero.
//! Does not do: sample; the admin listener's task does.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What is sampled: sums since the start, and numbers of that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Requests that have ended.
    pub requests: u64,
    /// Those that waited.
    pub waited: u64,
    /// How long, milliseconds.
    pub waited_ms: u64,
    /// Refusals.
    pub refused: u64,
    /// Requests that wait now.
    pub waiting: u64,
    /// Requests that hold a lane now.
    pub holding: u64,
}

/// The steps as they are told: [`STEPS`] numbers each, the oldest first, None before the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Length of a step.
    pub step_ms: u64,
    /// Unix time of the end of the last step.
    pub end_ms: u64,
    /// Requests that ended in the step.
    pub requests: Vec<Option<u64>>,
    /// Those that waited.
    pub waited: Vec<Option<u64>>,
    /// How long.
    pub waited_ms: Vec<Option<u64>>,
    /// Refusals in the step.
    pub refused: Vec<Option<u64>>,
    /// Requests that waited at its end.
    pub waiting: Vec<Option<u64>>,
    /// Requests that held a lane at its end.
    pub holding: Vec<Option<u64>>,
}

/// The steps as they are kept.
#[derive(Debug, Default)]
pub(super) struct Samples {
    last: Option<Sample>,
    end_ms: u64,
    steps: VecDeque<Sample>,
}

impl Samples {
    /// A step ends at `now_ms`; the first one is only begun.
    pub(super) fn add(&mut self, sample: Sample, now_ms: u64) {
        if let Some(last) = self.last.replace(sample) {
            self.steps.push_back(Sample {
                requests: sample.requests.saturating_sub(last.requests),
                waited: sample.waited.saturating_sub(last.waited),
                waited_ms: sample.waited_ms.saturating_sub(last.waited_ms),
                refused: sample.refused.saturating_sub(last.refused),
                ..sample
            });
        }
        self.end_ms = now_ms;
        while self.steps.len() > STEPS {
            self.steps.pop_front();
        }
    }

    pub(super) fn history(&self) -> History {
        let of = |read: fn(&Sample) -> u64| {
            let before = STEPS.saturating_sub(self.steps.len());
            let before = std::iter::repeat_n(None, before);
            let steps = self.steps.iter().map(|step| Some(read(step)));
            before.chain(steps).collect()
        };
        History {
            step_ms: STEP_MS,
            end_ms: self.end_ms,
            requests: of(|step| step.requests),
            waited: of(|step| step.waited),
            waited_ms: of(|step| step.waited_ms),
            refused: of(|step| step.refused),
            waiting: of(|step| step.waiting),
            holding: of(|step| step.holding),
        }
    }
}

/// Steps that are kept: ten minutes.
pub const STEPS: usize = 60;

/// Length of a step, milliseconds.
pub(super) const STEP_MS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: u64, waiting: u64) -> Sample {
        Sample {
            requests,
            waiting,
            ..Sample::default()
        }
    }

    #[test]
    fn sums_become_differences_and_gauges_stay() {
        let mut samples = Samples::default();
        assert_eq!(samples.history().requests, vec![None; STEPS]);
        samples.add(sample(5, 1), 1_000);
        assert_eq!(samples.history().requests, vec![None; STEPS]);
        samples.add(sample(7, 2), 11_000);
        samples.add(sample(7, 0), 21_000);
        let history = samples.history();
        assert_eq!(history.requests[STEPS - 3..], [None, Some(2), Some(0)]);
        assert_eq!(history.waiting[STEPS - 3..], [None, Some(2), Some(0)]);
        assert_eq!((history.end_ms, history.step_ms), (21_000, STEP_MS));
    }

    #[test]
    fn only_the_last_ten_minutes_are_kept() {
        let mut samples = Samples::default();
        for number in 0..200 {
            samples.add(sample(number * number, 0), number);
        }
        let history = samples.history();
        assert_eq!(history.requests.len(), STEPS);
        assert_eq!(history.requests[STEPS - 1], Some(199 * 199 - 198 * 198));
        assert_eq!(history.requests[0], Some(140 * 140 - 139 * 139));
    }
}
