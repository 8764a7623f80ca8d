//! UDP and TCP headers.

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Sender's port.
    pub src: u16,
    /// Receiver's port.
    pub dst: u16,
    /// The payload captured.
    pub payload: &'a [u8],
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// Sender's port.
    pub src: u16,
    /// Receiver's port.
    pub dst: u16,
    /// Sequence number of the SYN if there is one, else of the first payload byte.
    pub seq: u32,
    /// Opens the connection.
    pub syn: bool,
    /// The sender sends no more after the payload.
    pub fin: bool,
    /// The connection is gone.
    pub rst: bool,
    /// The payload captured.
    pub payload: &'a [u8],
}

/// Reads a UDP header. A length under 8 or over what was captured is ignored: what is there is taken.
#[inline]
pub fn udp(bytes: &[u8]) -> Option<Udp<'_>> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let stated = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = match stated.checked_sub(8) {
        Some(len) => rest.get(..len).unwrap_or(rest),
        None => rest,
    };
    Some(Udp {
        src: u16::from_be_bytes([header[0], header[1]]),
        dst: u16::from_be_bytes([header[2], header[3]]),
        payload,
    })
}

/// Reads a TCP header.
pub fn tcp(bytes: &[u8]) -> Option<Tcp<'_>> {
    let header: &[u8; 20] = bytes.first_chunk()?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < 20 {
        return None;
    }
    Some(Tcp {
        src: u16::from_be_bytes([header[0], header[1]]),
        dst: u16::from_be_bytes([header[2], header[3]]),
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        fin: header[13] & 1 != 0,
        syn: header[13] & 2 != 0,
        rst: header[13] & 4 != 0,
        payload: bytes.get(header_len..)?,
    })
}
