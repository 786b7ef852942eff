//! `listen:`: where clients connect.
//!
//! Guarantees: no address is there twice; certificates can be served.
//! Does not do: bind.

use std::net::SocketAddr;

use super::reader::{Keys, NOT_IN_THIS_VERSION, Refused, Section, Value};
use super::{Beside, Http2, Listener, certificates, defaults};
use crate::client::{ProxyProtocol, Settings};

/// `listen`: an address, or a list of addresses and of `{address, …}`.
pub(super) fn clients(top: &Section<'_>, beside: Beside<'_>) -> Vec<Listener> {
    let Some(listen) = top.get("listen") else {
        let address = defaults::LISTEN.parse().expect("the default is an address");
        return vec![plain(address)];
    };
    let values = listen.one_or_more();
    if values.is_empty() {
        listen.refuse::<()>(
            "an empty list: nobody could connect",
            "give at least one address",
        );
    }
    let mut listeners: Vec<Listener> = Vec::with_capacity(values.len());
    for value in values {
        let Some(listener) = listener(&value, beside) else {
            continue;
        };
        let address = listener.address;
        if address.port() != 0 && listeners.iter().any(|other| other.address == address) {
            value.refuse::<()>("this address is there twice", "remove one of them");
        }
        listeners.push(listener);
    }
    listeners
}

/// Warns where PROXY headers are taken, and nobody may send them.
pub(super) fn warn_of_strangers(top: &Section<'_>, listeners: &[Listener], client: &Settings) {
    let mut modes = listeners.iter().map(|listener| listener.proxy_protocol);
    if client.trusted_proxies.is_empty()
        && modes.any(|mode| mode != ProxyProtocol::Off)
        && let Some(listen) = top.get("listen")
    {
        listen.warn(
            "proxy_protocol is on, and client.trusted_proxies names nobody: every connection with a PROXY header is closed",
        );
    }
}

fn listener(value: &Value<'_>, beside: Beside<'_>) -> Option<Listener> {
    if !value.is_section() {
        return value.address().map(plain);
    }
    let section = value.section(&LISTENER)?;
    let address = match section.get("address") {
        Some(address) => address.address(),
        None => value.refuse("address is missing", "write address: 0.0.0.0:8080"),
    };
    let tls = section.read("tls", |tls| certificates::read(tls, beside));
    let proxy_protocol = section.read("proxy_protocol", |value| value.choice(PROXY_PROTOCOL));
    let usual = tls.is_some(); // browsers speak HTTP/2 over TLS only
    let http2 = if section.read("http2", Value::truth).unwrap_or(usual) {
        Http2::On
    } else {
        Http2::Off
    };
    Some(Listener {
        tls,
        proxy_protocol: proxy_protocol.unwrap_or(defaults::PROXY_PROTOCOL),
        http2,
        ..plain(address?)
    })
}

/// What an address alone stands for.
fn plain(address: SocketAddr) -> Listener {
    Listener {
        address,
        tls: None,
        proxy_protocol: defaults::PROXY_PROTOCOL,
        http2: Http2::Off,
    }
}

impl Value<'_> {
    /// Refuses a value that a later version will take.
    pub(super) fn refuse_later<T>(&self, what: &str, instead: &str) -> Option<T> {
        self.refuse(format!("{what} is {NOT_IN_THIS_VERSION}"), instead)
    }
}

const LISTENER: Keys = Keys {
    known: &["address", "tls", "proxy_protocol", "http2"],
    refused: &[Refused::later(
        "ready_path",
        "remove it; the admin listener has /readyz",
    )],
};

const PROXY_PROTOCOL: &[(&str, ProxyProtocol)] = &[
    ("off", ProxyProtocol::Off),
    ("accept", ProxyProtocol::Accept),
    ("require", ProxyProtocol::Require),
];
