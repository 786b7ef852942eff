//! What requests of each stack mean, cookie by cookie.
//!
//! Guarantees: the reference for "this id" is a source that takes a header as it is.
//! Does not do: send requests.

mod cookies;
mod issued;
mod keys;
mod lanes;
mod newcomers;
mod paths;
mod presets;
mod removing;
mod seals;
mod urls;

use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::request::Parts;

use super::*;

/// An ASP.NET id.
const ASPNET: &str = "lit3py55t21z5v55vlm25s55";
/// A PHP id.
const PHP: &str = "q1w2e3r4t5y6u7i8o9p0asdfgh";
/// A Tomcat id.
const TOMCAT: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0";

/// What a request should be found to be.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Id(&'static str),
    Odd(OddReason),
    Nothing,
}

fn request(target: &str, lines: &[(&str, &[u8])]) -> Parts {
    let mut request = http::Request::builder().uri(target);
    let headers: &mut HeaderMap = request.headers_mut().unwrap();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

fn with_cookies(lines: &[&[u8]]) -> Parts {
    let lines: Vec<(&str, &[u8])> = lines.iter().map(|line| ("cookie", *line)).collect();
    request("/", &lines)
}

fn sessions(sources: Vec<Source>) -> Sessions {
    scoped(sources, Scope::default())
}

fn scoped(sources: Vec<Source>, scope: Scope) -> Sessions {
    Sessions::new(Settings {
        sources,
        scope,
        secret: Some("a secret for tests".to_owned()),
    })
}

fn preset(preset: Preset) -> Sessions {
    sessions(preset.sources(None))
}

fn source(place: Place) -> Source {
    Source {
        label: Arc::from("test"),
        lane: LaneName::default(),
        place,
        transforms: Vec::new(),
        pattern: IdPattern::Any,
        max_length: DEFAULT_MAX_LENGTH,
        duplicates: Duplicates::First,
        old_id: OldId::Unknown,
    }
}

fn cookie(name: &str) -> Source {
    source(Place::Cookie(Arc::new(CookieName::exact(
        name,
        Spelling::Exact,
    ))))
}

/// The key of an id, by the plainest source there is.
fn key_of(id: &str) -> SessionKey {
    let plain = sessions(vec![source(Place::Header(HeaderName::from_static("x-id")))]);
    found(&plain, &request("/", &[("x-id", id.as_bytes())])).unwrap()
}

fn found(sessions: &Sessions, request: &Parts) -> Option<SessionKey> {
    match sessions.find(request) {
        Found::Session(session) => Some(session.key),
        Found::Odd(_) | Found::None => None,
    }
}

#[track_caller]
fn assert_found(sessions: &Sessions, request: &Parts, expected: Expect, why: &str) {
    match (sessions.find(request), expected) {
        (Found::Session(session), Expect::Id(id)) => assert_eq!(session.key, key_of(id), "{why}"),
        (Found::Odd(odd), Expect::Odd(reason)) => assert_eq!(odd.reason, reason, "{why}"),
        (Found::None, Expect::Nothing) => {}
        (found, expected) => panic!("{why}: found {found:?}, expected {expected:?}"),
    }
}
