//! Who calls: from the socket's other end, and what trusted proxies say of it, to the client's address.
//!
//! Guarantees: an IPv4-mapped IPv6 address and its IPv4 form are one client; IPv6 clients are counted by prefix; what
//! a peer says that is no trusted proxy is never believed. Does not do: read sockets; `server` reads PROXY headers.

mod networks;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

pub use networks::Networks;

/// The other end of an accepted socket: a client, or a proxy in front of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(SocketAddr);

impl PeerAddr {
    /// Wraps the address that `accept` returned, or that a PROXY header gave.
    pub fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The client this peer is when it speaks for itself.
    pub fn client(self) -> ClientIp {
        ClientIp::new(self.0.ip())
    }
}

/// How the client reached us, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS, ended here.
    Https,
}

/// Who clients are, and whose word is taken for it (`client:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Proxies in front of us, whose forwarding headers and PROXY headers are believed.
    pub trusted_proxies: Networks,
    /// Where they say who the client is.
    pub header: ForwardingHeader,
    /// What one client on IPv6 is counted as.
    pub ipv6_prefix: Ipv6Prefix,
    /// Clients that neither `deny` nor the throttle concerns.
    pub allow: Networks,
    /// Clients that are refused.
    pub deny: Networks,
}

/// Where trusted proxies say who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Real-IP`, which holds one address.
    XRealIp,
}

/// Whether a listener's connections begin with a PROXY header (HAProxy's PROXY protocol, versions 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// They do not.
    Off,
    /// Those of trusted proxies may.
    Accept,
    /// All do, and all come from trusted proxies.
    Require,
}

/// The address of the client, canonical (an IPv4-mapped IPv6 address is its IPv4 address).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

/// Length of the prefix that IPv6 clients are counted by, 1 to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Prefix(u8);

impl Settings {
    /// What `client` is counted as.
    pub fn network(&self, client: ClientIp) -> ClientNetwork {
        client.network(self.ipv6_prefix)
    }
}

impl Ipv6Prefix {
    /// The longest: each address is a client of its own.
    pub const MAX: usize = 128;

    /// A prefix of so many bits; None when there are none, or more than an address has.
    pub fn new(bits: usize) -> Option<Self> {
        let bits = u8::try_from(bits).ok()?;
        (1..=Self::MAX)
            .contains(&usize::from(bits))
            .then_some(Self(bits))
    }
}

impl ClientIp {
    fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The network that limits are counted by: an IPv4 address itself, an IPv6 address by its prefix, since one
    /// subscriber commonly owns many of them.
    pub fn network(self, ipv6: Ipv6Prefix) -> ClientNetwork {
        let bits = match self.0 {
            IpAddr::V4(_) => return ClientNetwork(self.0),
            IpAddr::V6(_) => ipv6.0,
        };
        ClientNetwork(IpNet::new_assert(self.0, bits).network())
    }

    /// The network that holds this address alone, as the configuration writes it.
    pub fn cidr(self) -> impl fmt::Display {
        IpNet::from(self.0)
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one client is counted as; made by [`Settings::network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The block that it probably was handed out in: IPv6 /32, the least that a provider gets, IPv4 /16.
    #[must_use]
    pub fn neighbourhood(self) -> Self {
        let bits = match self.0 {
            IpAddr::V4(_) => 16,
            IpAddr::V6(_) => 32,
        };
        Self(IpNet::new_assert(self.0, bits).network())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientIp {
        PeerAddr::new(address.parse().unwrap()).client()
    }

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_client() {
        assert_eq!(client("[::ffff:192.0.2.1]:80"), client("192.0.2.1:99"));
        assert_eq!(
            client("[::ffff:192.0.2.1]:80").cidr().to_string(),
            "192.0.2.1/32"
        );
    }

    #[test]
    fn ipv6_clients_are_counted_by_their_prefix_and_ipv4_clients_by_themselves() {
        let same = |a: &str, b: &str, bits| {
            let prefix = Ipv6Prefix::new(bits).unwrap();
            client(a).network(prefix) == client(b).network(prefix)
        };
        assert!(same("[2001:db8::1]:1", "[2001:db8::ffff]:2", 64));
        assert!(!same("[2001:db8:0:1::1]:1", "[2001:db8::1]:2", 64));
        assert!(same("[2001:db8:0:1::1]:1", "[2001:db8::1]:2", 48));
        assert!(!same("[2001:db8::1]:1", "[2001:db8::2]:1", 128));
        assert!(!same("192.0.2.1:1", "192.0.2.2:1", 1));
    }

    #[test]
    fn neighbours_are_of_one_provider() {
        let neighbours = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|address| client(address).network(Ipv6Prefix(64)));
            a.neighbourhood() == b.neighbourhood()
        };
        assert!(neighbours("[2001:db8:1::1]:1", "[2001:db8:ffff::1]:1"));
        assert!(!neighbours("[2001:db8::1]:1", "[2001:db9::1]:1"));
        assert!(neighbours("192.0.2.1:1", "192.0.255.1:1"));
        assert!(!neighbours("192.0.2.1:1", "192.1.2.1:1"));
    }

    #[test]
    fn a_prefix_has_1_to_128_bits() {
        for (bits, valid) in [
            (0, false),
            (1, true),
            (128, true),
            (129, false),
            (256, false),
        ] {
            assert_eq!(Ipv6Prefix::new(bits).is_some(), valid, "{bits}");
        }
    }
}
