//! One signal, many listeners: from running over leaving and draining to closed.
//!
//! Guarantees: the state only moves forward; asking for it on the request path is one atomic load; whoever listens
//! after a step has been taken learns of it at once; each request in flight, and each who may still bring one, is counted
//! until its guard is dropped. Any number of runtimes and threads may share it.
//! Does not do: end anything. Those who listen stop accepting, refuse or close by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// The one who decides; [`Drain::listen`] makes the listeners.
#[derive(Debug)]
pub struct Drain {
    state: watch::Sender<State>,
    shared: Arc<Shared>,
}

/// One who listens; cheap to clone, may cross threads.
#[derive(Clone, Debug)]
pub struct Draining {
    state: watch::Receiver<State>,
    shared: Arc<Shared>,
}

/// One request that is being worked on; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends the count of this request"]
pub struct InFlight {
    shared: Arc<Shared>,
}

/// One who may still bring a request: an acceptor, or a connection; dropping it ends its count.
#[derive(Debug)]
#[must_use = "dropping it ends the count of who may bring a request"]
pub struct Expected {
    shared: Arc<Shared>,
}

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Connections are accepted.
    Running,
    /// Still accepted, but balancers are told to send nobody any more.
    Leaving,
    /// No new connections; requests in flight finish.
    Draining,
    /// The deadline has passed, or all have finished: what is left is cut off.
    Closed,
}

#[derive(Debug)]
struct Shared {
    // A copy of the watch's value: reading the watch takes a lock, and every request asks.
    state: AtomicUsize,
    in_flight: Count,
    expected: Count,
}

/// A count, and who waits for its end.
#[derive(Debug, Default)]
struct Count {
    number: Apart,
    none: Notify,
}

/// A count on a cache line of its own: every request changes it, and every request reads the state beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicUsize);

impl Drain {
    /// Running, with nothing in flight.
    pub fn new() -> Self {
        let shared = Shared {
            state: AtomicUsize::new(State::Running as usize),
            in_flight: Count::default(),
            expected: Count::default(),
        };
        Self {
            state: watch::Sender::new(State::Running),
            shared: Arc::new(shared),
        }
    }

    /// Another listener.
    pub fn listen(&self) -> Draining {
        Draining {
            state: self.state.subscribe(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Tells balancers to send nobody any more; nothing happens when that, or more, has happened before.
    pub fn leave(&self) {
        self.advance(State::Leaving);
    }

    /// Starts draining; nothing happens when it has started before.
    pub fn begin(&self) {
        self.advance(State::Draining);
    }

    /// Ends everything; nothing happens when it has ended before.
    pub fn close(&self) {
        self.advance(State::Closed);
    }

    /// Requests in flight at this moment.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.now()
    }

    /// Waits for a moment with no request in flight; at once when there is none now. New ones may start afterwards:
    /// whoever drains stops them first.
    ///
    /// Cancel safe.
    pub async fn idle(&self) {
        self.shared.in_flight.none().await;
    }

    /// Waits for a moment at which nobody may bring a request any more; at once when nobody is there now.
    ///
    /// Cancel safe.
    pub async fn deserted(&self) {
        self.shared.expected.none().await;
    }

    fn advance(&self, to: State) {
        self.state.send_if_modified(|state| {
            let forward = *state < to;
            if forward {
                *state = to;
                // Under the watch's lock, so that the copy takes the same steps in the same order.
                self.shared.state.store(to as usize, Ordering::Release);
            }
            forward
        });
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Count {
    fn now(&self) -> usize {
        self.number.0.load(Ordering::Acquire)
    }

    fn add(&self) {
        self.number.0.fetch_add(1, Ordering::Relaxed);
    }

    fn subtract(&self) {
        // Release: what was counted has happened before `none` returns.
        if self.number.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_waiters();
        }
    }

    /// Waits until it is 0. Cancel safe.
    async fn none(&self) {
        let mut none = std::pin::pin!(self.none.notified());
        loop {
            // Registered before the count is read, so that a last guard dropped in between still wakes us.
            none.as_mut().enable();
            if self.now() == 0 {
                return;
            }
            none.as_mut().await;
            none.set(self.none.notified());
        }
    }
}

impl Draining {
    /// Whether balancers should send nobody any more, or draining has begun; one atomic load.
    pub fn is_leaving(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) >= State::Leaving as usize
    }

    /// Whether draining has begun; one atomic load.
    pub fn is_draining(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) >= State::Draining as usize
    }

    /// Whether everything is to end; one atomic load.
    pub fn is_closed(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) >= State::Closed as usize
    }

    /// Waits until draining begins; at once when it has begun.
    ///
    /// Cancel safe. A [`Drain`] that is dropped counts as closed.
    pub async fn draining(&self) {
        self.reached(State::Draining).await;
    }

    /// Waits until everything is to end; at once when it has.
    ///
    /// Cancel safe. A [`Drain`] that is dropped counts as closed.
    pub async fn closed(&self) {
        self.reached(State::Closed).await;
    }

    /// Counts one request until the guard is dropped, also while draining: a connection that was accepted before may
    /// still bring one, and it must be answered.
    pub fn enter(&self) -> InFlight {
        self.shared.in_flight.add();
        InFlight {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Counts one who may still bring a request until the guard is dropped: what has been accepted, or may be at this
    /// moment, is given a chance before the end.
    pub fn expect(&self) -> Expected {
        self.shared.expected.add();
        Expected {
            shared: Arc::clone(&self.shared),
        }
    }

    async fn reached(&self, wanted: State) {
        // On a clone, because waiting marks the value as seen. An error means that the sender is gone.
        drop(self.state.clone().wait_for(|state| *state >= wanted).await);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.in_flight.subtract();
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.shared.expected.subtract();
    }
}

#[cfg(test)]
mod tests;
