//! Django, Rails and Express.

use super::*;

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
