//! The labels of what is counted: their names.
//!
//! Their values are those of the kinds that they stand for; `shape` knows them. Does not do: routes and rules, which are
//! no list of the program's.

/// A label, whose values are known at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Access,
    CertificateReload,
    ConfigReload,
    Code,
    Ending,
    Exception,
    Gone,
    Handshake,
    OddCookie,
    Outcome,
    ProxyFault,
    Reentrance,
    Refusal,
    Report,
    SpanResult,
    ThrottleDecision,
    TokenRefusal,
    Upstream,
    UpstreamError,
}

impl Label {
    /// Its name in the text.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::CertificateReload
            | Self::ConfigReload
            | Self::Handshake
            | Self::Reentrance
            | Self::SpanResult
            | Self::TokenRefusal => "result",
            Self::Code => "code",
            Self::Exception => "kind",
            Self::Gone => "where",
            Self::Ending
            | Self::OddCookie
            | Self::ProxyFault
            | Self::Refusal
            | Self::UpstreamError => "reason",
            Self::Outcome => "outcome",
            Self::Report => "report",
            Self::ThrottleDecision => "decision",
            Self::Upstream => UPSTREAM,
        }
    }
}

/// The label of what is said of one node.
pub(super) const UPSTREAM: &str = "upstream";
