//! Ids in the path and the query; hiding them from logs.

use proptest::prelude::*;

use super::Expect::{Id, Nothing, Odd};
use super::*;

#[test]
fn a_cookieless_segment_is_read_as_system_web_reads_it() {
    let table: &[(&str, Expect)] = &[
        ("/(S(lit3py55t21z5v55vlm25s55))/page.aspx", Id(ASPNET)),
        ("/app/(S(lit3py55t21z5v55vlm25s55))/page.aspx", Id(ASPNET)),
        ("/(S(LIT3PY55T21Z5V55VLM25S55))/", Id(ASPNET)),
        (
            "/(A(xyz)S(lit3py55t21z5v55vlm25s55)F(abc)X(1))/page.aspx",
            Id(ASPNET),
        ),
        ("/%28S(lit3py55t21z5v55vlm25s55)%29/page.aspx", Id(ASPNET)),
        (
            "/(S(aaaaaaaaaaaaaaaaaaaaaaaa))/(S(lit3py55t21z5v55vlm25s55))/page.aspx",
            Id(ASPNET),
        ),
        ("/a/..\\(S(lit3py55t21z5v55vlm25s55))/page.aspx", Id(ASPNET)),
        ("/(S(lit3py55t21z5v55vlm25s55))/../page.aspx", Nothing),
        ("/(S(lit3py55t21z5v55vlm25s55))", Nothing),
        ("/(S(lit3py55t21z5v55vlm25s55))/a(1)/page.aspx", Nothing),
        ("/(s(lit3py55t21z5v55vlm25s55))/page.aspx", Nothing),
        ("/(S(lit3py55t21z5v55vlm25s55)x)/page.aspx", Nothing),
        ("/(S(lit3py55t21z5v55vlm25s55)/page.aspx", Nothing),
        ("/x(S(lit3py55t21z5v55vlm25s55))/page.aspx", Nothing),
        ("/(X(1))/page.aspx", Nothing),
        ("/(lit3py55t21z5v55vlm25s55)/page.aspx", Nothing),
        ("/()/page.aspx", Nothing),
        ("/(S())/page.aspx", Odd(OddReason::Empty)),
        ("/(S(short))/page.aspx", Odd(OddReason::Pattern)),
        ("/page.aspx?x=/(S(lit3py55t21z5v55vlm25s55))/", Nothing),
    ];
    for (path, expected) in table {
        assert_found(
            &preset(Preset::AspNet),
            &request(path, &[]),
            *expected,
            path,
        );
    }
}

