//! Every number that is read at the scrape, declared once: name, unit, meaning.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::Gauges;

/// A number that is read at the scrape.
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// A gauge, or a counter that somebody else keeps.
    pub(super) kind: MetricType,
    pub(super) unit: Option<Unit>,
    pub(super) read: fn(&Gauges) -> usize,
}

pub(super) const READINGS: [Reading; 10] = [
    Reading {
        name: "lanes",
        help: "Lanes that exist: somebody holds or waits.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| gauges.lanes,
    },
    Reading {
        name: "holders",
        help: "Requests that hold a permit.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| gauges.holders,
    },
    Reading {
        name: "waiters",
        help: "Requests that wait for a permit.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| gauges.waiters,
    },
    Reading {
        name: "connections",
        help: "Open connections of clients.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| gauges.connections,
    },
    Reading {
        name: "buffer_memory",
        help: "Memory reserved by request and response buffers.",
        kind: MetricType::Gauge,
        unit: Some(Unit::Bytes),
        read: |gauges| gauges.buffer_memory,
    },
    Reading {
        name: "spool",
        help: "Space of the temporary files of request bodies.",
        kind: MetricType::Gauge,
        unit: Some(Unit::Bytes),
        read: |gauges| gauges.spool,
    },
    Reading {
        name: "throttle_clients",
        help: "Client networks that the throttle remembers, of all rules together.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| gauges.throttle_clients,
    },
    Reading {
        name: "config_last_reload_successful",
        help: "Whether what was last read as the configuration is in force: 1 or 0.",
        kind: MetricType::Gauge,
        unit: None,
        read: |gauges| usize::from(gauges.config_is_current),
    },
    Reading {
        name: "config_last_reload_success_timestamp",
        help: "When the configuration that is in force was read, as Unix time.",
        kind: MetricType::Gauge,
        unit: Some(Unit::Seconds),
        read: |gauges| usize::try_from(gauges.config_since).unwrap_or(usize::MAX),
    },
    Reading {
        name: "log_lines_dropped",
        help: "Lines of the access log that were lost, since the log could not be written as fast as they came.",
        kind: MetricType::Counter,
        unit: None,
        read: |gauges| gauges.log_lines_dropped,
    },
];
