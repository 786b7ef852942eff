//! What operators are told, as JSON: the shape of each answer.
//!
//! Guarantees: there is no place here for a session id, a cookie, a query or a raw path. Times are milliseconds.
//! Does not do: know where it comes from ([`super::View`] does).

use serde::{Deserialize, Serialize};

use super::history::History;

/// All that the dashboard and `onelane top` show, in one answer (`/api/v1/state`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Of the program.
    pub version: String,
    /// Unix time of the answer.
    pub now_ms: u64,
    /// Since the start.
    pub uptime_ms: u64,
    /// Whether clients are served.
    pub readiness: ReadinessView,
    /// `token` (changes need one) or `off` (there is none, so nothing can be changed).
    pub mutations: String,
    /// What decides.
    pub policy: PolicyView,
    /// Sums.
    pub totals: TotalsView,
    /// The busiest lanes.
    pub lanes: Vec<LaneView>,
    /// Lanes that exist.
    pub lanes_total: usize,
    /// In the order of the table.
    pub routes: Vec<RouteView>,
    /// Which page made which wait; the most time first.
    pub blocking: Vec<BlockingView>,
    /// How long "lately" is: a minute, or since the start or the last reload if that is less.
    pub lately_ms: u64,
    /// Refusals by reason.
    pub refusals: Vec<RefusalView>,
    /// Exceptions to exclusion by kind.
    pub exceptions: Vec<ExceptionView>,
    /// Clients under throttle.
    pub clients: Vec<ClientView>,
    /// Observed pages that met a writer of their session.
    pub findings: Vec<FindingView>,
    /// What might be changed in the routes.
    pub advice: Vec<AdviceView>,
    /// Whether the application is asked to report its writes.
    pub asks: bool,
    /// The last ten minutes.
    pub history: History,
}

/// Whether clients are served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReadinessView {
    /// `ready`, `not_ready` or `draining`.
    pub state: String,
    /// Why not.
    pub why: Option<String>,
}

/// Which policy decides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PolicyView {
    /// 1 at the start, one more with each reload.
    pub version: u64,
    /// Of its text.
    pub digest: String,
    /// Unix time when it was read.
    pub loaded_ms: u64,
    /// `enforce`, `observe` or `mixed`.
    pub mode: String,
    /// The file that it was read from, if it was one.
    pub file: Option<String>,
    /// Whether what was last read from there is in force: not when that was wrong.
    pub current: bool,
    /// Routes in the configuration, those of a preset not counted.
    pub routes: usize,
}

/// Numbers of now, and sums since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is what its name says; the API's document has them"
)]
pub struct TotalsView {
    pub lanes: usize,
    pub holding: usize,
    pub waiting: usize,
    pub connections: usize,
    pub throttle_clients: usize,
    pub buffer_memory: usize,
    pub requests: u64,
    pub waited: u64,
    pub waited_ms: u64,
    pub held: u64,
    pub held_ms: u64,
    pub refused: u64,
    pub would_wait: u64,
    pub would_refuse: u64,
    pub exceptions: u64,
}

/// A lane.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LaneView {
    /// To act on it; means nothing else.
    pub id: String,
    /// Six hex digits, as in the logs.
    pub session: String,
    /// In use without a break.
    pub age_ms: u64,
    /// How many hold it.
    pub holding: usize,
    /// How many wait.
    pub waiting: usize,
    /// How many are inside in observe mode.
    pub observed: usize,
    /// How many are inside without a permit.
    pub passed: usize,
    /// Who holds it.
    pub holders: Vec<RequestView>,
    /// Who waits, in order.
    pub waiters: Vec<RequestView>,
}

/// A request in a lane.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RequestView {
    /// What the lane knows it by.
    pub ticket: String,
    /// `executing`, `overdue`, `reserved` or `waiting`.
    pub state: String,
    /// The label of its route.
    pub route: String,
    /// Its method.
    pub method: String,
    /// The shape of its path.
    pub path: Option<String>,
    /// `write` or `read`.
    pub access: String,
    /// Since it joined.
    pub age_ms: u64,
    /// Since its grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<u64>,
    /// Until its wait timeout or hold limit.
    pub limit_ms: u64,
}

