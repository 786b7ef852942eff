//! Waiting for work beside deadlines and the client: the one place where a request's timers meet.
//!
//! Guarantees: one timer a request, armed for the earliest deadline only; a client that has left wins over work that is ready, and that over a deadline.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// What a request listens to while it waits for something: its timer, made when it is first needed, and its client.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    client: Presence,
    noticed: Noticed,
}

/// Whether the client's leaving has been told to whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noticed {
    No,
    Yes,
}

/// Whether the client of a connection is still there; told by the connection's task, read by its exchange.
#[derive(Clone, Debug, Default)]
pub struct Presence(Rc<Cell<bool>>);

/// What ended a wait.
#[derive(Debug)]
pub(super) enum Woke<T> {
    /// The work is done.
    Done(T),
    /// The deadline passed.
    Due,
    /// The client left; told once.
    Left,
}

impl Presence {
    /// The client has left.
    pub fn leave(&self) {
        self.0.set(true);
    }

    /// Whether it has.
    pub fn has_left(&self) -> bool {
        self.0.get()
    }
}

impl Alarm {
    /// An alarm for a request of this client.
    pub(super) fn new(client: Presence) -> Self {
        Self {
            timer: None,
            client,
            noticed: Noticed::No,
        }
    }

    /// Waits for `work`, until the deadline that `due` gives now, or until the client leaves, which is told once.
    ///
    /// `due` is asked again at each wake-up, so that a deadline may move while the work goes on. The client's leaving
    /// is noticed when the connection's task, which polls this, is woken by it. Cancel safe if `work` is.
    pub(super) async fn wait<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
        due: impl Fn() -> Option<Instant>,
    ) -> Woke<T> {
        std::future::poll_fn(|cx| {
            if self.noticed == Noticed::No && self.client.has_left() {
                self.noticed = Noticed::Yes;
                return Poll::Ready(Woke::Left);
            }
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Woke::Done(done));
            }
            match due() {
                Some(at) => self.poll(at, cx).map(|()| Woke::Due),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let (armed, timer) = self
            .timer
            .get_or_insert_with(|| (at, Box::pin(sleep_until(at.into()))));
        if *armed != at {
            *armed = at;
            timer.as_mut().reset(at.into());
        }
        timer.as_mut().poll(cx)
    }
}

/// The earlier of two deadlines.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The time, as the runtime's clock has it (so that tests may stop it).
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
