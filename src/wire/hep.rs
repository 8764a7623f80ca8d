//! HEP3, in which capture agents send what they saw (HEP3 Network Protocol Specification, revision 37).
//!
//! Chunks are known by vendor and type together, in any order; of doubles the first counts. What is odd
//! but readable is told, what contradicts itself is refused. HEP 1 and 2 are not read. The key is handed
//! on, not judged.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::limits;
use crate::time::Timestamp;

/// The protocol type of SIP.
pub const SIP: u8 = 1;

/// One HEP3 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hep<'a> {
    /// IP protocol the payload travelled in: 17 UDP, 6 TCP.
    pub proto: u8,
    /// Sender of the payload.
    pub src: SocketAddr,
    /// Receiver of the payload.
    pub dst: SocketAddr,
    /// When the agent saw it, if it says so sensibly.
    pub at: Option<Timestamp>,
    /// What the payload is ([`SIP`], RTCP reports, logs).
    pub kind: u8,
    /// The agent's number, 0 if it gives none.
    pub agent: u32,
    /// The agent's name, empty if it gives none.
    pub agent_name: &'a [u8],
    /// The key it authenticates with.
    pub key: Option<&'a [u8]>,
    /// VLAN of the payload.
    pub vlan: Option<u16>,
    /// The agent's id for legs of one call, empty if it gives none.
    pub correlation: &'a [u8],
    /// The payload.
    pub payload: Payload<'a>,
    /// True if something was wrong that doesn't matter: doubled chunks, bytes after the end, a bad time.
    pub odd: bool,
}

/// A payload as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Chunk 15.
    Plain(&'a [u8]),
    /// Chunk 16, for [`inflate`].
    Compressed(&'a [u8]),
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Shorter than the header.
    Short,
    /// Not `HEP3` or `EEP3`.
    Magic,
    /// The total length is under the header's or beyond the datagram.
    TotalLength,
    /// A chunk is under 6 bytes or runs past the end.
    ChunkLength,
    /// A chunk's value has the wrong size for its type.
    ChunkSize,
    /// No pair of addresses of one family.
    NoAddresses,
    /// No payload.
    NoPayload,
    /// The payload doesn't unfold, or to more than [`limits::HEP_INFLATED`] bytes.
    Inflate,
}

/// True if these bytes start as a HEP3 message does.
pub fn has_magic(bytes: &[u8]) -> bool {
    matches!(bytes, [b'H' | b'E', b'E', b'P', b'3', ..])
}

/// The length of the message that starts here, told from its first 12 bytes, if they make sense: for
/// cutting messages from a stream.
pub fn stated_len(start: &[u8; 12]) -> Option<usize> {
    let [_, _, _, _, t0, t1, _, _, _, _, c0, c1] = *start;
    let (total, chunk) = (u16::from_be_bytes([t0, t1]), u16::from_be_bytes([c0, c1]));
    let sane = has_magic(start) && total >= 12 && chunk >= 6 && chunk <= total - 6;
    sane.then_some(usize::from(total))
}

/// Reads one message from the start of `bytes`.
///
/// # Errors
/// Says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Hep<'_>, Bad> {
    let header: &[u8; 6] = bytes.first_chunk().ok_or(Bad::Short)?;
    if !has_magic(header) {
        return Err(Bad::Magic);
    }
    let total = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let mut chunks = bytes.get(6..total).ok_or(Bad::TotalLength)?;
    let mut found = Found { odd: bytes.len() > total, ..Found::default() };
    while !chunks.is_empty() {
        let (head, _) = chunks.split_first_chunk::<6>().ok_or(Bad::ChunkLength)?;
        let [v0, v1, t0, t1, l0, l1] = *head;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = chunks.get(6..len).ok_or(Bad::ChunkLength)?;
        if (v0, v1) == (0, 0) {
            found.chunk(u16::from_be_bytes([t0, t1]), value)?;
        }
        chunks = chunks.get(len..).ok_or(Bad::ChunkLength)?;
    }
    found.finish()
}

/// Unfolds a compressed payload: gzip or zlib, told by its first bytes.
///
/// # Errors
/// `Inflate` if it is damaged or too large.
pub fn inflate(packed: &[u8]) -> Result<Vec<u8>, Bad> {
    let most = limits::HEP_INFLATED as u64 + 1;
    let mut plain = Vec::new();
    let read = match packed {
        [0x1f, 0x8b, ..] => flate2::bufread::GzDecoder::new(packed).take(most).read_to_end(&mut plain),
        _ => flate2::bufread::ZlibDecoder::new(packed).take(most).read_to_end(&mut plain),
    };
    match read {
        Ok(n) if n <= limits::HEP_INFLATED => Ok(plain),
        _ => Err(Bad::Inflate),
    }
}

