//! The ids that a response sets: the `Set-Cookie` lines of the session's cookies, by the rules of their sources.
//!
//! Guarantees: an id is judged as the same id in a request would be, in the scope of the request that the response is for;
//! a line that deletes the cookie, or whose value is no id, gives none. A response without `Set-Cookie` costs nothing.
//! Does not do: know whether the id is new; look at a cookie's path and domain, which are the client's business.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::SET_COOKIE;
use http::request::Parts;
use smallvec::SmallVec;

use super::source::Source;
use super::{SessionKey, Sessions};

/// What of a request belongs to the keys of the ids that its response sets (`session.scope`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scoped(Vec<u8>);

/// The sessions whose ids a response sets. Rarely more than one.
pub type Issued = SmallVec<[SessionKey; 1]>;

impl Sessions {
    /// What will be needed of `request` when its response sets an id; without a scope that is nothing.
    #[must_use]
    pub fn scoped(&self, request: &Parts) -> Scoped {
        let mut scoped = Vec::new();
        self.scope
            .add_to(&mut |part| scoped.extend_from_slice(part), request);
        Scoped(scoped)
    }

    /// The sessions whose ids a response with these headers sets, for a request that was `scoped`. The one that the
    /// request already had may be among them: many applications set the cookie again with each response.
    #[must_use]
    pub fn issued(&self, headers: &HeaderMap, scoped: &Scoped) -> Issued {
        let mut issued = Issued::new();
        if !headers.contains_key(SET_COOKIE) {
            return issued;
        }
        let lines = headers.get_all(SET_COOKIE).iter();
        for id in lines.flat_map(|line| self.set_by(line.as_bytes())) {
            let key = self.digest(&id, |add| add(&scoped.0));
            if !issued.contains(&key) {
                issued.push(key);
            }
        }
        issued
    }

    /// The id that one line sets, if it sets one.
    fn set_by<'l>(&self, line: &'l [u8]) -> Option<Cow<'l, [u8]>> {
        let mut pieces = line.split(|byte| *byte == b';');
        let (name, value) = pair(pieces.next()?);
        let is_its = |source: &&Source| {
            let cookie = source.place.cookie();
            cookie.is_some_and(|cookie| cookie.matches(name))
        };
        let mut sources = self.sources.iter().filter(is_its);
        let id = sources.find_map(|source| source.judge(Cow::Borrowed(value)).ok())?;
        (!deletes(pieces)).then_some(id)
    }
}

/// Whether these attributes of a cookie make the client forget it, as applications say that: `Max-Age`, which counts
/// before `Expires` (RFC 6265 5.3), of 0 or less, or a date of the last century.
fn deletes<'l>(attributes: impl Iterator<Item = &'l [u8]>) -> bool {
    let mut expired = false;
    for attribute in attributes {
        let (name, value) = pair(attribute);
        if name.eq_ignore_ascii_case(b"max-age") {
            return value
                .first()
                .is_some_and(|byte| matches!(byte, b'-' | b'0'));
        }
        if name.eq_ignore_ascii_case(b"expires") {
            let old = |year: &[u8]| year.starts_with(b"19") && year.iter().all(u8::is_ascii_digit);
            expired = value.windows(4).any(old);
        }
    }
    expired
}

/// Name and value, without the spaces around them.
fn pair(piece: &[u8]) -> (&[u8], &[u8]) {
    let at = piece.iter().position(|byte| *byte == b'=');
    let (name, value) = match at {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, &[][..]),
    };
    (name.trim_ascii(), value.trim_ascii())
}
