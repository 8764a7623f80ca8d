//! WebSocket frame headers (RFC 6455 section 5.2) and masking.
//!
//! Headers only: putting fragmented messages together is `flow`'s.

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation,
    /// A message, or the first part of one; SIP comes in either (RFC 7118 section 4.2).
    TextOrBinary,
    /// Close, ping, pong.
    Control,
    /// One of the reserved ones.
    Reserved,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// True for the last part of a message.
    pub fin: bool,
    /// True if an extension such as compression changed the payload.
    pub extended: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key; clients mask, servers don't.
    pub mask: Option<[u8; 4]>,
    /// Length of this header in bytes, 2 to 14.
    pub header_len: usize,
    /// Length of the payload in bytes.
    pub payload_len: u64,
}

/// Reads a header; `None` if more bytes are needed.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (payload_len, extra) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        short => (u64::from(short), 0),
    };
    let masked = second & 0x80 != 0;
    let mask = if masked { Some(*rest.get(extra..)?.first_chunk()?) } else { None };
    Some(Header {
        fin: first & 0x80 != 0,
        extended: first & 0x70 != 0,
        opcode: opcode(first),
        mask,
        header_len: 2 + extra + if masked { 4 } else { 0 },
        payload_len,
    })
}

/// Masks or unmasks `payload`, which starts at the first byte after the header.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn opcode(first: u8) -> Opcode {
    match first & 0x0f {
        0 => Opcode::Continuation,
        1 | 2 => Opcode::TextOrBinary,
        8..=10 => Opcode::Control,
        _ => Opcode::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_in_three_sizes_with_and_without_a_mask() {
        let cases = [
            (&[0x81, 5][..], 5, 2, None),
            (&[0x81, 0x85, 1, 2, 3, 4], 5, 6, Some([1, 2, 3, 4])),
            (&[0x82, 126, 1, 0], 256, 4, None),
            (&[0x81, 0xfe, 1, 0, 9, 9, 9, 9], 256, 8, Some([9; 4])),
            (&[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32, 10, None),
        ];
        for (bytes, payload_len, header_len, mask) in cases {
            let header = header(bytes).unwrap();
            assert_eq!((header.payload_len, header.header_len, header.mask), (payload_len, header_len, mask));
            assert_eq!((header.fin, header.opcode), (true, Opcode::TextOrBinary));
            for n in 0..bytes.len() {
                assert_eq!(super::header(&bytes[..n]), None, "{n} bytes are not enough");
            }
        }
    }

    #[test]
    fn unmasking_twice_changes_nothing() {
        let mut bytes = *b"OPTIONS";
        unmask(&mut bytes, [1, 2, 3, 4]);
        assert_eq!(bytes, [b'O' ^ 1, b'P' ^ 2, b'T' ^ 3, b'I' ^ 4, b'O' ^ 1, b'N' ^ 2, b'S' ^ 3]);
        unmask(&mut bytes, [1, 2, 3, 4]);
        assert_eq!(&bytes, b"OPTIONS");
    }

    #[test]
    fn opcodes_and_flags_are_told() {
        let read = |first: u8| header(&[first, 0]).map(|h| (h.fin, h.extended, h.opcode));
        assert_eq!(read(0x00), Some((false, false, Opcode::Continuation)));
        assert_eq!(read(0xc1), Some((true, true, Opcode::TextOrBinary)));
        assert_eq!(read(0x89), Some((true, false, Opcode::Control)));
        assert_eq!(read(0x8b), Some((true, false, Opcode::Reserved)));
        assert_eq!(read(0x03), Some((false, false, Opcode::Reserved)));
    }
}
