//! From a request to its session's key.
//!
//! Guarantees: an id leaves this module only as a keyed digest ([`SessionKey`]); what does not match its pattern is no
//! session, reported with the reason and never with the value; no input makes it panic, and a request without
//! transforms costs no allocation.
//! Does not do: know whether a session exists in the application; keep anything between requests, also not the ids that
//! responses set.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use http::request::Parts;
use smallvec::{SmallVec, smallvec};

mod cookie;
mod cookieless;
mod hiding;
mod issued;
mod lanes;
mod mask;
mod newcomer;
pub mod path;
mod preset;
pub(crate) mod query;
mod rekeying;
mod scope;
mod seal;
mod source;

use lanes::LaneSources;

pub use cookie::{CookieName, Spelling, without_cookie, without_set_cookie};
pub use issued::{Issued, Scoped};
pub use lanes::{LaneName, LaneNumber, MOST_LANES};
pub use mask::mask_path;
pub use path::{PathCase, Unsafe};
pub use preset::{OwnCookie, Preset};
pub use rekeying::Rekeyed;
pub(crate) use scope::host_of;
pub use scope::{HostScope, Scope};
pub use source::{
    DEFAULT_MAX_LENGTH, Duplicates, IdPattern, OddReason, OldId, Pair, Place, Source, Transform,
};

/// A session, as a keyed digest of its id; the id itself never leaves this module.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 16]);

/// The rules of the session key (`session:` in the configuration), validated.
#[derive(Clone)]
pub struct Settings {
    /// Where ids are looked for, in order; of each lane the first source with a valid id wins. Empty: no request has a
    /// session.
    pub sources: Vec<Source>,
    /// What else belongs to the key.
    pub scope: Scope,
    /// What the digest is keyed with; None draws one for the life of the process, so that keys mean nothing elsewhere.
    pub secret: Option<String>,
}

/// The rules of the session key, compiled.
#[derive(Debug)]
pub struct Sessions {
    lanes: Vec<LaneSources>,
    scope: Scope,
    secret: Secret,
    /// Where the secret is from.
    origin: SecretOrigin,
    /// Of the keys of those without a session.
    clients: Secret,
    /// Of what [`Sessions::seal`] gives away.
    seals: Secret,
}

/// What a request says about its session.
#[derive(Clone, Debug)]
pub enum Found<'s> {
    /// It belongs to this one.
    Session(Session<'s>),
    /// It carries a session cookie or id, but none that an application would accept.
    Odd(Odd<'s>),
    /// It carries none.
    None,
}

/// The session of a request.
#[derive(Clone, Debug)]
pub struct Session<'s> {
    /// Which lane it has: the first that has an id in the request.
    pub key: SessionKey,
    /// Its further lanes, if any (Sitecore's shared session); all or none are taken. No key is there twice.
    pub also: SmallVec<[SessionKey; 1]>,
    /// The numbers of these lanes in the configuration: that of `key`, then those of `also`.
    pub numbers: SmallVec<[LaneNumber; 2]>,
    /// The cookie that carried the id of `key`; None when it came from the URL or a header.
    pub cookie: Option<&'s Arc<CookieName>>,
}

/// A session cookie or id that is present but is no session: it would silently mean no lane.
#[derive(Clone, Copy, Debug)]
pub struct Odd<'s> {
    /// The label of its source.
    pub source: &'s Arc<str>,
    /// What is wrong with it.
    pub reason: OddReason,
}

/// The key of the digest; cannot be printed.
#[derive(Clone, PartialEq, Eq)]
struct Secret([u8; 32]);

/// Where the secret is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecretOrigin {
    /// The operator gave it.
    Configured,
    /// It was drawn.
    Drawn,
}

impl SessionKey {
    /// The digest: means nothing without the secret, and is the same in each process that has it.
    #[must_use]
    pub fn digest(&self) -> &[u8; 16] {
        &self.0
    }

    /// What it is shown as: six hex digits, in ASCII.
    #[must_use]
    pub fn hex(&self) -> [u8; 6] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let [a, b, c, ..] = self.0;
        let high = |byte: u8| DIGITS[usize::from(byte >> 4)];
        let low = |byte: u8| DIGITS[usize::from(byte & 15)];
        [high(a), low(a), high(b), low(b), high(c), low(c)]
    }

    /// The key that has this digest.
    #[must_use]
    pub fn of_digest(digest: [u8; 16]) -> Self {
        Self(digest)
    }

    /// A key without a session behind it.
    #[cfg(test)]
    pub(crate) fn for_test(n: u64) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&n.to_le_bytes());
        key[8..].copy_from_slice(&n.to_le_bytes());
        Self(key)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

