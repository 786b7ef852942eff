//! Cookies of each further stack, in the form that it issues them, and what they are easily mistaken for.

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
fn sitecore_cookies_are_aspnets_escaped_or_not() {
    check(
        Preset::Sitecore.sources(None),
        &[
            (
                "plain",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "escaped, which System.Web alone does not decode",
                "ASP.NET_SessionId=%6cit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "any case",
                "asp.net_sessionid=LIT3PY55T21Z5V55VLM25S55",
                Id(ASPNET),
            ),
            (
                "not base32",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s59",
                SHORT,
            ),
            (
                "names may hold #",
                "website#lang=en; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "the contact is no session of its own",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|False",
                Nothing,
            ),
            (
                "nor is the visit",
                "SC_ANALYTICS_SESSION_COOKIE=55C870C6BC8C43AC8E307439915915FD|1|lit3py55t21z5v55vlm25s55",
                Nothing,
            ),
            (
                "nor the server",
                "ARRAffinity=a75f436fe1433e0a6050400ba97bd8e396794446f858ac4ca1d1981bfcf7c0d8",
                Nothing,
            ),
        ],
    );
}

#[test]
fn a_sitecore_contact_stays_one_whatever_it_is_classified_as() {
    let contact = "611a20207bf14802a1bf1a0aa6e671be";
    let shared = Source {
        lane: LaneName::default(),
        ..Preset::Sitecore.shared().unwrap()
    };
    check(
        vec![shared],
        &[
            (
                "a robot",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|False",
                Id(contact),
            ),
            (
                "a person",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|True",
                Id(contact),
            ),
            (
                "an escaped |",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be%7CTrue",
                Id(contact),
            ),
            (
                "as DMS wrote it",
                "SC_ANALYTICS_GLOBAL_COOKIE=611A20207BF14802A1BF1A0AA6E671BE",
                Id(contact),
            ),
            (
                "a GUID with hyphens",
                "SC_ANALYTICS_GLOBAL_COOKIE=590d7188-2907-41ba-91c3-d5a95c1866a4|True",
                Odd(OddReason::TooLong),
            ),
            (
                "only a classification",
                "SC_ANALYTICS_GLOBAL_COOKIE=|True",
                Odd(OddReason::Empty),
            ),
        ],
    );
    assert!(
        Preset::ALL
            .iter()
            .all(|preset| preset.shared().is_none() || *preset == Preset::Sitecore)
    );
}

