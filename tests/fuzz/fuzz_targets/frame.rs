//! Any bytes as a frame of any link type: tunnels are followed without a panic, and no payload is longer
//! than the frame it came from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::wire::frame::{self, IpPacket, Skip};
use ringback::wire::packet::LinkType;

fuzz_target!(|data: &[u8]| {
    let Some((head, bytes)) = data.split_first_chunk::<4>() else { return };
    let link = LinkType(u16::from_be_bytes([head[0], head[1]]));
    let tail = u32::from(u16::from_be_bytes([head[2], head[3]]));
    let wire_len = u32::try_from(bytes.len()).unwrap().saturating_add(tail);
    let mut next = frame::decode(link, bytes, wire_len);
    let mut depth = 0;
    while let Ok(packet) = next {
        assert!(
            packet.payload.len() <= bytes.len() && packet.depth <= limits::TUNNELS && packet.depth >= depth
        );
        depth = packet.depth;
        next = inside(&packet);
    }
});

fn inside<'a>(packet: &IpPacket<'a>) -> Result<IpPacket<'a>, Skip> {
    let _ = frame::tcp(packet.payload);
    let _ = packet.whole(packet.payload);
    if let Some(inner) = frame::open(packet) {
        return inner;
    }
    let udp = frame::udp(packet.payload).ok_or(Skip::Malformed)?;
    frame::open_udp(packet, udp.dst, udp.payload).unwrap_or(Err(Skip::NotIp))
}
