//! The application: its nodes, their connections, one set per core, and one exchange on each at a time.
//!
//! Guarantees: a request goes to the node that has its session while that is up; a connection is used by one exchange at a
//! time and reused only when it is certainly idle and open; a request is sent again only when it certainly was not sent;
//! connections are bounded. Does not do: know lanes or clients; read bodies (the gateway does, at the client's pace).

mod affinity;
mod choice;
mod connect;
mod connection;
mod farm;
mod health;
mod nodes;
mod settings;
mod wire;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body::Body;
use tokio::sync::Semaphore;

pub use affinity::{Affinity, Crossing, Tag};
pub use choice::{Standing, Wish};
pub use connect::ConnectError;
pub use connection::{Connection, Sent};
pub use farm::{Farm, Stay};
pub use health::{Health, check};
pub use nodes::{Chosen, Decided, Node, Nodes};
pub use settings::{FarmSettings, NodeSettings, Settings, Target};

/// What all cores share of the connections to one node: their number.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    slots: Option<Slots>,
    complaint: connect::Complaint,
}

/// The places of `max_connections`. An idle connection keeps its place, but for others that want one.
#[derive(Debug)]
struct Slots {
    free: Arc<Semaphore>,
    /// Requests, of all cores, that wait for a place.
    wanted: AtomicUsize,
}

/// One core's connections to one node.
struct Upstream<B> {
    shared: Arc<Shared>,
    /// Which node that is.
    node: usize,
    /// The last used is the first reused, so that the others may end by their age.
    idle: RefCell<Vec<Idle<B>>>,
}

struct Idle<B> {
    connection: Connection<B>,
    /// Not to be used from then on.
    until: Instant,
}

/// How choosy a request is about reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Any connection that is open: the request may be sent again by its client.
    Any,
    /// Only one that has just been used: a write that meets a closing connection is lost, since nobody may repeat it.
    Fresh,
    /// None: a new connection.
    Never,
}

impl Shared {
    /// Prepares for `settings`; connects nowhere.
    fn new(settings: Settings) -> Arc<Self> {
        let slots = settings.max_connections.map(|max| Slots {
            free: Arc::new(Semaphore::new(max)),
            wanted: AtomicUsize::new(0),
        });
        Arc::new(Self {
            settings,
            slots,
            complaint: connect::Complaint::default(),
        })
    }

    /// Whether all places are taken.
    fn is_full(&self) -> bool {
        let full = |slots: &Slots| slots.free.available_permits() == 0;
        self.slots.as_ref().is_some_and(full)
    }

    /// Whether some request waits for a place, perhaps on another core.
    fn is_wanted(&self) -> bool {
        let wanted = |slots: &Slots| slots.wanted.load(Ordering::Relaxed) > 0;
        self.slots.as_ref().is_some_and(wanted)
    }
}

impl<B> Upstream<B>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// This core's connections; none yet.
    fn new(shared: Arc<Shared>, node: usize) -> Self {
        Self {
            shared,
            node,
            idle: RefCell::default(),
        }
    }

    /// The settings.
    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// An idle connection that is open, the last used first.
    fn reuse(&self, reuse: Reuse, now: Instant) -> Option<Connection<B>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(candidate) = idle.pop() {
            let since = candidate.connection.idle_since();
            match reuse {
                Reuse::Never => {
                    idle.push(candidate);
                    return None;
                }
                Reuse::Fresh if now.saturating_duration_since(since) >= FRESH => {
                    idle.push(candidate);
                    return None; // the ones below are older still
                }
                Reuse::Any | Reuse::Fresh => {}
            }
            let mut connection = candidate.connection;
            if now < candidate.until && connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    /// Makes a new connection, trying again with growing pauses until `connect_timeout`: nothing was sent yet, so that
    /// a recycle of the application is a pause.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`ConnectError`], when the time is up, or at once when TLS was refused.
    async fn connect(&self) -> Result<Connection<B>, ConnectError> {
        self.make_room();
        connect::connect(&self.shared).await
    }

    /// As [`Upstream::connect`], but gives up soon, since another node may take its place; `deadline` is for a place of
    /// `max_connections`.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn attempt(&self, deadline: Instant) -> Result<Connection<B>, ConnectError> {
        self.make_room();
        let connection = connect::attempt(&self.shared, deadline).await?;
        Ok(connection.leading_to(self.node))
    }

    /// Closes the idle connections if they have all the places: none of them would do.
    fn make_room(&self) {
        if self.shared.is_full() {
            self.idle.borrow_mut().clear();
        }
    }

    /// Gives back a connection whose exchange has ended; kept only if it may be used again.
    ///
    /// `promised` is the application's `Keep-Alive: timeout`, if it sent one.
    fn give_back(&self, mut connection: Connection<B>, promised: Option<Duration>, now: Instant) {
        let keep = match promised {
            // A second less, since the application's clock starts earlier than ours.
            Some(timeout) => self
                .shared
                .settings
                .keep_alive
                .min(timeout.saturating_sub(MARGIN)),
            None => self.shared.settings.keep_alive,
        };
        if keep.is_zero() || self.shared.is_wanted() || !connection.settle(now) {
            return;
        }
        self.idle.borrow_mut().push(Idle {
            connection,
            until: now + keep,
        });
    }

    /// Closes the idle connections whose time is over, or all when their places are wanted; to be called now and then.
    fn sweep(&self, now: Instant) {
        let wanted = self.shared.is_wanted();
        self.idle
            .borrow_mut()
            .retain(|entry| !wanted && now < entry.until);
    }
}

impl<B> fmt::Debug for Upstream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("idle", &self.idle.borrow().len())
            .finish_non_exhaustive()
    }
}

/// How long ago a connection may have been used for a write to go on it.
const FRESH: Duration = Duration::from_secs(1);
/// How much earlier than the application promised a connection is given up.
const MARGIN: Duration = Duration::from_secs(1);
