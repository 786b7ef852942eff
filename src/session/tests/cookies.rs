//! Cookies as ASP.NET, PHP and Tomcat read them.

use super::Expect::{Id, Nothing, Odd};
use super::*;

/// Why, the Cookie lines, and what they are.
type Case = (&'static str, &'static [&'static str], Expect);

#[test]
fn aspnet_cookies_are_read_as_system_web_reads_them() {
    assert_ne!(key_of(ASPNET), key_of("aaaaaaaaaaaaaaaaaaaaaaaa"));
    check(Preset::AspNet, ASPNET_COOKIES);
}

#[test]
fn php_cookies_are_read_as_ext_session_reads_them() {
    check(Preset::Php, PHP_COOKIES);
}

#[test]
fn java_cookies_are_read_as_tomcat_reads_them() {
    check(Preset::Java, JAVA_COOKIES);
}

fn check(stack: Preset, table: &[Case]) {
    for (why, lines, expected) in table {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_found(&preset(stack), &with_cookies(&lines), *expected, why);
    }
}

#[test]
fn a_cookie_of_64_kib_is_odd_and_hides_no_other() {
    let long = format!("ASP.NET_SessionId={}", "a".repeat(64 * 1024));
    let aspnet = preset(Preset::AspNet);
    assert_found(
        &aspnet,
        &with_cookies(&[long.as_bytes()]),
        Odd(OddReason::TooLong),
        "long",
    );
    let beside = format!("x={}; ASP.NET_SessionId={ASPNET}", "%".repeat(64 * 1024));
    assert_found(
        &aspnet,
        &with_cookies(&[beside.as_bytes()]),
        Id(ASPNET),
        "beside a long one",
    );
}

#[test]
fn invalid_utf8_is_odd_and_hides_no_other() {
    let aspnet = preset(Preset::AspNet);
    let odd = with_cookies(&[b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s\xff\xfe"]);
    assert_found(&aspnet, &odd, Odd(OddReason::Encoding), "in the value");
    let beside = with_cookies(&[b"\xff\xfe=\x80; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"]);
    assert_found(&aspnet, &beside, Id(ASPNET), "in another cookie");
}

#[test]
fn php_takes_dots_and_spaces_in_names_for_underscores() {
    let php = sessions(Preset::Php.sources(Some("my_site")));
    for name in ["my_site", "my.site", "my site"] {
        let line = format!("{name}={PHP}");
        assert_found(&php, &with_cookies(&[line.as_bytes()]), Id(PHP), name);
    }
}

#[test]
fn a_cookie_name_can_be_a_prefix_or_an_expression() {
    let name = |name| sessions(vec![source(Place::Cookie(Arc::new(name)))]);
    let prefix = name(CookieName::prefix("ASPSESSIONID", Spelling::Exact));
    assert_found(
        &prefix,
        &with_cookies(&[b"a=1; ASPSESSIONIDQQABCDEF=xyz"]),
        Id("xyz"),
        "prefix",
    );
    assert_found(
        &prefix,
        &with_cookies(&[b"ASPSESSION=xyz"]),
        Nothing,
        "shorter than the prefix",
    );
    let regex = name(CookieName::regex("(app|site)_session", Spelling::IgnoreCase).unwrap());
    assert_found(
        &regex,
        &with_cookies(&[b"SITE_session=xyz"]),
        Id("xyz"),
        "expression",
    );
    assert_found(
        &regex,
        &with_cookies(&[b"my_app_session=xyz"]),
        Nothing,
        "only a part of the name",
    );
    assert!(CookieName::regex("a)|(b", Spelling::Exact).is_err());
}

const ASPNET_COOKIES: &[Case] = &[
    (
        "plain",
        &["ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"],
        Id(ASPNET),
    ),
    (
        "the name ignores case",
        &["asp.net_SESSIONID=lit3py55t21z5v55vlm25s55"],
        Id(ASPNET),
    ),
    (
        "the value is lower-cased",
        &["ASP.NET_SessionId=LIT3PY55T21Z5V55VLM25S55"],
        Id(ASPNET),
    ),
    (
        "among others",
        &["a=1; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; b=2"],
        Id(ASPNET),
    ),
    (
        "no space behind ;",
        &["a=1;ASP.NET_SessionId=lit3py55t21z5v55vlm25s55;b=2"],
        Id(ASPNET),
    ),
    (
        "on a second line",
        &["a=1", "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"],
        Id(ASPNET),
    ),
    (
        "the first of two counts",
        &["ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa"],
        Id(ASPNET),
    ),
    (
        "the first counts across lines and cases",
        &[
            "asp.net_sessionid=lit3py55t21z5v55vlm25s55",
            "ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa",
        ],
        Id(ASPNET),
    ),
    (
        "the first counts even when it is no id",
        &["ASP.NET_SessionId=x; ASP.NET_SessionId=aaaaaaaaaaaaaaaaaaaaaaaa"],
        Odd(OddReason::Pattern),
    ),
    (
        "a comma separates nothing",
        &["a=1, ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"],
        Nothing,
    ),
    (
        "quotes make it invalid",
        &["ASP.NET_SessionId=\"lit3py55t21z5v55vlm25s\""],
        Odd(OddReason::Pattern),
    ),
    (
        "quotes make it too long",
        &["ASP.NET_SessionId=\"lit3py55t21z5v55vlm25s55\""],
        Odd(OddReason::TooLong),
    ),
    (
        "6 to 9 are not in an id",
        &["ASP.NET_SessionId=lit3py55t21z5v55vlm25s59"],
        Odd(OddReason::Pattern),
    ),
    (
        "too short",
        &["ASP.NET_SessionId=lit3py55t21z5v55vlm25s5"],
        Odd(OddReason::Pattern),
    ),
    (
        "too long",
        &["ASP.NET_SessionId=lit3py55t21z5v55vlm25s555"],
        Odd(OddReason::TooLong),
    ),
    (
        "escapes are not decoded",
        &["ASP.NET_SessionId=%6cit3py55t21z5v55vlm2"],
        Odd(OddReason::Pattern),
    ),
    (
        "several values",
        &["ASP.NET_SessionId=lit3py55t21z5v55v&lm25s5"],
        Odd(OddReason::Pattern),
    ),
    (
        "emptied at logout",
        &["ASP.NET_SessionId="],
        Odd(OddReason::Empty),
    ),
    ("without =", &["ASP.NET_SessionId"], Odd(OddReason::Empty)),
    (
        "a space belongs to the name",
        &["ASP.NET_SessionId =lit3py55t21z5v55vlm25s55"],
        Nothing,
    ),
    (
        "a space belongs to the value",
        &["ASP.NET_SessionId= lit3py55t21z5v55vlm25s5"],
        Odd(OddReason::Pattern),
    ),
    (
        "a longer name is another",
        &["ASP.NET_SessionId2=lit3py55t21z5v55vlm25s55"],
        Nothing,
    ),
    (
        "affinity is no session",
        &["ARRAffinity=0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
        Nothing,
    ),
    (
        "RFC 2965 attributes are none",
        &["$Version=1; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; $Path=/; $Domain=x"],
        Id(ASPNET),
    ),
    (
        "names may hold #",
        &["shop#lang=en; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"],
        Id(ASPNET),
    ),
    ("only separators", &["; ;;=;"], Nothing),
    ("an empty line", &[""], Nothing),
    ("no line", &[], Nothing),
];

const PHP_COOKIES: &[Case] = &[
    ("plain", &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh"], Id(PHP)),
    (
        "the name heeds case",
        &["phpsessid=q1w2e3r4t5y6u7i8o9p0asdfgh"],
        Nothing,
    ),
    (
        "the value heeds case",
        &["PHPSESSID=Q1W2E3R4T5Y6U7I8O9P0ASDFGH"],
        Id("Q1W2E3R4T5Y6U7I8O9P0ASDFGH"),
    ),
    (
        "it is decoded",
        &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfg%68"],
        Id(PHP),
    ),
    (
        "a decoded comma",
        &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdf%2C"],
        Id("q1w2e3r4t5y6u7i8o9p0asdf,"),
    ),
    (
        "quotes make it invalid",
        &["PHPSESSID=\"q1w2e3r4t5y6u7i8o9p0asdfgh\""],
        Odd(OddReason::Pattern),
    ),
    (
        "escaped quotes too",
        &["PHPSESSID=%22q1w2e3r4t5y6u7i8o9p0asdfgh%22"],
        Odd(OddReason::Pattern),
    ),
    ("too short", &["PHPSESSID=deleted"], Odd(OddReason::Pattern)),
    (
        "not UTF-8 once decoded",
        &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdf%ff"],
        Odd(OddReason::Encoding),
    ),
    (
        "a bad escape stays",
        &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdf%zz"],
        Odd(OddReason::Pattern),
    ),
    (
        "the first of two counts",
        &["PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; PHPSESSID=aaaaaaaaaaaaaaaaaaaaaaaaaa"],
        Id(PHP),
    ),
    (
        "the first counts even when it is no id",
        &["PHPSESSID=; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh"],
        Odd(OddReason::Empty),
    ),
];

const JAVA_COOKIES: &[Case] = &[
    (
        "plain",
        &["JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0"],
        Id(TOMCAT),
    ),
    (
        "the route is cut",
        &["JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.node1"],
        Id(TOMCAT),
    ),
    (
        "another route is the same session",
        &["JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.node2"],
        Id(TOMCAT),
    ),
    (
        "WebLogic's servers are cut",
        &["JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0!123!NONE"],
        Id(TOMCAT),
    ),
    (
        "WebSphere's clone is cut",
        &["JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0:17c4"],
        Id(TOMCAT),
    ),
    (
        "quotes are removed",
        &["JSESSIONID=\"0F1E2D3C4B5A69788796A5B4C3D2E1F0.node1\""],
        Id(TOMCAT),
    ),
    (
        "half a pair of quotes stays",
        &["JSESSIONID=\"0F1E2D3C4B5A69788796A5B4C3D2E1F0"],
        Odd(OddReason::Pattern),
    ),
    (
        "spaces around = do not count",
        &["JSESSIONID = 0F1E2D3C4B5A69788796A5B4C3D2E1F0"],
        Id(TOMCAT),
    ),
    (
        "the name heeds case",
        &["JSessionId=0F1E2D3C4B5A69788796A5B4C3D2E1F0"],
        Nothing,
    ),
    (
        "JBoss's +",
        &["JSESSIONID=ySTGrlmr9sWf1Ff++6xQlMoP.undefined"],
        Id("ySTGrlmr9sWf1Ff++6xQlMoP"),
    ),
    (
        "no word is an id",
        &["JSESSIONID=null"],
        Odd(OddReason::Pattern),
    ),
    (
        "the first valid one counts",
        &[
            "JSESSIONID=; JSESSIONID=a b",
            "JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0; JSESSIONID=AAAAAAAAAAAAAAAA",
        ],
        Id(TOMCAT),
    ),
    (
        "of several odd ones the first is named",
        &["JSESSIONID=; JSESSIONID=a b"],
        Odd(OddReason::Empty),
    ),
    (
        "only a route",
        &["JSESSIONID=.node1"],
        Odd(OddReason::Empty),
    ),
];
