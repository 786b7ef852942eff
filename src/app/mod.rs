//! The composition root: configuration and sockets to a running Onelane, and back to an exit.
//!
//! Guarantees: nothing is accepted before everything is ready; a drain ends within `drain_timeout` and a moment.
//! The caller owns sockets, signals and the exit code.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing_appender::non_blocking::WorkerGuard;

use crate::config::{Config, Startup};
use crate::gateway::{Disk, Policy, Shared};
use crate::lane::Lanes;
use crate::memory::Budget;
use crate::metrics::{self, CertificateReload, Metrics};
use crate::shutdown::{Drain, Draining};
use crate::tls::{self, Certificates, Reload, Watch};
use crate::upstream;

mod sockets;
mod sources;
mod threads;

pub use sockets::{BindError, Listeners, bind};

use sources::{labels, sources};
use threads::{start_cores, start_edge};

/// A running Onelane.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    drain: Arc<Drain>,
    asked: Arc<DrainAsked>,
    drain_timeout: Duration,
    lanes: Arc<Lanes>,
    threads: Vec<JoinHandle<()>>,
    /// Replaces certificates until it is dropped; None when there are none.
    _watch: Option<Watch>,
    /// Writes what is left of the access log when it is dropped, last of all.
    _log: WorkerGuard,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were cut off in the application at the deadline.
    pub cut_off: usize,
}

impl Running {
    /// Starts everything: one thread per core, the acceptors, the admin listener.
    ///
    /// # Errors
    /// When a socket, a thread or a runtime cannot be made ready.
    pub fn start(config: Config, listeners: Listeners) -> io::Result<Self> {
        let Config {
            startup, policy, ..
        } = config;
        let addresses: Vec<_> = listeners
            .data
            .iter()
            .map(TcpListener::local_addr)
            .collect::<Result<_, _>>()?;
        let admin_address = listeners
            .admin
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?;
        let drain = Drain::new();
        let count = thread::available_parallelism().map_or(1, usize::from);
        let metrics = Arc::new(Metrics::new(count, labels(&startup, &policy)));
        let shared = share(&startup, policy, drain.listen());
        let (writer, log) = tracing_appender::non_blocking(io::stdout());
        let (cores, mut threads) = start_cores(&startup, &shared, &metrics, count, &writer)?;
        let certificates = certificates(&startup);
        let watch = watch(&certificates, metrics.core(0))?;
        let drain = Arc::new(drain);
        let asked = Arc::<DrainAsked>::default();
        let ask = asked.callback(&drain);
        let sources = sources(metrics, &shared, cores.clone(), certificates, ask);
        let nodes = Arc::clone(&shared.upstream);
        threads.push(start_edge(
            &startup,
            listeners,
            cores,
            (sources, nodes),
            drain.listen(),
        )?);
        let (lanes, drain_timeout) = (shared.lanes, startup.drain_timeout);
        Ok(Self {
            addresses,
            admin_address,
            drain,
            asked,
            drain_timeout,
            lanes,
            threads,
            _watch: watch,
            _log: log,
        })
    }

    /// Where clients connect; the real ports when 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Has `tell` called when an operator asks for a drain by the admin API. Readiness fails and no new connections are
    /// taken from then on; the caller is to call [`Running::drain`].
    pub fn on_drain_asked(&self, tell: impl Fn() + Send + Sync + 'static) {
        drop(self.asked.tell.set(Box::new(tell)));
    }

    /// Drains, then ends: readiness fails, no new connections, holders and waiters finish within `drain_timeout`; then
    /// waiters are refused and holders cut off. Blocks the calling thread until all threads have ended.
    pub fn drain(self) -> Drained {
        self.drain.begin();
        let left = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(async {
                if timeout(self.drain_timeout, self.drain.idle()).await.is_ok() {
                    return 0;
                }
                self.lanes.close();
                drop(timeout(LAST_WORD, self.drain.idle()).await);
                self.drain.in_flight()
            }),
            Err(_) => self.drain.in_flight(),
        };
        self.drain.close();
        for thread in self.threads {
            drop(thread.join()); // a thread that panicked has said so, and has nothing left to finish
        }
        Drained { cut_off: left }
    }
}

/// Whom to tell when an operator asks for a drain.
#[derive(Default)]
struct DrainAsked {
    tell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl DrainAsked {
    /// What the admin listener calls.
    fn callback(self: &Arc<Self>, drain: &Arc<Drain>) -> Box<dyn Fn() + Send + Sync> {
        let (asked, drain) = (Arc::clone(self), Arc::clone(drain));
        Box::new(move || {
            drain.begin();
            if let Some(tell) = asked.tell.get() {
                tell();
            }
        })
    }
}

impl fmt::Debug for DrainAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainAsked").finish_non_exhaustive()
    }
}

fn share(startup: &Startup, policy: Policy, draining: Draining) -> Shared {
    Shared {
        policy: Arc::new(ArcSwap::from_pointee(policy)),
        lanes: Arc::default(),
        waiters: Arc::default(),
        budget: Budget::new(startup.buffer_memory),
        disk: Disk::new(std::env::temp_dir(), startup.spool_disk),
        draining,
        upstream: upstream::Nodes::new(startup.upstream.clone(), Instant::now()),
        evidence: Arc::default(),
    }
}

/// The certificates of all listeners.
fn certificates(startup: &Startup) -> Vec<Certificates> {
    let listeners = startup.listen.iter();
    listeners
        .filter_map(|listener| listener.tls.clone())
        .collect()
}

/// Watches the files of the certificates, and counts what becomes of them.
fn watch(certificates: &[Certificates], metrics: Arc<metrics::Core>) -> io::Result<Option<Watch>> {
    if certificates.is_empty() {
        return Ok(None);
    }
    let count = move |reload| {
        metrics.certificate_reload(match reload {
            Reload::Failed(_) => CertificateReload::Failed,
            Reload::Replaced(_) => CertificateReload::Ok,
        });
    };
    let (pace, clock) = (tls::Pace::default(), SystemTime::now);
    Watch::start(certificates.to_vec(), pace, clock, count).map(Some)
}

/// After the drain's deadline, how long the refusals of those who waited may take.
const LAST_WORD: Duration = Duration::from_secs(1);
