//! IP addresses in text.

use std::net::{IpAddr, Ipv4Addr};

/// The address a text is, in one of the forms of RFC 3986 3.2.2, without brackets.
pub(super) fn ip(text: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = dotted(text) {
        return Some(IpAddr::V4(ip));
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Four numbers up to 255 without leading zeros. The usual form, read without the general parser's care.
fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut at, mut value) = ([0_u8; 4], 0, None);
    for byte in text {
        match (byte, value) {
            (b'0'..=b'9', Some(0)) => return None,
            (b'0'..=b'9', _) => value = Some(value.unwrap_or(0_u16) * 10 + u16::from(byte - b'0')),
            (b'.', Some(number)) => {
                *octets.get_mut(at)? = u8::try_from(number).ok()?;
                (at, value) = (at + 1, None);
            }
            _ => return None,
        }
        if value > Some(255) {
            return None;
        }
    }
    *octets.get_mut(at)? = u8::try_from(value?).ok()?;
    (at == 3).then(|| octets.into())
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
