//! The bound of all buffers together, and of all temporary files.
//!
//! Guarantees: the sum of what is reserved never exceeds the budget, also when many threads take at once; what was
//! reserved is given back exactly once, on every path, by being dropped. Lock-free; nobody waits.
//! Does not do: allocate. A reservation is a promise about a buffer, or a file, that its owner keeps elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that many may use together, shared by all cores: the memory of request and response buffers
/// (`limits.buffer_memory`), the space of temporary files (`limits.spool_disk`).
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes of a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
#[must_use = "dropping the reservation gives it back"]
pub struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes; 0 grants nothing but empty reservations.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// Reserves `bytes`; None when less is left. `take(0)` always succeeds, as a start for [`Reserved::grow`].
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        self.add(bytes).then(|| Reserved {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// Bytes reserved at this moment; at most the limit.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    // Relaxed everywhere: the number guards no other memory, only itself.
    fn add(&self, bytes: usize) -> bool {
        self.used
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Reserved {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves `more` bytes on top; false, and nothing changes, when less is left.
    #[must_use = "without the reservation the buffer may not grow"]
    pub fn grow(&mut self, more: usize) -> bool {
        let granted = self.budget.add(more);
        if granted {
            self.bytes += more;
        }
        granted
    }

    /// Gives `less` bytes back now, all of them when it holds fewer.
    pub fn shrink(&mut self, less: usize) {
        let less = less.min(self.bytes);
        self.bytes -= less;
        self.budget.give_back(less);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = Budget::new(10);
        let first = budget.take(6).unwrap();
        assert!(budget.take(5).is_none());
        let second = budget.take(4).unwrap();
        assert_eq!(budget.used(), 10);
        drop(first);
        assert!(budget.take(6).is_some());
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_reservation_grows_within_the_budget_and_gives_all_of_it_back() {
        let budget = Budget::new(10);
        let mut reserved = budget.take(0).unwrap();
        assert!(reserved.grow(10));
        assert!(!reserved.grow(1));
        assert_eq!((reserved.bytes(), budget.used()), (10, 10));
        reserved.shrink(4);
        assert!(reserved.grow(3));
        assert_eq!((reserved.bytes(), budget.used()), (9, 9));
        drop(reserved);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn shrinking_by_more_than_is_held_gives_back_only_what_is_held() {
        let budget = Budget::new(10);
        let other = budget.take(5).unwrap();
        let mut reserved = budget.take(2).unwrap();
        reserved.shrink(7);
        assert_eq!(budget.used(), 5);
        drop(reserved);
        assert_eq!(budget.used(), 5);
        drop(other);
    }

    #[test]
    fn a_request_near_the_end_of_the_number_range_does_not_wrap_around() {
        let budget = Budget::new(usize::MAX - 1);
        let mut reserved = budget.take(2).unwrap();
        assert!(budget.take(usize::MAX).is_none());
        assert!(!reserved.grow(usize::MAX));
        assert_eq!(budget.used(), 2);
    }

    #[test]
    fn threads_that_take_at_once_never_exceed_the_budget_together() {
        const THREADS: usize = 4;
        // One byte less than all of them want.
        const LIMIT: usize = THREADS * 3 - 1;
        let budget = Budget::new(LIMIT);
        let start = Barrier::new(THREADS);
        let held = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20_000 {
                        let Some(mut reserved) = budget.take(2) else {
                            continue;
                        };
                        let grown = usize::from(reserved.grow(1));
                        // Counted by the test itself, so that a wrong sum inside cannot hide.
                        let sum = held.fetch_add(2 + grown, Ordering::SeqCst) + 2 + grown;
                        assert!(sum <= LIMIT, "{sum} bytes are held");
                        held.fetch_sub(2 + grown, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
