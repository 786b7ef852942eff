//! The threads: one for each core, and the edge, where connections are accepted and operators are answered.
//!
//! Guarantees: whatever needs a runtime, a socket or a thread is ready, or the start fails.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;

use super::Listeners;
use super::log::Lines;
use crate::config::{self, Http2, Startup};
use crate::gateway::Shared;
use crate::gateway::record::{AccessLog, LineFormat};
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::server::{self, Core, Handle};
use crate::shutdown::Draining;
use crate::throttle::Waiters;
use crate::tls::{Acceptor, Offer};
use crate::{admin, upstream};

/// Starts a thread for each core.
pub(super) fn start_cores(
    startup: &Startup,
    shared: &Shared,
    metrics: &Metrics,
    count: usize,
    writer: &Lines,
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

fn access_log(log: config::Log, writer: &Lines) -> AccessLog {
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
pub(super) fn start_edge(
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
    let token = startup.admin.token.clone();
    thread::Builder::new()
        .name("edge".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let data = data.into_iter().zip(doors).map(|(listener, door)| {
                    server::accept(listener, door, cores.clone(), limits, draining.clone())
                });
                let admin = async {
                    if let Some(listener) = admin {
                        admin::serve(listener, token, sources, draining.clone()).await;
                    }
                };
                let checks = upstream::check(&nodes, draining.closed());
                futures_util::future::join3(futures_util::future::join_all(data), admin, checks)
                    .await;
                draining.closed().await;
            });
        })
}
