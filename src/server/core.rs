//! A core: one thread, one single-threaded runtime, its gateway and its connections.

use std::io;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::connection::Premises;
use super::proxy_protocol::ProxyFaults;
use super::{Door, Limits, connection};
use crate::client::PeerAddr;
use crate::gateway::record::AccessLog;
use crate::gateway::refusal::Reason;
use crate::gateway::{Gateway, Shared};
use crate::metrics;
use crate::shutdown::Expected;
use crate::throttle::Waiters;

/// What a core is made of.
#[derive(Debug)]
pub struct Core {
    /// What it shares with the others.
    pub shared: Shared,
    /// Its counters.
    pub metrics: Arc<metrics::Core>,
    /// Its way to the log.
    pub log: AccessLog,
    /// The bounds of its connections.
    pub limits: Limits,
    /// The connections of each client, of all cores.
    pub clients: Arc<Waiters>,
}

/// A core, as the acceptors see it.
#[derive(Clone, Debug)]
pub struct Handle {
    // Unbounded, but filled by the acceptors alone, which count against `limits.connections`.
    connections: UnboundedSender<Accepted>,
    open: Arc<Count>,
    metrics: Arc<metrics::Core>,
}

/// A connection on its way to its core.
#[derive(Debug)]
struct Accepted {
    stream: TcpStream,
    peer: PeerAddr,
    door: Arc<Door>,
    open: Open,
}

/// The open connections of one core.
#[derive(Debug, Default)]
struct Count {
    open: AtomicUsize,
    none: Notify,
}

/// One open connection; dropping it ends its count, and nobody expects a request of it any more.
#[derive(Debug)]
pub(super) struct Open {
    count: Arc<Count>,
    _expected: Expected,
}

/// Starts a core on a thread of its own; it ends when the drain is closed, and with it everything on it.
///
/// # Errors
/// When the runtime or the thread cannot be made.
pub fn spawn(name: String, core: Core) -> io::Result<(Handle, JoinHandle<()>)> {
    let (sender, receiver) = unbounded_channel();
    let open = Arc::<Count>::default();
    let handle = Handle {
        connections: sender,
        open: Arc::clone(&open),
        metrics: Arc::clone(&core.metrics),
    };
    let thread =
        thread::Builder::new().name(name).spawn(move || {
            match Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())
            {
                Ok(runtime) => runtime.block_on(run(core, receiver, &open)),
                Err(error) => tracing::error!(%error, "a core could not start"),
            }
        })?;
    Ok((handle, thread))
}

async fn run(core: Core, accepted: UnboundedReceiver<Accepted>, open: &Count) {
    let Core {
        shared,
        metrics,
        log,
        limits,
        clients,
    } = core;
    let draining = shared.draining.clone();
    let faults = ProxyFaults::new(Arc::clone(&metrics));
    let gateway = Rc::new(Gateway::new(shared, metrics, log));
    drop(spawn_local(sweep(Rc::clone(&gateway))));
    let premises = Rc::new(Premises {
        gateway,
        limits,
        draining: draining.clone(),
        clients,
        faults,
    });
    tokio::select! {
        biased;
        () = draining.closed() => {}
        () = take(accepted, &premises) => {}
    }
    // What has been answered is still to be written; whoever does not read it is not waited for.
    drop(timeout(FLUSH, open.none()).await);
}

async fn take(mut accepted: UnboundedReceiver<Accepted>, premises: &Rc<Premises>) {
    while let Some(Accepted {
        stream,
        peer,
        door,
        open,
    }) = accepted.recv().await
    {
        // An error here is one connection's: it was reset before it was looked at.
        if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
            let premises = Rc::clone(premises);
            drop(spawn_local(connection::serve(
                stream, peer, door, open, premises,
            )));
        }
    }
    premises.draining.closed().await; // the acceptors have ended; the connections go on
}

/// Closes idle connections to the application when their time is over.
async fn sweep(gateway: Rc<Gateway>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        gateway.sweep();
    }
}

impl Handle {
    /// Connections that this core has, or is about to get.
    pub fn connections(&self) -> usize {
        self.open.open.load(Ordering::Relaxed)
    }

    /// Gives the core a connection.
    pub(super) fn hand_over(
        &self,
        stream: TcpStream,
        peer: PeerAddr,
        door: Arc<Door>,
        expected: Expected,
    ) {
        self.open.open.fetch_add(1, Ordering::Relaxed);
        self.metrics.connection_accepted();
        let open = Open {
            count: Arc::clone(&self.open),
            _expected: expected,
        };
        // A core that has ended takes no more: the connection is closed.
        drop(self.connections.send(Accepted {
            stream,
            peer,
            door,
            open,
        }));
    }

    /// Counts a connection that was closed because there are too many.
    pub(super) fn connections_full(&self) {
        self.metrics.refusal(Reason::ConnectionsFull as usize);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.count.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.count.none.notify_waiters();
        }
    }
}

impl Count {
    /// Waits until there is no connection.
    async fn none(&self) {
        loop {
            let mut none = std::pin::pin!(self.none.notified());
            none.as_mut().enable();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }
}

/// How long answers may take to be written at the very end.
const FLUSH: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_secs(1);
