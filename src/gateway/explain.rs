//! What a policy decides about a request, in words: which route and why, its session's digest and its limits.
//!
//! Guarantees: says what the running proxy would decide, by the same code; shows no session id, cookie or header value.
//! Does not do: print, or ask anybody.

use std::time::Duration;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use super::{OnReadWrote, Policy};
use crate::lane::{Admission, Limits, OnFull, OnHoldLimit};
use crate::route::{
    Access, Explanation, Label, Mode, OnClientGone, Origin, Outcome, Reads, Release, Terms,
};
use crate::session::{Found, OddReason, SessionKey, mask_path};
use crate::upstream::{Decided, Nodes};

/// What was decided.
#[derive(Debug)]
pub struct Explained {
    /// The label of the route.
    pub route: Label,
    /// What the request does to its session.
    pub access: Access,
    /// Its session.
    pub session: Option<SessionKey>,
    /// All of it, for people.
    pub lines: Vec<Line>,
}

/// One line; an empty title goes on with the one before.
#[derive(Debug)]
pub struct Line {
    /// What it is about.
    pub title: String,
    /// What is said of it.
    pub text: String,
}

/// The request as the proxy would receive it: path and query as target, the URL's host as Host.
#[must_use]
pub fn request(method: &Method, url: &Uri, fields: &[(HeaderName, HeaderValue)]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method.clone();
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    parts.uri = target.parse().expect("a part of a URL that was parsed");
    for (name, value) in fields {
        parts.headers.append(name, value.clone());
    }
    let host = url
        .authority()
        .and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        parts.headers.entry(HOST).or_insert(host);
    }
    parts
}

/// What `policy` decides about `request`, and where of `nodes` it would go.
#[must_use]
pub fn explain(policy: &Policy, nodes: &Nodes, request: &Parts) -> Explained {
    let explanation = policy.routes.explain(request);
    let mut text = Vec::new();
    line(
        &mut text,
        "request",
        &format!("{} {}", request.method, mask_path(request.uri.path())),
    );
    match &explanation.path {
        Ok(path) => line(&mut text, "matched as", &mask_path(path)),
        Err(doubt) => line(
            &mut text,
            "in doubt",
            &format!("no route is asked: {doubt}"),
        ),
    }
    routes(&mut text, &explanation);
    let terms = &explanation.decision.terms;
    line(&mut text, "decided by", explanation.decision.label);
    line(&mut text, "access", &access(terms));
    if terms.access == Access::Read && may_be_demoted(policy, terms) {
        line(&mut text, "", UNLESS_IT_WROTE);
    }
    sessions(&mut text, policy, request);
    match (terms.access, terms.reads) {
        (Access::None, _) | (Access::Read, Reads::Overtake) => {
            line(
                &mut text,
                "limits",
                "none: it never waits, and holds nothing",
            );
        }
        (Access::Read | Access::Write, _) => limits(&mut text, terms),
    }
    upstream(&mut text, policy, nodes, request);
    if terms.mode == Mode::Observe {
        line(
            &mut text,
            "mode",
            "observe: nobody waits and nobody is refused; this is what enforce would do",
        );
    }
    Explained {
        route: Label::clone(explanation.decision.label),
        access: terms.access,
        session: match policy.sessions.find(request) {
            Found::Session(session) => Some(session.key),
            Found::Odd(_) | Found::None => None,
        },
        lines: text,
    }
}

/// Which node it would go to, if there are several.
fn upstream(text: &mut Vec<Line>, policy: &Policy, nodes: &Nodes, request: &Parts) {
    let session = match policy.sessions.find(request) {
        Found::Session(session) => Some(session.key),
        Found::Odd(_) | Found::None => None,
    };
    let digest = session.as_ref().map(SessionKey::digest);
    let what = match nodes.explain(&nodes.wish(&request.headers, digest)) {
        Decided::ByNothing => return,
        Decided::ByCookie(name) => {
            format!("{name}, by its affinity cookie; another while that is down")
        }
        Decided::BySession(name) => format!(
            "{name}, by its session, since no affinity cookie names one (known only where session.secret is set)"
        ),
        Decided::ByLoad => "the one with the fewest requests".to_owned(),
    };
    line(text, "upstream", &what);
}

fn routes(text: &mut Vec<Line>, explanation: &Explanation<'_>) {
    for (index, step) in explanation.steps.iter().enumerate() {
        let title = if index == 0 { "routes" } else { "" };
        let (mark, why) = match &step.outcome {
            Outcome::Matched => ("*", "matched".to_owned()),
            Outcome::Missed(why) => ("-", mask_path(why).into_owned()),
        };
        let name = match step.origin {
            Origin::Operator => format!("routes[{index}] {}", step.label),
            Origin::Preset => step.label.to_string(),
        };
        line(text, title, &format!("{mark} {name}: {why}"));
    }
    if explanation.path.is_ok() && explanation.decision.route.is_none() {
        line(
            text,
            if explanation.steps.is_empty() {
                "routes"
            } else {
                ""
            },
            "* no route matched: default_access",
        );
    }
}

