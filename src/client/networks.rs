//! A set of networks, asked once or more a request.
//!
//! Guarantees: an IPv4-mapped IPv6 network is its IPv4 network; the answer takes a binary search, however long the list
//! that an operator pastes. Does not do: parse; `config` does.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::ClientIp;

/// A set of networks. `::/0` is all of IPv6 and nothing of IPv4, as `0.0.0.0/0` is all of IPv4. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(
    /// Apart from each other, in the order of their addresses.
    Arc<[IpNet]>,
);

impl Networks {
    /// Whether `client` is in one of the networks.
    pub fn contains(&self, client: ClientIp) -> bool {
        let ClientIp(address) = client;
        let behind = self.0.partition_point(|net| net.network() <= address);
        self.0[..behind]
            .last()
            .is_some_and(|net| net.contains(&address))
    }

    /// Whether no client can be in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut networks = IpNet::aggregate(&networks.into_iter().map(canonical).collect());
        networks.sort_unstable_by_key(IpNet::network);
        Self(networks.into())
    }
}

/// The IPv4 form of an IPv4-mapped network (`::ffff:10.0.0.0/104` is `10.0.0.0/8`).
fn canonical(network: IpNet) -> IpNet {
    let mapped = network.prefix_len().checked_sub(MAPPED);
    match (network.network().to_canonical(), mapped) {
        (IpAddr::V4(address), Some(bits)) if matches!(network, IpNet::V6(_)) => {
            IpNet::V4(Ipv4Net::new_assert(address, bits))
        }
        _ => network.trunc(),
    }
}

/// Bits before the IPv4 address in an IPv4-mapped one (RFC 4291 2.5.5.2).
const MAPPED: u8 = 96;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(list: &[&str]) -> Networks {
        list.iter()
            .map(|net| net.parse::<IpNet>().unwrap())
            .collect()
    }

    fn has(list: &[&str], address: &str) -> bool {
        networks(list).contains(ClientIp::new(address.parse().unwrap()))
    }

    #[test]
    fn nobody_is_in_an_empty_set() {
        assert!(networks(&[]).is_empty());
        assert!(!has(&[], "192.0.2.1"));
    }

    #[test]
    fn a_network_holds_its_first_and_its_last_address() {
        for inside in ["10.1.0.0", "10.1.255.255", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(has(&["10.1.0.0/16"], inside), "{inside}");
        }
        for outside in ["10.0.255.255", "10.2.0.0", "::10.1.2.3", "2001:db8::1"] {
            assert!(!has(&["10.1.0.0/16"], outside), "{outside}");
        }
    }

    #[test]
    fn a_mapped_network_is_its_ipv4_network() {
        assert!(has(&["::ffff:10.0.0.0/104"], "10.9.9.9"));
        assert!(has(&["::ffff:10.0.0.1/128"], "10.0.0.1"));
        assert!(!has(&["::ffff:10.0.0.1/128"], "10.0.0.2"));
    }

    #[test]
    fn all_of_one_family_is_nothing_of_the_other() {
        assert!(has(&["::/0"], "2001:db8::1"));
        assert!(!has(&["::/0"], "10.0.0.1"));
        assert!(has(&["0.0.0.0/0"], "10.0.0.1"));
        assert!(!has(&["0.0.0.0/0"], "2001:db8::1"));
    }

    #[test]
    fn networks_may_overlap_and_come_in_any_order() {
        let list = [
            "10.2.0.0/16",
            "10.0.0.0/8",
            "2001:db8::/32",
            "10.1.0.0/16",
            "10.1.0.0/16",
        ];
        assert!(has(&list, "10.200.0.1"));
        assert!(has(&list, "10.1.0.1"));
        assert!(has(&list, "2001:db8::9"));
        assert!(!has(&list, "11.0.0.0"));
    }

    proptest! {
        #[test]
        fn it_says_what_a_look_at_each_network_says(
            list in prop::collection::vec((0_u32..64, 24_u8..=32), 0..12),
            address in 0_u32..64,
        ) {
            let nets: Vec<IpNet> = list
                .into_iter()
                .map(|(low, bits)| IpNet::new_assert(IpAddr::from((0x0a00_0000 + low).to_be_bytes()), bits))
                .collect();
            let address = IpAddr::from((0x0a00_0000 + address).to_be_bytes());
            let expected = nets.iter().any(|net| net.contains(&address));
            let networks: Networks = nets.into_iter().collect();
            prop_assert_eq!(networks.contains(ClientIp::new(address)), expected);
        }
    }
}
