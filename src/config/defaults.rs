//! Every default and every bound, with its reason. `config/onelane.yaml` shows the defaults; a test compares the two.
//!
//! Does not do: what follows from a preset; the preset says that.

use std::time::Duration;

use crate::client::{ForwardingHeader, ProxyProtocol};
use crate::gateway::{OnReadWrote, ReadAhead, Reports, ServerTiming, WithoutSession};
use crate::lane::{Admission, OnFull, OnHoldLimit};
use crate::route::{Access, Mode, OnClientGone, Reads, Release};
use crate::traces::OnParent;

use super::{AccessLog, LogFormat};

/// All interfaces: a sidecar is what clients reach. 8080 needs no privileges.
pub(super) const LISTEN: &str = "0.0.0.0:8080";

/// Whoever connects could name any address by it.
pub(super) const PROXY_PROTOCOL: ProxyProtocol = ProxyProtocol::Off;

/// The application beside it; 8081 is where the guides move it to.
pub(super) const UPSTREAM: &str = "http://127.0.0.1:8081";
/// A recycle of the application takes seconds and must be a pause, not a burst of 502s.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the hold limit, so that the lane's own limit decides first.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(140);
/// nginx's `proxy_read_timeout`.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Below the 5 s that Node.js keeps idle connections, the shortest of the usual servers: reuse must not meet a close.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// Onelane's own, so that it meets no other balancer's.
pub(super) const AFFINITY_COOKIE: &str = "onelane_node";
/// nginx's `fail_timeout`: a node that is gone costs a request of its own each ten seconds, and not each request.
pub(super) const FAIL_TIMEOUT: Duration = Duration::from_secs(10);
/// nginx Plus's: with `unhealthy_after`, a node is left after about fifteen seconds, which a recycle does not take.
pub(super) const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// A health page that takes longer is not well, and it ends before the next check.
pub(super) const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
/// HAProxy's `fall`: to leave a node loses its sessions.
pub(super) const UNHEALTHY_AFTER: u32 = 3;
/// HAProxy's `rise`.
pub(super) const HEALTHY_AFTER: u32 = 2;

/// Lanes are what Onelane is for.
pub(super) const MODE: Mode = Mode::Enforce;
/// What is unknown is serialized: it may only be slower, never wrong.
pub(super) const DEFAULT_ACCESS: Access = Access::Write;
/// Without a preset nothing is known of the application's own reader lock; what an operator calls a read should not wait.
pub(super) const READS: Reads = Reads::Overtake;
/// The application may write its session until its last byte.
pub(super) const RELEASE: Release = Release::Body {
    grace: Duration::ZERO,
};
/// The time to load a session from a store on the network.
pub(super) const FOLLOW_HOLD: Duration = Duration::from_millis(50);
/// Nobody reads the answer.
pub(super) const ON_CLIENT_GONE: OnClientGone = OnClientGone::Leave;

/// ASP.NET's RequestQueueLimitPerSession.
pub(super) const QUEUE_LIMIT: usize = 50;
/// Not shorter than a legal slow page: it would refuse a user's clicks behind it.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_secs(120);
/// ASP.NET ends a request at executionTimeout, 110 s, plus up to 15 s.
pub(super) const HOLD_LIMIT: Duration = Duration::from_secs(130);
/// To forward beside the lane loses updates; only the operator can know that it does not.
pub(super) const ON_OVERFLOW: OnFull = OnFull::Refuse;
/// As [`ON_OVERFLOW`].
pub(super) const ON_WAIT_TIMEOUT: OnFull = OnFull::Refuse;
/// What ASP.NET does with an old lock.
pub(super) const ON_HOLD_LIMIT: OnHoldLimit = OnHoldLimit::Release;
/// A bound of memory: 10,000 waiters and their buffers fit into a small container.
pub(super) const MAX_WAITING: usize = 10_000;
/// One client network's share of `max_waiting` is 1/4.
pub(super) const CLIENT_SHARE: usize = 4;
/// A few requests beside the lane, never a flood.
pub(super) const MAX_PASSED: usize = 10;
/// To wait costs nothing but time, and an estimate may be wrong.
pub(super) const ADMISSION: Admission = Admission::Off;

/// Users behind one address with one browser would wait for each other; only the operator can know that they do not.
pub(super) const WITHOUT_SESSION: WithoutSession = WithoutSession::Pass;
/// A browser's first burst; nobody waits for a stranger for longer.
pub(super) const BY_CLIENT_WINDOW: Duration = Duration::from_secs(2);

/// The most rules of the throttle: each request is held against each of them, and each remembers up to 6 MB of clients.
pub(super) const MOST_RULES: usize = 32;

/// What most balancers send.
pub(super) const FORWARDING_HEADER: ForwardingHeader = ForwardingHeader::XForwardedFor;
/// What one subscriber commonly gets: to count by less lets one client be many.
pub(super) const IPV6_PREFIX: usize = 64;