#[test]
fn one_id_in_the_cookie_and_in_the_path_is_one_session() {
    let aspnet = preset(Preset::AspNet);
    let in_path = request("/(S(lit3py55t21z5v55vlm25s55))/page.aspx", &[]);
    let in_cookie = with_cookies(&[b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"]);
    assert_eq!(found(&aspnet, &in_path), found(&aspnet, &in_cookie));
    assert!(found(&aspnet, &in_path).is_some());
}

#[test]
fn a_path_parameter_is_read_as_tomcat_reads_it() {
    let table: &[(&str, Expect)] = &[
        (
            "/page;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0",
            Id(TOMCAT),
        ),
        (
            "/page;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0.node1?x=1",
            Id(TOMCAT),
        ),
        (
            "/page;v=1;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0;w=2/x",
            Id(TOMCAT),
        ),
        (
            "/;jsessionid=AAAAAAAAAAAAAAAA/page;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0",
            Id(TOMCAT),
        ),
        ("/page;jsessionid=", Odd(OddReason::Empty)),
        ("/page;JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0", Nothing),
        (
            "/page?;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0",
            Nothing,
        ),
        ("/jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0", Nothing),
    ];
    for (path, expected) in table {
        assert_found(&preset(Preset::Java), &request(path, &[]), *expected, path);
    }
}

#[test]
fn a_java_cookie_goes_before_the_url_and_the_url_before_an_odd_cookie() {
    let path = "/page;jsessionid=AAAAAAAAAAAAAAAA";
    let java = preset(Preset::Java);
    let both = request(
        path,
        &[("cookie", b"JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0")],
    );
    assert_found(&java, &both, Id(TOMCAT), "both valid");
    let odd = request(path, &[("cookie", b"JSESSIONID=null")]);
    assert_found(&java, &odd, Id("AAAAAAAAAAAAAAAA"), "odd cookie");
}

#[test]
fn another_java_cookie_name_also_names_the_path_parameter() {
    let java = sessions(Preset::Java.sources(Some("SHOPID")));
    for path in [
        "/p;SHOPID=0F1E2D3C4B5A69788796A5B4C3D2E1F0",
        "/p;jsessionid=0F1E2D3C4B5A69788796A5B4C3D2E1F0",
    ] {
        assert_found(&java, &request(path, &[]), Id(TOMCAT), path);
    }
    assert_found(
        &java,
        &with_cookies(&[b"JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0"]),
        Nothing,
        "the old name",
    );
}

#[test]
fn query_parameters_and_headers_can_carry_the_id() {
    let query = sessions(vec![source(Place::Query("sid".to_owned()))]);
    assert_found(
        &query,
        &request("/?a=1&s%69d=x%2By+z&sid=second", &[]),
        Id("x+y z"),
        "decoded, the first",
    );
    assert_found(&query, &request("/?SID=x", &[]), Nothing, "another case");
    assert_found(
        &query,
        &request("/?sid", &[]),
        Odd(OddReason::Empty),
        "empty",
    );
    let header = sessions(vec![source(Place::Header(HeaderName::from_static(
        "cart-token",
    )))]);
    assert_found(
        &header,
        &request("/", &[("Cart-Token", b"abc")]),
        Id("abc"),
        "header",
    );
}

#[test]
fn masked_paths_hold_no_id() {
    let table = [
        ("/plain/page.aspx", "/plain/page.aspx"),
        ("/a(1)/b=c", "/a(1)/b=c"),
        ("/(S(id))/page.aspx", "/(*)/page.aspx"),
        ("/app/(A(x)S(id)F(login))/page.aspx", "/app/(*)/page.aspx"),
        ("/(S(id))", "/(*)"),
        ("/(s(id))/p", "/(*)/p"),
        ("/%28S%28id%29%29/p", "/(*)/p"),
        ("/(S(id))%2fp", "/(*)%2fp"),
        ("/(S(id", "/(*)"),
        ("/p;jsessionid=id", "/p;jsessionid=*"),
        (
            "/p;JSESSIONID=id.node;v=2/q=1;x",
            "/p;JSESSIONID=*;v=*/q=1;x",
        ),
        ("/p%3Bjsessionid%3Did", "/p%3Bjsessionid=*"),
        // Tomcat reads the parameter before it decodes: all of this is the id.
        ("/p;jsessionid=id%3Bid%2Fid\\id/q", "/p;jsessionid=*/q"),
        ("/\u{e9};x=\u{e9}/\u{e9}", "/\u{e9};x=*/\u{e9}"),
    ];
    for (raw, masked) in table {
        assert_eq!(mask_path(raw), masked);
    }
    assert!(matches!(
        mask_path("/plain/page.aspx"),
        std::borrow::Cow::Borrowed(_)
    ));
}

#[test]
fn masking_takes_time_in_proportion_to_the_path() {
    // Quadratic work on 1 MB would be a trillion steps: the test would not end.
    let long = format!("/{}", "=(;%28".repeat(200_000));
    assert!(mask_path(&long).len() <= long.len());
}

const PIECES: &str = "(/|\\\\|;|=|%28|%2f|%3b|%|é|x|\\(S\\(|\\)\\)|;jsessionid=|[a-z0-5]{24}|\
    /\\(S\\([a-z0-5]{24}\\)\\)|/%28A%28x%29S\\([a-z0-5]{24}%29\\)|;jsessionid=[0-9A-F]{32}){0,8}";

proptest! {
    #[test]
    fn no_path_makes_it_panic_and_no_found_id_survives_masking(path in PIECES) {
        let raw = format!("/{path}/");
        let Ok(uri) = raw.parse::<http::Uri>() else { return Ok(()) };
        let masked = mask_path(uri.path()).into_owned();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.uri = uri;
        let mut seen = parts.clone();
        seen.uri = masked.parse().unwrap();
        for stack in [Preset::AspNet, Preset::Java] {
            let sessions = preset(stack);
            // What is found in the masked path cannot be what was found before.
            prop_assert!(found(&sessions, &seen).is_none(), "{} → {}", raw, masked);
        }
        prop_assert_eq!(mask_path(&masked), masked.as_str());
    }
}
