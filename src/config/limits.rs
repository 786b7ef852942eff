//! `limits:`: bounds of connections, heads, bodies and buffers.
//!
//! Guarantees: each bound is within what the server can keep.
//! Does not do: the queue's limits; `terms` does.

use std::time::Duration;

use super::reader::{Keys, Section, Value};
use super::{Edge, defaults};
use crate::gateway::Buffers;

/// The section, for the several that need it.
#[derive(Debug)]
pub(super) struct Limits {
    /// Of client connections.
    pub edge: Edge,
    /// Of one request.
    pub buffers: Buffers,
    /// Of all buffers together.
    pub buffer_memory: usize,
    /// Longest request body.
    pub body_size: Option<u64>,
    /// Longest pause within it.
    pub body_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            edge: Edge {
                connections: defaults::CONNECTIONS,
                header_size: defaults::HEADER_SIZE,
                header_timeout: defaults::HEADER_TIMEOUT,
                idle_timeout: defaults::IDLE_TIMEOUT,
            },
            buffers: Buffers {
                request: defaults::REQUEST_BUFFER,
                response: defaults::RESPONSE_BUFFER,
                slow_client: defaults::SLOW_CLIENT,
            },
            buffer_memory: defaults::BUFFER_MEMORY,
            body_size: defaults::BODY_SIZE,
            body_idle_timeout: defaults::BODY_IDLE_TIMEOUT,
        }
    }
}

/// `limits`.
pub(super) fn read(top: &Section<'_>) -> Limits {
    let default = Limits::default();
    let Some(section) = top.read("limits", |value| value.section(&LIMITS)) else {
        return default;
    };
    section.read("request_spool", no_spool);
    let buffer = |value: &Value<'_>| value.size(0..=defaults::LARGEST_BUFFER);
    let limits = Limits {
        edge: edge(&section, &default.edge),
        buffers: Buffers {
            request: section
                .read("request_buffer", buffer)
                .unwrap_or(default.buffers.request),
            response: section
                .read("response_buffer", buffer)
                .unwrap_or(default.buffers.response),
            slow_client: section
                .read("slow_client", Value::timeout)
                .unwrap_or(default.buffers.slow_client),
        },
        buffer_memory: section
            .read("buffer_memory", |value| value.size(0..=usize::MAX))
            .unwrap_or(default.buffer_memory),
        body_size: section
            .read("body_size", body_size)
            .unwrap_or(default.body_size),
        body_idle_timeout: section
            .read("body_idle_timeout", Value::timeout)
            .unwrap_or(default.body_idle_timeout),
    };
    let both = limits
        .buffers
        .request
        .saturating_add(limits.buffers.response);
    if limits.buffer_memory < both {
        section.get("buffer_memory").as_ref().unwrap_or_else(|| section.value()).warn(
            "buffer_memory is less than request_buffer and response_buffer of a single request: hardly anything would be read ahead",
        );
    }
    limits
}

fn edge(section: &Section<'_>, default: &Edge) -> Edge {
    let header_size = |value: &Value<'_>| {
        value.size(defaults::SMALLEST_HEADER_SIZE..=defaults::LARGEST_HEADER_SIZE)
    };
    Edge {
        connections: section
            .read("connections", |value| value.whole(1..=defaults::MOST))
            .unwrap_or(default.connections),
        header_size: section
            .read("header_size", header_size)
            .unwrap_or(default.header_size),
        header_timeout: section
            .read("header_timeout", Value::timeout)
            .unwrap_or(default.header_timeout),
        idle_timeout: section
            .read("idle_timeout", Value::timeout)
            .unwrap_or(default.idle_timeout),
    }
}

/// `none`, or a size.
fn body_size(value: &Value<'_>) -> Option<Option<u64>> {
    if value.is_word("none") {
        return Some(None);
    }
    value.size(0..=usize::MAX).map(|size| Some(size as u64))
}

fn no_spool(value: &Value<'_>) -> Option<()> {
    match value.size(0..=usize::MAX)? {
        0 => Some(()),
        _ => value.refuse_later(
            "a temporary file for request bodies",
            "write 0, or remove the key; raise request_buffer if uploads hold lanes",
        ),
    }
}

const LIMITS: Keys = Keys {
    known: &[
        "connections",
        "header_size",
        "header_timeout",
        "idle_timeout",
        "body_size",
        "body_idle_timeout",
        "slow_client",
        "request_buffer",
        "request_spool",
        "response_buffer",
        "buffer_memory",
    ],
    refused: &[],
};
