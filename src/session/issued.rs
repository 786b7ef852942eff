//! The ids that a response sets: the `Set-Cookie` lines of the session's cookies, by the rules of their sources.
//!
//! Guarantees: an id is judged as it would be in a request that carries these cookies and no others, in the scope of the
//! request that the response is for; a line that deletes the cookie, or whose value is no id, gives none. A response
//! without `Set-Cookie` costs one look at its header.
//! Does not do: know whether the id is new; look at a cookie's path and domain, which are the client's business.

use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request};
use smallvec::SmallVec;

use super::{LaneNumber, Session, SessionKey, Sessions};

/// What of a request belongs to the keys of the ids that its response sets (`session.scope`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scoped(Vec<u8>);

/// The sessions whose ids a response sets, one in each lane at most.
pub type Issued = SmallVec<[(LaneNumber, SessionKey); 1]>;

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
        if !headers.contains_key(SET_COOKIE) {
            return Issued::new();
        }
        let Some(request) = self.next_request(headers) else {
            return Issued::new();
        };
        let issued = self.lanes.iter().filter_map(|lane| {
            let id = lane
                .sources
                .iter()
                .find_map(|source| source.find(&request)?.ok())?;
            let key = self.digest(&id, &lane.name, |add| add(&scoped.0));
            Some((lane.number, key))
        });
        issued.collect()
    }

    /// The session's cookies in a request of a client that knows nothing but this response; None when there are none.
    fn next_request(&self, headers: &HeaderMap) -> Option<Parts> {
        let mut cookies: SmallVec<[(&[u8], &[u8]); 2]> = SmallVec::new();
        for line in headers.get_all(SET_COOKIE) {
            let mut pieces = line.as_bytes().split(|byte| *byte == b';');
            let (name, value) = pair(pieces.next().unwrap_or_default());
            if self.has_cookie(name) && !deletes(pieces) {
                cookies.retain(|(other, _)| *other != name); // the last one counts (RFC 6265 5.3)
                cookies.push((name, value));
            }
        }
        let pairs: SmallVec<[Vec<u8>; 2]> = cookies
            .iter()
            .map(|(name, value)| [name, &b"="[..], value].concat())
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let (mut request, ()) = Request::new(()).into_parts();
        let line = HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok()?;
        request.headers.insert(COOKIE, line);
        Some(request)
    }

    fn has_cookie(&self, name: &[u8]) -> bool {
        let mut sources = self.lanes.iter().flat_map(|lane| &lane.sources);
        sources.any(|source| {
            source
                .place
                .cookie()
                .is_some_and(|cookie| cookie.matches(name))
        })
    }
}

impl Session<'_> {
    /// The key in one of its lanes.
    #[must_use]
    pub fn in_lane(&self, number: LaneNumber) -> Option<SessionKey> {
        let mut lanes = self.lanes();
        lanes.find_map(|(own, key)| (own == number).then_some(key))
    }

    /// Its lanes, with their keys.
    pub fn lanes(&self) -> impl Iterator<Item = (LaneNumber, SessionKey)> {
        let keys = std::iter::once(self.key).chain(self.also.iter().copied());
        self.numbers.iter().copied().zip(keys)
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
