//! IP addresses in text.

use std::net::{IpAddr, Ipv4Addr};

/// The address a text is, in one of the forms of RFC 3986 3.2.2, without brackets.
pub(super) fn ip(text: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = dotted(text) {
        return Some(IpAddr::V4(ip));
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Four numbers up to 255 without leading zeros, and nothing behind them. The usual form, read without the general
/// parser's care.
fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    dotted_start(text).and_then(|(ip, rest)| rest.is_empty().then_some(ip))
}

/// The same at the start of a text, and what follows it, which is no digit.
#[inline]
pub(super) fn dotted_start(mut text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let mut octets = [0; 4];
    for (n, slot) in octets.iter_mut().enumerate() {
        if n > 0 {
            text = text.strip_prefix(b".")?;
        }
        (*slot, text) = octet(text)?;
    }
    Some((octets.into(), text))
}

/// A number up to 255 without leading zeros, and what follows it, which is no digit.
#[inline]
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10);
    let first = digit(0)?;
    let Some(second) = digit(1) else { return Some((first, text.get(1..)?)) };
    if first == 0 {
        return None;
    }
    let Some(third) = digit(2) else { return Some((first * 10 + second, text.get(2..)?)) };
    let whole = u16::from(first) * 100 + u16::from(second * 10 + third);
    if digit(3).is_some() {
        return None;
    }
    Some((u8::try_from(whole).ok()?, text.get(3..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dotted_addresses_read_as_the_library_reads_them(
            text in "[0-9]{0,4}(\\.[0-9]{0,4}){0,5}|[0-9.x]{0,16}",
        ) {
            prop_assert_eq!(dotted(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn every_address_is_read(octets: [u8; 4]) {
            let ip = IpAddr::from(octets);
            prop_assert_eq!(super::ip(ip.to_string().as_bytes()), Some(ip));
        }
    }

    #[test]
    fn addresses_of_version_six_are_read() {
        assert_eq!(ip(b"2001:db8::7"), "2001:db8::7".parse().ok());
        assert_eq!(ip(b"pbx.example"), None);
        assert_eq!(ip(b""), None);
    }
}
