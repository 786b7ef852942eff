//! The composition root: configuration and sockets to a running Onelane, and back to an exit.
//!
//! Guarantees: nothing is accepted before everything is ready; a drain ends within `drain_timeout` and a moment.
//! The caller owns sockets, signals and the exit code.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};

use crate::config::{self, Config, Http2, Startup};
use crate::gateway::record::{ACCESS_LABELS, AccessLog, LineFormat, Outcome};
use crate::gateway::refusal::Reason;
use crate::gateway::{DENY_LIST, Disk, Fault, Policy, Shared};
use crate::lane::Lanes;
use crate::memory::Budget;
use crate::metrics::{self, CertificateReload, Gauges, Labels, Metrics};
use crate::pace::Pace;
use crate::server::{self, Core, Handle, ProxyFault};
use crate::session::OddReason;
use crate::shutdown::{Drain, Draining};
use crate::throttle::Waiters;
use crate::tls::{self, Acceptor, Certificates, Offer, Reload, Watch};
use crate::{admin, upstream};

/// Bound sockets; made by [`bind`], or by a caller that has its own.
#[derive(Debug)]
pub struct Listeners {
    /// For clients: one for each of [`Startup::listen`], in its order.
    pub data: Vec<TcpListener>,
    /// For operators.
    pub admin: Option<TcpListener>,
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's reason.
    pub source: io::Error,
}

/// A running Onelane.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    drain: Drain,
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

/// Binds what the configuration names.
///
/// # Errors
/// The first address that cannot be bound, with the system's reason.
pub fn bind(startup: &Startup) -> Result<Listeners, BindError> {
    let one = |address| listen(address).map_err(|source| BindError { address, source });
    Ok(Listeners {
        data: startup
            .listen
            .iter()
            .map(|listener| one(listener.address))
            .collect::<Result<_, _>>()?,
        admin: startup.admin.listen.map(one).transpose()?,
    })
}

/// As the standard library listens, but with room for a burst: beyond its 128 the system drops connections, and their
/// clients try again a second later.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if cfg!(unix) {
        socket.set_reuse_address(true)?; // on Windows this would share the port with another program
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
        let sources = sources(metrics, &shared, cores.clone(), certificates);
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

/// The labels that the metrics, which know none of our types, are given.
fn labels(startup: &Startup, policy: &Policy) -> Labels {
    Labels {
        access: &ACCESS_LABELS,
        outcomes: &Outcome::LABELS,
        refusals: &Reason::LABELS,
        upstream_errors: &Fault::LABELS,
        upstreams: startup.upstream.names(),
        odd_cookies: &OddReason::LABELS,
        proxy_faults: &ProxyFault::LABELS,
        reports: &crate::evidence::Report::LABELS,
        routes: policy.routes.labels().map(ToString::to_string).collect(),
        throttle_rules: std::iter::once(DENY_LIST)
            .chain(policy.throttle.iter().map(|rule| &*rule.name))
            .map(ToString::to_string)
            .collect(),
    }
}

fn start_cores(
    startup: &Startup,
    shared: &Shared,
    metrics: &Metrics,
    count: usize,
    writer: &NonBlocking,
) -> io::Result<(Vec<Handle>, Vec<JoinHandle<()>>)> {
    let (limits, clients) = (limits(startup), Arc::<Waiters>::default());
    (0..count)
        .map(|number| {
            let core = Core {
                shared: shared.clone(),
                metrics: metrics.core(number),
                log: access_log(startup.log, writer),
                limits,
                clients: Arc::clone(&clients),
            };
            server::spawn(format!("core-{number}"), core)
        })
        .collect::<io::Result<Vec<_>>>()
        .map(|cores| cores.into_iter().unzip())
}

fn limits(startup: &Startup) -> server::Limits {
    let config::Edge {
        connections,
        connections_per_client,
        header_size,
        headers,
        header_timeout,
        idle_timeout,
        send_timeout,
        min_rate,
        http2_streams,
    } = startup.edge;
    server::Limits {
        connections,
        connections_per_client,
        header_size,
        headers,
        header_timeout,
        idle_timeout,
        send_pace: Pace {
            grace: send_timeout,
            rate: min_rate,
        },
        streams: http2_streams,
    }
}

