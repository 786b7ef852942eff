//! Every metric, declared once: name, unit, meaning.
//!
//! Prometheus naming: base units, `_total` on counters (added when they are written). Labels are closed lists, never a
//! session, an address or a path.

use prometheus_client::registry::Unit;

use super::Gauges;

/// What is counted on the request path; `family as usize` is its place in [`FAMILIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Requests,
    Refusals,
    Wait,
    Hold,
    UpstreamOpened,
    UpstreamReused,
    UpstreamBound,
    UpstreamErrors,
    UpstreamRequests,
    AffinityLost,
    OddCookies,
    ForwardedUntrusted,
    ProxyHeaders,
    ClientsGone,
    Exceptions,
    HeldOver,
    Reentrance,
    WouldWait,
    WouldRefuse,
    Nested,
    Reports,
    ReadWrote,
    ConnectionsEnded,
    SpoolErrors,
    Throttled,
    ThrottledTogether,
    CertificateReloads,
    ConfigReloads,
}

/// A counted family.
pub(super) struct Declared {
    pub(super) family: Family,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
}

/// What a family's cells hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// One number for each combination of label values.
    Counter(&'static [Label]),
    /// One number for each bucket, then the sum in nanoseconds; seconds when written.
    Durations(&'static [f64]),
}

/// A label. Its values are known at the start, but for those of `Route` and `ThrottleRule`, which a reload may bring: they
/// are the first label of their families, so that the cells of values that nobody has yet are the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Access,
    Ending,
    CertificateReload,
    ConfigReload,
    Exception,
    Gone,
    OddCookie,
    Outcome,
    ProxyFault,
    Reentrance,
    Refusal,
    Report,
    Route,
    ThrottleDecision,
    ThrottleRule,
    Upstream,
    UpstreamError,
}

/// A number that is read at the scrape.
pub(super) struct DeclaredGauge {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) read: fn(&Gauges) -> usize,
}

impl Label {
    /// Its name in the text.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::CertificateReload | Self::ConfigReload | Self::Reentrance => "result",
            Self::Exception => "kind",
            Self::Gone => "where",
            Self::Ending
            | Self::OddCookie
            | Self::ProxyFault
            | Self::Refusal
            | Self::UpstreamError => "reason",
            Self::Outcome => "outcome",
            Self::Report => "report",
            Self::Route => "route",
            Self::ThrottleDecision => "decision",
            Self::ThrottleRule => "rule",
            Self::Upstream => UPSTREAM,
        }
    }
}

const fn counter(
    family: Family,
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
) -> Declared {
    Declared {
        family,
        name,
        help,
        kind: Kind::Counter(labels),
    }
}

