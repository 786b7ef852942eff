//! Who calls: from the socket's other end, and what trusted proxies say of it, to the client's address.
//!
//! Guarantees: an IPv4-mapped IPv6 address and its IPv4 form are one client; IPv6 clients are counted by prefix; what
//! a peer says that is no trusted proxy is never believed. Does not do: read sockets; `server` reads PROXY headers.

mod forwarded;
mod networks;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

pub use forwarded::{Resolved, Via};
pub use networks::Networks;

/// The other end of an accepted socket: a client, or a proxy in front of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr {
    address: SocketAddr,
    known: Known,
}

/// How a peer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// By its socket.
    BySocket,
    /// By the PROXY header of a trusted proxy.
    ByProxy,
}

impl PeerAddr {
    /// Wraps the address that `accept` returned.
    pub fn new(address: SocketAddr) -> Self {
        let known = Known::BySocket;
        Self { address, known }
    }

    /// Wraps the address that the PROXY header of a trusted proxy named.
    pub fn named(address: SocketAddr) -> Self {
        let known = Known::ByProxy;
        Self { address, known }
    }

    /// The client this peer is when it speaks for itself.
    pub fn client(self) -> ClientIp {
        ClientIp::new(self.address.ip())
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
    /// What a client with this address is counted as.
    pub fn network_of(&self, address: IpAddr) -> ClientNetwork {
        self.network(ClientIp::new(address))
    }

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

    /// The address itself.
    pub fn address(self) -> IpAddr {
        self.0
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
    /// The first address of the network, which it is known by.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }

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
mod tests;
