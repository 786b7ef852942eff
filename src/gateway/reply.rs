//! The one answer a request gets.
//!
//! Guarantees: a request is answered at most once; a client that left is no error.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode};
use tokio::sync::oneshot;

use super::pipe::ClientBody;
use super::policy::Policy;
use super::refusal::{Format, Reason, Refusal};

/// Where the answer to one request goes; made beside the future that hyper awaits.
#[derive(Debug)]
pub struct Reply {
    sender: Option<oneshot::Sender<Response<ClientBody>>>,
    given: Option<Given>,
    form: Option<Form>,
}

/// How refusals of this request look.
#[derive(Debug)]
struct Form {
    format: Format,
    request_id: HeaderValue,
    policy: Arc<Policy>,
}

/// What was answered, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) status: StatusCode,
    /// None when the answer is the application's.
    pub(super) refused: Option<Reason>,
}

impl Reply {
    /// Makes a reply and the answer it will give.
    pub fn new() -> (Self, oneshot::Receiver<Response<ClientBody>>) {
        let (sender, answer) = oneshot::channel();
        (Self { sender: Some(sender), given: None, form: None }, answer)
    }

    /// Prepares for refusals of the request with this `Accept` and id.
    pub(super) fn form(&mut self, format: Format, request_id: HeaderValue, policy: Arc<Policy>) {
        self.form = Some(Form { format, request_id, policy });
    }

    /// Answers with the application's response.
    pub(super) fn give(&mut self, response: Response<ClientBody>) {
        self.send(response, None);
    }

    /// Answers with a refusal, unless there was an answer.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let reason = refusal.reason();
        let none = HashMap::new();
        let response = match &self.form {
            Some(form) => {
                refusal.into_response(form.format, &form.request_id, &form.policy.refusals)
            }
            None => refusal.into_response(Format::Problem, &HeaderValue::from_static("-"), &none),
        };
        let mut response = response.map(|body| ClientBody::Whole(Some(body).filter(|b| !b.is_empty())));
        if closes(reason) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.send(response, Some(reason));
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
        if let Some(sender) = self.sender.take() {
            self.given = Some(Given { status: response.status(), refused });
            drop(sender.send(response)); // a client that has left needs none
        }
    }
}

/// After these the connection's framing, or the rest of its request body, cannot be relied on; and a write that the
/// application still works on is finished without its client.
fn closes(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BadRequest
            | Reason::BodyTooLarge
            | Reason::Draining
            | Reason::ExpectationFailed
            | Reason::HoldLimit
            | Reason::NotImplemented
            | Reason::RequestTimeout
            | Reason::UpstreamTimeout
    )
}
