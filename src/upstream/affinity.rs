//! Affinity: how a client's cookie names the node that has its session.
//!
//! Guarantees: what a client sends is compared with what was given out, and never used as a name, an index or an address;
//! Onelane's own cookie shows nothing of the nodes' names. What is learned from nodes is bounded.
//! Does not do: know sessions; decide whether the named node is fit.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};

/// How a request with a session finds the node that has it (`affinity:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// Not at all: each request goes to any node.
    Off,
    /// By a cookie of this name that Onelane sets.
    Own {
        /// A cookie name (RFC 6265).
        cookie: String,
    },
    /// By a cookie of this name that the nodes set, each its own value for all clients, as IIS's ARR does.
    Learned {
        /// A cookie name (RFC 6265).
        cookie: String,
    },
}

/// A node's name as clients see it, and as sessions are hashed onto nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

/// How the client reached us; decides whether its cookie may go over clear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// In clear text.
    Clear,
    /// By TLS.
    Secure,
}

/// Which values of a cookie the nodes have set, and which of them did.
#[derive(Debug, Default)]
pub(super) struct Learned(ArcSwap<HashMap<Box<[u8]>, usize>>);

/// What became of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lesson {
    /// There are more values than nodes could have: they name users.
    Declined,
    /// It is remembered.
    Taken,
}

impl Tag {
    /// The tag of the node `name`, keyed by `secret`. Without a secret `place`, where the node listens, has to do: it
    /// outlives a restart, which a random key would not, and with it the sessions of all clients.
    #[must_use]
    pub fn new(secret: Option<&str>, name: &str, place: &str) -> Self {
        let key = blake3::derive_key(
            "onelane 2026-11-21 affinity cookie",
            secret.unwrap_or(place).as_bytes(),
        );
        let digest = blake3::keyed_hash(&key, name.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..TAG_BYTES]))
    }

    /// How much this node is the one for a session: of all nodes, the one with the highest weight is.
    pub(super) fn weight(&self, session: &[u8; 16]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(session).update(self.0.as_bytes());
        let mut weight = [0; 8];
        hasher.finalize_xof().fill(&mut weight);
        u64::from_le_bytes(weight)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The line that gives the cookie `name` this tag. It ends with the browser, as sessions do.
    pub(super) fn set_cookie(&self, name: &str, crossing: Crossing) -> Option<HeaderValue> {
        let secure = match crossing {
            Crossing::Clear => "",
            Crossing::Secure => "; Secure",
        };
        let line = format!("{name}={self}; Path=/; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(line).ok()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Learned {
    /// The node that has set this value.
    pub(super) fn node_of(&self, value: &[u8]) -> Option<usize> {
        self.0.load().get(value).copied()
    }

    /// Remembers that `node` has set this value.
    pub(super) fn learn(&self, value: &[u8], node: usize) -> Lesson {
        let known = self.0.load();
        if known.get(value) == Some(&node) {
            return Lesson::Taken;
        }
        if value.is_empty() || value.len() > LONGEST_VALUE {
            return Lesson::Taken; // it empties the cookie, or names no node
        }
        if known.len() >= MOST_VALUES && !known.contains_key(value) {
            return Lesson::Declined;
        }
        self.0.rcu(|known| {
            let mut more = HashMap::clone(known);
            more.insert(value.into(), node);
            Arc::new(more)
        });
        Lesson::Taken
    }
}

/// The values of the cookie `name` in a request, in its order; over several lines too. Names are compared byte for byte,
/// as browsers do.
pub(super) fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(move |pair| value_of(pair, name))
}

/// The value that a response gives the cookie `name`; the last line that does decides, as in a browser.
pub(super) fn set_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let lines = headers.get_all(SET_COOKIE).iter();
    let pairs = lines.filter_map(|line| line.as_bytes().split(|byte| *byte == b';').next());
    pairs.filter_map(|pair| value_of(pair, name)).next_back()
}

fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (own, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
    (own == name.as_bytes()).then_some(value)
}

