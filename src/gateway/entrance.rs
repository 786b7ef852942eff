//! The door of the lane, or of several: read ahead, join, wait, or step aside.
//!
//! Guarantees: a request that leaves here with an [`Entry`] may be forwarded; one whose client left while it waited is
//! never seen by the application. In observe mode nobody waits and nobody is refused.

use std::pin::pin;
use std::sync::Weak;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{Method, request};
use http_body::Body;

use super::Visit;
use super::account::Passed;
use super::ahead::Bounds;
use super::alarm::{Woke, now};
use super::entry::{Entry, Place};
use super::exchange::Ended;
use super::policy::ReadAhead;
use super::refusal::{Reason, Refusal};
use super::upload::{Patience, RequestBody};
use crate::lane::{Arrival, Full, Hold, Joined, Note, OnFull, Permit, WaitEnded, Waiting};
use crate::metrics::{Exception, Gone};
use crate::route::{Access, Label, Mode, OnClientGone, Reads, Terms};
use crate::session::Session;
use crate::socket::Socket;

impl Visit<'_> {
    /// Gives the request its place in the application.
    ///
    /// # Errors
    /// [`Ended`]: refused, or the client left.
    pub(super) async fn enter(
        &mut self,
        session: Option<&Session<'_>>,
        head: &mut request::Parts,
        body: &mut RequestBody,
    ) -> Result<(), Ended> {
        let (terms, lanes) = (self.terms, &self.gateway.lanes);
        let Some(hold) = hold(terms) else {
            return self.enter_without_lane(body).await;
        };
        let Some(session) = session else {
            return self.enter_as_newcomer(hold, head, body).await;
        };
        if terms.mode == Mode::Observe {
            let shadow = lanes.observe_all(session.key, &session.also, hold, &terms.limits);
            self.would(shadow.arrival());
            self.entry = Entry::beside(Place::Shadow(shadow), now());
            return Ok(());
        }
        self.read_ahead(body).await?;
        if let Some(permit) = self.reenter(session, hold, head)? {
            self.entry = self.held(permit);
            return Ok(());
        }
        let (limits, max) = (&terms.limits, self.policy.max_waiting);
        let note = self.note(head);
        match lanes.join_noted(session.key, &session.also, hold, limits, max, note) {
            Ok(Joined::Granted(permit)) => self.entry = self.held(permit),
            Ok(Joined::Waiting(waiting)) => match self.wait(waiting, session, head).await? {
                Ok(permit) => {
                    self.note_outlived(session, &head.method, &permit);
                    self.entry = self.held(permit);
                }
                Err(WaitEnded::Closed) => return Err(Reason::Draining.into()),
                Err(WaitEnded::TimedOut) => {
                    self.warn_of_loopback();
                    let action = terms.limits.on_wait_timeout;
                    self.step_aside(action, Reason::WaitTimeout, session, head)?;
                }
            },
            Err(Full::AllLanes) => return Err(self.full(Reason::WaitersFull, session)),
            Err(Full::TooLate { position }) => {
                self.notes.position = position;
                let action = terms.limits.on_wait_timeout;
                self.step_aside(action, Reason::WaitTimeout, session, head)
                    .map_err(would_be_late)?;
            }
            Err(Full::Lane { .. } | Full::Passed) => {
                self.step_aside(terms.limits.on_overflow, Reason::QueueFull, session, head)?;
            }
        }
        Ok(())
    }

    /// Goes on outside of any lane, after its body. Where that is not waited for, what is wrong with its beginning is
    /// still answered before the application sees any of it.
    pub(super) async fn enter_without_lane(&mut self, body: &mut RequestBody) -> Result<(), Ended> {
        let ahead = self.policy.buffers.read_ahead;
        if ahead == ReadAhead::Always && self.terms.mode == Mode::Enforce {
            return self.read_ahead(body).await;
        }
        let bounds = Bounds {
            spool: 0,
            ..self.bounds()
        };
        Ok(body.read_ahead(&bounds, Patience::None).await?)
    }

    /// Reads the body, as far as there is room for it. Meanwhile the request is not in the application: it has not arrived.
    ///
    /// # Errors
    /// [`Ended`]: the body is broken or too slow, its client left, or has meanwhile too many requests in the application.
    pub(super) async fn read_ahead(&mut self, body: &mut RequestBody) -> Result<(), Ended> {
        if body.is_end_stream() {
            return Ok(());
        }
        self.stay.pause();
        body.read_ahead(&self.bounds(), Patience::Pace).await?;
        self.throttle_again()
    }

    /// Counts what an enforced lane would have done with an observed request.
    pub(super) fn would(&self, arrival: Arrival) {
        let metrics = &self.gateway.metrics;
        match arrival {
            Arrival::Free => {}
            Arrival::WouldWait => metrics.would_wait(),
            Arrival::WouldBeRefused => {
                metrics.would_wait();
                metrics.would_refuse();
            }
        }
    }

    /// Waits for the turn, unless the client leaves.
    pub(super) async fn wait(
        &mut self,
        mut waiting: Waiting,
        session: &Session<'_>,
        head: &request::Parts,
    ) -> Result<Result<Permit, WaitEnded>, Ended> {
        let _waits = self.begin_to_wait(session)?;
        self.notes.position = waiting.position();
        self.notes.behind = waiting.behind();
        let joined = now();
        self.notes.joined = Some(joined);
        let turn = pin!(waiting.turn());
        let outcome = match self.terms.on_client_gone {
            OnClientGone::Stay => Some(turn.await),
            OnClientGone::Leave => {
                // hyper sees most clients leave; the socket is watched for those that it cannot see.
                let left = pin!(left(self.client.socket.clone()));
                let first = pin!(select(turn, left));
                match self.alarm.wait(first, || None).await {
                    Woke::Done(Either::Left((turn, _))) => Some(turn),
                    Woke::Done(Either::Right(_)) | Woke::Left | Woke::Due => None,
                }
            }
        };
        self.notes.waited = Some(now().saturating_duration_since(joined));
        self.blame(head, session, joined);
        if outcome.is_some() {
            self.stay.resume(now());
        }
        outcome.ok_or_else(|| {
            self.gone(Gone::Waiting);
            Ended::ClientLeft
        })
    }

    /// What a full lane, or the end of the wait timeout, does with the request.
    fn step_aside(
        &mut self,
        action: OnFull,
        reason: Reason,
        session: &Session<'_>,
        head: &mut request::Parts,
    ) -> Result<(), Ended> {
        let sessions = &self.policy.sessions;
        let harmless = matches!(head.method, Method::GET | Method::HEAD);
        let passed = match action {
            OnFull::Pass => Passed::WithSession,
            OnFull::PassWithoutSession if harmless && sessions.can_hide(head) => {
                Passed::WithoutSession
            }
            OnFull::PassWithoutSession | OnFull::Refuse => return Err(self.full(reason, session)),
        };
        let (lanes, limits) = (&self.gateway.lanes, &self.terms.limits);
        let Ok(pass) = lanes.pass_all(session.key, &session.also, limits) else {
            return Err(self.full(reason, session));
        };
        self.entry = Entry::beside(Place::Passed(pass), now());
        self.notes.passed = passed;
        let exception = match passed {
            Passed::WithoutSession => {
                sessions.hide(&mut head.headers);
                Exception::PassWithoutSession
            }
            Passed::WithSession | Passed::No => Exception::Pass,
        };
        self.gateway.metrics.exception(exception);
        Ok(())
    }

    pub(super) fn held(&self, permit: Permit) -> Entry {
        let follows = self.terms.access == Access::Read && self.terms.reads == Reads::Follow;
        Entry::held(permit, follows.then_some(self.terms.follow_hold))
    }

    /// What operators see of the request while it is in its lane.
    pub(super) fn note(&self, head: &request::Parts) -> Option<Note> {
        Some(Note {
            route: Label::clone(self.route),
            method: head.method.clone(),
            target: head.uri.path_and_query()?.clone(),
        })
    }

    pub(super) fn bounds(&self) -> Bounds<'_> {
        let buffers = &self.policy.buffers;
        Bounds {
            memory: buffers.request,
            spool: buffers.spool,
            budget: &self.gateway.budget,
            spooler: &self.gateway.spooler,
        }
    }

    pub(super) fn full(&self, reason: Reason, session: &Session<'_>) -> Ended {
        let keys = std::iter::once(&session.key).chain(&session.also);
        let waits = keys.filter_map(|key| self.gateway.lanes.estimate(*key));
        let wait = waits.max().unwrap_or(RETRY_MIN).max(RETRY_MIN);
        Ended::Refused(Refusal::new(reason).retry_after(Some(wait)))
    }
}

/// Waits until the other end of a connection has left.
async fn left(socket: Option<Weak<Socket>>) {
    match socket.map(|socket| socket.upgrade()) {
        Some(Some(socket)) => socket.left().await,
        Some(None) => {}
        None => std::future::pending().await, // its presence tells
    }
}

/// What is said of a request whose wait would have been too long.
fn would_be_late(ended: Ended) -> Ended {
    match ended {
        Ended::Refused(refusal) if refusal.reason == Reason::WaitTimeout => {
            Ended::Refused(refusal.detail(TOO_LATE))
        }
        other => other,
    }
}

/// How a request on these terms holds a lane, if it takes one.
fn hold(terms: &Terms) -> Option<Hold> {
    match (terms.access, terms.reads) {
        (Access::Write, _) => Some(Hold::Exclusive),
        (Access::Read, Reads::Follow | Reads::Share) => Some(Hold::Shared),
        (Access::Read, Reads::Overtake) | (Access::None, _) => None,
    }
}

const TOO_LATE: &str = "Earlier requests of this session would take longer than this one may wait.";

/// The least that a client is asked to wait before it tries again.
const RETRY_MIN: Duration = Duration::from_secs(1);
