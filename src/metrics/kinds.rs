//! What is told apart in a family: the labels that are the metrics' own, since no stage has a type for them.
//!
//! Guarantees: `LABELS` is in the order of declaration, whose index recording takes.

/// What became of a certificate whose files have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateReload {
    /// The old one goes on.
    Failed,
    /// The new one is served.
    Ok,
}

/// What became of a configuration that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigReload {
    /// It is wrong; the old policy goes on.
    Failed,
    /// Its policy is in force.
    Ok,
    /// It changes what only a restart changes; the old policy goes on.
    Refused,
}

/// How a session came to have, possibly, two writers in the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exception {
    /// The hold limit passed and the exchange was aborted; the application may go on.
    HoldLimitAbort,
    /// The hold limit passed and the lane moved on.
    HoldLimitRelease,
    /// A request entered without a permit.
    Pass,
    /// A request entered without a permit and without its session.
    PassWithoutSession,
    /// An operator took a lane from its holder.
    ReleasedByOperator,
    /// A client took its response so slowly that its permit ended before the application did.
    SlowClient,
}

/// Why a connection of a client was ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Its address has too many of them.
    ClientConnections,
    /// It opens and resets HTTP/2 streams without end.
    Resets,
    /// The TLS handshake failed or took too long.
    TlsHandshake,
    /// It does not read its responses.
    Unread,
}

/// Where a request was when its client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// In the application.
    Inside,
    /// In its lane.
    Waiting,
}

/// How a TLS handshake with a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handshake {
    /// It failed, or took too long.
    Failed,
    /// The connection is encrypted.
    Ok,
}

/// What became of a request with `X-Onelane-Ticket`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reentrance {
    /// It entered beside the holder.
    Entered,
    /// Its ticket was not made here, or for another session; it went on without.
    Forged,
    /// Too many had entered beside the holder; it was refused.
    Refused,
    /// The request that got the ticket holds its lane no longer; it went on without.
    Stale,
}

/// What became of spans that were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanResult {
    /// Too many waited to be sent.
    Dropped,
    /// The collector has them.
    Exported,
    /// They could not be sent, or the collector did not want them.
    Failed,
}

/// What was decided of a request by one rule of the throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThrottleDecision {
    /// It may go on.
    Admitted,
    /// It is refused.
    Refused,
    /// It would have been refused, but the rule or the route only observes.
    WouldThrottle,
}

/// Why a token that was shown to the admin listener was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenRefusal {
    /// It was not looked at: too many of its network were wrong.
    Limited,
    /// It is wrong.
    Wrong,
}

impl Exception {
    pub(super) const LABELS: &'static [&'static str] = &[
        "hold_limit_abort",
        "hold_limit_release",
        "pass",
        "pass_without_session",
        "released_by_operator",
        "slow_client",
    ];
}

impl Ending {
    pub(super) const LABELS: &'static [&'static str] =
        &["client_connections", "resets", "tls_handshake", "unread"];
}

impl CertificateReload {
    pub(super) const LABELS: &'static [&'static str] = &["failed", "ok"];
}

impl ConfigReload {
    pub(super) const LABELS: &'static [&'static str] = &["failed", "ok", "refused"];
}

impl Gone {
    pub(super) const LABELS: &'static [&'static str] = &["inside", "waiting"];
}

impl Handshake {
    pub(super) const LABELS: &'static [&'static str] = &["failed", "ok"];
}

impl Reentrance {
    pub(super) const LABELS: &'static [&'static str] = &["entered", "forged", "refused", "stale"];
}

impl TokenRefusal {
    pub(super) const LABELS: &'static [&'static str] = &["limited", "wrong"];
}

impl SpanResult {
    pub(super) const LABELS: &'static [&'static str] = &["dropped", "exported", "failed"];
}

impl ThrottleDecision {
    pub(super) const LABELS: &'static [&'static str] = &["admitted", "refused", "would_throttle"];
}