/// 96 bits: nobody finds a name's tag by trying, and the cookie stays short.
const TAG_BYTES: usize = 12;
/// ARR's are 64 hex digits.
const LONGEST_VALUE: usize = 256;
/// Several for each of the most nodes; a cookie with more has a value for each user.
const MOST_VALUES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &http::HeaderName, lines: &[&str]) -> HeaderMap {
        let line = |line: &&str| (name.clone(), line.parse().unwrap());
        lines.iter().map(line).collect()
    }

    fn found(lines: &[&str]) -> Vec<String> {
        values(&headers(&COOKIE, lines), "node")
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    #[test]
    fn a_tag_is_that_of_its_name_and_secret_and_shows_neither() {
        let tag = |secret, name| Tag::new(secret, name, "http://10.0.0.1").to_string();
        assert_eq!(
            tag(Some("s"), "a"),
            tag(Some("s"), "a"),
            "after a restart too"
        );
        assert_ne!(tag(Some("s"), "a"), tag(Some("s"), "b"));
        assert_ne!(tag(Some("s"), "a"), tag(Some("t"), "a"));
        assert_ne!(tag(None, "a"), tag(Some("s"), "a"));
        assert_eq!(tag(None, "a"), tag(None, "a"));
        assert_ne!(
            tag(None, "a"),
            Tag::new(None, "a", "http://10.0.0.2").to_string()
        );
        let tag = tag(Some("s"), "a");
        assert_eq!(tag.len(), 16);
        assert!(
            tag.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }

    #[test]
    fn the_cookie_is_for_the_whole_site_and_for_no_script() {
        let tag = Tag::new(None, "a", "");
        let line = |crossing| tag.set_cookie("node", crossing).unwrap();
        assert_eq!(
            line(Crossing::Clear),
            format!("node={tag}; Path=/; HttpOnly; SameSite=Lax").as_str()
        );
        assert_eq!(
            line(Crossing::Secure),
            format!("node={tag}; Path=/; HttpOnly; SameSite=Lax; Secure").as_str()
        );
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands() {
        assert_eq!(found(&["node=x"]), ["x"]);
        assert_eq!(found(&["a=1; node=x;b=2"]), ["x"]);
        assert_eq!(
            found(&["a=1", "node=x; node=y", "node = z"]),
            ["x", "y", "z"]
        );
        for without in ["", "node", "nodes=x", "Node=x", "a=node=x", "xnode=y"] {
            assert!(found(&[without]).is_empty(), "{without}");
        }
    }

    #[test]
    fn of_what_a_response_sets_the_last_counts() {
        let set = |lines: &[&str]| {
            let headers = headers(&SET_COOKIE, lines);
            set_value(&headers, "node").map(|value| String::from_utf8_lossy(value).into_owned())
        };
        assert_eq!(set(&["node=x; Path=/"]).as_deref(), Some("x"));
        assert_eq!(
            set(&["node=x", "a=node", "node=y;Path=/"]).as_deref(),
            Some("y")
        );
        assert_eq!(
            set(&["a=1; node=x"]),
            None,
            "that is an attribute of another"
        );
    }

    #[test]
    fn what_nodes_set_is_learned_and_a_value_for_each_user_is_not() {
        let learned = Learned::default();
        assert_eq!(learned.node_of(b"v"), None);
        assert_eq!(learned.learn(b"v", 1), Lesson::Taken);
        assert_eq!(learned.learn(b"v", 1), Lesson::Taken);
        assert_eq!(learned.node_of(b"v"), Some(1));
        learned.learn(b"v", 2);
        assert_eq!(learned.node_of(b"v"), Some(2), "the node has moved");
        learned.learn(b"", 1);
        learned.learn(&[b'x'; 257], 1);
        assert_eq!(
            learned.node_of(b""),
            None,
            "a cookie that is removed names nobody"
        );
        assert_eq!(learned.node_of(&[b'x'; 257]), None);
        for user in 0..MOST_VALUES - 1 {
            assert_eq!(
                learned.learn(format!("user {user}").as_bytes(), 1),
                Lesson::Taken
            );
        }
        assert_eq!(learned.learn(b"one more", 1), Lesson::Declined);
        assert_eq!(learned.node_of(b"one more"), None);
        assert_eq!(
            learned.learn(b"v", 3),
            Lesson::Taken,
            "those that are known may move"
        );
    }
}
