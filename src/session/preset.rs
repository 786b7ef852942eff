//! Where known applications keep their session id.
//!
//! Guarantees: each preset follows its application's own parser; the facts are named beside the rules.
//! Does not do: routes and limits; `route::preset` has those.

use std::sync::Arc;

use super::cookie::{CookieName, Spelling};
use super::source::{Duplicates, IdPattern, Place, Source, Transform};

/// A known kind of application (`session.preset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// ASP.NET on .NET Framework (System.Web).
    AspNet,
    /// Java servlet containers.
    Java,
    /// PHP with its own session module.
    Php,
}

impl Preset {
    /// Where the id is looked for. `cookie` replaces the preset's cookie name (`session.cookie`).
    #[must_use]
    pub fn sources(self, cookie: Option<&str>) -> Vec<Source> {
        match self {
            Self::AspNet => aspnet(cookie.unwrap_or("ASP.NET_SessionId")),
            Self::Java => java(cookie),
            Self::Php => php(cookie.unwrap_or("PHPSESSID")),
        }
    }
}

/// System.Web: names compare without case, the first cookie of the name counts, the id is lower-cased and then must be
/// 24 of `[a-z0-5]`; a quoted one is none. The cookie goes before the path, as AutoDetect has it.
fn aspnet(cookie: &str) -> Vec<Source> {
    let source = |label: &str, place| Source {
        label: Arc::from(label),
        place,
        transforms: vec![Transform::Lowercase],
        pattern: IdPattern::AspNet,
        max_length: 24,
        duplicates: Duplicates::First,
    };
    let name = Arc::new(CookieName::exact(cookie, Spelling::IgnoreCase));
    vec![
        source(cookie, Place::Cookie(name)),
        source("(S(id))", Place::PathSegment),
    ]
}

/// Servlet containers: names compare with case, quotes are removed, of several cookies the first valid one counts, and a
/// cookie goes before the URL (Tomcat). What a cluster appends is cut: `.node` (Tomcat, JBoss, Jetty), `!server`
/// (WebLogic), `:clone` (WebSphere), since it changes when the session moves. A cookie of another name also names the
/// path parameter (Tomcat's SessionConfig).
fn java(cookie: Option<&str>) -> Vec<Source> {
    let source = |label: &str, place, duplicates| Source {
        label: Arc::from(label),
        place,
        transforms: vec![
            Transform::Unquote,
            Transform::CutBefore('.'),
            Transform::CutBefore('!'),
            Transform::CutBefore(':'),
        ],
        pattern: IdPattern::Java,
        max_length: 256,
        duplicates,
    };
    let parameter = |name: &str| {
        source(
            &format!(";{name}"),
            Place::PathParameter(name.to_owned()),
            Duplicates::Last,
        )
    };
    let name = cookie.unwrap_or("JSESSIONID");
    let cookie_name = Arc::new(CookieName::exact(name, Spelling::Exact));
    let mut sources = vec![source(
        name,
        Place::Cookie(cookie_name),
        Duplicates::FirstValid,
    )];
    sources.extend(cookie.map(parameter));
    sources.push(parameter("jsessionid"));
    sources
}

/// ext/session: names compare with case (`.` and space are `_`), the first cookie of the name counts, values are
/// percent-decoded, quotes stay and make the id invalid.
fn php(cookie: &str) -> Vec<Source> {
    vec![Source {
        label: Arc::from(cookie),
        place: Place::Cookie(Arc::new(CookieName::exact(cookie, Spelling::Php))),
        transforms: vec![Transform::PercentDecode],
        pattern: IdPattern::Php,
        max_length: 256,
        duplicates: Duplicates::First,
    }]
}
