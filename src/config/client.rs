//! `client:`: who clients are, whose word is taken for it, and whom it concerns.
//!
//! Guarantees: each network is one, and what is trusted is trusted on purpose.
//! Does not do: limits; a rule of `throttle` has those.

use std::net::IpAddr;

use ipnet::IpNet;

use super::defaults;
use super::reader::{Keys, Section, Value};
use crate::client::{ForwardingHeader, Ipv6Prefix, Networks, Settings};

/// `client`.
pub(super) fn read(top: &Section<'_>) -> Settings {
    let default = Settings {
        trusted_proxies: Networks::default(),
        header: defaults::FORWARDING_HEADER,
        ipv6_prefix: Ipv6Prefix::new(defaults::IPV6_PREFIX).expect("the default is within 128"),
        allow: Networks::default(),
        deny: Networks::default(),
    };
    let Some(section) = top.read("client", |value| value.section(&CLIENT)) else {
        return default;
    };
    let list = |key| {
        section
            .get(key)
            .map_or_else(Networks::default, |list| networks(&list))
    };
    if let Some(trusted) = section.get("trusted_proxies") {
        warn_of_everybody(&trusted);
    }
    Settings {
        trusted_proxies: list("trusted_proxies"),
        header: section
            .read("header", |value| value.choice(HEADERS))
            .unwrap_or(default.header),
        ipv6_prefix: section
            .read("ipv6_prefix", |value| value.whole(1..=Ipv6Prefix::MAX))
            .and_then(Ipv6Prefix::new)
            .unwrap_or(default.ipv6_prefix),
        allow: list("allow"),
        deny: list("deny"),
    }
}

/// A list of networks, or one.
fn networks(list: &Value<'_>) -> Networks {
    list.one_or_more().iter().filter_map(network).collect()
}

/// A CIDR, or an address.
fn network(value: &Value<'_>) -> Option<IpNet> {
    let text = value.some_text()?;
    let Some(network) = parsed(text) else {
        return value.refuse("neither a network nor an address", suggestion(text));
    };
    if network.addr() != network.network() {
        value.warn(format!(
            "the network is {}: the bits behind its prefix count for nothing",
            network.trunc()
        ));
    }
    Some(network)
}

fn parsed(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address)
}

fn suggestion(text: &str) -> String {
    let host = text.trim_matches(['[', ']']);
    if let Some((address, mask)) = text.split_once('/')
        && let (Ok(address), Ok(mask)) = (address.parse(), mask.parse())
        && let Ok(network) = IpNet::with_netmask(address, mask)
    {
        return format!("write {}", network.trunc());
    }
    if text == "localhost" {
        return "names are not looked up here; write 127.0.0.0/8 and ::1".to_owned();
    }
    if host.parse::<IpAddr>().is_ok() {
        return format!("write {host}");
    }
    "write one such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32".to_owned()
}

/// Whoever trusts all networks lets every client choose its own address.
fn warn_of_everybody(trusted: &Value<'_>) {
    for value in trusted.one_or_more() {
        let text = value.is_word("0.0.0.0/0") || value.is_word("::/0");
        if text {
            value.warn("everybody is a trusted proxy: any client can claim any address; name your balancers alone");
        }
    }
}

pub(super) const HEADERS: &[(&str, ForwardingHeader)] = &[
    ("x-forwarded-for", ForwardingHeader::XForwardedFor),
    ("forwarded", ForwardingHeader::Forwarded),
    ("x-real-ip", ForwardingHeader::XRealIp),
];

pub(super) const CLIENT: Keys = Keys {
    known: &["trusted_proxies", "header", "ipv6_prefix", "allow", "deny"],
    refused: &[],
};
