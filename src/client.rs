//! Who calls: from the socket's other end to the client's address.
//!
//! Guarantees: an IPv4-mapped IPv6 address and its IPv4 form are one client; IPv6 clients are counted by prefix.
//! Does not do (yet): forwarding headers and PROXY protocol; the client is the peer.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// The other end of an accepted socket: a client, or a proxy in front of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(SocketAddr);

impl PeerAddr {
    /// Wraps the address that `accept` returned.
    pub fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The client this peer speaks for: itself.
    pub fn client(self) -> ClientIp {
        ClientIp(self.0.ip().to_canonical())
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

/// The address of the client, canonical (an IPv4-mapped IPv6 address is its IPv4 address).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The network that limits are counted by: an IPv4 address itself, an IPv6 address by its /64, since one
    /// subscriber commonly owns that many addresses.
    pub fn network(self) -> ClientNetwork {
        ClientNetwork(match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one client is counted as; made by [`ClientIp::network`].
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
    }

    #[test]
    fn ipv6_clients_are_counted_by_their_64() {
        assert_eq!(
            client("[2001:db8::1]:1").network(),
            client("[2001:db8::ffff]:2").network()
        );
        assert_ne!(
            client("[2001:db8:0:1::1]:1").network(),
            client("[2001:db8::1]:2").network()
        );
        assert_ne!(
            client("192.0.2.1:1").network(),
            client("192.0.2.2:1").network()
        );
    }
}
