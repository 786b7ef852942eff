//! `admin:`: where operators connect, and what they show.
//!
//! Guarantees: clients do not connect there; whoever connects from another machine has a token; a token is long enough
//! that guessing is hopeless, can be sent, and is never printed. Does not do: bind, ask for it.

use std::fmt;
use std::net::SocketAddr;

use super::defaults;
use super::reader::{Keys, Section, Value};

/// The admin listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Where operators connect; None turns it off.
    pub listen: Option<SocketAddr>,
    /// What they show before they change something and, from another machine, before they read; without one nothing can
    /// be changed.
    pub token: Option<Token>,
}

/// A secret that operators show; cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// `admin`: `{listen, token}`, or `off`. `clients` are the addresses taken already.
pub(super) fn read(top: &Section<'_>, clients: &[SocketAddr]) -> Admin {
    let default: SocketAddr = defaults::ADMIN_LISTEN
        .parse()
        .expect("the default is an address");
    let mut admin = Admin {
        listen: Some(default),
        token: None,
    };
    let Some(value) = top.get("admin") else {
        return admin;
    };
    if is_off(&value) {
        return Admin::default();
    }
    let Some(section) = value.section(&ADMIN) else {
        return admin;
    };
    admin.token = section.read("token", token);
    let Some(listen) = section.get("listen") else {
        return admin;
    };
    if is_off(&listen) {
        return Admin::default();
    }
    let Some(address) = listen.address() else {
        return admin;
    };
    if let Some(taken) = clients.iter().find(|client| overlaps(**client, address)) {
        listen.refuse::<()>(
            format!("clients connect to {taken} already"),
            "give operators another port",
        );
    }
    if !address.ip().to_canonical().is_loopback() && admin.token.is_none() {
        listen.refuse::<()>(
            "other machines reach this address, and there is no admin.token: anybody could read who does what",
            "add token: \"${ONELANE_ADMIN_TOKEN}\" beside it, or listen on 127.0.0.1:9180",
        );
    }
    admin.listen = Some(address);
    admin
}

/// Whether a section is written off.
pub(super) fn is_off(value: &Value<'_>) -> bool {
    value.is_word("off") || value.is_word("false")
}

/// A token; empty is none, so that `${ONELANE_ADMIN_TOKEN:-}` may stand in every file.
fn token(value: &Value<'_>) -> Option<Token> {
    let text = value.text()?;
    if text.is_empty() {
        return None;
    }
    // RFC 6750 2.1: what may follow `Bearer`.
    let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if !text.bytes().all(is_known) {
        return value.refuse(
            "this cannot be sent as a token",
            "use letters, digits and - . _ ~ + / = only, such as openssl rand -hex 32 gives",
        );
    }
    if text.len() < defaults::SHORTEST_TOKEN {
        return value.refuse(
            "this is short enough to be guessed",
            "use 16 characters at least, such as openssl rand -hex 32 gives",
        );
    }
    Some(Token(text.into()))
}

/// Whether the same port of the same interface is meant.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

pub(super) const ADMIN: Keys = Keys {
    known: &["listen", "token"],
    refused: &[],
};