fn access_log(log: config::Log, writer: &NonBlocking) -> AccessLog {
    match (log.access, log.format) {
        (config::AccessLog::Off, _) => AccessLog::off(),
        (config::AccessLog::On, config::LogFormat::Json) => {
            AccessLog::new(LineFormat::Json, writer.clone())
        }
        (config::AccessLog::On, config::LogFormat::Text) => {
            AccessLog::new(LineFormat::Text, writer.clone())
        }
    }
}

/// What the admin listener tells.
fn sources(
    metrics: Arc<Metrics>,
    shared: &Shared,
    cores: Vec<Handle>,
    certificates: Vec<Certificates>,
) -> admin::Sources {
    let (shared, told, nodes) = (shared.clone(), shared.clone(), Arc::clone(&shared.upstream));
    let gauges = move || {
        let counts = shared.lanes.counts();
        Gauges {
            lanes: counts.lanes,
            holders: usize::try_from(counts.holding).unwrap_or(usize::MAX),
            waiters: counts.waiting,
            connections: cores.iter().map(Handle::connections).sum(),
            buffer_memory: shared.budget.used(),
            spool: shared.disk.used(),
            throttle_clients: shared.policy.load().throttle.clients(),
            upstreams_healthy: shared.upstream.healthy(Instant::now()),
            certificate_expiry: tls::earliest_end(&certificates),
        }
    };
    admin::Sources {
        ready: Box::new(move || {
            if nodes.all_ill() {
                return admin::Readiness::NotReady("the health checks of all upstreams fail");
            }
            admin::Readiness::Ready
        }),
        evidence: Box::new(move || told.policy.load().evidence(&told.evidence)),
        metrics: Box::new(move || metrics.encode(gauges())),
    }
}

/// How a listener receives its clients.
fn door(listener: &config::Listener) -> io::Result<server::Door> {
    let (http2, offer) = match listener.http2 {
        Http2::Off => (server::Http2::Off, Offer::Http1),
        Http2::On => (server::Http2::On, Offer::Http2AndHttp1),
    };
    let certificates = listener.tls.clone();
    let acceptor = |certificates| Acceptor::new(certificates, offer);
    Ok(server::Door {
        tls: certificates.map(acceptor).transpose()?,
        proxy_protocol: listener.proxy_protocol,
        http2,
    })
}

/// Starts the thread of the acceptors, of the admin listener and of the health checks.
fn start_edge(
    startup: &Startup,
    listeners: Listeners,
    cores: Vec<Handle>,
    (sources, nodes): (admin::Sources, Arc<upstream::Nodes>),
    draining: Draining,
) -> io::Result<JoinHandle<()>> {
    let limits = limits(startup);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ready = |listener: TcpListener| {
        listener.set_nonblocking(true)?;
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener)
    };
    let data: Vec<_> = listeners
        .data
        .into_iter()
        .map(ready)
        .collect::<io::Result<_>>()?;
    let doors: Vec<_> = startup.listen.iter().map(door).collect::<io::Result<_>>()?;
    let admin = listeners.admin.map(ready).transpose()?;
    thread::Builder::new()
        .name("edge".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let data = data.into_iter().zip(doors).map(|(listener, door)| {
                    server::accept(listener, door, cores.clone(), limits, draining.clone())
                });
                let admin = async {
                    if let Some(listener) = admin {
                        admin::serve(listener, Arc::new(sources), draining.clone()).await;
                    }
                };
                let checks = upstream::check(&nodes, draining.closed());
                futures_util::future::join3(futures_util::future::join_all(data), admin, checks)
                    .await;
                draining.closed().await;
            });
        })
}

/// Connections that may wait to be accepted; the system lowers it to its own limit.
const BACKLOG: i32 = 4096;
/// After the drain's deadline, how long the refusals of those who waited may take.
const LAST_WORD: Duration = Duration::from_secs(1);
