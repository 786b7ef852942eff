//! One request from arrival to answer: the product, in `Visit::steps`, on one screen.
//!
//! Guarantees: every request ends in exactly one answer, or its client has left; every permit is released exactly
//! once; one policy snapshot decides a whole request. Does not do: sockets, listeners, HTTP parsing, configuration.

mod account;
mod affinity;
mod ahead;
mod alarm;
mod bound;
mod delivery;
mod entrance;
mod entry;
mod exchange;
pub mod explain;
mod forwarding;
mod headers;
mod http2;
mod newcomer;
mod pipe;
mod policy;
mod progress;
mod protocol;
mod readiness;
pub mod record;
mod reentrance;
pub mod refusal;
mod reply;
mod report;
mod rotation;
mod spool;
mod steps;
mod throttle;
mod traced;
mod tunnel;
mod upload;
mod warnings;

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use http::header::HeaderValue;
use http::{Request, StatusCode, Version, request};
use hyper::body::Incoming;

pub use account::Fault;
pub use alarm::Presence;
pub use bound::Bound;
pub use newcomer::WithoutSession;
pub use pipe::{ClientBody, Cut};
pub use policy::{
    Application, Buffers, Edition, HeadBounds, OnReadWrote, Policy, ReadAhead, Reports,
    ServerTiming,
};
pub use readiness::{NoReadyPath, ReadyPath};
pub use reply::{Answers, NoAnswer};
pub use spool::Disk;
pub use throttle::DENY_LIST;
pub use upload::{BodyFault, RequestBody};
pub use warnings::Seldom;

pub use crate::session::Rekeyed;

use account::Notes;
use alarm::{Alarm, now};
use bound::Turn;
use delivery::Delivered;
use entry::Entry;
use exchange::Ended;
use protocol::{Asked, Broken};
use record::AccessLog;
use refusal::Accept;
use reply::Reply;
use spool::Spooler;
use tunnel::Switch;
use warnings::Warnings;

use crate::client::{ClientIp, PeerAddr, Resolved, Scheme, Via};
use crate::evidence::{Evidence, Recorder};
use crate::lane::Lanes;
use crate::memory::Budget;
use crate::metrics;
use crate::route::{Decision, Label, Terms};
use crate::session::SessionKey;
use crate::shutdown::{Draining, InFlight};
use crate::socket::Socket;
use crate::throttle::{Stay, Waiters};
use crate::traces::Tracer;
use crate::upstream::{Farm, Nodes};

/// One core's gateway; the parts that are shared between cores are behind `Arc`.
pub struct Gateway {
    policy: Arc<ArcSwap<Policy>>,
    lanes: Arc<Lanes>,
    waiters: Arc<Waiters>,
    budget: Arc<Budget>,
    spooler: Rc<Spooler>,
    draining: Draining,
    metrics: Arc<metrics::Core>,
    upstream: Farm<RequestBody>,
    evidence: Arc<Recorder>,
    tracer: Option<Arc<Tracer>>,
    log: AccessLog,
    warnings: Warnings,
}

/// What all cores share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The current policy.
    pub policy: Arc<ArcSwap<Policy>>,
    /// The lanes of all sessions.
    pub lanes: Arc<Lanes>,
    /// The waiting requests of each client.
    pub waiters: Arc<Waiters>,
    /// The bound of all buffers.
    pub budget: Arc<Budget>,
    /// The place of temporary files.
    pub disk: Arc<Disk>,
    /// Whether the process is ending.
    pub draining: Draining,
    /// The application.
    pub upstream: Arc<Nodes>,
    /// What requests do to their sessions.
    pub evidence: Arc<Evidence>,
    /// Where traces go; None when they are off.
    pub tracer: Option<Arc<Tracer>>,
}

/// A connection's other end, as long as one of its requests is under way.
#[derive(Clone, Debug)]
pub struct Client {
    /// The socket's other end, or whom a PROXY header named.
    pub peer: PeerAddr,
    /// The peer's address as fields and the log have it; written once, since each request names it.
    pub address: HeaderValue,
    /// How it reached us.
    pub scheme: Scheme,
    /// The socket, to be watched while nobody reads it. Not held: an exchange that outlives its client must not keep
    /// the connection open. None where the protocol always sees its client leave.
    pub socket: Option<Weak<Socket>>,
    /// Whether its connection has ended.
    pub presence: Presence,
    /// What it has of its own in the application.
    pub bound: Bound,
}

/// One request on its way.
struct Visit<'g> {
    gateway: &'g Gateway,
    policy: &'g Policy,
    terms: &'g Terms,
    route: &'g Label,
    /// Its place in the table; None when no route decided.
    place: Option<usize>,
    /// What it is counted under.
    series: usize,
    client: &'g Client,
    /// Who asks.
    ip: ClientIp,
    /// Whose word that is.
    via: Via,
    /// The client's, not the application's.
    version: Version,
    request_id: HeaderValue,
    reply: Reply,
    entry: Entry,
    /// The lane of its client, when it joined that for want of a session.
    newcomer: Option<SessionKey>,
    /// Where the throttle counts it as being in the application.
    stay: Stay,
    alarm: Alarm,
    /// Its turn on its client's own connection to the application; None while it uses what all clients share.
    own: Option<Turn>,
    /// Counts in the drain; gone when the request no longer does.
    in_flight: Option<InFlight>,
    notes: Notes,
}

/// How a request's way ended: the application was heard, or it was not.
type Outcome = Result<Delivered, Ended>;

