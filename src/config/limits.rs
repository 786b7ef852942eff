//! `limits:`: bounds of connections, heads, bodies, buffers and temporary files.
//!
//! Guarantees: each bound is within what the server can keep.
//! Does not do: the queue's limits; `terms` does.

use super::reader::{Keys, Section, Value};
use super::{Edge, defaults};
use crate::gateway::{Buffers, ReadAhead};
use crate::pace::Pace;

/// The section, for the several that need it.
#[derive(Debug)]
pub(super) struct Limits {
    /// Of client connections.
    pub edge: Edge,
    /// Of one request.
    pub buffers: Buffers,
    /// Of all buffers together.
    pub buffer_memory: usize,
    /// Of all temporary files together.
    pub spool_disk: usize,
    /// Longest request target, bytes.
    pub url_length: usize,
    /// Longest request body.
    pub body_size: Option<u64>,
    /// How fast it has to come.
    pub body_pace: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            edge: Edge {
                connections: defaults::CONNECTIONS,
                connections_per_client: defaults::CONNECTIONS_PER_CLIENT,
                header_size: defaults::HEADER_SIZE,
                headers: defaults::HEADERS,
                header_timeout: defaults::HEADER_TIMEOUT,
                idle_timeout: defaults::IDLE_TIMEOUT,
                send_timeout: defaults::SEND_TIMEOUT,
                min_rate: defaults::MIN_RATE,
                http2_streams: defaults::HTTP2_STREAMS,
            },
            buffers: Buffers {
                read_ahead: defaults::READ_AHEAD,
                request: defaults::REQUEST_BUFFER,
                spool: defaults::REQUEST_SPOOL,
                response: defaults::RESPONSE_BUFFER,
                slow_client: defaults::SLOW_CLIENT,
            },
            url_length: defaults::URL_LENGTH,
            buffer_memory: defaults::BUFFER_MEMORY,
            spool_disk: defaults::SPOOL_DISK,
            body_size: defaults::BODY_SIZE,
            body_pace: Pace {
                grace: defaults::BODY_IDLE_TIMEOUT,
                rate: defaults::MIN_RATE,
            },
        }
    }
}

/// `limits`.
pub(super) fn read(top: &Section<'_>) -> Limits {
    let default = Limits::default();
    let Some(section) = top.read("limits", |value| value.section(&LIMITS)) else {
        return default;
    };
    let buffer = |value: &Value<'_>| value.size(0..=defaults::LARGEST_BUFFER);
    let any = |value: &Value<'_>| value.size(0..=usize::MAX);
    let edge = edge(&section, &default.edge);
    let body_pace = Pace {
        grace: section
            .read("body_idle_timeout", Value::timeout)
            .unwrap_or(default.body_pace.grace),
        rate: edge.min_rate,
    };
    let limits = Limits {
        edge,
        buffers: Buffers {
            read_ahead: section
                .read("read_ahead", |value| value.choice(READ_AHEAD))
                .unwrap_or(default.buffers.read_ahead),
            request: section
                .read("request_buffer", buffer)
                .unwrap_or(default.buffers.request),
            spool: section
                .read("request_spool", any)
                .unwrap_or(default.buffers.spool),
            response: section
                .read("response_buffer", buffer)
                .unwrap_or(default.buffers.response),
            slow_client: section
                .read("slow_client", Value::timeout)
                .unwrap_or(default.buffers.slow_client),
        },
        url_length: section
            .read("url_length", |value| {
                value.size(defaults::SMALLEST_URL_LENGTH..=defaults::LARGEST_URL_LENGTH)
            })
            .unwrap_or(default.url_length),
        buffer_memory: section
            .read("buffer_memory", any)
            .unwrap_or(default.buffer_memory),
        spool_disk: section
            .read("spool_disk", any)
            .unwrap_or(default.spool_disk),
        body_size: section
            .read("body_size", body_size)
            .unwrap_or(default.body_size),
        body_pace,
    };
    warn_of_buffers(&section, &limits);
    limits
}

/// Warns of a bound of all requests together that is below that of a single one.
fn warn_of_buffers(section: &Section<'_>, limits: &Limits) {
    let written = |key| section.get(key).unwrap_or_else(|| section.value().clone());
    let both = limits
        .buffers
        .request
        .saturating_add(limits.buffers.response);
    if limits.buffer_memory < both {
        written("buffer_memory").warn(
            "buffer_memory is less than request_buffer and response_buffer of a single request: hardly anything would be read ahead",
        );
    }
    if limits.spool_disk < limits.buffers.spool {
        written("spool_disk").warn(
            "spool_disk is less than request_spool of a single request: large uploads would not be read ahead",
        );
    }
}

fn edge(section: &Section<'_>, default: &Edge) -> Edge {
    let header_size = |value: &Value<'_>| {
        value.size(defaults::SMALLEST_HEADER_SIZE..=defaults::LARGEST_HEADER_SIZE)
    };
    Edge {
        connections: section
            .read("connections", |value| value.whole(1..=defaults::MOST))
            .unwrap_or(default.connections),
        connections_per_client: section
            .read("connections_per_client", connections_per_client)
            .unwrap_or(default.connections_per_client),
        header_size: section
            .read("header_size", header_size)
            .unwrap_or(default.header_size),
        headers: section
            .read("headers", |value| value.whole(1..=defaults::MOST_HEADERS))
            .unwrap_or(default.headers),
        header_timeout: section
            .read("header_timeout", Value::timeout)
            .unwrap_or(default.header_timeout),
        idle_timeout: section
            .read("idle_timeout", Value::timeout)
            .unwrap_or(default.idle_timeout),
        send_timeout: section
            .read("send_timeout", Value::timeout)
            .unwrap_or(default.send_timeout),
        min_rate: section
            .read("min_rate", min_rate)
            .unwrap_or(default.min_rate),
        http2_streams: section
            .read("http2_streams", http2_streams)
            .unwrap_or(default.http2_streams),
    }
}

/// `none`, or a number.
fn connections_per_client(value: &Value<'_>) -> Option<Option<usize>> {
    if value.is_word("none") {
        return Some(None);
    }
    value.whole(1..=defaults::MOST).map(Some)
}

/// Bytes per second.
fn min_rate(value: &Value<'_>) -> Option<u32> {
    let rate = value.size(0..=defaults::FASTEST_MIN_RATE)?;
    Some(u32::try_from(rate).expect("the range was checked"))
}

fn http2_streams(value: &Value<'_>) -> Option<u32> {
    let streams = value.whole(1..=defaults::MOST_STREAMS)?;
    Some(u32::try_from(streams).expect("the range was checked"))
}

/// `none`, or a size.
fn body_size(value: &Value<'_>) -> Option<Option<u64>> {
    if value.is_word("none") {
        return Some(None);
    }
    value.size(0..=usize::MAX).map(|size| Some(size as u64))
}

pub(super) const READ_AHEAD: &[(&str, ReadAhead)] =
    &[("always", ReadAhead::Always), ("lane", ReadAhead::Lane)];

pub(super) const LIMITS: Keys = Keys {
    known: &[
        "connections",
        "connections_per_client",
        "header_size",
        "headers",
        "url_length",
        "header_timeout",
        "idle_timeout",
        "http2_streams",
        "body_size",
        "body_idle_timeout",
        "send_timeout",
        "min_rate",
        "slow_client",
        "read_ahead",
        "request_buffer",
        "request_spool",
        "response_buffer",
        "buffer_memory",
        "spool_disk",
    ],
    refused: &[],
};
