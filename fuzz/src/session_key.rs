//! Session keys: whatever a request looks like, its key is one, and stays the same however its cookies are cut.
//!
//! Guarantees: what is checked is said in the names of the functions; ids are read a second time by a plain reading of
//! what ASP.NET and PHP do.
//! Does not do: know whether a preset fits its application; the product's own tests do.

use std::sync::{Arc, LazyLock};

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use onelane::session::{
    CookieName, DEFAULT_MAX_LENGTH, Duplicates, Found, HostScope, IdPattern, LaneName, OldId, Pair,
    PathCase, Place, Preset, Scope, SessionKey, Sessions, Settings, Source, Spelling, Transform,
    mask_path, without_cookie,
};

use crate::head;

/// Looks for the session of one request by all rules there are. The bytes are lines: `METHOD TARGET`, then fields.
///
/// # Panics
/// When a promise of `onelane::session` is broken.
pub fn session_key(bytes: &[u8]) {
    let Some(request) = head::read(bytes) else {
        return;
    };
    for sessions in &RULES.all {
        let found = read(sessions.find(&request));
        assert_eq!(
            found,
            read(sessions.find(&request)),
            "another key the second time"
        );
        crumbs_are_one_list(sessions, &request, &found);
        other_cookies_do_not_matter(sessions, &request, &found);
        a_removed_cookie_is_gone(sessions, &request);
    }
    aspnet_reads_the_cookie_as_system_web_does(&request);
    php_reads_the_cookie_as_its_session_module_does(&request);
    a_masked_path_holds_no_id(&request);
}

/// What was found, without what borrows.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Session(SessionKey, Option<String>),
    Odd(String, String),
    None,
}

fn read(found: Found<'_>) -> Read {
    match found {
        Found::Session(session) => Read::Session(
            session.key,
            session.cookie.map(|name| name.as_str().to_owned()),
        ),
        Found::Odd(odd) => Read::Odd(odd.source.to_string(), odd.reason.to_string()),
        Found::None => Read::None,
    }
}

fn crumbs_are_one_list(sessions: &Sessions, request: &Parts, found: &Read) {
    let pieces = pieces(&request.headers);
    if pieces.is_empty() {
        return;
    }
    let mut split = request.clone();
    split.headers.remove(COOKIE);
    for piece in &pieces {
        let line = HeaderValue::from_bytes(piece).expect("a piece of a value is a value");
        split.headers.append(COOKIE, line);
    }
    let mut joined = request.clone();
    let line = HeaderValue::from_bytes(&pieces.join(&b"; "[..])).expect("pieces make a value");
    joined.headers.insert(COOKIE, line);
    assert_eq!(found, &read(sessions.find(&split)), "split into crumbs");
    assert_eq!(found, &read(sessions.find(&joined)), "joined");
}

/// The pieces of all Cookie lines, without the white space around them.
fn pieces(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(|piece| piece.trim_ascii().to_vec())
        .collect()
}

fn other_cookies_do_not_matter(sessions: &Sessions, request: &Parts, found: &Read) {
    let mut more = request.clone();
    let other = HeaderValue::from_static("another=cookie");
    if more.headers.try_append(COOKIE, other).is_ok() {
        assert_eq!(
            found,
            &read(sessions.find(&more)),
            "with a cookie of another name"
        );
    }
}

fn a_removed_cookie_is_gone(sessions: &Sessions, request: &Parts) {
    let Found::Session(session) = sessions.find(request) else {
        return;
    };
    let Some(name) = session.cookie else {
        return;
    };
    let mut without = request.clone();
    without_cookie(&mut without.headers, name);
    let label = name.as_str();
    match read(sessions.find(&without)) {
        Read::Session(_, Some(cookie)) => assert_ne!(cookie, label, "it is still there"),
        Read::Odd(source, _) => assert_ne!(source, label, "some of it is still there"),
        Read::Session(_, None) | Read::None => {}
    }
    let (before, after) = (pieces(&request.headers), pieces(&without.headers));
    let mut rest = before.iter();
    let kept = after
        .iter()
        .all(|piece| rest.any(|original| original == piece));
    assert!(kept, "{after:?} is not some of {before:?}, in their order");
    let mut again = without.headers.clone();
    without_cookie(&mut again, name);
    assert_eq!(again, without.headers, "removing twice");
}

/// System.Web: names without case, the first of the name counts, the id in lower case is 24 of `[a-z0-5]`.
fn aspnet_reads_the_cookie_as_system_web_does(request: &Parts) {
    let first = first_value(&request.headers, |name| {
        name.eq_ignore_ascii_case(b"ASP.NET_SessionId")
    });
    let id = first
        .map(|value| value.to_ascii_lowercase())
        .filter(|id| id.len() == 24 && id.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'5')));
    is_the_session(&RULES.aspnet, request, id);
}

/// ext/session: `.` and space in a name are `_`, values are percent-decoded, an id is 22 to 256 of `[A-Za-z0-9,-]`.
fn php_reads_the_cookie_as_its_session_module_does(request: &Parts) {
    let first = first_value(&request.headers, |name| name == b"PHPSESSID");
    let id = first
        .map(|value| percent_decoded(&value))
        .filter(|id| (22..=256).contains(&id.len()))
        .filter(|id| {
            id.iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b',' | b'-'))
        });
    is_the_session(&RULES.php, request, id);
}

fn first_value(headers: &HeaderMap, is_name: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    pieces(headers).into_iter().find_map(|piece| {
        if piece.starts_with(b"$") {
            return None; // an attribute of RFC 2965
        }
        let at = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = piece.split_at(at.unwrap_or(piece.len()));
        is_name(name).then(|| value.get(1..).unwrap_or_default().to_vec())
    })
}

fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high << 4 | low).expect("two hexadecimal digits"));
                rest = &behind[2..];
            }
            _ => {
                decoded.push(byte);
                rest = behind;
            }
        }
    }
    decoded
}

#[track_caller]
fn is_the_session(sessions: &Sessions, request: &Parts, id: Option<Vec<u8>>) {
    let found = match sessions.find(request) {
        Found::Session(session) => Some(session.key),
        Found::Odd(_) | Found::None => None,
    };
    assert_eq!(found, id.map(|id| key_of(&id)), "in {:?}", request.headers);
}

/// The key of an id, by the plainest source there is.
fn key_of(id: &[u8]) -> SessionKey {
    let mut plain = head::read(b"/").expect("a head");
    let id = HeaderValue::from_bytes(id).expect("an id is a value");
    plain.headers.insert(PLAIN, id);
    match RULES.plain.find(&plain) {
        Found::Session(session) => session.key,
        other => panic!("a plain id is found as {other:?}"),
    }
}

fn a_masked_path_holds_no_id(request: &Parts) {
    let path = request.uri.path();
    if path.is_empty() {
        return; // an authority alone, as CONNECT has it
    }
    let masked = mask_path(path);
    assert_eq!(mask_path(&masked), masked, "masking twice");
    let shown = head::with_target(request, &masked).expect("a masked path is a path");
    for rules in &RULES.in_path {
        if let Found::Session(session) = rules.find(&shown) {
            assert_eq!(session.key, key_of(b"*"), "{path} is shown as {masked}");
        }
    }
}

struct Rules {
    all: Vec<Sessions>,
    aspnet: Sessions,
    php: Sessions,
    plain: Sessions,
    in_path: [Sessions; 2],
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let cookies_of = |preset: Preset| {
        let mut sources = preset.sources(None);
        sources.retain(|source| matches!(source.place, Place::Cookie(_)));
        sessions(sources)
    };
    let presets = Preset::ALL;
    let mut all: Vec<Sessions> = presets
        .iter()
        .map(|preset| sessions(preset.sources(None)))
        .collect();
    all.extend(
        presets
            .iter()
            .map(|preset| sessions(preset.sources(Some("SID")))),
    );
    all.push(explicit());
    all.push(in_scope(Preset::AspNet.sources(None)));
    let mut lanes = Preset::Sitecore.sources(None);
    lanes.extend(Preset::Sitecore.shared());
    all.push(sessions(lanes));
    Rules {
        all,
        aspnet: cookies_of(Preset::AspNet),
        php: cookies_of(Preset::Php),
        plain: sessions(vec![source(Place::Header(PLAIN))]),
        in_path: [
            sessions(vec![source(Place::PathSegment)]),
            sessions(vec![source(Place::PathParameter("jsessionid".to_owned()))]),
        ],
    }
});

/// Every kind of place and transform there is.
fn explicit() -> Sessions {
    let cookie = |name: Result<CookieName, _>, transforms: Vec<Transform>| Source {
        transforms,
        ..source(Place::Cookie(Arc::new(name.unwrap_or_else(
            |error: Box<dyn std::error::Error>| panic!("{error}"),
        ))))
    };
    let regex = CookieName::regex("sess_[0-9]+", Spelling::IgnoreCase).map_err(Into::into);
    sessions(vec![
        Source {
            pattern: IdPattern::regex("[0-9a-f]{4,}").expect("an expression"),
            duplicates: Duplicates::FirstValid,
            ..cookie(
                Ok(CookieName::exact("SID", Spelling::Exact)),
                vec![
                    Transform::Unquote,
                    Transform::PercentDecode,
                    Transform::StripPrefix("s:".to_owned()),
                    Transform::CutBefore('.'),
                    Transform::Lowercase,
                ],
            )
        },
        Source {
            duplicates: Duplicates::Last,
            max_length: 16,
            ..cookie(
                Ok(CookieName::prefix("ASPSESSIONID", Spelling::IgnoreCase)),
                vec![
                    Transform::CutAfter('\u{e9}'),
                    Transform::CutBeforeLast('.'),
                    Transform::StripSuffix("|".to_owned()),
                ],
            )
        },
        cookie(regex, Vec::new()),
        source(Place::Pair(Box::new(Pair::of_cookies(
            ["ID", "TOKEN"],
            Spelling::IgnoreCase,
        )))),
        source(Place::Header(HeaderName::from_static("x-session"))),
        source(Place::Query("sid".to_owned())),
        source(Place::PathParameter("sid".to_owned())),
        source(Place::PathSegment),
    ])
}

fn source(place: Place) -> Source {
    let label = match &place {
        Place::Cookie(name) => name.as_str(),
        _ => "another place",
    };
    Source {
        label: Arc::from(label),
        lane: LaneName::default(),
        place,
        transforms: Vec::new(),
        pattern: IdPattern::Any,
        max_length: DEFAULT_MAX_LENGTH,
        duplicates: Duplicates::First,
        old_id: OldId::Unknown,
    }
}

fn sessions(sources: Vec<Source>) -> Sessions {
    with_scope(sources, Scope::default())
}

fn in_scope(sources: Vec<Source>) -> Sessions {
    let scope = Scope {
        host: HostScope::Included,
        path_segments: 2,
        path_case: PathCase::Insensitive,
    };
    with_scope(sources, scope)
}

fn with_scope(sources: Vec<Source>, scope: Scope) -> Sessions {
    Sessions::new(Settings {
        sources,
        scope,
        secret: Some("a secret for fuzzing".to_owned()),
    })
}

const PLAIN: HeaderName = HeaderName::from_static("x-plain-id");
