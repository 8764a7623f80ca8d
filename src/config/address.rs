//! Addresses and blocks of them, and what was meant by those that are none.

use std::net::{IpAddr, Ipv4Addr};

use super::value::Wrong;
use crate::settings::Net;

/// An address or a block of them.
pub(super) fn net(text: &str) -> Result<Net, Wrong> {
    text.parse().map_err(|_| match meant(text) {
        Some(meant) => format!("`{text}` is not an address or a block; write {meant}"),
        None => not_a_net(text),
    })
}

fn not_a_net(text: &str) -> Wrong {
    let most = if text.contains(':') { 128 } else { 32 };
    match text.split_once('/') {
        Some((addr, _)) if addr.parse::<IpAddr>().is_ok() => {
            format!("`{text}` is not a block of addresses; the part after / goes from 0 to {most}")
        }
        _ if text.chars().any(|c| c.is_ascii_alphabetic()) && !text.contains(':') => {
            format!("`{text}` is a name; write its address, as 192.168.20.5, since names aren't looked up")
        }
        _ => format!("`{text}` is not an address; write one as 192.168.20.5, or a block as 192.168.20.0/24"),
    }
}

/// What a netmask, a `*`, a port or leading zeros stand for.
fn meant(text: &str) -> Option<String> {
    if let Some((addr, mask)) = text.split_once('/') {
        let (addr, mask) = (addr.trim().parse::<Ipv4Addr>().ok()?, mask.trim().parse::<Ipv4Addr>().ok()?);
        let bits = u32::from(mask);
        return (bits.count_ones() == bits.leading_ones()).then(|| format!("{addr}/{}", bits.leading_ones()));
    }
    if let Some(stars) = text.find(".*") {
        let (known, stars) = text.split_at(stars);
        let wild = stars.len() / 2;
        let block = format!("{known}{}/{}", ".0".repeat(wild), 32_usize.checked_sub(wild * 8)?);
        return (stars.len() == wild * 2 && block.parse::<Net>().is_ok()).then_some(block);
    }
    if let Some((addr, port)) = text.split_once(':') {
        return port.parse::<u16>().ok().and(addr.parse::<Ipv4Addr>().ok()).map(|addr| addr.to_string());
    }
    let parts: Vec<u8> = text.trim().split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    <[u8; 4]>::try_from(parts).ok().map(|parts| Ipv4Addr::from(parts).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_block_is_taken() {
        for text in ["192.168.20.0/24", "192.168.10.5", "::1", "2001:db8::/32"] {
            assert!(net(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn other_ways_to_write_a_block_are_told_right() {
        for (text, instead) in [
            ("192.168.20.0/255.255.255.0", "write 192.168.20.0/24"),
            ("192.168.20.*", "write 192.168.20.0/24"),
            ("192.168.*.*", "write 192.168.0.0/16"),
            ("192.168.10.5:5060", "write 192.168.10.5"),
            ("192.168.010.005", "write 192.168.10.5"),
            ("192.168.20.0/33", "0 to 32"),
            ("2001:db8::/129", "0 to 128"),
            ("192.168.20.0/255.0.255.0", "0 to 32"),
            ("pbx.local", "names aren't looked up"),
            ("192.168.20.1-192.168.20.99", "192.168.20.0/24"),
            (".*", "192.168.20.0/24"),
            ("", "192.168.20.0/24"),
        ] {
            let wrong = net(text).expect_err(text);
            assert!(wrong.contains(instead), "{wrong}");
        }
    }
}
