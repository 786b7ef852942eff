//! Cookies of each further stack, in the form that it issues them, and what they are easily mistaken for.

mod microsoft;
mod php;
mod scripting;

use super::Expect::{Id, Nothing, Odd};
use super::*;

/// Why, the Cookie line, and what it is.
type Case = (&'static str, &'static str, Expect);

#[track_caller]
fn check(sources: Vec<Source>, table: &[Case]) {
    let sessions = sessions(sources);
    for (why, line, expected) in table {
        assert_found(&sessions, &with_cookies(&[line.as_bytes()]), *expected, why);
    }
}

const SHORT: Expect = Odd(OddReason::Pattern);

#[test]
fn coldfusion_takes_two_cookies_for_one_id() {
    check(
        Preset::ColdFusion.sources(None),
        &[
            (
                "numbers",
                "CFID=4907; CFTOKEN=26544563",
                Id("4907;26544563"),
            ),
            (
                "in any order, among others",
                "cftoken=26544563; a=b; cfid=4907",
                Id("4907;26544563"),
            ),
            (
                "UUIDs for tokens",
                "CFID=Z28606i; CFTOKEN=5f05e06d6d0caa92-993D3B37-A643-36F0-49FFCF751D1BE3B1",
                Id("Z28606i;5f05e06d6d0caa92-993D3B37-A643-36F0-49FFCF751D1BE3B1"),
            ),
            (
                "Lucee",
                "cfid=d9c1f0ab-5a39-4d0f-9bd9-4a1e5b7d7e11; cftoken=0",
                Id("d9c1f0ab-5a39-4d0f-9bd9-4a1e5b7d7e11;0"),
            ),
            ("one alone is no id", "CFID=4907", Nothing),
            ("nor is the other", "CFTOKEN=26544563", Nothing),
            (
                "the first of each",
                "CFID=4907; CFTOKEN=26544563; CFID=1; CFTOKEN=2",
                Id("4907;26544563"),
            ),
            ("emptied", "CFID=; CFTOKEN=", SHORT),
            (
                "J2EE sessions",
                "CFID=4907; CFTOKEN=26544563; JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.cfusion",
                Id(TOMCAT),
            ),
            ("an escaped ; joins nothing", "CFID=1%3B2; CFTOKEN=3", SHORT),
        ],
    );
    let coldfusion = preset(Preset::ColdFusion);
    for query in [
        "CFID=4907&CFTOKEN=26544563",
        "x=1&cftoken=26544563&cfid=4907",
    ] {
        let request = request(&format!("/a.cfm?{query}"), &[]);
        assert_found(&coldfusion, &request, Id("4907;26544563"), query);
    }
    assert_ne!(key_of("1;23"), key_of("12;3"));
}

#[test]
fn both_cookies_of_a_pair_are_removed_together() {
    let mut request = with_cookies(&[b"CFID=4907; a=b; cftoken=26544563"]);
    let coldfusion = preset(Preset::ColdFusion);
    let Found::Session(session) = coldfusion.find(&request) else {
        panic!("a session")
    };
    without_cookie(&mut request.headers, session.cookie.unwrap());
    assert_eq!(request.headers["cookie"], "a=b");
    let mut answer = super::request(
        "/",
        &[
            ("set-cookie", b"CFID=1; path=/"),
            ("set-cookie", b"CFTOKEN=2; path=/"),
            ("set-cookie", b"c=d"),
        ],
    )
    .headers;
    without_set_cookie(&mut answer, session.cookie.unwrap());
    assert_eq!(answer.get_all("set-cookie").iter().count(), 1);
}

#[test]
fn every_preset_can_have_another_cookie_name_and_compiles() {
    for stack in Preset::ALL {
        for name in [None, Some("other")] {
            let sources = stack.sources(name);
            assert!(!sources.is_empty());
            assert!(sources.iter().all(|source| source.lane.is_session()));
            let cookies = sources.iter().filter_map(|source| source.place.cookie());
            let named = cookies.filter(|cookie| cookie.as_str() == "other").count();
            assert_eq!(named, usize::from(name.is_some()), "{stack:?}");
        }
    }
}
