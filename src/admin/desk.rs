//! Where requests of operators are answered.
//!
//! Guarantees: who asks is checked before what is asked; each change is in the log with who made it.
//! Does not do: sockets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::answer::{self, Body, Refusal};
use super::door::{self, Door};
use super::endpoint::Endpoint;
use super::events::Streams;
use super::history::Samples;
use super::state::{Question, ReadinessView, State};
use super::{Readiness, Reloaded, Sources};
use crate::lane::NotRevoked;
use crate::metrics;
use crate::shutdown::Draining;

/// What it takes to answer, shared by all connections.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) door: Door,
    pub(super) sources: Sources,
    pub(super) draining: Draining,
    pub(super) samples: Mutex<Samples>,
    pub(super) streams: Arc<Streams>,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker(pub(super) SocketAddr);

/// What may be said of a release.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    ticket: Option<String>,
}

/// Nothing may be said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

type Answer = Result<Response<Body>, Refusal>;

impl Desk {
    /// Answers.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        asker: Asker,
    ) -> Response<Body> {
        let answer = self.reply(request, asker).await;
        answer.unwrap_or_else(|refusal| *refusal)
    }

    async fn reply(self: &Arc<Self>, request: Request<Incoming>, asker: Asker) -> Answer {
        let (head, body) = request.into_parts();
        let endpoint = Endpoint::at(head.uri.path());
        let need = endpoint.map_or(door::Need::Nothing, |endpoint| endpoint.need());
        self.door
            .admit(&head.headers, need, asker.0, Instant::now())?;
        let Some(endpoint) = endpoint else {
            return Err(Box::new(answer::plain(StatusCode::NOT_FOUND, NOT_FOUND)));
        };
        let methods = endpoint.methods();
        if methods == "POST" {
            if head.method != Method::POST {
                return Err(Box::new(answer::not_allowed(methods)));
            }
            if !door::is_json(&head.headers) {
                let why = "say Content-Type: application/json";
                return Err(answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
            }
            let body = read(body).await?;
            if matches!(endpoint, Endpoint::Reload) {
                let Nothing {} = parse(&body)?;
                return self.reload(asker).await;
            }
            return self.change(endpoint, &body, asker);
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(Box::new(answer::not_allowed(methods)));
        }
        self.tell(endpoint, &head)
    }

    /// Answers a GET.
    fn tell(self: &Arc<Self>, endpoint: Endpoint<'_>, head: &http::request::Parts) -> Answer {
        let view = &self.sources.view;
        let limit = |name| limit(head.uri.query(), name);
        Ok(match endpoint {
            Endpoint::Clients => {
                let clients = view.clients(limit("limit")?);
                ok(&json!({ "total": clients.len(), "clients": clients }))
            }
            Endpoint::Events if head.method == Method::HEAD => {
                answer::whole(StatusCode::OK, "text/event-stream", Bytes::new())
            }
            Endpoint::Events => {
                let desk = Arc::clone(self);
                let state = move |limit| serde_json::to_vec(&desk.state(limit)).unwrap_or_default();
                self.streams.open(limit("lanes")?, state)
            }
            Endpoint::Evidence => {
                let json = Bytes::from((self.sources.evidence)());
                answer::whole(StatusCode::OK, "application/json", json)
            }
            Endpoint::Lanes => ok(&view.lanes(limit("limit")?)),
            Endpoint::Live => answer::plain(StatusCode::OK, "ok"),
            Endpoint::Metrics => {
                let text = Bytes::from((self.sources.metrics)());
                answer::whole(StatusCode::OK, metrics::CONTENT_TYPE, text)
            }
            Endpoint::OpenApi => {
                let text = Bytes::from_static(OPENAPI.as_bytes());
                answer::whole(StatusCode::OK, "application/json", text)
            }
            Endpoint::Page(page) => {
                let body = Bytes::from_static(page.body);
                answer::whole(StatusCode::OK, page.content_type, body)
            }
            Endpoint::Policy => ok(&view.policy()),
            Endpoint::Ready => self.readiness(),
            Endpoint::Routes => {
                let state = view.state(0);
                ok(&json!({ "routes": state.routes, "blocking": state.blocking }))
            }
            Endpoint::State => ok(&self.state(limit("lanes")?)),
            Endpoint::Drain
            | Endpoint::Explain
            | Endpoint::Forget(_)
            | Endpoint::Release(_)
            | Endpoint::Reload => answer::not_allowed("POST"),
        })
    }

    /// Answers a POST.
    fn change(&self, endpoint: Endpoint<'_>, body: &[u8], asker: Asker) -> Answer {
        match endpoint {
            Endpoint::Explain => {
                let question: Question = parse(body)?;
                let explained = self.sources.view.explain(&question);
                let explained =
                    explained.map_err(|why| answer::refusal(StatusCode::BAD_REQUEST, why))?;
                Ok(ok(&explained))
            }
            Endpoint::Release(id) => self.release(id, &parse(body)?, asker),
            Endpoint::Forget(client) => {
                let Nothing {} = parse(body)?;
                let why = "this is no address of a client";
                let client = client.ok_or_else(|| answer::refusal(StatusCode::BAD_REQUEST, why))?;
                let forgotten = self.sources.view.forget(client);
                if forgotten == 0 {
                    let why = "no rule of the throttle knows this client";
                    return Err(answer::refusal(StatusCode::NOT_FOUND, why));
                }
                tracing::warn!(%client, operator = %asker.0, "an operator had the throttle forget a client");
                Ok(ok(&json!({ "forgotten": forgotten })))
            }
            Endpoint::Drain => {
                let Nothing {} = parse(body)?;
                tracing::warn!(operator = %asker.0, "an operator asked for a drain");
                (self.sources.drain)();
                Ok(answer::json(
                    StatusCode::ACCEPTED,
                    &json!({ "draining": true }),
                ))
            }
            _ => Err(Box::new(answer::not_allowed("GET, HEAD"))),
        }
    }

    fn release(&self, id: &str, release: &Release, asker: Asker) -> Answer {
        let lane = u128::from_str_radix(id, 16).ok().filter(|_| id.len() == 32);
        let lane = lane.map(u128::to_be_bytes);
        let ticket = release.ticket.as_deref().map(str::parse).transpose();
        let (Some(lane), Ok(ticket)) = (lane, ticket) else {
            let why = "this is no lane's id, or no ticket: use those of /api/v1/lanes";
            return Err(answer::refusal(StatusCode::BAD_REQUEST, why));
        };
        let released = self.sources.view.release(lane, ticket).map_err(|why| {
            let status = match why {
                NotRevoked::NoLane => StatusCode::NOT_FOUND,
                NotRevoked::Stale => StatusCode::CONFLICT,
            };
            answer::refusal(status, &why.to_string())
        })?;
        let session = id.get(..6);
        tracing::warn!(session, released, operator = %asker.0, "an operator released a lane: its holders go on without it");
        Ok(ok(&json!({ "released": released })))
    }

    /// Reads files and compiles routes, which may take a while: on another thread, since this one accepts clients too.
    async fn reload(&self, asker: Asker) -> Answer {
        let Some(reload) = &self.sources.reload else {
            let why = "this process cannot reload";
            return Err(answer::refusal(StatusCode::NOT_IMPLEMENTED, why));
        };
        tracing::info!(operator = %asker.0, "an operator asked for a reload");
        let reload = Arc::clone(reload);
        match tokio::task::spawn_blocking(move || reload()).await {
            Ok(Reloaded::Replaced { version }) => Ok(ok(&json!({ "version": version }))),
            Ok(Reloaded::Kept { why }) => Err(answer::refusal(StatusCode::CONFLICT, &why)),
            Err(_) => {
                let why = "the reload broke off; the log says why";
                Err(answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, why))
            }
        }
    }

    fn state(&self, limit: usize) -> State {
        let (state, why) = match self.ready() {
            Ok(()) => ("ready", None),
            Err(why @ "draining") => ("draining", Some(why)),
            Err(why) => ("not_ready", Some(why)),
        };
        let samples = self.samples.lock();
        let history = samples.unwrap_or_else(PoisonError::into_inner).history();
        State {
            readiness: ReadinessView {
                state: state.to_owned(),
                why: why.map(str::to_owned),
            },
            mutations: if self.door.token.is_some() {
                "token"
            } else {
                "off"
            }
            .to_owned(),
            history,
            ..self.sources.view.state(limit)
        }
    }

    fn readiness(&self) -> Response<Body> {
        match self.ready() {
            Ok(()) => answer::plain(StatusCode::OK, "ready"),
            Err(why) => answer::plain(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    fn ready(&self) -> Result<(), &'static str> {
        if self.draining.is_leaving() {
            return Err("draining");
        }
        match (self.sources.ready)() {
            Readiness::Ready => Ok(()),
            Readiness::NotReady(why) => Err(why),
        }
    }
}

fn ok(value: &impl serde::Serialize) -> Response<Body> {
    answer::json(StatusCode::OK, value)
}

/// The body of a request, which is small.
async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let too_long = |_| {
        answer::refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "this is too long, or broke off",
        )
    };
    body.map(http_body_util::Collected::to_bytes)
        .map_err(too_long)
}

/// What a body says; nothing is as good as `{}`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    // Not the parser's own words: they repeat what was sent.
    let why = "the body is not the JSON that is wanted here; /api/openapi.json says which";
    serde_json::from_slice(body).map_err(|_| answer::refusal(StatusCode::BAD_REQUEST, why))
}

/// A number in a query.
fn limit(query: Option<&str>, name: &str) -> Result<usize, Refusal> {
    let mut pairs = query.unwrap_or_default().split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let Some(value) = value else {
        return Ok(USUAL);
    };
    let limit = value
        .parse()
        .ok()
        .filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        answer::refusal(StatusCode::BAD_REQUEST, "a limit is a number from 1 to 200")
    })
}

const NOT_FOUND: &str = "not found; /api/openapi.json lists what there is";

const OPENAPI: &str = include_str!("openapi.json");

/// Lanes and the like in an answer, unless it is said how many; and the most.
const USUAL: usize = 50;
const MOST: usize = 200;

/// Longest body: a question with a browser's cookies.
const LONGEST_BODY: usize = 64 << 10;