/// The generic chunks seen so far.
#[derive(Default)]
struct Found<'a> {
    family: Option<u8>,
    proto: Option<u8>,
    v4: [Option<[u8; 4]>; 2],
    v6: [Option<[u8; 16]>; 2],
    ports: [Option<[u8; 2]>; 2],
    secs: Option<u32>,
    micros: Option<u32>,
    kind: Option<u8>,
    agent: Option<u32>,
    agent_name: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    vlan: Option<u16>,
    plain: Option<&'a [u8]>,
    compressed: Option<&'a [u8]>,
    correlation: Option<&'a [u8]>,
    odd: bool,
}

impl<'a> Found<'a> {
    fn chunk(&mut self, kind: u16, value: &'a [u8]) -> Result<(), Bad> {
        let doubled = match kind {
            1 => keep(&mut self.family, byte(value)?),
            2 => keep(&mut self.proto, byte(value)?),
            3 => keep(&mut self.v4[0], sized(value)?),
            4 => keep(&mut self.v4[1], sized(value)?),
            5 => keep(&mut self.v6[0], sized(value)?),
            6 => keep(&mut self.v6[1], sized(value)?),
            7 => keep(&mut self.ports[0], sized(value)?),
            8 => keep(&mut self.ports[1], sized(value)?),
            9 => keep(&mut self.secs, u32::from_be_bytes(sized(value)?)),
            10 => keep(&mut self.micros, u32::from_be_bytes(sized(value)?)),
            11 => keep(&mut self.kind, byte(value)?),
            12 => keep(&mut self.agent, u32::from_be_bytes(sized(value)?)),
            14 => keep(&mut self.key, value),
            15 => keep(&mut self.plain, value),
            16 => keep(&mut self.compressed, value),
            17 => keep(&mut self.correlation, value),
            18 => keep(&mut self.vlan, u16::from_be_bytes(sized(value)?)),
            19 => keep(&mut self.agent_name, value),
            _ => false,
        };
        self.odd |= doubled;
        Ok(())
    }

    fn finish(mut self) -> Result<Hep<'a>, Bad> {
        let (src, dst) = self.addresses().ok_or(Bad::NoAddresses)?;
        let port = |octets: Option<[u8; 2]>| octets.map_or(0, u16::from_be_bytes);
        self.odd |= self.plain.is_some() && self.compressed.is_some();
        let payload = match (self.plain, self.compressed) {
            (Some(plain), _) => Payload::Plain(plain),
            (None, Some(packed)) => Payload::Compressed(packed),
            (None, None) => return Err(Bad::NoPayload),
        };
        let at = self.time();
        Ok(Hep {
            proto: self.proto.unwrap_or(17),
            src: SocketAddr::new(src, port(self.ports[0])),
            dst: SocketAddr::new(dst, port(self.ports[1])),
            at,
            kind: self.kind.unwrap_or(0),
            agent: self.agent.unwrap_or(0),
            agent_name: self.agent_name.unwrap_or_default(),
            key: self.key,
            vlan: self.vlan,
            correlation: self.correlation.unwrap_or_default(),
            payload,
            odd: self.odd || at.is_none(),
        })
    }

    /// Both of one family: the stated one, else whichever is complete. IPv6 has another number on each
    /// kind of machine.
    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        let v4 = || Some((Ipv4Addr::from(self.v4[0]?).into(), Ipv4Addr::from(self.v4[1]?).into()));
        let v6 = || Some((Ipv6Addr::from(self.v6[0]?).into(), Ipv6Addr::from(self.v6[1]?).into()));
        match self.family {
            Some(2) => v4(),
            Some(_) => v6(),
            None => v4().or_else(v6),
        }
    }

    fn time(&self) -> Option<Timestamp> {
        let micros = self.micros.unwrap_or(0);
        (micros < 1_000_000).then_some(())?;
        Some(Timestamp::from_parts(i64::from(self.secs?), micros * 1_000))
    }
}

/// Keeps the first value and tells if there was one already.
fn keep<T>(place: &mut Option<T>, value: T) -> bool {
    let doubled = place.is_some();
    place.get_or_insert(value);
    doubled
}

fn byte(value: &[u8]) -> Result<u8, Bad> {
    sized(value).map(|[b]| b)
}

fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N], Bad> {
    value.try_into().map_err(|_| Bad::ChunkSize)
}
