//! Whether whoever sends us bytes, or takes ours, does so fast enough.
//!
//! Guarantees: a pause may be as long as the grace and no longer; who keeps the lowest rate is never too slow; who is
//! below it uses up the grace, once. Pure: time is an argument. Does not do: measure, or end anything.

use std::time::Duration;

/// How slow is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause.
    pub grace: Duration,
    /// The lowest rate, bytes per second; 0 for none, and then only pauses count.
    pub rate: u32,
}

/// How long one transfer may still wait; it earns more with each byte, up to the grace.
#[derive(Clone, Copy, Debug)]
pub struct Credit {
    pace: Pace,
    left: Duration,
}

impl Credit {
    /// A transfer that begins.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            left: pace.grace,
        }
    }

    /// How long it may wait from now on; zero when it is too slow.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// It was waited for, for so long, and then `bytes` went over, if any. Time in which nobody waited for it does not
    /// count.
    pub fn moved(&mut self, waited: Duration, bytes: usize) {
        if self.pace.rate == 0 && bytes > 0 {
            self.left = self.pace.grace;
            return;
        }
        if bytes == 0 {
            self.left = self.left.saturating_sub(waited);
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1).mul_f64(f64::from(bytes) / f64::from(self.pace.rate));
        let left = self.left.saturating_sub(waited).saturating_add(earned);
        self.left = left.min(self.pace.grace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(30),
        rate: 240,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_keeps_the_rate_is_never_too_slow() {
        let mut credit = Credit::new(PACE);
        for _ in 0..100_000 {
            credit.moved(seconds(10), 2400);
        }
        assert_eq!(credit.left(), PACE.grace);
    }

    #[test]
    fn who_drips_uses_up_the_grace() {
        let mut credit = Credit::new(PACE);
        for _ in 0..3 {
            credit.moved(seconds(10), 1);
        }
        assert!(credit.left() < seconds(1));
        credit.moved(seconds(10), 1);
        assert!(
            credit.left() < seconds(1),
            "and it does not come back by itself"
        );
    }

    #[test]
    fn a_fast_start_earns_no_more_than_the_grace() {
        let mut credit = Credit::new(PACE);
        credit.moved(seconds(0), 1 << 30);
        assert_eq!(credit.left(), PACE.grace);
    }

    #[test]
    fn without_a_rate_only_pauses_count() {
        let mut credit = Credit::new(Pace { rate: 0, ..PACE });
        for _ in 0..100 {
            credit.moved(seconds(29), 1);
        }
        assert_eq!(credit.left(), PACE.grace);
        credit.moved(seconds(20), 0);
        credit.moved(seconds(10), 0);
        assert_eq!(credit.left(), Duration::ZERO);
    }
}
