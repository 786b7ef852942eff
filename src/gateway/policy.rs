//! What a reload may replace, in one value: each request takes one snapshot of it.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::client;
use crate::evidence::Evidence;
use crate::gateway::newcomer::WithoutSession;
use crate::gateway::readiness::ReadyPath;
use crate::gateway::refusal::{Reason, RefusalPage};
use crate::gateway::throttle::DENY_LIST;
use crate::metrics::{Metrics, Series};
use crate::pace::Pace;
use crate::route::RouteTable;
use crate::session::{Rekeyed, Sessions};
use crate::throttle::Rules;
use crate::traces::Sampling;

/// The decisions of the gateway; built completely by `config`, then swapped whole.
#[derive(Debug)]
pub struct Policy {
    /// Which one it is.
    pub edition: Edition,
    /// Request → terms.
    pub routes: RouteTable,
    /// Request → session key.
    pub sessions: Sessions,
    /// What becomes of a request without a session that would take a lane.
    pub without_session: WithoutSession,
    /// What one client may take, and the clients that have taken.
    pub throttle: Rules,
    /// Request → client.
    pub client: client::Settings,
    /// The cap on the waiters of all lanes together (`queue.max_waiting`).
    pub max_waiting: usize,
    /// Of `max_waiting`, what one client network may hold where no rule says it: a quarter.
    pub max_waiting_per_client: usize,
    /// The buffers and their bounds.
    pub buffers: Buffers,
    /// Bounds of a request's head.
    pub head: HeadBounds,
    /// Longest request body; none means no limit.
    pub body_size: Option<u64>,
    /// How fast a request body has to come.
    pub body_pace: Pace,
    /// What is said to the application, and asked of it.
    pub application: Application,
    /// Whether responses that waited carry `Server-Timing`.
    pub server_timing: ServerTiming,
    /// Status codes and pages that differ from the built-in ones.
    pub refusals: HashMap<Reason, RefusalPage>,
    /// Where its routes and rules are counted: nowhere until [`Policy::count_in`].
    pub series: Series,
    /// Where balancers ask whether they may send clients here; None: nowhere.
    pub ready_path: Option<ReadyPath>,
    /// Which requests have traces; means nothing without a tracer.
    pub sampling: Sampling,
}

/// Which policy it is, for operators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// 1 at the start, one more with each reload.
    pub version: u64,
    /// Of the text that it was read from, before variables are replaced, and of the pages that it names: the one that the
    /// log names. No secret of the environment is in it.
    pub digest: [u8; 4],
    /// When it was read.
    pub loaded: SystemTime,
}

impl fmt::Debug for Edition {
    /// The version alone: two policies that decide alike are printed alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edition")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Edition {
    /// The digest as the log and the API show it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.digest))
    }

    /// The first one, read now.
    #[must_use]
    pub fn first(digest: [u8; 4]) -> Self {
        Self {
            version: 1,
            digest,
            loaded: SystemTime::now(),
        }
    }
}

/// What is said to the application, and asked of it (`application:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The secret that lets it trust `X-Onelane-Access`.
    pub secret: Option<HeaderValue>,
    /// Whether it is asked what each request did to its session; without a secret it is not.
    pub reports: Reports,
    /// What becomes of a `read` route whose request changed its session.
    pub on_read_wrote: OnReadWrote,
}

impl Application {
    /// Whether it is asked about requests with a session, on enforced routes.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.reports == Reports::On && self.secret.is_some()
    }
}

impl Policy {
    /// Counts its routes and rules in `metrics`, from where its predecessors' are counted on.
    pub fn count_in(&mut self, metrics: &Metrics) {
        let rules = self.throttle_labels();
        let routes = self.routes.labels().map(|label| &**label);
        self.series = metrics.series(routes, rules);
    }

    /// The labels of what throttles, as the metrics have them: the deny list, then the rules in their order.
    pub fn throttle_labels(&self) -> impl Iterator<Item = &str> {
        std::iter::once(DENY_LIST).chain(self.throttle.iter().map(|rule| &*rule.name))
    }

    /// Takes over what has a memory from the policy that it is to replace: the clients of the rules that stay, and the
    /// secret of the session keys where that was drawn.
    ///
    /// # Errors
    /// What would give a session another lane than the one that it has: all of it. Nothing was taken over then.
    pub fn succeed(&mut self, old: &Self) -> Result<(), Vec<Rekeyed>> {
        self.sessions.inherit(&old.sessions)?;
        self.edition.version = old.edition.version + 1;
        self.throttle.inherit(&old.throttle);
        Ok(())
    }

    /// The evidence of this moment under this policy, as JSON.
    #[must_use]
    pub fn evidence(&self, evidence: &Evidence) -> String {
        let demoted: Vec<_> = self.routes.demoted().collect();
        let (asks, observes) = (self.application.is_asked(), self.routes.observes());
        let snapshot = evidence.snapshot(asks, observes, &demoted);
        serde_json::to_string(&snapshot).expect("numbers and text are JSON")
    }
}

/// Bounds of what a request's head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadBounds {
    /// Longest request target, bytes.
    pub url_length: usize,
    /// Most fields; for HTTP/1.1 the server has the same bound, before it reads more.
    pub headers: usize,
}

/// Bounds of what is held for one request (`limits:` in the configuration), bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Which request bodies are read ahead.
    pub read_ahead: ReadAhead,
    /// Request body read ahead in memory before the application sees its request.
    pub request: usize,
    /// What of it is read ahead into a temporary file behind that.
    pub spool: usize,
    /// Response body read ahead of a slow client.
    pub response: usize,
    /// How long the response buffer may stay full before the client sets the pace and the permit ends.
    pub slow_client: Duration,
}

/// Which request bodies are read before the application sees their request (`limits.read_ahead`). In observe mode none are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAhead {
    /// All, so that no slow client reaches the application.
    Always,
    /// Those of requests that take a lane; the others stream at once, for applications that answer while they read.
    Lane,
}

/// Whether the application is asked, by `X-Onelane-Report`, what each request with a session did to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// No.
    Off,
    /// Yes, when there is a secret.
    On,
}

/// What becomes of a `read` route whose request changed its session, as the application says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReadWrote {
    /// A warning.
    Warn,
    /// It counts as `write` until the next reload, with a warning.
    Write,
}

/// Whether `Server-Timing: onelane;dur=…` is set on responses that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTiming {
    /// Never.
    Hide,
    /// On responses that waited.
    Show,
}
