//! The application: its connections, one set per core, and one exchange on each at a time.
//!
//! Guarantees: a connection is used by one exchange at a time and reused only when it is certainly idle and open; a
//! request is sent again only when it certainly was not sent; connections are bounded. Does not do: know lanes or
//! clients; read bodies (the gateway does, at the client's pace).

mod connect;
mod connection;
mod settings;
mod wire;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body::Body;
use tokio::sync::Semaphore;

pub use connect::ConnectError;
pub use connection::{Connection, Sent};
pub use settings::{Settings, Target};

/// What all cores share of the application's connections: their number.
#[derive(Debug)]
pub struct Shared {
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

/// One core's connections to the application.
pub struct Upstream<B> {
    shared: Arc<Shared>,
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
    pub fn new(settings: Settings) -> Arc<Self> {
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
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            idle: RefCell::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// An idle connection that is open, the last used first.
    pub fn reuse(&self, reuse: Reuse, now: Instant) -> Option<Connection<B>> {
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
    pub async fn connect(&self) -> Result<Connection<B>, ConnectError> {
        if self.shared.is_full() {
            self.idle.borrow_mut().clear(); // none of them would do, and each has a place
        }
        connect::connect(&self.shared).await
    }

    /// Gives back a connection whose exchange has ended; kept only if it may be used again.
    ///
    /// `promised` is the application's `Keep-Alive: timeout`, if it sent one.
    pub fn give_back(
        &self,
        mut connection: Connection<B>,
        promised: Option<Duration>,
        now: Instant,
    ) {
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
    pub fn sweep(&self, now: Instant) {
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
