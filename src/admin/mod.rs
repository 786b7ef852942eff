//! The edge towards operators: health, metrics, evidence, the API of `/api/v1/` and the dashboard, over HTTP/1.1.
//!
//! `door` says who may ask, `guarded` keeps the token, `endpoint` what there is to ask for, `desk` answers, with what `view` sees of the process in
//! the shapes of `state`; `events` goes on answering, `history` keeps the last ten minutes, `page` is what a browser shows.
//!
//! Guarantees: answers until the process ends, also while it drains; a bounded number of connections, each for one
//! request and a bounded time; on a loopback address it answers only to names of this machine, so that a web page
//! cannot reach it through a rebound DNS name; nothing is changed without the token, and nothing read from another machine;
//! who guesses at it is slowed down.
//! Does not do: TLS; forward anything.

mod answer;
mod desk;
mod door;
mod endpoint;
mod events;
mod guarded;
mod history;
mod page;
pub mod state;
mod view;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time;

pub use history::{History, STEPS, Sample};
pub use view::View;

use answer::Body;
use desk::{Asker, Desk};
use door::{Door, Reach};
use events::Streams;
use guarded::Guarded;
use history::STEP_MS;

use crate::config::Token;
use crate::metrics;
use crate::shutdown::Draining;

/// Where the answers come from. Called on the admin listener's thread, so they must not block.
pub struct Sources {
    /// Whether clients can be served, apart from drain, which is known here.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// The evidence of this moment, as JSON.
    pub evidence: Box<dyn Fn() -> String + Send + Sync>,
    /// The metrics of this moment, as [`crate::metrics::CONTENT_TYPE`].
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Lanes, clients, routes and policy.
    pub view: View,
    /// Where wrong tokens are counted.
    pub counts: Arc<metrics::Core>,
    /// Begins the drain, as a signal does.
    pub drain: Box<dyn Fn() + Send + Sync>,
    /// Reads the configuration again, which may block; None where that cannot be done.
    pub reload: Option<Arc<dyn Fn() -> Reloaded + Send + Sync>>,
}

/// Whether clients can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet or not any more, and why; a sentence for `/readyz`.
    NotReady(&'static str),
    /// Yes.
    Ready,
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The old policy goes on.
    Kept {
        /// Why.
        why: String,
    },
    /// The new one decides.
    Replaced {
        /// Its version.
        version: u64,
    },
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Serves operators until `draining` is closed; then cuts off what is left. `token` is what they show.
///
/// Runs on any Tokio runtime with I/O and time. Cancel safe: dropping it closes the listener and all its connections.
pub async fn serve(
    listener: TcpListener,
    token: Option<Token>,
    sources: Sources,
    draining: Draining,
) {
    let reach = match listener.local_addr() {
        Ok(address) if !address.ip().to_canonical().is_loopback() => Reach::Network,
        _ => Reach::Loopback,
    };
    let desk = Arc::new(Desk {
        door: Door {
            reach,
            token: token.map(|token| Guarded::new(token, Arc::clone(&sources.counts))),
        },
        sources,
        draining: draining.clone(),
        samples: Mutex::default(),
        streams: Streams::new(),
    });
    let mut steps = time::interval(Duration::from_millis(STEP_MS));
    // One task for each connection; dropping the set ends them.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = draining.closed() => return,
            _ = steps.tick() => sample(&desk),
            Some(_) = connections.join_next() => {}
            (stream, asker) = accept(&listener), if connections.len() < CONNECTIONS => {
                connections.spawn(connection(stream, Asker(asker), Arc::clone(&desk)));
            }
        }
    }
}

/// Ends a step of the history, and forgets who guessed at the token.
fn sample(desk: &Desk) {
    if let Some(token) = &desk.door.token {
        token.sweep(Instant::now());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    let mut samples = desk.samples.lock().unwrap_or_else(PoisonError::into_inner);
    samples.add(desk.sources.view.sample(), now);
    desk.sources.view.mark();
}

/// The next connection. Cancel safe.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Most likely no file descriptors are left, and the next attempt at once would fail as well.
                tracing::warn!(%error, "the admin listener cannot accept");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, asker: Asker, desk: Arc<Desk>) {
    let streams = AtomicBool::new(false);
    let service = service_fn(|request| {
        let answer = Arc::clone(&desk).answer(request, asker);
        let streams = &streams;
        async move {
            let answer = answer.await;
            streams.store(is_stream(&answer), Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Neither a timeout nor a broken connection concerns anybody but this client.
    let ended = time::timeout(CONNECTION_TIMEOUT, connection.as_mut()).await;
    if ended.is_err() && streams.load(Ordering::Relaxed) {
        time::timeout(events::LONGEST, connection).await.ok();
    }
}

fn is_stream(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "text/event-stream")
}

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;

/// For a whole request head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// For a whole connection, so that a client that never reads gives its place back; but for one with a stream.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1); // and so often there is a line in the log

/// Longest request head, bytes.
const BUFFER: usize = 8192;

#[cfg(test)]
mod tests;
