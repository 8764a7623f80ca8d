//! Ethernet, IPv4 and UDP around a payload, and the pcap file they go into.

use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Somebody on the network: an IPv4 address; SIP is on port 5060.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(pub [u8; 4]);

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// A UDP datagram in its frame. The UDP checksum is 0, as on many mirrors.
pub fn datagram(src: (Host, u16), dst: (Host, u16), payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(42 + payload.len());
    out.extend_from_slice(&[2, 0, dst.0.0[0], dst.0.0[1], dst.0.0[2], dst.0.0[3]]);
    out.extend_from_slice(&[2, 0, src.0.0[0], src.0.0[1], src.0.0[2], src.0.0[3], 8, 0]);
    let header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    out.extend_from_slice(&header);
    out.extend_from_slice(&src.0.0);
    out.extend_from_slice(&dst.0.0);
    let length = payload.len() as u16 + 8;
    out[16..18].copy_from_slice(&(length + 20).to_be_bytes());
    let sum = checksum(&out[14..34]);
    out[24..26].copy_from_slice(&sum.to_be_bytes());
    for field in [src.1, dst.1, length, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(payload);
    out
}

fn checksum(header: &[u8]) -> u16 {
    let sum: u32 = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    !((sum & 0xFFFF) as u16).wrapping_add((sum >> 16) as u16)
}

/// One direction of a call's audio, G.711 µ-law in packets of 20 ms.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Rtp {
    src: (Host, u16),
    dst: (Host, u16),
    ssrc: u32,
    packets: u32,
}

impl Rtp {
    /// A stream that hasn't sent anything yet.
    pub fn new(src: (Host, u16), dst: (Host, u16), ssrc: u32) -> Rtp {
        Rtp { src, dst, ssrc, packets: 0 }
    }

    /// Its next packet; the payload tells streams apart.
    pub fn next_frame(&mut self) -> Vec<u8> {
        let mut payload = [0x7F; 172];
        payload[..2].copy_from_slice(&[0x80, if self.packets == 0 { 0x80 } else { 0 }]);
        payload[2..4].copy_from_slice(&(self.packets as u16).to_be_bytes());
        payload[4..8].copy_from_slice(&self.packets.wrapping_mul(160).to_be_bytes());
        payload[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        payload[12..16].copy_from_slice(&self.packets.wrapping_mul(self.ssrc).to_be_bytes());
        self.packets += 1;
        datagram(self.src, self.dst, &payload)
    }
}

/// A pcap file that is being written.
pub struct Capture {
    file: BufWriter<File>,
    packets: u64,
    bytes: u64,
}

impl Capture {
    /// Starts the file at `path`.
    pub fn create(path: &str) -> io::Result<Capture> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        for field in [0xA1B2_C3D4u32, 0x0004_0002, 0, 0, 65535, 1] {
            file.write_all(&field.to_le_bytes())?;
        }
        Ok(Capture { file, packets: 0, bytes: 24 })
    }

    /// Appends a frame of `at` microseconds UTC.
    pub fn packet(&mut self, at: i64, frame: &[u8]) -> io::Result<()> {
        let length = frame.len() as u32;
        for field in [(at / 1_000_000) as u32, (at % 1_000_000) as u32, length, length] {
            self.file.write_all(&field.to_le_bytes())?;
        }
        self.packets += 1;
        self.bytes += 16 + u64::from(length);
        self.file.write_all(frame)
    }

    /// Closes the file; how many packets and bytes it holds.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        self.file.flush()?;
        Ok((self.packets, self.bytes))
    }
}
