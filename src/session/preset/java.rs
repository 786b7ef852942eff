//! Servlet containers, and ColdFusion, which runs in one.
//!
//! Guarantees: names, duplicates and quotes are those of Tomcat.
//! Does not do: follow a session to another node; what a cluster appends is cut.

use super::{Duplicates, IdPattern, Place, Source, Spelling, Transform, named, pattern, source};
use crate::session::source::Pair;

/// Servlet containers: names compare with case, quotes are removed, of several cookies the first valid one counts, and a
/// cookie goes before the URL (Tomcat). What a cluster appends is cut: `.node` (Tomcat, JBoss, Jetty), `!server`
/// (WebLogic), `:clone` (WebSphere), since it changes when the session moves. A cookie of another name also names the
/// path parameter (Tomcat's SessionConfig).
pub(super) fn java(cookie: Option<&str>) -> Vec<Source> {
    let parameter = |name: &str| {
        let place = Place::PathParameter(name.to_owned());
        servlet(&format!(";{name}"), place, Duplicates::Last)
    };
    let mut sources = vec![servlet_cookie(cookie)];
    sources.extend(cookie.map(parameter));
    sources.push(parameter("jsessionid"));
    sources
}

/// ColdFusion and Lucee: with J2EE sessions the container's cookie, else CFID and CFTOKEN, which only together are an id;
/// the container's goes first, since ColdFusion sets the other two beside it. Their names compare without case (the
/// cookie scope; Lucee writes them in small letters), and where a client has no cookies they are in the query
/// (`addtoken`). CFID is a number, or `Z` and text (ColdFusion), or a UUID (Lucee); CFTOKEN a number or a UUID.
/// `session.cookie` names the container's cookie.
pub(super) fn coldfusion(cookie: Option<&str>) -> Vec<Source> {
    let both = |label: &str, pair| Source {
        pattern: pattern("[A-Za-z0-9-]{1,127};[A-Za-z0-9-]{1,127}"),
        ..source(label, Place::Pair(Box::new(pair)))
    };
    vec![
        servlet_cookie(cookie),
        both(
            "CFID+CFTOKEN",
            Pair::of_cookies(["CFID", "CFTOKEN"], Spelling::IgnoreCase),
        ),
        both("?CFID+CFTOKEN", Pair::of_query(["CFID", "CFTOKEN"])),
        both("?cfid+cftoken", Pair::of_query(["cfid", "cftoken"])),
    ]
}

fn servlet_cookie(cookie: Option<&str>) -> Source {
    let name = cookie.unwrap_or("JSESSIONID");
    servlet(name, named(name, Spelling::Exact), Duplicates::FirstValid)
}

fn servlet(label: &str, place: Place, duplicates: Duplicates) -> Source {
    Source {
        transforms: vec![
            Transform::Unquote,
            Transform::CutBefore('.'),
            Transform::CutBefore('!'),
            Transform::CutBefore(':'),
        ],
        pattern: IdPattern::Java,
        duplicates,
        ..source(label, place)
    }
}
