//! In the application: from a permit to the response's headers.
//!
//! Guarantees: what may have been sent is never sent again; a write whose client left, or whose answer is late, keeps
//! its permit until the application answers, closes, or the hold limit; a read is given up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::alarm::{Woke, earlier, now};
use super::bound::Turn;
use super::entry::Ring;
use super::progress::{Progress, WaitsFor};
use super::protocol::Broken;
use super::refusal::{Reason, Refusal};
use super::upload::{BodyFault, RequestBody};
use super::{Gateway, Visit};
use crate::metrics::{Exception, Gone};
use crate::route::{Access, OnClientGone};
use crate::upstream::{ConnectError, Connection, Reuse, Sent, Settings, Wish};

/// Why there is no response to deliver.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client was answered while the application was still at work.
    Answered,
    /// The client has left.
    ClientLeft,
    /// The client was told to come again over HTTP/1.1.
    NeedsHttp11,
    /// The client is to be answered with a refusal.
    Refused(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for Ended {
    fn from(reason: Reason) -> Self {
        Self::Refused(Refusal::new(reason))
    }
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Self {
        Self::Refused(broken.refusal())
    }
}

impl Visit<'_> {
    /// Sends the request, on a connection that is certainly open, and waits for the response's headers.
    ///
    /// # Errors
    /// [`Ended`].
    pub(super) async fn forward(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> Result<(Connection<RequestBody>, Response<Incoming>), Ended> {
        self.trace_attempt();
        self.claim(request.headers()).await?;
        let (wish, crossing) = self.wish(request.headers());
        let progress = request.body().progress();
        let mut reuse = match self.terms.access {
            Access::Write => Reuse::Fresh,
            Access::Read | Access::None => Reuse::Any,
        };
        loop {
            let mut connection = self.connection(reuse, &wish).await?;
            self.trace_node(connection.node());
            let sent = *self.notes.sent.get_or_insert_with(now);
            progress.begin();
            let ended = match self.head(&mut connection, request, &progress).await {
                Ok(Sent::Answered(mut response)) => match self.bind(&response) {
                    Ok(()) => {
                        self.answered(sent, response.status());
                        self.stay(&connection, &wish, crossing, &mut response);
                        return Ok((connection, response));
                    }
                    Err(ended) => ended,
                },
                Ok(Sent::Unsent(back)) => {
                    request = *back;
                    reuse = Reuse::Never;
                    continue;
                }
                Ok(Sent::Failed(error)) => self.failed(&error, &progress),
                Err(ended) => ended,
            };
            if let Ended::Refused(refusal) = &ended {
                self.refuse(refusal.clone());
            }
            self.part(connection).await;
            return Err(ended);
        }
    }

    /// The headers of the response have come.
    fn answered(&mut self, sent: Instant, status: StatusCode) {
        let answered = now();
        self.notes.answered = Some(answered);
        self.trace_answer(status);
        let took = answered.saturating_duration_since(sent);
        self.gateway.metrics.upstream_answered(took);
    }

    /// A connection to the client's own node, or to the one that `wish` leads to.
    async fn connection(
        &mut self,
        reuse: Reuse,
        wish: &Wish,
    ) -> Result<Connection<RequestBody>, Ended> {
        let Gateway {
            upstream, metrics, ..
        } = self.gateway;
        if let Some(mut own) = self.own.as_ref().and_then(Turn::take) {
            upstream.resume(&mut own);
            metrics.upstream_reused();
            metrics.upstream_request(own.node());
            return Ok(own);
        }
        let mut chosen = upstream.choose(wish, now());
        if self.own.is_none() {
            match upstream.reuse(chosen, reuse, now()) {
                Ok(connection) => {
                    metrics.upstream_reused();
                    metrics.upstream_request(connection.node());
                    return Ok(connection);
                }
                Err(again) => chosen = again,
            }
        }
        let began = now();
        match self
            .before_sending(pin!(upstream.connect(chosen, wish)))
            .await?
        {
            Ok(connection) => {
                metrics.upstream_opened(now().saturating_duration_since(began));
                metrics.upstream_request(connection.node());
                if self.own.is_some() {
                    metrics.upstream_bound();
                }
                Ok(connection)
            }
            Err(ConnectError::Busy) => Err(Reason::UpstreamBusy.into()),
            Err(ConnectError::TimedOut | ConnectError::Unreachable(_)) => {
                Err(Reason::UpstreamUnreachable.into())
            }
        }
    }

    /// Waits for `work` that has to be done before anything can be sent.
    pub(super) async fn before_sending<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Ended> {
        loop {
            let due = self.entry.deadline();
            match self.alarm.wait(work.as_mut(), || due).await {
                Woke::Done(done) => return Ok(done),
                // Nothing was sent yet: a client that leaves now takes its request along, whatever it was.
                Woke::Left if self.terms.on_client_gone == OnClientGone::Leave => {
                    self.gone(Gone::Waiting);
                    return Err(Ended::ClientLeft);
                }
                Woke::Left => {}
                Woke::Due => self.ring()?,
            }
        }
    }

    async fn head(
        &mut self,
        connection: &mut Connection<RequestBody>,
        request: Request<RequestBody>,
        progress: &Progress,
    ) -> Result<Sent<RequestBody>, Ended> {
        let settings = self.gateway.upstream.settings(connection);
        let mut sent = pin!(connection.send(request));
        loop {
            let lane = self.entry.deadline();
            let patience = (!self.reply.is_given()).then(|| patience(settings, progress));
            let due = || earlier(lane, patience.as_ref().map(Patience::deadline));
            match self.alarm.wait(sent.as_mut(), due).await {
                Woke::Done(sent) => return Ok(sent),
                Woke::Left => self.left()?,
                Woke::Due => {}
            }
            self.ring()?;
            if let Some(late) = patience.and_then(|patience| patience.late(now())) {
                self.late(late)?;
            }
            if self.reply.is_given() && self.entry.is_free() {
                return Err(Ended::Answered); // nobody waits for it any more
            }
        }
    }

    /// A stage took too long. A write that has been sent keeps its lane, since the application works on.
    fn late(&mut self, late: Reason) -> Result<(), Ended> {
        let works_on = late == Reason::UpstreamTimeout && self.terms.access == Access::Write;
        if !works_on || self.entry.is_free() {
            return Err(late.into());
        }
        self.refuse(Refusal::new(late));
        Ok(())
    }

    /// Does what is due in the lane.
    fn ring(&mut self) -> Result<(), Ended> {
        match self.due() {
            Ring::Abort => Err(Reason::HoldLimit.into()),
            Ring::GoOn | Ring::Keep | Ring::Release => Ok(()),
        }
    }

    /// What was due in the lane, counted if it is an exception to exclusion.
    pub(super) fn due(&mut self) -> Ring {
        let ring = self.entry.ring(now());
        let metrics = &self.gateway.metrics;
        let done = match ring {
            Ring::GoOn => return ring,
            Ring::Abort => {
                metrics.exception(Exception::HoldLimitAbort);
                "its request is aborted and the next one goes"
            }
            Ring::Keep => {
                metrics.held_over();
                "it is still held"
            }
            Ring::Release => {
                metrics.exception(Exception::HoldLimitRelease);
                "the next one goes while the application may still be at work"
            }
        };
        metrics.hold_limit(self.series);
        let session = self.notes.session.map(|session| session.to_string());
        tracing::warn!(
            route = %self.route,
            session,
            id = self.request_id.to_str().unwrap_or_default(),
            "a request has held its lane for hold_limit: {done}"
        );
        ring
    }

    fn failed(&self, error: &hyper::Error, progress: &Progress) -> Ended {
        if self.reply.is_given() {
            return Ended::Answered;
        }
        match progress.fault() {
            Some(BodyFault::ClientLeft) => Ended::ClientLeft,
            Some(fault) => fault.into(),
            None if error.is_parse() || error.is_parse_too_large() => {
                Reason::UpstreamInvalid.into()
            }
            None => Reason::UpstreamReset.into(),
        }
    }

    /// The client has left. A write is heard to its end, since the application works on; a read is given up.
    pub(super) fn left(&mut self) -> Result<(), Ended> {
        if self
            .reply
            .given()
            .is_some_and(|given| given.refused.is_some())
        {
            return Ok(()); // it has its answer
        }
        self.gone(Gone::Inside);
        match (self.terms.access, self.terms.on_client_gone) {
            (Access::Write, _) | (_, OnClientGone::Stay) => Ok(()),
            (Access::Read | Access::None, OnClientGone::Leave) => Err(Ended::ClientLeft),
        }
    }

    /// Goes on with an upload whose answer came early, as long as the application takes it: the client's connection would
    /// otherwise be lost with the rest.
    pub(super) async fn finish_upload(
        &mut self,
        connection: &mut Connection<RequestBody>,
        progress: &Progress,
    ) {
        if progress.is_empty() {
            return;
        }
        let patience = patience(self.gateway.upstream.settings(connection), progress);
        // What hyper has taken of a body is sent once the connection is ready for another request.
        let mut sent = pin!(std::future::poll_fn(|cx| {
            connection.drive(cx);
            if connection.is_ready() || connection.has_ended() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        while let Woke::Due = self
            .alarm
            .wait(sent.as_mut(), || Some(patience.deadline()))
            .await
        {
            if patience.late(now()).is_some() {
                return;
            }
        }
    }

    /// Parts from an application that has not finished: nothing more is sent, and what holds the lane goes on holding
    /// it until the application has closed its side too, which tells that it has finished, or until the hold limit.
    pub(super) async fn part(&mut self, connection: Connection<RequestBody>) {
        self.own = None; // its client's next request need not wait for this
        if self.entry.is_free() {
            return;
        }
        // A lane that is held has its own hold limit, which counts; the other stays are bounded here.
        let latest = (!self.entry.holds()).then(|| now() + self.terms.limits.hold_limit);
        let mut closed = pin!(connection.close());
        while !self.entry.is_free() {
            let due = self.entry.deadline();
            match self
                .alarm
                .wait(closed.as_mut(), || earlier(due, latest))
                .await
            {
                Woke::Done(()) => break,
                Woke::Left => {}
                Woke::Due => {
                    self.due();
                    if latest.is_some_and(|latest| now() >= latest) {
                        break;
                    }
                }
            }
        }
        self.entry.end(now());
    }
}

impl From<BodyFault> for Ended {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::ClientLeft => Self::ClientLeft,
            BodyFault::Framing => Refusal::new(Reason::BadRequest)
                .detail("The framing of the request body is invalid.")
                .into(),
            BodyFault::Lost => Reason::SpoolLost.into(),
            BodyFault::Slow => Reason::RequestTimeout.into(),
            BodyFault::TooLarge => Reason::BodyTooLarge.into(),
        }
    }
}

fn patience<'p>(settings: &Settings, progress: &'p Progress) -> Patience<'p> {
    Patience {
        progress,
        body: settings.body_timeout,
        response: settings.response_timeout,
    }
}

/// How long is waited for whom, while a request is sent and its response awaited.
struct Patience<'p> {
    progress: &'p Progress,
    body: Duration,
    response: Duration,
}

impl Patience<'_> {
    fn deadline(&self) -> Instant {
        let (waits_for, since) = self.progress.state();
        since.into_std()
            + match waits_for {
                WaitsFor::Application => self.body,
                WaitsFor::Client => self.progress.patience(),
                WaitsFor::Nobody => self.response,
            }
    }

    fn late(&self, now: Instant) -> Option<Reason> {
        (self.deadline() <= now).then(|| match self.progress.state().0 {
            WaitsFor::Client => Reason::RequestTimeout,
            WaitsFor::Application | WaitsFor::Nobody => Reason::UpstreamTimeout,
        })
    }
}