impl fmt::Display for SessionKey {
    /// Six hex digits: enough to tell sessions apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Settings {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("sources", &self.sources)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Compiles the rules; an empty secret counts as none.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let secret = settings.secret.filter(|secret| !secret.is_empty());
        let (secret, origin) = match secret {
            Some(secret) => (Secret::derive(secret.as_bytes()), SecretOrigin::Configured),
            None => (Secret::random(), SecretOrigin::Drawn),
        };
        Self {
            lanes: lanes::by_lane(settings.sources),
            scope: settings.scope,
            clients: secret.derived("onelane 2026-11-21 client key"),
            seals: secret.derived("onelane 2026-11-21 seal"),
            secret,
            origin,
        }
    }

    /// The session a request belongs to, and its lanes. In each lane the first source with a valid id wins; a source whose
    /// id is not valid is reported only when no lane has an id.
    #[must_use]
    pub fn find(&self, request: &Parts) -> Found<'_> {
        let mut found = Found::None;
        for lane in &self.lanes {
            found = match (found, self.in_lane(lane, request)) {
                (Found::Session(mut session), Found::Session(further)) => {
                    session.also.push(further.key);
                    session.numbers.extend(further.numbers);
                    Found::Session(session)
                }
                (session @ Found::Session(_), _) | (_, session @ Found::Session(_)) => session,
                (odd @ Found::Odd(_), _) => odd,
                (Found::None, other) => other,
            };
        }
        found
    }

    /// What a request says about each lane by itself, for `onelane explain`.
    pub fn find_by_lane<'s>(
        &'s self,
        request: &Parts,
    ) -> impl Iterator<Item = (&'s LaneName, Found<'s>)> {
        self.lanes
            .iter()
            .map(|lane| (&lane.name, self.in_lane(lane, request)))
    }

    /// What a request says about one lane.
    fn in_lane<'s>(&self, lane: &'s LaneSources, request: &Parts) -> Found<'s> {
        let mut odd = None;
        for source in &lane.sources {
            match source.find(request) {
                Some(Ok(id)) => {
                    return Found::Session(Session {
                        key: self.key(&id, &lane.name, request),
                        also: SmallVec::new(),
                        numbers: smallvec![lane.number],
                        cookie: source.place.cookie(),
                    });
                }
                Some(Err(reason)) => {
                    odd = odd.or(Some(Odd {
                        source: &source.label,
                        reason,
                    }))
                }
                None => {}
            }
        }
        odd.map_or(Found::None, Found::Odd)
    }

    /// The digest of an id in its lane and scope. The source is not part of it: ASP.NET's cookie and its URL segment with
    /// one id are one session. Two lanes have two keys also where their ids are the same text.
    fn key(&self, id: &[u8], lane: &LaneName, request: &Parts) -> SessionKey {
        self.digest(id, lane, |add| self.scope.add_to(add, request))
    }

    /// The digest of an id in its lane, and of what `scope` adds.
    fn digest(
        &self,
        id: &[u8],
        lane: &LaneName,
        scope: impl FnOnce(&mut dyn FnMut(&[u8])),
    ) -> SessionKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret.0);
        hasher.update(&(id.len() as u64).to_le_bytes()).update(id);
        if !lane.is_session() {
            let name = lane.as_str();
            hasher
                .update(b"lane")
                .update(&(name.len() as u64).to_le_bytes())
                .update(name.as_bytes());
        }
        scope(&mut |part| {
            hasher.update(part);
        });
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        SessionKey(key)
    }
}

impl Secret {
    fn derive(from: &[u8]) -> Self {
        Self(blake3::derive_key("onelane 2026-11-21 session key", from))
    }

    /// Another secret, from which this one cannot be learned, for the purpose that `context` names.
    fn derived(&self, context: &'static str) -> Self {
        Self(blake3::derive_key(context, &self.0))
    }

    /// From the operating system's randomness, by way of the keys that std draws for its hash tables (128 bits).
    fn random() -> Self {
        let seed: Vec<u8> = (0_u8..4)
            .flat_map(|n| {
                let mut hasher = RandomState::new().build_hasher();
                hasher.write_u8(n);
                hasher.finish().to_le_bytes()
            })
            .collect();
        Self::derive(&seed)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests;
