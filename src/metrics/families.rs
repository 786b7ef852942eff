//! Every metric that is counted, declared once: name, unit, meaning.
//!
//! Prometheus naming: base units, `_total` on counters (added when they are written). Labels are bounded lists, never a
//! session, an address or a path.

pub(super) use super::bounds::{CONNECT_BOUNDS, HOLD_BOUNDS, POSITION_BOUNDS, WAIT_BOUNDS};
pub(super) use super::label::{Label, UPSTREAM};

/// What is counted on the request path; `family as usize` is its place in [`FAMILIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Requests,
    Refusals,
    Wait,
    Hold,
    Position,
    HoldLimits,
    UpstreamOpened,
    UpstreamConnect,
    UpstreamResponse,
    UpstreamReused,
    UpstreamBound,
    UpstreamErrors,
    UpstreamRequests,
    AffinityLost,
    OddCookies,
    WithheldCookies,
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
    ConnectionsAccepted,
    ConnectionsEnded,
    Handshakes,
    SpoolErrors,
    Throttled,
    ThrottledTogether,
    CertificateReloads,
    ConfigReloads,
    TokensRefused,
    TraceSpans,
}

/// A counted family.
pub(super) struct Declared {
    pub(super) family: Family,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) per: Per,
    pub(super) kind: Kind,
}

/// What a family's cells are there for, each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Per {
    /// Once.
    Process,
    /// For each route, which is the first label then.
    Route,
    /// For each rule of the throttle, likewise.
    Rule,
}

/// What a family's cells hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// One number for each combination of label values.
    Counter(&'static [Label]),
    /// As [`Kind::Counter`], but what has not occurred is not written: most combinations cannot.
    Occurred(&'static [Label]),
    /// One number for each bucket, then the sum in nanoseconds; seconds when written.
    Durations(&'static [f64]),
    /// One number for each bucket, then the sum.
    Sizes(&'static [f64]),
}

impl Per {
    /// The name of its label.
    pub(super) fn label(self) -> Option<&'static str> {
        match self {
            Self::Process => None,
            Self::Route => Some("route"),
            Self::Rule => Some("rule"),
        }
    }
}

const fn counter(
    family: Family,
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
) -> Declared {
    counter_per(Per::Process, family, name, help, labels)
}

const fn counter_per(
    per: Per,
    family: Family,
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
) -> Declared {
    Declared {
        family,
        name,
        help,
        per,
        kind: Kind::Counter(labels),
    }
}

pub(super) const FAMILIES: [Declared; 37] = [
    Declared {
        family: Family::Requests,
        name: "requests",
        help: "Requests that have ended, by route, what they do to their session, how they ended, and the class of their \
               status (none: no answer). What has not occurred is absent.",
        per: Per::Route,
        kind: Kind::Occurred(&[Label::Access, Label::Outcome, Label::Code]),
    },
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
        per: Per::Route,
        kind: Kind::Durations(&WAIT_BOUNDS),
    },
    Declared {
        family: Family::Hold,
        name: "hold",
        help: "Time that a permit was held.",
        per: Per::Route,
        kind: Kind::Durations(&HOLD_BOUNDS),
    },
    Declared {
        family: Family::Position,
        name: "arrival_position",
        help: "Requests ahead in the lane, holders included, when a request joined it; 0 for who did not have to wait.",
        per: Per::Process,
        kind: Kind::Sizes(&POSITION_BOUNDS),
    },
    counter_per(
        Per::Route,
        Family::HoldLimits,
        "hold_limits_reached",
        "Permits whose hold limit passed, whatever on_hold_limit did then.",
        &[],
    ),
    counter(
        Family::UpstreamOpened,
        "upstream_connections_opened",
        "Connections to the application that were established.",
        &[],
    ),
    Declared {
        family: Family::UpstreamConnect,
        name: "upstream_connect",
        help: "Time to establish a connection to the application, with waiting for a place, retries and TLS.",
        per: Per::Process,
        kind: Kind::Durations(&CONNECT_BOUNDS),
    },
    Declared {
        family: Family::UpstreamResponse,
        name: "upstream_response",
        help: "Time from sending a request to the headers of the application's response.",
        per: Per::Process,
        kind: Kind::Durations(&HOLD_BOUNDS),
    },
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
        Family::WithheldCookies,
        "session_cookies_withheld",
        "Set-Cookie lines for sessions that began empty, since the id had been replaced while their request waited; kept \
         from the client, which has a newer id.",
        &[],
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
    counter_per(
        Per::Route,
        Family::Nested,
        "nested",
        "Observed requests that came and went while another of their session was inside, so that their route \
         takes no lock.",
        &[],
    ),
    counter_per(
        Per::Route,
        Family::Reports,
        "session_reports",
        "Requests of which the application was asked whether they changed their session, by what it said.",
        &[Label::Report],
    ),
    counter_per(
        Per::Route,
        Family::ReadWrote,
        "read_wrote",
        "Requests that were read and changed their session, as the application says.",
        &[],
    ),
    counter(
        Family::ConnectionsAccepted,
        "connections_accepted",
        "Connections of clients that were accepted and given to a core.",
        &[],
    ),
    counter(
        Family::ConnectionsEnded,
        "connections_ended",
        "Connections of clients that Onelane ended without an answer, by reason.",
        &[Label::Ending],
    ),
    counter(
        Family::Handshakes,
        "tls_handshakes",
        "TLS handshakes with clients that have ended, by result.",
        &[Label::Handshake],
    ),
    counter(
        Family::SpoolErrors,
        "spool_errors",
        "Temporary files of request bodies that could not be written or read.",
        &[],
    ),
    counter_per(
        Per::Rule,
        Family::Throttled,
        "throttle_decisions",
        "What each rule of the throttle, and the deny list, said of requests.",
        &[Label::ThrottleDecision],
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
    counter(
        Family::TokensRefused,
        "admin_tokens_refused",
        "Tokens that were shown to the admin listener and were wrong, or not looked at after too many wrong ones.",
        &[Label::TokenRefusal],
    ),
    counter(
        Family::TraceSpans,
        "trace_spans",
        "Spans of sampled requests, by what became of them: taken by the collector, dropped since too many waited, or \
         failed to be sent.",
        &[Label::SpanResult],
    ),
];
