//! The edge towards operators: health, metrics and evidence over HTTP/1.1.
//!
//! Guarantees: answers until the process ends, also while it drains; a bounded number of connections, each for one
//! request and a bounded time; on a loopback address it answers only to names of this machine, so that a web page
//! cannot reach it through a rebound DNS name.
//! Does not do: know what it reports on ([`Sources`] does), change anything, authenticate.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time;

use crate::metrics;
use crate::shutdown::Draining;

mod page;

/// Where the answers come from. Called on the admin listener's thread, so they must not block.
pub struct Sources {
    /// Whether clients can be served, apart from drain, which is known here.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// The evidence of this moment, as JSON.
    pub evidence: Box<dyn Fn() -> String + Send + Sync>,
    /// The metrics of this moment, as [`metrics::CONTENT_TYPE`].
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// Whether clients can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet or not any more, and why; a sentence for `/readyz`.
    NotReady(&'static str),
    /// Yes.
    Ready,
}

/// What one connection needs to answer.
struct Edge {
    names: Names,
    sources: Arc<Sources>,
    draining: Draining,
}

/// Which `Host` is answered.
#[derive(Clone, Copy)]
enum Names {
    /// Every one: the operator opened the listener to the network.
    Any,
    /// `localhost` and addresses. A browser that follows a rebound name sends that name.
    OfThisMachine,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Edge {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !self.names.include(request) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "use localhost or an address",
            );
        }
        if let Some(found) = page::page(request.uri().path()) {
            let mut response = answer(
                StatusCode::OK,
                found.content_type,
                Bytes::from_static(found.body),
            );
            response.headers_mut().insert(
                "content-security-policy",
                HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
            );
            return response;
        }
        let page: fn(&Self) -> Response<Full<Bytes>> = match request.uri().path() {
            "/" => |_| plain(StatusCode::OK, INDEX),
            "/evidence" => Self::evidence,
            "/livez" => |_| plain(StatusCode::OK, "ok"),
            "/metrics" => Self::metrics,
            "/readyz" => Self::readiness,
            _ => return plain(StatusCode::NOT_FOUND, "not found; / lists what there is"),
        };
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return page(self);
        }
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD only");
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        if self.draining.is_draining() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "draining");
        }
        match (self.sources.ready)() {
            Readiness::Ready => plain(StatusCode::OK, "ready"),
            Readiness::NotReady(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    fn evidence(&self) -> Response<Full<Bytes>> {
        let json = Bytes::from((self.sources.evidence)());
        answer(StatusCode::OK, "application/json", json)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let text = Bytes::from((self.sources.metrics)());
        answer(StatusCode::OK, metrics::CONTENT_TYPE, text)
    }
}

impl Names {
    fn include<B>(self, request: &Request<B>) -> bool {
        match self {
            Self::Any => true,
            Self::OfThisMachine => request
                .headers()
                .get_all(HOST)
                .iter()
                .all(is_of_this_machine),
        }
    }
}

/// Serves operators until `draining` is closed; then cuts off what is left.
///
/// Runs on any Tokio runtime with I/O and time. Cancel safe: dropping it closes the listener and all its connections.
pub async fn serve(listener: TcpListener, sources: Arc<Sources>, draining: Draining) {
    let names = match listener.local_addr() {
        Ok(address) if !address.ip().is_loopback() => Names::Any,
        _ => Names::OfThisMachine,
    };
    // One task for each connection; dropping the set ends them.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = draining.closed() => return,
            Some(_) = connections.join_next() => {}
            stream = accept(&listener), if connections.len() < CONNECTIONS => {
                let edge = Edge { names, sources: Arc::clone(&sources), draining: draining.clone() };
                connections.spawn(connection(stream, edge));
            }
        }
    }
}

/// The next connection. Cancel safe.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                // Most likely no file descriptors are left, and the next attempt at once would fail as well.
                tracing::warn!(%error, "the admin listener cannot accept");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, edge: Edge) {
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(edge.answer(&request))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    // Neither a timeout nor a broken connection concerns anybody but this client.
    time::timeout(CONNECTION_TIMEOUT, connection).await.ok();
}

fn is_of_this_machine(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// One line of text.
fn plain(status: StatusCode, line: &'static str) -> Response<Full<Bytes>> {
    answer(
        status,
        "text/plain; charset=utf-8",
        Bytes::from(format!("{line}\n")),
    )
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const INDEX: &str = "\
onelane

/livez     200 while the process runs
/readyz    200 while clients are served, 503 while starting or draining
/metrics   OpenMetrics
/evidence  what requests did to their sessions, as JSON; onelane advise reads it";

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;

/// For a whole request head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// For a whole connection, so that a client that never reads gives its place back.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1); // and so often there is a line in the log

/// Longest request head, bytes.
const BUFFER: usize = 8192;

#[cfg(test)]
mod tests;
