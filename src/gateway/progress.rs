//! How an upload goes, seen from beside it.
//!
//! Guarantees: the client's credit is charged only with the time in which the client was waited for; a pause of the
//! application, or of the disk, costs it nothing. Does not do: end an upload.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::upload::BodyFault;
use crate::pace::{Credit, Pace};

/// Whom the body waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitsFor {
    /// The application takes no more.
    Application,
    /// The client sends no more.
    Client,
    /// It is all sent.
    Nobody,
}

/// How the upload goes.
#[derive(Debug)]
pub(super) struct Progress {
    waits_for: Cell<WaitsFor>,
    since: Cell<Instant>,
    credit: Cell<Credit>,
    fault: Cell<Option<BodyFault>>,
    length: Length,
    received: Cell<u64>,
}

/// Whether a request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Empty,
    Some,
}

impl Progress {
    /// An upload that begins, and is to go at `pace`.
    pub(super) fn new(length: Length, pace: Pace) -> Self {
        let waits_for = match length {
            Length::Empty => WaitsFor::Nobody,
            Length::Some => WaitsFor::Application,
        };
        Self {
            waits_for: Cell::new(waits_for),
            since: Cell::new(Instant::now()),
            credit: Cell::new(Credit::new(pace)),
            fault: Cell::new(None),
            length,
            received: Cell::new(0),
        }
    }

    /// Whom the upload waits for, and since when.
    pub(super) fn state(&self) -> (WaitsFor, Instant) {
        (self.waits_for.get(), self.since.get())
    }

    /// How long the client may let wait, from the moment on at which it is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.credit.get().left()
    }

    /// Whether there is a body, an empty one too.
    pub(super) fn length(&self) -> Length {
        self.length
    }

    /// Whether there is no body at all.
    pub(super) fn is_empty(&self) -> bool {
        self.length == Length::Empty
    }

    /// Bytes that have come from the client.
    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// What ended it early.
    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.fault.get()
    }

    /// Something ends it early.
    pub(super) fn fail(&self, fault: BodyFault) {
        self.fault.set(Some(fault));
    }

    /// The client is waited for, from now on or already.
    pub(super) fn waits_for_client(&self) {
        if self.waits_for.get() != WaitsFor::Client {
            self.set(WaitsFor::Client);
        }
    }

    /// It is forwarded now: the time until then was nobody's.
    pub(super) fn begin(&self) {
        self.since.set(Instant::now());
    }

    /// So many bytes came from the client.
    pub(super) fn came(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
        let waited = match self.waits_for.get() {
            WaitsFor::Client => self.since.get().elapsed(),
            WaitsFor::Application | WaitsFor::Nobody => Duration::ZERO,
        };
        let mut credit = self.credit.get();
        credit.moved(waited, bytes);
        self.credit.set(credit);
        self.set(WaitsFor::Application);
    }

    /// It waits for somebody else, from now on.
    pub(super) fn set(&self, waits_for: WaitsFor) {
        self.waits_for.set(waits_for);
        self.since.set(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(10),
        rate: 100,
    };

    #[test]
    fn only_the_time_in_which_the_client_was_waited_for_counts() {
        tokio_test::block_on(async {
            pause();
            let progress = Progress::new(Length::Some, PACE);
            advance(Duration::from_secs(60)).await; // the application's
            progress.came(1);
            assert_eq!(progress.patience(), PACE.grace);
            progress.waits_for_client();
            advance(Duration::from_secs(4)).await;
            progress.waits_for_client(); // it is still the same wait
            advance(Duration::from_secs(4)).await;
            progress.came(100);
            assert_eq!(progress.patience(), Duration::from_secs(3));
        });
    }
}
