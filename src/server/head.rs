//! The time between two requests and that for a request head: from its first byte, or from the accept for the first of
//! a connection.
//!
//! Guarantees: a head that has begun has all of its time, however long the connection was idle before; while a request
//! is under way, or its response is still being taken, no time passes. One timer for a connection: it is moved only when
//! it would be too late, so that a request and its successor touch it not at all.
//! Does not do: end anything; clients that do not take their response (`unread`).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Watches over the heads of one connection.
#[derive(Debug)]
pub(super) struct HeadTimer {
    head: Duration,
    idle: Duration,
    stage: Stage,
    /// What is waited for, and since when; None while a request is under way.
    awaited: Option<(Overdue, Instant)>,
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
    /// For a new connection, whose heads may take `head`, and which may be silent for `idle` between two requests.
    pub(super) fn new(head: Duration, idle: Duration) -> Self {
        Self {
            head,
            idle,
            stage: Stage::First,
            awaited: None,
            timer: None,
        }
    }

    /// A request is under way, or its response; `reads` counts how often the socket was read.
    pub(super) fn rest(&mut self, reads: usize) {
        self.stage = Stage::Later { reads };
        self.awaited = None;
    }

    /// No request is under way: ready when the next is overdue.
    pub(super) fn poll(&mut self, reads: usize, cx: &mut Context<'_>) -> Poll<Overdue> {
        let (overdue, patience) = match self.stage {
            Stage::Later { reads: before } if reads == before => (Overdue::Silent, self.idle),
            Stage::First if reads == 0 => (Overdue::Silent, self.head),
            Stage::Later { .. } | Stage::First => (Overdue::Begun, self.head),
        };
        let since = match self.awaited {
            Some((before, since)) if before == overdue || self.stage == Stage::First => since,
            _ => Instant::now(),
        };
        self.awaited = Some((overdue, since));
        let deadline = since + patience;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(overdue);
            }
            timer.as_mut().reset(deadline); // it was set for something earlier
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::task::spawn;

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(120);

    /// How long it takes until a head is overdue, and what of it came.
    async fn overdue(timer: &mut HeadTimer, reads: usize) -> (Duration, Overdue) {
        let start = Instant::now();
        let overdue = std::future::poll_fn(|cx| timer.poll(reads, cx)).await;
        (Duration::from_secs(start.elapsed().as_secs()), overdue)
    }

    /// Looks once, and finds that nothing is overdue.
    fn look(timer: &mut HeadTimer, reads: usize) {
        assert!(
            spawn(std::future::poll_fn(|cx| timer.poll(reads, cx)))
                .poll()
                .is_pending()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_its_time_from_the_accept() {
        let mut timer = HeadTimer::new(HEAD, IDLE);
        assert_eq!(overdue(&mut timer, 0).await, (HEAD, Overdue::Silent));
        let mut timer = HeadTimer::new(HEAD, IDLE);
        look(&mut timer, 0);
        tokio::time::advance(HEAD / 2).await;
        assert_eq!(overdue(&mut timer, 1).await, (HEAD / 2, Overdue::Begun));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_be_idle_and_each_request_begins_that_anew() {
        let mut timer = HeadTimer::new(HEAD, IDLE);
        for reads in 1..5 {
            timer.rest(reads);
            look(&mut timer, reads);
            tokio::time::advance(IDLE * 2 / 3).await;
        }
        timer.rest(5);
        assert_eq!(overdue(&mut timer, 5).await, (IDLE, Overdue::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_late_has_all_of_its_time() {
        let mut timer = HeadTimer::new(HEAD, IDLE);
        timer.rest(1);
        look(&mut timer, 1);
        tokio::time::advance(IDLE - HEAD / 2).await;
        assert_eq!(overdue(&mut timer, 2).await, (HEAD, Overdue::Begun));
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_passes_while_a_request_is_under_way() {
        let mut timer = HeadTimer::new(HEAD, IDLE);
        look(&mut timer, 0);
        timer.rest(1);
        tokio::time::advance(IDLE * 10).await;
        assert_eq!(overdue(&mut timer, 1).await, (IDLE, Overdue::Silent));
    }
}
