//! Why a request was refused, and all that follows from the reason alone.
//!
//! Guarantees: one row for each reason, with its name, status, `Proxy-Status` type and cause; the only place with
//! status codes.

use http::StatusCode;

/// Why a request was refused; the label of metrics and logs, and the key under `refusals:`.
///
/// In the order of [`Reason::ALL`]; `reason as usize` is its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The lane has `queue.limit` waiters.
    QueueFull,
    /// The turn did not come within `queue.wait_timeout`.
    WaitTimeout,
    /// All lanes together have `queue.max_waiting` waiters.
    WaitersFull,
    /// Onelane is shutting down.
    Draining,
    /// One client has too many requests waiting.
    TooManyWaiting,
    /// One client sends requests faster than a rule of `throttle:` allows.
    RateLimited,
    /// One client has more requests in the application than a rule of `throttle:` allows.
    TooManyConcurrent,
    /// The client is on `client.deny`.
    Denied,
    /// `limits.connections` are open: closed at accept and counted, never answered.
    ConnectionsFull,
    /// `upstream.max_connections` are in use, for all of `connect_timeout`.
    UpstreamBusy,
    /// No connection to the application within `connect_timeout`.
    UpstreamUnreachable,
    /// The application closed or reset the connection before its response was complete.
    UpstreamReset,
    /// What the application answered is not HTTP.
    UpstreamInvalid,
    /// The application did not answer within `upstream.response_timeout` or `body_timeout`.
    UpstreamTimeout,
    /// `queue.hold_limit` passed, with `on_hold_limit: abort`.
    HoldLimit,
    /// Bad framing, Host or target (RFC 9112 2.2, 3.2, 6).
    BadRequest,
    /// A method that no proxy in front of one application can serve, such as CONNECT.
    MethodNotAllowed,
    /// The request did not arrive in time.
    RequestTimeout,
    /// A body without Content-Length where one is needed.
    LengthRequired,
    /// Longer than `limits.body_size`.
    BodyTooLarge,
    /// The target is too long.
    UriTooLong,
    /// An `Expect` other than `100-continue` (RFC 9110 10.1.1).
    ExpectationFailed,
    /// A host that is not served here (RFC 9110 7.4).
    Misdirected,
    /// The header section, or one cookie, is too large.
    HeaderTooLarge,
    /// A transfer coding other than `chunked` (RFC 9112 6.1).
    NotImplemented,
    /// A version of HTTP that is not spoken here.
    Version,
    /// The temporary file of the request body cannot be read back.
    SpoolLost,
}

/// Who can do something about a refusal: what the level of its log line goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The application was too slow, away or wrong.
    Application,
    /// The client sent too much, too fast, or what is not valid.
    Client,
    /// A bound or a shutdown of Onelane itself, set by the operator.
    Operator,
}

/// What a page tells a person.
pub(super) struct Advice {
    pub(super) headline: &'static str,
    pub(super) text: &'static str,
}

/// What is fixed for one reason.
struct Row {
    reason: Reason,
    label: &'static str,
    status: StatusCode,
    proxy_error: &'static str,
    cause: &'static str,
}

impl Reason {
    /// All reasons, in declaration order.
    pub const ALL: [Self; 27] = {
        let mut all = [Self::QueueFull; 27];
        let mut index = 0;
        while index < all.len() {
            all[index] = TABLE[index].reason;
            index += 1;
        }
        all
    };

    /// The labels of [`Reason::ALL`], in its order; for metrics.
    pub const LABELS: [&'static str; 27] = {
        let mut labels = [""; 27];
        let mut index = 0;
        while index < labels.len() {
            labels[index] = TABLE[index].label;
            index += 1;
        }
        labels
    };

