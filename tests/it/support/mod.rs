//! What the end-to-end tests stand on: a scripted application, raw clients, a proxy on free ports, bounded waiting.
//!
//! Order is observed (by what the application saw, by the proxy's own counters), never timed. Every wait ends with a
//! failed test after [`DEADLINE`], so nothing hangs.

mod browser;
mod certificates;
mod client;
mod eventually;
mod http2;
mod process;
mod proxy;
mod relay;
mod tls_client;
mod transport;
mod upstream;
mod wire;

use std::time::Duration;

pub(crate) use browser::{Browser, Key, Screen};
pub(crate) use certificates::{Authority, Pair};
pub(crate) use client::{Client, Closed, Exchange, Heard, Request, Response, Session};
pub(crate) use eventually::{eventually, undisturbed};
pub(crate) use http2::Http2;
pub(crate) use process::{Log, Process};
pub(crate) use proxy::Proxy;
pub(crate) use relay::Relay;
pub(crate) use tls_client::TlsClient;
pub(crate) use transport::Hello;
pub(crate) use upstream::{
    Arrived, OnAccept, Reserved, Seen, Step, Upstream, answer, chunked, held, in_halves,
};
pub(crate) use wire::{Framing, Head, Wire};

/// The longest that anything in a test may take; generous, since it only decides how long a failure takes. Shorter than
/// `body_idle_timeout` is by default, which would end by itself what a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(28);
