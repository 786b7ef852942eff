//! The streams of one HTTP/2 connection: how many there are, and whether their client reads.
//!
//! Guarantees: exchanges count until the application has finished, also when their stream was reset; whoever has more
//! than twice its streams of them is overrun. Time is an argument. Does not do: end anything.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use crate::pace::Credit;

/// What goes on on one connection.
#[derive(Debug)]
pub(super) struct Live {
    open: Cell<usize>,
    most: usize,
    /// Since when there is no stream; for the first one, since the accept.
    idle_since: Cell<Instant>,
    phase: Cell<Phase>,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Bodies that have given something to hyper, which has not asked for more.
    stalled: Cell<usize>,
    /// Bytes that were given to hyper since the last check.
    given: Cell<usize>,
    checked: Cell<Instant>,
    credit: RefCell<Credit>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It was told to end.
    Ending,
    /// It has had a request.
    Later,
    /// No request has come yet.
    First,
}

/// One stream: its exchange, and its response until it is sent.
#[derive(Debug)]
pub(super) struct Stream {
    live: Rc<Live>,
    stalled: Cell<Stalled>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stalled {
    No,
    Yes,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be closed.
    End,
    /// Nothing.
    Fine,
    /// To be told to end: it has had no stream for long.
    Idle,
    /// To be closed: its client does not read.
    Unread,
}

impl Live {
    /// A connection accepted at `now`.
    pub(super) fn new(limits: &Limits, now: Instant) -> Rc<Self> {
        Rc::new(Self {
            open: Cell::new(0),
            most: 2 * usize::try_from(limits.streams).unwrap_or(usize::MAX / 2),
            idle_since: Cell::new(now),
            phase: Cell::new(Phase::First),
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            stalled: Cell::new(0),
            given: Cell::new(0),
            checked: Cell::new(now),
            credit: RefCell::new(Credit::new(limits.send_pace)),
        })
    }

    /// A request has come.
    pub(super) fn enter(self: &Rc<Self>, now: Instant) -> Rc<Stream> {
        if self.phase.get() == Phase::First {
            self.phase.set(Phase::Later);
        }
        if self.open.get() == 0 {
            self.checked.set(now);
        }
        self.open.set(self.open.get() + 1);
        Rc::new(Stream {
            live: Rc::clone(self),
            stalled: Cell::new(Stalled::No),
        })
    }

    /// Whether there are more exchanges than streams can account for: the client resets them and opens others.
    pub(super) fn is_overrun(&self) -> bool {
        self.open.get() > self.most
    }

    /// When [`Live::check`] is to be called.
    pub(super) fn next_check(&self) -> Instant {
        match (self.phase.get(), self.open.get()) {
            (Phase::First, _) => self.idle_since.get() + self.header_timeout,
            (Phase::Ending, _) => self.checked.get() + LAST_STREAMS,
            (Phase::Later, 0) => self.idle_since.get() + self.idle_timeout,
            (Phase::Later, _) => self.checked.get() + CHECK_EVERY.min(self.idle_timeout),
        }
    }

    /// What is to be done at `now`.
    pub(super) fn check(&self, now: Instant) -> Verdict {
        let waited = now.saturating_duration_since(self.checked.get());
        self.checked.set(now);
        let given = self.given.take();
        if self.stalled.get() > 0 {
            let mut credit = self.credit.borrow_mut();
            credit.moved(waited, given);
            if credit.left().is_zero() {
                return Verdict::Unread;
            }
        }
        let idle = self.open.get() == 0
            && now.saturating_duration_since(self.idle_since.get()) >= self.idle_timeout;
        match self.phase.get() {
            Phase::First => Verdict::End,
            Phase::Ending if self.open.get() == 0 => Verdict::End,
            Phase::Later if idle => {
                self.phase.set(Phase::Ending);
                Verdict::Idle
            }
            Phase::Ending | Phase::Later => Verdict::Fine,
        }
    }
}

impl Stream {
    /// hyper asks for more of the response, or needs no more.
    pub(super) fn asked(&self) {
        if self.stalled.replace(Stalled::No) == Stalled::Yes {
            self.live.stalled.set(self.live.stalled.get() - 1);
        }
    }

    /// hyper was given so much of the response.
    pub(super) fn gave(&self, length: usize) {
        self.live.given.set(self.live.given.get() + length);
        if self.stalled.replace(Stalled::Yes) == Stalled::No {
            self.live.stalled.set(self.live.stalled.get() + 1);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.asked();
        self.live.open.set(self.live.open.get() - 1);
        if self.live.open.get() == 0 {
            self.live.idle_since.set(Instant::now());
        }
    }
}

/// How often it is looked whether a client reads.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How long a connection that was told to end may stay without a stream.
const LAST_STREAMS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
