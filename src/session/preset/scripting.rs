//! Django, Rails and Express: no lock of their own, so that the last of two writers wins.
//!
//! Guarantees: duplicates, quotes and decoding are those of Django's parse_cookie, Rack::Utils and the package `cookie`.
//! Does not do: sessions that are kept whole in the cookie (Django's signed_cookies, Rails' CookieStore, cookie-session):
//! what such a request writes is based on what was sent with it, and no lane changes that. Their values are no ids here.

use super::{Duplicates, Source, Spelling, Transform, named, pattern, source};

/// Django: spaces around name and value do not count, the last cookie of the name does, quotes are removed. The id is 32
/// of `[a-z0-9]`.
pub(super) fn django(cookie: Option<&str>) -> Vec<Source> {
    let cookie = cookie.unwrap_or("sessionid");
    vec![Source {
        transforms: vec![Transform::Unquote],
        pattern: pattern("[a-z0-9]{32}"),
        max_length: 32,
        duplicates: Duplicates::Last,
        ..source(cookie, named(cookie, Spelling::Exact))
    }]
}

/// Rails: the first cookie of the name counts, values are percent-decoded (Rack). With a store on the server the value is
/// an id of 32 hexadecimal digits, or that id signed: short base64, `--`, an HMAC. CookieStore's encrypted session has
/// three parts and is long.
pub(super) fn rails(cookie: Option<&str>) -> Vec<Source> {
    // Rails' own default, which hardly any application keeps: `rails new` writes `_<app>_session`.
    let cookie = cookie.unwrap_or("_session_id");
    vec![Source {
        transforms: vec![Transform::PercentDecode],
        pattern: pattern("[0-9a-f]{32}|[A-Za-z0-9+/=]{40,80}--[0-9a-f]{40,128}"),
        ..source(cookie, named(cookie, Spelling::Exact))
    }]
}

/// express-session: the first cookie of the name counts, quotes are removed, values are percent-decoded (`s%3A`). The
/// value is `s:`, the id, a dot and a signature that begins behind the last dot; without `s:` it is no session. The id is
/// 32 of base64url (uid-safe), or what `genid` makes. `s:` stays on the key, so that only signed values have one.
pub(super) fn express(cookie: Option<&str>) -> Vec<Source> {
    let cookie = cookie.unwrap_or("connect.sid");
    vec![Source {
        transforms: vec![
            Transform::Unquote,
            Transform::PercentDecode,
            Transform::CutBeforeLast('.'),
        ],
        pattern: pattern("s:[!-~]{16,}"),
        ..source(cookie, named(cookie, Spelling::Exact))
    }]
}
