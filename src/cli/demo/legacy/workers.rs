//! The worker threads of the application, and the queue in front of them.
//!
//! Guarantees: at most `limit` requests are in the application at a time, a waiting one included: PHP holds a process
//! for each request that waits in `flock`, and ASP.NET counts a request that polls for its session as executing. So
//! the waiters of one session use up what all users share. At most `queue` more wait for a worker, in order of
//! arrival; the rest is answered 503, as HTTP.sys does.
//! Does not do: prefer anybody.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The workers that all users share.
#[derive(Debug)]
pub(super) struct Workers {
    free: Semaphore,
    queued: AtomicUsize,
    queue: usize,
}

/// The right to be in the application; dropping it frees the worker.
#[derive(Debug)]
#[must_use = "dropping it frees the worker"]
pub(super) struct Worker<'a> {
    _permit: SemaphorePermit<'a>,
}

/// The queue of the workers is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// A place in the queue; dropping it leaves.
struct Place<'a>(&'a AtomicUsize);

impl Workers {
    pub(super) fn new(limit: usize, queue: usize) -> Self {
        Self {
            free: Semaphore::new(limit),
            queued: AtomicUsize::new(0),
            queue,
        }
    }

    /// Waits for a free worker.
    ///
    /// Cancel safe: dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`QueueFull`], at once.
    pub(super) async fn admit(&self) -> Result<Worker<'_>, QueueFull> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(Worker { _permit: permit });
        }
        let place = Place(&self.queued);
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue {
            return Err(QueueFull);
        }
        let permit = self
            .free
            .acquire()
            .await
            .expect("the semaphore is never closed");
        drop(place);
        Ok(Worker { _permit: permit })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn workers_are_shared_in_order_and_the_queue_is_bounded() {
        let workers = Workers::new(1, 2);
        let held = assert_ready!(task::spawn(workers.admit()).poll()).unwrap();
        let mut second = task::spawn(workers.admit());
        let mut third = task::spawn(workers.admit());
        assert_pending!(second.poll());
        assert_pending!(third.poll());
        assert_eq!(
            assert_ready!(task::spawn(workers.admit()).poll()).err(),
            Some(QueueFull)
        );

        drop(held);
        assert!(second.is_woken());
        assert_pending!(third.poll());
        assert!(assert_ready!(second.poll()).is_ok());
    }

    #[test]
    fn one_that_leaves_the_queue_makes_room() {
        let workers = Workers::new(1, 1);
        let held = assert_ready!(task::spawn(workers.admit()).poll());
        assert!(held.is_ok());
        let mut leaves = task::spawn(workers.admit());
        assert_pending!(leaves.poll());
        drop(leaves);
        assert_pending!(task::spawn(workers.admit()).poll());
    }
}
