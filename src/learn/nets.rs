//! Phones as blocks of addresses: a /24 where four or more phones and nothing else live, else each for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// A block, and the phones in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// As it is written in a profile.
    pub text: String,
    /// The phones.
    pub hosts: Vec<IpAddr>,
}

/// The blocks that hold `phones` and none of `others`.
pub fn blocks(phones: &BTreeSet<IpAddr>, others: &BTreeSet<IpAddr>) -> Vec<Block> {
    let taken: BTreeSet<[u8; 3]> = others.iter().filter_map(|addr| private24(*addr)).collect();
    let mut nets: BTreeMap<[u8; 3], Vec<IpAddr>> = BTreeMap::new();
    for addr in phones {
        if let Some(net) = private24(*addr) {
            nets.entry(net).or_default().push(*addr);
        }
    }
    nets.retain(|net, hosts| hosts.len() >= MANY && !taken.contains(net));
    let wide = nets.iter().map(|(net, hosts)| {
        let base = Ipv4Addr::new(net[0], net[1], net[2], 0);
        Block { text: format!("{base}/24"), hosts: hosts.clone() }
    });
    let alone = phones.iter().filter(|addr| !private24(**addr).is_some_and(|net| nets.contains_key(&net)));
    let single = alone.map(|addr| {
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        Block { text: format!("{addr}/{bits}"), hosts: vec![*addr] }
    });
    let mut blocks: Vec<Block> = wide.chain(single).collect();
    blocks.sort_by_key(|block| block.hosts.first().copied());
    blocks
}

/// The /24 of a private address.
fn private24(addr: IpAddr) -> Option<[u8; 3]> {
    match addr {
        IpAddr::V4(addr) if addr.is_private() => {
            let [a, b, c, _] = addr.octets();
            Some([a, b, c])
        }
        _ => None,
    }
}

/// So many phones make a block.
const MANY: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn told(phones: &[&str], others: &[&str]) -> Vec<String> {
        blocks(&addrs(phones), &addrs(others)).into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn four_phones_with_a_net_of_their_own_are_a_block() {
        let four = ["192.168.20.1", "192.168.20.2", "192.168.20.3", "192.168.20.4"];
        assert_eq!(told(&four, &["192.168.10.5"]), ["192.168.20.0/24"]);
        assert_eq!(told(&four, &["192.168.20.254"]).len(), 4, "another host lives there");
        assert_eq!(told(&four[..3], &[]).len(), 3);
    }

    #[test]
    fn public_and_ipv6_phones_stand_for_themselves() {
        assert_eq!(told(&["198.51.100.7", "2001:db8::7"], &[]), ["198.51.100.7/32", "2001:db8::7/128"]);
    }
}