/// More than a site of one server has; the memory of 20,000 idle connections fits into a small container.
pub(super) const CONNECTIONS: usize = 20_000;
/// Many users behind one address (a company, a carrier) have many connections; only the operator can know the number.
pub(super) const CONNECTIONS_PER_CLIENT: Option<usize> = None;
/// Four times what IIS takes: a request the application would accept is not refused here.
pub(super) const HEADER_SIZE: usize = 64 << 10;
/// hyper's own; browsers send twenty.
pub(super) const HEADERS: usize = 100;
/// Twice the line that nginx and Tomcat take, four times IIS's maxUrl: a URL that the application would accept is not
/// refused here, and one that fills the whole head is.
pub(super) const URL_LENGTH: usize = 16 << 10;
/// Slow clients send a head within it; attackers that drip do not keep a connection.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// IIS's connectionTimeout, and longer than balancers keep their idle connections (60 s mostly): the one that closes first
/// must not be the server, or requests meet a closing connection.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// What servers commonly allow, and the least that RFC 9113 (6.5.2) recommends.
pub(super) const HTTP2_STREAMS: u32 = 100;
/// The application's own limit decides.
pub(super) const BODY_SIZE: Option<u64> = None;
/// A mobile client's pause; nginx has 60 s.
pub(super) const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// nginx's `send_timeout`.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// IIS's minBytesPerSecond: the slowest modem is faster, and a client that drips a byte now and then is not.
pub(super) const MIN_RATE: u32 = 240;
/// A pause on a good connection is shorter; longer than that, the client sets the pace.
pub(super) const SLOW_CLIENT: Duration = Duration::from_secs(1);
/// An application with a thread or a process for each request has none left for its users when slow clients reach it;
/// nginx reads bodies first too (`proxy_request_buffering`).
pub(super) const READ_AHEAD: ReadAhead = ReadAhead::Always;
/// A form with its view state.
pub(super) const REQUEST_BUFFER: usize = 64 << 10;
/// Photographs and office documents; what is longer streams at the client's pace.
pub(super) const REQUEST_SPOOL: usize = 64 << 20;
/// An HTML page.
pub(super) const RESPONSE_BUFFER: usize = 256 << 10;
/// 2,000 requests with both buffers full.
pub(super) const BUFFER_MEMORY: usize = 512 << 20;
/// 16 of the largest uploads at a time, and a part of the disk that any machine has.
pub(super) const SPOOL_DISK: usize = 1 << 30;

/// An application that has the secret has a companion, and is asked where a `read` could lose a write.
pub(super) const REPORTS: Reports = Reports::On;
/// A write of an out-of-process session that is taken for a read is lost; to be slower is not.
pub(super) const ON_READ_WROTE: OnReadWrote = OnReadWrote::Write;

/// Loopback: metrics and lanes are nobody else's business.
pub(super) const ADMIN_LISTEN: &str = "127.0.0.1:9180";
/// Of 16 characters from `openssl rand -hex`, 64 bits: nobody guesses those over a network.
pub(super) const SHORTEST_TOKEN: usize = 16;
/// For the person who has just started it.
pub(super) const LOG_FORMAT: LogFormat = LogFormat::Text;
/// Waits and outcomes are what the operator asks for first.
pub(super) const ACCESS_LOG: AccessLog = AccessLog::On;
/// OpenTelemetry's own: whoever has just turned traces on wants to see one.
pub(super) const SAMPLE_RATE: f64 = 1.0;
/// OpenTelemetry's own: a trace goes through all services, or through none.
pub(super) const ON_PARENT: OnParent = OnParent::Follow;
/// OpenTelemetry's own, and nginx's.
pub(super) const TRACE_INTERVAL: Duration = Duration::from_secs(5);
/// OpenTelemetry's own.
pub(super) const TRACE_TIMEOUT: Duration = Duration::from_secs(10);
/// A developer sees the wait in the browser.
pub(super) const SERVER_TIMING: ServerTiming = ServerTiming::Show;
/// nginx's: only who has a balancer that asks for readiness gains by waiting for it.
pub(super) const DRAIN_DELAY: Duration = Duration::ZERO;
/// What Kubernetes gives by default from SIGTERM to the kill.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest file that is read: a thousand routes are a tenth of it.
pub(super) const LARGEST_FILE: u64 = 1 << 20;
/// The longest duration: more is a mistake of unit, and deadlines must stay within the clock's range.
pub(super) const LONGEST_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most waiters, connections and the like: more do not fit into a machine.
pub(super) const MOST: usize = 10_000_000;
/// hyper's own smallest read buffer.
pub(super) const SMALLEST_HEADER_SIZE: usize = 8 << 10;
/// A head of this size is an attack.
pub(super) const LARGEST_HEADER_SIZE: usize = 16 << 20;
/// More header fields than this are an attack; each costs time to compare.
pub(super) const MOST_HEADERS: usize = 10_000;
/// A path and a session id must fit.
pub(super) const SMALLEST_URL_LENGTH: usize = 256;
/// The longest that the `http` crate can represent.
pub(super) const LARGEST_URL_LENGTH: usize = 65_534;
/// A client below a MiB per second is not an attacker.
pub(super) const FASTEST_MIN_RATE: usize = 1 << 20;
/// Each stream is a request; more of one client are an attack.
pub(super) const MOST_STREAMS: usize = 10_000;
/// The largest buffer of one request.
pub(super) const LARGEST_BUFFER: usize = 1 << 30;
/// The most nodes: each request may look at each of them, and each is a label in metrics.
pub(super) const MOST_UPSTREAMS: usize = 64;
/// The longest time between two batches: longer, and a trace is not there when it is looked for.
pub(super) const LONGEST_TRACE_INTERVAL: Duration = Duration::from_secs(60);
/// The longest name of a node, or of its cookie.
pub(super) const LONGEST_NAME: usize = 64;
/// More often, and checks are a load of their own.
pub(super) const SHORTEST_HEALTH_INTERVAL: Duration = Duration::from_millis(20);
/// More checks in a row than this never end.
pub(super) const MOST_CHECKS: usize = 1_000;
/// The most routes: a request may be held against each of them, and each is a label in metrics.
pub(super) const MOST_ROUTES: usize = 1_000;
