//! What a reload may replace, in one value: each request takes one snapshot of it.

use std::collections::HashMap;
use std::time::Duration;

use crate::client;
use crate::gateway::refusal::{Reason, RefusalPage};
use crate::route::RouteTable;
use crate::session::Sessions;

/// The decisions of the gateway; built completely by `config`, then swapped whole.
#[derive(Debug)]
pub struct Policy {
    /// Request → terms.
    pub routes: RouteTable,
    /// Request → session key.
    pub sessions: Sessions,
    /// Request → client.
    pub client: client::Settings,
    /// The cap on the waiters of all lanes together (`queue.max_waiting`).
    pub max_waiting: usize,
    /// Of `max_waiting`, what one client network may hold: a quarter.
    pub max_waiting_per_client: usize,
    /// The buffers and their bounds.
    pub buffers: Buffers,
    /// Longest request body; none means no limit.
    pub body_size: Option<u64>,
    /// Longest pause between two pieces of a request body.
    pub body_idle_timeout: Duration,
    /// The secret that lets the application trust `X-Onelane-Access`.
    pub application_secret: Option<http::HeaderValue>,
    /// Whether responses that waited carry `Server-Timing`.
    pub server_timing: ServerTiming,
    /// Status codes and pages that differ from the built-in ones.
    pub refusals: HashMap<Reason, RefusalPage>,
}

/// Bounds of what is held in memory for one request (`limits:` in the configuration), bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Request body read ahead before the lane is taken.
    pub request: usize,
    /// Response body read ahead of a slow client.
    pub response: usize,
    /// How long the response buffer may stay full before the client sets the pace and the permit ends.
    pub slow_client: Duration,
}

/// Whether `Server-Timing: onelane;dur=…` is set on responses that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTiming {
    /// Never.
    Hide,
    /// On responses that waited.
    Show,
}
