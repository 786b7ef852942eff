//! ASP.NET, Sitecore, ASP.NET Core and Classic ASP.
//!
//! Guarantees: names, duplicates and decoding are those of System.Web, of ASP.NET Core's cookie parser and of asp.dll.
//! Does not do: decrypt; what DataProtection encrypts is a key as it stands.

use super::{
    Duplicates, IdPattern, LaneName, Place, Source, Spelling, Transform, named, named_or_prefixed,
    pattern, source,
};

/// System.Web: names compare without case, the first cookie of the name counts, the id is lower-cased and then must be
/// 24 of `[a-z0-5]`; a quoted one is none. The cookie goes before the path, as AutoDetect has it.
pub(super) fn aspnet(cookie: Option<&str>) -> Vec<Source> {
    let cookie = cookie.unwrap_or("ASP.NET_SessionId");
    let id = |label: &str, place| Source {
        transforms: vec![Transform::Lowercase],
        pattern: IdPattern::AspNet,
        max_length: 24,
        ..source(label, place)
    };
    vec![
        id(cookie, named(cookie, Spelling::IgnoreCase)),
        id("(S(id))", Place::PathSegment),
    ]
}

/// As ASP.NET. Sitecore's ConditionalSessionIdManager inherits from System.Web's, and an inherited one URL-decodes the id
/// and does not lower-case it; older versions have System.Web's own. What either takes for an id is one here: at worst a
/// lane without a session.
pub(super) fn sitecore(cookie: Option<&str>) -> Vec<Source> {
    let decoding = |source: Source| Source {
        transforms: vec![Transform::PercentDecode, Transform::Lowercase],
        ..source
    };
    aspnet(cookie).into_iter().map(decoding).collect()
}

/// The contact, whose shared session Sitecore 7.5 to 8.x locks. In 8 and later `|True` or `|False` follows (human or
/// robot), which changes during a visit and is no part of the id; some clients escape the `|`.
pub(super) fn sitecore_shared() -> Source {
    let cookie = "SC_ANALYTICS_GLOBAL_COOKIE";
    Source {
        lane: LaneName::new("shared"),
        transforms: vec![
            Transform::PercentDecode,
            Transform::CutBefore('|'),
            Transform::Lowercase,
        ],
        pattern: pattern("[0-9a-f]{32}"),
        max_length: 32,
        ..source(cookie, named(cookie, Spelling::IgnoreCase))
    }
}

/// ASP.NET Core: names compare without case, the last cookie of the name counts, values are percent-decoded, quotes stay
/// (RequestCookieCollection, CookieHeaderParserShared). The value is the session's key, encrypted once and then the same
/// for the session's life: base64 without padding, mostly with DataProtection's mark (`CfDJ8`) in front.
pub(super) fn aspnetcore(cookie: Option<&str>) -> Vec<Source> {
    let cookie = cookie.unwrap_or(".AspNetCore.Session");
    vec![Source {
        transforms: vec![Transform::PercentDecode],
        pattern: pattern("[A-Za-z0-9+/_-]{48,}"),
        max_length: 1024,
        duplicates: Duplicates::Last,
        ..source(cookie, named(cookie, Spelling::IgnoreCase))
    }]
}

/// Active Server Pages: `ASPSESSIONID` and eight letters that differ by worker process, 24 letters as value. Of several
/// such cookies (of processes before the last recycle, of other applications) the first counts: browsers keep their
/// order, so that it stays the same one. Until an application uses the session, the value changes with each response
/// (KB184574); such requests have no session to lock.
pub(super) fn classic_asp(cookie: Option<&str>) -> Vec<Source> {
    let (label, place, duplicates) = named_or_prefixed(cookie, "ASPSESSIONID", Spelling::Exact);
    vec![Source {
        pattern: pattern("[A-Z]{24}"),
        max_length: 24,
        duplicates,
        ..source(&label, place)
    }]
}
