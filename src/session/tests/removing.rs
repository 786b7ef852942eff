//! Taking a cookie out of a request, and its Set-Cookie out of a response.

use std::sync::LazyLock;

use http::header::{COOKIE, SET_COOKIE};
use proptest::prelude::*;

use super::*;

type Lines = &'static [&'static [u8]];

#[test]
fn removing_a_cookie_leaves_the_rest_byte_for_byte() {
    let table: &[(Lines, Lines)] = &[
        (&[b"a=1; S=x; b=2"], &[b"a=1; b=2"]),
        (&[b"S=x; a=1"], &[b"a=1"]),
        (&[b"a=1; S=x"], &[b"a=1"]),
        (&[b"a=1;S=x;  b = \"2\"; "], &[b"a=1;  b = \"2\"; "]),
        (&[b"S=x"], &[]),
        (&[b"S=x; ", b"a=1"], &[b"a=1"]),
        (&[b"s=x; a=1", b"b=2; S=y"], &[b"a=1", b"b=2"]),
        (&[b"a=\xff\xfe; S=x"], &[b"a=\xff\xfe"]),
        (
            &[b"$Version=1; a=1; $Path=/; S=x; $Path=/s; $Domain=d; b=2"],
            &[b"$Version=1; a=1; $Path=/; b=2"],
        ),
        (&[b"SS=x; a=S=1"], &[b"SS=x; a=S=1"]),
    ];
    let name = CookieName::exact("S", Spelling::IgnoreCase);
    for (before, after) in table {
        let mut headers = with_cookies(before).headers;
        without_cookie(&mut headers, &name);
        let left: Vec<&[u8]> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(&left, after, "{before:?}");
    }
}

#[test]
fn removing_a_set_cookie_leaves_the_others_in_their_order() {
    let lines: [(&str, &[u8]); 5] = [
        ("set-cookie", b"a=1; Path=/"),
        (
            "set-cookie",
            b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; path=/; HttpOnly",
        ),
        ("set-cookie", b"b=ASP.NET_SessionId=2"),
        (
            "set-cookie",
            b"asp.net_sessionid=; expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ),
        ("set-cookie", b"\xff"),
    ];
    let mut headers = request("/", &lines).headers;
    without_set_cookie(
        &mut headers,
        &CookieName::exact("ASP.NET_SessionId", Spelling::IgnoreCase),
    );
    let left: Vec<&[u8]> = headers
        .get_all(SET_COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    assert_eq!(
        left,
        [&b"a=1; Path=/"[..], b"b=ASP.NET_SessionId=2", b"\xff"]
    );
}

#[test]
fn all_cookies_of_all_lanes_are_hidden_and_what_is_no_cookie_cannot_be() {
    let shared = |source: Source| Source {
        lane: LaneName::new("shared"),
        ..source
    };
    let query = Source {
        place: Place::Query("sid".to_owned()),
        ..cookie("sid")
    };
    let sources = [
        cookie("sid"),
        cookie("old_sid"),
        query,
        shared(cookie("contact")),
    ];
    let sessions = sessions(sources.into());
    let mut request = request("/page", &[("cookie", b"a=b; sid=1; contact=2; old_sid=3")]);
    assert!(sessions.can_hide(&request));
    sessions.hide(&mut request.headers);
    assert_eq!(request.headers[COOKIE], "a=b");
    request.uri = "/page?sid=1".parse().unwrap();
    assert!(!sessions.can_hide(&request));
}

#[test]
fn what_sets_the_cookie_of_a_lane_that_forgets_ids_is_withheld_and_no_other() {
    let further = |name: &str, old_id| Source {
        lane: LaneName::new(name),
        old_id,
        ..cookie(name)
    };
    let own = Source {
        old_id: OldId::Forgotten,
        ..cookie("sid")
    };
    let sources = [
        own,
        further("contact", OldId::Forgotten),
        further("kept", OldId::Unknown),
    ];
    let sessions = sessions(sources.into());
    let Found::Session(session) = sessions.find(&with_cookies(&[b"sid=1; contact=2; kept=3"]))
    else {
        panic!("three lanes");
    };
    let numbers: Vec<LaneNumber> = session.lanes().map(|(number, _)| number).collect();
    let forgets: Vec<bool> = numbers.iter().map(|own| sessions.forgets(*own)).collect();
    assert_eq!(forgets, [true, true, false]);
    let lines: [(&str, &[u8]); 5] = [
        ("set-cookie", b"sid=; Max-Age=0"),
        ("set-cookie", b"contact=4"),
        ("set-cookie", b"kept=5"),
        ("set-cookie", b"theme=dark"),
        ("set-cookie", b"sid=6; path=/"),
    ];
    for (lanes, left) in [
        (&[][..], 5),
        (&numbers[..1], 3),
        (&numbers[1..2], 4),
        (&numbers[2..], 5),
        (&numbers[..], 2),
    ] {
        let mut headers = request("/", &lines).headers;
        assert_eq!(sessions.withhold(lanes, &mut headers), 5 - left);
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), left);
    }
}

#[test]
fn each_preset_says_whether_its_application_forgets_ids() {
    let forgets = |preset: &Preset| sessions(preset.sources(None)).forgets(LaneNumber::SESSION);
    let names: Vec<&str> = Preset::ALL
        .into_iter()
        .filter(forgets)
        .map(Preset::name)
        .collect();
    assert_eq!(
        names,
        [
            "php", "magento", "moodle", "java", "django", "rails", "express"
        ]
    );
    assert!(!sessions(vec![cookie("sid")]).forgets(LaneNumber::SESSION));
}

const PIECES: &str = "(PHPSESSID|JSESSIONID|ASP.NET_SessionId|asp.net_sessionid|a|\\$Path)? ?=? ?\
    (\"?[a-z0-5]{24}\"?|[ -~]{0,30})";

static PRESETS: LazyLock<Vec<Sessions>> = LazyLock::new(|| Preset::ALL.map(preset).into());

proptest! {
    #[test]
    fn no_cookie_line_makes_it_panic_and_a_removed_cookie_is_gone(
        noise in prop::collection::vec(any::<u8>(), 0..80),
        lines in prop::collection::vec(prop::collection::vec(PIECES, 0..5), 0..3),
    ) {
        let mut lines: Vec<Vec<u8>> = lines.into_iter().map(|pieces| pieces.join(";").into_bytes()).collect();
        lines.insert(0, noise);
        lines.retain(|line| HeaderValue::from_bytes(line).is_ok());
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for sessions in &*PRESETS {
            let mut request = with_cookies(&lines);
            prop_assert!(sessions.can_hide(&request));
            sessions.hide(&mut request.headers);
            prop_assert!(matches!(sessions.find(&request), Found::None));
        }
    }
}
