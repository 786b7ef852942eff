//! `listen:` and `admin:`: where clients and operators connect.
//!
//! Guarantees: no address is there twice, also not for clients and operators.
//! Does not do: bind.

use std::net::SocketAddr;

use super::reader::{Keys, NOT_IN_THIS_VERSION, Refused, Section, Value};
use super::{Admin, defaults};

/// `listen`: an address, or a list of addresses and of `{address}`.
pub(super) fn clients(top: &Section<'_>) -> Vec<SocketAddr> {
    let Some(listen) = top.get("listen") else {
        return vec![defaults::LISTEN.parse().expect("the default is an address")];
    };
    let values = listen.one_or_more();
    if values.is_empty() {
        listen.refuse::<()>(
            "an empty list: nobody could connect",
            "give at least one address",
        );
    }
    let mut addresses = Vec::with_capacity(values.len());
    for value in values {
        let Some(address) = listener(&value) else {
            continue;
        };
        if address.port() != 0 && addresses.contains(&address) {
            value.refuse::<()>("this address is there twice", "remove one of them");
        }
        addresses.push(address);
    }
    addresses
}

fn listener(value: &Value<'_>) -> Option<SocketAddr> {
    if !value.is_section() {
        return value.address();
    }
    let section = value.section(&LISTENER)?;
    match section.get("address") {
        Some(address) => address.address(),
        None => value.refuse("address is missing", "write address: 0.0.0.0:8080"),
    }
}

/// `admin`: `{listen}`, or `off`. `clients` are the addresses taken already.
pub(super) fn operators(top: &Section<'_>, clients: &[SocketAddr]) -> Admin {
    let default = Admin {
        listen: Some(
            defaults::ADMIN_LISTEN
                .parse()
                .expect("the default is an address"),
        ),
    };
    let Some(admin) = top.get("admin") else {
        return default;
    };
    if admin.is_word("off") || admin.is_word("false") {
        return Admin { listen: None };
    }
    let Some(listen) = admin
        .section(&ADMIN)
        .and_then(|section| section.get("listen"))
    else {
        return default;
    };
    if listen.is_word("off") || listen.is_word("false") {
        return Admin { listen: None };
    }
    let Some(address) = listen.address() else {
        return default;
    };
    if let Some(taken) = clients.iter().find(|client| overlaps(**client, address)) {
        listen.refuse::<()>(
            format!("clients connect to {taken} already"),
            "give operators another port",
        );
    }
    if !address.ip().to_canonical().is_loopback() {
        listen.warn("anybody who reaches this address sees the metrics; keep it on loopback, or behind a firewall");
    }
    Admin {
        listen: Some(address),
    }
}

/// Whether the same port of the same interface is meant.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

impl Value<'_> {
    /// Refuses a value that a later version will take.
    pub(super) fn refuse_later<T>(&self, what: &str, instead: &str) -> Option<T> {
        self.refuse(format!("{what} is {NOT_IN_THIS_VERSION}"), instead)
    }
}

const LISTENER: Keys = Keys {
    known: &["address"],
    refused: &[
        Refused::later("tls", "remove it, and end TLS in front of Onelane"),
        Refused::later(
            "proxy_protocol",
            "remove it, and turn the PROXY protocol off in the balancer",
        ),
        Refused::later("http2", "remove it; HTTP/1.1 is spoken"),
        Refused::later("ready_path", "remove it; the admin listener has /readyz"),
    ],
};

const ADMIN: Keys = Keys {
    known: &["listen"],
    refused: &[Refused::later(
        "token",
        "remove it; nothing that needs it is there yet",
    )],
};