/// Upper bounds in seconds. The bucket at 0 holds the requests that did not wait at all, so that the share of those
/// that did can be read off; the last is the default wait timeout.
pub(super) const WAIT_BOUNDS: [f64; 16] = [
    0.0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Upper bounds in seconds; above the last are the holds that ran into the default hold limit.
pub(super) const HOLD_BOUNDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// The label of what is said of one node.
pub(super) const UPSTREAM: &str = "upstream";

pub(super) const FAMILIES: [Declared; 28] = [
    counter(
        Family::Requests,
        "requests",
        "Requests that have ended, by what they do to their session and how they ended.",
        &[Label::Access, Label::Outcome],
    ),
    counter(
        Family::Refusals,
        "refusals",
        "Requests and connections that Onelane refused, by reason.",
        &[Label::Refusal],
    ),
    Declared {
        family: Family::Wait,
        name: "wait",
        help: "Time from joining a lane to the permit or to giving up; 0 for who did not have to wait.",
        kind: Kind::Durations(&WAIT_BOUNDS),
    },
    Declared {
        family: Family::Hold,
        name: "hold",
        help: "Time that a permit was held.",
        kind: Kind::Durations(&HOLD_BOUNDS),
    },
    counter(
        Family::UpstreamOpened,
        "upstream_connections_opened",
        "Connections to the application that were established.",
        &[],
    ),
    counter(
        Family::UpstreamReused,
        "upstream_connections_reused",
        "Requests that went to the application on a kept connection.",
        &[],
    ),
    counter(
        Family::UpstreamBound,
        "upstream_connections_bound",
        "Connections to the application that became one client's own, for Windows authentication.",
        &[],
    ),
    counter(
        Family::UpstreamErrors,
        "upstream_errors",
        "Exchanges with the application that failed, by reason, whatever the client was answered.",
        &[Label::UpstreamError],
    ),
    counter(
        Family::UpstreamRequests,
        "upstream_requests",
        "Requests that went to each node of the application; none with one upstream.",
        &[Label::Upstream],
    ),
    counter(
        Family::AffinityLost,
        "affinity_lost",
        "Requests whose affinity cookie names a node that was not to be had, so that they went to another.",
        &[],
    ),
    counter(
        Family::OddCookies,
        "session_cookies_odd",
        "Session cookies that are not what the application issues, so that their requests had no lane.",
        &[Label::OddCookie],
    ),
    counter(
        Family::ForwardedUntrusted,
        "forwarded_untrusted",
        "Requests whose forwarding headers were ignored, since their peer is no trusted proxy.",
        &[],
    ),
    counter(
        Family::ProxyHeaders,
        "proxy_headers_refused",
        "Connections that were closed because of their PROXY header, by reason.",
        &[Label::ProxyFault],
    ),
    counter(
        Family::ClientsGone,
        "clients_gone",
        "Clients that left before their answer, by where their request was.",
        &[Label::Gone],
    ),
    counter(
        Family::Exceptions,
        "exclusion_exceptions",
        "Times that a session may have had two writers in the application, by cause.",
        &[Label::Exception],
    ),
    counter(
        Family::HeldOver,
        "held_over_limit",
        "Permits whose hold limit passed and that kept their lane (on_hold_limit: wait).",
        &[],
    ),
    counter(
        Family::Reentrance,
        "reentrance",
        "Requests with a ticket of a request that they are made for, by what became of them.",
        &[Label::Reentrance],
    ),
    counter(
        Family::WouldWait,
        "would_wait",
        "Observed requests that met another writer of their session inside.",
        &[],
    ),
    counter(
        Family::WouldRefuse,
        "would_refuse",
        "Observed requests that would have found their lane full.",
        &[],
    ),
    counter(
        Family::Nested,
        "nested",
        "Observed requests that came and went while another of their session was inside, so that their route \
         takes no lock.",
        &[Label::Route],
    ),
    counter(
        Family::Reports,
        "session_reports",
        "Requests of which the application was asked whether they changed their session, by what it said.",
        &[Label::Route, Label::Report],
    ),
    counter(
        Family::ReadWrote,
        "read_wrote",
        "Requests that were read and changed their session, as the application says.",
        &[Label::Route],
    ),
    counter(
        Family::ConnectionsEnded,
        "connections_ended",
        "Connections of clients that Onelane ended without an answer, by reason.",
        &[Label::Ending],
    ),
    counter(
        Family::SpoolErrors,
        "spool_errors",
        "Temporary files of request bodies that could not be written or read.",
        &[],
    ),
    counter(
        Family::Throttled,
        "throttle_decisions",
        "What each rule of the throttle, and the deny list, said of requests.",
        &[Label::ThrottleRule, Label::ThrottleDecision],
    ),
    counter(
        Family::ThrottledTogether,
        "throttle_shared",
        "Decisions about clients that were measured together with other newcomers, since the table was full.",
        &[],
    ),
    counter(
        Family::CertificateReloads,
        "certificate_reloads",
        "Certificates whose files have changed: replaced, or kept because the new one cannot be served.",
        &[Label::CertificateReload],
    ),
    counter(
        Family::ConfigReloads,
        "config_reloads",
        "Configurations that were read again: in force, wrong, or refused because they change what only a restart \
         changes.",
        &[Label::ConfigReload],
    ),
];

pub(super) const GAUGES: [DeclaredGauge; 9] = [
    DeclaredGauge {
        name: "lanes",
        help: "Lanes that exist: somebody holds or waits.",
        unit: None,
        read: |gauges| gauges.lanes,
    },
    DeclaredGauge {
        name: "holders",
        help: "Requests that hold a permit.",
        unit: None,
        read: |gauges| gauges.holders,
    },
    DeclaredGauge {
        name: "waiters",
        help: "Requests that wait for a permit.",
        unit: None,
        read: |gauges| gauges.waiters,
    },
    DeclaredGauge {
        name: "connections",
        help: "Open connections of clients.",
        unit: None,
        read: |gauges| gauges.connections,
    },
    DeclaredGauge {
        name: "buffer_memory",
        help: "Memory reserved by request and response buffers.",
        unit: Some(Unit::Bytes),
        read: |gauges| gauges.buffer_memory,
    },
    DeclaredGauge {
        name: "spool",
        help: "Space of the temporary files of request bodies.",
        unit: Some(Unit::Bytes),
        read: |gauges| gauges.spool,
    },
    DeclaredGauge {
        name: "throttle_clients",
        help: "Client networks that the throttle remembers, of all rules together.",
        unit: None,
        read: |gauges| gauges.throttle_clients,
    },
    DeclaredGauge {
        name: "config_last_reload_successful",
        help: "Whether what was last read as the configuration is in force: 1 or 0.",
        unit: None,
        read: |gauges| usize::from(gauges.config_is_current),
    },
    DeclaredGauge {
        name: "config_last_reload_success_timestamp",
        help: "When the configuration that is in force was read, as Unix time.",
        unit: Some(Unit::Seconds),
        read: |gauges| usize::try_from(gauges.config_since).unwrap_or(usize::MAX),
    },
];