/// Whether the running Onelane takes a `read` for a write, once one has written.
fn may_be_demoted(policy: &Policy, terms: &Terms) -> bool {
    let application = &policy.application;
    application.is_asked()
        && application.on_read_wrote == OnReadWrote::Write
        && terms.mode == Mode::Enforce
}

fn access(terms: &Terms) -> String {
    match (terms.access, terms.reads) {
        (Access::None, _) => "none: no lane".to_owned(),
        (Access::Write, _) => "write: alone in the lane".to_owned(),
        (Access::Read, Reads::Overtake) => {
            "read, overtake: waits for nobody, holds nothing".to_owned()
        }
        (Access::Read, Reads::Follow) => format!(
            "read, follow: waits for the writers ahead, then holds the lane until the response headers, {} at most",
            time(terms.follow_hold)
        ),
        (Access::Read, Reads::Share) => {
            "read, share: waits for the writers ahead, holds the lane together with other reads"
                .to_owned()
        }
    }
}

/// The session, with its digest; with several lanes, a line for each.
fn sessions(text: &mut Vec<Line>, policy: &Policy, request: &Parts) {
    let lanes: Vec<_> = policy.sessions.find_by_lane(request).collect();
    let found = policy.sessions.find(request);
    if let [_, _, ..] = lanes[..] {
        for (name, found) in &lanes {
            line(text, &format!("lane {name}"), &in_words(found));
        }
    } else {
        line(text, "session", &in_words(&found));
    }
    let by_client = policy.without_session.shares_a_lane();
    if by_client && !matches!(found, Found::Session(_)) {
        line(
            text,
            "by client",
            "for a short time it shares a lane with the other requests of its client that have no session",
        );
    }
}

fn in_words(found: &Found<'_>) -> String {
    match found {
        Found::Session(session) => {
            let from = session
                .cookie
                .map_or("the URL or a header", |cookie| cookie.as_str());
            format!("{} (digest of {from})", session.key)
        }
        Found::Odd(odd) => {
            let why = match odd.reason {
                OddReason::Empty => "it is empty",
                OddReason::Encoding => "it is not UTF-8",
                OddReason::Pattern => "it does not match the pattern of an id",
                OddReason::TooLong => "it is too long",
            };
            format!("none, so no lane: {} is there, but {why}", odd.source)
        }
        Found::None => {
            "none, so no lane: the request carries no session id (give one with -H 'Cookie: …')"
                .to_owned()
        }
    }
}

fn limits(text: &mut Vec<Line>, terms: &Terms) {
    let lane = match terms.access {
        Access::None => return,
        Access::Read if terms.reads == Reads::Overtake => return,
        Access::Read | Access::Write => &terms.limits,
    };
    let Limits {
        waiters,
        wait_timeout,
        hold_limit,
        on_overflow,
        on_wait_timeout,
        on_hold_limit,
        max_passed,
        admission,
    } = lane;
    line(
        text,
        "queue",
        &format!(
            "at most {waiters} wait; one more: {}",
            full(*on_overflow, *max_passed)
        ),
    );
    line(
        text,
        "wait",
        &format!(
            "at most {}; then{}: {}",
            time(*wait_timeout),
            match admission {
                Admission::Estimate => ", or at once when the writers ahead would take longer",
                Admission::Off => "",
            },
            full(*on_wait_timeout, *max_passed)
        ),
    );
    let overdue = match on_hold_limit {
        OnHoldLimit::Abort => "abort, the client gets 504",
        OnHoldLimit::Release => "release, the next one goes",
        OnHoldLimit::Wait => "wait, with a warning",
    };
    line(
        text,
        "hold",
        &format!("at most {}; then: {overdue}", time(*hold_limit)),
    );
    let release = match terms.release {
        _ if follows(terms) => format!(
            "at the response headers, or after {}",
            time(terms.follow_hold)
        ),
        Release::Headers => "at the response headers".to_owned(),
        Release::Body { grace } if grace.is_zero() => "at the end of the response body".to_owned(),
        Release::Body { grace } => format!("{} after the response body", time(grace)),
    };
    line(text, "release", &release);
    let gone = match terms.on_client_gone {
        OnClientGone::Leave => "leave the lane",
        OnClientGone::Stay => "stay, and be forwarded",
    };
    line(text, "client gone", &format!("while waiting: {gone}"));
}

fn follows(terms: &Terms) -> bool {
    terms.access == Access::Read && terms.reads == Reads::Follow
}

fn full(on_full: OnFull, max_passed: usize) -> String {
    match on_full {
        OnFull::Refuse => "refuse (503)".to_owned(),
        OnFull::Pass => format!("pass beside the lane, {max_passed} at a time"),
        OnFull::PassWithoutSession => {
            format!("pass without the session, {max_passed} at a time (GET and HEAD)")
        }
    }
}

fn line(text: &mut Vec<Line>, title: &str, what: &str) {
    text.push(Line {
        title: title.to_owned(),
        text: what.to_owned(),
    });
}

fn time(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}

/// What only the running Onelane knows.
const UNLESS_IT_WROTE: &str = "unless one of this route's requests has written since the start: \
    then it is a write; onelane advise knows";
