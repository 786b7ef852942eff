//! Several lanes of one request.

use super::*;

const BOTH: &[u8] = b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|True";
const SHARED_ALONE: &[u8] = b"SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|False";
const OWN_ALONE: &[u8] = b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s55";

fn sitecore() -> Sessions {
    let mut sources = Preset::Sitecore.sources(None);
    sources.extend(Preset::Sitecore.shared());
    sessions(sources)
}

fn lane(name: &str, source: Source) -> Source {
    Source {
        lane: LaneName::new(name),
        ..source
    }
}

/// The keys of a request, the first one first.
#[track_caller]
fn keys(sessions: &Sessions, line: &[u8]) -> Vec<SessionKey> {
    match sessions.find(&with_cookies(&[line])) {
        Found::Session(session) => [session.key].into_iter().chain(session.also).collect(),
        Found::Odd(_) | Found::None => Vec::new(),
    }
}

#[test]
fn a_request_is_in_each_lane_that_it_has_an_id_of() {
    let sitecore = sitecore();
    let both = keys(&sitecore, BOTH);
    assert_eq!(both.len(), 2);
    assert_eq!(keys(&sitecore, OWN_ALONE), both[..1]);
    assert_eq!(
        keys(&sitecore, SHARED_ALONE),
        both[1..],
        "the contact alone, |True or |False"
    );
    assert_eq!(keys(&sitecore, b"a=b"), []);

    // Control: without the second lane the contact is nobody.
    let private = preset(Preset::Sitecore);
    assert_eq!(keys(&private, BOTH), both[..1]);
    assert_eq!(keys(&private, SHARED_ALONE), []);
}

#[test]
fn the_first_lanes_cookie_is_the_sessions() {
    let sitecore = sitecore();
    let cookie = |line: &[u8]| match sitecore.find(&with_cookies(&[line])) {
        Found::Session(session) => session.cookie.map(|cookie| cookie.as_str().to_owned()),
        Found::Odd(_) | Found::None => None,
    };
    assert_eq!(cookie(BOTH).as_deref(), Some("ASP.NET_SessionId"));
    assert_eq!(
        cookie(SHARED_ALONE).as_deref(),
        Some("SC_ANALYTICS_GLOBAL_COOKIE")
    );
}

#[test]
fn one_text_in_two_lanes_is_two_keys() {
    let two = sessions(vec![
        cookie("a"),
        lane("shared", cookie("b")),
        lane("other", cookie("c")),
    ]);
    let found = keys(&two, b"a=x; b=x; c=x");
    assert_eq!(found.len(), 3);
    assert!(found[0] != found[1] && found[1] != found[2] && found[0] != found[2]);
    assert_eq!(
        found[0],
        key_of("x"),
        "the session's own lane has the key that it has alone"
    );
}

#[test]
fn keys_of_one_lane_are_alternatives_wherever_they_stand() {
    let named = |name: &str| Source {
        label: Arc::from(name),
        ..cookie(name)
    };
    let mixed = sessions(vec![
        lane("shared", named("c")),
        named("a"),
        lane("shared", named("d")),
        named("b"),
    ]);
    let [own, shared] = keys(&mixed, b"a=1; b=2; c=3; d=4")[..] else {
        panic!("two lanes")
    };
    assert_eq!(
        own,
        key_of("1"),
        "session is the first lane, though another was named first"
    );
    assert_eq!(keys(&mixed, b"b=1"), [own]);
    assert_eq!(keys(&mixed, b"d=3"), [shared]);
    let names: Vec<String> = mixed
        .find_by_lane(&with_cookies(&[]))
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(names, ["session", "shared"]);
}

#[test]
fn an_odd_id_is_reported_when_no_lane_has_one() {
    let sitecore = sitecore();
    let odd = |line: &[u8]| match sitecore.find(&with_cookies(&[line])) {
        Found::Odd(odd) => Some(odd.source.to_string()),
        Found::Session(_) | Found::None => None,
    };
    let both = b"SC_ANALYTICS_GLOBAL_COOKIE=x; ASP.NET_SessionId=y";
    assert_eq!(odd(both).as_deref(), Some("ASP.NET_SessionId"));
    assert_eq!(
        odd(b"SC_ANALYTICS_GLOBAL_COOKIE=x").as_deref(),
        Some("SC_ANALYTICS_GLOBAL_COOKIE")
    );
    assert_eq!(
        odd(b"SC_ANALYTICS_GLOBAL_COOKIE=x; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"),
        None
    );
    assert_eq!(
        keys(
            &sitecore,
            b"ASP.NET_SessionId=y; SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be"
        )
        .len(),
        1
    );
}
