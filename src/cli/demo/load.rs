//! The load: requests at their times, each on a connection of its own, as browsers' and Ajax requests come.
//!
//! Guarantees: an open loop: a slow answer delays no later request, so that waiting is measured and not hidden; those
//! that are to go at once are connected beforehand and go in their order; every request gets an outcome by the
//! deadline.
//! Does not do: follow redirects, retry, keep cookies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// A session's cookie, as the application set it.
#[derive(Clone, Debug)]
pub(super) struct Cookie(HeaderValue);

/// One request to send.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// When, after the start.
    pub(super) at: Duration,
    /// Path and query.
    pub(super) target: String,
    /// Whose session.
    pub(super) cookie: Cookie,
}

/// What came of one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// From when it was due to be sent until its answer's last byte.
    pub(super) latency: Duration,
    pub(super) outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Another status, a broken connection, or no answer by the deadline.
    Failed(String),
    /// 503: refused by Onelane, or by the application's own full queue.
    Refused,
    /// 200.
    Served,
}

/// Why there is no session to measure with.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSession {
    /// The request failed.
    #[error("the first visit to {address} failed: {reason}")]
    Failed { address: SocketAddr, reason: String },
    /// The answer set no cookie.
    #[error("the first visit to {address} set no session cookie (status {status})")]
    NoCookie {
        address: SocketAddr,
        status: StatusCode,
    },
}

/// Counts answers while they come in; clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered(Arc<AtomicUsize>);

type Sender = SendRequest<Empty<Bytes>>;

impl Answer {
    /// The reason, when it failed.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Failed(reason) => Some(reason.clone()),
            Outcome::Refused | Outcome::Served => None,
        }
    }
}

impl Answered {
    /// Requests that have their outcome.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Visits a quick page without a cookie, as a new visitor, and gives the session that the application made.
///
/// # Errors
/// [`NoSession`].
pub(super) async fn first_visit(
    address: SocketAddr,
    deadline: Instant,
) -> Result<Cookie, NoSession> {
    let failed = |reason| NoSession::Failed { address, reason };
    let visit = async {
        let sender = connect(address).await?;
        exchange(sender, get(address, "/browse", None)).await
    };
    let answer = timeout_at(deadline, visit)
        .await
        .unwrap_or_else(|_| Err(NO_ANSWER.to_owned()))
        .map_err(failed)?;
    let pair = answer
        .headers()
        .get(SET_COOKIE)
        .map(HeaderValue::as_bytes)
        .and_then(|cookie| cookie.split(|byte| *byte == b';').next());
    pair.and_then(|pair| HeaderValue::from_bytes(pair).ok())
        .map(Cookie)
        .ok_or_else(|| NoSession::NoCookie {
            address,
            status: answer.status(),
        })
}

/// Sends all `calls` to `address`, each at its time; gives their answers in the calls' order. What is not answered by
/// the deadline has failed.
pub(super) async fn fire(
    address: SocketAddr,
    calls: Vec<Call>,
    deadline: Instant,
    answered: &Answered,
) -> Vec<Answer> {
    let mut connected = Vec::with_capacity(calls.len());
    for call in &calls {
        let at_once = call.at.is_zero();
        connected.push(if at_once {
            timeout_at(deadline, connect(address)).await.ok()
        } else {
            None
        });
    }
    let start = Instant::now();
    let mut under_way = JoinSet::new();
    for (index, (call, connection)) in calls.into_iter().zip(connected).enumerate() {
        let answered = answered.clone();
        under_way.spawn(async move {
            let due = start + call.at;
            let outcome = timeout_at(deadline, send(address, call, due, connection)).await;
            let outcome = outcome.unwrap_or_else(|_| Outcome::Failed(NO_ANSWER.to_owned()));
            answered.0.fetch_add(1, Ordering::Relaxed);
            (
                index,
                Answer {
                    latency: due.elapsed(),
                    outcome,
                },
            )
        });
    }
    let mut answers = under_way.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn send(
    address: SocketAddr,
    call: Call,
    due: Instant,
    connection: Option<Result<Sender, String>>,
) -> Outcome {
    sleep_until(due).await;
    let sender = match connection {
        Some(connection) => connection,
        None => connect(address).await,
    };
    let answer = match sender {
        Ok(sender) => exchange(sender, get(address, &call.target, Some(&call.cookie))).await,
        Err(reason) => Err(reason),
    };
    match answer.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => Outcome::Served,
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Outcome::Refused,
        Ok(status) => Outcome::Failed(format!("status {status}")),
        Err(reason) => Outcome::Failed(reason),
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("cannot connect: {error}"))?;
    stream.set_nodelay(true).ok();
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // Its error is the request's error too; it ends when its sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one request and reads its answer to the end.
async fn exchange(
    mut sender: Sender,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Bytes>, String> {
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok(Response::from_parts(head, body))
}

fn get(address: SocketAddr, target: &str, cookie: Option<&Cookie>) -> Request<Empty<Bytes>> {
    let mut request = Request::get(target).header(HOST, address.to_string());
    if let Some(Cookie(cookie)) = cookie {
        request = request.header(COOKIE, cookie);
    }
    request
        .body(Empty::new())
        .expect("the paths of the demonstration are valid")
}

const NO_ANSWER: &str = "no answer in time";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::legacy::{Application, Settings};
    use super::*;

    #[tokio::test]
    async fn what_is_not_answered_by_the_deadline_has_failed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let application = Application::start(listener, Settings::default()).unwrap();
        let (address, now) = (application.address(), Instant::now());
        let cookie = first_visit(address, now + Duration::from_secs(30))
            .await
            .unwrap();
        let call = Call {
            at: Duration::ZERO,
            target: "/slow?ms=10000".to_owned(),
            cookie,
        };
        let answered = Answered::default();
        let answers = fire(address, vec![call; 2], now, &answered).await;
        for answer in answers {
            assert_eq!(answer.outcome, Outcome::Failed(NO_ANSWER.to_owned()));
        }
        assert_eq!(answered.count(), 2);
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_calls_and_say_what_happened() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let application = Application::start(listener, Settings::default()).unwrap();
        let (address, deadline) = (
            application.address(),
            Instant::now() + Duration::from_secs(30),
        );
        let cookie = first_visit(address, deadline).await.unwrap();
        let call = |at, target: &str| Call {
            at,
            target: target.to_owned(),
            cookie: cookie.clone(),
        };
        let later = Duration::from_millis(30);
        let calls = vec![
            call(later, "/none"),
            call(Duration::ZERO, "/browse"),
            call(Duration::ZERO, "/slow?ms=x"),
        ];
        let outcomes = fire(address, calls, deadline, &Answered::default()).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(|answer| answer.outcome).collect();
        let failed = |reason: &str| Outcome::Failed(reason.to_owned());
        let expected = [
            failed("status 404 Not Found"),
            Outcome::Served,
            failed("status 400 Bad Request"),
        ];
        assert_eq!(outcomes, expected);
    }
}
