//! What sources hand to the engine: one captured frame or datagram, borrowed from the ring or the reader.

use std::net::SocketAddr;

use crate::time::Timestamp;

/// Which tap a packet came from: an index into the names the engine was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u16);

/// A frame's place in a capture: its tap and its number there, counted from 1 as Wireshark does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// The tap.
    pub tap: TapId,
    /// The frame number, from 1.
    pub n: u64,
}

/// One packet as it came from a tap.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// Where it was captured.
    pub frame: FrameRef,
    /// What it holds.
    pub body: Body<'a>,
}

/// A link-layer frame, or a datagram that a HEP agent captured for us.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Bytes from the link layer up.
    Frame {
        /// How to read the first byte.
        link: LinkType,
        /// The bytes captured.
        bytes: &'a [u8],
        /// The length on the wire, in bytes; more than `bytes.len()` when a snap length cut the frame.
        wire_len: u32,
    },
    /// A payload with its addresses already known.
    Datagram(Datagram<'a>),
}

/// A link-layer type as captures number it (the LINKTYPE_ registry of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// How a datagram travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One datagram, one or more messages.
    Udp,
    /// A message cut out of a TCP stream.
    Tcp,
    /// A message from a WebSocket frame (RFC 7118).
    Ws,
}

/// A payload between two addresses, whole: fragments and streams are already put together.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// When its last byte was captured.
    pub at: Timestamp,
    /// The frame that completed it.
    pub frame: FrameRef,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// How it travelled.
    pub transport: Transport,
    /// The bytes above the transport.
    pub payload: &'a [u8],
    /// True if the capture cut it short (snap length), so that missing bytes prove nothing.
    pub cut: bool,
    /// HEP chunk 0x0011, an id the capture agent gives to legs of one call; empty if there is none.
    pub correlation: &'a [u8],
}