    /// The name in metrics, logs, bodies and the configuration: snake_case.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// The reason of that name, for `refusals:` in the configuration; None for an unknown name and for
    /// `connections_full`, which is never answered.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.label() == label && *reason != Self::ConnectionsFull)
    }

    /// The status, unless the operator set another one.
    pub fn status(self) -> StatusCode {
        self.row().status
    }

    /// Who can do something about it.
    pub fn fault(self) -> Fault {
        match self {
            Self::Draining | Self::WaitersFull | Self::ConnectionsFull | Self::SpoolLost => {
                Fault::Operator
            }
            // A lane moves as fast as the application answers, so a long wait is its doing.
            Self::WaitTimeout
            | Self::UpstreamBusy
            | Self::UpstreamUnreachable
            | Self::UpstreamReset
            | Self::UpstreamInvalid
            | Self::UpstreamTimeout
            | Self::HoldLimit => Fault::Application,
            Self::QueueFull
            | Self::TooManyWaiting
            | Self::RateLimited
            | Self::TooManyConcurrent
            | Self::Denied
            | Self::BadRequest
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::LengthRequired
            | Self::BodyTooLarge
            | Self::UriTooLong
            | Self::ExpectationFailed
            | Self::Misdirected
            | Self::HeaderTooLarge
            | Self::NotImplemented
            | Self::Version => Fault::Client,
        }
    }

    /// Whether the answer carries `Retry-After`: the request was not forwarded, and the cause passes by itself.
    pub fn invites_retry(self) -> bool {
        matches!(
            self,
            Self::QueueFull
                | Self::WaitTimeout
                | Self::WaitersFull
                | Self::Draining
                | Self::TooManyWaiting
                | Self::RateLimited
                | Self::TooManyConcurrent
                | Self::UpstreamBusy
        )
    }

    /// Whether the client's connection ends with this answer: what follows on it may belong to the refused request
    /// (RFC 9112 9.3, 9.6; RFC 9110 15.5.9, 15.5.14), the application still works on it, or we are leaving.
    pub(super) fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::Draining
                | Self::BadRequest
                | Self::BodyTooLarge
                | Self::ExpectationFailed
                | Self::HoldLimit
                | Self::LengthRequired
                | Self::MethodNotAllowed // CONNECT: what follows may be meant for the tunnel
                | Self::NotImplemented
                | Self::RequestTimeout
                | Self::UpstreamTimeout
        )
    }

    /// What a person is told. "Try again" only where the application has not seen the whole request.
    pub(super) fn advice(self) -> Advice {
        let (headline, text) = match self {
            Self::QueueFull | Self::TooManyWaiting => ("Please wait a moment", STILL_WORKING),
            Self::WaitTimeout => ("Please wait a moment", WAITED_TOO_LONG),
            Self::RateLimited => ("Please slow down", TOO_FAST),
            Self::TooManyConcurrent => ("Please wait a moment", TOO_MANY_AT_ONCE),
            Self::Denied => ("Not from here", NOT_FROM_HERE),
            Self::WaitersFull | Self::ConnectionsFull | Self::UpstreamBusy => {
                ("This site is busy", BUSY)
            }
            Self::Draining | Self::UpstreamUnreachable => ("Back in a moment", AWAY),
            Self::UpstreamReset | Self::UpstreamInvalid | Self::SpoolLost => {
                ("Something went wrong", BROKE_OFF)
            }
            Self::UpstreamTimeout | Self::HoldLimit => ("This took too long", TOO_SLOW),
            Self::BodyTooLarge => ("That is too much at once", TOO_LARGE),
            Self::RequestTimeout => ("Your request did not arrive", NOT_ARRIVED),
            Self::HeaderTooLarge => ("Too many cookies", TOO_MANY_COOKIES),
            Self::UriTooLong => ("This address is too long", TOO_LONG),
            Self::BadRequest
            | Self::MethodNotAllowed
            | Self::LengthRequired
            | Self::ExpectationFailed
            | Self::Misdirected
            | Self::NotImplemented
            | Self::Version => ("This request cannot be served", NOT_UNDERSTOOD),
        };
        Advice { headline, text }
    }

    /// Its type in the HTTP Proxy Error Types registry (RFC 9209 2.3).
    pub(super) fn proxy_error(self) -> &'static str {
        self.row().proxy_error
    }

    /// The cause in one sentence, for programs: printable ASCII.
    pub(super) fn cause(self) -> &'static str {
        self.row().cause
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

const fn row(
    reason: Reason,
    label: &'static str,
    status: StatusCode,
    proxy_error: &'static str,
    cause: &'static str,
) -> Row {
    Row {
        reason,
        label,
        status,
        proxy_error,
        cause,
    }
}

// RFC 9209 2.3.16: a 4xx that stands for the origin's own. 2.3.17: refused by our settings, not forwarded.
const REQUEST_ERROR: &str = "http_request_error";
const DENIED: &str = "http_request_denied";

