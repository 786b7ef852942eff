//! Session ids in the path: ASP.NET's `/(S(id))/` and Java's `;jsessionid=`.
//!
//! Guarantees: reads what System.Web's CookielessHelper and Tomcat's CoyoteAdapter read.
//! Does not do: change the path that is forwarded.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::path;

/// What a cookieless path segment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookieless<'a> {
    /// The value of `S(…)`.
    session: Option<&'a str>,
}

/// Reads a path segment, without its slashes, as one or more `X(…)` in parentheses, X being `A` to `Z`; None when it
/// is anything else.
pub(super) fn read(segment: &str) -> Option<Cookieless<'_>> {
    let mut rest = segment.strip_prefix('(')?.strip_suffix(')')?;
    let mut session = None;
    loop {
        let tag = *rest.as_bytes().first()?;
        if !tag.is_ascii_uppercase() {
            return None;
        }
        let (value, behind) = rest[1..].strip_prefix('(')?.split_once(')')?;
        if tag == b'S' {
            session = session.or(Some(value));
        }
        if behind.is_empty() {
            return Some(Cookieless { session });
        }
        rest = behind;
    }
}

/// The session id of a raw path's cookieless segment. The last segment that ends with `)` decides, as LastIndexOf(")/")
/// does there; the file name is not looked at.
pub(super) fn session_in(raw: &str) -> Option<Cow<'_, [u8]>> {
    // A path without a parenthesis, written or escaped, is by far the ordinary one.
    if !raw.contains('(') && !raw.contains("%28") {
        return None;
    }
    // IIS resolves the path before ASP.NET reads it. What cannot be resolved is still read: at worst a lane too many.
    let resolved = path::resolve(raw, path::PathCase::Sensitive).unwrap_or_else(|_| {
        String::from_utf8_lossy(&Cow::from(percent_decode(raw.as_bytes()))).into_owned()
    });
    let (folders, _file) = resolved.rsplit_once('/')?;
    let segment = folders.rsplit('/').find(|segment| segment.ends_with(')'))?;
    read(segment)?
        .session
        .map(|id| Cow::Owned(id.as_bytes().to_vec()))
}

/// The values of a path parameter in a raw path: `;name=value` up to the next `;` or `/`, in any segment.
pub(super) fn parameters<'r>(raw: &'r str, name: &str) -> impl Iterator<Item = &'r str> {
    raw.split('/')
        .flat_map(|segment| segment.split(';').skip(1))
        .filter_map(move |parameter| parameter.strip_prefix(name)?.strip_prefix('='))
}