/// A route and what was counted of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouteView {
    /// Its label.
    pub route: String,
    /// `write`, `read` or `none`.
    pub access: String,
    /// `enforce` or `observe`.
    pub mode: String,
    /// Whether it counts as `write` since it wrote.
    pub demoted: bool,
    /// Its requests.
    pub requests: u64,
    /// Those that waited.
    pub waited: u64,
    /// How long.
    pub waited_ms: u64,
    /// Its permits.
    pub held: u64,
    /// How long they were held.
    pub held_ms: u64,
    /// Waits of others in which a request of this route held longest.
    pub caused: u64,
    /// How long these were.
    pub caused_ms: u64,
    /// Observed requests that met a writer inside.
    pub would_wait: u64,
    /// What the application reported.
    pub reports: ReportsView,
}

/// What the application reported of a route.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct ReportsView {
    pub wrote: u64,
    pub unchanged: u64,
    pub silent: u64,
}

/// A page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PageView {
    /// The label of its route.
    pub route: String,
    /// Its method.
    pub method: Option<String>,
    /// The shape of its path.
    pub path: Option<String>,
}

/// A page that made another one wait.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BlockingView {
    /// Who held the lane.
    pub blocker: PageView,
    /// Who waited.
    pub waiter: PageView,
    /// How often.
    pub count: u64,
    /// How long, all together.
    pub waited_ms: u64,
    /// The longest.
    pub longest_ms: u64,
    /// How often lately.
    pub lately_count: u64,
    /// How long lately, all together.
    pub lately_ms: u64,
}

/// A page that waited for another one, which is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BlockedView {
    /// Who waited.
    pub waiter: PageView,
    /// How often.
    pub count: u64,
    /// How long, all together.
    pub waited_ms: u64,
    /// How often lately.
    pub lately_count: u64,
    /// How long lately, all together.
    pub lately_ms: u64,
}

/// Refusals of one reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct RefusalView {
    pub reason: String,
    pub count: u64,
}

/// Exceptions to exclusion of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct ExceptionView {
    pub kind: String,
    pub count: u64,
}

/// A client under a rule of the throttle.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientView {
    /// Its address, or the first of its network.
    pub network: String,
    /// The rule.
    pub rule: String,
    /// `enforce` or `observe`.
    pub mode: String,
    /// Its requests in the application.
    pub inside: u32,
    /// Its requests that wait.
    pub waiting: u32,
    /// How often it was refused lately.
    pub refused: u32,
    /// When last.
    pub refused_ago_ms: Option<u64>,
}

/// An observed page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FindingView {
    /// The label of its route.
    pub route: String,
    /// Its method.
    pub method: String,
    /// The shape of its path.
    pub path: String,
    /// Its requests.
    pub requests: u64,
    /// Those that met a writer of their session.
    pub met: u64,
    /// Those that ended while it was still inside.
    pub nested: u64,
}

/// What might be changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AdviceView {
    /// `never_wrote`, `overlaps`, `wrote`, `except`, `blocks`, or `writes` (it blocks, and has to).
    pub kind: String,
    /// The label of a route that decides now.
    pub route: String,
    /// The method of the page.
    pub method: String,
    /// The shape of its path.
    pub path: String,
    /// What it should be.
    pub access: Option<String>,
    /// How long others have waited behind it.
    pub saves_ms: u64,
    /// Why, in a sentence.
    pub why: String,
    /// The route to paste.
    pub yaml: Option<String>,
    /// Who has waited behind it, the longest first; a few.
    pub blocked: Vec<BlockedView>,
}

/// The answer of `/api/v1/lanes`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct LanesView {
    pub total: usize,
    pub holding: usize,
    pub waiting: usize,
    pub lanes: Vec<LaneView>,
}

/// A question to `/api/v1/explain`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The method, such as GET.
    pub method: String,
    /// The URL, or its path and query.
    pub url: String,
    /// Headers: names and values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// The answer to it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExplainedView {
    /// The label of the route.
    pub route: String,
    /// `write`, `read` or `none`.
    pub access: String,
    /// Six hex digits.
    pub session: Option<String>,
    /// All of it, for people.
    pub lines: Vec<LineView>,
}

/// One line of an explanation.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct LineView {
    pub title: String,
    pub text: String,
}