/// One row for each reason, in declaration order.
#[rustfmt::skip]
const TABLE: [Row; 27] = {
    use Reason::*;
    use StatusCode as S;
    [
        row(QueueFull, "queue_full", S::SERVICE_UNAVAILABLE, DENIED,
            "Too many requests of this session are waiting."),
        row(WaitTimeout, "wait_timeout", S::SERVICE_UNAVAILABLE, DENIED,
            "Earlier requests of this session took too long."),
        row(WaitersFull, "waiters_full", S::SERVICE_UNAVAILABLE, DENIED,
            "Too many requests of all sessions are waiting."),
        row(Draining, "draining", S::SERVICE_UNAVAILABLE, DENIED,
            "The proxy is shutting down."),
        row(TooManyWaiting, "too_many_waiting", S::TOO_MANY_REQUESTS, DENIED,
            "Too many requests of this client are waiting."),
        row(RateLimited, "rate_limited", S::TOO_MANY_REQUESTS, DENIED,
            "This client sends requests too fast."),
        row(TooManyConcurrent, "too_many_concurrent", S::TOO_MANY_REQUESTS, DENIED,
            "Too many requests of this client are being worked on."),
        row(Denied, "denied", S::FORBIDDEN, DENIED,
            "Requests from this address are not accepted."),
        row(ConnectionsFull, "connections_full", S::SERVICE_UNAVAILABLE, DENIED,
            "Too many connections are open."),
        row(UpstreamBusy, "upstream_busy", S::SERVICE_UNAVAILABLE, "connection_limit_reached",
            "All connections to the application are in use."),
        // Refused, unresolved and timed out alike, and after retries: so not connection_refused.
        row(UpstreamUnreachable, "upstream_unreachable", S::BAD_GATEWAY, "destination_unavailable",
            "No connection to the application could be made."),
        row(UpstreamReset, "upstream_reset", S::BAD_GATEWAY, "connection_terminated",
            "The application closed the connection before it had answered."),
        row(UpstreamInvalid, "upstream_invalid", S::BAD_GATEWAY, "http_protocol_error",
            "The application's answer is not valid HTTP."),
        row(UpstreamTimeout, "upstream_timeout", S::GATEWAY_TIMEOUT, "http_response_timeout",
            "The application did not answer in time."),
        row(HoldLimit, "hold_limit", S::GATEWAY_TIMEOUT, "http_response_timeout",
            "The application has worked on this request for longer than it may."),
        row(BadRequest, "bad_request", S::BAD_REQUEST, REQUEST_ERROR,
            "The request is not valid HTTP."),
        row(MethodNotAllowed, "method_not_allowed", S::METHOD_NOT_ALLOWED, REQUEST_ERROR,
            "This method cannot be forwarded."),
        row(RequestTimeout, "request_timeout", S::REQUEST_TIMEOUT, REQUEST_ERROR,
            "The request did not arrive in time."),
        row(LengthRequired, "length_required", S::LENGTH_REQUIRED, REQUEST_ERROR,
            "The request needs a Content-Length."),
        row(BodyTooLarge, "body_too_large", S::PAYLOAD_TOO_LARGE, REQUEST_ERROR,
            "The request body is too large."),
        row(UriTooLong, "uri_too_long", S::URI_TOO_LONG, REQUEST_ERROR,
            "The request target is too long."),
        row(ExpectationFailed, "expectation_failed", S::EXPECTATION_FAILED, REQUEST_ERROR,
            "Only the expectation 100-continue can be met."),
        row(Misdirected, "misdirected", S::MISDIRECTED_REQUEST, REQUEST_ERROR,
            "This host is not served here."),
        row(HeaderTooLarge, "header_too_large", S::REQUEST_HEADER_FIELDS_TOO_LARGE, REQUEST_ERROR,
            "The header fields of the request are too large."),
        row(NotImplemented, "not_implemented", S::NOT_IMPLEMENTED, DENIED,
            "The only transfer coding understood here is chunked."),
        row(Version, "version", S::HTTP_VERSION_NOT_SUPPORTED, DENIED,
            "This version of HTTP is not spoken here."),
        row(SpoolLost, "spool_lost", S::SERVICE_UNAVAILABLE, "proxy_internal_error",
            "The request body was lost on its way."),
    ]
};

const STILL_WORKING: &str = "Your previous click is still being worked on, and more are waiting behind it. This one \
    was not carried out. Please wait a moment, then try again.";
const WAITED_TOO_LONG: &str = "Your previous click is still being worked on, and this one has waited for too long. \
    It was not carried out. Please wait a moment, then try again.";
const TOO_FAST: &str = "More requests come from your network than this site accepts. This one was not carried out. \
    Please wait a moment, then try again.";
const TOO_MANY_AT_ONCE: &str = "Other requests from your network are still being worked on. This one was not carried \
    out. Please wait a moment, then try again.";
const NOT_FROM_HERE: &str = "This site does not accept requests from your network. If you think that it should, please \
    ask the people who run it.";
const BUSY: &str = "Many people are using this site right now. Your request was not carried out. Please try again in \
    a moment.";
const AWAY: &str = "This site is being restarted or cannot be reached. Your request was not carried out. Please try \
    again in a moment.";
const BROKE_OFF: &str = "The site broke off while it was working on your request. It may have been carried out all \
    the same: please check before you repeat it.";
const TOO_SLOW: &str = "The site took too long to answer. Your request may still be carried out: please check before \
    you repeat it.";
const TOO_LARGE: &str = "What you sent is larger than this site accepts. Please send less.";
const NOT_ARRIVED: &str =
    "It took too long on its way. Please check your connection, then try again.";
const TOO_MANY_COOKIES: &str = "Your browser sent more than this site accepts, most likely too many cookies. \
    Deleting the cookies of this site may help.";
const TOO_LONG: &str =
    "It is longer than this site accepts. Please check the link that brought you here.";
const NOT_UNDERSTOOD: &str =
    "Your browser, or something on the way, sent a request that this site cannot understand.";
