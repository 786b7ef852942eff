//! The time for a request head: from its first byte, or from the accept for the first of a connection.
//!
//! Guarantees: no timer while a request is under way or a connection is idle, and none for a head that comes at once.
//! Does not do: idle connections, which hyper ends. A client that pipelines has to take its response within the same
//! time, since its next head has begun.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Watches over the heads of one connection.
#[derive(Debug)]
pub(super) struct HeadTimer {
    patience: Duration,
    stage: Stage,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has had a request; so often the socket had been read by then.
    Later { reads: usize },
    /// Nothing has come yet.
    First,
}

/// A head that did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Some of it came.
    Begun,
    /// Nothing came.
    Silent,
}

impl HeadTimer {
    /// For a new connection, whose heads may take `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            stage: Stage::First,
            timer: None,
        }
    }

    /// A request is under way; `reads` counts how often the socket was read.
    pub(super) fn rest(&mut self, reads: usize) {
        self.stage = Stage::Later { reads };
        self.timer = None;
    }

    /// No request is under way: ready when a head is overdue.
    pub(super) fn poll(&mut self, reads: usize, cx: &mut Context<'_>) -> Poll<Overdue> {
        let overdue = match self.stage {
            Stage::Later { reads: before } if reads == before => return Poll::Pending,
            Stage::First if reads == 0 => Overdue::Silent,
            Stage::Later { .. } | Stage::First => Overdue::Begun,
        };
        let patience = self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        timer.as_mut().poll(cx).map(|()| overdue)
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::task::spawn;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_its_time_from_the_accept() {
        let mut head = HeadTimer::new(PATIENCE);
        let overdue = std::future::poll_fn(|cx| head.poll(0, cx));
        assert_eq!(overdue.await, Overdue::Silent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_has_begun_has_its_time_and_an_idle_connection_any() {
        let mut head = HeadTimer::new(PATIENCE);
        head.rest(1);
        let mut idle = spawn(std::future::poll_fn(|cx| head.poll(1, cx)));
        assert!(idle.poll().is_pending());
        tokio::time::advance(PATIENCE * 100).await;
        assert!(idle.poll().is_pending(), "nobody is in a hurry");
        drop(idle);
        let mut begun = spawn(std::future::poll_fn(|cx| head.poll(2, cx)));
        assert!(begun.poll().is_pending());
        tokio::time::advance(PATIENCE).await;
        assert!(begun.is_woken());
        assert_eq!(begun.poll(), Poll::Ready(Overdue::Begun));
    }
}
