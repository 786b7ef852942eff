//! The one answer a request gets.
//!
//! Guarantees: a request is answered at most once; a client that left is no error.

use std::sync::Arc;

use http::header::HeaderValue;
use http::{Response, StatusCode};
use tokio::sync::oneshot;

use super::pipe::ClientBody;
use super::policy::Policy;
use super::refusal::{Accept, Manner, Reason, Refusal};

/// Where the answer to one request goes; made beside the future that hyper awaits.
pub type Answers = oneshot::Sender<Result<Response<ClientBody>, NoAnswer>>;

/// Why a request ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Its client is not worth one: the connection is closed, an HTTP/2 stream reset.
    #[error("the request is not answered")]
    Aborted,
    /// The application can serve it on a connection of its client's own only: HTTP/2 has to be left (RFC 9113 7).
    #[error("the request needs HTTP/1.1")]
    NeedsHttp11,
}

/// The one answer of one request.
#[derive(Debug)]
pub(super) struct Reply {
    answers: Option<Answers>,
    given: Option<Given>,
    /// Decides how a refusal looks.
    accept: Accept,
    request_id: HeaderValue,
    policy: Arc<Policy>,
}

/// What was answered, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// None when the request ended without an answer.
    pub(super) status: Option<StatusCode>,
    /// None when the answer is the application's.
    pub(super) refused: Option<Reason>,
}

impl Reply {
    /// An answer for a client that sent `accept`.
    pub(super) fn new(
        answers: Answers,
        accept: Accept,
        request_id: HeaderValue,
        policy: Arc<Policy>,
    ) -> Self {
        Self {
            answers: Some(answers),
            given: None,
            accept,
            request_id,
            policy,
        }
    }

    /// Answers with the application's response.
    pub(super) fn give(&mut self, response: Response<ClientBody>) {
        self.send(response, None);
    }

    /// Answers with a refusal, unless there was an answer.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let reason = refusal.reason;
        if refusal.manner == Manner::Silent {
            self.end(None, Some(reason), Err(NoAnswer::Aborted));
            return;
        }
        let request_id = self.request_id.to_str().unwrap_or_default();
        let format = self.accept.format();
        let response = refusal.into_response(format, request_id, &self.policy.refusals);
        let response = response.map(|body| ClientBody::Whole(Some(body)));
        self.send(response, Some(reason));
    }

    /// Ends the request without an answer, unless there was one.
    pub(super) fn withhold(&mut self, why: NoAnswer) {
        if let Some(answers) = self.answers.take() {
            drop(answers.send(Err(why))); // a client that has left needs none
        }
    }

    /// What was answered.
    pub(super) fn given(&self) -> Option<Given> {
        self.given
    }

    /// Whether there was an answer.
    pub(super) fn is_given(&self) -> bool {
        self.given.is_some()
    }

    fn send(&mut self, response: Response<ClientBody>, refused: Option<Reason>) {
        self.end(Some(response.status()), refused, Ok(response));
    }

    fn end(
        &mut self,
        status: Option<StatusCode>,
        refused: Option<Reason>,
        answer: Result<Response<ClientBody>, NoAnswer>,
    ) {
        if let Some(answers) = self.answers.take() {
            self.given = Some(Given { status, refused });
            drop(answers.send(answer)); // a client that has left needs none
        }
    }
}
