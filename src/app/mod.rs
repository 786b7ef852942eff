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
use tokio::time::{sleep, timeout};

use crate::config::{Config, Origin, Startup};
use crate::gateway::{Disk, Policy, Shared};
use crate::lane::Lanes;
use crate::memory::Budget;
use crate::metrics::{self, CertificateReload, Metrics};
use crate::reload::{self, Reload};
use crate::shutdown::{Drain, Draining};
use crate::tls::{self, Certificates};
use crate::traces::Tracer;
use crate::upstream;
use crate::watch;

mod log;
mod passed;
mod sockets;
mod sources;
mod threads;

pub use log::standard_output;
pub use passed::{Passed, PassedError, Places, SocketLabel};
pub use sockets::{BindError, Listeners, bind, bind_beside};

use sources::{Operated, labels, sources};
use threads::{start_cores, start_edge};

/// A running Onelane.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    drain: Arc<Drain>,
    asked: Arc<DrainAsked>,
    drain_delay: Duration,
    drain_timeout: Duration,
    lanes: Arc<Lanes>,
    threads: Vec<JoinHandle<()>>,
    /// None when traces are off.
    tracer: Option<Arc<Tracer>>,
    reload: Arc<Reload>,
    /// Reloads when the configuration's files change; None when it came from no file.
    _configuration: Option<watch::Watch>,
    /// Replaces certificates until it is dropped; None when there are none.
    _watch: Option<tls::Watch>,
    /// Writes what is left of the access log when it is dropped, last of all.
    _log: log::Rest,
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
        Self::start_logging_to(standard_output(), config, listeners)
    }

    /// As [`Running::start`], with another place than standard output for the access log: a service has none.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub fn start_logging_to(
        access_log: impl io::Write + Send + 'static,
        config: Config,
        listeners: Listeners,
    ) -> io::Result<Self> {
        let Config {
            startup,
            mut policy,
            origin,
            ..
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
        let metrics = Arc::new(Metrics::new(count, labels(&startup)));
        policy.count_in(&metrics);
        let tracer = tracer(&startup, metrics.core(0))?;
        let shared = share(&startup, policy, drain.listen(), tracer.clone());
        let reload = reload(&shared, &metrics, origin);
        let (writer, log) = log::queue(access_log, log::LINES)?;
        let (cores, mut threads) = start_cores(&startup, &shared, &metrics, count, &writer)?;
        let certificates = certificates(&startup);
        let watch = watch(&certificates, metrics.core(0))?;
        let drain = Arc::new(drain);
        let asked = Arc::<DrainAsked>::default();
        let operated = Operated {
            reload: Arc::clone(&reload),
            lost: writer.lost(),
            drain: asked.callback(&drain),
        };
        let sources = sources(metrics, &shared, cores.clone(), certificates, operated);
        let nodes = Arc::clone(&shared.upstream);
        threads.push(start_edge(
            &startup,
            listeners,
            cores,
            (sources, nodes),
            drain.listen(),
        )?);
        let lanes = shared.lanes;
        Ok(Self {
            addresses,
            admin_address,
            drain,
            asked,
            drain_delay: startup.drain_delay,
            drain_timeout: startup.drain_timeout,
            lanes,
            threads,
            tracer,
            _configuration: watch_configuration(&reload)?,
            reload,
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

    /// What reads the configuration again.
    pub fn reload(&self) -> &Arc<Reload> {
        &self.reload
    }

    /// Has `tell` called when an operator asks for a drain by the admin API. Readiness fails, and the caller is to call [`Running::drain`].
    pub fn on_drain_asked(&self, tell: impl Fn() + Send + Sync + 'static) {
        drop(self.asked.tell.set(Box::new(tell)));
    }

    /// Drains, then ends: readiness fails; after `drain_delay` no new connections; holders and waiters finish within
    /// `drain_timeout`; then waiters are refused and holders cut off. Blocks the calling thread until all threads have
    /// ended.
    pub fn drain(self) -> Drained {
        self.drain.leave();
        let left = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(self.finish()),
            Err(_) => self.drain.in_flight(),
        };
        self.drain.close();
        for thread in self.threads {
            drop(thread.join()); // a thread that panicked has said so, and has nothing left to finish
        }
        if let Some(tracer) = self.tracer {
            tracer.end(LAST_SPANS);
        }
        Drained { cut_off: left }
    }

    /// Waits until everybody has been answered, or may not wait any longer; gives the requests that are left.
    async fn finish(&self) -> usize {
        sleep(self.drain_delay).await;
        self.drain.begin();
        let answered = async {
            drop(timeout(LAST_REQUESTS, self.drain.deserted()).await);
            self.drain.idle().await;
        };
        if timeout(self.drain_timeout, answered).await.is_ok() {
            return 0;
        }
        self.lanes.close();
        drop(timeout(LAST_WORD, self.drain.idle()).await);
        self.drain.in_flight()
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
            drain.leave();
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

/// Starts what sends traces, if they are on.
fn tracer(startup: &Startup, metrics: Arc<metrics::Core>) -> io::Result<Option<Arc<Tracer>>> {
    let settings = startup.tracing.clone();
    let started = settings.map(|settings| Tracer::start(settings, metrics));
    Ok(started.transpose()?.map(Arc::new))
}

fn share(
    startup: &Startup,
    policy: Policy,
    draining: Draining,
    tracer: Option<Arc<Tracer>>,
) -> Shared {
    Shared {
        policy: Arc::new(ArcSwap::from_pointee(policy)),
        lanes: Arc::default(),
        waiters: Arc::default(),
        budget: Budget::new(startup.buffer_memory),
        disk: Disk::new(std::env::temp_dir(), startup.spool_disk),
        draining,
        upstream: upstream::Nodes::new(startup.upstream.clone(), Instant::now()),
        evidence: Arc::default(),
        tracer,
    }
}

fn reload(shared: &Shared, metrics: &Arc<Metrics>, origin: Origin) -> Arc<Reload> {
    let (policy, metrics) = (Arc::clone(&shared.policy), Arc::clone(metrics));
    Arc::new(Reload::new(policy, metrics, origin))
}

/// Reloads when the files of the configuration change.
fn watch_configuration(reload: &Arc<Reload>) -> io::Result<Option<watch::Watch>> {
    let files = reload.files();
    if files.is_empty() {
        return Ok(None);
    }
    let reload = Arc::clone(reload);
    watch::Watch::start("configuration", files, reload::PACE, move || reload.look()).map(Some)
}

/// The certificates of all listeners.
fn certificates(startup: &Startup) -> Vec<Certificates> {
    let listeners = startup.listen.iter();
    listeners
        .filter_map(|listener| listener.tls.clone())
        .collect()
}

/// Watches the files of the certificates, and counts what becomes of them.
fn watch(
    certificates: &[Certificates],
    metrics: Arc<metrics::Core>,
) -> io::Result<Option<tls::Watch>> {
    if certificates.is_empty() {
        return Ok(None);
    }
    let count = move |reload| {
        metrics.certificate_reload(match reload {
            tls::Reload::Failed(_) => CertificateReload::Failed,
            tls::Reload::Replaced(_) => CertificateReload::Ok,
        });
    };
    tls::Watch::start(certificates.to_vec(), tls::PACE, SystemTime::now, count).map(Some)
}

/// How long a drain waits for a request of those who are connected and have none in flight: what was sent before they
/// could know must be answered. After it, silent connections are closed.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// After the drain's deadline, how long the refusals of those who waited may take.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How long the collector may take for the last spans: within the moment that service managers are asked for beyond
/// `drain_timeout`.
const LAST_SPANS: Duration = Duration::from_secs(2);