impl Client {
    /// The other end of a new connection.
    pub fn new(peer: PeerAddr, scheme: Scheme, socket: Weak<Socket>) -> Self {
        Self {
            peer,
            address: forwarding::address(peer.client()),
            scheme,
            socket: Some(socket),
            presence: Presence::default(),
            bound: Bound::default(),
        }
    }

    /// The other end of a stream of the same connection, whose protocol tells by itself when it leaves.
    pub fn stream(&self, presence: Presence) -> Self {
        Self {
            socket: None,
            presence,
            ..self.clone()
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// This core's gateway.
    pub fn new(shared: Shared, metrics: Arc<metrics::Core>, log: AccessLog) -> Self {
        let Shared {
            policy,
            lanes,
            waiters,
            budget,
            disk,
            draining,
            upstream,
            evidence,
            tracer,
        } = shared;
        let spooler = Spooler::new(disk, Arc::clone(&metrics));
        Self {
            policy,
            lanes,
            waiters,
            budget,
            spooler,
            draining,
            metrics,
            upstream: Farm::new(upstream),
            evidence: evidence.recorder(),
            tracer,
            log,
            warnings: Warnings::default(),
        }
    }

    /// The policy of now; a request takes its own snapshot.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Closes idle connections to the application whose time is over, and forgets clients that are no longer throttled;
    /// to be called about once a second.
    pub fn sweep(&self) {
        self.upstream.sweep(now());
        self.policy.load().throttle.sweep(now());
    }

    /// Counts a request that was refused by its head alone; the server has answered it.
    pub fn head_refused(&self, reason: refusal::Reason) {
        self.metrics.refusal(reason as usize);
    }

    /// Counts how a TLS handshake with a client ended.
    pub fn handshake(&self, result: metrics::Handshake) {
        self.metrics.handshake(result);
    }

    /// Counts a connection that the server ended without an answer.
    pub fn connection_ended(&self, reason: metrics::Ending) {
        self.metrics.connection_ended(reason);
    }

    /// Answers one request, and finishes it in the application. To be polled by the task of the client's connection.
    ///
    /// Dropping the future cancels the request: its permit is released, its connection to the application closed.
    pub async fn serve(&self, request: Request<Incoming>, client: Client, answers: Answers) {
        let policy = self.policy.load_full();
        let (mut head, body) = request.into_parts();
        let version = head.version;
        let checked = protocol::check(&mut head, policy.head); // before the route, which goes by Host
        if checked.is_ok() && policy.asks_for_readiness(&head) {
            return self.tell_readiness(&head, answers);
        }
        let decision = policy.routes.decide(&head);
        let mut visit = self.visit(&policy, &decision, &client, &head, answers);
        visit.version = version;
        let outcome = visit.steps(checked, head, body).await;
        visit.close(&outcome);
    }

    fn visit<'g>(
        &'g self,
        policy: &'g Arc<Policy>,
        decision: &Decision<'g>,
        client: &'g Client,
        head: &request::Parts,
        answers: Answers,
    ) -> Visit<'g> {
        let (started, request_id) = (now(), steps::request_id());
        let Resolved { ip, via } = self.client(policy, client, &head.headers);
        let accept = Accept::of(&head.headers);
        Visit {
            gateway: self,
            policy,
            terms: decision.terms,
            route: decision.label,
            place: decision.route,
            series: policy.series.route(decision.place),
            client,
            ip,
            via,
            version: head.version,
            reply: Reply::new(answers, accept, request_id.clone(), Arc::clone(policy)),
            request_id,
            entry: Entry::free(started),
            newcomer: None,
            stay: Stay::default(),
            alarm: Alarm::new(client.presence.clone()),
            own: None,
            in_flight: Some(self.draining.enter()),
            notes: Notes::new(started, head, &self.log, self.context(policy, head)),
        }
    }
}

impl Visit<'_> {
    /// The way of a request, in order.
    async fn steps(
        &mut self,
        checked: Result<Asked, Broken>,
        mut head: request::Parts,
        body: Incoming,
    ) -> Outcome {
        let asked = checked?;
        self.throttle()?;
        if asked == Asked::Server {
            return self.answer_for_the_server();
        }

        // session
        let session = self.session(&head);
        let scoped = self.policy.sessions.scoped(&head);

        // lane
        let mut body = RequestBody::new(body, self.policy.body_size, self.policy.body_pace)?;
        self.notes.upload = Some(body.progress());
        self.enter(session.as_ref(), &mut head, &mut body).await?;

        // upstream
        let switch = Switch::asked(&mut head);
        self.witness(&head);
        self.tell(&mut head, switch.as_ref());
        let upload = body.progress();
        headers::frame(&mut head.headers, &body, upload.length());
        let request = Request::from_parts(head, body);
        let (mut connection, mut response) = self.forward(request).await?;
        self.hear(response.headers());

        // response, and the release
        self.withhold(response.headers_mut());
        self.rotate(session.as_ref(), &scoped, response.headers());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(switch, connection, response).await;
        }
        let (mut head, body) = response.into_parts();
        let promised = headers::keep_alive(&head.headers);
        self.prepare(&mut head, switch.as_ref());
        let delivered = self.deliver(&mut connection, head, body).await;
        match delivered {
            Delivered::Unheard | Delivered::Whole => {
                self.finish_upload(&mut connection, &upload).await;
                self.give_back(connection, promised);
            }
            Delivered::Abandoned | Delivered::Aborted | Delivered::Broken | Delivered::Late => {
                self.part(connection).await;
            }
        }
        Ok(delivered)
    }
}