#[test]
fn aspnetcore_cookies_are_read_by_the_last_of_the_name() {
    let id = "CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY";
    check(
        Preset::AspNetCore.sources(None),
        &[
            (
                "escaped, as Response.Cookies writes it",
                ".AspNetCore.Session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt%2B2P2B4P%2BkZJxscMXuiqUZKH5k%2Fu4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            (
                "the name ignores case, and + stays",
                ".aspnetcore.session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            (
                "the last one",
                ".AspNetCore.Session=CfDJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; .AspNetCore.Session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            ("not encrypted", ".AspNetCore.Session=sess1", SHORT),
            (
                "quotes stay",
                ".AspNetCore.Session=\"CfDJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                SHORT,
            ),
            (
                "another cookie of ASP.NET Core",
                ".AspNetCore.Antiforgery.b8-pDmTq1XM=CfDJ8AuMt_3FvyxIgNOR82PHE4kGyR",
                Nothing,
            ),
        ],
    );
}

#[test]
fn classic_asp_cookies_have_a_name_by_worker_process() {
    let id = "ODPGCOOBHENBFLMKIFMAHGAA";
    check(
        Preset::ClassicAsp.sources(None),
        &[
            (
                "plain",
                "x=1; ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA",
                Id(id),
            ),
            (
                "that of a process before the last recycle stays first, and stays the key",
                "ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA; ASPSESSIONIDSSTRQBSQ=FCIHPMOBFDOHHAEIOOFJIPHK",
                Id(id),
            ),
            (
                "small letters are not asp.dll's",
                "ASPSESSIONIDSQQQRATR=odpgcoobhenbflmkifmahgaa",
                SHORT,
            ),
            (
                "a valid one behind another",
                "ASPSESSIONIDX=1; ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA",
                Id(id),
            ),
            ("emptied", "ASPSESSIONIDSQQQRATR=", Odd(OddReason::Empty)),
            (
                "ASP.NET's is another session",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Nothing,
            ),
        ],
    );
    check(
        Preset::ClassicAsp.sources(Some("ASPSESSIONIDSSTRQBSQ")),
        &[(
            "the one that was named",
            "ASPSESSIONIDAAAAAAAA=FCIHPMOBFDOHHAEIOOFJIPHK; ASPSESSIONIDSSTRQBSQ=ODPGCOOBHENBFLMKIFMAHGAA",
            Id(id),
        )],
    );
}

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
fn laravel_knows_its_encrypted_cookie_under_any_applications_name() {
    const VALUE: &str = "eyJpdiI6IkVZbjhoMEYzKzczNFF2MVB0S1phZ3c9PSIsInZhbHVlIjoicUwrK2xXK3JuZEVaZlYyVlV2THJOaTNhMlIrTTkxcFNSc0dObnZrRXhhclJxb0RRTXdIdHlRdnNmQXJ4RGozdyIsIm1hYyI6ImIxZTFjYmVlNzY0NTliYzg2NWI4NGIwMDZiMGU4NWMyIn0=";
    let laravel = sessions(Preset::Laravel.sources(None));
    let value = VALUE.trim_end_matches('=');
    for (line, expected) in [
        (format!("laravel_session={value}%3D"), Id(VALUE)),
        (
            format!(
                "XSRF-TOKEN=eyJpdiI6{}; my_shop_session={value}=",
                "A".repeat(200)
            ),
            Id(VALUE),
        ),
        (format!("laravel-session={value}%3D"), Id(VALUE)),
        (
            "_ga_session=GS1.1.1735136; other_session=1".to_owned(),
            SHORT,
        ),
        (
            format!("XSRF-TOKEN={value}%3D; remember_web_59ba36addc2b2f9401580f014c7f58ea={value}"),
            Nothing,
        ),
        ("laravel_session=".to_owned(), Odd(OddReason::Empty)),
        (format!("laravel_session={}", "a".repeat(40)), SHORT),
    ] {
        assert_found(&laravel, &with_cookies(&[line.as_bytes()]), expected, &line);
    }
    let named = sessions(Preset::Laravel.sources(Some("shop")));
    let plain = "a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0";
    assert_found(
        &named,
        &with_cookies(&[format!("shop={plain}").as_bytes()]),
        Id(plain),
        "not encrypted",
    );
    assert_found(
        &named,
        &with_cookies(&[format!("laravel_session={value}").as_bytes()]),
        Nothing,
        "not the one named",
    );
}

#[test]
fn woocommerce_sessions_are_customers() {
    let guest = "t_24a50be699fb53123ba04805a08a1b";
    check(
        Preset::WooCommerce.sources(None),
        &[
            (
                "a guest, as PHP escapes it",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b%7C%7C1788894203%7C%7C1788807803%7C%7C5d0cd1d4ce9a3bd8c6d5e6f1f2a3b4c5",
                Id(guest),
            ),
            (
                "renewed",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b%7C%7C1788999999%7C%7C1788999000%7C%7Cffffd1d4ce9a3bd8c6d5e6f1f2a3b4c5",
                Id(guest),
            ),
            (
                "not escaped, and one | as since 9.x",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b|1788894203|1788807803|$generic$e6IUrPfMVanVSnalhLbrlS2kNpeY33HTxk0qbvSw",
                Id(guest),
            ),
            (
                "a user",
                "wordpress_logged_in_9a1d=john%7C1761988602%7Cx%7Cy; wp_woocommerce_session_9a1daefe07e3d628d7e9f4ff0d3f8220=9732510%7C1760951083%7C1760864683%7C%24generic%24RB",
                Id("9732510"),
            ),
            (
                "WordPress itself has no session",
                "wordpress_logged_in_9a1d=john%7C1761988602%7Cx%7Cy",
                Nothing,
            ),
            (
                "no customer",
                "wp_woocommerce_session_9a1d=%7C%7C1788894203",
                Odd(OddReason::Empty),
            ),
            (
                "no customer's number",
                "wp_woocommerce_session_9a1d=null",
                SHORT,
            ),
            (
                "a site's neighbour",
                "wp_woocommerce_session_1=deleted; wp_woocommerce_session_2=7||1||2||x",
                Id("7"),
            ),
        ],
    );
}

#[test]
fn magento_has_a_session_for_the_shop_and_one_for_the_back_end() {
    let admin = "b1ackend0000000000000000ab";
    check(
        Preset::Magento.sources(None),
        &[
            (
                "Magento 2",
                "mage-cache-sessid=true; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; form_key=x",
                Id(PHP),
            ),
            (
                "Magento 1",
                "frontend=q1w2e3r4t5y6u7i8o9p0asdfgh; frontend_cid=abc",
                Id(PHP),
            ),
            (
                "the back end",
                "admin=b1ackend0000000000000000ab; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(admin),
            ),
            (
                "in any order",
                "PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; admin=b1ackend0000000000000000ab",
                Id(admin),
            ),
            (
                "Magento 1's back end",
                "adminhtml=b1ackend0000000000000000ab",
                Id(admin),
            ),
            (
                "another application's PHPSESSID",
                "PHPSESSID=zzzzzzzzzzzzzzzzzzzzzzzzzz; frontend=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "some flag called admin",
                "admin=1; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "the hash of the customer group is no session",
                "X-Magento-Vary=9bf9a599123e6402b85cde67144717a08b817412",
                Nothing,
            ),
        ],
    );
    check(
        Preset::Magento.sources(Some("SHOPID")),
        &[
            (
                "the name replaces the shop's",
                "SHOPID=q1w2e3r4t5y6u7i8o9p0asdfgh; PHPSESSID=zzzzzzzzzzzzzzzzzzzzzzzzzz",
                Id(PHP),
            ),
            (
                "and leaves the back end's",
                "SHOPID=q1w2e3r4t5y6u7i8o9p0asdfgh; admin=b1ackend0000000000000000ab",
                Id(admin),
            ),
        ],
    );
}

#[test]
fn moodle_cookies_may_have_a_suffix() {
    check(
        Preset::Moodle.sources(None),
        &[
            ("plain", "MoodleSession=q1w2e3r4t5y6u7i8o9p0asdfgh", Id(PHP)),
            (
                "with $CFG->sessioncookie",
                "MOODLEID1_=x; MoodleSessionlearn=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "Moodle 1's test cookie is no session",
                "MoodleSessionTest=zfYjnkPTeL; MoodleSession=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            ("nor by itself", "MoodleSessionTest=zfYjnkPTeL", SHORT),
            (
                "a remembered user name is none",
                "MOODLEID1_=%25E1%25C3",
                Nothing,
            ),
            (
                "the case of the name counts",
                "moodlesession=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Nothing,
            ),
        ],
    );
    check(
        Preset::Moodle.sources(Some("MoodleSessionb")),
        &[(
            "one of two sites",
            "MoodleSessiona=zzzzzzzzzzzzzzzzzzzzzzzzzz; MoodleSessionb=q1w2e3r4t5y6u7i8o9p0asdfgh",
            Id(PHP),
        )],
    );
}

#[test]
fn django_takes_the_last_cookie_and_removes_quotes() {
    let id = "k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd";
    check(
        Preset::Django.sources(None),
        &[
            (
                "plain",
                "csrftoken=abc; sessionid=k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd",
                Id(id),
            ),
            (
                "quoted",
                "sessionid=\"k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd\"",
                Id(id),
            ),
            (
                "spaces",
                "sessionid = k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd",
                Id(id),
            ),
            (
                "the last",
                "sessionid=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; sessionid=k3v1qx0hmbm5w9e2i7r8t6y4u1o0pasd",
                Id(id),
            ),
            (
                "capitals are not Django's",
                "sessionid=K3V1QX0HMBM5W9E2I7R8T6Y4U1O0PASD",
                SHORT,
            ),
            (
                "signed_cookies: the whole session",
                "sessionid=eyJhIjoxfQ:1r7Hx2:Zl0",
                SHORT,
            ),
            (
                "escapes are not decoded",
                "sessionid=%6b3v1qx0hmbm5w9e2i7r8t6y4u1o0pa",
                SHORT,
            ),
        ],
    );
}

#[test]
fn rails_has_ids_only_where_the_session_is_on_the_server() {
    let id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let signed = "BAhJIiU1ZDBjZDFkNGNlOWEzYmQ4YzZkNWU2ZjFmMmEzYjRjNQY6BkVU--aa99d1d4ce9a3bd8c6d5e6f1f2a3b4c5aa99d1d4";
    check(
        Preset::Rails.sources(Some("_shop_session")),
        &[
            (
                "plain",
                "_shop_session=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                Id(id),
            ),
            (
                "signed",
                "_shop_session=BAhJIiU1ZDBjZDFkNGNlOWEzYmQ4YzZkNWU2ZjFmMmEzYjRjNQY6BkVU--aa99d1d4ce9a3bd8c6d5e6f1f2a3b4c5aa99d1d4",
                Id(signed),
            ),
            (
                "the first",
                "_shop_session=0f1e2d3c4b5a69788796a5b4c3d2e1f0; _shop_session=ffffffffffffffffffffffffffffffff",
                Id(id),
            ),
            (
                "CookieStore, encrypted: the whole session",
                "_shop_session=Y2lwaGVydGV4dGNpcGhlcnRleHRjaXBoZXJ0ZXh0Y2lwaGVydGV4dA%3D%3D--aXZpdml2aXZpdml2aXZp--dGFndGFndGFndGFndGFndA%3D%3D",
                SHORT,
            ),
            (
                "another application's",
                "_blog_session=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                Nothing,
            ),
        ],
    );
    assert_eq!(Preset::Rails.own_cookie(), OwnCookie::Unknown);
    assert_eq!(Preset::Django.own_cookie(), OwnCookie::Known);
}

#[test]
fn express_ids_stand_before_the_signature() {
    let id = "s:rSYOdn0ythQZkGi533JF_PZODM6fFNLA";
    check(
        Preset::Express.sources(None),
        &[
            (
                "escaped, as it is issued",
                "connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.oXIBN5Lj8xgj2q9fU5efuT4n0tsx3gA0dO6U5kgMCT0",
                Id(id),
            ),
            (
                "another signature (a rotated secret)",
                "connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.QIIUmHyuTy1MpBFD3tyvwIaYVOAWtPbFXTo%2BYB7ttBs",
                Id(id),
            ),
            (
                "not escaped, quoted",
                "connect.sid=\"s:rSYOdn0ythQZkGi533JF_PZODM6fFNLA.oXIBN5Lj8x\"",
                Id(id),
            ),
            (
                "the first",
                "connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.a; connect.sid=s%3Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.a",
                Id(id),
            ),
            (
                "an id of genid, with dots",
                "connect.sid=s%3Ashop.eu.3f2504e0-4f89-11d3.sig",
                Id("s:shop.eu.3f2504e0-4f89-11d3"),
            ),
            (
                "not signed",
                "connect.sid=rSYOdn0ythQZkGi533JF_PZODM6fFNLA",
                SHORT,
            ),
            (
                "another name",
                "knack.com.connect.sid=s%3ArSYOdn0ythQZkGi533JF_PZODM6fFNLA.a",
                Nothing,
            ),
            ("emptied", "connect.sid=", Odd(OddReason::Empty)),
        ],
    );

    // Control: cut at the first dot, all ids of one prefix would be one lane.
    let mut sources = Preset::Express.sources(None);
    sources[0].transforms = vec![Transform::PercentDecode, Transform::CutBefore('.')];
    sources[0].pattern = IdPattern::Any;
    check(
        sources,
        &[(
            "genid",
            "connect.sid=s%3Ashop.eu.3f2504e0-4f89-11d3.sig",
            Id("s:shop"),
        )],
    );
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
